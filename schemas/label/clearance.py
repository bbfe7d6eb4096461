"""Clearances as tables: in a flow's policy, and in files of their own for the command line.

    policy = "ALLIANCE"                  # may be left out where a policy is given beside it
    holder = "French liaison officer"
    classifications = ["UNCLASSIFIED", "RESTRICTED"]
    not_after = "2030-12-31T23:59:59Z"
    [categories]
    "Releasable To" = ["FRA"]

Takes a table, gives a `Held` clearance of a policy, or raises `Malformed`. Tags go by their names;
a name that two tags of the policy have cannot be used here. The reader of such files is in
`schemas.label.clearance_file`: stages, which get their tables from the policy, have no use for it.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from schemas.errors import Malformed
from schemas.label.access import Held, hold
from schemas.label.clauses import Denied, Rule, shown
from schemas.label.model import Category, Clearance
from schemas.label.spif import Spif
from schemas.reasons import Reason


class ClearanceTable(BaseModel):
    """A clearance by names; a closed table.

    policy           the policy's name ("": the one it is read under)
    holder           who holds it, for verdicts
    classifications  the set held: each is named, none follows from another
    categories       tag name -> values held
    not_before, not_after  its dates, as YYYY-MM-DDThh:mm:ssZ ("" no end)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    policy: str = Field(default="", max_length=128)
    holder: str = Field(default="", max_length=128)
    classifications: list[str] = Field(min_length=1, max_length=64)
    categories: dict[str, list[str]] = Field(default={}, max_length=64)
    not_before: str = Field(default="", max_length=32)
    not_after: str = Field(default="", max_length=32)

    def under(self, spif: Spif) -> Held:
        """The clearance, looked up in its policy. Raises `Malformed`."""
        if self.policy not in ("", spif.policy.name):
            raise Denied(Rule.A1, f"the clearance is not of the policy {shown(spif.policy.name)}")
        categories = []
        for name, values in self.categories.items():
            tag = spif.tags_by_name.get(name)
            if tag is None:
                raise Denied(Rule.A3, f"the policy has no one tag named {shown(name)}")
            categories.append(Category(tag.tag_set, tag.name, tag.kind, tuple(values)))
        clearance = Clearance(
            spif.policy, frozenset(self.classifications), tuple(categories), self.holder,
            moment_ms(self.not_before), moment_ms(self.not_after),
        )  # fmt: skip
        return hold(clearance, spif)


def moment_ms(text: str) -> int | None:
    """A time as milliseconds since 1970; None for "". Raises `Malformed(LABEL_MALFORMED)`."""
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
        if when.tzinfo is None:
            raise ValueError("no zone")
        return round(when.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise Malformed(
            Reason.LABEL_MALFORMED, "a time is not of the form YYYY-MM-DDThh:mm:ssZ"
        ) from error
