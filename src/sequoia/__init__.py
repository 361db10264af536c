"""Python SDK for the Piksel Palette ("Sequoia") RESTful services.

::

    from sequoia import Client, field, where

    url = "https://registry.example.com/services/acme"
    with Client(url, grant_client_id="id", grant_client_secret="secret") as client:
        for page in client.metadata.contents.browse("acme", where(field("type") == "movie").include("assets")):
            for content in page.resources:
                print(content["ref"], content["title"])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sequoia._version import __version__
from sequoia.auth import AuthType
from sequoia.client import Client
from sequoia.clock import InstantClock
from sequoia.criteria import Criteria, Inclusion, StringExpressionFactory, field, raw, text, where

if TYPE_CHECKING:
    from sequoia.aio.client import AsyncClient

__all__ = [
    "AsyncClient",
    "AuthType",
    "Client",
    "Criteria",
    "Inclusion",
    "InstantClock",
    "StringExpressionFactory",
    "__version__",
    "field",
    "raw",
    "text",
    "where",
]


def __getattr__(name: str) -> Any:
    # Only who asks for it pays for the import of asyncio and anyio.
    if name == "AsyncClient":
        from sequoia.aio.client import AsyncClient  # noqa: PLC0415

        return AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
