"""The three things that a retry needs from the world: the time, a wait and chance.

They are handed in, so that a test never waits: `Client(..., clock=InstantClock())`.
"""

from __future__ import annotations

import random
import time
from typing import Protocol

__all__ = ["Clock", "InstantClock", "SystemClock"]


class Clock(Protocol):
    """What a client needs of the world to decide and to wait."""

    def monotonic(self) -> float:
        """Seconds since some fixed point; never goes back."""

    def time(self) -> float:
        """Seconds since 1970-01-01 UTC: only for a `Retry-After` that names a date."""

    def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""

    async def asleep(self, seconds: float) -> None:
        """Wait for that many seconds, and let other tasks run meanwhile; for an `AsyncClient`."""

    def random(self) -> float:
        """A number from 0 up to 1, for jitter."""


class SystemClock:
    """The real thing."""

    def monotonic(self) -> float:
        """`time.monotonic()`."""
        return time.monotonic()

    def time(self) -> float:
        """`time.time()`."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """`time.sleep()`; nothing for zero, so that an immediate retry does not yield the processor."""
        if seconds > 0:
            time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """`anyio.sleep()`."""
        from anyio import sleep  # noqa: PLC0415 - only an AsyncClient pays for the import

        await sleep(max(0.0, seconds))

    def random(self) -> float:
        """`random.random()`."""
        return random.random()  # noqa: S311 - jitter is no secret


class InstantClock:
    """A clock for tests: a wait takes no time but moves the clock on, and is written down.

    Attributes:
        waits: Every wait asked for, in seconds, in order.
    """

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self.waits: list[float] = []

    def monotonic(self) -> float:
        """The start plus all waits so far, in seconds."""
        return self._now

    def time(self) -> float:
        """The same: the clock starts at a believable Unix time."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move the clock on by `seconds` without waiting."""
        self.waits.append(seconds)
        self._now += seconds

    async def asleep(self, seconds: float) -> None:
        """The same, after other tasks have had their turn."""
        from anyio.lowlevel import checkpoint  # noqa: PLC0415 - as in SystemClock

        await checkpoint()
        self.sleep(seconds)

    def advance(self, seconds: float) -> None:
        """Move the clock on as if `seconds` had passed between two calls."""
        self._now += seconds

    def random(self) -> float:
        """Always 1.0: with full jitter, a wait is then as long as the wait generator says."""
        return 1.0
