"""A second, slow reader of frames and receipts, written from docs/spec/receipt.md alone.

It shares nothing with the product and takes one byte after another. `WrongError` is all it raises.
"""

import hashlib
import hmac
from dataclasses import dataclass


class WrongError(Exception):
    """These bytes break a rule of the specification."""


class Bytes:
    """Bytes taken from the front, in turn."""

    def __init__(self, data: bytes) -> None:
        self.left = data

    def take(self, count: int) -> bytes:
        if count > len(self.left):
            raise WrongError("cut short")
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def number(self, size: int) -> int:
        return sum(byte << 8 * at for at, byte in enumerate(reversed(self.take(size))))

    def text(self, size: int) -> str:
        raw = self.take(size)
        while raw.endswith(b"\0"):
            raw = raw[:-1]
        return raw.decode("ascii")


VERDICTS = {1: "pass", 2: "changed", 3: "refuse", 4: "hold", 5: "routed"}


@dataclass
class Leg:
    sentence: str
    fields: dict[str, str | int]
    body: bytes
    mac: bytes


def frame(packet: bytes, payload_bytes_max: int) -> dict[str, object]:
    """§1: the parts of a packet."""
    data = Bytes(packet)
    if data.take(4) != b"CVF1":
        raise WrongError("magic")
    flags = data.number(1)
    if flags not in (0, 1, 2):
        raise WrongError("flags")
    ident, number = data.take(16), data.number(8)
    sizes = [data.number(4) for _ in range(3)]
    if sizes[0] > 79_296 or sizes[1] > 28_672 or sizes[2] > payload_bytes_max:
        raise WrongError("bound")
    if (flags == 1) != (sizes[2] > 65_536) or (flags == 2 and sizes[2]):
        raise WrongError("way")
    legs, meta = data.take(sizes[0]), data.take(sizes[1])
    payload = b"" if flags == 1 else data.take(sizes[2])
    if data.left:
        raise WrongError("longer than stated")
    return {
        "id": ident.hex(), "number": number, "legs": legs, "meta": meta, "payload": payload,
        "stopped": flags == 2, "by_descriptor_bytes": sizes[2] if flags == 1 else 0,
    }  # fmt: skip


def legs(data: bytes) -> list[Leg]:
    """§3: the legs, each with its fields."""
    found: list[Leg] = []
    source = Bytes(data)
    while source.left:
        if len(found) == 64:
            raise WrongError("too many")
        size = source.number(2)
        if size > 960:
            raise WrongError("sentence")
        said = source.take(size)
        body = source.take(245)
        found.append(Leg(said.decode("utf-8"), fields(body, said), body, source.take(32)))
    return found


def fields(body: bytes, said: bytes) -> dict[str, str | int]:
    data = Bytes(body)
    made: dict[str, str | int] = {"scope": data.take(32).hex(), "id": data.take(16).hex()}
    made["position"] = data.number(2)
    verdict = data.number(1)
    if verdict not in VERDICTS:
        raise WrongError("verdict")
    made["verdict"] = VERDICTS[verdict]
    made["stage"] = data.text(32)
    made["version"] = data.number(2)
    made["reason"] = data.text(32)
    for name in ("got", "gave", "previous"):
        made[name] = data.take(32).hex()
    if data.take(32) != hashlib.sha256(said).digest():
        raise WrongError("sentence")
    return made


def mac(key: bytes, body: bytes) -> bytes:
    """RFC 2104, written out."""
    block = key + bytes(64 - len(key))
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + body).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).digest()


def scope(nonce: bytes, lane: int, flow: str, source: str, destination: str,
          policy: bytes) -> bytes:  # fmt: skip
    """§2."""
    text = b"checkvalve scope v1\n"
    for part in (nonce, bytes([lane // 256, lane % 256]), flow.encode(), source.encode(),
                 destination.encode(), policy):  # fmt: skip
        text += bytes([len(part) // 256, len(part) % 256]) + part
    return hashlib.sha256(text).digest()


def digest(meta: bytes, payload: bytes) -> str:
    """§3 (4)."""
    size = len(meta)
    head = bytes([size >> 24 & 255, size >> 16 & 255, size >> 8 & 255, size & 255])
    return hashlib.sha256(head + meta + payload).hexdigest()


def cleared(told: dict[str, object], stages: list[dict[str, object]], head_key: bytes,
            scope_bytes: bytes, fed: dict[str, object]) -> bool:  # fmt: skip
    """§4: whether this frame may be released. Any wrong is a no."""
    expected = [{"stage": "head", "version": 1, "kind": "filter", "key": head_key.hex()}, *stages]
    chain = legs(bytes(told["legs"]))  # type: ignore[call-overload] # it is bytes by construction
    same = (told["id"], told["number"]) == (fed["id"], fed["number"])
    if not same or told["stopped"] or len(chain) != len(expected):
        return False
    before, carried = bytes(32), fed["digest"]
    for at, (leg, wanted) in enumerate(zip(chain, expected, strict=True)):
        key = bytes.fromhex(str(wanted["key"]))
        if not hmac.compare_digest(mac(key, leg.body), leg.mac):
            return False
        told_fields = leg.fields
        if told_fields["scope"] != scope_bytes.hex() or told_fields["id"] != fed["id"]:
            return False
        place = (told_fields["stage"], told_fields["version"], told_fields["position"])
        if place != (wanted["stage"], wanted["version"], at):
            return False
        if told_fields["previous"] != before.hex() or told_fields["got"] != carried:
            return False
        may = {
            "filter": ("pass",), "route": ("pass", "routed"),
            "normalize": ("pass", "changed"), "transform": ("pass", "changed"),
        }  # fmt: skip
        verdict = told_fields["verdict"]
        if verdict not in may[str(wanted["kind"])]:
            return False
        if verdict != "changed" and told_fields["gave"] != told_fields["got"]:
            return False
        before, carried = leg.mac, told_fields["gave"]
    meta, payload = told["meta"], told["payload"]
    assert isinstance(meta, bytes)
    assert isinstance(payload, bytes)
    return digest(meta, payload) == carried
