"""The frame: how one message stands on a socket between two processes of a chain.

Takes and gives bytes; follows docs/spec/receipt.md §1. Layout, big-endian: magic "CVF1", flags
(bit 0: the payload comes as a sealed memfd beside the packet; bit 1: stopped, no payload), the
message's id, the head's number of it, the lengths of legs, metadata and payload; then legs,
metadata and the payload unless it comes by descriptor.
"""

import struct
from dataclasses import dataclass

from schemas.errors import Malformed
from schemas.message import META_BYTES_MAX, Message
from schemas.reasons import Reason
from schemas.receipt import LEGS_MAX, MAC_BYTES, NO_MAC, RECEIPT_BYTES, SAID_BYTES_MAX

HEADER = struct.Struct(">4sB16sQIII")
MAGIC = b"CVF1"
BY_DESCRIPTOR = 1
STOPPED = 2
INLINE_BYTES_MAX = 64 * 1024
LEGS_BYTES_MAX = LEGS_MAX * (RECEIPT_BYTES + 2 + SAID_BYTES_MAX)
PACKET_BYTES_MAX = HEADER.size + LEGS_BYTES_MAX + META_BYTES_MAX + INLINE_BYTES_MAX


@dataclass(slots=True)  # not frozen: that doubles the cost of making one, twice a hop
class Frame:
    """One message between two stages. Nobody changes one: a step makes a new one.

    id       the message's 16 bytes (the metadata's `id`; `release` holds the two equal)
    number   the head's running number of the message in this side's journal
    legs     the receipts so far, as bytes
    message  metadata and payload; the payload is empty when the frame is stopped
    stopped  a stage refused the message, or failed on it: only its receipts travel on
    """

    id: bytes
    number: int
    legs: bytes
    message: Message
    stopped: bool = False

    @property
    def last_mac(self) -> bytes:
        """The MAC of the newest receipt, or zeros before the first."""
        return self.legs[-MAC_BYTES:] if self.legs else NO_MAC


def write_header(frame: Frame) -> tuple[bytes, bool]:
    """Everything of the packet but the payload, and whether the payload goes by descriptor."""
    payload_bytes = len(frame.message.payload)
    by_descriptor = payload_bytes > INLINE_BYTES_MAX
    flags = (BY_DESCRIPTOR if by_descriptor else 0) | (STOPPED if frame.stopped else 0)
    meta_bytes = frame.message.meta_bytes
    header = HEADER.pack(
        MAGIC, flags, frame.id, frame.number, len(frame.legs), len(meta_bytes), payload_bytes
    )
    return header + frame.legs + meta_bytes, by_descriptor


@dataclass(slots=True)
class Opened:
    """A packet whose shape is right: a frame, and what is still to come by descriptor."""

    frame: Frame
    by_descriptor_bytes: int


def read_packet(untrusted_packet: bytes, payload_bytes_max: int) -> Opened:
    """The frame in a packet. Raises `Malformed` for any other bytes.

    payload_bytes_max: the policy's bound. When `by_descriptor_bytes` is not 0 the frame's payload
    is empty and a descriptor with exactly that many bytes must have come with the packet.
    """
    if len(untrusted_packet) < HEADER.size:
        raise Malformed(Reason.FRAME_MALFORMED, "a frame is shorter than its header")
    magic, flags, ident, number, legs, meta, payload = HEADER.unpack_from(untrusted_packet)
    if magic != MAGIC or flags & ~(BY_DESCRIPTOR | STOPPED):
        raise Malformed(Reason.FRAME_MALFORMED, "a frame has another magic or unknown flags")
    by_descriptor = bool(flags & BY_DESCRIPTOR)
    if by_descriptor != (payload > INLINE_BYTES_MAX):
        raise Malformed(
            Reason.FRAME_MALFORMED, "a frame's payload comes the wrong way for its size"
        )
    if legs > LEGS_BYTES_MAX or meta > META_BYTES_MAX or payload > payload_bytes_max:
        raise Malformed(Reason.FRAME_MALFORMED, "a frame states a length beyond its bound")
    inline = 0 if by_descriptor else payload
    meta_at = HEADER.size + legs
    payload_at = meta_at + meta
    stopped = bool(flags & STOPPED)
    if len(untrusted_packet) != payload_at + inline or (stopped and payload):
        raise Malformed(Reason.FRAME_MALFORMED, "a frame is not as long as it states")
    message = Message(untrusted_packet[meta_at:payload_at], untrusted_packet[payload_at:])
    frame = Frame(ident, number, untrusted_packet[HEADER.size : meta_at], message, stopped)
    return Opened(frame, payload if by_descriptor else 0)
