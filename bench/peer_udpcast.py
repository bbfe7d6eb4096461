"""udpcast (Debian's `udpcast`): udp-sender and udp-receiver in their mode without feedback.

`--async` sends without asking. One HELLO, repeated after 1 ms, starts the transfer instead of the
second that is its default. The rendezvous and the data both go to 127.0.0.1. Its bit rate is read
as a 32-bit number: above 2,147 Mbit/s it hangs, so faster than that is only "as fast as it can".
"""

from pathlib import Path

from bench.peer_install import debian_program, debian_version
from bench.peer_run import Peer, Place, Start, has_size

PACKET_BYTES_MAX = 1456  # its largest; 16 bytes of header come before
HEADERS_BYTES = 20 + 8 + 16
BUFFER_BYTES = 16 * 2**20  # the kernel cuts it to net.core.rmem_max


class Udpcast(Peer):
    """With `fec` (as `8x8/64`: 8 stripes of 64 packets, 8 repair packets each) or without."""

    unpaced = True
    first_mbit, last_mbit = 500, 2147

    def __init__(self, name: str, fec: str) -> None:
        self.name = name
        self._fec = ["--fec", fec] if fec else []
        repair = f"repairs with --fec {fec}" if fec else "repairs nothing: one loss ends it"
        self.caveats = (f"no encryption, no authentication; {repair}",)

    def version(self) -> str:
        """The package's version."""
        debian_program("udpcast", "udp-receiver")
        debian_program("udpcast", "udp-sender")
        return debian_version("udpcast")

    def setting(self, pace_mbit: int, mtu_bytes: int) -> str:
        """The options that matter."""
        return " ".join(["--async", *self._fec, *_pace(pace_mbit), "-b", str(_packet(mtu_bytes))])

    def receiver(self, place: Place) -> Start:
        """Start of a receiver for one file."""
        argv = [
            debian_program("udpcast", "udp-receiver"), *_common(place), "--nosync",
            "--file", str(place.output), "--rcvbuf", str(BUFFER_BYTES),
            "--start-timeout", "20", "--receive-timeout", "3", "--exit-wait", "1",
        ]  # fmt: skip
        return Start(argv)

    def sender(self, place: Place, source: Path, pace_mbit: int) -> Start:
        """Start of a sender of that file."""
        argv = [
            debian_program("udpcast", "udp-sender"), *_common(place), "--file", str(source),
            "--mcast-data-address", "127.0.0.1", "--mcast-rdv-address", "127.0.0.1",
            "--autostart", "1", "--rexmit-hello-interval", "1", "--async", *self._fec,
            *_pace(pace_mbit), "--blocksize", str(_packet(place.mtu_bytes)),
        ]  # fmt: skip
        return Start(argv)

    def complete(self, place: Place, size_bytes: int) -> bool:
        """Whether all of it is there."""
        return has_size(place.output, size_bytes)


def _common(place: Place) -> list[str]:
    return ["--interface", "lo", "--portbase", str(place.port), "--nokbd", "--no-progress"]


def _pace(pace_mbit: int) -> list[str]:
    return ["--max-bitrate", f"{pace_mbit}m"] if pace_mbit else []


def _packet(mtu_bytes: int) -> int:
    return min(PACKET_BYTES_MAX, mtu_bytes - HEADERS_BYTES)
