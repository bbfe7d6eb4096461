"""A posture takes away and never adds; what is looser than another in any way is told apart."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Malformed
from schemas.message import Precedence
from schemas.orders import Hold, Orders
from schemas.policy import Policy
from schemas.posture import FIRST_LINE, HoldLine, Posture, check_tightens, read_posture
from schemas.reasons import Reason

PAGE = Path(__file__).parents[2] / "docs" / "spec" / "posture.md"
HEAD = f'{FIRST_LINE}\nformat = 1\nversion = 1\nflow = "c2"\nreason = "exercise"\n'
SENDERS, LABELS, TYPES = ("alpha", "bravo"), ("A", "aB", "B", "P A || Q aB"), ("x/a", "x/b")
PATTERNS = st.sampled_from([None, "A", "AB", "ab", "A*", "a*", "B", "*"])
HOLDS: st.SearchStrategy[dict[str, str | None]] = st.builds(
    dict, label=PATTERNS, type=st.sampled_from([None, "x/a", "x/*"]),
    precedence=st.sampled_from([None, "ROUTINE", "FLASH"]),
).filter(lambda line: any(line.values()))  # fmt: skip


@st.composite
def postures(draw: st.DrawFn) -> Posture:
    return Posture(
        format=1, version=1, flow="c2", reason="x",
        stop=draw(st.integers(0, 5)) == 0,
        stop_senders=draw(st.lists(st.sampled_from(SENDERS), unique=True)),
        payload_bytes_max=draw(st.sampled_from([None, 0, 10, 20])),
        rate_bit_per_s=draw(st.sampled_from([None, 1000, 2000])),
        hold=[HoldLine.model_validate(line) for line in draw(st.lists(HOLDS, max_size=3))],
    )  # fmt: skip


def stopped(posture: Posture) -> set[tuple[str, str, str, int, int]]:
    """Every message of a small world that it holds, tried one by one."""
    orders = posture.orders("", "")
    return {
        (sender, label, kind, precedence, size)
        for sender in SENDERS for label in LABELS for kind in TYPES
        for precedence in Precedence for size in (5, 15, 25)
        if orders.holds(sender, label, kind, precedence, size)
    }  # fmt: skip


def test_the_specs_example_is_a_posture() -> None:
    shown = read_posture(PAGE.read_text("utf-8").split("```\n")[1])
    assert (shown.version, len(shown.hold), shown.rate_bit_per_s) == (7, 2, 9600)


@pytest.mark.parametrize(
    ("pattern", "held"),
    [
        ("RESTRICTED*", True), ("KESTRIA RESTRICTED*", True), ("ALLIANCE RESTRICTED*", True),
        ("restricted//rel to fra", True), ("*", True), ("SECRET*", False), ("RESTRICTED", False),
        ("KESTRIA*", True), ("ALLIANCE", False), ("KESTRIA SECRET*", False),
    ],
)  # fmt: skip
def test_a_label_is_held_by_either_of_a_set_with_or_without_its_policys_name(
    pattern: str, held: bool
) -> None:
    label = "KESTRIA RESTRICTED//REL TO FRA || ALLIANCE RESTRICTED//REL TO FRA"
    orders = Orders(hold=(Hold(label=pattern),))
    assert bool(orders.holds("alpha", label, "x/a", 0, 1)) == held


@given(postures(), postures())
def test_what_is_as_tight_holds_all_that_the_other_holds(one: Posture, other: Posture) -> None:
    if one.as_tight_as(other):
        assert stopped(one) >= stopped(other)
        if other.rate_bit_per_s is not None:
            assert one.rate_bit_per_s is not None
            assert one.rate_bit_per_s <= other.rate_bit_per_s


@given(postures())
def test_each_is_as_tight_as_itself_and_as_none_at_all(posture: Posture) -> None:
    assert posture.as_tight_as(posture)
    assert posture.as_tight_as(read_posture(HEAD))


@given(postures())
def test_orders_are_read_back_as_they_were_written(posture: Posture) -> None:
    orders = posture.orders("text", "alice")
    assert Orders.read(orders.write()) == orders


@pytest.mark.parametrize(
    "more",
    ["free = true\n", "stop = 1\n", 'stop_senders = ["Alpha"]\n', "payload_bytes_max = -1\n",
     "rate_bit_per_s = 999\n", "[[hold]]\n", '[[hold]]\nlabel = ""\n', '[[hold]]\nsize = 1\n',
     '[[hold]]\nprecedence = "URGENT"\n', '[[hold]]\nlabel = "a*b"\n', "a = [\n",
     "# " + "x" * 5000 + "\n", "version = 2\n", "senders = []\n"],
)  # fmt: skip
def test_what_is_not_of_the_closed_form_is_no_posture(more: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_posture(HEAD + more)
    assert caught.value.reason is Reason.POSTURE_MALFORMED


@pytest.mark.parametrize(
    "text", ["", HEAD[:-1], HEAD.replace(FIRST_LINE, "# posture"), "\n" + HEAD]
)
def test_it_says_in_its_first_line_what_it_is(text: str) -> None:
    with pytest.raises(Malformed):
        read_posture(text)


@pytest.mark.parametrize(
    "more",
    ["payload_bytes_max = 1001\n", 'stop_senders = ["bravo"]\n', "rate_bit_per_s = 9601\n"],
)
def test_what_would_allow_more_than_the_policy_is_refused(more: str) -> None:
    policy = Policy.model_validate({
        "format": 1, "version": 1, "flow": "c2", "source_domain": "LOW",
        "destination_domain": "HIGH", "payload_bytes_max": 1000, "senders": ["alpha"],
        "link": {"rate_bit_per_s": 9600},
    })  # fmt: skip
    check_tightens(read_posture(HEAD + "payload_bytes_max = 1000\nrate_bit_per_s = 9600\n"), policy)
    with pytest.raises(Malformed) as caught:
        check_tightens(read_posture(HEAD + more), policy)
    assert caught.value.reason is Reason.POSTURE_LOOSER
    with pytest.raises(Malformed, match="is for the flow c2"):
        check_tightens(read_posture(HEAD), policy.model_copy(update={"flow": "events"}))


@given(st.binary(max_size=200))
def test_any_bytes_are_orders_or_malformed(untrusted: bytes) -> None:
    with pytest.raises(Malformed):
        Orders.read(untrusted)
