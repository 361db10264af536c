"""What the process of the clients uses, second by second, and whether it grows."""

from __future__ import annotations

import ctypes
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = ["ALLOWED", "Allowance", "Growth", "Sample", "growths"]

_SELF = Path("/proc/self")
_MEGABYTE = 1_000_000
_LEAST = 50  # samples: with fewer there are not ten in a fifth


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process uses at one moment.

    Attributes:
        memory: Resident memory (RSS) in megabytes, without free pages that the C library keeps.
        threads: Threads.
        files: Open file descriptors, sockets included.
        sockets: Those of them that are sockets.
    """

    memory: float
    threads: int
    files: int
    sockets: int

    @classmethod
    def taken(cls) -> Self:
        """What it uses now.

        Raises:
            FileNotFoundError: This system has no `/proc`.
        """
        _give_back()
        pages = int((_SELF / "statm").read_text(encoding="ascii").split()[1])
        files = [kind for one in (_SELF / "fd").iterdir() if (kind := _kind(one)) is not None]
        sockets = sum(kind.startswith("socket:") for kind in files)
        memory = pages * os.sysconf("SC_PAGE_SIZE") / _MEGABYTE
        return cls(memory, len(list((_SELF / "task").iterdir())), len(files), sockets)

    def __str__(self) -> str:
        return f"{self.memory:.1f} MB, {self.threads} threads, {self.files} files, {self.sockets} of them sockets"


def _give_back() -> None:
    """Give the heap's free pages back to the system, where the C library can: what is left is what is held.

    The heaps of so many threads keep what they once had for a long time, and the more so the more chance there was.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _kind(file: Path) -> str | None:
    try:
        return str(file.readlink())
    except FileNotFoundError:
        return None  # closed since it was listed, such as the list itself


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is no growth yet: `share` of what there was, or `least` if that is more."""

    share: float
    least: float

    def of(self, before: float) -> float:
        """How much more than `before` there may be."""
        return max(self.share * before, self.least)


# Workers of scans and bulk writes come and go, with their pages and connections: how many there are is chance.
ALLOWED = {
    "memory": Allowance(0.10, 8.0),
    "threads": Allowance(0.10, 8),
    "files": Allowance(0.10, 8),
    "sockets": Allowance(0.10, 8),
}


@dataclass(frozen=True, slots=True)
class Growth:
    """One figure in the second fifth of the time, and in the last: medians.

    Attributes:
        name: Which figure of a `Sample`.
        before: In the second fifth.
        after: In the last.
    """

    name: str
    before: float
    after: float

    @property
    def allowed(self) -> float:
        """How large it may be in the last fifth."""
        return self.before + ALLOWED[self.name].of(self.before)

    @property
    def ok(self) -> bool:
        """Whether it has not grown."""
        return self.after <= self.allowed

    def __str__(self) -> str:
        verdict = "ok" if self.ok else "GROWS"
        return f"{self.name:<8} {self.before:8.1f} -> {self.after:8.1f}   at most {self.allowed:8.1f}   {verdict}"


def growths(samples: Sequence[Sample]) -> list[Growth]:
    """How each figure has grown since the warm-up; nothing where there are too few samples to say so."""
    if len(samples) < _LEAST:
        return []
    fifth = len(samples) // 5
    early, late = samples[fifth : 2 * fifth], samples[-fifth:]
    return [
        Growth(
            name,
            statistics.median(getattr(sample, name) for sample in early),
            statistics.median(getattr(sample, name) for sample in late),
        )
        for name in ALLOWED
    ]
