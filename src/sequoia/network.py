"""Where the synchronous shell waits for the network: reads and writes that keep to a request's deadline."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import httpx2

from sequoia.bounds import check_size, fits, left, pieces

__all__ = ["BoundedBackend", "BoundedStream", "bound_network", "read_body"]


class BoundedStream:
    """A connection whose every wait ends with the request's deadline; it has httpcore2's form of a network stream.

    Args:
        stream: The connection.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, `max_bytes` at most."""
        data: bytes = self._stream.read(max_bytes, left(timeout, httpx2.ReadTimeout))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write everything."""
        for piece in pieces(buffer):
            self._stream.write(piece, left(timeout, httpx2.WriteTimeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> BoundedStream:
        """The same connection with TLS."""
        seconds = left(timeout, httpx2.ConnectTimeout)
        return BoundedStream(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        """What the connection tells about itself."""
        return self._stream.get_extra_info(info)


class BoundedBackend:
    """Makes connections that keep to deadlines; it has httpcore2's form of a network backend.

    Args:
        backend: Makes the connections.
    """

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> BoundedStream:
        """Connect to a host."""
        seconds = left(timeout, httpx2.ConnectTimeout)
        return BoundedStream(self._backend.connect_tcp(host, port, timeout=seconds, **options))

    def __getattr__(self, name: str) -> Any:
        # The SDK uses nothing else of it, but the transport may.
        return getattr(self._backend, name)


def bound_network(client: httpx2.Client) -> None:
    """Make all connections of an HTTP client keep to deadlines, those through proxies too.

    httpx2 lets nobody choose the network under its own transports, and it makes those for the proxies of the
    environment by itself. A version of it that keeps them elsewhere leaves the bound of each phase.
    """
    mounted: Mapping[Any, Any] = getattr(client, "_mounts", {})
    for transport in (getattr(client, "_transport", None), *mounted.values()):
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if pool is not None and backend is not None:
            pool._network_backend = BoundedBackend(backend)  # noqa: SLF001 - see above


def read_body(response: httpx2.Response, limit: int) -> httpx2.Response:
    """Read the body of a response, of which `limit` bytes are taken at most.

    Raises:
        DecodeError: It has more, decompressed.
        httpx2.HTTPError: It breaks off, takes too long, or its content encoding is broken.
    """
    parts: list[bytes] = []
    size = 0
    try:
        if fits(response, limit):
            response.read()
            return response
        with closing(response.iter_bytes()) as stream:  # type: ignore[type-var]  # a generator, typed as an iterator
            for part in stream:
                size += len(part)
                check_size(size, limit, response)
                parts.append(part)
    except BaseException:
        response.close()
        raise
    # As `response.read` does it, which has no limit; no public way leads there for a body that was compressed.
    response._content = b"".join(parts)  # noqa: SLF001
    return response
