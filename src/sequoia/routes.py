"""Routes: a service's business endpoints as its descriptor has them, turned into calls.

The descriptor says where a route is, how it is asked and what it needs; what is missing is found here, before
anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from sequoia.calls import Call, is_idempotent
from sequoia.descriptor import Route
from sequoia.names import suggestion
from sequoia.operations import json_body
from sequoia.urls import with_query

__all__ = ["RoutePath"]

# A part of a path: `{owner}`, `{variant?}`; hapi also writes `{rest*}` for what may hold slashes.
_PART = re.compile(r"\{(\w+)([?*]?)\d*\}")


class RoutePath:
    """One route of a service.

    The calls that it makes are relative to the service's location, see `Call.at`.

    Args:
        route: The route, as the descriptor has it.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        self._parts = dict(_PART.findall(route.path))
        self._query = {one.name: one.is_required for one in route.inputs.query}

    def call(self, values: Mapping[str, Any], content: Any) -> Call:
        """The call to the route.

        Args:
            values: Values of its path and query parameters, by name; None for not given.
            content: JSON text, or anything that can be made JSON; None for no body.

        Raises:
            ValueError: The route needs a value that is not given, does not know one that is, or the body is not JSON.
        """
        given = {name: value for name, value in values.items() if value is not None}
        self._check(given)
        path = _PART.sub(lambda part: self._filled(part, given), self._route.path)
        path = re.sub(r"(?<!^)/+$", "", re.sub(r"//+", "/", path))
        query = {name: given[name] for name in given if name not in self._parts}
        method = self._route.method.upper()
        url = with_query(f"/{path.removeprefix('/')}", query)
        return Call(method, url, body=json_body(content), repeatable=is_idempotent(method))

    def _check(self, given: Mapping[str, Any]) -> None:
        needed = [name for name, mark in self._parts.items() if mark != "?"]
        needed += [name for name, required in self._query.items() if required]
        missing = [name for name in needed if given.get(name, "") == ""]
        if missing:
            raise ValueError(f"the route {self._route.name!r} needs {' and '.join(missing)}")
        known = {*self._parts, *self._query}
        for name in given:
            if name not in known:
                raise ValueError(f"the route {self._route.name!r} has no {name!r}: {suggestion(name, known)}")

    def _filled(self, part: re.Match[str], given: Mapping[str, Any]) -> str:
        value = str(given.get(part[1], ""))
        if not {".", ".."}.isdisjoint(value.split("/")):
            raise ValueError(f"the route {self._route.name!r} does not lead to {value!r}: a segment is all dots")
        return quote(value, safe=":/" if part[2] == "*" else ":")

    def __repr__(self) -> str:
        return f"{self._route.method.upper()} {self._route.path}"
