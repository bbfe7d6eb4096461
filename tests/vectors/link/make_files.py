"""Writes the known answers of the file layer: `python tests/vectors/link/make_files.py`.

Made from docs/spec/link-files.md with struct and another CBOR encoder, without the code that is
held against them by `test_trailer.py` and `test_stream_landing.py`.
"""

import json
import struct
from pathlib import Path

import cbor2

HERE = Path(__file__).parent
BOOT = bytes(range(16))
TRAILERS = [
    ("report.txt", 0o644, 1_700_000_000),
    ("maps/2026/Übersicht 1.png", 0o755, 0),
    ("a" * 255 + "/x", 0o777, 2**40),
]


def trailer(name: str, mode: int, time_s: int) -> bytes:
    """§3: the map of three, its length, the mark."""
    content = cbor2.dumps({"m": mode, "n": name, "t": time_s}, canonical=True)
    return content + struct.pack(">I", len(content)) + b"CVF1"


def landing_map(order: str) -> bytes:
    """§6: of a stream of 5,000 bytes, precedence 3, of which two ranges have landed."""
    head = struct.pack(order + "4sI16sQ", b"CVM1", 3, BOOT, 5000 + 1)
    return head + struct.pack(order + "QQQQ", 0, 1024, 2048, 5000)


def main() -> None:
    """Write the file."""
    content = b"hello\n"
    end = trailer(*TRAILERS[0])
    answers = {
        "trailers": [
            {"name": one[0], "mode": one[1], "time_s": one[2], "bytes": trailer(*one).hex()}
            for one in TRAILERS
        ],
        "stream": {"content": content.hex(), "trailer": 0, "bytes": (content + end).hex()},
        "name_file": (struct.pack(">Q", len(content + end)) + content + end).hex(),
        "map": {
            "boot": BOOT.hex(), "precedence": 3, "total": 5000, "ranges": [[0, 1023], [2048, 4999]],
            "little": landing_map("<").hex(), "big": landing_map(">").hex(),
        },
    }  # fmt: skip
    (HERE / "files.json").write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main()
