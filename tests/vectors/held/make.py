"""Makes reviews.json from docs/spec/held.md alone: `python make.py > reviews.json`.

Shares no code with guard/core/review.py.
"""

import base64
import hashlib
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAMES = ("alice", "bob", "carol", "alpha", "dora")
SEEDS = {name: bytes(range(32 * at, 32 * at + 32)) for at, name in enumerate(NAMES)}


def public(name: str) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(SEEDS[name]).public_key().public_bytes_raw()


TEXT = f"""checkvalve review 1
flow c2
id 00112233445566778899aabbccddeeff
number 1234
sender alpha
input {hashlib.sha256(b"input").hexdigest()}
output {hashlib.sha256(b"output").hexdigest()}
hold words dirty-word
policy 3 {hashlib.sha256(b"policy").hexdigest()}
posture 0
decision release
"""
REFUSE = TEXT.replace("decision release", "decision refuse")


def line(name: str, seed_of: str = "", text: str = TEXT) -> str:
    key = Ed25519PrivateKey.from_private_bytes(SEEDS[seed_of or name])
    named = name.encode() + b"\n\x01" + key.public_key().public_bytes_raw()
    raw = hashlib.sha256(named).digest()[:4] + key.sign(text.encode())
    return f"\u2014 {name} {base64.b64encode(raw).decode()}\n"


def changed(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new)


def origin(*notes: str) -> str:
    parts = [base64.urlsafe_b64encode(note.encode()).decode() for note in notes]
    return "review." + ".".join(parts)


ONE = TEXT + "\n" + line("alice")
BOTH = ONE + line("bob")
NO = REFUSE + "\n" + line("bob", text=REFUSE)
ANSWERS = {
    "reviewers": {name: public(name).hex() for name in ("alice", "bob", "carol", "alpha")},
    "seeds": {name: seed.hex() for name, seed in SEEDS.items()},
    "authors": ["dora", "carol"],
    "unsigned": TEXT + "\n",
    "one": ONE,
    "both": BOTH,
    "refuses": NO,
    "origin_release": origin(BOTH),
    "origin_disagreed": origin(NO, ONE),
    "origin_of_a_drop": "fd00.1a2b.17.8.612e636f74",
    "do_not_count": {
        "one reviewer twice": ONE + line("alice"),
        "one under two names": ONE + line("bob", "alice"),
        "the sender": ONE + line("alpha"),
        "who signed the policy": ONE + line("carol"),
        "nobody's key": ONE + line("bob", "dora"),
        "no reviewer": ONE + line("dora"),
        "a signature of another digest":
            ONE + line("bob", text=changed("id 00", "id 01")),
        "a changed decision": BOTH.replace("decision release", "decision refuse"),
    },
    "malformed": {
        "another first line": changed("review 1", "review 2") + "\n",
        "no hold": changed("hold words dirty-word\n", "") + "\n",
        "another order": changed("posture 0\ndecision release", "decision release\nposture 0")
            + "\n",
        "a third decision": changed("decision release", "decision pass") + "\n",
        "a leading zero": changed("number 1234", "number 01234") + "\n",
        "a number beyond the largest": changed("number 1234", f"number {2**63}") + "\n",
        "a digest cut short": changed("id 0011", "id 11") + "\n",
        "a capital": changed("sender alpha", "sender Alpha") + "\n",
        "a line more": TEXT + "and more\n\n",
        "no policy": changed("policy 3", "policy 0") + "\n",
        "no signatures' line": TEXT,
        "a line end of another system": TEXT.replace("\n", "\r\n") + "\n",
        "more holds than a chain has stages":
            changed("hold words dirty-word\n", "hold words dirty-word\n" * 49) + "\n",
    },
    "no_origins": {
        "empty": "review.",
        "no base64": "review.!!!",
        "unsigned": origin(TEXT),
        "of two messages": origin(BOTH, changed("id 00", "id 01") + "\n"),
        "in another order": origin(ONE, NO),
        "the same twice": origin(ONE, ONE),
    },
}  # fmt: skip

json.dump(ANSWERS, sys.stdout, indent=1, ensure_ascii=True)
print()
