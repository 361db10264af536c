"""Random documents and random filters: the sandbox finds what a plain evaluation of the same filters finds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequoia.sandbox import store as store_module
from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.store import Store
from sequoia.sandbox.wire import Request

NOW = "2026-01-01T00:00:00.000Z"
FIELDS: dict[str, Any] = {
    "kind": {"type": "string"},
    "code": {"type": "string", "sort": True},
    "tags": {"type": "string", "array": True},
    "size": {"type": "number", "sort": True},
    "widths": {"type": "number", "array": True},
    "startAt": {"type": "timestamp", "nonexistent": "low", "sort": True},
    "endAt": {"type": "timestamp", "nonexistent": "high"},
    "day": {"type": "date"},
    "length": {"type": "duration", "sort": True},
    "ids": {"type": "stringMap"},
    "scores": {"type": "scores"},
    "parts": {"array": True, "fields": {"colour": {"type": "string"}}},
    "plot": {"type": "string", "localisedBy": "localisedPlot"},
    "localisedPlot": {"type": "string", "localisationOf": "plot"},
}
FILTERS: dict[str, dict[str, Any]] = {
    "q": {"type": "q", "includes": ["plot", "localisedPlot", "parts.colour"]},
    "withRef": {"fieldNamePath": "ref", "prefix": True},
    "withKind": {"fieldNamePath": "kind", "prefix": True},
    "withCode": {"fieldNamePath": "code", "prefix": True},
    "withTags": {"fieldNamePath": "tags", "prefix": True},
    "withColour": {"fieldNamePath": "parts.colour", "prefix": True},
    "withIds": {"fieldNamePath": "ids"},
    "withSize": {"fieldNamePath": "size", "range": True},
    "withWidths": {"fieldNamePath": "widths", "range": True},
    "withStartAt": {"fieldNamePath": "startAt", "range": True},
    "withEndAt": {"fieldNamePath": "endAt", "range": True},
    "withDay": {"fieldNamePath": "day", "range": True},
    "withLength": {"fieldNamePath": "length", "range": True},
    "withScore": {"fieldNamePath": "scores", "range": True},
}
DESCRIPTOR = {"name": "zoo", "resourcefuls": {"animals": {"fields": FIELDS, "filters": FILTERS}}}

WORDS = ["a", "ab", "abc", "b", "B", "bé", "a/b", "a*b", "é", "\U0010ffff", "x:y", "a b&c%+#"]
CODES = ["f", "nf", "Inf", "-Inf", "wolf"]
TIMES = ["2013-12-31T23:59:59.999Z", "2014-01-01T00:00:00.000Z", "2014-05-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"]
ASKED_TIMES = [*TIMES, "2014", "2014-05", "2014-05-01T02:00+02:00", "NOW"]
DAYS = ["2014-01-01", "2014-05-01", "2014-05-02"]
LENGTHS = ["PT60S", "PT1M", "PT1H20M", "P1D", "PT11.98S", "-PT5S", "PT90M"]
NUMBERS = [-3, 0, 1, 1.5, 2, 10, 1e20]
SENTENCES = ["The red Fox", "a fox runs", "Rêve rouge", "red-hot", "nothing"]

Document = dict[str, Any]


def moment(text: str) -> datetime:
    """A timestamp, or the beginning of one."""
    if text == "NOW":
        text = NOW
    whole = text + "0000-01-01T00:00"[len(text) :] if len(text) < 16 else text
    return datetime.fromisoformat(whole if whole[16:] else f"{whole}Z").astimezone(UTC)


def seconds(text: str) -> float:
    units = {"D": 86_400, "H": 3_600, "M": 60, "S": 1}
    total = sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)([DHMS])", text))
    return timedelta(seconds=-total if text.startswith("-") else total).total_seconds()


def texts(key: str) -> Callable[[Document], list[Any]]:
    def read(document: Document) -> list[Any]:
        value = document.get(key, [])
        return list(value) if isinstance(value, list) else [value]

    return read


def mapped(key: str, change: Callable[[str], Any]) -> Callable[[Document], list[Any]]:
    return lambda document: [change(value) for value in texts(key)(document)]


@dataclass(frozen=True)
class Subject:
    """What a filter compares: the values of a document, those to ask for, and how a text is read."""

    values: Callable[[Document], list[Any]]
    asked: list[str]
    read: Callable[[str], Any] = str
    starred: bool = False
    ranged: bool = False
    absent: str = ""


SUBJECTS = {
    "withRef": Subject(texts("ref"), ["o:d0", "o:d1", "p:d1", "o:"], starred=True),
    "withKind": Subject(texts("kind"), WORDS, starred=True),
    "withCode": Subject(texts("code"), CODES, starred=True),
    "withTags": Subject(texts("tags"), WORDS, starred=True),
    "withColour": Subject(lambda item: [part["colour"] for part in item.get("parts", ())], WORDS, starred=True),
    "withIds": Subject(
        lambda item: [f"{key}:{value}" for key, value in item.get("ids", {}).items()],
        ["i:a", "i:ab", "i:x:y", "j:b", "i:", "i"],
        starred=True,
    ),
    "withSize": Subject(texts("size"), [str(number) for number in NUMBERS], float, ranged=True),
    "withWidths": Subject(texts("widths"), [str(number) for number in NUMBERS], float, ranged=True),
    "withStartAt": Subject(mapped("startAt", moment), ASKED_TIMES, moment, ranged=True, absent="low"),
    "withEndAt": Subject(mapped("endAt", moment), ASKED_TIMES, moment, ranged=True, absent="high"),
    "withDay": Subject(mapped("day", moment), [*DAYS, "2014-05", "2014", "NOW"], moment, ranged=True),
    "withLength": Subject(mapped("length", seconds), LENGTHS, seconds, ranged=True),
}


@dataclass(frozen=True)
class Part:
    """One value between `||` and `&&`: its operator and its texts."""

    kind: str
    low: str = ""
    high: str = ""

    @property
    def wire(self) -> str:
        forms = {"equal": self.low, "exists": "*", "starts": f"{self.low}*", "ends": f"*{self.low}"}
        return forms.get(self.kind, f"{self.low}/{self.high}")

    def holds(self, subject: Subject, document: Document) -> bool:
        values = subject.values(document)
        if self.kind == "range":
            if not values:
                # An absent value lies at one end of everything, if the field says at which.
                return (subject.absent == "low" and not self.low) or (subject.absent == "high" and not self.high)
            low, high = (subject.read(text) if text else None for text in (self.low, self.high))
            return any((low is None or low <= value) and (high is None or value <= high) for value in values)
        if self.kind == "exists":
            return bool(values)
        if self.kind == "equal":
            return subject.read(self.low) in values
        return any(
            value.startswith(self.low) if self.kind == "starts" else value.endswith(self.low) for value in values
        )


@dataclass(frozen=True)
class Filter:
    """One parameter."""

    name: str
    negated: bool
    groups: tuple[tuple[Part, ...], ...]

    @property
    def wire(self) -> tuple[str, str]:
        body = "||".join("&&".join(part.wire for part in group) for group in self.groups)
        return self.name, f"{'!' * self.negated}{body}"

    def holds(self, document: Document) -> bool:
        subject = SUBJECTS[self.name]
        found = any(all(part.holds(subject, document) for part in group) for group in self.groups)
        if not self.negated:
            return found
        ranged = any(part.kind == "range" for group in self.groups for part in group)
        return not found and (bool(subject.values(document)) or not ranged or bool(subject.absent))


@dataclass(frozen=True)
class Score:
    """A range of the scores of one source."""

    path: str
    low: str
    high: str
    negated: bool
    name: str = "withScore"

    @property
    def wire(self) -> tuple[str, str]:
        return self.name, f"{'!' * self.negated}{self.path}:{self.low}/{self.high}"

    def holds(self, document: Document) -> bool:
        score = document.get("scores", {}).get(self.path)
        if score is None:
            return False
        inside = (not self.low or float(self.low) <= score) and (not self.high or score <= float(self.high))
        return bool(inside != self.negated)


@dataclass(frozen=True)
class Text:
    """A free text."""

    words: tuple[str, ...]

    @property
    def wire(self) -> tuple[str, str]:
        return "q", " ".join(self.words)

    def holds(self, document: Document) -> bool:
        whole = [document.get("plot", ""), *document.get("localisedPlot", {}).values()]
        whole += [part["colour"] for part in document.get("parts", ())]
        plain = " ".join(whole).lower().replace("ê", "e").replace("é", "e")
        return all(word.lower().replace("ê", "e") in re.findall(r"\w+", plain) for word in self.words)


def parts(subject: Subject) -> st.SearchStrategy[Part]:
    value = st.sampled_from(subject.asked)
    plain = value if not subject.starred else value.filter(lambda text: not text.endswith("*"))
    found = [st.builds(Part, st.just("equal"), plain), st.just(Part("exists"))]
    if subject.starred:
        found.append(st.builds(Part, st.sampled_from(["starts", "ends"]), value))
    if subject.ranged:
        ends = st.tuples(st.just("") | value, st.just("") | value).filter(any)
        found += [ends.map(lambda pair: Part("range", *pair))] * 3
    return st.one_of(found)


def filters(name: str) -> st.SearchStrategy[Filter]:
    part = parts(SUBJECTS[name])
    single = part.map(lambda item: ((item,),))
    groups = st.lists(st.lists(part, min_size=1, max_size=2).map(tuple), min_size=1, max_size=3).map(tuple)
    return st.builds(Filter, st.just(name), st.booleans(), single | groups)


SCORE = st.sampled_from(["-2", "0", "0.5", "3"])
SCORES = st.tuples(st.just("") | SCORE, st.just("") | SCORE).filter(any)
FILTER = st.sampled_from(sorted(SUBJECTS)).flatmap(filters)
OTHER = st.one_of(
    st.builds(
        lambda path, ends, negated: Score(path, ends[0], ends[1], negated),
        st.sampled_from(["s", "s.t"]),
        SCORES,
        st.booleans(),
    ),
    st.lists(st.sampled_from(["red", "FOX", "rouge", "reve", "a", "b"]), min_size=1, max_size=2).map(
        lambda words: Text(tuple(words))
    ),
)
DEMAND = st.one_of(FILTER, FILTER, FILTER, OTHER)
# Most queries have one filter: of several, hardly any finds something.
QUERY = st.tuples(
    st.one_of(DEMAND.map(lambda demand: [demand]), st.lists(DEMAND, min_size=1, max_size=3)),
    st.sampled_from(["", "o"]),
    st.sampled_from(["next", "continue"]),
)
DOCUMENT = st.fixed_dictionaries(
    {"owner": st.sampled_from(["o", "p"])},
    optional={
        "kind": st.sampled_from(WORDS),
        "code": st.sampled_from(CODES),
        "tags": st.lists(st.sampled_from(WORDS), max_size=3),
        "size": st.sampled_from(NUMBERS),
        "widths": st.lists(st.sampled_from(NUMBERS), max_size=3),
        "startAt": st.sampled_from(TIMES),
        "endAt": st.sampled_from(TIMES),
        "day": st.sampled_from(DAYS),
        "length": st.sampled_from(LENGTHS),
        "ids": st.dictionaries(st.sampled_from("ij"), st.sampled_from(["a", "ab", "b", "x:y"])),
        "scores": st.dictionaries(st.sampled_from(["s", "s.t"]), st.sampled_from([-2, 0, 0.25, 0.5, 3, 4])),
        "parts": st.lists(st.sampled_from(WORDS).map(lambda colour: {"colour": colour}), max_size=2),
        "plot": st.sampled_from(SENTENCES),
        "localisedPlot": st.dictionaries(st.sampled_from(["en", "fr"]), st.sampled_from(SENTENCES)),
    },
)


def in_order(documents: list[Document], sort: str) -> list[str]:
    """The refs in the order of a sort by one field, or of the refs themselves; absent values come first."""
    down = sort.startswith("-")
    path = sort.lstrip("-")
    change: dict[str, Callable[[Any], Any]] = {"length": seconds, "startAt": moment, "size": float}

    def rank(document: Document) -> tuple[Any, ...]:
        if path not in document:
            return 0, document["ref"]
        return 1, change[path](document[path]), document["ref"]

    if not path:
        return sorted(document["ref"] for document in documents)
    return [document["ref"] for document in sorted(documents, key=rank, reverse=down)]


def walk(service: DataService, pairs: list[tuple[str, str]], link: str) -> tuple[list[str], int]:
    """The refs of all pages, found by following the links, and the total of the last one."""
    found: list[str] = []
    path = "/data/animals?" + urlencode(pairs)
    while True:
        url = urlsplit(path)
        reply = service.handle(Request("GET", url.path, tuple(parse_qsl(url.query))), user="o:u")
        body = msgspec.json.decode(reply.body)
        found += [item["ref"] for item in body["animals"]]
        if link not in body["meta"]:
            return found, body["meta"]["totalCount"]
        path = body["meta"][link]


@pytest.mark.parametrize("narrow", [0, 1_000], ids="narrow{}".format)
def test_the_sandbox_finds_what_a_plain_evaluation_finds(narrow: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "NARROW", narrow)

    @settings(max_examples=40, derandomize=True, deadline=None, database=None)
    @given(
        st.lists(DOCUMENT, min_size=6, max_size=10),
        st.lists(QUERY, min_size=40, max_size=40),
        st.sampled_from(["", "size", "-size", "startAt", "-length"]),
    )
    def check(documents: list[Document], queries: list[tuple[list[Any], str, str]], sort: str) -> None:
        named = [{**item, "name": f"d{number}"} for number, item in enumerate(documents)]
        stored = [{**item, "ref": f"{item['owner']}:{item['name']}"} for item in named]
        store = Store(None, now=lambda: NOW)
        service = DataService(Schema.parse(DESCRIPTOR), store)
        service.load("animals", named, user="o:u")
        for demands, owner, link in queries:
            matching = [item for item in stored if all(demand.holds(item) for demand in demands)]
            expected = in_order([item for item in matching if owner in {"", item["owner"]}], sort)
            pairs = [demand.wire for demand in demands] + [("perPage", "2"), ("count", "true")]
            pairs += ([("owner", owner)] if owner else []) + ([("sort", sort)] if sort else [])
            pairs += [("continue", "true")] if link == "continue" else []
            assert walk(service, pairs, link) == (expected, len(expected)), pairs
        store.close()

    check()
