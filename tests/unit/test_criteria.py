"""The question that a browse asks: the forms of 4.4.0 with their documented results, and the new ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sequoia.criteria import Criteria, Inclusion, StringExpressionFactory, field, raw, text, where
from sequoia.error import CriteriaError

WRONG: Any = 5
DIESEL = StringExpressionFactory.field("engine").equal_to("diesel")


@pytest.mark.parametrize(
    ("criteria", "params", "query"),
    [
        (Criteria(), {}, ""),
        (Criteria().add_criterion(DIESEL), {"withEngine": "diesel"}, "withEngine=diesel"),
        (Criteria().add(criterion=DIESEL), {"withEngine": "diesel"}, "withEngine=diesel"),
        (Criteria().add(inclusion=Inclusion.resource("assets")), {"include": "assets"}, "include=assets"),
        (
            Criteria().add_inclusion(Inclusion.resource("assets").fields("name", "ref")),
            {"include": "assets", "assets.fields": "name,ref"},
            "assets.fields=name%2Cref&include=assets",
        ),
        (
            Criteria().add(criterion=DIESEL, inclusion=Inclusion.resource("assets")),
            {"withEngine": "diesel", "include": "assets"},
            "include=assets&withEngine=diesel",
        ),
        (
            Criteria().add_criterion(StringExpressionFactory.field("engine").one_or_more_of("diesel", "petrol")),
            {"withEngine": "diesel||petrol"},
            "withEngine=diesel%7C%7Cpetrol",
        ),
        (
            Criteria().add_inclusion(Inclusion.resource("b")).add_inclusion(Inclusion.resource("a")),
            {"include": "a,b"},
            "include=a%2Cb",
        ),
    ],
)
def test_the_forms_of_4_4_0_ask_what_they_asked(criteria: Criteria, params: dict[str, str], query: str) -> None:
    assert criteria.get_criteria_params() == params
    assert str(criteria) == query


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (where(field("engine") == "diesel"), Criteria().add_criterion(DIESEL)),
        (where(), Criteria()),
        (
            where(DIESEL).include("assets", fields=["name", "ref"]),
            Criteria().add(criterion=DIESEL, inclusion=Inclusion.resource("assets").fields("ref", "name")),
        ),
    ],
)
def test_the_new_form_asks_the_same(new: Criteria, old: Criteria) -> None:
    assert new == old
    assert str(new) == str(old)


def test_two_filters_on_one_field_are_both_sent_in_order() -> None:
    criteria = where(field("tag") == "b", field("tag") == "a", field("tag") == "c", field("type") == "x")
    assert criteria.get_criteria_params() == {"withTag": ["b", "a", "c"], "withType": "x"}
    assert str(criteria) == "withTag=b&withTag=a&withTag=c&withType=x"


@pytest.mark.parametrize(
    ("criteria", "query"),
    [
        (where().fields("ref", "title"), "fields=ref%2Ctitle"),
        (where().order_by("-updatedAt", "ref"), "sort=-updatedAt%2Cref"),
        (where().per_page(50), "perPage=50"),
        (where().count(), "count=true"),
        (where(field("offers.type") == "linear").include("offers"), "include=offers&offers.withType=linear"),
        (where(field("name") == "a&b=c+d%e#f"), "withName=a%26b%3Dc%2Bd%25e%23f"),
        (where(field("title") == "Amélie 電"), "withTitle=Am%C3%A9lie%20%E9%9B%BB"),
        (where().per_page(5).per_page(7), "perPage=7"),
    ],
)
def test_a_criteria_is_its_query_string(criteria: Criteria, query: str) -> None:
    assert str(criteria) == query


def test_a_relationship_is_included_once_with_the_fields_of_every_mention() -> None:
    criteria = where().include("assets", fields=["ref"]).include("assets", fields=["url"]).include("offers")
    assert criteria.included == ("assets", "offers")
    assert criteria.get_criteria_params() == {"include": "assets,offers", "assets.fields": "ref,url"}


def test_a_criteria_is_changed_in_place_and_returned() -> None:
    criteria = Criteria()
    assert criteria.add_criterion(DIESEL) is criteria
    assert criteria.add(inclusion=Inclusion.resource("assets")) is criteria
    assert criteria.include("offers").fields("ref").order_by("ref").per_page(1).count() is criteria
    assert criteria.criterion_entries == [DIESEL]
    assert [str(entry) for entry in criteria.inclusion_entries] == ["assets", "offers"]


def test_asking_twice_gives_the_same_answer_and_the_answer_is_the_callers_own() -> None:
    criteria = where(field("a") == "1", field("a") == "2").per_page(3)
    params = criteria.get_criteria_params()
    params.clear()
    assert str(criteria) == "perPage=3&withA=1&withA=2"


def test_the_repr_shows_the_question() -> None:
    criteria = where(field("type") == "movie").include("assets", fields=["url", "ref"])
    assert repr(criteria) == (
        "where(field('type') == 'movie').add_inclusion(Inclusion.resource('assets').fields('ref', 'url'))"
    )
    more = where().fields("ref", "title").order_by("-updatedAt").per_page(5).count()
    assert repr(more) == "where().count().fields('ref', 'title').per_page(5).order_by('-updatedAt')"
    assert repr(Inclusion.resource("assets")) == "Inclusion.resource('assets')"


def test_criteria_are_equal_if_they_ask_the_same() -> None:
    assert where(field("a") == "1", field("b") == "2") == where(field("b") == "2", field("a") == "1")
    assert where(field("a") == "1") != where(field("a") == "2")
    assert where() != {}


@pytest.mark.parametrize("wrong", ["withEngine=diesel", None, True, field("engine"), Inclusion.resource("assets")])
def test_what_is_no_filter_is_refused(wrong: Any) -> None:
    with pytest.raises(CriteriaError, match="a criterion is made by a field"):
        where(wrong)
    with pytest.raises(CriteriaError, match="a criterion is made by a field"):
        Criteria().add_criterion(wrong)


@pytest.mark.parametrize(
    ("criteria", "query"),
    [
        (where().facets("type", "tags"), "count=type%2Ctags"),
        (where().facets("type").count(), "count=type"),
        (where().count().facets("type"), "count=type"),
        (where().skip_resources(), "resources=false"),
        (where().lang("fr-CH"), "lang=fr-CH"),
        (where().active().available(), "active=true&available=true"),
        (where(text("star wars"), raw("hint", "a&b")), "hint=a%26b&q=star%20wars"),
        (where(field("offers.type") == "linear"), "offers.withType=linear"),
        (where().include("assets", order_by="-createdAt"), "assets.sort=-createdAt&include=assets"),
        (where().include("assets", order_by=["a", "-b"]), "assets.sort=a%2C-b&include=assets"),
        (
            where().include("assets").intersect("offers", where(field("type") == "free").fields("ref")),
            "include=assets%2Coffers%3Cintersect%3E&offers.fields=ref&offers.withType=free",
        ),
        (where().include("offers").intersect("offers", where()), "include=offers%3Cintersect%3E"),
        (where(field("a") >= 1, field("a") < 5), "withA=1%2F&withA=%215%2F"),
    ],
)
def test_every_parameter_of_the_platform_can_be_asked_for(criteria: Criteria, query: str) -> None:
    assert str(criteria) == query


def test_an_intersection_is_an_inclusion_by_its_bare_name() -> None:
    assert where().include("assets").intersect("offers", where()).included == ("assets", "offers")


@pytest.mark.parametrize(
    ("criteria", "params"),
    [
        (
            where(field("assets.type") == "video").intersect("assets", where(field("type") == "picture")),
            {"assets.withType": ["video", "picture"], "include": "assets<intersect>"},
        ),
        (
            where(field("assets.tags") == "a").intersect("assets", where(field("tags") == "b", field("tags") == "c")),
            {"assets.withTags": ["a", "b", "c"], "include": "assets<intersect>"},
        ),
        (
            where().include("assets", fields=["ref", "url"]).intersect("assets", where().fields("ref", "name")),
            {"assets.fields": "ref,url,name", "include": "assets<intersect>"},
        ),
        (
            where().include("assets", order_by="name").intersect("assets", where().order_by("-createdAt", "name")),
            {"assets.sort": "name,-createdAt", "include": "assets<intersect>"},
        ),
        (
            where(raw("assets.include", "a")).intersect("assets", where().include("b").intersect("c", where())),
            {"assets.include": "a,b,c<intersect>", "include": "assets<intersect>"},
        ),
        (
            where(raw("include", "offers,assets"), raw("assets.fields", "ref")).include("assets", fields=["url"]),
            {"include": "offers,assets", "assets.fields": "ref,url"},
        ),
        (where(raw("include", "")).include("assets"), {"include": "assets"}),
    ],
)
def test_what_is_asked_of_a_relationship_in_several_places_is_all_sent(
    criteria: Criteria, params: dict[str, str | list[str]]
) -> None:
    assert criteria.get_criteria_params() == params


def test_a_second_intersection_with_a_relationship_does_not_take_the_place_of_the_first() -> None:
    criteria = where().intersect("offers", where(field("type") == "free"))
    criteria.intersect("offers", where(field("type") == "free"))
    with pytest.raises(CriteriaError, match="'offers' is intersected already"):
        criteria.intersect("offers", where(field("type") == "linear"))
    assert str(criteria) == "include=offers%3Cintersect%3E&offers.withType=free"


def test_a_copy_asks_the_same_and_is_changed_alone() -> None:
    criteria = where(field("a") == 1).include("assets").intersect("offers", where())
    copied = criteria.copy()
    assert copied == criteria
    copied.per_page(3).add_inclusion(Inclusion.resource("parent"))
    assert copied != criteria
    assert str(criteria) == "include=assets%2Coffers%3Cintersect%3E&withA=1"


@pytest.mark.parametrize(
    "ask",
    [
        lambda: where().facets(),
        lambda: where().facets(""),
        lambda: where().lang(""),
        lambda: where().intersect("", where()),
        lambda: where().intersect("offers", WRONG),
        lambda: where().include("assets", order_by=WRONG),
        lambda: str(where().facets("type").intersect("offers", where())),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(ask: Callable[[], object]) -> None:
    with pytest.raises(CriteriaError):
        ask()


def test_the_repr_shows_every_parameter() -> None:
    criteria = where(field("a") > 1).include("assets", order_by="-b").intersect("offers", where())
    criteria.facets("type").lang("es").active().available().skip_resources()
    assert repr(criteria) == (
        "where(field('a') > '1').add_inclusion(Inclusion.resource('assets').order_by('-b'))"
        ".intersect('offers', where()).active().available().facets('type').lang('es').skip_resources()"
    )


@pytest.mark.parametrize("wrong", ["assets", None, DIESEL])
def test_what_is_no_inclusion_is_refused(wrong: Any) -> None:
    with pytest.raises(CriteriaError, match="an inclusion is made by"):
        Criteria().add_inclusion(wrong)


@pytest.mark.parametrize("name", ["", None, 7])
def test_an_inclusion_needs_a_name(name: Any) -> None:
    with pytest.raises(CriteriaError, match="name of a relationship"):
        Inclusion.resource(name)
    with pytest.raises(CriteriaError, match="name of a relationship"):
        where().include(name)


@pytest.mark.parametrize("number", [0, -1, True, 2.0, "50", None])
def test_a_page_holds_a_whole_number_of_resources(number: Any) -> None:
    with pytest.raises(CriteriaError, match="per_page"):
        where().per_page(number)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: where().fields(),
        lambda: where().fields(""),
        lambda: where().fields(7),  # type: ignore[arg-type]
        lambda: where().order_by(),
        lambda: where().include("assets", fields="ref"),
        lambda: where().include("assets", fields=[""]),
        lambda: Inclusion.resource("assets").fields(None),  # type: ignore[arg-type]
    ],
)
def test_fields_are_names(ask: Any) -> None:
    with pytest.raises(CriteriaError, match="takes names of fields"):
        ask()
