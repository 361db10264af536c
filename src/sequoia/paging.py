"""Which page comes next, decided from the page that is there."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_plus

from sequoia.calls import Answer, Call
from sequoia.error import DecodeError, PaginationLoopError
from sequoia.response import Resolver
from sequoia.urls import resolve_link

__all__ = ["Beginning", "Chain"]

_TOKEN = re.compile(r"[?&]continue=([^&#]*)")
_ENCODED = re.compile(r"[%+]")


class Beginning(NamedTuple):
    """What a browse knows just before its first request.

    Attributes:
        location: Where the service is; links are followed on it.
        call: The call for the first page.
        resolver: Attaches included resources to their parents, for `.model`.
    """

    location: str
    call: Call
    resolver: Resolver | None


class Chain:
    """One walk along `next` or `continue` links, which never goes round in a circle.

    Args:
        location: Where the service is; links are followed on it, and nowhere else.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        # Hashes, not links: what is remembered of a page read is eight bytes.
        self._seen: set[int] = set()
        self._followed: str | None = None

    def branch(self) -> Chain:
        """A walk of its own on the same service."""
        return Chain(self._location)

    def next_call(self, answer: Answer) -> Call | None:
        """The call for the page after `answer`, or None behind the last one.

        Raises:
            DecodeError: The answer has no `meta`, so nobody can know whether there is more.
            UnsafeLinkError: The link leads to another origin.
            PaginationLoopError: The link, or its token, was followed before.
        """
        link = _next_link(answer)
        return None if link is None else self.after(answer.call, link)

    def after(self, call: Call, link: object) -> Call:
        """The call for the page that `link` leads to, from the page that `call` asked for; errors as `next_call`."""
        if call.url != self._followed:
            self._seen.add(_mark(call.url))  # the first page was not reached by a link
        return self.follow(link, call)

    def follow(self, link: object, call: Call) -> Call:
        """The call for a page link that `call` was answered with; errors as `next_call`."""
        url = resolve_link(self._location, link)
        mark = _mark(url)
        if mark in self._seen:
            message = f"the answer leads back to a page that was read before: {link!r:.200}"
            raise PaginationLoopError(message, None, str(link))
        self._seen.add(mark)
        self._followed = url
        return Call("GET", url, headers=call.headers, key=call.key, includes=call.includes, expects=call.expects)


def _mark(url: str) -> int:
    """What tells a page from the others: its token or, where pages are numbered, its URL."""
    found = _TOKEN.search(url)
    if found is None or found[1] == "true":
        return hash(url)
    # A token may be spelled in two ways; most have nothing to decode, and a scan comes by here with every page.
    return hash(unquote_plus(found[1]) if _ENCODED.search(found[1]) else found[1])


def _next_link(answer: Answer) -> object | None:
    if answer.raw.status_code == 204:
        return None
    meta = answer.data.get("meta") if isinstance(answer.data, dict) else None
    if not isinstance(meta, dict):
        raise DecodeError(f"the page at {answer.call.url} has no meta: it may not be the last one")
    return meta.get("next") or meta.get("continue") or None
