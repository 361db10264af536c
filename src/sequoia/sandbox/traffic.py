"""The request log: what arrived at a sandbox, for tests that assert on what a client sent."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from sequoia.sandbox.wire import Request

__all__ = ["RecordedRequest", "RequestLog"]

_MAX_REQUESTS = 10_000
_MAX_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as it arrived, and the status that it was answered with.

    Attributes:
        service: Name of the service that received it.
        method: In upper case.
        path: As sent, still percent-encoded, without the query.
        query: Decoded name and value pairs, in the order sent.
        headers: Names in lower case. Kept out of the `repr`, because one of them is a credential.
        body: The whole body. Kept out of the `repr`, because a token request carries secrets.
        status: HTTP status of the answer; `None` when a fault closed the connection before one.
        scheme: `http` or `https`.
    """

    service: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int | None
    scheme: str = "http"


class RequestLog(Sequence[RecordedRequest]):
    """The newest requests of all services, oldest first; usable from any thread.

    It holds at most 10,000 requests and 64 MiB of bodies, and forgets the oldest beyond that. Iterating goes over the
    requests that are there when it begins.
    """

    def __init__(self) -> None:
        self._requests: deque[RecordedRequest] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def note(self, service: str, request: Request, status: int | None) -> None:
        """Append what arrived at a service, and the status of the answer."""
        what = (request.method, request.path, request.query, request.headers, request.body)
        self.record(RecordedRequest(service, *what, status, request.scheme))

    def record(self, request: RecordedRequest) -> None:
        """Append one request."""
        with self._lock:
            self._requests.append(request)
            self._bytes += len(request.body)
            while len(self._requests) > _MAX_REQUESTS or self._bytes > _MAX_BYTES:
                self._bytes -= len(self._requests.popleft().body)

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._requests.clear()
            self._bytes = 0

    def _snapshot(self) -> list[RecordedRequest]:
        with self._lock:
            return list(self._requests)

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[RecordedRequest]:
        return iter(self._snapshot())

    @overload
    def __getitem__(self, index: int) -> RecordedRequest: ...
    @overload
    def __getitem__(self, index: slice) -> list[RecordedRequest]: ...
    def __getitem__(self, index: int | slice) -> RecordedRequest | list[RecordedRequest]:
        return self._snapshot()[index]

    def __repr__(self) -> str:
        return f"<RequestLog of {len(self)} requests>"
