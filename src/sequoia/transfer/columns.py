"""Columns for resources that have any shape: what a descriptor says of a field becomes a column, and nothing is lost.

A value that does not fit its column, and a field that has none, goes into one last column as JSON. So whatever is
written as a table can be read as the very same resources again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from sequoia.descriptor import FieldType, ResourceType
from sequoia.partitions import milliseconds, timestamp
from sequoia.transfer.error import TransferError
from sequoia.transfer.manifest import Column, Kind
from sequoia.validation import fields_of

__all__ = ["EXACT", "OTHER", "columns_of", "decoded", "from_cell", "from_row", "rest_of", "to_cell", "to_row"]

OTHER = "_other"
"""The column of what fits no other."""

EXACT = 2**53
"""Whole numbers below this one are doubles as well, and stay what they are on a platform that has no others."""

_INTEGERS = {"integer", "positiveInteger", "nonNegativeInteger", "year"}
_NUMBERS = {"number", "nonNegativeNumber", "percentage"}
_BROKEN = (msgspec.DecodeError, UnicodeError, RecursionError)
_object = msgspec.json.Decoder(dict[str, Any]).decode


def columns_of(resource: ResourceType, fields: Iterable[str] | None = None) -> list[Column]:
    """The columns of a resource's table.

    Args:
        resource: Its descriptor.
        fields: The fields that are asked for, dotted or not; None for all.
    """
    known = fields_of(resource)
    names = known if fields is None else dict.fromkeys(name.partition(".")[0] for name in fields)
    first = [name for name in ("ref", "owner", "name", "title") if name in names] if fields is None else []
    return [_column(name, known.get(name)) for name in dict.fromkeys([*first, *names])]


def _column(name: str, field: FieldType | None) -> Column:
    if field is None or field.fields is not None or field.is_map:
        return Column(name, "json")
    return Column(name, _kind(field), bool(field.array))


def _kind(field: FieldType) -> Kind:
    if field.type in _INTEGERS:
        return "integer"
    if field.type in _NUMBERS:
        return "number"
    if field.type == "boolean":
        return "boolean"
    return "timestamp" if field.type == "timestamp" else "text"


def decoded(resource: bytes) -> dict[str, Any]:
    """A resource out of its JSON.

    Raises:
        TransferError: It is no JSON object.
    """
    try:
        return _object(resource)
    except _BROKEN as error:
        raise TransferError(f"this is not the JSON of a resource: {resource[:80]!r}: {error}", error) from error


def to_row(columns: Sequence[Column], resource: dict[str, Any]) -> list[Any]:
    """The values of a resource in the order of the columns, None where there is none; at last what fits no column."""
    left = dict(resource)
    row: list[Any] = []
    for column in columns:
        value = left.get(column.name)
        if value is not None and _fits(column, value):
            del left[column.name]
            row.append(value)
        else:
            row.append(None)
    return [*row, left or None]


def from_row(columns: Sequence[Column], row: Sequence[Any], other: Mapping[str, Any] | None) -> dict[str, Any]:
    """The opposite."""
    found = {column.name: value for column, value in zip(columns, row, strict=True) if value is not None}
    return {**found, **(other or {})}


def _fits(column: Column, value: Any) -> bool:
    """Whether a value is one of its column, and comes out of it as it went in."""
    if column.kind == "json":
        return True
    fits = _FITS[column.kind]
    if column.array:
        return isinstance(value, list) and all(map(fits, value))
    return fits(value) and value != ""  # an empty cell is none


def _is_timestamp(value: Any) -> bool:
    moment = milliseconds(value)
    return moment is not None and timestamp(moment) == value


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int and abs(value) < EXACT,
    "number": lambda value: isinstance(value, float) or (type(value) is int and abs(value) < EXACT),
    "boolean": lambda value: isinstance(value, bool),
    "timestamp": _is_timestamp,
}


def to_cell(column: Column, value: Any) -> str:
    """A value as the text of a CSV file: a text as it is, everything else as JSON; empty for none."""
    if value is None:
        return ""
    if isinstance(value, str) and column.kind != "json":
        return value
    return msgspec.json.encode(value).decode()


def from_cell(column: Column, cell: str) -> Any:
    """The opposite.

    Raises:
        ValueError: The cell does not hold what its column does.
    """
    if cell == "":
        return None
    if column.kind in {"text", "timestamp"} and not column.array:
        return cell
    try:
        return msgspec.json.decode(cell)
    except _BROKEN as error:
        what = "a list, as JSON" if column.array else _CELLS[column.kind]
        raise ValueError(f"{column.name} must be {what}, not {cell[:80]!r}") from error


_CELLS = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "json": "JSON"}


def rest_of(cell: str | None) -> dict[str, Any] | None:
    """What a cell of the last column holds.

    Raises:
        ValueError: It is no JSON object.
    """
    if not cell:
        return None
    try:
        return _object(cell)
    except _BROKEN as error:
        raise ValueError(f"{OTHER} must be a JSON object, not {cell[:80]!r}") from error
