from __future__ import annotations

import re
from collections.abc import Callable

import httpx2
import pytest

from sequoia.sandbox import Sandbox

GRANT = {"grant_type": "client_credentials"}


def token_url(sandbox: Sandbox) -> str:
    return f"{sandbox.location('identity')}/oauth/token"


@pytest.mark.parametrize("slash", ["", "/"])
def test_client_credentials_get_a_bearer_token(slash: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    credentials = (sandbox.client_id, sandbox.client_secret)
    answer = http.post(token_url(sandbox) + slash, data=GRANT, auth=credentials)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert re.fullmatch("[0-9a-f]{40}", answer.json()["access_token"])
    assert answer.json() | {"access_token": ""} == {"access_token": "", "token_type": "bearer", "expires_in": 3600}


def test_a_form_with_a_charset_is_read(sandbox: Sandbox, http: httpx2.Client) -> None:
    content_type = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}
    credentials = (sandbox.client_id, sandbox.client_secret)
    answer = http.post(
        token_url(sandbox), content="grant_type=client_credentials", headers=content_type, auth=credentials
    )

    assert answer.status_code == 200


def test_every_grant_gives_a_new_token(
    sandbox: Sandbox, sign_in: Callable[[Sandbox], dict[str, str]], http: httpx2.Client
) -> None:
    first, second = sign_in(sandbox), sign_in(sandbox)

    assert first != second
    for header in (first, second):
        assert http.get(f"{sandbox.location('metadata')}/data/contents", headers=header).status_code == 200


@pytest.mark.parametrize(
    ("client_id", "secret"),
    [("sandbox-client", "wrong"), ("somebody", None), ("", ""), ("sandbox-client", ""), ("sandbox-client", "né")],
)
def test_a_bad_client_is_401_in_the_shape_of_oauth(
    client_id: str, secret: str | None, sandbox: Sandbox, http: httpx2.Client
) -> None:
    answer = http.post(
        token_url(sandbox), data=GRANT, auth=(client_id, sandbox.client_secret if secret is None else secret)
    )

    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.json().keys() == {"code", "error", "error_description"}
    assert (answer.json()["code"], answer.json()["error"]) == (401, "invalid_client")
    assert sandbox.client_secret not in answer.text


@pytest.mark.parametrize("value", ["", "Basic", "Basic ***", "Basic é", "Bearer abc", "Basic YQ"])
def test_a_broken_authorization_header_is_a_bad_client(value: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    answer = http.post(token_url(sandbox), data=GRANT, headers={b"authorization": value.encode()})

    assert answer.status_code == 401


def test_credentials_in_the_body_are_not_enough(sandbox: Sandbox, http: httpx2.Client) -> None:
    credentials = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}

    assert http.post(token_url(sandbox), data=GRANT | credentials).status_code == 401


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"token": "abc"}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
    ],
)
def test_a_grant_that_cannot_be_given_is_400(
    form: dict[str, str], error: str, sandbox: Sandbox, http: httpx2.Client
) -> None:
    answer = http.post(token_url(sandbox), data=form, auth=(sandbox.client_id, sandbox.client_secret))

    assert answer.status_code == 400
    assert answer.json() == {"code": 400, "error": error, "error_description": answer.json()["error_description"]}


def test_a_revocation_sent_to_the_token_path_with_a_bearer_token_is_400(
    sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client
) -> None:
    assert http.post(token_url(sandbox), data={"token": "x"}, headers=bearer).status_code == 400


def test_a_token_cannot_be_fetched_with_get(sandbox: Sandbox, http: httpx2.Client) -> None:
    assert http.get(token_url(sandbox)).status_code == 405


