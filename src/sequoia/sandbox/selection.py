"""Which documents a browse wants, and the SQL that finds them without ever reading what lies before the page."""

# ruff: noqa: S608 - the SQL is put together from fixed parts; every value is a parameter
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sequoia.sandbox.conditions import Condition, Demand, Statement, arms, candidates, holds
from sequoia.sandbox.values import Key

__all__ = [
    "Condition",
    "Order",
    "Position",
    "Selection",
    "Statement",
    "count_query",
    "facet_query",
    "keys_query",
    "narrow_query",
]

NARROW = 1_000
"""A condition with at most this many matches is cheaper to sort than to look for along an order."""
_MOST_PARAMETERS = 5_000
_POINT = "k.field = ? AND k.value = ?"

Position = tuple[Key, ...]
"""Where a page ended: the values of its order, then the ref."""


@dataclass(frozen=True, slots=True)
class Order:
    """One step of a sort."""

    axis: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """A set of documents of one resource, and an order of them.

    Attributes:
        owner: Only documents of this owner; None for all.
        conditions: All must hold.
        order: The sort by other fields than the ref.
        backwards: Whether equal documents are in the descending order of their refs.
        after: Only what comes after this position.
    """

    owner: str | None = None
    conditions: tuple[Demand, ...] = ()
    order: tuple[Order, ...] = ()
    backwards: bool = False
    after: Position | None = None


def narrow_query(axes: Mapping[str, int], condition: Condition) -> Statement:
    """Counts the entries of a condition, but no further than what decides between two plans."""
    parts = arms(axes, condition, "n")
    text = " UNION ALL ".join(f"SELECT 1 FROM entry AS n WHERE {where}" for where, _ in parts)
    return f"SELECT count(*) FROM ({text} LIMIT {NARROW + 1})", [value for _, values in parts for value in values]


def keys_query(  # noqa: PLR0913 - one SELECT has this many parts
    resource: int,
    axes: Mapping[str, int],
    selection: Selection,
    driver: Condition | None,
    *,
    limit: int,
    offset: int,
) -> Statement:
    """Finds one page of refs, each with the values of the order.

    Args:
        resource: The id of the resource.
        axes: The id of every axis.
        selection: What to find.
        driver: The condition to start from, one of the selection's; None to walk along the order.
        limit: Most rows.
        offset: Rows to skip, for numbered pages.
    """
    if selection.order:
        text, values = _sorted(resource, axes, selection, driver)
    else:
        text, values = _refs(resource, axes, selection, driver)
        text += f" ORDER BY ref{_direction(descending=selection.backwards)}"
    return f"{text} LIMIT ? OFFSET ?", [*values, limit, offset]


def count_query(resource: int, axes: Mapping[str, int], selection: Selection, driver: Condition | None) -> Statement:
    """Counts all documents of a selection; arguments as in `keys_query`."""
    text, values = _refs(resource, axes, selection, driver)
    return f"SELECT count(*) FROM ({text})", values


def facet_query(
    resource: int, axes: Mapping[str, int], selection: Selection, driver: Condition | None, axis: str
) -> Statement:
    """Counts the documents of a selection for each value on `axis`; further arguments as in `keys_query`."""
    text, values = _refs(resource, axes, selection, driver)
    joined = f"({text}) AS k CROSS JOIN entry AS e ON e.ref = k.ref AND e.field = ?"
    return f"SELECT value, count(*) FROM {joined} GROUP BY value", [*values, axes[axis]]


def _rest(
    resource: int, axes: Mapping[str, int], selection: Selection, driver: Condition | None, ref: str
) -> Iterator[Statement]:
    """Everything but the driver and the position in a sort, as expressions over one document."""
    for sign, bound in _bounds(selection):
        yield f"{ref} {sign} ?", [bound]
    for condition in selection.conditions:
        if condition is not driver:
            yield holds(resource, axes, condition, ref)


def _bounds(selection: Selection) -> Iterator[tuple[str, Key]]:
    """The range of refs, with one bound on each side: of two, SQLite might start from the one that lies farther off."""
    # A ref is `owner:name`, so the refs of one owner stand together; a semicolon follows a colon.
    low, high = ([], []) if selection.owner is None else ([f"{selection.owner}:"], [f"{selection.owner};"])
    if selection.after is not None and not selection.order:
        (high if selection.backwards else low).append(str(selection.after[-1]))
    if low:
        yield ">", max(low)
    if high:
        yield "<", min(high)


def _joined(parts: Sequence[Statement]) -> Statement:
    """Expressions, each after an AND."""
    return "".join(f" AND {text}" for text, _ in parts), [value for _, values in parts for value in values]


