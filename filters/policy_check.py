"""The check of a policy against the catalog: its order, its stages, their parameters, documents.

Takes a `Policy` (and the documents it names), gives what is wrong, a sentence each, or raises the
first. Two depths: `check_policy` imports no stage and so no parser, and is what a supervisor
calls before it starts anything; `stage_faults` loads and makes every stage, and is what
`guard policy check` adds. Pure.
"""

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from filters import catalog
from schemas.errors import Broken, Malformed
from schemas.policy import Chain, Policy, StageLine
from schemas.policy_order import Step, order_faults
from schemas.reasons import Reason
from schemas.stage import Side, StageType
from schemas.trust_root import Direction, TrustRoot

# What each stage of the catalog checks (`StageType.rechecks`), held equal to it by a test; a stage
# that only changes has no duty. Here, so that the order is known without importing a stage.
DUTIES: dict[str, frozenset[str]] = {
    name: frozenset(duty.split("+"))
    for duty, names in {
        "identify": ("identify", "text_identify", "visual_identify"),
        "sender": ("sender_signature",),
        "bounds": ("bounds",),
        "recognise": (
            "cot_read", "cot_recognise", "csv_check", "csv_read", "csv_recognise", "event_read",
            "event_recognise", "json_check", "json_read", "json_recognise", "picture_read",
            "picture_recognise", "tak_recognise", "text_read", "text_recognise", "xml_check",
            "xml_read", "xml_recognise",
        ),
        # recognisers of formats that have no schema language: the whole definition is in them
        "recognise+schema": (
            "picture_verify", "pixels_recognise", "text_check", "text_check_twin",
        ),
        "schema": (
            "cot_schema", "cot_schema_twin", "csv_schema", "csv_schema_twin", "event_schema",
            "event_schema_twin", "json_schema", "json_schema_twin", "xml_schema",
            "xml_schema_twin",
        ),
        "label": ("check_label", "check_label_twin", "label", "label_twin"),
        "words": ("picture_words", "picture_words_twin", "words", "words_twin"),
        "route": ("route", "route_twin"),
    }.items()
    for name in names
} | {
    # archives and office documents
    "container_identify": frozenset({"identify"}),
    "archive_read": frozenset({"recognise"}),
    "archive_recognise": frozenset({"recognise"}),
    "archive_schema": frozenset({"schema"}),
    "archive_schema_twin": frozenset({"schema"}),
    "container_recognise": frozenset({"recognise"}),
    "office_read": frozenset({"recognise"}),
    "office_recognise": frozenset({"recognise"}),
    "office_schema": frozenset({"schema"}),
    "office_schema_twin": frozenset({"schema"}),
    "office_words": frozenset({"words"}),
    "package_recognise": frozenset({"recognise"}),
} | {
    # pictures and PDF
    "visual_identify": frozenset({"identify"}),
    "document_recognise": frozenset({"recognise", "schema"}),
    "pdf_read": frozenset({"recognise"}),
    "pdf_recognise": frozenset({"recognise"}),
    "pdf_verify": frozenset({"recognise", "schema"}),
    "pdf_words": frozenset({"words"}),
    "pdf_words_twin": frozenset({"words"}),
    "picture_read": frozenset({"recognise"}),
    "picture_recognise": frozenset({"recognise"}),
    "picture_verify": frozenset({"recognise", "schema"}),
    "picture_words": frozenset({"words"}),
    "picture_words_twin": frozenset({"words"}),
    "pixels_recognise": frozenset({"recognise", "schema"}),
}  # fmt: skip


def chains_of(policy: Policy) -> list[tuple[Side, Chain]]:
    """The chains that the policy has, source first."""
    both = ((Side.SOURCE, policy.source), (Side.DESTINATION, policy.destination))
    return [(side, chain) for side, chain in both if chain is not None]


def check_policy(policy: Policy) -> None:
    """Raises `Malformed(POLICY_ORDER)` with the first fault of the policy's chains."""
    faults = policy_faults(policy)
    if faults:
        more = f" (and {len(faults) - 1} more: see guard policy check)" if len(faults) > 1 else ""
        raise Malformed(Reason.POLICY_ORDER, faults[0] + more)


def policy_faults(policy: Policy) -> list[str]:
    """What is wrong with stages and order, a sentence each. Imports no stage."""
    chains = chains_of(policy)
    if not chains:
        return ["the policy has neither a source nor a destination chain"]
    faults: list[str] = []
    for side, chain in chains:
        unknown = [fault for line in chain.stage for fault in _not_listed(side, line)]
        faults += unknown
        if not unknown:
            faults += order_faults(side, [_step(line) for line in chain.stage])
    crosses = policy.source is not None and policy.source.name_crosses
    if crosses and policy.destination is not None and not policy.destination.name_crosses:
        faults.append("the source chain lets a file's name cross, the destination takes none")
    return faults


def check_mandatory(policy: Policy, root: TrustRoot) -> None:
    """Raises `Malformed(POLICY_MANDATORY)` with the first thing that the trust root forbids."""
    faults = mandatory_faults(policy, root)
    if faults:
        raise Malformed(Reason.POLICY_MANDATORY, faults[0])


