"""Content coding: answers in gzip for clients that prefer it (RFC 9110, 12.5.3)."""

from __future__ import annotations

import gzip
from dataclasses import replace

from sequoia.sandbox.wire import Reply, Request

__all__ = ["SMALLEST", "compressed", "prefers_gzip"]

SMALLEST = 1024
"""Bytes from which a body is worth compressing: a smaller one fits into one packet anyway."""

# The one of zlib: higher ones take several times as long for a few bytes less, and all other requests wait meanwhile.
_LEVEL = 6


def compressed(request: Request, reply: Reply) -> Reply:
    """`reply` as this client wants it: in gzip, or unchanged but for the word that another client may get another."""
    if len(reply.body) < SMALLEST or any(name.lower() == "content-encoding" for name in reply.headers):
        return reply
    headers = {"vary": "Accept-Encoding"}
    body = reply.body
    if prefers_gzip(request.headers.get("accept-encoding", "")):
        headers["content-encoding"] = "gzip"
        body = gzip.compress(body, _LEVEL, mtime=0)
    return replace(reply, body=body, headers={**headers, **reply.headers})


def prefers_gzip(accept_encoding: str) -> bool:
    """Whether a client that sends this `Accept-Encoding` would rather have gzip than the body as it is."""
    weights = dict(map(_weighted, accept_encoding.lower().split(",")))
    others = weights.get("*", 0.0)
    asked = weights.get("gzip", weights.get("x-gzip", others))
    # What is not in the list is acceptable as it is, but nothing says that it is wanted.
    return asked > 0 and asked >= weights.get("identity", 0.0)


def _weighted(entry: str) -> tuple[str, float]:
    """The name and the weight of one entry; a weight that cannot be read counts as a refusal."""
    name, *parameters = (part.strip() for part in entry.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return name, float(value)
            except ValueError:
                return name, 0.0
    return name, 1.0
