"""The end user of the sandbox: a name in a directory, a password, and the ways to change it."""

from __future__ import annotations

import hmac
import secrets
from typing import Final

__all__ = ["DIRECTORY_OWNER", "Account"]

DIRECTORY_OWNER: Final = "root"
"""The owner of directories and tenants, as on the platform."""


class Account:
    """One user.

    Args:
        directory: Name of the user's directory.
        name: Name of the user there.
        password: The password.

    Attributes:
        directory: As given.
        password: The password that is valid now.
        reset_token: What the platform would send by mail to a user who has forgotten the password; None if nobody
            has asked for it.
    """

    def __init__(self, directory: str, name: str, password: str) -> None:
        self.directory = directory
        self.password = password
        self.reset_token: str | None = None
        self._name = name
        self._first_password = password

    @property
    def username(self) -> str:
        """What the user logs in with."""
        return f"{self.directory}\\{self._name}"

    @property
    def ref(self) -> str:
        """The ref of the user, which writes are signed with."""
        return f"{self.directory}:{self._name}"

    @property
    def directory_ref(self) -> str:
        """The ref of the user's directory."""
        return f"{DIRECTORY_OWNER}:{self.directory}"

    def admits(self, username: str, password: str) -> bool:
        """Whether these are the user's name, with its directory, and password."""
        return username == self.username and _same(password, self.password)

    def change_password(self, username: str, password: str, new: str) -> bool:
        """Replace the password; False, and nothing happens, if the present one is not right."""
        if not self.admits(username, password):
            return False
        self.password = new
        return True

    def ask_for_reset(self, username: str) -> None:
        """Make a token that allows to replace a forgotten password; for another user, nothing happens."""
        if username == self.username:
            self.reset_token = secrets.token_hex(20)

    def finish_reset(self, username: str, token: str, new: str) -> bool:
        """Replace a forgotten password, once for a token; False, and nothing happens, if the token is not right."""
        if username != self.username or self.reset_token is None or not _same(token, self.reset_token):
            return False
        self.password, self.reset_token = new, None
        return True

    def restore(self) -> None:
        """Go back to the first password."""
        self.password, self.reset_token = self._first_password, None


def _same(given: str, right: str) -> bool:
    # JSON can hold half a surrogate pair, which UTF-8 cannot.
    return hmac.compare_digest(given.encode(errors="surrogatepass"), right.encode(errors="surrogatepass"))
