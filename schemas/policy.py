"""The policy of a flow: one TOML file, closed and typed.

Takes the file's bytes, gives a `Policy`; anything else is `Malformed` with the place and what is
wrong. The policy's digest covers the file and every document it names, so a changed word list is
a changed policy.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import Malformed
from schemas.own_stage import OwnStage
from schemas.reasons import Reason

POLICY_BYTES_MAX = 256 * 1024
LINE_BYTES_MAX = 4096  # the TOML reader's time grows with the square of a dotted key
STAGES_MAX = 48
PAYLOAD_BYTES_MAX = 16 * 1024 * 1024
BITS_PER_MBIT = 1_000_000
RATE_MBIT_PER_S = 1000
PAYLOADS_REMEMBERED_MAX = 32_768

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Person = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
Domain = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_-]{0,31}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Accepted = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,9}:[0-9a-f]{64}$")]


class Closed(BaseModel):
    """A table with no other keys than these."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StageLimits(Closed):
    """What one stage may spend; for a chain, or in one stage's line for that stage.

    message_ms_max        from taking a message to giving it, by the clock on the wall
    message_cpu_ms_max    the same, of processor time: a loop is ended before a machine is late
    memory_bytes_max      what its process may map on top of what the code itself needs
    output_bytes_max      the payload it may give; never more than the policy's payload_bytes_max
    process_messages_max  pooled: after so many messages its process is replaced by a fresh one
    """

    message_ms_max: Annotated[int, Field(ge=100, le=600_000)] = 10_000
    message_cpu_ms_max: Annotated[int, Field(ge=100, le=600_000)] = 5_000
    memory_bytes_max: Annotated[int, Field(ge=16 * 2**20, le=2**36)] = 512 * 2**20
    output_bytes_max: Annotated[int, Field(ge=1, le=PAYLOAD_BYTES_MAX)] = PAYLOAD_BYTES_MAX
    process_messages_max: Annotated[int, Field(ge=1, le=2**31)] = 10_000


