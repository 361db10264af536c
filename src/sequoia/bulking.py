"""Bulk writes, done: the source is read by whoever called, batches are sent by workers.

At most as many batches as there are workers are under way; the source is read no further than one batch more. Results
are noted, and told, by whoever called, too: a source and a callback need not know of any other thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from sequoia.bulk import UNDESCRIBED, Batcher, BulkPlan, Writing, plain_source
from sequoia.bulk_work import Deleting, Item, Storing, Work
from sequoia.calls import Answer, Call
from sequoia.crew import Crew, Finished
from sequoia.describing import Described
from sequoia.error import ClientError
from sequoia.operations import ResourcePath
from sequoia.report import BulkReport
from sequoia.retry import Operation, Task
from sequoia.sending import Sender
from sequoia.sources import Source, sourced
from sequoia.tally import Tally
from sequoia.telemetry import traced

__all__ = ["Bulk", "BulkWriter"]

Send = Callable[[Call, Operation], Answer]


class BulkWriter:
    """One bulk write.

    Args:
        send: Sends a call to the service.
        operation: What its requests share.
        work: What is done with the resources.
        plan: How.
        tally: Where everything is noted.
        batcher: Makes batches.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - made in one place
        self, send: Send, operation: Operation, work: Work, plan: BulkPlan, tally: Tally, batcher: Batcher
    ) -> None:
        self._send = send
        self._operation = operation
        self._work = work
        self._plan = plan
        self._tally = tally
        self._batcher = batcher
        self._crew: Crew[Writing] = Crew(plan.workers)
        self._workers = 0
        self._given: deque[Writing | None] = deque()
        self._waiting = threading.Semaphore(0)
        self._taken: tuple[Any] | Item | None = None  # of the source, and perhaps in no batch yet
        self._under_way: set[Writing] = set()
        self._refs: set[str] = set()  # of the resources under way

    def run(self, resources: Source) -> BulkReport:
        """Write every resource.

        Raises:
            ClientError: Nothing else can work; `.report` says what was done.
            BaseException: What the source or a callback raised, likewise.
        """
        try:
            self._write(resources)
            self._tally.close()
            return self._tally.report()
        except BaseException as error:
            try:
                self._end(error)
            finally:
                self._dismiss()
                self._crew.stop()
                self._tally.close()
            raise

    def _write(self, resources: Source) -> None:
        for given in sourced(resources):
            self._taken = (given,)
            self._taken = item = self._tally.item(self._taken)
            if item is not None and (full := self._batcher.add(item)):
                self._submit(full)
            self._taken = None
            if self._tally.stopped:
                break
        else:
            self._tally.complete = True
        if rest := self._batcher.rest():
            self._submit(rest)
        while self._under_way:
            self._settle()
        self._dismiss()
        self._crew.join()
        if self._tally.hopeless is not None:
            raise self._tally.hopeless

    def _submit(self, items: list[Item]) -> None:
        """Give a batch to a worker, as soon as one is free and no other state of its resources is under way."""
        writing = Writing(self._work, items, wanted=self._plan.on_result is not None)
        while len(self._under_way) >= self._plan.workers or self._crew.ready or not writing.refs.isdisjoint(self._refs):
            self._settle()
        if self._tally.stopped:
            self._tally.leave(items)
            self._batcher.full = []
            return
        self._under_way.add(writing)
        self._refs |= writing.refs
        self._batcher.full = []
        self._give(writing)
        if self._workers < len(self._under_way):
            self._workers += 1
            self._crew.start(self._worker)

    def _settle(self) -> None:
        """Note how one of the batches under way has ended; waits for it."""
        writing = self._crew.take()
        self._refs -= writing.refs
        self._tally.settle(writing)
        self._under_way.discard(writing)  # last, so that nobody's result is lost whenever Ctrl-C comes

    def _end(self, error: BaseException) -> None:
        """Bring to an end what is under way, after an error; the error gets the report."""
        try:
            if not isinstance(error, Exception):
                self._crew.stop()  # whoever interrupts the program does not want to wait
            self._leave()
            with suppress(Finished):  # there is no worker, where the system has no thread for one
                while self._under_way and isinstance(error, Exception):
                    self._settle()
        except BaseException as later:  # a callback's: that is what the caller will see
            error = later
            raise
        finally:
            self._tally.abandon(self._under_way, error)
            error.report = self._tally.report()  # type: ignore[attr-defined]

    def _leave(self) -> None:
        """Note what was read from the source and is not under way: once, at whatever step of its way it was."""
        items = [item for writing in self._under_way for item in writing.items]
        if self._tally.has_noted(self._batcher.full):
            items += self._batcher.full
        known = set(map(id, items))
        # What the tally has noted without getting to the step behind that, and what is noted now.
        self._under_way = {writing for writing in self._under_way if not self._tally.has_noted(writing)}
        taken, held = self._taken, self._batcher.held
        if isinstance(taken, Item):
            held.append(taken)
        elif taken is not None:
            self._tally.leave_unread(taken)
        self._tally.leave(list({id(item): item for item in held if id(item) not in known}.values()))

    def _dismiss(self) -> None:
        """Let the workers go."""
        for _ in range(self._workers):
            self._give(None)
        self._workers = 0

    def _give(self, writing: Writing | None) -> None:
        self._given.append(writing)
        self._waiting.release()

    def _worker(self) -> None:
        while True:
            self._waiting.acquire()
            writing = self._given.popleft()
            if writing is None:
                return
            while (following := writing.next()) is not None:
                self._crew.check()
                part, call = following
                try:
                    answer = self._send(call, self._operation)
                except ClientError as error:
                    writing.failed(part, call, error)
                else:
                    writing.accepted(part, answer)
            self._crew.put(writing)


