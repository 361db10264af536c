"""Who the client is: types of authentication, and what gets a token for each of them.

Nothing here sends, waits or locks. A `Credential` says which token is current, how to ask for another and what an
answer to that means; the shells do the asking, one at a time.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import httpx2
import msgspec

from sequoia.calls import Answer, Call, Expects
from sequoia.error import AuthorisationError, HttpError
from sequoia.secrecy import masked, secrets_of
from sequoia.tokens import SharedTokenStore, Token, TokenKey, TokenStore, lifetime, token_text
from sequoia.urls import is_loopback, origin

__all__ = [
    "REFUSALS",
    "Anonymous",
    "AuthType",
    "ClientGrant",
    "Credential",
    "Grant",
    "OwnToken",
    "basic",
    "check_secure",
    "refusal",
]

MAX_RENEWALS = 3
# RFC 6749, 5.2, and what gateways make of it; any other status says nothing about the credentials.
REFUSALS = frozenset({400, 401, 403})


class AuthType(enum.Enum):
    """How a client proves who it is; the values are those of 4.4.0, and `PASSWORD` is new."""

    CLIENT_GRANT = 1
    NO_AUTH = 2
    BYO_TOKEN = 3
    MUTUAL = 4
    PASSWORD = 5


class Credential(Protocol):
    """What a shell needs to know about an authentication type."""

    @property
    def options(self) -> str:
        """The options to check when the identity service refuses it."""

    @property
    def whose(self) -> str:
        """Whose credentials are refused then: `the client's`."""

    @property
    def key(self) -> TokenKey | None:
        """Clients with the same key share one token; None shares with nobody."""

    @property
    def renewable(self) -> bool:
        """Whether a refused token can be replaced."""

    def current(self, now: float) -> Token | None:
        """The token to use at `now`, in monotonic seconds; None to renew first, if that is possible."""

    def refuse(self, token: Token) -> None:
        """Forget a token that a service has refused."""

    def renewal(self) -> Call | Token | None:
        """What gets a new token: a request to send, or the token itself; None if there is none to get."""

    def accept(self, answer: Answer, now: float) -> Token:
        """Keep and return the token in the answer to a renewal."""

    def claim(self) -> AbstractContextManager[object] | None:
        """The right to renew, until the context is left; None while another process has it."""


class Anonymous:
    """No token: `NO_AUTH`, and `MUTUAL`, where the TLS certificate is the proof."""

    key: TokenKey | None = None
    options = whose = ""
    renewable = False

    def current(self, now: float) -> Token | None:  # noqa: ARG002, D102 - see Credential
        return None

    def refuse(self, token: Token) -> None:
        """There is none to forget."""

    def renewal(self) -> Call | Token | None:  # noqa: D102 - see Credential
        return None

    def accept(self, answer: Answer, now: float) -> Token:  # noqa: D102 - see Credential
        raise NotImplementedError("an anonymous client asks for no token")

    def claim(self) -> AbstractContextManager[object] | None:  # noqa: D102 - see Credential
        return nullcontext()


class OwnToken:
    """`BYO_TOKEN`: the caller's own token, or a function that is asked for one and asked again after a 401.

    Raises:
        ValueError: There is no token.
    """

    options = "byo_token"
    whose = "the caller's"

    def __init__(self, token: str | Callable[[], str]) -> None:
        self.key: TokenKey | None = None
        self.renewable = callable(token)
        self._ask = token if callable(token) else None
        self._asking = False
        self._token = None if callable(token) else Token(token_text(token))

    def current(self, now: float) -> Token | None:  # noqa: ARG002, D102 - see Credential
        return self._token

    def refuse(self, token: Token) -> None:  # noqa: D102 - see Credential
        if self._ask is not None and token == self._token:
            self._token = None

    def renewal(self) -> Call | Token | None:  # noqa: D102 - see Credential
        if self._ask is None:
            return self._token
        if self._asking:
            raise AuthorisationError("the byo_token function sends a request with the client that waits for its token")
        self._asking = True
        try:
            self._token = Token(token_text(self._ask()))
        finally:
            self._asking = False
        return self._token

    def accept(self, answer: Answer, now: float) -> Token:  # noqa: D102 - see Credential
        raise NotImplementedError("the caller's own token is not asked for by a request")

    def claim(self) -> AbstractContextManager[object] | None:  # noqa: D102 - see Credential
        return nullcontext()


class Grant:
    """What the types have in common whose tokens an identity service gives out; only the request for one differs.

    Args:
        key: Whose token it is.
        store: Where tokens are kept.
        own_token: A token to begin with; it is used until it is refused, and is not shared with other clients.
    """

    options = ""
    whose = "the client's"
    renewable = True

    def __init__(self, key: TokenKey, store: TokenStore, own_token: str | None = None) -> None:
        self.key: TokenKey = key
        self._store = store
        self._own = Token(token_text(own_token)) if own_token is not None else None

    def current(self, now: float) -> Token | None:  # noqa: D102 - see Credential
        token = self._own or self._store.get(self.key)
        return token if token is not None and token.is_current(now) else None

    def refuse(self, token: Token) -> None:  # noqa: D102 - see Credential
        if token == self._own:
            self._own = None
        else:
            self._store.discard(self.key, token)

    def renewal(self) -> Call | Token | None:  # noqa: D102 - see Credential
        raise NotImplementedError

    def accept(self, answer: Answer, now: float) -> Token:  # noqa: D102 - see Credential
        token = _granted(answer, now)
        self._store.put(self.key, token)
        return token

    def claim(self) -> AbstractContextManager[object] | None:  # noqa: D102 - see Credential
        return self._store.claim(self.key) if isinstance(self._store, SharedTokenStore) else nullcontext()


class ClientGrant(Grant):
    """`CLIENT_GRANT`: OAuth2 client credentials (RFC 6749, 4.4), by HTTP Basic.

    Args:
        token_url: Where tokens are given out.
        client_id: The client's id.
        client_secret: Its secret.
        store: Where tokens are kept.
        own_token: A token to begin with, see `Grant`.
    """

    options = "grant_client_id and grant_client_secret"

    def __init__(
        self, token_url: str, client_id: str, client_secret: str, store: TokenStore, own_token: str | None = None
    ) -> None:
        digest = hashlib.sha256(client_secret.encode()).hexdigest()
        super().__init__(TokenKey(token_url, client_id, digest), store, own_token)
        self._client_id = client_id
        self._client_secret = client_secret

    def renewal(self) -> Call | Token | None:  # noqa: D102 - see Credential
        from oauthlib.oauth2 import BackendApplicationClient  # noqa: PLC0415 - 30 ms that only this type pays

        body: str = BackendApplicationClient(client_id=self._client_id).prepare_request_body()
        headers = {
            "Authorization": basic(self._client_id, self._client_secret),
            "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
            "Accept": "application/json",
        }
        return Call("POST", self.key.token_url, headers, body.encode(), authenticated=False, expects=Expects.BYTES)


def basic(client_id: str, client_secret: str) -> str:
    """The `Authorization` header of a client (RFC 7617, in UTF-8)."""
    return "Basic " + base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()


def _granted(answer: Answer, now: float) -> Token:
    """The token in an identity service's answer.

    Raises:
        AuthorisationError: There is none that can be used. No message shows what is there: it may be half a token.
    """
    try:
        # Broken characters are replaced, because an error about them would hold the token.
        parsed = _parse(answer.raw.content.decode(errors="replace").encode())
        if str(parsed.get("token_type", "bearer")).lower() != "bearer":
            raise ValueError("the token's type is not bearer")
        text = token_text(parsed["access_token"])
        seconds = lifetime(parsed.get("expires_in"))
    except (_NotGrantedError, ValueError, TypeError, OverflowError) as error:
        message = f"the identity service's answer holds no bearer token ({answer.call.url})"
        call = answer.call
        sent = httpx2.Request(call.method, call.url, headers=call.headers, content=call.body)
        secrets = secrets_of(sent, with_body=call.own_origin)
        echoed = masked(answer.raw.content, secrets) != answer.raw.content
        raise AuthorisationError(message, None if echoed else error.__cause__ or error) from None
    return Token.lasting(text, seconds, now)


def refusal(error: HttpError, options: str, whose: str = "the client's") -> AuthorisationError | None:
    """The `AuthorisationError` for a failed token request, its `cause` the OAuth error; None if it was no refusal.

    Args:
        error: What the token request ended in.
        options: The options that the caller is to check.
        whose: Whose credentials they are.
    """
    if error.status_code not in REFUSALS:
        return None
    cause: BaseException = error
    # An error in the platform's general shape has an `error` too, but that is only the name of the status.
    if isinstance(error.message, dict) and "error" in error.message and "statusCode" not in error.message:
        try:
            _parse(msgspec.json.encode(error.message))
        except _NotGrantedError as oauth_error:
            cause = oauth_error.__cause__ or error
    return AuthorisationError(
        f"the identity service refused {whose} credentials: {cause}. "
        f"Check {options} (status {error.status_code} from {error.url})",
        cause,
    )


class _NotGrantedError(Exception):
    """An identity service's answer is not a token; the cause is oauthlib's error."""


def _parse(body: bytes) -> Mapping[str, Any]:
    from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error  # noqa: PLC0415 - as in renewal

    try:
        parsed: Mapping[str, Any] = BackendApplicationClient(client_id="").parse_request_body_response(body.decode())
    # TypeError and AttributeError: JSON but no object; RecursionError: nested beyond reading; OverflowError: Infinity.
    except (OAuth2Error, ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise _NotGrantedError from error
    return parsed


def check_secure(url: str, what: str) -> None:
    """Refuse to send a secret over plain http, but to this machine or where `OAUTHLIB_INSECURE_TRANSPORT` is set.

    Raises:
        AuthorisationError: `url`, called `what` in the message, is one of plain http.
    """
    if origin(url)[0] == "http" and not is_loopback(url) and not os.environ.get("OAUTHLIB_INSECURE_TRANSPORT"):
        raise AuthorisationError(
            f"{what} is over plain http ({url}): a secret sent there can be read on its way. "
            "Register it with https, or set OAUTHLIB_INSECURE_TRANSPORT=1 if the network is yours"
        )
