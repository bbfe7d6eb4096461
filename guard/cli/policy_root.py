"""`guard policy root`: make, sign and look at a trust root, on a machine of its own.

Format and rules: docs/spec/trust-root.md; what the persons do: docs/policy.md.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import click
from pydantic import Field, ValidationError

from guard.cli.output import EXIT_NO, console, print_json, printable, sentences
from guard.core.signed_note import PersonKey, SignedNote
from guard.core.trust import SignedRoot, policy_keys
from guard.edge import durable
from guard.edge.keys import public_of, read_secret
from guard.edge.trust import read_signed_root
from schemas.errors import CheckvalveError, Forged, Malformed
from schemas.policy import Closed
from schemas.reasons import Reason
from schemas.trust_root import ANY, QUORUM_MIN, Domain, Requirement, TrustRoot

_FILE = click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
_AFTER = click.option(
    "--after", metavar="OLD", type=click.Path(path_type=Path, dir_okay=False),
    help="The root that this one follows: a quorum of its keys must sign too.",
)  # fmt: skip
Public = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

TEMPLATE = """# A trust root: fill it in, then: guard policy root new THIS --out root
policy_quorum = 2          # so many of the policy keys sign a policy, or the next root
reviewer_quorum = 2        # so many reviewers release a held message

classifications = ["UNCLASSIFIED", "RESTRICTED"]    # the lowest first

[policy_keys]              # NAME = public key, as guard policy new-key prints it
alice = ""
bob = ""
carol = ""

[reviewer_keys]
dora = ""
emil = ""

[domains.LOW]
classification = "UNCLASSIFIED"

[domains.HIGH]
classification = "RESTRICTED"
categories = []            # such as ["CRYPTO"]: who lacks one is not as high

# A flow to a domain that is not at least as high, by its name:
# [[release]]
# flow = "reports"
# source = "HIGH"
# destination = "LOW"

# What no policy may leave out. A stage, or a check (bounds, recognise, schema, label, words);
# direction: up, same, down, across or *; source, destination: a classification or *.
[[require]]
direction = "*"
source = "*"
destination = "*"
side = "source"
stages = ["bounds", "recognise", "schema", "label", "words"]

