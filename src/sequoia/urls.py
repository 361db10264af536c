"""Query strings, origins and links: the one place where a URL is put together or judged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

from sequoia.error import DecodeError, UnsafeLinkError

__all__ = [
    "Origin",
    "check_http_url",
    "encode_query",
    "is_loopback",
    "origin",
    "query_value",
    "resolve_link",
    "with_query",
    "without_user_info",
]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BLANK_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f]")
_BRACKETS = re.compile(r"(?:[^\[\]]*@)?(?:\[[^\[\]]*\](?::[^\[\]]*)?|[^\[\]]*)")
_USER_INFO = re.compile(r"^([^/?#]*//)?[^/?#]*@")
# What a caller's own query string may keep raw: it goes out as it is, but for what no URL can hold.
_VERBATIM = "!$&'()*+,-./:;=?@_~%[]"

# Other iterables are none on purpose: bytes are numbers when they are iterated, and a file is its lines.
_LISTS = (list, tuple, set, frozenset, Iterator)

Value = str | int | float
Params = Mapping[str, Value | Iterable[Value]]
Origin = tuple[str, str, int | None]


def encode_query(params: Params) -> str:
    """The query string of `params`, sorted by name, each value fully percent-encoded; a list repeats its name.

    Raises:
        TypeError: They are no dict, or a value is neither a text nor a number nor a list of these.
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a dict such as {{'owner': 'acme'}}, not {params!r:.80}")
    pairs: list[str] = []
    for name in sorted(params):
        value = params[name]
        if isinstance(value, str | int | float):
            values: Iterable[Value] = (value,)
        elif isinstance(value, _LISTS):
            values = value
        else:
            raise _no_value(name, value)
        pairs.extend(f"{_quoted(name)}={_quoted(_text(name, one))}" for one in values)
    return "&".join(pairs)


def _no_value(name: str, value: object) -> TypeError:
    return TypeError(f"the parameter {name!r} must be a text, a number or a list of them, not {value!r:.80}")


def _quoted(text: str) -> str:
    return _quoted_word(text) if len(text) < 64 else quote(text, safe="")


@lru_cache(maxsize=1024)
def _quoted_word(word: str) -> str:
    # The same few names, owners and flags are in every request of a program.
    return quote(word, safe="")


def _text(name: str, value: Value) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, int | float):
        raise _no_value(name, value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def with_query(url: str, params: Params, verbatim: str | None = None) -> str:
    """Append `verbatim`, a query string of the caller's, and then `params` to `url`; a fragment is never sent."""
    url = url.partition("#")[0]
    query = "&".join(part for part in (_verbatim(verbatim), encode_query(params)) if part)
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"


def query_value(url_or_query: str, name: str) -> str | None:
    """The first value of the parameter `name`, decoded, or None."""
    query = urlsplit(url_or_query).query if "?" in url_or_query else url_or_query
    return next((value for key, value in parse_qsl(query, keep_blank_values=True) if key == name), None)


def origin(url: str) -> Origin:
    """Scheme, host and port of `url` (RFC 6454), default ports filled in.

    Raises:
        ValueError: It is no URL, or one that the transport would read differently.
    """
    parts = urlsplit(url)
    if not _BRACKETS.fullmatch(parts.netloc):
        # urlsplit takes the 8 in `https://[::1]8` for nothing, httpx2 for the port.
        raise ValueError("an IPv6 address is followed by a colon and the port, or by nothing")
    port = _DEFAULT_PORTS.get(parts.scheme) if parts.port is None else parts.port
    return parts.scheme, parts.hostname or "", port


def resolve_link(location: str, link: object) -> str:
    """The URL of a page link on the service at `location`.

    A path is put behind the location exactly as received; an absolute URL must have the location's origin.

    Raises:
        DecodeError: `link` is no string, or no URL.
        UnsafeLinkError: It leads to another origin.
    """
    if not isinstance(link, str) or not link or _CONTROL.search(link):
        raise DecodeError(f"the answer's page link is not a link: {link!r:.200}")
    if link.startswith("/") and not link.startswith(("//", "/\\")):
        return location + link
    try:
        url = urljoin(location + "/", link)
        here, there = origin(location), origin(url)
    except ValueError as error:
        raise DecodeError(f"the answer's page link is not a link: {link!r:.200}", error) from error
    if here != there or urlsplit(url).username is not None:
        raise UnsafeLinkError(f"the answer's page link leads away from {location}, it was not followed: {link!r:.200}")
    return url


def check_http_url(url: object, what: str) -> str:
    """`url` without trailing slashes, if it is an absolute http or https URL without user information.

    Raises:
        ValueError: It is not; the message calls it `what`.
    """
    if not isinstance(url, str):
        raise ValueError(f"{what} must be an http or https URL, not {url!r:.200}")
    shown = without_user_info(url)
    if _BLANK_OR_CONTROL.search(url):
        raise ValueError(f"{what} must not hold blanks or control characters: {shown!r:.200}")
    try:
        parts = urlsplit(url)
        port_is_valid = origin(url)[2] != 0
    except ValueError:
        port_is_valid = False
    if not port_is_valid or parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(
            f"{what} must be an http or https URL such as https://registry.example.com, not {shown!r:.200}"
        )
    if parts.username is not None:
        raise ValueError(f"{what} must not carry a user name or password: {shown!r:.200}")
    return url.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether the host of `url` is this machine: localhost, 127.0.0.0/8 or ::1."""
    host = origin(url)[1]
    return host in {"localhost", "::1"} or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def without_user_info(url: str) -> str:
    """`url` without the user name and password that it may carry: fit for messages and logs.

    It works on text that is no URL as well, because that is what a message may have to show.
    """
    return _USER_INFO.sub(r"\1", url)


def _verbatim(query: str | None) -> str:
    if not query:
        return ""
    if _CONTROL.search(query):
        raise ValueError("query_string must not hold control characters")
    return quote(query.lstrip("?&").rstrip("&"), safe=_VERBATIM)
