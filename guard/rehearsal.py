"""A policy's chains in real, confined processes, without a site: what `guard try` runs on.

Takes a policy, its documents and a message; gives what the chains decide and what would be
delivered. Source chain, seal, verification and destination chain are the real ones; the keys are
made for the rehearsal and forgotten. A stage that ends is a Hold for its message, and the chain is
started again for the next.
"""

import contextlib
import hashlib
import os
import secrets
import select
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from filters import catalog
from guard.core.chain import first_frame
from guard.core.frame import Frame
from guard.core.journey import CHAIN, SCANNER, Journey, May, Role, State
from guard.core.notice import Notice, Place, What
from guard.core.release import Cleared, Expected, Judge, Judgement, Stopped
from guard.core.sealing import sealer
from guard.core.verification import Accepts, open_envelope
from guard.edge.clock import monotonic_ns, now_s
from guard.edge.keys import new_secret, signer
from guard.edge.mldsa import mldsa_signer
from guard.edge.ownership import User
from guard.edge.processes import Process, start
from guard.edge.rights import write_rights
from guard.edge.scanning import QUESTION, SocketFolder
from guard.edge.seal_key import new_seal_key
from guard.edge.seals import seal_verifier
from guard.edge.seats import Seat, seats_of, stage_values
from guard.edge.sockets import Inlet, Outlet, close_descriptor, feed_pair, one_way_pair
from guard.edge.spec import Spec, Value
from schemas.errors import Broken, CheckvalveError
from schemas.kinds import Side
from schemas.manifest import Form, Manifest, Signatures
from schemas.message import Message, Meta
from schemas.policy import Chain, Policy
from schemas.reasons import Reason
from schemas.receipt import Said, message_digest, scope_digest
from schemas.token_names import KEY_PREFIX, SEALING_STAGE
from schemas.verdict import Hold, Refuse

ANSWER_WITHIN_S = 30.0
_FIRST_USER = 61_000


