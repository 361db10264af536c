"""What a page says about its linked resources: those that came with it, where the rest begins, and what failed.

The service makes a request of its own for every ten parents or so; each is an entry in `meta.linked.<relationship>`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sequoia.calls import Answer, Call, describe
from sequoia.error import CriteriaError, DecodeError, HttpError, http_error
from sequoia.names import json_key

__all__ = [
    "LinkedError",
    "linked_call",
    "linked_error",
    "linked_errors",
    "linked_resources",
    "linked_starts",
    "warn_of_linked_errors",
]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LinkedError:
    """A request for linked resources that the service made for a page, and that failed.

    Attributes:
        relationship: Name of the relationship.
        status_code: The status that the service got; 404 for a resource that has gone.
        message: What was wrong, where the service says so.
        request: The request, as the service wrote it down.
    """

    relationship: str
    status_code: int
    message: str
    request: str

    def __str__(self) -> str:
        return f"{self.relationship}: {self.status_code} {self.message} ({self.request})"


def linked_errors(answer: Answer) -> list[LinkedError]:
    """Every failure of a request for linked resources that a page tells of (`meta.linked.<relationship>[]`)."""
    return [
        LinkedError(name, status, str(entry.get("message") or entry.get("error") or ""), str(entry.get("request", "")))
        for name in _object(_object(_object(answer.data).get("meta")).get("linked"))
        for entry in _entries(answer, name)
        if (status := _failed(entry)) is not None
    ]


def warn_of_linked_errors(answer: Answer, told: set[str]) -> None:
    """Log a warning for each relationship that a page failed to get wholly.

    Args:
        answer: The page.
        told: The relationships of this operation that were warned of; extended.
    """
    for error in linked_errors(answer):
        if error.relationship not in told:
            told.add(error.relationship)
            _log.warning("%s: linked resources are missing: %s", answer.call.key, error)


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
        if not _object(answer.data).get(answer.key or ""):
            return []
        there = ", ".join(sorted(linked)) or "none"
        raise CriteriaError(f"{name!r} is not among the linked resources ({there}): include it in the criteria")
    if not isinstance(linked[name], list):
        raise DecodeError(f"the answer's linked {name!r} is not a list")
    return linked[name]  # type: ignore[no-any-return]


def linked_error(answer: Answer, name: str) -> HttpError | None:
    """What kept the service from getting the resources of a relationship; a resource that has gone (404) does not."""
    for entry in _entries(answer, name):
        status = _failed(entry)
        if status is not None and status != 404:
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
    links = dict.fromkeys(str(entry["continue"]) for entry in entries if entry.get("continue"))
    # Mostly a link was followed word for word, or there is none, and then nothing needs to be taken apart.
    followed = {str(entry.get("request")) for entry in entries}
    left = [link for link in links if link not in followed]
    made = {_question(entry.get("request")) for entry in entries} if left else set()
    return (link for link in left if _question(link) not in made)


def _entries(answer: Answer, name: str) -> list[dict[str, Any]]:
    """What `meta.linked` says of the sub-requests for a relationship."""
    entries = _object(_object(_object(answer.data).get("meta")).get("linked")).get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def linked_call(call: Call) -> Call:
    """`call`, a link of a sub-request, with the JSON key of the resource that its path names."""
    segment = urlsplit(call.url).path.rstrip("/").rpartition("/")[2]
    return Call("GET", call.url, headers=call.headers, key=json_key(segment))


def _failed(entry: dict[str, Any]) -> int | None:
    """The status of a request that failed, None for one that did not."""
    status = entry.get("statusCode")
    return status if isinstance(status, int) and status >= 400 else None


def _question(link: object) -> frozenset[tuple[str, str]]:
    """What a link asks, whatever the order of its parameters: a token alone may stand in two batches' links."""
    return frozenset(parse_qsl(str(link).partition("#")[0].partition("?")[2]))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
