"""The typed view of one field of a descriptor, read once so that writes and queries need no look at raw JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sequoia.sandbox.patterns import Pattern, read_pattern

__all__ = [
    "TEXTS",
    "TYPES",
    "Field",
    "Limits",
    "json_names",
    "json_object",
    "one_of_groups",
    "parse_field",
    "parse_fields",
]

TYPES = frozenset({
    "ref", "name", "string", "text", "stringMap", "map", "scores", "timestamp", "date", "year", "duration", "boolean",
    "integer", "positiveInteger", "nonNegativeInteger", "nonNegativeNumber", "number", "percentage", "language",
    "money", "ratings", "version", "hex", "password", "fieldName", "fieldNamePath", "jsonPath",
})  # fmt: skip
_MAPS = frozenset({"stringMap", "map", "scores", "money", "ratings"})
# Types whose text must match `typeInfo.pattern`; for the others the pattern describes the query form of a JSON value.
_PATTERNED = frozenset({
    "ref", "name", "string", "text", "duration", "language", "version", "hex", "password", "fieldName", "fieldNamePath",
    "jsonPath",
})  # fmt: skip
TEXTS = _PATTERNED | {"timestamp", "date"}
"""The types whose values are JSON strings."""
_NUMBERS = TYPES - TEXTS - _MAPS - {"boolean"}
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)
_DEFAULT_PATTERNS = {
    "ref": r"[a-zA-Z0-9_-]+:[a-zA-Z0-9_-]+",
    "name": r"[a-zA-Z0-9_-]+",
    "version": r"[a-f0-9]{40}",
    "hex": r"[a-f0-9]+",
    "fieldName": r"[a-zA-Z0-9]+",
    "fieldNamePath": r"[a-zA-Z0-9]+(?:\.[a-zA-Z0-9]+)*",
    "duration": r"-?P(?=[T\d])(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The least and the greatest that is allowed, None where the descriptor sets no bound."""

    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a resource, or of an object inside it.

    Attributes:
        name: Its key in JSON.
        path: The dotted way to it from the resource.
        type: A platform type, or an empty string for a nested object.
        array: Bounds of the number of items when the field holds a list, else None.
        limits: Bounds of a number, of the length of a text, or of the number of keys of a map.
        allowed: Accepted value to canonical value; None when every value is accepted.
        nonexistent: Where an absent value stands in an order: before all others or after them.
        ranks_absent: Whether the descriptor says so; only then an absent value can lie in a range.
        keys: Pattern of the keys of a map, or of the languages of a localised field.
        values: Accepted values for each key of a map, where the descriptor lists them.
        localised: Whether the value is a map of language to text.
        localised_by: Name of the field with the translations of this one.
        excluded: Whether the field is no part of the version.
        one_of: Groups of nested fields of which exactly one must be present.
        many: Whether one resource can hold several values of this field.
    """

    name: str
    path: str
    type: str = "string"
    required: bool = False
    read_only: bool = False
    array: Limits | None = None
    limits: Limits = Limits()
    allowed: Mapping[Any, Any] | None = None
    default: Any = None
    nonexistent: Literal["low", "high"] = "low"
    ranks_absent: bool = False
    sort: bool = False
    countable: bool = False
    pattern: Pattern | None = None
    keys: Pattern | None = None
    values: Mapping[str, frozenset[str]] | None = None
    localised: bool = False
    localised_by: str | None = None
    excluded: bool = False
    fields: Mapping[str, Field] | None = None
    one_of: tuple[tuple[str, ...], ...] = ()
    many: bool = False

    @property
    def is_map(self) -> bool:
        """Whether the value is an object of freely chosen keys."""
        return self.localised or self.type in _MAPS


def json_object(raw: Any, place: str) -> dict[str, Any]:
    """`raw`, when it is a JSON object.

    Raises:
        ValueError: It is something else; the message names the place.
    """
    if not isinstance(raw, dict):
        raise ValueError(f"{place} must be an object")
    return raw


def json_names(raw: Any, place: str) -> tuple[str, ...]:
    """`raw`, when it is a JSON list of texts; errors as in `json_object`."""
    if not isinstance(raw, list) or not all(isinstance(name, str) for name in raw):
        raise ValueError(f"{place} must be a list of texts")
    return tuple(raw)


def parse_fields(raw: Any, place: str, prefix: str = "", *, many: bool = False) -> dict[str, Field]:
    """Read the `fields` of a resource or of a nested object.

    Args:
        raw: The JSON object.
        place: Where it stands in the descriptor, for error messages.
        prefix: The dotted path of the object that holds the fields, with a dot at its end.
        many: Whether that object is an item of a list.

    Raises:
        ValueError: A field is broken; the message names the place.
    """
    return {
        name: parse_field(name, value, f"{place}.{name}", prefix, many=many)
        for name, value in json_object(raw, place).items()
    }


def parse_field(name: str, raw: Any, place: str, prefix: str = "", *, many: bool = False) -> Field:
    """Read one field; arguments and errors as in `parse_fields`."""
    raw = json_object(raw, place)
    type_ = raw.get("type", "")
    if not isinstance(type_, str) or (type_ not in TYPES and type_ != ""):
        raise ValueError(f"{place}.type is {type_!r}, which is not a type of the platform")
    path = prefix + name
    array = _array(raw.get("array"), f"{place}.array")
    many = many or array is not None
    nested = parse_fields(raw["fields"], f"{place}.fields", f"{path}.", many=many) if "fields" in raw else None
    if not type_ and nested is None:
        raise ValueError(f"{place} has neither a type nor fields")
    info = json_object(raw.get("typeInfo") or {}, f"{place}.typeInfo")
    keys = info.get("keys") or {}
    pattern = info.get("pattern", _DEFAULT_PATTERNS.get(type_)) if type_ in _PATTERNED else None
    nonexistent = raw.get("nonexistent", "low")
    if nonexistent not in ("low", "high"):
        raise ValueError(f"{place}.nonexistent must be 'low' or 'high'")
    localised_by = raw.get("localisedBy")
    if localised_by is not None and not isinstance(localised_by, str):
        raise ValueError(f"{place}.localisedBy must be the name of a field")
    return Field(
        name=name,
        path=path,
        type=type_,
        required=bool(raw.get("required")),
        read_only=bool(raw.get("readOnly")),
        array=array,
        limits=_limits(raw, place),
        allowed=_allowed(raw, type_, place),
        default=raw.get("default"),
        nonexistent=nonexistent,
        ranks_absent="nonexistent" in raw,
        sort=bool(raw.get("sort")),
        countable=bool(raw.get("countable")),
        pattern=_pattern(pattern, f"{place}.typeInfo.pattern"),
        keys=_pattern(keys.get("pattern"), f"{place}.typeInfo.keys.pattern") if isinstance(keys, dict) else None,
        values=_values(info.get("values"), f"{place}.typeInfo.values"),
        localised="localisationOf" in raw,
        localised_by=localised_by,
        excluded=bool(raw.get("excludeFromVersion")),
        fields=nested,
        one_of=tuple(one_of_groups(raw.get("xfields"), f"{place}.xfields")),
        many=many or type_ in _MAPS or "localisationOf" in raw,
    )


def _limits(raw: Mapping[str, Any], place: str) -> Limits:
    """The bounds `min` and `max` of a field or of its array."""
    least, most = raw.get("min"), raw.get("max")
    for key, bound in (("min", least), ("max", most)):
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int | float)):
            raise ValueError(f"{place}.{key} must be a number")
    return Limits(least, most)


def _array(raw: Any, place: str) -> Limits | None:
    """The bounds of a list field; None when the field is no list."""
    if isinstance(raw, dict):
        return _limits(raw, place)
    return Limits() if raw else None


def _pattern(text: Any, place: str) -> Pattern | None:
    """A pattern; None where there is none, or none that could be applied."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError(f"{place} is not a regular expression, but {text!r}")
    try:
        return read_pattern(text)
    except ValueError as error:
        raise ValueError(f"{place} {error}") from error


