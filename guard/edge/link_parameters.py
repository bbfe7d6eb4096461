"""From the signed policy's link line to the parameters that both ends of the link build alike."""

from guard.edge.spec import Spec
from guard.link.params import LinkParams
from schemas.manifest import MANIFEST_BYTES_MAX
from schemas.policy import LinkLine

_BITS_PER_MBIT = 1_000_000


def link_params(spec: Spec) -> LinkParams:
    """The link of a side. Raises `Malformed` for numbers that do not fit together."""
    line = LinkLine.model_validate(spec.values["link"])
    return LinkParams(
        mtu_bytes=line.mtu_bytes,
        ip_version=6 if spec.text("link_address").startswith("[") else 4,
        k_max=line.k_max,
        r_max=line.r_max,
        repair_percent=line.repair_percent,
        interleave_blocks=line.interleave_blocks,
        rate_bits_per_s=line.rate_mbit_per_s * _BITS_PER_MBIT,
        heartbeat_ms=line.heartbeat_ms,
        envelope_bytes_max=spec.number("payload_bytes_max") + MANIFEST_BYTES_MAX + 4,
    )