Channels = Mapping[str, tuple[socket.socket, socket.socket]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message: `stopped` says why and at which stage, or it came through."""

    stopped: Refuse | Hold | None
    stage: str
    message: Message | None
    queues: tuple[str, ...] = ()


def _chain_only(side: Side, antivirus: str) -> Journey:
    row = Role(
        CHAIN, "guard.roles.stage:prepare", State.ACCEPTED, State.CLEARED,
        hears=("fed",), tells=("cleared",), may=May.STAGE_KEY,
    )  # fmt: skip
    return Journey("rehearsal", side, (SCANNER, row) if antivirus else (row,))


def _token_key(stage: str) -> dict[str, bytes]:
    """A key of its own for the one stage that seals tokens: nobody can open them afterwards."""
    return {f"{KEY_PREFIX}rehearsal": new_secret()} if stage == SEALING_STAGE else {}


class Lane:
    """One side's chain, one process a stage."""

    def __init__(self, policy: Policy, chain: Chain, side: Side, documents: Mapping[str, bytes],
                 antivirus: str = "") -> None:  # fmt: skip
        """antivirus: clamd's socket as in site.toml, or "" where there is none to ask."""
        self._antivirus = antivirus
        self._policy = policy
        self._chain = chain
        self._side = side
        self._documents = dict(documents)
        self._seats: list[Seat] = []
        self.layers: list[str] = []
        self._start()

    def _start(self) -> None:
        policy = self._policy
        self._spoiled = False  # a stage has left work behind, which nothing else ends
        self._feed = feed_pair()
        self._scope = scope_digest(
            secrets.token_bytes(16), 0, policy.flow, policy.source_domain,
            policy.destination_domain, bytes(32),
        )  # fmt: skip
        self._seats = seats_of(_chain_only(self._side, self._antivirus), self._chain.stage)
        self._head_key = new_secret()
        keys = {seat.name: new_secret() for seat in self._seats}
        channels = {name: one_way_pair() for seat in self._seats for name in seat.role.tells}
        first = channels["fed"] = one_way_pair()
        last = channels["cleared"]
        for at, seat in enumerate(self._seats):
            seat.process = start(self._spec(seat, keys[seat.name], channels, at))
        self._outlet = Outlet(os.dup(first[1].fileno()))
        self._inlet = Inlet(os.dup(last[0].fileno()), policy.payload_bytes_max)
        for reading, writing in channels.values():
            reading.close()
            writing.close()
        for process in self._processes():
            report = process.await_ready()
            self.layers = [name for name, state, _ in report["layers"] if state == "on"]
        expected = [
            Expected(seat.line.name, version_of(seat), seat.kind, keys[seat.name])
            for seat in self._seats
            if seat.line is not None and seat.kind is not None
        ]
        self._judge = Judge(self._scope, self._head_key, expected)

    def _spec(self, seat: Seat, key: bytes, channels: Channels, at: int) -> Spec:
        role, line = seat.role, seat.line
        user = User(_FIRST_USER + at, _FIRST_USER + at) if os.geteuid() == 0 else None
        named = seat.ends if line is not None else (role.hears, role.tells)
        descriptors = {"feed": self._feed[1].fileno()}
        for end, ours, names in zip((0, 1), named, (role.hears, role.tells), strict=True):
            descriptors |= {
                our: channels[name][end].fileno()
                for our, name in zip(ours, names, strict=True) if name in channels
            }  # fmt: skip
        if not self._antivirus:  # nobody is at the other end
            descriptors.pop(QUESTION, None)
        values: dict[str, Value] = {
            "folder": "/",
            "payload_bytes_max": self._policy.payload_bytes_max,
            "scope": self._scope.hex(),
            "antivirus": self._antivirus,
            "insecure": 0,
        }
        values |= stage_values(seat, self._chain) | {"isolation": ""}
        keys = {"stage": key, **_token_key(line.catalog_name)} if line is not None else {}
        return Spec(
            seat.name, role.run, self._side, descriptors, values, keys, self._documents,
            write_rights(
                role, seat.kind, self._policy.payload_bytes_max,
                user.uid if user else None, user.gid if user else None,
                root=SocketFolder(self._antivirus).root, threads=seat.threads,
            ),
        )  # fmt: skip

    def _processes(self) -> list[Process]:
        return [seat.process for seat in self._seats if seat.process is not None]

    def decide(self, number: int, message: Message) -> Outcome:
        """Send one message through; a chain that breaks on it holds it and is started again."""
        try:
            judgement, _ = self.judge(number, message)
        except (CheckvalveError, OSError) as error:
            sentence = error.sentence if isinstance(error, CheckvalveError) else "a stage ended"
            return Outcome(Hold(Reason.STAGE_FAILED, sentence), "", None)
        if isinstance(judgement, Cleared):
            return Outcome(None, "", judgement.message, judgement.queues)
        return _stopped(judgement)

    def judge(self, number: int, message: Message) -> tuple[Judgement, Cleared | None]:
        """What its receipts say of one message, and what it would be if people released it.

        Raises `CheckvalveError`, `OSError` where the chain broke on it: it is started again.
        """
        if self._spoiled:
            self.close()
            self._start()
        frame = first_frame(number, message, self._scope, self._head_key)
        digest = message_digest(message.meta_bytes, message.payload)
        kept = message.meta.kept_digest()
        notice = Notice(
            What.FED, number, frame.id, digest, kept, Place(0, 0, 0), monotonic_ns(), {}
        )
        try:
            self._outlet.give(frame)
            came = self._await_frame()
            judgement = self._judge(came, notice)
            if isinstance(judgement, Cleared):
                return judgement, judgement
            self._spoiled = judgement.reason is Reason.EFFORT_OUT_OF_BOUNDS
            return judgement, self._judge.if_released(came, notice, judgement)
        except (CheckvalveError, OSError):
            self.close()
            self._start()
            raise

    def _await_frame(self) -> Frame:
        readable, _, _ = select.select([self._inlet], [], [], ANSWER_WITHIN_S)
        taken = self._inlet.take() if readable else None
        if taken is None:
            ended = [p.name for p in self._processes() if p.ended() is not None]
            what = f"{ended[0]} ended" if ended else "the chain did not answer within 30 s"
            raise Broken(Reason.STAGE_FAILED, what)
        frame, descriptor = taken
        close_descriptor(descriptor)
        return frame

    def close(self) -> None:
        """End the processes."""
        self._outlet.close()
        for process in self._processes():
            process.end()
        self._inlet.close()
        for end in self._feed:
            end.close()


def version_of(seat: Seat) -> int:
    """The catalog's version of a seat's stage."""
    return catalog.entry(seat.line.catalog_name, seat.line.own_stage).version if seat.line else 0


def _stopped(judgement: Stopped) -> Outcome:
    kind = Refuse if judgement.verdict is Said.REFUSE else Hold
    return Outcome(kind(judgement.reason, judgement.sentence), judgement.stage, None)


class Rehearsal:
    """Both chains of a policy, and the seal between them."""

    def __init__(self, policy: Policy, documents: Mapping[str, bytes], antivirus: str = "") -> None:
        """Starts the processes; the caller closes them, or uses this in a `with`."""
        self._policy = policy
        self._number = 0
        self._seal_key, hybrid = new_seal_key(), policy.link.signatures == "hybrid"
        second = self._seal_key.mldsa_public.hex()
        told: dict[str, Value] = {
            "seal_public": self._seal_key.public.hex(), "seal_mldsa": second,
        }  # fmt: skip
        self._verify = seal_verifier(Spec("verify", "", "high", {}, told))
        self._sign_second = mldsa_signer(self._seal_key.mldsa) if hybrid else None
        self._lanes: dict[Side, Lane] = {}
        for side, chain in (
            (Side.SOURCE, policy.source), (Side.DESTINATION, policy.destination),
        ):  # fmt: skip
            if chain is not None:
                own = {name: documents[name] for name in chain.documents}
                self._lanes[side] = Lane(policy, chain, side, own, antivirus)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def layers(self) -> list[str]:
        """The layers of the sandbox that are on."""
        return next(iter(self._lanes.values())).layers

    def close(self) -> None:
        """End every process."""
        for lane in self._lanes.values():
            with contextlib.suppress(OSError):
                lane.close()

    def decide(self, meta: Meta, payload: bytes) -> Outcome:
        """What the policy does with one message; `message` of the outcome is what is delivered."""
        self._number += 1
        outcome = Outcome(None, "", Message.make(meta, payload))
        if Side.SOURCE in self._lanes and outcome.message is not None:
            outcome = self._lanes[Side.SOURCE].decide(self._number, outcome.message)
        if outcome.message is None or Side.DESTINATION not in self._lanes:
            return outcome
        try:
            crossed = self._cross(outcome.message, outcome.queues)
        except CheckvalveError as error:
            return Outcome(Hold(error.reason, error.sentence), "verify", None)
        return self._lanes[Side.DESTINATION].decide(self._number, crossed)

    def _cross(self, message: Message, queues: tuple[str, ...]) -> Message:
        """Seal and open again, as the two sides do."""
        policy, meta = self._policy, message.meta
        manifest = Manifest(
            policy.flow, policy.source_domain, policy.destination_domain, self._number,
            bytes.fromhex(meta.id), hashlib.sha256(message.payload).digest(),
            len(message.payload), meta.type, meta.label, meta.precedence, ",".join(queues),
            meta.accepted_s, now_s(), bytes(32), bytes(32), 0, bytes(32),
            name=meta.name if policy.source and policy.source.name_crosses else "",
        )  # fmt: skip
        form = Form(policy.link.manifest)
        seal = sealer(form, self._sign_second)
        envelope = seal(manifest, message.payload, signer(self._seal_key.ed25519))
        accepts = Accepts(
            policy.flow, policy.source_domain, policy.destination_domain, {bytes(32)},
            policy.payload_bytes_max, form, signatures=Signatures(policy.link.signatures),
            names=bool(policy.destination and policy.destination.name_crosses),
        )  # fmt: skip
        opened, payload = open_envelope(envelope, self._number, accepts, self._verify)
        crossed = Meta(
            id=opened.id.hex(), flow=opened.flow, sender="", name=opened.name,
            accepted_s=opened.accepted_s, type=opened.type, label=opened.label,
            precedence=opened.precedence,
        )  # fmt: skip
        return Message.make(crossed, payload)
