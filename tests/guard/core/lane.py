"""A small lane of real steps, for the tests of receipts: head, filter, normalize, route, filter."""

from dataclasses import dataclass, replace

from guard.core.chain import Place, Step, first_frame
from guard.core.frame import Frame
from guard.core.notice import Notice, What
from guard.core.notice import Place as Where
from guard.core.release import Expected, Judge, Judgement
from schemas.message import Message, Meta
from schemas.receipt import message_digest, scope_digest
from schemas.stage import Kind, Run
from schemas.verdict import Answer, Changed, Pass

POLICY = bytes(range(32))
NONCE = bytes(range(16))
SCOPE = scope_digest(NONCE, 0, "tracks", "NORTH", "SOUTH", POLICY)
HEAD_KEY = b"h" * 32
PAYLOAD_BYTES_MAX = 200_000
META = Meta(id="00112233445566778899aabbccddeeff", flow="tracks", sender="alpha",
            name="a.xml", accepted_s=1_700_000_000)  # fmt: skip
MESSAGE = Message.make(META, b"one message")
OTHER = Message.make(replace(META, id="ff" * 16), b"another message")


def look(_: Message) -> Answer:
    return Pass("it looks right")


def upper(message: Message) -> Answer:
    return Changed(Message(message.meta_bytes, message.payload.upper()), "in capitals")


def to_two_queues(message: Message) -> Answer:
    return Changed(Message.make(replace(message.meta, queues="new,maps"), message.payload))


RUNS: dict[str, tuple[Kind, Run]] = {
    "look": (Kind.FILTER, look),
    "upper": (Kind.NORMALIZE, upper),
    "route": (Kind.ROUTE, to_two_queues),
    "again": (Kind.FILTER, look),
}


@dataclass(frozen=True)
class Lane:
    """The steps of a lane and the judge at its end. A step can be put in another's place."""

    steps: dict[str, Step]
    judge: Judge
    scope: bytes = SCOPE

    def run(self, message: Message = MESSAGE, number: int = 7) -> Frame:
        frame = first_frame(number, message, self.scope, HEAD_KEY)
        for step in self.steps.values():
            frame = step(frame)
        return frame

    def judged(self, frame: Frame, notice: Notice | None = None) -> Judgement:
        return self.judge(frame, notice or fed())


def key_of(name: str) -> bytes:
    return name.encode().ljust(32, b"\0")


def make_lane(scope: bytes = SCOPE, **instead: Run) -> Lane:
    """instead: stage name -> another run for it."""
    steps = {
        name: Step(Place(name, 1, kind, at, PAYLOAD_BYTES_MAX), instead.get(name, run), scope,
                   key_of(name))
        for at, (name, (kind, run)) in enumerate(RUNS.items(), start=1)
    }  # fmt: skip
    expected = [Expected(name, 1, kind, key_of(name)) for name, (kind, _) in RUNS.items()]
    return Lane(steps, Judge(SCOPE, HEAD_KEY, expected), scope)


def fed(message: Message = MESSAGE, number: int = 7) -> Notice:
    """What the head tells of a message."""
    digest = message_digest(message.meta_bytes, message.payload)
    ident, kept = bytes.fromhex(message.meta.id), message.meta.kept_digest()
    return Notice(What.FED, number, ident, digest, kept, Where(0, 24, 99), 5, {})
