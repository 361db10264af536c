"""The ASGI application of one service: reads a request, carries out the fault that it meets, sends the reply.

Handlers run on the event loop's own thread, one after the other: each takes a few milliseconds at most, and the data
needs no second reader. Only bodies, delays and slow sockets are waited for.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sequoia.sandbox.admin import Admin
from sequoia.sandbox.asgi import Disconnected, Message, Receive, Send, read_head, with_body, write
from sequoia.sandbox.coding import compressed
from sequoia.sandbox.faults import Fault, Faults, emptied
from sequoia.sandbox.headers import PREFLIGHT
from sequoia.sandbox.identity import bearer
from sequoia.sandbox.protocol import Connection
from sequoia.sandbox.site import Site
from sequoia.sandbox.traffic import RequestLog
from sequoia.sandbox.wire import Reply, Request, WireError, invalid_token

__all__ = ["App"]

_CRASHED = replace(WireError(500, "An internal server error occurred").reply(), headers={"connection": "close"})


class App:
    """One service as uvicorn runs it.

    Args:
        site: The service.
        faults: The faults of the sandbox.
        log: Where every request is recorded, before its answer is sent.
        admin: The admin endpoint, on the service that has it.
        gzip: Compress the bodies of larger answers for clients that accept it.
    """

    def __init__(
        self, site: Site, faults: Faults, log: RequestLog, admin: Admin | None = None, *, gzip: bool = False
    ) -> None:
        self._site = site
        self._faults = faults
        self._log = log
        self._admin = admin
        self._gzip = gzip

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        head = read_head(scope)
        try:
            request = await with_body(head, receive)
        except Disconnected:
            return
        except WireError as error:
            await self._send(head, error.reply(), send)
            return
        if self._admin is not None and self._admin.concerns(request):
            await self._write(request, self._admin.answer(request), send)
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
        elif fault.drop is not None:
            await self._break_off(fault, request, connection, receive, send)
        elif fault.token is not None or fault.replaces:
            await self._send(request, self._replacement(fault, request), send)
        else:
            await self._serve(request, send, fault)

    def _replacement(self, fault: Fault, request: Request) -> Reply:
        """What is answered instead of doing what is asked."""
        if fault.token is not None:
            self._site.tokens.forget(bearer(request))
        reply = fault.reply() if fault.token is None else invalid_token().reply()
        return replace(reply, headers={**reply.headers, **fault.headers})

    async def _break_off(
        self, fault: Fault, request: Request, connection: Connection, receive: Receive, send: Send
    ) -> None:
        """Close the connection without an answer, or in the middle of one."""
        reply = Reply(204) if fault.drop == "before" else _CRASHED
        try:  # as in `_serve`
            if fault.drop == "body":
                reply = self._replacement(fault, request) if fault.replaces else self._reply(request, fault)
        finally:
            await self._cut(request, reply, connection, send)
        await receive()

    async def _cut(self, request: Request, reply: Reply, connection: Connection, send: Send) -> None:
        if reply.body and request.method != "HEAD":
            self._record(request, reply.status)
            await self._write(request, reply, send, share=0.5)
            connection.close()
        else:
            # A head without a body would be a whole answer.
            self._record(request, None)
            connection.abort()

    async def _send(self, request: Request, reply: Reply, send: Send) -> None:
        self._record(request, reply.status)
        await self._write(request, reply, send)

    async def _write(self, request: Request, reply: Reply, send: Send, share: float = 1.0) -> None:
        await write(request, compressed(request, reply) if self._gzip else reply, send, share)

    def _record(self, request: Request, status: int | None) -> None:
        self._log.note(self._site.name, request, status)


async def _stays(seconds: float, receive: Receive) -> bool:
    """Wait; `False` as soon as the client hangs up, or the sandbox stops."""
    try:
        async with asyncio.timeout(seconds):
            await receive()  # the body has been read, so the next message can only be the end of the connection
    except TimeoutError:
        return True
    return False
