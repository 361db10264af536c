"""What a document must be like to be found, and each such demand as an SQL expression over tables."""

# ruff: noqa: S608 - the SQL is put together from fixed parts; every value is a parameter
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sequoia.sandbox.shape import Shape
from sequoia.sandbox.values import Key

__all__ = [
    "Arm",
    "Condition",
    "Demand",
    "Formula",
    "Hop",
    "Linked",
    "Span",
    "Statement",
    "Words",
    "arms",
    "candidates",
    "holds",
    "walked",
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
        # The mark of an absent value is no text, but SQLite would read it as one: as `-Inf`.
        ends = f"(typeof({column}) = 'text' AND substr({column}, ?) = ?)"
        parts += ((ends, [-len(ending), ending]) for ending in self.endings)
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
class Hop:
    """One step to linked documents.

    Attributes:
        shape: The tables of the resource whose documents hold the refs.
        axis: The name of the axis that holds them.
        forward: From a document to the refs in its field; otherwise from a ref to the documents that hold it.
    """

    shape: Shape
    axis: str
    forward: bool


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """Some document that is reached by these hops meets all these demands.

    Attributes:
        hops: The way; none at all leads to the document with the same ref.
        shape: The tables of the reached documents.
        owner: Their owner; None for any.
        demands: What one of them must meet.
    """

    hops: tuple[Hop, ...]
    shape: Shape
    owner: str | None
    demands: tuple[Demand, ...]

    @property
    def size(self) -> int:
        """How many parameters the SQL takes, about."""
        return len(self.hops) + 3 + sum(item.size for item in self.demands)


Demand = Condition | Formula | Words | Linked


def holds(shape: Shape, demand: Demand, row: str = "d", level: int = 0) -> Statement:
    """A demand as an SQL expression over one document; unknown where a value is absent.

    Args:
        shape: The tables of the resource.
        demand: What must hold.
        row: The name of the row of the document.
        level: How many tables lead to it, for names that differ.
    """
    if isinstance(demand, Linked):
        return _reached(demand, row, level)
    if isinstance(demand, Words):
        return f"{row}.id IN (SELECT rowid FROM {shape.words} WHERE {shape.words} MATCH ?)", [demand.match]
    if isinstance(demand, Formula):
        groups: list[str] = []
        values: list[Key] = []
        for group in demand.alternatives:
            parts = [holds(shape, item, row, level) for item in group]
            groups.append(" AND ".join(text for text, _ in parts))
            values += [value for _, more in parts for value in more]
        # What is unknown does not hold, and its opposite does.
        return f"({' OR '.join(groups)}) IS {'NOT ' if demand.negated else ''}TRUE", values
    if demand.axis == "ref":
        return demand.matches(f"{row}.ref")
    if not shape.has_many(demand.axis):
        # The plus keeps SQLite from a walk along this column: where to start has been decided.
        return demand.matches(f"+{row}.{shape.column(demand.axis)}")
    where, values = demand.matches("x.value")
    number = shape.numbers[demand.axis]
    return f"EXISTS (SELECT 1 FROM {shape.values} AS x WHERE x.id = {row}.id AND x.axis = {number} AND {where})", values


class _Way:
    """The tables that lead from one document to those that it is linked to; each is one look-up.

    Of where it has led to, the ref is always known, as an SQL expression; the row, or else the id, only sometimes.
    """

    def __init__(self, row: str, level: int) -> None:
        self._level = level
        self.tables: list[str] = []
        self.where: list[str] = []
        self.ref = f"{row}.ref"
        self._row = row
        self._id = ""

    def _name(self) -> str:
        """The name of the next table."""
        return f"h{self._level + len(self.tables)}"

    def _arrive(self, ref: str, *, row: str = "", number: str = "") -> None:
        self.ref, self._row, self._id = ref, row, number

    def leave(self) -> None:
        """Know the ref alone, for a look-up elsewhere."""
        self._arrive(self.ref)

    def row(self, shape: Shape) -> str:
        """The row of the document that the way has led to; none is found if there is no such document."""
        if not self._row:
            name = self._name()
            self.tables.append(f"{shape.documents} AS {name}")
            self.where.append(f"{name}.id = {self._id}" if self._id else f"{name}.ref = {self.ref}")
            self._arrive(f"{name}.ref", row=name)
        return self._row

    def go(self, hop: Hop) -> None:
        """Take one step."""
        shape, many = hop.shape, hop.shape.has_many(hop.axis)
        if hop.forward:
            row, name = self.row(shape), self._name()
            if many:
                self.tables.append(f"{shape.values} AS {name}")
                self.where.append(f"{name}.id = {row}.id AND {name}.axis = {shape.numbers[hop.axis]}")
            self._arrive(f"{name}.value" if many else f"{row}.{shape.column(hop.axis)}")
        else:
            name = self._name()
            self.tables.append(shape.table(hop.axis, name))
            column, start = shape.along(hop.axis, name)
            self.where.append(f"{start}{column} = {self.ref}")
            self._arrive(f"{name}.ref", row="" if many else name, number=f"{name}.id")


def _reached(demand: Linked, row: str, level: int) -> Statement:
    """The demand of a linked document as an SQL expression over the one that it is linked to."""
    way = _Way(row, level)
    for hop in demand.hops:
        way.go(hop)
    if not demand.hops:
        # The document of the same ref may be one of another resource.
        way.leave()
    values: list[Key] = []
    end = ""
    if demand.demands or not demand.hops or demand.hops[-1].forward:
        # A ref in a field may lead nowhere.
        end = way.row(demand.shape)
    where = way.where
    if demand.owner is not None:
        where.append(f"{way.ref} > ? AND {way.ref} < ?")
        values += [f"{demand.owner}:", f"{demand.owner};"]
    for item in demand.demands:
        text, more = holds(demand.shape, item, end, level + len(way.tables))
        where.append(text)
        values += more
    # CROSS JOIN keeps the written order of the tables: from the document on.
    return f"EXISTS (SELECT 1 FROM {' CROSS JOIN '.join(way.tables)} WHERE {' AND '.join(where)})", values


def walked(shape: Shape, demands: Iterable[Demand]) -> Iterator[tuple[Shape, str]]:
    """The axes whose indexes these demands may be found along, each with the tables that it belongs to."""
    for demand in demands:
        if isinstance(demand, Condition) and demand.indexed:
            yield shape, demand.axis
        elif isinstance(demand, Linked):
            yield from ((hop.shape, hop.axis) for hop in demand.hops if not hop.forward)
            yield from walked(demand.shape, (item for item in demand.demands if isinstance(item, Linked)))


@dataclass(frozen=True, slots=True)
class Arm:
    """One stretch of the index of an axis.

    Attributes:
        where: The expression for it.
        values: Its parameters.
        point: Whether it is a single value: then its rows are in the order of refs.
    """

    where: str
    values: list[Key]
    point: bool = False


def arms(shape: Shape, condition: Condition, alias: str) -> list[Arm]:
    """A condition as expressions over `Shape.table`, each of which is one stretch of the index.

    Many single values make one expression: a statement has room for so many parts only.
    """
    column, start = shape.along(condition.axis, alias)
    if len(condition.values) > _MOST_ARMS:
        where, values = Condition(condition.axis, condition.values).matches(column)
        points = [Arm(start + where, values)]
    else:
        points = [Arm(f"{start}{column} = ?", [value], point=True) for value in condition.values]
    spans = [span.within(column) for span in condition.spans]
    return [*points, *(Arm(start + where, values) for where, values in spans)]


def candidates(shape: Shape, condition: Condition) -> Statement:
    """The ids of all documents that meet a condition, each once, in no order."""
    if condition.axis == "ref":
        where, values = condition.matches("ref")
        return f"SELECT id FROM {shape.documents} WHERE {where}", values
    parts = arms(shape, condition, "c")
    table = shape.table(condition.axis, "c")
    values = [value for part in parts for value in part.values]
    once = "DISTINCT " if len(parts) == 1 and shape.has_many(condition.axis) else ""
    return " UNION ".join(f"SELECT {once}c.id AS id FROM {table} WHERE {part.where}" for part in parts), values
