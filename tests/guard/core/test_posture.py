"""One policy key tightens; the quorum loosens; nothing goes back, and nobody else signs."""

import pytest

from guard.core.posture import read_posture_note, succeed
from guard.core.signed_note import PersonKey, SignedNote
from guard.edge.keys import public_of
from schemas.errors import CheckvalveError, Forged
from schemas.posture import FIRST_LINE
from schemas.reasons import Reason
from schemas.trust_root import Domain, TrustRoot

SEEDS = {name: bytes([at]) * 32 for at, name in enumerate(("alice", "bob", "carol", "dora"), 1)}
PUBLICS = {name: public_of(seed) for name, seed in SEEDS.items()}
ROOT = TrustRoot(
    1, {name: PUBLICS[name] for name in ("alice", "bob", "carol")}, 2,
    {"LOW": Domain("LOW", "U", 0)}, ("U",), {"dora": PUBLICS["dora"]},
)  # fmt: skip


def text(version: int, more: str = "") -> str:
    head = f'{FIRST_LINE}\nformat = 1\nversion = {version}\nflow = "c2"\nreason = "x"\n'
    return head + more


def note(words: str, *names: str, keys: dict[str, str] | None = None) -> SignedNote:
    made = SignedNote(words, what="the posture")
    for name in names:
        seed = SEEDS[(keys or {}).get(name, name)]
        made = made.signed_by(PersonKey(name, public_of(seed)), seed, Reason.POSTURE_UNSIGNED)
    return read_posture_note(made.write(), "the posture")


def reason_of(made: SignedNote, before: str) -> Reason:
    with pytest.raises(CheckvalveError) as caught:
        succeed(made, before, ROOT)
    return caught.value.reason


def test_one_signature_tightens() -> None:
    first = succeed(note(text(1, "payload_bytes_max = 100\n"), "alice"), "", ROOT)
    second = succeed(note(text(2, "stop = true\npayload_bytes_max = 100\n"), "bob"),
                     first.text, ROOT)  # fmt: skip
    assert second.signers == ("bob",)
    assert second.posture.stop


@pytest.mark.parametrize(
    "looser", ["", "payload_bytes_max = 101\n", 'payload_bytes_max = 99\n[[hold]]\nlabel = "B"\n'],
    ids=["nothing", "a bound", "another label"],
)  # fmt: skip
def test_loosening_takes_the_quorum(looser: str) -> None:
    before = text(1, 'payload_bytes_max = 100\n[[hold]]\nlabel = "A*"\n')
    assert reason_of(note(text(2, looser), "alice"), before) is (Reason.POSTURE_LOOSER)
    assert succeed(note(text(2, looser), "alice", "carol"), before, ROOT).signers == (
        "alice", "carol",
    )  # fmt: skip


def test_nothing_goes_back_to_an_older_version_whoever_signs() -> None:
    before = text(3, "payload_bytes_max = 100\n")
    for version in (2, 3):
        again = note(text(version, "stop = true\npayload_bytes_max = 1\n"), "alice", "bob")
        assert reason_of(again, before) is Reason.POSTURE_LOOSER
    assert succeed(note(before, "alice"), before, ROOT).posture.version == 3


def test_one_person_cannot_use_up_the_versions() -> None:
    newest = 2**31
    for before in ("", text(7, "stop = true\n")):
        lone = note(text(newest, "stop = true\n"), "alice")
        assert reason_of(lone, before) is Reason.POSTURE_LOOSER
        both = note(text(newest, "stop = true\n"), "alice", "bob")
        assert succeed(both, before, ROOT).posture.version == newest
    assert succeed(note(text(1007, "stop = true\n"), "alice"), text(7), ROOT).posture.stop
    assert reason_of(note(text(1008, "stop = true\n"), "alice"), text(7)) is Reason.POSTURE_LOOSER


def test_who_is_no_policy_key_signs_nothing() -> None:
    stop = text(1, "stop = true\n")
    for made in (
        note(stop),
        note(stop, "dora"),
        note(stop, "alice", "dora"),
        note(stop, "alice", keys={"alice": "dora"}),
        note(stop, "alice", "bob", keys={"bob": "alice"}),
    ):
        assert reason_of(made, "") is Reason.POSTURE_UNSIGNED


def test_a_signature_twice_is_one_persons() -> None:
    made = note(text(1, "stop = true\n"), "alice")
    line = made.write().decode().splitlines(keepends=True)[-1]
    twice = read_posture_note(made.write() + line.encode(), "the posture")
    assert reason_of(twice, "") is Reason.POSTURE_UNSIGNED


def test_what_was_changed_after_signing_is_unsigned() -> None:
    good = note(text(1, "payload_bytes_max = 100\n"), "alice").write()
    changed = read_posture_note(good.replace(b"100", b"900"), "the posture")
    with pytest.raises(Forged, match="was changed since"):
        succeed(changed, "", ROOT)
