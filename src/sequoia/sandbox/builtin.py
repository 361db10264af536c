"""The services that the sandbox serves: the built-in ones, and those whose descriptors a user gives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import msgspec

from sequoia.sandbox.describe import describe_service
from sequoia.sandbox.descriptors import builtin_descriptors
from sequoia.sandbox.errors import SandboxError
from sequoia.sandbox.schema import Schema

__all__ = ["DescriptorSource", "gather_descriptors"]

DescriptorSource = str | Path | Mapping[str, Any]
"""A descriptor, or the path of a JSON file with one."""


class _Route(TypedDict):
    path: str


class _Frame(TypedDict):
    """What the sandbox reads of a descriptor outside its resources, which `Schema` checks."""

    title: NotRequired[str]
    routes: NotRequired[list[_Route]]


def gather_descriptors(sources: Iterable[DescriptorSource]) -> dict[str, dict[str, Any]]:
    """The descriptors of all services by name: `registry` first, then the built-in ones, then further ones.

    Args:
        sources: Further descriptors; one of the name of a built-in service replaces it.

    Raises:
        SandboxError: A descriptor that cannot be read or is broken; the message names the file and the place.
    """
    descriptors = {
        "registry": _service("registry", "Registry", "The services and their locations", _REGISTRY_ROUTES),
        "identity": _service("identity", "Identity", "Access tokens", _IDENTITY_ROUTES),
        **builtin_descriptors(),
        "validation": _service("validation", "Validation", "Rules that documents are held against", _VALIDATION_ROUTES),
    }
    given: dict[str, dict[str, Any]] = {}
    for position, source in enumerate(sources, start=1):
        label = f"descriptor {position}" if isinstance(source, Mapping) else str(source)
        try:
            descriptor = _read(source)
            name = Schema.parse(descriptor).name
            msgspec.convert(descriptor, _Frame)
        except (OSError, ValueError, RecursionError) as error:
            raise SandboxError(f"{label} is no usable service descriptor: {error}") from error
        if name in given:
            raise SandboxError(f"{label} is a second descriptor of the service {name!r}; give one of them only")
        given[name] = {"title": name, "description": "", "routes": [], **descriptor}
    return descriptors | given


def _read(source: DescriptorSource) -> dict[str, Any]:
    if isinstance(source, Mapping):
        return dict(source)
    content: dict[str, Any] = msgspec.json.decode(Path(source).read_bytes())
    return content


def _service(name: str, title: str, description: str, routes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The descriptor of a service without resources."""
    roots = (
        _route("root", "GET", "/robots.txt", "What crawlers may read"),
        _route("root", "GET", "/", "The name of this service"),
    )
    return describe_service(name, title, description, (), [*routes, *roots])


def _route(name: str, method: str, path: str, description: str, query: tuple[str, ...] = ()) -> dict[str, Any]:
    """One business endpoint; its path parameters are read off the path, and `{x?}` is an optional one."""
    return {
        "name": name,
        "title": name,
        "path": path,
        "method": method,
        "description": description,
        "notes": [],
        "tags": [],
        "actions": [],
        "stability": "stable",
        "auth": False,
        "inputs": {
            "params": [_input(parameter, required=not optional) for parameter, optional in _parameters(path)],
            "query": [_input(parameter, required=False) for parameter in query],
            "payload": [],
            "headers": [],
        },
        "responses": [],
    }


def _parameters(path: str) -> list[tuple[str, str]]:
    return re.findall(r"\{(\w+)(\??)\}", path)


def _input(name: str, *, required: bool) -> dict[str, Any]:
    return {"name": name, "type": "string", "required": required, "description": "", "examples": [], "invalids": []}


_BEARER = {"strategies": ["bearer"], "mode": "required"}
_REGISTRY_ROUTES = (_route("services", "GET", "/services/{owner}/{service?}", "The services of an owner"),)
_IDENTITY_ROUTES = (
    _route("token", "POST", "/oauth/token", "Exchanges a grant for an access token"),
    _route("revoke", "POST", "/oauth/revoke", "Makes an access token stop working"),
    _route("login", "POST", "/pauth/token", "Exchanges a user's name and password for an access token"),
    {**_route("tenants", "GET", "/pauth/tenants", "The tenants of the user"), "auth": _BEARER},
    {**_route("access", "GET", "/pauth/access", "What the user may do", ("tenants", "actions")), "auth": _BEARER},
    _route("passwords", "POST", "/pauth/passwords", "Replaces a password"),
    _route("passwordResets", "POST", "/pauth/password-resets", "Asks for a token that replaces a password"),
)
_VALIDATION_ROUTES = (
    _route("validate", "POST", "/v/{owner}/{rule}", "Holds a document against a rule", ("validation",)),
)
