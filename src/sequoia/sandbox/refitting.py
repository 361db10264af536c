"""What of a stored document still fits, when its descriptor is another one than at the time when it was stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sequoia.sandbox.fields import Field, Limits
from sequoia.sandbox.values import InvalidValueError, check_value, index_keys

__all__ = ["fitting"]

_Part = Callable[[Any], Any]
"""Returns what fits of a value, or raises `InvalidValueError` when nothing of it does."""


def fitting(fields: Mapping[str, Field]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """What makes of a document the parts that can be found by: those whose values are of the kind of their fields.

    Bounds, patterns and lists of allowed values do not matter; they are for what is written from now on.

    Args:
        fields: The fields that documents have now.
    """
    parts = {name: _field(field) for name, field in fields.items()}

    def fit(document: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in document.items():
            if name in parts:
                with suppress(InvalidValueError):
                    found[name] = parts[name](value)
        return found

    return fit


def _field(field: Field) -> _Part:
    item = _object(fitting(field.fields)) if field.fields is not None else _value(field)
    if field.array is None:
        return item

    def several(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise InvalidValueError("must be an array")
        return [item(each) for each in value]

    return several


def _object(fit: Callable[[Mapping[str, Any]], dict[str, Any]]) -> _Part:
    def inside(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise InvalidValueError("must be an object")
        return fit(value)

    return inside


def _value(field: Field) -> _Part:
    loose = replace(field, limits=Limits(), allowed=None, pattern=None, keys=None, values=None)

    def value_of(value: Any) -> Any:
        checked = check_value(loose, value)
        list(index_keys(field, checked))  # some texts are read only here
        return checked

    return value_of
