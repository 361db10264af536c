"""HTTP/1.1 on one connection: uvicorn's protocol, taught to break off on purpose and to end without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from sequoia.sandbox.headers import response_headers
from sequoia.sandbox.wire import Request, WireError

__all__ = ["HEAD_LIMIT", "Connection", "SandboxProtocol"]

HEAD_LIMIT = 256 * 1024
"""Bytes of request line and headers that are accepted; clients put a hundred refs and more into a path."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What a fault may do to the connection of a request.

    Attributes:
        abort: Close now, without sending what is still buffered.
        close: Close after what was written has been sent.
    """

    abort: Callable[[], None]
    close: Callable[[], None]


# Seconds that a refused client has for what it is still sending.
_PARTING = 2.0


class SandboxProtocol(H11Protocol):
    """One connection; its `Connection` is in the ASGI scope, at `state["connection"]`."""

    _parting = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hand the application a way to break this connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": Connection(transport.abort, transport.close)}

    def data_received(self, data: bytes) -> None:
        """Take in a part of a request, or throw it away after a refusal."""
        if not self._parting:
            super().data_received(data)

    def shutdown(self) -> None:
        """End this connection now, also under a request that waits for its delay or a client that does not read."""
        idle = self.cycle is None or self.cycle.response_complete
        # TLS ends with a farewell from both sides, which the pool of a client says only when it is used again.
        if idle and self.scheme == "http" and not self.transport.get_write_buffer_size():
            super().shutdown()
        else:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, or has too long a head, in the platform's general shape."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.close()  # the answer has been sent already: the rest of a body that nobody wanted is broken
            return
        reply = WireError(400, f"{msg} The request line and headers may have {HEAD_LIMIT} bytes.").reply()
        headers = [*response_headers(Request("", ""), reply), (b"connection", b"close")]
        for event in (
            h11.Response(status_code=reply.status, headers=headers, reason=b"Bad Request"),
            h11.Data(data=reply.body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event))
        self._part()

    def _part(self) -> None:
        """Close as soon as the client does.

        A socket that is closed with unread bytes resets the connection, and the client may lose the answer to that.
        """
        self._parting = True
        self.flow.resume_reading()
        if self.transport.can_write_eof():  # TLS cannot close one direction only
            self.transport.write_eof()
        self.timeout_keep_alive_task = self.loop.call_later(_PARTING, self.transport.close)
