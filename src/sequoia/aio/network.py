"""Where the asynchronous shell waits for the network: reads and writes that keep to a request's deadline."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import httpx2

from sequoia.bounds import check_size, fits, left, pieces

__all__ = ["AsyncBoundedBackend", "AsyncBoundedStream", "bound_network", "read_body"]


class AsyncBoundedStream:
    """A connection whose every wait ends with the request's deadline; it has httpcore2's form of a network stream.

    Args:
        stream: The connection.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore2's form
        """Read what is there, `max_bytes` at most."""
        data: bytes = await self._stream.read(max_bytes, left(timeout, httpx2.ReadTimeout))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        """Write everything."""
        for piece in pieces(buffer):
            await self._stream.write(piece, left(timeout, httpx2.WriteTimeout))

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> AsyncBoundedStream:
        """The same connection with TLS."""
        seconds = left(timeout, httpx2.ConnectTimeout)
        return AsyncBoundedStream(await self._stream.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        """What the connection tells about itself."""
        return self._stream.get_extra_info(info)


class AsyncBoundedBackend:
    """Makes connections that keep to deadlines; it has httpcore2's form of a network backend.

    Args:
        backend: Makes the connections.
    """

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        **options: Any,
    ) -> AsyncBoundedStream:
        """Connect to a host."""
        seconds = left(timeout, httpx2.ConnectTimeout)
        return AsyncBoundedStream(await self._backend.connect_tcp(host, port, timeout=seconds, **options))

    def __getattr__(self, name: str) -> Any:
        # The SDK uses nothing else of it, but the transport may.
        return getattr(self._backend, name)


def bound_network(client: httpx2.AsyncClient) -> None:
    """Make all connections of an HTTP client keep to deadlines, those through proxies too.

    httpx2 lets nobody choose the network under its own transports, and it makes those for the proxies of the
    environment by itself. A version of it that keeps them elsewhere leaves the bound of each phase.
    """
    mounted: Mapping[Any, Any] = getattr(client, "_mounts", {})
    for transport in (getattr(client, "_transport", None), *mounted.values()):
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if pool is not None and backend is not None:
            pool._network_backend = AsyncBoundedBackend(backend)  # noqa: SLF001 - see above


async def read_body(response: httpx2.Response, limit: int) -> httpx2.Response:
    """Read the body of a response, of which `limit` bytes are taken at most.

    Raises:
        DecodeError: It has more, decompressed.
        httpx2.HTTPError: It breaks off, takes too long, or its content encoding is broken.
    """
    parts: list[bytes] = []
    size = 0
    try:
        if fits(response, limit):
            await response.aread()
            return response
        async with aclosing(response.aiter_bytes()) as stream:
            async for part in stream:
                size += len(part)
                check_size(size, limit, response)
                parts.append(part)
    except BaseException:
        await response.aclose()
        raise
    # As `response.aread` does it, which has no limit; no public way leads there for a body that was compressed.
    response._content = b"".join(parts)  # noqa: SLF001
    return response
