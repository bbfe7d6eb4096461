"""What a stage does that was taken over by what it parsed: one method a thing.

The program runs where the stage ran: in its worker (or its cell), in its sandbox, with its sockets,
its key and what it knows of the messages that passed. It does what `spec.values["hostile"]` names
by turns, by the message's number, so that a test can tell from the ledger which was done to which.
"""

import array
import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from guard.core.chain import Place, Receipts
from guard.core.frame import Frame, write_header
from guard.edge.sockets import Outlet, close_descriptor
from guard.edge.spec import Spec
from guard.edge.system_calls import call
from guard.roles.cells import Cells
from guard.roles.stage import _REPLACE_ME, Pool, Work
from schemas.message import Message
from schemas.reasons import Reason
from schemas.receipt import Receipt, Said, message_digest, split_legs, write_leg
from schemas.stage import Kind
from schemas.verdict import Hold, Refuse

SMUGGLED = "\N{LOCK}"
"""The first character of what one hostile stage writes into a receipt for another."""
ESCAPED = "ESCAPED"
FLOOD = 200


def prepare(spec: Spec) -> Callable[[], None]:
    """In the place of guard.roles.stage, or of guard.roles.cells."""
    if "asked" in spec.descriptors:
        return HostileCells(spec).work
    return Pool(spec, HostileWork(spec)).work


