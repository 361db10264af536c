"""A request as a value, and how its answer is judged.

A `Call` knows everything about a request but who sends it; an `Answer` is what came back, decoded and found good.
Both shells send calls, and nothing else.
"""

from __future__ import annotations

import copy
import enum
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import msgspec
from msgspec.structs import replace

from sequoia.error import DecodeError, HttpError, RequestError, TooManyRedirects, http_error
from sequoia.names import json_key
from sequoia.retry import EmptyRule, retry_after_seconds
from sequoia.secrecy import masked, secrets_of
from sequoia.urls import origin, without_user_info

if TYPE_CHECKING:
    import httpx2

__all__ = [
    "MAX_REDIRECTS",
    "Answer",
    "Call",
    "Expects",
    "decode_json",
    "decoded",
    "describe",
    "is_empty",
    "is_idempotent",
    "judge",
    "main_key",
    "redirected",
]

MAX_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BESIDES = frozenset({"meta", "linked"})  # of a body, what stands beside its main resources
_decode = msgspec.json.Decoder().decode
_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)


class Expects(enum.Enum):
    """What the body of an answer must be."""

    JSON = "JSON, or empty"
    ANYTHING = "JSON if its content type says so"
    BYTES = "whatever it is; it is not decoded, nor shown in any error, because it may be a secret"


def is_idempotent(method: str) -> bool:
    """Whether a request with this method, in upper case, may be sent twice without harm (RFC 9110, 9.2.2)."""
    return method not in {"POST", "PATCH"}


class Call(msgspec.Struct, frozen=True):
    """One request to send.

    Attributes:
        method: HTTP method.
        url: Fully encoded; relative to the location of its service until `at` has made it absolute.
        headers: Those that differ from the client's own.
        body: The encoded body, or None.
        key: JSON key of the main resources in the answer; None on a business endpoint.
        includes: Names of the relationships that were asked for.
        repeatable: Whether sending it twice does no harm.
        authenticated: Whether the client's token goes with it.
        expects: What the answer's body must be.
        own_origin: Whether a redirect to another origin is refused, because the body holds a secret.
    """

    method: str
    url: str
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes | None = None
    key: str | None = None
    includes: tuple[str, ...] = ()
    repeatable: bool = True
    authenticated: bool = True
    expects: Expects = Expects.JSON
    own_origin: bool = False

    def __repr__(self) -> str:
        return f"Call({self.method} {without_user_info(self.url)})"  # the headers of a token request hold the secret

    def header(self, name: str) -> str | None:
        """One of its headers, by its name in lower case; None if it has no such header."""
        return {given.lower(): value for given, value in self.headers.items()}.get(name)

    def at(self, location: str) -> Call:
        """The same call on the service at `location`, which ends without a slash."""
        return replace(self, url=location + self.url)


class Answer(msgspec.Struct, frozen=True, weakref=True, eq=False):
    """A good response to a call.

    Attributes:
        call: The call.
        raw: The HTTP response, read to its end.
        data: Its body, decoded; None for an empty one.
        tries: How often the call was sent, the first time included.
    """

    call: Call
    raw: httpx2.Response
    data: Any
    tries: int = 1

    @property
    def key(self) -> str | None:
        """JSON key of the main resources in `data`, see `main_key`; None on a business endpoint."""
        return main_key(self.data, self.call.key)

    def __reduce__(self) -> tuple[Any, ...]:
        # httpx2 pickles a response with its request, and that holds the token.
        raw, request = copy.copy(self.raw), copy.copy(self.raw.request)
        request.headers = request.headers.copy()
        request.headers.pop("authorization", None)
        raw.request = request
        return Answer, (replace(self.call, headers=_without_token(self.call.headers)), raw, self.data, self.tries)


def main_key(data: Any, key: str | None) -> str | None:
    """The name under which a body has its main resources: `key` or, where there is nothing of that name, the only list.

    A service may call a resource otherwise than its name in URLs suggests, such as `myURLs` at `/data/my-urls`. Its
    descriptor says so, but need not have been read.
    """
    if key is None or not isinstance(data, dict) or key in data:
        return key
    lists = [name for name, value in data.items() if isinstance(value, list) and name not in _BESIDES]
    return lists[0] if len(lists) == 1 else key


def judge(call: Call, response: httpx2.Response, *, now: float) -> Answer:
    """Turn a response into an answer.

    Args:
        call: The call that it answers.
        response: A response read to its end, redirects followed.
        now: Unix seconds, for a `Retry-After` that names a date.

    Raises:
        HttpError: Its status is not one of success.
        DecodeError: Its body is not JSON, or not a JSON object where the call asks for resources.
    """
    if not 200 <= response.status_code < 300:
        raise _refusal(call, response, now)
    return decoded(call, response)


def decoded(call: Call, response: httpx2.Response) -> Answer:
    """The answer in a response of success; errors as `judge`, but for the status."""
    content = response.content
    if not content or call.expects is Expects.BYTES:
        return Answer(call, response, None)
    if call.expects is Expects.ANYTHING and not _claims_json(response):
        return Answer(call, response, None)
    data = decode_json(content, call, response)
    if call.key is not None and not isinstance(data, dict):
        raise DecodeError(f"{_told(call)} is not a JSON object")
    return Answer(call, response, data)


