"""Walking pages: the asynchronous loops around what `paging` decides.

The pages of a browse are a chain in which each one holds the next. Whoever holds the browse holds the beginning of the
chain, and with it every page read so far: it can be iterated again without a second request. A loop holds only where
it is. So `for page in endpoint.browse(...)`, which nobody can iterate again, runs in constant memory.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any, Self

import anyio

from sequoia.calls import Answer, Call, decoded
from sequoia.error import ClientError
from sequoia.linked import linked_call, linked_resources, linked_starts, warn_of_linked_errors
from sequoia.paging import Beginning, Chain
from sequoia.response import Resolver, Resource, Response
from sequoia.retry import Operation

__all__ = ["AsyncBrowsedPage", "AsyncLinkedPages", "AsyncPageBrowser", "AsyncWalk"]

Begin = Callable[[Operation], Awaitable[Beginning]]
Send = Callable[[Call, Operation], Awaitable[Answer]]


class AsyncWalk:
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
        self.fetching = anyio.Lock()
        self.warned: set[str] = set()
        self._begin = begin
        self._chain: Chain | None = None

    async def first_call(self) -> Call:
        """The call for the first page."""
        location, call, self.resolver = await self._begin(self.operation)
        self._chain = Chain(location)
        return call

    @property
    def chain(self) -> Chain:
        """The links of the main pages, once the first page is known."""
        assert self._chain is not None  # noqa: S101 - every page comes after the first call
        return self._chain


class AsyncPlace:
    """The place before a walk's first page; it knows what follows it."""

    __slots__ = ("_following", "_pending", "_walk")

    def __init__(self, walk: AsyncWalk) -> None:
        self._walk = walk
        self._pending: Call | None = None
        self._following: AsyncPage | None = None

    async def following(self) -> AsyncPage | None:
        """The next page, fetched if it is not there yet; None behind the last one. A page that failed can be had again.

        Raises:
            ClientError: The page cannot be had, or its link not be followed.
        """
        async with self._walk.fetching:
            if self._following is None:
                if self._pending is None:
                    self._pending = await self._next_call()
                if self._pending is None:
                    return None
                self._following = AsyncPage(self._walk, await self._walk.send(self._pending, self._walk.operation))
                self._pending = None
            return self._following

    async def _next_call(self) -> Call | None:
        return await self._walk.first_call()


class AsyncPage(AsyncPlace):
    """A page that has been read.

    Of its answer it keeps the bytes, and the decoded form only for as long as somebody else does: decoded resources
    take several times the room, and a walk that filled fresh memory with them ran at half the speed.
    """

    __slots__ = ("_alive", "_call", "_fresh", "_raw")

    def __init__(self, walk: AsyncWalk, answer: Answer) -> None:
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

    async def _next_call(self) -> Call | None:
        return self._walk.chain.next_call(self.answer)


class AsyncPageBrowser(Response):
    """A browse: an asynchronous iterable over its pages and, once it has been awaited, its first page.

    Args:
        walk: What the pages share.
        prefetch_pages: How many to fetch at once when it is awaited, at least one.
    """

    def __init__(self, walk: AsyncWalk, prefetch_pages: int) -> None:
        self._walk = walk
        self._start = AsyncPlace(walk)
        self._prefetch_pages = max(1, prefetch_pages)
        self._first_answer: Answer | None = None

    def __await__(self) -> Generator[Any, Any, Self]:
        return self._fetched().__await__()

    async def _fetched(self) -> Self:
        await self._prefetch()
        return self

    async def _prefetch(self) -> None:
        place: AsyncPlace | None = self._start
        for _ in range(self._prefetch_pages):
            page = await place.following() if place is not None else None
            if self._first_answer is None and page is not None:
                self._first_answer = page.answer
            place = page

    @property
    def _answer(self) -> Answer:
        if self._first_answer is None:
            raise ClientError("the browse has not been read yet: await it for its first page, or iterate over it")
        return self._first_answer

    @property
    def _resolver(self) -> Resolver | None:
        return self._walk.resolver

    def linked(self, name: str) -> AsyncLinkedPages:
        """The resources of an included relationship, page by page, of all pages."""
        return AsyncLinkedPages(self._walk, lambda: _Answers(self._start), lambda: self._answer, name)

    def __aiter__(self) -> AsyncIterator[AsyncBrowsedPage]:
        return _Pages(self._walk, _Answers(self._start))

    def __repr__(self) -> str:
        # A debugger that shows the browse must not send its first request.
        return super().__repr__() if self._first_answer is not None else f"<{type(self).__name__} not yet read>"


