"""A data file whose descriptor has changed: what fits is found, and what does not is shown and breaks nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sequoia.sandbox import Sandbox
from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.demo import load_demo
from sequoia.sandbox.descriptors import builtin_descriptors
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.store import Store
from sequoia.sandbox.wire import Request

KINDS: dict[str, tuple[dict[str, Any], Any]] = {
    "string": ({"type": "string"}, "word"),
    "list": ({"type": "string", "array": True}, ["p", "q"]),
    "integer": ({"type": "integer"}, 5),
    "boolean": ({"type": "boolean"}, True),
    "duration": ({"type": "duration"}, "PT5S"),
    "timestamp": ({"type": "timestamp"}, "2026-01-01T00:00:00.000Z"),
    "map": ({"type": "map"}, {"a": [1, "x"]}),
    "texts": ({"type": "stringMap"}, {"a": "x"}),
    "scores": ({"type": "scores"}, {"a.b": 0.5}),
    "object": ({"fields": {"in": {"type": "string"}}}, {"in": "x"}),
    "objects": ({"array": True, "fields": {"in": {"type": "integer"}}}, [{"in": 7}]),
    "deep": ({"fields": {"in": {"fields": {"in": {"type": "string"}}}}}, {"in": {"in": "x"}}),
}


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    yield made
    made.close()


def service(store: Store, kind: str, **more: Any) -> DataService:
    """A service whose field `k` can be found, sorted by and counted, as far as its kind allows."""
    field = dict(KINDS[kind][0])
    path = {"object": "k.in", "objects": "k.in", "deep": "k.in.in"}.get(kind, "k")
    if path == "k":
        field |= {"sort": True, "countable": True}
    filters = {
        "withK": {"fieldNamePath": path, "range": kind in {"integer", "duration", "timestamp", "scores"}},
        "q": {"type": "q", "includes": [path]},
    }
    fields = {"k": {**field, **more}, "n": {"type": "integer", "sort": True}}
    films = {"fields": fields, "filters": filters}
    return DataService(Schema.parse({"name": "svc", "resourcefuls": {"films": films}}), store)


def get(made: DataService, *query: tuple[str, str]) -> Any:
    counted = query if "count" in dict(query) else (*query, ("count", "true"))
    answer = made.handle(Request("GET", "/data/films", counted), user="a:u")
    return msgspec.json.decode(answer.body)


@pytest.mark.parametrize(("former", "now"), list(permutations(KINDS, 2)))
def test_a_document_outlives_any_change_of_a_field(store: Store, former: str, now: str) -> None:
    value = KINDS[former][1]
    service(store, former).load("films", [{"owner": "a", "name": "x", "k": value, "n": 1}], user="a:u")
    changed = service(store, now)
    changed.load("films", [{"owner": "a", "name": "y", "k": KINDS[now][1], "n": 2}], user="a:u")
    assert [film["k"] for film in get(changed, ("sort", "n"))["films"]] == [value, KINDS[now][1]]
    assert get(changed, ("withK", "*"))["meta"]["totalCount"] >= 1
    for query in ([("lang", "en")], [("q", "x")], [("withK", "!*")]):
        get(changed, *query)
    if changed._schema.resources["films"].fields["k"].sort:
        assert len(get(changed, ("sort", "-k"))["films"]) == 2
        get(changed, ("count", "k"))


def test_what_does_not_fit_is_absent_and_what_does_is_found(store: Store) -> None:
    documents: list[dict[str, Any]] = [{"k": ["p", "q"]}, {"k": ["word"], "n": 3}, {"n": 4}]
    films = [{"owner": "a", "name": f"x{number}", **document} for number, document in enumerate(documents)]
    service(store, "list").load("films", films, user="a:u")
    changed = service(store, "string")
    assert get(changed, ("withK", "word"))["meta"]["totalCount"] == 0
    assert get(changed, ("withK", "!*"))["meta"]["totalCount"] == 3
    assert [film["n"] for film in get(changed, ("sort", "-n"), ("fields", "n,k"), ("withK", "!*"))["films"][:2]] == [
        4,
        3,
    ]
    again = service(store, "list")
    assert get(again, ("withK", "word"))["meta"]["totalCount"] == 1
    assert get(again, ("withK", "*"))["meta"]["totalCount"] == 2


def test_a_stricter_rule_is_for_what_is_written_from_now_on(store: Store) -> None:
    service(store, "string").load("films", [{"owner": "a", "name": "x", "k": "word"}], user="a:u")
    stricter = service(store, "string", max=2, typeInfo={"pattern": "[0-9]+"}, nonexistent="high")
    assert get(stricter, ("withK", "word"))["meta"]["totalCount"] == 1


def test_translations_that_were_none_before(store: Store) -> None:
    def made(title: dict[str, Any]) -> DataService:
        fields = {"title": {"type": "string", "localisedBy": "other"}, "other": title, "o": {"fields": {"x": title}}}
        return DataService(Schema.parse({"name": "svc", "resourcefuls": {"films": {"fields": fields}}}), store)

    plain = {"type": "map"}
    former: dict[str, Any] = {"owner": "a", "name": "x", "other": {"en": ["en"]}, "o": {"x": {"en": "E"}}}
    made(plain).load("films", [former], user="a:u")
    changed = made({"fields": {"en": {"fields": {"deep": {"type": "string"}}}}})
    assert get(changed, ("lang", "en"))["films"][0]["o"] == former["o"]


def test_what_fits_is_indexed_as_it_was(store: Store) -> None:
    data = DataService(Schema.parse(builtin_descriptors()["metadata"]), store)
    load_demo(data, "acme", 10, user="a:u")
    for plural, writer in data._writers.items():
        for row in data._collections[plural].every():
            assert writer.remake(row) == writer.record(msgspec.json.decode(row.body))


def test_a_sandbox_starts_with_the_data_of_another_descriptor(tmp_path: Path) -> None:
    def descriptor(field: dict[str, Any]) -> dict[str, Any]:
        return {"name": "svc", "resourcefuls": {"films": {"fields": {"k": field}}}}

    data = tmp_path / "data.db"
    with Sandbox(descriptors=[descriptor({"type": "string", "array": True})], data=data) as sandbox:
        sandbox.load("svc", "films", [{"owner": "a", "name": "x", "k": ["p", "q"]}])
    changed = descriptor({"type": "string", "sort": True})
    with Sandbox(descriptors=[changed], data=data) as sandbox, sandbox.client() as client:
        assert client.svc.films.browse("a").resources[0]["k"] == ["p", "q"]
