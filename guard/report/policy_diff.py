"""What a new policy lets through that the old one stopped, and the other way round, in words.

Takes two checked policies and their documents, gives `Change`s. What cannot be told from the
parameters alone counts as letting more through: a reader must look. Pure but for loading stages.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from filters import catalog
from guard.report.policy_words import parameters_in_words
from schemas.policy import (
    Chain,
    DestinationChain,
    OwnLine,
    Policy,
    SenderLimits,
    SourceChain,
    StageLine,
)
from schemas.stage import Kind

Documents = Mapping[str, bytes]
_WORD_STAGES = frozenset({"words", "words_twin"})
_SHOWN_MAX = 12


class Effect(StrEnum):
    """What a change does to what comes through."""

    OPENS = "lets more through"
    CLOSES = "stops more"
    UNCLEAR = "may let more through"
    NEUTRAL = "changes nothing that comes through"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: what it does, and a sentence."""

    effect: Effect
    sentence: str


Found = Iterator[Change]
# A list whose additions let more through (+), or stop more (-).
_LISTS = {
    "types": Effect.OPENS, "categories": Effect.OPENS, "drop": Effect.OPENS,
    "audience": Effect.CLOSES, "paths": Effect.CLOSES, "explicit": Effect.CLOSES,
}  # fmt: skip
_STRICT: dict[str, str | bool] = {
    "found": "refuse", "without_rel": "refuse", "unlabelled": "refuse", "unknown": "refuse",
    "obsolete": True,
}  # fmt: skip
_CLEARANCES = frozenset({"clearances", "ceiling"})
_OTHER = {Effect.OPENS: Effect.CLOSES, Effect.CLOSES: Effect.OPENS}


def lets_more_through(changes: Sequence[Change]) -> bool:
    """Whether any does, or may."""
    return any(it.effect in (Effect.OPENS, Effect.UNCLEAR) for it in changes)


def policy_changes(old: Policy, new: Policy, before: Documents, after: Documents) -> list[Change]:
    """Every difference that there is; before, after: the documents of each by name."""
    changes = [*_ends(old, new), *_senders(old, new), *_link(old, new)]
    changes += _number("payloads, in bytes", old.payload_bytes_max, new.payload_bytes_max)
    for side in ("source", "destination"):
        one, other = getattr(old, side), getattr(new, side)
        if one is None or other is None:
            if one is not other:
                verb = "has a" if one is None else "has no"
                changes.append(Change(Effect.UNCLEAR, f"the new policy {verb} {side} chain"))
            continue
        changes += _settings(one, other)
        changes += _chain(side, one, other)
        changes += _documents(side, one, other, before, after)
    return changes


def _ends(old: Policy, new: Policy) -> Found:
    for name in ("flow", "source_domain", "destination_domain"):
        one, other = getattr(old, name), getattr(new, name)
        if one != other:
            yield Change(Effect.OPENS, f"{name.replace('_', ' ')} was {one} and is {other}")


def _senders(old: Policy, new: Policy) -> Found:
    yield from _members("may drop", old.senders, new.senders, Effect.OPENS)
    for sender in sorted({*old.sender_persons, *new.sender_persons}):
        before, after = old.sender_persons.get(sender, []), new.sender_persons.get(sender, [])
        yield from _members(f"may not review what {sender} sends:", before, after, Effect.CLOSES)
    for sender in sorted({*old.limits, *new.limits}):
        one, other = (it.limits.get(sender, SenderLimits()) for it in (old, new))
        yield from _limits(sender, one, other)


def _limits(sender: str, old: SenderLimits, new: SenderLimits) -> Found:
    """0 sets no limit: as a bound it is higher than any."""
    for name in SenderLimits.model_fields:
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            more = now > was if name == "repeated_within_s" else 0 < now < (was or now + 1)
            told = [f"{value:,}" if value else "no limit" for value in (was, now)]
            yield Change(
                Effect.CLOSES if more else Effect.OPENS,
                f"{sender}: {name.replace('_', ' ')} was {told[0]} and is {told[1]}",
            )


def _link(old: Policy, new: Policy) -> Found:
    one, other = old.link, new.link
    yield from _number("the link, in bit/s", one.bits_per_s, other.bits_per_s)
    if one.tag != other.tag:
        effect = Effect.CLOSES if other.tag else Effect.OPENS
        yield Change(effect, f"datagrams carry {'a tag again' if other.tag else 'no tag any more'}")
    if one.signatures != other.signatures:
        effect = Effect.CLOSES if other.signatures == "hybrid" else Effect.OPENS
        yield Change(effect, f"the link's signatures was {one.signatures} and is"
                     f" {other.signatures}")  # fmt: skip
    for name in type(one).model_fields:
        if name in ("tag", "signatures", "rate_mbit_per_s", "rate_bit_per_s"):
            continue
        was, now = getattr(one, name), getattr(other, name)
        if was != now:
            effect = Effect.UNCLEAR if name == "manifest" else Effect.NEUTRAL
            yield Change(effect, f"the link's {name.replace('_', ' ')} was {was} and is {now}")


