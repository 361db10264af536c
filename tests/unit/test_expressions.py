"""Filters: the wire form of every operator, and of every value."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from sequoia.error import CriteriaError
from sequoia.expressions import Field, Filter, Operator, field, raw, text, wire_value


@pytest.mark.parametrize(
    ("operator", "values", "wire"),
    [
        (Operator.EQUAL, ("v",), "v"),
        (Operator.NOT_EQUAL, ("v",), "!v"),
        (Operator.ANY_OF, ("a", "b"), "a||b"),
        (Operator.ALL_OF, ("a", "b"), "a&&b"),
        (Operator.STARTS_WITH, ("v",), "v*"),
        (Operator.ENDS_WITH, ("v",), "*v"),
        (Operator.EXISTS, (), "*"),
        (Operator.NOT_EXISTS, (), "!*"),
        (Operator.AT_LEAST, ("v",), "v/"),
        (Operator.MORE_THAN, ("v",), "!/v"),
        (Operator.AT_MOST, ("v",), "/v"),
        (Operator.LESS_THAN, ("v",), "!v/"),
        (Operator.BETWEEN, ("a", "b"), "a/b"),
        (Operator.NOT_BETWEEN, ("a", "b"), "!a/b"),
    ],
)
def test_every_operator_of_the_platform_has_its_wire_form(
    operator: Operator, values: tuple[str, ...], wire: str
) -> None:
    assert operator.write(values) == wire


def test_the_table_of_operators_is_complete() -> None:
    assert len(Operator) == 14


def test_a_value_with_braces_is_not_taken_for_a_template() -> None:
    assert field("name").equal_to("{}{0}").wire == "{}{0}"


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("engine", "withEngine"),
        ("contentRef", "withContentRef"),
        ("offers.type", "offers.withType"),
        ("sequel.posters.filmRef", "sequel.posters.withFilmRef"),
        ("é", "withÉ"),
    ],
)
def test_a_field_has_its_query_parameter(name: str, parameter: str) -> None:
    assert field(name).equal_to("x").parameter == parameter


def test_equality_is_written_in_two_ways() -> None:
    assert (field("type") == "movie") == field("type").equal_to("movie")
    assert (field("type") == "movie") == Filter("type", Operator.EQUAL, ("movie",))


@pytest.mark.parametrize(
    "made",
    [
        field("type").any_of("a", "b"),
        field("type").any_of(["a", "b"]),
        field("type").any_of(("a", "b")),
        field("type").any_of({"b", "a"}),
        field("type").one_or_more_of("a", "b"),
        field("type").one_or_more_of(["a", "b"]),
    ],
)
def test_one_of_several_values_is_written_in_many_ways(made: Filter) -> None:
    assert (made.parameter, made.wire) == ("withType", "a||b")


def test_one_of_one_value_is_that_value() -> None:
    assert field("type").any_of("a").wire == "a"


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        ("movie", "movie"),
        ("a b & c", "a b & c"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (2015, "2015"),
        (-1.5, "-1.5"),
        (Decimal("9.90"), "9.90"),
        (datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC), "2027-01-02T03:04:05.000Z"),
        (datetime(2027, 1, 2, 3, 4, 5, 678999, tzinfo=UTC), "2027-01-02T03:04:05.678Z"),
        (datetime(2027, 1, 1, 23, 30, tzinfo=timezone(timedelta(hours=-2))), "2027-01-02T01:30:00.000Z"),
        (datetime.min.replace(tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
        (datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999Z"),
        (date(2027, 1, 2), "2027-01-02"),
        (timedelta(0), "PT0S"),
        (timedelta(seconds=90), "PT1M30S"),
        (timedelta(hours=2), "PT2H"),
        (timedelta(days=2, hours=1), "PT49H"),
        (timedelta(seconds=1.5), "PT1.5S"),
        (timedelta(milliseconds=50), "PT0.05S"),
        (timedelta(minutes=-1), "-PT1M"),
    ],
)
def test_a_value_has_its_wire_form(value: Any, wire: str) -> None:
    assert wire_value(value) == wire
    assert field("x").equal_to(value).wire == wire


class Kind(str, enum.Enum):  # noqa: UP042 - the usual form of older code
    MOVIE = "movie"


class Plain(enum.Enum):
    MOVIE = "movie"
    ACTIVE = True
    NOTHING = None


class Said(enum.Enum):
    """One that says itself how it is written, which is what 4.4.0 sent."""

    MOVIE = 1

    def __str__(self) -> str:
        return self.name.lower()


class Count(int):
    """A number of somebody's own."""


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (Kind.MOVIE, "movie"),
        (Plain.MOVIE, "movie"),
        (Plain.ACTIVE, "true"),
        (enum.StrEnum("Text", {"MOVIE": "movie"}).MOVIE, "movie"),  # type: ignore[attr-defined]
        (enum.IntEnum("Number", {"TWO": 2}).TWO, "2"),  # type: ignore[attr-defined]
        (Said.MOVIE, "movie"),
        (Count(5), "5"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ],
)
def test_a_member_of_an_enum_and_whatever_has_a_text_are_written_as_that(value: Any, wire: str) -> None:
    assert field("x").equal_to(value).wire == wire
    assert field("x").any_of("a", value).wire == f"a||{wire}"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (object(), "is no value to filter by: give a text"),
        (field("type") == "movie", "is no value to filter by: give a text"),
        (len, "is no value to filter by: give a text"),
        (Plain, "not one value"),
        (Plain.NOTHING, "None is no value"),
        (None, "None is no value"),
        ("", "an empty one asks nothing"),
        (datetime(2027, 1, 2), "has no time zone"),  # noqa: DTZ001 - that is the point
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=2))), "years 1 to 9999"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-2))), "years 1 to 9999"),
        (["a"], "not one value"),
        ({"a": 1}, "not one value"),
        (b"a", "not one value"),
        ((one for one in "ab"), "not one value"),
    ],
)
def test_a_value_that_a_filter_cannot_carry_is_refused(value: Any, words: str) -> None:
    with pytest.raises(CriteriaError, match=words):
        field("x").equal_to(value)
    with pytest.raises(CriteriaError, match=words):
        field("x").any_of("a", value)


