"""The asynchronous twin of the client, for asyncio and trio.

`sending`, `describing`, `browsing`, `endpoint` and `client` say what the modules of these names in `sequoia` say, with
an `await` wherever something is waited for: a test holds one against the other.
"""

from __future__ import annotations

from sequoia.aio.client import AsyncClient

__all__ = ["AsyncClient"]
