"""Validation on write: what each type accepts, what is stored, and how a refusal names the fields."""

from __future__ import annotations

from typing import Any

import pytest

from sequoia.sandbox.documents import Problem, Writer, new_name, reap_time, validate
from sequoia.sandbox.fields import parse_field
from sequoia.sandbox.payload import documents_of, refuse
from sequoia.sandbox.schema import Resource, Schema
from sequoia.sandbox.values import InvalidValueError, check_value
from sequoia.sandbox.wire import WireError

RATINGS = {"keys": {"pattern": "(BBFC)"}, "values": {"BBFC": {"values": ["U", "PG"]}}}
FIELDS: dict[str, Any] = {
    "title": {"type": "string", "localisedBy": "localisedTitle"},
    "localisedTitle": {"type": "string", "localisationOf": "title"},
    "kind": {
        "type": "string",
        "required": True,
        "allowedValues": [{"value": "short", "alternatives": ["clip"]}, {"value": "long"}],
        "allowedValueMappings": {"feature": "long"},
    },
    "active": {"type": "boolean", "default": True},
    "genreRefs": {"type": "ref", "array": {"min": 1, "max": 2}},
    "secret": {"type": "string", "readOnly": True},
    "media": {"fields": {"width": {"type": "positiveInteger", "required": True}, "codec": {"type": "string"}}},
    "reels": {"array": True, "fields": {"length": {"type": "number"}}},
}


def films(**more: Any) -> Resource:
    raw = {"name": "catalogue", "resourcefuls": {"films": {"fields": FIELDS, **more}}}
    return Schema.parse(raw).resources["films"]


def problems(document: Any, **more: Any) -> list[Problem]:
    return validate(films(**more), document)[1]


@pytest.mark.parametrize(
    ("type_", "value", "stored"),
    [
        ("ref", "acme:a-1_b", "acme:a-1_b"),
        ("name", "a-1", "a-1"),
        ("text", "two\nlines", "two\nlines"),
        ("timestamp", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000Z"),
        ("timestamp", "2026-03-01T10:00:00.12+02:00", "2026-03-01T08:00:00.120Z"),
        ("timestamp", "2026-03-01T10:00:00.123456Z", "2026-03-01T10:00:00.123Z"),
        ("timestamp", "2026-03-01", "2026-03-01T00:00:00.000Z"),
        ("date", "2024-02-29", "2024-02-29"),
        ("year", 1999, 1999),
        ("duration", "PT1H20M", "PT1H20M"),
        ("duration", "-P3DT11.98S", "-P3DT11.98S"),
        ("duration", "PT5423.4166666666665S", "PT5423.4166666666665S"),
        ("duration", "PT10000000000S", "PT10000000000S"),
        ("boolean", False, False),
        ("integer", -3, -3),
        ("integer", 3.0, 3),
        ("number", 2.5, 2.5),
        ("percentage", 100, 100),
        ("stringMap", {"isan": "isan://host/x:y"}, {"isan": "isan://host/x:y"}),
        ("map", {"a": [1, "b", True], "c": 2.5}, {"a": [1, "b", True], "c": 2.5}),
        ("scores", {"imdb.a1": 0.9}, {"imdb.a1": 0.9}),
        ("money", {"GBP": 2.99}, {"GBP": 2.99}),
        ("ratings", {"BBFC": "PG"}, {"BBFC": "PG"}),
        ("version", "0" * 40, "0" * 40),
        ("hex", "0af", "0af"),
        ("fieldNamePath", "a.b1", "a.b1"),
        ("language", "fr-CH", "fr-CH"),
    ],
)
def test_a_type_accepts(type_: str, value: Any, stored: Any) -> None:
    field = parse_field("x", {"type": type_, "typeInfo": RATINGS if type_ == "ratings" else {}}, "x")
    assert check_value(field, value) == stored
    assert type(check_value(field, value)) is type(stored)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("ref", "acme"),
        ("ref", "acme:a:b"),
        ("ref", "acme:a\n"),
        ("name", "a b"),
        ("string", 3),
        ("string", ""),
        ("string", None),
        ("timestamp", "2026-02-30T00:00:00Z"),
        ("timestamp", "2026"),
        ("timestamp", "0001-01-01T00:00:00+10:00"),
        ("timestamp", "2026-03-01T10:00:00+24:00"),
        ("timestamp", "2026-03-01T10:00:00-01:60"),
        ("date", "2026-13-01"),
        ("date", "2026-01-01T00:00:00Z"),
        ("year", "1999"),
        ("year", 99),
        ("duration", "PT"),
        ("duration", "1h"),
        ("duration", f"P{'9' * 400}D"),
        ("boolean", "true"),
        ("boolean", 1),
        ("integer", 1.5),
        ("integer", True),
        ("integer", 2**53),
        ("number", "1"),
        ("number", 10**400),
        ("nonNegativeInteger", -1),
        ("positiveInteger", 0),
        ("percentage", 100.5),
        ("stringMap", {"a": 1}),
        ("stringMap", "a:b"),
        ("map", {"a": {"b": 1}}),
        ("map", {"a": [{}]}),
        ("map", {"a": None}),
        ("scores", {"a": "high"}),
        ("money", {"GBP": -1}),
        ("ratings", {"BBFC": "X"}),
        ("ratings", {"XXXX": "U"}),
        ("version", "xyz"),
    ],
)
def test_a_type_refuses(type_: str, value: Any) -> None:
    field = parse_field("x", {"type": type_, "typeInfo": RATINGS if type_ == "ratings" else {}}, "x")
    with pytest.raises(InvalidValueError):
        check_value(field, value)


