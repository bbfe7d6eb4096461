"""Who runs a command, as the operating system says. Nobody has signed it; it is for the ledger."""

import getpass
import os


def who_acts() -> str:
    """The user, and whom he was before sudo."""
    before = os.environ.get("SUDO_USER", "")
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    return f"{before} as {name}" if before else name
