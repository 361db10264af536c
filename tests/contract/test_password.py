"""Password authentication against a real server, by either way: the login of the console, and the OAuth grant."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import sent
from tests.contract.servers import Served, registry

from sequoia import AuthType, Client, InstantClock
from sequoia.error import AuthorisationError, TooManyRedirects
from sequoia.sandbox import Fault, Sandbox

User = Callable[..., Client]


@pytest.fixture(params=["pauth", "oauth"])
def log_in(request: pytest.FixtureRequest, connect: Connect, sandbox: Sandbox) -> User:
    """Makes a client of the sandbox's user, by one of the two ways."""
    neither = {"grant_client_id": None, "grant_client_secret": None}

    def make(registry_url: str | None = None, **options: object) -> Client:
        given = {"username": sandbox.username, "password": sandbox.password} | options
        if request.param == "pauth":
            given = neither | given
        return connect(registry_url, auth_type=AuthType.PASSWORD, **given)

    return make


def test_a_user_logs_in_once_for_many_requests(log_in: User, sandbox: Sandbox, owner: str) -> None:
    client = log_in()
    client.metadata.contents.browse(owner)
    client.metadata.contents.browse(owner)
    assert sandbox.token_requests == 1
    assert [one.status for one in sent(sandbox)] == [200, 200]


def test_each_way_has_its_path(connect: Connect, sandbox: Sandbox) -> None:
    user = {"username": sandbox.username, "password": sandbox.password}
    connect(auth_type=AuthType.PASSWORD, **user)
    connect(auth_type=AuthType.PASSWORD, **user, grant_client_id=None, grant_client_secret=None)
    tokens = [one for one in sandbox.requests if one.service == "identity"]
    assert [one.path for one in tokens] == ["/oauth/token", "/pauth/token"]
    assert tokens[0].headers["authorization"].startswith("Basic ")
    assert "authorization" not in tokens[1].headers


def test_the_directory_may_be_given_by_itself(log_in: User, sandbox: Sandbox, owner: str) -> None:
    client = log_in(username="sandbox-user", directory=sandbox.owner)
    content = client.metadata.contents.store(owner, {"owner": owner, "name": "by-ann", "type": "movie"}).resource
    assert content["createdBy"] == f"{sandbox.owner}:sandbox-user"


@pytest.mark.parametrize(
    "wrong", [{"password": "wr0ng-one"}, {"username": "sandbox-user", "directory": "elsewhere"}], ids=repr
)
def test_a_wrong_user_is_refused_at_once(
    log_in: User, sandbox: Sandbox, wrong: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    log_in()
    sandbox.requests.clear()
    with pytest.raises(AuthorisationError, match="Check username, password and directory") as refused:
        log_in(**wrong)
    assert sandbox.token_requests == 1
    for secret in (sandbox.password, "wr0ng-one", sandbox.client_secret):
        assert secret not in f"{refused.value} {refused.value.cause} {caplog.text}"


@pytest.mark.parametrize(
    "missing", [{"username": None}, {"password": ""}, {"username": "sandbox-user"}, {"directory": "elsewhere"}]
)
def test_a_user_who_is_not_fully_given_sends_nothing(
    log_in: User, sandbox: Sandbox, missing: dict[str, str | None]
) -> None:
    with pytest.raises(ValueError, match=r"username|password|directory"):
        log_in(**missing)
    assert not sandbox.requests


def test_an_expired_token_is_renewed(log_in: User, sandbox: Sandbox, owner: str) -> None:
    client = log_in()
    sandbox.expire_tokens()
    sandbox.requests.clear()
    client.metadata.contents.browse(owner)
    assert [one.status for one in sent(sandbox)] == [401, 200]
    assert sandbox.token_requests == 1


def test_a_token_whose_life_is_known_is_renewed_ahead(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    clock = InstantClock()
    client = connect(auth_type=AuthType.PASSWORD, username=sandbox.username, password=sandbox.password, clock=clock)
    clock.advance(3600 - 29)
    client.metadata.contents.browse(owner)
    assert [one.status for one in sent(sandbox)] == [200]
    assert sandbox.token_requests == 2


def test_64_threads_renew_once(log_in: User, sandbox: Sandbox, owner: str) -> None:
    client = log_in()
    sandbox.expire_tokens()
    sandbox.requests.clear()
    with ThreadPoolExecutor(64) as pool:
        pages = list(pool.map(lambda _: client.metadata.contents.browse(owner), range(64)))
    assert [page.status for page in pages] == [200] * 64
    assert sandbox.token_requests == 1


def test_an_identity_service_in_trouble_is_asked_again(log_in: User, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(status=503, service="identity", times=2))
    log_in(clock=InstantClock())
    assert sandbox.token_requests == 3


def test_a_password_goes_to_no_other_origin(log_in: User, serve: Serve, sandbox: Sandbox) -> None:
    thief = serve(lambda _: Served())
    identity = serve(lambda _: Served(307, headers={"location": f"{thief.origin}/pauth/token"}))
    listed = serve(lambda _: registry(identity=identity.origin))
    with pytest.raises(TooManyRedirects) as refused:
        log_in(f"{listed.origin}/services/acme", backoff_strategy={"max_tries": 1})
    assert not thief.arrived
    assert sandbox.password not in str(refused.value)


def test_a_password_is_not_sent_over_plain_http(log_in: User, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT", raising=False)
    proxy = serve(lambda _: registry(identity="http://identity.example:80"))
    with pytest.raises(AuthorisationError, match="plain http"):
        log_in("http://registry.example/services/acme", proxies={"http": proxy.origin})
    assert [one.method for one in proxy.arrived] == ["GET"]


def test_a_client_that_the_sandbox_makes_knows_its_user(sandbox: Sandbox, owner: str) -> None:
    with sandbox.client(auth_type=AuthType.PASSWORD) as client:
        assert client.metadata.contents.browse(owner).status == 200
        assert "PASSWORD" in repr(client)
        assert sandbox.password not in repr(client)
