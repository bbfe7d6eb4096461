"""`guard policy diff`: every way to let more through is said, and told by the exit code."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guard.edge.making import PACKS
from tests.guard.cli.conftest import Guard

STAGES = {
    "words": '[[source.stage]]\nname = "words"\n',
    "redact": '[[source.stage]]\nname = "redact"\n'
    'parameters = { paths = ["contact/@phone", "contact/@email", "__serverdestination"] }\n',
}
CLEARED = """[[source.stage.parameters.clearances]]
holder = "HIGH, French staff"
classifications = ["UNCLASSIFIED", "RESTRICTED"]
categories = { "Releasable To" = ["FRA"] }
"""
MORE = '[[source.stage]]\nname = "words_more"\nuse = "words"\n\n' + STAGES["words"]
OWN = """[[source.stage]]
name = "shouting"
own = {kind = "filter", side = "source", version = 1, sha256 = "DIGEST"}

"""
OPENS = [
    ('senders = ["alpha"]', 'senders = ["alpha", "bravo"]', "may drop bravo, new"),
    ("payload_bytes_max = 1048576", "payload_bytes_max = 2097152",
     "payloads, in bytes: at most 2,097,152, and was 1,048,576"),
    ('destination_domain = "HIGH"', 'destination_domain = "OTHER"',
     "destination domain was HIGH and is OTHER"),
    (STAGES["redact"], "", "source stage redact (redact) is gone"),
    ('"contact/@phone", ', "", "paths has contact/@phone no more"),
    ("depth_levels_max = 10", "depth_levels_max = 11", "depth levels max: at most 11, and was 10"),
    ("depth_levels_max = 10, ", "", "depth levels max: at most 16, and was 10"),
    ("bytes_min = 32", "bytes_min = 1", "bytes min: at least 1, and was 32"),
    ('ceiling = "RESTRICTED"', 'ceiling = "SECRET"', "ceiling was RESTRICTED and is SECRET"),
    ('audience = ["FRA", "GBR"]', 'audience = ["FRA"]', "audience has GBR no more"),
    (CLEARED, CLEARED.replace('["FRA"]', '["FRA", "DEU"]'), "has of Releasable To DEU, new"),
    (CLEARED, CLEARED.replace('"RESTRICTED"]', '"RESTRICTED", "SECRET"]'), "has SECRET, new"),
    (CLEARED, "", "HIGH, French staff no more"),
    ('policy_document = "alliance.spif.xml"\n',
     'policy_document = "alliance.spif.xml"\nobsolete = false\n', "obsolete was True and is False"),
    ('"UNDEFINED" = "UNCLASSIFIED"', '"UNDEFINED" = "UNCLASSIFIED", "X" = "UNCLASSIFIED"',
     "X is taken, as UNCLASSIFIED"),
    ('unknown = "refuse"', 'unknown = "drop"', "unknown was refuse and is drop"),
    ('"SECRET" = "SECRET"', '"SECRET" = "SECRET"\n"TOP" = "SECRET"', "TOP is taken, as SECRET"),
    ('queues = ["cot"]', 'queues = ["elsewhere"]', "queue elsewhere, which is new"),
    ('extension = "cot"\n', 'extension = "cot"\nname_crosses = true\n',
     "a dropped file's name is taken"),
    ("rate_mbit_per_s = 1000", "rate_mbit_per_s = 1001", "the link, in bit/s: at most"),
    ("repair_percent = 15", "repair_percent = 15\ntag = false", "no tag any more"),
    ('extension = "cot"\n', 'extension = "cot"\naccepts = ["1:' + "0" * 64 + '"]\n',
     "messages are taken of source policy 1:0"),
]  # fmt: skip
UNCLEAR = [
    ('"SECRET" = "SECRET"', '"SECRET" = "UNCLASSIFIED"', "SECRET becomes UNCLASSIFIED"),
    (
        'path = "securitylabel"\ndefault',
        'path = "sequence"\ndefault',
        "was path: securitylabel, and now path: sequence",
    ),
    ('default = "UNCLASSIFIED"\nalso', 'default = "RESTRICTED"\nalso', "default: RESTRICTED"),
    ("repair_percent = 15", 'repair_percent = 15\nmanifest = "compact"', "manifest was full"),
    ('value = "b-t-f*"', 'value = "b-t*"', "to chat where @type is b-t*"),
    ('extension = "cot"', 'extension = "xml"', "delivered as .xml, not .cot"),
]
NEUTRAL = [
    ("repair_percent = 15", "repair_percent = 20", "repair percent was 15 and is 20"),
    ('"words.txt"]\n\n# First', '"words.txt"]\nkeep_refused = true\n\n# First',
     "what is refused is kept"),
]  # fmt: skip
Diff = Callable[[str, str], tuple[int, dict[str, Any]]]


def copy(folder: Path, pack: str = "c2") -> Path:
    folder.mkdir()
    for path in (PACKS / pack).iterdir():
        if path.is_file():
            shutil.copyfile(path, folder / path.name)
    return folder / "policy.toml"


def pack_with(text: str) -> str:
    """The pack whose policy has this text."""
    return next(
        pack for pack in ("c2", "events")
        if text in (PACKS / pack / "policy.toml").read_text("utf-8")
    )  # fmt: skip


def between(guard: Guard, old: Path, new: Path) -> tuple[int, dict[str, Any]]:
    done = guard("policy", "diff", old, new, "--json")
    return done.exit_code, json.loads(done.stdout)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str, str], tuple[Path, Path]]:
    """A pack's policy, and the same with one change, each in a folder with its documents."""

    def make(old: str, new: str) -> tuple[Path, Path]:
        pack = pack_with(old)
        one, other = copy(tmp_path / "old", pack), copy(tmp_path / "new", pack)
        text = other.read_text("utf-8")
        assert old in text
        other.write_text(text.replace(old, new, 1))
        return one, other

    return make


