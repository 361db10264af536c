"""The requests of the Java SDK 3.0, and the ways in which that SDK reads links and entries as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from tests.compat.raw import Answer, Wire, basic

JSON = ("Content-Type", "application/json")
ACCEPT = ("Accept", "application/json")
JDK_ACCEPT = ("Accept", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2")
AGENT = [
    ("Accept-Encoding", "gzip"),
    ("User-Agent", "sequoia-java-client-sdk/3.0.0 Google-HTTP-Java-Client/1.22.0 (gzip)"),
]


class Java:
    """Its way to write requests: `application/json`, encoded pipes, raw commas and colons, `continue` on every browse.

    Args:
        wire: Where they go out.
        owner: The owner that an endpoint is bound to.
    """

    def __init__(self, wire: Wire, owner: str = "acme") -> None:
        self.wire = wire
        self.owner = owner
        self.token = ""

    def log_in(self) -> Answer:
        """Ask for a token."""
        form = ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
        headers = [JDK_ACCEPT, *AGENT, basic(self.wire.sandbox), form]
        answer = self.wire.send("identity", "POST /oauth/token", headers, "grant_type=client_credentials")
        self.token = answer.json["access_token"]
        return answer

    def registry(self, target: str) -> Answer:
        """Ask the registry, without a token."""
        return self.wire.send("registry", f"GET {target}", [ACCEPT, *AGENT, JSON])

    def send(self, request: str, body: object = None, version: str | None = None) -> Answer:
        """Send a request to the data service; with a body, the content type comes twice."""
        method = request.partition(" ")[0]
        headers = [("Authorization", f"Bearer {self.token}"), *AGENT]
        if method == "DELETE":
            return self.wire.send("metadata", request, [JDK_ACCEPT, *headers])
        headers += [ACCEPT, JSON]
        if version is not None:
            headers.append(("If-Match", f'"{version}"'))
        if body is None:
            return self.wire.send("metadata", request, headers)
        headers.append(("Content-Type", "application/json; charset=UTF-8"))
        return self.wire.send("metadata", request, headers, json.dumps(body, separators=(",", ":")))

    def browse(self, resource: str, parameters: Mapping[str, str]) -> Answer:
        """Browse; the order of the parameters is that of a hash table, here the opposite of the alphabet."""
        query = {"owner": self.owner, **parameters}
        pairs = (f"{name}={quote(query[name], safe=',:*!/=')}" for name in sorted(query, reverse=True))
        return self.send(f"GET /data/{resource}?{'&'.join(pairs)}")

    def follow(self, resource: str, link: str) -> Answer:
        """Decode the whole link, and only then take it apart."""
        parameters: dict[str, str] = {}
        for pair in unquote(link).partition("?")[2].split("&"):
            name, value = pair.split("=")  # a second = is an error here, as in that SDK
            assert name not in parameters, f"{name} comes twice"
            parameters[name] = value
        return self.browse(resource, parameters)

    def pages(self, resource: str, parameters: Mapping[str, str]) -> list[Any]:
        """The bodies of all pages, by `continue`; this SDK passes over a page whose size it does not know."""
        bodies = [self.browse(resource, {**parameters, "continue": "true"}).json]
        while "continue" in bodies[-1]["meta"]:
            assert bodies[-1]["meta"]["perPage"] > 0
            bodies.append(self.follow(resource, bodies[-1]["meta"]["continue"]).json)
            assert bodies[-1][resource], "a page that was announced has resources"
        return bodies

    def linked(self, body: Any, relationship: str, field: str, parent: str) -> list[str]:
        """The refs of the linked items of one parent: those that came along, and those behind its entries."""
        entries = [entry for entry in body["meta"]["linked"][relationship] if is_about(entry["request"], parent)]
        assert entries, f"no entry is about {parent}"
        assert all(entry["perPage"] for entry in entries)
        items = list(body["linked"][relationship])
        link = entries[-1].get("continue")
        while link is not None:
            page = self.follow(relationship, link).json
            items += page[relationship]
            link = page["meta"].get("continue")
        return [item["ref"] for item in items if item[field] == parent]


def is_about(request: str, ref: str) -> bool:
    """Whether an entry is about the parent `ref`: this SDK looks for the ref in the text of the sub-request."""
    name = ref.replace(":", "%3A")
    return request.endswith((f"={name}", f"%7C%7C{name}")) or any(
        part in request for part in (f"={name}%7C%7C", f"%7C%7C{name}%7C%7C", f"%7C%7C{name}&")
    )
