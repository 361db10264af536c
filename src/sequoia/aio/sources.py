"""The sources of bulk writes: any iterable, asynchronous or not."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, Self

from anyio.lowlevel import checkpoint

from sequoia.bulk import plain_source

__all__ = ["Source", "sourced"]

Source = AsyncIterable[Any] | Iterable[Any]
_END = object()
_TURN = 32  # resources


def sourced(resources: Source) -> AsyncIterator[Any]:
    """Iterate over the resources of a source; errors as in `sequoia.sources.sourced`."""
    plain_source(resources)
    if isinstance(resources, AsyncIterable):
        return aiter(resources)
    return _Iterated(iter(resources))


class _Iterated:
    """A plain iterator that is iterated over by `async for`, and lets other tasks have their turn now and then.

    Without that, all of the first batches would be filled before one of them is sent.
    """

    def __init__(self, iterator: Iterator[Any]) -> None:
        self._iterator = iterator
        self._number = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        self._number += 1
        if self._number % _TURN == 0:
            await checkpoint()
        found = next(self._iterator, _END)
        if found is _END:
            raise StopAsyncIteration
        return found