[[require]]
side = "destination"
stages = ["schema", "label", "words"]
"""


class DomainDraft(Closed):
    """A domain of a draft."""

    classification: str
    categories: Annotated[list[str], Field(default_factory=list)]


class ReleaseDraft(Closed):
    """A flow that may carry to a domain that is not as high."""

    flow: str
    source: str
    destination: str


class RequireDraft(Closed):
    """Stages that flows must have."""

    direction: str = ANY
    source: str = ANY
    destination: str = ANY
    side: str
    stages: Annotated[list[str], Field(min_length=1, max_length=32)]


class Draft(Closed):
    """A root as people write it down, in TOML."""

    policy_quorum: int = QUORUM_MIN
    reviewer_quorum: int = QUORUM_MIN
    classifications: list[str]
    policy_keys: dict[str, Public]
    reviewer_keys: Annotated[dict[str, Public], Field(default_factory=dict)]
    domains: dict[str, DomainDraft]
    release: Annotated[list[ReleaseDraft], Field(default_factory=list)]
    require: Annotated[list[RequireDraft], Field(default_factory=list)]

    def root(self, before: TrustRoot | None) -> TrustRoot:
        """The root that it describes. Raises `Malformed(ROOT_MALFORMED)`."""
        domains = {}
        for name, it in self.domains.items():
            if it.classification not in self.classifications:
                raise _wrong(f"domain {name} has no classification of the list")
            level = self.classifications.index(it.classification)
            domains[name] = Domain(name, it.classification, level, frozenset(it.categories))
        needs = {
            Requirement(it.direction, it.source, it.destination, it.side, stage)
            for it in self.require for stage in it.stages
        }  # fmt: skip
        return TrustRoot(
            version=before.version + 1 if before else 1,
            previous=before.digest() if before else "",
            policy_keys={name: bytes.fromhex(key) for name, key in self.policy_keys.items()},
            policy_quorum=self.policy_quorum,
            reviewer_keys={name: bytes.fromhex(key) for name, key in self.reviewer_keys.items()},
            reviewer_quorum=self.reviewer_quorum,
            domains=domains,
            classifications=tuple(self.classifications),
            releases={it.flow: (it.source, it.destination) for it in self.release},
            requirements=sorted(needs),
        )


@click.group(epilog="Example: guard policy root show root")
def root() -> None:
    """Make, sign and look at a trust root: who may sign policies, which domains there are.

    Made on a machine that is no guard's host. Both sides are given its digest by another way than
    the file.
    """


@root.command("template", epilog="Example: guard policy root template > root.toml")
def template_command() -> None:
    """Print a draft to fill in."""
    click.echo(TEMPLATE, nl=False)


@root.command("new", epilog="Example: guard policy root new root.toml --out root")
@click.argument("draft", metavar="DRAFT", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", required=True, metavar="FILE", type=click.Path(path_type=Path),
              help="A new file for the root.")  # fmt: skip
@_AFTER
def new_command(draft: Path, out: Path, after: Path | None) -> None:
    """Make a root from a DRAFT in TOML, without signatures yet.

    With --after it is the next version of the root OLD.
    """
    with sentences():
        before = read_signed_root(after).root if after else None
        made = _read_draft(draft).root(before)
        durable.create(out, SignedNote(made.text()).write())
    _say(f"Made version {made.version}. {made.policy_quorum} persons sign it:"
         f" guard policy root sign {out} --key NAME.key")  # fmt: skip
    if before is not None:
        _say(f"So do {before.policy_quorum} with keys of version {before.version}"
             f" (--after {after}).")  # fmt: skip
    _say(f"Digest: sha256:{made.digest()}")


def _read_draft(path: Path) -> Draft:
    try:
        return Draft.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _wrong(f"{place}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise _wrong(str(error)) from error


@root.command("sign", epilog="Example: guard policy root sign root --key alice.key")
@_FILE
@click.option("--key", required=True, metavar="FILE",
              type=click.Path(path_type=Path, dir_okay=False), help="Your own key.")  # fmt: skip
@_AFTER
def sign_command(file: Path, key: Path, after: Path | None) -> None:
    """Sign a root with your own key, which is a policy key of it, or of the one before it.

    Look at what you sign first: guard policy root show FILE.
    """
    with sentences():
        signed = read_signed_root(file)
        before = read_signed_root(after).root if after else None
        seed = read_secret(key)
        person = _person(public_of(seed), key, signed.root, before)
        note = signed.note.signed_by(person, seed, Reason.ROOT_UNTRUSTED)
        durable.replace(file, note.write())
        file.chmod(0o644)
        lacks = _lacks(SignedRoot(note, signed.root), before)
    _say(f"Signed as {person.name}. Digest: sha256:{signed.root.digest()}")
    _say(lacks or "It has the signatures that it needs.")


def _person(public: bytes, key: Path, made: TrustRoot, before: TrustRoot | None) -> PersonKey:
    known = policy_keys(made) | (policy_keys(before) if before else set())
    for person in sorted(known):
        if person.public == public:
            return person
    where = " or the one before it" if before else "; name that before it with --after"
    raise Forged(Reason.ROOT_UNTRUSTED, f"{key} is no policy key of this root{where}")


def _lacks(signed: SignedRoot, before: TrustRoot | None) -> str:
    try:
        signed.check(before)
    except CheckvalveError as error:
        return error.sentence
    return ""


@root.command("show", epilog="Example: guard policy root show root --json")
@_FILE
@_AFTER
@click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md.")
def show_command(file: Path, after: Path | None, as_json: bool) -> None:
    """Show a root, its digest, and whether it has the signatures that it needs.

    Exits 1 if it has not. A root after the first needs --after, the one before it.
    """
    with sentences({} if as_json else None):
        signed = read_signed_root(file)
        before = read_signed_root(after).root if after else None
        lacks = _lacks(signed, before)
    told = _as_json(signed.root) | {
        "signatures": [each.name for each in signed.note.signatures],
        "why": lacks,
    }
    if as_json:
        print_json(told)
    else:
        _say(signed.root.text().rstrip("\n"))
        _say(f"\nSigned by: {', '.join(told['signatures']) or 'nobody'}")
        _say(f"Digest: {told['digest']}")
        if lacks:
            _say(lacks)
    if lacks:
        raise SystemExit(EXIT_NO)


def _as_json(made: TrustRoot) -> dict[str, Any]:
    return {
        "version": made.version,
        "digest": f"sha256:{made.digest()}",
        "demo": made.demo,
        "policy_keys": {name: key.hex() for name, key in made.policy_keys.items()},
        "policy_quorum": made.policy_quorum,
        "reviewer_keys": {name: key.hex() for name, key in made.reviewer_keys.items()},
        "reviewer_quorum": made.reviewer_quorum,
        "classifications": list(made.classifications),
        "domains": {
            name: {"classification": it.classification, "categories": sorted(it.categories)}
            for name, it in made.domains.items()
        },
        "releases": {flow: list(ends) for flow, ends in made.releases.items()},
        "requirements": [dict(it._asdict()) for it in made.requirements],
    }


def _wrong(sentence: str) -> Malformed:
    return Malformed(Reason.ROOT_MALFORMED, f"the draft of the trust root: {sentence}")


def _say(text: str) -> None:
    console.print("\n".join(map(printable, text.split("\n"))), markup=False, soft_wrap=True)
