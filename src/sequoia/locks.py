"""Who renews a token: one thread at a time, whichever client of the process asks; for tasks, see `sequoia.aio.locks`.

Whoever waits while another one's renewal fails gets that failure: the identity service, which is in trouble already, is
not asked again by everybody in turn.
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Generic, TypeVar

from sequoia.error import AuthorisationError, ClientError, DecodeError, RequestError
from sequoia.tokens import TokenKey

__all__ = ["CLAIM_INTERVAL", "CLAIM_PATIENCE", "SHARED_FAILURES", "Renewals", "own_renewals", "renewals"]

# Seconds between two looks at whether another process has renewed the token, and until it is no longer waited for.
CLAIM_INTERVAL = 0.05
CLAIM_PATIENCE = 30.0
# What the identity service, or the way to it, has to do with; not, say, that the client that asked was closed.
SHARED_FAILURES = (RequestError, AuthorisationError, DecodeError)

Lock = TypeVar("Lock")


class Renewals(Generic[Lock]):
    """The renewals of one token.

    Args:
        lock: Held by whoever renews.
        held: Whether somebody holds it.
        whose: Tells threads, or tasks, from each other.

    Attributes:
        lock: The same.
        failures: How many renewals have failed; read it before waiting for the lock, for `check`.
    """

    def __init__(self, lock: Lock, held: Callable[[], bool], whose: Callable[[], object]) -> None:
        self.lock = lock
        self.failures = 0
        self._held = held
        self._whose = whose
        self._asking: object = None
        self._error: ClientError | None = None

    def check_circle(self) -> None:
        """Refuse to wait for oneself; called before waiting for the lock.

        Raises:
            ClientError: Whoever calls is asking for the token already.
        """
        # Ctrl-C may come before `asking` has ended, so the name alone proves nothing.
        if self._asking is not None and self._asking == self._whose() and self._held():
            raise ClientError(
                "an event hook sends a request with the client that called it, or with another one of the same "
                "credentials, and that request would wait for the very token that is being asked for: use other "
                "credentials in the hook, or send it afterwards"
            )

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around the request for a token; called under the lock."""
        self._asking = self._whose()
        try:
            yield
        finally:
            self._asking = None

    def fail(self, error: ClientError) -> None:
        """A renewal has failed; called under the lock."""
        self._error = copy.copy(error)  # without its traceback, which holds every frame of the thread
        self.failures += 1

    def check(self, failures: int) -> None:
        """Raise what a renewal ended in that failed after `failures` was read; called under the lock."""
        if self._error is not None and self.failures != failures:
            raise copy.copy(self._error)  # each thread has a traceback of its own


# By process as well: a lock that a thread of the parent held while it forked is never released in the child.
_RENEWALS: dict[tuple[int, TokenKey], Renewals[threading.Lock]] = {}


def renewals(key: TokenKey) -> Renewals[threading.Lock]:
    """Those with these credentials."""
    lock = threading.Lock()
    return _RENEWALS.setdefault((os.getpid(), key), Renewals(lock, lock.locked, threading.get_ident))


def own_renewals() -> Renewals[AbstractContextManager[bool]]:
    """Those of a client whose token nobody else uses; the lock is reentrant, so that `OwnToken` notices a circle."""
    return Renewals(threading.RLock(), lambda: False, threading.get_ident)
