"""Whether the fields of a descriptor fit each other: what each of them says may be right, and both together not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sequoia.sandbox.fields import Field
from sequoia.sandbox.values import InvalidValueError, check_value, query_key

__all__ = ["coherent", "is_object"]

_PARSED = frozenset({"date", "duration", "timestamp"})
"""The types whose texts mean something that is looked for."""


def is_object(field: Field) -> bool:
    """Whether the value is an object with fields of its own: nothing to look for, to sort by or to count."""
    return field.fields is not None and not field.is_map


def coherent(
    fields: Mapping[str, Field], one_of: Iterable[tuple[str, ...]], place: str, rules: str
) -> dict[str, Field]:
    """The fields of a resource, or of an object inside it, with their defaults as they are stored.

    Args:
        fields: The fields.
        one_of: The groups of them of which exactly one must be present.
        place: Where the fields stand in the descriptor, for error messages.
        rules: Where the groups stand.

    Raises:
        ValueError: They do not fit each other; the message names the place.
    """
    for index, group in enumerate(one_of):
        for name in group:
            if name not in fields:
                raise ValueError(f"{rules}[{index}].fields: {name!r} is not a field")
    return {name: _coherent(field, fields, f"{place}.{name}") for name, field in fields.items()}


def _coherent(field: Field, beside: Mapping[str, Field], place: str) -> Field:
    """One field of those that stand beside it."""
    if is_object(field):
        for flag, is_set in (("sort", field.sort), ("countable", field.countable)):
            if is_set:
                raise ValueError(f"{place}.{flag}: an object has no single value; say it of one of its fields")
    translations = None if field.localised_by is None else beside.get(field.localised_by)
    if translations is not None and not translations.is_map and translations.fields is None:
        raise ValueError(f"{place}.localisedBy: {field.localised_by!r} holds no texts by language")
    if field.fields is not None:
        field = replace(field, fields=coherent(field.fields, field.one_of, f"{place}.fields", f"{place}.xfields"))
    _check_allowed(field, place)
    if field.default is None or field.read_only:
        return field
    try:
        return replace(field, default=_stored(field, field.default))
    except InvalidValueError as error:
        raise ValueError(f"{place}.default: the value {error}") from error


def _check_allowed(field: Field, place: str) -> None:
    for value in (field.allowed or {}).values() if field.type in _PARSED else ():
        try:
            query_key(field, value)
        except InvalidValueError as error:
            raise ValueError(f"{place}.allowedValues: {value!r} {error}") from error


def _stored(field: Field, value: Any) -> Any:
    """A default as it is stored, when the field accepts it."""
    if field.array is None:
        return _item(field, value)
    if not isinstance(value, list):
        raise InvalidValueError("must be an array")
    return [_item(field, item) for item in value]


def _item(field: Field, value: Any) -> Any:
    if field.fields is None:
        # No client may write an empty text, but a descriptor may say with one that there is nothing.
        plain = field.type in {"string", "text"} and not field.localised
        return value if plain and value == "" else check_value(field, value)
    if not isinstance(value, dict):
        raise InvalidValueError("must be an object")
    for name in value:
        if name not in field.fields:
            raise InvalidValueError(f"has {name[:80]!r}, which is not a field")
    return {name: _stored(field.fields[name], item) for name, item in value.items()}
