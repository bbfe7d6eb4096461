"""Notices: what the head tells, and any other bytes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core.notice import ABOUT_BYTES_MAX, Notice, Place, What, read_notice
from schemas.errors import Broken, Malformed

NUMBERS = st.integers(0, 2**64 - 1)
NOTICES = st.builds(
    Notice, st.sampled_from(What), NUMBERS, st.binary(min_size=16, max_size=16),
    st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32),
    st.builds(Place, NUMBERS, NUMBERS, st.integers(0, 2**32 - 1)), NUMBERS,
    st.dictionaries(st.text(max_size=9), st.integers() | st.text(max_size=30), max_size=6),
)  # fmt: skip
SOME = Notice(What.FED, 1, bytes(16), bytes(32), bytes(32), Place(0, 0, 0), 0, {})
FIXED = SOME.write()[:-2]


@given(NOTICES)
def test_a_notice_comes_back(notice: Notice) -> None:
    assert read_notice(notice.write()) == notice


@given(st.binary(max_size=200))
def test_any_bytes_are_a_notice_or_malformed(noise: bytes) -> None:
    for untrusted in (noise, FIXED + noise):
        try:
            notice = read_notice(untrusted)
        except Malformed:
            continue
        assert all(type(value) in (int, str) for value in notice.about.values())


@pytest.mark.parametrize(
    "about",
    [
        b"", b"[]", b"1", b"null", b"{", b'{"a":null}', b'{"a":true}', b'{"a":1.5}', b'{"a":NaN}',
        b'{"a":[]}', b'{"a":{}}', b"[" * 8000, b'{"a":' * 1600, b"\xff", b"9" * 5000,
        b'{"a":"' + b"x" * ABOUT_BYTES_MAX + b'"}',
    ],
    ids=lambda about: repr(about[:9]),
)  # fmt: skip
def test_what_says_something_else_is_malformed(about: bytes) -> None:
    with pytest.raises(Malformed):
        read_notice(FIXED + about)


def test_nothing_is_told_that_nobody_would_read() -> None:
    fits = replace(SOME, about={"a": "x" * (ABOUT_BYTES_MAX - 8)})
    assert read_notice(fits.write()) == fits
    with pytest.raises(Broken):
        replace(SOME, about={"a": "x" * (ABOUT_BYTES_MAX - 7)}).write()
