"""What a service says about itself: its resources, their fields and filters, how they relate, and its routes.

`Descriptor.parse` reads `/descriptor/raw` into frozen values. Whatever else a platform says there is left aside, and a
key that it leaves out has its usual meaning.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from sequoia.error import DecodeError, ResourceNotFound
from sequoia.names import json_key, suggestion

__all__ = [
    "Descriptor",
    "FieldType",
    "FilterType",
    "OperationType",
    "PageSize",
    "Pagination",
    "Relationship",
    "ResourceType",
    "Route",
    "RouteInput",
    "RouteInputs",
]

# Types whose values are objects of freely chosen keys: a dotted path goes on inside of them.
_MAPS = frozenset({"stringMap", "map", "scores", "money", "ratings"})


class _Described(msgspec.Struct, rename="camel", kw_only=True, frozen=True):
    """Whatever a newer platform adds is left aside."""


class FieldType(_Described, frozen=True):
    """One field of a resource, or of an object inside it.

    Attributes:
        type: A type of the platform, such as `timestamp`; empty for a nested object.
        field_name_path: The dotted way to it from the resource.
        description: What it is, in the platform's words.
        required: Whether a resource cannot be stored without it.
        read_only: Whether only the service sets it.
        array: Whether it is a list: true, or the least and greatest number of items.
        min: Least number, or length of a text.
        max: Greatest number, length of a text, or number of keys of a map.
        default: What the service stores where it is absent.
        sort: Whether resources can be sorted by it (`sort`).
        countable: Whether its values can be counted (`count`).
        nonexistent: Where an absent value stands in an order: before all others (`low`) or after them (`high`).
        type_info: The `pattern` of its text, and what is allowed as `keys` and `values` of a map.
        allowed_values: The values that it may have; each has a `value` and perhaps `alternatives`.
        allowed_value_mappings: Every accepted value with the one that is stored for it.
        localised_by: The field with its translations.
        localisation_of: The field that this one translates.
        fields: The fields of a nested object.
        xfields: Groups of nested fields that exclude each other.
    """

    type: str = ""
    field_name_path: str | None = None
    description: str | None = None
    required: bool = False
    read_only: bool = False
    array: bool | dict[str, Any] = False
    min: float | None = None
    max: float | None = None
    default: Any = None
    sort: bool = False
    countable: bool = False
    nonexistent: Literal["low", "high"] | None = None
    type_info: dict[str, Any] = {}
    allowed_values: list[dict[str, Any]] | None = None
    allowed_value_mappings: dict[str, str] = {}
    localised_by: str | None = None
    localisation_of: str | None = None
    fields: dict[str, FieldType] | None = None
    xfields: list[dict[str, Any]] = []

    @property
    def is_map(self) -> bool:
        """Whether its value is an object of freely chosen keys."""
        return self.localisation_of is not None or self.type in _MAPS

    @property
    def accepted(self) -> Mapping[str, str] | None:
        """Every accepted value with the one that is stored for it; None where any value is accepted."""
        if self.allowed_values is None:
            return None
        listed = {
            str(name): str(item["value"])
            for item in self.allowed_values
            if "value" in item
            for name in (item["value"], *_alternatives(item))
        }
        return listed | self.allowed_value_mappings


class FilterType(_Described, frozen=True):
    """A query parameter that narrows a browse.

    Attributes:
        type: `with` for a field's filter, `q` for free text, `predefined` for a named one.
        value_type: Type of the value.
        field_name_path: The field that it looks at.
        and_: Whether it takes `a&&b`; None where the descriptor does not say.
        or_: Whether it takes `a||b`; likewise.
        prefix: Whether it takes `v*`.
        range: Whether it takes ranges, `a/b`.
        prohibited: Kinds of users that may not use it.
        includes: `q`: the fields whose text it searches.
        values: `predefined`: for each value, the filters that it stands for.
    """

    type: str = "with"
    value_type: str | None = None
    field_name_path: str | None = None
    and_: bool | None = msgspec.field(default=None, name="and")
    or_: bool | None = msgspec.field(default=None, name="or")
    prefix: bool = False
    range: bool = False
    prohibited: Any = None
    includes: list[str] = []
    values: dict[str, Any] = {}


class Relationship(_Described, frozen=True):
    """How resources of one type lead to those of another.

    Attributes:
        type: `direct`: the parent has refs; `indirect`: the target has the parent's ref.
        resource_type: The target's plural name.
        field_name_path: Direct: the parent's field with one ref or a list of them.
        filter_name: Indirect: the target's filter for the parent's ref.
        through: Name of another relationship to hop over.
        fields: The fields of linked resources that come where a query asks for none.
        batch_size: Parents whose linked resources the service asks for at once.
        intersectable: Whether `Criteria.intersect` can be used with it; None where the descriptor does not say.
    """

    type: str
    resource_type: str
    field_name_path: str | None = None
    filter_name: str | None = None
    through: str | None = None
    fields: list[str] = []
    batch_size: int = 10
    intersectable: bool | None = None


class PageSize(_Described, frozen=True):
    """Bounds of `perPage`, in resources."""

    min: int = 1
    max: int = 100
    default: int = 100


class Pages(_Described, frozen=True):
    """Bounds of `page`."""

    max: int = 1000


class Pagination(_Described, frozen=True):
    """How long a page may be, and how far `page` goes."""

    page_size: PageSize = PageSize()
    pages: Pages = Pages()


class OperationType(_Described, frozen=True):
    """Something that can be done with a resource: who may, and with how many at once."""

    description: str | None = None
    actions: list[str] = []
    limit: int | None = None
    enabled: bool = True


class ResourceType(_Described, frozen=True):
    """One of a service's resources.

    Attributes:
        plural_name: Its name in JSON: `offerTemplates`.
        singular_name: `offerTemplate`.
        hyphenated_plural_name: Its name in URLs: `offer-templates`.
        description: What it is, in the platform's words.
        fields: Its fields, by name.
        filters: The query parameters that narrow a browse, by name: `withType`.
        relationships: What can be included, by name.
        pagination: Bounds of a page.
        operations: What can be done with it: `browse`, `get`, `storeBatch`, `storeOne`, `delete`.
        consistency: `eventual` where a browse may lag behind a write for some seconds.
        conditional_updates: Whether `If-Match` is honoured; None where the descriptor does not say.
        xfields: Groups of fields that exclude each other.
    """

    plural_name: str
    singular_name: str
    hyphenated_plural_name: str
    description: str | None = None
    fields: dict[str, FieldType] = {}
    filters: dict[str, FilterType] = {}
    relationships: dict[str, Relationship] = {}
    pagination: Pagination = Pagination()
    operations: dict[str, OperationType] = {}
    consistency: str | None = None
    conditional_updates: bool | None = None
    xfields: list[dict[str, Any]] = []

    def field(self, path: str) -> FieldType | None:
        """The field at a dotted path, None where there is none; inside a map, the value of any key is a field."""
        found: FieldType | None = None
        fields: Mapping[str, FieldType] = self.fields
        for step in path.split("."):
            if found is not None and found.is_map:
                return FieldType(field_name_path=path)
            found = fields.get(step)
            if found is None:
                return None
            fields = found.fields or {}
        return found

    def paths(self) -> Iterator[tuple[str, FieldType]]:
        """Every field with its dotted path, those of nested objects included."""
        pending = deque(self.fields.items())
        while pending:
            path, found = pending.popleft()
            yield path, found
            pending += [(f"{path}.{name}", inner) for name, inner in (found.fields or {}).items()]

    def is_called(self, key: str) -> bool:
        """Whether `key`, in camel case, is one of its names."""
        return key in {self.plural_name, self.singular_name, json_key(self.hyphenated_plural_name)}

    @property
    def store_limit(self) -> int:
        """How many resources one `store` may carry (`operations.storeBatch.limit`)."""
        batch = self.operations.get("storeBatch")
        return batch.limit if batch is not None and batch.limit else 100


class RouteInput(_Described, frozen=True):
    """A parameter of a route."""

    name: str
    required: bool = False
    description: str | None = None
    flags: dict[str, Any] = {}

    @property
    def is_required(self) -> bool:
        """Whether the route cannot do without it; descriptors say so in one of two ways."""
        return self.required or self.flags.get("presence") == "required"


class RouteInputs(_Described, frozen=True):
    """What a route takes besides a body."""

    query: list[RouteInput] = []


class Route(_Described, frozen=True):
    """A business endpoint: `GET /f/{owner}/{name}/{variant?}`."""

    name: str
    path: str
    method: str = "GET"
    title: str | None = None
    description: str | None = None
    inputs: RouteInputs = RouteInputs()


def _alternatives(item: Mapping[str, Any]) -> list[Any]:
    found = item.get("alternatives")
    return found if isinstance(found, list) else []


class Descriptor(_Described, frozen=True):
    """A service's descriptor (`/descriptor/raw`).

    Attributes:
        name: Name of the service.
        title: Its title.
        description: What it is, in the platform's words.
        resourcefuls: Its resources, by plural name.
        routes: Its business endpoints.
    """

    name: str = ""
    title: str = ""
    description: str | None = None
    resourcefuls: dict[str, ResourceType] = {}
    routes: list[Route] = []

    @classmethod
    def parse(cls, data: Any) -> Descriptor:
        """Read a decoded descriptor.

        Raises:
            DecodeError: It is none; the message names the place.
        """
        try:
            return msgspec.convert(data, cls)
        except msgspec.ValidationError as error:
            raise DecodeError(f"the service's descriptor cannot be read: {error}", error) from error

    def resource(self, name: str) -> ResourceType:
        """The resource that is called `name`: plural or singular, in camel case, snake case or with hyphens.

        Raises:
            ResourceNotFound: There is none; the message names the close matches.
        """
        key = json_key(name)
        found = self.resourcefuls.get(key)
        if found is None:
            found = next((one for one in self.resourcefuls.values() if one.is_called(key)), None)
        if found is None:
            raise self.unknown(name)
        return found

    def unknown(self, name: str) -> ResourceNotFound:
        """The error for a resource that there is not; the message names the close matches."""
        near = suggestion(json_key(name), self.resourcefuls)
        return ResourceNotFound(f"the service {self.name!r} has no resource {name!r}: {near}", 404)

    def route(self, name: str) -> Route:
        """The route of this name.

        Raises:
            ResourceNotFound: There is none; the message names the close matches.
        """
        found = next((route for route in self.routes if route.name == name), None)
        if found is None:
            near = suggestion(name, {route.name for route in self.routes})
            raise ResourceNotFound(f"the service {self.name!r} has no route {name!r}: {near}", 404)
        return found

    def link_field(self, relationship: Relationship) -> str | None:
        """Indirect relationships: the target's field that holds the ref, by its filter or by the filter's name."""
        if not relationship.filter_name:
            return None
        target = self.resourcefuls.get(relationship.resource_type)
        known = target.filters.get(relationship.filter_name) if target else None
        if known and known.field_name_path:
            return known.field_name_path
        bare = relationship.filter_name.removeprefix("with")
        return bare[:1].lower() + bare[1:]
