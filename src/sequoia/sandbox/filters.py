"""The values of filter parameters: equality, alternatives with `||`, all of with `&&`, and named filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sequoia.sandbox.schema import Filter, Resource
from sequoia.sandbox.selection import Condition
from sequoia.sandbox.values import InvalidValueError, query_key
from sequoia.sandbox.wire import WireError

__all__ = ["parse_filters"]

_MOST_ALTERNATIVES = 1_000
# Of a whole query; SQLite has limits for the size of a statement.
_MOST_CONDITIONS = 50
_MOST_VALUES = 5_000
# The platform knows these without a word in the descriptor, on every type that has the filters they stand for.
_PREDEFINED: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "active": {"true": {"withActive": "true"}},
    "available": {"true": {"withAvailabilityStartAt": "/NOW", "withAvailabilityEndAt": "NOW/"}},
}


def parse_filters(resource: Resource, pairs: Sequence[tuple[str, str]]) -> tuple[Condition, ...]:
    """Read everything in a query string that narrows a browse; repeated parameters must all hold.

    Args:
        resource: What is asked for.
        pairs: The parameters that are no part of paging, sorting or projection.

    Raises:
        WireError: 400, naming the parameter and the reason.
    """
    stands_for: dict[str, Mapping[str, str]] = {}
    plain: list[tuple[Filter, str]] = []
    for name, value in pairs:
        filter_ = resource.filters.get(name)
        values = filter_.predefined if filter_ is not None else _predefined(resource, name)
        if values is not None:
            stands_for[name] = _choice(name, value, values)
        elif filter_ is None:
            raise WireError(400, f"{name} is not allowed", keys=(name,))
        elif filter_.field is None:
            raise _refused(name, "free text is not supported by this sandbox yet")
        else:
            plain.append((filter_, value))
    overridden = {filter_name for filters in stands_for.values() for filter_name in filters}
    conditions = [
        condition for item, value in plain if item.name not in overridden for condition in _with(item, item.name, value)
    ]
    for name, filters in stands_for.items():
        for filter_name, value in filters.items():
            conditions += _with(resource.filters[filter_name], name, value)
    unique = tuple(dict.fromkeys(conditions))
    if len(unique) > _MOST_CONDITIONS or sum(len(item.values) for item in unique) > _MOST_VALUES:
        name = pairs[-1][0]
        raise _refused(name, f"a query may have {_MOST_CONDITIONS} conditions with {_MOST_VALUES} values in all")
    return unique


def _predefined(resource: Resource, name: str) -> Mapping[str, Mapping[str, str]] | None:
    """A named filter that the platform has on this type."""
    values = _PREDEFINED.get(name)
    if values is None or any(item not in resource.filters for filters in values.values() for item in filters):
        return None
    return values


def _choice(name: str, value: str, values: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    """The filters that one value of a named filter stands for; `false` stands for none."""
    if value not in values and value != "false":
        raise _refused(name, f"it must be one of [{', '.join(sorted({*values, 'false'}))}]")
    return values.get(value, {})


def _refused(name: str, reason: str) -> WireError:
    """The platform's answer to a parameter with a bad value."""
    return WireError(400, f"{name} is invalid - {reason}", keys=(name,))


def _with(filter_: Filter, name: str, value: str) -> Iterator[Condition]:
    """The conditions of one `with` parameter; `name` is the parameter that the client sent."""
    field = filter_.field
    if field is None:
        raise _refused(name, "it stands for a filter without a field")
    alternatives, together = value.split("||"), value.split("&&")
    if len(alternatives) > 1 and len(together) > 1:
        raise _refused(name, "|| together with && is not supported by this sandbox yet")
    if max(len(alternatives), len(together)) > _MOST_ALTERNATIVES:
        raise _refused(name, f"it must have at most {_MOST_ALTERNATIVES} values")
    for group in [alternatives] if len(alternatives) > 1 else [[part] for part in together]:
        for part in group:
            _refuse_operators(filter_, name, part)
        try:
            keys = dict.fromkeys(query_key(field, part) for part in group)
        except InvalidValueError as error:
            raise _refused(name, str(error)) from error
        yield Condition(field.path, tuple(keys))


def _refuse_operators(filter_: Filter, name: str, part: str) -> None:
    """Operators that are not built yet must not look like plain values: the answer would silently be wrong."""
    found = None
    if not part:
        raise _refused(name, "it is not allowed to be empty")
    if part.startswith("!"):
        found = "!"
    elif part.startswith("*") or part.endswith("*"):
        found = "*"
    elif filter_.range and "/" in part:
        found = "/"
    if found is not None:
        raise _refused(name, f"the operator {found} is not supported by this sandbox yet")
