"""What a service holds: its schema and, by resource, its documents; handed to whatever follows relationships."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sequoia.sandbox.schema import Schema
from sequoia.sandbox.store import Collection

__all__ = ["Archive"]


@dataclass(frozen=True, slots=True)
class Archive:
    """The documents of one service.

    Attributes:
        schema: The service.
        collections: Its documents, by plural name of the resource.
        now: The wall clock, as wire text.
    """

    schema: Schema
    collections: Mapping[str, Collection]
    now: Callable[[], str]
