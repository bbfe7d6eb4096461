"""A policy in words: what each stage sees to, what is refused, what crosses, who may drop.

Takes a checked policy, the digests of its documents and the catalog's stages; gives an
`Explanation` for people (lines) and machines (a JSON value). Pure but for loading the stages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from filters import catalog
from schemas.policy import BITS_PER_MBIT, Chain, LinkLine, Policy, StageLine
from schemas.stage import Kind

_DOES = {
    Kind.FILTER: "refuses a message unless",
    Kind.NORMALIZE: "rebuilds:",
    Kind.TRANSFORM: "changes:",
    Kind.ROUTE: "routes:",
}
_MANIFEST = {
    "full": "A signed manifest: sequence, id, digest, size, type, label, times, policy digest.",
    "compact": "A compact signed manifest: type, label, times; receipts and id are in the ledger.",
}
_SIGNATURES = {
    "ed25519": "It is signed with Ed25519.",
    "hybrid": "It is signed twice: with Ed25519 and with ML-DSA-65.",
}
_COMPRESSED = {
    "off": "Nothing is compressed.",
    "lz4": "Envelopes are compressed with lz4.",
    "zstd": "Envelopes are compressed with zstd.",
}


@dataclass(frozen=True, slots=True)
class StageWords:
    """One stage: its line of the policy, what it does, and its parameters in words."""

    line: StageLine
    version: int
    kind: Kind
    checks: list[str]
    does: str
    parameters: str

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "name": self.line.name,
            "use": self.line.catalog_name,
            "version": self.version,
            "kind": self.kind,
            "own": self.line.pin,
            "checks": self.checks,
            "does": self.does,
            "parameters": self.line.parameters,
        }


def stages_in_words(chain: Chain) -> list[StageWords]:
    """A chain, stage by stage."""
    told = []
    for line in chain.stage:
        parameters = parameters_in_words(line.parameters)
        if line.own is not None:  # what it does, only its file knows, which may be elsewhere
            kind, version = Kind(line.own.kind), line.own.version
            does = f"{_DOES[kind]} the site's own, version {version}, SHA-256 {line.own.sha256}"
            told.append(StageWords(line, version, kind, [], does, parameters))
            continue
        stage = catalog.load(line.catalog_name)
        does = f"{_DOES[stage.kind]} {stage.summary}"
        checks = sorted(stage.rechecks)
        told.append(StageWords(line, stage.version, stage.kind, checks, does, parameters))
    return told


def parameters_in_words(parameters: Mapping[str, Any]) -> str:
    """`bytes_max = 10` as "bytes at most 10", lists with commas, tables with arrows."""
    return "; ".join(_one(name, value) for name, value in parameters.items())


def _one(name: str, value: Any) -> str:
    words = name.replace("_", " ")
    if isinstance(value, int) and not isinstance(value, bool):
        if name.endswith("_max"):
            return f"{words.removesuffix(' max')} at most {value:,}"
        if name.endswith("_min"):
            return f"{words.removesuffix(' min')} at least {value:,}"
    if name == "rules" and isinstance(value, list):
        return ", else ".join(_rule(rule) for rule in value if isinstance(rule, dict))
    if name in ("clearances", "ceiling") and isinstance(value, list):
        return f"{words}: " + " and ".join(_clearance(it) for it in value if isinstance(it, dict))
    return f"{words}: {_value(value)}"


def _clearance(table: Mapping[str, Any]) -> str:
    """A clearance: "HIGH (RESTRICTED; Releasable To FRA)"."""
    held = [_value(table.get("classifications", []))]
    held += [f"{tag} {_value(values)}" for tag, values in table.get("categories", {}).items()]
    held += [f"{end} {table[key]}" for key, end in (("not_before", "from"), ("not_after", "to"))
             if table.get(key)]  # fmt: skip
    return f"{table.get('holder') or 'all'} ({'; '.join(held)})"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} → {_value(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value) or "none"
    return f"{value:,}" if type(value) is int else str(value)


def _rule(rule: Mapping[str, Any]) -> str:
    """One rule of a route: "to chat where @type is b-t-f*"."""
    queues = _value(rule.get("queues", []))
    conditions = [
        f"{rule['field']} is {rule.get('value', '*')}" if "field" in rule else "",
        *(f"{key} is {rule[key]}" for key in ("sender", "type", "label", "destination")
          if key in rule),
        *(f"{key} is {pattern}" for key, pattern in dict(rule.get("when", {})).items()),
    ]  # fmt: skip
    where = " and ".join(filter(None, conditions))
    return f"to {queues}" + (f" where {where}" if where else "")


def crossing_in_words(policy: Policy) -> list[str]:
    """What reaches the other side beside and around the payload, a sentence each."""
    source = policy.source
    if source is None:
        return []
    rebuilt = next(
        (line.name for line in reversed(source.stage)
         if catalog.entry(line.catalog_name, line.own_stage).kind
         in (Kind.NORMALIZE, Kind.TRANSFORM)),
        "",
    )  # fmt: skip
    named = "crosses, as metadata" if source.name_crosses else "does not cross"
    return [
        f"The payload as stage {rebuilt} gave it: written anew from what was read, not copied.",
        _MANIFEST[policy.link.manifest],
        _SIGNATURES[policy.link.signatures],
        f"The dropped file's name {named}.",
    ]


def link_in_words(link: LinkLine) -> list[str]:
    """The link's parameters, a sentence each."""
    whole, rest = divmod(link.bits_per_s, BITS_PER_MBIT)
    rate = f"{link.bits_per_s:,} bit/s" if rest else f"{whole:,} Mbit/s"
    dictionary = f"Envelopes are compressed with zstd and the dictionary {link.dictionary}."
    return [
        f"Over the link: up to {rate} in datagrams for an MTU of {link.mtu_bytes:,} bytes;"
        f" blocks of up to {link.k_max} source symbols; at least 3 and at least"
        f" {link.repair_percent} % repair symbols; a heartbeat every {link.heartbeat_ms} ms.",
        _COMPRESSED.get(link.compression, dictionary),
        *_repeats_in_words(link),
        *([] if link.tag else ["Datagrams carry no tag: only for a cable nobody else can reach."]),
    ]


