"""The sources of bulk writes: any iterable, asynchronous or not."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, Self

from sequoia.bulk import plain_source

__all__ = ["Source", "sourced"]

Source = AsyncIterable[Any] | Iterable[Any]
_END = object()


def sourced(resources: Source) -> AsyncIterator[Any]:
    """Iterate over the resources of a source; errors as in `sequoia.sources.sourced`."""
    plain_source(resources)
    if isinstance(resources, AsyncIterable):
        return aiter(resources)
    return _Iterated(iter(resources))


class _Iterated:
    """A plain iterator that is iterated over by `async for`."""

    def __init__(self, iterator: Iterator[Any]) -> None:
        self._iterator = iterator

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        found = next(self._iterator, _END)
        if found is _END:
            raise StopAsyncIteration
        return found
