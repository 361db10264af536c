"""Conditions as people write them: what each asks of the platform, and what is said of one that asks nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequoia.cli.conditions import Misread, conditions
from sequoia.expressions import Operator


@pytest.mark.parametrize(
    ("text", "parameter", "wire"),
    [
        ("type=movie", "withType", ["movie"]),
        ("  type  ==  movie  ", "withType", ["movie"]),
        ("type!=movie", "withType", ["!movie"]),
        ("releaseYear>=2015", "withReleaseYear", ["2015/"]),
        ("releaseYear > 2015", "withReleaseYear", ["!/2015"]),
        ("releaseYear<=2015", "withReleaseYear", ["/2015"]),
        ("releaseYear<2015", "withReleaseYear", ["!2015/"]),
        ("releaseYear 2010..2015", "withReleaseYear", ["2010/2015"]),
        ("releaseYear in 2010..2015", "withReleaseYear", ["2010/2015"]),
        ("releaseYear not 2010..2015", "withReleaseYear", ["!2010/2015"]),
        ("releaseYear not in 2010..2015", "withReleaseYear", ["!2010/2015"]),
        ("releaseYear 2010..", "withReleaseYear", ["2010/"]),
        ("releaseYear ..2015", "withReleaseYear", ["/2015"]),
        ("releaseYear not 2010..", "withReleaseYear", ["!2010/"]),
        ("releaseYear not ..2015", "withReleaseYear", ["!/2015"]),
        ("rating -2.5..3.5", "withRating", ["-2.5/3.5"]),
        ('title "Die Hard".."Die Harder"', "withTitle", ["Die Hard/Die Harder"]),
        ("tags in a,b", "withTags", ["a||b"]),
        ("tags IN ( a , b )", "withTags", ["a||b"]),
        ("tags in a", "withTags", ["a"]),
        ('tags in "a, b",c', "withTags", ["a, b||c"]),
        ("tags not in a,b", "withTags", ["!a", "!b"]),
        ("tags all a,b", "withTags", ["a&&b"]),
        ('title starts "Die "', "withTitle", ["Die *"]),
        ("title starts with Die", "withTitle", ["Die*"]),
        ("title ends Hard", "withTitle", ["*Hard"]),
        ("title starts with", "withTitle", None),
        ("endAt exists", "withEndAt", ["*"]),
        ("endAt missing", "withEndAt", ["!*"]),
        ("offers.type=linear", "offers.withType", ["linear"]),
        ("alternativeIdentifiers=imdb:tt0095016", "withAlternativeIdentifiers", ["imdb:tt0095016"]),
        ("url=https://example.com/?a=b", "withUrl", ["https://example.com/?a=b"]),
        ('title="Die Hard"', "withTitle", ["Die Hard"]),
        ("title='Die \"Hard\"'", "withTitle", ['Die "Hard"']),
        (r'title="a \"b\" \\ c"', "withTitle", [r'a "b" \ c']),
        ('title="a,b"', "withTitle", ["a,b"]),
        ('title="1..2"', "withTitle", ["1..2"]),
        ("title=Wait...", "withTitle", ["Wait..."]),
        ("title=it's", "withTitle", ["it's"]),
        ('title in "x = y", "and z"', "withTitle", ["x = y||and z"]),
        ("title=電影", "withTitle", ["電影"]),
    ],
)
def test_a_condition_asks_what_it_says(text: str, parameter: str, wire: list[str] | None) -> None:
    if wire is None:
        with pytest.raises(Misread):
            conditions(text)
        return
    found = conditions(text)
    assert {one.parameter for one in found} == {parameter}
    assert [one.wire for one in found] == wire


def test_every_operator_of_the_sdk_can_be_written() -> None:
    written = ["a=1", "a!=1", "a in 1,2", "a all 1,2", "a starts 1", "a ends 1", "a exists", "a missing", "a>=1", "a>1"]
    written += ["a<=1", "a<1", "a 1..2", "a not 1..2"]
    assert {one.operator for text in written for one in conditions(text)} == set(Operator)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("", 0, "begins with the name of a field"),
        ("=movie", 0, "begins with the name of a field"),
        ("type", 4, "type=..."),
        ("type=", 5, "a value must follow '='"),
        ("title=Die Hard", 10, 'title="a b"'),
        ("type=movie and year=2015", 11, "a second condition is a second option"),
        ('title="Die Hard', 6, "not closed"),
        ('title=""', 6, "exists and missing"),
        ("type=a,b", 6, "in or all"),
        ("type=>2015", 4, "did you mean '>='"),
        ("type~movie", 4, "did you mean 'starts'"),
        ("title like Die", 6, "'like' is none"),
        ("title startz Die", 6, "did you mean 'starts'"),
        ("title not Die", 10, "title!="),
        ("tags in", 7, "a value is missing"),
        ("tags in a,,b", 10, "a value is missing"),
        ("tags in a b", 10, "parted by commas"),
        ("tags in (a,b", 8, "not closed by ')'"),
        ("endAt exists now", 13, "nothing follows exists"),
        ("year=2010..2015", 5, "year 2010..2015"),
        ("year 2010..2015 2016", 16, "a range is one word"),
        ("year ..", 5, "needs an end"),
        ("title=Die*", 6, "starts, ends or exists"),
        ("title=!Die", 5, "did you mean '!='"),
        ('title="!Die"', 6, "cannot be asked for"),
        ("tags=a||b", 5, "in or all"),
        ('tags in a,"b&&c"', 10, "in or all"),
        ("url>=a/b", 5, "cannot carry a value with '/'"),
    ],
)
def test_of_one_that_cannot_be_read_the_place_and_the_way_out_are_told(text: str, place: int, said: str) -> None:
    with pytest.raises(Misread) as caught:
        conditions(text)
    assert said in str(caught.value)
    assert caught.value.place == place
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="ab.,=!<>*|&/\"'\\ ()[]~-", max_size=20))
def test_whatever_is_written_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        found = conditions(text)
    except Misread as error:
        assert 0 <= error.place <= len(text)  # noqa: PT017 - it may be read as well
    else:
        assert found


@given(st.text(min_size=1).filter(lambda one: not (one.startswith(("!", "*")) or one.endswith("*"))))
def test_any_value_can_be_asked_for_in_quotes(value: str) -> None:
    if "||" in value or "&&" in value:
        return
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    (found,) = conditions(f'title="{escaped}"')
    assert found.values == (value,)
