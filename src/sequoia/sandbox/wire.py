"""What every part of the sandbox speaks: a request, a reply, and an error that is a reply.

These are plain values without any web framework, so that the services behind them can be tested by a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

__all__ = ["Reply", "Request", "WireError", "invalid_token", "json_reply", "other_version"]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, taken apart.

    Attributes:
        method: In upper case.
        path: As received, still percent-encoded, without the query; never normalised.
        query: The decoded name and value pairs of the query string, in order, repeated names kept.
        headers: Names in lower case.
        body: The whole body, `b""` without one.
        scheme: `http` or `https`, as it arrived.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    scheme: str = "http"


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer; its body is JSON, unless `headers` has another `content-type`.

    The application adds the correlation id, the CORS headers and, where there is a body, the content type.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(status: int, value: object, headers: Mapping[str, str] | None = None) -> Reply:
    """Encode `value` as the JSON body of a reply."""
    return Reply(status, msgspec.json.encode(value), headers or {})


class WireError(Exception):
    """A refusal in the platform's general shape: `{"statusCode", "error", "message", "validation"?, "attributes"?}`.

    Args:
        status: HTTP status code; its reason phrase becomes `error`.
        message: One sentence; a client may show nothing else.
        keys: Names of the offending parameters or fields; with them the body carries `validation`.
        source: Where they stand: `query`, `payload` or `params`.
        attributes: Extra values for the body, as the 401 of the platform has them.
        headers: Extra response headers.
    """

    def __init__(  # noqa: PLR0913 - what such a body may hold
        self,
        status: int,
        message: str,
        *,
        keys: tuple[str, ...] = (),
        source: str = "query",
        attributes: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.keys = keys
        self.source = source
        self.attributes = attributes
        self.headers = headers or {}

    def reply(self) -> Reply:
        """The HTTP answer that carries this error."""
        body: dict[str, Any] = {
            "statusCode": self.status,
            "error": HTTPStatus(self.status).phrase,
            "message": self.message,
        }
        if self.keys:
            body["validation"] = {"source": self.source, "keys": list(self.keys)}
        if self.attributes:
            body["attributes"] = dict(self.attributes)
        return json_reply(self.status, body, self.headers)


def invalid_token() -> WireError:
    """The platform's 401 for a token that does not work."""
    reason = "Invalid token"
    challenge = {"www-authenticate": f'Bearer error="{reason}"'}
    return WireError(401, reason, attributes={"error": reason}, headers=challenge)


def other_version() -> WireError:
    """The platform's 412 for an update that was made from another version; one client knows it by its words."""
    return WireError(412, "document cannot be changed - versions do not match")
