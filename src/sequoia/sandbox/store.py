"""Documents in SQLite: their JSON text, and an inverted index for filters, orders and counts.

`document` holds the text by ref. `entry` holds, for each axis (an indexed field of a resource), the values with the
refs that have them; its key is in the order of a sorted browse, and a second index finds the values of one ref. Both
cover all columns, so a page costs what its rows cost, wherever it lies. `words` holds the texts that `q` looks into, by
the id of their document. Deleted documents move to `deleted`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sequoia.sandbox.conditions import Place
from sequoia.sandbox.selection import (
    NARROW,
    Condition,
    Position,
    Selection,
    count_query,
    facet_query,
    keys_query,
    narrow_query,
)
from sequoia.sandbox.values import HIGH, LOW, Key

__all__ = ["Collection", "Record", "Row", "Store", "StoreError"]

_FORMAT = 2
_CHUNK = 500
_TABLES = """
CREATE TABLE resource (id INTEGER PRIMARY KEY, service TEXT NOT NULL, name TEXT NOT NULL, axes TEXT NOT NULL,
    UNIQUE (service, name));
CREATE TABLE axis (id INTEGER PRIMARY KEY, resource INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE (resource, name));
CREATE TABLE document (id INTEGER PRIMARY KEY, resource INTEGER NOT NULL, ref TEXT NOT NULL, body BLOB NOT NULL,
    private BLOB, UNIQUE (resource, ref));
CREATE TABLE entry (field INTEGER NOT NULL, value NOT NULL, ref TEXT NOT NULL, PRIMARY KEY (field, value, ref))
    WITHOUT ROWID;
CREATE INDEX entry_of_ref ON entry (ref, field);
CREATE VIRTUAL TABLE words USING fts5(body, tokenize = 'unicode61 remove_diacritics 2');
CREATE TABLE deleted (resource INTEGER NOT NULL, ref TEXT NOT NULL, body BLOB NOT NULL, reap_at TEXT NOT NULL,
    PRIMARY KEY (resource, ref));
"""


class StoreError(OSError):
    """The data file cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """A stored document.

    Attributes:
        ref: Its ref.
        body: Its JSON text, as a browse shows it.
        private: JSON text of the parts that only a read by ref shows, or None.
    """

    ref: str
    body: bytes
    private: bytes | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A document to write, with its index entries (names of axes and values) and the text that `q` looks into."""

    row: Row
    terms: frozenset[tuple[str, Key]]
    text: str = ""


class Store:
    """All documents of a sandbox, in one file or in memory.

    Every call takes the store's own lock, so any thread may use it.

    Args:
        path: The file; None keeps everything in memory.
        now: The wall clock, as wire text such as `2026-01-01T00:00:00.000Z`.

    Raises:
        StoreError: The file cannot be opened, is no data file of this version, or is in use.
    """

    def __init__(self, path: str | None, *, now: Callable[[], str]) -> None:
        self.now = now
        self._lock = threading.RLock()
        self._depth = 0
        try:
            self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise StoreError(f"the data file {path} cannot be opened: {_reason(path, error)}") from error
        try:
            self._prepare(path)
        except BaseException as error:
            self._db.close()
            if isinstance(error, sqlite3.Error):
                raise StoreError(f"the data file {path} cannot be used: {_reason(path, error)}") from error
            raise

    def _prepare(self, path: str | None) -> None:
        """Claim the file and create what is missing in it."""
        run = self._db.execute
        # One process owns a data file: a second one gets an error at once instead of half of the writes.
        run("PRAGMA busy_timeout = 0")
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run("BEGIN IMMEDIATE")
        (version,) = run("PRAGMA user_version").fetchone()
        (tables,) = run("SELECT count(*) FROM sqlite_master").fetchone()
        if version not in {0, _FORMAT} or (version == 0 and tables):
            raise StoreError(f"the data file {path} was not made by this version of the sandbox; name another file")
        if version == 0:
            for statement in _TABLES.split(";")[:-1]:
                run(statement)
            run(f"PRAGMA user_version = {_FORMAT}")
        run("DELETE FROM deleted WHERE reap_at <= ?", [self.now()])
        run("COMMIT")

    def close(self) -> None:
        """Write everything out and release the file; closing twice is harmless."""
        with self._lock:
            self._db.close()

    def clear(self) -> None:
        """Forget all documents of all resources, the deleted ones included; every collection stays usable."""
        with self.transaction():
            for table in ("document", "entry", "words", "deleted"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what is written inside is kept only if the block ends without an error.

        A transaction inside another one is part of it.
        """
        with self._lock:
            if self._depth == 0:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    self._db.execute("COMMIT")
            except BaseException:
                if self._depth == 1:
                    with suppress(sqlite3.Error):
                        self._db.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def collection(self, service: str, name: str, axes: Mapping[str, str]) -> tuple[Collection, bool]:
        """The documents of one resource.

        Args:
            service: The name of the service.
            name: The plural name of the resource.
            axes: The names of all axes that its documents are indexed by, each with a word for the way.

        Returns:
            The collection, and whether it holds documents that were indexed by other axes and have to be indexed
            again.
        """
        signature = " ".join(f"{axis}={kind}" for axis, kind in sorted(axes.items()))
        with self.transaction():
            run = self._db.execute
            found = run("SELECT id, axes FROM resource WHERE service = ? AND name = ?", [service, name]).fetchone()
            stale = found is not None and found[1] != signature
            if found is None:
                values = [service, name, signature]
                found = (run("INSERT INTO resource (service, name, axes) VALUES (?, ?, ?)", values).lastrowid,)
            resource = int(found[0])
            run("UPDATE resource SET axes = ? WHERE id = ?", [signature, resource])
            insert = "INSERT OR IGNORE INTO axis (resource, name) VALUES (?, ?)"
            self._db.executemany(insert, ((resource, axis) for axis in axes))
            ids = dict(run("SELECT name, id FROM axis WHERE resource = ?", [resource]).fetchall())
        return Collection(self, self._db, resource, ids), stale


