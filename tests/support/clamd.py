"""A real clamd, with one signature of our own, on a socket of its own.

Nothing of it needs the internet: the signature is a line of text in a database directory that is
made here. Tests that use it are skipped, by name, where clamd is not installed.
"""

import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

CLAMD = shutil.which("clamd", path="/usr/local/sbin:/usr/sbin:/usr/bin:/bin")
MARK = b"checkvalve-test-signature-not-a-virus"
NAME = "Checkvalve.Test"
STREAM_BYTES_MAX = 1_000_000
STARTS_WITHIN_S = 60.0
_CONFIGURATION = """\
Foreground yes
DatabaseDirectory {folder}/signatures
LocalSocket {folder}/run/clamd.ctl
LocalSocketMode 666
LogFile {folder}/log
StreamMaxLength {stream}
MaxThreads 2
ExitOnOOM yes
"""


@dataclass(slots=True)
class Clamd:
    """One daemon, which may be ended and started again."""

    folder: Path
    popen: "subprocess.Popen[bytes] | None" = field(default=None)

    def __post_init__(self) -> None:
        """Its files."""
        (self.folder / "signatures").mkdir()
        (self.folder / "run").mkdir()
        for folder in (self.folder, self.folder / "run"):
            folder.chmod(0o755)
        line = f"{NAME}:0:*:{MARK.hex()}\n"  # name, any file type, any offset, the bytes
        (self.folder / "signatures" / "test.ndb").write_text(line)
        text = _CONFIGURATION.format(folder=self.folder, stream=STREAM_BYTES_MAX)
        (self.folder / "clamd.conf").write_text(text)

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / "run" / "clamd.ctl"

    @property
    def site_word(self) -> str:
        """As site.toml and `guard try --antivirus` name it."""
        return f"unix:{self.socket}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.popen = subprocess.Popen(
            [str(CLAMD), "--config-file", str(self.folder / "clamd.conf")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until_s = time.monotonic() + STARTS_WITHIN_S
        while not self._answers():
            if self.popen.poll() is not None or time.monotonic() > until_s:
                raise AssertionError((self.folder / "log").read_text())
            time.sleep(0.05)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
            try:
                made.connect(str(self.socket))
                made.sendall(b"zPING\0")
                return made.recv(16) == b"PONG\0"
            except OSError:
                return False

    def kill(self) -> None:
        """End it at once; its socket stays, as after a crash."""
        if self.popen is not None:
            self.popen.send_signal(signal.SIGKILL)
            self.popen.wait()
            self.popen = None