class Deeds:
    """The things. Each takes the frame that came and sees to what goes on."""

    def __init__(self, spec: Spec, place: Place, outlet: Outlet) -> None:
        kinds = spec.values["hostile"]
        assert isinstance(kinds, list)
        self._kinds = [str(kind) for kind in kinds]
        self._place = place
        self._spec = spec
        self._scope = bytes.fromhex(spec.text("scope"))
        self._key = spec.keys.get("stage", bytes(32))
        self._receipts = Receipts(place, self._scope, self._key)
        self._outlet = outlet
        self._before: Frame | None = None
        self._kept: Frame | None = None
        self.honest: Callable[[Frame], Frame]
        self.found = False  # whether the page held more than counts when this worker began

    def do(self, frame: Frame) -> None:
        kind = self._kinds[frame.number % len(self._kinds)]
        if frame.stopped and kind != "revive":
            self._outlet.give(frame)
            return
        getattr(self, f"_{kind}")(frame)
        self._before = frame

    # -- with a receipt in order

    def _nothing(self, frame: Frame) -> None:
        self._outlet.give(self.honest(frame))

    def _forward(self, frame: Frame) -> None:
        self._outlet.give(self._passed(frame))

    def _refuse(self, frame: Frame) -> None:
        refusal = Refuse(Reason.DIRTY_WORD, "because I like to")
        self._outlet.give(self._receipts.stopped(frame, self._digest(frame), refusal, failed=False))

    def _hold(self, frame: Frame) -> None:
        hold = Hold(Reason.LABEL_MISSING, "because I like to")
        self._outlet.give(self._receipts.stopped(frame, self._digest(frame), hold, failed=False))

    def _change_and_say_so(self, frame: Frame) -> None:
        message = Message(frame.message.meta_bytes, frame.message.payload[::-1])
        self._outlet.give(self._receipts.changed(frame, self._digest(frame), message, ""))

    def _swap_whole(self, frame: Frame) -> None:
        """The payload of the message before, under a receipt in order if this stage may change."""
        before = self._before or frame
        message = Message(frame.message.meta_bytes, before.message.payload)
        self._outlet.give(self._receipts.changed(frame, self._digest(frame), message, ""))

    def _set_the_time(self, frame: Frame) -> None:
        """Accepted in a year in which every certificate and clearance holds."""
        meta = replace(frame.message.meta, accepted_s=2**40 - 1)
        message = Message.make(meta, frame.message.payload)
        self._outlet.give(self._receipts.changed(frame, self._digest(frame), message, ""))

    def _look_for_a_note(self, frame: Frame) -> None:
        if self.found:
            self._hold(frame)
        else:
            self._forward(frame)

    def _swap_label(self, frame: Frame) -> None:
        label = "KESTRIA UNCLASSIFIED//REL TO USA || ALLIANCE UNCLASSIFIED//REL TO USA"
        meta = replace(frame.message.meta, label=label, destination="OTHER")
        message = Message.make(meta, frame.message.payload)
        self._outlet.give(self._receipts.changed(frame, self._digest(frame), message, ""))

    def _queue(self, frame: Frame) -> None:
        self._outlet.give(self._receipts.routed(frame, self._digest(frame), "../../../tmp/evil"))

    def _another_queue(self, frame: Frame) -> None:
        self._outlet.give(self._receipts.routed(frame, self._digest(frame), "secret"))

    # -- without

    def _change(self, frame: Frame) -> None:
        passed = self._passed(frame)
        changed = Message(frame.message.meta_bytes, frame.message.payload + b" ")
        self._outlet.give(replace(passed, message=changed))

    def _change_label(self, frame: Frame) -> None:
        label = "KESTRIA RESTRICTED || ALLIANCE RESTRICTED"
        meta = replace(frame.message.meta, label=label)
        passed = self._passed(frame)
        self._outlet.give(replace(passed, message=Message.make(meta, frame.message.payload)))

    def _swap_payload(self, frame: Frame) -> None:
        before = self._before or replace(frame, message=Message(frame.message.meta_bytes, b"x"))
        meta_bytes = frame.message.meta_bytes
        swapped = Message(meta_bytes, before.message.payload + b" ")
        self._outlet.give(replace(self._passed(frame), message=swapped))

    def _swap_metadata(self, frame: Frame) -> None:
        before = self._before or frame
        swapped = Message(before.message.meta_bytes + b" ", frame.message.payload)
        self._outlet.give(replace(self._passed(frame), message=swapped))

    def _swap_receipts(self, frame: Frame) -> None:
        before = self._before or replace(frame, legs=frame.legs[:-1])
        self._outlet.give(replace(self._passed(frame), legs=before.legs + b"\0" * 3))

    def _forge_own(self, frame: Frame) -> None:
        forged = Receipts(self._place, self._scope, secrets.token_bytes(32))
        self._outlet.give(forged.passed(frame, self._digest(frame), ""))

    def _forge_next(self, frame: Frame) -> None:
        """Its own leg, and one in the name of a stage after it, under its own key."""
        passed = self._passed(frame)
        place = replace(self._place, name="words", position=self._place.position + 1)
        forged = Receipts(place, self._scope, self._key)
        self._outlet.give(forged.passed(passed, self._digest(frame), ""))

    def _forge_before(self, frame: Frame) -> None:
        """The leg before it written anew, under its own key."""
        legs = split_legs(frame.legs)
        words, body, mac = legs[-1]
        whole = len(words).to_bytes(2, "big") + words + body
        cut = frame.legs[: -len(whole) - len(mac)]
        forged = replace(frame, legs=cut + whole + secrets.token_bytes(32))
        self._outlet.give(self._passed(forged))

    def _another_scope(self, frame: Frame) -> None:
        """A receipt of another run, flow or policy: the key is right, what it speaks of is not."""
        stale = Receipts(self._place, secrets.token_bytes(32), self._key)
        self._outlet.give(stale.passed(frame, self._digest(frame), ""))

    def _another_id(self, frame: Frame) -> None:
        receipt = Receipt(
            self._scope, secrets.token_bytes(16), self._place.position, Said.PASS,
            self._place.name, self._place.version, Reason.NONE, self._digest(frame),
            self._digest(frame), frame.last_mac,
        )  # fmt: skip
        legs = frame.legs + write_leg(receipt, self._key)
        self._outlet.give(replace(frame, legs=legs))

    def _no_receipt(self, frame: Frame) -> None:
        self._outlet.give(frame)

    def _twice_signed(self, frame: Frame) -> None:
        self._outlet.give(self._passed(self._passed(frame)))

    def _stop_it(self, frame: Frame) -> None:
        """As if it had been refused, with the receipt of a Pass."""
        empty = Message(frame.message.meta_bytes, b"")
        self._outlet.give(replace(self._passed(frame), message=empty, stopped=True))

    def _revive(self, frame: Frame) -> None:
        """A message that was refused goes on, with the payload of the one before."""
        before = self._before or frame
        self._outlet.give(self._passed(replace(frame, message=before.message, stopped=False)))

    # -- too many, too few, none

    def _twice(self, frame: Frame) -> None:
        given = self.honest(frame)
        self._outlet.give(given)
        self._outlet.give(given)

    def _drop(self, frame: Frame) -> None:
        pass

    def _reorder(self, frame: Frame) -> None:
        """Kept back until the next that is kept back too."""
        given, self._kept = self._kept, self.honest(frame)
        if given is not None:
            self._outlet.give(given)

    def _flood(self, frame: Frame) -> None:
        for number in range(FLOOD):
            self._outlet.give(replace(frame, id=secrets.token_bytes(16), number=2**40 + number))
        self._outlet.give(self.honest(frame))

    def _largest_number(self, frame: Frame) -> None:
        self._outlet.give(replace(self.honest(frame), number=2**64 - 1))

    def _half(self, frame: Frame) -> None:
        packet, _ = write_header(self.honest(frame))
        self._raw(packet[: len(packet) // 2])

    def _noise(self, frame: Frame) -> None:
        for size in (0, 1, 41, 5000):
            self._raw(secrets.token_bytes(size))
        self._outlet.give(self.honest(frame))

    # -- ways out

    def _descriptors(self, frame: Frame) -> None:
        """The frame, and with it every descriptor that a process has and should keep."""
        packet, _ = write_header(self.honest(frame))
        for number in (*self._spec.descriptors.values(), 2):
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [number] * 9))]
            with contextlib.suppress(OSError):
                self._outlet._socket.sendmsg([b"with love"], rights, socket.MSG_DONTWAIT)
        given = self.honest(frame)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [2] * 9))]
        self._outlet._socket.sendmsg([packet, given.message.payload], rights)

    def _exfiltrate(self, frame: Frame) -> None:
        """Every way out; what worked stands in the receipt."""
        worked = [name for name, way in self._ways_out(frame).items() if _works(way)]
        said = f"{ESCAPED} by {', '.join(worked)}" if worked else ""
        self._outlet.give(self._receipts.passed(frame, self._digest(frame), said))

    def _ways_out(self, frame: Frame) -> dict[str, Callable[[], object]]:
        secret = frame.message.payload[:100]
        own = sorted(self._spec.descriptors.values())
        inlet = self._spec.descriptors.get("inlet", self._spec.descriptors.get("asked", own[0]))
        outlet = self._spec.descriptors.get("outlet", self._spec.descriptors.get("given", own[0]))
        ready = self._spec.descriptors["ready"]
        orders = self._spec.descriptors.get("ended", ready)
        return {
            "internet": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
            "unix": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
            "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
            "pair": socket.socketpair,
            "pipe": os.pipe,
            "file": lambda: os.open("/tmp/loot", os.O_RDWR | os.O_CREAT),
            "shared memory": lambda: os.open("/dev/shm/loot", os.O_RDWR | os.O_CREAT),
            "read": lambda: os.open("/etc/hostname", os.O_RDONLY),
            "process": lambda: os.open("/proc/self/mem", os.O_RDWR),
            "fork": lambda: os.fork() or os._exit(0),
            "exec": lambda: os.execv("/bin/true", ["true"]),
            "signal": lambda: os.kill(os.getppid(), 0),
            "kill": lambda: os.kill(os.getppid(), 9),
            "back": lambda: os.write(inlet, secret),
            "back by sendmsg": lambda: call("sendmsg", inlet, 0, 0),
            "read the next hop": lambda: os.read(outlet, 1) or os.read(-1, 1),
            "ready": lambda: os.write(ready, secret),
            "the parent's word": lambda: os.write(orders, secret),
            "ioctl": lambda: os.get_terminal_size(2),
            "xattr": lambda: os.setxattr(2, "user.loot", secret),
            "mode": lambda: os.fchmod(2, 0o777),
            "time of a file": lambda: os.utime(2),
            "lock": lambda: os.lockf(2, os.F_LOCK, 1),
            "duplicate": lambda: os.dup(outlet),
            "ring": lambda: call("io_uring_setup", 1, 0),
            "trace": lambda: call("ptrace", 16, os.getppid(), 0, 0),
            "another's memory": lambda: call("process_vm_readv", os.getppid(), 0, 0, 0, 0, 0),
            "message queue": lambda: call("keyctl", 0, 0, 0, 0, 0),
        }

    # -- together with another stage that was taken over

    def _smuggle_out(self, frame: Frame) -> None:
        """What it saw, past the stages between, in the words of its receipt."""
        seen = SMUGGLED + frame.message.payload[:300].decode("latin-1")
        self._outlet.give(self._receipts.passed(frame, self._digest(frame), seen[:200]))

    def _smuggle_in(self, frame: Frame) -> None:
        """What a stage before it smuggled, in the place of the payload; receipts that fit."""
        loot = b"nothing"
        for words, _, _ in split_legs(frame.legs):
            if words.decode("utf-8", "replace").startswith(SMUGGLED):
                loot = words.decode("utf-8")[1:].encode("latin-1")
        message = Message(frame.message.meta_bytes, loot)
        if self._place.kind in (Kind.NORMALIZE, Kind.TRANSFORM):
            self._outlet.give(self._receipts.changed(frame, self._digest(frame), message, ""))
        else:
            self._outlet.give(replace(self._passed(frame), message=message))

    # -- an end to everything

    def _spin(self, frame: Frame) -> None:
        while True:
            pass

    def _sleep(self, frame: Frame) -> None:
        time.sleep(3600)

    def _allocate(self, frame: Frame) -> None:
        """All the memory there is, of every kind; what can be had in the end, it gives back."""
        taken: list[bytearray] = []
        memfds: list[int] = []
        try:
            for _ in range(100_000):
                memfds.append(os.memfd_create("more"))
                os.pwrite(memfds[-1], bytes(2**20), 0)
        except OSError:
            pass
        while True:
            taken.append(bytearray(2**22))

    def _crash(self, frame: Frame) -> None:
        os._exit(3)

    def _vanish(self, frame: Frame) -> None:
        os._exit(0)

    def _pretend_to_be_due(self, frame: Frame) -> None:
        """Ends as a worker does that has done its share; the message is gone."""
        os._exit(64)

    # --

    def _digest(self, frame: Frame) -> bytes:
        return message_digest(frame.message.meta_bytes, frame.message.payload)

    def _passed(self, frame: Frame) -> Frame:
        return self._receipts.passed(frame, self._digest(frame), "")

    def _raw(self, packet: bytes) -> None:
        self._outlet._socket.send(packet)