def test_a_request_without_a_working_token_is_refused_as_the_platform_words_it(
    sandbox: Sandbox, http: httpx2.Client
) -> None:
    headers: dict[str, str]
    for headers in (
        {},
        {"authorization": "Bearer nonsense"},
        {"authorization": "Basic eDp5"},
        {"authorization": "Bearer"},
    ):
        answer = http.get(f"{sandbox.location('metadata')}/data/contents", headers=headers)

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="Invalid token"'
        assert answer.json() == {
            "statusCode": 401,
            "error": "Unauthorized",
            "message": "Invalid token",
            "attributes": {"error": "Invalid token"},
        }


def test_the_header_name_and_the_scheme_may_have_any_case(
    sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client
) -> None:
    value = bearer["authorization"].replace("Bearer", "bEARER")

    assert (
        http.get(f"{sandbox.location('metadata')}/data/contents", headers={"AUTHORIZATION": value}).status_code == 200
    )


def test_a_token_expires_when_its_lifetime_has_passed(
    http: httpx2.Client, sign_in: Callable[[Sandbox], dict[str, str]]
) -> None:
    clock = [1000.0]
    with Sandbox(token_lifetime=300, monotonic=lambda: clock[0]) as sandbox:
        url = f"{sandbox.location('metadata')}/data/contents"
        header = sign_in(sandbox)
        clock[0] += 299.9
        assert http.get(url, headers=header).status_code == 200
        clock[0] += 0.1
        assert http.get(url, headers=header).status_code == 401
        assert http.get(url, headers=sign_in(sandbox)).status_code == 200


def test_a_revoked_token_stops_working_and_the_others_go_on(
    sandbox: Sandbox, sign_in: Callable[[Sandbox], dict[str, str]], http: httpx2.Client
) -> None:
    revoked, other = sign_in(sandbox), sign_in(sandbox)
    form = {"token": revoked["authorization"].removeprefix("Bearer ")}
    url = f"{sandbox.location('identity')}/oauth/revoke"
    answer = http.post(url, data=form, auth=(sandbox.client_id, sandbox.client_secret))

    assert answer.status_code == 200
    data = f"{sandbox.location('metadata')}/data/contents"
    assert http.get(data, headers=revoked).status_code == 401
    assert http.get(data, headers=other).status_code == 200


def test_a_revocation_needs_the_client_and_the_token(sandbox: Sandbox, http: httpx2.Client) -> None:
    url = f"{sandbox.location('identity')}/oauth/revoke"

    assert http.post(url, data={"token": "x"}).status_code == 401
    assert http.post(url, data={}, auth=(sandbox.client_id, sandbox.client_secret)).status_code == 400
    assert http.post(url, data={"token": "x"}, auth=(sandbox.client_id, sandbox.client_secret)).status_code == 200


def test_expire_tokens_ends_every_token(
    sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client, sign_in: Callable[[Sandbox], dict[str, str]]
) -> None:
    url = f"{sandbox.location('metadata')}/data/contents"
    sandbox.expire_tokens()

    assert http.get(url, headers=bearer).status_code == 401
    assert http.get(url, headers=sign_in(sandbox)).status_code == 200


def test_token_requests_are_counted(sandbox: Sandbox, http: httpx2.Client) -> None:
    http.post(token_url(sandbox), data=GRANT)
    http.post(f"{token_url(sandbox)}/", data=GRANT)
    http.post(f"{sandbox.location('identity')}/oauth/revoke", data=GRANT)

    assert sandbox.token_requests == 2


def test_the_user_of_a_write_is_the_owner_and_the_client(
    http: httpx2.Client, sign_in: Callable[[Sandbox], dict[str, str]]
) -> None:
    with Sandbox(owner="studio", client_id="importer", client_secret="s e/cret:+%") as sandbox:
        answer = http.post(
            f"{sandbox.location('metadata')}/data/contents/?owner=other",
            json={"contents": [{"owner": "other", "name": "one", "type": "movie", "title": "One"}]},
            headers=sign_in(sandbox),
        )

    assert answer.status_code == 201
    assert answer.json()["contents"][0]["createdBy"] == "studio:importer"
