"""The gate that bulk work passes before each request, so that all workers of a client keep to one pace: for tasks.

Whoever comes first goes first. Nobody polls: who is first in the line waits for the clock, or until a request ends.
"""

from __future__ import annotations

import logging
import threading
from collections import deque

import anyio

from sequoia.error import RequestError
from sequoia.pace import News, Pace
from sequoia.settings import Settings

__all__ = ["AsyncGate", "AsyncPlace"]

_log = logging.getLogger(__name__)


class AsyncPlace:
    """One request's place: in the line before the gate, and then beyond it.

    Attributes:
        number: Its number, once it is beyond the gate.
        news: What its end says about the service; set before it leaves.
        pause: Seconds that the service asked everybody to wait.
        moved: Set when it may be its turn.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.news = News.NONE
        self.pause: float | None = None
        self.moved = anyio.Event()

    def failed(self, error: RequestError, longest: float) -> None:
        """Note what a failure says about the service; no pause is longer than `longest` seconds."""
        if error.url is not None:
            return  # from a token request, which says nothing about this service
        self.news = News.of(error)
        self.pause = None if error.retry_after is None else min(error.retry_after, longest)


class AsyncGate:
    """Lets requests through at the pace of one client.

    Args:
        settings: The client's settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._clock = settings.clock
        self._pace = Pace(settings.max_concurrency or settings.max_connections, settings.max_rate)
        self._line: deque[AsyncPlace] = deque()
        self._lock = threading.Lock()  # held for a few steps, and never while anybody waits

    async def enter(self, place: AsyncPlace) -> None:
        """Wait for this place's turn, behind everybody who came before."""
        with self._lock:
            self._line.append(place)
        while place.number is None:
            wait = self._asked(place)
            if wait is None:
                await place.moved.wait()
            elif wait > 0:
                await self._clock.asleep(wait)

    def leave(self, place: AsyncPlace) -> None:
        """Give the place up, wherever it is: in the line, because its worker was stopped, or beyond the gate."""
        with self._lock:
            before = int(self._pace.window)
            if place.number is not None:
                self._pace.end(place.number, self._clock.monotonic(), place.news, place.pause)
            elif place in self._line:
                self._line.remove(place)
            self._call_next()
            now = int(self._pace.window)
        if now < before:
            _log.info("the service is busy: %d requests at once from now on, no longer %d", now, before)
        elif before < now == self._pace.ceiling:
            _log.info("the service keeps up: %d requests at once again", now)

    def _asked(self, place: AsyncPlace) -> float | None:
        """What the pace says to this place: 0 to go on, seconds to wait, None to wait until it is moved."""
        with self._lock:
            wait = self._pace.begin(self._clock.monotonic()) if self._line[0] is place else None
            if wait == 0:
                self._line.popleft()
                place.number = self._pace.begun
                self._call_next()
            else:
                place.moved = anyio.Event()
            return wait

    def _call_next(self) -> None:
        if self._line:
            self._line[0].moved.set()
