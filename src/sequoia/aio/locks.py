"""Who renews a token: one task at a time for each set of credentials in an event loop."""

from __future__ import annotations

import anyio
from anyio.lowlevel import RunVar

from sequoia.locks import Renewals
from sequoia.tokens import TokenKey

__all__ = ["own_renewals", "renewals"]

_RENEWALS: RunVar[dict[TokenKey, Renewals[anyio.Lock]]] = RunVar("sequoia_renewals")


def renewals(key: TokenKey) -> Renewals[anyio.Lock]:
    """Those with these credentials in the event loop that runs."""
    try:
        known = _RENEWALS.get()
    except LookupError:
        known = {}
        _RENEWALS.set(known)
    return known.setdefault(key, Renewals(anyio.Lock()))


def own_renewals() -> Renewals[anyio.Lock]:
    """Those of a client whose token nobody else uses."""
    return Renewals(anyio.Lock())
