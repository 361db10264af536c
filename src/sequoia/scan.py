"""A scan as a value: what it asks, what of it can be wrong, and the calls that it is made of."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypedDict, TypeVar

import msgspec
from msgspec.structs import replace

from sequoia.calls import Answer, Call, Expects
from sequoia.checkpoint import MOST, Checkpoint, Saved, kept_link
from sequoia.criteria import Criteria, Params, Raw
from sequoia.error import DecodeError
from sequoia.ledger import Arrived, Part
from sequoia.names import suggestion
from sequoia.operations import ResourcePath, field_names
from sequoia.pages import Page, PageReader
from sequoia.paging import Chain
from sequoia.progress import OnProgress
from sequoia.urls import resolve_link

__all__ = ["Query", "ScanOptions", "Scanning", "Todo", "Walk", "check_options", "digest", "total_of"]

T = TypeVar("T")
_MOST_WORKERS = 64


class ScanOptions(TypedDict, total=False):
    """The keyword arguments of `scan`, besides `model` and `raw`.

    Attributes:
        fields: Fields to ask for (`fields`); they replace those of the criteria.
        workers: Partitions to read at once, 1 to 64.
        ordered: With workers: hand the resources out in the order of their refs all the same. It costs speed.
        read_ahead: With one worker: fetch the next page while you work on the one before.
        resume: A `checkpoint` of a scan with the same question: goes on after the last resource handed out.
        progress: Called with a `Progress` about once a page; what it raises ends the scan.
        count: Count first, for `scan.total` and the progress; several workers need it and do it anyway.
        backoff_strategy: Replaces the client's retry policy for all requests of the scan.
    """

    fields: Iterable[str] | None
    workers: int
    ordered: bool
    read_ahead: bool
    resume: Mapping[str, Any] | None
    progress: OnProgress | None
    count: bool
    backoff_strategy: Mapping[str, Any] | None


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse a keyword that `scan` does not know.

    Raises:
        TypeError: There is one; the message names the nearest.
    """
    for name in options.keys() - ScanOptions.__annotations__.keys():
        raise TypeError(f"scan() has no argument {name!r}: {suggestion(name, ScanOptions.__annotations__)}")


class Query(msgspec.Struct, frozen=True):
    """What a scan asks.

    Attributes:
        path: Where the resource is on its service.
        owner: The tenant.
        params: The query parameters, without those of paging and counting.
    """

    path: ResourcePath
    owner: str | None
    params: Params

    @classmethod
    def of(
        cls, path: ResourcePath, owner: str | None, criteria: Criteria | None, fields: Iterable[str] | None
    ) -> Query:
        """The query of a scan's arguments.

        Raises:
            ValueError: It asks for included resources, or for no resources at all.
        """
        if criteria is not None and not isinstance(criteria, Criteria):
            raise TypeError(f"criteria must be a Criteria, e.g. where(field('type') == 'movie'), not {criteria!r}")
        params = dict(criteria.get_criteria_params()) if criteria is not None else {}
        if criteria is not None and criteria.inclusion_entries:
            raise ValueError(
                "a scan hands out flat resources, so it includes none: scan the included ones on their own"
            )
        if refused := sorted({"continue", "page", "resources"} & params.keys()):
            raise ValueError(f"a scan turns the pages itself, and all of them: leave out {', '.join(refused)}")
        params.pop("count", None)  # a count on every page would make the service count on every page
        if names := field_names(fields):
            params["fields"] = ",".join(names)
        query = cls(path, owner, params)
        query.call()  # an owner that is none is noticed now
        return query

    @property
    def digest(self) -> str:
        """What tells this question from others; the size of the pages is no part of it."""
        asked = sorted((name, value) for name, value in self.params.items() if name != "perPage")
        return digest([self.owner, asked])

    @property
    def page_size(self) -> int:
        """Resources a page: as it is asked for, or the platform's usual 100."""
        asked = str(self.params.get("perPage", "100"))
        return int(asked) if asked.isdigit() and int(asked) else 100

    def call(self, created: str | None = None, **params: str) -> Call:
        """A call with further parameters, relative to the service.

        Args:
            created: A `withCreatedAt`, besides any that the criteria has.
            **params: Parameters that replace those of the query.
        """
        criteria = Criteria()
        for name, values in {**self.params, **params}.items():
            for value in [values] if isinstance(values, str) else values:
                criteria.add_criterion(Raw(name, value))
        if created is not None:
            criteria.add_criterion(Raw("withCreatedAt", created))
        return self.path.browse(self.owner, criteria, None, None)

    def first_page(self, created: str | None) -> Call:
        """The first page of a partition; its bytes are not decoded by whoever sends it."""
        return replace(self.call(created, **{"continue": "true"}), expects=Expects.BYTES)

    def count(self, created: str | None = None) -> Call:
        """How many resources there are in a partition: `count=true&resources=false`."""
        return self.call(created, count="true", resources="false")

    def edge(self, name: str, *, last: bool) -> Call:
        """The first or last resource by a time stamp, of those that have one; only the stamp."""
        parameter = f"with{name[0].upper()}{name[1:]}"
        given = self.params.get(parameter, [])
        present = [*([given] if isinstance(given, str) else given), "*"]
        asked = {"sort": f"-{name}" if last else name, "fields": name, "perPage": "1"}
        return replace(self, params={**self.params, **asked, parameter: present}).call()


