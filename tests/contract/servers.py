"""Small servers for what the sandbox is not: gateways, proxies, other origins, two-way TLS.

Each listens on 127.0.0.1 in a thread of its own, writes down what arrives and answers what a function says.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2

__all__ = ["Arrived", "Respond", "Served", "TinyServer", "as_json", "forward", "registry", "unused_origin"]

TOKEN = {"access_token": "a" * 40, "token_type": "bearer", "expires_in": 3600}


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as it arrived.

    Attributes:
        method: HTTP method.
        target: What stood on the request line: path and query; at a proxy a whole URL.
        headers: Names in lower case.
        body: The whole body.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target's path."""
        return urlsplit(self.target).path


@dataclass(frozen=True, slots=True)
class Served:
    """An answer to send."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Respond = Callable[[Arrived], Served]


class TinyServer:
    """An HTTP/1.0 server on a free port: one connection for each request, so nothing outlives a test.

    Args:
        respond: Answers a request; it is called in the server's threads.
        tls: Speak https with this context.

    Attributes:
        arrived: The requests so far.
        origin: Where it listens: `http://127.0.0.1:41234`.
    """

    def __init__(self, respond: Respond, tls: ssl.SSLContext | None = None) -> None:
        self.arrived: list[Arrived] = []
        self._server = _Quiet(("127.0.0.1", 0), _handler(respond, self.arrived))
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        if tls is not None:
            # The handshake belongs into the connection's thread, where a client that hangs holds nobody up.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def registry_url(self) -> str:
        """What a client would be given if this were a registry."""
        return f"{self.origin}/services/acme"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a connection that breaks is what some tests are about."""


def _handler(respond: Respond, arrived: list[Arrived]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def parse_request(self) -> bool:
            """Take any method: what http.server calls next is one `do_...` for each."""
            if not super().parse_request():
                return False
            setattr(self, f"do_{self.command}", self.answer)
            return True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Arrived(self.command, self.path, headers, body)
            arrived.append(request)
            served = respond(request)
            self.send_response_only(served.status)
            for name, value in {"content-length": str(len(served.body)), **served.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(served.body)

    return Handler


def as_json(value: object, status: int = 200) -> Served:
    """An answer with a JSON body."""
    return Served(status, json.dumps(value).encode(), {"content-type": "application/json"})


def registry(**locations: str) -> Served:
    """A registry's answer: services and where they are."""
    entries = [{"owner": "root", "name": name, "title": name, "location": at} for name, at in locations.items()]
    return as_json({"meta": {}, "services": entries})


def forward(request: Arrived) -> Served:
    """Answer as a proxy for plain http: with what the server in the request's target says."""
    skipped = {"host", "proxy-connection", "connection", "content-length"}
    headers = {name: value for name, value in request.headers.items() if name not in skipped}
    with httpx2.Client(trust_env=False, timeout=10) as client:
        answer = client.request(request.method, request.target, headers=headers, content=request.body)
    kept = {name: answer.headers[name] for name in ("content-type", "x-correlation-id") if name in answer.headers}
    return Served(answer.status_code, answer.content, kept)


def unused_origin() -> str:
    """An origin on this machine where nobody listens."""
    server = _Quiet(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()
    return f"http://127.0.0.1:{server.server_port}"
