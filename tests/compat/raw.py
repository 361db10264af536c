"""HTTP as it is written down: the target, the names of the headers and their order go out byte by byte."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from sequoia.sandbox import Sandbox

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: The status.
        headers: With names in lower case.
        body: All of it.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


class Wire:
    """One connection to each service of a sandbox, kept alive from request to request.

    `http.client` sends the target as it is given and the headers that it is given, no others but `Host`; libraries
    above it encode the one and normalise the others. A connection is opened once: if the sandbox closes it, the next
    request fails.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._connections: dict[str, HTTPConnection] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._stack.close()

    def send(self, service: str, request: str, headers: Headers = (), body: str | None = None) -> Answer:
        """Send `request`, such as `GET /data/contents`, and read the whole answer.

        A body gets its `Content-Length`, unless `headers` have one.
        """
        connection = self._connect(service)
        method, target = request.split(" ", 1)
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        raw = None if body is None else body.encode()
        if raw is not None:
            connection.putheader("Content-Length", str(len(raw)))
        connection.endheaders(raw)
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())

    def token(self) -> str:
        """A token for the client, asked for in the plainest way."""
        answer = self.send("identity", "POST /oauth/token", [basic(self.sandbox)], "grant_type=client_credentials")
        assert answer.status == 200
        return str(answer.json["access_token"])

    def _connect(self, service: str) -> HTTPConnection:
        if service not in self._connections:
            origin = urlsplit(self.sandbox.location(service)).netloc
            connection = self._stack.enter_context(closing(HTTPConnection(origin, timeout=10)))
            connection.connect()
            connection.auto_open = 0
            self._connections[service] = connection
        return self._connections[service]


def basic(sandbox: Sandbox, name: str = "Authorization") -> tuple[str, str]:
    """The header with the credentials of the sandbox's client."""
    encoded = base64.b64encode(f"{sandbox.client_id}:{sandbox.client_secret}".encode()).decode()
    return name, f"Basic {encoded}"


def names(body: Any) -> list[str]:
    """The names of the contents in a body."""
    return [item["name"] for item in body["contents"]]
