"""A gap notice: the known answers, that nothing else is taken, and that none is taken twice."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core.gap_notice import (
    AHEAD_S_MAX,
    NUMBERS_MAX,
    RANGES_MAX,
    SEQUENCE_MAX,
    GapNotice,
    approved_by,
    as_much_as_fits,
    read_gap_notice,
)
from guard.core.signed_note import PersonKey
from guard.link import params
from guard.link.keys import key_id
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason
from schemas.sequences import RangeSet

ROOT = Path(__file__).parents[3]
ANSWERS = json.loads((ROOT / "tests/vectors/gap_notice/notices.json").read_text("utf-8"))
OPERATORS = {name: bytes.fromhex(key) for name, key in ANSWERS["operators"].items()}
SEEDS = {name: bytes.fromhex(seed) for name, seed in ANSWERS["seeds"].items()}
APPROVED: bytes = ANSWERS["approved"].encode()


def test_the_vectors_notice_is_written_read_and_signed_as_the_page_says() -> None:
    note, notice = read_gap_notice(ANSWERS["unsigned"].encode())
    assert [list(each) for each in notice.gaps] == ANSWERS["numbers"]
    assert notice.link_key == key_id(bytes.fromhex(ANSWERS["link_key"]), ANSWERS["flow_number"])
    assert notice.note().write() == ANSWERS["unsigned"].encode()
    for name in ("alice", "bob"):
        key = PersonKey(name, OPERATORS[name])
        note = note.signed_by(key, SEEDS[name], Reason.GAP_NOTICE_SIGNATURES)
    assert note.write() == APPROVED
    assert approved_by(note, OPERATORS) == ("alice", "bob")


def test_the_specs_example_is_the_vector() -> None:
    page = (ROOT / "docs/spec/gap-notice.md").read_text("utf-8")
    assert ANSWERS["approved"] in page
    assert (f"{RANGES_MAX} ranges" in page, f"{NUMBERS_MAX:,} numbers" in page) == (True, True)


@pytest.mark.parametrize("name", ["most_ranges", "most_numbers", "last_number"])
def test_what_is_just_within_its_bounds_is_a_notice(name: str) -> None:
    note, notice = read_gap_notice(ANSWERS[name].encode())
    assert notice.note() == note.__class__(note.text, what=notice.note().what)


def test_a_number_has_the_same_bound_as_on_the_link() -> None:
    assert SEQUENCE_MAX == params.SEQUENCE_MAX


@pytest.mark.parametrize("name", ANSWERS["not_approved"])
def test_what_two_listed_persons_did_not_sign_is_not_approved(name: str) -> None:
    note, _ = read_gap_notice(ANSWERS["not_approved"][name].encode())
    with pytest.raises(Forged) as caught:
        approved_by(note, OPERATORS)
    assert caught.value.reason is Reason.GAP_NOTICE_SIGNATURES


@pytest.mark.parametrize("name", ANSWERS["malformed"])
def test_what_breaks_a_rule_is_no_notice(name: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_gap_notice(ANSWERS["malformed"][name].encode())
    assert caught.value.reason is Reason.GAP_NOTICE_MALFORMED


def test_no_bit_of_an_approved_notice_can_be_changed() -> None:
    for at in range(len(APPROVED)):
        changed = APPROVED[:at] + bytes([APPROVED[at] ^ 1]) + APPROVED[at + 1 :]
        with pytest.raises((Malformed, Forged)):
            approved_by(read_gap_notice(changed)[0], OPERATORS)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_malformed(content: bytes) -> None:
    with pytest.raises(Malformed):
        read_gap_notice(content)


@given(st.integers(0, len(APPROVED)), st.binary(max_size=20), st.integers(0, 20))
def test_any_change_is_refused_or_changes_nothing(at: int, put: bytes, cut: int) -> None:
    content = APPROVED[:at] + put + APPROVED[at + cut :]
    try:
        approved_by(read_gap_notice(content)[0], OPERATORS)
    except (Malformed, Forged):
        return
    assert content == APPROVED


def test_a_notice_is_for_one_flow_and_link_key_and_newer_than_the_one_before() -> None:
    _, notice = read_gap_notice(APPROVED)
    notice.check_for("c2", notice.link_key)
    notice.check_newer(notice.time_s - 1, notice.time_s - AHEAD_S_MAX)
    for flow, link_key in (("events", notice.link_key), ("c2", "0" * 32)):
        with pytest.raises(Forged) as caught:
            notice.check_for(flow, link_key)
        assert caught.value.reason is Reason.GAP_NOTICE_STALE
    for newest_s, now_s in (
        (notice.time_s, notice.time_s),
        (notice.time_s + 1, notice.time_s),
        (0, notice.time_s - AHEAD_S_MAX - 1),
    ):
        with pytest.raises(Forged) as caught:
            notice.check_newer(newest_s, now_s)
        assert caught.value.reason is Reason.GAP_NOTICE_STALE


@given(
    st.lists(st.tuples(st.integers(1, 10**7), st.integers(0, 10**6)), max_size=100).map(
        lambda pairs: RangeSet((first, first + more) for first, more in pairs).ranges()
    )
)
def test_what_fits_into_a_notice_is_the_lowest_and_a_notice(
    gaps: tuple[tuple[int, int], ...],
) -> None:
    fitting = as_much_as_fits(gaps)
    if not gaps:
        assert fitting == ()
        return
    _, notice = read_gap_notice(GapNotice("c2", "0" * 32, 10**9, fitting).note().write())
    assert notice.gaps == fitting
    wanted, given = RangeSet(gaps), RangeSet(fitting)
    full = len(fitting) == RANGES_MAX or given.count == NUMBERS_MAX
    assert full or fitting == gaps
    assert not wanted.above(fitting[-1][1]) or full
    assert wanted.ranges() == fitting
