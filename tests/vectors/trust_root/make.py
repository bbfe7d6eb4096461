"""Makes roots.json from docs/spec/trust-root.md alone: `python make.py > roots.json`.

Shares no code with schemas/trust_root.py or guard/core.
"""

import base64
import hashlib
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAMES = ("alice", "bob", "carol", "dora", "emil", "fay")
SEEDS = {name: bytes(range(32 * at, 32 * at + 32)) for at, name in enumerate(NAMES)}


def public(name: str) -> str:
    return Ed25519PrivateKey.from_private_bytes(SEEDS[name]).public_key().public_bytes_raw().hex()


FIRST = f"""checkvalve trust root 1
version 1
previous none
kind real
policy-quorum 2
policy-key alice {public("alice")}
policy-key bob {public("bob")}
policy-key carol {public("carol")}
reviewer-quorum 2
reviewer-key dora {public("dora")}
reviewer-key emil {public("emil")}
classification UNCLASSIFIED
classification SECRET
domain HIGH SECRET -
domain LOW UNCLASSIFIED -
domain OTHER SECRET CRYPTO,NATO
release reports HIGH LOW
require * * * source bounds
require down SECRET UNCLASSIFIED source words
require up * SECRET destination label
"""
DIGEST = hashlib.sha256(FIRST.encode()).hexdigest()
SECOND = (
    FIRST.replace("version 1", "version 2")
    .replace("previous none", f"previous {DIGEST}")
    .replace(f"policy-key alice {public('alice')}", f"policy-key alice {public('fay')}")
)


def line(name: str, text: str, seed_of: str = "") -> str:
    key = Ed25519PrivateKey.from_private_bytes(SEEDS[seed_of or name])
    named = name.encode() + b"\n\x01" + key.public_key().public_bytes_raw()
    raw = hashlib.sha256(named).digest()[:4] + key.sign(text.encode())
    return f"\u2014 {name} {base64.b64encode(raw).decode()}\n"


def note(text: str, *names: str) -> str:
    """names: who signs; "alice=fay" signs as alice with fay's key."""
    signers = [name.partition("=") for name in names]
    return text + "\n" + "".join(line(name, text, seed_of) for name, _, seed_of in signers)


def changed(old: str, new: str) -> str:
    assert old in FIRST
    return FIRST.replace(old, new)


GOOD = note(FIRST, "alice", "bob")
NEXT = note(SECOND, "bob", "carol", "alice=fay")
ANSWERS = {
    "seeds": {name: seed.hex() for name, seed in SEEDS.items()},
    "digest": DIGEST,
    "first": GOOD,
    "second": NEXT,
    "directions": {
        "LOW HIGH": "up",
        "HIGH LOW": "down",
        "LOW LOW": "same",
        "HIGH OTHER": "up",
        "OTHER LOW": "down",
    },
    "untrusted": {
        "nobody": note(FIRST),
        "one": note(FIRST, "alice"),
        "one twice": note(FIRST, "alice", "alice"),
        "one under two names": note(FIRST, "alice", "bob=alice"),
        "a reviewer": note(FIRST, "alice", "dora"),
        "an unknown third": note(FIRST, "alice", "bob", "fay"),
        "edited after signing": GOOD.replace("SECRET CRYPTO,NATO", "SECRET -"),
        "a key swapped": GOOD.replace(public("carol"), public("fay")),
    },
    "not_the_next": {
        "old keys only one": note(SECOND, "bob", "alice=fay"),
        "none of the old but the new": note(SECOND, "alice=fay"),
        "one key twice": note(SECOND, "bob", "bob", "alice=fay"),
        "another version": note(SECOND.replace("version 2", "version 3"), "alice", "bob", "carol"),
        "another previous": note(SECOND.replace(DIGEST, "0" * 64), "alice", "bob", "carol"),
        "not signed by its own": note(SECOND, "alice", "bob"),
        "for demonstration": note(
            SECOND.replace("kind real", "kind demonstration"), "bob", "carol", "alice"
        ),
    },
    "malformed": {
        "a quorum of one": changed("policy-quorum 2", "policy-quorum 1"),
        "a quorum of more than there are": changed("policy-quorum 2", "policy-quorum 4"),
        "reviewers' quorum of one": changed("reviewer-quorum 2", "reviewer-quorum 1"),
        "a key twice": changed(public("bob"), public("alice")),
        "a reviewer who is an author": changed(public("dora"), public("alice")),
        "a name twice": changed("policy-key bob", "policy-key alice"),
        "names in another order": changed("policy-key alice", "policy-key zoe"),
        "an unknown classification": changed("domain HIGH SECRET", "domain HIGH TOP"),
        "a release upwards": changed("release reports HIGH LOW", "release reports LOW HIGH"),
        "a release of nowhere": changed("release reports HIGH LOW", "release reports HIGH NONE"),
        "a requirement of nothing known": changed("require up * SECRET", "require up * TOP"),
        "another direction": changed("require up *", "require upward *"),
        "another side": changed("destination label", "middle label"),
        "no version": changed("version 1\n", ""),
        "version 0": changed("version 1\n", "version 0\n"),
        "a first with a previous": changed("previous none", f"previous {DIGEST}"),
        "two kinds": changed("kind real", "kind real\nkind real"),
        "a line more": FIRST + "and more\n",
        "an empty line": FIRST + "\n",
        "no last line feed": FIRST[:-1],
        "other line ends": FIRST.replace("\n", "\r\n"),
        "a space too many": changed("kind real", "kind  real"),
        "categories in another order": changed("CRYPTO,NATO", "NATO,CRYPTO"),
        "a category twice": changed("CRYPTO,NATO", "NATO,NATO"),
        "a capital in a key": changed(public("bob"), public("bob").upper()),
        "another format": changed("trust root 1", "trust root 2"),
    },
}

json.dump(ANSWERS, sys.stdout, indent=1, ensure_ascii=True)
print()
