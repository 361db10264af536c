"""Tokens: fetched once, renewed when refused, shared, and sent nowhere but where the registry says."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from sequoia import AuthType, Client
from sequoia.error import (
    AuthorisationError,
    HttpError,
    NotFound,
    ServerError,
    TooManyRedirects,
)

if TYPE_CHECKING:
    from tests.unit.conftest import Platform

REGISTRY = "https://registry.test/services/acme"
TOKEN = "https://identity.test/oauth/token"
CONTENTS = "https://metadata.test/data/contents"
PAGE: dict[str, Any] = {"meta": {"perPage": 100}, "contents": [{"ref": "acme:a"}]}


# ---- tokens ----


def test_a_token_is_fetched_once(platform: Platform) -> None:
    platform.answer_with(f"GET {CONTENTS}", platform.unless_good(PAGE))
    endpoint = platform.client().metadata.contents
    for _ in range(5):
        endpoint.browse("acme")
    assert len(platform.tokens) == 1


def test_clients_with_the_same_credentials_share_a_token(platform: Platform) -> None:
    from sequoia.clock import SystemClock  # noqa: PLC0415 - the one place that wants the process' tokens

    for _ in range(3):
        platform.client(clock=SystemClock())
    assert len(platform.tokens) == 1
    platform.client(clock=SystemClock(), grant_client_secret="another")
    assert len(platform.tokens) == 2


def test_a_token_is_renewed_before_it_expires(platform: Platform) -> None:
    platform.answer_with(f"GET {CONTENTS}", platform.unless_good(PAGE))
    endpoint = platform.client().metadata.contents
    platform.clock.advance(3571)
    endpoint.browse("acme")
    assert len(platform.tokens) == 2
    assert len(platform.sent("metadata")) == 1


def test_a_refused_token_is_renewed_and_the_request_repeated(platform: Platform) -> None:
    platform.answer_with(f"GET {CONTENTS}", platform.unless_good(PAGE))
    endpoint = platform.client().metadata.contents
    platform.tokens.append("somebody revoked it")
    assert endpoint.browse("acme").resources == [{"ref": "acme:a"}]
    assert len(platform.sent("identity")) == 2
    assert len(platform.sent("metadata")) == 2
    assert platform.clock.waits == []


def test_a_token_is_renewed_at_most_three_times_for_one_request(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", {"statusCode": 401}, 401)
    endpoint = platform.client().metadata.contents
    with pytest.raises(HttpError) as caught:
        endpoint.browse("acme")
    assert caught.value.status_code == 401
    assert caught.value.tries == 1
    assert len(platform.tokens) == 1 + 3
    assert len(platform.sent("metadata")) == 1 + 3


def test_a_post_is_repeated_with_a_new_token_because_the_old_one_was_refused(platform: Platform) -> None:
    platform.answer_with(f"POST {CONTENTS}/", platform.unless_good(PAGE))
    endpoint = platform.client().metadata.contents
    platform.tokens.append("somebody revoked it")
    endpoint.store("acme", {"title": "no ref"})
    assert len(platform.sent("metadata")) == 2


def test_a_renewal_that_fails_is_not_tried_tries_times_tries(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", PAGE)
    endpoint = platform.client(backoff_strategy={"max_tries": 4, "interval": 1}).metadata.contents
    platform.clock.advance(3600)
    platform._answers[f"POST {TOKEN}"][:] = [lambda request: httpx2.Response(503)]
    before = len(platform.requests)
    with pytest.raises(ServerError) as caught:
        endpoint.browse("acme")
    assert platform.sent()[before:] == [f"POST {TOKEN}"] * 4
    assert caught.value.url == TOKEN
    assert caught.value.tries == 4


def test_the_callers_token_is_used_and_a_401_is_raised(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", {"statusCode": 401}, 401)
    client = platform.client(auth_type=AuthType.BYO_TOKEN, byo_token="mine")
    with pytest.raises(HttpError) as caught:
        client.metadata.contents.browse("acme")
    assert caught.value.status_code == 401
    assert platform.sent("identity") == []
    assert [one.headers.get("authorization") for one in platform.requests] == [None, "Bearer mine"]


def test_a_callers_function_is_asked_again_after_a_401(platform: Platform) -> None:
    mine = iter(["one", "two"])
    platform.answer(f"GET {CONTENTS}", {"statusCode": 401}, 401)
    platform.answer(f"GET {CONTENTS}", PAGE)
    client = platform.client(auth_type=AuthType.BYO_TOKEN, byo_token=lambda: next(mine))
    client.metadata.contents.browse("acme")
    assert [one.headers["authorization"] for one in platform.requests[1:]] == ["Bearer one", "Bearer two"]


def test_a_token_to_begin_with_is_used_until_it_is_refused(platform: Platform) -> None:
    platform.answer_with(f"GET {CONTENTS}", platform.unless_good(PAGE))
    client = platform.client(byo_token="mine")
    assert platform.sent("identity") == []
    client.metadata.contents.browse("acme")
    client.metadata.contents.browse("acme")
    used = [one.headers["authorization"] for one in platform.requests if one.url.host == "metadata.test"]
    assert used == ["Bearer mine", "Bearer t0k3n-1", "Bearer t0k3n-1"]


def test_without_authentication_no_token_is_sent(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", PAGE)
    platform.client(auth_type=AuthType.NO_AUTH).metadata.contents.browse("acme")
    assert platform.sent("identity") == []
    assert all("authorization" not in one.headers for one in platform.requests)


def test_64_threads_with_an_expired_token_make_one_token_request(platform: Platform) -> None:
    answer = platform.unless_good(PAGE)
    arrived = threading.Barrier(64)

    def refuse_once_all_are_there(request: httpx2.Request) -> httpx2.Response:
        if request.headers["authorization"] == "Bearer t0k3n-1":
            arrived.wait(timeout=30)
        return answer(request)

    platform.answer_with(f"GET {CONTENTS}", refuse_once_all_are_there)
    endpoint = platform.client().metadata.contents
    platform.tokens.append("somebody revoked it")
    found: list[Any] = []

    def browse() -> None:
        found.append(endpoint.browse("acme").resources)

    threads = [threading.Thread(target=browse) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert found == [[{"ref": "acme:a"}]] * 64
    assert len(platform.sent("identity")) == 2


# ---- where a token goes ----


def test_a_redirect_to_another_origin_is_followed_without_the_token(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", status=302, location="https://storage.test/x")
    platform.answer("GET https://storage.test/x", PAGE)
    assert platform.client().metadata.contents.browse("acme").resources == [{"ref": "acme:a"}]
    assert "authorization" in platform.requests[-2].headers
    assert "authorization" not in platform.requests[-1].headers


def test_a_redirect_on_the_same_origin_keeps_the_token(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", status=307, location="/elsewhere")
    platform.answer("GET https://metadata.test/elsewhere", PAGE)
    platform.client().metadata.contents.browse("acme")
    assert platform.requests[-1].headers["authorization"] == "Bearer t0k3n-1"


@pytest.mark.parametrize(("hops", "followed"), [(10, True), (11, False)])
def test_ten_redirects_are_followed_and_no_more(platform: Platform, hops: int, followed: bool) -> None:
    platform.answer(f"GET {CONTENTS}", status=302, location="/hop/1")
    for number in range(1, hops):
        platform.answer(f"GET https://metadata.test/hop/{number}", status=302, location=f"/hop/{number + 1}")
    platform.answer(f"GET https://metadata.test/hop/{hops}", PAGE)
    endpoint = platform.client().metadata.contents
    if followed:
        assert endpoint.browse("acme").resources
    else:
        with pytest.raises(TooManyRedirects, match="more than 10 redirects") as caught:
            endpoint.browse("acme")
        assert caught.value.tries == 1


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("https://metadata.test/any/path?a=b", True),
        ("https://METADATA.test:443/any", True),
        ("https://flow.test", True),
        ("https://evil.test/x", False),
        ("https://metadata.test:8443/x", False),
        ("https://metadata.test.evil.test/x", False),
        ("https://registry.test/x", False),
    ],
)
def test_a_token_goes_only_where_the_registry_says(platform: Platform, url: str, token: bool) -> None:
    client = platform.client()
    with pytest.raises(NotFound):
        client.get(url)
    assert ("authorization" in platform.requests[-1].headers) is token


def test_an_identity_service_that_fails_gives_an_error_that_is_not_its_own_cause(platform: Platform) -> None:
    platform._answers[f"POST {TOKEN}"][:] = [lambda request: httpx2.Response(503)]
    with pytest.raises(ServerError) as caught:
        platform.client()
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_grant_is_final_even_where_its_status_is_repeated(platform: Platform, status: int) -> None:
    platform._answers[f"POST {TOKEN}"][:] = [lambda request: httpx2.Response(status)]
    with pytest.raises(AuthorisationError):
        platform.client(backoff_strategy={"max_tries": 3, "retry_http_status_codes": [400, 401, 403, 404]})
    assert len(platform.sent("identity")) == 1


def test_a_function_that_asks_its_own_client_for_the_token_is_told_so_and_does_not_hang(platform: Platform) -> None:
    clients: list[Client] = []

    def own_token() -> str:
        if not clients:
            return "the first"
        return str(clients[0].get(f"{CONTENTS}/token").data)

    platform.answer(f"GET {CONTENTS}", {"statusCode": 401, "error": "Unauthorized"}, 401)
    clients.append(platform.client(auth_type=AuthType.BYO_TOKEN, byo_token=own_token))
    with pytest.raises(AuthorisationError, match="the client that waits for its token"):
        clients[0].metadata.contents.browse("acme")
