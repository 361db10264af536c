"""The quick way to accept a document: its fields' rules, put together once for each resource.

What passes is exactly what `documents.validate` would have made of it. What does not pass plainly is in doubt, and
`validate` has the last word: it also knows what to say. So this module only has to be right about what it accepts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sequoia.sandbox.fields import Field, Limits
from sequoia.sandbox.values import BOUNDS, LARGEST, NUMBERS, InvalidValueError, check_value

__all__ = ["Check", "DoubtError", "object_check"]

Check = Callable[[Any], Any]
"""Returns the stored form of a value, or raises `DoubtError`."""

# Every month has these days, and these texts are stored as they are.
_DAY = r"[1-9]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])"
_PLAIN_DATE = re.compile(_DAY).fullmatch
_PLAIN_TIME = re.compile(_DAY + r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z", re.ASCII).fullmatch


_MOST_SEEN = 1_000


class DoubtError(Exception):
    """A value is not plainly valid; `documents.validate` knows whether it is, and why not."""


def object_check(fields: Mapping[str, Field], one_of: tuple[tuple[str, ...], ...]) -> Check:
    """The check of a document, or of an object inside it.

    Args:
        fields: What it may hold.
        one_of: Groups of fields of which exactly one must be there.
    """
    plan = [
        (name, _field(field), field.default, field.required) for name, field in fields.items() if not field.read_only
    ]

    def check(payload: Any) -> dict[str, Any]:
        if not isinstance(payload, dict):
            raise DoubtError
        clean: dict[str, Any] = {}
        given = 0
        for name, field_check, default, required in plan:
            if name in payload:
                clean[name] = field_check(payload[name])
                given += 1
            elif default is not None:
                clean[name] = default
            elif required:
                raise DoubtError
        if given != len(payload) and not payload.keys() <= fields.keys():
            raise DoubtError
        if one_of and any(sum(name in clean for name in group) != 1 for group in one_of):
            raise DoubtError
        return clean

    return check


def _field(field: Field) -> Check:
    """The check of one field, list or not."""
    item = object_check(field.fields, field.one_of) if field.fields is not None else _value(field)
    if field.array is None:
        return item
    least, most = field.array.least or 0, field.array.most

    def check(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) < least or (most is not None and len(value) > most):
            raise DoubtError
        return [item(each) for each in value]

    return check


def _value(field: Field) -> Check:
    """The check of one value with a type."""
    if field.is_map:
        return _map(field)
    if field.type == "boolean":
        return _boolean
    if field.type in NUMBERS:
        return _number(field) if field.allowed is None else _slow(field)
    if field.allowed is not None:
        return _allowed(field.allowed)
    if field.type in {"timestamp", "date"}:
        return _moment(field, _PLAIN_TIME if field.type == "timestamp" else _PLAIN_DATE)
    return _duration(field) if field.type == "duration" else _text(field)


def _slow(field: Field) -> Check:
    """Nothing is quicker here."""

    def check(value: Any) -> Any:
        try:
            return check_value(field, value)
        except InvalidValueError:
            raise DoubtError from None

    return check


def _remember(seen: set[str], text: str) -> None:
    """Few texts come again and again, such as languages and categories; of the others it would be a waste."""
    if len(seen) < _MOST_SEEN:
        seen.add(text)


def _boolean(value: Any) -> bool:
    if value is True or value is False:
        return value
    raise DoubtError


def _number(field: Field) -> Check:
    """Whole numbers within their bounds; fractions are left to `check_value`."""
    limits = (BOUNDS.get(field.type, Limits()), field.limits)
    least = max([-LARGEST, *(item.least for item in limits if item.least is not None)])
    most = min([LARGEST, *(item.most for item in limits if item.most is not None)])
    slow = _slow(field)

    def check(value: Any) -> Any:
        if type(value) is int and least <= value <= most:
            return value
        return slow(value)

    return check


def _moment(field: Field, match: Callable[[str], object]) -> Check:
    """Timestamps and dates that are stored as they are; others are left to `check_value`."""
    slow = _slow(field)

    def check(value: Any) -> Any:
        return value if isinstance(value, str) and match(value) else slow(value)

    return check


def _duration(field: Field) -> Check:
    """Durations, of which most come again and again; new ones are left to `check_value`."""
    slow = _slow(field)
    seen: set[str] = set()

    def check(value: Any) -> Any:
        if isinstance(value, str) and value in seen:
            return value
        checked = slow(value)
        _remember(seen, checked)
        return checked

    return check


def _allowed(allowed: Mapping[str, str]) -> Check:
    def check(value: Any) -> str:
        if isinstance(value, str) and value in allowed:
            return allowed[value]
        raise DoubtError

    return check


def _text(field: Field) -> Check:
    """Texts with a pattern, and bounds of their length."""
    pattern, least, most = field.pattern, field.limits.least or 1, field.limits.most
    # This pattern, like none at all, asks for some character.
    match = None if pattern is None or pattern.pattern == ".+" else pattern.fullmatch
    seen: set[str] = set()

    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) < least or (most is not None and len(value) > most):
            raise DoubtError
        if match is not None and value not in seen:
            if not match(value):
                raise DoubtError
            _remember(seen, value)
        return value

    return check


def _map(field: Field) -> Check:
    """Maps: of texts, in every language or by any key, and of scalars; others are left to `check_value`."""
    slow = _slow(field)
    if field.localised or (field.type == "stringMap" and field.limits == Limits() and not field.values):
        fits = _is_text
    elif field.type == "map" and field.limits == Limits():
        fits = _is_scalar
    else:
        return slow
    seen: set[str] = set()  # keys

    def check(value: Any) -> Any:
        if isinstance(value, dict) and seen.issuperset(value) and all(map(fits, value.values())):
            return value
        checked = slow(value)
        for key in checked:
            _remember(seen, key)
        return checked

    return check


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | bool) or (type(value) is int and -LARGEST <= value <= LARGEST)
