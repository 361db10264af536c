"""Which documents a browse wants, and the SQL that finds them without ever reading what lies before the page."""

# ruff: noqa: S608 - the SQL is put together from fixed parts; every value is a parameter
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sequoia.sandbox.conditions import Condition, Demand, Hop, Statement, arms, candidates, holds
from sequoia.sandbox.shape import Shape
from sequoia.sandbox.values import Key

__all__ = [
    "Condition",
    "Order",
    "Position",
    "Selection",
    "Statement",
    "across_query",
    "count_query",
    "facet_query",
    "keys_query",
    "narrow_query",
]

NARROW = 1_000
"""A condition with at most this many matches is cheaper to sort than to look for along an order."""
_MOST_PARAMETERS = 5_000

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


def narrow_query(shape: Shape, condition: Condition) -> Statement:
    """Counts the entries of a condition, but no further than what decides between two plans."""
    parts = arms(shape, condition, "n")
    table = shape.table(condition.axis, "n")
    text = " UNION ALL ".join(f"SELECT 1 FROM {table} WHERE {part.where}" for part in parts)
    return f"SELECT count(*) FROM ({text} LIMIT {NARROW + 1})", [value for part in parts for value in part.values]


def keys_query(shape: Shape, selection: Selection, driver: Condition | None, *, limit: int, offset: int) -> Statement:
    """Finds one page of documents: for each its ref, its id, and the values of the order.

    Args:
        shape: The tables of the resource.
        selection: What to find.
        driver: The condition to start from, one of the selection's; None to walk along the order.
        limit: Most rows.
        offset: Rows to skip, for numbered pages.
    """
    if selection.order:
        text, values = _sorted(shape, selection, driver)
    else:
        text, values = _found(shape, selection, driver)
        direction = _direction(descending=selection.backwards)
        # The id makes no difference, but a UNION is sorted by all of its columns, the other ones upwards.
        text += f" ORDER BY ref{direction}, id{direction}"
    return f"{text} LIMIT ? OFFSET ?", [*values, limit, offset]


def count_query(shape: Shape, selection: Selection, driver: Condition | None) -> Statement:
    """Counts all documents of a selection; arguments as in `keys_query`."""
    text, values = _found(shape, selection, driver)
    return f"SELECT count(*) FROM ({text})", values


def facet_query(
    shape: Shape, selection: Selection, driver: Condition | None, axis: str, *, sampled: bool = False
) -> Statement:
    """Counts the documents of a selection for each value on an axis.

    Args:
        shape: The tables of the resource.
        selection: What to count.
        driver: As in `keys_query`.
        axis: The axis.
        sampled: Whether the id of one document with each value is wanted too.
    """
    found = f"count(*){', min(e.id)' * sampled}"
    text, values = _found(shape, selection, driver)
    if shape.has_many(axis):
        joined = f"({text}) AS k CROSS JOIN {shape.values} AS e ON e.id = k.id AND e.axis = {shape.numbers[axis]}"
        return f"SELECT e.value, {found} FROM {joined} GROUP BY e.value", values
    column = f"e.{shape.column(axis)}"
    joined = f"({text}) AS k CROSS JOIN {shape.documents} AS e ON e.id = k.id"
    return f"SELECT {column}, {found} FROM {joined} WHERE {column} IS NOT NULL GROUP BY {column}", values


def across_query(hop: Hop, refs: Sequence[str], *, limit: int) -> Statement:
    """Finds the other ends of an axis that holds refs, each once; arguments as in `Collection.across`."""
    shape = hop.shape
    marks = ", ".join("?" * len(refs))
    if not hop.forward:
        column, start = shape.along(hop.axis, "k")
        text = f"SELECT DISTINCT k.ref FROM {shape.table(hop.axis, 'k')} WHERE {start}{column} IN ({marks})"
    elif shape.has_many(hop.axis):
        joined = f"{shape.values} AS k ON k.id = d.id AND k.axis = {shape.numbers[hop.axis]}"
        text = f"SELECT DISTINCT k.value FROM {shape.documents} AS d CROSS JOIN {joined} WHERE d.ref IN ({marks})"
    else:
        text = f"SELECT DISTINCT d.{shape.column(hop.axis)} FROM {shape.documents} AS d WHERE d.ref IN ({marks})"
    return f"{text} LIMIT ?", [*refs, limit]


def _bounds(selection: Selection, ref: str) -> Iterator[Statement]:
    """The range of refs, with one bound on each side: of two, SQLite might start from the one that lies farther off."""
    # A ref is `owner:name`, so the refs of one owner stand together; a semicolon follows a colon.
    low, high = ([], []) if selection.owner is None else ([f"{selection.owner}:"], [f"{selection.owner};"])
    if selection.after is not None and not selection.order:
        (high if selection.backwards else low).append(str(selection.after[-1]))
    if low:
        yield f"{ref} > ?", [max(low)]
    if high:
        yield f"{ref} < ?", [min(high)]


