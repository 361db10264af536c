"""What stands between a client and a service: gateways, redirects and proxies."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from typing import Any

import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import content, load_contents, sent
from tests.contract.servers import TOKEN, Arrived, Served, TinyServer, as_json, forward, registry

from sequoia import AuthType, Client
from sequoia.error import (
    AuthorisationError,
    ConnectionError,
    DecodeError,
    HttpError,
    NotFound,
    ServerError,
    TooManyRedirects,
)
from sequoia.sandbox import Fault, Sandbox

ONCE = {"max_tries": 1}
BAD_GATEWAY = b"""<html><head><title>502</title><style>h1{color:red}</style></head>
<body><h1>Bad gateway</h1><script>alert("x")</script>The upstream server is gone.</body></html>"""
FOUND = as_json({"meta": {}, "contents": [{"ref": "acme:x"}]})

Behind = Callable[..., tuple[Client, TinyServer]]


@pytest.fixture
def behind(connect: Connect, serve: Serve) -> Behind:
    """Makes a client, with a token if nothing else is asked for, of a service that answers what a test says."""

    def start(respond: Callable[[Arrived], Served], **options: Any) -> tuple[Client, TinyServer]:
        def answer(request: Arrived) -> Served:
            if request.path.startswith("/services"):
                return registry(identity=server.origin, metadata=server.origin)
            return as_json(TOKEN) if request.path == "/oauth/token" else respond(request)

        server = serve(answer)
        client = connect(server.registry_url, **options)
        server.arrived.clear()
        return client, server

    return start


# Bodies that are not the service's


def test_a_gateway_s_error_page_is_shown_in_words(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.faults.add(Fault(status=502, body=BAD_GATEWAY, content_type="text/html", service="metadata"))
    with pytest.raises(ServerError) as failed:
        client.metadata.contents.browse(owner, backoff_strategy=ONCE)
    assert failed.value.status_code == 502
    shown = str(failed.value)
    assert "Bad gateway The upstream server is gone." in shown
    assert not any(markup in shown for markup in ("<h1>", "alert", "color:red"))


def test_a_gateway_s_error_page_is_retried(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    sandbox.faults.add(Fault(status=502, body=BAD_GATEWAY, content_type="text/html", service="metadata", times=3))
    assert len(client.metadata.contents.browse(owner).resources) == 1


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html>Please log in</html>", "text/html"),
        (b"<html>Please log in</html>", "application/json"),
        (b'{"contents": [', "application/json"),
        (b'{"contents": []} trailing', "application/json"),
        (b"\xff\xfe\x00", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"a":' * 100_000, "application/json"),
    ],
)
def test_a_body_that_is_not_json(client: Client, sandbox: Sandbox, owner: str, body: bytes, content_type: str) -> None:
    sandbox.faults.add(Fault(body=body, content_type=content_type, service="metadata"))
    with pytest.raises(DecodeError, match="is not JSON") as wrong:
        client.metadata.contents.browse(owner)
    assert f"/data/contents?owner={owner}" in str(wrong.value)
    assert len(str(wrong.value)) < 1000
    assert len(sent(sandbox)) == 1


def test_a_body_that_breaks_off(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.faults.add(Fault(drop="body", body=b'{"meta": {}, "contents": []}', service="metadata"))
    with pytest.raises(ConnectionError, match="connection lost") as lost:
        client.metadata.contents.browse(owner, backoff_strategy=ONCE)
    assert lost.value.sent
    assert lost.value.cause is not None


def test_a_compressed_body(behind: Behind) -> None:
    packed = gzip.compress(b'{"meta": {}, "contents": [{"ref": "acme:x"}]}')
    client, server = behind(lambda _: Served(200, packed, {"content-encoding": "gzip"}))
    assert client.metadata.contents.browse("acme").resource == {"ref": "acme:x"}
    assert "gzip" in server.arrived[0].headers["accept-encoding"]


def test_a_compressed_body_that_is_broken(behind: Behind) -> None:
    client, _ = behind(lambda _: Served(200, b"\x1f\x8bnot gzip at all", {"content-encoding": "gzip"}))
    with pytest.raises(DecodeError, match="content encoding"):
        client.metadata.contents.browse("acme")


def test_an_error_without_a_body(behind: Behind) -> None:
    client, _ = behind(lambda _: Served(403))
    with pytest.raises(HttpError, match="403 Forbidden, without a body"):
        client.metadata.contents.browse("acme")


@pytest.mark.parametrize("body", [{"message": None}, {}, [1], "gone", {"error": "Gone", "message": {"why": ["x"]}}])
def test_an_error_whose_json_has_another_shape(behind: Behind, body: Any) -> None:
    client, _ = behind(lambda _: as_json(body, 400))
    with pytest.raises(HttpError) as failed:
        client.metadata.contents.browse("acme")
    assert failed.value.message == body
    assert str(failed.value)


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(behind: Behind, status: int) -> None:
    client, server = behind(
        lambda one: FOUND if one.path == "/moved" else Served(status, b"", {"location": "/moved?owner=acme"})
    )
    assert client.metadata.contents.browse("acme").resource == {"ref": "acme:x"}
    assert [one.target for one in server.arrived] == ["/data/contents?owner=acme", "/moved?owner=acme"]
    assert all(one.headers["authorization"] == f"Bearer {TOKEN['access_token']}" for one in server.arrived)
    assert len({one.headers["x-correlation-id"] for one in server.arrived}) == 1


@pytest.mark.parametrize(
    ("status", "method", "with_body"),
    [(301, "POST", True), (302, "POST", True), (303, "GET", False), (307, "POST", True), (308, "POST", True)],
)
def test_a_redirected_write_keeps_method_and_body(behind: Behind, status: int, method: str, with_body: bool) -> None:
    def respond(request: Arrived) -> Served:
        return FOUND if request.path == "/moved" else Served(status, b"", {"location": f"{server.origin}/moved"})

    client, server = behind(respond)
    client.metadata.contents.store("acme", content("acme", "x"))
    first, second = server.arrived
    assert (second.method, second.path) == (method, "/moved")
    assert second.body == (first.body if with_body else b"")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_leaves_the_token_behind(behind: Behind, serve: Serve, status: int) -> None:
    other = serve(lambda _: FOUND)
    client, _ = behind(lambda one: Served(status, b"", {"location": f"{other.origin}{one.target}"}))
    assert client.metadata.contents.browse("acme").resource == {"ref": "acme:x"}
    assert "authorization" not in other.arrived[0].headers
    assert str(TOKEN["access_token"]) not in str(other.arrived)


def test_an_authorization_of_the_caller_s_own_stays_behind_too(behind: Behind, serve: Serve) -> None:
    other = serve(lambda _: as_json({}))
    redirect = Served(302, b"", {"location": f"{other.origin}/x"})
    client, server = behind(lambda _: redirect, auth_type=AuthType.NO_AUTH)
    client.get(f"{server.origin}/y", headers={"Authorization": "Basic c2VjcmV0", "X-Extra": "kept"})
    assert server.arrived[0].headers["authorization"] == "Basic c2VjcmV0"
    assert "authorization" not in other.arrived[0].headers
    assert other.arrived[0].headers["x-extra"] == "kept"


def test_a_token_that_was_left_behind_does_not_come_back(behind: Behind, serve: Serve) -> None:
    def back(request: Arrived) -> Served:
        return Served(302, b"", {"location": f"{server.origin}/back"})

    other = serve(back)
    client, server = behind(
        lambda one: FOUND if one.path == "/back" else Served(302, b"", {"location": f"{other.origin}/x"})
    )
    client.metadata.contents.browse("acme")
    assert "authorization" not in server.arrived[-1].headers


def test_a_401_from_another_origin_does_not_renew_the_token(behind: Behind, serve: Serve) -> None:
    other = serve(lambda _: Served(401))
    client, server = behind(lambda _: Served(302, b"", {"location": f"{other.origin}/x"}))
    with pytest.raises(HttpError, match="401"):
        client.metadata.contents.browse("acme")
    assert len(other.arrived) == 1
    assert "/oauth/token" not in [one.path for one in server.arrived]


@pytest.mark.parametrize(("hops", "arrives"), [(10, True), (11, False)])
def test_ten_redirects_are_followed_and_no_more(behind: Behind, hops: int, arrives: bool) -> None:
    def respond(request: Arrived) -> Served:
        hop = int(request.path.rpartition("/")[2]) if request.path.startswith("/hop") else 0
        return FOUND if hop == hops else Served(302, b"", {"location": f"/hop/{hop + 1}"})

    client, server = behind(respond)
    if arrives:
        assert client.metadata.contents.browse("acme").resource == {"ref": "acme:x"}
    else:
        with pytest.raises(TooManyRedirects, match="more than 10"):
            client.metadata.contents.browse("acme")
    assert len(server.arrived) == 11


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://[", "javascript:alert(1)"])
def test_a_redirect_that_cannot_be_followed(behind: Behind, location: str) -> None:
    client, server = behind(lambda _: Served(302, b"", {"location": location}))
    with pytest.raises(TooManyRedirects, match="cannot be followed"):
        client.metadata.contents.browse("acme")
    assert len(server.arrived) == 1


def test_a_redirect_without_a_location_is_no_success(behind: Behind) -> None:
    client, _ = behind(lambda _: Served(302))
    with pytest.raises(HttpError, match="302"):
        client.metadata.contents.browse("acme")


def test_the_registry_may_redirect(connect: Connect, serve: Serve, sandbox: Sandbox, owner: str) -> None:
    server = serve(lambda _: Served(301, b"", {"location": sandbox.registry_url}))
    assert connect(server.registry_url).metadata.contents.browse(owner).status == 200


def test_a_refused_grant_behind_a_redirect_leaves_the_secret_behind(connect: Connect, serve: Serve) -> None:
    other = serve(lambda _: Served(401))

    def respond(request: Arrived) -> Served:
        if request.method == "POST":
            return Served(307, b"", {"location": f"{other.origin}/oauth/token"})
        return registry(identity=server.origin)

    server = serve(respond)
    with pytest.raises(AuthorisationError, match="refused"):
        connect(server.registry_url)
    assert "authorization" not in other.arrived[0].headers


# Proxies


def test_every_call_goes_through_the_proxy_the_first_token_call_too(
    connect: Connect, serve: Serve, sandbox: Sandbox, owner: str
) -> None:
    load_contents(sandbox, owner, 1)
    proxy = serve(forward)
    client = connect(proxies={"http": proxy.origin})
    assert len(client.metadata.contents.browse(owner).resources) == 1
    assert [one.target for one in proxy.arrived] == [
        sandbox.registry_url,
        f"{sandbox.location('identity')}/oauth/token",
        f"{sandbox.location('metadata')}/data/contents?owner={owner}",
    ]
    assert len(sandbox.requests) == 3


def test_the_environment_names_a_proxy(
    connect: Connect, serve: Serve, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(forward)
    for name in ("HTTP_PROXY", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy.origin)
    connect(proxies=None)
    assert len(proxy.arrived) == 2
    connect(proxies={})
    assert len(proxy.arrived) == 2


def test_a_proxy_with_a_password(connect: Connect, serve: Serve, sandbox: Sandbox) -> None:
    proxy = serve(forward)
    connect(proxies={"http": proxy.origin.replace("://", "://user:pass@")})
    expected = base64.b64encode(b"user:pass").decode()
    assert {one.headers["proxy-authorization"] for one in proxy.arrived} == {f"Basic {expected}"}


def test_a_proxy_that_is_not_there(connect: Connect, sandbox: Sandbox) -> None:
    with pytest.raises(ConnectionError, match="no connection"):
        connect(proxies={"http": "http://127.0.0.1:1"}, backoff_strategy=ONCE)
    assert not sandbox.requests


@pytest.mark.parametrize("proxies", [{"ftp": "http://127.0.0.1:1"}, {"http": "nonsense"}, {"http": "gopher://x"}])
def test_proxies_that_make_no_sense(connect: Connect, sandbox: Sandbox, proxies: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="prox"):
        connect(proxies=proxies)
    assert not sandbox.requests


def test_a_404_of_a_gateway_is_a_404(behind: Behind) -> None:
    client, server = behind(lambda _: Served(404, b"<html>no route</html>", {"content-type": "text/html"}))
    with pytest.raises(NotFound, match="no route"):
        client.metadata.contents.browse("acme")
    assert [one.path for one in server.arrived] == ["/data/contents", "/descriptor/raw"]
