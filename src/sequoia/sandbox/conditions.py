"""What a document must be like to be found, and each such demand as an SQL expression over the inverted index."""

# ruff: noqa: S608 - the SQL is put together from fixed parts; every value is a parameter
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sequoia.sandbox.values import Key

__all__ = ["Condition", "Demand", "Formula", "Span", "Statement", "Words", "arms", "candidates", "holds"]

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


Demand = Condition | Formula | Words


def holds(resource: int, axes: Mapping[str, int], demand: Demand, ref: str) -> Statement:
    """A demand as an SQL expression over one document.

    Args:
        resource: The id of the resource.
        axes: The id of every axis.
        demand: What must hold.
        ref: The column with the ref of the document.
    """
    if isinstance(demand, Words):
        # CROSS JOIN keeps the written order of the tables: from the words that are found to their documents.
        found = "SELECT d.ref FROM words CROSS JOIN document AS d ON d.id = words.rowid"
        return f"{ref} IN ({found} WHERE words MATCH ? AND d.resource = ?)", [demand.match, resource]
    if isinstance(demand, Formula):
        groups: list[str] = []
        values: list[Key] = []
        for group in demand.alternatives:
            parts = [holds(resource, axes, item, ref) for item in group]
            groups.append(" AND ".join(text for text, _ in parts))
            values += [value for _, more in parts for value in more]
        return f"{'NOT ' if demand.negated else ''}({' OR '.join(groups)})", values
    if demand.axis == "ref":
        return demand.matches(ref)
    where, values = demand.matches("x.value")
    text = f"EXISTS (SELECT 1 FROM entry AS x WHERE x.ref = {ref} AND x.field = ? AND {where})"
    return text, [axes[demand.axis], *values]


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
