"""The trust root: who may sign policies and releases, which domains there are, what flows need.

Takes a root's text, gives a `TrustRoot`, and writes the one text that says the same. Anything else
is `Malformed(ROOT_MALFORMED)` with the line and what is wrong. No signature is looked at here:
`guard.core.trust` does. Pure. Follows docs/spec/trust-root.md §3.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from schemas.errors import Malformed
from schemas.policy import Policy
from schemas.reasons import Reason

FIRST_LINE = "checkvalve trust root 1"
ROOT_BYTES_MAX = 64 * 1024
VERSION_MAX = 2**31
KEYS_MAX = 16
REVIEWERS_MAX = 64
CLASSIFICATIONS_MAX = 16
DOMAINS_MAX = 64
RELEASES_MAX = 64
REQUIREMENTS_MAX = 256
QUORUM_MIN = 2
ANY = "*"
NONE = "-"

_PERSON = r"[a-z][a-z0-9-]{0,31}"
_DOMAIN = r"[A-Z][A-Z0-9_-]{0,31}"
_NAME = r"[a-z][a-z0-9_-]{0,31}"
_KEY = rf"{_PERSON} [0-9a-f]{{64}}"
_FORMS = {
    "version": r"[1-9][0-9]{0,9}",
    "previous": r"none|[0-9a-f]{64}",
    "kind": "real|demonstration",
    "policy-quorum": r"[1-9][0-9]?",
    "policy-key": _KEY,
    "reviewer-quorum": r"[1-9][0-9]?",
    "reviewer-key": _KEY,
    "classification": _DOMAIN,
    "domain": rf"{_DOMAIN} {_DOMAIN} (?:-|{_DOMAIN}(?:,{_DOMAIN}){{0,15}})",
    "release": rf"{_NAME} {_DOMAIN} {_DOMAIN}",
    "require": rf"(?:up|same|down|across|\*) (?:\*|{_DOMAIN}) (?:\*|{_DOMAIN})"
    rf" (?:source|destination) {_NAME}",
}
_ONCE = ("version", "previous", "kind", "policy-quorum", "reviewer-quorum")


class Direction(StrEnum):
    """Where a flow goes: to a domain that is higher, the same, lower, or neither."""

    UP = "up"
    SAME = "same"
    DOWN = "down"
    ACROSS = "across"


class Domain(NamedTuple):
    """A domain: its classification, how high that is (0 the lowest), and its categories."""

    name: str
    classification: str
    level: int
    categories: frozenset[str] = frozenset()

    def at_least(self, other: "Domain") -> bool:
        """Whether all that is in the other may be known here."""
        return self.level >= other.level and self.categories >= other.categories


class Requirement(NamedTuple):
    """Flows of this direction, from and to domains so classified, need this stage on this side.

    stage: a stage of the catalog, or what a stage checks (`bounds`, `words` …)
    """

    direction: str
    source: str
    destination: str
    side: str
    stage: str


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """What the text says. Keys are name -> Ed25519 public key, 32 bytes."""

    version: int
    policy_keys: Mapping[str, bytes]
    policy_quorum: int
    domains: Mapping[str, Domain]
    classifications: Sequence[str]
    reviewer_keys: Mapping[str, bytes] = field(default_factory=dict)
    reviewer_quorum: int = QUORUM_MIN
    releases: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    requirements: Sequence[Requirement] = ()
    previous: str = ""
    demo: bool = False

    def text(self) -> str:
        """What is signed. Raises `Malformed` for what breaks a rule of trust-root §3."""
        lines = [f"{name} {value}" for name, value in self._lines()]
        _check_lines(lines)
        _check(self)
        return "\n".join([FIRST_LINE, *lines, ""])

    def digest(self) -> str:
        """SHA-256 of the text in hexadecimal: what is entered on each side."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    def _lines(self) -> Iterator[tuple[str, str]]:
        yield "version", str(self.version)
        yield "previous", self.previous or "none"
        yield "kind", "demonstration" if self.demo else "real"
        yield "policy-quorum", str(self.policy_quorum)
        for name, public in sorted(self.policy_keys.items()):
            yield "policy-key", f"{name} {public.hex()}"
        yield "reviewer-quorum", str(self.reviewer_quorum)
        for name, public in sorted(self.reviewer_keys.items()):
            yield "reviewer-key", f"{name} {public.hex()}"
        for name in self.classifications:
            yield "classification", name
        for _, domain in sorted(self.domains.items()):
            categories = ",".join(sorted(domain.categories)) or NONE
            yield "domain", f"{domain.name} {domain.classification} {categories}"
        for flow, (source, destination) in sorted(self.releases.items()):
            yield "release", f"{flow} {source} {destination}"
        for requirement in sorted(self.requirements):
            yield "require", " ".join(requirement)

    def direction(self, source: str, destination: str) -> Direction:
        """Of a flow between two domains. Raises `Malformed(ROOT_MALFORMED)` for an unknown one."""
        one, other = self.domain(source), self.domain(destination)
        up, down = other.at_least(one), one.at_least(other)
        if up and down:
            return Direction.SAME
        return Direction.UP if up else Direction.DOWN if down else Direction.ACROSS

    def domain(self, name: str) -> Domain:
        """A domain by its name. Raises `Malformed(ROOT_MALFORMED)`."""
        if name not in self.domains:
            known = ", ".join(sorted(self.domains))
            raise _wrong(f"names no domain {name}: it has {known}")
        return self.domains[name]

    def is_release(self, flow: str, source: str, destination: str) -> bool:
        """Whether this flow may carry to a domain that is not at least as high."""
        return self.releases.get(flow) == (source, destination)

    def required(self, policy: Policy) -> Iterator[Requirement]:
        """What this root requires of the flow of a policy."""
        direction = self.direction(policy.source_domain, policy.destination_domain)
        source = self.domain(policy.source_domain).classification
        destination = self.domain(policy.destination_domain).classification
        for need in self.requirements:
            if (
                need.direction in (ANY, direction)
                and need.source in (ANY, source)
                and need.destination in (ANY, destination)
            ):
                yield need


