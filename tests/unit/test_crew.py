"""Workers and what they have ready, as threads and as tasks."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from sequoia.aio.crew import AsyncCrew
from sequoia.crew import Crew, Finished, Stopped
from sequoia.error import ClientError

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def _take_all(crew: Crew[int]) -> list[int]:
    found: list[int] = []
    while True:
        try:
            found.append(crew.take())
        except Finished:
            return found


def _counting(crew: Crew[int], numbers: range) -> Callable[[], None]:
    def work() -> None:
        for number in numbers:
            crew.put(number)

    return work


def test_everything_that_workers_put_is_taken_once() -> None:
    crew: Crew[int] = Crew(2)
    for start in range(0, 300, 100):
        crew.start(_counting(crew, range(start, start + 100)))
    found = _take_all(crew)
    assert sorted(found) == list(range(300))
    assert [one for one in found if one < 100] == list(range(100))


def test_a_worker_waits_for_room() -> None:
    crew: Crew[int] = Crew(2)
    reached: list[int] = []
    third = threading.Event()

    def work() -> None:
        for number in range(3):
            reached.append(number)
            if number == 2:
                third.set()
            crew.put(number)

    crew.start(work)
    assert third.wait(10)
    assert reached == [0, 1, 2]
    assert _take_all(crew) == [0, 1, 2]


def test_what_a_worker_raises_comes_after_what_was_ready() -> None:
    crew: Crew[int] = Crew(5)

    def work() -> None:
        crew.put(1)
        raise LookupError("lost")

    crew.start(work)
    crew.join()
    assert crew.take() == 1
    for _ in range(2):
        with pytest.raises(LookupError, match="lost"):
            crew.take()


def test_a_stopped_crew_lets_its_workers_go() -> None:
    crew: Crew[int] = Crew(1)
    crew.start(_counting(crew, range(1000)))
    crew.start(_counting(crew, range(1000)))
    crew.take()
    crew.stop()
    crew.join()
    with pytest.raises(Stopped):
        crew.check()


def test_without_workers_there_is_nothing_to_take() -> None:
    with pytest.raises(Finished):
        Crew[int](1).take()


def _run(backend: str, function: Callable[[], Any]) -> Any:
    return anyio.run(function, backend=backend)


@BACKENDS
def test_everything_that_tasks_put_is_taken_once(backend: str) -> None:
    async def session() -> list[int]:
        crew: AsyncCrew[int] = AsyncCrew(2)

        async def work(start: int) -> None:
            for number in range(start, start + 100):
                await crew.put(number)

        for start in range(0, 300, 100):
            crew.start(partial(work, start))
        found: list[int] = []
        while True:
            try:
                found.append(await crew.take())
            except Finished:
                return found

    assert sorted(_run(backend, session)) == list(range(300))


@BACKENDS
def test_what_a_task_raises_comes_after_what_was_ready(backend: str) -> None:
    async def session() -> None:
        crew: AsyncCrew[int] = AsyncCrew(5)

        async def work() -> None:
            await crew.put(1)
            raise LookupError("lost")

        crew.start(work)
        await crew.join()
        assert await crew.take() == 1
        with pytest.raises(LookupError, match="lost"):
            await crew.take()

    _run(backend, session)


@BACKENDS
@pytest.mark.parametrize("thread", [False, True])
def test_stopping_cancels_tasks_wherever_they_wait(backend: str, thread: bool) -> None:
    async def session() -> None:
        crew: AsyncCrew[int] = AsyncCrew(1)
        ended: list[str] = []

        async def work() -> None:
            try:
                await anyio.sleep_forever()
            finally:
                ended.append("asleep")

        async def putting() -> None:
            try:
                while True:
                    await crew.put(1)
            finally:
                ended.append("full")

        crew.start(work)
        crew.start(putting)
        await crew.take()
        await (anyio.to_thread.run_sync(crew.stop) if thread else anyio.lowlevel.checkpoint())
        crew.stop()
        await crew.join()
        assert sorted(ended) == ["asleep", "full"]

    _run(backend, session)


@BACKENDS
def test_an_event_loop_that_ends_takes_its_tasks_along(backend: str) -> None:
    kept: list[AsyncCrew[int]] = []

    async def session() -> None:
        crew: AsyncCrew[int] = AsyncCrew(1)
        crew.start(anyio.sleep_forever)
        kept.append(crew)

    _run(backend, session)
    kept[0].stop()  # too late, and no error


def test_workers_do_not_keep_alive_what_only_holds_their_crew() -> None:
    class Holder:
        def __init__(self) -> None:
            self.crew: Crew[int] = Crew(1)
            self.crew.start(_counting(self.crew, range(1000)))
            weakref.finalize(self, self.crew.stop)

    holder = Holder()
    crew = holder.crew
    del holder
    gc.collect()
    crew.join()


class _Gone(BaseException):
    """What ends a program, and is no `Exception`."""


def test_a_thread_that_ends_in_any_way_leaves_nobody_waiting() -> None:
    crew: Crew[int] = Crew(1)

    def work() -> None:
        raise _Gone

    crew.start(work)
    with pytest.raises(_Gone):
        crew.take()


@BACKENDS
def test_a_task_that_ends_in_any_way_leaves_nobody_waiting(backend: str) -> None:
    async def session() -> None:
        crew: AsyncCrew[int] = AsyncCrew(1)

        async def work() -> None:
            raise _Gone

        crew.start(work)
        with pytest.raises(_Gone):
            await crew.take()

    _run(backend, session)


def test_a_task_that_somebody_else_cancels_leaves_nobody_waiting() -> None:
    async def session() -> None:
        crew: AsyncCrew[int] = AsyncCrew(1)
        crew.start(anyio.sleep_forever)
        await anyio.lowlevel.checkpoint()
        (worker,) = asyncio.all_tasks() - {asyncio.current_task()}
        worker.cancel()
        with pytest.raises(ClientError, match="cancelled by somebody else"):
            await crew.take()

    _run("asyncio", session)


def test_a_thread_that_cannot_be_started_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    crew: Crew[int] = Crew(1)
    with pytest.raises(RuntimeError, match="new thread"):
        crew.start(lambda: None)
    with pytest.raises(Finished):
        crew.take()
    crew.join()
