"""The typed view of a service descriptor: all that the data service knows about a service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sequoia.sandbox.coherence import coherent, is_object
from sequoia.sandbox.common import with_common_fields
from sequoia.sandbox.fields import Field, json_names, json_object, one_of_groups, parse_fields

__all__ = ["DATA", "Filter", "Relationship", "Resource", "Schema", "find_field", "hyphenated"]

DATA = "/data"
"""Where the resources of every service are."""
_MOST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Filter:
    """One query parameter that narrows a browse.

    Attributes:
        name: The parameter, such as `withType`.
        field: The field it compares; None for the types `q` and `predefined`.
        range: Whether its values may be ranges with a slash.
        prefix: Whether its values may begin or end with a star.
        includes: For the type `q`: the dotted paths of the fields with the text.
        predefined: For the type `predefined`: parameter value to the filters that it stands for.
    """

    name: str
    field: Field | None = None
    range: bool = False
    prefix: bool = False
    includes: tuple[str, ...] = ()
    predefined: Mapping[str, Mapping[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Relationship:
    """One way from a resource to linked ones.

    Attributes:
        name: The word for `include`; it may hold dots.
        target: Plural name of the linked resource; it need not be part of the same descriptor.
        direct: Whether the refs stand in `path`, a field of the parent; otherwise `filter_name` of the target finds
            the linked items.
        through: Name of the relationship to hop over.
        batch: Number of parents for each sub-request.
        intersectable: Whether parents can be narrowed to those with a linked item that fits.
    """

    name: str
    target: str
    direct: bool
    path: str
    filter_name: str
    fields: tuple[str, ...]
    through: str | None
    batch: int
    intersectable: bool


@dataclass(frozen=True, slots=True)
class Resource:
    """One resourceful: what can be stored, filtered, sorted and followed.

    Attributes:
        plural: The JSON key, such as `offerTemplates`.
        hyphenated: The segment of its URL, such as `offer-templates`.
        fields: By name; the common fields are always there.
        batch_limit: Most documents of one POST.
        page_size: Least, greatest and usual `perPage`.
        pages: Greatest `page`.
        retention_days: How long a deleted document is kept.
        conditional: Whether `If-Match` is honoured.
        one_of: Groups of fields of which exactly one must be present.
    """

    plural: str
    hyphenated: str
    fields: Mapping[str, Field]
    filters: Mapping[str, Filter]
    relationships: Mapping[str, Relationship]
    batch_limit: int
    page_size: tuple[int, int, int]
    pages: int
    retention_days: int
    conditional: bool
    one_of: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """One service: its name and its resources by plural name."""

    name: str
    resources: Mapping[str, Resource]

    @classmethod
    def parse(cls, descriptor: dict[str, Any]) -> Schema:
        """Read a service descriptor.

        Args:
            descriptor: The decoded JSON of `/descriptor/raw`.

        Raises:
            ValueError: The descriptor is broken; the message names the place.
        """
        name = json_object(descriptor, "the descriptor").get("name")
        if not isinstance(name, str) or not re.fullmatch(r"[a-zA-Z0-9_-]+", name):
            raise ValueError("name must be the name of the service")
        raw = json_object(descriptor.get("resourcefuls"), "resourcefuls")
        resources = {key: _resource(key, value, f"resourcefuls.{key}") for key, value in raw.items()}
        segments = [resource.hyphenated for resource in resources.values()]
        for segment in segments:
            if segments.count(segment) > 1:
                raise ValueError(f"resourcefuls: two resources have the path /data/{segment}")
        for resource in resources.values():
            _check_paths(resource, resources)
        return cls(name, resources)

    def at(self, segment: str) -> Resource | None:
        """The resource whose URL segment is `segment`."""
        return next((item for item in self.resources.values() if item.hyphenated == segment), None)


def hyphenated(plural: str) -> str:
    """The URL segment of a plural name: `offerTemplates` becomes `offer-templates`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"-\1", plural).lower()


