"""Scans: the asynchronous loops around what `scan`, `survey` and `ledger` decide, with and without workers.

Workers belong to a run, and a run to the iterators that use it, not to the scan: when a loop is left, its iterator
goes, with it the run, and with that the workers, even if somebody still holds the scan.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Generic, NoReturn, Self, TypeVar

from sequoia.aio.crew import AsyncCrew
from sequoia.calls import Answer, Call
from sequoia.clock import Clock
from sequoia.crew import Finished
from sequoia.error import BadRequest, ClientError
from sequoia.ledger import Arrived, Ledger, Part
from sequoia.progress import Meter
from sequoia.retry import Operation
from sequoia.scan import Scanning, Todo, Walk
from sequoia.survey import Survey

__all__ = ["AsyncScan", "AsyncWay"]

T = TypeVar("T")


@dataclass(frozen=True)
class AsyncWay:
    """How a scan reaches its service.

    Attributes:
        begin: Checks the question, and finds out where the service is.
        ask: Sends a call.
        operation: What all requests of the scan share.
        clock: The time.
    """

    begin: Callable[[Operation], Awaitable[str]]
    ask: Callable[[Call, Operation], Awaitable[Answer]]
    operation: Operation
    clock: Clock

    async def send(self, call: Call) -> Answer:
        """Send a call of the scan."""
        return await self.ask(call, self.operation)


class AsyncScan(Generic[T]):
    """Every resource that fits a question, one after the other: iterate over it. No page is kept.

    Another loop goes on where the one before was left. It is for one thread at a time.

    Args:
        scanning: What it was told.
        way: How it reaches its service.
    """

    def __init__(self, scanning: Scanning[T], way: AsyncWay) -> None:
        saved = scanning.saved
        self._scanning = scanning
        self._way = way
        self._meter = Meter(scanning.progress, way.clock.monotonic, saved.done if saved else 0)
        self._meter.total = saved.total if saved else None
        parts = list(map(Part, saved.parts)) if saved and saved.parts is not None else None
        self._ledger: Ledger[T] = Ledger(parts, scanning.reader.refs, self._meter, ordered=scanning.ordered)
        self._run: Callable[[], AsyncRun[T] | None] = _none
        self._crews: weakref.WeakSet[AsyncCrew[Any]] = weakref.WeakSet()

    @property
    def checkpoint(self) -> dict[str, Any]:
        """Where it stands, as a JSON-able value: `scan(..., resume=checkpoint)` goes on behind the last resource.

        Store it together with what you made of the resources so far, in one transaction: then nothing is lost and
        nothing comes twice, whenever the process ends.
        """
        done, parts = self._ledger.saved()
        return self._scanning.checkpoint(done, self.total, parts)

    @property
    def total(self) -> int | None:
        """How many resources there were when they were counted; None where they were not."""
        return self._meter.total

    async def partitions(self) -> list[dict[str, Any]]:
        """What is left of the scan as checkpoints of a partition each, to be read in other processes or machines.

        Each of them goes through JSON and pickle, and `scan(..., resume=one)` with the same question hands out that
        partition. Together they are what this scan would hand out from here on, each resource once; this scan stays
        where it is. How many there are depends on `workers`: about four for each, so that all are busy to the end.
        Whoever reads them does so at a pace of his own: `max_rate` and `max_concurrency` are those of one client.

        Raises:
            ClientError: The resources cannot be counted.
        """
        if self._ledger.parts is None:
            self._ledger.begin(await self._surveyed(await self._way.begin(self._way.operation)))
        _, parts = self._ledger.saved()
        return [self._scanning.checkpoint(0, None, [part]) for part in parts or ()]

    async def close(self) -> None:
        """Stop the workers and wait until they have ended. A later loop goes on all the same, with new ones."""
        self._run = _none
        crews = list(self._crews)
        for crew in crews:
            crew.stop()
        for crew in crews:
            await crew.join()

    def __aiter__(self) -> AsyncScanItems[T]:
        return AsyncScanItems(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, Exception):
            self.halt(error)  # whoever interrupts the program does not want to wait
        else:
            await self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a scan holds its client's connections and cannot cross a process: hand over its checkpoint, and go on "
            "with scan(..., resume=checkpoint) there"
        )

    def __repr__(self) -> str:
        return f"<AsyncScan {self._scanning.name} done={self._ledger.saved()[0]}>"

    async def fetch(self) -> AsyncRun[T]:
        """Have the books take one more page; the run that it came from must be held, or it ends."""
        run = self._run()
        if run is None:
            run = await self._begun()
            self._run = weakref.ref(run)
        self._ledger.add(await run.page(self._ledger.waiting[0]))
        return run

    def halt(self, error: BaseException) -> None:
        """Stop the workers without waiting for them, and have the error say where the scan can go on."""
        self._run = _none
        for crew in list(self._crews):
            crew.stop()
        if isinstance(error, ClientError):
            error.checkpoint = self.checkpoint

    async def _begun(self) -> AsyncRun[T]:
        location = await self._way.begin(self._way.operation)
        scanning = self._scanning
        if self._ledger.parts is None:
            self._ledger.begin(await self._surveyed(location))
        walks = {part: scanning.walk(location, part, link) for part, link in self._ledger.ahead}
        if scanning.ordered and len(walks) > 1:
            run = AsyncRun(self._way, [({part: walk}, 1) for part, walk in walks.items()])
        elif scanning.workers > 1 or scanning.read_ahead:
            run = AsyncRun(self._way, [(walks, scanning.workers)])
        else:
            run = AsyncSteps(self._way, walks)
        self._crews.update(run.crews.values())
        return run

    async def _surveyed(self, location: str) -> list[Part]:
        """The partitions, after as many rounds of counts as it takes."""
        scanning = self._scanning
        survey = Survey(scanning.query, scanning.workers, ordered=scanning.ordered, now=1000 * self._way.clock.time())
        if scanning.workers > 1 or scanning.count:
            while calls := survey.calls():
                survey.take(await _answers(self._way, [call.at(location) for call in calls], scanning.workers))
            self._meter.total = survey.total
        return list(map(Part, survey.parts))


class AsyncScanItems(Generic[T]):
    """One loop over a scan; the workers live as long as it does."""

    def __init__(self, scan: AsyncScan[T]) -> None:
        self._scan = scan
        self._items: Iterator[T] = iter(())
        self._run: AsyncRun[T] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        for item in self._items:
            return item
        return await self._turned()

    async def _turned(self) -> T:
        """The first resource of the next page that has one."""
        ledger = self._scan._ledger  # noqa: SLF001 - the loop is the scan's own
        try:
            while True:
                self._items = ledger.turned()
                for item in self._items:
                    return item
                if ledger.parts == []:
                    break
                if ledger.parts is None or ledger.waiting:
                    self._run = await self._scan.fetch()
        except BaseException as error:
            self._run = None
            self._scan.halt(error)
            raise
        self._run = None
        raise StopAsyncIteration


class AsyncRun(Generic[T]):
    """Workers that fetch pages, until somebody lets go of the run.

    Args:
        way: How they reach the service.
        ways: What each crew has to read, with the number of its workers.
    """

    def __init__(self, way: AsyncWay, ways: list[tuple[dict[Part, Walk[T]], int]]) -> None:
        self.crews: dict[Part, AsyncCrew[Arrived[T]]] = {}
        for walks, workers in ways:
            crew: AsyncCrew[Arrived[T]] = AsyncCrew(workers)
            # Before they start: whatever happens then, they are stopped. Not when the process ends: they are daemons.
            weakref.finalize(self, crew.stop).atexit = False
            self.crews |= dict.fromkeys(walks, crew)
            todo = Todo(walks.values())
            for _ in range(min(workers, len(walks))):
                crew.start(partial(_read, way, crew, todo))

    async def page(self, part: Part) -> Arrived[T]:
        """The next page of a partition or, where one crew reads them all, of any."""
        try:
            return await self.crews[part].take()
        except Finished:
            raise ClientError("the scan was closed while this loop waited for a page") from None


class AsyncSteps(AsyncRun[T]):
    """No worker: each page is fetched when it is wanted."""

    def __init__(self, way: AsyncWay, walks: dict[Part, Walk[T]]) -> None:
        super().__init__(way, [])
        self._way = way
        self._walks = walks

    async def page(self, part: Part) -> Arrived[T]:
        """The next page of a partition."""
        walk = self._walks[part]
        assert walk.call is not None  # noqa: S101 - the books wait for pages that there are
        return walk.turn(await self._way.send(walk.call))


async def _read(way: AsyncWay, crew: AsyncCrew[Arrived[T]], todo: Todo[Walk[T]]) -> None:
    """One worker: reads a partition, and then the next one that nobody has begun."""
    with todo:
        for walk in todo:
            while walk.call is not None and not todo.failed:
                crew.check()
                await crew.put(walk.turn(await way.send(walk.call)))


async def _answers(way: AsyncWay, calls: list[Call], workers: int) -> list[Answer | BadRequest]:
    """The answers to independent calls, in their order; a refused query is an answer too."""
    crew: AsyncCrew[tuple[int, Answer | BadRequest]] = AsyncCrew(len(calls))
    todo = Todo(enumerate(calls))
    try:
        for _ in range(min(workers, len(calls))):
            crew.start(partial(_ask, way, crew, todo))
        found = dict([await crew.take() for _ in calls])
    finally:
        crew.stop()
    return [found[number] for number in range(len(calls))]


async def _ask(way: AsyncWay, crew: AsyncCrew[tuple[int, Answer | BadRequest]], todo: Todo[tuple[int, Call]]) -> None:
    with todo:
        for number, call in todo:
            crew.check()
            try:
                answer: Answer | BadRequest = await way.send(call)
            except BadRequest as error:
                answer = error
            await crew.put((number, answer))


def _none() -> None:
    """No run."""
