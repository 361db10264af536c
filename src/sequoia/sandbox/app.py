"""The ASGI application of one service: reads a request, carries out the fault that it meets, sends the reply.

Handlers run on the event loop's own thread, one after the other: each takes a few milliseconds at most, and the data
needs no second reader. Only bodies, delays and slow sockets are waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from sequoia.sandbox.admin import Admin
from sequoia.sandbox.faults import Fault, Faults, emptied
from sequoia.sandbox.headers import PREFLIGHT, response_headers
from sequoia.sandbox.identity import bearer
from sequoia.sandbox.protocol import Connection
from sequoia.sandbox.site import Site
from sequoia.sandbox.traffic import RecordedRequest, RequestLog
from sequoia.sandbox.wire import Reply, Request, WireError

__all__ = ["BODY_LIMIT", "App"]

BODY_LIMIT = 64 * 2**20
"""Bytes of a request body that are accepted."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_CRASHED = replace(WireError(500, "An internal server error occurred").reply(), headers={"connection": "close"})


class _Disconnected(Exception):  # noqa: N818 - no error: the client has gone, and nobody is left to be told
    pass


class App:
    """One service as uvicorn runs it.

    Args:
        site: The service.
        faults: The faults of the sandbox.
        log: Where every request is recorded, before its answer is sent.
        admin: The admin endpoint, on the service that has it.
    """

    def __init__(self, site: Site, faults: Faults, log: RequestLog, admin: Admin | None = None) -> None:
        self._site = site
        self._faults = faults
        self._log = log
        self._admin = admin

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        head = _head(scope)
        try:
            request = replace(head, body=await _read_body(head, receive))
        except _Disconnected:
            return
        except WireError as error:
            await self._send(head, error.reply(), send)
            return
        if self._admin is not None and self._admin.concerns(request):
            await _write(request, self._admin.answer(request), send)
            return
        fault = None if request.method == "OPTIONS" else self._faults.take(self._site.name, request)
        if fault is None:
            await self._serve(request, send)
        else:
            await self._misbehave(fault, request, scope["state"]["connection"], receive, send)

    async def _serve(self, request: Request, send: Send, fault: Fault | None = None) -> None:
        reply = _CRASHED
        # A handler that crashes is answered all the same; the exception then goes on to uvicorn, which logs it.
        try:
            reply = self._reply(request, fault)
        finally:
            await self._send(request, reply, send)

    def _reply(self, request: Request, fault: Fault | None) -> Reply:
        if request.method == "OPTIONS":
            return PREFLIGHT
        try:
            reply = self._site.answer(request)
        except WireError as error:
            reply = error.reply()
        if fault is None:
            return reply
        reply = emptied(reply) if fault.empty else reply
        return replace(reply, headers={**reply.headers, **fault.headers})

    async def _misbehave(
        self, fault: Fault, request: Request, connection: Connection, receive: Receive, send: Send
    ) -> None:
        if fault.delay and not await _stays(fault.delay, receive):
            self._record(request, None)
        elif fault.drop == "before":
            self._record(request, None)
            connection.abort()
            await receive()
        elif fault.token is not None or fault.replaces:
            await self._replace(fault, request, connection, receive, send)
        else:
            await self._serve(request, send, fault)

    async def _replace(
        self, fault: Fault, request: Request, connection: Connection, receive: Receive, send: Send
    ) -> None:
        if fault.token is not None:
            self._site.tokens.forget(bearer(request))
        reply = self._site.tokens.refusal().reply() if fault.token is not None else fault.reply()
        reply = replace(reply, headers={**reply.headers, **fault.headers})
        if fault.drop is None:
            await self._send(request, reply, send)
            return
        self._record(request, reply.status)
        await _write(request, reply, send, share=0.5)
        connection.close()
        await receive()

    async def _send(self, request: Request, reply: Reply, send: Send) -> None:
        self._record(request, reply.status)
        await _write(request, reply, send)

    def _record(self, request: Request, status: int | None) -> None:
        self._log.record(
            RecordedRequest(
                self._site.name,
                request.method,
                request.path,
                request.query,
                request.headers,
                request.body,
                status,
            )
        )


def _head(scope: Message) -> Request:
    """The request without its body; a header that came several times is joined with commas, as HTTP allows."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return Request(scope["method"].upper(), scope["raw_path"].decode("latin-1"), tuple(query), headers)


async def _read_body(head: Request, receive: Receive) -> bytes:
    """Read the whole body.

    Raises:
        WireError: 413 as soon as it is known to be too long.
        _Disconnected: The client hung up before the end.
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
            raise _Disconnected
        chunks.append(message["body"])
        received += len(message["body"])
        more = message["more_body"]
    return b"".join(chunks)


async def _stays(seconds: float, receive: Receive) -> bool:
    """Wait; `False` as soon as the client hangs up, or the sandbox stops."""
    try:
        async with asyncio.timeout(seconds):
            await receive()  # the body has been read, so the next message can only be the end of the connection
    except TimeoutError:
        return True
    return False


async def _write(request: Request, reply: Reply, send: Send, share: float = 1.0) -> None:
    """Send `reply`, or only the given share of its body, with a head that promises all of it."""
    headers = response_headers(request, reply)
    whole = share == 1.0
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = reply.body if whole else reply.body[: int(len(reply.body) * share)]
    await send({"type": "http.response.body", "body": body, "more_body": not whole})
