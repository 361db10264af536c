from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import load_contents, sent
from tests.contract.servers import TOKEN, Arrived, Served, TinyServer, as_json, registry

from sequoia import AuthType, Client, InstantClock
from sequoia.error import AuthorisationError, HttpError
from sequoia.sandbox import Fault, Sandbox


@pytest.fixture
def token(sandbox: Sandbox) -> str:
    """A token that the sandbox accepts."""
    answer = httpx2.post(
        f"{sandbox.location('identity')}/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(sandbox.client_id, sandbox.client_secret),
        trust_env=False,
    )
    sandbox.requests.clear()
    return str(answer.json()["access_token"])


# Client grant


def test_clients_with_the_same_credentials_share_a_token(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    first, second = connect(), connect()
    first.metadata.contents.browse(owner)
    second.metadata.contents.browse(owner)
    assert sandbox.token_requests == 1
    one, other = sent(sandbox)
    assert one.headers["authorization"] == other.headers["authorization"]


def test_a_wrong_secret_never_finds_the_token_of_the_right_one(connect: Connect) -> None:
    connect()
    with pytest.raises(AuthorisationError):
        connect(grant_client_secret="wrong")


def test_a_token_is_renewed_ahead_of_its_end(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    clock = InstantClock()
    client = connect(clock=clock)
    clock.advance(3600 - 31)
    client.metadata.contents.browse(owner)
    assert sandbox.token_requests == 1
    clock.advance(2)
    client.metadata.contents.browse(owner)
    assert sandbox.token_requests == 2
    assert [one.status for one in sent(sandbox)] == [200, 200]


def test_a_token_that_expires_in_mid_browse_is_renewed_without_notice(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    load_contents(sandbox, owner, 6)
    found: list[str] = []
    for page in client.metadata.contents.browse(owner, query_string="continue=true&perPage=2"):
        found += [one["ref"] for one in page.resources]
        sandbox.expire_tokens()
    assert len(set(found)) == 6
    assert [one.status for one in sent(sandbox)] == [200, 401, 200, 401, 200]
    assert sandbox.token_requests == 2


def test_a_renewal_is_no_try(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.expire_tokens()
    client.metadata.contents.browse(owner, backoff_strategy={"max_tries": 1})
    assert [one.status for one in sent(sandbox)] == [401, 200]


def test_a_token_that_is_refused_however_new_it_is_ends_in_the_401(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    sandbox.faults.add(Fault(token="expired", service="metadata", times=None))
    with pytest.raises(HttpError, match="Invalid token") as refused:
        client.metadata.contents.browse(owner)
    assert refused.value.status_code == 401
    assert len(sent(sandbox)) == 4
    assert sandbox.token_requests == 3


def test_one_token_request_for_64_threads(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.expire_tokens()
    with ThreadPoolExecutor(64) as pool:
        pages = list(pool.map(lambda _: client.metadata.contents.browse(owner), range(64)))
    assert [page.status for page in pages] == [200] * 64
    assert sandbox.token_requests == 1


def test_one_token_request_for_many_clients_with_the_same_credentials(
    connect: Connect, sandbox: Sandbox, owner: str
) -> None:
    clients = [connect() for _ in range(8)]
    sandbox.expire_tokens()
    sandbox.requests.clear()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda client: client.metadata.contents.browse(owner), clients))
    assert sandbox.token_requests == 1


def test_an_own_token_is_used_until_it_is_refused(connect: Connect, sandbox: Sandbox, owner: str, token: str) -> None:
    client = connect(byo_token=token)
    client.metadata.contents.browse(owner)
    assert sandbox.token_requests == 0
    assert sent(sandbox)[0].headers["authorization"] == f"Bearer {token}"
    sandbox.expire_tokens()
    client.metadata.contents.browse(owner)
    assert sandbox.token_requests == 1
    assert [one.status for one in sent(sandbox)] == [200, 401, 200]


@pytest.mark.parametrize(
    "granted",
    [
        as_json({"access_token": "a" * 40, "token_type": "mac"}),
        as_json({"token_type": "bearer"}),
        as_json({"access_token": "with\nnewline"}),
        as_json(["access_token"]),
        Served(200, b"<html>login</html>", {"content-type": "text/html"}),
        Served(),
    ],
)
def test_an_answer_that_is_no_token(connect: Connect, serve: Serve, granted: Served) -> None:
    server = serve(lambda one: granted if one.method == "POST" else registry(identity=server.origin))
    with pytest.raises(AuthorisationError, match="holds no bearer token"):
        connect(server.registry_url)
    assert [one.method for one in server.arrived] == ["GET", "POST"]


# Tokens of the caller's own


def test_a_byo_token_is_sent_as_it_is(connect: Connect, sandbox: Sandbox, owner: str, token: str) -> None:
    client = connect(auth_type=AuthType.BYO_TOKEN, byo_token=token, grant_client_id=None, grant_client_secret=None)
    client.metadata.contents.browse(owner)
    assert sandbox.token_requests == 0
    assert [one.headers.get("authorization") for one in sandbox.requests] == [None, f"Bearer {token}"]


def test_a_refused_byo_token_is_not_renewed(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    client = connect(auth_type=AuthType.BYO_TOKEN, byo_token="not-a-token")
    with pytest.raises(HttpError) as refused:
        client.metadata.contents.browse(owner)
    assert refused.value.status_code == 401
    assert refused.value.message["attributes"] == {"error": "Invalid token"}
    assert "not-a-token" not in str(refused.value)
    assert len(sent(sandbox)) == 1
    assert sandbox.token_requests == 0


@pytest.mark.parametrize("byo_token", [None, "", " ", "to\nken", "t\u00f6ken"])
def test_a_byo_token_that_is_none_is_refused_before_anything_is_sent(
    connect: Connect, sandbox: Sandbox, byo_token: str | None
) -> None:
    with pytest.raises(ValueError, match="token"):
        connect(auth_type=AuthType.BYO_TOKEN, byo_token=byo_token)
    assert not sandbox.requests


def test_a_function_is_asked_for_the_token_and_again_after_a_401(
    connect: Connect, sandbox: Sandbox, owner: str, token: str
) -> None:
    tokens: Iterator[str] = iter(["stale-token", token])
    client = connect(auth_type=AuthType.BYO_TOKEN, byo_token=lambda: next(tokens))
    client.metadata.contents.browse(owner)
    client.metadata.contents.browse(owner)
    assert [one.headers["authorization"] for one in sent(sandbox)] == [
        "Bearer stale-token",
        f"Bearer {token}",
        f"Bearer {token}",
    ]
    assert next(tokens, None) is None


def test_no_auth_sends_no_token(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    client = connect(auth_type=AuthType.NO_AUTH, grant_client_id=None, grant_client_secret=None)
    with pytest.raises(HttpError, match="401"):
        client.metadata.contents.browse(owner)
    assert [one.headers.get("authorization") for one in sandbox.requests] == [None, None]


# A registry that wants a token


def guarded(request: Arrived) -> Served:
    """Lets in who has the right token."""
    if request.headers.get("authorization") != "Bearer right":
        return as_json({"statusCode": 401, "error": "Unauthorized", "message": "Missing authentication"}, 401)
    return registry()


def tokens_sent(server: TinyServer) -> list[str | None]:
    return [one.headers.get("authorization") for one in server.arrived]


def test_a_registry_that_wants_a_token_gets_the_caller_s_own_when_it_asks(connect: Connect, serve: Serve) -> None:
    server = serve(guarded)
    client = connect(server.registry_url, auth_type=AuthType.BYO_TOKEN, byo_token="right")
    client.refresh()
    assert tokens_sent(server) == [None, "Bearer right"] * 2


def test_a_function_gives_the_registry_a_token_and_another_one_after_a_401(connect: Connect, serve: Serve) -> None:
    server = serve(guarded)
    tokens = iter(["stale", "right"])
    connect(server.registry_url, auth_type=AuthType.BYO_TOKEN, byo_token=lambda: next(tokens))
    assert tokens_sent(server) == [None, "Bearer stale", "Bearer right"]


def test_a_registry_behind_a_redirect_to_another_origin_gets_no_token(connect: Connect, serve: Serve) -> None:
    server = serve(guarded)
    gateway = serve(lambda request: Served(301, headers={"location": server.origin + request.target}))
    with pytest.raises(HttpError, match="Missing authentication") as refused:
        connect(gateway.registry_url, auth_type=AuthType.BYO_TOKEN, byo_token="right")
    assert "redirect" in refused.value.__notes__[0]
    assert tokens_sent(gateway) == tokens_sent(server) == [None]


def test_a_registry_over_plain_http_gets_no_token(connect: Connect, serve: Serve) -> None:
    proxy = serve(guarded)
    with pytest.raises(HttpError, match="Missing authentication"):
        connect(
            "http://registry.example.com/services/acme",
            auth_type=AuthType.BYO_TOKEN,
            byo_token="right",
            proxies={"http": proxy.origin},
        )
    assert tokens_sent(proxy) == [None]


@pytest.mark.parametrize("kind", [AuthType.CLIENT_GRANT, AuthType.NO_AUTH])
def test_a_client_without_a_token_of_its_own_cannot_read_it(kind: AuthType, connect: Connect, serve: Serve) -> None:
    server = serve(guarded)
    with pytest.raises(HttpError, match="Missing authentication") as refused:
        connect(server.registry_url, auth_type=kind)
    assert refused.value.status_code == 401
    assert "BYO_TOKEN" in refused.value.__notes__[0]
    assert tokens_sent(server) == [None]


# Where a secret may go


def test_a_token_goes_to_no_origin_that_the_registry_does_not_name(
    client: Client, serve: Serve, sandbox: Sandbox
) -> None:
    stranger = serve(lambda _: as_json({}))
    client.get(f"{stranger.origin}/x")
    client.get(f"{sandbox.location('metadata')}/data/contents", params={"owner": "acme"})
    assert "authorization" not in stranger.arrived[0].headers
    assert sent(sandbox)[0].headers["authorization"].startswith("Bearer ")


@pytest.mark.parametrize("header", ["Authorization", "authorization"])
def test_beside_the_token_no_authorization_can_be_given(client: Client, sandbox: Sandbox, header: str) -> None:
    with pytest.raises(ValueError, match=r"Authorization of its own.*leave the header out"):
        client.get(f"{sandbox.location('metadata')}/data/contents", headers={header: "Bearer mine"})
    assert not sandbox.requests


def test_where_the_token_does_not_go_an_authorization_of_the_caller_s_own_does(
    client: Client, connect: Connect, serve: Serve, sandbox: Sandbox
) -> None:
    own = {"Authorization": "Bearer mine"}
    stranger = serve(lambda _: as_json({}))
    client.get(f"{stranger.origin}/x", headers=own)
    assert tokens_sent(stranger) == ["Bearer mine"]
    with pytest.raises(HttpError, match="401"):
        connect(auth_type=AuthType.NO_AUTH).get(f"{sandbox.location('metadata')}/data/contents", headers=own)
    assert sent(sandbox)[-1].headers["authorization"] == "Bearer mine"


def test_a_token_endpoint_over_plain_http_is_refused_before_anything_is_sent(
    connect: Connect, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT", raising=False)
    # Whatever is sent goes through the proxy, so that nothing could leave this machine.
    proxy = serve(lambda _: registry(identity="http://identity.example:80"))
    with pytest.raises(AuthorisationError, match="OAUTHLIB_INSECURE_TRANSPORT"):
        connect("http://registry.example/services/acme", proxies={"http": proxy.origin})
    assert [one.target for one in proxy.arrived] == ["http://registry.example/services/acme"]


def test_plain_http_is_allowed_where_the_environment_says_so(
    connect: Connect, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    proxy = serve(
        lambda one: as_json(TOKEN) if one.method == "POST" else registry(identity="http://identity.example:80")
    )
    connect("http://registry.example/services/acme", proxies={"http": proxy.origin})
    assert [one.target for one in proxy.arrived] == [
        "http://registry.example/services/acme",
        "http://identity.example/oauth/token",
    ]


def test_plain_http_is_allowed_through_an_adapter(
    connect: Connect, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT", raising=False)
    server = serve(lambda _: registry(identity="http://identity.example:80"))
    adapter = httpx2.MockTransport(lambda _: httpx2.Response(200, json=TOKEN))
    connect(server.registry_url, adapters=[("http://identity.example", adapter)])


def test_a_service_over_plain_http_gets_no_token(
    connect: Connect, serve: Serve, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT", raising=False)
    server = serve(lambda _: registry(identity=sandbox.location("identity"), metadata="http://metadata.example"))
    client = connect(server.registry_url)
    with pytest.raises(AuthorisationError, match="the service 'metadata' is over plain http"):
        client.metadata.contents.browse("acme")
