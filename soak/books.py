"""The books of a soak: what each resource may look like by now, and what contradicts them.

A resource has one writer, which notes what it is about to write, and what became of it. Where the answer was lost the
resource may be as before or as written; nothing else is ever tolerated.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

__all__ = ["ABSENT", "Books", "Entry", "State", "document", "revision_of"]

ABSENT = None
"""The revision of a resource that is not there."""

Revision = int | None

_REVISION = re.compile(r"revision (\d+)")
_TYPES = ("movie", "show", "season", "episode")
_KEPT = 20  # problems that are told in full


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a resource at one moment.

    Attributes:
        generation: Goes up with each beginning of a delete: between two equal ones it was not deleted.
        possible: The revisions that it may have, one of them for certain.
    """

    generation: int = 0
    possible: frozenset[Revision] = frozenset({ABSENT})

    @property
    def certain(self) -> bool:
        """Whether it is there, whatever its revision."""
        return ABSENT not in self.possible


@dataclass(slots=True)
class Entry:
    """A resource in the books. Only its writer changes `state`; it is one value, so that others read it whole.

    Attributes:
        ref: Its reference.
        group: The tag that it shares with the resources of some other workers; None for one of the demo.
        worker: The tag of its writer; None for one of the demo.
        state: What is known of it.
    """

    ref: str
    group: str | None = None
    worker: str | None = None
    state: State = State()

    def begin(self, revision: Revision) -> State:
        """A write is about to be sent; the state before it."""
        before = self.state
        generation = before.generation + (revision is ABSENT)
        self.state = State(generation, before.possible | {revision})
        return before

    def acknowledge(self, revision: Revision) -> None:
        """The write was acknowledged."""
        self.state = replace(self.state, possible=frozenset({revision}))

    def refuse(self, before: State) -> None:
        """The write was refused, or was never sent: all is as before, but that somebody may have looked meanwhile."""
        self.state = replace(self.state, possible=before.possible)

    def document(self, revision: int) -> dict[str, Any]:
        """What a revision of it says."""
        return document(self.ref, (self.worker or "", self.group or ""), revision)


def document(ref: str, tags: Sequence[str], revision: int) -> dict[str, Any]:
    """The content with this reference and revision; all of it follows from these, so that a mixture is found out."""
    owner, _, name = ref.partition(":")
    chance = Random(f"{ref} {revision}")
    return {
        "owner": owner,
        "name": name,
        "type": chance.choice(_TYPES),
        "title": f"revision {revision}",
        "shortSynopsis": f"{chance.getrandbits(64):x} " * chance.randint(1, 20),
        "releaseYear": chance.randint(1920, 2030),
        "tags": list(tags),
    }


def revision_of(found: Mapping[str, Any]) -> int:
    """The revision that a content says it is; -1 for one that no worker has written."""
    told = _REVISION.fullmatch(str(found.get("title")))
    return int(told[1]) if told else -1


class Books:
    """What every resource may look like by now. All entries are made before the first worker begins."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.problems: list[str] = []
        self.number_of_problems = 0
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> Entry:
        """Open the account of a resource."""
        self.entries[entry.ref] = entry
        return entry

    def problem(self, text: str) -> None:
        """Note that something is not as it must be."""
        with self._lock:
            self.number_of_problems += 1
            if len(self.problems) < _KEPT:
                self.problems.append(text)

    def snapshot(self, group: str | None) -> dict[str, State]:
        """The states of a group, or of everything."""
        entries = self.entries.values()
        return {entry.ref: entry.state for entry in entries if group is None or entry.group == group}

    def saw(self, ref: str, found: Mapping[str, Any] | None, where: str) -> None:
        """The writer of a resource, or the end of the soak, has looked: now there is no doubt any more."""
        entry = self.entries[ref]
        revision = ABSENT if found is None else revision_of(found)
        if revision not in entry.state.possible:
            self.problem(f"{where}: {ref} is {_named(revision)}, and must be {_any_of(entry.state.possible)}")
            return
        if found is not None and revision is not None and entry.worker is not None:
            wanted = entry.document(revision)
            if wrong := sorted(name for name, value in wanted.items() if found.get(name) != value):
                self.problem(f"{where}: {ref} is {_named(revision)}, but has another {', '.join(wrong)}")
        entry.acknowledge(revision)

    def check_scan(self, before: Mapping[str, State], refs: Sequence[str], where: str, *, ordered: bool) -> None:
        """Hold what a scan handed out against what was there the whole time.

        Args:
            before: The states when the scan began.
            refs: What it handed out.
            where: Which scan it was.
            ordered: Whether those that were there the whole time must be in their order.
        """
        seen = set(refs)
        same = {ref for ref, state in before.items() if self.entries[ref].state.generation == state.generation}
        for ref in same - seen:
            if before[ref].certain:
                self.problem(f"{where}: {ref} is missing, which was there the whole time")
        # One that was deleted and stored again is another resource, with another `createdAt`; where it was not known
        # whether it is there, a delete may have been under way.
        for ref in _repeated(refs) & same:
            if len(before[ref].possible) == 1 or before[ref].certain:
                self.problem(f"{where}: {ref} came twice")
        for ref in seen - before.keys():
            self.problem(f"{where}: {ref} came, which is none of those asked for")
        # What is stored between a checkpoint and its scan, in a page that was begun, comes with the rest of that page.
        kept = [ref for ref in refs if ref in same and before[ref].certain]
        if ordered and kept != sorted(kept):
            self.problem(f"{where}: the refs are not in their order")

    def check_database(self, stored: Mapping[str, Mapping[str, Any]]) -> None:
        """Hold what is in the database at the end against the books."""
        for ref in stored.keys() - self.entries.keys():
            self.problem(f"the database: {ref} is there, which nobody has written")
        for ref, entry in self.entries.items():
            if entry.worker is None:
                if ref not in stored:
                    self.problem(f"the database: {ref} of the demo is gone")
            else:
                self.saw(ref, stored.get(ref), "the database")


def _repeated(refs: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    return {ref for ref in refs if ref in seen or seen.add(ref)}  # type: ignore[func-returns-value]


def _named(revision: Revision) -> str:
    return "not there" if revision is ABSENT else f"revision {revision}"


def _any_of(possible: Iterable[Revision]) -> str:
    return " or ".join(sorted(map(_named, possible)))
