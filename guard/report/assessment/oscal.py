"""A report as OSCAL 1.2: assessment results, with the plan and the component that they refer to.

Takes an `Assessment` and the digests of the other files of the report, gives three documents. Every
uuid is made from what it names (RFC 9562 §5.5), so that the same report has the same. `dangling`
finds references that lead nowhere, which a schema cannot. Pure.
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from guard.report.assessment.nouns import Assessment, Control
from guard.report.assessment.words import verdict

OSCAL_VERSION = "1.2.3"
PLAN, COMPONENT, RESULTS = (
    "assessment-plan.json", "component-definition.json", "assessment-results.json",
)  # fmt: skip
CATALOG = "https://doi.org/10.6028/NIST.SP.800-53r5"
_SPACE = uuid.UUID("5b0e1c1e-8d1f-5c0a-9a55-6f8f5a7f1d10")  # of this project's names
_MEDIA = {
    "html": "text/html", "pdf": "application/pdf", "json": "application/json", "csv": "text/csv",
    "txt": "text/plain",
}  # fmt: skip
_STATES = {"satisfied": "implemented", "partly": "partial", "not": "planned"}

Document = dict[str, Any]


def documents(found: Assessment, version: str, evidence: Mapping[str, str]) -> dict[str, Document]:
    """File name -> document, without the digests of one another: see `with_digest`.

    version: of the software; evidence: name of another file of the report -> its SHA-256.
    """
    return _Documents(found, version, evidence).all()


def dangling(document: Document, *others: Document) -> list[str]:
    """References in a document that resolve neither in it nor in the others it imports."""
    known = {value for each in (document, *others) for key, value in _walk(each) if key == "uuid"}
    wanted = [
        value.removeprefix("#") for key, value in _walk(document)
        if (key.endswith("-uuid") or (key == "href" and str(value).startswith("#")))
    ]  # fmt: skip
    return sorted({each for each in wanted if each not in known})


class _Documents:
    """The three of one report."""

    def __init__(self, found: Assessment, version: str, evidence: Mapping[str, str]) -> None:
        self._found, self._version, self._evidence = found, version, evidence
        self._controls = [each for each in found.controls if each.state != "not applicable"]
        self._seed = f"{found.begin_ms} {found.end_ms} {' '.join(found.flows)}"

    def all(self) -> dict[str, Document]:
        """Component first: the plan refers to it, and the results to the plan."""
        return {COMPONENT: self._component(), PLAN: self._plan(), RESULTS: self._results()}

    def _id(self, *names: object) -> str:
        return str(uuid.uuid5(_SPACE, "/".join(map(str, (self._seed, *names)))))

    def _metadata(self, title: str) -> Document:
        return {
            "title": title,
            "last-modified": _time(self._found.made_ms),
            "version": self._version,
            "oscal-version": OSCAL_VERSION,
        }

    def _component(self) -> Document:
        requirements = [
            {
                "uuid": self._id("requirement", each.id),
                "control-id": control_id(each.id),
                "description": each.by or each.lacks,
                "props": [{"name": "implementation-status", "value": _STATES[each.state]}],
                **({"remarks": f"Not there: {each.lacks}"} if each.lacks else {}),
            }
            for each in self._controls
        ]
        component = {
            "uuid": self._id("component"),
            "type": "software",
            "title": "Checkvalve",
            "description": "A cross-domain guard with its own one-way link.",
            "props": [{"name": "version", "value": self._version}],
        }
        if requirements:
            component["control-implementations"] = [
                {
                    "uuid": self._id("implementation"),
                    "source": CATALOG,
                    "description": "What the software gives for controls of NIST SP 800-53 rev. 5.",
                    "implemented-requirements": requirements,
                }
            ]
        return {
            "component-definition": {
                "uuid": self._id("component-definition"),
                "metadata": self._metadata("Checkvalve: what the software gives for which control"),
                "components": [component],
            }
        }

    def _reviewed(self) -> Document:
        ids = [{"control-id": control_id(each.id)} for each in self._controls]
        selection: Document = {"include-controls": ids} if ids else {"include-all": {}}
        return {"control-selections": [selection]}

    def _plan(self) -> Document:
        component = {
            "uuid": self._id("component"),
            "type": "software",
            "title": "Checkvalve",
            "description": "The guard whose ledgers are looked at.",
            "status": {"state": "operational"},
            "links": [{"href": f"#{self._id('resource', COMPONENT)}", "rel": "definition"}],
        }
        activity = {
            "uuid": self._id("activity"),
            "title": "Look at the ledgers",
            "description": "Both sides' ledgers are verified, held against each other and against"
            " the checkpoints that the high side heard; then what they say is counted.",
        }
        return {
            "assessment-plan": {
                "uuid": self._id("plan"),
                "metadata": self._metadata("Checkvalve: how the ledgers are assessed"),
                "import-ssp": {
                    "href": f"#{self._id('resource', 'ssp')}",
                    "remarks": "The organisation's own plan; not made by the guard.",
                },
                "local-definitions": {"components": [component], "activities": [activity]},
                "reviewed-controls": self._reviewed(),
                "assessment-subjects": [
                    {
                        "type": "component",
                        "include-subjects": [
                            {"subject-uuid": self._id("component"), "type": "component"}
                        ],
                    }
                ],
                "back-matter": {"resources": [
                    self._resource(COMPONENT, "What the software gives for which control"),
                    {"uuid": self._id("resource", "ssp"), "title": "System security plan",
                     "description": "Of the organisation that runs the guard."},
                ]},
            }
        }  # fmt: skip

    def _results(self) -> Document:
        found = self._found
        observations = [self._observation_of_ledgers(), *map(self._observation, self._controls)]
        result: Document = {
            "uuid": self._id("result"),
            "title": "What the ledgers say",
            "description": verdict(found),
            "start": _time(found.begin_ms),
            "end": _time(found.end_ms),
            "reviewed-controls": self._reviewed(),
            "observations": observations,
        }
        if self._controls:
            result["findings"] = [self._finding(each) for each in self._controls]
        resources = [self._resource(PLAN, "How the ledgers are assessed")]
        resources += [self._resource(name, "A form of the report") for name in self._evidence]
        return {
            "assessment-results": {
                "uuid": self._id("results"),
                "metadata": self._metadata("Checkvalve: results of an assessment of its ledgers"),
                "import-ap": {"href": f"#{self._id('resource', PLAN)}"},
                "results": [result],
                "back-matter": {"resources": resources},
            }
        }

    def _observation_of_ledgers(self) -> Document:
        found = self._found
        told = [
            f"{each.origin}: {'verified' if each.ok else 'does not verify'},"
            f" {each.entries} entries, root {each.root}"
            for each in found.ledgers
        ]  # fmt: skip
        observation: Document = {
            "uuid": self._id("observation", "ledgers"),
            "title": "The ledgers",
            "description": " ".join([verdict(found), *told]),
            "methods": ["TEST"],
            "subjects": [{"subject-uuid": self._id("component"), "type": "component"}],
            "collected": _time(found.made_ms),
        }
        if self._evidence:
            observation["relevant-evidence"] = [
                {"href": f"#{self._id('resource', name)}", "description": f"The report, as {name}"}
                for name in self._evidence
            ]
        return observation

    def _observation(self, control: Control) -> Document:
        tests = ", ".join(control.tests) or "none"
        return {
            "uuid": self._id("observation", control.id),
            "title": control.id,
            "description": f"{control.by or control.lacks} Tests: {tests}.",
            "methods": ["TEST"] if control.tests else ["EXAMINE"],
            "collected": _time(self._found.made_ms),
        }

    def _finding(self, control: Control) -> Document:
        satisfied = control.state == "satisfied"
        return {
            "uuid": self._id("finding", control.id),
            "title": f"{control.id} {control.title}",
            "description": control.by or control.lacks,
            "target": {
                "type": "objective-id",
                "target-id": f"{control_id(control.id)}_obj",
                "status": {
                    "state": "satisfied" if satisfied else "not-satisfied",
                    **({"remarks": control.lacks} if control.lacks else {}),
                },
                "implementation-status": {"state": _STATES[control.state]},
            },
            "related-observations": [
                {"observation-uuid": self._id("observation", control.id)},
                {"observation-uuid": self._id("observation", "ledgers")},
            ],
        }

    def _resource(self, name: str, title: str) -> Document:
        link: Document = {"href": name, "media-type": _MEDIA[name.rpartition(".")[2]]}
        if name in self._evidence:
            link["hashes"] = [{"algorithm": "SHA-256", "value": self._evidence[name]}]
        return {
            "uuid": self._id("resource", name), "title": f"{title}: {name}", "rlinks": [link],
        }  # fmt: skip


def with_digest(document: Document, name: str, digest: str) -> None:
    """State the SHA-256 of another of the three, once its bytes are known."""
    (body,) = document.values()
    for resource in body.get("back-matter", {}).get("resources", ()):
        for link in resource.get("rlinks", ()):
            if link["href"] == name:
                link["hashes"] = [{"algorithm": "SHA-256", "value": digest}]


def control_id(name: str) -> str:
    """AC-4(9) as the catalogue writes it: ac-4.9."""
    return re.sub(r"\((\d+)\)", r".\1", name).lower()


def _time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1000, UTC).isoformat().replace("+00:00", "Z")


def _walk(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, str):
                yield key, each
            else:
                yield from _walk(each)
    elif isinstance(value, list):
        for each in value:
            yield from _walk(each)
