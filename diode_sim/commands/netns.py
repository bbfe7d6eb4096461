"""`diode-sim netns`: a pair of network namespaces behind a diode, on the command line.

Exit codes: 0 as asked; 1 the answer is no (a packet went against the flow, or an end's command
failed); 2 the command line is wrong; 3 the host lacks something, or the pair is not as it must be.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from diode_sim.netns import client
from diode_sim.netns.cable import KINDS
from diode_sim.netns.holder import Spec
from diode_sim.netns.host import check_host
from schemas.errors import Malformed
from schemas.reasons import Reason

NAME = "diode"
MTU_BYTES_MIN, MTU_BYTES_MAX = 1280, 65_535
LISTENS_WITHIN_S = 30.0
ENDS_WITHIN_S = 10.0
_LOOK_S = 0.02

_name = click.option("--name", default=NAME, show_default=True, help="which pair")
_json = click.option("--json", "as_json", is_flag=True, help="print JSON")
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def _makes(command: Any) -> Any:
    """The options of what makes a pair."""
    for option in (
        click.option("--high-rules", type=_FILE, help="nftables file for the high end"),
        click.option("--low-rules", type=_FILE, help="nftables file for the low end, loaded first"),
        click.option("--scenario", type=_FILE, help="a TOML file: what the link does to datagrams"),
        click.option("--mtu", default=1500, show_default=True, help="largest IP packet, bytes",
                     type=click.IntRange(MTU_BYTES_MIN, MTU_BYTES_MAX)),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group()
def netns() -> None:
    """Two network namespaces joined by a cable that passes one direction.

    The ends are low (10.99.0.1, fd99::1) and high (10.99.0.2, fd99::2), their interface is diode0.
    """


@netns.command()
@_name
@_makes
@click.option("--foreground", is_flag=True, help="stay until Ctrl-C, then take the pair away")
@_json
def up(name: str, foreground: bool, as_json: bool, **options: Any) -> None:
    """Make a pair.

    Example: diode-sim netns up --mtu 9000 --scenario lossy.toml
    """
    spec = _spec(name, os.getpid() if foreground else 0, options)
    with _signals() as caught:
        holder = client.start(spec)
        if not caught:
            _tell(client.status(name), as_json)
        if not (foreground or caught):
            return
        while not caught and holder.poll() is None:
            time.sleep(_LOOK_S)
        ended_early = holder.poll() is not None
        last = None if ended_early else client.end(name)
        holder.wait()
    if ended_early:
        raise Malformed(Reason.LINK_DOWN, f"the pair {name} was taken away")
    _tell(last, as_json)
    sys.exit(_verdict(last))


@netns.command()
@_name
@_json
def down(name: str, as_json: bool) -> None:
    """Take a pair away, with everything that runs in it. Prints its last counters."""
    told = client.end(name)
    _tell(told, as_json)
    sys.exit(_verdict(told))


@netns.command()
@_name
@_json
def status(name: str, as_json: bool) -> None:
    """Addresses and counters of a pair. Exits 1 if a packet went against the flow."""
    told = client.status(name)
    _tell(told, as_json)
    sys.exit(_verdict(told))


@netns.command("exec", context_settings={"ignore_unknown_options": True})
@_name
@click.option("--no-root", is_flag=True, help="without rights over the end, as who you are")
@click.argument("side", type=click.Choice(["low", "high"]))
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(name: str, no_root: bool, side: str, command: tuple[str, ...]) -> None:
    """Run a command in one end, and end as it does.

    Example: diode-sim netns exec high -- guard link receive --listen 10.99.0.2:47000 ...
    """
    words, descriptors = client.command_in(name, side, command, as_root=not no_root)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    os.execv(words[0], words)  # noqa: S606 - this interpreter and what the user asked for


@netns.command()
@_makes
@click.option("--high", required=True, help="the command of the high end, which starts first")
@click.option("--low", required=True, help="the command of the low end, once the high end listens")
@click.option("--linger", default=2.0, show_default=True, type=click.FloatRange(0, 3600),
              help="seconds that the high end may still run after the low end")  # fmt: skip
@_json
def run(high: str, low: str, linger: float, as_json: bool, **options: Any) -> None:
    """Make a pair, run a command in each end, print the counters, take everything away.

    The low end's command starts when a UDP socket is bound in the high end. Exits 1 if the low
    end's command failed, or the high end's before it was asked to end, or a packet came back.

    Example: diode-sim netns run --high 'socat -u UDP-RECV:47000 STDOUT' \\
    --low 'sh -c "echo over | socat - UDP:10.99.0.2:47000"'
    """
    name = f"run-{os.getpid()}"
    spec = _spec(name, os.getpid(), options)
    words = {"high": _words(high, "--high"), "low": _words(low, "--low")}
    with _signals() as caught:
        holder = client.start(spec)
        try:
            codes = {"low": None} if caught else _run_both(name, words, linger, caught)
        finally:
            last = client.end(name) if holder.poll() is None else None
            holder.wait()
    if last is not None:
        last["exit_codes"] = codes
    _tell(last, as_json)
    if caught:
        sys.exit(128 + caught[0])
    sys.exit(1 if set(codes.values()) != {0} else _verdict(last))


def _run_both(name: str, words: dict[str, list[str]], linger_s: float,
              caught: list[int]) -> dict[str, int | None]:  # fmt: skip
    """Exit codes by end; 0 for a high end that was asked to end, None for what never started."""
    far = _start(name, "high", words["high"])
    deadline_s = time.monotonic() + LISTENS_WITHIN_S
    while far.poll() is None and not caught and not client.listens(name, "high"):
        if time.monotonic() > deadline_s:
            raise Malformed(
                Reason.LINK_DOWN, f"the high end's command has bound no UDP socket within"
                f" {LISTENS_WITHIN_S:.0f} s"
            )  # fmt: skip
        time.sleep(_LOOK_S)
    if far.poll() is not None or caught:
        return {"high": _ended(far), "low": None}
    near = _start(name, "low", words["low"])
    while near.poll() is None and not caught:
        time.sleep(_LOOK_S)
    code = _ended(near)
    deadline_s = time.monotonic() + linger_s
    while far.poll() is None and not caught and time.monotonic() < deadline_s:
        time.sleep(_LOOK_S)
    asked = far.poll() is None
    far_code = _ended(far)
    return {"high": 0 if asked else far_code, "low": code}


def _start(name: str, side: str, command: list[str]) -> "subprocess.Popen[bytes]":
    words, descriptors = client.command_in(name, side, command, tied_to=os.getpid())
    try:
        return subprocess.Popen(words, pass_fds=descriptors)  # noqa: S603 - what the user asked for
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _ended(process: "subprocess.Popen[bytes]") -> int:
    """Ask it to end if it runs, and wait a while; its exit code."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDS_WITHIN_S)
    if process.poll() is None:
        process.kill()
    return process.wait()


