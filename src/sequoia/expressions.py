"""Filters: what a field must be, and how that is written in a query string.

One table has the wire form of every operator of the platform; a filter is a field, an operator and its values.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sequoia.error import CriteriaError

__all__ = ["Field", "Filter", "Operator", "Raw", "field", "raw", "text", "wire_value"]


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


_NOT_JOINED = (
    "filters are not joined by and, or, not, nor chained as in 1 < x < 2: "
    "give where() several, all of which must hold, or use between"
)
# Characters that would end an operator's value early, for the platform knows no escape.
_RANGES = (Operator.AT_LEAST, Operator.MORE_THAN, Operator.AT_MOST, Operator.LESS_THAN)
_PARTING = {
    **dict.fromkeys((*_RANGES, Operator.BETWEEN, Operator.NOT_BETWEEN), ("/", "||", "&&")),
    Operator.STARTS_WITH: ("*", "||", "&&"),
    Operator.ENDS_WITH: ("*", "||", "&&"),
    # `||` parts before `&&` does: all_of("a||b", "c") would be a, or b and c.
    Operator.ALL_OF: ("||",),
}
# With these a leading `!` keeps its place inside the value; `==` sends what 4.4.0 sent, wire forms included.
_MAY_BEGIN_WITH_NOT = frozenset({Operator.EQUAL, Operator.ENDS_WITH})
# What has nothing else would go out as `<object at 0x...>`; the numbers of Python have nothing else either.
_NO_TEXT: Any = object.__str__


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
        raise TypeError(_NOT_JOINED)

    def __repr__(self) -> str:
        symbol = _SYMBOLS.get(self.operator)
        if symbol is not None:
            return f"field({self.field!r}) {symbol} {self.values[0]!r}"
        return f"field({self.field!r}).{self.operator.name.lower()}({', '.join(map(repr, self.values))})"


_SYMBOLS = {
    Operator.EQUAL: "==",
    Operator.NOT_EQUAL: "!=",
    Operator.AT_LEAST: ">=",
    Operator.MORE_THAN: ">",
    Operator.AT_MOST: "<=",
    Operator.LESS_THAN: "<",
}


@dataclass(frozen=True, slots=True)
class Raw:
    """A query parameter as it is: `raw("q", "star wars")`, for what the SDK has no word for.

    Attributes:
        parameter: Its name.
        wire: Its value, not yet percent-encoded.
    """

    parameter: str
    wire: str

    def __bool__(self) -> bool:
        raise TypeError(_NOT_JOINED)

    def __repr__(self) -> str:
        return f"text({self.wire!r})" if self.parameter == "q" else f"raw({self.parameter!r}, {self.wire!r})"


def raw(parameter: str, value: Any) -> Raw:
    """Any query parameter, by its own name: the way out where the SDK knows no word for a question.

    Raises:
        CriteriaError: The parameter has no name, or the value cannot be written.
    """
    if not isinstance(parameter, str) or not parameter:
        raise CriteriaError(f"a query parameter needs a name, not {parameter!r}")
    return Raw(parameter, wire_value(value))


def text(words: str) -> Raw:
    """Free text, searched for in the fields that the resource's descriptor names (`q`).

    Raises:
        CriteriaError: There are no words.
    """
    if not isinstance(words, str) or not words.strip():
        raise CriteriaError(f"text needs words to search for, not {words!r}")
    return Raw("q", words)


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

    def not_equal_to(self, value: Any) -> Filter:
        """The field is not `value` (wire form `!v`)."""
        return self._filter(Operator.NOT_EQUAL, value)

    def __ne__(self, value: object) -> Filter:  # type: ignore[override]
        return self.not_equal_to(value)

    def greater_than_or_equal_to(self, value: Any) -> Filter:
        """The field is `value` or more (wire form `v/`)."""
        return self._filter(Operator.AT_LEAST, value)

    def __ge__(self, value: Any) -> Filter:
        return self.greater_than_or_equal_to(value)

    def greater_than(self, value: Any) -> Filter:
        """The field is more than `value` (wire form `!/v`)."""
        return self._filter(Operator.MORE_THAN, value)

    def __gt__(self, value: Any) -> Filter:
        return self.greater_than(value)

    def less_than_or_equal_to(self, value: Any) -> Filter:
        """The field is `value` or less (wire form `/v`)."""
        return self._filter(Operator.AT_MOST, value)

    def __le__(self, value: Any) -> Filter:
        return self.less_than_or_equal_to(value)

    def less_than(self, value: Any) -> Filter:
        """The field is less than `value` (wire form `!v/`)."""
        return self._filter(Operator.LESS_THAN, value)

    def __lt__(self, value: Any) -> Filter:
        return self.less_than(value)

    def between(self, low: Any, high: Any) -> Filter:
        """The field is from `low` to `high`, both included (wire form `a/b`)."""
        return self._filter(Operator.BETWEEN, low, high)

    def not_between(self, low: Any, high: Any) -> Filter:
        """The field is less than `low` or more than `high` (wire form `!a/b`)."""
        return self._filter(Operator.NOT_BETWEEN, low, high)

    def starts_with(self, value: Any) -> Filter:
        """The field starts with `value` (wire form `v*`)."""
        return self._filter(Operator.STARTS_WITH, value)

    def ends_with(self, value: Any) -> Filter:
        """The field ends with `value` (wire form `*v`); not every platform answers it."""
        return self._filter(Operator.ENDS_WITH, value)

    def exists(self) -> Filter:
        """The field is there (wire form `*`)."""
        return self._filter(Operator.EXISTS)

    def not_exists(self) -> Filter:
        """The field is not there (wire form `!*`)."""
        return self._filter(Operator.NOT_EXISTS)

    def all_of(self, *values: Any) -> Filter:
        """The field, a list, holds all of `values` (wire form `a&&b`)."""
        return self._filter(Operator.ALL_OF, *_unpacked(values))

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
        alone = operator in {Operator.EXISTS, Operator.NOT_EXISTS}
        if not (written or alone) or not all(written):
            raise CriteriaError(f"{operator.name.lower()} needs a value for {self.name!r}: an empty one asks nothing")
        if operator.joins and tuple(operator.write(written).split(operator.value)) != written:
            parting = operator.value
            raise CriteriaError(
                f"{self.name!r}: a value in a list cannot hold {parting!r} or end in {parting[0]!r}, it parts the list"
            )
        if operator not in _MAY_BEGIN_WITH_NOT and any(value.startswith("!") for value in written):
            raise CriteriaError(
                f"{self.name!r}: this operator cannot carry a value that begins with '!', which means 'not'"
            )
        for parting in _PARTING.get(operator, ()):
            if any(parting in value for value in written):
                raise CriteriaError(f"{self.name!r}: this operator cannot carry a value with {parting!r} in it")
        return Filter(self.name, operator, written)


def field(name: str) -> Field:
    """Name a field to filter by: `where(field("type") == "movie")`."""
    return Field(name)


def wire_value(value: Any) -> str:
    """A value as the platform writes it: UTC timestamps with milliseconds, ISO 8601 durations, `true` and `false`.

    A member of an enum stands for its value, unless it has a text of its own.

    Raises:
        CriteriaError: `value` is None, a list or the like, something without a text, or a datetime without a time zone
            or without a place in UTC's years 1 to 9999.
    """
    if isinstance(value, enum.Enum) and type(value).__str__ is enum.Enum.__str__:
        value = value.value
    if value is None:
        raise CriteriaError("None is no value to filter by")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return _timestamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        raise CriteriaError(f"{value!r:.80} is not one value: any_of asks for one of several")
    if not isinstance(value, int | float) and type(value).__str__ is _NO_TEXT:
        raise CriteriaError(f"{value!r:.80} is no value to filter by: give a text, a number, a bool or a time")
    return str(value)


def _timestamp(value: datetime) -> str:
    if value.tzinfo is None:
        raise CriteriaError(f"{value.isoformat()} has no time zone: say which, e.g. with tzinfo=timezone.utc")
    try:
        utc = value.astimezone(UTC)
    except OverflowError as error:
        raise CriteriaError(f"{value.isoformat()} is not within the years 1 to 9999 in UTC", error) from error
    # Not by %Y, which on Linux writes the year 1 as 1.
    return utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


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
