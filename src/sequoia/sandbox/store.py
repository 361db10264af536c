"""Documents in SQLite: their JSON text, and beside it the values that filters, orders and counts look for.

Each resource has tables of its own; `shape` says which. The index of an axis is in the order of a sorted browse and
ends in the refs, so a page costs what its rows cost, wherever it lies. Deleted documents move to `deleted`.
"""

# ruff: noqa: S608 - the SQL is put together from our own names; every value is a parameter
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, TypeVar

import msgspec

from sequoia.sandbox.conditions import Hop, walked
from sequoia.sandbox.database import Database, StoreError
from sequoia.sandbox.selection import (
    NARROW,
    Condition,
    Position,
    Selection,
    across_query,
    count_query,
    facet_query,
    keys_query,
    narrow_query,
)
from sequoia.sandbox.shape import Layout, Shape
from sequoia.sandbox.values import HIGH, LOW, Key

__all__ = ["Collection", "Layout", "Record", "Row", "Store", "StoreError"]

_CHUNK = 500
_T = TypeVar("_T")


class Row(msgspec.Struct, frozen=True, gc=False):
    """A stored document.

    Attributes:
        ref: Its ref.
        body: Its JSON text, as a browse shows it.
        private: JSON text of the parts that only a read by ref shows, or None.
    """

    ref: str
    body: bytes
    private: bytes | None = None


class Record(msgspec.Struct, frozen=True, gc=False):
    """A document to write, with what it is found by.

    Attributes:
        row: The document.
        single: Its value on each of the layout's axes with one value, None where it has none.
        many: Its values on the other axes, each with the place of its axis in the layout; none twice.
        text: What `q` looks into.
    """

    row: Row
    single: tuple[Key | None, ...] = ()
    many: tuple[tuple[int, Key], ...] = ()
    text: str = ""


