"""Where a side's virus scanner is, and what its channels are called: for who starts processes.

Takes the site's word for it, `unix:PATH`. May look at the socket's directory, and no more.
"""

import os
from pathlib import Path

SOCKET = r"unix:(/[^/\x00]+)+"
"""How a site names the scanner's socket: by its whole path."""
QUESTION, ANSWER = "question", "answer"
"""A channel of the stage's to the scanner and one back, as the process of a stage calls them; at
the scanner the stage's name follows after a hyphen."""
_UNIX = "unix:"


def socket_path(where: str) -> Path:
    """The socket's path, absolute."""
    return Path(where.removeprefix(_UNIX))


class SocketFolder:
    """The directory that the socket is in, which is made anew when some daemons start.

    root  its path, for the processes that have it as their root; "" while it is not there: then
          nothing is named there either
    """

    def __init__(self, where: str) -> None:
        """where: as the site names the socket; "" none."""
        self._path = socket_path(where).parent if where else None
        self.root = ""
        self.enter()

    def enter(self) -> None:
        """Processes are about to be started: they enter what is there now."""
        self._entered = self._now()
        self.root = str(self._path) if self._entered else ""

    def is_another(self) -> bool:
        """Whether there is another one than was entered last. Where nothing is entered (without
        root) the whole path is used, and it does not matter."""
        return os.geteuid() == 0 and self._now() not in (None, self._entered)

    def _now(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino
