"""Faults as data: what a test wants to go wrong, and for which requests.

A `Fault` is a frozen value that says what happens; `Faults` is the list of those that are armed, and counts which
request each of them is for. Neither does any I/O: the application asks for the fault of a request and carries it out.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http import HTTPStatus
from itertools import count
from typing import Literal
from urllib.parse import unquote

import msgspec

from sequoia.sandbox.wire import Reply, Request, WireError, invalid_token, json_reply, other_version

__all__ = ["ArmedFault", "Fault", "Faults", "emptied"]

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})
_BODILESS = frozenset({204, 304})
# Clients know these refusals by more than the status.
_WORDED: Mapping[int, Callable[[], WireError]] = {401: invalid_token, 412: other_version}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, for which requests, and how often.

    `delay`, `empty`, `headers` and `drop="body"` change the normal answer; `status`, `body`, `drop="before"` and
    `token` replace it, so that the request has no effect on the data. CORS preflights and the admin endpoint never
    meet a fault.

    Args:
        status: Answer with this HTTP status, 200 to 599; 200 when only `body` is given.
        delay: Seconds to wait before the answer; other requests are not held up.
        drop: `before` closes the connection without a byte of the answer, and nothing is done; `body` does what is
            asked, sends the head and half of the body, then closes: a success whose answer is lost. Of an answer
            without a body nothing is sent. With `status` or `body`, half of that answer is sent, and nothing is done.
        body: The body of the answer; without one an error has the platform's general shape, and 401 and 412 its words.
        content_type: The media type of `body`.
        headers: Extra headers of the answer, such as `Retry-After`.
        empty: The answer to a browse or a read succeeds without any resource, as an eventually consistent store may
            answer just after a write. Concerns only a GET below `/data/`.
        token: `expired` answers 401 and forgets the token. Concerns only requests that carry a bearer token.
        service: Name of the service concerned; `None` for every service.
        method: HTTP method concerned; `None` for every method.
        path: Shell-style pattern of the decoded path, such as `/data/contents*`; `None` for every path.
        times: Number of requests that meet the fault; `None` for all of them.
        skip: Number of matching requests that pass unharmed before the first one that does not.

    Raises:
        ValueError: For a fault that makes no sense; the message says why.
    """

    status: int | None = None
    delay: float = 0.0
    drop: Literal["before", "body"] | None = None
    body: bytes | None = None
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    empty: bool = False
    token: Literal["expired"] | None = None
    service: str | None = None
    method: str | None = None
    path: str | None = None
    times: int | None = 1
    skip: int = 0

    def __post_init__(self) -> None:
        """Refuse nonsense here, where the test's author sees it, and not as an odd answer later."""
        for nonsense, reason in self._objections():
            if nonsense:
                raise ValueError(f"not a usable fault: {reason}")
        object.__setattr__(self, "headers", dict(self.headers))

    def _objections(self) -> tuple[tuple[bool, str], ...]:
        replaces = self.status is not None or self.body is not None
        acts = replaces or self.delay or self.drop or self.empty or self.token or self.headers
        headers = {"content-type": self.content_type, **self.headers}
        return (
            (not acts, "it does nothing; give a status, delay, drop, body, headers, empty or token"),
            (self.status is not None and not 200 <= self.status <= 599, f"status {self.status} is not from 200 to 599"),
            (not (math.isfinite(self.delay) and self.delay >= 0), f"a delay of {self.delay} seconds"),
            (self.drop not in {None, "before", "body"}, f"drop is 'before' or 'body', not {self.drop!r}"),
            (self.token not in {None, "expired"}, f"token is 'expired', not {self.token!r}"),
            (self.drop == "before" and (replaces or bool(self.headers)), "no answer is sent, so none can be described"),
            (self.status in _BODILESS and (self.body is not None or self.drop == "body"), f"{self.status} has no body"),
            (
                self.drop == "body" and self.body is not None and len(self.body) < 2,
                "a body to cut needs 2 bytes or more",
            ),
            (
                [bool(self.drop) or replaces, self.empty, bool(self.token)].count(True) > 1,
                "its effects exclude each other",
            ),
            (self.times is not None and self.times < 1, f"times is 1 or more, or None for always, not {self.times}"),
            (self.skip < 0, f"skip is 0 or more, not {self.skip}"),
            (self.path is not None and not self.path.startswith(("/", "*")), f"no path can match {self.path!r}"),
            (
                not all(_HEADER_NAME.fullmatch(name) for name in headers),
                "a header name has a character that HTTP forbids",
            ),
            (
                not all(map(_HEADER_VALUE.fullmatch, headers.values())),
                "a header value has a character that HTTP forbids",
            ),
            (any(name.lower() in _FRAMING for name in headers), "the server frames its answers itself"),
        )

    def concerns(self, service: str, request: Request) -> bool:
        """Whether this fault is meant for `request`, leaving `times` and `skip` aside."""
        path = unquote(request.path)
        return (
            (self.service is None or self.service == service)
            and (self.method is None or self.method.upper() == request.method)
            and (self.path is None or fnmatchcase(path, self.path))
            and (not self.empty or (request.method == "GET" and path.startswith("/data/")))
            and (self.token is None or request.headers.get("authorization", "")[:7].lower() == "bearer ")
        )

    @property
    def replaces(self) -> bool:
        """Whether `reply` stands in for the normal answer."""
        return self.status is not None or self.body is not None

    def reply(self) -> Reply:
        """The answer that this fault gives instead of the normal one."""
        status = self.status or 200
        if status in _BODILESS:
            return Reply(status)
        if self.body is not None:
            return Reply(status, self.body, {"content-type": self.content_type})
        if status in _WORDED:
            return _WORDED[status]().reply()
        return json_reply(
            status, {"statusCode": status, "error": _phrase(status), "message": "forced by a fault of the sandbox"}
        )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def emptied(reply: Reply) -> Reply:
    """`reply` as a store that has not caught up gives it: no resource, nothing linked, no link to follow.

    An answer that is no success is returned as it is.
    """
    if reply.status != 200:
        return reply
    content = msgspec.json.decode(reply.body, type=dict[str, object])
    meta, linked = content.get("meta"), content.get("linked")
    empty: dict[str, object] = {key: [] for key in content if key not in {"meta", "linked"}}
    if isinstance(meta, dict):
        kept = {key: value for key, value in meta.items() if key in {"perPage", "page", "first"}}
        counts: dict[str, object] = {"totalCount": 0, "facetCount": {}}
        empty["meta"] = kept | {key: value for key, value in counts.items() if key in meta}
    if isinstance(linked, dict):
        empty["linked"] = {relationship: [] for relationship in linked}
    return json_reply(200, empty, reply.headers)


