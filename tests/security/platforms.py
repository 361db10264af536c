"""A platform on one origin whose every answer a test can replace, and what is secret in what it is told."""

from __future__ import annotations

import base64
import json
import ssl
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, quote_plus

from tests.contract.servers import Arrived, Served, TinyServer, as_json, registry

__all__ = [
    "CLIENT_ID",
    "CLIENT_SECRET",
    "OPTIONS",
    "PASSWORD",
    "SECRETS",
    "TOKEN",
    "Platform",
    "anything",
    "forms",
    "told",
]

CLIENT_ID = "the-client"
CLIENT_SECRET = 'cl1ent/s3cret+"%&ü'
PASSWORD = "us3r's pässword&=\\"
TOKEN = "t0ken.with/slash+plus~and-" + "a" * 20 + "=="
PROXY_PASSWORD = "pr0xyp4ssword"
SECRETS = (CLIENT_SECRET, PASSWORD, TOKEN, PROXY_PASSWORD)
OPTIONS: dict[str, Any] = {
    "grant_client_id": CLIENT_ID,
    "grant_client_secret": CLIENT_SECRET,
    "backoff_strategy": {"max_tries": 1},
}
PAGE: dict[str, Any] = {"contents": [{"ref": "acme:a", "name": "a"}], "meta": {"page": 1}}


def forms(secret: str) -> set[str]:
    """The ways in which a secret may be written: plain, quoted in Python and in JSON, percent-encoded, in base64."""
    pairs = [secret, f"{CLIENT_ID}:{secret}", f"user:{secret}"]
    encoded = [base64.b64encode(one.encode()).decode() for one in pairs]
    return {
        secret,
        repr(secret)[1:-1],
        repr(secret.encode())[2:-1],
        json.dumps(secret)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        *encoded,
        *(one.rstrip("=") for one in encoded),
    }


def told(text: str | bytes) -> set[str]:
    """The secrets that a text gives away."""
    shown = text.decode("latin-1") if isinstance(text, bytes) else text
    plain = shown if isinstance(text, str) else f"{shown}{text.decode(errors='replace')}"
    return {secret for secret in SECRETS for form in forms(secret) if form in plain}


def anything(request: Arrived) -> Served:
    """What a hostile origin answers: something that looks right, so that the client goes on."""
    if "token" in request.path:
        return as_json({"access_token": "evil" * 10, "token_type": "bearer", "expires_in": 3600})
    return as_json({**PAGE, "services": []})


class Platform:
    """Registry, identity and the service `metadata` on one origin.

    Args:
        tls: Speak https with this context.

    Attributes:
        answers: Answers by path, in place of the usual ones; the path ends before the query.
        echoes: Status and kind (`json`, `html`) by path, where the answer is to show the whole request.
        echoed_headers: Whether such an answer shows it in a header as well.
        locations: Further entries of the registry, or other locations of the usual ones.
        server: The server.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Served] = {}
        self.echoes: dict[str, tuple[int, str]] = {}
        self.echoed_headers = False
        self.locations: dict[str, str] = {}
        self.server = TinyServer(self._respond, tls)

    @property
    def registry_url(self) -> str:
        """What a client is given."""
        return self.server.registry_url

    @property
    def origin(self) -> str:
        """Where everything is."""
        return self.server.origin

    @property
    def arrived(self) -> list[Arrived]:
        """The requests so far."""
        return self.server.arrived

    def with_token(self) -> list[str]:
        """Paths of the requests that carried the token."""
        return [one.path for one in self.arrived if one.headers.get("authorization") == f"Bearer {TOKEN}"]

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.server.__exit__(kind, error, traceback)

    def _respond(self, request: Arrived) -> Served:
        if request.path in self.echoes:
            return _echo(request, *self.echoes[request.path], with_headers=self.echoed_headers)
        if request.path in self.answers:
            return self.answers[request.path]
        if request.path == "/services/acme":
            return registry(**{"identity": self.origin, "metadata": self.origin, **self.locations})
        if request.path in {"/oauth/token", "/pauth/token"}:
            return as_json({"access_token": TOKEN, "token_type": "bearer", "expires_in": 3600})
        return as_json(PAGE)


def _echo(request: Arrived, status: int, kind: str, *, with_headers: bool) -> Served:
    """What a gateway in debug mode answers: it shows the request, headers and body."""
    body = request.body.decode(errors="replace")
    credentials = request.headers.get("authorization", "").partition(" ")[2]
    shown = f"{request.method} {request.target} {credentials} {body} {_decoded(credentials)} {dict(request.headers)}"
    headers = {"x-request": f"{credentials} {_decoded(credentials).partition(':')[2]}".strip()} if with_headers else {}
    if kind == "html":
        return Served(status, f"<h1>Oops</h1>{shown}".encode(), {"content-type": "text/html", **headers})
    value = {"error": "failed", "message": shown, "request": {"headers": dict(request.headers), "body": body}}
    return Served(status, json.dumps(value).encode(), {"content-type": "application/json", **headers})


def _decoded(credentials: str) -> str:
    """What is in Basic credentials; a text that is none is left out."""
    try:
        return base64.b64decode(credentials, validate=True).decode()
    except ValueError:
        return ""