def _refs(resource: int, axes: Mapping[str, int], selection: Selection, driver: Condition | None) -> Statement:
    """The refs of a selection, in their own order.

    A list of alternatives becomes a UNION of one walk for each: SQLite merges walks that are in order already, and
    so stops after one page, while it would have to sort the result of a single `IN`.
    """
    more, more_values = _joined(list(_rest(resource, axes, selection, driver, "k.ref")))
    if driver is None or driver.axis == "ref":
        where, values = ("", []) if driver is None else holds(resource, axes, driver, "k.ref")
        text = f"SELECT k.ref AS ref FROM document AS k WHERE k.resource = ?{' AND ' + where if where else ''}{more}"
        return text, [resource, *values, *more_values]
    parts = arms(axes, driver, "k")
    if len(parts) * (len(more_values) + 2) > _MOST_PARAMETERS:
        text, values = candidates(axes, driver)
        return f"SELECT k.ref AS ref FROM ({text}) AS k WHERE 1{more}", [*values, *more_values]
    once = "DISTINCT " if len(parts) == 1 and parts[0][0] != _POINT else ""
    text = " UNION ".join(f"SELECT {once}k.ref AS ref FROM entry AS k WHERE {where}{more}" for where, _ in parts)
    return text, [value for _, values in parts for value in (*values, *more_values)]


def _sorted(resource: int, axes: Mapping[str, int], selection: Selection, driver: Condition | None) -> Statement:
    """The refs of a selection in the order of one or more axes, with the values of that order."""
    order = selection.order
    rest = list(_rest(resource, axes, selection, driver, "o0.ref"))
    if selection.after is not None:
        rest.append(_after(order, selection.after, backwards=selection.backwards))
    first = "o0.field = ?"
    if driver is None:
        source, values = "entry AS o0", []
        rest += _stretch(selection)
    else:
        if driver.axis == "ref":
            where, found = holds(resource, axes, driver, "ref")
            inner, values = f"SELECT ref FROM document WHERE resource = ? AND {where}", [resource, *found]
        else:
            inner, values = candidates(axes, driver)
        source = f"({inner}) AS k CROSS JOIN entry AS o0"
        first = "o0.ref = k.ref AND o0.field = ?"
    for index, step in enumerate(order[1:], 1):
        # CROSS JOIN keeps the written order of the tables: the first axis is walked, the others are looked up.
        source += f" CROSS JOIN entry AS o{index} ON o{index}.ref = o0.ref AND o{index}.field = ?"
        values = [*values, axes[step.axis]]
    more, more_values = _joined(rest)
    by = ", ".join(f"o{index}.value{_direction(descending=step.descending)}" for index, step in enumerate(order))
    columns = "".join(f", o{index}.value" for index in range(len(order)))
    by += f", o0.ref{_direction(descending=selection.backwards)}"
    text = f"SELECT o0.ref{columns} FROM {source} WHERE {first}{more} ORDER BY {by}"
    return text, [*values, axes[order[0].axis], *more_values]


def _stretch(selection: Selection) -> Iterator[Statement]:
    """The bounds of a range of the very axis that is walked, so that the walk does not begin or end outside of it."""
    step = selection.order[0]
    for condition in selection.conditions:
        if isinstance(condition, Condition) and condition.axis == step.axis and _is_span(condition):
            low, high = condition.spans[0].bounds("o0.value")
            start, end = (high, low) if step.descending else (low, high)
            yield end
            if selection.after is None:
                # A position lies in the range already, and of two bounds SQLite might start from the farther one.
                yield start
            return


def _is_span(condition: Condition) -> bool:
    return len(condition.spans) == 1 and not condition.values and not condition.endings


def _direction(*, descending: bool) -> str:
    """What follows a column in ORDER BY."""
    return " DESC" if descending else ""


def _after(order: Sequence[Order], position: Position, *, backwards: bool) -> Statement:
    """What comes after a position, as one comparison that an index can start from."""
    *keys, ref = position
    if len(order) == 1 and order[0].descending == backwards:
        sign = "<" if backwards else ">"
        return f"(o0.value, o0.ref) {sign} (?, ?)", [*keys, ref]
    alternatives: list[str] = []
    values: list[Key] = []
    columns = [(f"o{index}.value", step.descending) for index, step in enumerate(order)]
    columns.append(("o0.ref", backwards))
    for index, (column, descending) in enumerate(columns):
        equal = "".join(f"{name} = ? AND " for name, _ in columns[:index])
        alternatives.append(f"({equal}{column} {'<' if descending else '>'} ?)")
        values += position[: index + 1]
    bound = f"o0.value {'<=' if order[0].descending else '>='} ?"
    return f"{bound} AND ({' OR '.join(alternatives)})", [keys[0], *values]
