"""A registry that wants a token: what is refused, and which clients get in all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx2
import pytest

from sequoia import AuthType
from sequoia.error import HttpError
from sequoia.sandbox import Fault, Sandbox

SignIn = Callable[[Sandbox], dict[str, str]]
ONE_TRY = {"max_tries": 1}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(registry_auth=True) as sandbox:
        yield sandbox


def seen(sandbox: Sandbox) -> list[tuple[int | None, bool]]:
    """What the registry answered, and whether it was sent a token."""
    return [(one.status, "authorization" in one.headers) for one in sandbox.requests if one.service == "registry"]


@pytest.mark.parametrize("path", ["/services/acme", "/services/acme/", "/services/acme/metadata", "/services/root/"])
def test_only_a_token_opens_the_registry(
    path: str, sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client
) -> None:
    url = sandbox.location("registry") + path
    refused = http.get(url)
    assert refused.status_code == 401
    assert refused.json()["statusCode"] == 401
    assert refused.headers["www-authenticate"].startswith("Bearer ")
    assert http.get(url, headers={"authorization": "Bearer wrong"}).status_code == 401
    assert http.get(url, headers=bearer).status_code == 200


def test_descriptors_and_identity_stay_open(sandbox: Sandbox, http: httpx2.Client) -> None:
    assert http.get(f"{sandbox.location('registry')}/descriptor/raw").status_code == 200
    assert http.get(f"{sandbox.location('metadata')}/descriptor/raw").status_code == 200
    assert sandbox.environ["SEQUOIA_IDENTITY_URL"] == sandbox.location("identity")


def test_a_client_with_a_token_of_its_own_gives_it_when_it_is_asked(sandbox: Sandbox, bearer: dict[str, str]) -> None:
    token = bearer["authorization"].removeprefix("Bearer ")
    with sandbox.client(auth_type=AuthType.BYO_TOKEN, byo_token=token) as client:
        assert "metadata" in client.services
        assert client.metadata.contents.browse("acme").resources == []
        client.refresh()
        client.metadata.contents.browse("acme")
    assert seen(sandbox)[:2] == [(401, False), (200, True)]
    assert {status for status, _ in seen(sandbox)[1:]} <= {200, 401}


def test_a_function_that_gives_tokens_is_asked_once_for_all(sandbox: Sandbox, sign_in: SignIn) -> None:
    asked: list[str] = []

    def give() -> str:
        asked.append(sign_in(sandbox)["authorization"].removeprefix("Bearer "))
        return asked[-1]

    with sandbox.client(auth_type=AuthType.BYO_TOKEN, byo_token=give) as client:
        client.metadata.contents.browse("acme")
        assert len(asked) == 1
        sandbox.expire_tokens()
        client.metadata.contents.browse("acme")
        assert len(asked) == 2


def test_the_sandbox_s_own_client_works_and_survives_the_end_of_its_token(sandbox: Sandbox) -> None:
    with sandbox.client() as client:
        client.metadata.contents.browse("acme")
        sandbox.expire_tokens()
        assert client.metadata.contents.browse("acme").resources == []


def test_a_token_that_the_registry_refuses_ends_in_the_401(sandbox: Sandbox) -> None:
    with pytest.raises(HttpError, match="Invalid token") as caught:
        sandbox.client(auth_type=AuthType.BYO_TOKEN, byo_token="wrong", backoff_strategy=ONE_TRY)
    assert caught.value.status_code == 401
    assert seen(sandbox) == [(401, False), (401, True)]


@pytest.mark.parametrize("kind", [AuthType.CLIENT_GRANT, AuthType.PASSWORD, AuthType.NO_AUTH])
def test_a_client_that_must_read_the_registry_first_is_told_why_it_cannot(kind: AuthType, sandbox: Sandbox) -> None:
    with pytest.raises(HttpError) as caught:
        sandbox.client(auth_type=kind, backoff_strategy=ONE_TRY)
    assert caught.value.status_code == 401
    assert "BYO_TOKEN" in caught.value.__notes__[0]
    assert seen(sandbox) == [(401, False)]


def test_a_redirect_to_another_origin_gets_no_token(sandbox: Sandbox, bearer: dict[str, str]) -> None:
    token = bearer["authorization"].removeprefix("Bearer ")
    elsewhere = {"location": f"{sandbox.location('metadata')}/data/contents"}
    sandbox.faults.add(Fault(status=301, headers=elsewhere, service="registry", times=None))
    with pytest.raises(HttpError):
        sandbox.client(auth_type=AuthType.BYO_TOKEN, byo_token=token, backoff_strategy=ONE_TRY)
    assert [(one.service, "authorization" in one.headers) for one in sandbox.requests] == [
        ("registry", False),
        ("metadata", False),
    ]


def test_a_registry_that_does_not_ask_is_sent_no_token_before_it_has_answered() -> None:
    with Sandbox() as open_sandbox, open_sandbox.client(auth_type=AuthType.BYO_TOKEN, byo_token="anything"):
        assert seen(open_sandbox) == [(200, False)]