class Collection:
    """The documents of one resource; made by `Store.collection`."""

    def __init__(self, store: Store, db: sqlite3.Connection, resource: int, axes: Mapping[str, int]) -> None:
        self.store = store
        self._db = db
        self._resource = resource
        self._axes = axes
        self._names = {number: name for name, number in axes.items()}

    def _all(self, text: str, values: Iterable[Key]) -> list[tuple[Key, ...]]:
        """The rows of one query."""
        with self.store._lock:  # noqa: SLF001 - a collection is a part of its store
            return self._db.execute(text, tuple(values)).fetchall()

    def get(self, refs: Iterable[str]) -> dict[str, Row]:
        """The living documents with these refs; absent ones are left out."""
        result: dict[str, Row] = {}
        for chunk in _chunks(refs):
            text = f"SELECT ref, body, private FROM document WHERE resource = ? AND ref IN ({_marks(chunk)})"  # noqa: S608
            for ref, body, private in self._all(text, [self._resource, *chunk]):
                result[str(ref)] = Row(str(ref), body, private)  # type: ignore[arg-type]
        return result

    def every(self) -> Iterator[Row]:
        """All living documents, chunk by chunk in the order of their refs."""
        after: Key = ""
        text = "SELECT ref, body, private FROM document WHERE resource = ? AND ref > ? ORDER BY ref LIMIT ?"
        while rows := self._all(text, [self._resource, after, _CHUNK]):
            yield from (Row(str(ref), body, private) for ref, body, private in rows)  # type: ignore[arg-type]
            after = rows[-1][0]

    def put(self, records: Sequence[Record]) -> None:
        """Store documents under their refs, replacing what is there."""
        with self.store.transaction():
            resource = self._resource
            refs = [record.row.ref for record in records]
            old = self._entries(refs)
            new = {(self._axes[axis], value, record.row.ref) for record in records for axis, value in record.terms}
            self._db.executemany("DELETE FROM entry WHERE field = ? AND value = ? AND ref = ?", old - new)
            # Sorted, because neighbours in the index are then written together.
            self._db.executemany("INSERT INTO entry VALUES (?, ?, ?)", _sorted_entries(new - old))
            self._db.executemany(
                "INSERT INTO document (resource, ref, body, private) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (resource, ref) DO UPDATE SET body = excluded.body, private = excluded.private",
                ((resource, record.row.ref, record.row.body, record.row.private) for record in records),
            )
            self._forget_deleted(refs)
            self._put_words(records)

    def _put_words(self, records: Sequence[Record]) -> None:
        """Store the texts of documents; those that were there before may have had others."""
        texts = {record.row.ref: record.text for record in records}
        ids = self._ids(list(texts))
        self._db.executemany("DELETE FROM words WHERE rowid = ?", ((number,) for number in ids.values()))
        rows = ((ids[ref], text) for ref, text in texts.items() if text)
        self._db.executemany("INSERT INTO words (rowid, body) VALUES (?, ?)", rows)

    def _ids(self, refs: Sequence[str]) -> dict[str, int]:
        """The ids of the documents with these refs."""
        result: dict[str, int] = {}
        for chunk in _chunks(refs):
            text = f"SELECT ref, id FROM document WHERE resource = ? AND ref IN ({_marks(chunk)})"  # noqa: S608
            result.update(self._all(text, [self._resource, *chunk]))  # type: ignore[arg-type]
        return result

    def _forget_deleted(self, refs: Sequence[str]) -> None:
        """A ref that is stored again is no longer a deleted one."""
        values = ((self._resource, ref) for ref in refs)
        self._db.executemany("DELETE FROM deleted WHERE resource = ? AND ref = ?", values)

    def delete(self, rows: Sequence[Row], reap_at: str) -> None:
        """Take documents out of all ordinary reads.

        Args:
            rows: The documents as they are to be kept, with the fields of a deleted one.
            reap_at: Until when they are kept, as wire text.
        """
        with self.store.transaction():
            gone = self._entries([row.ref for row in rows])
            ids = self._ids([row.ref for row in rows])
            self._db.executemany("DELETE FROM words WHERE rowid = ?", ((number,) for number in ids.values()))
            self._db.executemany("DELETE FROM entry WHERE field = ? AND value = ? AND ref = ?", gone)
            values = ((self._resource, row.ref) for row in rows)
            self._db.executemany("DELETE FROM document WHERE resource = ? AND ref = ?", values)
            insert = "INSERT OR REPLACE INTO deleted (resource, ref, body, reap_at) VALUES (?, ?, ?, ?)"
            self._db.executemany(insert, ((self._resource, row.ref, row.body, reap_at) for row in rows))

    def _entries(self, refs: Sequence[str]) -> set[tuple[int, Key, str]]:
        """The index entries of some documents of this resource."""
        result: set[tuple[int, Key, str]] = set()
        for chunk in _chunks(refs):
            rows = self._all(f"SELECT field, value, ref FROM entry WHERE ref IN ({_marks(chunk)})", chunk)  # noqa: S608
            result.update(row for row in rows if row[0] in self._names)  # type: ignore[misc]
        return result

    def _driver(self, selection: Selection, *, whole: bool = False) -> Condition | None:
        """The condition to start from: the one with the fewest matches, none if a walk along the order is better.

        Args:
            selection: What to find.
            whole: Whether all of it is wanted at once, as for a count, and not a page in order.
        """
        conditions = [item for item in selection.conditions if isinstance(item, Condition)]
        for condition in conditions:
            if condition.axis == "ref" and condition.exact:
                return condition
        conditions = [item for item in conditions if item.indexed]
        if not conditions:
            return None
        if len(conditions) == 1 and not selection.order and (whole or conditions[0].exact):
            return conditions[0]
        sizes = [int(self._all(*narrow_query(self._axes, condition))[0][0]) for condition in conditions]
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
        with self.store._lock:  # noqa: SLF001 - keys and bodies must be of one moment
            driver = self._driver(selection)
            query = keys_query(self._resource, self._axes, selection, driver, limit=limit, offset=offset)
            keys = [(str(ref), (*values, ref)) for ref, *values in self._all(*query)]
            rows = self.get(ref for ref, _ in keys)
        return [(rows[ref], position) for ref, position in keys]

    def count(self, selection: Selection) -> int:
        """How many documents a selection holds; its order and position do not matter."""
        bare = Selection(selection.owner, selection.conditions)
        query = count_query(self._resource, self._axes, bare, self._driver(bare, whole=True))
        return int(self._all(*query)[0][0])

    @property
    def place(self) -> Place:
        """Where the documents are, for queries that come from another collection."""
        return Place(self._resource, self._axes)

    def refs(self, selection: Selection, *, limit: int) -> list[str]:
        """The refs of the first documents of a selection."""
        with self.store._lock:  # noqa: SLF001 - a collection is a part of its store
            driver = self._driver(selection)
            query = keys_query(self._resource, self._axes, selection, driver, limit=limit, offset=0)
            return [str(row[0]) for row in self._all(*query)]

    def across(self, axis: int, refs: Sequence[str], *, forward: bool, limit: int) -> list[str]:
        """The other ends of an axis that holds refs, each once.

        Args:
            axis: The id of the axis, of any collection of the store.
            refs: Where to start, as many as one statement takes.
            forward: From documents to the refs they hold; otherwise from refs to the documents that hold them.
            limit: Most refs to find.
        """
        here, there = ("ref", "value") if forward else ("value", "ref")
        where = f"field = ? AND {here} IN ({_marks(refs)})"
        found = self._all(f"SELECT DISTINCT {there} FROM entry WHERE {where} LIMIT ?", [axis, *refs, limit])  # noqa: S608
        return [ref for (ref,) in found if isinstance(ref, str)]

    def facet(self, selection: Selection, axis: str) -> dict[str, int]:
        """How many documents of a selection have each value of an axis, absent values left out."""
        bare = Selection(selection.owner, selection.conditions)
        query = facet_query(self._resource, self._axes, bare, self._driver(bare, whole=True), axis)
        return {str(value): int(count) for value, count in self._all(*query) if value not in {LOW, HIGH}}


def _reason(path: str | None, error: sqlite3.Error) -> str:
    """Why a data file cannot be had, in words that say what to do where SQLite's do not."""
    file = Path(path or "")
    if "locked" in str(error):
        return "another sandbox is using it; stop that one, or name another file"
    if file.is_dir():
        return "it is a folder; name a file"
    if not file.parent.is_dir():
        return f"the folder {file.parent} does not exist; make it first"
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        return "it cannot be written; name a file that can be"
    return str(error)


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    """Lists short enough for the parameters of one statement."""
    iterator = iter(values)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _marks(values: Sequence[str]) -> str:
    """One question mark for each value."""
    return ", ".join("?" * len(values))


def _sorted_entries(entries: Iterable[tuple[int, Key, str]]) -> list[tuple[int, Key, str]]:
    """Entries in about the order of the index; their values may be of different types."""
    return sorted(entries, key=lambda entry: (entry[0], str(entry[1]), entry[2]))
