"""The store: what is found and in which order, at what cost, and what stays in a data file."""

from __future__ import annotations

import random
import re
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from sequoia.sandbox import store as store_module
from sequoia.sandbox.conditions import Span, Words
from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.selection import Condition, Order, Position, Selection, keys_query
from sequoia.sandbox.shape import Shape
from sequoia.sandbox.store import Collection, Layout, Record, Row, Store, StoreError
from sequoia.sandbox.values import HIGH, LOW, Key
from sequoia.sandbox.wire import Request

NOW = "2026-01-01T00:00:00.000Z"
LAYOUT = Layout(("size", "end"), ("colour",), "1")
Item = tuple[str, dict[str, list[Key]]]


def made_store(path: Path | None = None) -> Store:
    return Store(str(path) if path else None, now=lambda: NOW)


def made_items() -> list[Item]:
    """Some hundred documents of two owners, with many equal and absent values."""
    dice = random.Random(7)  # noqa: S311 - test data
    return [
        (
            f"{dice.choice(['acme', 'acme2'])}:n{number:03}",
            {
                "colour": dice.sample(["red", "green", "blue", "grey"], dice.randint(0, 3)),
                "size": [dice.choice([LOW, 1, 2.5, 10, -3])],
                "end": [dice.choice([HIGH, "2026", "2027"])],
            },
        )
        for number in range(150)
    ]


def first(values: list[Key]) -> Key | None:
    return values[0] if values else None


def fill(collection: Collection, items: list[Item]) -> None:
    collection.put(
        [
            Record(
                Row(ref, b"{}"),
                (first(axes.get("size", [])), first(axes.get("end", []))),
                tuple((0, value) for value in axes.get("colour", [])),
            )
            for ref, axes in items
        ]
    )


def films(store: Store, name: str = "films") -> Collection:
    return store.collection("catalogue", name, LAYOUT, no_remake)


def no_remake(row: Row) -> Record:
    raise AssertionError(row)


def plan_of(collection: Collection, selection: Selection, driver: Condition | None = None) -> tuple[str, str]:
    """The SQL of a page, and how SQLite goes about it."""
    collection.index(["size", "end", "colour"])
    text, values = keys_query(collection.shape, selection, driver, limit=100, offset=0)
    return text, " / ".join(row[3] for row in collection._db.rows(f"EXPLAIN QUERY PLAN {text}", values))


@pytest.fixture(scope="module")
def collection() -> Iterator[Collection]:
    store = made_store()
    fill(films(store, "actors"), [(ref, {"colour": ["red"], "size": [1], "end": [HIGH]}) for ref, _ in made_items()])
    found = films(store)
    fill(found, made_items())
    yield found
    store.close()


def rank(key: Key) -> tuple[int, float, str]:
    """The order of the index: numbers, texts, bytes."""
    if isinstance(key, int | float):
        return 0, key, ""
    return (1, 0, key) if isinstance(key, str) else (2, 0, "")


def within(condition: Condition, value: Key) -> bool:
    """Whether a condition lists a value."""
    return (
        value in condition.values
        or any(str(value).endswith(ending) for ending in condition.endings)
        or any(
            rank(span.low) <= rank(value) <= rank(span.high)
            and not (span.above and value == span.low)
            and not (span.below and value == span.high)
            for span in condition.spans
        )
    )


def expected(selection: Selection) -> list[str]:
    """What a selection holds, found out the slow way."""
    matching = [
        (ref, axes)
        for ref, axes in made_items()
        if selection.owner is None or ref.split(":")[0] == selection.owner
        if all(
            any(
                ref in item.values if item.axis == "ref" else within(item, value)
                for value in axes.get(item.axis, [ref])
            )
            for item in selection.conditions
            if isinstance(item, Condition)
        )
    ]
    matching.sort(key=lambda item: item[0], reverse=selection.backwards)
    for step in reversed(selection.order):
        matching.sort(key=lambda item, axis=step.axis: rank(item[1][axis][0]), reverse=step.descending)  # type: ignore[misc]
    return [ref for ref, _ in matching]


