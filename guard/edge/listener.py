"""The socket on which a side's metrics are asked for.

Takes where the site wants it, gives a listening socket that the supervisor keeps and hands on.
System calls: unlink, socket, bind, listen, chmod.
"""

import socket
from pathlib import Path

_WAITING_MAX = 16
_FOR_ALL = 0o666


def open_listener(where: str, path: Path) -> socket.socket:
    """where: "unix" (at `path`, in the place of an old one) or ADDRESS:PORT. Raises `OSError`."""
    if where != "unix":
        host, _, port = where.rpartition(":")
        return socket.create_server((host.strip("[]"), int(port)))
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    server.listen(_WAITING_MAX)
    path.chmod(_FOR_ALL)
    return server
