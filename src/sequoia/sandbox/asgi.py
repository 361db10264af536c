"""Between ASGI and the sandbox: from the messages of one request to a `Request`, and from a `Reply` to messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from sequoia.sandbox.headers import response_headers
from sequoia.sandbox.wire import Reply, Request, WireError

__all__ = ["BODY_LIMIT", "Disconnected", "Message", "Receive", "Send", "read_head", "with_body", "write"]

BODY_LIMIT = 64 * 2**20
"""Bytes of a request body that are accepted."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Disconnected(Exception):  # noqa: N818 - no error: nobody is left to be told
    """The client has gone before the end of its request."""


def read_head(scope: Message) -> Request:
    """The request without its body; a header that came several times is joined with commas, as HTTP allows."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    path = scope["raw_path"].decode("latin-1")
    return Request(scope["method"].upper(), path, tuple(query), headers, scheme=scope["scheme"])


async def with_body(head: Request, receive: Receive) -> Request:
    """The request with the whole of its body.

    Raises:
        WireError: 413 as soon as it is known to be too long.
        Disconnected: The client hung up before the end.
    """
    length = int(head.headers.get("content-length", "0"))
    chunks: list[bytes] = []
    received = 0
    more = True
    while more:
        if max(length, received) > BODY_LIMIT:
            raise WireError(413, f"a request body may have {BODY_LIMIT} bytes")
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunks.append(message["body"])
        received += len(message["body"])
        more = message["more_body"]
    return replace(head, body=b"".join(chunks))


async def write(request: Request, reply: Reply, send: Send, share: float = 1.0) -> None:
    """Send `reply`, or only the given share of its body, with a head that promises all of it."""
    headers = response_headers(request, reply)
    whole = share == 1.0
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = reply.body if whole else reply.body[: int(len(reply.body) * share)]
    await send({"type": "http.response.body", "body": body, "more_body": not whole})
