"""Who renews a token: one thread at a time, whichever client of the process asks; for tasks, see `sequoia.aio.locks`.

Whoever waits while another one's renewal fails gets that failure: the identity service, which is in trouble already, is
not asked again by everybody in turn.
"""

from __future__ import annotations

import copy
import os
import threading
from contextlib import AbstractContextManager
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

    Attributes:
        lock: The same.
        failures: How many renewals have failed; read it before waiting for the lock, for `check`.
    """

    def __init__(self, lock: Lock) -> None:
        self.lock = lock
        self.failures = 0
        self._error: ClientError | None = None

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
    return _RENEWALS.setdefault((os.getpid(), key), Renewals(threading.Lock()))


def own_renewals() -> Renewals[AbstractContextManager[bool]]:
    """Those of a client whose token nobody else uses; the lock is reentrant, so that `OwnToken` notices a circle."""
    return Renewals(threading.RLock())
