"""Who renews a token: one task at a time for each set of credentials in an event loop."""

from __future__ import annotations

import anyio
from anyio.lowlevel import RunVar

from sequoia.locks import Renewals
from sequoia.tokens import TokenKey

__all__ = ["own_renewals", "renewals"]

_RENEWALS: RunVar[dict[TokenKey, Renewals[anyio.Lock]]] = RunVar("sequoia_renewals")


def _task() -> int:
    return anyio.get_current_task().id


def renewals(key: TokenKey) -> Renewals[anyio.Lock]:
    """Those with these credentials in the event loop that runs."""
    try:
        known = _RENEWALS.get()
    except LookupError:
        known = {}
        _RENEWALS.set(known)
    return known.setdefault(key, own_renewals())


def own_renewals() -> Renewals[anyio.Lock]:
    """Those of a client whose token nobody else uses."""
    lock = anyio.Lock()
    return Renewals(lock, lock.locked, _task)
