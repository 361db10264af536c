"""Which page comes next, decided from the page that is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sequoia.calls import Answer, Call, describe
from sequoia.error import CriteriaError, DecodeError, HttpError, PaginationLoopError, http_error
from sequoia.names import json_key
from sequoia.urls import query_value, resolve_link

__all__ = ["Chain", "linked_call", "linked_error", "linked_resources", "linked_starts"]


class Chain:
    """One walk along `next` or `continue` links, which never goes round in a circle.

    Args:
        location: Where the service is; links are followed on it, and nowhere else.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        # Hashes, not links: what is remembered of a page read is eight bytes.
        self._seen: set[int] = set()

    def next_call(self, answer: Answer) -> Call | None:
        """The call for the page after `answer`, or None behind the last one.

        Raises:
            DecodeError: The answer has no `meta`, so nobody can know whether there is more.
            UnsafeLinkError: The link leads to another origin.
            PaginationLoopError: The link, or its token, was followed before.
        """
        link = _next_link(answer)
        if link is None:
            return None
        self._seen.add(_mark(answer.call.url))  # the first page was not reached by a link
        return self.follow(link, answer.call)

    def follow(self, link: object, call: Call) -> Call:
        """The call for a page link that `call` was answered with; errors as `next_call`."""
        url = resolve_link(self._location, link)
        mark = _mark(url)
        if mark in self._seen:
            raise PaginationLoopError(f"the answer leads back to a page that was read before: {link}", None, str(link))
        self._seen.add(mark)
        return Call("GET", url, headers=call.headers, key=call.key, includes=call.includes)


def linked_resources(answer: Answer, name: str) -> list[dict[str, Any]]:
    """The resources of the relationship `name` that came with a page.

    Raises:
        CriteriaError: The page has resources, but the relationship was not included.
        HttpError: The service could not get them: the status stands in `meta.linked`, the page itself is a success.
            A 404 there means that a resource has gone, and is no error.
        DecodeError: What is under its name is no list.
    """
    error = linked_error(answer, name)
    if error is not None:
        raise error
    linked = _object(_object(answer.data).get("linked"))
    if name not in linked:
        if not _object(answer.data).get(answer.call.key or ""):
            return []
        there = ", ".join(sorted(linked)) or "none"
        raise CriteriaError(f"{name!r} is not among the linked resources ({there}): include it in the criteria")
    if not isinstance(linked[name], list):
        raise DecodeError(f"the answer's linked {name!r} is not a list")
    return linked[name]  # type: ignore[no-any-return]


def linked_error(answer: Answer, name: str) -> HttpError | None:
    """What kept the service from getting the resources of a relationship; a resource that has gone (404) does not."""
    for entry in _entries(answer, name):
        status = entry.get("statusCode")
        if isinstance(status, int) and status >= 400 and status != 404:
            error = http_error(status, entry)
            error.headers = dict(answer.raw.headers)
            describe(error, answer.call, "")
            return error
    return None


def linked_starts(answer: Answer, name: str) -> Iterator[str]:
    """The links with which the rest of a relationship's resources begins, one for each unfinished batch of parents.

    Every sub-request that the server made is an entry in `meta.linked`; a batch goes on where an entry's `continue`
    is not the `request` of another one.
    """
    entries = _entries(answer, name)
    made = {_question(entry.get("request")) for entry in entries}
    links = dict.fromkeys(str(entry["continue"]) for entry in entries if entry.get("continue"))
    return (link for link in links if _question(link) not in made)


def _entries(answer: Answer, name: str) -> list[dict[str, Any]]:
    """What `meta.linked` says of the sub-requests for a relationship."""
    entries = _object(_object(_object(answer.data).get("meta")).get("linked")).get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def linked_call(call: Call) -> Call:
    """`call`, a link of a sub-request, with the JSON key of the resource that its path names."""
    segment = urlsplit(call.url).path.rstrip("/").rpartition("/")[2]
    return Call("GET", call.url, headers=call.headers, key=json_key(segment))


def _mark(url: str) -> int:
    """What tells a page from the others: its token or, where pages are numbered, its URL."""
    token = query_value(url, "continue")
    return hash(url if token in (None, "true") else token)


def _question(link: object) -> frozenset[tuple[str, str]]:
    """What a link asks, whatever the order of its parameters: a token alone may stand in two batches' links."""
    return frozenset(parse_qsl(urlsplit(str(link)).query))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _next_link(answer: Answer) -> object | None:
    if answer.raw.status_code == 204:
        return None
    meta = answer.data.get("meta") if isinstance(answer.data, dict) else None
    if not isinstance(meta, dict):
        raise DecodeError(f"the page at {answer.call.url} has no meta: it may not be the last one")
    return meta.get("next") or meta.get("continue") or None
