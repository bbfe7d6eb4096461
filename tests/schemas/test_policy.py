"""The policy file: what is closed stays closed, and any other bytes name their first fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Malformed
from schemas.policy import POLICY_BYTES_MAX, policy_digest, read_policy
from schemas.reasons import Reason

GOOD = """
format = 1
version = 3
flow = "tracks"
source_domain = "NORTH"
destination_domain = "SOUTH"
senders = ["alpha"]

[source]
documents = ["words.txt"]

[[source.stage]]
name = "bounds"

[[source.stage]]
name = "bounds-again"
use = "bounds"
"""


def test_a_policy_is_read() -> None:
    policy = read_policy(GOOD.encode())
    assert policy.source is not None
    assert [line.catalog_name for line in policy.source.stage] == ["bounds", "bounds"]
    assert policy.destination is None


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("format = 1", "format = 2", "format"),
        ("version = 3", "version = 0", "version"),
        ("version = 3", "version = 3.0", "version"),
        ('version = 3', 'version = "3"', "version"),
        ("version = 3", "version = true", "version"),
        ('flow = "tracks"', 'flow = "../tracks"', "flow"),
        ('flow = "tracks"', 'flow = "tracks\\n"', "flow"),
        ('flow = "tracks"', 'flow = "Tracks"', "flow"),
        ('"NORTH"', '"north"', "source_domain"),
        ('["alpha"]', "[]", "senders"),
        ('["alpha"]', '["al/pha"]', "senders.0"),
        ('["alpha"]', '["alpha"]\nsender_persons = { alpha = ["Dora"] }', "sender_persons.alpha.0"),
        ('["alpha"]', '["alpha"]\nsender_persons = { beta = ["dora"] }', "the file"),
        ('["words.txt"]', '["../words.txt"]', "source.documents.0"),
        ('["words.txt"]', '[".words"]', "source.documents.0"),
        ('name = "bounds"', 'name = "bounds"\nextra = 1', "source.stage.0.extra"),
        ('"bounds-again"', '"bounds"', "source"),
        ("format = 1", "format = 1\nfree = 1", "free"),
        ("format = 1", "format = 1\npayload_bytes_max = 999999999", "payload_bytes_max"),
    ],
)  # fmt: skip
def test_the_first_fault_is_named(old: str, new: str, place: str) -> None:
    assert old in GOOD
    with pytest.raises(Malformed) as caught:
        read_policy(GOOD.replace(old, new, 1).encode())
    assert caught.value.reason == Reason.POLICY_MALFORMED
    assert caught.value.sentence.startswith(f"{place}: ")


@pytest.mark.parametrize(
    "other",
    [
        b"", b"\xff", b"a = ", b"a = " + b"[" * 4000, b"a = " + b"{b=" * 1300,
        GOOD.encode() + GOOD.encode(), bytes(POLICY_BYTES_MAX + 1), GOOD.encode("utf-16"),
        b"a = [" + b"[\n" * 100_000, b"a." * 30_000 + b"b = 1", b"a." * 2000 + b"b = 1",
    ],
    ids=lambda other: repr(other[:12]),
)  # fmt: skip
def test_another_file_is_malformed(other: bytes) -> None:
    with pytest.raises(Malformed):
        read_policy(other)


@given(
    st.binary(max_size=200)
    | st.text(max_size=80).map(lambda t: (GOOD + t).encode("utf-8", "replace"))
)
def test_any_bytes_are_a_policy_or_malformed(noise: bytes) -> None:
    try:
        assert read_policy(noise).flow == "tracks"
    except Malformed:
        return


def test_the_digest_covers_the_file_and_each_document_under_its_name() -> None:
    documents = {"a": b"1", "b": b"2"}
    digests = {
        policy_digest(b"p", documents),
        policy_digest(b"q", documents),
        policy_digest(b"p", {"a": b"1", "b": b"3"}),
        policy_digest(b"p", {"a": b"2", "b": b"1"}),
        policy_digest(b"p", {"a": b"1", "c": b"2"}),
        policy_digest(b"p", {"a": b"1"}),
    }
    assert len(digests) == 6
    assert policy_digest(b"p", {"b": b"2", "a": b"1"}) in digests


LINK = GOOD + '[[destination.stage]]\nname = "bounds"\n\n[link]\n'
LINK = LINK.replace('["words.txt"]', '["words.txt", "d.zdict"]')
LINK = LINK.replace("[[destination", '[destination]\ndocuments = ["d.zdict"]\n\n[[destination', 1)


@pytest.mark.parametrize(
    ("lines", "bits_per_s", "mbit_per_s"),
    [
        ("", 1_000_000_000, 1000),
        ("rate_mbit_per_s = 25000", 25_000_000_000, 25_000),
        ("rate_bit_per_s = 9600", 9600, 1),
        ("rate_bit_per_s = 2400", 2400, 1),
        ("rate_bit_per_s = 2500000", 2_500_000, 3),
    ],
)
def test_a_rate_is_written_in_either_unit(lines: str, bits_per_s: int, mbit_per_s: int) -> None:
    link = read_policy((LINK + lines).encode()).link
    assert (link.bits_per_s, link.mbit_per_s) == (bits_per_s, mbit_per_s)


def test_a_low_rate_link_is_read() -> None:
    lines = 'manifest = "compact"\ncompression = "dictionary"\ndictionary = "d.zdict"\n'
    link = read_policy((LINK + lines).encode()).link
    assert (link.manifest, link.compression, link.dictionary) == (
        "compact", "dictionary", "d.zdict",
    )  # fmt: skip
    assert read_policy(GOOD.encode()).link.manifest == "full"
    assert read_policy(GOOD.encode()).link.compression == "off"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("rate_mbit_per_s = 1\nrate_bit_per_s = 9600", "not both"),
        ("rate_bit_per_s = 999", "greater than or equal to 1000"),
        ("rate_bit_per_s = 100000000001", "less than or equal to 100000000000"),
        ('manifest = "none"', "'full' or 'compact'"),
        ('compression = "gzip"', "'off', 'lz4', 'zstd' or 'dictionary'"),
        ('compression = "dictionary"', "needs a dictionary"),
        ('compression = "zstd"\ndictionary = "d.zdict"', "only it has one"),
        ('compression = "dictionary"\ndictionary = "../d"', "pattern"),
        ('compression = "dictionary"\ndictionary = "words.txt"',
         "the link reads words.txt, which the destination chain's documents lack"),
    ],
)  # fmt: skip
def test_a_link_that_contradicts_itself(lines: str, words: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_policy((LINK + lines).encode())
    assert words in caught.value.sentence
