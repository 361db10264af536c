"""One service of the sandbox: the whole of what one origin answers, as a function from a request to a reply.

Nothing here waits or listens; the application around it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import msgspec

from sequoia.sandbox.business import unserved_routes
from sequoia.sandbox.identity import Tokens
from sequoia.sandbox.routing import Route, dispatch, split_path
from sequoia.sandbox.wire import Reply, Request, json_reply

__all__ = ["Data", "Site"]

_ROBOTS = Reply(200, b"User-agent: *\nDisallow: /\n", {"content-type": "text/plain; charset=utf-8"})


class Data(Protocol):
    """What answers the requests for the resources of a service."""

    def handle(self, request: Request, *, user: str) -> Reply:
        """Answer one request for a path under `/data/`, in the name of `user`."""

    def load(self, resource: str, documents: Iterable[Mapping[str, Any]], *, user: str) -> int:
        """Store many documents without HTTP; returns how many."""


class Site:
    """A service with its descriptor, its data and its further endpoints.

    Args:
        descriptor: The whole service descriptor; its `name` is the name of the service.
        tokens: What the bearer token of a request is checked against.
        data: Its data service; `None` for a service without resources.
        routes: Its endpoints beside data and descriptor.
    """

    def __init__(
        self,
        descriptor: Mapping[str, Any],
        tokens: Tokens,
        *,
        data: Data | None = None,
        routes: Sequence[Route] = (),
    ) -> None:
        self.name: str = descriptor["name"]
        self.title: str = descriptor["title"]
        self.data = data
        self.tokens = tokens
        self._descriptor = msgspec.json.encode(descriptor)
        self._routes = (
            *routes,
            Route("GET", "/descriptor/raw", self._describe),
            Route("GET", "/robots.txt", lambda _, __: _ROBOTS),
            Route("GET", "/", lambda _, __: Reply(302, headers={"location": "/docs"})),
            Route("GET", "/docs", self._docs),
            *unserved_routes(descriptor),
        )

    def answer(self, request: Request) -> Reply:
        """Answer one request; a HEAD is answered like a GET, and the server leaves the body out.

        Raises:
            WireError: The refusal, ready to be sent.
        """
        if request.method == "HEAD":
            request = replace(request, method="GET")
        if self.data is not None and split_path(request.path)[:1] == ("data",):
            session = self.tokens.require(request)
            return self.data.handle(request, user=session.holder.user_ref)
        route, values = dispatch(self._routes, request)
        if not route.anonymous:
            self.tokens.require(request)
        return route.handler(request, values)

    def _describe(self, request: Request, _: tuple[str, ...]) -> Reply:
        if ("_pretty", "true") in request.query:
            return Reply(200, msgspec.json.format(self._descriptor, indent=2))
        return Reply(200, self._descriptor)

    def _docs(self, _: Request, __: tuple[str, ...]) -> Reply:
        return json_reply(200, {"name": self.name, "title": self.title, "descriptor": "/descriptor/raw"})
