"""What changed since a watermark: which requests find it, what of the answers is news, and the next watermark.

A run reads no further than the newest time stamp that it finds when it begins. Whatever the service does not show yet
at that moment has a stamp within the overlap before it, however long the run then takes; and the next run reads the
overlap again, without what this one has handed out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import length_hint
from typing import Annotated, Any, Generic, TypedDict, TypeVar

import msgspec
from msgspec.structs import replace

from sequoia.calls import Answer, Call, Expects
from sequoia.checkpoint import LONGEST_REF
from sequoia.error import DecodeError
from sequoia.expressions import wire_value
from sequoia.names import suggestion
from sequoia.pages import PageReader
from sequoia.paging import Chain
from sequoia.partitions import milliseconds, timestamp
from sequoia.progress import Meter, OnProgress
from sequoia.scan import Query

__all__ = ["ChangesOptions", "Following", "Reached", "Trail", "Watermark"]

T = TypeVar("T")
VERSION = 1
CHANGED, DELETED = "updatedAt", "deletedAt"
_OVERLAP = timedelta(seconds=10)
_Text = Annotated[str, msgspec.Meta(max_length=1000)]
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=366 * 86_400_000)]


class ChangesOptions(TypedDict, total=False):
    """The keyword arguments of `changes`, besides `since`, `model` and `raw`.

    Attributes:
        overlap: How far before the watermark to look again, a `timedelta`; 10 seconds if it is not given. It must be
            longer than a write may take to become visible, 1 to 3 seconds on the platform.
        fields: Fields to ask for (`fields`); the ref and the time stamps are added.
        progress: Called with a `Progress` once a page; what it raises ends the run.
        backoff_strategy: Replaces the client's retry policy for all requests of the run.
    """

    overlap: timedelta
    fields: Iterable[str] | None
    progress: OnProgress | None
    backoff_strategy: Mapping[str, Any] | None


class Reached(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How far one of the two time stamps was followed.

    Attributes:
        at: The greatest stamp that was handed out; None before the first.
        overlap: Milliseconds before it whose resources `seen` remembers.
        seen: The refs handed out in that time, each with its stamp.
    """

    at: _Text | None = None
    overlap: _Milliseconds = 0
    seen: Annotated[dict[_Text, _Text], msgspec.Meta(max_length=1_000_000)] = {}


