"""A second, slow reader of envelopes, written from docs/spec/manifest.md alone.

It shares nothing with the product but the Ed25519 of the `cryptography` library. It takes one byte
after another; `WrongError` is all it raises.
"""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TEXT, BYTES, NUMBER = 3, 2, 0
FIELDS: dict[int, tuple[str, int, int, int]] = {
    1: ("format", NUMBER, 1, 1),
    2: ("flow", TEXT, 1, 64),
    3: ("source_domain", TEXT, 1, 64),
    4: ("destination_domain", TEXT, 1, 64),
    5: ("sequence", NUMBER, 1, 2**63),
    6: ("id", BYTES, 16, 16),
    7: ("payload_digest", BYTES, 32, 32),
    8: ("payload_bytes", NUMBER, 0, 2**32),
    9: ("type", TEXT, 1, 127),
    10: ("label", TEXT, 0, 256),
    11: ("precedence", NUMBER, 0, 4),
    12: ("queues", TEXT, 0, 527),
    13: ("accepted_s", NUMBER, 0, 2**40),
    14: ("released_s", NUMBER, 0, 2**40),
    15: ("policy_digest", BYTES, 32, 32),
    16: ("receipts_digest", BYTES, 32, 32),
    17: ("ledger_size", NUMBER, 0, 2**63),
    18: ("ledger_root", BYTES, 32, 32),
    19: ("name", TEXT, 1, 255),
    20: ("demonstration", NUMBER, 1, 1),
}
Value = str | int


class WrongError(Exception):
    """These bytes break a rule of the specification."""


class Reader:
    """CBOR heads and strings, taken from the front."""

    def __init__(self, data: bytes) -> None:
        self.left = data

    def take(self, count: int) -> bytes:
        if count > len(self.left):
            raise WrongError("cut short")
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def head(self) -> tuple[int, int]:
        """Major type and argument, in the shortest form only."""
        first = self.take(1)[0]
        major, low = first // 32, first % 32
        if low < 24:
            return major, low
        if low > 27:
            raise WrongError("no length")
        size = 2 ** (low - 24)
        value = sum(byte << 8 * at for at, byte in enumerate(reversed(self.take(size))))
        if value < (24, 2**8, 2**16, 2**32)[low - 24]:
            raise WrongError("not the shortest")
        return major, value

    def value(self, kind: int) -> int | bytes:
        major, argument = self.head()
        if major != kind:
            raise WrongError("another type")
        return argument if kind == NUMBER else self.take(argument)


def split(envelope: bytes) -> tuple[bytes, bytes]:
    """§1: the COSE_Sign1 and the payload."""
    reader = Reader(envelope)
    size = sum(byte << 8 * at for at, byte in enumerate(reversed(reader.take(4))))
    if not 0 < size <= 8192:
        raise WrongError("size")
    return reader.take(size), reader.left


def cose(data: bytes) -> tuple[bytes, bytes]:
    """§3: content and signature."""
    reader = Reader(data)
    if reader.take(7) != bytes.fromhex("d28443a10127a0"):
        raise WrongError("start")
    content, signature = reader.value(BYTES), reader.value(BYTES)
    assert isinstance(content, bytes)
    assert isinstance(signature, bytes)
    if reader.left or len(signature) != 64:
        raise WrongError("signature")
    return content, signature


def content(data: bytes) -> dict[str, Value]:
    """§2: the fields; digests and ids in hexadecimal."""
    reader = Reader(data)
    major, count = reader.head()
    if major != 5:
        raise WrongError("no map")
    found: dict[str, Value] = {}
    before = 0
    for _ in range(count):
        major, key = reader.head()
        if major != NUMBER or key <= before or key not in FIELDS:
            raise WrongError("key")
        before = key
        name, kind, least, most = FIELDS[key]
        value = reader.value(kind)
        if kind == TEXT:
            assert isinstance(value, bytes)
            try:
                text = value.decode("utf-8")
            except UnicodeDecodeError as error:
                raise WrongError("no UTF-8") from error
            found[name], size = text, len(text)
        elif isinstance(value, bytes):
            found[name], size = value.hex(), len(value)
        else:
            found[name] = size = value
        if not least <= size <= most:
            raise WrongError("bound")
    if reader.left or set(found) | {"name", "demonstration"} != {
        name for name, *_ in FIELDS.values()
    }:
        raise WrongError("fields")
    return named(found)


