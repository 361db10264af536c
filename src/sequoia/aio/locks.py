"""The locks around the renewal of a token, for tasks: one at a time for each set of credentials in an event loop."""

from __future__ import annotations

import anyio
from anyio.lowlevel import RunVar

from sequoia.auth import TokenKey

__all__ = ["own_renewal_lock", "renewal_lock"]

_RENEWALS: RunVar[dict[TokenKey, anyio.Lock]] = RunVar("sequoia_renewals")


def renewal_lock(key: TokenKey) -> anyio.Lock:
    """The lock for these credentials in the event loop that runs."""
    try:
        locks = _RENEWALS.get()
    except LookupError:
        locks = {}
        _RENEWALS.set(locks)
    return locks.setdefault(key, anyio.Lock())


def own_renewal_lock() -> anyio.Lock:
    """A lock for a client whose token nobody else uses."""
    return anyio.Lock()
