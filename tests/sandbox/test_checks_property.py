"""What the client says of a criteria, and what the sandbox says of its query string: for random criteria, the same."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sequoia.checking import Question
from sequoia.criteria import Criteria, field, text, where
from sequoia.descriptor import Descriptor
from sequoia.sandbox.descriptors import builtin_descriptors
from sequoia.sandbox.query import parse_query
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.wire import WireError

RAW = builtin_descriptors()["metadata"]
DESCRIPTOR = Descriptor.parse(RAW)
RESOURCE = Schema.parse(RAW).resources["contents"]
NOW = "2026-01-01T00:00:00.000Z"

# On the wire a value that a field never has, or a range where ranges are not known, is a text like any other: the
# answer is empty, and nobody is told why. The client says so.
SILENT = (" is no ", "none of its values", "takes no ranges")

FIELDS = st.sampled_from([*DESCRIPTOR.resource("contents").fields, "tilte", "score", "custom.x", "nope"])
RELATIONSHIPS = st.sampled_from([*DESCRIPTOR.resource("contents").relationships, "asset", "nope"])
VALUES = st.sampled_from(
    [
        "movie",
        "moive",
        "true",
        "acme:a",
        "acme",
        "2015",
        "2015-06-01T00:00:00Z",
        "x:y",
        "x:7",
        "7",
        "a b",
        "PT1H",
        "f" * 40,
    ]
)
OPERATORS: Any = st.sampled_from([
    "equal_to", "not_equal_to", "any_of", "all_of", "starts_with", "exists", "not_exists", "greater_than", "less_than",
    "greater_than_or_equal_to", "less_than_or_equal_to",
])  # fmt: skip


@st.composite
def criterias(draw: st.DrawFn) -> Criteria:
    criteria = where()
    for _ in range(draw(st.integers(0, 2))):
        name, operator = draw(FIELDS), draw(OPERATORS)
        values = [] if "exists" in operator else [draw(VALUES)]
        criteria.add_criterion(getattr(field(name), operator)(*values))
    if draw(st.booleans()):
        criteria.order_by(*draw(st.lists(FIELDS, min_size=1, max_size=2, unique=True)))
    if draw(st.booleans()):
        criteria.fields(*draw(st.lists(FIELDS, min_size=1, max_size=2, unique=True)))
    if draw(st.booleans()):
        criteria.facets(draw(FIELDS))
    if draw(st.booleans()):
        criteria.include(draw(RELATIONSHIPS))
    if draw(st.booleans()):
        criteria.per_page(draw(st.integers(1, 120)))
    if draw(st.booleans()):
        criteria.available().add_criterion(text("star"))
        if all(entry.parameter != "withActive" for entry in criteria.criterion_entries):
            criteria.active()  # takes the place of that filter, which is then not looked at
    return criteria


def _refused(criteria: Criteria) -> str | None:
    try:
        parse_query(RESOURCE, tuple(parse_qsl(str(criteria), keep_blank_values=True)), now=NOW)
    except WireError as error:
        return str(error)
    return None


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(criterias())
def test_the_client_finds_a_fault_where_the_sandbox_refuses(criteria: Criteria) -> None:
    faults = Question("contents", criteria).faults(DESCRIPTOR)
    refusal = _refused(criteria)
    if refusal is not None:
        assert faults, refusal
    if not all(any(word in fault for word in SILENT) for fault in faults):
        assert refusal is not None, faults


@pytest.mark.parametrize("name", sorted(DESCRIPTOR.resource("contents").filters))
def test_every_filter_of_the_descriptor_can_be_asked_for(name: str) -> None:
    if name.startswith("with"):
        path = f"{name[4].lower()}{name[5:]}"
        assert Question("contents", where(field(path).exists())).faults(DESCRIPTOR) == []
        assert _refused(where(field(path).exists())) is None
