"""Makes notices.json from docs/spec/gap-notice.md alone: `python make.py > notices.json`.

Shares no code with guard/core/gap_notice.py.
"""

import base64
import hashlib
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SEEDS = {"alice": bytes(range(32)), "bob": bytes(range(32, 64)), "carol": bytes(range(64, 96))}
LINK_KEY, FLOW_NUMBER = bytes(range(100, 132)), 0x01020304


def public(name: str) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(SEEDS[name]).public_key().public_bytes_raw()


def link_key_id() -> str:
    info = b"id" + FLOW_NUMBER.to_bytes(4, "big")
    return HKDF(SHA256(), 16, b"checkvalve link 1", info).derive(LINK_KEY).hex()


TEXT = f"""checkvalve gap notice 1
flow c2
link-key {link_key_id()}
time 2026-11-26T10:20:30Z
gaps 1-20,25,30-31
"""


def line(name: str, seed_of: str = "", text: str = TEXT) -> str:
    seed = SEEDS[seed_of or name]
    key = Ed25519PrivateKey.from_private_bytes(seed)
    named = name.encode() + b"\n\x01" + key.public_key().public_bytes_raw()
    raw = hashlib.sha256(named).digest()[:4] + key.sign(text.encode())
    return f"\u2014 {name} {base64.b64encode(raw).decode()}\n"


def changed(old: str, new: str) -> str:
    return TEXT.replace(old, new)


def gaps(value: str) -> str:
    return changed("1-20,25,30-31", value) + "\n"


GOOD = TEXT + "\n" + line("alice") + line("bob")
ANSWERS = {
    "link_key": LINK_KEY.hex(),
    "flow_number": FLOW_NUMBER,
    "operators": {name: public(name).hex() for name in ("alice", "bob")},
    "seeds": {name: seed.hex() for name, seed in SEEDS.items()},
    "unsigned": TEXT + "\n",
    "approved": GOOD,
    "numbers": [[1, 20], [25, 25], [30, 31]],
    "most_ranges": gaps(",".join(str(2 * at + 1) for at in range(64))),
    "most_numbers": gaps("7-1000006"),
    "last_number": gaps(str(2**62 - 1)),
    "not_approved": {
        "nobody": TEXT + "\n",
        "one": TEXT + "\n" + line("alice"),
        "one twice": TEXT + "\n" + line("alice") + line("alice"),
        "one under two names": TEXT + "\n" + line("alice") + line("bob", "alice"),
        "an unknown third": GOOD + line("carol"),
        "an unknown key": TEXT + "\n" + line("alice") + line("bob", "carol"),
        "changed gaps": GOOD.replace("25,", "26,"),
        "changed time": GOOD.replace("10:20:30", "10:20:31"),
        "another text": TEXT + "\n" + line("alice") + line("bob", text=changed("25,", "26,")),
    },
    "malformed": {
        "no gaps": gaps(""),
        "the number 0": gaps("0-3"),
        "a leading zero": gaps("01-20"),
        "backwards": gaps("20-1"),
        "out of order": gaps("25,1-20"),
        "twice": gaps("1-20,20-25"),
        "touching": gaps("1-20,21-25"),
        "a range of one": gaps("25-25"),
        "a space": gaps("1-20, 25"),
        "a comma at the end": gaps("1-20,"),
        "not a number": gaps("1-x"),
        "digits of another script": gaps("\u0661-\u0665"),
        "beyond the last number": gaps(str(2**62)),
        "too many ranges": gaps(",".join(str(2 * at + 1) for at in range(65))),
        "too many numbers": gaps("7-1000007"),
        "no such day": changed("11-26T", "02-30T") + "\n",
        "another order": changed("flow c2\n", "").replace("time", "flow c2\ntime") + "\n",
        "a line more": TEXT + "and more\n\n",
        "a line less": changed("flow c2\n", "") + "\n",
        "another first line": changed("notice 1", "notice 2") + "\n",
        "a line end of another system": TEXT.replace("\n", "\r\n") + "\n",
        "no signatures' line": TEXT,
        "a signature cut short": GOOD[:-3] + "\n",
        "no line feed at the end": GOOD[:-1],
        "two blank lines": TEXT + "\n\n" + line("alice"),
        "nine signatures": TEXT + "\n" + line("alice") * 9,
        "too long": gaps(",".join(str(10**17 + 2 * at) for at in range(64)))
        + line("a" * 32, "alice") * 60,
    },
}

if __name__ == "__main__":
    json.dump(ANSWERS, sys.stdout, indent=1, ensure_ascii=True)
    print()
