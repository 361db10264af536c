"""A compact way to write service descriptors: what matters is stated once, and the platform's long form is derived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sequoia.sandbox.schema import hyphenated

__all__ = ["F", "Link", "describe_resource", "describe_service"]

_LANGUAGES = ("ar", "de", "de-AT", "de-CH", "en", "es", "fr", "fr-CH", "hi", "it", "ja", "nl", "pt", "ru", "tr", "zh")
_RATINGS: Mapping[str, Sequence[str]] = {
    "BBFC": ("Uc", "U", "PG", "12A", "12", "15", "18", "R18"),
    "FSK": ("0", "6", "12", "16", "18"),
    "MPAA": ("G", "PG", "PG-13", "R", "NC-17"),
}
_CURRENCIES = ("CHF", "EUR", "GBP", "USD")
_DURATION = r"-?P(?=[T\d])(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?"
_RANGED = frozenset({
    "timestamp", "date", "year", "scores", "integer", "positiveInteger", "nonNegativeInteger", "number",
    "nonNegativeNumber", "percentage",
})  # fmt: skip


def _either(values: Iterable[str]) -> str:
    """A pattern that matches exactly these values."""
    return "|".join(f"({value})" for value in values)


def _keyed(values: Sequence[str], description: str) -> dict[str, Any]:
    return {"keys": {"values": list(values), "pattern": _either(values)}, "values": {}, "desc": description}


_INFO: Mapping[str, Mapping[str, Any]] = {
    "ref": {"name": "ref", "desc": "owner and name with a colon between", "pattern": "[a-zA-Z0-9_-]+:[a-zA-Z0-9_-]+"},
    "name": {"name": "name", "desc": "name", "pattern": "[a-zA-Z0-9_-]+"},
    "string": {"name": "string", "desc": "string", "pattern": ".+"},
    "text": {"desc": "text", "pattern": ".+"},
    "boolean": {"name": "boolean", "desc": "true or false", "pattern": "(?:true|false)"},
    "version": {"name": "version", "desc": "sha1 in hex digits", "pattern": "[a-f0-9]{40}"},
    "hex": {"desc": "hex digits", "pattern": "[a-f0-9]+"},
    "year": {"name": "year", "desc": "year of four digits", "pattern": r"(?:\d{4})"},
    "date": {"name": "date", "desc": "calendar day", "pattern": r"\d{4}-\d{2}-\d{2}"},
    "duration": {"desc": "ISO 8601 duration", "pattern": _DURATION},
    "nonNegativeInteger": {"name": "nonNegativeInteger", "desc": "whole number from 0", "pattern": r"\d+"},
    "positiveInteger": {"name": "positiveInteger", "desc": "whole number from 1", "pattern": r"[1-9]\d*"},
    "nonNegativeNumber": {"desc": "number from 0", "pattern": r"\d+(?:\.\d+)?"},
    "percentage": {"name": "percentage", "desc": "number from 0 to 100", "pattern": r"\d+(?:\.\d+)?"},
    "stringMap": {"name": "stringMap", "desc": "keys with texts", "keys": {"pattern": "[a-zA-Z0-9]+"}},
    "map": {"desc": "keys with scalars", "keys": {"pattern": "[a-zA-Z0-9]+"}, "values": {}},
    "scores": {
        "name": "scores",
        "desc": "dotted names with numbers",
        "keys": {"pattern": r"(?:[a-zA-Z0-9]+)(?:\.[a-zA-Z0-9]+)*"},
        "values": {},
    },
    "language": {"desc": "languages", "codes": list(_LANGUAGES), "pattern": _either(_LANGUAGES)},
    "money": _keyed(_CURRENCIES, "currencies with amounts"),
    "ratings": {
        **_keyed(tuple(_RATINGS), "schemes with ratings"),
        "values": {key: {"values": list(values), "pattern": _either(values)} for key, values in _RATINGS.items()},
    },
}


@dataclass(frozen=True, slots=True)
class F:
    """One field, in short.

    Attributes:
        name: Its key in JSON.
        type: A platform type; an empty string for an object of `fields`.
        description: What it holds.
        filter: The name of its filter; `with` alone stands for the usual name, an empty string for no filter.
        flags: Further keys of the descriptor, such as `required`, `sort`, `array`, `default` or `example`.
        prefix: Whether the filter takes a trailing `*`.
        allowed: Accepted values, each with its other spellings.
        localised: Whether there is a second field with the translations.
        prohibited: User types that may not use the filter.
        fields: The fields of a nested object.
    """

    name: str
    type: str
    description: str
    filter: str = ""
    flags: Mapping[str, Any] | None = None
    prefix: bool = False
    allowed: Mapping[str, Sequence[str]] | None = None
    localised: bool = False
    prohibited: Sequence[str] = ()
    fields: Sequence[F] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """One relationship, in short.

    Attributes:
        name: The word for `include`.
        target: Plural name of the linked resource.
        by: The field of the parent that holds refs, or the filter of the target: a name that begins with `with`.
        fields: What is shown of linked items.
        description: What is found.
        through: The relationship to hop over.
        intersectable: Whether `<intersect>` may follow its name.
    """

    name: str
    target: str
    by: str
    fields: str
    description: str
    through: str = ""
    intersectable: bool = True


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]


def _filter(field: F, path: str) -> dict[str, Any]:
    """The filter of a field."""
    name = f"with{_upper(field.name)}" if field.filter == "with" else field.filter
    flags = {"range": field.type in _RANGED, "prefix": field.prefix or field.type == "stringMap"}
    return {
        "type": "with",
        "name": name,
        "label": field.name,
        "description": f"filter by {field.name}",
        "fieldNamePath": path,
        **({"prohibited": list(field.prohibited)} if field.prohibited else {}),
        **{flag: True for flag, is_set in flags.items() if is_set},
        "and": True,
        "or": True,
        "valueType": field.type,
    }


def _relationship(link: Link) -> dict[str, Any]:
    """A relationship in the long form."""
    direct = not link.by.startswith("with")
    return {
        "name": link.name,
        "description": link.description,
        "type": "direct" if direct else "indirect",
        **({"through": link.through} if link.through else {}),
        "resourceType": link.target,
        "fieldNamePath" if direct else "filterName": link.by,
        "fields": link.fields.split(),
        "batchSize": 10,
        **({} if link.intersectable else {"intersectable": False}),
    }


def _field(field: F, prefix: str, links: Sequence[Link]) -> dict[str, dict[str, Any]]:
    """A field in the long form, together with the field of its translations."""
    path = prefix + field.name
    raw: dict[str, Any] = {"description": field.description, "fieldName": field.name, "fieldNamePath": path}
    if field.type:
        raw["type"] = field.type
    raw |= field.flags or {}
    if field.type in _INFO:
        raw["typeInfo"] = dict(_INFO[field.type])
    if field.fields:
        raw["fields"] = {key: value for item in field.fields for key, value in _field(item, f"{path}.", ()).items()}
    if field.allowed is not None:
        raw["allowedValues"] = [
            {"value": value, "label": value, "description": value, "alternatives": list(others)}
            for value, others in field.allowed.items()
        ]
        raw["allowedValueMappings"] = {
            alias: value for value, others in field.allowed.items() for alias in (value, *others)
        }
    if field.filter:
        raw["filters"] = [_filter(field, path)]
        raw["filteredBy"] = [raw["filters"][0]["name"]]
    related = [_relationship(link) for link in links if link.by == path and not link.through]
    if related:
        raw |= {"relatedBy": [item["name"] for item in related], "relationships": related}
    if not field.localised:
        return {field.name: raw}
    other = f"localised{_upper(field.name)}"
    translations = {
        "description": f"{field.description}, by language",
        "fieldName": other,
        "fieldNamePath": prefix + other,
        "type": field.type,
        "localisationOf": field.name,
        "typeInfo": _keyed(_LANGUAGES, "languages with texts"),
    }
    return {field.name: {**raw, "localisedBy": other, "localises": translations}, other: translations}


_REAP = ("enduser", "service", "admin")
_DERIVED: Mapping[str, Any] = {"readOnly": True, "sort": True, "excludeFromVersion": True}
_COMMON = (
    F("ref", "ref", "Owner and name: the identity of the resource", "with", {"readOnly": True}),
    F("alternativeIdentifiers", "stringMap", "Identifiers of the resource in other systems", "with"),
    F("owner", "name", "The tenant that the resource belongs to", flags={"required": True, "sort": True}),
    F("name", "name", "The name of the resource, unique within its owner", "with", {"sort": True}),
)
_MORE = (
    F("tags", "string", "Free labels", "with", {"array": True, "example": ["region:north"]}),
    F("scores", "scores", "Scores of the resource by source", "withScore", {"example": {"critics.press": 0.8}}),
    F("custom", "map", "Values of the tenant's own", flags={"max": 100}),
    F("createdAt", "timestamp", "When the resource was created", "with", _DERIVED),
    F("createdBy", "ref", "Who created the resource", "with", {"readOnly": True, "sort": True}),
    F("updatedAt", "timestamp", "When the resource was last stored", "with", _DERIVED),
    F("updatedBy", "ref", "Who last stored the resource", "with", {"readOnly": True, "sort": True}),
    F("deletedAt", "timestamp", "When the resource was deleted", "with", _DERIVED, prohibited=("enduser",)),
    F("deletedBy", "ref", "Who deleted the resource", "with", _DERIVED, prohibited=("enduser",)),
    F("reapAt", "timestamp", "Until when the deleted resource is kept", "with", _DERIVED, prohibited=_REAP),
    F("version", "version", "The hash of the content", "with", {"readOnly": True, "excludeFromVersion": True}),
)
_OPERATIONS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "browse": ("Lists resources, filtered and in pages", "read:browse", {}),
    "get": ("Reads resources by ref", "read:get", {}),
    "storeBatch": ("Creates or replaces resources", "write:store:batch", {"limit": 100}),
    "storeOne": ("Creates or replaces the resource with the given ref", "write:store:one", {}),
    "patch": ("Changes parts of a resource", "write:store:patch", {"enabled": False}),
    "delete": ("Deletes resources by ref", "write:delete", {}),
}
_HISTORY = ["createdAt", "createdBy", "updatedAt", "updatedBy", "deletedAt", "deletedBy", "reapAt", "version"]


def _operations(service: str, plural: str) -> dict[str, Any]:
    """The verbs of a resource with the permissions that they need."""
    result: dict[str, Any] = {}
    for name, (description, action, more) in _OPERATIONS.items():
        parts = action.split(":")
        actions = [":".join((service, plural, *parts[:end])) for end in range(1, len(parts) + 1)]
        result[name] = {"description": description, "actions": actions, **more}
    return result


def _display(plural: str, singular: str, label: str) -> dict[str, Any]:
    """How a console shows the resource."""
    return {
        "singularName": singular,
        "pluralName": plural,
        "overview": {"label": label},
        "info": {"primary": ["ref", "owner", "name"], "history": _HISTORY},
    }


_RESTRICTIONS = (
    {
        "type": "ownership",
        "message": "must have an owner that the session has access to",
        "description": "resources belong to a tenant, and only its users reach them",
    },
    {
        "type": "primaryKey",
        "message": "the ref must be unique",
        "description": "owner and name together are the identity of a resource",
    },
)


def describe_resource(  # noqa: PLR0913, PLR0917 - a descriptor has this many parts
    service: str,
    plural: str,
    singular: str,
    description: str,
    fields: Sequence[F],
    links: Sequence[Link] = (),
    *,
    text: Sequence[str] = ("title",),
) -> dict[str, Any]:
    """One resource in the long form, with the fields that every resource has.

    Args:
        service: The name of the service.
        plural: The JSON key.
        singular: The word for one of them.
        description: What it is.
        fields: The fields of the type, `title` first if it has one.
        links: Its relationships.
        text: The fields that free text is looked for in.
    """
    title = [field for field in fields if field.name == "title"]
    everything = (*_COMMON, *title, *_MORE, *(field for field in fields if field.name != "title"))
    long = {key: value for field in everything for key, value in _field(field, "", links).items()}
    filters = [item for raw in _walk(long) for item in raw.get("filters", ())]
    search = {"type": "q", "name": "q", "label": "q", "description": "filter by text", "includes": list(text)}
    return {
        "path": "/data",
        "serviceName": service,
        "singularName": singular,
        "pluralName": plural,
        "hyphenatedPluralName": hyphenated(plural),
        "displaySingularName": hyphenated(singular).replace("-", " "),
        "displayPluralName": hyphenated(plural).replace("-", " "),
        "displayPriority": 1,
        "description": description,
        "consistency": "eventual",
        "stability": "stable",
        "conditionalUpdates": True,
        "retentionPeriod": "P30D",
        "typeInfo": {},
        "display": _display(plural, singular, "title" if title else "name"),
        "operations": _operations(service, plural),
        "pagination": {"pageSize": {"min": 1, "max": 100, "default": 100}, "pages": {"max": 1000}},
        "fields": long,
        "filters": {"q": {**search, "valueType": "string", "text": True}, **{item["name"]: item for item in filters}},
        "relationships": {link.name: _relationship(link) for link in links},
        "restrictions": [dict(restriction) for restriction in _RESTRICTIONS],
    }


def _walk(fields: Mapping[str, Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """All fields in the long form, nested ones included."""
    for raw in fields.values():
        yield raw
        yield from _walk(raw.get("fields", {}))


def describe_service(
    name: str, title: str, description: str, resources: Iterable[dict[str, Any]], routes: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """A whole descriptor.

    Args:
        name: The name of the service.
        title: Its name for people.
        description: What it is for.
        resources: Its resources in the long form.
        routes: Its business endpoints.
    """
    return {
        "name": name,
        "urn": f"urn:piksel:service:{name}",
        "title": title,
        "description": description,
        "features": [],
        "resourcefuls": {resource["pluralName"]: resource for resource in resources},
        "routes": list(routes),
    }
