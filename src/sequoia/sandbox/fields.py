"""The typed view of one field of a descriptor, read once so that writes and queries need no look at raw JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["TYPES", "Field", "Limits", "json_object", "one_of_groups", "parse_field", "parse_fields"]

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
    allowed: Mapping[str, str] | None = None
    default: Any = None
    nonexistent: Literal["low", "high"] = "low"
    ranks_absent: bool = False
    sort: bool = False
    countable: bool = False
    pattern: re.Pattern[str] | None = None
    keys: re.Pattern[str] | None = None
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
    if type_ not in TYPES and type_ != "":
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
    if nonexistent not in {"low", "high"}:
        raise ValueError(f"{place}.nonexistent must be 'low' or 'high'")
    return Field(
        name=name,
        path=path,
        type=type_,
        required=bool(raw.get("required")),
        read_only=bool(raw.get("readOnly")),
        array=array,
        limits=_limits(raw, place),
        allowed=_allowed(raw, place),
        default=raw.get("default"),
        nonexistent=nonexistent,
        ranks_absent="nonexistent" in raw,
        sort=bool(raw.get("sort")),
        countable=bool(raw.get("countable")),
        pattern=_pattern(pattern, f"{place}.typeInfo.pattern"),
        keys=_pattern(keys.get("pattern"), f"{place}.typeInfo.keys.pattern") if isinstance(keys, dict) else None,
        values=_values(info.get("values")),
        localised="localisationOf" in raw,
        localised_by=raw.get("localisedBy"),
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


def _pattern(text: Any, place: str) -> re.Pattern[str] | None:
    """A compiled pattern; a dot matches line ends too, since texts may have several lines."""
    if text is None:
        return None
    try:
        return re.compile(text, re.DOTALL)
    except (re.error, TypeError) as error:
        raise ValueError(f"{place} is not a regular expression: {error}") from error


def _allowed(raw: Mapping[str, Any], place: str) -> dict[str, str] | None:
    """Every accepted value with the canonical one that is stored for it."""
    allowed = raw.get("allowedValues")
    if allowed is None:
        return None
    result: dict[str, str] = {}
    try:
        for item in allowed:
            for alternative in (item["value"], *item.get("alternatives", ())):
                result[alternative] = item["value"]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{place}.allowedValues must be a list of objects with a value") from error
    return result | json_object(raw.get("allowedValueMappings") or {}, f"{place}.allowedValueMappings")


def _values(raw: Any) -> dict[str, frozenset[str]] | None:
    """The listed values for each key of a map, such as the ratings of one scheme."""
    if not isinstance(raw, dict):
        return None
    listed = {key: item["values"] for key, item in raw.items() if isinstance(item, dict) and "values" in item}
    return {key: frozenset(values) for key, values in listed.items()} or None


def one_of_groups(raw: Any, place: str) -> Iterator[tuple[str, ...]]:
    """The groups of fields of which exactly one must be given."""
    for index, rule in enumerate(raw or ()):
        if not isinstance(rule, dict) or rule.get("type") != "exactlyOne" or not isinstance(rule.get("fields"), list):
            raise ValueError(f"{place}[{index}] must be an 'exactlyOne' rule with fields")
        yield tuple(rule["fields"])