def test_bounds_of_texts_maps_and_numbers() -> None:
    short = parse_field("x", {"type": "string", "min": 2, "max": 3}, "x")
    assert check_value(short, "ab") == "ab"
    with pytest.raises(InvalidValueError, match="length must be less than or equal to 3"):
        check_value(short, "abcd")
    with pytest.raises(InvalidValueError, match="number of keys"):
        check_value(parse_field("x", {"type": "map", "max": 1}, "x"), {"a": 1, "b": 2})
    with pytest.raises(InvalidValueError, match="larger than or equal to 5"):
        check_value(parse_field("x", {"type": "number", "min": 5}, "x"), 4.9)


@pytest.mark.parametrize(
    ("listed", "value", "stored"),
    [
        ({"allowedValues": [{"value": 1}, {"value": 2}]}, 2, 2),
        ({"allowedValues": [{"value": 1}, {"value": 2}]}, 1.0, 1),
        ({"allowedValues": [{"value": "1"}]}, 1, 1),
        ({"allowedValues": [{"value": 1, "alternatives": ["one"]}]}, "one", 1),
        ({"allowedValueMappings": {"1": 1, "one": 1}}, 1, 1),
        ({"allowedValueMappings": {"1": 1, "one": 1}}, "one", 1),
        ({"allowedValues": []}, 7, 7),
    ],
)
def test_allowed_values_of_numbers(listed: dict[str, Any], value: Any, stored: int) -> None:
    fields = {"level": {"type": "integer", **listed}}
    resource = Schema.parse({"name": "x", "resourcefuls": {"films": {"fields": fields}}}).resources["films"]
    for clean, found in (
        validate(resource, {"owner": "a", "level": value}),
        Writer(resource).validate({"owner": "a", "level": value}),
    ):
        assert (clean["level"], found) == (stored, [])
        assert type(clean["level"]) is int
    if any(listed.values()):
        for wrong in (3, "3", True):
            assert Writer(resource).validate({"owner": "a", "level": wrong})[1] != []
        text = validate(resource, {"owner": "a", "level": 3})[1][0].text
        assert text.startswith("level is invalid - must be one of [1")


def test_mappings_alone_say_what_is_allowed() -> None:
    fields = {"kind": {"type": "string", "allowedValueMappings": {"clip": "short", "feature": "long"}}}
    resource = Schema.parse({"name": "x", "resourcefuls": {"films": {"fields": fields}}}).resources["films"]
    for value, stored in (("clip", "short"), ("short", "short"), ("long", "long")):
        assert Writer(resource).validate({"owner": "a", "kind": value}) == ({"owner": "a", "kind": stored}, [])
    (problem,) = Writer(resource).validate({"owner": "a", "kind": "wide"})[1]
    assert problem.text == "kind is invalid - must be one of [short, long]"


def test_a_valid_document_gets_defaults_and_canonical_values() -> None:
    payload = {
        "owner": "acme", "name": "x", "kind": "clip", "secret": 5, "ref": "nonsense", "genreRefs": ["acme:g"],
        "localisedTitle": {"fr-CH": "Un"}, "media": {"width": 4}, "reels": [{"length": 1.5}, {}],
    }  # fmt: skip
    clean, found = validate(films(), payload)
    assert found == []
    assert clean == {
        "owner": "acme", "name": "x", "kind": "short", "active": True, "genreRefs": ["acme:g"],
        "localisedTitle": {"fr-CH": "Un"}, "media": {"width": 4}, "reels": [{"length": 1.5}, {}],
    }  # fmt: skip
    assert payload["kind"] == "clip", "the caller's document is not changed"


def test_every_offending_field_is_named() -> None:
    found = problems(
        {
            "kind": "wide", "active": 1, "genreRefs": [], "colour": "red", "media": {"width": 0, "depth": 1},
            "reels": [{"length": "a"}, 3], "localisedTitle": {"1": "x"},
        }
    )  # fmt: skip
    assert {item.path for item in found} == {
        "owner", "kind", "active", "genreRefs", "colour", "media.width", "media.depth", "reels.length", "reels",
        "localisedTitle",
    }  # fmt: skip
    texts = {item.path: item.text for item in found}
    assert texts["owner"] == "owner is required"
    assert texts["colour"] == "colour is not allowed"
    assert texts["media.depth"] == "media.depth is not allowed"
    assert texts["kind"] == "kind is invalid - must be one of [short, long]"
    assert texts["active"] == "active is invalid - must be a boolean"


