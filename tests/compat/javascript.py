"""The requests of the JavaScript SDK 2.0, as that SDK writes them in a browser."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from tests.compat.raw import Answer, Headers, Wire

ORIGIN = ("origin", "https://console.example.test")
JSON = ("accept", "application/json")
PIKSEL = ("content-type", "application/vnd.piksel+json")


class JavaScript:
    """Its way to write requests: raw pipes, lower-case names, the owner in front, links decoded and sent like that.

    Args:
        wire: Where they go out.
        tenant: The current owner.
    """

    def __init__(self, wire: Wire, tenant: str = "acme") -> None:
        self.wire = wire
        self.tenant = tenant
        self.token: str | None = None

    def send(self, service: str, request: str, body: object = None) -> Answer:
        """Send a request with the headers of this SDK: a content type without a body too, and indented JSON."""
        headers = [ORIGIN, JSON, PIKSEL]
        if self.token is not None:
            headers.append(("authorization", f"Bearer {self.token}"))
        return self.wire.send(service, request, headers, None if body is None else json.dumps(body, indent=2))

    def log_in(self) -> Answer:
        """The login of the console."""
        user = {"username": self.wire.sandbox.username, "password": self.wire.sandbox.password}
        answer = self.send("identity", "POST /pauth/token", user)
        self.token = answer.json["access_token"]
        return answer

    def browse(self, resource: str, query: str = "") -> Answer:
        """Browse with the caller's query behind the owner, as the caller wrote it but for spaces and `<`."""
        target = f"/data/{resource}?owner={self.tenant}" + (f"&{query}" if query else "")
        return self.send("metadata", f"GET {target.replace(' ', '%20').replace('<', '%3C')}")

    def follow(self, resource: str, link: str) -> Answer:
        """Send only the query of a link, without its owner, decoded."""
        pairs = unquote(link.partition("?")[2]).split("&")
        return self.browse(resource, "&".join(pair for pair in pairs if not pair.startswith("owner=")))

    def follow_all(self, resource: str, query: str) -> list[Any]:
        """The bodies of all pages, by `next`, else `continue`."""
        bodies = [self.browse(resource, query).json]
        while link := bodies[-1]["meta"].get("next") or bodies[-1]["meta"].get("continue"):
            bodies.append(self.follow(resource, link).json)
        return bodies

    def preflight(self, service: str, method: str, target: str) -> Answer:
        """What the browser asks before a request of this SDK."""
        asked: Headers = [
            ORIGIN,
            ("access-control-request-method", method),
            ("access-control-request-headers", "authorization,content-type,if-match,x-correlation-id"),
        ]
        return self.wire.send(service, f"OPTIONS {target}", asked)
