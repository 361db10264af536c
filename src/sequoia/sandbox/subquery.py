"""The parameters of a sub-request: what `<relationship>.<name>` means to the resource that it leads to."""

from __future__ import annotations

from sequoia.sandbox.query import PARAMETERS, Pairs
from sequoia.sandbox.schema import Resource

__all__ = ["MOST_LEVELS", "sub_parameters"]

MOST_LEVELS = 3
"""How deep inclusions may be nested in each other, the outermost one counted."""


def sub_parameters(target: Resource, parameters: Pairs) -> list[tuple[str, str]]:
    """The parameters of a sub-request, without `continue=true`, which changes nothing about what is found.

    Args:
        target: What is asked for.
        parameters: Names without the relationship in front, and values.
    """
    return [(_parameter(target, name), value) for name, value in parameters if name != "continue"]


def _parameter(target: Resource, name: str) -> str:
    """The name by which the target knows a parameter: that of a field stands for the filter of the field."""
    if name in PARAMETERS or name in target.filters:
        return name
    found = [item.name for item in target.filters.values() if item.field is not None and item.field.path == name]
    usual = f"with{name[:1].upper()}{name[1:]}"
    if usual in found:
        return usual
    return found[0] if found else name
