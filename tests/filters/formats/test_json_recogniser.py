"""What the JSON recogniser lets pass is JSON; what it refuses it refuses by name."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.formats.json_recogniser import JsonLimits, recognise
from schemas.errors import Malformed
from schemas.reasons import Reason

LIMITS = JsonLimits()
SMALL = JsonLimits(
    bytes_max=200,
    depth_levels_max=3,
    items_max=5,
    string_characters_max=10,
    name_characters_max=4,
    number_characters_max=8,
)


def reason(untrusted: bytes, limits: JsonLimits = LIMITS) -> str:
    try:
        recognise(untrusted, limits)
    except Malformed as error:
        return error.reason
    return ""


@pytest.mark.parametrize(
    "good",
    [
        b"{}",
        b' \t\r\n{ "a" : [ ] , "b" : { } } \n',
        b'{"a":[[],{},[{}],[1,-0,2.50,1E5,1e-5,0.0]],"b":[true,false,null]}',
        '{"é":"漢字 😀","\\u00e9x":"\\ud83d\\ude00 \\\\ \\" \\/ \\n \\r \\t"}'.encode(),
        b'{"a":{"a":{"a":1}},"b":{"a":1}}',
        b'{"a":"","":""}',
    ],
)
def test_good_json_passes(good: bytes) -> None:
    assert reason(good) == ""


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"", Reason.SYNTAX),
        (b"[]", Reason.SYNTAX),
        (b"1", Reason.SYNTAX),
        (b'{"a":1', Reason.SYNTAX),
        (b'{"a":1]', Reason.SYNTAX),
        (b'{"a":[1}', Reason.SYNTAX),
        (b'{"a":{}]', Reason.SYNTAX),
        (b'{"a":[]', Reason.SYNTAX),
        (b'{"a":[1,]}', Reason.SYNTAX),
        (b'{,"a":1}', Reason.SYNTAX),
        (b'{"a":[,1]}', Reason.SYNTAX),
        (b'{"a"}', Reason.SYNTAX),
        (b"{1:2}", Reason.SYNTAX),
        (b'{"a":+1}', Reason.SYNTAX),
        (b'{"a":01}', Reason.SYNTAX),
        (b'{"a":1.}', Reason.SYNTAX),
        (b'{"a":0x10}', Reason.SYNTAX),
        (b'{"a":True}', Reason.SYNTAX),
        (b'{"a":"\\x41"}', Reason.SYNTAX),
        (b'{"a":"\\u12"}', Reason.SYNTAX),
        (b'{"a":"\\"}', Reason.SYNTAX),
        (b'{"a":1}}', Reason.TRAILING_DATA),
        (b"{} {}", Reason.TRAILING_DATA),
        (b"{},", Reason.TRAILING_DATA),
        (b'{"a":1,"a":1}', Reason.JSON_DUPLICATE_KEY),
        (b'{"b":[{"a":1,"\\u0061":1}]}', Reason.JSON_DUPLICATE_KEY),
        (b'{"\\ud83d\\ude00":1,"\xf0\x9f\x98\x80":1}', Reason.JSON_DUPLICATE_KEY),
        (b'{"a":NaN}', Reason.JSON_NOT_A_NUMBER),
        (b'{"a": [1, -Infinity]}', Reason.JSON_NOT_A_NUMBER),
        (b'{"a":Infinity}', Reason.JSON_NOT_A_NUMBER),
        (b'{"a":"\\ud800"}', Reason.JSON_LONE_SURROGATE),
        (b'{"a":"\\udc00"}', Reason.JSON_LONE_SURROGATE),
        (b'{"\\udbff":1}', Reason.JSON_LONE_SURROGATE),
        (b'{"a":"\\ud800\\u0041"}', Reason.JSON_LONE_SURROGATE),
        (b'{"a":"\\ud800x\\udc00"}', Reason.JSON_LONE_SURROGATE),
        (b'{"a":"\\ud800\\n\\udc00"}', Reason.JSON_LONE_SURROGATE),
        (b'{"a":"\\u0000"}', Reason.CHARACTER_NOT_ALLOWED),
        (b'{"a":"\\b"}', Reason.CHARACTER_NOT_ALLOWED),
        (b'{"a":"\\u009f"}', Reason.CHARACTER_NOT_ALLOWED),
        (b'{"a":"\\uffff"}', Reason.CHARACTER_NOT_ALLOWED),
        (b'{"a":"\\ud83f\\udfff"}', Reason.CHARACTER_NOT_ALLOWED),
        (b'{"a":"\n"}', Reason.CHARACTER_NOT_ALLOWED),
        (b'{"a":"\t"}', Reason.CHARACTER_NOT_ALLOWED),
        (b'{"a":"\x1f"}', Reason.CHARACTER_NOT_ALLOWED),
        (b'{"a":"\x7f"}', Reason.CHARACTER_NOT_ALLOWED),
        (b'{"a":1}\0', Reason.CHARACTER_NOT_ALLOWED),
        ('{"a":"\u0085"}'.encode(), Reason.CHARACTER_NOT_ALLOWED),
        ('{"a":"\ufdd0"}'.encode(), Reason.CHARACTER_NOT_ALLOWED),
        ('{"a":"\U0001ffff"}'.encode(), Reason.CHARACTER_NOT_ALLOWED),
        (b'\xef\xbb\xbf{"a":1}', Reason.ENCODING_NOT_UTF8),
        ('{"a":1}'.encode("utf-16"), Reason.ENCODING_NOT_UTF8),
        ('{"a":1}'.encode("utf-16-le"), Reason.ENCODING_NOT_UTF8),
        ('{"a":1}'.encode("utf-16-be"), Reason.ENCODING_NOT_UTF8),
        ('{"a":1}'.encode("utf-32"), Reason.ENCODING_NOT_UTF8),
        (b"+AHs-", Reason.ENCODING_NOT_UTF8),
        (b'{"a":"\xc0\xaf"}', Reason.ENCODING_NOT_UTF8),
        (b'{"a":"\xed\xa0\x80"}', Reason.ENCODING_NOT_UTF8),
        (b'{"a":1e308}', Reason.JSON_NUMBER_SIZE),
        (b'{"a":1e-308}', Reason.JSON_NUMBER_SIZE),
        (b'{"a":-1e99999999999999}', Reason.JSON_NUMBER_SIZE),
        (b'{"a":' + b"1" * 33 + b"}", Reason.JSON_NUMBER_SIZE),
        (b'{"a":' + b"[" * 100_000, Reason.TOO_DEEP),
    ],
)
def test_bad_json_is_refused_by_name(bad: bytes, why: Reason) -> None:
    assert reason(bad) == why


@pytest.mark.parametrize(
    ("at_the_bound", "beyond", "why"),
    [
        (b'{"a":[[1]]}', b'{"a":[[[]]]}', Reason.TOO_DEEP),
        (b'{"a":[1,2,3,4]}', b'{"a":[1,2,3,4,5]}', Reason.TOO_MANY_ELEMENTS),
        (b'{"a":"0123456789"}', b'{"a":"0123456789x"}', Reason.TEXT_TOO_LONG),
        (b'{"a":"\\u00e9123456789"}', b'{"a":"\\u00e9123456789x"}', Reason.TEXT_TOO_LONG),
        (b'{"abcd":1}', b'{"abcde":1}', Reason.NAME_TOO_LONG),
        (b'{"a":12345678}', b'{"a":123456789}', Reason.JSON_NUMBER_SIZE),
        (b"{}" + b" " * 198, b"{}" + b" " * 199, Reason.SIZE_OUT_OF_BOUNDS),
    ],
)
def test_every_bound_holds_at_its_edge(at_the_bound: bytes, beyond: bytes, why: Reason) -> None:
    assert reason(at_the_bound, SMALL) == ""
    assert reason(beyond, SMALL) == why


def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def no_constant(text: str) -> None:
    raise AssertionError(text)


def check_passed(untrusted: bytes) -> None:
    """A second opinion: Python's own parser takes what passed, and finds nothing it should not."""
    value = json.loads(
        untrusted.decode("utf-8"), object_pairs_hook=unique, parse_constant=no_constant
    )
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            assert item.encode("utf-8").decode("utf-8") == item
            assert not set(item) & {chr(code) for code in (*range(9), 11, 12, *range(14, 32))}
        elif isinstance(item, float):
            assert math.isfinite(item)
        elif isinstance(item, dict):
            todo += [*item, *item.values()]
        elif isinstance(item, list):
            todo += item
    assert isinstance(value, dict)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=20)
    | st.floats(-1e300, 1e300).filter(lambda x: not x or abs(x) > 1e-300),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(value=st.dictionaries(st.text(max_size=8), json_values), ascii_only=st.booleans())
