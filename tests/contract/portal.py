"""An `AsyncClient` that looks like a `Client`: what it hands out to be awaited is awaited in another thread's loop."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import TracebackType
from typing import Any, Self

from anyio.from_thread import BlockingPortal

from sequoia import AsyncClient
from sequoia.aio.browsing import AsyncBrowsedPage, AsyncLinkedPages, AsyncPageBrowser
from sequoia.aio.changing import AsyncResourceChanges
from sequoia.aio.client import AsyncService
from sequoia.aio.endpoint import AsyncBusinessEndpoint, AsyncEndpoint, AsyncRouteEndpoint
from sequoia.aio.scanning import AsyncScan
from sequoia.error import ClientError

__all__ = ["Portal", "blocking"]

_SHELLS = (
    AsyncClient,
    AsyncService,
    AsyncEndpoint,
    AsyncBusinessEndpoint,
    AsyncRouteEndpoint,
    AsyncPageBrowser,
    AsyncBrowsedPage,
    AsyncLinkedPages,
    AsyncScan,
    AsyncResourceChanges,
)


def blocking(portal: BlockingPortal, registry_url: str, **options: Any) -> Any:
    """A connected client; errors as those of `Client(...)`."""
    client = AsyncClient(registry_url, **options)
    portal.call(client.__aenter__)
    return Portal(portal, client)


class Portal:
    """An asynchronous object, used from synchronous code."""

    def __init__(self, portal: BlockingPortal, target: Any) -> None:
        object.__setattr__(self, "_portal", portal)
        object.__setattr__(self, "_target", target)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._shown(getattr(self._target, name))
        except ClientError as error:
            if not (isinstance(self._target, AsyncPageBrowser) and "not been read yet" in str(error)):
                raise
        self._wait(self._target)  # a browse that fetched nothing ahead
        return self._shown(getattr(self._target, name))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._target, name, value)

    def __getitem__(self, name: Any) -> Any:
        return self._shown(self._target[name])

    def __iter__(self) -> Iterator[Any]:
        return _walk(self._portal, self._target.__aiter__())

    def __dir__(self) -> list[str]:
        return dir(self._target)

    def __repr__(self) -> str:
        return repr(self._target)

    def __reduce__(self) -> Any:
        return self._target.__reduce__()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._portal.call(self._target.__aexit__, kind, error, traceback)

    def _shown(self, value: Any) -> Any:
        if inspect.iscoroutine(value):
            return self._shown(self._wait(value))
        if inspect.ismethod(value) and isinstance(value.__self__, _SHELLS):
            return self._calling(value)
        return _shown(self._portal, value)

    def _calling(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            made = method(*args, **options)
            if isinstance(made, AsyncPageBrowser):
                given = inspect.signature(method).bind(*args, **options).arguments
                if given.get("prefetch_pages", 1):
                    self._wait(made)
            return self._shown(made)

        return call

    def _wait(self, value: Awaitable[Any]) -> Any:
        async def waited() -> Any:
            return await value

        return self._portal.call(waited)


def _shown(portal: BlockingPortal, value: Any) -> Any:
    return Portal(portal, value) if isinstance(value, _SHELLS) else value


def _walk(portal: BlockingPortal, found: AsyncIterator[Any]) -> Iterator[Any]:
    # A function, because a method would hold the browse, and with it every page.
    while True:
        try:
            one = portal.call(anext, found)
        except StopAsyncIteration:
            return
        yield _shown(portal, one)
        del one
