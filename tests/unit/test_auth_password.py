"""The token of an end user: what is asked, whose it is, and where the password never shows."""

from __future__ import annotations

import base64
import json
import pickle
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from sequoia import AuthType, Client, InstantClock
from sequoia.auth import Grant
from sequoia.calls import Call, Expects, judge, redirected
from sequoia.error import AuthorisationError, ConnectionError, HttpError, TooManyRedirects, http_error
from sequoia.password import PasswordGrant, PasswordLogin, User
from sequoia.settings import Settings
from sequoia.tokens import MemoryTokenStore, TokenKey

REGISTRY = "https://registry.test/services/acme"
LOGIN = "https://identity.test/pauth/token"
OAUTH = "https://identity.test/oauth/token"
PASSWORD = "pä ss+w&rd"
SECRET = "s3cr3t-v4lue"
ANN = User(r"acme\ann", PASSWORD)
NOW = 1000.0


def _grant(**changes: Any) -> PasswordGrant:
    given: dict[str, Any] = {"user": ANN, "client_id": "id", "client_secret": SECRET, "store": MemoryTokenStore()}
    return PasswordGrant(OAUTH, **(given | changes))


def _call(credential: Grant) -> Call:
    call = credential.renewal()
    assert isinstance(call, Call)
    return call


# ---- the user ----


@pytest.mark.parametrize(
    ("username", "directory"), [("ann", "acme"), (r"acme\ann", None), (r"acme\ann", "acme"), (r"acme\ann", "")]
)
def test_the_directory_is_in_the_name_or_beside_it(username: str, directory: str | None) -> None:
    assert User.of(username, PASSWORD, directory) == ANN


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"username": None}, "needs username"),
        ({"username": "", "password": ""}, "needs username and password"),
        ({"password": None}, "needs password"),
        ({"username": "ann"}, "needs directory"),
        ({"username": "ann", "directory": ""}, "needs directory"),
        ({"directory": "other"}, "names the directory 'acme', and directory is 'other'"),
        ({"username": "\\ann"}, "a user has a directory and a name"),
        ({"username": "acme\\"}, "a user has a directory and a name"),
        ({"username": r"a\b\ann"}, "a user has a directory and a name"),
        ({"username": "ann", "directory": "a\\b"}, "a user has a directory and a name"),
        ({"username": 7}, "must be strings"),
        ({"password": b"x"}, "must be strings"),
        ({"directory": ["acme"]}, "must be strings"),
        ({"grant_client_id": "id"}, "both of grant_client_id and grant_client_secret"),
        ({"grant_client_secret": SECRET}, "both of grant_client_id and grant_client_secret"),
    ],
    ids=repr,
)
def test_a_user_who_is_not_fully_given_is_a_value_error(options: dict[str, Any], words: str) -> None:
    given: Any = {"auth_type": AuthType.PASSWORD, "username": r"acme\ann", "password": PASSWORD} | options
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words follow; they have backslashes
        Settings.of(REGISTRY, given)
    assert words in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert SECRET not in str(caught.value)


# ---- the request ----


def test_a_login_is_json_without_any_client() -> None:
    call = _call(PasswordLogin(LOGIN, ANN, MemoryTokenStore()))
    assert (call.method, call.url) == ("POST", LOGIN)
    assert json.loads(call.body or b"") == {"username": r"acme\ann", "password": PASSWORD}
    assert call.headers == {"Content-Type": "application/vnd.piksel+json", "Accept": "application/json"}
    assert not call.authenticated
    assert call.expects is Expects.BYTES


def test_a_password_grant_is_a_form_with_the_client_in_a_header() -> None:
    call = _call(_grant())
    assert (call.method, call.url) == ("POST", OAUTH)
    form = {"grant_type": ["password"], "username": [r"acme\ann"], "password": [PASSWORD]}
    assert parse_qs((call.body or b"").decode()) == form
    assert call.headers["Authorization"] == "Basic " + base64.b64encode(f"id:{SECRET}".encode()).decode()
    assert call.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert not call.authenticated


