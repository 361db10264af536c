"""The fields that every resource of the platform has, and what they are whatever a descriptor says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sequoia.sandbox.fields import TEXTS, Field, parse_field

__all__ = ["with_common_fields"]

_IDENTITY: Final = frozenset({"owner", "name"})
"""These the client sets, and refs are made of them; all others of `_COMMON` the server itself writes."""

_COMMON: Final[Mapping[str, Mapping[str, Any]]] = {
    "ref": {"type": "ref", "readOnly": True},
    "owner": {"type": "name", "required": True, "sort": True},
    "name": {"type": "name", "sort": True},
    "createdAt": {"type": "timestamp", "readOnly": True, "sort": True, "excludeFromVersion": True},
    "createdBy": {"type": "ref", "readOnly": True},
    "updatedAt": {"type": "timestamp", "readOnly": True, "sort": True, "excludeFromVersion": True},
    "updatedBy": {"type": "ref", "readOnly": True},
    "version": {"type": "version", "readOnly": True, "excludeFromVersion": True},
}

_DELETED: Final[Mapping[str, Mapping[str, Any]]] = {
    "deletedAt": {"type": "timestamp", "readOnly": True, "excludeFromVersion": True},
    "deletedBy": {"type": "ref", "readOnly": True, "excludeFromVersion": True},
    "reapAt": {"type": "timestamp", "readOnly": True, "excludeFromVersion": True},
}
"""Living documents have none of these, so a descriptor that does not name them is not given them."""


def with_common_fields(given: Mapping[str, Field], place: str) -> dict[str, Field]:
    """The fields in the order of stored documents: identity and history first, then those of the type.

    A descriptor may leave the common fields out, and may leave out what is true of each of them.

    Args:
        given: The fields of the descriptor.
        place: Where they stand in it, for error messages.

    Raises:
        ValueError: A common field is said to be no single text; the message names the place.
    """
    usual = {name: parse_field(name, raw, f"{place}.{name}") for name, raw in {**_COMMON, **_DELETED}.items()}
    merged = {name: usual[name] for name in _COMMON} | dict(given)
    return {
        name: _settled(field, usual[name], f"{place}.{name}") if name in usual else field
        for name, field in merged.items()
    }


def _settled(field: Field, usual: Field, place: str) -> Field:
    """A common field with what is true of it in any case."""
    if field.type not in TEXTS or field.array is not None or field.localised or field.fields is not None:
        raise ValueError(f"{place} must be a single text, as it is on every resource; its type is {usual.type!r}")
    if field.type != usual.type:
        # What the descriptor asks of its texts says nothing of these.
        field = replace(field, type=usual.type, pattern=usual.pattern, allowed=None)
    if field.name in _IDENTITY:
        return replace(field, required=field.required or usual.required, read_only=False)
    return replace(field, read_only=True)
