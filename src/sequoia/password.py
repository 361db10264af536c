"""`AuthType.PASSWORD`: the token of an end user, who is known by a name in a directory and a password.

There are two ways to it. `pauth`, the login of the platform's own console, needs nothing else; the OAuth password grant
(RFC 6749, 4.3) is for a client that has credentials of its own as well.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

import msgspec

from sequoia.auth import Grant, basic
from sequoia.calls import Call, Expects
from sequoia.tokens import Token, TokenKey, TokenStore

__all__ = ["PasswordGrant", "PasswordLogin", "User"]

# A password can be guessed from a plain digest of it; from one with a key that no other process has, it cannot.
_DIGEST_KEY = os.urandom(32)


@dataclass(frozen=True, slots=True)
class User:
    r"""An end user.

    Attributes:
        name: `<directory>\<name>`, as the identity service wants it.
        password: The password; it is in no repr.
    """

    name: str
    password: str = field(repr=False)

    @classmethod
    def of(cls, username: object, password: object, directory: object) -> User:
        r"""The user that the options of a client describe.

        Args:
            username: `name`, or `directory\name`.
            password: The password.
            directory: The directory; None if the name has it.

        Raises:
            ValueError: Something is missing, or there are two directories. No message shows the password.
        """
        missing = [name for name, value in (("username", username), ("password", password)) if not value]
        if missing:
            raise ValueError(f"AuthType.PASSWORD needs {' and '.join(missing)}")
        if not (isinstance(username, str) and isinstance(password, str) and isinstance(directory, str | None)):
            raise ValueError("username, password and directory must be strings")
        named, backslash, name = username.rpartition("\\")
        if not backslash and not directory:
            raise ValueError(r"AuthType.PASSWORD needs directory, or a username with one in it: 'directory\name'")
        if backslash and directory and directory != named:
            raise ValueError(
                f"username names the directory {named!r}, and directory is {directory!r}: give one of them"
            )
        place = named if backslash else directory
        if not place or not name or "\\" in place:
            raise ValueError(rf"a user has a directory and a name, as in 'directory\name', not {username!r}")
        return cls(f"{place}\\{name}", password)


class PasswordLogin(Grant):
    """The login of the platform's console: `POST /pauth/token`.

    Args:
        token_url: Where it is.
        user: Who logs in.
        store: Where tokens are kept.
    """

    options = "username, password and directory"
    whose = "the user's"

    def __init__(self, token_url: str, user: User, store: TokenStore) -> None:
        super().__init__(TokenKey(token_url, user.name, _digest(user.password)), store)
        self._user = user

    def renewal(self) -> Call | Token | None:  # noqa: D102 - see Credential
        body = msgspec.json.encode({"username": self._user.name, "password": self._user.password})
        headers = {"Content-Type": "application/vnd.piksel+json", "Accept": "application/json"}
        return _secret_call(self.key.token_url, headers, body)


class PasswordGrant(Grant):
    """The OAuth password grant, by HTTP Basic for the client.

    Args:
        token_url: Where tokens are given out.
        user: The user.
        client_id: The client's id.
        client_secret: Its secret.
        store: Where tokens are kept.
    """

    options = "username, password and directory, and grant_client_id and grant_client_secret"
    whose = "the user's or the client's"

    def __init__(self, token_url: str, user: User, client_id: str, client_secret: str, store: TokenStore) -> None:
        super().__init__(TokenKey(token_url, user.name, _digest(user.password, client_id, client_secret)), store)
        self._user = user
        self._client_id = client_id
        self._client_secret = client_secret

    def renewal(self) -> Call | Token | None:  # noqa: D102 - see Credential
        from oauthlib.oauth2 import LegacyApplicationClient  # noqa: PLC0415 - 30 ms that only this type pays

        client = LegacyApplicationClient(client_id=self._client_id)
        body: str = client.prepare_request_body(self._user.name, self._user.password)
        headers = {
            "Authorization": basic(self._client_id, self._client_secret),
            "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
            "Accept": "application/json",
        }
        return _secret_call(self.key.token_url, headers, body.encode())


def _secret_call(url: str, headers: dict[str, str], body: bytes) -> Call:
    return Call("POST", url, headers, body, authenticated=False, expects=Expects.BYTES, own_origin=True)


def _digest(*secrets: str) -> str:
    return hashlib.blake2b(msgspec.json.encode(secrets), key=_DIGEST_KEY, digest_size=32).hexdigest()
