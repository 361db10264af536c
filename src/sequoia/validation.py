"""What is wrong with a resource, by its descriptor: every fault that can be found before the resource is sent."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from sequoia.descriptor import FieldType, ResourceType
from sequoia.error import Fault
from sequoia.names import suggestion
from sequoia.patterns import fits
from sequoia.values import misfit

__all__ = ["HISTORY", "Fault", "Purpose", "faults_in", "fields_of"]

HISTORY = frozenset({"createdAt", "createdBy", "updatedAt", "updatedBy", "deletedAt", "deletedBy", "reapAt", "version"})
"""What the service writes down about every resource by itself."""

_READ_ONLY = ("ref", "createdAt", "createdBy", "updatedAt", "updatedBy", "version")
# Every resource of the platform has these, whether its descriptor lists them or not.
_COMMON: Mapping[str, FieldType] = {
    "owner": FieldType(type="name", required=True),
    "name": FieldType(type="name"),
    **{name: FieldType(read_only=True) for name in _READ_ONLY},
}
_METADATA = "metadata"  # locks on fields: a part of every resource, though descriptors do not list it

_LARGEST = 2**53 - 1  # the platform is JavaScript: whole numbers beyond are not exact there
_RANGES: Mapping[str, tuple[float | None, float | None]] = {
    "positiveInteger": (1, None),
    "nonNegativeInteger": (0, None),
    "nonNegativeNumber": (0, None),
    "percentage": (0, 100),
    "year": (1000, 9999),
}
_WHOLE = frozenset({"integer", "positiveInteger", "nonNegativeInteger", "year"})
_NUMBERS = _WHOLE | {"number", "nonNegativeNumber", "percentage"}
_FORMED = frozenset({"ref", "name", "version", "hex", "duration", "fieldName", "fieldNamePath"})
_TEXTS = _FORMED | {"string", "text", "timestamp", "date", "language", "password", "jsonPath"}
_VERSION = re.compile(r"[a-f0-9]{40}")


class Purpose(enum.Enum):
    """What the checked fields are meant for."""

    WHOLE = enum.auto()
    """A whole resource, perhaps one that was read."""
    NEW = enum.auto()
    """A resource that is not stored yet: whatever only the service sets is a fault."""
    CHANGE = enum.auto()
    """Some fields of a stored resource, by JSON Merge Patch: nothing is missing, and None removes."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """How strictly an object is looked at.

    Attributes:
        passed: Read-only fields that are no fault; None for all of them.
        partial: Whether only changes are given.
    """

    passed: frozenset[str] | None
    partial: bool = False

    def of_items(self) -> _Rules:
        """The rules for the items of a list: a change replaces a list wholly, with what was read in it."""
        return replace(self, passed=None, partial=False) if self.partial else self


def fields_of(resource: ResourceType) -> Mapping[str, FieldType]:
    """The fields of a resource by name, with those that every resource has."""
    return {**_COMMON, **resource.fields}


def faults_in(resource: ResourceType, value: Mapping[str, Any], purpose: Purpose) -> list[Fault]:
    """Everything that is wrong with `value`, in the order of its fields; at last what is missing."""
    if purpose is Purpose.WHOLE:
        # Whoever writes back what was read hands in what only the service sets; the version shows who does.
        was_read = isinstance(version := value.get("version"), str) and _VERSION.fullmatch(version)
        rules = _Rules(None if was_read else frozenset({"ref"}))
        return [*_identity(value), *_object(fields_of(resource), resource.xfields, "", value, rules)]
    change = purpose is Purpose.CHANGE
    rules = _Rules(frozenset({"ref"}) if change else frozenset(), partial=change)
    return list(_object(fields_of(resource), resource.xfields, "", value, rules))


def _identity(value: Mapping[str, Any]) -> Iterator[Fault]:
    """Whether `ref`, where it is given, is that of `owner` and `name`."""
    if "ref" not in value:
        return
    ref, owner, name = value["ref"], value.get("owner"), value.get("name")
    if name is None:
        yield Fault("ref", "needs the name as well: without one the service makes a name, and with it another ref")
    elif isinstance(owner, str) and isinstance(name, str) and ref != f"{owner}:{name}":
        yield Fault("ref", f"is {_shown(ref)}, but owner and name make it '{owner}:{name}'")


def _object(
    fields: Mapping[str, FieldType], groups: list[dict[str, Any]], prefix: str, value: Mapping[str, Any], rules: _Rules
) -> Iterator[Fault]:
    """The faults of a resource, or of an object inside it."""
    for name, item in value.items():
        path = f"{prefix}{name}"
        field = fields.get(name)
        if field is None:
            if path != _METADATA:
                writable = [known for known, one in fields.items() if not one.read_only]
                yield Fault(path, f"is no field: {suggestion(str(name)[:80], writable)}")
        elif field.read_only:
            if rules.passed is not None and path not in rules.passed:
                yield Fault(path, "is set by the service alone: leave it out")
        elif item is None and rules.partial:
            if field.required:
                yield Fault(path, "is required: it cannot be removed")
        else:
            yield from _field(field, path, item, rules)
    if not rules.partial:
        yield from _absent(fields, groups, prefix, value)


def _absent(
    fields: Mapping[str, FieldType], groups: list[dict[str, Any]], prefix: str, value: Mapping[str, Any]
) -> Iterator[Fault]:
    """What is required and not there, and groups of which not exactly one is there."""
    there = {name for name, one in fields.items() if not one.read_only and (name in value or one.default is not None)}
    for name, field in fields.items():
        if field.required and not field.read_only and name not in there:
            yield Fault(f"{prefix}{name}", "is required")
    for group in groups:
        listed_fields = group.get("fields")
        names = [name for name in listed_fields if isinstance(name, str)] if isinstance(listed_fields, list) else []
        # A newer platform may know other kinds of groups.
        if group.get("type") == "exactlyOne" and names:
            given = [name for name in names if name in there]
            if len(given) != 1:
                listed = ", ".join(f"{prefix}{name}" for name in names)
                found = f"these are there: {', '.join(given)}" if given else "there is none"
                yield Fault(f"{prefix}{names[0]}", f"exactly one of {listed} is required, {found}")


def _field(field: FieldType, path: str, value: Any, rules: _Rules) -> Iterator[Fault]:
    """The faults of one field, list or not."""
    if not field.array:
        yield from _item(field, path, value, rules)
    elif isinstance(value, list | tuple):
        limits = field.array if isinstance(field.array, dict) else {}
        yield from _size(path, len(value), limits.get("min"), limits.get("max"), "items")
        for index, item in enumerate(value):
            yield from _item(field, f"{path}[{index}]", item, rules.of_items())
    else:
        yield Fault(path, f"must be a list, not {_shown(value)}")


def _item(field: FieldType, path: str, value: Any, rules: _Rules) -> Iterator[Fault]:
    """The faults of one value."""
    if value is None:
        yield Fault(path, "is null: leave it out")
    elif field.fields is not None or field.is_map:
        if not isinstance(value, Mapping):
            yield Fault(path, f"must be an object, not {_shown(value)}")
        elif field.fields is not None:
            yield from _object(field.fields, field.xfields, f"{path}.", value, rules)
        else:
            yield from _map(field, path, value, rules)
    elif (reason := _scalar(field, value)) is not None:
        yield Fault(path, reason)


def _map(field: FieldType, path: str, value: Mapping[str, Any], rules: _Rules) -> Iterator[Fault]:
    """The faults of an object of freely chosen keys."""
    kept = {key: item for key, item in value.items() if not (rules.partial and item is None)}
    if field.localisation_of is None:
        yield from _size(path, len(kept), None if rules.partial else field.min, field.max, "keys")
    for key, item in kept.items():
        for reason in (_key(field, key), _map_value(field, key, item)):
            if reason is not None:
                yield Fault(f"{path}.{key}", reason)


def _key(field: FieldType, key: Any) -> str | None:
    """What is wrong with a key of a map."""
    if not isinstance(key, str):
        return f"is no key: {_shown(key)} is no text"
    info = _mapping(field.type_info.get("keys"))
    listed = info.get("values")
    if isinstance(listed, list) and listed:
        return None if key in listed else f"is no key: {suggestion(key[:80], map(str, listed))}"
    pattern = info.get("pattern")
    if isinstance(pattern, str):
        return f"is no key: it does not match the pattern {pattern:.200}" if fits(pattern, key) is False else None
    return misfit("language", key) if field.localisation_of is not None else None


def _map_value(field: FieldType, key: Any, value: Any) -> str | None:
    """What is wrong with the value of a key."""
    if field.localisation_of is not None or field.type in {"stringMap", "ratings"}:
        return _unwritten(value) or _unlisted(field, key, value)
    if field.type in {"scores", "money"}:
        return _number(value, whole=False) or _outside(value, 0 if field.type == "money" else None, None)
    scalars = value if isinstance(value, list | tuple) else (value,)
    if any(not isinstance(one, str | int | float) or _inexact(one) for one in scalars):
        return f"must be a text, a number, true, false or a list of these, not {_shown(value)}"
    return None


def _unlisted(field: FieldType, key: Any, value: str) -> str | None:
    """What is wrong with a text in a map, by what its key or all keys accept."""
    values = _mapping(field.type_info.get("values"))
    info = values if isinstance(values.get("pattern"), str) else _mapping(values.get(key))
    listed, pattern = info.get("values"), info.get("pattern")
    if isinstance(listed, list):
        return (
            None if value in listed else f"{_shown(value)} is not allowed: {suggestion(value[:80], map(str, listed))}"
        )
    if isinstance(pattern, str) and fits(pattern, value) is False:
        return f"{_shown(value)} does not match the pattern {pattern:.200}"
    return None


def _not_allowed(value: str, allowed: Iterable[str]) -> str:
    return f"{_shown(value)} is not allowed: {suggestion(value[:80], allowed)}"


def _scalar(field: FieldType, value: Any) -> str | None:
    """What is wrong with a value that is no object."""
    if field.type == "boolean":
        return None if isinstance(value, bool) else f"must be true or false, not {_shown(value)}"
    if field.type in _NUMBERS:
        least, most = _RANGES.get(field.type, (None, None))
        return (
            _number(value, whole=field.type in _WHOLE)
            or _outside(value, least, most)
            or _outside(value, field.min, field.max)
        )
    if field.type not in _TEXTS:
        return None  # a newer platform may have other types
    if not isinstance(value, str):
        return f"must be a text, not {_shown(value)}"
    accepted = field.accepted
    if accepted is not None:
        return None if value in accepted else _not_allowed(value, accepted)
    return _unwritten(value) or _text(field, value)


def _number(value: Any, *, whole: bool) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, not {_shown(value)}"
    if _inexact(value):
        return f"must be a number that JSON can carry exactly, not {_shown(value)}"
    if whole and (value != int(value) or abs(value) > _LARGEST):
        return f"must be a whole number, not {_shown(value)}"
    return None


def _inexact(value: Any) -> bool:
    """Whether a number loses digits, or itself, on the way."""
    return abs(value) > _LARGEST if isinstance(value, int) else isinstance(value, float) and not math.isfinite(value)


def _unwritten(value: Any) -> str | None:
    """Why a value is no text that the platform stores."""
    if not isinstance(value, str):
        return f"must be a text, not {_shown(value)}"
    if not value:
        return "is empty: leave it out"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "holds a character that cannot be written in UTF-8"
    return None


def _text(field: FieldType, value: str) -> str | None:
    """What is wrong with a text, by its type, its pattern and its length."""
    if field.type == "timestamp":
        return _moment(value)
    if field.type == "date":
        return None if _is_day(value) else f"{_shown(value)} is no date such as 2026-01-31"
    pattern = field.type_info.get("pattern")
    matched = fits(pattern, value) if isinstance(pattern, str) else None
    if matched is False:
        return f"{_shown(value)} does not match the pattern {pattern:.200}"
    if matched is None and field.type in _FORMED and (reason := misfit(field.type, value)):
        return reason
    return next((fault.text for fault in _size("", len(value), field.min, field.max, "characters")), None)


def _moment(text: str) -> str | None:
    """Why a text is no moment: a day at least, of the calendar, in a form of ISO 8601."""
    reason = f"{_shown(text)} is no timestamp such as 2026-01-31T12:00:00.000Z"
    if misfit("timestamp", text) or not _is_day(text[:10]):
        return reason
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return reason
    return None


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and text.isascii() and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _outside(number: float, least: float | None, most: float | None) -> str | None:
    if least is not None and number < least:
        return f"must be {least:.15g} or more, not {number}"
    if most is not None and number > most:
        return f"must be {most:.15g} or less, not {number}"
    return None


def _size(path: str, size: int, least: Any, most: Any, what: str) -> Iterator[Fault]:
    """Compare the number of items, keys or characters with its bounds; a bound that is no number is none."""
    if isinstance(least, int | float) and size < least:
        yield Fault(path, f"must have {least:.15g} {what} or more, not {size}")
    if isinstance(most, int | float) and size > most:
        yield Fault(path, f"must have {most:.15g} {what} or less, not {size}")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _shown(value: Any) -> str:
    """A value in a message, cut short."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        inside = "" if isinstance(value, int) else f"a {type(value).__name__} that holds "
        return f"{inside}a number of thousands of digits"
    return text if len(text) <= 82 else f"{text[:79]}..."
