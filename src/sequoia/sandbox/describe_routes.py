"""The `routes` of the built-in descriptors: business endpoints in the platform's long form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

__all__ = ["describe_route", "root_routes"]


def describe_route(name: str, method: str, path: str, description: str, query: Sequence[str] = ()) -> dict[str, Any]:
    """One endpoint that anybody may call.

    Args:
        name: Its name.
        method: Its HTTP method.
        path: Its path; the parameters are read off it, and `{x?}` is an optional one.
        description: What it does.
        query: Its query parameters, all of them optional.
    """
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


def root_routes() -> tuple[dict[str, Any], dict[str, Any]]:
    """The two routes named `root` that every service has."""
    return (
        describe_route("root", "GET", "/robots.txt", "What crawlers may read"),
        describe_route("root", "GET", "/", "Leads to what there is to read about this service"),
    )


def _parameters(path: str) -> list[tuple[str, str]]:
    return re.findall(r"\{(\w+)(\??)\}", path)


def _input(name: str, *, required: bool) -> dict[str, Any]:
    return {"name": name, "type": "string", "required": required, "description": "", "examples": [], "invalids": []}
