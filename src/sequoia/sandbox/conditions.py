"""What a document must be like to be found, and each such demand as an SQL expression over the inverted index."""

# ruff: noqa: S608 - the SQL is put together from fixed parts; every value is a parameter
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sequoia.sandbox.values import Key

__all__ = [
    "Condition",
    "Demand",
    "Formula",
    "Hop",
    "Linked",
    "Place",
    "Span",
    "Statement",
    "Words",
    "arms",
    "candidates",
    "holds",
]

Statement = tuple[str, list[Key]]
"""SQL text and its parameters."""
_MOST_ARMS = 50


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring values of an axis: those between two ends.

    Attributes:
        low: The lower end.
        high: The upper end.
        above: Whether the lower end itself is left out.
        below: Whether the upper end itself is left out.
    """

    low: Key
    high: Key
    above: bool = False
    below: bool = False

    def bounds(self, column: str) -> tuple[Statement, Statement]:
        """The lower and the upper bound, as expressions over a column."""
        low = f"{column} {'>' if self.above else '>='} ?"
        high = f"{column} {'<' if self.below else '<='} ?"
        return (low, [self.low]), (high, [self.high])

    def within(self, column: str) -> Statement:
        """Both bounds as one expression."""
        (low, first), (high, second) = self.bounds(column)
        return f"{low} AND {high}", first + second


@dataclass(frozen=True, slots=True)
class Condition:
    """One demand on a document: a value of the axis (`ref` is one of its own) is listed here in one of three ways.

    Attributes:
        axis: The name of the axis.
        values: The value is one of these,
        spans: or lies in one of these,
        endings: or ends with one of these texts.
    """

    axis: str
    values: tuple[Key, ...] = ()
    spans: tuple[Span, ...] = ()
    endings: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many parameters the SQL takes, about."""
        return len(self.values) + 2 * len(self.spans) + 2 * len(self.endings)

    @property
    def exact(self) -> bool:
        """Whether only single values are listed: their entries are in the order of refs already."""
        return not self.spans and not self.endings

    @property
    def indexed(self) -> bool:
        """Whether the index leads to the matching entries; it does not know how values end."""
        return self.axis != "ref" and not self.endings and len(self.spans) <= _MOST_ARMS

    def matches(self, column: str) -> Statement:
        """The condition as an expression over a column of values."""
        parts: list[Statement] = []
        if self.values:
            parts.append((f"{column} IN ({', '.join('?' * len(self.values))})", list(self.values)))
        parts += (span.within(column) for span in self.spans)
        parts += ((f"substr({column}, ?) = ?", [-len(ending), ending]) for ending in self.endings)
        if len(parts) == 1:
            return parts[0]
        return f"({' OR '.join(text for text, _ in parts)})", [value for _, values in parts for value in values]


@dataclass(frozen=True, slots=True)
class Formula:
    """Conditions that are put together: all those of at least one alternative hold, or the opposite of that."""

    alternatives: tuple[tuple[Condition, ...], ...]
    negated: bool = False

    @property
    def size(self) -> int:
        """How many parameters the SQL takes, about."""
        return sum(item.size for group in self.alternatives for item in group)


