"""The three answers a stage can give: Pass, Refuse, Hold. There is no fourth.

`Changed` is Pass from a stage that is allowed to change the message: it carries the message as
it leaves. An exception in a stage is a Hold, made by the runner (`guard.core.chain`); `Malformed`
is a Refuse with the reason it names.
"""

from dataclasses import dataclass

from schemas.message import Message
from schemas.reasons import Reason

SENTENCE_CHARACTERS_MAX = 240


@dataclass(frozen=True, slots=True)
class Pass:
    """Go on, unchanged. `note` says in words what is worth telling an auditor, or nothing."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Stop the message for good: it is against the policy or the format."""

    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the message for people: the policy asks for a review, or a stage could not decide."""

    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Go on as this message. `note` says what was dropped or changed."""

    message: Message
    note: str = ""


Verdict = Pass | Refuse | Hold
Answer = Verdict | Changed
