"""A proxy on loopback: tunnels (CONNECT), requests for plain http, credentials, and TLS to the proxy itself."""

from __future__ import annotations

import base64
import selectors
import socket
import ssl
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self, cast
from urllib.parse import urlsplit

from tests.faults.raw import PATIENCE

__all__ = ["Proxy"]


class Proxy:
    """The proxy, in threads of its own.

    Args:
        credentials: `user:password` that it wants; None lets everybody through.
        tls: Speak TLS with clients by this context.

    Attributes:
        passed: Method and target of every request that it let through.
        refused: How many it did not.
    """

    def __init__(self, credentials: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.passed: list[tuple[str, str]] = []
        self.refused = 0
        self._wanted = f"Basic {base64.b64encode(credentials.encode()).decode()}" if credentials else None
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def url(self) -> str:
        """What clients are given, without credentials."""
        return f"{'https' if self._tls else 'http'}://{self.address}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self._start(self._serve, connection)

    def _start(self, target: object, *sockets: socket.socket) -> None:
        thread = threading.Thread(target=target, args=sockets)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        with suppress(OSError):
            client = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
            with client:
                self._pass(client)

    def _pass(self, client: socket.socket) -> None:
        head, rest = _head(client)
        first, *lines = head.split("\r\n")
        method, target, version = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if self._wanted is not None and headers.get("proxy-authorization") != self._wanted:
            self.refused += 1
            client.sendall(
                b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            return
        self.passed.append((method, target))
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        with socket.create_connection((parts.hostname or "", parts.port or 80), PATIENCE) as server:
            self._open.append(server)
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                # One request for each connection, so that the next one comes by here again.
                kept = [line for line in lines if not line.lower().startswith(("proxy-", "connection"))]
                path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
                server.sendall("\r\n".join([f"{method} {path} {version}", *kept, "connection: close\r\n\r\n"]).encode())
            server.sendall(rest)
            _tunnel(client, server)


def _head(client: socket.socket) -> tuple[str, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        data = client.recv(65536)
        if not data:
            raise ConnectionResetError
        received += data
    head, _, rest = received.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def _tunnel(client: socket.socket, server: socket.socket) -> None:
    """Pass on what comes from either side until one has no more.

    By one thread: two that read and write the same TLS connection at once destroy it.
    """
    with selectors.DefaultSelector() as selector, suppress(OSError):
        for source, sink in ((client, server), (server, client)):
            selector.register(source, selectors.EVENT_READ, sink)
        while ready := selector.select(PATIENCE):
            for key, _ in ready:
                source, sink = cast("socket.socket", key.fileobj), key.data
                data = source.recv(65536)
                while isinstance(source, ssl.SSLSocket) and source.pending():
                    data += source.recv(65536)  # what TLS has decrypted already does not wake the selector
                if not data:
                    return
                sink.sendall(data)
