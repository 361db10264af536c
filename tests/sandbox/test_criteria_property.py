"""Random criteria of the client: what the sandbox reads in their query string is what they ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequoia import field, raw, text, where
from sequoia.criteria import Criteria
from sequoia.error import CriteriaError
from sequoia.expressions import Filter, Operator
from sequoia.sandbox.conditions import Condition, Demand, Formula, Span
from sequoia.sandbox.query import Pairs, Query, parse_query
from sequoia.sandbox.schema import Resource, Schema
from sequoia.sandbox.subquery import sub_parameters
from sequoia.sandbox.values import HIGH, LOW

NOW = "2026-01-01T00:00:00.000Z"
TYPES = {"kind": "string", "size": "number", "at": "timestamp", "length": "duration", "ids": "stringMap"}
FIELDS: dict[str, Any] = {name: {"type": kind, "sort": True, "countable": True} for name, kind in TYPES.items()}
FILTERS: dict[str, dict[str, Any]] = {
    f"with{name[0].upper()}{name[1:]}": {
        "fieldNamePath": name,
        "prefix": kind in {"string", "stringMap"},
        "range": kind not in {"string", "stringMap"},
    }
    for name, kind in TYPES.items()
}
LINKS = {
    name: {"type": "indirect", "resourceType": "films", "filterName": "withKind"} for name in ("parts", "parts.more")
}
FILMS = {"fields": FIELDS, "filters": {**FILTERS, "q": {"type": "q"}}, "relationships": LINKS}
RESOURCE = Schema.parse({"name": "catalogue", "resourcefuls": {"films": FILMS}}).resources["films"]

RANGES = [
    Operator.AT_LEAST, Operator.MORE_THAN, Operator.AT_MOST, Operator.LESS_THAN, Operator.BETWEEN, Operator.NOT_BETWEEN,
]  # fmt: skip
STARS = [Operator.STARTS_WITH, Operator.ENDS_WITH]
PLAIN = [
    Operator.EQUAL, Operator.NOT_EQUAL, Operator.ANY_OF, Operator.ALL_OF, Operator.EXISTS, Operator.NOT_EXISTS,
]  # fmt: skip


def carried(value: str) -> bool:
    """Whether no part of a text is an operator; the platform has no way to write such a text."""
    return "||" not in value and "&&" not in value and not value.startswith("!") and value[0] != "*" != value[-1]


# All of Unicode, and often the characters that mean something in a URL or in an operator.
CHARACTER = st.one_of(st.sampled_from("&#+%=,:;/?|*! \"'<>\\@~.a1é"), st.characters(exclude_categories=["Cs"]))
TEXT = st.text(CHARACTER, min_size=1, max_size=8).filter(carried)
# The end of a text in a list may not be half of what parts the list.
ITEM = TEXT.filter(lambda value: value[-1] not in "|&")
STARRED = TEXT.filter(lambda value: "*" not in value)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "number": st.one_of(st.integers(-(10**9), 10**9), st.floats(-1e9, 1e9, allow_subnormal=False)),
    "timestamp": st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    "duration": st.timedeltas(timedelta(days=-900), timedelta(days=900)),
}


@st.composite
def filters(draw: st.DrawFn, prefix: str = "") -> Filter:
    """A filter made by the client's own words for the operator."""
    name = draw(st.sampled_from(sorted(TYPES)))
    kind = TYPES[name]
    texts = kind in {"string", "stringMap"}
    operator = draw(st.sampled_from(PLAIN + (STARS if texts else RANGES)))
    values = VALUES.get(kind, ITEM if operator.joins else STARRED if operator in STARS else TEXT)
    many = {Operator.EXISTS: (0, 0), Operator.NOT_EXISTS: (0, 0), Operator.ANY_OF: (1, 4), Operator.ALL_OF: (1, 4)}
    many |= dict.fromkeys((Operator.BETWEEN, Operator.NOT_BETWEEN), (2, 2))
    least, most = many.get(operator, (1, 1))
    arguments = draw(st.lists(values, min_size=least, max_size=most, unique_by=str))
    one = field(prefix + name)
    methods: dict[Operator, Callable[..., Filter]] = {
        Operator.EQUAL: one.equal_to, Operator.NOT_EQUAL: one.not_equal_to, Operator.ANY_OF: one.any_of,
        Operator.ALL_OF: one.all_of, Operator.STARTS_WITH: one.starts_with, Operator.ENDS_WITH: one.ends_with,
        Operator.EXISTS: one.exists, Operator.NOT_EXISTS: one.not_exists,
        Operator.AT_LEAST: one.greater_than_or_equal_to, Operator.MORE_THAN: one.greater_than,
        Operator.AT_MOST: one.less_than_or_equal_to, Operator.LESS_THAN: one.less_than,
        Operator.BETWEEN: one.between, Operator.NOT_BETWEEN: one.not_between,
    }  # fmt: skip
    return methods[operator](*arguments)


def key(name: str, value: str) -> Any:
    """A value of a client's filter as the index has it."""
    if TYPES[name] == "number":
        return float(value)
    if TYPES[name] == "duration":
        days = parse_query(RESOURCE, [(f"with{name.title()}", value)], now=NOW).selection.conditions
        assert isinstance(days[0], Condition)
        return days[0].values[0]
    return value


# A list of one value is that value.
ALONE = {Operator.ANY_OF: Operator.EQUAL, Operator.ALL_OF: Operator.EQUAL}


def asked(one: Filter) -> tuple[str, Operator, tuple[Any, ...]]:
    """What a client's filter asks."""
    name = one.field.rpartition(".")[2]
    operator = ALONE.get(one.operator, one.operator) if len(one.values) == 1 else one.operator
    return name, operator, tuple(key(name, value) for value in one.values)