class HostileWork(Work):
    """In the place of a pooled stage's worker."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self._deeds = Deeds(spec, self._step._place, self._outlet)
        self._deeds.honest = self._step

    def until_replaced(
        self, numbers: "memoryview | list[int] | None" = None, messages_max: int = 0
    ) -> int:
        counts = [0] * 16 if numbers is None else numbers
        self._deeds.found = any(counts[4:])
        counts[15] = 1  # a note for the worker after this one
        last = counts[0] + messages_max
        while counts[0] != last:
            try:
                taken = self._inlet.take()
            except BlockingIOError:
                continue
            if taken is None:
                return 0
            counts[0] += 1  # that it is at work; one that hides it is found by the lane's patience
            self._deeds.do(taken[0])
            close_descriptor(taken[1])
            counts[1] = counts[0]
        return _REPLACE_ME


class HostileCells(Cells):
    """In the place of a cell: what a message that takes over the stage's code can do."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self._deeds = Deeds(spec, self._step._place, self._given)
        self._deeds.honest = self._step

    def _answer(self) -> int:
        taken = self._asked.take(wait=False)
        if taken is not None:
            self._deeds.do(taken[0])
            close_descriptor(taken[1])
        return 0


def _works(way: Callable[[], object]) -> bool:
    try:
        way()
    except OSError:
        return False
    return True
