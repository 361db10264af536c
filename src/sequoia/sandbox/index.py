"""What of a document goes into the index: one axis for each field that can be filtered, sorted or counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sequoia.sandbox.fields import Field
from sequoia.sandbox.schema import Resource, find_field
from sequoia.sandbox.shape import Layout
from sequoia.sandbox.store import Record, Row
from sequoia.sandbox.values import HIGH, LOW, Key, index_keys

__all__ = ["Axis", "Indexer", "axes", "order_axis", "text_paths", "values_at"]


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
        one = f"{self.field.type}/{self.field.nonexistent}/{self.field.ranks_absent}/{self.sort}"
        return f"{one}/many" if self.field.many else one

    @property
    def is_plain(self) -> bool:
        """Whether single values go into the index as they are."""
        return self.field.type not in {"boolean", "duration"}

    @property
    def absent(self) -> Key:
        """What stands in the index for a missing value."""
        return HIGH if self.field.nonexistent == "high" else LOW

    @property
    def mark(self) -> Key | None:
        """The same, if a missing value stands in the index at all."""
        return self.absent if self.sort or self.field.ranks_absent else None


def order_axis(field: Field) -> str:
    """The axis to sort by: a field with several values has a second axis, which holds the smallest."""
    return f"{field.path}:least" if field.many else field.path


def axes(resource: Resource, also: Iterable[str] = ()) -> tuple[Axis, ...]:
    """The axes of a resource, in the order of their names. `ref` needs none: every index ends in it.

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


class Indexer:
    """Makes what a document is found by.

    Args:
        resource: What the documents are.
        also: Dotted paths of fields that need an axis whatever the descriptor says of filters.
    """

    def __init__(self, resource: Resource, also: Iterable[str] = ()) -> None:
        found = axes(resource, also)
        single = [axis for axis in found if not axis.field.many]
        many = [axis for axis in found if axis.field.many]
        texts = text_paths(resource)
        # Most axes hold a value of the document as it is, or the mark of an absent one.
        plain = [axis for axis in single if axis.is_plain and len(axis.steps) == 1]
        single = [*plain, *(axis for axis in single if axis not in plain)]
        self._plain = [(axis.path, axis.mark) for axis in plain]
        self._single = [(axis, axis.mark) for axis in single[len(plain) :]]
        self._many = [
            (place, axis, axis.path * (len(axis.steps) == 1), [axis.absent] * axis.field.ranks_absent)
            for place, axis in enumerate(many)
        ]
        self._as_they_are = {axis.path for axis in many if axis.is_plain and not axis.field.is_map}
        self._texts_by_key = {axis.path for axis in many if axis.field.localised or axis.field.type == "stringMap"}
        # An axis to sort by has one value, the least of those that its field has.
        self._least = [(place, axis.absent) for place, axis in enumerate(many) if axis.sort]
        self._texts = [(path, tuple(path.split("."))) for path in texts]
        self.layout = Layout(
            single=(*(axis.path for axis in single), *(axis.order for axis in many if axis.sort)),
            many=tuple(axis.path for axis in many),
            signature=" ".join([*(f"{axis.path}={axis.kind}" for axis in found), *texts]),
        )

    def record(self, row: Row, document: Mapping[str, Any]) -> Record:
        """A document as the store takes it.

        Args:
            row: Its JSON text.
            document: The same, decoded.
        """
        one: list[Key | None] = [document.get(name, mark) for name, mark in self._plain]
        one += [next(_all_keys(axis, document), mark) for axis, mark in self._single]
        several: dict[int, list[Key]] = {}
        for place, axis, name, absent in self._many:
            # Most documents have nothing here, which is found out at once.
            if (not name or name in document) and (keys := self._keys(axis, document)):
                several[place] = keys
            elif absent:
                several[place] = absent
        one += [min(several.get(place, ()), default=absent) for place, absent in self._least]
        values = tuple([(place, key) for place, keys in several.items() for key in keys])
        return Record(row, tuple(one), values, self._text(document))

    def _keys(self, axis: Axis, document: Mapping[str, Any]) -> list[Key]:
        """The values of a document on an axis that may have several, each once."""
        value = document.get(axis.path)
        if isinstance(value, list) and axis.path in self._as_they_are:
            return list(dict.fromkeys(value))
        if isinstance(value, dict) and axis.path in self._texts_by_key:
            return [f"{key}:{text}" for key, text in value.items()]
        return list(dict.fromkeys(_all_keys(axis, document)))

    def _text(self, document: Mapping[str, Any]) -> str:
        """All texts at the paths that free text is looked for in, those of every language and list item included."""
        found: list[str] = []
        for path, steps in self._texts:
            if isinstance(value := document.get(path), str):
                found.append(value)
            elif value is not None or len(steps) > 1:
                found += (text for each in values_at(document, steps) for text in _texts(each))
        return "\n".join(found)


def _all_keys(axis: Axis, document: Mapping[str, Any]) -> Iterator[Key]:
    """What the values of a document on an axis are in the index."""
    if len(axis.steps) == 1:
        if axis.path in document:
            value = document[axis.path]
            if isinstance(value, bool):
                yield ("false", "true")[value]
            else:
                yield from index_keys(axis.field, value)
        return
    for value in values_at(document, axis.steps):
        yield from index_keys(axis.field, value)


def text_paths(resource: Resource) -> tuple[str, ...]:
    """The dotted paths of the fields that free text is looked for in; an abridged descriptor may lack some of them."""
    named = dict.fromkeys(path for item in resource.filters.values() for path in item.includes)
    return tuple(path for path in named if find_field(resource.fields, path) is not None)


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