def test_lists_and_objects_must_be_such() -> None:
    base = {"owner": "acme", "kind": "long"}
    assert problems({**base, "genreRefs": "acme:g"})[0].text == "genreRefs is invalid - must be an array"
    assert problems({**base, "genreRefs": ["a:1", "a:2", "a:3"]})[0].path == "genreRefs"
    assert problems({**base, "media": 3})[0].text == "media is invalid - must be an object"
    assert [item.path for item in problems({**base, "media": {}})] == ["media.width"]
    assert problems("film")[0].path == "films"


def test_exactly_one_of_a_group() -> None:
    rule = [{"type": "exactlyOne", "fields": ["title", "genreRefs"]}]
    base = {"owner": "acme", "kind": "long"}
    assert problems({**base, "title": "x"}, xfields=rule) == []
    assert problems(base, xfields=rule)[0].text == "exactly one of [title, genreRefs] is required"


def test_a_finished_document_has_identity_history_and_a_version_of_its_content() -> None:
    clean, _ = validate(films(), {"owner": "acme", "name": "x", "kind": "long"})
    writer = Writer(films())
    first = writer.finish(clean, None, user="acme:me", now="2026-01-01T00:00:00.000Z")
    assert list(first) == [
        "ref", "owner", "name", "title", "createdAt", "createdBy", "updatedAt", "updatedBy", "version", "kind",
        "active",
    ]  # fmt: skip
    assert (first["ref"], first["title"]) == ("acme:x", "x")
    again = writer.finish(clean, first, user="acme:me", now="2026-01-02T00:00:00.000Z")
    assert again["createdAt"] == "2026-01-01T00:00:00.000Z"
    assert again["updatedAt"] == "2026-01-02T00:00:00.000Z"
    assert again["version"] == first["version"]
    changed = writer.finish({**clean, "active": False}, again, user="acme:me", now="2026-01-02T00:00:00.000Z")
    assert changed["version"] != first["version"]


def test_a_title_of_another_kind_is_not_made_of_the_name() -> None:
    for title in (
        {"type": "integer", "sort": True},
        {"type": "duration", "sort": True},
        {"type": "name", "array": True},
    ):
        resource = Schema.parse({"name": "x", "resourcefuls": {"films": {"fields": {"title": title}}}}).resources[
            "films"
        ]
        document = Writer(resource).finish(
            {"owner": "a", "name": "b"}, None, user="a:u", now="2026-01-01T00:00:00.000Z"
        )
        assert "title" not in document


@pytest.mark.parametrize("period", ["P9000Y", "P99999999D", "P999999999Y"])
def test_a_retention_beyond_all_time_lasts_until_its_end(period: str) -> None:
    assert reap_time(films(retentionPeriod=period), "2026-01-01T00:00:00.000Z") == "9999-12-31T23:59:59.999Z"
    assert reap_time(films(retentionPeriod="P1Y2D"), "2026-01-01T00:00:00.000Z") == "2027-01-03T00:00:00.000Z"


def test_made_names() -> None:
    assert len(new_name()) == 24
    assert set(new_name()) <= set("0123456789abcdef")
    assert new_name() != new_name()


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b"", "films"),
        (b"{", "films"),
        (b'{"films": "\xff"}', "films"),
        (b"[]", "films"),
        (b"{}", "films"),
        (b'{"movies": []}', "movies"),
        (b'{"films": [], "extra": 1}', "extra"),
        (b'{"films": []}', "films"),
        (b'{"films": [1,2,3]}', "films"),
        (b'{"films": ' + b"[" * 100_000, "films"),
    ],
)
def test_a_body_that_is_none_is_refused(body: bytes, key: str) -> None:
    with pytest.raises(WireError) as caught:
        documents_of(films(), body, 2)
    assert (caught.value.status, caught.value.keys, caught.value.source) == (400, (key,), "payload")


def test_a_body_has_a_list_or_one_object() -> None:
    assert documents_of(films(), b'{"films": [{}, {}]}', 2) == [{}, {}]
    assert documents_of(films(), b'{"films": {"a": 1}}', 2) == [{"a": 1}]


def test_a_refusal_tells_the_first_problems_and_all_keys() -> None:
    refuse([])
    many = [Problem(f"f{number}", f"f{number} is not allowed") for number in range(12)]
    with pytest.raises(WireError, match=r"f0 is not allowed, .*, and 2 more$") as caught:
        refuse(many)
    assert caught.value.keys == tuple(f"f{number}" for number in range(12))
