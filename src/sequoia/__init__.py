"""Python SDK for the Piksel Palette ("Sequoia") RESTful services.

::

    from sequoia import Client, field, where

    url = "https://registry.example.com/services/acme"
    with Client(url, grant_client_id="id", grant_client_secret="secret") as client:
        for page in client.metadata.contents.browse("acme", where(field("type") == "movie").include("assets")):
            for content in page.resources:
                print(content["ref"], content["title"])

Its names are imported when they are first asked for (PEP 562): the command line, and whoever needs only a criteria, do
not wait for an HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sequoia._version import __version__

if TYPE_CHECKING:
    from sequoia.aio.client import AsyncClient
    from sequoia.auth import AuthType
    from sequoia.client import Client
    from sequoia.clock import InstantClock
    from sequoia.criteria import Criteria, Inclusion, StringExpressionFactory, field, raw, text, where

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

_HOMES = {
    "AsyncClient": "sequoia.aio.client",
    "AuthType": "sequoia.auth",
    "Client": "sequoia.client",
    "InstantClock": "sequoia.clock",
    **dict.fromkeys(
        ("Criteria", "Inclusion", "StringExpressionFactory", "field", "raw", "text", "where"), "sequoia.criteria"
    ),
}

# Modules that are attributes after `import sequoia`, as they were when everything was imported at once.
_MODULES = frozenset({"auth", "client", "clock", "criteria", "error"})


if not TYPE_CHECKING:  # a type checker is to find names that there are not

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return import_module(f"sequoia.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value  # from now on it is found without this function
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
