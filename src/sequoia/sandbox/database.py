"""The SQLite database of a sandbox: who may use it, and what is written as a whole."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

__all__ = ["Database", "StoreError"]

_FORMAT = 3
_PARAMETERS = 500  # of one statement; more is not quicker
_TABLES = """
CREATE TABLE resource (id INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL, name TEXT NOT NULL,
    signature TEXT NOT NULL, UNIQUE (service, name));
CREATE TABLE axis (id INTEGER PRIMARY KEY, resource INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE (resource, name));
CREATE TABLE deleted (resource INTEGER NOT NULL, ref TEXT NOT NULL, body BLOB NOT NULL, reap_at TEXT NOT NULL,
    PRIMARY KEY (resource, ref));
"""


class StoreError(OSError):
    """The data file cannot be used; the text says why and what to do."""


class Database:
    """One connection; every call takes its lock, so any thread may use it.

    Args:
        path: The file; None keeps everything in memory.
        now: The time, as wire text; records of deleted documents that are due by then are removed.

    Raises:
        StoreError: The file cannot be opened, is no data file of this version, or is in use.
    """

    def __init__(self, path: str | None, *, now: str) -> None:
        self.lock = threading.RLock()
        self._depth = 0
        self._indexes: set[str] = set()
        try:
            self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise StoreError(f"the data file {path} cannot be opened: {_reason(path, error)}") from error
        try:
            self._prepare(path, now)
        except BaseException as error:
            self._connection.close()
            if isinstance(error, sqlite3.Error):
                raise StoreError(f"the data file {path} cannot be used: {_reason(path, error)}") from error
            raise

    def _prepare(self, path: str | None, now: str) -> None:
        """Claim the file and create what is missing in it."""
        run = self._connection.execute
        # One process owns a data file: a second one gets an error at once instead of half of the writes.
        run("PRAGMA busy_timeout = 0")
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        # In KiB: what an index of a large catalogue is sorted in.
        run("PRAGMA cache_size = -65536")
        run("BEGIN IMMEDIATE")
        (version,) = run("PRAGMA user_version").fetchone()
        (tables,) = run("SELECT count(*) FROM sqlite_master").fetchone()
        if version not in {0, _FORMAT} or (version == 0 and tables):
            raise StoreError(f"the data file {path} was not made by this version of the sandbox; name another file")
        if version == 0:
            for statement in _TABLES.split(";")[:-1]:
                run(statement)
            run(f"PRAGMA user_version = {_FORMAT}")
        run("DELETE FROM deleted WHERE reap_at <= ?", [now])
        run("COMMIT")

    def close(self) -> None:
        """Write everything out and release the file; closing twice is harmless."""
        with self.lock:
            self._connection.close()

    def rows(self, text: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one statement."""
        with self.lock:
            return self._connection.execute(text, tuple(values)).fetchall()

    def each(self, text: str, values: Iterable[Sequence[Any]]) -> None:
        """Run one statement with many sets of values."""
        with self.lock:
            self._connection.executemany(text, values)

    def insert(self, table: str, width: int, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows to a table, many with each statement, which takes about half the time.

        Args:
            table: The table, with the columns in brackets if not all of them are given.
            width: How many values a row has.
            rows: The rows.
        """
        start, marks = f"INSERT INTO {table} VALUES ", f"({', '.join('?' * width)})"  # noqa: S608 - our own names
        number = max(1, _PARAMETERS // width)
        text = start + ", ".join([marks] * number)
        iterator = iter(rows)
        while chunk := list(islice(iterator, number)):
            if len(chunk) == number:
                self.rows(text, chain.from_iterable(chunk))
            else:
                self.each(start + marks, chunk)

    def make_index(self, name: str, statement: str) -> None:
        """Have an index.

        Args:
            name: Its name.
            statement: Makes it, unless it is there.
        """
        with self.lock:
            if name not in self._indexes:
                self._connection.execute(statement)
                if self._depth == 0:  # a transaction may be undone, and the index with it
                    self._indexes.add(name)

    def drop_index(self, name: str) -> None:
        """Do without an index, whether it is there or not."""
        with self.lock:
            self._indexes.discard(name)
            self._connection.execute(f"DROP INDEX IF EXISTS {name}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what is written inside is kept only if the block ends without an error.

        A transaction inside another one is part of it.
        """
        with self.lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    self._connection.execute("COMMIT")
            except BaseException:
                if self._depth == 1:
                    with suppress(sqlite3.Error):
                        self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1


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