def _settings(old: Chain, new: Chain) -> Found:
    """What a chain has beside its stages."""
    if isinstance(old, SourceChain) and isinstance(new, SourceChain):
        yield from _switches(old, new, (
            ("name_crosses", "the dropped file's name crosses", "it does not cross any more"),
            ("replies", "senders are told the outcome", "senders are told nothing any more"),
        ))  # fmt: skip
        if old.delay_s != new.delay_s:
            effect = Effect.OPENS if new.delay_s < old.delay_s else Effect.CLOSES
            told = f"messages wait {new.delay_s:,} s, and waited {old.delay_s:,} s"
            yield Change(effect, told)
        if old.keep_refused != new.keep_refused:
            kept = "kept" if new.keep_refused else "not kept any more"
            yield Change(Effect.NEUTRAL, f"what is refused is {kept}")
    if isinstance(old, DestinationChain) and isinstance(new, DestinationChain):
        yield from _switches(old, new, (
            ("name_crosses", "a dropped file's name is taken", "no name is taken any more"),
        ))  # fmt: skip
        what = "messages are taken of source policy"
        yield from _members(what, old.accepts, new.accepts, Effect.OPENS)
        if old.extension != new.extension:
            told = f"files are delivered as .{new.extension}, not .{old.extension}"
            yield Change(Effect.UNCLEAR, told)


def _switches(old: Chain, new: Chain, switches: tuple[tuple[str, str, str], ...]) -> Found:
    """Each as its name, and what is told where it is on now, or off."""
    for name, on, off in switches:
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            yield Change(Effect.OPENS if now else Effect.CLOSES, on if now else off)


def _chain(side: str, old: Chain, new: Chain) -> Found:
    """Stages by name: gone, new, in another order, with other parameters."""
    was, now = ({line.name: line for line in chain.stage} for chain in (old, new))
    for name, line in was.items():
        if name not in now:
            kind = _kind(line)
            told = f"{side} stage {name} ({line.catalog_name}) is gone"
            yield Change(Effect.UNCLEAR if kind is Kind.ROUTE else Effect.OPENS, told)
    for name, line in now.items():
        if name not in was:
            kind = _kind(line)
            effect = Effect.CLOSES if kind is Kind.FILTER else Effect.UNCLEAR
            yield Change(effect, f"{side} stage {name} ({line.catalog_name}) is new")
    kept = [name for name in was if name in now]
    if kept != [name for name in now if name in was]:
        yield Change(Effect.UNCLEAR, f"the {side} chain has its stages in another order")
    for name in kept:
        yield from _stage(side, was[name], now[name])


def _stage(side: str, old: StageLine, new: StageLine) -> Found:
    where = f"{side} stage {new.name}"
    if old.catalog_name != new.catalog_name:
        told = f"{where} is {new.catalog_name}, and was {old.catalog_name}"
        yield Change(Effect.UNCLEAR, told)
        return
    if old.own != new.own:
        yield Change(Effect.UNCLEAR, f"{where} is {_pin(new.own)}, and was {_pin(old.own)}")
    one, other = _effective(old), _effective(new)
    for name in sorted(one.keys() | other.keys()):
        if one.get(name) == other.get(name):
            continue
        if old.own or new.own:  # what a name means there, only its file knows
            yield _unclear(where, name, one, other)
        else:
            yield from _parameter(where, name, one, other)


def _pin(own: OwnLine | None) -> str:
    if own is None:
        return "this project's"
    return f"the site's own {own.kind} of version {own.version} with SHA-256 {own.sha256}"


def _parameter(where: str, name: str, one: dict[str, Any], other: dict[str, Any]) -> Found:
    was, now = one.get(name), other.get(name)
    what = f"{where}: {name.replace('_', ' ')}"
    if type(was) is int and type(now) is int and name.endswith(("_max", "_min")):
        yield from _number(what, was, now, higher_opens=name.endswith("_max"))
    elif name in _LISTS and isinstance(was, list) and isinstance(now, list):
        yield from _members(f"{what} has", was, now, _LISTS[name])
    elif name in _CLEARANCES and isinstance(was, list) and isinstance(now, list):
        yield from _clearances(what, was, now)
    elif name in _STRICT:
        effect = Effect.CLOSES if now == _STRICT[name] else Effect.OPENS
        yield Change(effect, f"{what} was {was} and is {now}")
    elif name == "ceiling" and one.get("classifications") == other.get("classifications"):
        order = list(other["classifications"])
        effect = Effect.OPENS if order.index(now) > order.index(was) else Effect.CLOSES
        yield Change(effect, f"{what} was {was} and is {now}")
    elif name in ("labels", "also") and isinstance(was, dict) and isinstance(now, dict):
        yield from _table(what, was, now)
    elif name == "rules" and isinstance(was, list) and isinstance(now, list):
        yield from _rules(what, was, now)
    else:
        yield _unclear(where, name, one, other)