def _number(raw: Any, place: str) -> int:
    """`raw` when it is a whole number from 1 on; SQLite cannot skip as many pages as some can be asked for."""
    if isinstance(raw, bool) or not isinstance(raw, int) or not 1 <= raw <= _MOST:
        raise ValueError(f"{place} must be a whole number from 1 to {_MOST:,}")
    return raw


def _resource(plural: str, raw: Any, place: str) -> Resource:
    """One entry of `resourcefuls`."""
    raw = json_object(raw, place)
    for key, usual, reason in (("pluralName", plural, "the key of the resource"), ("path", DATA, "as everywhere")):
        if raw.get(key, usual) != usual:
            raise ValueError(f"{place}.{key} must be {usual!r}, {reason}")
    if not isinstance(raw.get("singularName", ""), str):
        raise ValueError(f"{place}.singularName must be a text")
    segment = raw.get("hyphenatedPluralName", hyphenated(plural))
    if not isinstance(segment, str) or not re.fullmatch(r"[a-zA-Z0-9_-]+", segment):
        raise ValueError(f"{place}.hyphenatedPluralName must be one segment of a URL")
    one_of = tuple(one_of_groups(raw.get("xfields"), f"{place}.xfields"))
    fields = _fields(raw.get("fields"), one_of, place)
    operations = json_object(raw.get("operations", {}), f"{place}.operations")
    pagination = json_object(raw.get("pagination", {}), f"{place}.pagination")
    size = json_object(pagination.get("pageSize", {}), f"{place}.pagination.pageSize")
    pages = json_object(pagination.get("pages", {}), f"{place}.pagination.pages")
    most = _number(size.get("max", 100), f"{place}.pagination.pageSize.max")
    batch = json_object(operations.get("storeBatch", {}), f"{place}.operations.storeBatch")
    return Resource(
        plural=plural,
        hyphenated=segment,
        fields=fields,
        filters=_filters(raw.get("filters", {}), fields, f"{place}.filters"),
        relationships=_relationships(raw.get("relationships", {}), f"{place}.relationships"),
        batch_limit=_number(batch.get("limit", 100), f"{place}.operations.storeBatch.limit"),
        page_size=(
            _number(size.get("min", 1), f"{place}.pagination.pageSize.min"),
            most,
            min(most, _number(size.get("default", 100), f"{place}.pagination.pageSize.default")),
        ),
        pages=_number(pages.get("max", 1000), f"{place}.pagination.pages.max"),
        retention_days=_days(raw.get("retentionPeriod", "P30D"), f"{place}.retentionPeriod"),
        conditional=raw.get("conditionalUpdates") is not False,
        one_of=one_of,
    )


def _fields(raw: Any, one_of: tuple[tuple[str, ...], ...], place: str) -> dict[str, Field]:
    """The fields of a resource, the common ones included; `place` is that of the resource."""
    here = f"{place}.fields"
    given = parse_fields(raw, here)
    for name, field in given.items():
        if field.localised_by is not None and field.localised_by not in given:
            raise ValueError(f"{here}.{name}.localisedBy: {field.localised_by!r} is not a field")
    return coherent(with_common_fields(given, here), one_of, here, f"{place}.xfields")


def _filters(raw: Any, fields: Mapping[str, Field], place: str) -> dict[str, Filter]:
    """The filters; `withRef` is always there, because direct relationships are resolved with it."""
    result = {"withRef": Filter("withRef", fields["ref"])}
    for name, item in json_object(raw, place).items():
        here = f"{place}.{name}"
        kind = json_object(item, here).get("type", "with")
        if kind == "with":
            path = item.get("fieldNamePath")
            field = find_field(fields, path) if isinstance(path, str) else None
            if field is None:
                raise ValueError(f"{here}.fieldNamePath: {path!r} is not a field")
            if is_object(field):
                raise ValueError(f"{here}.fieldNamePath: {path!r} is an object; name one of its fields")
            prefix = bool(item.get("prefix")) or field.type == "stringMap"
            result[name] = Filter(name, field, range=bool(item.get("range")), prefix=prefix)
        elif kind == "predefined":
            values = json_object(item.get("values", {}), f"{here}.values")
            for value, filters in values.items():
                for key, text in json_object(filters, f"{here}.values.{value}").items():
                    if not isinstance(text, str):
                        raise ValueError(f"{here}.values.{value}.{key} must be a text, as in a query")
            result[name] = Filter(name, predefined=values)
        elif kind == "q":
            result[name] = Filter(name, includes=json_names(item.get("includes", []), f"{here}.includes"))
        else:
            raise ValueError(f"{here}.type is {kind!r}; it must be 'with', 'q' or 'predefined'")
    return result


