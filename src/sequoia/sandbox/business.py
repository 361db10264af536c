"""The business endpoints: the progress of a flow execution, and the validation of a document.

A service answers those of them that the `routes` of its descriptor declare, whatever the name of the service is. All
others that it declares are answered with a 501, so that nobody takes them for a mistyped path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sequoia.sandbox.routing import Route, split_path
from sequoia.sandbox.wire import Reply, Request, WireError, json_reply

__all__ = ["Business", "unserved_routes"]


class Business:
    """The business endpoints that the sandbox knows, and what they have been told to answer."""

    def __init__(self) -> None:
        self._progress: dict[str, bytes] = {}
        self._known = (
            Route("GET", "/flow-execution-progress/{ref}", self._get_progress, anonymous=False),
            Route("GET", "/execution-progress/{ref}", self._get_progress, anonymous=False),
            Route("POST", "/v/{owner}/{rule}", _validate),
        )

    def set_progress(self, ref: str, progress: Mapping[str, Any]) -> None:
        """Let the progress endpoints answer `progress` for the flow execution `ref`.

        Raises:
            TypeError: `progress` cannot be written as JSON.
        """
        self._progress[ref] = msgspec.json.encode(progress)

    def clear(self) -> None:
        """Forget what the progress endpoints were told to answer."""
        self._progress.clear()

    def routes(self, descriptor: Mapping[str, Any]) -> tuple[Route, ...]:
        """Those of the known endpoints that `descriptor` declares; the first segment of the path tells."""
        declared = {split_path(str(route["path"]))[:1] for route in descriptor.get("routes", ())}
        return tuple(route for route in self._known if split_path(route.path)[:1] in declared)

    def _get_progress(self, _: Request, values: tuple[str, ...]) -> Reply:
        progress = self._progress.get(values[0])
        if progress is None:
            raise WireError(404, "FlowExecution not found")
        return Reply(200, progress)


def unserved_routes(descriptor: Mapping[str, Any]) -> tuple[Route, ...]:
    """All endpoints that a descriptor declares, each refused; a service tries them after all that it can answer."""
    return tuple(_unserved(route) for route in descriptor.get("routes", ()))


def _unserved(route: Mapping[str, Any]) -> Route:
    """One endpoint that nothing is known of but that it is declared."""
    method, path = str(route.get("method", "GET")).upper(), str(route["path"])

    def refuse(_: Request, __: tuple[str, ...]) -> Reply:
        raise WireError(
            501, f"{method} {path} is declared, but the sandbox does not know its answer; a fault can give one"
        )

    return Route(method, path, refuse, anonymous=route.get("auth") is False)


def _validate(request: Request, _: tuple[str, ...]) -> Reply:
    """Accept any JSON, or nothing: the sandbox knows no rules, but the form of the answer is the platform's."""
    try:
        msgspec.json.decode(request.body or b"null")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(400, f"Invalid request payload JSON format: {error}", source="payload") from error
    return json_reply(200, {"statusCode": 200, "message": "Valid", "validation": {"source": "query", "keys": []}})
