"""One soak, from the start of the platform to the verdict."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sequoia.aio.client import AsyncClient
from sequoia.client import Client
from soak.books import Books, Entry, State
from soak.meter import Growth, Sample, growths
from soak.platform import Platform
from soak.steps import Scan
from soak.tasks import Tasks
from soak.threads import Threads
from soak.worker import Worker, everything

__all__ = ["Plan", "Soak", "Verdict"]

_GROUPS = 8
_REQUEST_TIMEOUT = 60.0
_TELL_EVERY = 10
_GONE_AFTER = 10.0  # seconds until what was closed must be gone
_AT_END = Scan(everything(100), {"workers": 3})


@dataclass(frozen=True)
class Plan:
    """What a soak is to be.

    Attributes:
        seconds: How long to write and read.
        threads: Workers that share the `Client`.
        tasks: Workers that share the `AsyncClient`.
        rate: The share of the requests that meet a fault.
        seed: Decides what workers do, and which requests meet which fault; not in which order.
        bound: Seconds in which every worker must have come to its end, once it is told to.
    """

    seconds: float
    threads: int
    tasks: int
    rate: float
    seed: int
    bound: float


@dataclass(frozen=True)
class Verdict:
    """What it came to.

    Attributes:
        plan: What it was to be.
        seconds: How long it took, the end not counted.
        workers: The workers, with what they did.
        books: What was found to be wrong.
        requests: How many requests came to the platform, while the workers ran.
        faults: How many of them met which fault.
        growths: How memory and the like have grown; empty after too short a time.
        last: What was used at the end, while the workers ran.
        stored: How many contents are in the database.
    """

    plan: Plan
    seconds: float
    workers: Sequence[Worker]
    books: Books
    requests: int
    faults: Mapping[str, int]
    growths: Sequence[Growth]
    last: Sample
    stored: int

    @property
    def ok(self) -> bool:
        """Whether nothing was wrong."""
        return not self.books.number_of_problems

    def total(self, name: str) -> Counter[str]:
        """The sum of a count over all workers."""
        return sum((getattr(worker, name) for worker in self.workers), Counter())


class Soak:
    """One soak.

    Args:
        plan: What it is to be.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._books = Books()
        self._stop = threading.Event()
        self._samples: list[Sample] = []

    def run(self) -> Verdict:
        """Do it."""
        with TemporaryDirectory() as folder:
            data = Path(folder) / "sandbox.db"
            with Platform(data, self._plan.rate, self._plan.seed) as platform:
                return self._run(platform)

    def _run(self, platform: Platform) -> Verdict:
        told = dict(platform.told)
        owner = told.pop("owner")
        options = {**told, "proxies": {}, "request_timeout": _REQUEST_TIMEOUT}
        before = Sample.taken()
        client = Client(**options)
        for content in client.metadata.contents.scan(owner):
            self._books.add(Entry(content["ref"], state=State(possible=frozenset({0}))))
        workers = self._workers(owner)
        threads = Threads(client, owner, workers[: self._plan.threads], self._books, _AT_END)
        rest = workers[self._plan.threads :]
        tasks = Tasks(lambda: AsyncClient(**options), owner, rest, self._books, _AT_END)
        platform.storm()
        started = time.monotonic()
        threads.start()
        tasks.start()
        self._watch(started, workers)
        seconds = time.monotonic() - started
        last = self._samples[-1]
        # The storm is over first: to end in calm weather is what a bound can be set for.
        told = platform.calm()
        self._stop.set()
        tasks.stop(self._plan.bound)
        self._wait(workers)
        for half in (threads, tasks):
            if not half.finish(self._plan.bound):
                self._books.problem(f"the last scan of {type(half).__name__.lower()} hangs")
        self._check_gone(before)
        stored = platform.end()
        self._books.check_database(stored)
        self._check_found(stored, threads.found, "Client")
        self._check_found(stored, tasks.found, "AsyncClient")
        grown = growths(self._samples)
        for growth in grown:
            if not growth.ok:
                self._books.problem(f"growth: {growth}")
        return Verdict(
            self._plan,
            seconds,
            workers,
            self._books,
            told["requests"],
            told["faults"],
            grown,
            last,
            len(stored),
        )

    def _workers(self, owner: str) -> list[Worker]:
        names = [f"thread-{number:03d}" for number in range(self._plan.threads)]
        names += [f"task-{number:03d}" for number in range(self._plan.tasks)]
        return [
            Worker(name, f"soak-group-{number % _GROUPS}", owner, self._books, self._plan.seed, self._stop.is_set)
            for number, name in enumerate(names)
        ]

    def _watch(self, started: float, workers: Sequence[Worker]) -> None:
        """Take a sample each second, and tell each ten seconds, until the time is over."""
        second = 0
        while second <= self._plan.seconds and not all(worker.ended for worker in workers):
            time.sleep(max(0.0, started + second - time.monotonic()))
            sample = Sample.taken()
            self._samples.append(sample)
            if second and second % _TELL_EVERY == 0:
                done = sum(worker.done for worker in workers)
                errors = sum(sum(worker.errors.values()) for worker in workers)
                problems = self._books.number_of_problems
                print(f"{second:5d} s  {done:,} done, {errors} errors, {problems} problems; {sample}", file=sys.stderr)
            second += 1

    def _wait(self, workers: Sequence[Worker]) -> None:
        """Wait until all workers have ended; those that have not are problems."""
        end = time.monotonic() + self._plan.bound
        while not all(worker.ended for worker in workers) and time.monotonic() < end:
            time.sleep(0.05)
        frames = sys._current_frames()  # noqa: SLF001 - there is no other way to see where a thread hangs
        where = {thread.name: frames.get(thread.ident or 0) for thread in threading.enumerate()}
        for worker in workers:
            if not worker.ended:
                frame = where.get(worker.name)
                stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
                self._books.problem(f"{worker.name} hangs in {worker.step}\n{stack}")

    def _check_gone(self, before: Sample) -> None:
        """Look whether threads and sockets of the clients are gone, now that these are closed."""
        end = time.monotonic() + _GONE_AFTER
        while True:
            now = Sample.taken()
            if now.threads <= before.threads and now.files <= before.files:
                return
            if time.monotonic() > end:
                self._books.problem(f"closed, and not gone: {now}; before there were {before}")
                return
            time.sleep(0.05)

    def _check_found(self, stored: dict[str, Any], found: list[str], who: str) -> None:
        if sorted(found) != sorted(stored):
            odd = sorted(set(found) ^ set(stored))
            self._books.problem(
                f"{who}: at the end a scan has {len(found)} contents and the database {len(stored)}: {odd[:10]}"
            )
