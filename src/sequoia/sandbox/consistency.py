"""Eventual consistency: writes that a read by ref sees at once, and a browse only some seconds later.

The store lags behind: it holds what browses, counts, facets and linked resources show. Writes wait here, in order,
until their time has come; what is due goes into the store when the next request comes, so there is no timer and no
thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from sequoia.sandbox.selection import Position, Selection
from sequoia.sandbox.store import Collection, Record, Row, Store

__all__ = ["Current", "Lag"]


class _Undone(Exception):  # noqa: N818 - no error: it takes back what was only looked at
    pass


@dataclass(frozen=True, slots=True, eq=False)
class _Write:
    """A write that waits: when it is due, what it makes of each ref (None: deleted), and how it is carried out."""

    due: float
    current: Current
    rows: Mapping[str, Row | None]
    apply: Callable[[], None]


class Lag:
    """The writes of a sandbox that browses do not see yet; usable from any thread.

    Args:
        store: Where the documents are.
        delay: Seconds that a write waits.
        monotonic: A clock in seconds that never goes back.
    """

    def __init__(self, store: Store, delay: float, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._lock = store.lock  # a store and the writes that it waits for change together
        self._delay = delay
        self._monotonic = monotonic
        self._writes: deque[_Write] = deque()
        self._at_once = 0

    def over(self, collection: Collection) -> Current:
        """The collection as reads by ref and writes see it; as browses see it, it is itself."""
        return Current(self, collection)

    def settle(self) -> None:
        """Let browses see the writes that have waited long enough."""
        if self._writes:
            self._apply(self._monotonic())

    def flush(self) -> None:
        """Let browses see every write."""
        self._apply(float("inf"))

    def forget(self) -> None:
        """Drop every write that waits."""
        with self._lock:
            for write in self._writes:
                write.current.settled(write)
            self._writes.clear()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is written inside, and all that was written before it, is seen at once."""
        with self._lock:
            self.flush()
            self._at_once += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    def wait(self, current: Current, rows: Mapping[str, Row | None], apply: Callable[[], None]) -> bool:
        """Have a write wait; False if it is not to wait, and must be carried out by the caller."""
        with self._lock:
            if self._at_once:
                return False
            write = _Write(self._monotonic() + self._delay, current, rows, apply)
            self._writes.append(write)
            current.awaits(write)
            return True

    @contextmanager
    def foreseen(self) -> Iterator[None]:
        """Inside, the store is as it will be when nothing waits any more."""
        with suppress(_Undone), self._store.transaction():
            for write in self._writes:
                write.apply()
            yield
            raise _Undone

    def _apply(self, now: float) -> None:
        with self._lock:
            due = [write for write in self._writes if write.due <= now]
            if not due:
                return
            with self._store.transaction():
                for write in due:
                    write.apply()
            # Only now: what could not be stored, on a full disk, is tried again with the next request.
            for write in due:
                self._writes.popleft()
                write.current.settled(write)


class Current:
    """The documents of one resource as of now, for reads by ref and writes; made by `Lag.over`.

    `get`, `select`, `put` and `delete` are used like those of `Collection`; `awaits` and `settled` are for the `Lag`.
    """

    def __init__(self, lag: Lag, collection: Collection) -> None:
        self._lag = lag
        self._collection = collection
        self._newest: dict[str, _Write] = {}

    def get(self, refs: Iterable[str]) -> dict[str, Row]:
        """The living documents with these refs; absent ones are left out."""
        wanted = list(refs)
        with self._lag._lock:  # noqa: SLF001 - what waits and what is stored must be of one moment
            waiting = {ref: self._newest[ref].rows[ref] for ref in wanted if ref in self._newest}
            found = self._collection.get(ref for ref in wanted if ref not in waiting)
        return found | {ref: row for ref, row in waiting.items() if row is not None}

    def select(self, selection: Selection, *, limit: int) -> list[tuple[Row, Position]]:
        """Documents by their fields, each with its position in the order."""
        with self._lag.foreseen():
            return self._collection.select(selection, limit=limit)

    def put(self, records: Sequence[Record]) -> None:
        """Store documents under their refs, replacing what is there."""
        apply = partial(self._collection.put, records)
        if not self._lag.wait(self, {record.row.ref: record.row for record in records}, apply):
            apply()

    def delete(self, rows: Sequence[Row], reap_at: str) -> None:
        """Take documents out of all ordinary reads."""
        apply = partial(self._collection.delete, rows, reap_at)
        if not self._lag.wait(self, {row.ref: None for row in rows}, apply):
            apply()

    def awaits(self, write: _Write) -> None:
        """Show what a write makes of its documents, from now on."""
        self._newest.update(dict.fromkeys(write.rows, write))

    def settled(self, write: _Write) -> None:
        """Show what is stored again, but where a newer write waits."""
        for ref in write.rows:
            if self._newest.get(ref) is write:
                del self._newest[ref]
