"""Writes the packs' zstd dictionaries: `python -m tests.dictionaries`.

A dictionary is, in this order, the tables of RFC 8878 §5 (how frequent each byte, length and
distance is) and its content. The content is built from the packs every time and is always the
same. The tables are measured by libzstd (`ZDICT_finalizeDictionary`) on invented events, and
another libzstd may choose others; so they stand, in hexadecimal, in `c2_tables.txt` beside this,
and `python -m tests.dictionaries --measure` makes them anew. That needs Python 3.14, or
`pip install backports.zstd`; nothing else does.

`test_dictionaries.py` builds both again and compares them with what the packs ship.
"""

import importlib
import sys
from pathlib import Path

from tests.dictionaries import c2_dictionary, events_dictionary
from tests.dictionaries.c2_invented import invented

ROOT = Path(__file__).parents[2]
PACKS = ROOT / "schemas" / "packs"
TABLES = Path(__file__).with_name("c2_tables.txt")
SEED, COUNT, LEVEL = 7, 800, 19
_TABLES_BYTES_MAX = 1024


def dictionaries() -> dict[Path, bytes]:
    """Path -> content of every dictionary that the packs ship."""
    tables = bytes.fromhex(TABLES.read_text("ascii"))
    return {
        PACKS / "c2" / "cot.zdict": tables + c2_dictionary.content(),
        PACKS / "events" / "events.zdict": events_dictionary.content(),
    }


def measured() -> bytes:
    """The tables, as this machine's libzstd measures them."""
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    zstd = importlib.import_module(name)
    content = c2_dictionary.content()
    whole: bytes = zstd.finalize_dict(
        zstd.ZstdDict(content, is_raw=True),
        list(invented(SEED, COUNT)),
        len(content) + _TABLES_BYTES_MAX,
        LEVEL,
    ).dict_content
    return whole.removesuffix(content)


def main() -> None:
    """Measure if asked to, then write every dictionary."""
    if "--measure" in sys.argv[1:]:
        digits = measured().hex()
        lines = [digits[at : at + 96] for at in range(0, len(digits), 96)]
        TABLES.write_text("\n".join(lines) + "\n", "ascii")
    for path, content in dictionaries().items():
        path.write_bytes(content)
        sys.stdout.write(f"{path.relative_to(ROOT)}: {len(content)} bytes\n")


if __name__ == "__main__":
    main()