def redirected(call: Call, response: httpx2.Response) -> Call | None:
    """The call that follows a redirect (RFC 9110, 15.4), or None where the response is none.

    Method and body stay as they are, but for a 303, which asks for a GET. To another origin neither the token nor
    an `Authorization` header goes along.

    Raises:
        TooManyRedirects: The redirect leads to something that is not HTTP, or a secret to another origin.
    """
    location = response.headers.get("location")
    if response.status_code not in _REDIRECTS or not location:
        return None
    try:
        url = urljoin(call.url, location)
        same_origin = origin(url) == origin(call.url)
        # User information in the URL would become an Authorization header of the server's making.
        followable = origin(url)[0] in {"http", "https"} and "@" not in urlsplit(url).netloc
    except ValueError as error:
        raise TooManyRedirects(f"a redirect that cannot be followed, to {location!r:.200}", error) from error
    if not followable:
        shown = without_user_info(location)
        raise TooManyRedirects(f"a redirect that cannot be followed, to {shown!r:.200}")
    if call.own_origin and not same_origin:
        raise TooManyRedirects(
            f"a redirect to {without_user_info(url)!r:.200}, where the secret in the body must not go"
        )
    following = replace(call, url=url)
    if response.status_code == HTTPStatus.SEE_OTHER:
        following = replace(following, method="GET", body=None)
    if not same_origin:
        following = replace(following, headers=_without_token(call.headers), authenticated=False)
    return following


def _without_token(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "authorization"}


def is_empty(answer: Answer, rule: EmptyRule) -> bool:
    """Whether a resource that must be there, by `retry_when_empty_result`, is not.

    `True` asks for the main resources and for every included relationship; a dict for those that it maps to True.
    """
    if not rule or answer.call.method != "GET":
        return False  # what a write answers says nothing about what is there
    if not isinstance(answer.data, dict):
        return not answer.data
    linked = answer.data.get("linked")
    linked = linked if isinstance(linked, dict) else {}
    if isinstance(rule, Mapping):
        wanted = [name for name, must_be_there in rule.items() if must_be_there]
        return any(not (answer.data.get(_meant(name, answer)) or linked.get(name)) for name in wanted)
    if any(not linked.get(name) for name in {*answer.call.includes, *linked}):
        return True
    if answer.call.key is not None:
        return not answer.data.get(answer.key)
    return any(value == [] for value in answer.data.values())


def _meant(name: str, answer: Answer) -> str | None:
    """The JSON key of what a rule calls `name`."""
    key, main = json_key(name), answer.call.key
    return answer.key if main is not None and key == json_key(main) else key


def decode_json(content: bytes, call: Call | None = None, response: httpx2.Response | None = None) -> Any:
    """Decode JSON; a message about `response` shows nothing that its request kept secret.

    Raises:
        DecodeError: It is none, or is nested too deeply; the message says that it answers `call`.
    """
    try:
        return _decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        secrets = frozenset[str]() if response is None else _secrets(response)
        raise DecodeError(f"{_told(call)} is not JSON: {error}: {_excerpt(masked(content, secrets))}", error) from error


def _told(call: Call | None) -> str:
    return "the body" if call is None else f"the answer to {call.method} {without_user_info(call.url)}"


def _secrets(response: httpx2.Response, *, with_body: bool = False) -> frozenset[str]:
    """What the request that was answered kept secret, and a server may send back."""
    try:
        return secrets_of(response.request, with_body=with_body)
    except RuntimeError:  # a response that somebody made without a request
        return frozenset()


def _refusal(call: Call, response: httpx2.Response, now: float) -> HttpError:
    secrets = _secrets(response, with_body=call.own_origin)
    status = response.status_code
    error = http_error(status, _refusal_message(response, masked(response.content, secrets)))
    error.headers = {name: masked(value.encode(), secrets).decode() for name, value in response.headers.items()}
    error.retry_after = retry_after_seconds(response.headers.get("retry-after"), now)
    return error


def _refusal_message(response: httpx2.Response, content: bytes) -> Any:
    if content:
        try:
            return decode_json(content)
        except DecodeError:
            pass
    reason = f"{response.status_code} {response.reason_phrase}".strip()
    if not content:
        return f"{reason}, without a body"
    kind = response.headers.get("content-type", "no content type").partition(";")[0]
    return f"{reason}, and the body is not the service's JSON but {kind}: {_excerpt(content)}"


def describe(error: RequestError, call: Call, correlation_id: str) -> None:
    """Write down on `error` which request it was, for the message and for the caller."""
    error.method = call.method
    error.url = without_user_info(call.url)
    error.correlation_id = error.headers.get("x-correlation-id", correlation_id)


def _claims_json(response: httpx2.Response) -> bool:
    return "json" in response.headers.get("content-type", "json").lower()


def _excerpt(content: bytes) -> str:
    """The first words of a body, without markup: enough to recognise a gateway's page."""
    text = " ".join(_TAGS.sub(" ", content[:4000].decode("utf-8", "replace")).split())
    return repr(text[:160])