@dataclass(frozen=True, slots=True)
class Words:
    """All these words stand in the text of a document; `match` is the query as FTS5 reads it."""

    match: str

    @property
    def size(self) -> int:
        """How many parameters the SQL takes."""
        return 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where the documents of one resource are: its id, and the ids of its axes."""

    resource: int
    axes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Hop:
    """One step to linked documents.

    Attributes:
        axis: The id of the axis that holds refs.
        forward: From a document to the refs in its field; otherwise from a ref to the documents that hold it.
    """

    axis: int
    forward: bool


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """Some document that is reached by these hops meets all these demands.

    Attributes:
        hops: The way; none at all leads to the document with the same ref.
        place: Where the reached documents are.
        owner: Their owner; None for any.
        demands: What one of them must meet.
    """

    hops: tuple[Hop, ...]
    place: Place
    owner: str | None
    demands: tuple[Demand, ...]

    @property
    def size(self) -> int:
        """How many parameters the SQL takes, about."""
        return len(self.hops) + 3 + sum(item.size for item in self.demands)


Demand = Condition | Formula | Words | Linked


def holds(resource: int, axes: Mapping[str, int], demand: Demand, ref: str, level: int = 0) -> Statement:
    """A demand as an SQL expression over one document.

    Args:
        resource: The id of the resource.
        axes: The id of every axis.
        demand: What must hold.
        ref: The column with the ref of the document.
        level: How many hops lead to the document, for names that differ.
    """
    if isinstance(demand, Linked):
        return _reached(demand, ref, level)
    if isinstance(demand, Words):
        # CROSS JOIN keeps the written order of the tables: from the words that are found to their documents.
        found = "SELECT d.ref FROM words CROSS JOIN document AS d ON d.id = words.rowid"
        return f"{ref} IN ({found} WHERE words MATCH ? AND d.resource = ?)", [demand.match, resource]
    if isinstance(demand, Formula):
        groups: list[str] = []
        values: list[Key] = []
        for group in demand.alternatives:
            parts = [holds(resource, axes, item, ref, level) for item in group]
            groups.append(" AND ".join(text for text, _ in parts))
            values += [value for _, more in parts for value in more]
        return f"{'NOT ' if demand.negated else ''}({' OR '.join(groups)})", values
    if demand.axis == "ref":
        return demand.matches(ref)
    where, values = demand.matches("x.value")
    text = f"EXISTS (SELECT 1 FROM entry AS x WHERE x.ref = {ref} AND x.field = ? AND {where})"
    return text, [axes[demand.axis], *values]


def _reached(demand: Linked, ref: str, level: int) -> Statement:
    """The demand of a linked document as an SQL expression over the one that it is linked to.

    Each hop is one look-up in the index: by ref and field, or by field and value.
    """
    where: list[str] = []
    values: list[Key] = []
    names = [f"h{number}" for number in range(level, level + len(demand.hops))]
    for name, hop in zip(names, demand.hops, strict=True):
        here, there = ("ref", "value") if hop.forward else ("value", "ref")
        where.append(f"{name}.field = ? AND {name}.{here} = {ref}")
        values.append(hop.axis)
        ref = f"{name}.{there}"
    if not demand.hops or demand.hops[-1].forward:
        # A ref in a field may lead nowhere.
        where.append(f"EXISTS (SELECT 1 FROM document AS t WHERE t.resource = ? AND t.ref = {ref})")
        values.append(demand.place.resource)
    if demand.owner is not None:
        where.append(f"{ref} > ? AND {ref} < ?")
        values += [f"{demand.owner}:", f"{demand.owner};"]
    for item in demand.demands:
        text, more = holds(demand.place.resource, demand.place.axes, item, ref, level + len(names))
        where.append(text)
        values += more
    if not names:
        return f"({' AND '.join(where)})", values
    # CROSS JOIN keeps the written order of the tables: from the document on.
    tables = " CROSS JOIN ".join(f"entry AS {name}" for name in names)
    return f"EXISTS (SELECT 1 FROM {tables} WHERE {' AND '.join(where)})", values


def arms(axes: Mapping[str, int], condition: Condition, alias: str) -> list[Statement]:
    """A condition as expressions over `entry`, each of which is one stretch of the index.

    Many single values make one expression: a statement has room for so many parts only.
    """
    field = axes[condition.axis]
    start = f"{alias}.field = ? AND "
    column = f"{alias}.value"
    if len(condition.values) > _MOST_ARMS:
        points = [Condition(condition.axis, condition.values).matches(column)]
    else:
        points = [(f"{column} = ?", [value]) for value in condition.values]
    stretches = (*points, *(span.within(column) for span in condition.spans))
    return [(start + text, [field, *values]) for text, values in stretches]


def candidates(axes: Mapping[str, int], condition: Condition) -> Statement:
    """The refs of all documents that meet a condition, each once, in no order."""
    parts = arms(axes, condition, "c")
    values = [value for _, more in parts for value in more]
    if len(parts) == 1:
        return f"SELECT DISTINCT c.ref AS ref FROM entry AS c WHERE {parts[0][0]}", values
    return " UNION ".join(f"SELECT c.ref AS ref FROM entry AS c WHERE {text}" for text, _ in parts), values