def find_field(fields: Mapping[str, Field], path: str) -> Field | None:
    """The field at a dotted path, if there is one; a path that goes on inside a map is the value of that key."""
    found: Field | None = None
    for step in path.split("."):
        if found is not None and found.is_map:
            return Field(name=step, path=path, many=True)
        found = fields.get(step)
        if found is None:
            return None
        fields = found.fields or {}
    return found


def _relationships(raw: Any, place: str) -> dict[str, Relationship]:
    """The relationships, with every `through` leading to an end."""
    result = {name: _relationship(name, item, f"{place}.{name}") for name, item in json_object(raw, place).items()}
    for name in result:
        seen = list(_hops(name, result, place))
        if len(seen) != len(set(seen)):
            raise ValueError(f"{place}.{name}.through leads back to itself")
    return result


def _hops(name: str, relationships: Mapping[str, Relationship], place: str) -> Iterator[str]:
    """The names along a chain of `through`, at most one more than there are relationships."""
    for _ in range(len(relationships) + 1):
        yield name
        through = relationships[name].through
        if through is None:
            return
        if through not in relationships:
            raise ValueError(f"{place}.{name}.through: {through!r} is not a relationship")
        name = through


def _relationship(name: str, raw: Any, place: str) -> Relationship:
    """One relationship."""
    raw = json_object(raw, place)
    kind, through = raw.get("type"), raw.get("through")
    if kind not in ("direct", "indirect"):
        raise ValueError(f"{place}.type must be 'direct' or 'indirect'")
    needed = "fieldNamePath" if kind == "direct" else "filterName"
    for key in ("resourceType", needed):
        if type(raw.get(key)) is not str:
            raise ValueError(f"{place}.{key} must be a text")
    if through is not None and not isinstance(through, str):
        raise ValueError(f"{place}.through must be the name of a relationship")
    return Relationship(
        name=name,
        target=raw["resourceType"],
        direct=kind == "direct",
        path=raw.get("fieldNamePath", ""),
        filter_name=raw.get("filterName", ""),
        fields=json_names(raw.get("fields", []), f"{place}.fields"),
        through=through,
        batch=_number(raw.get("batchSize", 10), f"{place}.batchSize"),
        intersectable=raw.get("intersectable") is not False,
    )


def _check_paths(resource: Resource, resources: Mapping[str, Resource]) -> None:
    """Refuse a direct relationship that would read refs from an object."""
    for name, relationship in resource.relationships.items():
        through = resource.relationships.get(relationship.through or "")
        holder = resource if through is None else resources.get(through.target)
        field = find_field(holder.fields, relationship.path) if holder is not None and relationship.direct else None
        if field is not None and is_object(field):
            place = f"resourcefuls.{resource.plural}.relationships.{name}.fieldNamePath"
            raise ValueError(f"{place}: {relationship.path!r} is an object; name one of its fields")


def _days(raw: Any, place: str) -> int:
    """Whole days of an ISO duration; parts below a day do not matter for the retention of records."""
    match = (
        re.fullmatch(r"P(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T.*)?", raw)
        if isinstance(raw, str)
        else None
    )
    if match is None:
        raise ValueError(f"{place} must be an ISO 8601 duration such as P30D")
    years, months, weeks, days = (int(part or 0) for part in match.groups())
    return years * 365 + months * 30 + weeks * 7 + days
