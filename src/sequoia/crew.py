"""Workers, and what they have ready: threads here, tasks in `sequoia.aio.crew`.

A crew is stopped by whoever takes its results: by `stop`, or by letting go of what holds the crew. A worker notices at
its next `put` or `check`, at the latest when the request that it waits for has its answer.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

from sequoia.error import ClientError

__all__ = ["Crew", "Finished", "Stopped"]

Result = TypeVar("Result")


class Stopped(Exception):  # noqa: N818 - no error: nobody wants what the worker does
    """Ends a worker whose results nobody takes any more."""


class Finished(Exception):  # noqa: N818 - no error, like StopIteration
    """Every worker has come to its end, and everything that they had ready was taken."""


class Crew(Generic[Result]):
    """Workers that put results into a box of limited room.

    Args:
        room: How many results may lie ready; a worker with one more waits.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._ready: deque[Result] = deque()
        self._working = 0
        self._error: BaseException | None = None
        self._stopped = False
        self._process = os.getpid()
        # Reentrant: a finalizer may stop the crew in the middle of any of these methods. And taken by itself: Ctrl-C
        # may come in the middle of a condition's `__enter__`, and would leave it locked for good.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._threads: list[threading.Thread] = []

    def __reduce__(self) -> NoReturn:
        raise TypeError("workers belong to their process and cannot cross to another one: begin again in that one")

    def start(self, work: Callable[[], None]) -> None:
        """Begin `work` in a thread of its own; what it raises is raised by `take`."""
        # A daemon: a program that ends in the middle of a scan does not wait for answers that nobody reads.
        thread = threading.Thread(target=self._run, args=(work,), name="sequoia-worker", daemon=True)
        with self._lock:
            self._working += 1
            self._threads.append(thread)
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left, or the interpreter ends: nobody waits for this one
            with self._lock:
                self._working -= 1
            raise

    def put(self, result: Result) -> None:
        """Make a result ready, when there is room; called by workers.

        Raises:
            Stopped: Nobody takes it any more.
        """
        with self._lock:
            while len(self._ready) >= self._room and not self._stopped:
                self._changed.wait()
            self.check()
            self._ready.append(result)
            self._changed.notify_all()

    @property
    def ready(self) -> int:
        """How many results lie ready."""
        return len(self._ready)

    def check(self) -> None:
        """Called by workers between two steps.

        Raises:
            Stopped: Nobody wants to have what they do any more.
        """
        if self._stopped:
            raise Stopped

    def take(self) -> Result:
        """The next result; waits for one.

        Raises:
            Finished: There will be no more.
            ClientError: This process was forked, and has no workers that it could wait for.
            Exception: What a worker raised; what was ready before that has been taken.
        """
        if os.getpid() != self._process:
            raise ClientError("the threads that work for this stayed in the parent process: begin again in this one")
        with self._lock:
            while not self._ready:
                if self._error is not None:
                    raise self._error
                if not self._working:
                    raise Finished
                self._changed.wait()
            self._changed.notify_all()
            return self._ready.popleft()

    def stop(self) -> None:
        """Have every worker end as soon as it can, without waiting for them; harmless when they have ended."""
        if os.getpid() != self._process:
            return  # there are none, and one of them may have had the lock
        with self._lock:
            self._stopped = True
            self._changed.notify_all()

    def join(self) -> None:
        """Wait until every worker has ended."""
        for thread in self._threads:
            if thread.ident is not None:  # whoever was to start it was interrupted
                thread.join()

    def _run(self, work: Callable[[], None]) -> None:
        error: BaseException | None = None
        try:
            work()
        except Stopped:
            pass
        except BaseException as failure:  # noqa: BLE001 - not judged here but handed over: `take` raises it
            error = failure
        with self._lock:
            self._working -= 1
            self._error = self._error or error
            self._changed.notify_all()