def read_root(untrusted_text: str) -> TrustRoot:
    """The root of this text, which is the one way to write it. Raises `Malformed`."""
    first, *lines = untrusted_text.split("\n")
    if first != FIRST_LINE or not lines or lines[-1]:
        raise _wrong(f"does not begin with the line {FIRST_LINE!r}, or has no last line feed")
    _check_lines(lines[:-1])
    values: dict[str, list[str]] = {name: [] for name in _FORMS}
    for line in lines[:-1]:
        name, _, value = line.partition(" ")
        values[name].append(value)
    for name in _ONCE:
        if len(values[name]) != 1:
            raise _wrong(f"has no line {name}, or more than one")
    found = _root(values)
    if found.text() != untrusted_text:
        raise _wrong("is not written as it must be: its lines are in one order, each once")
    return found


def _root(values: dict[str, list[str]]) -> TrustRoot:
    classifications = values["classification"]
    domains = {}
    for line in values["domain"]:
        name, classification, listed = line.split(" ")
        if classification not in classifications:
            raise _wrong(f"has domain {name} of a classification that is not listed")
        categories = frozenset() if listed == NONE else frozenset(listed.split(","))
        level = classifications.index(classification)
        domains[name] = Domain(name, classification, level, categories)
    releases = {flow: (one, other) for flow, one, other in map(str.split, values["release"])}
    previous = values["previous"][0]
    return TrustRoot(
        version=int(values["version"][0]),
        policy_keys=_keys(values["policy-key"]),
        policy_quorum=int(values["policy-quorum"][0]),
        domains=domains,
        classifications=tuple(classifications),
        reviewer_keys=_keys(values["reviewer-key"]),
        reviewer_quorum=int(values["reviewer-quorum"][0]),
        releases=releases,
        requirements=tuple(Requirement(*line.split(" ")) for line in values["require"]),
        previous="" if previous == "none" else previous,
        demo=values["kind"][0] == "demonstration",
    )


def _keys(lines: list[str]) -> dict[str, bytes]:
    return {name: bytes.fromhex(public) for name, public in map(str.split, lines)}


def _check_lines(lines: Sequence[str]) -> None:
    for line in lines:
        name, _, value = line.partition(" ")
        if name not in _FORMS or not re.fullmatch(_FORMS[name], value):
            raise _wrong(f"has a line that is not of its form: {line[:80]!r}")


def _check(root: TrustRoot) -> None:
    """What holds beyond the form of each line (trust-root §3)."""
    if root.version > VERSION_MAX or (root.version == 1) != (not root.previous):
        raise _wrong("has a version out of bounds; the first, and only the first, has no previous")
    _check_people(root)
    bounds = (
        ("classifications", root.classifications, 1, CLASSIFICATIONS_MAX),
        ("domains", root.domains, 1, DOMAINS_MAX),
        ("releases", root.releases, 0, RELEASES_MAX),
        ("requirements", root.requirements, 0, REQUIREMENTS_MAX),
    )
    for what, listed, least, most in bounds:
        if not least <= len(listed) <= most:
            raise _wrong(f"has {len(listed)} {what}, not {least} to {most}")
    if len(set(root.classifications)) != len(root.classifications):
        raise _wrong("lists a classification twice")
    for flow, (source, destination) in root.releases.items():
        if root.direction(source, destination) not in (Direction.DOWN, Direction.ACROSS):
            raise _wrong(f"lets {flow} release from {source} to {destination}, which is no lower")
    for need in root.requirements:
        for name in (need.source, need.destination):
            if name != ANY and name not in root.classifications:
                raise _wrong(f"requires {need.stage} for {name}, which is no classification of it")


def _check_people(root: TrustRoot) -> None:
    policy, reviewers = root.policy_keys, root.reviewer_keys
    if not QUORUM_MIN <= root.policy_quorum <= len(policy) <= KEYS_MAX:
        raise _wrong(f"needs {QUORUM_MIN} to {KEYS_MAX} policy keys and a quorum of at least"
                     f" {QUORUM_MIN} and at most all of them")  # fmt: skip
    wrong = reviewers and root.reviewer_quorum > len(reviewers)
    if wrong or root.reviewer_quorum < QUORUM_MIN or len(reviewers) > REVIEWERS_MAX:
        raise _wrong(f"needs a reviewers' quorum of at least {QUORUM_MIN} and at most all of them")
    publics = [*policy.values(), *reviewers.values()]
    if len(set(publics)) != len(publics):
        raise _wrong("has a key twice: a key is one person's, for one duty")


def _wrong(what: str) -> Malformed:
    return Malformed(Reason.ROOT_MALFORMED, f"the trust root {what}")