Changed = Callable[[str, str], tuple[Path, Path]]


@pytest.mark.parametrize(("old", "new", "said"), OPENS, ids=[said for *_, said in OPENS])
def test_what_lets_more_through_is_said_and_its_reverse_stops_more(
    changed: Changed, guard: Guard, old: str, new: str, said: str
) -> None:
    one, other = changed(old, new)
    code, told = between(guard, one, other)
    assert (code, told["lets_more_through"]) == (1, True)
    effects = {it["sentence"]: it["effect"] for it in told["changes"]}
    assert [effect for sentence, effect in effects.items() if said in sentence] == [
        "lets more through"
    ]
    _, back = between(guard, other, one)
    effects_back = {it["effect"] for it in back["changes"]}
    assert effects_back & {"stops more", "may let more through"} or "domain" in said


@pytest.mark.parametrize(("old", "new", "said"), UNCLEAR, ids=[said for *_, said in UNCLEAR])
def test_what_is_not_clear_counts_as_letting_more_through(
    changed: Changed, guard: Guard, old: str, new: str, said: str
) -> None:
    one, other = changed(old, new)
    code, told = between(guard, one, other)
    assert code == 1
    (found,) = [it for it in told["changes"] if said in it["sentence"]]
    assert found["effect"] == "may let more through"


@pytest.mark.parametrize(("old", "new", "said"), NEUTRAL, ids=[said for *_, said in NEUTRAL])
def test_what_changes_nothing_that_comes_through_exits_0(
    changed: Changed, guard: Guard, old: str, new: str, said: str
) -> None:
    one, other = changed(old, new)
    code, told = between(guard, one, other)
    assert code == 0
    assert [said in it["sentence"] for it in told["changes"]] == [True]


def test_messages_that_wait_longer_stop_more_and_shorter_let_more_through(
    changed: Changed, guard: Guard
) -> None:
    one, other = changed("[source]\n", "[source]\ndelay_s = 86400\n")
    code, told = between(guard, one, other)
    assert (code, told["lets_more_through"]) == (0, False)
    assert [it["sentence"] for it in told["changes"]] == ["messages wait 86,400 s, and waited 0 s"]
    assert between(guard, other, one)[0] == 1
    assert "A message waits 86,400 s" in guard("policy", "explain", other).stdout


def test_a_person_who_may_not_review_any_more_stops_more_and_back(
    changed: Changed, guard: Guard
) -> None:
    link = "[link]\nrate"
    one, other = changed(link, f'[sender_persons]\nalpha = ["dora"]\n\n{link}')
    code, told = between(guard, one, other)
    (change,) = told["changes"]
    assert (code, change["effect"]) == (0, "stops more")
    assert "may not review what alpha sends: dora" in change["sentence"]
    assert between(guard, other, one)[0] == 1