CONDITIONS = [
    (),
    (Condition("colour", ("red",)),),
    (Condition("colour", ("red", "green", "none")),),
    (Condition("colour", ("red",)), Condition("colour", ("green",))),
    (Condition("colour", ("red", "blue")), Condition("size", (1, 2.5))),
    (Condition("colour", (*(f"c{number}" for number in range(60)), "grey", "red")),),
    (Condition("colour", spans=(Span("g", "h", below=True),)),),
    (Condition("size", spans=(Span(1, 10, above=True),)),),
    (Condition("size", (-3,), (Span(LOW, 1, above=True), Span(10, 10))), Condition("end", ("2026",))),
    (Condition("colour", ("red",), (Span("gr", "gs"),), ("ue",)),),
    (Condition("ref", ("acme:n001", "acme2:n001", "acme:n050", "acme2:n050")),),
    (Condition("ref", tuple(ref for ref, _ in made_items()[:40])), Condition("colour", ("red",))),
]
ORDERS = [
    (),
    (Order("size"),),
    (Order("size", descending=True),),
    (Order("end"), Order("size", descending=True)),
    (Order("end", descending=True), Order("size")),
]


@pytest.mark.parametrize("narrow", [0, 5, 1_000], ids="narrow{}".format)
@pytest.mark.parametrize("size", [1, 7])
def test_pages_together_are_the_whole_selection_in_order(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, narrow: int, size: int
) -> None:
    monkeypatch.setattr(store_module, "NARROW", narrow)
    for conditions, order, backwards, owner in product(CONDITIONS, ORDERS, (False, True), (None, "acme")):
        selection = Selection(owner, conditions, order, backwards)
        found: list[str] = []
        after: Position | None = None
        while page := collection.select(replace(selection, after=after), limit=size):
            found += [row.ref for row, _ in page]
            after = page[-1][1]
        assert found == expected(selection)
        assert collection.count(selection) == len(found)
        numbered = [row.ref for row, _ in collection.select(selection, limit=size, offset=3)]
        assert numbered == found[3 : 3 + size]


def test_facets_leave_absent_values_out(collection: Collection) -> None:
    selection = Selection("acme", (Condition("colour", ("red", "green")),))
    refs = set(expected(selection))
    chosen = [axes for ref, axes in made_items() if ref in refs]
    facet = collection.facet(selection, "end")
    assert facet == {end: sum(axes["end"] == [end] for axes in chosen) for end in ("2026", "2027")}


def test_paging_is_stable_under_inserts_and_deletes() -> None:
    store = made_store()
    found = films(store)
    fill(found, [(f"a:{number}", {"size": [number]}) for number in range(0, 10, 2)])
    order = (Order("size"),)
    first = found.select(Selection(order=order), limit=3)
    fill(found, [("a:1", {"size": [1]}), ("a:5", {"size": [5]})])
    found.delete([Row("a:4", b"{}")], NOW)
    rest = found.select(Selection(order=order, after=first[-1][1]), limit=10)
    assert [row.ref for row, _ in (*first, *rest)] == ["a:0", "a:2", "a:4", "a:5", "a:6", "a:8"]
    store.close()


@pytest.mark.parametrize("conditions", [CONDITIONS[0], CONDITIONS[1], CONDITIONS[2], CONDITIONS[3]])
@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_page_is_read_along_an_index_and_never_sorted(
    collection: Collection, conditions: tuple[Condition, ...], ordered: bool, backwards: bool
) -> None:
    order = (Order("size", descending=backwards),) if ordered else ()
    after: Position = (*(2.5 for _ in order), "acme:n050")
    selection = Selection("acme", conditions, order, backwards, after)
    driver = conditions[0] if conditions and not order else None
    _, plan = plan_of(collection, selection, driver)
    assert "TEMP B-TREE" not in plan
    assert "SCAN" not in plan.replace("SCAN CONSTANT", "")


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("after", [None, (2.5, "acme:n050")])
def test_a_walk_along_a_range_begins_and_ends_in_it(
    collection: Collection, after: Position | None, backwards: bool
) -> None:
    order = (Order("size", descending=backwards),)
    selection = Selection("acme", (Condition("size", spans=(Span(1, 10),)),), order, backwards, after)
    text, plan = plan_of(collection, selection)
    assert re.search(r"SEARCH d USING (?:COVERING )?INDEX by_\d+ \(.*>.*<", plan), plan
    assert "TEMP B-TREE" not in plan
    # Of two bounds on one side SQLite may start from the farther one.
    assert len(re.findall(r"(?<!\+)d\.v\d+(?:, d\.ref\))? [<>]", text)) == 2


