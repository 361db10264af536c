"""The OAuth2 part of the identity service: access tokens for a client or a user, and the check of a bearer token."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sequoia.sandbox.account import Account
from sequoia.sandbox.routing import Route
from sequoia.sandbox.wire import Reply, Request, invalid_token, json_reply

__all__ = ["Holder", "Identity", "Session", "Tokens", "bearer"]

_NOT_CACHED = {"cache-control": "no-store", "content-type": "application/json; charset=utf-8"}


def bearer(request: Request) -> str:
    """The bearer token of `request`, or the empty string."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose token it is.

    Attributes:
        client_id: The client that it was given to.
        user_ref: The ref that writes are signed with: of the user, or of the client where there is no user.
        user_type: `user` or `client`.
    """

    client_id: str
    user_ref: str
    user_type: str


@dataclass(frozen=True, slots=True)
class Session:
    """A token that works.

    Attributes:
        token: The token.
        holder: Whose it is.
        expiry: When it stops working, on the clock of `Tokens`.
    """

    token: str
    holder: Holder
    expiry: float


class Tokens:
    """The access tokens that are valid; usable from any thread.

    Args:
        lifetime: Seconds after which a token stops working.
        monotonic: A clock in seconds that never goes back.
        certified: Whose a request without a token is, where TLS lets in only clients with a certificate.
    """

    def __init__(self, lifetime: int, monotonic: Callable[[], float], certified: Holder | None = None) -> None:
        self.lifetime = lifetime
        self._certified = certified
        self._monotonic = monotonic
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def issue(self, holder: Holder) -> str:
        """Make a token for `holder`: 40 hex digits."""
        token = secrets.token_hex(20)
        with self._lock:
            now = self._monotonic()
            # Every issue sweeps out what has expired, so that a sandbox which runs for weeks does not grow.
            self._sessions = {token: session for token, session in self._sessions.items() if session.expiry > now}
            self._sessions[token] = Session(token, holder, now + self.lifetime)
        return token

    def forget(self, token: str) -> None:
        """Make one token stop working; an unknown one is no error."""
        with self._lock:
            self._sessions.pop(token, None)

    def forget_all(self) -> None:
        """Make every token stop working."""
        with self._lock:
            self._sessions.clear()

    def remaining(self, session: Session) -> float:
        """Seconds until `session` ends."""
        return session.expiry - self._monotonic()

    def require(self, request: Request) -> Session:
        """Let `request` pass if it carries a token that works, and say whose that is.

        Where a certificate takes the place of the token, a request without one passes too.

        Raises:
            WireError: 401, as the platform words it.
        """
        token = bearer(request)
        if not token and self._certified is not None:
            return Session("", self._certified, self._monotonic() + self.lifetime)
        with self._lock:
            session = self._sessions.get(token)
            if session is not None and session.expiry > self._monotonic():
                return session
        raise invalid_token()


class Identity:
    """The OAuth2 endpoints of the identity service, for one client and one user.

    Args:
        client: The only client that exists.
        client_secret: Its secret.
        account: The only user that exists.
        tokens: Where issued tokens are kept.
    """

    def __init__(self, client: Holder, client_secret: str, account: Account, tokens: Tokens) -> None:
        self._client = client
        self._credentials = f"{client.client_id}:{client_secret}".encode()
        self._account = account
        self._tokens = tokens

    def routes(self) -> tuple[Route, ...]:
        """What the service answers."""
        return (Route("POST", "/oauth/token", self._token), Route("POST", "/oauth/revoke", self._revoke))

    def _token(self, request: Request, _: tuple[str, ...]) -> Reply:
        form = _form(request)
        grant = form.get("grant_type")
        # Before the client is checked: one client posts a revocation here, with its bearer token, and must see a 400.
        if not grant:
            return _oauth_error(400, "invalid_request", "grant_type is missing")
        if not self._knows_client(request):
            return _bad_client()
        if grant == "client_credentials":
            return self._grant(self._client)
        if grant == "password":
            return self._grant_to_user(form)
        return _oauth_error(400, "unsupported_grant_type", "the grant type is client_credentials or password")

    def _grant_to_user(self, form: dict[str, str]) -> Reply:
        if "username" not in form or "password" not in form:
            return _oauth_error(400, "invalid_request", "username or password is missing")
        if not self._account.admits(form["username"], form["password"]):
            return _oauth_error(400, "invalid_grant", "the username or the password is wrong")
        return self._grant(Holder(self._client.client_id, self._account.ref, "user"))

    def _grant(self, holder: Holder) -> Reply:
        answer = {
            "access_token": self._tokens.issue(holder),
            "token_type": "bearer",
            "expires_in": self._tokens.lifetime,
        }
        return json_reply(200, answer, _NOT_CACHED)

    def _revoke(self, request: Request, _: tuple[str, ...]) -> Reply:
        if not self._knows_client(request):
            return _bad_client()
        token = _form(request).get("token")
        if not token:
            return _oauth_error(400, "invalid_request", "token is missing")
        self._tokens.forget(token)
        return json_reply(200, {}, _NOT_CACHED)

    def _knows_client(self, request: Request) -> bool:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(given, self._credentials)


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))


def _oauth_error(status: int, error: str, description: str, headers: dict[str, str] | None = None) -> Reply:
    body = {"code": status, "error": error, "error_description": description}
    return json_reply(status, body, _NOT_CACHED | (headers or {}))


def _bad_client() -> Reply:
    challenge = {"www-authenticate": 'Basic realm="identity"'}
    return _oauth_error(401, "invalid_client", "the client id or the client secret is wrong", challenge)
