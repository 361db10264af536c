"""A worker: decides by chance what to do next, notes in the books what it is about to do, and judges what it is told.

It is a generator of steps that is sent their outcomes; a thread with a `Client` or a task with an `AsyncClient` carries
them out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from random import Random
from typing import Any

from sequoia import field, where
from sequoia.criteria import Criteria
from sequoia.error import (
    BadRequest,
    ClientError,
    ConnectionError,
    HttpError,
    NotFound,
    NotMatchingVersion,
    RateLimited,
    RequestError,
    ServerError,
    Timeout,
)
from soak.books import ABSENT, Books, Entry, State
from soak.steps import Browse, BulkDelete, BulkStore, Delete, Outcome, Patch, Read, Scan, Step, Store, Update

__all__ = ["SLOTS", "Worker", "everything", "tagged"]

SLOTS = 24
"""Resources that a worker writes and deletes, over and over."""

_WHOLE = 0.02  # of the scans go through the whole catalogue
_EXPECTED = frozenset({ServerError, RateLimited, ConnectionError, Timeout, NotMatchingVersion})
_QUICK = {"interval": 0, "max_tries": 2}

Steps = Generator[Step, Outcome, None]


def tagged(tag: str, per_page: int) -> Criteria:
    """The resources with a tag."""
    return where(field("tags") == tag).per_page(per_page)


def everything(per_page: int) -> Criteria:
    """All resources."""
    return where().per_page(per_page)


class Worker:
    """One worker with its own resources.

    Args:
        name: Its name, which the names of its resources begin with.
        group: The tag of its group: a scan of it meets the writes of all workers of the group.
        owner: The tenant.
        books: Where its resources are kept account of.
        seed: Decides what it does.
        stopped: Whether to begin nothing new.

    Attributes:
        name: As given.
        step: What it is doing.
        done: How much it has done.
        kinds: How often it did what.
        errors: The errors that it met, by class.
        acknowledged: How many writes and deletes of single resources were acknowledged.
        ended: Whether it has come to its end.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - made in one place
        self, name: str, group: str, owner: str, books: Books, seed: int, stopped: Callable[[], bool]
    ) -> None:
        self.name = name
        self.step: Step | None = None
        self.done = 0
        self.ended = False
        self.kinds: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self._group = group
        self._tag = f"soak-{name}"
        self._books = books
        self._chance = Random(f"{seed} {name}")
        self._stopped = stopped
        self._revision = 0
        refs = [f"{owner}:{name}-{number:02d}" for number in range(SLOTS)]
        self._entries = {ref: books.add(Entry(ref, group, self._tag)) for ref in refs}
        self._bad = books.add(Entry(f"{owner}:{name}-bad", group, self._tag))
        self._actions: dict[Callable[[], Steps], float] = {
            self._read: 30,
            self._browse: 5,
            self._scan: 2,
            self._store: 16,
            self._update: 8,
            self._patch: 8,
            self._delete: 8,
            self._bulk_store: 8,
            self._bulk_delete: 4,
        }

    def steps(self) -> Steps:
        """What it does until it is stopped."""
        action = self._fill  # first, so that the catalogue has its size from the beginning on
        while not self._stopped():
            for_now = action()
            outcome = None
            try:
                while True:
                    self.step = next(for_now) if outcome is None else for_now.send(outcome)
                    outcome = yield self.step
            except StopIteration:
                self.kinds[type(self.step).__name__] += 1
                self.done += 1
            (action,) = self._chance.choices(list(self._actions), list(self._actions.values()))
        self.ended = True

    def _fill(self) -> Steps:
        refs, revision = list(self._entries), self._next()
        documents = [self._entries[ref].document(revision) for ref in refs]
        yield from self._bulk(refs, revision, BulkStore(documents, {}))

    def _read(self) -> Steps:
        refs = self._some(5)
        outcome = yield Read(refs)
        if type(outcome.error) is NotFound:
            self._found(refs, [], "a read")
        elif not self._failed(outcome):
            self._found(refs, outcome.items, "a read")

    def _browse(self) -> Steps:
        outcome = yield Browse(tagged(self._tag, self._chance.choice((5, 10, 100))))
        if not self._failed(outcome):
            self._found(list(self._entries), outcome.items, "a browse")

    def _scan(self) -> Steps:
        chance = self._chance
        whole = chance.random() < _WHOLE
        criteria = everything(100) if whole else tagged(self._group, chance.choice((50, 100)))
        workers = chance.choice((1, 3))
        flag = chance.random() < 0.5
        options = {"workers": workers, "ordered": flag} if workers > 1 else {"workers": 1, "read_ahead": flag}
        halts = tuple(chance.randint(1, 300) for _ in range(chance.choice((0, 0, 1, 2))))
        before = self._books.snapshot(None if whole else self._group)
        outcome = yield Scan(criteria, options, self._entries.keys(), halts, closes=chance.random() < 0.5)
        if self._failed(outcome):
            return
        told = f"a scan of {'everything' if whole else self._group} with {options} left after {halts}"
        self._books.check_scan(before, outcome.refs, told, ordered=workers == 1 or flag)
        self._found(list(self._entries), outcome.items, told)

    def _store(self) -> Steps:
        refs, revision = self._some(4), self._next()
        documents = [self._entries[ref].document(revision) for ref in refs]
        yield from self._write(refs, revision, Store(documents))

    def _update(self) -> Steps:
        yield from self._change(Update)

    def _patch(self) -> Steps:
        yield from self._change(Patch)

    def _change(self, kind: type[Update | Patch]) -> Steps:
        there = [ref for ref, entry in self._entries.items() if entry.state.certain]
        if not there:
            yield from self._store()
            return
        ref, revision = self._chance.choice(there), self._next()
        changes = self._entries[ref].document(revision)
        yield from self._write([ref], revision, kind(ref, changes))

    def _delete(self) -> Steps:
        refs = self._some(3)
        yield from self._write(refs, ABSENT, Delete(refs))

    def _write(self, refs: list[str], revision: int | None, step: Step) -> Steps:
        """Send a write of single resources, with its books."""
        before = {ref: self._entries[ref].begin(revision) for ref in refs}
        outcome = yield step
        # An update and a patch are several requests: the one that failed does not tell what became of the others.
        whole = isinstance(step, Store | Delete)
        for ref in refs:
            if outcome.error is None:
                self._acknowledge(ref, revision)
            elif whole and _refused(outcome.error):
                self._entries[ref].refuse(before[ref])
        if not self._failed(outcome) and whole and revision is not ABSENT:
            stored = [item.get("ref") for item in outcome.items]
            if stored != refs:
                self._books.problem(f"a store of {refs} was answered with {stored}")

    def _bulk_store(self) -> Steps:
        refs, revision = self._some(SLOTS), self._next()
        documents = [self._entries[ref].document(revision) for ref in refs]
        if self._chance.random() < 0.2:  # one that the service refuses, and its batch with it
            bad = {**self._bad.document(revision), "type": "nonsense"}
            documents.insert(self._chance.randrange(len(documents) + 1), bad)
            refs = [*refs, self._bad.ref]
        yield from self._bulk(refs, revision, BulkStore(documents, self._plan()))

    def _bulk_delete(self) -> Steps:
        refs = self._some(10)
        yield from self._bulk(refs, ABSENT, BulkDelete(refs, self._plan()))

    def _bulk(self, refs: list[str], revision: int | None, step: Step) -> Steps:
        good = [ref for ref in refs if ref != self._bad.ref]
        before = {ref: self._entries[ref].begin(revision) for ref in good}
        outcome = yield step
        told = [result.ref for result in outcome.results]
        if outcome.error is None and sorted(map(str, told)) != sorted(refs):
            self._books.problem(f"a bulk write of {sorted(refs)} told of {sorted(map(str, told))}")
        if outcome.error is None and outcome.done != sum(result.ok for result in outcome.results):
            self._books.problem(f"a bulk write told of other results than its report: {outcome.done} done")
        for result in outcome.results:
            self._settle(result.ref, revision, before, result.error, ambiguous=result.ambiguous)
        self._failed(outcome)

    def _settle(
        self,
        ref: str | None,
        revision: int | None,
        before: Mapping[str, State],
        error: ClientError | None,
        *,
        ambiguous: bool,
    ) -> None:
        """What a bulk write told of one resource."""
        if ref == self._bad.ref:
            if error is None:
                self._books.problem(f"{ref} was stored, which the service must refuse")
            elif not isinstance(error, BadRequest):
                self._judge(error)
        elif ref is None or ref not in before:
            self._books.problem(f"a bulk write told of {ref}, which was not written")
        elif error is None:
            self._acknowledge(ref, revision)
        else:
            self._judge(error)
            if not ambiguous:
                self._entries[ref].refuse(before[ref])

    def _plan(self) -> dict[str, Any]:
        plan: dict[str, Any] = {"workers": self._chance.randint(1, 3), "batch_size": self._chance.randint(3, 20)}
        # With ten tries hardly anything ever fails: some give up sooner.
        return {**plan, "backoff_strategy": _QUICK} if self._chance.random() < 0.3 else plan

    def _acknowledge(self, ref: str, revision: int | None) -> None:
        self._entries[ref].acknowledge(revision)
        self.acknowledged["deletes" if revision is ABSENT else "writes"] += 1

    def _found(self, refs: list[str], items: list[dict[str, Any]], told: str) -> None:
        """These, and no others of `refs`, were found."""
        found = {item["ref"]: item for item in items}
        if len(found) < len(items):
            self._books.problem(f"{told}: a resource came twice")
        if foreign := found.keys() - set(refs):
            self._books.problem(f"{told}: {sorted(foreign)} came, which is none of those asked for")
        for ref in refs:
            self._books.saw(ref, found.get(ref), f"{told} by {self.name}")

    def _failed(self, outcome: Outcome) -> bool:
        """Count the errors of a step; whether it came to nothing."""
        for error in outcome.survived:
            self._judge(error)
        if outcome.error is not None:
            self._judge(outcome.error)
        return outcome.error is not None

    def _judge(self, error: ClientError) -> None:
        """Count an error. One that none of the faults leads to is a problem."""
        self.errors[type(error).__name__] += 1
        expected = type(error) in _EXPECTED
        if isinstance(error, HttpError) and error.status_code == 500:
            expected = False  # no fault says that: the sandbox itself has crashed
        if isinstance(error, NotMatchingVersion):
            expected = isinstance(error.cause, HttpError) and error.cause.ambiguous
        if not expected:
            self._books.problem(f"{self.name} met {type(error).__name__} in {type(self.step).__name__}: {error}"[:500])

    def _some(self, most: int) -> list[str]:
        return self._chance.sample(list(self._entries), self._chance.randint(1, most))

    def _next(self) -> int:
        self._revision += 1
        return self._revision


def _refused(error: ClientError) -> bool:
    """Whether a write that failed was not done, for certain."""
    if not isinstance(error, RequestError) or error.ambiguous:
        return False
    return not error.sent or (isinstance(error, HttpError) and error.status_code < 500)
