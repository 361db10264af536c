"""Tokens: who has which, for how long, and what an identity service's answer is worth."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from oauthlib.oauth2 import InvalidClientError, InvalidGrantError

from sequoia.auth import Anonymous, AuthType, ClientGrant, OwnToken, check_secure, refusal
from sequoia.calls import Answer, Call, Expects, judge
from sequoia.error import AuthorisationError, http_error
from sequoia.tokens import MemoryTokenStore, Token, TokenKey, TokenStore

URL = "https://identity.test/oauth/token"
SECRET = "s3cr3t-v4lue"
NOW = 1000.0


def _grant(
    store: TokenStore | None = None, *, secret: str = SECRET, own: str | None = None, name: str = "id"
) -> ClientGrant:
    return ClientGrant(URL, name, secret, store or MemoryTokenStore(), own)


def _renewal(grant: ClientGrant) -> Call:
    call = grant.renewal()
    assert isinstance(call, Call)
    return call


def _accept(grant: ClientGrant, content: bytes | None = None, **body: Any) -> Token:
    renewal = _renewal(grant)
    request = httpx2.Request(renewal.method, renewal.url, headers=renewal.headers, content=renewal.body)
    given: dict[str, Any] = {"json": body} if content is None else {"content": content}
    return grant.accept(judge(renewal, httpx2.Response(200, request=request, **given), now=NOW), NOW)


def test_the_types_have_the_values_of_4_4_0() -> None:
    assert [(one.name, one.value) for one in AuthType] == [
        ("CLIENT_GRANT", 1), ("NO_AUTH", 2), ("BYO_TOKEN", 3), ("MUTUAL", 4), ("PASSWORD", 5)
    ]  # fmt: skip


# ---- the request ----


def test_a_token_is_asked_for_with_client_credentials_in_a_header_and_never_in_the_body() -> None:
    call = _renewal(_grant())
    assert (call.method, call.url) == ("POST", URL)
    assert call.body == b"grant_type=client_credentials"
    assert call.headers["Authorization"] == "Basic " + base64.b64encode(f"id:{SECRET}".encode()).decode()
    assert call.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert call.headers["Accept"] == "application/json"
    assert not call.authenticated
    assert call.repeatable
    assert call.expects is Expects.BYTES


def test_credentials_beyond_ascii_are_sent_as_utf_8() -> None:
    value = _renewal(_grant(secret="pässwörd")).headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(value).decode() == "id:pässwörd"


# ---- whose token ----


def test_the_same_credentials_share_one_token() -> None:
    store = MemoryTokenStore()
    token = _accept(_grant(store), access_token="t1", expires_in=3600)
    assert _grant(store).current(NOW) == token


@pytest.mark.parametrize("other", [{"secret": "wrong"}, {"name": "someone"}])
def test_other_credentials_find_nobody_elses_token(other: dict[str, str]) -> None:
    store = MemoryTokenStore()
    _accept(_grant(store), access_token="t1", expires_in=3600)
    assert _grant(store, **other).current(NOW) is None


def test_the_key_of_a_token_holds_a_digest_and_not_the_secret() -> None:
    key = _grant().key
    assert key[:2] == (URL, "id")
    assert SECRET not in repr(key)
    assert len(key.secret_digest) == 64


def test_no_repr_shows_a_token_or_a_secret() -> None:
    grant = _grant(own="t0k3n")
    for thing in (grant, Token("t0k3n"), OwnToken("t0k3n"), grant.key, grant.current(NOW)):
        assert SECRET not in repr(thing)
        assert "t0k3n" not in repr(thing)


# ---- how long ----


@pytest.mark.parametrize(
    ("lifetime", "renew_after"),
    [(3600, 3570), (300, 270), (100, 90), (10, 9), (1, 0.9), ("3600", 3570), (3600.0, 3570)],
)
def test_a_token_is_renewed_before_it_expires(lifetime: Any, renew_after: float) -> None:
    grant = _grant()
    token = _accept(grant, access_token="t1", token_type="bearer", expires_in=lifetime)
    assert token.renew_at == pytest.approx(NOW + renew_after)
    assert grant.current(NOW + renew_after - 0.01) == token
    assert grant.current(NOW + renew_after + 0.01) is None


@pytest.mark.parametrize("more", [{}, {"expires_in": 0}, {"expires_in": None}, {"expires_in": -5}])
def test_a_token_without_a_lifetime_is_used_until_it_is_refused(more: dict[str, Any]) -> None:
    grant = _grant()
    token = _accept(grant, access_token="t1", **more)
    assert token.renew_at is None
    assert grant.current(NOW + 10**9) == token


def test_a_refused_token_is_forgotten() -> None:
    grant = _grant()
    token = _accept(grant, access_token="t1", expires_in=3600)
    grant.refuse(token)
    assert grant.current(NOW) is None


def test_a_token_that_was_replaced_meanwhile_stays_when_the_old_one_is_refused() -> None:
    grant = _grant()
    old = _accept(grant, access_token="t1", expires_in=3600)
    new = _accept(grant, access_token="t2", expires_in=3600)
    grant.refuse(old)
    assert grant.current(NOW) == new


def test_a_token_of_ones_own_comes_first_and_is_not_shared() -> None:
    store = MemoryTokenStore()
    grant = _grant(store, own="own")
    mine = grant.current(NOW)
    assert mine is not None
    assert mine.access_token == "own"
    assert _grant(store).current(NOW) is None
    grant.refuse(mine)
    assert grant.current(NOW) is None
    assert _accept(grant, access_token="t1").access_token == "t1"


def test_a_store_can_be_emptied() -> None:
    store = MemoryTokenStore()
    store.put(TokenKey(URL, "id", "x"), Token("t"))
    store.clear()
    assert store.get(TokenKey(URL, "id", "x")) is None


# ---- what an answer is worth ----


@pytest.mark.parametrize("kind", ["bearer", "Bearer", "BEARER"])
def test_a_bearer_token_is_taken_in_any_case(kind: str) -> None:
    assert _accept(_grant(), access_token="t1", token_type=kind).access_token == "t1"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>sign in</html>",
        b'{"access_token": "t0k3n',
        b'["t0k3n"]',
        b'"t0k3n"',
        b"7",
        b"null",
        b"\xff\xfe",
        b"{}",
        b'{"token": "t0k3n"}',
        b'{"access_token": ""}',
        b'{"access_token": null}',
        b'{"access_token": 7}',
        b'{"access_token": "t0k3n\\nX: y"}',
        b'{"access_token": "t\xc3\xb6k3n"}',
        b'{"access_token": "t0k3n", "token_type": "mac"}',
        b'{"access_token": "t0k3n", "token_type": 7}',
        b'{"access_token": "t0k3n", "expires_in": "soon"}',
        b'{"access_token": "t0k3n", "expires_in": [1]}',
        b'{"error": "invalid_grant", "error_description": "no"}',
        b"[" * 200_000,
    ],
    ids=lambda content: repr(content[:40]),
)
def test_an_answer_that_holds_no_usable_token_is_an_error_that_shows_none_of_it(content: bytes) -> None:
    grant = _grant()
    with pytest.raises(AuthorisationError, match="holds no bearer token") as caught:
        _accept(grant, content)
    error: BaseException | None = caught.value
    while error is not None:
        assert "t0k3n" not in str(error)
        error = getattr(error, "cause", None)
    assert grant.current(NOW) is None


def test_an_oauth_error_in_an_answer_of_success_is_the_cause() -> None:
    with pytest.raises(AuthorisationError) as caught:
        _accept(_grant(), error="invalid_grant", error_description="the grant is not valid")
    assert isinstance(caught.value.cause, InvalidGrantError)


def test_an_oauth_error_that_repeats_the_secret_is_no_cause() -> None:
    with pytest.raises(AuthorisationError) as caught:
        _accept(_grant(), error="invalid_client", error_description=f"the secret {SECRET} is wrong")
    assert SECRET.encode() not in pickle.dumps(caught.value)
    assert SECRET not in f"{caught.value} {caught.value.cause}"


# ---- refusals ----


@pytest.mark.parametrize(
    ("status", "code", "cls"), [(400, "invalid_grant", InvalidGrantError), (401, "invalid_client", InvalidClientError)]
)
def test_a_refused_grant_has_the_oauth_error_as_its_cause(status: int, code: str, cls: type[Exception]) -> None:
    error = http_error(status, {"code": status, "error": code, "error_description": "not valid"})
    error.url = URL
    refused = refusal(error, "grant_client_id")
    assert refused is not None
    assert isinstance(refused.cause, cls)
    assert "not valid" in str(refused)
    assert URL in str(refused)
    assert "grant_client_id" in str(refused)


@pytest.mark.parametrize("message", ["401 Unauthorized, without a body", {"message": "no"}, ["no"], None, {"error": 7}])
def test_a_refusal_that_is_no_oauth_error_is_one_all_the_same(message: Any) -> None:
    error = http_error(401, message)
    refused = refusal(error, "grant_client_id")
    assert refused is not None
    assert refused.cause is not None


@pytest.mark.parametrize("status", [404, 405, 408, 425, 429, 500, 502, 503])
def test_an_identity_service_in_trouble_refuses_nobody(status: int) -> None:
    assert refusal(http_error(status, {"error": "server_error"}), "grant_client_id") is None


# ---- other types ----


def test_the_callers_token_is_used_as_it_is_and_never_renewed() -> None:
    own = OwnToken("t0k3n")
    token = own.current(NOW)
    assert token is not None
    assert token.access_token == "t0k3n"
    assert own.key is None
    assert not own.renewable
    own.refuse(token)
    assert own.current(NOW) == token


def test_a_callers_function_is_asked_for_a_token_and_asked_again_when_it_is_refused() -> None:
    tokens: Iterator[str] = iter(["t1", "t2"])
    own = OwnToken(lambda: next(tokens))
    assert own.renewable
    assert own.current(NOW) is None
    first = own.renewal()
    assert isinstance(first, Token)
    assert own.current(NOW) == first
    own.refuse(Token("another"))
    assert own.current(NOW) == first
    own.refuse(first)
    assert own.current(NOW) is None
    second = own.renewal()
    assert isinstance(second, Token)
    assert second.access_token == "t2"


@pytest.mark.parametrize("token", ["", " ", "a\nb", "a\x00", "ä", None, 7, b"t"])
def test_what_is_no_token_is_refused_without_being_shown(token: Any) -> None:
    with pytest.raises(ValueError, match="a bearer token is"):
        OwnToken(token)
    with pytest.raises(ValueError, match="a bearer token is"):
        OwnToken(lambda: token).renewal()


def test_space_around_a_token_is_not_sent() -> None:
    token = OwnToken(" t0k3n\n").current(NOW)
    assert token is not None
    assert token.access_token == "t0k3n"


def test_an_anonymous_client_has_no_token_and_asks_for_none() -> None:
    nobody = Anonymous()
    assert (nobody.key, nobody.renewable, nobody.current(NOW), nobody.renewal()) == (None, False, None, None)
    nobody.refuse(Token("t"))
    with pytest.raises(NotImplementedError):
        nobody.accept(Answer(Call("GET", URL), httpx2.Response(200), None), NOW)


# ---- plain http ----


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:1/oauth/token", "http://localhost/x", "http://[::1]:8/x"])
def test_a_secret_may_go_by_tls_or_to_this_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT", raising=False)
    check_secure(url, "the token endpoint")


@pytest.mark.parametrize("url", ["http://identity.test/oauth/token", "HTTP://identity.test/oauth/token"])
def test_a_secret_does_not_go_by_plain_http_unless_the_environment_says_so(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT", raising=False)
    with pytest.raises(AuthorisationError, match="OAUTHLIB_INSECURE_TRANSPORT=1") as caught:
        check_secure(url, "the token endpoint")
    assert "the token endpoint is over plain http" in str(caught.value)
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    check_secure(url, "the token endpoint")
