"""Bulk writes as values: what a source's resources become, in which batches they go, and what a refusal leads to.

A batch that is refused is halved, and its halves are, until the bad resources stand alone: what is good in it is
stored. Of n resources with one bad one that takes about 2 log2 n requests more; whatever is wrong, 2n - 1 at most.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypedDict

from sequoia.bulk_work import Item, Work
from sequoia.calls import Answer, Call
from sequoia.dead_letters import read_dead_letters
from sequoia.error import (
    AuthorisationError,
    ClientError,
    DecodeError,
    HttpError,
    NotSent,
    RequestError,
)
from sequoia.names import suggestion
from sequoia.operations import PATH_BYTES, REFS_A_CALL
from sequoia.progress import OnProgress
from sequoia.report import BulkReport, Result
from sequoia.urls import without_user_info

__all__ = [
    "UNDESCRIBED",
    "Batcher",
    "BulkOptions",
    "BulkPlan",
    "BulkReport",
    "Result",
    "Writing",
    "length_of",
    "plain_source",
    "read_dead_letters",
    "unsent",
]

# hapi, on which the platform's services are built, takes bodies of up to 1 MiB unless it is told otherwise.
BATCH_BYTES = 1_000_000
# Resources in a batch where the descriptor cannot be read.
UNDESCRIBED = 100


class BulkOptions(TypedDict, total=False):
    """The keyword arguments of `bulk_store` and `bulk_delete`; `BulkPlan` says what each means."""

    workers: int
    batch_size: int | None
    batch_bytes: int | None
    on_error: Literal["continue", "stop"]
    on_result: Callable[[Result], object] | None
    progress: OnProgress | None
    total: int | None
    dead_letters: str | os.PathLike[str] | None
    backoff_strategy: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class BulkPlan:
    """How a bulk write is to be done.

    Attributes:
        workers: How many batches are under way at once, at most.
        batch_size: Resources in a batch, at most; None for what the service's descriptor says (`storeBatch.limit`,
            else 100), and for deletes 50.
        batch_bytes: Bytes of JSON in a batch, at most, or of refs in a URL; a resource that is longer goes alone.
            None for 1,000,000, and for deletes 6,000.
        on_error: What a resource that fails means for the rest of the source: `"continue"` goes on, `"stop"` reads no
            more of it, and ends when what is under way has its answer.
        on_result: Called with the `Result` of each resource, in the thread (task) that called; what it raises ends
            the work. A plain function for both clients.
        progress: Called with a `Progress` after each batch, likewise.
        total: How many resources there are, for `progress`; None for the length of the source, where it has one.
        dead_letters: A file, not there yet, that every failure is written to as it comes.
        backoff_strategy: Retry policy of every batch, instead of the client's.
    """

    workers: int = 4
    batch_size: int | None = None
    batch_bytes: int | None = None
    on_error: Literal["continue", "stop"] = "continue"
    on_result: Callable[[Result], object] | None = None
    progress: OnProgress | None = None
    total: int | None = None
    dead_letters: str | os.PathLike[str] | None = None
    backoff_strategy: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> BulkPlan:
        """Check the arguments of a bulk write.

        Raises:
            TypeError: An argument that there is not; the message names the nearest one.
            ValueError: An argument that makes no sense.
        """
        known = {one.name for one in fields(cls)}
        for name in options:
            if name not in known:
                raise TypeError(f"a bulk write has no argument {name!r}: {suggestion(name, known)}")
        return cls(**options)

    def __post_init__(self) -> None:
        for name, least in {"workers": 1, "batch_size": 1, "batch_bytes": 1, "total": 0}.items():
            number = getattr(self, name)
            optional = name != "workers" and number is None
            if not optional and (isinstance(number, bool) or not isinstance(number, int) or number < least):
                raise ValueError(f"{name} must be a whole number from {least}, not {number!r}")
        if self.on_error not in {"continue", "stop"}:
            raise ValueError(f"on_error must be 'continue' or 'stop', not {self.on_error!r}")
        for name in ("on_result", "progress"):
            function = getattr(self, name)
            if function is not None and (not callable(function) or inspect.iscoroutinefunction(function)):
                raise ValueError(f"{name} must be a plain function, not {function!r}")
        if not isinstance(self.dead_letters, str | os.PathLike | None):
            raise ValueError(f"dead_letters must be the path of a file, not {self.dead_letters!r}")

    @property
    def streams(self) -> bool:
        """Whether failures are handed out as they come, so that the report need not keep them all."""
        return self.on_result is not None or self.dead_letters is not None


@dataclass(slots=True)
class Batcher:
    """Puts items together in batches.

    Attributes:
        size: Items in a batch, at most.
        room: Bytes in a batch, at most, with a separator for each; one that is longer goes alone.
        full: The last batch that it made, until somebody has taken it over: no item is ever nowhere, whenever Ctrl-C
            comes.
    """

    size: int
    room: int
    full: list[Item] = field(default_factory=list)
    _items: list[Item] = field(default_factory=list)
    _bytes: int = 0

    @classmethod
    def storing(cls, plan: BulkPlan, limit: int) -> Batcher:
        """For stores; `limit` is what the service takes at once."""
        return cls(plan.batch_size or limit, plan.batch_bytes or BATCH_BYTES)

    @classmethod
    def deleting(cls, plan: BulkPlan) -> Batcher:
        """For deletes, whose refs stand in a URL.

        Raises:
            ValueError: The plan asks for more than the URL can hold.
        """
        for name, given, most in (
            ("batch_size", plan.batch_size, REFS_A_CALL),
            ("batch_bytes", plan.batch_bytes, PATH_BYTES),
        ):
            if given is not None and given > most:
                raise ValueError(f"{name} must be at most {most} for deletes, whose refs stand in a URL, not {given}")
        return cls(plan.batch_size or REFS_A_CALL, plan.batch_bytes or PATH_BYTES)

    def add(self, item: Item) -> list[Item]:
        """Add an item; the batch that is full by that, or that the item did not fit into any more, else nothing."""
        size = len(item.wire) + 1
        full = self.rest() if self._items and self._bytes + size > self.room else []
        self._items.append(item)
        self._bytes += size
        return full or (self.rest() if len(self._items) >= self.size else [])

    def rest(self) -> list[Item]:
        """The batch that is being filled; it is left empty."""
        self.full, self._items, self._bytes = self._items, [], 0
        return self.full

    @property
    def held(self) -> list[Item]:
        """Every item that it has and nobody has taken over."""
        return [*self.full, *self._items]


class Writing:
    """One batch on its way: which part of it is sent next, and what became of its resources.

    Args:
        work: What is done with them.
        items: The batch.
        wanted: Whether the resources in the answers are.

    Attributes:
        items: The batch.
        refs: The references of its resources, as far as they are known. A batch that has one of them must wait until
            this one has come to its end: then the last state of a resource in the source is the one that stays. In the
            batch itself they are sent in the order of the source, whichever parts it is sent in.
        results: What became of the resources so far.
        requests: Requests so far.
        retried: How many of them were repetitions.
        hopeless: The error after which no batch can fare better; None as long as there was none.
    """

    def __init__(self, work: Work, items: Sequence[Item], *, wanted: bool) -> None:
        self.items = items
        self.refs = {item.ref for item in items if item.ref is not None}
        self.results: list[Result] = []
        self.requests = 0
        self.retried = 0
        self.hopeless: ClientError | None = None
        self._work = work
        self._wanted = wanted
        self._parts: list[Sequence[Item]] = [items]

    def next(self) -> tuple[Sequence[Item], Call] | None:
        """The next part to send, with its request; None where all is done."""
        if not self._parts:
            return None
        part = self._parts.pop()
        return part, self._work.call(part)

    def accepted(self, part: Sequence[Item], answer: Answer) -> None:
        """A part was written."""
        self._count(answer.tries)
        try:
            self.results += self._work.results(part, answer, wanted=self._wanted)
        except DecodeError as error:
            self.results += [item.result(error, ambiguous=True) for item in part]

    def failed(self, part: Sequence[Item], call: Call, error: ClientError) -> None:
        """A part was not written, as far as is known."""
        error.with_traceback(None)  # it may be kept for long, and must not keep what was on the way to it
        about = _is_about(error, call)
        self._count(error.tries if about and isinstance(error, RequestError) else 0)
        if not about or self._work.hopeless(error):
            self.hopeless = error
        elif self._work.divisible(error) and len(part) > 1:
            half = len(part) // 2
            self._parts += [part[half:], part[:half]]
            return
        ambiguous = about and _may_have_happened(error)
        self.results += [item.result(error, ambiguous=ambiguous, sent=about) for item in part]
        if self.hopeless is not None:
            self.results += [unsent(item, error) for rest in self._parts for item in rest]
            self._parts = []

    def abandoned(self, cause: BaseException) -> list[Result]:
        """What became of the resources, where nobody waits for the end: unknown, unless that has come already."""
        known = list(self.results)  # a copy: its worker may still be at work
        # Parts are sent from the first resource to the last, and so are their results.
        left = self.items[len(known) :]
        error = ClientError(f"given up while it was under way: {type(cause).__name__}")
        return [*known, *(item.result(error, ambiguous=True) for item in left)]

    def _count(self, tries: int) -> None:
        self.requests += tries
        self.retried += max(0, tries - 1)


def unsent(item: Item, cause: BaseException | None) -> Result:
    """The result of an item that was read from the source but not sent."""
    reason = f": {cause}" if cause is not None and str(cause) else ""
    return item.result(NotSent(f"not sent, because the bulk write was stopped{reason}"), sent=False)


def plain_source(resources: Any) -> None:
    """Refuse a single resource in the place of many.

    Raises:
        TypeError: It is a text, bytes or a dict.
    """
    if isinstance(resources, str | bytes | bytearray | Mapping):
        raise TypeError(f"a bulk write takes many: give a list, a generator or another iterable, not {resources!r:.80}")


def length_of(resources: Any, plan: BulkPlan) -> int | None:
    """How many resources there are, where that is known."""
    if plan.total is not None:
        return plan.total
    return len(resources) if hasattr(resources, "__len__") else None


def _is_about(error: ClientError, call: Call) -> bool:
    """Whether the request itself failed, and not that for a token, or the search for the service."""
    if isinstance(error, AuthorisationError):
        return False
    if isinstance(error, RequestError):
        return error.url is not None and error.url.endswith(without_user_info(call.url))
    return isinstance(error, DecodeError)


def _may_have_happened(error: ClientError) -> bool:
    """Whether a write may have gone through although it failed."""
    if not isinstance(error, RequestError):
        return True  # there was an answer of success, which cannot be read
    return error.ambiguous or (error.sent and not (isinstance(error, HttpError) and error.status_code < 500))
