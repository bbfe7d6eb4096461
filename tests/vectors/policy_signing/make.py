"""Makes signatures.json from docs/spec/policy-signing.md alone: `python make.py > signatures.json`.

Shares no code with guard/core.
"""

import base64
import hashlib
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAMES = ("alice", "bob", "carol", "dora")
SEEDS = {name: bytes(range(32 * at, 32 * at + 32)) for at, name in enumerate(NAMES)}
KEYS = ("alice", "bob", "carol")
TEXT = f"""checkvalve policy signature 1
flow c2
side low
version 3
digest {hashlib.sha256(b"policy").hexdigest()}
"""


def public(name: str) -> str:
    return Ed25519PrivateKey.from_private_bytes(SEEDS[name]).public_key().public_bytes_raw().hex()


def line(name: str, text: str = TEXT, seed_of: str = "") -> str:
    key = Ed25519PrivateKey.from_private_bytes(SEEDS[seed_of or name])
    named = name.encode() + b"\n\x01" + key.public_key().public_bytes_raw()
    raw = hashlib.sha256(named).digest()[:4] + key.sign(text.encode())
    return f"\u2014 {name} {base64.b64encode(raw).decode()}\n"


def other(old: str, new: str) -> str:
    text = TEXT.replace(old, new)
    return text + "\n" + line("alice", text) + line("bob", text)


GOOD = TEXT + "\n" + line("alice") + line("bob")
ANSWERS = {
    "seeds": {name: seed.hex() for name, seed in SEEDS.items()},
    "policy_keys": {name: public(name) for name in KEYS},
    "flow": "c2",
    "side": "low",
    "version": 3,
    "digest": hashlib.sha256(b"policy").hexdigest(),
    "text": TEXT,
    "good": GOOD,
    "unsigned": {
        "nobody": TEXT + "\n",
        "one": TEXT + "\n" + line("alice"),
        "one twice": TEXT + "\n" + line("alice") * 2,
        "one under two names": TEXT + "\n" + line("alice") + line("bob", seed_of="alice"),
        "an unknown key": TEXT + "\n" + line("alice") + line("dora"),
        "an unknown third": GOOD + line("dora"),
        "another name's key": TEXT + "\n" + line("alice") + line("bob", seed_of="carol"),
        "of another text": TEXT + "\n" + line("alice") + line("bob", TEXT + "x\n"),
        "of another version": other("version 3", "version 2"),
        "of the other side": other("side low", "side high"),
        "of another flow": other("flow c2", "flow events"),
        "of another digest": other("digest ", "digest 0"),
        "of another kind": other("policy signature", "trust root"),
        "a blank line inside": GOOD.replace("side low\n", "side low\n\n"),
        "cut short": GOOD[:-9] + "\n",
        "no last line feed": GOOD[:-1],
        "empty": "",
    },
}

json.dump(ANSWERS, sys.stdout, indent=1, ensure_ascii=True)
print()
