"""The rules that labels are decided by, each with the clause it comes from.

A rule's code is the contract with people and machines (verdicts, `guard label --json`); the tables
in docs/spec/labels.md list the same codes, and a test holds the two equal. `Denied` is what a rule
raises: a stage turns it into a refusal, the command line into a step of an explanation.

Sources: STANAG 4774 (ADatP-4774) for labels and clearances; the Open XML SPIF schema 2.1 for
policies; ITU-T X.841 | ISO/IEC 15816 for the access decision over security labels.
"""

from dataclasses import dataclass
from enum import Enum

from schemas.errors import Malformed
from schemas.reasons import Reason

_NAME_SHOWN_MAX = 40
_NAMES_SHOWN_MAX = 4
_SENTENCE_CHARACTERS_MAX = 240  # schemas.verdict


@dataclass(frozen=True, slots=True)
class Clause:
    """code, where it is written, the reason code of a denial, and the rule in words."""

    code: str
    source: str
    reason: Reason
    says: str


class Rule(Enum):
    """Every rule. `.value` is its `Clause`."""

    # the label is valid under its policy
    V1 = Clause("V1", "STANAG 4774 PolicyIdentifier", Reason.LABEL_UNKNOWN,
                "the label is of this policy")  # fmt: skip
    V2 = Clause("V2", "XML-SPIF 2.1 SPIF@notBefore, notAfter", Reason.LABEL_EXPIRED,
                "the policy is in force")  # fmt: skip
    V3 = Clause("V3", "XML-SPIF 2.1 securityClassification", Reason.LABEL_UNKNOWN,
                "the policy knows the classification")  # fmt: skip
    V4 = Clause("V4", "XML-SPIF 2.1 @obsolete", Reason.LABEL_INVALID,
                "nothing in the label is obsolete")  # fmt: skip
    V5 = Clause("V5", "XML-SPIF 2.1 securityCategoryTag@tagType", Reason.LABEL_UNKNOWN,
                "the policy knows each tag, and as of that kind")  # fmt: skip
    V6 = Clause("V6", "XML-SPIF 2.1 tagCategory", Reason.LABEL_UNKNOWN,
                "the policy knows each value")  # fmt: skip
    V7 = Clause("V7", "XML-SPIF 2.1 tagCategory@notBefore, notAfter", Reason.LABEL_EXPIRED,
                "each value is within its dates")  # fmt: skip
    V8 = Clause("V8", "XML-SPIF 2.1 @singleSelection, minSelection, maxSelection",
                Reason.LABEL_INVALID, "each tag has as many values as it may")  # fmt: skip
    V9 = Clause("V9", "XML-SPIF 2.1 tagCategory@requiredClass", Reason.LABEL_INVALID,
                "a value that requires a classification has it")  # fmt: skip
    V10 = Clause("V10", "XML-SPIF 2.1 excludedClass", Reason.LABEL_INVALID,
                 "no value stands with a classification it excludes")  # fmt: skip
    V11 = Clause("V11", "XML-SPIF 2.1 requiredCategory", Reason.LABEL_INVALID,
                 "what classification and values require is there")  # fmt: skip
    V12 = Clause("V12", "XML-SPIF 2.1 excludedCategory", Reason.LABEL_INVALID,
                 "no value stands with one it excludes")  # fmt: skip
    V13 = Clause("V13", "STANAG 4774 CreationDateTime", Reason.LABEL_INVALID,
                 "the label was not made in the future")  # fmt: skip
    V14 = Clause("V14", "XML-SPIF 2.1 privacyMark", Reason.LABEL_INVALID,
                 "the policy knows the privacy mark, if it lists any")  # fmt: skip

    # access
    A1 = Clause("A1", "X.841 policy identifier", Reason.LABEL_NOT_CLEARED,
                "label and clearance are of one policy, or an equivalent one")  # fmt: skip
    A2 = Clause("A2", "STANAG 4774 ConfidentialityClearance", Reason.LABEL_NOT_CLEARED,
                "the clearance is within its dates")  # fmt: skip
    A3 = Clause("A3", "STANAG 4774 ConfidentialityClearance", Reason.LABEL_NOT_CLEARED,
                "the policy knows what the clearance holds")  # fmt: skip
    A4 = Clause("A4", "X.841 classification list", Reason.LABEL_ABOVE_CEILING,
                "the clearance's set has the classification; rank grants nothing")  # fmt: skip
    A5 = Clause("A5", "STANAG 4774 Category RESTRICTIVE", Reason.LABEL_NOT_RELEASABLE,
                "the clearance holds every restrictive value")  # fmt: skip
    A6 = Clause("A6", "STANAG 4774 Category PERMISSIVE", Reason.LABEL_NOT_RELEASABLE,
                "the clearance holds at least one value of each permissive tag")  # fmt: skip
    A7 = Clause("A7", "STANAG 4774 Category INFORMATIVE", Reason.NONE,
                "informative values change nothing")  # fmt: skip

    # one label for several
    D1 = Clause("D1", "X.841 policy identifier", Reason.LABEL_UNKNOWN,
                "all are of one policy, which knows what they say")  # fmt: skip
    D2 = Clause("D2", "XML-SPIF 2.1 securityClassification@hierarchy", Reason.LABEL_INVALID,
                "the classification highest in the hierarchy")  # fmt: skip
    D3 = Clause("D3", "STANAG 4774 Category RESTRICTIVE", Reason.LABEL_INVALID,
                "every restrictive value of any of them")  # fmt: skip
    D4 = Clause("D4", "STANAG 4774 Category PERMISSIVE", Reason.LABEL_NOT_RELEASABLE,
                "of each permissive tag what all that have it share; never nothing")  # fmt: skip
    D5 = Clause("D5", "STANAG 4774 Category INFORMATIVE", Reason.LABEL_INVALID,
                "every informative value of any of them")  # fmt: skip

    # the same in another policy
    E1 = Clause("E1", "XML-SPIF 2.1 equivalentPolicy", Reason.LABEL_NO_MAPPING,
                "the label's policy lists the other as equivalent")  # fmt: skip
    E2 = Clause("E2", "XML-SPIF 2.1 equivalentClassification", Reason.LABEL_NO_MAPPING,
                "exactly one classification applies")  # fmt: skip
    E3 = Clause("E3", "XML-SPIF 2.1 equivalentSecCategoryTag", Reason.LABEL_NO_MAPPING,
                "each value is mapped, or discarded by rule")  # fmt: skip
    E4 = Clause("E4", "STANAG 4774 Category PERMISSIVE", Reason.LABEL_NO_MAPPING,
                "a condition on release is never lost or widened on the way")  # fmt: skip
    E5 = Clause("E5", "XML-SPIF 2.1 equivalentClassification/requiredCategory",
                Reason.LABEL_NO_MAPPING, "what the equivalence requires is added")  # fmt: skip
    E6 = Clause("E6", "STANAG 4774 AlternativeConfidentialityLabel", Reason.LABEL_INVALID,
                "the result is valid in the other policy")  # fmt: skip

    E7 = Clause("E7", "STANAG 4774 AlternativeConfidentialityLabel", Reason.LABEL_INVALID,
                "the alternative label is what the originator's becomes")  # fmt: skip

    # the label and its data
    B1 = Clause("B1", "STANAG 4778 binding", Reason.LABEL_UNBOUND,
                "the label is the one that its data carries")  # fmt: skip
    B2 = Clause("B2", "the flow's policy", Reason.LABEL_MISSING,
                "there is a label, or the policy says what goes without")  # fmt: skip
    R1 = Clause("R1", "NIST SP 800-53 AC-4(9)", Reason.LABEL_REVIEW,
                "what the policy does not let go unattended waits for people")  # fmt: skip
    R2 = Clause("R2", "the flow's policy", Reason.LABEL_NOT_RELEASABLE,
                "the label says to whom it may be released")  # fmt: skip


