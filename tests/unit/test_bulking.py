"""Bulk writes that are left in the middle, and sources that only the asynchronous client can read."""

from __future__ import annotations

import itertools
import json
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from operator import length_hint
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
import httpx2
import pytest
from tests.unit.conftest import REGISTRY, Platform

from sequoia import AsyncClient
from sequoia.bulk import BulkReport, Result, read_dead_letters
from sequoia.report import untold

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])
STORE = "POST https://metadata.test/data/contents/"


class Interrupt(BaseException):
    """What Ctrl-C raises, but for pytest."""


def films(*names: str) -> list[dict[str, str]]:
    return [{"owner": "acme", "name": name} for name in names]


def test_an_interruption_waits_for_nobody_and_tells_what_is_unknown(platform: Platform, tmp_path: Path) -> None:
    arrived, release = threading.Event(), threading.Event()

    def hang(request: httpx2.Request) -> httpx2.Response:
        arrived.set()
        assert release.wait(10)
        return httpx2.Response(201)

    def respond(request: httpx2.Request) -> httpx2.Response:
        return hang(request) if b"hangs" in request.content else httpx2.Response(201)

    def interrupt(result: Result) -> None:
        assert arrived.wait(10)
        raise Interrupt

    source = iter(films("hangs", "a", "c", "d"))
    platform.answer_with(STORE, respond)
    with platform.client() as client:
        with pytest.raises(Interrupt) as caught:
            client.metadata.contents.bulk_store(
                "acme",
                source,
                workers=2,
                batch_size=1,
                on_result=interrupt,
                dead_letters=tmp_path / "dead",
            )
        report: BulkReport = caught.value.report  # type: ignore[attr-defined]
        told = {one.ref: (one.ambiguous, one.sent) for one in report.failed}
        assert report.stored == 1
        assert told == {"acme:hangs": (True, True), "acme:c": (False, False)}
        assert {one["name"] for one in read_dead_letters(tmp_path / "dead")} == {"hangs", "c"}
        assert list(source) == films("d")
        release.set()
        for thread in threading.enumerate():
            if thread.name == "sequoia-worker":
                thread.join()
        assert not any(b'"c"' in one.content for one in platform.requests)


def test_after_a_thousand_failures_an_interruption_still_tells_what_was_under_way(platform: Platform) -> None:
    arrived, release, told = threading.Event(), threading.Event(), list[Result]()

    def hang(_: httpx2.Request) -> httpx2.Response:
        arrived.set()
        assert release.wait(10)
        return httpx2.Response(201)

    def source() -> Iterator[Any]:
        yield from ["no JSON"] * 1100
        yield from films("hangs")
        assert arrived.wait(10)
        raise Interrupt

    platform.answer_with(STORE, hang)
    with platform.client() as client:
        with pytest.raises(Interrupt) as caught:
            client.metadata.contents.bulk_store("acme", source(), batch_size=1, on_result=told.append)
        release.set()
    report: BulkReport = caught.value.report  # type: ignore[attr-defined]
    assert (len(told), report.failures) == (1100, 1101)
    assert len(report.failed) < 1100
    rest = report.failed[len(told) - report.failures :]
    assert [(one.ref, one.ambiguous) for one in rest] == [("acme:hangs", True)]


def test_a_callback_that_raises_after_the_source_did_is_told_nothing_twice(platform: Platform) -> None:
    raised = threading.Event()

    def source() -> Iterator[dict[str, str]]:
        yield from films("a", "b", "c")
        raised.set()
        raise LookupError("source")

    def respond(_: httpx2.Request) -> httpx2.Response:
        assert raised.wait(10)
        return httpx2.Response(201)

    def fail(_: Result) -> None:
        raise ArithmeticError("callback")

    platform.answer_with(STORE, respond)
    with platform.client() as client, pytest.raises(ArithmeticError) as caught:
        client.metadata.contents.bulk_store("acme", source(), workers=4, batch_size=1, on_result=fail)
    report: BulkReport = caught.value.report  # type: ignore[attr-defined]
    assert report.stored >= 1
    assert report.stored + report.failures == len(report.failed) + report.stored == 3


