"""What of a document goes into the index: one axis for each field that can be filtered, sorted or counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sequoia.sandbox.fields import Field
from sequoia.sandbox.schema import Resource, find_field
from sequoia.sandbox.values import HIGH, LOW, Key, index_keys

__all__ = ["Axis", "axes", "order_axis", "terms", "text_of", "text_paths", "values_at"]

Term = tuple[str, Key]
"""The name of an axis and one value on it."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One indexed field of a resource.

    Attributes:
        path: The dotted path of the field; the name of the axis of its values.
        field: The field.
        steps: The path, split.
        sort: Whether results can be ordered by it; then absent values are in the index too.
    """

    path: str
    field: Field
    steps: tuple[str, ...]
    sort: bool

    @property
    def order(self) -> str:
        """The name of the axis with exactly one value for each document."""
        return order_axis(self.field)

    @property
    def kind(self) -> str:
        """How values become entries; documents indexed in another way have to be indexed again."""
        return f"{self.field.type}/{self.field.nonexistent}/{self.field.ranks_absent}/{self.sort}"

    @property
    def absent(self) -> Key:
        """What stands in the index for a missing value."""
        return HIGH if self.field.nonexistent == "high" else LOW


def order_axis(field: Field) -> str:
    """The axis to sort by: a field with several values has a second axis, which holds the smallest."""
    return f"{field.path}:least" if field.many else field.path


def axes(resource: Resource, also: Iterable[str] = ()) -> tuple[Axis, ...]:
    """The axes of a resource, in the order of their names. `ref` needs none: every entry carries it.

    Args:
        resource: The resource.
        also: Dotted paths of fields that need an axis whatever the descriptor says of filters.
    """
    paths = {item.field.path for item in resource.filters.values() if item.field is not None}
    paths.update(also)
    paths.update(field.path for field in _walk(resource.fields) if field.sort or field.countable)
    found = ((path, find_field(resource.fields, path)) for path in sorted(paths - {"ref"}))
    return tuple(Axis(path, field, tuple(path.split(".")), field.sort) for path, field in found if field is not None)


def _walk(fields: Mapping[str, Field]) -> Iterator[Field]:
    """All fields, nested ones included."""
    for field in fields.values():
        yield field
        if field.fields:
            yield from _walk(field.fields)


def terms(axes_: Iterable[Axis], document: Mapping[str, Any]) -> set[Term]:
    """The index entries of one stored document."""
    result: set[Term] = set()
    for axis in axes_:
        path = axis.path
        if len(axis.steps) == 1:
            value = document.get(path)
            # Most fields hold one text or nothing; only the others pay for the general way.
            if type(value) is str and axis.field.type != "duration":
                result.add((path, value))
                continue
            values = () if value is None else (value,)
        else:
            values = tuple(values_at(document, axis.steps))
        keys = [key for value in values for key in index_keys(axis.field, value)]
        result.update((path, key) for key in keys)
        if axis.field.ranks_absent and not keys:
            result.add((path, axis.absent))
        if axis.sort and (not keys or axis.order != path):
            result.add((axis.order, min(keys, default=axis.absent)))
    return result


def text_paths(resource: Resource) -> tuple[str, ...]:
    """The dotted paths of the fields that free text is looked for in; an abridged descriptor may lack some of them."""
    named = dict.fromkeys(path for item in resource.filters.values() for path in item.includes)
    return tuple(path for path in named if find_field(resource.fields, path) is not None)


def text_of(paths: Iterable[str], document: Mapping[str, Any]) -> str:
    """All texts at some dotted paths of a document, those of every language and list item included."""
    return "\n".join(text for path in paths for value in values_at(document, path.split(".")) for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def values_at(document: Any, steps: Sequence[str]) -> Iterator[Any]:
    """The values at a dotted path; lists of objects on the way are looked into."""
    if isinstance(document, list):
        for item in document:
            yield from values_at(item, steps)
    elif not steps:
        yield document
    elif isinstance(document, dict) and steps[0] in document:
        yield from values_at(document[steps[0]], steps[1:])
