"""The gates of both shells: who comes first goes first, and whoever leaves makes room."""

from __future__ import annotations

import threading
from collections.abc import Callable

import anyio
import anyio.to_thread
import pytest

from sequoia import InstantClock
from sequoia.aio.gate import AsyncGate, AsyncPlace
from sequoia.error import RequestError, http_error
from sequoia.gate import Gate, Place
from sequoia.settings import Settings

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def of(**options: object) -> Settings:
    return Settings.of(
        "https://registry.test/services/acme",
        {"grant_client_id": "id", "grant_client_secret": "s", "clock": InstantClock(), **options},
    )


def until(condition: Callable[[], object]) -> None:
    """Let other threads go on until something holds; the test's own time limit ends a wait in vain."""
    while not condition():
        threading.Event().wait(0.001)


def test_threads_pass_in_the_order_in_which_they_came() -> None:
    gate, passed = Gate(of(max_concurrency=1)), []
    first = Place()
    gate.enter(first)

    def pass_through(number: int) -> None:
        place = Place()
        gate.enter(place)
        passed.append(number)
        gate.leave(place)

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=pass_through, args=(number,)))
        threads[-1].start()
        until(lambda: len(gate._line) == len(threads))
    assert passed == []
    gate.leave(first)
    for thread in threads:
        thread.join()
    assert passed == list(range(5))


def test_who_waits_for_the_clock_passes_when_the_pause_is_over() -> None:
    settings = of(max_concurrency=4)
    gate = Gate(settings)
    place = Place()
    gate.enter(place)
    busy = http_error(429, "")
    busy.retry_after = 7.0
    place.failed(busy, 120)
    gate.leave(place)
    gate.enter(Place())
    assert isinstance(settings.clock, InstantClock)
    assert settings.clock.waits == [7.0]


def test_no_pause_is_longer_than_the_operation_may_take() -> None:
    place, busy = Place(), http_error(503, "")
    busy.retry_after = 86400.0
    place.failed(busy, 120)
    assert place.pause == 120


def test_what_a_token_request_says_is_not_about_the_service() -> None:
    place, busy = Place(), http_error(503, "")
    busy.url = "https://identity.test/oauth/token"
    before = place.news
    place.failed(busy, 120)
    assert place.news is before


def test_a_place_that_was_never_in_the_line_can_be_given_up() -> None:
    gate = Gate(of(max_concurrency=1))
    gate.leave(Place())
    gate.enter(Place())


def test_who_leaves_the_line_holds_up_nobody() -> None:
    """As after Ctrl-C, wherever it struck."""
    gate = Gate(of(max_concurrency=1))
    first, gone, second = Place(), Place(), Place()
    gate.enter(first)
    gate._line.append(gone)
    thread = threading.Thread(target=gate.enter, args=(second,))
    thread.start()
    until(lambda: len(gate._line) == 2)
    gate.leave(gone)
    gate.leave(first)
    thread.join()
    assert second.number == 2


@BACKENDS
def test_tasks_pass_in_the_order_in_which_they_came(backend: str) -> None:
    async def session() -> None:
        gate, passed = AsyncGate(of(max_concurrency=1)), []
        first = AsyncPlace()
        await gate.enter(first)

        async def pass_through(number: int) -> None:
            place = AsyncPlace()
            await gate.enter(place)
            passed.append(number)
            gate.leave(place)

        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(pass_through, number)
                await anyio.wait_all_tasks_blocked()
            assert passed == []
            gate.leave(first)
        assert passed == list(range(5))

    anyio.run(session, backend=backend)


@BACKENDS
def test_a_cancelled_task_holds_up_nobody(backend: str) -> None:
    """Neither where it stood in the line, nor where it was at the head of it."""

    async def session() -> None:
        gate, passed = AsyncGate(of(max_concurrency=1)), []
        first = AsyncPlace()
        await gate.enter(first)

        async def pass_through(number: int) -> None:
            place = AsyncPlace()
            try:
                await gate.enter(place)
                passed.append(number)
            finally:
                gate.leave(place)

        scopes = [anyio.CancelScope() for _ in range(4)]

        async def scoped(number: int) -> None:
            with scopes[number]:
                await pass_through(number)

        async with anyio.create_task_group() as group:
            for number in range(4):
                group.start_soon(scoped, number)
                await anyio.wait_all_tasks_blocked()
            scopes[0].cancel()
            scopes[2].cancel()
            await anyio.wait_all_tasks_blocked()
            gate.leave(first)
        assert passed == [1, 3]
        with anyio.fail_after(5):
            await gate.enter(AsyncPlace())

    anyio.run(session, backend=backend)


def test_an_error_without_an_answer_is_no_news() -> None:
    place = Place()
    before = place.news
    place.failed(RequestError("no such host"), 120)
    assert (place.news, place.pause) == (before, None)