def _unclear(where: str, name: str, one: dict[str, Any], other: dict[str, Any]) -> Change:
    was, now = _value(name, one.get(name)), _value(name, other.get(name))
    return Change(Effect.UNCLEAR, f"{where}: was {was}, and now {now}")


def _clearances(what: str, was: list[dict[str, Any]], now: list[dict[str, Any]]) -> Found:
    """Clearances by holder. Each must be granted: one more stops more, one that holds more less."""
    one, other = ({table["holder"]: table for table in tables} for tables in (was, now))
    if len(one) != len(was) or len(other) != len(now):
        yield Change(Effect.UNCLEAR, f"{what} changed, and two have the same holder")
        return
    yield from _members(what, list(one), list(other), Effect.CLOSES)
    for holder in (holder for holder in one if holder in other and one[holder] != other[holder]):
        before, after = one[holder], other[holder]
        whose = f"{what}: {holder or 'the holder'}"
        classes = (before["classifications"], after["classifications"])
        yield from _members(f"{whose} has", *classes, Effect.OPENS)
        for tag in sorted({*before["categories"], *after["categories"]}):
            values = (before["categories"].get(tag, []), after["categories"].get(tag, []))
            yield from _members(f"{whose} has of {tag}", *values, Effect.OPENS)
        for date in ("not_before", "not_after"):
            if before[date] != after[date]:
                yield Change(Effect.UNCLEAR, f"{whose} has another {date.replace('_', ' ')}")


def _table(what: str, was: dict[str, str], now: dict[str, str]) -> Found:
    for key in sorted(was.keys() | now.keys()):
        if key not in was:
            yield Change(Effect.OPENS, f"{what}: {key} is taken, as {now[key]}")
        elif key not in now:
            yield Change(Effect.CLOSES, f"{what}: {key} is not taken any more")
        elif was[key] != now[key]:
            yield Change(Effect.UNCLEAR, f"{what}: {key} becomes {now[key]}, and was {was[key]}")


def _rules(what: str, was: list[Any], now: list[Any]) -> Found:
    one, other = ({queue for rule in rules for queue in rule["queues"]} for rules in (was, now))
    for queue in sorted(other - one):
        yield Change(Effect.OPENS, f"{what}: messages may go to queue {queue}, which is new")
    for queue in sorted(one - other):
        yield Change(Effect.CLOSES, f"{what}: no message goes to queue {queue} any more")
    told = f"{what}: {parameters_in_words({'rules': now})}"
    yield Change(Effect.UNCLEAR, told)


def _documents(side: str, old: Chain, new: Chain, before: Documents, after: Documents) -> Found:
    """Word lists entry by entry; of any other document only that it changed."""
    lists = {
        str(_effective(line).get("document"))
        for line in (*old.stage, *new.stage) if line.catalog_name in _WORD_STAGES
    }  # fmt: skip
    for name in sorted({*old.documents, *new.documents}):
        one, other = before.get(name), after.get(name)
        if one is None or other is None or one == other:
            continue
        if name in lists:
            what = f"{side} word list {name} has"
            yield from _members(what, _words(one), _words(other), Effect.CLOSES)
        else:
            yield Change(Effect.UNCLEAR, f"{side} document {name} has other content")


def _words(document: bytes) -> list[str]:
    lines = (line.strip() for line in document.decode("utf-8", "replace").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _members(what: str, was: Sequence[str], now: Sequence[str], added: Effect) -> Found:
    """A list as a set: what is new in it, and what is gone."""
    new = [it for it in now if it not in was]
    gone = [it for it in was if it not in now]
    if new:
        yield Change(added, f"{what} {_some(new)}, new")
    if gone:
        yield Change(_OTHER[added], f"{what} {_some(gone)} no more")


def _number(what: str, was: int, now: int, *, higher_opens: bool = True) -> Found:
    if was == now:
        return
    effect = Effect.OPENS if (now > was) == higher_opens else Effect.CLOSES
    bound = "at most" if higher_opens else "at least"
    yield Change(effect, f"{what}: {bound} {now:,}, and was {was:,}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_MAX} more" if len(names) > _SHOWN_MAX else ""
    return ", ".join(names[:_SHOWN_MAX]) + more


def _value(name: str, value: Any) -> str:
    return parameters_in_words({name: value})


def _kind(line: StageLine) -> Kind:
    return catalog.entry(line.catalog_name, line.own_stage).kind


def _effective(line: StageLine) -> dict[str, Any]:
    """The parameters with what the stage takes where the policy says nothing.

    A site's own are as they are written: its file of then may not be installed any more.
    """
    if line.own is not None:
        return line.parameters
    try:
        stage = catalog.load(line.catalog_name)
        parameters = stage.parameters.model_validate(line.parameters)
    except ValidationError:
        return line.parameters
    return parameters.model_dump()