def test_words_are_looked_up_and_then_their_documents(collection: Collection) -> None:
    selection = Selection("acme", (Words('"fox"'),))
    _, plan = plan_of(collection, selection)
    assert "VIRTUAL TABLE" in plan
    assert "SEARCH d USING INTEGER PRIMARY KEY" in plan
    assert "SCAN d" not in plan


@pytest.mark.parametrize(
    ("owner", "backwards", "bounds"),
    [
        (None, False, {">": "acme:n050"}),
        (None, True, {"<": "acme:n050"}),
        ("acme", False, {">": "acme:n050", "<": "acme;"}),
        ("acme", True, {">": "acme:", "<": "acme:n050"}),
        ("zoo", False, {">": "zoo:", "<": "zoo;"}),
    ],
)
def test_a_walk_along_the_refs_has_one_start(owner: str | None, backwards: bool, bounds: dict[str, str]) -> None:
    # Of two bounds on one side SQLite may start from the farther one, and then it reads all the pages before.
    selection = Selection(owner, backwards=backwards, after=("acme:n050",))
    text, values = keys_query(Shape(2, LAYOUT, {}), selection, None, limit=100, offset=0)
    assert re.findall(r"d\.ref ([<>]) \?", text) == list(bounds)
    assert values == [*bounds.values(), 100, 0]


def test_a_replacement_leaves_nothing_of_the_old_index() -> None:
    store = made_store()
    found = films(store)
    fill(found, [("a:1", {"colour": ["red", "blue"], "size": [1]})])
    fill(found, [("a:1", {"colour": ["blue"], "size": [2]})])
    assert found.count(Selection(conditions=(Condition("colour", ("red",)),))) == 0
    assert found.count(Selection(conditions=(Condition("colour", ("blue",)),))) == 1
    assert [position for _, position in found.select(Selection(order=(Order("size"),)), limit=9)] == [(2, "a:1")]
    store.close()


def test_a_failed_transaction_changes_nothing() -> None:
    store = made_store()
    found = films(store)

    def fail() -> None:
        with store.transaction():
            fill(found, [("a:1", {"colour": ["red"]})])
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert found.get(["a:1"]) == {}
    fill(found, [("a:1", {"colour": ["red"]})])
    assert set(found.get(["a:1", "a:2"])) == {"a:1"}
    store.close()


def indexes(collection: Collection) -> int:
    """How many indexes there are that somebody made."""
    return len(collection._db.rows("SELECT 1 FROM sqlite_master WHERE type = 'index' AND name LIKE 'by!_%' ESCAPE '!'"))


def test_an_index_is_made_by_the_first_query_that_needs_it_and_kept_up_to_date() -> None:
    store = made_store()
    found = films(store)
    fill(found, made_items())
    assert indexes(found) == 0
    by_size = Selection(order=(Order("size"),))
    red = Selection(conditions=(Condition("colour", ("red",)),))
    assert [row.ref for row, _ in found.select(by_size, limit=999)] == expected(by_size)
    assert indexes(found) == 1
    assert found.count(red) == len(expected(red))
    assert indexes(found) == 2
    fill(found, [("zoo:last", {"size": [99], "end": [HIGH], "colour": ["red"]})])
    assert found.select(by_size, limit=999)[-1][0].ref == "zoo:last"
    assert found.count(red) == len(expected(red)) + 1
    assert indexes(found) == 2
    store.close()


def test_a_load_of_much_more_than_was_there_leaves_the_indexes_for_later() -> None:
    store = made_store()
    films = {"fields": {"kind": {"type": "string"}}, "filters": {"withKind": {"fieldNamePath": "kind"}}}
    service = DataService(Schema.parse({"name": "catalogue", "resourcefuls": {"films": films}}), store)
    collection = service._collections["films"]
    red = Selection(conditions=(Condition("kind", ("red",)),))

    def load(prefix: str, number: int) -> None:
        service.load("films", ({"owner": prefix, "name": f"n{n}", "kind": "red"} for n in range(number)), user="a:b")

    load("a", 5)
    assert collection.count(red) == 5
    load("b", 500)
    assert indexes(collection) == 1
    load("c", 2_000)
    assert indexes(collection) == 0
    assert collection.count(red) == 2_505
    load("d", 2_000)
    assert indexes(collection) == 1, "to make it again would take longer than to go on with it"
    assert collection.count(red) == 4_505
    store.close()


