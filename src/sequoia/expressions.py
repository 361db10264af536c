"""Filters: what a field must be, and how that is written in a query string.

One table has the wire form of every operator of the platform; a filter is a field, an operator and its values.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NoReturn

from sequoia.error import CriteriaError

__all__ = ["Field", "Filter", "Operator", "field", "wire_value"]


class Operator(enum.Enum):
    """The operators of the platform; the value is the wire form, `{}` standing for the operator's values."""

    EQUAL = "{}"
    NOT_EQUAL = "!{}"
    ANY_OF = "||"
    ALL_OF = "&&"
    STARTS_WITH = "{}*"
    ENDS_WITH = "*{}"
    EXISTS = "*"
    NOT_EXISTS = "!*"
    AT_LEAST = "{}/"
    MORE_THAN = "!/{}"
    AT_MOST = "/{}"
    LESS_THAN = "!{}/"
    BETWEEN = "{}/{}"
    NOT_BETWEEN = "!{}/{}"

    @property
    def joins(self) -> bool:
        """Whether the values are a list with the wire form between them."""
        return self in {Operator.ANY_OF, Operator.ALL_OF}

    def write(self, values: tuple[str, ...]) -> str:
        """The wire form with `values` filled in."""
        return self.value.join(values) if self.joins else self.value.format(*values)


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition of a query, made by the methods of `Field`.

    Attributes:
        field: Name of the field; with a relationship in front, `offers.type`, it filters what is included.
        operator: What is asked of it.
        values: The operator's values in their wire form.
    """

    field: str
    operator: Operator
    values: tuple[str, ...]

    @property
    def parameter(self) -> str:
        """Name of the query parameter: `withContentRef`, `offers.withType`."""
        relationship, dot, name = self.field.rpartition(".")
        return f"{relationship}{dot}with{name[0].upper()}{name[1:]}"

    @property
    def wire(self) -> str:
        """Value of the query parameter, not yet percent-encoded."""
        return self.operator.write(self.values)

    def __bool__(self) -> bool:
        # `a == 1 and b == 2` would be the second filter alone.
        raise TypeError("filters are not joined by and, or, not: give where() several, all of which must hold")

    def __repr__(self) -> str:
        if self.operator is Operator.EQUAL:
            return f"field({self.field!r}) == {self.values[0]!r}"
        return f"field({self.field!r}).{self.operator.name.lower()}({', '.join(map(repr, self.values))})"


class Field:
    """A field to ask something of: `field("type") == "movie"`.

    Args:
        name: The field's name, or `relationship.field` for a field of an included resource.

    Raises:
        CriteriaError: The name is empty.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name.rpartition(".")[2]:
            raise CriteriaError(f"a field needs a name, not {name!r}")
        self.name = name

    def equal_to(self, value: Any) -> Filter:
        """The field is `value`; of a list, it holds it (wire form `v`)."""
        return self._filter(Operator.EQUAL, value)

    def __eq__(self, value: object) -> Filter:  # type: ignore[override]
        return self.equal_to(value)

    __hash__ = None  # type: ignore[assignment]

    def __ne__(self, value: object) -> NoReturn:
        # Without this, Python would quietly make False of the question.
        raise CriteriaError(f"{self!r} can be asked for equality and any_of only, as yet; not for != {value!r}")

    def any_of(self, *values: Any) -> Filter:
        """The field is one of `values` (wire form `a||b`)."""
        return self._filter(Operator.ANY_OF, *_unpacked(values))

    def one_or_more_of(self, *values: Any) -> Filter:
        """The same, by its name in the platform's other SDKs."""
        return self.any_of(*values)

    def __repr__(self) -> str:
        return f"field({self.name!r})"

    def _filter(self, operator: Operator, *values: Any) -> Filter:
        written = tuple(wire_value(value) for value in values)
        if not written or not all(written):
            raise CriteriaError(f"{operator.name.lower()} needs a value for {self.name!r}: an empty one asks nothing")
        if operator.joins and any(operator.value in value for value in written):
            raise CriteriaError(f"{self.name!r}: a value in a list cannot hold {operator.value!r}, it parts the list")
        return Filter(self.name, operator, written)


def field(name: str) -> Field:
    """Name a field to filter by: `where(field("type") == "movie")`."""
    return Field(name)


def wire_value(value: Any) -> str:
    """A value as the platform writes it: UTC timestamps with milliseconds, ISO 8601 durations, `true` and `false`.

    Raises:
        CriteriaError: `value` is None, a list or the like, or a datetime without a time zone.
    """
    if value is None:
        raise CriteriaError("None is no value to filter by")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise CriteriaError(f"{value.isoformat()} has no time zone: say which, e.g. with tzinfo=timezone.utc")
        utc = value.astimezone(UTC)
        return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        raise CriteriaError(f"{value!r:.80} is not one value: any_of asks for one of several")
    return str(value)


def _duration(value: timedelta) -> str:
    sign = "-" if value < timedelta() else ""
    seconds, rest = divmod(abs(value), timedelta(seconds=1))
    fraction = f".{rest.microseconds:06d}".rstrip("0") if rest else ""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    parts = ((hours, "H"), (minute, "M"), (f"{second}{fraction}", "S"))
    text = "".join(f"{number}{unit}" for number, unit in parts if number not in (0, "0"))
    return f"{sign}PT{text or '0S'}"


def _unpacked(values: tuple[Any, ...]) -> Iterable[Any]:
    """`any_of(["a", "b"])` means `any_of("a", "b")`."""
    if len(values) == 1 and isinstance(values[0], list | tuple | set | frozenset):
        return sorted(values[0], key=str) if isinstance(values[0], set | frozenset) else values[0]
    return values