def test_a_system_without_a_thread_left_ends_a_bulk_write_with_its_error(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "sequoia-worker":
            raise RuntimeError("can't start new thread")
        start(thread)

    platform.answer_with(STORE, lambda _: httpx2.Response(201))
    with platform.client() as client:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread") as caught:
            client.metadata.contents.bulk_store("acme", films("a", "b"), batch_size=1)
    report: BulkReport = caught.value.report  # type: ignore[attr-defined]
    assert (report.stored, report.failures) == (0, 1)


class Presses:
    """Raises like Ctrl-C at the n-th moment at which Python would look for signals in the modules of a bulk write."""

    FILES = ("bulking.py", "bulk.py", "bulk_work.py", "tally.py", "report.py", "dead_letters.py", "crew.py")

    def __init__(self, moment: int) -> None:
        self.left = moment
        self._begun = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        # Python looks when it enters a function of Python's, and when it comes back from one of C's.
        if event not in {"call", "c_return"} or not frame.f_code.co_filename.endswith(self.FILES):
            return
        if self._begun:
            self.left -= 1
            if self.left == 0:
                raise Interrupt
        self._begun = self._begun or frame.f_code.co_qualname == "BulkWriter.run"


@pytest.mark.parametrize("kept", [1000, 1])
@pytest.mark.parametrize("start", range(1, 8))
def test_whenever_ctrl_c_comes_every_resource_is_accounted_for_once(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int, kept: int
) -> None:
    monkeypatch.setattr("sequoia.tally.KEPT", kept)

    def respond(request: httpx2.Request) -> httpx2.Response:
        names = [one["name"] for one in json.loads(request.content)["contents"]]
        if "bad" in " ".join(names):
            return httpx2.Response(400, json={"statusCode": 400})
        stored.update(names)
        return httpx2.Response(201)

    platform.answer_with(STORE, respond)
    given: list[Any] = [*films(*"abcdefg"), "no JSON", *films("bad-1", *"hijk"), object(), *films("bad-2", *"lmn")]
    profile = sys.getprofile()
    with platform.client() as client:
        for moment in itertools.count(start, 7):
            letters, told, source = tmp_path / f"{moment}", list[Result](), iter(given)
            stored: set[str] = set()
            presses = Presses(moment)
            sys.setprofile(presses)
            try:
                client.metadata.contents.bulk_store(
                    "acme", source, workers=2, batch_size=3, on_result=told.append, dead_letters=letters
                )
            except Interrupt as interrupt:
                report: BulkReport = interrupt.report  # type: ignore[attr-defined]
                heard = [one for one in told if not one.ok]
                heard += untold(interrupt, len(heard))
            else:
                break
            finally:
                sys.setprofile(profile)
            left = length_hint(source)
            assert report.stored + report.failures + left == len(given), moment
            assert kept == 1 or len(report.failed) == report.failures
            assert len(set(map(id, heard))) == len(heard) == report.failures, moment
            lines = letters.read_bytes().splitlines() if report.failures else []
            written = [json.loads(line)["resource"] for line in lines]
            assert len({str(one) for one in written}) == report.failures, moment
            assert len({id(one) for one in told}) == len(told) <= len(given) - left
            assert {str(one.ref).removeprefix("acme:") for one in told if one.ok} <= stored
        assert presses.left > 0
        assert moment > 100


def session(platform: Platform, backend: str, use: Callable[[AsyncClient], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async def handle(request: httpx2.Request) -> httpx2.Response:
            if b"hangs" in request.content:
                hanging.set()
                try:
                    await anyio.sleep_forever()
                finally:
                    let_go.set()
            return platform._handle(request)

        options: Any = {"clock": platform.clock, "adapters": [("https://", httpx2.MockTransport(handle))]}
        async with AsyncClient(REGISTRY, grant_client_id="id", grant_client_secret="s", **options) as client:
            await use(client)

    hanging, let_go = anyio.Event(), anyio.Event()
    platform.hanging, platform.let_go = hanging, let_go  # type: ignore[attr-defined]
    anyio.run(run, backend=backend)


@BACKENDS
def test_an_asynchronous_source_is_read_as_it_is_needed(platform: Platform, backend: str) -> None:
    async def source() -> AsyncIterator[dict[str, str]]:
        for film in films(*map(str, range(25))):
            await anyio.lowlevel.checkpoint()
            yield film

    async def use(client: AsyncClient) -> None:
        report = await client.metadata.contents.bulk_store("acme", source(), batch_size=10)
        assert (report.stored, report.requests, report.complete) == (25, 3, True)
        report = await client.metadata.contents.bulk_delete("acme", (f"acme:{n}" for n in range(3)))
        assert report.deleted == 3

    platform.answer(STORE, status=201)
    platform.answer("DELETE https://metadata.test/data/contents/acme:0,acme:1,acme:2", status=204)
    session(platform, backend, use)


@BACKENDS
def test_a_cancelled_bulk_write_ends_at_once_and_leaves_the_client_usable(
    platform: Platform, backend: str, tmp_path: Path
) -> None:
    async def use(client: AsyncClient) -> None:
        contents = client.metadata.contents
        options: Any = {"workers": 2, "batch_size": 1, "dead_letters": tmp_path / "dead"}
        async with anyio.create_task_group() as group:

            async def write() -> None:
                await contents.bulk_store("acme", films("a", "hangs", "c"), **options)

            group.start_soon(write)
            await platform.hanging.wait()  # type: ignore[attr-defined]
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        await platform.let_go.wait()  # type: ignore[attr-defined]
        assert [one["name"] for one in read_dead_letters(tmp_path / "dead")] == ["hangs"]
        report = await contents.bulk_store("acme", films("d"))
        assert report.stored == 1

    platform.answer(STORE, status=201)
    session(platform, backend, use)