@dataclass(slots=True)
class ArmedFault:
    """A fault in the list: its handle and how many requests have come by.

    Attributes:
        handle: What `Faults.remove` takes.
        fault: The fault itself.
        seen: Number of requests that it concerned so far, the skipped ones included.
    """

    handle: int
    fault: Fault
    seen: int = 0

    @property
    def exhausted(self) -> bool:
        """Whether every request that it was for has come."""
        return self.fault.times is not None and self.seen >= self.fault.skip + self.fault.times


class Faults:
    """The armed faults of one sandbox, in the order in which they were added; usable from any thread."""

    def __init__(self) -> None:
        self._armed: list[ArmedFault] = []
        self._handles = count(1)
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> int:
        """Arm `fault`, after those that are armed already, and return the handle that `remove` takes."""
        with self._lock:
            handle = next(self._handles)
            self._armed.append(ArmedFault(handle, fault))
            return handle

    def remove(self, handle: int) -> bool:
        """Disarm one fault; `False` when it is gone already, removed or used up."""
        with self._lock:
            before = len(self._armed)
            self._armed = [armed for armed in self._armed if armed.handle != handle]
            return len(self._armed) < before

    def clear(self) -> None:
        """Disarm all faults."""
        with self._lock:
            self._armed = []

    def armed(self) -> list[ArmedFault]:
        """A copy of the list as it is now."""
        with self._lock:
            return [ArmedFault(armed.handle, armed.fault, armed.seen) for armed in self._armed]

    def take(self, service: str, request: Request) -> Fault | None:
        """The fault that `request` meets, which is counted by this call; `None` for a request that passes.

        The first fault that matches wins; one that still skips requests counts this one and leaves it to the next.
        """
        with self._lock:
            for armed in self._armed:
                if not armed.fault.concerns(service, request):
                    continue
                armed.seen += 1
                if armed.seen <= armed.fault.skip:
                    continue
                if armed.exhausted:
                    self._armed.remove(armed)
                return armed.fault
            return None
