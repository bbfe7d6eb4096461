"""Check proofs that entries stand in a ledger: python3 check_proof.py PROOFS.json LEDGER=KEY...

PROOFS.json is what `guard audit show --proof` wrote. LEDGER is a ledger's name and KEY the public
key of its first epoch, 64 hexadecimal digits, from someone you trust and not from the proofs. Needs
Python 3.11 and the package `cryptography`, nothing of the guard. Prints the entries, or the fault.
"""

import base64
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def check(proof, keys):
    """The entry, if the proof holds. keys: by ledger. Raises ValueError with what is wrong."""
    first_key = keys[proof["ledger"]]
    text, _, signatures = proof["checkpoint"].partition("\n\n")
    origin, size, root = text.split("\n")[:3]
    if origin != proof["ledger"]:
        raise ValueError("the checkpoint is of another ledger")
    verify_checkpoint(text + "\n", signatures, origin, key_in_force(proof, first_key, int(size)))
    line = proof["line"].encode("ascii")
    leaf = hashlib.sha256(b"\0" + bytes.fromhex(proof["previous_link"]) + line).digest()
    path = [bytes.fromhex(each) for each in proof["path"]]
    if climb(leaf, proof["entry"], int(size), path) != base64.b64decode(root):
        raise ValueError("the entry is not in the tree that was signed")
    return json.loads(line)


def key_in_force(proof, first_key, size):
    """The key that signs a checkpoint of this size: each was certified by the one before."""
    key, epoch = first_key, 0
    for each in proof["certificates"]:
        if each["epoch"] != epoch + 1 or each["begins"] >= size:
            raise ValueError("the certificates are not those of the keys before this checkpoint")
        said = f"checkvalve ledger epoch v1\n{proof['ledger']}\n{each['epoch']}\n{each['begins']}\n"
        verify(key, each["signature"], f"{said}{each['key']}\n".encode())
        key, epoch = bytes.fromhex(each["key"]), each["epoch"]
    return key


def verify_checkpoint(text, signatures, origin, key):
    """One of the signatures is by this key, under the ledger's name."""
    named = hashlib.sha256(origin.encode() + b"\n\x01" + key).digest()[:4]
    for line in signatures.splitlines():
        _, name, value = line.split(" ")
        raw = base64.b64decode(value)
        if name == origin and raw[:4] == named:
            return verify(key, raw[4:].hex(), text.encode())
    raise ValueError("the key in force did not sign the checkpoint")


def verify(key, signature, signed):
    """An Ed25519 signature (RFC 8032)."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(signature), signed)
    except InvalidSignature:
        raise ValueError("a signature is wrong") from None


def climb(leaf, number, size, path):
    """The root that a leaf and the hashes beside its way make (RFC 9162 §2.1.3.2)."""
    if not 0 <= number < size:
        raise ValueError("the checkpoint does not cover the entry")
    node, last, found = number, size - 1, leaf
    for beside in path:
        if last == 0:
            raise ValueError("the path is too long")
        if node & 1 or node == last:
            found = hashlib.sha256(b"\x01" + beside + found).digest()
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + beside).digest()
        node, last = node >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return found


def main():
    """Print the entries, or what is wrong; exit code 0 or 1."""
    keys = {name: bytes.fromhex(key) for name, key in (each.split("=") for each in sys.argv[2:])}
    with open(sys.argv[1], encoding="ascii") as file:
        proofs = json.load(file)
    for proof in proofs:
        try:
            entry = check(proof, keys)
        except (ValueError, KeyError, TypeError) as error:
            sys.exit(f"the proof does not hold: {error}")
        print(f"entry {proof['entry']} of {proof['ledger']} holds:")
        print(json.dumps(entry, indent=2))


if __name__ == "__main__":
    main()
