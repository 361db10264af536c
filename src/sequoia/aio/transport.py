"""From settings to the asynchronous HTTP clients; what is the same for both kinds is in `sequoia.transport`."""

from __future__ import annotations

import ssl
from typing import Any

import httpx2
from anyio import to_thread
from anyio.lowlevel import RunVar

from sequoia.aio.network import bound_network, read_body
from sequoia.calls import Call
from sequoia.error import ClientError
from sequoia.settings import Settings
from sequoia.transport import Library, Routes, adapter_transport

__all__ = ["AsyncChannels"]

_LOOPS: RunVar[object] = RunVar("sequoia_loops")


def _async_adapter(adapter: Any, settings: Settings) -> httpx2.AsyncBaseTransport:
    if isinstance(adapter, httpx2.AsyncBaseTransport):
        return adapter
    return _ThreadedTransport(adapter_transport(adapter, settings))


class _ThreadedTransport(httpx2.AsyncBaseTransport):
    """A synchronous transport, each of whose requests runs in a thread."""

    def __init__(self, transport: httpx2.BaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await to_thread.run_sync(self._handle, request)

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        response = self._transport.handle_request(request)
        try:
            # The stream itself: that of a mock has been read already, and can be read again.
            content = b"".join(response.stream) if isinstance(response.stream, httpx2.SyncByteStream) else b""
        finally:
            response.close()
        # Its stream was a synchronous one.
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=httpx2.ByteStream(content), request=request
        )

    async def aclose(self) -> None:
        await to_thread.run_sync(self._transport.close)


def _current_loop() -> object:
    """What stands for the event loop that runs; it keeps nothing alive."""
    try:
        return _LOOPS.get()
    except LookupError:
        loop = object()
        _LOOPS.set(loop)
        return loop


class AsyncChannels(Routes[httpx2.AsyncClient]):
    """The same for an `AsyncClient`; its arguments and errors are those of `Channels`.

    An adapter may be an `httpx2.AsyncBaseTransport`, or a synchronous one, whose requests then run in threads.
    """

    _library = Library(httpx2.AsyncClient, httpx2.AsyncHTTPTransport, _async_adapter, bound_network)
    _loop: object = None

    async def send(self, call: Call, request: httpx2.Request) -> httpx2.Response:
        """Send a call's request, which `request` has made, and read its answer; errors as `Channels.send`."""
        self._check_open()
        if self._loop is None:
            self._loop = _current_loop()
        self._in_flight += 1
        try:
            response = await self.for_url(call.url).send(request, stream=True)
            return await read_body(response, self._limit)
        except ssl.SSLError as error:
            # httpcore2 leaves an alert of the server, which TLS 1.3 sends after the handshake, as it is.
            raise httpx2.ReadError(str(error)) from error
        except RuntimeError as error:
            if (told := self._of_another_loop()) is None:
                raise
            raise told from error
        finally:
            self._in_flight -= 1
            if self._closed:
                await self._hang_up()

    async def close(self) -> None:
        """Send nothing more, and close every connection as soon as no request is under way."""
        self._closed = True
        await self._hang_up()

    def _of_another_loop(self) -> ClientError | None:
        """What to say of an error where this is not the event loop in which the connections were made."""
        if self._loop is _current_loop():
            return None
        return ClientError(
            "this client belongs to the event loop in which it sent its first request, and that has ended or is "
            "another one: make a client in each asyncio.run"
        )

    async def _hang_up(self) -> None:
        if self._idle:
            for client in self._all():
                await client.aclose()
