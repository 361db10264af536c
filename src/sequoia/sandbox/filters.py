"""The parameters that narrow a browse: filters of fields, named filters, and free text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from sequoia.sandbox.conditions import Demand, Words
from sequoia.sandbox.operators import Reader
from sequoia.sandbox.schema import Filter, Resource
from sequoia.sandbox.values import InvalidValueError
from sequoia.sandbox.wire import WireError

__all__ = ["PREDEFINED", "parse_filters"]

# Of a whole query; SQLite has limits for the size of a statement.
_MOST_CONDITIONS = 50
_MOST_VALUES = 5_000
_MOST_WORDS = 50
PREDEFINED: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "active": {"true": {"withActive": "true"}},
    "available": {"true": {"withAvailabilityStartAt": "/NOW", "withAvailabilityEndAt": "NOW/"}},
}
"""The platform knows these without a word in the descriptor, on every type that has the filters they stand for."""


def parse_filters(resource: Resource, pairs: Sequence[tuple[str, str]], *, now: str) -> tuple[Demand, ...]:
    """Read everything in a query string that narrows a browse; repeated parameters must all hold.

    Args:
        resource: What is asked for.
        pairs: The parameters that are no part of paging, sorting or projection.
        now: The time that `NOW` stands for, as wire text.

    Raises:
        WireError: 400, naming the parameter and the reason.
    """
    named: dict[str, Mapping[str, str]] = {}
    plain: list[tuple[Filter, str]] = []
    for name, value in pairs:
        filter_ = resource.filters.get(name)
        values = filter_.predefined if filter_ is not None else _predefined(resource, name)
        if values is not None:
            chosen = _choice(name, value, values)
            if named.setdefault(name, chosen) is not chosen:
                raise _refused(name, "it is given twice with different values")
        elif filter_ is None:
            raise WireError(400, f"{name} is not allowed", keys=(name,))
        else:
            plain.append((filter_, value))
    # Of the named filters, `active` takes the place of what it stands for; the others are further demands.
    overridden = named.get("active", {})
    demands = [
        demand
        for item, value in plain
        if item.name not in overridden
        for demand in _demands(item, item.name, value, now)
    ]
    for name, filters in named.items():
        for filter_name, value in filters.items():
            if filter_name not in resource.filters:
                raise _refused(name, f"it stands for {filter_name}, which is no filter")
            demands += _demands(resource.filters[filter_name], name, value, now)
    unique = tuple(dict.fromkeys(demands))
    if len(unique) > _MOST_CONDITIONS or sum(item.size for item in unique) > _MOST_VALUES:
        name = pairs[-1][0]
        raise _refused(name, f"a query may have {_MOST_CONDITIONS} conditions with {_MOST_VALUES} values in all")
    return unique


def _predefined(resource: Resource, name: str) -> Mapping[str, Mapping[str, str]] | None:
    """A named filter that the platform has on this type."""
    values = PREDEFINED.get(name)
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


def _demands(filter_: Filter, name: str, value: str, now: str) -> Iterator[Demand]:
    """What one parameter demands; `name` is the parameter that the client sent."""
    if filter_.field is None:
        yield _words(name, value)
        return
    reader = Reader(filter_.field, filter_.prefix, filter_.range or name == "available", now)
    try:
        yield from reader.read(value)
    except InvalidValueError as error:
        raise _refused(name, str(error)) from error


def _words(name: str, text: str) -> Words:
    """The words of a free text, each as a quoted string of FTS5, which does not know operators inside of quotes."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text))
    if not words:
        raise _refused(name, "it must have a word")
    if len(words) > _MOST_WORDS:
        raise _refused(name, f"it must have at most {_MOST_WORDS} words")
    return Words(" ".join(f'"{word}"' for word in dict.fromkeys(words)))