def named(fields: dict[str, Value]) -> dict[str, Value]:
    """The fields, if the name among them is written as names are."""
    for character in str(fields.get("name", "")):
        if not 32 <= ord(character) <= 126 or character == "/":
            raise WrongError("name")
    return fields


def signed(data: bytes) -> bytes:
    """§3: what the signature is over."""
    size = len(data)
    head = bytes([0x58, size]) if size < 256 else bytes([0x59, size // 256, size % 256])
    return bytes.fromhex("846a5369676e61747572653143a1012740") + head + data


def compact(
    envelope: bytes, told: dict[str, Value], public: bytes
) -> tuple[dict[str, Value], bytes]:
    """§5: the fields and the payload; told: flow, domains, sequence and policy digest in hex."""
    reader = Reader(envelope)
    form, signature, prefix = reader.take(1), reader.take(64), reader.take(2)
    released, size = (int.from_bytes(reader.take(4), "big") for _ in range(2))
    if not 0x10 <= form[0] <= 0x14 or not reader.left:
        raise WrongError("form")
    policy = bytes.fromhex(str(told["policy_digest"]))
    if policy[:2] != prefix:
        raise WrongError("policy")
    external = b"\x86" + text("checkvalve compact manifest 1")
    external += b"".join(text(str(told[name])) for name in ("flow", "source_domain"))
    external += text(str(told["destination_domain"])) + number(int(told["sequence"]))
    external += head(BYTES, 32) + policy
    content = form + envelope[65:]
    signed = b"\x84" + text("Signature1") + head(BYTES, 3) + bytes.fromhex("a10127")
    signed += head(BYTES, len(external)) + external + head(BYTES, len(content)) + content
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except InvalidSignature as error:
        raise WrongError("signature") from error
    before = len(reader.left)
    major, waited = reader.head()
    if major > 1:
        raise WrongError("waited")
    accepted = released - (waited if major == NUMBER else -1 - waited)
    if not 0 <= accepted <= 2**40:
        raise WrongError("accepted")
    fields: dict[str, Value] = {**told, "precedence": form[0] - 16, "released_s": released}
    fields |= {"accepted_s": accepted, "ledger_size": size}
    for name, least, most in (
        ("type", 1, 127),
        ("label", 0, 256),
        ("queues", 0, 527),
        ("name", 0, 255),
    ):
        raw = reader.value(TEXT)
        assert isinstance(raw, bytes)
        try:
            fields[name] = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise WrongError("no UTF-8") from error
        if not least <= len(raw.decode("utf-8")) <= most:
            raise WrongError("bound")
    if before - len(reader.left) > 4096:
        raise WrongError("texts")
    payload = reader.left
    fields |= {"payload_digest": hashlib.sha256(payload).hexdigest(), "payload_bytes": len(payload)}
    fields["id"] = hashlib.sha256(envelope).hexdigest()[:32]
    return named(fields), payload


def head(major: int, argument: int) -> bytes:
    """The shortest head."""
    if argument < 24:
        return bytes([major * 32 + argument])
    low = 24 + sum(argument >= 2**bits for bits in (8, 16, 32))
    return bytes([major * 32 + low]) + argument.to_bytes(2 ** (low - 24), "big")


def text(value: str) -> bytes:
    """A text string."""
    return head(TEXT, len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    """An unsigned integer."""
    return head(NUMBER, value)


def opened(envelope: bytes, public: bytes) -> tuple[dict[str, Value], bytes]:
    """§4 (1) to (3) and (6): what is sealed, whoever it is for."""
    told, payload = split(envelope)
    data, signature = cose(told)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed(data))
    except InvalidSignature as error:
        raise WrongError("signature") from error
    fields = content(data)
    whole = hashlib.sha256(payload).hexdigest() == fields["payload_digest"]
    if len(payload) != fields["payload_bytes"] or not whole:
        raise WrongError("payload")
    return fields, payload
