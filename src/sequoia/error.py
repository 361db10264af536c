"""Everything that the SDK raises.

::

    ClientError(message, cause)
    ├── AuthorisationError             the grant was refused; `cause` is the OAuth error
    ├── TokenExpiredError              kept for `except` clauses written against 4.4.0
    ├── ReferencesMismatchException    ref, owner and name of a body do not agree with the ref to update
    ├── NotMatchingVersion             somebody else changed the resource first (412)
    ├── ServiceNotFound                also a KeyError and an AttributeError
    ├── CriteriaError                  a query that cannot be asked
    ├── InvalidResource                fields that the resource cannot have; also a ValueError
    ├── NotSent                        a bulk write was stopped before it came to this resource
    ├── DecodeError                    an answer that cannot be read
    ├── PaginationLoopError            a page link that was followed before
    ├── UnsafeLinkError                a page link to another origin
    ├── NoResultFound, MultipleResultsFound
    └── RequestError                   knows method, url, correlation_id, headers, tries, retry_after
        ├── ConnectionError, Timeout, TooManyRedirects
        └── HttpError(message, status_code)
            ├── BadRequest 400, Forbidden 403, Conflict 409, RateLimited 429, ServerError 5xx
            └── NotFound 404
                └── ResourceNotFound   the service has no such resource; also a KeyError and an AttributeError

Every error can be pickled, and none shows a secret: what is kept of a request is its method and its URL without
user information, never its headers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = [
    "AuthorisationError",
    "BadRequest",
    "ClientError",
    "Conflict",
    "ConnectionError",
    "CriteriaError",
    "DecodeError",
    "Fault",
    "Forbidden",
    "HttpError",
    "InvalidResource",
    "MultipleResultsFound",
    "NoResultFound",
    "NotFound",
    "NotMatchingVersion",
    "NotSent",
    "PaginationLoopError",
    "RateLimited",
    "ReferencesMismatchException",
    "RequestError",
    "ResourceNotFound",
    "ServerError",
    "ServiceNotFound",
    "Timeout",
    "TokenExpiredError",
    "TooManyRedirects",
    "UnsafeLinkError",
    "http_error",
]

_PLAIN = (str, int, float, bool, type(None))
_LONGEST = 2_000  # characters of a message
_DEEPEST = 50  # levels of an error's body


class ClientError(Exception):
    """Base of every error of the SDK.

    Args:
        message: What is wrong and, where there is something to do, what to do. The JSON body for an `HttpError`.
        cause: The error behind this one, if there is one.

    Attributes:
        checkpoint: Where the scan that it ended can go on: `endpoint.scan(..., resume=error.checkpoint)`; else None.
        report: The `BulkReport` of a bulk write that ended with this error; it does not go along when that is pickled.
    """

    checkpoint: Any = None
    report: Any = None

    def __init__(self, message: Any, cause: BaseException | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause

    def __str__(self) -> str:
        return str(self.message)

    def __reduce__(self) -> tuple[Any, ...]:
        cause = self.cause if self.cause is None or isinstance(self.cause, ClientError) else _Parts.of(self.cause)
        state = {name: value for name, value in self.__dict__.items() if name not in {"cause", "report"}}
        return _revive, (_Parts(type(self), self.args, state), cause)


class AuthorisationError(ClientError):
    """The identity service refused the credentials. It is never retried; `cause` is the OAuth error (RFC 6749, 5.2)."""


class TokenExpiredError(ClientError):
    """Kept so that code which catches it, written against 4.4.0, still imports. An expired token is renewed instead."""


class ReferencesMismatchException(ClientError):
    """The `ref`, `owner` and `name` in a body do not agree with the reference to update. Nothing was sent."""


class NotMatchingVersion(ClientError):
    """The stored resource has another version than the one given to `update` (412). `cause` is the `HttpError`."""


class ServiceNotFound(ClientError, KeyError, AttributeError):
    """The registry knows no service of this name. A `KeyError` for `[]`, an `AttributeError` for `.` and `hasattr`."""


class CriteriaError(ClientError):
    """A criteria cannot be put on the wire as it was meant. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a resource.

    Attributes:
        path: Where: the dotted path of a field, such as `ratings.BBFC` or `tags[2]`.
        text: What: `'moive' is not allowed: did you mean 'movie'?`.
    """

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


class InvalidResource(ClientError, ValueError):
    """A resource, or a change of one, has fields or values that its descriptor forbids, or is none. It was not sent.

    Attributes:
        faults: Everything that is wrong with it by the descriptor, each with the `path` of a field and a `text`.
    """

    def __init__(self, message: Any, cause: BaseException | None = None, faults: Iterable[Fault] = ()) -> None:
        super().__init__(message, cause)
        self.faults = tuple(faults)


class NotSent(ClientError):
    """A resource was read from the source of a bulk write, which was stopped before it came to send it."""


class DecodeError(ClientError):
    """An answer cannot be read: its body is not JSON, or is not what the protocol promises."""


class PaginationLoopError(ClientError):
    """A page named a next page that was read before.

    Attributes:
        checkpoint: Of a scan, as for every error. Of a browse, the link that came round again; the pages up to it
            have been handed out.
    """

    def __init__(self, message: Any, cause: BaseException | None = None, checkpoint: str | None = None) -> None:
        super().__init__(message, cause)
        self.checkpoint = checkpoint


class UnsafeLinkError(ClientError):
    """A page link leads to another origin than its service; it was not followed, and no token went there."""


class NoResultFound(ClientError):
    """`.resource` was asked of an answer without any resource."""


class MultipleResultsFound(ClientError):
    """`.resource` was asked of an answer with more than one resource."""


class RequestError(ClientError):
    """A request failed.

    Attributes:
        method: HTTP method of the request that failed.
        url: Its URL, without user information.
        correlation_id: The `X-Correlation-ID` that it carried: quote it to the platform's support.
        headers: Headers of the response, names in lower case; empty where no response came.
        tries: How often the request was sent, the first time included.
        sent: Whether any of the request may have reached the server; False where no connection came about.
        ambiguous: Whether an earlier try of a write broke off and may have gone through unseen.
        retry_after: Seconds that the server asked to wait (`Retry-After`, RFC 9110, 10.2.3), where it did.
    """

    def __init__(self, message: Any, cause: BaseException | None = None) -> None:
        super().__init__(message, cause)
        self.method: str | None = None
        self.url: str | None = None
        self.correlation_id: str | None = None
        self.headers: Mapping[str, str] = {}
        self.tries: int = 1
        self.sent: bool = True
        self.ambiguous: bool = False
        self.retry_after: float | None = None

    def of_request(self, other: RequestError) -> None:
        """Take over what `other` knows of the request."""
        for name in ("method", "url", "correlation_id", "headers", "tries", "sent", "ambiguous", "retry_after"):
            setattr(self, name, getattr(other, name))
        self.cause = other

    def __str__(self) -> str:
        return f"{self._sentence()}{self._where()}"

    def _sentence(self) -> str:
        return str(self.message)

    def _where(self) -> str:
        if self.url is None:
            return ""
        tries = f", after {self.tries} tries" if self.tries > 1 else ""
        correlation = f", correlation id {self.correlation_id}" if self.correlation_id else ""
        return f" ({self.method} {self.url}{tries}{correlation})"


class ConnectionError(RequestError):
    """No connection, or it broke before the whole answer was there."""


class Timeout(RequestError):
    """The server took longer than `request_timeout` to connect, to read or to answer."""


class TooManyRedirects(RequestError):
    """More than ten redirects in a row, or a redirect that cannot be followed."""


class HttpError(RequestError):
    """The server answered with a status of 400 or more.

    Args:
        message: The JSON body where there is one, else a sentence.
        status_code: The HTTP status.
        cause: The error behind this one, if there is one.
    """

    def __init__(self, message: Any, status_code: int, cause: BaseException | None = None) -> None:
        super().__init__(message, cause)
        self.args = (message, status_code)
        self.status_code = status_code

    def _sentence(self) -> str:
        if isinstance(self.message, str):
            return _one_line(self.message)
        if not isinstance(self.message, Mapping):
            return f"{self.status_code} {type(self).__name__}: {_one_line(repr(self.message))}"
        reason = self.message.get("error") or type(self).__name__
        detail = self.message.get("message") or self.message.get("error_description")
        told = f"{self.status_code} {reason}"
        return _one_line(f"{told}: {detail}" if detail and detail != reason else told)


class BadRequest(HttpError):
    """400: the request is wrong; `message["message"]` says what and `message["validation"]` where."""


class Forbidden(HttpError):
    """403: these credentials may not do this."""


class NotFound(HttpError):
    """404: nothing is there."""


class ResourceNotFound(NotFound, KeyError, AttributeError):
    """The service has no resource of this name: its descriptor says so."""


class Conflict(HttpError):
    """409: the request contradicts what is stored."""


class RateLimited(HttpError):
    """429: too many requests; `retry_after` says for how long, where the server did."""


class ServerError(HttpError):
    """5xx: the service, or a gateway in front of it, failed."""


_BY_STATUS: Mapping[int, type[HttpError]] = {
    400: BadRequest,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}


def http_error(status_code: int, message: Any) -> HttpError:
    """Make the error for an HTTP status: the class by status, `ServerError` for 5xx, `HttpError` for any other.

    A body that is nested beyond what can be pickled is left out of it.
    """
    if too_deep(message):
        message = f"{status_code}, and a body that is nested too deeply to be shown"
    fallback = ServerError if status_code >= 500 else HttpError
    return _BY_STATUS.get(status_code, fallback)(message, status_code)


def _one_line(text: str) -> str:
    """What a server wrote, fit for a log: without line ends and control characters, and not too long."""
    text = " ".join(text[: 2 * _LONGEST].split())[:_LONGEST]
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def too_deep(value: Any) -> bool:
    """Whether lists and dicts are nested more deeply in `value` than can be pickled for certain."""
    depth, level = 0, [value]
    while depth <= _DEEPEST and (level := [one for one in level if isinstance(one, dict | list)]):
        depth += 1
        level = [item for one in level for item in (one.values() if isinstance(one, dict) else one)]
    return depth > _DEEPEST


class _Parts(NamedTuple):
    """What of an exception may cross a process: an httpx2 error also holds its request, and that holds the token."""

    cls: type[BaseException]
    args: tuple[Any, ...]
    state: dict[str, Any]

    @classmethod
    def of(cls, error: BaseException) -> _Parts:
        args = tuple(argument for argument in error.args if isinstance(argument, _PLAIN))
        return cls(type(error), args, {name: value for name, value in vars(error).items() if isinstance(value, _PLAIN)})

    def error(self) -> BaseException:
        # Past __init__, whose arguments differ from class to class; BaseException.__new__ sets `args`.
        error = self.cls.__new__(self.cls, *self.args)
        error.__dict__.update(self.state)
        return error


def _revive(parts: _Parts, cause: BaseException | _Parts | None) -> BaseException:
    error = parts.error()
    error.__dict__["cause"] = cause.error() if isinstance(cause, _Parts) else cause
    return error
