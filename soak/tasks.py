"""The asynchronous half: workers as tasks that share one `AsyncClient`. `soak.threads` is its twin."""

from __future__ import annotations

import asyncio
import json
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from sequoia.aio.client import AsyncClient
from sequoia.aio.endpoint import AsyncEndpoint
from sequoia.error import ClientError
from sequoia.report import BulkReport, Result
from soak.books import Books
from soak.steps import Browse, BulkDelete, BulkStore, Delete, Outcome, Patch, Read, Scan, Step, Store, Update
from soak.worker import Worker

__all__ = ["Tasks"]

_RESUMED = 5
"""How often a scan is resumed after an error before it counts as failed."""


class Tasks:
    """Workers as tasks, in an event loop in a thread of its own.

    Args:
        connect: Makes the client that they share.
        owner: The tenant.
        workers: The workers.
        books: Where a worker that breaks is noted.
        at_end: What everything is scanned with at the end.

    Attributes:
        found: The refs of everything, at the end, when nobody writes any more.
    """

    def __init__(
        self, connect: Callable[[], AsyncClient], owner: str, workers: Sequence[Worker], books: Books, at_end: Scan
    ) -> None:
        self.found: list[str] = []
        self._connect = connect
        self._owner = owner
        self._workers = workers
        self._books = books
        self._at_end = at_end
        self._quiet = threading.Event()
        self._bound = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tasks", daemon=True)

    def start(self) -> None:
        """Let all of them begin."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Let all of them come to an end, in `seconds` at most."""
        self._bound = seconds
        self._stopped.set()

    def finish(self, seconds: float) -> bool:
        """Nobody writes any more: scan everything, and close the client; whether that took no more than `seconds`."""
        self._quiet.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except Exception:  # noqa: BLE001 - whatever it is, it is what the soak looks for
            self._books.problem(f"the event loop broke:\n{traceback.format_exc()}")

    async def _all(self) -> None:
        async with self._connect() as client:
            contents = client.metadata.contents
            tasks = {asyncio.create_task(self._one(contents, worker), name=worker.name) for worker in self._workers}
            while tasks and not self._stopped.is_set():
                _, tasks = await asyncio.wait(tasks, timeout=0.2)
            if tasks:
                _, tasks = await asyncio.wait(tasks, timeout=self._bound)
            for task in tasks:
                self._books.problem(f"{task.get_name()} hangs {_where(task)}")
                task.cancel()
            while not self._quiet.is_set():  # noqa: ASYNC110 - it is set by another thread
                await asyncio.sleep(0.05)
            self.found = (await _scan(contents, self._owner, self._at_end)).refs

    async def _one(self, contents: AsyncEndpoint, worker: Worker) -> None:
        try:
            await _work(contents, self._owner, worker)
        except Exception:  # noqa: BLE001 - as above
            self._books.problem(f"{worker.name} broke in {worker.step}:\n{traceback.format_exc()}")
            worker.ended = True


def _where(task: asyncio.Task[None]) -> str:
    """The files and lines of what a task waits for, from the outside in."""
    lines: list[str] = []
    waits: Any = task.get_coro()
    while (frame := getattr(waits, "cr_frame", None)) is not None:
        lines.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        waits = waits.cr_await
    return " ".join(lines)


async def _work(contents: AsyncEndpoint, owner: str, worker: Worker) -> None:
    """All steps of a worker."""
    steps = worker.steps()
    step = next(steps, None)
    while step is not None:
        outcome = await _perform(contents, owner, step)
        try:
            step = steps.send(outcome)
        except StopIteration:
            return


async def _perform(contents: AsyncEndpoint, owner: str, step: Step) -> Outcome:
    """Carry out one step."""
    try:
        match step:
            case Read(refs):
                return Outcome((await contents.read(owner, refs)).resources or [])
            case Browse(criteria):
                return await _browse(contents, owner, criteria)
            case Scan():
                return await _scan(contents, owner, step)
            case BulkStore() | BulkDelete():
                return await _bulk(contents, owner, step)
            case _:
                return Outcome(await _write(contents, owner, step))
    except ClientError as error:
        return Outcome(error=error)


async def _write(contents: AsyncEndpoint, owner: str, step: Store | Update | Patch | Delete) -> list[dict[str, Any]]:
    """Carry out a write of single resources; what a store was answered with."""
    match step:
        case Store(documents):
            return (await contents.store(owner, documents)).resources or []
        case Update(ref, changes):
            found = (await contents.read(owner, ref)).resource
            await contents.update(owner, {**found, **changes}, ref, found["version"])
        case Patch(ref, changes):
            await contents.patch(owner, ref, changes)
        case Delete(refs):
            await contents.delete(owner, refs)
    return []


async def _browse(contents: AsyncEndpoint, owner: str, criteria: Any) -> Outcome:
    items: list[dict[str, Any]] = []
    async for page in contents.browse(owner, criteria):
        items += page.resources or []
    return Outcome(items)


async def _scan(contents: AsyncEndpoint, owner: str, step: Scan) -> Outcome:
    """Scan, leave the loop where the step says so, and go on from the checkpoint, also after errors."""
    items: list[dict[str, Any]] = []
    refs: list[str] = []
    errors: list[ClientError] = []
    halts = list(step.halts)
    checkpoint: Any = None
    while True:
        scan = contents.scan(owner, step.criteria, resume=checkpoint, **step.options)
        most = halts.pop(0) if halts else None
        number = 0
        try:
            async for item in scan:
                number += 1
                refs.append(item["ref"])
                if item["ref"] in step.keeps:
                    items.append(item)
                if number == most:
                    break
            else:
                return Outcome(items, refs, survived=errors)
            checkpoint = scan.checkpoint
            if step.closes:
                await scan.close()
        except ClientError as error:
            if len(errors) == _RESUMED:
                return Outcome(items, refs, error, errors)
            errors.append(error)
            checkpoint = error.checkpoint
        checkpoint = json.loads(json.dumps(checkpoint))


async def _bulk(contents: AsyncEndpoint, owner: str, step: BulkStore | BulkDelete) -> Outcome:
    results: list[Result] = []
    report: BulkReport
    try:
        if isinstance(step, BulkStore):
            report = await contents.bulk_store(owner, step.documents, on_result=results.append, **step.options)
        else:
            report = await contents.bulk_delete(owner, step.refs, on_result=results.append, **step.options)
    except ClientError as error:
        return Outcome(error=error, results=results)
    return Outcome(results=results, done=report.stored + report.deleted)