def mandatory_faults(policy: Policy, root: TrustRoot) -> list[str]:
    """Where the policy does less than the root requires of its flow, a sentence each.

    A chain that the policy does not have is the other side's to check.
    """
    try:
        direction = root.direction(policy.source_domain, policy.destination_domain)
    except Malformed as error:
        return [error.sentence]
    between = f"from {policy.source_domain} to {policy.destination_domain}"
    faults = []
    if direction in (Direction.DOWN, Direction.ACROSS) and not root.is_release(
        policy.flow, policy.source_domain, policy.destination_domain
    ):
        faults.append(
            f"the flow {policy.flow} {between} goes {direction}, and the trust root lists no such"
            " release: only a quorum of its policy keys may add one"
        )
    chains = dict(chains_of(policy))
    for need in root.required(policy):
        side = Side(need.side)
        if side in chains and not any(performs(line, need.stage) for line in chains[side].stage):
            faults.append(
                f"the {side} chain needs {need.stage}: the trust root requires it of flows"
                f" {direction}, {between}"
            )
    return faults


def asks(line: StageLine) -> bool:
    """Whether a stage asks the side's virus scanner."""
    return catalog.entry(line.catalog_name, line.own_stage).asks


def performs(line: StageLine, stage: str) -> bool:
    """Whether a stage is what is required, or checks it; a site's own counts for nothing."""
    if line.own is not None:
        return False
    name = line.catalog_name
    return stage == name or stage in DUTIES.get(name, frozenset())


def _not_listed(side: Side, line: StageLine) -> Iterator[str]:
    listed = line.catalog_name in catalog.names()
    if listed and line.own:
        what = f"{line.catalog_name} is a stage of this project, and no site's own"
        yield f"stage {line.name} of the {side} chain: {what}"
    elif not listed and not line.own:
        yield f"stage {line.name} of the {side} chain: the catalog has no {line.catalog_name}"


def _step(line: StageLine) -> Step:
    listed = catalog.entry(line.catalog_name, line.own_stage)
    duties = DUTIES.get(line.catalog_name, frozenset())
    return Step(line.name, line.catalog_name, listed.kind, listed.side, duties)


def stage_faults(
    policy: Policy, documents: Mapping[str, bytes], *, own_stages: bool = True
) -> list[str]:
    """What is wrong inside the stages: parameters, documents, what does not compile.

    Loads every stage named and so its engine: not for the supervisor. own_stages: a site's own too.
    """
    return [
        f"stage {line.name} of the {side} chain: {fault}"
        for side, chain in chains_of(policy)
        for line in chain.stage
        if not list(_not_listed(side, line)) and (own_stages or line.own is None)
        for fault in _line_faults(line, chain, documents)
    ]


def _line_faults(line: StageLine, chain: Chain, documents: Mapping[str, bytes]) -> Iterator[str]:
    try:
        stage = catalog.load(line.catalog_name, line.own_stage)
    except Broken as error:  # a site's own that is not there, or is another
        yield error.sentence
        return
    try:
        parameters = stage.parameters.model_validate(line.parameters)
    except ValidationError as error:
        yield from (_in_words(fault, stage) for fault in error.errors())
        return
    unnamed = [
        value for field, value in parameters
        if field.endswith("document") and value and value not in chain.documents
    ]  # fmt: skip
    if unnamed:
        yield from (f"it reads {name}, which the chain's documents do not name" for name in unnamed)
        return
    limit_ms = (line.limits or chain.limits).message_ms_max
    waits_ms = getattr(parameters, "answer_ms_max", 0)  # of a stage that asks
    if waits_ms >= limit_ms:
        yield (
            f"answer_ms_max is {waits_ms}, and the stage's limit message_ms_max is {limit_ms}:"
            " it would be ended while it waits"
        )
    own = {name: documents[name] for name in chain.documents if name in documents}
    try:
        stage.make(parameters, own)
    except (Malformed, Broken) as error:
        yield error.sentence
    except KeyError as error:
        yield f"it reads {error.args[0]}, which is not there"
    except (Exception, SystemExit) as error:  # whatever a compiler says: it is the policy's fault
        yield f"it cannot be made: {_one_line(error)}"


def _in_words(fault: Mapping[str, object], stage: StageType) -> str:
    """One fault of pydantic's as words: the place, and what is wrong there."""
    loc = fault["loc"]
    parts = loc if isinstance(loc, tuple) else ()
    place = ".".join(str(part) for part in parts)
    if fault["type"] == "extra_forbidden" and len(parts) == 1:
        known = ", ".join(sorted(stage.parameters.model_fields)) or "none"
        return f"{stage.name} has no parameter {place}; it has: {known}"
    if fault["type"] == "extra_forbidden":
        return f"{place} is not known"
    if fault["type"] == "missing":
        return f"parameter {place} is missing"
    said = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"{place}: {said}" if place else said


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
