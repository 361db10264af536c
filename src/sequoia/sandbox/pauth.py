"""The other part of the identity service, `pauth`: the login of the platform's console, and what a user may do."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from sequoia.sandbox.account import DIRECTORY_OWNER, Account
from sequoia.sandbox.identity import Holder, Session, Tokens
from sequoia.sandbox.moment import timestamp
from sequoia.sandbox.routing import Route
from sequoia.sandbox.wire import Reply, Request, WireError, json_reply

__all__ = ["Pauth"]

_CONSOLE: Final = "console"
"""The client that a user who logs in has no choice of."""

_NOT_CACHED: Final = {"cache-control": "no-store"}


class _Login(msgspec.Struct):
    username: str
    password: str


class _NewPassword(msgspec.Struct, rename="camel"):
    username: str
    new_password: str
    password: str | None = None
    reset_token: str | None = None


class _Reset(msgspec.Struct):
    username: str


_Body = TypeVar("_Body")


class Pauth:
    """The endpoints, for one user, whose only tenant has the name of the user's directory.

    Args:
        account: The user.
        tokens: Where issued tokens are kept.
        descriptors: The descriptors of all services; the user may do everything that they have actions for.
        now: The wall clock; returns an aware datetime.
    """

    def __init__(
        self,
        account: Account,
        tokens: Tokens,
        descriptors: Mapping[str, Mapping[str, Any]],
        now: Callable[[], datetime],
    ) -> None:
        self._account = account
        self._tokens = tokens
        self._now = now
        self._actions = sorted({action for one in descriptors.values() for action in _actions(one)})
        self._tenant = _tenant(account, descriptors, timestamp(now()))

    def routes(self) -> tuple[Route, ...]:
        """What is answered below `/pauth`."""
        return (
            Route("POST", "/pauth/token", self._token),
            Route("GET", "/pauth/tenants", self._tenants, anonymous=False),
            Route("GET", "/pauth/access", self._access, anonymous=False),
            Route("POST", "/pauth/passwords", self._set_password),
            Route("POST", "/pauth/password-resets", self._reset_password),
        )

    def _token(self, request: Request, _: tuple[str, ...]) -> Reply:
        login = _read(request, _Login)
        if not self._account.admits(login.username, login.password):
            raise WireError(401, "the username or the password is wrong")
        token = self._tokens.issue(Holder(_CONSOLE, self._account.ref, "user"))
        return json_reply(200, {"access_token": token}, _NOT_CACHED)

    def _tenants(self, request: Request, _: tuple[str, ...]) -> Reply:
        session = self._tokens.require(request)
        return json_reply(200, {**self._told(session), "tenants": [self._tenant]}, _NOT_CACHED)

    def _access(self, request: Request, _: tuple[str, ...]) -> Reply:
        session = self._tokens.require(request)
        tenants, actions = _listed(request, "tenants"), _listed(request, "actions")
        name = self._tenant["name"]
        allowed = [action for action in self._actions if not actions or action in actions]
        permissions = [{"tenant": name, "actions": allowed}] if not tenants or name in tenants else []
        answer = {**self._told(session), "dynamic": False, "permissions": permissions}
        return json_reply(200, answer, _NOT_CACHED)

    def _told(self, session: Session) -> dict[str, Any]:
        """What both answers say about the token."""
        return {
            "accessToken": session.token,
            "tokenType": "bearer",
            "directoryRef": self._account.directory_ref,
            "clientId": session.holder.client_id,
            "expiresAt": timestamp(self._now() + timedelta(seconds=self._tokens.remaining(session))),
            "userType": session.holder.user_type,
            "userRef": session.holder.user_ref,
        }

    def _set_password(self, request: Request, _: tuple[str, ...]) -> Reply:
        asked = _read(request, _NewPassword)
        if not asked.new_password:
            raise WireError(400, "the new password is empty", keys=("newPassword",), source="payload")
        if asked.reset_token is not None:
            done = self._account.finish_reset(asked.username, asked.reset_token, asked.new_password)
        elif asked.password is not None:
            done = self._account.change_password(asked.username, asked.password, asked.new_password)
        else:
            raise WireError(400, "password or resetToken is missing", keys=("password",), source="payload")
        if not done:
            raise WireError(400, "the username, the password or the reset token is wrong")
        return Reply(204)

    def _reset_password(self, request: Request, _: tuple[str, ...]) -> Reply:
        # The same answer for every name, so that nobody learns which ones exist.
        self._account.ask_for_reset(_read(request, _Reset).username)
        return Reply(204)


def _read(request: Request, kind: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(400, f"Invalid request payload: {error}") from error


def _listed(request: Request, parameter: str) -> set[str]:
    """The values of a comma list; empty where there is no such parameter."""
    lists = (value.split(",") for name, value in request.query if name == parameter)
    return {value.strip() for values in lists for value in values if value.strip()}


def _tenant(account: Account, services: Iterable[str], created: str) -> dict[str, Any]:
    creator = f"{DIRECTORY_OWNER}:{DIRECTORY_OWNER}"
    return {
        "ref": account.directory_ref,
        "owner": DIRECTORY_OWNER,
        "name": account.directory,
        "title": account.directory,
        "description": "The tenant of this sandbox",
        "tags": [],
        "createdAt": created,
        "createdBy": creator,
        "updatedAt": created,
        "updatedBy": creator,
        "version": secrets.token_hex(20),
        "featureRefs": [f"{DIRECTORY_OWNER}:{service}-management" for service in services],
    }


def _actions(descriptor: Mapping[str, Any]) -> Iterator[str]:
    """The actions that the operations and the routes of a service are protected by."""
    places: list[Any] = list(descriptor.get("routes") or ())
    for resource in (descriptor.get("resourcefuls") or {}).values():
        places += resource.get("operations", {}).values()
    for place in places:
        actions = place.get("actions") if isinstance(place, Mapping) else None
        yield from (action for action in (actions if isinstance(actions, list) else ()) if isinstance(action, str))