def _rest(shape: Shape, selection: Selection, driver: Condition | None) -> list[Statement]:
    """Every condition but the driver, as expressions over the row of one document."""
    return [holds(shape, condition) for condition in selection.conditions if condition is not driver]


def _joined(parts: Iterable[Statement]) -> Statement:
    """Expressions with AND between them."""
    chosen = list(parts)
    return " AND ".join(text for text, _ in chosen) or "TRUE", [value for _, values in chosen for value in values]


def _found(shape: Shape, selection: Selection, driver: Condition | None) -> Statement:
    """The refs and ids of a selection; walks along an index are in the order of the refs.

    A list of alternatives becomes a UNION of one walk for each: SQLite merges walks that are in order already, and
    so stops after one page, while it would have to sort the result of a single `IN`.

    Args:
        shape: The tables of the resource.
        selection: What to find.
        driver: As in `keys_query`.
    """
    rest = _rest(shape, selection, driver)
    if driver is None or driver.axis == "ref":
        parts = [*([] if driver is None else [holds(shape, driver)]), *_bounds(selection, "d.ref"), *rest]
        where, values = _joined(parts)
        return f"SELECT d.ref AS ref, d.id AS id FROM {shape.documents} AS d WHERE {where}", values
    many = shape.has_many(driver.axis)
    alias = "k" if many else "d"
    stretches = arms(shape, driver, alias)
    more = [*_bounds(selection, f"{alias}.ref"), *rest]
    if len(stretches) * (sum(len(values) for _, values in more) + 2) > _MOST_PARAMETERS:
        text, values = candidates(shape, driver)
        where, others = _joined([*_bounds(selection, "d.ref"), *rest])
        joined = f"({text}) AS k CROSS JOIN {shape.documents} AS d ON d.id = k.id"
        return f"SELECT d.ref AS ref, d.id AS id FROM {joined} WHERE {where}", [*values, *others]
    source = shape.table(driver.axis, alias)
    if many and rest:
        # CROSS JOIN keeps the written order of the tables: from what is found along the index to the documents.
        source += f" CROSS JOIN {shape.documents} AS d ON d.id = k.id"
    once = "DISTINCT " if many and len(stretches) == 1 and not stretches[0].point else ""
    texts: list[str] = []
    values = []
    for stretch in stretches:
        where, found = _joined([(stretch.where, stretch.values), *more])
        texts.append(f"SELECT {once}{alias}.ref AS ref, {alias}.id AS id FROM {source} WHERE {where}")
        values += found
    return " UNION ".join(texts), values


def _sorted(shape: Shape, selection: Selection, driver: Condition | None) -> Statement:
    """The refs of a selection in the order of one or more axes, with the values of that order."""
    columns = [f"d.{shape.column(step.axis)}" for step in selection.order]
    parts = _rest(shape, selection, driver)
    # The plus keeps SQLite from a walk along the refs.
    parts += _bounds(selection, "+d.ref")
    if selection.after is not None:
        parts.append(_after(columns, selection, selection.after))
    if driver is None:
        source = shape.table(selection.order[0].axis, "d")
        values: list[Key] = []
        parts += _stretch(selection, columns[0])
    else:
        inner, values = candidates(shape, driver)
        source = f"({inner}) AS k CROSS JOIN {shape.documents} AS d ON d.id = k.id"
    where, more = _joined(parts)
    by = ", ".join(
        column + _direction(descending=step.descending) for column, step in zip(columns, selection.order, strict=True)
    )
    by += f", d.ref{_direction(descending=selection.backwards)}"
    return f"SELECT d.ref, d.id, {', '.join(columns)} FROM {source} WHERE {where} ORDER BY {by}", [*values, *more]


def _stretch(selection: Selection, column: str) -> Iterator[Statement]:
    """The bounds of a range of the very axis that is walked, so that the walk does not begin or end outside of it."""
    step = selection.order[0]
    for condition in selection.conditions:
        if isinstance(condition, Condition) and condition.axis == step.axis and _is_span(condition):
            low, high = condition.spans[0].bounds(column)
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


def _after(columns: Sequence[str], selection: Selection, position: Position) -> Statement:
    """What comes after a position, as one comparison that an index can start from."""
    order, backwards = selection.order, selection.backwards
    *keys, ref = position
    if len(order) == 1 and order[0].descending == backwards:
        sign = "<" if backwards else ">"
        return f"({columns[0]}, d.ref) {sign} (?, ?)", [*keys, ref]
    alternatives: list[str] = []
    values: list[Key] = []
    steps = [(column, step.descending) for column, step in zip(columns, order, strict=True)]
    steps.append(("d.ref", backwards))
    for index, (column, descending) in enumerate(steps):
        equal = "".join(f"{name} = ? AND " for name, _ in steps[:index])
        alternatives.append(f"({equal}{column} {'<' if descending else '>'} ?)")
        values += position[: index + 1]
    bound = f"{columns[0]} {'<=' if order[0].descending else '>='} ?"
    return f"{bound} AND ({' OR '.join(alternatives)})", [keys[0], *values]
