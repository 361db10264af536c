"""A SOCKS5 proxy with a user name and a password (RFC 1928, 1929), as small as it can be."""

from __future__ import annotations

import socket
import socketserver
import threading
from types import TracebackType
from typing import Self

__all__ = ["SocksServer"]


class SocksServer:
    """Listens on a free port of 127.0.0.1.

    Attributes:
        logins: What clients logged in with: name and password.
    """

    def __init__(self) -> None:
        self.logins: list[tuple[str, str]] = []
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _handler(self.logins))
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(logins: list[tuple[str, str]]) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            methods = self.rfile.read(2)[1]
            self.rfile.read(methods)
            self.wfile.write(b"\x05\x02")
            name = self.rfile.read(self.rfile.read(2)[1])
            password = self.rfile.read(self.rfile.read(1)[0])
            logins.append((name.decode(), password.decode()))
            self.wfile.write(b"\x01\x00")
            kind = self.rfile.read(4)[3]
            host = (
                socket.inet_ntoa(self.rfile.read(4)) if kind == 1 else self.rfile.read(self.rfile.read(1)[0]).decode()
            )
            port = int.from_bytes(self.rfile.read(2), "big")
            with socket.create_connection((host, port), timeout=10) as there:
                self.wfile.write(b"\x05\x00\x00\x01" + bytes(6))
                back = threading.Thread(target=_pump, args=(there, self.connection))
                back.start()
                _pump(self.connection, there)
                back.join()

    return Handler


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes, until one side hangs up."""
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
