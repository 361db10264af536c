"""The locks around the renewal of a token, for threads; those for tasks are in `sequoia.aio.locks`.

One renewal at a time for each set of credentials, whichever client of the process asks for it.
"""

from __future__ import annotations

import threading

from sequoia.auth import TokenKey

__all__ = ["own_renewal_lock", "renewal_lock"]

_RENEWALS: dict[TokenKey, threading.Lock] = {}


def renewal_lock(key: TokenKey) -> threading.Lock:
    """The lock for these credentials."""
    return _RENEWALS.setdefault(key, threading.Lock())


def own_renewal_lock() -> threading.RLock:
    """A lock for a client whose token nobody else uses; reentrant, so that `OwnToken` notices a circle."""
    return threading.RLock()