def test_an_index_that_was_undone_with_its_transaction_is_made_again() -> None:
    store = made_store()
    found = films(store)
    fill(found, made_items())
    red = Selection(conditions=(Condition("colour", ("red",)),))

    def ask_and_fail() -> None:
        with store.transaction():
            assert found.count(red) == len(expected(red))
            raise LookupError

    with pytest.raises(LookupError):
        ask_and_fail()
    assert found.count(red) == len(expected(red))
    store.close()


def test_threads_may_write_at_once() -> None:
    store = made_store()
    found = films(store)

    def write(thread: int) -> None:
        for number in range(20):
            fill(found, [(f"a:{thread}-{number}", {"colour": ["red"]})])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(Selection()) == 80
    assert found.count(Selection(conditions=(Condition("colour", ("red",)),))) == 80
    store.close()


def test_a_file_keeps_documents_and_belongs_to_one_process(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    store = made_store(path)
    found = films(store)
    fill(found, [("a:1", {"colour": ["red"]})])
    with pytest.raises(StoreError, match=r"data\.db cannot be used: another sandbox is using it"):
        made_store(path)
    store.close()
    store.close()
    assert [item.name for item in tmp_path.iterdir()] == ["data.db"], "nothing is left beside the file"
    store = made_store(path)
    found = films(store)
    assert found.count(Selection(conditions=(Condition("colour", ("red",)),))) == 1
    store.close()


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no database, but some text that is long enough to be taken for one" * 20)
    with pytest.raises(StoreError, match="cannot be used"):
        made_store(text)
    with pytest.raises(StoreError, match="cannot be opened"):
        made_store(tmp_path / "missing" / "data.db")
    foreign = tmp_path / "foreign.db"
    database = sqlite3.connect(foreign)
    database.execute("CREATE TABLE t (x)")
    database.close()
    with pytest.raises(StoreError, match="not made by this version"):
        made_store(foreign)
    older = tmp_path / "older.db"
    made_store(older).close()
    database = sqlite3.connect(older)
    database.execute("PRAGMA user_version = 1")
    database.close()
    with pytest.raises(StoreError, match="not made by this version of the sandbox; name another file"):
        made_store(older)


def test_an_older_data_file_is_indexed_for_a_new_descriptor(tmp_path: Path) -> None:
    def get(service: DataService, query: tuple[tuple[str, str], ...]) -> bytes:
        return service.handle(Request("GET", "/data/films", query), user="a:b").body

    path = tmp_path / "data.db"
    films: dict[str, Any] = {"fields": {"kind": {"type": "string"}, "year": {"type": "string"}}, "filters": {}}
    store = made_store(path)
    service = DataService(Schema.parse({"name": "catalogue", "resourcefuls": {"films": films}}), store)
    service.load(
        "films", ({"owner": "a", "name": f"n{number}", "kind": str(number % 2)} for number in range(700)), user="a:b"
    )
    store.close()
    films["filters"] = {"withKind": {"fieldNamePath": "kind"}}
    films["fields"]["year"]["sort"] = True
    store = made_store(path)
    service = DataService(Schema.parse({"name": "catalogue", "resourcefuls": {"films": films}}), store)
    assert b'"totalCount":350' in get(service, (("withKind", "1"), ("count", "true"), ("sort", "year")))
    store.close()
    films["filters"]["q"] = {"type": "q", "includes": ["kind", "gone"]}
    store = made_store(path)
    service = DataService(Schema.parse({"name": "catalogue", "resourcefuls": {"films": films}}), store)
    assert b'"totalCount":350' in get(service, (("q", "1"), ("count", "true")))
    store.close()


def test_deleted_documents_are_kept_until_their_time(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    store = made_store(path)
    found = films(store)
    fill(found, [("a:1", {}), ("a:2", {}), ("a:3", {})])
    found.delete([Row("a:1", b"{}")], "2026-01-31T00:00:00.000Z")
    found.delete([Row("a:2", b"{}"), Row("a:3", b"{}")], NOW)
    fill(found, [("a:3", {})])
    kept = "SELECT ref FROM deleted ORDER BY ref"
    assert store._db.rows(kept) == [("a:1",), ("a:2",)]
    store.close()
    store = made_store(path)
    assert store._db.rows(kept) == [("a:1",)]
    store.close()
