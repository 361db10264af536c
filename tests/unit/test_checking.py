"""A criteria is held against the descriptor: what is wrong, where, and the nearest right name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sequoia import Criteria, field, raw, text, where
from sequoia.checking import Question
from sequoia.criteria import Inclusion
from sequoia.descriptor import Descriptor


def _with(path: str, type_: str = "string", **flags: Any) -> dict[str, Any]:
    return {"type": "with", "fieldNamePath": path, "valueType": type_, "and": True, "or": True, **flags}


def _resource(plural: str, **more: Any) -> dict[str, Any]:
    return {"pluralName": plural, "singularName": plural[:-1], "hyphenatedPluralName": plural, **more}


FILMS = _resource(
    "films",
    fields={
        "ref": {"type": "ref"},
        "title": {"type": "string", "sort": True},
        "kind": {
            "type": "string",
            "countable": True,
            "allowedValues": [{"value": "short", "alternatives": ["clip"]}, {"value": "long"}],
        },
        "year": {"type": "year", "sort": True},
        "scores": {"type": "scores"},
        "custom": {"type": "map"},
        "media": {"fields": {"bitrate": {"type": "integer"}, "codec": {"type": "string"}}},
        "startAt": {"type": "timestamp", "sort": True},
        "genreRefs": {"type": "ref", "array": True},
        "active": {"type": "boolean"},
        "synopsis": {"type": "text"},
    },
    filters={
        "q": {"type": "q", "includes": ["title"]},
        "withTitle": _with("title", prefix=True),
        "withKind": _with("kind"),
        "withYear": _with("year", "year"),
        "withScore": _with("scores", "scores", range=True),
        "withIds": _with("ids", "stringMap"),
        "withBitrate": _with("media.bitrate", "integer", range=True),
        "withStartAt": _with("startAt", "timestamp", range=True),
        "withGenreRefs": _with("genreRefs", "ref"),
        "withActive": _with("active", "boolean"),
        "withone": _with("one"),
        "withSingle": _with("title") | {"and": False, "or": False},
    },
    relationships={
        "posters": {"type": "indirect", "resourceType": "posters", "filterName": "withFilmRef"},
        "sequel.posters": {"type": "indirect", "resourceType": "posters", "filterName": "withFilmRef", "through": "x"},
        "closed": {"type": "direct", "resourceType": "posters", "fieldNamePath": "x", "intersectable": False},
        "offers": {"type": "direct", "resourceType": "elsewhere", "fieldNamePath": "x"},
    },
    pagination={"pageSize": {"min": 5, "max": 50}},
)
POSTERS = _resource(
    "posters",
    fields={"url": {"type": "string", "sort": True}, "size": {"type": "integer"}},
    filters={"withSize": _with("size", "integer", range=True)},
)
DESCRIPTOR = Descriptor.parse({"name": "cinema", "resourcefuls": {"films": FILMS, "posters": POSTERS}})
MOMENT = datetime(2026, 1, 31, tzinfo=UTC)


def _faults(criteria: Criteria | None, *fields: str, resource: str = "films") -> list[str]:
    return Question(resource, criteria, fields).faults(DESCRIPTOR)


@pytest.mark.parametrize(
    "criteria",
    [
        where(),
        where(field("title").starts_with("Or"), field("title").ends_with("x"), text("star")),
        where(field("kind") == "clip", field("kind").any_of("long", "short"), field("kind").exists()),
        where(field("startAt") >= MOMENT, field("startAt").between("2014", "2015-03"), field("startAt") < "NOW"),
        where(
            field("score").between("imdb:5", 9),
            field("score") >= "imdb:7",
            field("ids") == "isan:1/2",
            field("ids").starts_with("isan"),
        ),
        where(field("genreRefs").all_of("a:b", "a:c"), field("active") == True, field("year") == 2015),  # noqa: E712
        where(field("bitrate").not_between(1, 2), raw("withAnything", "goes")),
        where(field("posters.size") > 3, field("sequel.posters.size") > 3, field("offers.whatever") == 1),
        where().fields("ref", "custom.mine", "media.codec").order_by("-year", "title", "ref").facets("kind").active(),
        where().include("posters", fields=["url"], order_by="-url").include("offers", fields=["anything"]),
        where().intersect("posters", where(field("size") > 3)).intersect("offers", where(field("x") == 1)),
        where().per_page(5).count().lang("es").skip_resources(),
    ],
)
def test_a_question_that_the_service_answers_has_no_faults(criteria: Criteria) -> None:
    assert _faults(criteria) == []


@pytest.mark.parametrize(
    ("criteria", "fault"),
    [
        (where(field("tilte") == "x"), "== 'x': films has no field 'tilte' to filter by: did you mean 'title'"),
        (where(field("synopsis") == "x"), "films cannot be filtered by 'synopsis'"),
        (where(field("scores") == "a:1"), "'scores' is filtered as field('score')"),
        (where(field("media.bitrate") == 1), "no relationship 'media': it is filtered as field('bitrate')"),
        (where(field("one") == 1), "'one' is filtered as raw('withone', ...)"),
        (where(field("kind") >= "a"), "'kind' takes no ranges"),
        (where(field("kind").starts_with("a")), "'kind' takes no beginnings of values"),
        (where(field("single").any_of("a", "b")), "'single' takes no alternatives"),
        (where(field("single").all_of("a", "b")), "'single' takes no several values at once"),
        (where(field("kind") == "shrot"), "'shrot' is none of its values: did you mean 'short'"),
        (where(field("kind").any_of("long", "lnog")), "'lnog' is none of its values: did you mean 'long'"),
        (where(field("year") == "15"), "'15' is no year such as 2026"),
        (where(field("startAt") >= "soon"), "'soon' is no timestamp such as 2026-01-31T12:00:00.000Z"),
        (where(field("startAt").between("2014", "2015-13")), "'2015-13' is no timestamp"),
        (where(field("genreRefs") == "drama"), "'drama' is no ref such as acme:film-1"),
        (where(field("active") == "yes"), "'yes' is no boolean such as true"),
        (where(field("ids") == "isan"), "'isan' is no 'key:value'"),
        (where(field("score") <= "imdb:7"), """'score' takes the key before the range: raw("withScore", "imdb:/7")"""),
        (where(field("score") >= 7), "'7' is no 'key:value'"),
        (where(field("score") >= "imdb:high"), "'high' is no number such as -2.5, after the key 'imdb'"),
        (where(field("score").between("imdb:5", "high")), "'high' is no number such as -2.5"),
        (where(field("poster.size") == 1), "films has no relationship 'poster': did you mean 'posters'"),
        (where(field("posters.url") == "x"), "posters cannot be filtered by 'url'"),
        (where().include("poster"), "include('poster'): films has no relationship 'poster': did you mean 'posters'"),
        (where().include("posters", fields=["urll"]), "the fields of 'posters': posters has no field 'urll'"),
        (where().include("posters", order_by="size"), "the order of 'posters': posters cannot be sorted by 'size'"),
        (where().fields("titel"), "fields: films has no field 'titel': did you mean 'title'"),
        (where().order_by("-synopsis"), "order_by: films cannot be sorted by 'synopsis'"),
        (where().order_by("-titel"), "order_by: films has no field 'titel': did you mean 'title'"),
        (where().facets("kind", "title"), "facets: films cannot be counted by 'title': there are: kind"),
        (where().facets("knid"), "facets: films has no field 'knid': did you mean 'kind'"),
        (where().per_page(4), "per_page(4): a page of films has 5 to 50"),
        (where().per_page(51), "per_page(51): a page of films has 5 to 50"),
        (where().available(), "films have no withAvailabilityStartAt and no withAvailabilityEndAt"),
        (where().intersect("posters", where(field("siez") == 1)), "intersect('posters'): field('siez') == '1': "),
        (where().intersect("poster", where()), "intersect('poster'): films has no relationship 'poster'"),
        (where().intersect("closed", where()), "intersect('closed'): films cannot be intersected with it"),
    ],
)  # fmt: skip
def test_a_fault_says_what_is_wrong_and_where(criteria: Criteria, fault: str) -> None:
    (found,) = _faults(criteria)
    assert fault in found


def test_every_fault_is_found_at_once() -> None:
    criteria = where(field("tilte") == "x").include("poster").order_by("yaer").per_page(500)
    assert len(_faults(criteria, "titel")) == 5


def test_a_resource_without_text_cannot_be_searched_and_is_never_inactive() -> None:
    found = _faults(where(text("star"), raw("q", "x")).active(), resource="posters")
    assert found == [
        "text('star'): posters cannot be searched for text",
        "text('x'): posters cannot be searched for text",
        "active(): posters are not active or inactive",
    ]


def test_an_unknown_resource_is_the_only_fault() -> None:
    (found,) = _faults(where(field("x") == 1), resource="filns")
    assert "no resource 'filns': did you mean 'films'" in found


def test_the_inclusions_of_4_4_0_are_checked_as_well() -> None:
    (found,) = _faults(Criteria().add(inclusion=Inclusion.resource("posters").fields("name")))
    assert "posters has no field 'name'" in found


def test_nothing_asked_is_no_question() -> None:
    assert not Question("films", None)
    assert Question("films", where())
    assert Question("films", None, ("ref",))
