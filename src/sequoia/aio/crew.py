"""Workers, and what they have ready: tasks, on asyncio and trio.

The tasks belong to no task group. A group would have to be left by the task that entered it, and an iterator does not
know when, and in which task, its loop is left for good. So these tasks hand over whatever they raise, and are cancelled
when the crew is stopped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Generic, NoReturn, TypeVar

import anyio
import anyio.lowlevel

from sequoia.crew import Finished, Stopped
from sequoia.error import ClientError

__all__ = ["AsyncCrew"]

Result = TypeVar("Result")


class AsyncCrew(Generic[Result]):
    """Workers that put results into a box of limited room; arguments and errors as for `sequoia.crew.Crew`.

    Tasks take turns only where they wait, so there is nothing to lock.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._ready: deque[Result] = deque()
        self._working = 0
        self._error: BaseException | None = None
        self._stopped = False
        self._room_made = anyio.Event()
        self._news = anyio.Event()
        self._tasks: list[_Task] = []

    def __reduce__(self) -> NoReturn:
        raise TypeError("workers belong to their process and cannot cross to another one: begin again in that one")

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        """Begin `work` in a task of its own; what it raises is raised by `take`."""
        self._working += 1
        self._tasks.append(_Task(self._run, work))

    async def put(self, result: Result) -> None:
        """Make a result ready, when there is room; called by workers."""
        while len(self._ready) >= self._room and not self._stopped:
            await self._room_made.wait()
        self.check()
        self._ready.append(result)
        self._news.set()

    @property
    def ready(self) -> int:
        """How many results lie ready."""
        return len(self._ready)

    def check(self) -> None:
        """Called by workers between two steps; raises `Stopped` when nobody wants what they do any more."""
        if self._stopped:
            raise Stopped

    async def take(self) -> Result:
        """The next result; waits for one. Raises `Finished`, or what a worker raised."""
        await anyio.lowlevel.checkpoint()  # the workers have their turn also while there is enough ready
        while not self._ready:
            if self._error is not None:
                raise self._error
            if not self._working:
                raise Finished
            try:
                await self._news.wait()
            finally:
                # A new one also for whom Ctrl-C interrupts: on trio it may leave this task among those that the old one
                # would wake.
                self._news = anyio.Event()
        self._room_made.set()
        self._room_made = anyio.Event()
        return self._ready.popleft()

    def stop(self) -> None:
        """Cancel every worker, without waiting for them; may be called from a finalizer, in any thread."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()

    async def join(self) -> None:
        """Wait until every worker has ended."""
        for task in self._tasks:
            await task.ended.wait()

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        error: BaseException | None = None
        try:
            await work()
        except Stopped:
            pass
        except anyio.get_cancelled_exc_class():
            told = ClientError("a task that worked for this was cancelled by somebody else")
            self._end(None if self._stopped else told)
            raise
        except GeneratorExit:
            raise  # the event loop has gone, and nobody waits any more
        except BaseException as failure:  # noqa: BLE001 - not judged here but handed over: `take` raises it
            error = failure
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        """A worker has ended: whoever waits must hear of it, however it came about."""
        self._working -= 1
        self._error = self._error or error
        self._news.set()


class _Task:
    """A task outside of any group, in the event loop that runs.

    Attributes:
        ended: Set when it has come to its end.
    """

    def __init__(self, function: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        self.ended = anyio.Event()
        self._function = function
        self._arguments = arguments
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._cancel = self._start_on_trio()
        else:
            task = loop.create_task(self._run())
            self._cancel = lambda: _on_loop(loop, task.cancel)

    def cancel(self) -> None:
        """Have it cancelled soon."""
        self._cancel()

    def _start_on_trio(self) -> Callable[[], None]:
        import trio  # noqa: PLC0415 - whoever runs on it has it

        scope = trio.CancelScope()
        token = trio.lowlevel.current_trio_token()

        async def scoped() -> None:
            with scope:
                await self._run()

        trio.lowlevel.spawn_system_task(scoped)

        def cancel() -> None:
            with suppress(trio.RunFinishedError):  # the event loop has ended, and its tasks with it
                token.run_sync_soon(scope.cancel)

        return cancel

    async def _run(self) -> None:
        try:
            await self._function(*self._arguments)
        finally:
            self.ended.set()


def _on_loop(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function)
