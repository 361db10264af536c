"""No secret is in any message, log, repr or pickle, whatever happens: everything is logged at DEBUG and searched."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import quote

import hpack
import pytest
from tests.contract.servers import Served, forward, unused_origin
from tests.security.conftest import Connect, Serve
from tests.security.platforms import (
    CLIENT_SECRET,
    OPTIONS,
    PASSWORD,
    PROXY_PASSWORD,
    SECRETS,
    TOKEN,
    Platform,
    told,
)
from tests.security.socks import SocksServer

from sequoia import AuthType, Client
from sequoia.error import ClientError, HttpError
from sequoia.secrecy import HIDDEN
from sequoia.settings import Settings
from sequoia.tokens import PROCESS_TOKENS

USER = {"auth_type": AuthType.PASSWORD, "username": "people\\ann", "password": PASSWORD}
NO_CLIENT = {"grant_client_id": None, "grant_client_secret": None}
KINDS: dict[str, dict[str, Any]] = {
    "client grant": {},
    "password grant": USER,
    "password login": {**USER, **NO_CLIENT},
    "own token": {"auth_type": AuthType.BYO_TOKEN, "byo_token": TOKEN, **NO_CLIENT},
    "own token by a function": {"auth_type": AuthType.BYO_TOKEN, "byo_token": lambda: TOKEN, **NO_CLIENT},
    "own token at first": {"byo_token": TOKEN},
}


class Records(logging.Handler):
    """Everything that is logged, with all that a formatter could show of it."""

    def __init__(self) -> None:
        super().__init__(0)
        self.names: set[str] = set()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.names.add(record.name)
        trace = "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info else ""
        self.lines.append(f"{record.name} {record.getMessage()} {record.args!r} {trace}")


@pytest.fixture
def records() -> Iterator[Records]:
    """Whatever anybody logs in this process, at every level."""
    handler, root = Records(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    PROCESS_TOKENS.clear()
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)
    PROCESS_TOKENS.clear()


def shown(thing: object) -> str:
    """All that a program may show or send of an object."""
    parts = [repr(thing), str(thing), f"{thing}", repr(getattr(thing, "__dict__", ""))]
    with suppress(TypeError, AttributeError, pickle.PicklingError):  # a client says that it cannot be pickled
        data = pickle.dumps(thing)
        parts += [data.decode("latin-1"), data.decode(errors="replace"), repr(data)]
    if isinstance(thing, BaseException):
        parts += traceback.format_exception(thing)
        parts += [f"{vars(error)!r} {error.args!r}" for error in chain(thing)]
        parts.append(repr(pickle.loads(pickle.dumps(thing))))  # noqa: S301 - our own
    return "\n".join(parts)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending = [error]
    while pending:
        one = pending.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            pending += [one.__cause__, one.__context__, getattr(one, "cause", None)]


def failing(action: Callable[[], object]) -> ClientError:
    with pytest.raises(ClientError) as caught:
        action()
    return caught.value


def silent(records: Records, *things: object) -> None:
    for line in records.lines:
        assert told(line) == set(), line
    for thing in things:
        assert told(shown(thing)) == set(), shown(thing)


def test_the_search_finds_what_it_looks_for() -> None:
    for secret in SECRETS:
        assert told(f"x{secret}y") == {secret}
        assert secret in told(shown(ValueError(secret)))
        assert secret in told(pickle.dumps({"a": secret}))


ECHOES = [(status, kind) for status in (400, 401, 403, 404, 412, 429, 500, 503) for kind in ("json", "html")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_session_tells_nothing(connect: Connect, platform: Platform, records: Records, kind: str) -> None:
    client = connect(platform.registry_url, **{**OPTIONS, **KINDS[kind]})
    contents = client.metadata.contents
    things: list[Any] = [
        client,
        client.metadata,
        contents,
        client.metadata.descriptor,
        repr(Settings.of("http://a", OPTIONS)),
    ]
    things += [contents.browse("acme"), contents.read("acme", "acme:a"), contents.store("acme", {"name": "a"})]
    for echo in [*ECHOES, (200, "html")]:
        platform.echoes = dict.fromkeys(("/data/contents", "/data/contents/"), echo)
        things.append(failing(lambda: contents.browse("acme")))
        things.append(failing(lambda: contents.store("acme", {"name": "a"})))

    assert f"Bearer {TOKEN}" in {one.headers.get("authorization") for one in platform.arrived}
    assert {"httpx2", "httpcore2.http11"} <= records.names
    assert any(HIDDEN in str(thing) for thing in things)
    silent(records, *things)


@pytest.mark.parametrize("path", ["/data/contents", "/oauth/token"])
def test_headers_that_a_server_sends_back_are_not_in_the_error(connect: Connect, platform: Platform, path: str) -> None:
    PROCESS_TOKENS.clear()
    platform.echoed_headers = True
    platform.echoes = {path: (503, "html")}

    error = failing(lambda: connect(platform.registry_url, **OPTIONS).metadata.contents.browse("acme"))

    assert isinstance(error, HttpError)
    assert error.headers["x-request"].split() == [HIDDEN] * (1 if path.startswith("/data") else 2)
    assert told(shown(error)) == set()


@pytest.mark.parametrize("kind", ["client grant", "password grant", "password login"])
def test_a_refused_login_tells_nothing(connect: Connect, platform: Platform, records: Records, kind: str) -> None:
    options = {**OPTIONS, **KINDS[kind]}
    errors = []
    for echo in [*ECHOES, (200, "html"), (200, "json"), (302, "html")]:
        platform.echoes = dict.fromkeys(("/oauth/token", "/pauth/token"), echo)
        errors.append(failing(lambda: connect(platform.registry_url, **options)))

    silent(records, *errors)


@pytest.mark.parametrize(
    "body",
    [
        b'{"access_token": "%s' % TOKEN.encode(),
        b'{"access_token": "%s\xff", "expires_in": 5}' % TOKEN.encode(),
        b'{"access_token": "%s", "token_type": "mac"}' % TOKEN.encode(),
        b'{"access_token": "%s", "expires_in": Infinity}' % TOKEN.encode(),
        b'{"access_token": ["%s"]}' % TOKEN.encode(),
        b'{"access_token": "%s\\n", "scope": 5}' % TOKEN.encode(),
        b'{"error": "invalid_grant", "access_token": "%s"}' % TOKEN.encode(),
        b"<html>%s</html>" % TOKEN.encode(),
    ],
)
def test_an_answer_with_a_broken_token_tells_nothing(
    connect: Connect, platform: Platform, records: Records, body: bytes
) -> None:
    platform.answers["/oauth/token"] = Served(200, body)

    silent(records, failing(lambda: connect(platform.registry_url, **OPTIONS)))


def test_a_proxy_with_a_password_tells_nothing(
    connect: Connect, platform: Platform, serve: Serve, records: Records
) -> None:
    proxy = serve(forward)
    host = proxy.origin.removeprefix("http://")
    client = connect(platform.registry_url, proxies={"http": f"http://user:{PROXY_PASSWORD}@{host}"}, **OPTIONS)
    good = client.metadata.contents.browse("acme")

    assert told(proxy.arrived[-1].headers["proxy-authorization"]) == {PROXY_PASSWORD}
    silent(records, client, good)


def test_a_proxy_that_refuses_or_is_gone_tells_nothing(
    connect: Connect, platform: Platform, serve: Serve, records: Records
) -> None:
    refusing = serve(lambda _: Served(407, b"no"))
    for origin in (refusing.origin, unused_origin()):
        proxy = origin.replace("http://", f"http://user:{PROXY_PASSWORD}@")
        proxied = partial(connect, proxies={"http": proxy, "https": proxy}, **OPTIONS)
        silent(records, failing(partial(proxied, platform.registry_url)))
        silent(records, failing(partial(proxied, "https://registry.invalid/services/acme")))
    with pytest.raises(ValueError, match="proxies") as caught:
        connect(platform.registry_url, proxies={"http": f"gopher://user:{PROXY_PASSWORD}@a"}, **OPTIONS)
    silent(records, caught.value)


def test_a_socks_proxy_with_a_password_tells_nothing(connect: Connect, platform: Platform, records: Records) -> None:
    with SocksServer() as proxy:
        client = connect(
            platform.registry_url, proxies={"http": f"socks5://user:{PROXY_PASSWORD}@{proxy.host}"}, **OPTIONS
        )
        good = client.metadata.contents.browse("acme")
        client.close()

    assert proxy.logins[0] == ("user", PROXY_PASSWORD)
    silent(records, client, good)


def test_the_headers_of_http2_are_not_logged(connect: Connect, platform: Platform, records: Records) -> None:
    connect(platform.registry_url, http2=True, **OPTIONS)
    hpack.Encoder().encode([("authorization", f"Bearer {TOKEN}"), ("x-api-key", PASSWORD)])

    assert not any(name.startswith("hpack") for name in records.names)
    silent(records)


def test_a_connection_that_breaks_tells_nothing(connect: Connect, platform: Platform, records: Records) -> None:
    client = connect(platform.registry_url, **OPTIONS)
    platform.answers["/data/contents"] = Served(200, b"{}", {"content-length": "500"})
    errors = [failing(lambda: client.metadata.contents.browse("acme"))]
    platform.answers["/data/contents"] = Served(200, b"this is no gzip", {"content-encoding": "gzip"})
    errors.append(failing(lambda: client.metadata.contents.browse("acme")))
    platform.answers["/data/contents"] = Served(307, b"", {"location": "/data/contents"})
    errors.append(failing(lambda: client.metadata.contents.browse("acme")))

    silent(records, *errors)


@pytest.mark.parametrize(
    "options",
    [
        {"grant_client_id": "id"},
        {"grant_client_id": 5, "grant_client_secret": CLIENT_SECRET},
        {"grant_client_id": "id", "grant_client_secret": CLIENT_SECRET, "auth_typ": 1},
        {"auth_type": AuthType.BYO_TOKEN, "byo_token": f"{TOKEN}\x00"},
        {"auth_type": AuthType.PASSWORD, "username": "ann", "password": PASSWORD},
        {"auth_type": AuthType.PASSWORD, "username": "a\\ann", "password": [PASSWORD]},
        {"auth_type": "PASSWORD", "password": PASSWORD},
    ],
)
def test_an_option_that_makes_no_sense_tells_nothing(options: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        Client("https://registry.invalid/services/acme", **options)

    assert told(shown(caught.value)) == set()


def test_a_registry_url_with_a_password_is_refused_without_it() -> None:
    with pytest.raises(ValueError, match="must not carry a user name") as caught:
        Client(f"https://user:{quote(PASSWORD)}@registry.invalid", **OPTIONS)

    assert told(shown(caught.value)) == set()
