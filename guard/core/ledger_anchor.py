"""The anchor of a ledger whose oldest entries were let go: what must be known to go on from there.

Takes a ledger's state at the end of a batch, gives the anchor's bytes; takes those, gives the
state. Pure. Follows docs/spec/ledger.md §9. The verifier's reader is guard/report/ledger_anchor.py.
"""

import json

from guard.core.epochs import Certificate, check_certificate
from guard.core.ledger import Checkpoint, Ledger
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason


def write_anchor(ledger: Ledger, batch: int, checkpoint: Checkpoint) -> bytes:
    """ledger: its state before `batch`, the first that stays; checkpoint: the newest one then."""
    told = {
        "batch": batch,
        "checkpoint": checkpoint.decode(),
        "link": ledger.link.hex(),
        "subtrees": [root.hex() for root in ledger.tree.roots()],
        "epochs": [[c.begins, c.key.hex(), c.signature.hex()] for c in ledger.certificates],
        "epoch_ms": ledger.epoch_ms,
    }
    return json.dumps(told).encode() + b"\n"


def certificates_in(untrusted: bytes) -> list[Certificate]:
    """The certificates in an anchor, not checked. Raises `Malformed`."""
    try:
        return [
            Certificate(epoch, int(begins), bytes.fromhex(key), bytes.fromhex(signature))
            for epoch, (begins, key, signature) in enumerate(json.loads(untrusted)["epochs"], 1)
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _malformed() from error


def first_batch(untrusted: bytes) -> int:
    """The number of the first batch that stays. Raises `Malformed`."""
    try:
        return int(json.loads(untrusted)["batch"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _malformed() from error


def restore(ledger: Ledger, origin: str, untrusted: bytes) -> tuple[int, Checkpoint]:
    """Put a new ledger into the state of an anchor; gives its first batch and its checkpoint.

    Raises `Malformed`, or `Forged` unless the ledger's keys signed it.
    """
    for certificate in certificates_in(untrusted):
        ledger.enter(check_certificate(origin, certificate, ledger.key), 0)
    try:
        told = json.loads(untrusted)
        batch, checkpoint = int(told["batch"]), Checkpoint(told["checkpoint"].encode())
        roots = [bytes.fromhex(root) for root in told["subtrees"]]
        link, size = bytes.fromhex(told["link"]), int(checkpoint.split(b"\n", 2)[1])
        ledger.resume(size, roots, link, int(told["epoch_ms"]))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise _malformed() from error
    head = ledger.check(checkpoint)
    if (head.size, head.root) != (ledger.size, ledger.root):
        raise Forged(Reason.LEDGER_TREE, "the ledger's anchor is not what was signed")
    return batch, checkpoint


def _malformed() -> Malformed:
    return Malformed(Reason.RECORD_MALFORMED, "the ledger's anchor is damaged")
