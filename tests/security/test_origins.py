"""The token and the client's secret go to the origins that the registry names, and nowhere else."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx2
import pytest
import trustme
from tests.contract.servers import Served, TinyServer, as_json
from tests.security.conftest import Connect
from tests.security.platforms import OPTIONS, PAGE, PASSWORD, TOKEN, Platform, told

from sequoia import AuthType, Client, where
from sequoia.error import AuthorisationError, ClientError, DecodeError, TooManyRedirects, UnsafeLinkError

CODES = [301, 302, 303, 307, 308]
CONTENTS = "/data/contents"


def moved(location: str, status: int = 307) -> Served:
    return Served(status, b"", {"location": location})


def nothing_secret(server: TinyServer) -> None:
    for request in server.arrived:
        assert "authorization" not in request.headers
        assert told(f"{request.target} {dict(request.headers)}") == set()
        assert told(request.body) == set()


# Redirects


def test_a_redirect_to_another_origin_takes_no_token_along(
    connect: Connect, platform: Platform, evil: TinyServer
) -> None:
    host = evil.origin.removeprefix("http://")
    client = connect(platform.registry_url, **OPTIONS)
    for status in CODES:
        for form in ("http://{}/data/contents", "//{}/x", "http://{}", "HTTP://{}/?a=b#c"):
            platform.answers[CONTENTS] = moved(form.format(host), status)
            platform.arrived.clear()
            evil.arrived.clear()

            with suppress(TooManyRedirects):
                client.metadata.contents.browse("acme")
                assert len(evil.arrived) == 1, form

            assert platform.with_token() == [CONTENTS]
            nothing_secret(evil)


@pytest.mark.parametrize("status", CODES)
def test_nor_does_that_of_a_write(connect: Connect, platform: Platform, evil: TinyServer, status: int) -> None:
    platform.answers[f"{CONTENTS}/"] = moved(f"{evil.origin}/data/contents/", status)
    client = connect(platform.registry_url, **OPTIONS)

    client.metadata.contents.store("acme", {"owner": "acme", "name": "a"})

    assert [one.method for one in evil.arrived] == ["GET" if status == 303 else "POST"]
    nothing_secret(evil)


@pytest.mark.parametrize("location", ["http://id:pw@{host}/x", "http://{home}@{host}/x", "http://{host}@{home}/x"])
def test_a_redirect_with_user_information_is_not_followed(
    connect: Connect, platform: Platform, evil: TinyServer, location: str
) -> None:
    hosts = {"host": evil.origin.removeprefix("http://"), "home": platform.origin.removeprefix("http://")}
    platform.answers[CONTENTS] = moved(location.format(**hosts))
    client = connect(platform.registry_url, **OPTIONS)

    with pytest.raises(TooManyRedirects, match="cannot be followed"):
        client.metadata.contents.browse("acme")

    assert evil.arrived == []
    assert platform.with_token() == [CONTENTS]


def test_another_name_of_the_same_machine_is_another_origin(connect: Connect, platform: Platform) -> None:
    platform.answers[CONTENTS] = moved(f"{platform.origin.replace('127.0.0.1', 'localhost')}/data/elsewhere")
    client = connect(platform.registry_url, **OPTIONS)

    client.metadata.contents.browse("acme")

    assert platform.arrived[-1].path == "/data/elsewhere"
    assert platform.with_token() == [CONTENTS]


def test_a_token_that_was_left_behind_does_not_come_back(
    connect: Connect, platform: Platform, serve: Callable[..., TinyServer]
) -> None:
    # Home, away, and so on for ten hops; at home again the request still has no token, and may not be renewed for it.
    back = serve(lambda request: moved(f"{platform.origin}/data/{int(request.path.rpartition('/')[2]) + 1}"))
    platform.answers[CONTENTS] = moved(f"{back.origin}/data/0")
    for hop in range(1, 9, 2):
        platform.answers[f"/data/{hop}"] = moved(f"{back.origin}/data/{hop + 1}")
    platform.answers["/data/9"] = as_json({"statusCode": 401}, 401)
    client = connect(platform.registry_url, **OPTIONS)

    with pytest.raises(ClientError, match="401"):
        client.metadata.contents.browse("acme")

    assert len(back.arrived) == 5
    nothing_secret(back)
    assert platform.with_token() == [CONTENTS]
    assert [one.path for one in platform.arrived].count("/oauth/token") == 1


@pytest.mark.parametrize("status", CODES)
def test_a_redirect_from_https_to_http_takes_no_token_along(
    connect: Connect, evil: TinyServer, authority: trustme.CA, status: int
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with Platform(context) as platform:
        platform.answers[CONTENTS] = moved(f"{evil.origin}/x", status)
        connect(platform.registry_url, verify=trusting, **OPTIONS).metadata.contents.browse("acme")

        assert platform.with_token() == [CONTENTS]
    assert len(evil.arrived) == 1
    nothing_secret(evil)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize("status", CODES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"auth_type": AuthType.PASSWORD, "username": "people\\ann", "password": PASSWORD},
        {
            "auth_type": AuthType.PASSWORD,
            "username": "people\\ann",
            "password": PASSWORD,
            "grant_client_id": None,
            "grant_client_secret": None,
        },
    ],
    ids=["client grant", "password grant", "password login"],
)
def test_an_identity_service_that_redirects_takes_no_secret_along(
    connect: Connect, platform: Platform, evil: TinyServer, status: int, options: dict[str, Any]
) -> None:
    for path in ("/oauth/token", "/pauth/token"):
        platform.answers[path] = moved(f"{evil.origin}/oauth/token", status)

    with suppress(ClientError):
        connect(platform.registry_url, **{**OPTIONS, **options})

    nothing_secret(evil)


# Links


LINKS = [
    "{evil}/data/contents?page=2",
    "//{host}/data/contents",
    "/\\{host}/x",
    "\\\\{host}/x",
    "http:\\\\{host}/x",
    "http:/\\{host}/x",
    "http://{home}@{host}/x",
    "http://{home}.{host}/x",
    "http://{host}#@{home}/",
    "http://{host}\\@{home}/",
    "http://{home}%40{host}/",
    "http://{home}%2f@{host}/",
    " http://{host}/x",
    "\thttp://{host}/x",
    "ht\ttp://{host}/x",
    "/\r\nHost: {host}",
    "http://{host}/\r\nX: y",
    "HTTP://{host}/x",
    "http://[::ffff:127.0.0.1]:{port}/x",
    "http://0x7f000001:{port}/x",
    "http://2130706433:{port}/x",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "http://[",
    "http://{home}:{port}/x",
    "///{host}/x",
    "////{host}/x",
    "/../..//{host}/x",
    "?next=http://{host}/",
    "@{host}/x",
    ":{port}/x",
    ".{host}/x",
]


def with_link(kind: str, link: str) -> dict[str, Any]:
    if kind != "linked":
        return {**PAGE, "meta": {kind: link}}
    entries = [{"request": "/data/assets?a=b", "continue": link}]
    return {**PAGE, "linked": {"assets": [{"ref": "acme:x"}]}, "meta": {"page": 1, "linked": {"assets": entries}}}


@pytest.mark.parametrize("kind", ["next", "continue", "linked"])
def test_a_page_link_never_leads_away(connect: Connect, platform: Platform, evil: TinyServer, kind: str) -> None:
    host, home = evil.origin.removeprefix("http://"), platform.origin.removeprefix("http://")
    parts = {"evil": evil.origin, "host": host, "port": host.partition(":")[2], "home": home}
    client = connect(platform.registry_url, **OPTIONS)
    criteria = where().include("assets")
    for form in LINKS:
        platform.answers[CONTENTS] = as_json(with_link(kind, form.format(**parts)))
        browse = client.metadata.contents.browse("acme", criteria)

        with suppress(UnsafeLinkError, DecodeError):
            for _ in zip(browse.linked("assets") if kind == "linked" else browse, range(3), strict=False):
                pass

        assert evil.arrived == [], form


# The registry


NO_PLACES = [
    "http://user:pw@{host}",
    "ftp://{host}",
    "file:///etc/passwd",
    "{host}",
    "//{host}",
    "javascript:x",
    "http://",
    "http://[",
    "http://[::1]{port}",
    "http://{host}:99999",
    "http://127.0.0.1:0",
    "http://{host}/a b",
    "http://ev\til/",
    "http://evil.invalid",
    "",
]


def test_a_registered_place_that_is_no_place_for_a_token_gets_none(
    connect: Connect, platform: Platform, evil: TinyServer
) -> None:
    host = evil.origin.removeprefix("http://")
    client = connect(platform.registry_url, **OPTIONS)
    for form in NO_PLACES:
        platform.locations["flow"] = form.format(host=host, port=host.partition(":")[2])
        client.refresh()

        with pytest.raises(ClientError):
            client.flow.things.browse("acme")
        assert evil.arrived == [], form
        assert client.metadata.contents.browse("acme").resources  # one bad entry does not spoil the others


def test_an_identity_service_at_such_a_place_gets_no_secret(
    connect: Connect, platform: Platform, evil: TinyServer
) -> None:
    host = evil.origin.removeprefix("http://")
    for form in NO_PLACES:
        platform.locations["identity"] = form.format(host=host, port=host.partition(":")[2])

        with pytest.raises((DecodeError, AuthorisationError)):
            connect(platform.registry_url, **OPTIONS)
        assert evil.arrived == [], form


def test_a_registered_path_stays_on_its_origin(connect: Connect, platform: Platform, evil: TinyServer) -> None:
    client = connect(platform.registry_url, **OPTIONS)
    for suffix in ("/some/path", "/some/path/", "/..", "?a=b", "#x", "/%2e%2e", "//{host}"):
        platform.locations["flow"] = platform.origin + suffix.format(host=evil.origin.removeprefix("http://"))
        client.refresh()

        with suppress(ClientError):
            client.flow.things.browse("acme")
        assert evil.arrived == [], suffix


@pytest.mark.parametrize(
    ("registered", "requested", "with_token"),
    [
        ("https://metadata.test", "https://metadata.test/x", True),
        ("https://metadata.test", "https://METADATA.test:443/x", True),
        ("HTTPS://Metadata.Test/", "https://metadata.test/x", True),
        ("https://metadata.test", "https://metadata.test./x", False),
        ("https://metadata.test.", "https://metadata.test/x", False),
        ("https://metadata.test", "https://metadata.test:8443/x", False),
        ("https://metadata.test", "https://metadata.test.evil.test/x", False),
        ("https://metadata.test", "https://metadata.testing/x", False),
        ("https://metadata.test/path", "https://metadata.test/x", True),
        ("https://[2001:db8::1]", "https://[2001:db8::1]/x", True),
        ("https://[2001:db8::1]", "https://[2001:db8::1]:8443/x", False),
        ("https://[2001:db8::1]", "https://[2001:db8::2]/x", False),
        ("https://bücher.test", "https://bücher.test/x", True),
        ("https://bücher.test", "https://bucher.test/x", False),
    ],
)
def test_the_token_goes_to_the_very_origin_that_is_registered(
    registered: str, requested: str, with_token: bool
) -> None:
    tokens: list[str | None] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if "/services/" in request.url.path:
            return httpx2.Response(200, json={"services": [{"name": "metadata", "location": registered}]})
        tokens.append(request.headers.get("authorization"))
        return httpx2.Response(200, json={})

    adapters = [("https://", httpx2.MockTransport(answer))]
    with Client(
        "https://registry.test/services/acme", auth_type=AuthType.BYO_TOKEN, byo_token=TOKEN, adapters=adapters
    ) as client:
        client.get(requested)

    assert tokens == [f"Bearer {TOKEN}" if with_token else None]


def test_the_port_behind_an_address_in_brackets_needs_its_colon() -> None:
    # urllib reads https://[::1]8443 as port 443, httpx2 as port 8443: one would check what the other does not ask.
    adapters = [("https://", httpx2.MockTransport(lambda _: httpx2.Response(200, json={"services": []})))]
    with (
        Client(
            "https://registry.test/services/acme", auth_type=AuthType.BYO_TOKEN, byo_token=TOKEN, adapters=adapters
        ) as client,
        pytest.raises(ValueError, match="url must be"),
    ):
        client.get("https://[::1]8443/x")


def test_what_the_caller_asks_of_another_origin_has_no_token(
    connect: Connect, platform: Platform, evil: TinyServer
) -> None:
    client = connect(platform.registry_url, **OPTIONS)

    client.get(f"{evil.origin}/x")
    client.request("POST", f"{evil.origin}/x", json={"a": 1})

    assert len(evil.arrived) == 2
    nothing_secret(evil)


# A descriptor


NAMES = [
    "//{host}/x",
    "..",
    "../..",
    "../../{host}",
    "@{host}",
    "\\\\{host}",
    "http://{host}/",
    "?a=b",
    "#a",
    "\r\nHost: {host}",
    ".",
    "",
]


def test_a_poisoned_name_of_a_resource_stays_on_the_service(
    connect: Connect, platform: Platform, evil: TinyServer
) -> None:
    client = connect(platform.registry_url, **OPTIONS)
    for name in NAMES:
        segment = name.format(host=evil.origin.removeprefix("http://"))
        resource = {"pluralName": "contents", "singularName": "content", "hyphenatedPluralName": segment}
        platform.answers["/descriptor/raw"] = as_json({"name": "metadata", "resourcefuls": {"contents": resource}})
        client.refresh()
        assert client.metadata.descriptor.resourcefuls
        platform.arrived.clear()

        with suppress(ClientError):
            client.metadata.contents.browse("acme")
            client.metadata.contents.delete("acme", "acme:a")

        assert evil.arrived == [], name
        # Nor to another resource of the service, which the caller did not name.
        assert all(one.path.startswith("/data/") and ".." not in one.path for one in platform.arrived), name


@pytest.mark.parametrize("method", ["GET", "POST", "get /x HTTP/1.1\r\nHost: evil\r\n\r\nGET"])
def test_a_poisoned_route_stays_on_the_service(
    connect: Connect, platform: Platform, evil: TinyServer, method: str
) -> None:
    host = evil.origin.removeprefix("http://")
    client = connect(platform.registry_url, **OPTIONS)
    further = ["/{{owner}}@{host}", "//{host}/{{owner}}", "/a/../../..//{host}", "/a b", "/{{owner*}}", ":80@{host}"]
    for name in [*NAMES, *further]:
        route = {"name": "feed", "path": name.format(host=host), "method": method}
        platform.answers["/descriptor/raw"] = as_json({"name": "metadata", "routes": [route]})
        client.refresh()
        for values in ({"owner": f"..//{host}"}, {}):
            with suppress(ClientError, ValueError):
                client.metadata.route("feed", **values).fetch()

        assert evil.arrived == [], name
    assert not any("evil" in one.headers.get("host", "") for one in platform.arrived)
