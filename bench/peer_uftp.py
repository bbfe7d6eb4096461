"""uftp (Debian's `uftp`): the sender `uftp` and the receiving daemon `uftpd`, in the foreground.

It has no mode without feedback: the receiver registers, asks again for what it lost and says that
it has all. So it runs as it is, and a pace too high costs it repeats, not the file. Closed group
of one receiver (`-H`), or it would wait for others. Instead of its default of half a second it
starts from a round trip of 10 ms, or 1 ms for a small file: with 1 ms it gave its receiver up in a
large file on a busy machine. The daemon gives a file its name once it has all of it (`-t`).
"""

from pathlib import Path

from bench.peer_install import debian_program, debian_version
from bench.peer_run import SMALL_BYTES, Peer, Place, Start

RECEIVER = "0x00000002"
BUFFER_BYTES = 16 * 2**20  # the kernel cuts it to net.core.rmem_max
CACHE_BYTES = 20 * 2**20  # its largest
BLOCK_BYTES_MIN, BLOCK_BYTES_MAX = 512, 8800  # other blocks it refuses; found by trying
HEADERS_BYTES = {"none": 20 + 8 + 28, "aes256-gcm": 20 + 8 + 52}


class Uftp(Peer):
    """With the cipher `none`, its default, or `aes256-gcm`."""

    receiver_stays = True
    unpaced = True
    first_mbit, last_mbit = 700, 8_000

    def __init__(self, name: str, cipher: str) -> None:
        self.name = name
        self._cipher = cipher
        secret = "no encryption" if cipher == "none" else f"{cipher}, keys exchanged both ways"
        self.caveats = (
            f"not one-way: the receiver registers, asks again and confirms; {secret}",
            "the receiver binds every address, so it needs the namespace",
        )

    def version(self) -> str:
        """The package's version."""
        debian_program("uftp", "uftp")
        debian_program("uftp", "uftpd")
        return debian_version("uftp")

    def setting(self, pace_mbit: int, mtu_bytes: int) -> str:
        """The options that matter."""
        return f"-R {_pace(pace_mbit)} -b {self._block(mtu_bytes)} -Y {self._cipher} -r 0.01"

    def _block(self, mtu_bytes: int) -> int:
        fitting = mtu_bytes - HEADERS_BYTES[self._cipher]
        return max(BLOCK_BYTES_MIN, min(BLOCK_BYTES_MAX, fitting))

    def prepare(self, place: Place) -> None:
        """The folder that it writes into."""
        place.output.mkdir()

    def receiver(self, place: Place) -> Start:
        """Start of a receiver for one file."""
        argv = [
            debian_program("uftp", "uftpd"), "-d", "-q", "-t", *_common(place), "-U", RECEIVER,
            "-B", str(BUFFER_BYTES), "-c", str(CACHE_BYTES), "-D", str(place.output),
        ]  # fmt: skip
        return Start(argv)

    def sender(self, place: Place, source: Path, pace_mbit: int) -> Start:
        """Start of a sender of that file."""
        argv = [
            debian_program("uftp", "uftp"), *_common(place), "-H", RECEIVER,
            "-B", str(BUFFER_BYTES), "-R", _pace(pace_mbit),
            "-b", str(self._block(place.mtu_bytes)), "-r", _round_trip(source),
            "-Y", self._cipher, "-h", "sha256", "-D", "file", str(source),
        ]  # fmt: skip
        return Start(argv)

    def landed(self, place: Place) -> Path:
        """The received file."""
        return place.output / "file"

    def complete(self, place: Place, size_bytes: int) -> bool:
        """Whether all of it is there."""
        del size_bytes
        return self.landed(place).exists()


def _common(place: Place) -> list[str]:
    return ["-I", "lo", "-M", "127.0.0.1", "-p", str(place.port)]


def _round_trip(source: Path) -> str:
    start_s = 0.001 if source.stat().st_size <= SMALL_BYTES else 0.01
    return f"{start_s}:{start_s}:0.1"


def _pace(pace_mbit: int) -> str:
    return str(pace_mbit * 1000) if pace_mbit else "-1"
