"""What a Cursor-on-Target event of about 400 bytes costs on a radio of 9,600 bit/s, MTU 576.

The envelopes are those that the real chain, manifest and compression make, the datagrams those of
the real sender: one message alone, IPv4, repair symbols not counted. The events are our own, the
pack's samples and the real ones beside this clone, with details taken out until 400 bytes are left.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from guard.core.sealing import sealer
from guard.edge.isal import best_codec
from guard.edge.keys import new_secret, signer
from guard.edge.link_parameters import coder_of
from guard.link.arrivals import ReceiverState
from guard.link.compression import Coder
from guard.link.events import Landed
from guard.link.params import LinkParams
from guard.link.receiver import Receiver
from guard.link.sender import Sender
from schemas.manifest import Form, Manifest
from schemas.policy import LinkLine, read_policy
from tests.filters.conftest import PACKS, SHARED, Chain, message

IP_AND_UDP_BYTES = 28
RADIO = LinkParams(mtu_bytes=576, rate_bits_per_s=9600, frame_overhead_bytes=0)
XML_BYTES = 400
NOW_S = 1_790_000_000
SIGN = signer(new_secret())
DICTIONARY = "cot.zdict"
POLICY = read_policy((PACKS / "c2" / "policy.toml").read_bytes())

OWN = {
    "position": (
        '<?xml version="1.0" encoding="UTF-8"?><event version="2.0" uid="ANDROID-6f0c2be19a7744d1"'
        ' type="a-f-G-U-C" time="2026-05-01T10:11:12.345Z" start="2026-05-01T10:11:12.345Z"'
        ' stale="2026-05-01T10:17:27.345Z" how="m-g"><point lat="48.8567281" lon="2.2943506"'
        ' hae="88.104" ce="4.7" le="9999999.0"/><detail><contact callsign="BRAVO6"'
        ' endpoint="*:-1:stcp"/><__group name="Yellow" role="Medic"/></detail></event>'
    ),
    "sighting": (
        '<event version="2.0" uid="7c4f2f11-9b3e-4a7e-8a55-d8c07a32be10" type="a-h-G-U-C-I"'
        ' time="2027-07-19T22:48:31.007Z" start="2027-07-19T22:48:31.007Z"'
        ' stale="2027-07-19T22:53:31.007Z" how="h-g-i-g-o"><point lat="38.85606343062312"'
        ' lon="-77.0563755018233" hae="9999999.0" ce="9999999.0" le="9999999.0"/><detail>'
        '<contact callsign="R 1"/><remarks>Three boats heading north</remarks></detail></event>'
    ),
    "aircraft": (
        "<event version='2.0' uid='ICAO-3C6589' type='a-n-A-C-F' time='2025-11-30T03:21:09Z'"
        " start='2025-11-30T03:21:09Z' stale='2025-11-30T03:21:39Z' how='m-g'><point"
        " lat='34.190123' lon='-118.330871' hae='10972.8' ce='185.0' le='30.0'/><detail>"
        "<contact callsign='KC4XYZ'/><track course='187.4' speed='231.5'/>"
        "<precisionlocation altsrc='GPS' geopointsrc='GPS'/></detail></event>"
    ),
}


def cut(xml: bytes) -> bytes:
    """The event without blanks between elements and without its longest details."""
    root = etree.fromstring(xml, etree.XMLParser(remove_blank_text=True, remove_comments=True))
    detail = root.find("detail")
    assert detail is not None
    while len(etree.tostring(root)) > XML_BYTES and len(detail):
        detail.remove(max(detail, key=lambda item: len(etree.tostring(item))))
    return bytes(etree.tostring(root))


def events() -> Iterator[tuple[str, bytes]]:
    yield from ((f"own {name}", xml.encode()) for name, xml in OWN.items())
    folders = [PACKS / "c2" / "samples", SHARED / "cot" / "examples"]
    for path in sorted(path for folder in folders for path in folder.glob("*.cot")):
        yield path.stem, cut(path.read_bytes())


EVENTS = dict(events())


def coder(manifest: Form) -> Coder:
    """As a policy of this link has it."""
    line = LinkLine(
        mtu_bytes=576, rate_bit_per_s=9600, compression="dictionary", dictionary=DICTIONARY,
        manifest=manifest.value,
    )  # fmt: skip
    return coder_of(line, {DICTIONARY: (PACKS / "c2" / DICTIONARY).read_bytes()})


def wire_bytes(envelope: bytes, link: Coder) -> int:
    """What one message costs that is alone on the link: its source symbols, as the real sender
    sends them and the real receiver lands them."""
    key, codec = bytes(32), best_codec()
    sender = Sender(RADIO, key, 1, 1, codec, coder=link)
    receiver = Receiver(RADIO, key, 1, codec, ReceiverState(), coder=link)
    sender.offer(1, 2, envelope)
    cost, now_ns, landed = 0, 0, b""
    while not sender.idle:
        for burst in sender.due(now_ns):
            for at in range(0, len(burst.buffer), burst.segment_bytes):
                datagram = burst.buffer[at : at + burst.segment_bytes]
                heartbeat, k, index = datagram[3] & 1, datagram[16], datagram[18]
                if not heartbeat and index < k:
                    cost += len(datagram) + IP_AND_UDP_BYTES
            for event in receiver.take(burst.buffer, burst.segment_bytes, now_ns):
                if isinstance(event, Landed):
                    landed = event.envelope
        now_ns = sender.wake_ns(now_ns)
    assert landed == envelope
    return cost


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain("c2", "source")


def sealed(xml: bytes, form: Form, chain: Chain) -> bytes:
    """What `release` makes of it: random where a site's digests and ids are."""
    cleared = chain(message(xml))
    assert (cleared.stage, cleared.sentence) == ("", "")
    meta, payload = cleared.message.meta, cleared.message.payload
    flow = (POLICY.flow, POLICY.source_domain, POLICY.destination_domain)
    manifest = Manifest(
        *flow, 123_456, os.urandom(16), hashlib.sha256(payload).digest(),
        len(payload), meta.type, meta.label, 2, cleared.queues, NOW_S, NOW_S + 1,
        os.urandom(32), os.urandom(32), 234_567, os.urandom(32),
    )  # fmt: skip
    return sealer(form)(manifest, payload, SIGN)


@pytest.mark.parametrize("name", EVENTS)
def test_a_bare_event_costs_at_most_300_bytes(name: str) -> None:
    assert wire_bytes(EVENTS[name], coder(Form.FULL)) <= 300


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_sealed_compact_costs_at_most_300_bytes(name: str, chain: Chain) -> None:
    link = coder(Form.COMPACT)
    assert wire_bytes(sealed(EVENTS[name], Form.COMPACT, chain), link) <= 300


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_sealed_in_full_costs_at_most_500_bytes(name: str, chain: Chain) -> None:
    assert wire_bytes(sealed(EVENTS[name], Form.FULL, chain), coder(Form.FULL)) <= 500


def test_the_events_are_of_about_400_bytes() -> None:
    assert {name: len(xml) for name, xml in EVENTS.items() if not 320 <= len(xml) <= 420} == {}
    assert all(350 <= len(xml) <= 420 for xml in OWN.values()), Path(__file__)
