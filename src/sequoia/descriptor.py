"""What a service says about itself: its resources and how they relate."""

from __future__ import annotations

from typing import Any

import msgspec

from sequoia.error import DecodeError, ResourceNotFound
from sequoia.names import json_key, suggestion

__all__ = ["Descriptor", "Filterable", "Relationship", "ResourceType", "Route", "RouteInput", "RouteInputs"]


class _Described(msgspec.Struct, rename="camel", kw_only=True):
    """Whatever a newer platform adds is left aside."""


class Filterable(_Described):
    """A filter of a resource: the field that it looks at."""

    field_name_path: str | None = None


class Relationship(_Described):
    """How resources of one type lead to those of another.

    Attributes:
        type: `direct`: the parent has refs; `indirect`: the target has the parent's ref.
        resource_type: The target's plural name.
        field_name_path: Direct: the parent's field with one ref or a list of them.
        filter_name: Indirect: the target's filter for the parent's ref.
        through: Name of another relationship to hop over.
    """

    type: str
    resource_type: str
    field_name_path: str | None = None
    filter_name: str | None = None
    through: str | None = None


class ResourceType(_Described):
    """One of a service's resources."""

    plural_name: str
    singular_name: str
    hyphenated_plural_name: str
    filters: dict[str, Filterable] = {}
    relationships: dict[str, Relationship] = {}


class RouteInput(_Described):
    """A parameter of a route."""

    name: str
    required: bool = False
    flags: dict[str, Any] = {}

    @property
    def is_required(self) -> bool:
        """Whether the route cannot do without it; descriptors say so in one of two ways."""
        return self.required or self.flags.get("presence") == "required"


class RouteInputs(_Described):
    """What a route takes besides a body."""

    query: list[RouteInput] = []


class Route(_Described):
    """A business endpoint: `GET /f/{owner}/{name}/{variant?}`."""

    name: str
    path: str
    method: str = "GET"
    inputs: RouteInputs = msgspec.field(default_factory=RouteInputs)


class Descriptor(_Described):
    """A service's descriptor (`/descriptor/raw`), as far as the SDK reads it."""

    name: str = ""
    title: str = ""
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
        """The resource that is called `name` in any of its spellings.

        Raises:
            ResourceNotFound: There is none; the message names the close matches.
        """
        found = self.resourcefuls.get(json_key(name))
        if found is None:
            near = suggestion(json_key(name), self.resourcefuls)
            raise ResourceNotFound(f"the service {self.name!r} has no resource {name!r}: {near}", 404)
        return found

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
