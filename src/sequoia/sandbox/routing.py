"""Fixed paths and their handlers: which part of a service answers a request that is not for its data."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from sequoia.sandbox.wire import Reply, Request, WireError

__all__ = ["Handler", "Route", "dispatch", "split_path"]

Handler = Callable[[Request, tuple[str, ...]], Reply]
"""Answers a request; the decoded values of the wildcards of its route are the second argument."""


_WILDCARD = re.compile(r"\{\w+\??\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path of a service.

    Attributes:
        method: In upper case; GET stands for HEAD as well.
        path: Without a trailing slash; a name in braces, such as `{owner}`, stands for any text that is not empty, one
            with a question mark for an optional segment, one with a star for all segments that follow.
        handler: What answers it.
        anonymous: Whether it answers without a bearer token.
    """

    method: str
    path: str
    handler: Handler
    anonymous: bool = True

    def match(self, segments: Sequence[str]) -> tuple[str, ...] | None:
        """The values of the wildcards when the path fits, else `None`."""
        pattern = list(split_path(self.path))
        if pattern and pattern[-1].endswith("*}"):
            pattern[-1:] = ["{rest}"] * (len(segments) - len(pattern) + 1)
        elif pattern and pattern[-1].endswith("?}") and len(segments) < len(pattern):
            pattern.pop()
        if len(pattern) != len(segments):
            return None
        values: list[str] = []
        for wanted, given in zip(pattern, segments, strict=True):
            found = re.fullmatch("(.+)".join(map(re.escape, _WILDCARD.split(wanted))), given, re.DOTALL)
            if found is None:
                return None
            values += found.groups()
        return tuple(values)


def split_path(path: str) -> tuple[str, ...]:
    """The decoded segments of a path as received; one trailing slash makes no difference.

    Decoding comes after splitting, so that an encoded slash stays inside its segment.
    """
    return tuple(unquote(segment) for segment in path.removesuffix("/").split("/")[1:])


def dispatch(routes: Sequence[Route], request: Request) -> tuple[Route, tuple[str, ...]]:
    """Find the route of `request` and the values of its wildcards.

    Raises:
        WireError: 404 for an unknown path, 405 for a path that knows other methods only.
    """
    segments = split_path(request.path)
    fitting = [(route, values) for route in routes if (values := route.match(segments)) is not None]
    if not fitting:
        raise WireError(404, "Not Found")
    for route, values in fitting:
        if route.method == request.method:
            return route, values
    allowed = ", ".join(sorted({route.method for route, _ in fitting}))
    raise WireError(405, f"{request.method} is not allowed here", headers={"allow": allowed})
