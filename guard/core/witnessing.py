"""What the low side tells the high side of its ledger: checkpoints with consistency proofs.

Takes a ledger's state after each batch, gives statements, each a checkpoint with the proof that
the ledger of an earlier one grew into it, and the certificates of the keys in between. Pure.
Follows docs/spec/ledger.md §8. What judges them on the other side is guard/report/witness.py.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from guard.core.epochs import Certificate
from guard.core.ledger import Checkpoint, Ledger
from guard.core.merkle import HASH_BYTES, Span, consistency_between
from schemas.errors import Malformed
from schemas.reasons import Reason

STATEMENT_BYTES_MAX = 8192
POINTS_MAX = 4096
VERSION = 1
_STRAIGHT, _EVERY = (0, 2), 8
WINDOWS = (8, 64, 512, 4096)
_HEAD = struct.Struct(">BBHQQI")
_CERTIFICATE = struct.Struct(">Q32s64s")


Kept = tuple[int, int, str]
"""A point as it is kept: size, epoch, and the roots of what followed, in hexadecimal."""


@dataclass(slots=True, eq=False)
class _Point:
    """A checkpoint that was told: the tree then, the leaves since, and the next such checkpoint.

    through: the point up to which `rest` goes; it is brought up to date when it is asked for.
    """

    size: int
    epoch: int
    tree: Span
    segment: Span
    rest: Span
    through: "_Point" = field(init=False)
    next: "_Point | None" = None

    def __post_init__(self) -> None:
        self.through = self

    def grown(self) -> Span:
        """The leaves from this point to the newest one.

        Sweeps go backwards, so the next point has most of them already.
        """
        if self.next is not None and self.next.through.size > self.through.size:
            self.rest, self.through = Span(self.size), self.next.through
            self.rest.join(self.segment)
            self.rest.join(self.next.rest)
        while self.through.next is not None:
            self.rest.join(self.through.segment)
            self.through = self.through.next
        return self.rest


class Points:
    """The checkpoints that were told, newest last, and which statement is told next.

    Whoever listens may have missed any of them, and cannot say so. So the first statement of each,
    the third and every eighth goes from the one before it, and the others from older ones: sweeps
    backwards over the last 8, 64, 512 and 4096 take turns.
    """

    def __init__(self, told: Iterable[int] = (), points_max: int = POINTS_MAX) -> None:
        """told: sizes of which checkpoints were told before a restart; points_max: are kept."""
        self._points_max = points_max
        self._told = set(told)
        self._points = [_Point(0, 0, Span(), Span(), Span())]
        self._certificates: list[Certificate] = []
        self._checkpoint = Checkpoint(b"")
        self._turn = 0
        self._turns = 0
        self._cursors = [0] * len(WINDOWS)
        self._stops = [0] * len(WINDOWS)

    @property
    def size(self) -> int:
        """Entries under the newest checkpoint that is told."""
        return self._points[-1].size

    @property
    def checkpoint(self) -> Checkpoint:
        """The newest that is told; b"" when there is none."""
        return self._checkpoint

    def grown(self, ledger: Ledger, checkpoint: Checkpoint) -> None:
        """The ledger has one batch more. To be called after every one."""
        self._points[-1].segment.join(ledger.grown)
        if ledger.size in self._told:
            self.take(ledger, checkpoint)

    def take(self, ledger: Ledger, checkpoint: Checkpoint) -> bool:
        """The newest checkpoint is to be told; False if it is already."""
        if ledger.size == self.size:
            return False
        point = _Point(
            ledger.size, ledger.epoch, ledger.tree.copy(), Span(ledger.size), Span(ledger.size)
        )
        self._points[-1].next = point
        self._points.append(point)
        self._certificates = ledger.certificates
        self._checkpoint = checkpoint
        self._turn = 0
        if len(self._points) > self._points_max:
            self._forget_oldest()
        return True

    def next_statement(self) -> bytes:
        """The statement whose turn it is; b"" when there is nothing to tell."""
        newest = len(self._points) - 1
        if newest == 0:
            return b""
        turn, self._turn = self._turn, self._turn + 1
        if turn in _STRAIGHT or turn % _EVERY == 0 or newest == 1:
            return self.statement(newest - 1)
        reaching = [at for at, window in enumerate(WINDOWS) if window // WINDOWS[0] < newest]
        which = reaching[self._turns % len(reaching)]
        self._turns += 1
        if not self._stops[which] <= self._cursors[which] < newest - 1:
            self._cursors[which] = newest - 2
            self._stops[which] = max(0, newest - 1 - WINDOWS[which])
        statement = self.statement(self._cursors[which])
        self._cursors[which] = self._cursors[which] - 1 if statement else newest
        return statement or self.statement(newest - 1)

    def statement(self, at: int) -> bytes:
        """That the tree of point `at` grew into the newest; b"" when that would be too long."""
        old, new = self._points[at], self._points[-1]
        certificates = self._certificates[old.epoch : new.epoch]
        proof = consistency_between(old.tree, old.grown())
        head = _HEAD.pack(VERSION, len(proof), len(certificates), old.size, new.size, old.epoch)
        keys = (_CERTIFICATE.pack(each.begins, each.key, each.signature) for each in certificates)
        statement = b"".join([head, *keys, *proof, self._checkpoint])
        return statement if len(statement) <= STATEMENT_BYTES_MAX else b""

    def kept(self) -> list[Kept]:
        """All of them, for `take_up`."""
        return [
            (point.size, point.epoch, b"".join(point.segment.roots()).hex())
            for point in self._points
        ]

    def take_up(self, kept: Iterable[Kept], ledger: Ledger, checkpoint: Checkpoint) -> None:
        """Go on with the points of an earlier run, told of `ledger` as it stands now.

        checkpoint: the newest point's. Raises ValueError, IndexError, TypeError for what `kept`
        did not give, and `Malformed` if it does not make the ledger's tree.
        """
        rows = [(size, epoch, bytes.fromhex(roots)) for size, epoch, roots in kept]
        ends = [size for size, _, _ in rows[1:]] + [ledger.size]
        tree = Span()
        points: list[_Point] = []
        for (size, epoch, roots), end in zip(rows, ends, strict=True):
            point = _Point(size, epoch, tree.copy(), Span(size), Span(size))
            cut = range(0, len(roots), HASH_BYTES)
            point.segment.fill(end, [roots[at : at + HASH_BYTES] for at in cut])
            tree.join(point.segment)
            if points:
                points[-1].next = point
            points.append(point)
        if not points or points[0].size or tree.roots() != ledger.tree.roots():
            raise Malformed(Reason.LEDGER_TREE, "the points kept are not of this ledger")
        self._points, self._checkpoint = points, checkpoint
        self._certificates = ledger.certificates

    def _forget_oldest(self) -> None:
        """The oldest but the empty tree, with which one who knows nothing begins."""
        first, gone = self._points[0], self._points.pop(1)
        first.segment.join(gone.segment)
        first.next = gone.next
        self._cursors = [at - 1 for at in self._cursors]
        self._stops = [max(0, at - 1) for at in self._stops]