class OwnLine(Closed):
    """How a policy pins a stage that the site brings: `OwnStage`, bounded.

    No route: whose queues `release` lets through is in the parameters of this project's own.
    """

    kind: Literal["filter", "normalize", "transform"]
    side: Literal["source", "destination", "both"]
    version: Annotated[int, Field(ge=1, le=9999)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class StageLine(Closed):
    """One stage of a chain: a name unique in the chain, the catalog's name, its parameters.

    limits  for this stage, instead of the chain's
    own     for a stage that is not this project's but the site's own
    """

    name: Name
    use: Name = ""
    parameters: dict[str, Any] = {}
    limits: StageLimits | None = None
    own: OwnLine | None = None

    @property
    def catalog_name(self) -> str:
        """The catalog entry: `use`, or the stage's own name where `use` is left out."""
        return self.use or self.name

    @property
    def pin(self) -> dict[str, Any] | None:
        """The same as `own_stage`, for a process's orders."""
        return self.own.model_dump() if self.own else None

    @property
    def own_stage(self) -> OwnStage | None:
        """What pins it, if it is the site's own."""
        return OwnStage(**self.own.model_dump()) if self.own else None


class Chain(Closed):
    """The stages of one side, in order, and the documents they may read.

    isolation  "pooled": a stage's process sees many messages; "message": each message meets a
               process of its own in every stage, which ends with it
    limits     of each stage that names no limits of its own
    """

    isolation: Literal["pooled", "message"] = "pooled"
    limits: StageLimits = StageLimits()
    documents: Annotated[list[FileName], Field(max_length=32)] = []
    stage: Annotated[list[StageLine], Field(min_length=1, max_length=STAGES_MAX)]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [line.name for line in self.stage]
        if len(set(names)) != len(names):
            raise ValueError("two stages have the same name")
        return self


class SourceChain(Chain):
    """The source side's chain and what crosses beside the payload.

    name_crosses   whether the dropped file's name is written into the manifest
    keep_refused   whether a refused message's accepted bytes are kept for operators
    replies        whether senders are told what became of their messages
    delay_s        how long an accepted message waits before the chain sees it, seconds
    """

    name_crosses: bool = False
    keep_refused: bool = False
    replies: bool = True
    delay_s: Annotated[int, Field(ge=0, le=31 * 86_400)] = 0


class DestinationChain(Chain):
    """The destination side's chain.

    extension  of the files in the output queue; "" takes that of each one's type
    accepts    VERSION:DIGEST of each source policy whose messages are taken; empty takes none
    name_crosses  whether a message may bring the dropped file's name; else it is held
    """

    extension: Annotated[str, Field(pattern=r"^[a-z0-9]{0,8}$")] = "bin"
    accepts: Annotated[list[Accepted], Field(max_length=16)] = []
    name_crosses: bool = False

    @model_validator(mode="after")
    def _a_version_is_one_policy(self) -> Self:
        parts = [line.split(":") for line in self.accepts]
        if any(len({part[at] for part in parts}) != len(parts) for at in (0, 1)):
            raise ValueError("accepts names a version or a digest twice")
        return self

    def accepted_versions(self) -> dict[bytes, int]:
        """Digest -> version of the source policies whose messages are taken."""
        parts = [line.split(":") for line in self.accepts]
        return {bytes.fromhex(digest): int(version) for version, digest in parts}


class LinkLine(Closed):
    """The link's parameters, as docs/spec/link.md names them; both sides must agree on them.

    rate         one of rate_mbit_per_s and rate_bit_per_s; 1000 Mbit/s if neither is named
    repeats      how often each message is sent again, whole, so long after it was sent
    tag          datagrams carry a tag; off only for a cable that nobody else can reach
    manifest     how `release` writes it, and the weakest form that `verify` takes
    signatures   by which a manifest is signed, and the least that `verify` takes; hybrid: also by
                 ML-DSA-65
    compression  of whole envelopes; with `dictionary`, a document of each chain that the policy has
    """

    mtu_bytes: Annotated[int, Field(ge=576, le=9216)] = 1500
    k_max: Annotated[int, Field(ge=1, le=252)] = 64
    r_max: Annotated[int, Field(ge=3, le=254)] = 24
    repair_percent: Annotated[int, Field(ge=0, le=400)] = 15
    interleave_blocks: Annotated[int, Field(ge=1, le=64)] = 1
    rate_mbit_per_s: Annotated[int, Field(ge=1, le=100_000)] | None = None
    rate_bit_per_s: Annotated[int, Field(ge=1_000, le=100_000 * BITS_PER_MBIT)] | None = None
    heartbeat_ms: Annotated[int, Field(ge=20, le=60_000)] = 100
    repeats: Annotated[int, Field(ge=0, le=16)] = 0
    repeat_pause_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 2000
    tag: bool = True
    manifest: Literal["full", "compact"] = "full"
    signatures: Literal["ed25519", "hybrid"] = "ed25519"
    compression: Literal["off", "lz4", "zstd", "dictionary"] = "off"
    dictionary: FileName | None = None

    @model_validator(mode="after")
    def _one_rate_and_one_dictionary(self) -> Self:
        if self.rate_mbit_per_s is not None and self.rate_bit_per_s is not None:
            raise ValueError("name rate_mbit_per_s or rate_bit_per_s, not both")
        if (self.compression == "dictionary") != (self.dictionary is not None):
            raise ValueError('compression = "dictionary" needs a dictionary, and only it has one')
        if self.manifest == "compact" and self.signatures == "hybrid":
            raise ValueError('signatures = "hybrid" needs manifest = "full"')
        return self

    @property
    def bits_per_s(self) -> int:
        """The rate on the wire, whichever way it is written."""
        if self.rate_bit_per_s is not None:
            return self.rate_bit_per_s
        return (self.rate_mbit_per_s or RATE_MBIT_PER_S) * BITS_PER_MBIT

    @property
    def mbit_per_s(self) -> int:
        """The same, rounded up: what buffers are sized for."""
        return -(-self.bits_per_s // BITS_PER_MBIT)


class SenderLimits(Closed):
    """What one sender may drop; 0 sets no limit. docs/spec/spool.md §7

    messages_per_minute_max  in any 60 seconds
    bytes_per_day_max        of payloads, in a day of UTC
    repeated_within_s        the same bytes again within so many seconds are refused; needs
                             messages_per_minute_max, which bounds what is remembered
    """

    messages_per_minute_max: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    bytes_per_day_max: Annotated[int, Field(ge=0, le=2**50)] = 0
    repeated_within_s: Annotated[int, Field(ge=0, le=30 * 86_400)] = 0

    @model_validator(mode="after")
    def _what_is_remembered_is_bounded(self) -> Self:
        if not self.repeated_within_s:
            return self
        most = self.messages_per_minute_max * (self.repeated_within_s // 60 + 1)
        if not 0 < most <= PAYLOADS_REMEMBERED_MAX:
            raise ValueError(
                "messages_per_minute_max times the minutes of repeated_within_s is to be from 1 to"
                f" {PAYLOADS_REMEMBERED_MAX}"
            )
        return self


class Policy(Closed):
    """A flow's policy. A side needs its own chain; a policy for `guard try` may have both.

    sender_persons  sender -> the persons who are that sender: they review nothing that it sent
    limits          sender -> how much it may drop, on the source side
    """

    format: Literal[1]
    version: Annotated[int, Field(ge=1, le=2**31)]
    flow: Name
    source_domain: Domain
    destination_domain: Domain
    payload_bytes_max: Annotated[int, Field(ge=1, le=PAYLOAD_BYTES_MAX)] = 1024 * 1024
    senders: Annotated[list[Name], Field(min_length=1, max_length=64)]
    sender_persons: dict[Name, Annotated[list[Person], Field(max_length=64)]] = {}
    limits: dict[Name, SenderLimits] = {}
    source: SourceChain | None = None
    destination: DestinationChain | None = None
    link: LinkLine = LinkLine()

    @model_validator(mode="after")
    def _persons_are_of_senders(self) -> Self:
        for name in self.sender_persons:
            if name not in self.senders:
                raise ValueError(f"sender_persons names {name}, which is none of the senders")
        return self

    @model_validator(mode="after")
    def _limits_are_of_senders(self) -> Self:
        for name in self.limits:
            if name not in self.senders:
                raise ValueError(f"limits names {name}, which is none of the senders")
        return self

    @model_validator(mode="after")
    def _dictionary_is_a_document(self) -> Self:
        """Of every chain: a side reads, and its signature covers, its own chain's documents."""
        name = self.link.dictionary
        for side, chain in (("source", self.source), ("destination", self.destination)):
            if name is not None and chain is not None and name not in chain.documents:
                raise ValueError(f"the link reads {name}, which the {side} chain's documents lack")
        return self


def read_policy(untrusted_bytes: bytes) -> Policy:
    """The policy in a TOML file. Raises `Malformed(POLICY_MALFORMED)` naming the first fault."""
    if len(untrusted_bytes) > POLICY_BYTES_MAX:
        raise Malformed(Reason.POLICY_MALFORMED, "the policy file is larger than 256 KiB")
    if max(map(len, untrusted_bytes.split(b"\n"))) > LINE_BYTES_MAX:
        raise Malformed(Reason.POLICY_MALFORMED, f"a line is longer than {LINE_BYTES_MAX} bytes")
    try:
        return Policy.model_validate(tomllib.loads(untrusted_bytes.decode("utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise Malformed(Reason.POLICY_MALFORMED, f"{place}: {first['msg']}") from error
    except ValueError as error:
        raise Malformed(Reason.POLICY_MALFORMED, str(error)) from error
    except RecursionError as error:
        raise Malformed(Reason.POLICY_MALFORMED, "the policy nests too deep") from error


def policy_digest(policy_bytes: bytes, documents: Mapping[str, bytes]) -> bytes:
    """SHA-256 (32 bytes) over the policy file and the documents, by name, each by its digest."""
    lines = ["checkvalve policy v1", hashlib.sha256(policy_bytes).hexdigest()]
    lines += [f"{name} {hashlib.sha256(documents[name]).hexdigest()}" for name in sorted(documents)]
    return hashlib.sha256("\n".join(lines).encode()).digest()
