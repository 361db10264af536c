"""What of a scan was handed out, and what comes next: the state that a checkpoint is made of.

Pages arrive here in the order of each partition, are made batches, and these are iterated. A batch is a page or, for an
ordered scan, what of several pages is certain to come next. How far a batch has been handed out is asked of its
iterator only when somebody wants to know, so that nothing is counted for each resource.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import length_hint
from typing import Generic, TypeVar

from sequoia.checkpoint import Saved
from sequoia.error import DecodeError
from sequoia.progress import Meter

__all__ = ["Arrived", "Ledger", "Part"]

T = TypeVar("T")
Refs = Callable[[bytes], list[str] | None]


class Part:
    """A partition.

    Args:
        saved: Where it stands.

    Attributes:
        created: Its `withCreatedAt`; None for everything.
        link: The page to hand out next, or that is being handed out; None for the first one.
    """

    def __init__(self, saved: Saved) -> None:
        self.created = saved.created
        self.link = saved.link
        # What was handed out before a resumption and has not come up again: resources stored meanwhile may have
        # pushed it on to a later page than the one that it was on.
        self.handed = set(saved.handed)
        self.number = saved.number


class Arrived(Generic[T]):
    """A page of a partition.

    Args:
        part: The partition.
        items: The resources.
        body: The bytes that they came in.
        link: The link that led here; None for the first page.
        following: The link to the next page; None at the end.
    """

    def __init__(self, part: Part, items: list[T], body: bytes, link: str | None, following: str | None) -> None:
        self.part = part
        self.items = items
        self.body = body
        self.link = link
        self.following = following
        self.dropped: list[str] = []  # refs that came up, and were handed out before
        self.skipped = 0  # resources without a ref that were
        self.taken = 0  # resources of batches that are through


class Ledger(Generic[T]):
    """The books of one scan; for one thread at a time.

    Args:
        parts: The partitions; None as long as nobody has found them.
        refs: Reads the refs out of the bytes of a page.
        meter: Counts, and tells the caller.
        ordered: Whether partitions are merged in the order of refs.
    """

    def __init__(self, parts: list[Part] | None, refs: Refs, meter: Meter, *, ordered: bool) -> None:
        self.meter = meter
        self._parts = parts
        self._refs = refs
        self._ordered = ordered
        self._pages: dict[Part, Arrived[T]] = {}
        self._batch: Iterator[T] = iter(())
        self._owners: list[Arrived[T]] = []  # the page of each resource of the batch

    @property
    def parts(self) -> list[Part] | None:
        """The partitions that are not finished; None as long as nobody has found them."""
        return self._parts

    def begin(self, parts: list[Part]) -> None:
        """Note which partitions there are."""
        self._parts = parts

    @property
    def ahead(self) -> list[tuple[Part, str | None]]:
        """What is still to be fetched: each partition with the link to go on from, None for its beginning."""
        found: list[tuple[Part, str | None]] = []
        for part in self._parts or []:
            page = self._pages.get(part)
            if page is None:
                found.append((part, part.link))
            elif page.following is not None:
                found.append((part, page.following))
        return found

    @property
    def waiting(self) -> list[Part]:
        """The partitions whose next page must come before anything more can be handed out."""
        parts = self._parts or []
        return [part for part in parts if part not in self._pages]

    def add(self, page: Arrived[T]) -> None:
        """Take the next page of a partition."""
        if page.part.handed or page.part.number:
            self._drop(page)
        self._pages[page.part] = page

    def turned(self) -> Iterator[T]:
        """What is to be handed out now: what is left of the batch, else a new one; empty when pages are needed.

        Raises:
            Exception: What the caller's progress callback raises.
            DecodeError: A resource of an ordered scan has no ref.
        """
        if length_hint(self._batch):
            return self._batch
        finished = self._close()
        if self._pages and not (self._ordered and self.waiting):
            self._open()
        if finished:
            self.meter.add(*finished)
        return self._batch

    def saved(self) -> tuple[int, list[Saved] | None]:
        """How many resources were handed out, and where each unfinished partition stands."""
        handed = self._owners[: len(self._owners) - length_hint(self._batch)]
        done = self.meter.done + len(handed)
        if self._parts is None:
            return done, None
        standing = (self._standing(part, handed) for part in self._parts)
        return done, [one for one in standing if one is not None]

    def _standing(self, part: Part, handed: list[Arrived[T]]) -> Saved | None:
        page = self._pages.get(part)
        if page is None:
            return Saved(part.created, part.link, sorted(part.handed), part.number)
        taken = page.taken + handed.count(page)
        if taken == len(page.items):
            if page.following is None:
                return None
            return Saved(part.created, page.following, sorted(part.handed), part.number)
        refs = self._kept(page)
        if refs is None:
            return Saved(part.created, page.link, sorted(part.handed), page.skipped + taken)
        return Saved(part.created, page.link, sorted({*part.handed, *page.dropped, *refs[:taken]}))

    def _kept(self, page: Arrived[T]) -> list[str] | None:
        """The refs of the resources of a page without those that were handed out before."""
        refs = self._refs(page.body)
        if refs is None or not page.dropped:
            return refs
        dropped = set(page.dropped)
        return [ref for ref in refs if ref not in dropped]

    def _drop(self, page: Arrived[T]) -> None:
        """Leave out what was handed out before a resumption."""
        part, refs = page.part, self._refs(page.body)
        if refs is None or part.number:
            page.skipped = min(part.number, len(page.items))
            part.number -= page.skipped
            del page.items[: page.skipped]
            return
        page.dropped = [ref for ref in refs if ref in part.handed]
        page.items = [item for item, ref in zip(page.items, refs, strict=True) if ref not in part.handed]
        part.handed.difference_update(page.dropped)

    def _open(self) -> None:
        if not self._ordered:
            page = next(iter(self._pages.values()))
            self._owners = [page] * len(page.items)
            self._batch = iter(page.items)
            return
        found = [(self._ordered_refs(page), page) for page in self._pages.values()]
        # No partition can come up with a lesser ref than the last of its page, unless that page is its last one.
        bound = min((refs[-1] for refs, page in found if page.following is not None and refs), default=None)
        merged = sorted(
            (
                (ref, index, page)
                for refs, page in found
                for index, ref in enumerate(refs[page.taken :], page.taken)
                if bound is None or ref <= bound
            ),
            key=lambda one: one[0],
        )
        self._owners = [page for _, _, page in merged]
        self._batch = iter([page.items[index] for _, index, page in merged])

    def _ordered_refs(self, page: Arrived[T]) -> list[str]:
        refs = self._kept(page)
        if refs is None:
            raise DecodeError("a resource of an ordered scan has no ref")
        if refs != sorted(refs):
            raise DecodeError("the service does not give resources in the order of their refs: scan without ordered")
        return refs

    def _close(self) -> tuple[int, int] | None:
        """Book the batch that is through; how many resources, and the bytes of the pages that ended with it."""
        done, size = len(self._owners), 0
        for page in self._owners:
            page.taken += 1
        self._owners = []
        self._batch = iter(())
        through = [page for page in self._pages.values() if page.taken == len(page.items)]
        for page in through:
            size += len(page.body)
            del self._pages[page.part]
            page.part.link = page.following
            if page.following is None and self._parts is not None:
                self._parts.remove(page.part)
        return (done, size) if through else ((done, 0) if done else None)
