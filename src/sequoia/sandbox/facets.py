"""Facets: how many documents have each value, under the text that a filter for this value takes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from sequoia.sandbox.fields import Field
from sequoia.sandbox.index import values_at
from sequoia.sandbox.schema import Resource, find_field
from sequoia.sandbox.selection import Selection
from sequoia.sandbox.store import Collection, Row
from sequoia.sandbox.values import LARGEST, NUMBERS, Key, index_keys

__all__ = ["facet"]


def facet(resource: Resource, collection: Collection, selection: Selection, path: str) -> dict[str, int]:
    """How many documents of a selection have each value of a field.

    Args:
        resource: What the documents are.
        collection: The documents.
        selection: What to count.
        path: The dotted path of the field.
    """
    field = find_field(resource.fields, path)
    if field is not None and field.type in {"duration", "scores"}:
        # The index has them in a form of its own; of several texts for one length, one is shown.
        return collection.facet(selection, path, partial(_stored, field))
    found = collection.facet(selection, path)
    if field is not None and field.type in NUMBERS:
        return {_plain(float(text)) if "." in text else text: count for text, count in found.items()}
    return found


def _stored(field: Field, key: Key, row: Row) -> str:
    """The value of a document that has this entry in the index."""
    texts = (
        text
        for value in values_at(msgspec.json.decode(row.body), field.path.split("."))
        for entry, text in _entries(field, value)
        if entry == key
    )
    return next(texts, str(key))


def _entries(field: Field, value: Any) -> Iterator[tuple[Key, str]]:
    """The entries of a value in the index, each with its text."""
    if isinstance(value, list):
        for item in value:
            yield from _entries(field, item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from ((key, f"{name}:{_plain(item)}") for key in index_keys(field, {name: item}))
    else:
        yield from ((key, value) for key in index_keys(field, value))


def _plain(number: float) -> str:
    """A number as JavaScript shows it: whole ones without a point."""
    return str(int(number)) if number == int(number) and abs(number) <= LARGEST else str(number)
