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
from schemas.reasons import Reason

POLICY_BYTES_MAX = 256 * 1024
LINE_BYTES_MAX = 4096  # the TOML reader's time grows with the square of a dotted key
STAGES_MAX = 48
PAYLOAD_BYTES_MAX = 16 * 1024 * 1024

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Domain = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_-]{0,31}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Closed(BaseModel):
    """A table with no other keys than these."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StageLine(Closed):
    """One stage of a chain: a name unique in the chain, the catalog's name, its parameters."""

    name: Name
    use: Name = ""
    parameters: dict[str, Any] = {}

    @property
    def catalog_name(self) -> str:
        """The catalog entry: `use`, or the stage's own name where `use` is left out."""
        return self.use or self.name


class Chain(Closed):
    """The stages of one side, in order, and the documents they may read."""

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
    """

    name_crosses: bool = False
    keep_refused: bool = False
    replies: bool = True


class DestinationChain(Chain):
    """The destination side's chain.

    extension  of the files in the output queue
    accepts    digests of the source policies whose messages are taken; empty takes none
    """

    extension: Annotated[str, Field(pattern=r"^[a-z0-9]{1,8}$")] = "bin"
    accepts: Annotated[list[Digest], Field(max_length=16)] = []


class LinkLine(Closed):
    """The link's parameters, as docs/spec/link.md names them; both sides must agree on them."""

    mtu_bytes: Annotated[int, Field(ge=576, le=9216)] = 1500
    k_max: Annotated[int, Field(ge=1, le=252)] = 64
    r_max: Annotated[int, Field(ge=3, le=254)] = 24
    repair_percent: Annotated[int, Field(ge=0, le=400)] = 15
    interleave_blocks: Annotated[int, Field(ge=1, le=64)] = 1
    rate_mbit_per_s: Annotated[int, Field(ge=1, le=100_000)] = 1000
    heartbeat_ms: Annotated[int, Field(ge=20, le=60_000)] = 100


class Policy(Closed):
    """A flow's policy. A side needs its own chain; a policy for `guard try` may have both."""

    format: Literal[1]
    version: Annotated[int, Field(ge=1, le=2**31)]
    flow: Name
    source_domain: Domain
    destination_domain: Domain
    payload_bytes_max: Annotated[int, Field(ge=1, le=PAYLOAD_BYTES_MAX)] = 1024 * 1024
    senders: Annotated[list[Name], Field(min_length=1, max_length=64)]
    source: SourceChain | None = None
    destination: DestinationChain | None = None
    link: LinkLine = LinkLine()


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
