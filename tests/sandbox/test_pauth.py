"""The end user of the sandbox: the login of the console, the OAuth password grant, tenants, permissions, passwords."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from sequoia.sandbox import Sandbox
from sequoia.sandbox.descriptors import builtin_descriptors

PASSWORD = "pä ss+w&rd=%41"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOLD = {"accessToken", "tokenType", "directoryRef", "clientId", "expiresAt", "userType", "userRef"}


@pytest.fixture
def studio() -> Iterator[Sandbox]:
    with Sandbox(
        owner="studio", username="ann", password=PASSWORD, now=lambda: NOW, monotonic=lambda: 5.0, token_lifetime=600
    ) as sandbox:
        yield sandbox


def identity(sandbox: Sandbox, path: str) -> str:
    return f"{sandbox.location('identity')}{path}"


def log_in(sandbox: Sandbox, http: httpx2.Client, **changes: Any) -> httpx2.Response:
    body = {"username": sandbox.username, "password": sandbox.password} | changes
    headers = {"content-type": "application/vnd.piksel+json"}
    return http.post(identity(sandbox, "/pauth/token"), json=body, headers=headers)


def header_of(answer: httpx2.Response) -> dict[str, str]:
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


# ---- the login of the console ----


def test_a_user_logs_in_and_gets_a_token_and_nothing_else(studio: Sandbox, http: httpx2.Client) -> None:
    assert studio.username == r"studio\ann"
    answer = log_in(studio, http)

    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token"}
    assert re.fullmatch("[0-9a-f]{40}", answer.json()["access_token"])
    assert answer.headers["cache-control"] == "no-store"
    assert http.get(f"{studio.location('metadata')}/data/contents", headers=header_of(answer)).status_code == 200
    assert studio.token_requests == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "wrong"},
        {"password": ""},
        {"password": "\ud800"},
        {"username": "ann"},
        {"username": r"other\ann"},
        {"username": "studio/ann"},
        {"username": r"studio\bob"},
    ],
    ids=repr,
)
def test_another_name_or_password_is_refused(changes: dict[str, str], studio: Sandbox, http: httpx2.Client) -> None:
    body = {"username": studio.username, "password": PASSWORD} | changes
    escaped = "{" + ",".join(f'"{name}":{ascii_json(value)}' for name, value in body.items()) + "}"
    answer = http.post(identity(studio, "/pauth/token"), content=escaped)

    assert answer.status_code in ({400, 401} if "\ud800" in changes.values() else {401})
    assert answer.json().keys() >= {"statusCode", "error", "message"}
    assert PASSWORD not in answer.text


def ascii_json(value: str) -> str:
    return '"' + "".join(f"\\u{ord(one):04x}" for one in value) + '"'


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"username": "studio\\\\ann"}', '{"username": 1, "password": "x"}', "{", "[" * 100_000]
)
@pytest.mark.parametrize("path", ["/pauth/token", "/pauth/passwords", "/pauth/password-resets"])
def test_a_body_of_another_shape_is_400(body: str, path: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    if path == "/pauth/password-resets" and body.endswith('ann"}'):
        body = '{"user": "ann"}'
    answer = http.post(identity(sandbox, path), content=body)

    assert answer.status_code == 400
    assert answer.json()["statusCode"] == 400


# ---- the OAuth password grant ----


@pytest.mark.parametrize("username", [r"studio\ann", "studio%5Cann"])
def test_the_password_grant_takes_a_raw_and_an_encoded_backslash(
    username: str, studio: Sandbox, http: httpx2.Client
) -> None:
    form = f"grant_type=password&username={username}&password={quote(PASSWORD, safe='')}"
    credentials = (studio.client_id, studio.client_secret)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = http.post(identity(studio, "/oauth/token"), content=form, auth=credentials, headers=headers)

    assert answer.status_code == 200
    assert answer.json() | {"access_token": ""} == {"access_token": "", "token_type": "bearer", "expires_in": 600}
    told = http.get(identity(studio, "/pauth/access"), headers=header_of(answer)).json()
    assert (told["clientId"], told["userRef"], told["userType"]) == (studio.client_id, "studio:ann", "user")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"password": "wrong"}, "invalid_grant"),
        ({"username": "ann"}, "invalid_grant"),
        ({"password": None}, "invalid_request"),
        ({"username": None}, "invalid_request"),
    ],
)
def test_a_password_grant_that_cannot_be_given_is_400(
    changes: dict[str, str | None], error: str, studio: Sandbox, http: httpx2.Client
) -> None:
    given = {"grant_type": "password", "username": studio.username, "password": PASSWORD} | changes
    form = {name: value for name, value in given.items() if value is not None}
    answer = http.post(identity(studio, "/oauth/token"), data=form, auth=(studio.client_id, studio.client_secret))

    assert answer.status_code == 400
    assert answer.json() == {"code": 400, "error": error, "error_description": answer.json()["error_description"]}


def test_the_password_grant_needs_the_client_too(studio: Sandbox, http: httpx2.Client) -> None:
    form = {"grant_type": "password", "username": studio.username, "password": PASSWORD}

    assert http.post(identity(studio, "/oauth/token"), data=form).status_code == 401
    assert http.post(identity(studio, "/oauth/token"), data=form, auth=("x", "y")).status_code == 401


# ---- tenants and access ----


def test_the_tenants_of_a_user(studio: Sandbox, http: httpx2.Client) -> None:
    login = log_in(studio, http)
    answer = http.get(identity(studio, "/pauth/tenants"), headers=header_of(login))

    assert answer.status_code == 200
    told = answer.json()
    assert told.keys() == TOLD | {"tenants"}
    assert told["accessToken"] == login.json()["access_token"]
    assert told["expiresAt"] == "2026-03-01T12:10:00.000Z"
    assert (told["tokenType"], told["directoryRef"]) == ("bearer", "root:studio")
    assert (told["userType"], told["userRef"]) == ("user", "studio:ann")
    (tenant,) = told["tenants"]
    assert (tenant["ref"], tenant["owner"], tenant["name"]) == ("root:studio", "root", "studio")
    assert tenant.keys() == {
        "ref", "owner", "name", "title", "description", "tags", "createdAt", "createdBy", "updatedAt", "updatedBy",
        "version", "featureRefs",
    }  # fmt: skip
    assert "root:metadata-management" in tenant["featureRefs"]
    again = http.get(identity(studio, "/pauth/tenants"), headers=header_of(login)).json()
    assert again == told


def test_what_a_user_may_do(studio: Sandbox, http: httpx2.Client) -> None:
    told = http.get(identity(studio, "/pauth/access"), headers=header_of(log_in(studio, http))).json()

    assert told.keys() == TOLD | {"dynamic", "permissions"}
    assert told["dynamic"] is False
    (permission,) = told["permissions"]
    assert permission["tenant"] == "studio"
    assert {"metadata:contents:read", "metadata:contents:read:browse", "workflow:executions:read"} <= set(
        permission["actions"]
    )
    assert len(set(permission["actions"])) == len(permission["actions"])


@pytest.mark.parametrize(
    ("query", "permissions"),
    [
        (
            "actions=metadata:contents:read,x:y:z,workflow:executions:read",
            [{"tenant": "studio", "actions": ["metadata:contents:read", "workflow:executions:read"]}],
        ),
        ("tenants=other,studio&actions=x:y:z", [{"tenant": "studio", "actions": []}]),
        ("tenants=other", []),
        ("tenants=studio&actions=metadata%3Aroles%3Aread", [{"tenant": "studio", "actions": ["metadata:roles:read"]}]),
    ],
)
def test_permissions_are_filtered(query: str, permissions: list[Any], studio: Sandbox, http: httpx2.Client) -> None:
    answer = http.get(identity(studio, f"/pauth/access?{query}"), headers=header_of(log_in(studio, http)))

    assert answer.json()["permissions"] == permissions


def test_a_client_has_tenants_and_access_as_well(sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> None:
    told = http.get(identity(sandbox, "/pauth/tenants"), headers=bearer).json()

    assert (told["clientId"], told["userType"], told["userRef"]) == (
        "sandbox-client",
        "client",
        "acme:sandbox-client",
    )
    assert [tenant["name"] for tenant in told["tenants"]] == ["acme"]


@pytest.mark.parametrize("path", ["/pauth/tenants", "/pauth/access"])
def test_tenants_and_access_need_a_token(path: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    for headers in ({}, {"authorization": "Bearer nonsense"}):
        answer = http.get(identity(sandbox, path), headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="Invalid token"'


@pytest.mark.parametrize(
    "operations",
    [{}, {"browse": None}, {"browse": {"actions": None}}, {"browse": {"actions": [7]}}],
    ids=repr,
)
def test_a_descriptor_without_actions_gives_none(operations: Any, http: httpx2.Client) -> None:
    descriptor = builtin_descriptors()["metadata"]
    resources = {name: {**one, "operations": operations} for name, one in descriptor["resourcefuls"].items()}
    with Sandbox(descriptors=[{**descriptor, "resourcefuls": resources, "routes": [{"path": "/x"}]}]) as sandbox:
        told = http.get(identity(sandbox, "/pauth/access"), headers=header_of(log_in(sandbox, http))).json()

    services = {action.split(":")[0] for action in told["permissions"][0]["actions"]}
    assert "workflow" in services
    assert "metadata" not in services


def test_a_write_is_signed_by_the_user(studio: Sandbox, http: httpx2.Client) -> None:
    answer = http.post(
        f"{studio.location('metadata')}/data/contents/?owner=studio",
        json={"contents": [{"owner": "studio", "name": "one", "type": "movie", "title": "One"}]},
        headers=header_of(log_in(studio, http)),
    )

    assert answer.status_code == 201
    assert answer.json()["contents"][0]["createdBy"] == "studio:ann"


# ---- passwords ----


def test_a_password_is_changed(studio: Sandbox, http: httpx2.Client) -> None:
    body = {"username": studio.username, "password": PASSWORD, "newPassword": "new one"}
    answer = http.post(identity(studio, "/pauth/passwords"), json=body)

    assert (answer.status_code, answer.content) == (204, b"")
    assert studio.password == "new one"
    assert studio.environ["SEQUOIA_PASSWORD"] == "new one"
    assert log_in(studio, http).status_code == 200
    assert log_in(studio, http, password=PASSWORD).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "wrong"},
        {"username": r"studio\bob"},
        {"newPassword": ""},
        {"password": None},
        {"password": None, "resetToken": "guessed"},
    ],
    ids=repr,
)
def test_a_change_that_is_refused_is_400_and_changes_nothing(
    changes: dict[str, Any], studio: Sandbox, http: httpx2.Client
) -> None:
    body = {"username": studio.username, "password": PASSWORD, "newPassword": "new one"} | changes
    answer = http.post(identity(studio, "/pauth/passwords"), json=body)

    assert answer.status_code == 400
    assert answer.json()["statusCode"] == 400
    assert log_in(studio, http, password=PASSWORD).status_code == 200


def test_a_forgotten_password_is_replaced_once_for_a_token(studio: Sandbox, http: httpx2.Client) -> None:
    assert studio.reset_token is None
    answer = http.post(identity(studio, "/pauth/password-resets"), json={"username": studio.username})
    assert (answer.status_code, answer.content) == (204, b"")

    body = {"username": studio.username, "resetToken": studio.reset_token, "newPassword": "found"}
    wrong = body | {"username": r"studio\bob"}
    assert http.post(identity(studio, "/pauth/passwords"), json=wrong).status_code == 400
    assert http.post(identity(studio, "/pauth/passwords"), json=body).status_code == 204
    assert log_in(studio, http, password="found").status_code == 200
    assert http.post(identity(studio, "/pauth/passwords"), json=body).status_code == 400


def test_a_reset_for_nobody_is_answered_like_one_for_somebody(studio: Sandbox, http: httpx2.Client) -> None:
    answer = http.post(identity(studio, "/pauth/password-resets"), json={"username": "nobody"})

    assert (answer.status_code, answer.content) == (204, b"")
    assert studio.reset_token is None


def test_a_reset_of_the_sandbox_brings_the_first_password_back(studio: Sandbox, http: httpx2.Client) -> None:
    body = {"username": studio.username, "password": PASSWORD, "newPassword": "new one"}
    assert http.post(identity(studio, "/pauth/passwords"), json=body).status_code == 204
    http.post(identity(studio, "/pauth/password-resets"), json={"username": studio.username})
    studio.reset()

    assert (studio.password, studio.reset_token) == (PASSWORD, None)
    assert log_in(studio, http).status_code == 200
