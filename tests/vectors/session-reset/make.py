"""Makes proposals.json from docs/spec/session-reset.md alone: `python make.py > proposals.json`.

Shares no code with guard/core/session_reset.py.
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


TEXT = f"""checkvalve link session reset 1
flow c2
link-key {link_key_id()}
counter missing
ledger 1234 {hashlib.sha256(b"root").hexdigest()}
newest 41
receiver 42
session 1000042
time 2026-11-23T10:20:30Z
purpose the disk of the low host was replaced
"""


def line(name: str, seed_of: str = "", text: str = TEXT) -> str:
    seed = SEEDS[seed_of or name]
    key = Ed25519PrivateKey.from_private_bytes(seed)
    named = name.encode() + b"\n\x01" + key.public_key().public_bytes_raw()
    raw = hashlib.sha256(named).digest()[:4] + key.sign(text.encode())
    return f"\u2014 {name} {base64.b64encode(raw).decode()}\n"


def changed(old: str, new: str) -> str:
    return TEXT.replace(old, new)


GOOD = TEXT + "\n" + line("alice") + line("bob")
ANSWERS = {
    "link_key": LINK_KEY.hex(),
    "flow_number": FLOW_NUMBER,
    "link_key_id": link_key_id(),
    "operators": {name: public(name).hex() for name in ("alice", "bob")},
    "seeds": {name: seed.hex() for name, seed in SEEDS.items()},
    "unsigned": TEXT + "\n",
    "approved": GOOD,
    "not_approved": {
        "nobody": TEXT + "\n",
        "one": TEXT + "\n" + line("alice"),
        "one twice": TEXT + "\n" + line("alice") + line("alice"),
        "one under two names": TEXT + "\n" + line("alice") + line("bob", "alice"),
        "an unknown third": GOOD + line("carol"),
        "an unknown key": TEXT + "\n" + line("alice") + line("bob", "carol"),
        "changed session": GOOD.replace("session 1000042", "session 1000043"),
        "changed purpose": GOOD.replace("was replaced", "is replaced"),
        "another text": TEXT + "\n" + line("alice") + line("bob", text=changed("1234", "1235")),
    },
    "malformed": {
        "a lower session": changed("session 1000042", "session 42") + "\n",
        "below the ledger": changed("newest 41", "newest 1000042") + "\n",
        "below the counter": changed("counter missing", "counter 1000042") + "\n",
        "beyond the last session": changed("1000042", "4294967296") + "\n",
        "a leading zero": changed("receiver 42", "receiver 042") + "\n",
        "no such day": changed("11-23T", "02-30T") + "\n",
        "another order": changed("newest 41\nreceiver 42", "receiver 42\nnewest 41") + "\n",
        "a line more": TEXT + "and more\n\n",
        "a line end of another system": TEXT.replace("\n", "\r\n") + "\n",
        "no signatures' line": TEXT,
        "a signature cut short": GOOD[:-3] + "\n",
        "no line feed at the end": GOOD[:-1],
        "a character outside ASCII": changed("disk", "dïsk") + "\n",
        "an empty purpose": changed("the disk of the low host was replaced", "") + "\n",
        "a capital in a name": TEXT + "\n" + line("alice").replace("alice", "Alice"),
        "two blank lines": TEXT + "\n\n" + line("alice"),
    },
}

json.dump(ANSWERS, sys.stdout, indent=1, ensure_ascii=True)
print()
