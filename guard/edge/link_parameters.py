"""From the signed policy's link line to what both ends of the link build alike."""

from collections.abc import Mapping

from guard.edge.spec import Spec
from guard.link.compression import CODINGS, Coder
from guard.link.params import LinkParams
from schemas.errors import Malformed
from schemas.manifest import COMPACT_HEAD, HYBRID_BYTES_MAX, LENGTH_BYTES
from schemas.policy import LinkLine
from schemas.reasons import Reason

_SILENCE_MS_MIN = 2000
_SILENCE_HEARTBEATS = 5  # so many may be lost before anyone is told


def link_line(spec: Spec) -> LinkLine:
    """The policy's link line, as the supervisor hands it to a role."""
    return LinkLine.model_validate(spec.values["link"])


def link_params(spec: Spec) -> LinkParams:
    """The link of a side. Raises `Malformed` for numbers that do not fit together."""
    line = link_line(spec)
    links = spec.values.get("links")
    striped = isinstance(links, list) and not spec.values["link_copies"]
    together = len(links) if isinstance(links, list) and striped else 1
    return LinkParams(
        mtu_bytes=line.mtu_bytes,
        ip_version=6 if spec.text("link_address").startswith("[") else 4,
        k_max=line.k_max,
        r_max=line.r_max,
        repair_percent=line.repair_percent,
        interleave_blocks=line.interleave_blocks,
        rate_bits_per_s=line.bits_per_s * together,
        heartbeat_ms=line.heartbeat_ms,
        silence_ms=max(_SILENCE_MS_MIN, _SILENCE_HEARTBEATS * line.heartbeat_ms),
        repeats=line.repeats,
        repeat_pause_ms=line.repeat_pause_ms,
        tag=line.tag,
        envelope_bytes_max=spec.number("payload_bytes_max") + HYBRID_BYTES_MAX + LENGTH_BYTES,
    )


def coder_of(line: LinkLine, documents: Mapping[str, bytes]) -> Coder:
    """The link's compression. Raises `Malformed` when the dictionary is missing or is none.

    documents: name -> content; of them only the link's dictionary is read.
    """
    content = b""
    if line.dictionary is not None:
        if line.dictionary not in documents:
            raise Malformed(
                Reason.POLICY_MALFORMED, f"link: the dictionary {line.dictionary} is not there"
            )
        content = documents[line.dictionary]
    head_of = _compact_head if line.manifest == "compact" else _full_head
    return Coder(CODINGS[line.compression], content, head_of)


def _compact_head(_: bytes | memoryview) -> int:
    return COMPACT_HEAD.size


def _full_head(envelope: bytes | memoryview) -> int:
    return LENGTH_BYTES + int.from_bytes(envelope[:LENGTH_BYTES], "big")
