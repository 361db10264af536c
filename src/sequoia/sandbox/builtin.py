"""The services that the sandbox serves: the built-in ones, and those whose descriptors a user gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import msgspec

from sequoia.sandbox.describe import F, describe_resource, describe_service
from sequoia.sandbox.describe_routes import describe_route, root_routes
from sequoia.sandbox.descriptors import builtin_descriptors
from sequoia.sandbox.errors import SandboxError
from sequoia.sandbox.schema import DATA, Schema

__all__ = ["DescriptorSource", "gather_descriptors"]

DescriptorSource = str | Path | Mapping[str, Any]
"""A descriptor, or the path of a JSON file with one."""


class _Route(TypedDict):
    path: str


class _Frame(TypedDict):
    """What the sandbox reads of a descriptor outside its resources, which `Schema` checks."""

    title: NotRequired[str]
    description: NotRequired[str | None]
    routes: NotRequired[list[_Route]]


def gather_descriptors(sources: Iterable[DescriptorSource]) -> dict[str, dict[str, Any]]:
    """The descriptors of all services by name: `registry` first, then the built-in ones, then further ones.

    Args:
        sources: Further descriptors; one of the name of a built-in service replaces it.

    Raises:
        SandboxError: A descriptor that cannot be read or is broken; the message names the file and the place.
    """
    descriptors = {
        "registry": _registry(),
        "identity": _service("identity", "Identity", "Access tokens", _IDENTITY_ROUTES),
        **builtin_descriptors(),
        "validation": _service("validation", "Validation", "Rules that documents are held against", _VALIDATION_ROUTES),
    }
    given: dict[str, dict[str, Any]] = {}
    for position, source in enumerate(sources, start=1):
        label = f"descriptor {position}" if isinstance(source, Mapping) else str(source)
        try:
            descriptor = _read(source)
            schema = Schema.parse(descriptor)
            msgspec.convert(descriptor, _Frame)
        except (OSError, ValueError, RecursionError) as error:
            raise SandboxError(f"{label} is no usable service descriptor: {error}") from error
        if schema.name in given:
            raise SandboxError(f"{label} is a second descriptor of the service {schema.name!r}; give one of them only")
        given[schema.name] = _completed(descriptor, schema)
    if "registry" in given:
        # The sandbox keeps its own services there, so this resource is described by the sandbox.
        resources = given["registry"]["resourcefuls"] | descriptors["registry"]["resourcefuls"]
        given["registry"] = {**given["registry"], "resourcefuls": resources}
    return descriptors | given


def _read(source: DescriptorSource) -> dict[str, Any]:
    if isinstance(source, Mapping):
        return dict(source)
    content: dict[str, Any] = msgspec.json.decode(Path(source).read_bytes())
    return content


def _completed(descriptor: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """A descriptor with all that a server must send, however abridged it was given: clients rely on it."""
    resources = {
        plural: {
            "path": DATA,
            "singularName": _singular(plural),
            "pluralName": plural,
            "hyphenatedPluralName": schema.resources[plural].hyphenated,
            "relationships": {},
            **raw,
        }
        for plural, raw in descriptor["resourcefuls"].items()
    }
    own = {**descriptor, "description": descriptor.get("description") or "", "resourcefuls": resources}
    return {"title": schema.name, "routes": [], **own}


def _singular(plural: str) -> str:
    """A guess: the word for one of them."""
    if plural.endswith("ies"):
        return f"{plural[:-3]}y"
    return plural[:-1] if plural.endswith("s") and not plural.endswith("ss") else plural


def _service(
    name: str, title: str, description: str, routes: Iterable[dict[str, Any]], resources: Iterable[dict[str, Any]] = ()
) -> dict[str, Any]:
    """The descriptor of a service that is more than its resources."""
    return describe_service(name, title, description, resources, [*routes, *root_routes()])


def _registry() -> dict[str, Any]:
    """The registry, which is a data service as well: each registration is a resource."""
    location = {"required": True, "typeInfo": {"name": "origin", "pattern": r"https?://[^/?#\s]+"}}
    fields = (
        F("title", "string", "The name of the service for people", "with", {"sort": True}, prefix=True),
        F("description", "text", "What the service is for"),
        F("location", "string", "The origin of the service, without a path", "with", location, prefix=True),
    )
    services = describe_resource("registry", "services", "service", "Where a service is found", fields)
    # The usual pattern of a text lets more through than clients can use.
    services["fields"]["location"] |= location
    return _service("registry", "Registry", "The services and their locations", _REGISTRY_ROUTES, [services])


_BEARER = {"strategies": ["bearer"], "mode": "required"}
_REGISTRY_ROUTES = (describe_route("services", "GET", "/services/{owner}/{service?}", "The services of an owner"),)
_IDENTITY_ROUTES = (
    describe_route("token", "POST", "/oauth/token", "Exchanges a grant for an access token"),
    describe_route("revoke", "POST", "/oauth/revoke", "Makes an access token stop working"),
    describe_route("login", "POST", "/pauth/token", "Exchanges a user's name and password for an access token"),
    {**describe_route("tenants", "GET", "/pauth/tenants", "The tenants of the user"), "auth": _BEARER},
    {
        **describe_route("access", "GET", "/pauth/access", "What the user may do", ("tenants", "actions")),
        "auth": _BEARER,
    },
    describe_route("passwords", "POST", "/pauth/passwords", "Replaces a password"),
    describe_route("passwordResets", "POST", "/pauth/password-resets", "Asks for a token that replaces a password"),
)
_VALIDATION_ROUTES = (
    describe_route("validate", "POST", "/v/{owner}/{rule}", "Holds a document against a rule", ("validation",)),
)
