"""Changes since a watermark: the synchronous loop around what `changes` decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, NoReturn, Self, TypeVar

from sequoia.changes import CHANGED, DELETED, Following, Trail
from sequoia.error import BadRequest, Forbidden
from sequoia.progress import Meter
from sequoia.retry import Operation
from sequoia.scanning import Way

__all__ = ["ResourceChanges"]

T = TypeVar("T")


class ResourceChanges(Generic[T]):
    """What was deleted and what changed since a watermark: iterate over it. It is for one thread at a time.

    Args:
        following: What it was told.
        way: How it reaches its service.
        offers: Whether the service says that it can be asked for deleted resources.

    Attributes:
        sees_deletions: Whether the service answered when it was asked for deleted resources; None before that.
    """

    def __init__(self, following: Following[T], way: Way, offers: Callable[[Operation], bool]) -> None:
        self.sees_deletions: bool | None = None
        self._following = following
        self._way = way
        self._offers = offers
        self._meter = Meter(following.progress, way.clock.monotonic)
        self._trails: dict[str, Trail[T]] = {}
        self._items: Iterator[T] = iter(())

    @property
    def watermark(self) -> dict[str, Any]:
        """What to give as `since` to the next run, as a JSON-able value; up to the last resource handed out.

        Store it together with what you made of the resources so far, in one transaction.
        """
        return self._following.watermark(self._trails)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        for item in self._items:
            return item
        return self._turned()

    def _turned(self) -> T:
        """The first resource of the next page that has news."""
        while (trail := self._trail()) is not None:
            for item in trail.items:
                self._items = trail.items
                return item
            trail.close()
            if trail.call is not None:
                self._advance(trail)
        raise StopIteration

    def _trail(self) -> Trail[T] | None:
        """The time stamp that is followed now: deletions come first, so that what came back afterwards stays."""
        if not self._trails:
            location = self._way.begin(self._way.operation)
            if self._offers(self._way.operation):
                self._trails[DELETED] = self._following.trail(DELETED, location, self._meter)
            else:
                self.sees_deletions = False
            self._trails[CHANGED] = self._following.trail(CHANGED, location, self._meter)
        return next((trail for trail in self._trails.values() if not trail.finished), None)

    def _advance(self, trail: Trail[T]) -> None:
        assert trail.call is not None  # noqa: S101 - whoever calls this has looked
        try:
            answer = self._way.send(trail.call)
        except (BadRequest, Forbidden):
            if self._trails.get(DELETED) is not trail or self.sees_deletions:
                raise
            self.sees_deletions = False
            del self._trails[DELETED]
            return
        if self._trails.get(DELETED) is trail:
            self.sees_deletions = True
        trail.take(answer)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "changes hold their client's connections and cannot cross a process: hand over the watermark, and go on "
            "with changes(..., since=watermark) there"
        )

    def __repr__(self) -> str:
        return f"<ResourceChanges {self._following.since.endpoint}>"
