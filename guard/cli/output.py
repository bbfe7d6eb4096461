"""What every command shares: the console, the exit codes, and errors as one sentence.

Exit codes: 0 as asked; 1 the answer is no (something was refused, lost, or does not verify);
2 the command line is wrong; 3 the site, policy or a key is not as it must be; 4 yes, and something
needs a person's eye; 70 our own mistake.
"""

import contextlib
import json
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType

from schemas.errors import CheckvalveError

EXIT_NO = 1
EXIT_USAGE = 2
EXIT_SITE = 3
EXIT_DOUBT = 4
EXIT_BROKEN = 70

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def fail(sentence: str, code: int) -> NoReturn:
    """Say what is wrong in one sentence on standard error, and end with this exit code."""
    errors.print(f"guard: {printable(sentence)}", markup=False, soft_wrap=True)
    sys.exit(code)


@contextlib.contextmanager
def sentences(answer: dict[str, Any] | None = None) -> Iterator[None]:
    """Turn the project's errors into a sentence and an exit code; no traceback for users.

    answer: for `--json`, what is known of the answer so far: it is printed with an `error` in it,
    also when the command is interrupted or was called wrongly.
    """
    try:
        yield
    except (click.exceptions.Exit, click.Abort):
        raise
    except click.ClickException as error:
        _answer(answer, error.format_message())
        raise
    except KeyboardInterrupt:
        if answer is None:
            raise
        _answer(answer, "interrupted")
        fail("interrupted", EXIT_NO)
    except Exception as error:
        sentence, code = _explained(error)
        _answer(answer, sentence)
        fail(sentence, code)


def _explained(error: Exception) -> tuple[str, int]:
    match error:
        case CheckvalveError():
            return error.sentence, EXIT_SITE
        case PermissionError():
            return f"{error.filename} may not be read or written by this user", EXIT_SITE
        case OSError():
            return f"{error.filename or 'the system'}: {error.strerror}", EXIT_SITE
    where = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
    return f"a mistake of ours ({what}): please report it", EXIT_BROKEN


def _answer(answer: dict[str, Any] | None, error: str) -> None:
    if answer is not None:
        with contextlib.suppress(OSError):  # nobody may be there to read it
            print_json({**answer, "error": error})


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM is taken for Ctrl-C: the command ends in order, and tells what it did."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def printable(text: str) -> str:
    """The text with everything that is not printable escaped: it may come from a sender."""
    return "".join(
        character if character.isprintable() else f"\\x{ord(character):02x}" for character in text
    )


def erase_line() -> None:
    """Take away what a progress display has on its line, before standard output has the next."""
    errors.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))


def print_json(value: Any) -> None:
    """One JSON object or list on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, sort_keys=False) + "\n")
    sys.stdout.flush()