@contextmanager
def _signals() -> Iterator[list[int]]:
    """The numbers of the signals that asked for an end, as they come; nothing is interrupted."""
    caught: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {one: signal.signal(one, lambda number, _: caught.append(number)) for one in numbers}
    try:
        yield caught
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _spec(name: str, tied_to: int, options: dict[str, Any]) -> Spec:
    check_host()
    client.check_name(name)
    scenario: Path | None = options["scenario"]
    models = _models(scenario) if scenario else None
    low, high = (str(path.absolute()) if (path := options[f"{side}_rules"]) else ""
                 for side in ("low", "high"))  # fmt: skip
    return Spec(name, options["mtu"], models, low, high, tied_to)


def _models(scenario: Path) -> dict[str, Any]:
    """Loaded only when there is a scenario: the other commands start faster without."""
    from diode_sim.options import read_options

    return read_options(scenario.read_bytes()).model_dump(mode="json")


def _words(text: str, option: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise Malformed(Reason.ARGUMENT, f"{option}: {error}") from error
    if not words:
        raise Malformed(Reason.ARGUMENT, f"{option} names no command")
    return words


def _verdict(told: dict[str, Any] | None) -> int:
    return 0 if told and told["works"] and not told["reverse"]["passed"]["packets"] else 1


def _tell(told: dict[str, Any] | None, as_json: bool) -> None:
    if told is None:
        click.echo("the pair did not answer; it is gone now, its counters with it", err=True)
    elif as_json:
        click.echo(json.dumps(told))
    else:
        click.echo(_shown(told))


def _shown(told: dict[str, Any]) -> str:
    """For people: only the kinds that there were."""
    ends = told["ends"]
    lines = [
        f"{told['name']}: low {' '.join(ends['low'].values())}"
        f" -> high {' '.join(ends['high'].values())}, MTU {told['mtu_bytes']}"
    ]
    for way, words in (("forward", "entered"), ("reverse", "tried and dropped")):
        kinds = [(kind, told[way][kind]) for kind in KINDS if told[way][kind]["packets"]]
        counted = ", ".join(f"{kind} {one['packets']}" for kind, one in kinds) or "none"
        passed = told[way]["passed"]
        lines.append(f"  {way}  {passed['packets']} packets, {passed['bytes']} bytes passed;"
                     f" {words}: {counted}")  # fmt: skip
    if models := told["models"]:
        shown = ", ".join(f"{name} {count}" for name, count in models.items() if count)
        lines.append(f"  models   {shown or 'nothing yet'}")
    if not told["works"]:
        lines.append("  what passes datagrams on has ended: the link is dead")
    return "\n".join(lines)