@pytest.mark.parametrize(
    "credential", [PasswordLogin(LOGIN, ANN, MemoryTokenStore()), _grant()], ids=["login", "grant"]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_password_follows_no_redirect_to_another_origin(credential: Grant, status: int) -> None:
    call = _call(credential)
    away = httpx2.Response(status, headers={"location": "https://elsewhere.test/pauth/token"})
    with pytest.raises(TooManyRedirects, match=r"elsewhere\.test"):
        redirected(call, away)
    near = redirected(call, httpx2.Response(308, headers={"location": "/v2/token"}))
    assert near is not None
    assert (near.url, near.body) == ("https://identity.test/v2/token", call.body)


def test_the_options_choose_the_way() -> None:
    given: Any = {"auth_type": AuthType.PASSWORD, "username": "ann", "directory": "acme", "password": PASSWORD}
    login = Settings.of(REGISTRY, given)
    assert login.token_path == "/pauth/token"
    assert isinstance(login.credential(LOGIN), PasswordLogin)
    grant = Settings.of(REGISTRY, given | {"grant_client_id": "id", "grant_client_secret": SECRET})
    assert grant.token_path == "/oauth/token"
    assert isinstance(grant.credential(OAUTH), PasswordGrant)
    assert Settings.of(REGISTRY, {"auth_type": AuthType.NO_AUTH}).token_path is None


# ---- whose token ----


def test_the_same_user_shares_one_token() -> None:
    store = MemoryTokenStore()
    first = PasswordLogin(LOGIN, ANN, store)
    token = first.accept(judge(_call(first), httpx2.Response(200, json={"access_token": "t1"}), now=NOW), NOW)
    assert token.renew_at is None
    assert PasswordLogin(LOGIN, User(r"acme\ann", PASSWORD), store).current(NOW) == token


def test_a_token_with_a_lifetime_is_renewed_ahead() -> None:
    grant = _grant()
    body = {"access_token": "t1", "expires_in": 3600}
    assert grant.accept(judge(_call(grant), httpx2.Response(200, json=body), now=NOW), NOW).renew_at == NOW + 3570


@pytest.mark.parametrize(
    "other",
    [
        PasswordLogin(LOGIN, User(r"acme\ann", "wrong"), MemoryTokenStore()),
        PasswordLogin(LOGIN, User(r"acme\bob", PASSWORD), MemoryTokenStore()),
        PasswordLogin("https://other.test/pauth/token", ANN, MemoryTokenStore()),
        PasswordLogin(OAUTH, ANN, MemoryTokenStore()),
        _grant(user=User(r"acme\ann", "wrong")),
        _grant(client_id="other"),
        _grant(client_secret="wrong"),
    ],
)
def test_nobody_else_has_the_key_of_a_user(other: Grant) -> None:
    assert other.key not in {PasswordLogin(LOGIN, ANN, MemoryTokenStore()).key, _grant().key}


def test_the_key_holds_a_digest_that_does_not_give_the_password_away() -> None:
    key = PasswordLogin(LOGIN, ANN, MemoryTokenStore()).key
    assert key == TokenKey(LOGIN, r"acme\ann", key.secret_digest)
    assert PASSWORD not in repr(key)
    assert len(key.secret_digest) == 64


def test_no_repr_shows_a_password() -> None:
    given: Any = {"auth_type": AuthType.PASSWORD, "username": r"acme\ann", "password": PASSWORD}
    login = PasswordLogin(LOGIN, ANN, MemoryTokenStore())
    for thing in (ANN, login, _call(login), _grant(), _call(_grant()), Settings.of(REGISTRY, given)):
        assert PASSWORD not in repr(thing)
        assert SECRET not in repr(thing)


# ---- refusals, with the client around it ----


def _refused_by(answer: httpx2.Response, sent: list[httpx2.Request]) -> AuthorisationError:
    def platform(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        if request.url.host == "registry.test":
            entry = {"owner": "root", "name": "identity", "location": "https://identity.test"}
            return httpx2.Response(200, json={"services": [entry]})
        return answer

    adapters = [("https://", httpx2.MockTransport(platform))]
    with pytest.raises(AuthorisationError) as caught:
        Client(REGISTRY, auth_type=AuthType.PASSWORD, username=r"acme\ann", password=PASSWORD, adapters=adapters)
    return caught.value


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_says_what_to_check_and_is_not_repeated(status: int) -> None:
    sent: list[httpx2.Request] = []
    body = {"statusCode": status, "error": "Unauthorized", "message": "no such user"}
    refused = _refused_by(httpx2.Response(status, json=body), sent)

    assert [request.method for request in sent] == ["GET", "POST"]
    assert "Check username, password and directory" in str(refused)
    assert "no such user" in str(refused)
    assert isinstance(refused.cause, HttpError)


def test_a_refusal_shows_no_password_and_can_be_pickled() -> None:
    refused = _refused_by(httpx2.Response(401), [])
    pickled = pickle.dumps(refused)

    assert PASSWORD not in f"{refused} {refused!r} {refused.cause!r}"
    assert PASSWORD.encode() not in pickled
    assert json.dumps(PASSWORD, ensure_ascii=False).encode() not in pickled
    assert str(pickle.loads(pickled)) == str(refused)  # noqa: S301 - our own


def test_an_unreachable_identity_service_shows_no_password() -> None:
    def platform(request: httpx2.Request) -> httpx2.Response:
        if request.url.host != "registry.test":
            raise httpx2.ConnectError("unreachable", request=request)
        entry = {"owner": "root", "name": "identity", "location": "https://identity.test"}
        return httpx2.Response(200, json={"services": [entry]})

    given: Any = {"auth_type": AuthType.PASSWORD, "username": r"acme\ann", "password": "h1dden-one"}
    adapters = [("https://", httpx2.MockTransport(platform))]
    with pytest.raises(ConnectionError) as caught:
        Client(REGISTRY, adapters=adapters, clock=InstantClock(), **given)
    assert b"h1dden-one" not in pickle.dumps(caught.value)
    assert "h1dden-one" not in f"{caught.value!r} {caught.value.cause!r}"


def test_an_answer_without_a_token_is_no_token() -> None:
    grant = PasswordLogin(LOGIN, ANN, MemoryTokenStore())
    with pytest.raises(AuthorisationError, match="holds no bearer token"):
        grant.accept(judge(_call(grant), httpx2.Response(200, json={"token": "t0k3n"}), now=NOW), NOW)


def test_what_is_common_to_grants_asks_for_nothing_by_itself() -> None:
    with pytest.raises(NotImplementedError):
        Grant(TokenKey(LOGIN, "x", "y"), MemoryTokenStore()).renewal()
    assert http_error(401, "x").status_code == 401
