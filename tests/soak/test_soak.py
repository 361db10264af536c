"""The soak works, and finds what it is there to find."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from soak.books import Books, Entry
from soak.meter import Sample, growths
from soak.steps import (
    Browse,
    BulkDelete,
    BulkStore,
    Delete,
    Outcome,
    Patch,
    Read,
    Scan,
    Step,
    Store,
    Update,
)
from soak.worker import Worker

from sequoia.bulk import Result
from sequoia.error import BadRequest, NotFound

ROOT = Path(__file__).parents[2]
OWNER = "acme"
STEPS = 300

Database = dict[str, dict[str, Any]]


class Memory:
    """A platform and a client in one, which do what they are asked; a test breaks one of its methods."""

    def __init__(self) -> None:
        self.database: Database = {}

    def put(self, document: dict[str, Any]) -> str:
        ref = f"{document['owner']}:{document['name']}"
        self.database[ref] = {**self.database.get(ref, {}), **document, "ref": ref}
        return ref

    def remove(self, ref: str) -> None:
        self.database.pop(ref, None)

    def listed(self) -> list[dict[str, Any]]:
        return [self.database[ref] for ref in sorted(self.database)]

    def perform(self, step: Step) -> Outcome:  # noqa: PLR0911 - one for each kind of step
        match step:
            case Read(refs):
                found = [self.database[ref] for ref in refs if ref in self.database]
                return Outcome(found) if found else Outcome(error=NotFound("there is none", 404))
            case Browse():
                return Outcome(self.listed())
            case Scan():
                return Outcome(self.listed(), [one["ref"] for one in self.listed()])
            case Store(documents):
                return Outcome([{"ref": self.put(document)} for document in documents])
            case Update(_, changes) | Patch(_, changes):
                self.put(changes)
            case Delete(refs):
                list(map(self.remove, refs))
            case BulkStore(documents):
                results = [self.stored(document) for document in documents]
                return Outcome(results=results, done=sum(result.ok for result in results))
            case BulkDelete(refs):
                list(map(self.remove, refs))
                return Outcome(results=[Result(ref, ref) for ref in refs], done=len(refs))
        return Outcome()

    def stored(self, document: dict[str, Any]) -> Result:
        if document["type"] == "nonsense":
            return Result(b"", f"{document['owner']}:{document['name']}", BadRequest("it is refused", 400))
        return Result(b"", self.put(document))


def soaked(memory: Memory) -> Books:
    """The books after one worker has done some hundred things, and the database was looked at."""
    books = Books()
    left = iter(range(STEPS))
    worker = Worker("one", "soak-group-0", OWNER, books, 1, lambda: next(left, None) is None)
    steps = worker.steps()
    step = next(steps, None)
    while step is not None:
        try:
            step = steps.send(memory.perform(step))
        except StopIteration:
            break
    assert worker.done == STEPS
    books.check_database(memory.database)
    return books


def sample(memory: float = 50.0, threads: int = 40, files: int = 100, sockets: int = 90) -> Sample:
    return Sample(memory, threads, files, sockets)


def test_a_platform_that_does_what_it_is_asked_is_no_problem() -> None:
    assert soaked(Memory()).problems == []


def lose_a_write(memory: Memory) -> None:
    put, number = memory.put, iter(range(10_000))

    def losing(document: dict[str, Any]) -> str:
        ref = f"{document['owner']}:{document['name']}"
        return ref if next(number) % 20 == 0 else put(document)

    memory.put = losing  # type: ignore[method-assign]


def lose_half_a_write(memory: Memory) -> None:
    put = memory.put
    memory.put = lambda document: put({**document, "releaseYear": 1900})  # type: ignore[method-assign]


def forget_a_delete(memory: Memory) -> None:
    remove, number = memory.remove, iter(range(10_000))
    memory.remove = lambda ref: None if next(number) % 3 == 0 else remove(ref)  # type: ignore[method-assign]


def hand_out_twice(memory: Memory) -> None:
    listed = memory.listed
    memory.listed = lambda: listed()[:1] + listed()  # type: ignore[method-assign]


def leave_one_out(memory: Memory) -> None:
    listed = memory.listed
    memory.listed = lambda: listed()[1:]  # type: ignore[method-assign]


def store_what_is_refused(memory: Memory) -> None:
    memory.stored = lambda document: Result(b"", memory.put(document))  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lose_a_write, "and must be revision"),
        (lose_half_a_write, "but has another releaseYear"),
        (forget_a_delete, "and must be not there"),
        (hand_out_twice, "came twice"),
        (leave_one_out, "is missing, which was there the whole time"),
        (store_what_is_refused, "was stored, which the service must refuse"),
    ],
)
def test_what_is_broken_is_found(broken: Callable[[Memory], None], told: str) -> None:
    memory = Memory()
    broken(memory)
    assert any(told in problem for problem in soaked(memory).problems)


def test_a_write_without_an_answer_may_have_been_done_or_not_and_nothing_else() -> None:
    books = Books()
    entry = books.add(Entry("acme:film", "group", "worker"))
    entry.begin(1)
    entry.acknowledge(1)
    entry.begin(2)
    state = entry.state
    for revision in (1, 2):
        books.check_database({"acme:film": entry.document(revision)})
        entry.state = state
    assert books.problems == []
    books.check_database({"acme:film": entry.document(3)})
    books.check_database({})
    assert books.number_of_problems == 2


def test_a_scan_may_miss_what_was_deleted_meanwhile_and_only_that() -> None:
    books = Books()
    kept, gone = (books.add(Entry(f"acme:{name}", "group", "worker")) for name in ("kept", "gone"))
    for entry in (kept, gone):
        entry.acknowledge(1)
    before = books.snapshot("group")
    gone.begin(None)
    gone.acknowledge(None)
    gone.begin(2)
    gone.acknowledge(2)
    books.check_scan(before, ["acme:kept"], "a scan", ordered=True)
    assert books.problems == []
    books.check_scan(before, [], "a scan", ordered=True)
    assert books.problems == ["a scan: acme:kept is missing, which was there the whole time"]
    books.check_scan(before, ["acme:kept", "acme:kept"], "another", ordered=True)
    assert books.problems[1:] == ["another: acme:kept came twice"]


def test_growth_is_found_and_a_warm_up_is_none() -> None:
    steady = [sample(20.0, 5, 10, 5)] * 10 + [sample()] * 90
    assert [growth.name for growth in growths(steady) if not growth.ok] == []
    leaking = [sample(50.0 + number / 5, 40, 100 + number, 90 + number) for number in range(100)]
    assert [growth.name for growth in growths(leaking) if not growth.ok] == ["memory", "files", "sockets"]
    assert growths(leaking[:20]) == []


def test_both_clients_stand_a_few_seconds_of_it() -> None:
    command = [sys.executable, "-m", "soak", "--seconds", "5", "--threads", "6", "--tasks", "20", "--seed", "1"]
    done = subprocess.run(  # noqa: S603 - our own program
        command, cwd=ROOT, capture_output=True, text=True, timeout=55, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 threads on one Client, 20 tasks on one AsyncClient" in done.stdout
    assert "problems       0" in done.stdout