OPPOSITES = {
    Operator.EQUAL: Operator.NOT_EQUAL,
    Operator.EXISTS: Operator.NOT_EXISTS,
    Operator.AT_LEAST: Operator.LESS_THAN,
    Operator.AT_MOST: Operator.MORE_THAN,
    Operator.BETWEEN: Operator.NOT_BETWEEN,
}


def spanned(span: Span, *, ranged: bool) -> tuple[Operator, tuple[Any, ...]]:
    """The operator that a stretch of the index stands for."""
    if (span.low, span.high) == (LOW, HIGH):
        return Operator.EXISTS, ()
    if not ranged:
        return Operator.STARTS_WITH, (span.low,)
    if span.low == LOW:
        return Operator.AT_MOST, (span.high,)
    if span.high == HIGH:
        return Operator.AT_LEAST, (span.low,)
    return Operator.BETWEEN, (span.low, span.high)


def understood(demands: Iterable[Demand]) -> tuple[str, Operator, tuple[Any, ...]]:
    """What the demands of one parameter ask, read back from the side of the index."""
    first, *others = demands
    if isinstance(first, Formula):
        ((only,),) = first.alternatives
        assert first.negated
        name, operator, values = understood([only])
        return name, OPPOSITES[operator], values
    assert isinstance(first, Condition)
    if others:
        every = [value for item in (first, *others) if isinstance(item, Condition) for value in item.values]
        return first.axis, Operator.ALL_OF, tuple(every)
    if first.endings:
        return first.axis, Operator.ENDS_WITH, first.endings
    if first.spans:
        (span,) = first.spans
        return first.axis, *spanned(span, ranged=TYPES[first.axis] not in {"string", "stringMap"})
    return first.axis, Operator.ANY_OF if len(first.values) > 1 else Operator.EQUAL, first.values


def read(resource: Resource, pairs: Pairs) -> list[tuple[str, Operator, tuple[Any, ...]]]:
    """What the sandbox understands of each filter; one that is given twice counts once."""
    narrowing = [pair for pair in pairs if pair[0].startswith("with")]
    queries = [parse_query(resource, [pair], now=NOW) for pair in narrowing]
    return [understood(query.selection.conditions) for query in queries]


def sent(criteria: Criteria) -> list[tuple[str, str]]:
    """A query string as the server takes it apart."""
    assert str(criteria).isascii()
    return parse_qsl(str(criteria), keep_blank_values=True, strict_parsing=bool(str(criteria)))


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(
    st.lists(filters(), max_size=4),
    st.lists(filters("parts."), max_size=2),
    st.lists(filters("parts.more."), max_size=2),
)
def test_filters_survive(own: list[Filter], parts: list[Filter], more: list[Filter]) -> None:
    criteria = where(*own, *parts, *more).include("parts").include("parts.more")
    pairs = sent(criteria)
    query = parse_query(RESOURCE, pairs, now=NOW)
    assert set(read(RESOURCE, pairs)) == set(map(asked, own))
    assert len(query.selection.conditions) >= len(set(map(asked, own)))
    for name, given_ in (("parts", parts), ("parts.more", more)):
        assert set(read(RESOURCE, sub_parameters(RESOURCE, query.linked[name]))) == set(map(asked, given_))


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(filters(), st.lists(filters(), max_size=3))
def test_intersections_survive(own: Filter, linked: list[Filter]) -> None:
    criteria = where(own).intersect("parts", where(*linked).fields("kind").per_page(7))
    query = parse_query(RESOURCE, sent(criteria), now=NOW)
    assert query.intersects == ("parts",)
    pairs = sub_parameters(RESOURCE, query.linked["parts"])
    assert set(read(RESOURCE, pairs)) == set(map(asked, linked))
    inner = parse_query(RESOURCE, pairs, now=NOW)
    assert (inner.fields, inner.per_page) == (("kind",), 7)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(st.booleans(), st.text("!|&*/:a", min_size=1, max_size=6))
def test_what_a_text_begins_or_ends_with_is_refused_or_understood(ends: bool, words: str) -> None:
    try:
        one = field("kind").ends_with(words) if ends else field("kind").starts_with(words)
    except CriteriaError:
        return
    assert read(RESOURCE, sent(where(one))) == [asked(one)]


NAMES = st.lists(st.sampled_from(sorted(TYPES)), min_size=1, unique=True)


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(NAMES, NAMES, NAMES, st.booleans())
def test_names_survive(shown: list[str], order: list[str], facets: list[str], down: bool) -> None:
    criteria = where().fields(*shown).order_by(*[("-" if down else "") + name for name in order]).facets(*facets)
    query: Query = parse_query(RESOURCE, sent(criteria), now=NOW)
    assert (query.fields, query.facets, query.count) == (tuple(shown), tuple(facets), True)
    assert [(step.axis.removesuffix(":least"), step.descending) for step in query.selection.order] == [
        (name, down) for name in order
    ]


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(st.integers(1, 100), st.text(CHARACTER, min_size=1, max_size=5))
def test_page_size_and_language_survive(size: int, lang: str) -> None:
    query = parse_query(RESOURCE, sent(where().per_page(size).lang(lang).skip_resources()), now=NOW)
    assert (query.per_page, query.lang, query.count, query.resources) == (size, lang, False, False)


@pytest.mark.parametrize("words", ["star wars", "a&b", "50% + more", "#1", "é=ü"])
def test_words_survive(words: str) -> None:
    assert ("q", words) in sent(where(text(words)))
    assert sent(where(text(words))) == sent(where(raw("q", words)))
