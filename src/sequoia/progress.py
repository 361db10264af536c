"""How far a scan or a bulk write has come, as a value that is handed to a callback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Meter", "OnProgress", "Progress"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is.

    Attributes:
        done: Resources so far, those before a resumption included.
        total: Resources in all, where they were counted; else None.
        bytes: Bytes of JSON so far, since this run began.
        seconds: Seconds since this run began.
        rate: Resources a second, since this run began.
    """

    done: int
    total: int | None
    bytes: int
    seconds: float
    rate: float


OnProgress = Callable[[Progress], object]
"""What is called with every `Progress`; a plain function for both clients. What it raises ends the work."""


class Meter:
    """Counts what is done, and tells a callback. It has no lock: one thread at a time may use it.

    Args:
        callback: Called by `add`; None for nobody.
        monotonic: A clock in seconds that never goes back.
        done: Resources that were done before this run, where it goes on with an earlier one.

    Attributes:
        done: Resources so far.
        bytes: Bytes of JSON of this run so far.
        total: Resources in all; None as long as nobody has counted them.
    """

    def __init__(self, callback: OnProgress | None, monotonic: Callable[[], float], done: int = 0) -> None:
        if callback is not None and not callable(callback):
            raise ValueError(f"progress must be a function that takes a Progress, not {callback!r}")
        self.done = done
        self.bytes = 0
        self.total: int | None = None
        self._callback = callback
        self._monotonic = monotonic
        self._before = done
        self._started = monotonic()

    def add(self, done: int, size: int = 0) -> None:
        """Count `done` more resources of `size` bytes together, and tell the callback; what it raises is raised."""
        self.done += done
        self.bytes += size
        if self._callback is not None:
            self._callback(self.now())

    def now(self) -> Progress:
        """How far it is now."""
        seconds = self._monotonic() - self._started
        rate = (self.done - self._before) / seconds if seconds > 0 else 0.0
        return Progress(self.done, self.total, self.bytes, seconds, rate)
