"""The quick check of a document and the full one: they never disagree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequoia.sandbox.checks import DoubtError, object_check
from sequoia.sandbox.documents import Writer, validate
from sequoia.sandbox.metadata import metadata_descriptor
from sequoia.sandbox.schema import Schema

FIELDS: dict[str, Any] = {
    "title": {"type": "string", "min": 2, "max": 4, "localisedBy": "localisedTitle"},
    "localisedTitle": {"type": "string", "localisationOf": "title"},
    "code": {"type": "string", "typeInfo": {"pattern": "[a-c]{1,3}"}},
    "kind": {"type": "string", "required": True, "allowedValues": [{"value": "short", "alternatives": ["clip"]}]},
    "active": {"type": "boolean", "default": True},
    "refs": {"type": "ref", "array": {"min": 1, "max": 2}},
    "secret": {"type": "string", "readOnly": True},
    "startAt": {"type": "timestamp"},
    "day": {"type": "date"},
    "size": {"type": "integer", "min": -2, "max": 9},
    "share": {"type": "percentage"},
    "ids": {"type": "stringMap", "max": 1},
    "ratings": {"type": "ratings", "typeInfo": {"keys": {"pattern": "A|B"}, "values": {"A": {"values": ["U", "PG"]}}}},
    "scores": {"type": "scores"},
    "custom": {"type": "map", "typeInfo": {"keys": {"pattern": "[a-zA-Z0-9]+"}}},
    "parts": {
        "array": True,
        "fields": {"length": {"type": "number", "required": True}, "word": {"type": "text"}},
        "xfields": [{"type": "exactlyOne", "fields": ["length", "word"]}],
    },
}
RESOURCE = Schema.parse({"name": "zoo", "resourcefuls": {"animals": {"fields": FIELDS}}}).resources["animals"]
SCALARS = st.sampled_from(
    ["", "a", "ab", "abc", "abcd", "abcde", "a\n", "acme:x", "acme:x:y", "clip", "short", "en", "fr-CH", "1", "U", "PG",
     "2024-02-28T10:00:00.000Z", "2024-02-29T10:00:00.000Z", "2023-02-29T10:00:00.000Z", "2024-02-28T10:00:00.5+02:00",
     "0000-01-01T00:00:00.000Z", "2024-02-28", "2024-02-31", "2024", "٢٠٢٤-01-01T00:00:00.000Z",
     None, True, False, 0, 1, -3, 9, 10, 2.0, 2.5, -0.0, 101, 2**53, 10**400, float("inf")],
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["en", "fr-CH", "A", "B", "1", "length", "word", ""]), inner, max_size=2)
    ),
    max_leaves=4,
)
GOOD: dict[str, list[Any]] = {
    "name": ["a", "b-1"],
    "title": ["ab", "abcd"],
    "localisedTitle": [{"en": "a"}, {"en": "b", "fr-CH": "c"}],
    "code": ["a", "abc"],
    "active": [True, False],
    "refs": [["acme:x"], ["acme:x", "acme:y"]],
    "startAt": ["2024-02-28T10:00:00.000Z", "2024-02-29T10:00:00.5+02:00", "2024-02-28"],
    "day": ["2024-02-28", "2024-02-29"],
    "size": [-2, 0, 9, 2.0],
    "share": [0, 2.5, 100],
    "ids": [{"a": "b"}, {"b": "c"}],
    "ratings": [{"A": "U"}, {"A": "PG", "B": "x"}],
    "scores": [{"a.b": 0.5}, {"a": 2}],
    "custom": [{"a": 1, "b": "x"}, {"a": True, "c": [1, "x"]}, {"en": 2**53}],
    "parts": [[], [{"length": 1}, {"length": 2.5}]],
    "secret": ["x"],
    "ref": ["acme:a"],
}
BAD = st.fixed_dictionaries({}, optional=dict.fromkeys((*GOOD, "unknown"), VALUES))
DOCUMENTS = st.builds(
    lambda good, bad: {"owner": "acme", **good, **bad},
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["clip", "short"])},
        optional={name: st.sampled_from(values) for name, values in GOOD.items()},
    ),
    st.just({}) | BAD.map(lambda bad: dict(list(bad.items())[:1])),
)


def exact(value: Any) -> str:
    """Tells 1, 1.0 and True from each other, and the orders of keys too."""
    return repr(value)


def test_the_quick_check_and_the_full_one_never_disagree() -> None:
    writer = Writer(RESOURCE)
    quick = object_check(RESOURCE.fields, RESOURCE.one_of)
    accepted = 0

    # One check for all: what it has seen before must not change what it says.
    @settings(max_examples=600, derandomize=True, deadline=None, database=None)
    @given(DOCUMENTS)
    def check(document: dict[str, Any]) -> None:
        nonlocal accepted
        clean, problems = validate(RESOURCE, document)
        assert exact(writer.validate(document)) == exact((clean, problems))
        try:
            assert exact(quick(document)) == exact(clean)
        except DoubtError:
            return
        assert problems == []
        accepted += 1

    check()
    assert accepted > 100, "a check that doubts everything is never wrong"


@pytest.mark.parametrize("document", [None, 3, "text", [], {}, {"owner": "acme", "kind": "short", "parts": [{}]}])
def test_what_is_no_document_is_explained_by_the_full_check(document: Any) -> None:
    assert Writer(RESOURCE).validate(document) == validate(RESOURCE, document)
    assert Writer(RESOURCE).validate(document)[1]


def test_ordinary_documents_pass_the_quick_check() -> None:
    contents = Schema.parse(metadata_descriptor()).resources["contents"]
    document = {
        "owner": "acme", "name": "aria", "type": "film", "title": "Aria", "localisedTitle": {"fr-CH": "Un air"},
        "duration": "PT1H48M", "ratings": {"BBFC": "12A"}, "availabilityStartAt": "2024-05-01T10:00:00Z",
        "categoryRefs": ["acme:opera"], "releaseYear": 2021, "alternativeIdentifiers": {"house": "H1"},
    }  # fmt: skip
    stored = object_check(contents.fields, contents.one_of)(document)
    assert (stored, []) == validate(contents, document)
    assert (stored["type"], stored["active"]) == ("movie", True)
    assert stored["availabilityStartAt"] == "2024-05-01T10:00:00.000Z"