def test_a_value_that_would_part_the_list_is_refused() -> None:
    with pytest.raises(CriteriaError, match=r"cannot hold '\|\|'"):
        field("x").any_of("a||b", "c")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: field("x") != "!a",
        lambda: field("x").any_of("!a", "b"),
        lambda: field("x").any_of({"!a", "b"}),
        lambda: field("x").any_of("a", "!b"),
        lambda: field("x").all_of("!a", "b"),
        lambda: field("x").starts_with("!a"),
        lambda: field("x") >= "!1",
        lambda: field("x") < "!1",
        lambda: field("x").between("!1", "2"),
    ],
)
def test_a_value_that_would_turn_the_question_round_is_refused(ask: Callable[[], object]) -> None:
    with pytest.raises(CriteriaError, match="begins with '!', which means 'not'"):
        ask()


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: field("x").any_of("a|", "b"), r"end in '\|'"),
        (lambda: field("x").all_of("a&", "b"), "end in '&'"),
        (lambda: field("x").all_of("a||b", "c"), r"with '\|\|' in it"),
        (lambda: field("x").starts_with("a||b"), r"with '\|\|' in it"),
        (lambda: field("x").ends_with("a&&b"), "with '&&' in it"),
        (lambda: field("x") >= "1||2", r"with '\|\|' in it"),
        (lambda: field("x").between("1&&2", "3"), "with '&&' in it"),
    ],
)
def test_a_value_that_would_part_the_question_is_refused(ask: Callable[[], object], words: str) -> None:
    with pytest.raises(CriteriaError, match=words):
        ask()


@pytest.mark.parametrize(
    ("made", "wire"),
    [
        (field("x") == "!a", "!a"),
        (field("x") == "a||b", "a||b"),
        (field("x") == "!2010/2015", "!2010/2015"),
        (field("x") == "*", "*"),
        (field("x") != "a||b", "!a||b"),
        (field("x").any_of("a*", "1/2"), "a*||1/2"),
        (field("x").any_of("a&&b", "c"), "a&&b||c"),
        (field("x").any_of("a", "|b", "c|"), "a|||b||c|"),
        (field("x").ends_with("!"), "*!"),
        (field("x").starts_with("a|"), "a|*"),
    ],
)
def test_a_wire_form_that_can_be_meant_is_sent_as_it_is(made: Filter, wire: str) -> None:
    assert made.wire == wire


@pytest.mark.parametrize("values", [(), ([],), ((),), (set(),)])
def test_one_of_no_values_is_refused(values: tuple[Any, ...]) -> None:
    with pytest.raises(CriteriaError, match="needs a value"):
        field("x").any_of(*values)


@pytest.mark.parametrize("name", ["", "offers.", None, 7])
def test_a_field_needs_a_name(name: Any) -> None:
    with pytest.raises(CriteriaError, match="needs a name"):
        field(name)