def test_a_senders_limit_stops_more_and_a_looser_one_lets_more_through(
    changed: Changed, guard: Guard
) -> None:
    link = "[link]\nrate"
    table = "[limits.alpha]\nmessages_per_minute_max = {}\nrepeated_within_s = {}\n\n"
    one, other = changed(link, table.format(60, 0) + link)
    code, told = between(guard, one, other)
    assert (code, told["changes"]) == (0, [
        {"effect": "stops more",
         "sentence": "alpha: messages per minute max was no limit and is 60"},
    ])  # fmt: skip
    assert between(guard, other, one)[0] == 1
    one.write_text(other.read_text("utf-8").replace(table.format(60, 0), table.format(61, 30)))
    _, told = between(guard, one, other)
    assert {it["sentence"]: it["effect"] for it in told["changes"]} == {
        "alpha: messages per minute max was 61 and is 60": "stops more",
        "alpha: repeated within s was 30 and is no limit": "lets more through",
    }


def test_a_stage_more_stops_more_and_a_stage_less_lets_more_through(
    changed: Changed, guard: Guard
) -> None:
    one, other = changed(STAGES["words"], MORE)
    assert between(guard, one, other)[0] == 0
    code, told = between(guard, other, one)
    assert code == 1
    assert told["changes"] == [
        {"effect": "lets more through", "sentence": "source stage words_more (words) is gone"}
    ]


def test_word_lists_are_compared_entry_by_entry(tmp_path: Path, guard: Guard) -> None:
    one, other = copy(tmp_path / "old"), copy(tmp_path / "new")
    words = other.parent / "words.txt"
    words.write_text(words.read_text("utf-8").replace("NOFORN\n", "NEWWORD\n"))
    code, told = between(guard, one, other)
    assert code == 1
    effects = {it["sentence"]: it["effect"] for it in told["changes"]}
    assert effects["source word list words.txt has NOFORN no more"] == "lets more through"
    assert effects["destination word list words.txt has NEWWORD, new"] == "stops more"
    shown = guard("policy", "diff", one, other).stdout
    assert "  + source word list words.txt has NOFORN no more" in shown
    assert "It needs a version above 1" in shown


def test_a_changed_schema_is_unclear(tmp_path: Path, guard: Guard) -> None:
    one, other = copy(tmp_path / "old"), copy(tmp_path / "new")
    schema = other.parent / "cot-event.xsd"
    schema.write_text(schema.read_text("utf-8") + "<!-- more -->\n")
    code, told = between(guard, one, other)
    assert code == 1
    assert {it["effect"] for it in told["changes"]} == {"may let more through"}


def test_the_same_policy_is_no_change(guard: Guard) -> None:
    pack = PACKS / "c2"
    shown = guard("policy", "diff", pack, pack)
    assert shown.exit_code == 0
    assert "Nothing is different." in shown.stdout


def test_a_policy_with_faults_is_not_compared(changed: Changed, guard: Guard) -> None:
    one, other = changed(STAGES["words"], "")
    shown = guard("policy", "diff", one, other)
    assert shown.exit_code == 1
    assert "a policy with faults does not run" in shown.stderr


@pytest.mark.parametrize(
    ("was", "now"), [("x_max = 9", "x_max = 1"), ('rules = ["a"]', "rules = 3")]
)
def test_what_a_sites_own_stage_is_told_may_let_more_through(
    changed: Changed, guard: Guard, was: str, now: str
) -> None:
    own = OWN.replace("DIGEST", "a" * 64) + STAGES["words"]
    named = 'name = "shouting"\n'
    one, other = changed(STAGES["words"], own.replace(named, f"{named}parameters = {{{now}}}\n", 1))
    one.write_text(other.read_text("utf-8").replace(now, was))
    code, told = between(guard, one, other)
    assert (code, {it["effect"] for it in told["changes"]}) == (1, {"may let more through"})


def test_another_file_of_a_sites_own_stage_may_let_more_through(
    changed: Changed, guard: Guard
) -> None:
    one, other = changed(STAGES["words"], OWN.replace("DIGEST", "b" * 64) + STAGES["words"])
    one.write_text(other.read_text("utf-8").replace("b" * 64, "a" * 64))
    code, told = between(guard, one, other)  # neither is installed here
    assert code == 1
    (found,) = told["changes"]
    assert found["effect"] == "may let more through"
    assert "b" * 64 in found["sentence"]
    assert "a" * 64 in found["sentence"]


def test_a_sites_own_stage_that_is_not_here_is_explained_by_its_pin(
    changed: Changed, guard: Guard
) -> None:
    _, other = changed(STAGES["words"], OWN.replace("DIGEST", "c" * 64) + STAGES["words"])
    done = guard("policy", "explain", other, "--json")
    assert done.exit_code == 0, done.output
    stages = {it["name"]: it for it in json.loads(done.stdout)["source"]["stages"]}
    assert stages["shouting"]["own"]["sha256"] == "c" * 64
    assert (stages["shouting"]["checks"], stages["words"]["own"]) == ([], None)
