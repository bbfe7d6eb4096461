"""`python -m diode_sim.netns.enter SPEC -- COMMAND...`: one command in one end of a pair.

Takes the descriptors of the end's namespaces, which it inherits, and goes into them in their order.
The command is its child, because only children go into a process namespace; it ends as the command
does (128 and the number after a signal), passes signals on, and takes the command with it if it is
killed itself. Runs nothing else and writes nothing.
"""

import json
import os
import shutil
import signal
import sys
from typing import NoReturn

from diode_sim.netns import kernel
from diode_sim.netns.keeper import KINDS

PASSED_ON = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
             signal.SIGUSR2}  # fmt: skip
_SI_USER = 0
CANNOT_RUN = 126
NOT_FOUND = 127


def main() -> None:
    """Go in and run it."""
    spec, command = json.loads(sys.argv[1]), sys.argv[3:]
    if spec["tied_to"]:
        kernel.die_with(spec["tied_to"])
    folder = os.getcwd()
    user, group = os.geteuid(), os.getegid()
    try:
        for kind, descriptor in zip(KINDS, spec["descriptors"], strict=True):
            kernel.join(descriptor, KINDS[kind])
            os.close(descriptor)
        os.chdir(folder)
        if spec["tied_to"]:
            kernel.die_with(spec["tied_to"])
    except OSError as error:
        _end(f"cannot enter the end: {error.strerror}", CANNOT_RUN)
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON | {signal.SIGCHLD})
    child = os.fork()
    if child == 0:
        kernel.die_with(None)
        if not spec["as_root"]:
            kernel.become_user(user, group)
            kernel.die_with(None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON | {signal.SIGCHLD})
        _execute(command)
    sys.exit(_follow(child))


def _execute(command: list[str]) -> NoReturn:
    if shutil.which(command[0]) is None and not os.path.exists(command[0]):
        _end(f"{command[0]}: no such program", NOT_FOUND)
    try:
        os.execvp(command[0], command)  # noqa: S606 - it is what was asked for
    except OSError as error:
        _end(f"{command[0]}: {error.strerror}", CANNOT_RUN)


def _follow(child: int) -> int:
    """Pass signals on until the command has ended; gives its exit code.

    What a terminal sends (Ctrl-C) it sends to the command too, so that is not passed on.
    """
    while True:
        told = signal.sigwaitinfo(PASSED_ON | {signal.SIGCHLD})
        if told.si_signo != signal.SIGCHLD:
            if told.si_code <= _SI_USER:
                os.kill(child, told.si_signo)
            continue
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _end(sentence: str, code: int) -> NoReturn:
    sys.stderr.write(f"diode-sim: {sentence}\n")
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
