"""The platform's types: how a value is checked on a write, read from a query string, and ordered in the index."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sequoia.sandbox.fields import Field, Limits

__all__ = [
    "BOUNDS",
    "HIGH",
    "LARGEST",
    "LOW",
    "NUMBERS",
    "InvalidValueError",
    "Key",
    "check_value",
    "index_keys",
    "query_key",
    "wire_time",
]

Key = str | int | float | bytes
"""A value in the index. SQLite orders numbers before texts before bytes, which makes room for the two marks below."""
LOW: Key = -math.inf
"""Stands for an absent value that comes before all others."""
HIGH: Key = b""
"""Stands for an absent value that comes after all others."""

LARGEST = 2**53 - 1
"""The platform is JavaScript: whole numbers beyond are not exact there."""
BOUNDS = {
    "positiveInteger": Limits(1),
    "nonNegativeInteger": Limits(0),
    "nonNegativeNumber": Limits(0),
    "percentage": Limits(0, 100),
    "year": Limits(1000, 9999),
}
"""The bounds of the types that have some of their own."""
_WHOLE = frozenset({"integer", "positiveInteger", "nonNegativeInteger", "year"})
NUMBERS = _WHOLE | {"number", "nonNegativeNumber", "percentage"}
"""The types whose values are JSON numbers."""
_LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*")
_TIMESTAMP = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?"
    r"(Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?)?)?)?"
)
_DURATION = re.compile(
    r"(-)?P(?=[T\d])(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?"
    r"(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?"
)
_UNITS = (365 * 86_400, 30 * 86_400, 7 * 86_400, 86_400, 3_600, 60, 1)
# Characters; one with a thousand digits would be longer than a float can tell.
_LONGEST_DURATION = 100


class InvalidValueError(ValueError):
    """A value that its field does not accept; the text is the reason, such as `must be a number`."""


def check_value(field: Field, value: Any) -> Any:
    """The stored form of one value of `field` (of one item, when the field is a list).

    Args:
        field: A field with a type; nested objects are the caller's business.
        value: The decoded JSON value.

    Raises:
        InvalidValueError: The value has the wrong type or is out of bounds.
    """
    if field.is_map:
        return _check_map(field, value)
    if field.type == "boolean":
        if not isinstance(value, bool):
            raise InvalidValueError("must be a boolean")
        return value
    if field.type in NUMBERS:
        return _check_number(field, value)
    if not isinstance(value, str):
        raise InvalidValueError("must be a string")
    if field.allowed is not None:
        return _check_allowed(field.allowed, value)
    return _TEXTS.get(field.type, _check_text)(field, value)


def _check_number(field: Field, value: Any) -> int | float:
    if field.allowed is not None and isinstance(value, str):
        value = field.allowed.get(value, value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValueError("must be a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidValueError("must be a number")
    if field.type in _WHOLE and value != int(value):
        raise InvalidValueError("must be an integer")
    if abs(value) > LARGEST and (field.type in _WHOLE or isinstance(value, int)):
        raise InvalidValueError("must be a safe number")
    for limits in (BOUNDS.get(field.type, Limits()), field.limits):
        _check_limits(limits, value, "")
    if field.allowed is not None:
        value = _check_allowed(field.allowed, value)
    return int(value) if field.type in _WHOLE else value


def _check_limits(limits: Limits, size: float, what: str) -> None:
    """Compare a number, or the length named by `what`, with its bounds."""
    if limits.least is not None and size < limits.least:
        raise InvalidValueError(f"{what or 'must be'} larger than or equal to {limits.least:g}")
    if limits.most is not None and size > limits.most:
        raise InvalidValueError(f"{what or 'must be'} less than or equal to {limits.most:g}")


def _check_allowed(allowed: Mapping[Any, Any], value: Any) -> Any:
    if value not in allowed:
        raise InvalidValueError(f"must be one of [{', '.join(map(str, dict.fromkeys(allowed.values())))}]")
    return allowed[value]


def _check_text(field: Field, value: str) -> str:
    if not value:
        raise InvalidValueError("is not allowed to be empty")
    if field.pattern is not None and not field.pattern.fullmatch(value):
        raise InvalidValueError(
            f"with value {value[:80]!r} fails to match the required pattern: {field.pattern.pattern}"
        )
    _check_limits(field.limits, len(value), "length must be")
    return value


def _check_timestamp(_: Field, value: str) -> str:
    # A zone, or at least a day, makes it a moment; shorter forms belong to queries only.
    if len(value) < len("2026-01-01"):
        raise InvalidValueError("must be a valid ISO 8601 timestamp")
    return wire_time(value)


def _check_date(_: Field, value: str) -> str:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        raise InvalidValueError("must be a date in the form YYYY-MM-DD")
    return wire_time(value)[:10]


def _check_duration(field: Field, value: str) -> str:
    value = _check_text(field, value)
    # A pattern of the field's own may let through what the index cannot put in an order.
    _seconds(value)
    return value


_TEXTS: Mapping[str, Callable[[Field, str], str]] = {
    "timestamp": _check_timestamp,
    "date": _check_date,
    "duration": _check_duration,
}


def wire_time(text: str) -> str:
    """A timestamp in the platform's form, always UTC with three decimals.

    Args:
        text: An ISO 8601 timestamp, or the beginning of one: missing parts get their lowest value. Without a zone
            it is UTC.

    Raises:
        InvalidValueError: The text is no timestamp.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise InvalidValueError("must be a valid ISO 8601 timestamp")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    milliseconds = int(((fraction or "") + "000")[:3])
    try:
        moment = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
        if zone is not None and zone != "Z":
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
            moment = moment - offset if zone[0] == "+" else moment + offset
    except (ValueError, OverflowError) as error:
        raise InvalidValueError("must be a valid ISO 8601 timestamp") from error
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}.{milliseconds:03d}Z"