def cited(rule: Rule, words: str) -> str:
    """A sentence for a verdict: what is so, the rule's code and its source."""
    tail = f" [{rule.value.code}, {rule.value.source}]"
    return words[: _SENTENCE_CHARACTERS_MAX - len(tail)] + tail


class Denied(Malformed):
    """A rule says no. `rule` says which, `words` why; the sentence names the rule's source too."""

    def __init__(self, rule: Rule, words: str) -> None:
        super().__init__(rule.value.reason, cited(rule, words))
        self.rule = rule
        self.words = words

    def told_of(self, whose: str) -> "Denied":
        """The same, said of somebody."""
        return Denied(self.rule, f"{whose}: {self.words}")


@dataclass(frozen=True, slots=True)
class Step:
    """A rule that was met, and how."""

    rule: Rule
    sentence: str


def shown(name: str) -> str:
    """A name in a sentence: cut where it is long."""
    return name if len(name) <= _NAME_SHOWN_MAX else name[: _NAME_SHOWN_MAX - 1] + "…"


def listed(names: list[str] | tuple[str, ...]) -> str:
    """A few names in a sentence, and how many more there are."""
    few = ", ".join(shown(name) for name in names[:_NAMES_SHOWN_MAX])
    more = len(names) - _NAMES_SHOWN_MAX
    return f"{few} and {more} more" if more > 0 else few
