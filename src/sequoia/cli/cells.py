"""What stands in a column: the value at a dotted path, and how a nested one is written in one cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from sequoia.descriptor import ResourceType

__all__ = ["columns_of", "flat", "shown", "value_at", "written"]

# What a terminal would act upon, or which would turn the order of the letters around.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def value_at(resource: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, None where there is none; along a list, the list of its items' values."""
    if path in resource:  # a relationship may have a dot in its name
        return resource[path]
    found: Any = resource
    for step in path.split("."):
        if isinstance(found, list):
            found = [item.get(step) for item in found if isinstance(item, Mapping)]
        elif isinstance(found, Mapping):
            found = found.get(step)
        else:
            return None
    return found


def flat(resource: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """The values of a resource with their dotted paths; lists stay whole."""
    for name, value in resource.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def written(value: Any) -> str:
    """A value in a cell that programs read: a text as it is, nothing for null, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def shown(value: Any) -> str:
    """A value in a cell that people read: lists parted by commas, and nothing that a terminal would act upon.

    Of resources, as they are included, the refs are shown.
    """
    if isinstance(value, list) and value and all(isinstance(item, Mapping) and "ref" in item for item in value):
        text = ", ".join(written(item["ref"]) for item in value)
    elif isinstance(value, list) and not any(isinstance(item, Mapping | list) for item in value):
        text = ", ".join(map(written, value))
    else:
        text = written(value)
    return _UNSHOWN.sub(lambda found: " " if found[0] in "\t\n\r" else f"\\x{ord(found[0]):02x}", text)


def columns_of(resource: ResourceType, fields: Sequence[str] = (), included: Sequence[str] = ()) -> list[str]:
    """The columns of a resource where every row needs the same: the fields asked for, or all that there are.

    Args:
        resource: What the service says about it.
        fields: The fields asked for; none for all.
        included: The relationships that come along; each is a column.
    """
    known = [path for path, field in resource.paths() if not field.fields or field.array]
    inside = tuple(f"{path}." for path, field in resource.paths() if field.fields and field.array)
    return [*(fields or (path for path in known if not path.startswith(inside))), *included]