class AsyncBrowsedPage(Response):
    """One page of a browse."""

    def __init__(self, walk: AsyncWalk, answer: Answer) -> None:
        super().__init__(answer, walk.resolver)
        self._walk = walk

    def linked(self, name: str) -> AsyncLinkedPages:
        """The resources of an included relationship, page by page, of this page."""
        return AsyncLinkedPages(self._walk, lambda: _Single(self._answer), lambda: self._answer, name)


class AsyncLinkedPages:
    """The resources of one relationship: lists, one for each page of them.

    Args:
        walk: What the pages of the browse share.
        answers: Gets the main pages.
        first: Gets the first of them.
        name: Name of the relationship.
    """

    def __init__(
        self, walk: AsyncWalk, answers: Callable[[], AsyncIterator[Answer]], first: Callable[[], Answer], name: str
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

    def __aiter__(self) -> AsyncIterator[list[Resource]]:
        return _Linked(self._walk, self._answers(), self._name)

    def __repr__(self) -> str:
        return f"<AsyncLinkedPages {self._name}>"


class _Answers:
    """The answers behind a place. It holds no page but the one where it is, and no browse.

    Not a generator, because those are not cleared away in time when a task leaves its loop early.
    """

    def __init__(self, place: AsyncPlace) -> None:
        self._place: AsyncPlace | None = place

    def __aiter__(self) -> AsyncIterator[Answer]:
        return self

    async def __anext__(self) -> Answer:
        page = await self._place.following() if self._place is not None else None
        self._place = page
        if page is None:
            raise StopAsyncIteration
        return page.answer


class _Single:
    """One answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer: Answer | None = answer

    def __aiter__(self) -> AsyncIterator[Answer]:
        return self

    async def __anext__(self) -> Answer:
        answer, self._answer = self._answer, None
        if answer is None:
            raise StopAsyncIteration
        return answer


class _Pages:
    """The pages of a browse."""

    def __init__(self, walk: AsyncWalk, answers: AsyncIterator[Answer]) -> None:
        self._walk = walk
        self._answers = answers

    def __aiter__(self) -> AsyncIterator[AsyncBrowsedPage]:
        return self

    async def __anext__(self) -> AsyncBrowsedPage:
        return AsyncBrowsedPage(self._walk, await anext(self._answers))


class _Linked:
    """The pages of a relationship's resources: those that came with main pages, and those behind them."""

    def __init__(self, walk: AsyncWalk, answers: AsyncIterator[Answer], name: str) -> None:
        self._walk = walk
        self._answers = answers
        self._name = name
        self._operation = walk.operation.without_empty_rule()
        self._links: deque[tuple[str, Call]] = deque()
        self._chain: Chain | None = None
        self._following: Call | None = None
        self._last: Answer | None = None

    def __aiter__(self) -> AsyncIterator[list[Resource]]:
        return self

    async def __anext__(self) -> list[Resource]:
        while True:
            if (following := self._next_call()) is not None:
                self._following = following  # it can be had again if it fails now
                self._last = await self._walk.send(following, self._operation)
                self._following = None
                return Response(self._last).resources
            answer = await anext(self._answers)
            resources = linked_resources(answer, self._name)
            self._links.extend((link, answer.call) for link in linked_starts(answer, self._name))
            if resources:
                return resources

    def _next_call(self) -> Call | None:
        """The call for the next page behind a main page; the batches of parents come one after the other."""
        if self._last is not None and self._chain is not None:
            last, self._last = self._last, None
            self._following = self._chain.next_call(last)
        if self._following is None and self._links:
            self._chain = self._walk.chain.branch()
            self._following = linked_call(self._chain.follow(*self._links.popleft()))
        return self._following