class Watermark(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the next run begins.

    Attributes:
        endpoint: `metadata/contents`.
        query: The digest of what it asks.
        changed: How far `updatedAt` was followed.
        deleted: How far `deletedAt` was followed.
        version: Of this form.
    """

    endpoint: _Text
    query: _Text
    changed: Reached
    deleted: Reached
    version: int = VERSION

    @classmethod
    def read(cls, since: object, endpoint: str, query: str) -> Watermark:
        """The watermark in what a caller gives as `since`.

        Raises:
            ValueError: It is none, or that of another question.
        """
        if since is None:
            return cls(endpoint, query, Reached(), Reached())
        if isinstance(since, datetime):
            start = Reached(wire_value(since))  # refuses one without a time zone
            return cls(endpoint, query, start, start)
        version = since.get("version") if isinstance(since, Mapping) else None
        if isinstance(version, int) and version != VERSION:
            raise ValueError(f"this watermark has version {version!r}, and this SDK goes on from version {VERSION}")
        try:
            found = msgspec.convert(since, cls)
        except (msgspec.ValidationError, RecursionError) as error:
            raise ValueError(f"since must be a datetime or a watermark of changes: {error}") from error
        if (found.endpoint, found.query) != (endpoint, query):
            raise ValueError(f"this is a watermark of another question, or not of {endpoint}")
        stamps = [one for part in (found.changed, found.deleted) for one in (part.at, *part.seen.values())]
        if any(one is not None and milliseconds(one) is None for one in stamps):
            raise ValueError("this is no watermark of changes: it has a time that is none")
        return found


@dataclass(frozen=True)
class Following(Generic[T]):
    """All that a run of changes was told, checked before anything is sent.

    Attributes:
        query: What it asks.
        reader: Reads its pages.
        since: Where it begins.
        overlap: Milliseconds to look back.
        progress: Whom to tell how far it is.
    """

    query: Query
    reader: PageReader[T]
    since: Watermark
    overlap: int
    progress: OnProgress | None

    @classmethod
    def of(cls, name: str, query: Query, reader: PageReader[T], since: object, options: ChangesOptions) -> Following[T]:
        """The same, of the arguments of `changes`.

        Raises:
            TypeError: There is no such argument.
            ValueError: An argument makes no sense.
        """
        for option in options.keys() - ChangesOptions.__annotations__.keys():
            known = ChangesOptions.__annotations__
            raise TypeError(f"changes() has no argument {option!r}: {suggestion(option, known)}")
        overlap = options.get("overlap", _OVERLAP)
        if not isinstance(overlap, timedelta) or not timedelta(0) <= overlap <= timedelta(days=366):
            raise ValueError(f"overlap must be a timedelta from 0 to 366 days, not {overlap!r}")
        if "sort" in query.params:
            raise ValueError("changes come in the order of updatedAt, so there can be no other sort")
        progress = options.get("progress")
        if progress is not None and not callable(progress):
            raise ValueError(f"progress must be a function that takes a Progress, not {progress!r}")
        watermark = Watermark.read(since, name, query.digest)
        return cls(query, reader, watermark, overlap // timedelta(milliseconds=1), progress)

    def trail(self, stamp: str, location: str, meter: Meter) -> Trail[T]:
        """The way along one of the two time stamps."""
        since = self.since.deleted if stamp == DELETED else self.since.changed
        return Trail(self, stamp, since, location, meter)

    def watermark(self, trails: Mapping[str, Trail[T]]) -> dict[str, Any]:
        """The JSON-able value that the next run begins with, by how far the trails were followed."""
        changed = trails[CHANGED].reached if CHANGED in trails else self.since.changed
        deleted = trails[DELETED].reached if DELETED in trails else self.since.deleted
        value: dict[str, Any] = msgspec.to_builtins(Watermark(self.since.endpoint, self.since.query, changed, deleted))
        return value


class Trail(Generic[T]):
    """Resources in the order of one time stamp, from a watermark on.

    Args:
        following: The run.
        stamp: `updatedAt` or `deletedAt`.
        since: Where it begins.
        location: Where the service is.
        meter: Counts, and tells the caller.

    Attributes:
        call: What to ask next; None at the end.
        items: What of the last page is to be handed out.
    """

    def __init__(self, following: Following[T], stamp: str, since: Reached, location: str, meter: Meter) -> None:
        self._following = following
        self._stamp = stamp
        self._chain = Chain(location)
        self._location = location
        self._meter = meter
        self._begun = False
        self._reached = since
        # All that was handed out from here on is remembered, by the watermark or by this run.
        looked_back = min(following.overlap, since.overlap)
        self._low = None if since.at is None else _time(since.at) - looked_back
        self._marks: list[tuple[str, str]] = []  # ref and stamp of each of the items
        self._size = 0
        self.items: Iterator[T] = iter(())
        self.call: Call | None = following.query.edge(stamp, last=True).at(location)

    def take(self, answer: Answer) -> None:
        """Take the answer to `call`, which then is the next one.

        Raises:
            DecodeError: It is no page, or a resource has no ref or no time stamp.
        """
        if not self._begun:
            self._begun = True
            self.call = self._first_page(answer)
            return
        page = self._following.reader.read(answer)
        marks = list(self._marked(page.body))
        news = [number for number, (ref, stamp) in enumerate(marks) if self._reached.seen.get(ref) != stamp]
        self._marks = [marks[number] for number in news]
        self._size = len(page.body)
        self.items = iter([page.items[number] for number in news])
        self.call = None if page.link is None else self._chain.after(answer.call, page.link)

    def close(self) -> None:
        """Book the page, all of which was handed out; what the caller's progress callback raises is raised."""
        done, size = len(self._marks), self._size
        self._reached = self.reached
        self._marks, self._size = [], 0
        if size:
            self._meter.add(done, size)

    @property
    def finished(self) -> bool:
        """Whether everything was handed out, and booked."""
        return self.call is None and not self._size and not length_hint(self.items)

    @property
    def reached(self) -> Reached:
        """How far it was followed: up to the last resource handed out."""
        handed = self._marks[: len(self._marks) - length_hint(self.items)]
        if not handed:
            return self._reached
        before = self._reached
        at = max((before.at or "", *(stamp for _, stamp in handed)), key=_time)
        overlap = self._following.overlap
        if self._low is not None:
            overlap = min(overlap, _time(at) - self._low)
        start = _time(at) - overlap
        seen = {ref: stamp for ref, stamp in {**before.seen, **dict(handed)}.items() if _time(stamp) >= start}
        return Reached(at, overlap, seen)

    def _first_page(self, newest: Answer) -> Call | None:
        found = newest.data.get(newest.key) if isinstance(newest.data, dict) else None
        if not isinstance(found, list) or not found:
            return None
        last = found[0].get(self._stamp) if isinstance(found[0], dict) else None
        if milliseconds(last) is None:
            raise DecodeError(f"the newest {self._stamp} is no time: {last!r:.200}")
        if self._low is not None and self._low > _time(str(last)):
            return None
        low = "" if self._low is None else timestamp(self._low)
        query = self._following.query
        params = dict(query.params)
        if fields := params.get("fields"):
            params["fields"] = ",".join(dict.fromkeys([*str(fields).split(","), "ref", self._stamp]))
        name = f"with{self._stamp[0].upper()}{self._stamp[1:]}"
        given = params.get(name, [])
        params[name] = [*([given] if isinstance(given, str) else given), f"{low}/{last}"]
        call = replace(query, params=params).call(sort=f"{self._stamp},ref", **{"continue": "true"})
        return replace(call.at(self._location), expects=Expects.BYTES)

    def _marked(self, body: bytes) -> Iterator[tuple[str, str]]:
        """Ref and time stamp of each resource of a page."""
        for one in self._following.reader.stamps(body):
            stamp = one.deleted_at if self._stamp == DELETED else one.updated_at
            if one.ref is None or len(one.ref) > LONGEST_REF or stamp is None or milliseconds(stamp) is None:
                raise DecodeError(f"a resource came without its ref, or without a time as {self._stamp}: {one.ref!r}")
            yield one.ref, stamp


def _time(stamp: str) -> int:
    found = milliseconds(stamp)
    return -(2**62) if found is None else found