def _repeats_in_words(link: LinkLine) -> list[str]:
    if not link.repeats:
        return []
    seconds = link.repeat_pause_ms / 1000
    return [f"Each message is sent {link.repeats + 1} times, {seconds:g} s apart."]


def keeping_in_words(policy: Policy) -> list[str]:
    """What happens to what does not cross, a sentence each."""
    source = policy.source
    if source is None:
        return []
    waits = f"A message waits {source.delay_s:,} s before it is looked at."
    kept = "is kept for operators" if source.keep_refused else "is not kept"
    told = "are told the outcome" if source.replies else "are told nothing"
    return [
        *([waits] if source.delay_s else []),
        f"What is refused {kept}; what is held is kept for review; both stand in the ledger.",
        f"Senders {told} of their messages"
        + (", never which rule or word decided." if source.replies else "."),
    ]


def explanation_as_json(
    policy: Policy, digests: Mapping[str, str], documents: Mapping[str, str]
) -> dict[str, Any]:
    """The whole policy for machines.

    digests: "source" and "destination" -> hex digest that a signature covers
    documents: name -> SHA-256 in hex
    """
    told: dict[str, Any] = {
        "flow": policy.flow,
        "version": policy.version,
        "source_domain": policy.source_domain,
        "destination_domain": policy.destination_domain,
        "senders": policy.senders,
        "payload_bytes_max": policy.payload_bytes_max,
        "crosses": crossing_in_words(policy),
        "keeps": keeping_in_words(policy),
        "link": policy.link.model_dump() | {"bits_per_s": policy.link.bits_per_s},
    }
    for side, chain in (("source", policy.source), ("destination", policy.destination)):
        if chain is not None:
            told[side] = {
                "digest": digests.get(side, ""),
                "documents": {name: documents.get(name, "") for name in chain.documents},
                "stages": [stage.as_json() for stage in stages_in_words(chain)],
                **chain.model_dump(exclude={"stage", "documents"}),
            }
    return told
