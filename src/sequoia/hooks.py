"""Event hooks: the caller's functions that see every request before it goes out, and every response when it is there.

They have the form of httpx2's: `event_hooks={"request": [log], "response": [count]}`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import httpx2

from sequoia.names import suggestion

__all__ = ["EventHooks", "Hooks"]

EventHooks = Mapping[str, Sequence[Callable[..., Any]]]


class Hooks(NamedTuple):
    """The functions of one client, in the order in which they are called.

    Attributes:
        request: Called with each `httpx2.Request`, which they may change; for an `AsyncClient`, awaited.
        response: Called with each `httpx2.Response`, whose body has been read.
    """

    request: tuple[Callable[[httpx2.Request], Any], ...] = ()
    response: tuple[Callable[[httpx2.Response], Any], ...] = ()

    @classmethod
    def of(cls, given: object, *, asynchronous: bool | None = None) -> Hooks:
        """Read the option `event_hooks`.

        Args:
            given: Its value.
            asynchronous: Whether they are those of an `AsyncClient`; None to leave that open.

        Raises:
            ValueError: It is no dict of lists of functions, or they are not of the client's kind.
        """
        if given is None:
            return cls()
        if not isinstance(given, Mapping):
            raise ValueError(f'event_hooks must be a dict such as {{"request": [function]}}, not {given!r:.200}')
        for name, functions in given.items():
            if name not in cls._fields:
                raise ValueError(f"event_hooks has {name!r}: {suggestion(str(name), cls._fields)}")
            if isinstance(functions, str | bytes) or not isinstance(functions, Sequence):
                raise ValueError(f"event_hooks[{name!r}] must be a list of functions, not {functions!r:.200}")
            for function in functions:
                _check(name, function, asynchronous)
        return cls(tuple(given.get("request", ())), tuple(given.get("response", ())))


def _check(name: str, function: object, asynchronous: bool | None) -> None:
    if not callable(function):
        raise ValueError(f"event_hooks[{name!r}] must be a list of functions: {function!r:.200} is none")
    # An object with a __call__ may be of either kind as well.
    is_one = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
    if asynchronous is None or is_one is asynchronous:
        return
    wanted = "asynchronous functions (async def)" if asynchronous else "functions that are not asynchronous"
    client = "AsyncClient" if asynchronous else "Client"
    raise ValueError(f"the event_hooks of {client} must be {wanted}, which {function!r:.200} is not")
