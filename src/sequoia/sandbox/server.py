"""The sockets and the thread: every service on its own port of 127.0.0.1, all of them in one event loop of one thread.

One origin per service, because clients drop the path of a location and several services own the same paths.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uvicorn import Config, Server

from sequoia.sandbox.errors import SandboxError
from sequoia.sandbox.protocol import HEAD_LIMIT, SandboxProtocol

__all__ = ["HOST", "Asgi", "Listener", "Served", "ServerThread", "Tls"]

HOST = "127.0.0.1"

# Seconds that an idle connection stays open: longer than clients keep theirs, so that it is never the server that
# closes one just as a client sends its next request.
_KEEP_ALIVE = 75

_STARTED = 1.0  # seconds in which a thread has begun, if it has been started at all
_BACKLOG = 512

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Tls:
    """The PEM files of a server that speaks https.

    Attributes:
        certificate: Its certificate.
        key: The key of the certificate.
        client_ca: Clients must show a certificate of this authority; None for no such demand.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """A listening socket, the application behind it, and the files of TLS unless it speaks plain http."""

    socket: socket.socket
    app: Asgi
    tls: Tls | None = None


class Listener:
    """A port of 127.0.0.1 that is reserved now and listened on later.

    Args:
        port: The port, or 0 for any free one.
        scheme: What is spoken there: `http` or `https`.

    Raises:
        SandboxError: The port cannot be had.
    """

    def __init__(self, port: int = 0, scheme: str = "http") -> None:
        # The protocol is named: asyncio switches Nagle's algorithm off only on a socket that says it is TCP, and left
        # on, that makes every answer 40 ms late.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        # Without it, a restart on the same port would fail for a minute, until the old connections have left TIME_WAIT.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, port))
        except (OSError, OverflowError) as error:
            self.close()
            raise _unavailable(port, error) from error
        self.port: int = self._socket.getsockname()[1]
        self._scheme = scheme

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:<port>`, or the same with `https`."""
        return f"{self._scheme}://{HOST}:{self.port}"

    def listen(self) -> socket.socket:
        """Let clients connect, and return the socket; they are answered as soon as the server runs.

        Raises:
            SandboxError: Another process was faster.
        """
        try:
            self._socket.listen(_BACKLOG)
        except OSError as error:
            raise _unavailable(self.port, error) from error
        return self._socket

    def close(self) -> None:
        """Give the port back; closing twice is no error."""
        self._socket.close()


def _unavailable(port: int, error: Exception) -> SandboxError:
    return SandboxError(
        f"port {port} of {HOST} cannot be used ({error}); stop what listens there, or choose another port"
    )


class _Server(Server):
    """uvicorn's server, whose end waits for nobody."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what is open; connections in the middle of a TLS handshake end with the event loop."""
        for server in self.servers:
            server.close()
        # From Python 3.12 on, uvicorn would wait up to a minute for clients that have connected and say nothing.
        self.servers = []
        await super().shutdown(sockets)


class ServerThread:
    """A background thread that serves one application per socket, once it is started.

    Args:
        served: What it serves.
    """

    def __init__(self, served: Sequence[Served]) -> None:
        self._servers = [(one.socket, _Server(_config(one))) for one in served]
        # A daemon, so that a sandbox that nobody stopped does not keep the interpreter from ending.
        self._thread = threading.Thread(target=self._run, name="sequoia-sandbox", daemon=True)
        self._starting = False
        self._runs = threading.Event()

    def start(self) -> None:
        """Serve from now on; have `stop` ready before, as a signal may come while the thread starts."""
        self._starting = True
        self._thread.start()

    def _run(self) -> None:
        self._runs.set()
        with asyncio.Runner() as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        await asyncio.gather(*(server.serve(sockets=[sock]) for sock, server in self._servers))

    def stop(self) -> None:
        """Close every connection and every socket, and wait for the thread to end, if it was started at all."""
        for _, server in self._servers:
            server.should_exit = True
        # After a signal in the middle of the start, nobody but the thread itself knows whether it runs.
        if self._starting and self._runs.wait(_STARTED):
            self._thread.join()


def _config(served: Served) -> Config:
    return Config(
        served.app,
        http=SandboxProtocol,
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        h11_max_incomplete_event_size=HEAD_LIMIT,
        backlog=_BACKLOG,
        **_tls_options(served.tls),
    )


def _tls_options(tls: Tls | None) -> dict[str, Any]:
    if tls is None:
        return {}
    files = {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)}
    if tls.client_ca is None:
        return files
    return {**files, "ssl_ca_certs": str(tls.client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