def _allowed(raw: Mapping[str, Any], type_: str, place: str) -> dict[Any, Any] | None:
    """Every accepted value with the canonical one that is stored for it; of other types than texts and numbers, any."""
    if type_ not in TEXTS | _NUMBERS:
        return None
    read = _number if type_ in _NUMBERS else _text
    listed = raw.get("allowedValues")
    if listed is not None and not isinstance(listed, list):
        raise ValueError(f"{place}.allowedValues must be a list of objects with a value")
    result: dict[Any, Any] = {}
    for index, item in enumerate(listed or ()):
        here = f"{place}.allowedValues[{index}]"
        value = read(json_object(item, here).get("value"), f"{here}.value")
        alternatives = item.get("alternatives") or []
        if not isinstance(alternatives, list):
            raise ValueError(f"{here}.alternatives must be a list")
        result[value] = value
        result |= {_alias(other, type_, f"{here}.alternatives"): value for other in alternatives}
    here = f"{place}.allowedValueMappings"
    mappings = json_object(raw.get("allowedValueMappings") or {}, here)
    aliases = {_alias(alias, type_, here): read(value, f"{here}.{alias}") for alias, value in mappings.items()}
    if not listed:
        result = {value: value for value in aliases.values()}
    return result | aliases or None


def _text(raw: Any, place: str) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"{place} must be a text")
    return raw


def _alias(raw: Any, type_: str, place: str) -> str | int | float:
    """Another word for an allowed value: a text, also for a number."""
    if type_ in _NUMBERS and not (isinstance(raw, str) and _NUMBER.fullmatch(raw) is None):
        return _number(raw, place)
    return _text(raw, place)


def _number(raw: Any, place: str) -> int | float:
    """A number; the keys of an object are texts, so one may be written as a text."""
    if isinstance(raw, str) and (match := _NUMBER.fullmatch(raw)):
        return float(raw) if match[1] else int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError(f"{place} must be a number")
    return raw


def _values(raw: Any, place: str) -> dict[str, frozenset[str]] | None:
    """The listed values for each key of a map, such as the ratings of one scheme."""
    if not isinstance(raw, dict):
        return None
    listed = {key: item.get("values") for key, item in raw.items() if isinstance(item, dict)}
    found = {key: json_names(values, f"{place}.{key}.values") for key, values in listed.items() if values is not None}
    return {key: frozenset(values) for key, values in found.items()} or None


def one_of_groups(raw: Any, place: str) -> Iterator[tuple[str, ...]]:
    """The groups of fields of which exactly one must be given."""
    if raw and not isinstance(raw, list):
        raise ValueError(f"{place} must be a list of rules")
    for index, rule in enumerate(raw or ()):
        here = f"{place}[{index}]"
        if not isinstance(rule, dict) or rule.get("type") != "exactlyOne":
            raise ValueError(f"{here} must be an 'exactlyOne' rule with fields")
        group = json_names(rule.get("fields"), f"{here}.fields")
        if not group:
            raise ValueError(f"{here}.fields must have a field")
        yield group