def test_what_python_writes_passes_unless_a_character_is_not_allowed(
    value: dict[str, object], ascii_only: bool
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    found = reason(text)
    if found:
        assert found in (Reason.CHARACTER_NOT_ALLOWED, Reason.TOO_DEEP)
    else:
        check_passed(text)


PIECES = st.sampled_from([
    b"{", b"}", b"[", b"]", b",", b":", b'"a"', b'"b"', b'"', b"\\", b"\\u", b"d83d", b"de00",
    b"1", b"-", b"0", b".", b"e", b"5", b"true", b"null", b"NaN", b" ", b"\n", b"\xc3\xa9",
    b'"a":', b'"b":1', b'"\\ud83d\\ude00"', b'"\\u0061":', b"\x00", b"\xff", b"/**/",
])  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(pieces=st.lists(PIECES, max_size=14), wrap=st.booleans())
def test_whatever_passes_is_json(pieces: list[bytes], wrap: bool) -> None:
    untrusted = b"".join(pieces)
    untrusted = b'{"z":[' + untrusted + b"]}" if wrap else untrusted
    try:
        recognise(untrusted, LIMITS)
    except Malformed:
        return
    check_passed(untrusted)


@settings(max_examples=1500, deadline=None)
@given(pieces=st.lists(PIECES, max_size=8))
def test_plain_json_is_not_refused(pieces: list[bytes]) -> None:
    untrusted = b'{"z":[' + b"".join(pieces) + b"]}"
    try:
        json.loads(untrusted.decode(), object_pairs_hook=unique, parse_constant=no_constant)
    except (ValueError, AssertionError):
        return
    allowed = (
        "", Reason.CHARACTER_NOT_ALLOWED, Reason.JSON_LONE_SURROGATE, Reason.JSON_NUMBER_SIZE,
        Reason.JSON_DUPLICATE_KEY,
    )  # fmt: skip
    assert reason(untrusted) in allowed


@settings(max_examples=300, deadline=None)
@given(untrusted=st.binary(max_size=200))
def test_any_bytes_pass_or_are_malformed(untrusted: bytes) -> None:
    reason(untrusted)
    reason(b'{"a":"' + untrusted + b'"}')