def digest(value: Any) -> str:
    """The first 128 bits of a hash over a JSON value."""
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()[:32]


def total_of(answer: Answer) -> int:
    """`meta.totalCount`.

    Raises:
        DecodeError: There is none, or none that can be true.
    """
    meta = answer.data.get("meta") if isinstance(answer.data, dict) else None
    total = meta.get("totalCount") if isinstance(meta, dict) else None
    if isinstance(total, bool) or not isinstance(total, int) or not 0 <= total <= MOST:
        raise DecodeError(f"the service was asked to count, and gave no totalCount: {answer.call.url}")
    return total


@dataclass(frozen=True)
class Scanning(Generic[T]):
    """All that a scan was told, checked before anything is sent.

    Attributes:
        name: The endpoint, `metadata/contents`.
        query: What it asks.
        reader: Reads its pages.
        workers: Partitions to read at once.
        ordered: Whether they are merged in the order of refs.
        read_ahead: Whether one page is fetched ahead.
        count: Whether to count first.
        progress: Whom to tell how far it is.
        saved: The checkpoint that it goes on from.
    """

    name: str
    query: Query
    reader: PageReader[T]
    workers: int
    ordered: bool
    read_ahead: bool
    count: bool
    progress: OnProgress | None
    saved: Checkpoint | None

    @classmethod
    def of(
        cls,
        name: str,
        query: Query,
        reader: PageReader[T],
        options: ScanOptions,
    ) -> Scanning[T]:
        """The same, of a scan's arguments.

        Raises:
            ValueError: An argument makes no sense, or the checkpoint is that of another scan.
        """
        workers = options.get("workers", 1)
        if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= _MOST_WORKERS:
            raise ValueError(f"workers must be a whole number from 1 to {_MOST_WORKERS}, not {workers!r}")
        progress = options.get("progress")
        if progress is not None and not callable(progress):
            raise ValueError(f"progress must be a function that takes a Progress, not {progress!r}")
        ordered = bool(options.get("ordered"))
        if ordered:
            _check_order(query)
        resume = options.get("resume")
        saved = None if resume is None else Checkpoint.read(resume, name, query.digest, ordered=ordered)
        return cls(
            name=name,
            query=query,
            reader=reader,
            workers=workers,
            ordered=ordered,
            read_ahead=bool(options.get("read_ahead")),
            count=bool(options.get("count")),
            progress=progress,
            saved=saved,
        )

    def checkpoint(self, done: int, total: int | None, parts: list[Saved] | None) -> dict[str, Any]:
        """The JSON-able value that a later scan goes on from."""
        return Checkpoint(self.name, self.query.digest, done, total, parts, ordered=self.ordered).write()

    def walk(self, location: str, part: Part, link: str | None) -> Walk[T]:
        """The way through one partition, from a link on; None is its beginning."""
        return Walk(self, location, part, link)


def _check_order(query: Query) -> None:
    if query.params.get("sort", "ref") != "ref":
        raise ValueError("ordered=True gives the order of refs, so there can be no other sort")
    fields = query.params.get("fields")
    if isinstance(fields, str) and "ref" not in fields.split(","):
        raise ValueError("ordered=True needs the refs: add ref to the fields")


class Todo(Generic[T]):
    """Work that several workers share; each takes the next piece, until one of them fails.

    Entered by every worker, it notes the failure of any.

    Args:
        pieces: The work.

    Attributes:
        failed: Whether a worker has failed.
    """

    def __init__(self, pieces: Iterable[T]) -> None:
        self.failed = False
        self._pieces = deque(pieces)

    def __iter__(self) -> Iterator[T]:
        while not self.failed:
            try:
                piece = self._pieces.popleft()
            except IndexError:
                return
            yield piece

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.failed = self.failed or error is not None


class Walk(Generic[T]):
    """The pages of one partition, one after the other.

    Args:
        scanning: The scan.
        location: Where the service is.
        part: The partition.
        link: Where to begin; None for the first page.

    Attributes:
        call: What to ask next; None at the end.
    """

    def __init__(self, scanning: Scanning[T], location: str, part: Part, link: str | None) -> None:
        self._reader = scanning.reader
        self._chain = Chain(location)
        self._location = location
        self._part = part
        self._link = link
        first = scanning.query.first_page(part.created)
        url = location + first.url if link is None else resolve_link(location, link)
        self.call: Call | None = replace(first, url=url)

    def turn(self, answer: Answer) -> Arrived[T]:
        """The page in the answer to `call`, which then is the call for the next one.

        Raises:
            DecodeError: It is no page, not of the model, or its link is none that a checkpoint can keep.
            UnsafeLinkError: The link leads to another origin.
            PaginationLoopError: The link was followed before.
        """
        page: Page[T] = self._reader.read(answer)
        here = self._link
        self.call = None if page.link is None else self._chain.after(answer.call, page.link)
        self._link = None if self.call is None else kept_link(self._location, self.call.url)
        return Arrived(self._part, page.items, page.body, here, self._link)
