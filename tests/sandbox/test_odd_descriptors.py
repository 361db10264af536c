"""Descriptors with something odd in any place: refused with a sentence at the start, or served without a crash."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from sequoia.sandbox.builtin import gather_descriptors
from sequoia.sandbox.business import Business, unserved_routes
from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.errors import SandboxError
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.store import Store
from sequoia.sandbox.wire import Request, WireError

FIELDS: dict[str, Any] = {
    "ref": {"type": "ref", "readOnly": True, "typeInfo": {"pattern": "[a-zA-Z0-9_-]+:[a-zA-Z0-9_-]+"}},
    "owner": {"type": "name", "required": True, "sort": True},
    "name": {"type": "name"},
    "createdAt": {"type": "timestamp", "readOnly": True, "sort": True},
    "title": {"type": "string", "sort": True, "localisedBy": "localisedTitle"},
    "localisedTitle": {"type": "string", "localisationOf": "title", "typeInfo": {"keys": {"pattern": "(en)|(de)"}}},
    "kind": {
        "type": "string",
        "countable": True,
        "default": "short",
        "allowedValues": [{"value": "short", "alternatives": ["clip"]}],
        "allowedValueMappings": {"short": "short", "clip": "short"},
    },
    "filmRefs": {"type": "ref", "array": {"min": 0, "max": 3}},
    "filmRef": {"type": "ref"},
    "startAt": {"type": "timestamp", "sort": True, "nonexistent": "low"},
    "tags": {"type": "string", "array": True, "sort": True, "countable": True},
    "length": {"type": "duration", "sort": True},
    "number": {"type": "integer", "countable": True, "min": 1, "max": 9},
    "media": {
        "fields": {"width": {"type": "integer", "sort": True}, "codec": {"type": "string"}},
        "xfields": [{"type": "exactlyOne", "fields": ["codec"]}],
    },
    "reels": {"array": True, "fields": {"length": {"type": "number"}}},
    "scores": {"type": "scores"},
    "ratings": {"type": "ratings", "typeInfo": {"values": {"BBFC": {"values": ["PG"]}}}},
    "active": {"type": "boolean", "default": True},
    "custom": {"type": "map", "max": 100},
}
FILTERS: dict[str, Any] = {
    "q": {"type": "q", "includes": ["title"]},
    "withTitle": {"type": "with", "fieldNamePath": "title", "prefix": True},
    "withStartAt": {"fieldNamePath": "startAt", "range": True},
    "withFilmRef": {"fieldNamePath": "filmRef"},
    "withTags": {"fieldNamePath": "tags"},
    "withWidth": {"fieldNamePath": "media.width", "range": True},
    "withScore": {"fieldNamePath": "scores", "range": True},
    "withLength": {"fieldNamePath": "length", "range": True},
    "withActive": {"fieldNamePath": "active"},
    "special": {"type": "predefined", "values": {"true": {"withActive": "true"}}},
}
RELATIONSHIPS: dict[str, Any] = {
    "films": {"type": "direct", "resourceType": "films", "fieldNamePath": "filmRefs", "fields": ["ref"]},
    "parts": {"type": "indirect", "resourceType": "films", "filterName": "withFilmRef", "batchSize": 10},
    "whole": {"type": "direct", "resourceType": "films", "fieldNamePath": "filmRef", "intersectable": True},
    "whole.parts": {"type": "indirect", "through": "whole", "resourceType": "films", "filterName": "withFilmRef"},
}
DESCRIPTOR: dict[str, Any] = {
    "name": "catalogue",
    "title": "Catalogue",
    "description": "Films",
    "features": [],
    "resourcefuls": {
        "films": {
            "path": "/data",
            "singularName": "film",
            "pluralName": "films",
            "hyphenatedPluralName": "films",
            "operations": {"browse": {"actions": ["a:b"]}, "storeBatch": {"limit": 100}},
            "pagination": {"pageSize": {"min": 1, "max": 100, "default": 100}, "pages": {"max": 1000}},
            "conditionalUpdates": True,
            "retentionPeriod": "P30D",
            "xfields": [{"type": "exactlyOne", "fields": ["owner"]}],
            "fields": FIELDS,
            "filters": FILTERS,
            "relationships": RELATIONSHIPS,
        }
    },
    "routes": [{"name": "feed", "path": "/f/{owner}/{name?}", "method": "GET", "auth": False, "actions": ["a"]}],
}
ODD: list[Any] = [
    None, 5, -1, 1.5, 10**30, True, False, "", "x", "ref", "owner", "title", "length", "media", "P9000Y", "P1W", [],
    ["x"], [5], [[]], [{}], {}, {"x": 5}, {"x": {}}, {"x": ["y"]}, {"fields": {"x": {"type": "string"}}},
    "string", "duration", "boolean", "scores", "map", "integer", "timestamp",
]  # fmt: skip
FILM: dict[str, Any] = {"owner": "a", "name": "n"}
FULL: dict[str, Any] = {
    **FILM, "title": "T", "localisedTitle": {"en": "E"}, "kind": "clip", "tags": ["x", "y"], "length": "PT1S",
    "number": 3, "media": {"width": 1, "codec": "x"}, "reels": [{"length": 1.5}], "scores": {"a.b": 0.5},
    "ratings": {"BBFC": "PG"}, "startAt": "2026-01-01T00:00:00Z", "filmRef": "a:n", "filmRefs": ["a:n"], "active": True,
    "custom": {"a": 1},
}  # fmt: skip


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything inside a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inside:
        yield (*before, step)
        yield from places(item, (*before, step))


def changed(place: tuple[Any, ...], *value: Any) -> dict[str, Any]:
    """The descriptor with another value in one place, or with nothing there."""
    made = copy.deepcopy(DESCRIPTOR)
    within: Any = made
    for step in place[:-1]:
        within = within[step]
    if value:
        within[place[-1]] = value[0]
    else:
        del within[place[-1]]
    return made


def odd_ones(first: int, step: int) -> Iterator[dict[str, Any]]:
    """Every so many of the descriptors with one odd place."""
    cases = [(place, *value) for place in places(DESCRIPTOR) for value in ((), *((odd,) for odd in ODD))]
    yield from (changed(*case) for case in cases[first::step])


def ask(service: DataService, plural: str, schema: Schema) -> None:
    """Write, ask for everything that the descriptor has, and delete; refusals are answers too."""
    resource = schema.resources[plural]
    path = f"/data/{resource.hyphenated}"

    def send(method: str, path: str, *query: tuple[str, str], films: list[Any] | None = None) -> None:
        body = msgspec.json.encode({plural: films}) if films else b""
        try:
            service.handle(Request(method, path, query, body=body), user="a:u")
        except WireError as error:
            assert error.status < 500  # noqa: PT017 - an answer like any other

    for film in (FILM, FULL, {"name": "q"}):
        send("POST", path, films=[film])
    send("PUT", f"{path}/a:m", films=[FULL])
    send("GET", path, ("lang", "en"), ("page", "999999999"), ("perPage", "999999999"))
    for name in resource.filters:
        for value in ("x", "5", "1/2", "!*", "x*", "*x", "true", "PT1S"):
            send("GET", path, (name, value))
    for name in (*resource.fields, "media.width", "reels.length"):
        send("GET", path, ("sort", f"-{name}"), ("continue", "true"), ("perPage", "1"), ("fields", name))
        send("GET", path, ("count", name))
    for name in resource.relationships:
        send("GET", path, ("include", name))
        send("GET", path, ("include", f"{name}<intersect>"))
    send("DELETE", f"{path}/a:n,a:m")


def test_a_descriptor_with_an_odd_place_is_read_or_refused_by_name_of_the_place() -> None:
    reasons: list[str] = []
    for descriptor in odd_ones(0, 3):
        try:
            Schema.parse(descriptor)
        except ValueError as error:
            reasons.append(str(error))
    assert len(reasons) > 1_000
    assert {reason.partition(" ")[0].partition(".")[0].partition(":")[0] for reason in reasons} == {
        "name",
        "resourcefuls",
    }


@pytest.mark.parametrize("first", range(4))
def test_a_descriptor_that_is_taken_is_served(first: int) -> None:
    served = 0
    for descriptor in odd_ones(first * 7, 31):
        try:
            found = gather_descriptors([descriptor])
        except SandboxError:
            continue
        taken = list(found.values())[-1]
        Business().routes(taken)
        unserved_routes(taken)
        schema = Schema.parse(taken)
        store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
        service = DataService(schema, store)
        for plural in schema.resources:
            if plural == "films":
                ask(service, plural, schema)
        store.close()
        served += 1
    assert served > 30


def test_the_descriptor_without_an_odd_place_serves_both_films() -> None:
    schema = Schema.parse(DESCRIPTOR)
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    service = DataService(schema, store)
    body = msgspec.json.encode({"films": [FILM, {**FULL, "name": "m"}]})
    assert service.handle(Request("POST", "/data/films", body=body), user="a:u").status == 201
    ask(service, "films", schema)
    store.close()
