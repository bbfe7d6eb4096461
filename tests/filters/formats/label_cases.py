"""Labels for the tests: the vectors, and labels that nobody thought of."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from schemas.label.model import (
    TIME_MS_MAX,
    Category,
    CategoryKind,
    Clearance,
    Label,
    Originator,
    PolicyId,
    Succession,
)

VECTORS: dict[str, list[Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "labels" / "labels.json").read_text("utf-8")
)


def label_of(said: dict[str, Any]) -> Label:
    """The label that a vector says."""
    return Label(
        PolicyId(*said["policy"]),
        said["classification"],
        tuple(
            Category(tag_set, tag, CategoryKind(kind), tuple(values))
            for tag_set, tag, kind, values in said["categories"]
        ),
        said.get("privacy_mark", ""),
        said.get("created_ms"),
        said.get("review_ms"),
        Originator(*said["originator"]) if "originator" in said else None,
        tuple(Succession(at, label_of(to)) for at, to in said.get("successions", ())),
    )


_CHARACTERS = "ABCXYZabc019 -_.,:;()[]&<>\"'é漢"
names = st.text(_CHARACTERS, min_size=1, max_size=24).map(
    lambda text: " ".join(text.split())
).filter(bool)  # fmt: skip
uris = st.just("") | st.integers(1, 99).map(lambda number: f"urn:oid:2.25.{number}")
moments = st.integers(0, TIME_MS_MAX // 86_400_000).map(lambda day: day * 86_400_000) | st.integers(
    0, TIME_MS_MAX
)
categories = st.lists(
    st.builds(
        Category, uris, names, st.sampled_from(CategoryKind),
        st.lists(names, min_size=1, max_size=4).map(tuple),
    ),
    max_size=4, unique_by=lambda category: (category.tag_set, category.tag),
).map(tuple)  # fmt: skip
originators = st.none() | st.builds(Originator, st.just("rfc822Name"), names)


def _labels(successions: st.SearchStrategy[tuple[Succession, ...]]) -> st.SearchStrategy[Label]:
    return st.builds(
        Label, st.builds(PolicyId, names, uris), names, categories, st.just("") | names, moments,
        st.none() | moments, originators, successions,
    )  # fmt: skip


labels = _labels(
    st.just(()) | st.builds(Succession, moments, _labels(st.just(()))).map(lambda one: (one,))
)
clearances = st.builds(
    Clearance, st.builds(PolicyId, names, uris),
    st.frozensets(names, min_size=1, max_size=5), categories,
)  # fmt: skip
