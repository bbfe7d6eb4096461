"""Checkvalve's own link as anyone would use it: `guard link receive` and `guard link send`.

The receiver prints one JSON object when the file has landed, and ends: that line is the moment of
completion. The key is made once, by `guard link key`. The latency between running processes is the
one that `guard bench link` measures, asked for in the same session.
"""

import json
import subprocess
import sys
from pathlib import Path

from bench.peer_run import Missing, Peer, Place, Start
from guard.cli.link_options import block_symbols
from guard.link.params import repair_share
from guard.version import VERSION

GUARD = [sys.executable, "-m", "guard", "link"]
ASK_S = 120
REPAIR_PERCENT = 10  # what it takes where nobody names it


class Ours(Peer):
    """AES-256-GCM, a tag on every datagram and at least 10 % repair symbols, as it comes."""

    name = "ours"
    caveats = (
        "AES-256-GCM, a tag on every datagram, repair symbols; no return path",
        "as root its receive buffer may exceed net.core.rmem_max; the others' may not",
    )
    first_mbit, last_mbit = 2_000, 25_000

    def version(self) -> str:
        """Ours, and that of the interpreter that runs it."""
        if _ran([*GUARD, "--help"]) is None:
            raise Missing("this version has no `guard link` command")
        return f"{VERSION} on Python {'.'.join(map(str, sys.version_info[:3]))}"

    def setting(self, pace_mbit: int, mtu_bytes: int) -> str:
        """The options that matter."""
        k = block_symbols(mtu_bytes, REPAIR_PERCENT)
        symbols = f"{k}+{repair_share(k, REPAIR_PERCENT)} symbols a block"
        return f"{symbols}, --rate {pace_mbit}Mbit/s --mtu {mtu_bytes}"

    def prepare(self, place: Place) -> None:
        """The folder that it writes into, and a key of this place alone."""
        place.output.mkdir()
        if _ran([*GUARD, "key", str(_key(place))]) is None:
            raise Missing("`guard link key` failed")

    def receiver(self, place: Place) -> Start:
        """Start of a receiver for one file."""
        argv = [
            *GUARD, "receive", "--listen", f"127.0.0.1:{place.port}", "--key", str(_key(place)),
            "--out", str(place.output), "--count", "1", "--json", "--mtu", str(place.mtu_bytes),
            "--rate", "10Gbit/s",
        ]  # fmt: skip
        return Start(argv, stdout=_report(place))

    def sender(self, place: Place, source: Path, pace_mbit: int) -> Start:
        """Start of a sender of that file."""
        argv = [
            *GUARD, "send", "--to", f"127.0.0.1:{place.port}", "--key", str(_key(place)),
            "--rate", f"{pace_mbit}Mbit/s", "--mtu", str(place.mtu_bytes), str(source),
        ]  # fmt: skip
        return Start(argv)

    def complete(self, place: Place, size_bytes: int) -> bool:
        """Whether the receiver has printed its line."""
        del size_bytes
        try:
            return _report(place).read_bytes().endswith(b"\n")
        except FileNotFoundError:
            return False

    def landed(self, place: Place) -> Path:
        """The one file in the output folder; the folder itself if there is not exactly one."""
        files = [path for path in place.output.iterdir() if path.is_file()]
        return files[0] if len(files) == 1 else place.output

    def running_ms(self, place: Place) -> list[float] | None:
        """Median milliseconds from the sender's call to the receiver's event."""
        argv = [*GUARD[:-1], "bench", "link", "--json", "--size", "1", "--runs", "1", "--no-warm"]
        said = _ran([*argv, "--mtu", str(place.mtu_bytes), "--dir", str(place.folder)])
        return [float(json.loads(said)["latency_ms"]["p50"])] if said else None


def _key(place: Place) -> Path:
    return place.folder / "key"


def _report(place: Place) -> Path:
    return place.folder / "report.json"


def _ran(argv: list[str]) -> str | None:
    """What a command printed; None if it failed or took too long."""
    try:
        ran = subprocess.run(
            argv, capture_output=True, check=False, timeout=ASK_S, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return None
    return None if ran.returncode else ran.stdout.decode("utf-8", "replace")
