"""The headers that every answer of the sandbox has: content type, correlation id and CORS."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from sequoia.sandbox.wire import Reply, Request

__all__ = ["PREFLIGHT", "response_headers"]

_JSON = "application/json"
_PIKSEL = "application/vnd.piksel+json"
_BODILESS = frozenset({204, 304})

_ANY_ORIGIN = {"access-control-allow-origin": "*"}
_EXPOSED = {"access-control-expose-headers": "x-correlation-id, www-authenticate, allow, retry-after"}

PREFLIGHT = Reply(
    204,
    headers={
        "access-control-allow-methods": "GET, HEAD, POST, PUT, DELETE, OPTIONS",
        "access-control-allow-headers": "accept, authorization, content-type, if-match, x-correlation-id",
        "access-control-max-age": "600",
    },
)
"""The answer to the question that a browser asks before a request to another origin."""


def response_headers(request: Request, reply: Reply) -> list[tuple[bytes, bytes]]:
    """All headers of the answer `reply` to `request`; what `reply` says itself wins."""
    headers = (
        _ANY_ORIGIN | _EXPOSED | {"x-correlation-id": request.headers.get("x-correlation-id") or str(uuid.uuid4())}
    )
    if reply.status not in _BODILESS:
        headers["content-length"] = str(len(reply.body))
        if reply.body:
            headers["content-type"] = _content_type(request.headers)
    headers |= {name.lower(): value for name, value in reply.headers.items()}
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _content_type(headers: Mapping[str, str]) -> str:
    """JSON, or the platform's own type for a client that accepts nothing else.

    The character set is always named, because one client reads a body without it as ISO-8859-1.
    """
    accepted = {entry.partition(";")[0].strip().lower() for entry in headers.get("accept", "").split(",")}
    return f"{_PIKSEL if accepted == {_PIKSEL} else _JSON}; charset=utf-8"