def test_a_filter_shows_how_it_is_written() -> None:
    assert repr(field("type") == "movie") == "field('type') == 'movie'"
    assert repr(field("type").any_of("a", "b")) == "field('type').any_of('a', 'b')"
    assert repr(field("type")) == "field('type')"


def test_a_field_is_no_key_because_its_equality_asks_a_question() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Field("type"))


@pytest.mark.parametrize("join", [lambda a, b: a and b, lambda a, b: a or b, lambda a, _: not a])
def test_filters_are_not_joined_by_pythons_own_words(join: Any) -> None:
    with pytest.raises(TypeError, match=r"give where\(\) several"):
        join(field("a") == 1, field("b") == 2)


def test_filters_that_are_joined_by_and_are_refused_instead_of_half_lost() -> None:
    with pytest.raises(TypeError, match="give where"):
        _ = (field("type") == "movie") and (field("active") == True)  # noqa: E712 - the mistake itself


year = field("year")
WRONG: Any = 5


@pytest.mark.parametrize(
    ("made", "wire"),
    [
        (year == 2015, "2015"),
        (year.equal_to(2015), "2015"),
        (year != 2015, "!2015"),
        (year.not_equal_to(2015), "!2015"),
        (year.any_of(1, 2), "1||2"),
        (year.one_or_more_of(1, 2), "1||2"),
        (year.all_of("a", "b"), "a&&b"),
        (year.starts_with("a"), "a*"),
        (year.ends_with("a"), "*a"),
        (year.exists(), "*"),
        (year.not_exists(), "!*"),
        (year >= 2015, "2015/"),
        (year.greater_than_or_equal_to(2015), "2015/"),
        (year > 2015, "!/2015"),
        (year.greater_than(2015), "!/2015"),
        (year <= 2015, "/2015"),
        (year.less_than_or_equal_to(2015), "/2015"),
        (year < 2015, "!2015/"),
        (year.less_than(2015), "!2015/"),
        (year.between(1, 2), "1/2"),
        (year.not_between(1, 2), "!1/2"),
        (year >= datetime(2020, 1, 2, tzinfo=UTC), "2020-01-02T00:00:00.000Z/"),
    ],
)
def test_a_question_in_python_has_its_wire_form(made: Filter, wire: str) -> None:
    assert (made.parameter, made.wire) == ("withYear", wire)


def test_a_value_on_the_left_asks_the_same() -> None:
    assert (2015 <= year) == (year >= 2015)  # noqa: SIM300 - the order is the point
    assert (2015 > year) == (year < 2015)  # noqa: SIM300 - as above


def test_a_chained_comparison_is_refused_instead_of_half_lost() -> None:
    with pytest.raises(TypeError, match="use between"):
        _ = 2000 < year < 2010


@pytest.mark.parametrize(
    "ask",
    [
        lambda: year >= "1/2",
        lambda: year.between("a/b", "c"),
        lambda: year.not_between("a", ""),
        lambda: year.starts_with("a*"),
        lambda: year.ends_with("*a"),
        lambda: year.all_of("a&&b"),
        lambda: year.all_of(*()),
        lambda: year != "",
        lambda: year < None,
    ],
)
def test_a_value_that_the_operator_cannot_carry_is_refused(ask: Callable[[], object]) -> None:
    with pytest.raises(CriteriaError):
        ask()


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (year != 2015, "field('year') != '2015'"),
        (year >= 2015, "field('year') >= '2015'"),
        (year.between(1, 2), "field('year').between('1', '2')"),
        (year.exists(), "field('year').exists()"),
        (text("star wars"), "text('star wars')"),
        (raw("x-y", True), "raw('x-y', 'true')"),
    ],
)
def test_a_question_shows_how_it_is_asked(made: object, shown: str) -> None:
    assert repr(made) == shown


def test_free_text_and_any_parameter_go_under_their_own_names() -> None:
    assert (text("star wars").parameter, text("star wars").wire) == ("q", "star wars")
    assert (raw("hint", 5).parameter, raw("hint", 5).wire) == ("hint", "5")


@pytest.mark.parametrize("ask", [lambda: text("  "), lambda: text(WRONG), lambda: raw("", "x"), lambda: raw("x", None)])
def test_words_and_parameters_that_say_nothing_are_refused(ask: Callable[[], object]) -> None:
    with pytest.raises(CriteriaError):
        ask()


def test_a_parameter_is_not_joined_by_pythons_words_either() -> None:
    with pytest.raises(TypeError, match="give where"):
        _ = text("a") and text("b")
