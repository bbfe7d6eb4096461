"""From a policy's link line to the link: rates, bursts, compression."""

import pytest

from guard.core.sealing import sealer
from guard.edge.keys import new_secret, signer
from guard.edge.link_parameters import coder_of, link_params
from guard.edge.making import PACKS
from guard.edge.spec import Spec, Value
from guard.link.compression import Coding
from schemas.errors import Malformed
from schemas.manifest import Form
from schemas.policy import LinkLine
from schemas.reasons import Reason
from tests.guard.core import envelopes

DICTIONARY = (PACKS / "c2" / "cot.zdict").read_bytes()
DOCUMENTS = {"words.txt": b"one", "cot.zdict": DICTIONARY}
SIGN = signer(new_secret())


def spec(line: LinkLine) -> Spec:
    values: dict[str, Value] = {
        "link": line.model_dump(), "link_address": "127.0.0.1:1", "payload_bytes_max": 65_536,
    }  # fmt: skip
    return Spec("send", "", "low", {}, values)


@pytest.mark.parametrize(
    ("line", "bits_per_s", "burst_s_max"),
    [
        (LinkLine(), 10**9, 0.01),
        (LinkLine(rate_mbit_per_s=10), 10**7, 0.06),
        (LinkLine(rate_bit_per_s=9600, mtu_bytes=576), 9600, 1.1),
        (LinkLine(rate_bit_per_s=2400, mtu_bytes=576), 2400, 4.3),
    ],
    ids=["unsaid", "10 Mbit/s", "9.6 kbit/s", "2.4 kbit/s"],
)
def test_a_burst_is_short_at_any_rate(line: LinkLine, bits_per_s: int, burst_s_max: float) -> None:
    params = link_params(spec(line))
    assert params.rate_bits_per_s == bits_per_s
    assert line.mtu_bytes <= params.burst_bytes <= bits_per_s / 8 * burst_s_max


def test_rare_heartbeats_raise_no_false_alarm() -> None:
    params = link_params(spec(LinkLine(heartbeat_ms=60_000)))
    assert params.silence_ms >= 3 * 60_000


def test_striped_links_are_paced_together_and_copies_each_alone() -> None:
    told = spec(LinkLine(rate_mbit_per_s=10))
    told.values.update({"links": ["127.0.0.1:1", "127.0.0.1:2"], "link_copies": 0})
    assert link_params(told).rate_bits_per_s == 2 * 10**7
    told.values["link_copies"] = 1
    assert link_params(told).rate_bits_per_s == 10**7


@pytest.mark.parametrize(
    ("line", "coding"),
    [
        (LinkLine(), Coding.NONE),
        (LinkLine(compression="lz4"), Coding.LZ4),
        (LinkLine(compression="zstd"), Coding.ZSTD),
        (LinkLine(compression="dictionary", dictionary="cot.zdict"), Coding.ZSTD_DICTIONARY),
    ],
    ids=lambda value: value.name if isinstance(value, Coding) else "",
)
def test_the_lines_compression_becomes_a_coder(line: LinkLine, coding: Coding) -> None:
    assert coder_of(line, DOCUMENTS).coding is coding


@pytest.mark.parametrize("form", Form)
def test_envelopes_of_either_form_come_back(form: Form) -> None:
    line = LinkLine(compression="dictionary", dictionary="cot.zdict", manifest=form.value)
    coder = coder_of(line, DOCUMENTS)
    payload = b"one and the same " * 9
    envelope = sealer(form)(envelopes.manifest(payload), payload, SIGN)
    shrunk = coder.shrink(envelope)
    assert shrunk is not None
    assert coder.expand(coder.coding, shrunk, len(envelope)) == envelope


def test_a_dictionary_that_is_not_there_is_the_policys_fault() -> None:
    line = LinkLine(compression="dictionary", dictionary="other.zdict")
    with pytest.raises(Malformed) as caught:
        coder_of(line, DOCUMENTS)
    assert caught.value.reason is Reason.POLICY_MALFORMED
    assert "other.zdict" in caught.value.sentence
