"""Tokens, whose they are, and where they are kept: in memory here, in a file in `sequoia.token_file`.

A store of your own (in a database, in Redis) is any object with the methods of `TokenStore`: `Client(token_store=...)`.
"""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn, Protocol, runtime_checkable

__all__ = [
    "MAX_LIFETIME",
    "PROCESS_TOKENS",
    "MemoryTokenStore",
    "SharedTokenStore",
    "Token",
    "TokenKey",
    "TokenStore",
    "lifetime",
    "token_text",
]

# A token is renewed this many seconds before it expires, or after nine tenths of its life if that is sooner.
RENEW_AHEAD = 30.0
# No token is believed to live longer, in seconds: a number beyond it is a mistake of whoever wrote it.
MAX_LIFETIME = 366 * 86400.0
# A guess at what is behind a fingerprint costs this many rounds; making one takes about 10 ms.
_ROUNDS = 20_000


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token (RFC 6750); two are the same if they are the same secret.

    Attributes:
        access_token: The secret itself; it is in no repr.
        renew_at: Seconds on the client's monotonic clock after which another one is asked for; None where nobody knows.
            In another process that clock shows something else.
    """

    access_token: str = field(repr=False)
    renew_at: float | None = field(default=None, compare=False)

    @classmethod
    def lasting(cls, access_token: str, seconds: float | None, now: float) -> Token:
        """A token that was given out at `now`, in monotonic seconds, for `seconds`; None and 0 say nothing."""
        if not seconds or seconds < 0:
            return cls(access_token)
        seconds = min(seconds, MAX_LIFETIME)
        return cls(access_token, now + seconds - min(RENEW_AHEAD, seconds / 10))

    def is_current(self, now: float) -> bool:
        """Whether it need not be renewed yet, at `now` in monotonic seconds."""
        return self.renew_at is None or now < self.renew_at


class TokenKey(NamedTuple):
    """Whose token it is, a client's or a user's: a wrong secret never finds somebody else's token.

    Attributes:
        token_url: Where the token is given out.
        name: The client's id, or the user's name.
        secret_digest: A digest of the secret.
    """

    token_url: str
    name: str
    secret_digest: str

    def fingerprint(self) -> str:
        """The same as 32 hex digits that tell nothing: the name to keep a token under, outside of this process."""
        whole = json.dumps(self).encode()
        return hashlib.pbkdf2_hmac("sha256", whole, b"sequoia.tokens", _ROUNDS, dklen=16).hex()


class TokenStore(Protocol):
    """Keeps tokens by credentials, for all clients that are given it.

    The methods are called from any thread, and by an `AsyncClient` in its event loop: they are to be quick. `get` is
    called before every request. What they raise, the operation raises.
    """

    def get(self, key: TokenKey) -> Token | None:
        """The token for these credentials, or None. One that has expired may be given: the client looks."""

    def put(self, key: TokenKey, token: Token) -> None:
        """Keep a token for these credentials, in the place of the one before."""

    def discard(self, key: TokenKey, token: Token) -> None:
        """Forget `token`, which a service has refused, if it is still the one for these credentials."""


@runtime_checkable
class SharedTokenStore(TokenStore, Protocol):
    """A store that several processes use, which can therefore tell one of them to renew while the others wait."""

    def claim(self, key: TokenKey) -> AbstractContextManager[object] | None:
        """The right to renew the token of these credentials until the context is left; None while another one has it.

        Whoever gets None looks again every 50 ms, and goes ahead without the right after 30 seconds.
        """


class MemoryTokenStore:
    """Tokens in the memory of one process. `Client(token_store=MemoryTokenStore())` shares its token with nobody."""

    def __init__(self) -> None:
        self._tokens: dict[TokenKey, Token] = {}

    def get(self, key: TokenKey) -> Token | None:
        """The token for these credentials, or None."""
        return self._tokens.get(key)

    def put(self, key: TokenKey, token: Token) -> None:
        """Keep a token for these credentials."""
        self._tokens[key] = token

    def discard(self, key: TokenKey, token: Token) -> None:
        """Forget `token`, if it is still the one for these credentials."""
        if self._tokens.get(key) == token:
            self._tokens.pop(key, None)  # another thread may have been faster

    def clear(self) -> None:
        """Forget every token."""
        self._tokens.clear()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "tokens in memory do not cross a process: to share them, use a sequoia.token_file.FileTokenStore"
        )


PROCESS_TOKENS = MemoryTokenStore()


def token_text(token: object) -> str:
    """A bearer token as it can be sent.

    Raises:
        ValueError: It is none; the message does not show it.
    """
    text = token.strip() if isinstance(token, str) else ""  # a token out of a file ends with the file's last line
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError("a bearer token is a non-empty string of printable ASCII characters")
    return text


def lifetime(expires_in: object) -> float | None:
    """The seconds in `expires_in` (RFC 6749, 5.1), which some servers send as a string; None for none.

    Raises:
        ValueError: It is no number of seconds.
    """
    if expires_in is None:
        return None
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float | str):
        raise ValueError("expires_in is no number of seconds")
    try:
        seconds = float(expires_in or 0)
    except OverflowError:  # a whole number beyond all floats
        return MAX_LIFETIME
    if not math.isfinite(seconds):
        raise ValueError("expires_in is no number of seconds")
    return seconds