def _check_map(field: Field, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidValueError("must be an object")
    _check_limits(field.limits if not field.localised else Limits(), len(value), "number of keys must be")
    pattern = field.keys or (_LANGUAGE if field.localised else None)
    for key in value:
        if pattern is not None and not pattern.fullmatch(key):
            raise InvalidValueError(f"key {key[:80]!r} is not allowed")
    check = _MAP_VALUES["stringMap" if field.localised else field.type]
    return {key: check(field, key, item) for key, item in value.items()}


def _map_text(field: Field, key: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidValueError(f"key {key!r} must be a string")
    listed = field.values.get(key) if field.values else None
    if listed is not None and value not in listed:
        raise InvalidValueError(f"key {key!r} must be one of [{', '.join(sorted(listed))}]")
    return value


def _map_number(field: Field, key: str, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST:
        raise InvalidValueError(f"key {key!r} must be a number")
    if field.type == "money" and value < 0:
        raise InvalidValueError(f"key {key!r} must be larger than or equal to 0")
    return value


def _map_scalars(_: Field, key: str, value: Any) -> Any:
    for item in value if isinstance(value, list) else (value,):
        if not isinstance(item, str | int | float | bool) or (isinstance(item, int) and abs(item) > LARGEST):
            raise InvalidValueError(f"key {key!r} must be a string, a number, a boolean or a list of these")
    return value


_MAP_VALUES: Mapping[str, Callable[[Field, str, Any], Any]] = {
    "stringMap": _map_text,
    "ratings": _map_text,
    "scores": _map_number,
    "money": _map_number,
    "map": _map_scalars,
}


def index_keys(field: Field, value: Any) -> Iterator[Key]:
    """The index entries for one stored value of `field`; a map has one for each of its keys.

    A key of a map and its value are joined by a colon, which is the form that filters use.
    """
    if isinstance(value, list):
        for item in value:
            yield from index_keys(field, item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if field.type == "scores":
                yield f"{key}:{_ordered(item)}"
            else:
                yield from (f"{key}:{part!s}" for part in index_keys(field, item))
    elif field.type == "duration":
        yield _seconds(value)
    else:
        yield ("false", "true")[value] if isinstance(value, bool) else value


def query_key(field: Field, text: str) -> Key:
    """The index entry that an equality filter with the value `text` looks for.

    Raises:
        InvalidValueError: The text is no value of the type.
    """
    if field.type == "scores":
        path, _, number = text.partition(":")
        return f"{path}:{_ordered(_query_number(number))}"
    if field.is_map:
        return text
    if field.type == "boolean":
        if text not in {"true", "false"}:
            raise InvalidValueError("must be a boolean")
        return text
    if field.type in _QUERIES:
        return _QUERIES[field.type](text)
    return field.allowed.get(text, text) if field.allowed else text


def _seconds(text: str) -> Key:
    """The length of a duration; as on other platforms, a year counts 365 days and a month 30."""
    if len(text) > _LONGEST_DURATION:
        raise InvalidValueError(f"must be an ISO 8601 duration of at most {_LONGEST_DURATION} characters")
    match = _DURATION.fullmatch(text)
    if match is None:
        raise InvalidValueError("must be an ISO 8601 duration")
    parts = [float(part or 0) for part in match.groups()[1:]]
    total = sum(part * unit for part, unit in zip(parts, _UNITS, strict=True))
    return round(-total if match[1] else total, 6)


def _query_number(text: str) -> int | float:
    if not re.fullmatch(r"[+-]?\d{1,300}(\.\d{1,300})?([eE][+-]?\d{1,3})?", text):
        raise InvalidValueError("must be a number")
    number = float(text)
    if not math.isfinite(number):
        raise InvalidValueError("must be a number")
    return number


_QUERIES: Mapping[str, Callable[[str], Key]] = {
    **dict.fromkeys(NUMBERS, _query_number),
    "timestamp": wire_time,
    "date": lambda text: wire_time(text)[:10],
    "duration": _seconds,
}


def _ordered(number: float) -> str:
    """Sixteen hex digits whose order as text is the order of the numbers, so that a score is found by a range."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", number + 0.0))
    return f"{bits ^ (0xFFFFFFFFFFFFFFFF if bits >> 63 else 1 << 63):016x}"