class Store:
    """All documents of a sandbox, in one file or in memory; any thread may use it.

    Args:
        path: The file; None keeps everything in memory.
        now: The wall clock, as wire text such as `2026-01-01T00:00:00.000Z`.

    Attributes:
        now: As given.
        lock: Who holds it is alone with the documents.

    Raises:
        StoreError: The file cannot be opened, is no data file of this version, or is in use.
    """

    def __init__(self, path: str | None, *, now: Callable[[], str]) -> None:
        self.now = now
        self._db = Database(path, now=now())
        self.lock = self._db.lock

    def close(self) -> None:
        """Write everything out and release the file; closing twice is harmless."""
        self._db.close()

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing: what is written inside is kept only if the block ends without an error.

        A transaction inside another one is part of it.
        """
        return self._db.transaction()

    def clear(self) -> None:
        """Forget all documents of all resources, the deleted ones included; every collection stays usable."""
        with self.transaction():
            for (number,) in self._db.rows("SELECT id FROM resource"):
                shape = Shape(number, Layout(), {})
                for table in (shape.documents, shape.values, shape.words):
                    self._db.rows(f"DELETE FROM {table}")
            self._db.rows("DELETE FROM deleted")

    def collection(self, service: str, name: str, layout: Layout, remake: Callable[[Row], Record]) -> Collection:
        """The documents of one resource.

        Args:
            service: The name of the service.
            name: The plural name of the resource.
            layout: What its documents are indexed by.
            remake: Makes the record of a document that was indexed by another layout.
        """
        with self.transaction():
            run = self._db.rows
            found = run("SELECT id, signature FROM resource WHERE service = ? AND name = ?", [service, name])
            if found and found[0][1] == layout.signature:
                return Collection(self, self._db, self._shape(found[0][0], layout))
            run("DELETE FROM resource WHERE service = ? AND name = ?", [service, name])
            run("INSERT INTO resource (service, name, signature) VALUES (?, ?, ?)", [service, name, layout.signature])
            (number,) = run("SELECT id FROM resource WHERE service = ? AND name = ?", [service, name])[0]
            insert = "INSERT INTO axis (resource, name) VALUES (?, ?)"
            self._db.each(insert, ((number, axis) for axis in (*layout.single, *layout.many)))
            result = Collection(self, self._db, self._shape(number, layout))
            for statement in result.shape.creation():
                run(statement)
            if found:
                former = Shape(found[0][0], Layout(), {})
                rows = _every(self._db, former)
                while chunk := list(islice(rows, _CHUNK)):
                    result.put([remake(row) for row in chunk])
                for table in (former.documents, former.values, former.words):
                    run(f"DROP TABLE {table}")
                run("DELETE FROM axis WHERE resource = ?", [former.resource])
                run("UPDATE deleted SET resource = ? WHERE resource = ?", [number, former.resource])
        return result

    def _shape(self, resource: int, layout: Layout) -> Shape:
        numbers = dict(self._db.rows("SELECT name, id FROM axis WHERE resource = ?", [resource]))
        return Shape(resource, layout, numbers)


class Collection:
    """The documents of one resource; made by `Store.collection`."""

    def __init__(self, store: Store, db: Database, shape: Shape) -> None:
        self.store = store
        self.shape = shape
        self._db = db
        self._numbers = [shape.numbers[axis] for axis in shape.layout.many]

    def get(self, refs: Iterable[str]) -> dict[str, Row]:
        """The living documents with these refs; absent ones are left out."""
        result: dict[str, Row] = {}
        for chunk in _chunks(refs):
            text = f"SELECT ref, body, private FROM {self.shape.documents} WHERE ref IN ({_marks(chunk)})"
            result.update((row[0], Row(*row)) for row in self._db.rows(text, chunk))
        return result

    def _at(self, numbers: Sequence[int]) -> dict[int, Row]:
        """The documents with these ids."""
        result: dict[int, Row] = {}
        for chunk in _chunks(numbers):
            text = f"SELECT id, ref, body, private FROM {self.shape.documents} WHERE id IN ({_marks(chunk)})"
            result.update((number, Row(*row)) for number, *row in self._db.rows(text, chunk))
        return result

    def every(self) -> Iterator[Row]:
        """All living documents, chunk by chunk in the order of their refs."""
        return _every(self._db, self.shape)

    def put(self, records: Sequence[Record]) -> None:
        """Store documents under their refs, replacing what is there.

        Args:
            records: The documents; no ref may come twice.
        """
        shape = self.shape
        with self.store.transaction():
            last = self.extent()
            known = self._ids([record.row.ref for record in records]) if last else {}
            self._replace([(known[record.row.ref], record) for record in records if record.row.ref in known])
            new = (record for record in records if record.row.ref not in known) if known else records
            numbered = list(enumerate(new, last + 1))
            self._db.insert(
                shape.documents,
                shape.width,
                ((number, item.row.ref, *item.single, item.row.body, item.row.private) for number, item in numbered),
            )
            self._put_values(numbered)
            self._forget_deleted([record.row.ref for record in records])

    def _replace(self, numbered: Sequence[tuple[int, Record]]) -> None:
        """Write over documents that are there, but for their values and texts of before, which are taken away."""
        shape = self.shape
        former: dict[int, tuple[Key | None, ...]] = {}
        for chunk in _chunks(number for number, _ in numbered):
            text = f"SELECT {', '.join(('id', *shape.columns))} FROM {shape.documents} WHERE id IN ({_marks(chunk)})"
            former.update((row[0], row[1:]) for row in self._db.rows(text, chunk))
        for number, item in numbered:
            # SQLite writes to the index of every column that is named, whether its value changes or not.
            both = zip(shape.columns, former[number], item.single, strict=True)
            changed = [(column, new) for column, old, new in both if old != new]
            columns = "".join(f"{column} = ?, " for column, _ in changed)
            values = [*(new for _, new in changed), item.row.body, item.row.private, number]
            self._db.rows(f"UPDATE {shape.documents} SET {columns}body = ?, private = ? WHERE id = ?", values)
        self._drop_values([number for number, _ in numbered])
        self._put_values(numbered)

    def _put_values(self, numbered: Sequence[tuple[int, Record]]) -> None:
        """Store what stands outside of the row of a document."""
        axes = self._numbers
        values = ((number, axes[place], key, item.row.ref) for number, item in numbered for place, key in item.many)
        self._db.insert(self.shape.values, 4, values)
        texts = ((number, item.text) for number, item in numbered if item.text)
        self._db.insert(f"{self.shape.words} (rowid, body)", 2, texts)

    def _drop_values(self, numbers: Sequence[int]) -> None:
        """Take away what stands outside of the rows of documents."""
        self._db.each(f"DELETE FROM {self.shape.values} WHERE id = ?", ((number,) for number in numbers))
        self._db.each(f"DELETE FROM {self.shape.words} WHERE rowid = ?", ((number,) for number in numbers))

    def _ids(self, refs: Sequence[str]) -> dict[str, int]:
        """The ids of the documents with these refs."""
        result: dict[str, int] = {}
        for chunk in _chunks(refs):
            text = f"SELECT ref, id FROM {self.shape.documents} WHERE ref IN ({_marks(chunk)})"
            result.update(self._db.rows(text, chunk))
        return result

    def _forget_deleted(self, refs: Sequence[str]) -> None:
        """A ref that is stored again is no longer a deleted one."""
        resource = self.shape.resource
        if self._db.rows("SELECT 1 FROM deleted WHERE resource = ? LIMIT 1", [resource]):
            values = ((resource, ref) for ref in refs)
            self._db.each("DELETE FROM deleted WHERE resource = ? AND ref = ?", values)

    def delete(self, rows: Sequence[Row], reap_at: str) -> None:
        """Take documents out of all ordinary reads.

        Args:
            rows: The documents as they are to be kept, with the fields of a deleted one.
            reap_at: Until when they are kept, as wire text.
        """
        with self.store.transaction():
            numbers = list(self._ids([row.ref for row in rows]).values())
            self._drop_values(numbers)
            self._db.each(f"DELETE FROM {self.shape.documents} WHERE id = ?", ((number,) for number in numbers))
            insert = "INSERT OR REPLACE INTO deleted (resource, ref, body, reap_at) VALUES (?, ?, ?, ?)"
            self._db.each(insert, ((self.shape.resource, row.ref, row.body, reap_at) for row in rows))

    def index(self, axes: Iterable[str]) -> None:
        """Make the indexes of some axes, where they are not there yet; a query does this for the axes that it uses."""
        self._index((self.shape, axis) for axis in axes)

    def _index(self, axes: Iterable[tuple[Shape, str]]) -> None:
        """The same for axes of any collection of the store."""
        for shape, axis in axes:
            self._db.make_index(shape.index(axis), shape.index_creation(axis))

    def drop_indexes(self) -> None:
        """Forget all indexes, before so much comes in that to make them again is quicker than to keep them."""
        for axis in (*self.shape.layout.single, *self.shape.layout.many):
            self._db.drop_index(self.shape.index(axis))

    def _driver(self, selection: Selection, *, whole: bool = False) -> Condition | None:
        """The condition to start from: the one with the fewest matches, none if a walk along the order is better.

        Args:
            selection: What to find.
            whole: Whether all of it is wanted at once, as for a count, and not a page in order.
        """
        self._index(walked(self.shape, selection.conditions))
        conditions = [item for item in selection.conditions if isinstance(item, Condition)]
        for condition in conditions:
            if condition.axis == "ref" and condition.exact:
                return condition
        conditions = [item for item in conditions if item.indexed]
        if not conditions:
            return None
        if len(conditions) == 1 and not selection.order and (whole or conditions[0].exact):
            return conditions[0]
        sizes = [int(self._db.rows(*narrow_query(self.shape, condition))[0][0]) for condition in conditions]
        smallest = min(range(len(conditions)), key=lambda index: sizes[index])
        if sizes[smallest] <= NARROW or whole:
            return conditions[smallest]
        # The matches of single values are in the order of refs; those of a range would all have to be sorted.
        return next((item for item in conditions if item.exact), None) if not selection.order else None

    def select(self, selection: Selection, *, limit: int, offset: int = 0) -> list[tuple[Row, Position]]:
        """One page of documents, each with its position in the order.

        Args:
            selection: What to find.
            limit: Most documents.
            offset: Documents to skip.
        """
        with self._db.lock:  # keys and bodies must be of one moment
            driver = self._driver(selection)
            if driver is None:
                self.index(step.axis for step in selection.order[:1])
            query = keys_query(self.shape, selection, driver, limit=limit, offset=offset)
            keys = self._db.rows(*query)
            rows = self._at([number for _, number, *_ in keys])
        return [(rows[number], (*values, ref)) for ref, number, *values in keys]

    def extent(self) -> int:
        """About how many documents there are, without a look at each of them."""
        return int(self._db.rows(f"SELECT ifnull(max(id), 0) FROM {self.shape.documents}")[0][0])

    def count(self, selection: Selection) -> int:
        """How many documents a selection holds; its order and position do not matter."""
        with self._db.lock:
            bare = Selection(selection.owner, selection.conditions)
            return int(self._db.rows(*count_query(self.shape, bare, self._driver(bare, whole=True)))[0][0])

    def refs(self, selection: Selection, *, limit: int | None) -> list[str]:
        """The refs of the first documents of a selection, or of all of them."""
        with self._db.lock:
            most = -1 if limit is None else limit
            query = keys_query(self.shape, selection, self._driver(selection), limit=most, offset=0)
            return [str(ref) for ref, *_ in self._db.rows(*query)]

    def across(self, hop: Hop, refs: Sequence[str], *, limit: int) -> list[str]:
        """Where a step leads from some documents, or from some refs, each once.

        Args:
            hop: The step, of any collection of the store.
            refs: Where to start, as many as one statement takes.
            limit: Most refs to find.
        """
        with self._db.lock:
            if not hop.forward:
                self._index([(hop.shape, hop.axis)])
            found = self._db.rows(*across_query(hop, refs, limit=limit))
        return [ref for (ref,) in found if isinstance(ref, str)]

    def facet(self, selection: Selection, axis: str, name: Callable[[Key, Row], str] | None = None) -> dict[str, int]:
        """How many documents of a selection have each value of an axis, absent values left out.

        Args:
            selection: What to count; its order and position do not matter.
            axis: The axis.
            name: Makes the text of a value that the index has in another form, from that and a document that has it.
        """
        with self._db.lock:
            bare = Selection(selection.owner, selection.conditions)
            driver = self._driver(bare, whole=True)
            found = self._db.rows(*facet_query(self.shape, bare, driver, axis, sampled=name is not None))
            found = [item for item in found if item[0] not in {LOW, HIGH}]
            if name is None:
                return {str(value): int(count) for value, count in found}
            rows = self._at([number for *_, number in found])
        return {name(value, rows[number]): int(count) for value, count, number in found}


def _every(db: Database, shape: Shape) -> Iterator[Row]:
    """All documents of a shape, chunk by chunk in the order of their refs."""
    after: Any = ""
    text = f"SELECT ref, body, private FROM {shape.documents} WHERE ref > ? ORDER BY ref LIMIT ?"
    while rows := db.rows(text, [after, _CHUNK]):
        yield from (Row(*row) for row in rows)
        after = rows[-1][0]


def _chunks(values: Iterable[_T]) -> Iterator[list[_T]]:
    """Lists short enough for the parameters of one statement."""
    iterator = iter(values)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _marks(values: Sequence[object]) -> str:
    """One question mark for each value."""
    return ", ".join("?" * len(values))
