"""Walking pages: the synchronous loops around what `paging` decides.

The pages of a browse are a chain in which each one holds the next. Whoever holds the browse holds the beginning of the
chain, and with it every page read so far: it can be iterated again without a second request. A loop holds only where
it is. So `for page in endpoint.browse(...)`, which nobody can iterate again, runs in constant memory.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator

from sequoia.calls import Answer, Call, decoded
from sequoia.linked import linked_call, linked_resources, linked_starts, warn_of_linked_errors
from sequoia.paging import Beginning, Chain
from sequoia.response import Resolver, Resource, Response
from sequoia.retry import Operation

__all__ = ["BrowsedPage", "LinkedPages", "PageBrowser", "Walk"]

Begin = Callable[[Operation], Beginning]
Send = Callable[[Call, Operation], Answer]


class Walk:
    """What the pages of one browse share, and the lock under which each is fetched once.

    Args:
        begin: Finds out what the first request needs.
        send: Sends a call.
        operation: The browse's correlation id and retry policy.
    """

    def __init__(self, begin: Begin, send: Send, operation: Operation) -> None:
        self.send = send
        self.operation = operation
        self.resolver: Resolver | None = None
        self.fetching = threading.Lock()
        self.warned: set[str] = set()
        self._begin = begin
        self._chain: Chain | None = None

    def first_call(self) -> Call:
        """The call for the first page."""
        location, call, self.resolver = self._begin(self.operation)
        self._chain = Chain(location)
        return call

    @property
    def chain(self) -> Chain:
        """The links of the main pages, once the first page is known."""
        assert self._chain is not None  # noqa: S101 - every page comes after the first call
        return self._chain


class Place:
    """The place before a walk's first page; it knows what follows it."""

    __slots__ = ("_following", "_pending", "_walk")

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._pending: Call | None = None
        self._following: Page | None = None

    def following(self) -> Page | None:
        """The next page, fetched if it is not there yet; None behind the last one. A page that failed can be had again.

        Raises:
            ClientError: The page cannot be had, or its link not be followed.
        """
        with self._walk.fetching:
            if self._following is None:
                if self._pending is None:
                    self._pending = self._next_call()
                if self._pending is None:
                    return None
                self._following = Page(self._walk, self._walk.send(self._pending, self._walk.operation))
                self._pending = None
            return self._following

    def _next_call(self) -> Call | None:
        return self._walk.first_call()


class Page(Place):
    """A page that has been read.

    Of its answer it keeps the bytes, and the decoded form only for as long as somebody else does: decoded resources
    take several times the room, and a walk that filled fresh memory with them ran at half the speed.
    """

    __slots__ = ("_alive", "_call", "_fresh", "_raw")

    def __init__(self, walk: Walk, answer: Answer) -> None:
        super().__init__(walk)
        warn_of_linked_errors(answer, walk.warned)
        self._call = answer.call
        self._raw = answer.raw
        self._alive = weakref.ref(answer)
        self._fresh: Answer | None = answer

    @property
    def answer(self) -> Answer:
        """The page's answer: the very one that somebody holds, or the same decoded again."""
        answer, self._fresh = self._fresh or self._alive(), None
        if answer is None:
            answer = decoded(self._call, self._raw)
            self._alive = weakref.ref(answer)
        return answer

    def _next_call(self) -> Call | None:
        return self._walk.chain.next_call(self.answer)


class PageBrowser(Response):
    """A browse: its first page, and an iterable over all of them.

    Args:
        walk: What the pages share.
        prefetch_pages: How many to fetch at once; with 0 the first one comes when it is first needed.
    """

    def __init__(self, walk: Walk, prefetch_pages: int) -> None:
        self._walk = walk
        self._start = Place(walk)
        self._prefetch_pages = prefetch_pages
        self._first_answer: Answer | None = None
        self._prefetch()

    def _prefetch(self) -> None:
        place: Place | None = self._start
        for _ in range(self._prefetch_pages):
            place = place.following() if place is not None else None
            self._first_answer = self._first_answer or self._answer

    @property
    def _answer(self) -> Answer:
        if self._first_answer is None:
            page = self._start.following()
            assert page is not None  # noqa: S101 - the call for the first page is there
            self._first_answer = page.answer
        return self._first_answer

    @property
    def _resolver(self) -> Resolver | None:
        return self._walk.resolver

    def linked(self, name: str) -> LinkedPages:
        """The resources of an included relationship, page by page, of all pages."""
        return LinkedPages(self._walk, lambda: _answers(self._start), lambda: self._answer, name)

    def __iter__(self) -> Iterator[BrowsedPage]:
        return _pages(self._walk, self._start)

    def __repr__(self) -> str:
        # A debugger that shows the browse must not send its first request.
        return super().__repr__() if self._first_answer is not None else f"<{type(self).__name__} not yet read>"


class BrowsedPage(Response):
    """One page of a browse."""

    def __init__(self, walk: Walk, answer: Answer) -> None:
        super().__init__(answer, walk.resolver)
        self._walk = walk

    def linked(self, name: str) -> LinkedPages:
        """The resources of an included relationship, page by page, of this page."""
        return LinkedPages(self._walk, lambda: _only(self._answer), lambda: self._answer, name)


class LinkedPages:
    """The resources of one relationship: lists, one for each page of them.

    Args:
        walk: What the pages of the browse share.
        answers: Gets the main pages.
        first: Gets the first of them.
        name: Name of the relationship.
    """

    def __init__(
        self, walk: Walk, answers: Callable[[], Iterator[Answer]], first: Callable[[], Answer], name: str
    ) -> None:
        self._walk = walk
        self._answers = answers
        self._first = first
        self._name = name

    @property
    def resources(self) -> list[Resource]:
        """The linked resources that came with the first page.

        Raises:
            CriteriaError: The relationship was not included.
        """
        return linked_resources(self._first(), self._name)

    def __iter__(self) -> Iterator[list[Resource]]:
        return _linked(self._walk, self._answers(), self._name)

    def __repr__(self) -> str:
        return f"<LinkedPages {self._name}>"


def _pages(walk: Walk, start: Place) -> Iterator[BrowsedPage]:
    return (BrowsedPage(walk, answer) for answer in _answers(start))


def _only(answer: Answer) -> Iterator[Answer]:
    yield answer


def _answers(place: Place | None) -> Iterator[Answer]:
    """The answers behind a place. The loop holds no page but the one where it is, and no browse."""
    while place is not None and (place := place.following()) is not None:
        yield place.answer


def _linked(walk: Walk, answers: Iterator[Answer], name: str) -> Iterator[list[Resource]]:
    for answer in answers:
        if resources := linked_resources(answer, name):
            yield resources
        for link in linked_starts(answer, name):
            yield from _rest(walk, link, answer.call)


def _rest(walk: Walk, link: str, call: Call) -> Iterator[list[Resource]]:
    """The linked pages behind those that came with the main page, for one batch of parents."""
    operation = walk.operation.without_empty_rule()
    chain = walk.chain.branch()
    following: Call | None = linked_call(chain.follow(link, call))
    while following is not None:
        answer = walk.send(following, operation)
        yield Response(answer).resources
        following = chain.next_call(answer)