class Bulk:
    """The bulk writes of one endpoint.

    Args:
        sender: Makes their operations.
        described: The service.
        path: The resource.
        ask: Sends a call to the collection; what the descriptor says about a refusal goes with the error.
    """

    def __init__(self, sender: Sender, described: Described, path: ResourcePath, ask: Send) -> None:
        self._sender = sender
        self._described = described
        self._path = path
        self._ask = ask

    def store(self, owner: str | None, resources: Source, options: Mapping[str, Any]) -> BulkReport:
        """See `Endpoint.bulk_store`."""
        plan, work = BulkPlan.of(options), Storing(self._path, owner)
        plain_source(resources)
        operation = self._operation("bulk_store", owner, plan)
        descriptor = None if plan.batch_size else self._described.read(operation.without_empty_rule())
        described = None if descriptor is None else self._path.found(descriptor)
        limit = UNDESCRIBED if described is None else described.store_limit
        tally = Tally(plan, work, resources, self._sender.settings.clock, deletes=False)
        with traced(operation) as within:
            writer = BulkWriter(self._send, within, work, plan, tally, Batcher.storing(plan, limit))
            return writer.run(resources)

    def delete(self, owner: str | None, refs: Source, options: Mapping[str, Any]) -> BulkReport:
        """See `Endpoint.bulk_delete`."""
        plan, work = BulkPlan.of(options), Deleting(self._path, owner)
        plain_source(refs)
        batcher = Batcher.deleting(plan)
        operation = self._operation("bulk_delete", owner, plan)
        tally = Tally(plan, work, refs, self._sender.settings.clock, deletes=True)
        with traced(operation) as within:
            return BulkWriter(self._send, within, work, plan, tally, batcher).run(refs)

    def _operation(self, name: str, owner: str | None, plan: BulkPlan) -> Operation:
        task = Task(name, self._described.name, self._path.segment, owner)
        return replace(self._sender.operation(plan.backoff_strategy, task=task), paced=True)

    def _send(self, call: Call, operation: Operation) -> Answer:
        return self._ask(call.at(self._described.location()), operation)
