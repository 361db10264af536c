"""The synchronous half: workers in threads that share one `Client`. `soak.tasks` is its twin."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Sequence
from typing import Any

from sequoia.client import Client
from sequoia.endpoint import Endpoint
from sequoia.error import ClientError
from sequoia.report import BulkReport, Result
from soak.books import Books
from soak.steps import Browse, BulkDelete, BulkStore, Delete, Outcome, Patch, Read, Scan, Step, Store, Update
from soak.worker import Worker

__all__ = ["Threads"]

_RESUMED = 5
"""How often a scan is resumed after an error before it counts as failed."""


class Threads:
    """Workers in threads.

    Args:
        client: The client that they share.
        owner: The tenant.
        workers: The workers.
        books: Where a worker that breaks is noted.
        at_end: What everything is scanned with at the end.

    Attributes:
        found: The refs of everything, at the end, when nobody writes any more.
    """

    def __init__(self, client: Client, owner: str, workers: Sequence[Worker], books: Books, at_end: Scan) -> None:
        self.found: list[str] = []
        self._client = client
        self._at_end = at_end
        self._owner = owner
        self._books = books
        self._threads = [
            # Daemons: one that hangs is told, and must not keep the soak from ending.
            threading.Thread(target=self._run, args=(worker,), name=worker.name, daemon=True)
            for worker in workers
        ]

    def start(self) -> None:
        """Let all of them begin."""
        for thread in self._threads:
            thread.start()

    def finish(self, seconds: float) -> bool:
        """Nobody writes any more: scan everything, and close the client; whether that took no more than `seconds`."""
        thread = threading.Thread(target=self._end, name="the end of the threads", daemon=True)
        thread.start()
        thread.join(seconds)
        return not thread.is_alive()

    def _end(self) -> None:
        with self._client as client:
            self.found = _scan(client.metadata.contents, self._owner, self._at_end).refs

    def _run(self, worker: Worker) -> None:
        try:
            _work(self._client.metadata.contents, self._owner, worker)
        except Exception:  # noqa: BLE001 - whatever it is, it is what the soak looks for
            self._books.problem(f"{worker.name} broke in {worker.step}:\n{traceback.format_exc()}")
            worker.ended = True


def _work(contents: Endpoint, owner: str, worker: Worker) -> None:
    """All steps of a worker."""
    steps = worker.steps()
    step = next(steps, None)
    while step is not None:
        outcome = _perform(contents, owner, step)
        try:
            step = steps.send(outcome)
        except StopIteration:
            return


def _perform(contents: Endpoint, owner: str, step: Step) -> Outcome:
    """Carry out one step."""
    try:
        match step:
            case Read(refs):
                return Outcome(contents.read(owner, refs).resources or [])
            case Browse(criteria):
                return _browse(contents, owner, criteria)
            case Scan():
                return _scan(contents, owner, step)
            case BulkStore() | BulkDelete():
                return _bulk(contents, owner, step)
            case _:
                return Outcome(_write(contents, owner, step))
    except ClientError as error:
        return Outcome(error=error)


def _write(contents: Endpoint, owner: str, step: Store | Update | Patch | Delete) -> list[dict[str, Any]]:
    """Carry out a write of single resources; what a store was answered with."""
    match step:
        case Store(documents):
            return contents.store(owner, documents).resources or []
        case Update(ref, changes):
            found = contents.read(owner, ref).resource
            contents.update(owner, {**found, **changes}, ref, found["version"])
        case Patch(ref, changes):
            contents.patch(owner, ref, changes)
        case Delete(refs):
            contents.delete(owner, refs)
    return []


def _browse(contents: Endpoint, owner: str, criteria: Any) -> Outcome:
    items: list[dict[str, Any]] = []
    for page in contents.browse(owner, criteria):
        items += page.resources or []
    return Outcome(items)


def _scan(contents: Endpoint, owner: str, step: Scan) -> Outcome:
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
            for item in scan:
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
                scan.close()
        except ClientError as error:
            if len(errors) == _RESUMED:
                return Outcome(items, refs, error, errors)
            errors.append(error)
            checkpoint = error.checkpoint
        checkpoint = json.loads(json.dumps(checkpoint))


def _bulk(contents: Endpoint, owner: str, step: BulkStore | BulkDelete) -> Outcome:
    results: list[Result] = []
    report: BulkReport
    try:
        if isinstance(step, BulkStore):
            report = contents.bulk_store(owner, step.documents, on_result=results.append, **step.options)
        else:
            report = contents.bulk_delete(owner, step.refs, on_result=results.append, **step.options)
    except ClientError as error:
        return Outcome(error=error, results=results)
    return Outcome(results=results, done=report.stored + report.deleted)
