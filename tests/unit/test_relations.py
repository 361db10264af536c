"""Included resources attached to their parents."""

from __future__ import annotations

import copy
import logging
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequoia.calls import Answer, Call
from sequoia.descriptor import Descriptor
from sequoia.relations import Resolution

Films = list[dict[str, Any]]

RELATIONSHIPS: dict[str, Any] = {
    "parent": {"type": "direct", "resourceType": "films", "fieldNamePath": "parentRef"},
    "genres": {"type": "direct", "resourceType": "genres", "fieldNamePath": "genreRefs"},
    "deep": {"type": "direct", "resourceType": "genres", "fieldNamePath": "custom.genreRef"},
    "posters": {"type": "indirect", "resourceType": "posters", "filterName": "withFilmRef"},
    "stills": {"type": "indirect", "resourceType": "posters", "filterName": "withOwnerFilm"},
    "genres.icons": {"type": "indirect", "resourceType": "icons", "filterName": "withGenreRef", "through": "genres"},
    "posters.stores": {
        "type": "direct", "resourceType": "stores", "fieldNamePath": "storeRef", "through": "posters"
    },
    "posters.prints": {
        "type": "indirect", "resourceType": "prints", "filterName": "withPosterRef", "through": "posters"
    },
    "ring": {"type": "direct", "resourceType": "films", "fieldNamePath": "ref", "through": "gnir"},
    "gnir": {"type": "direct", "resourceType": "films", "fieldNamePath": "ref", "through": "ring"},
    "lost": {"type": "direct", "resourceType": "films", "fieldNamePath": "ref", "through": "nowhere"},
    "nofilter": {"type": "indirect", "resourceType": "films"},
    "nofield": {"type": "direct", "resourceType": "films"},
}  # fmt: skip


def _resource(plural: str, hyphenated: str, **more: Any) -> dict[str, Any]:
    return {"pluralName": plural, "singularName": plural[:-1], "hyphenatedPluralName": hyphenated, **more}


DATA: dict[str, Any] = {
    "name": "cinema",
    "title": "Cinema",
    "newer": "than this SDK",
    "resourcefuls": {
        "films": _resource("films", "films", relationships=RELATIONSHIPS),
        "posters": _resource(
            "posters", "posters", filters={"withOwnerFilm": {"fieldNamePath": "owner.film", "or": True}}
        ),
        "offerTemplates": _resource("offerTemplates", "offer-templates"),
    },
}
DESCRIPTOR = Descriptor.parse(DATA)


def _resolved(films: Films, name: str, items: Any, **more: Any) -> Any:
    """What is attached to each film under `name`."""
    body = {"films": films, "linked": {name: items, **more}}
    call = Call("GET", "https://cinema.test/data/films", key="films", includes=(name,))
    models = Resolution(DESCRIPTOR, "films")(Answer(call, httpx2.Response(200), body))
    assert models is not None
    return [model[name] for model in models]


def test_a_direct_relationship_goes_by_the_parents_one_ref() -> None:
    films: Films = [
        {"ref": "a:1", "parentRef": "a:9"},
        {"ref": "a:2"},
        {"ref": "a:3", "parentRef": None},
    ]
    assert _resolved(films, "parent", [{"ref": "a:9"}]) == [[{"ref": "a:9"}], [], []]


def test_a_direct_relationship_goes_by_the_parents_list_of_refs_in_the_order_returned() -> None:
    films: Films = [
        {"genreRefs": ["g:2", "g:1"]},
        {"genreRefs": ["g:2"]},
        {"genreRefs": []},
        {"genreRefs": ["g:3"]},
    ]
    one, two = {"ref": "g:1"}, {"ref": "g:2"}
    assert _resolved(films, "genres", [one, two]) == [[one, two], [two], [], []]


def test_a_direct_relationship_may_lie_deep_in_the_parent() -> None:
    films: Films = [{"custom": {"genreRef": "g:1"}}, {"custom": None}, {}]
    assert _resolved(films, "deep", [{"ref": "g:1"}]) == [[{"ref": "g:1"}], [], []]


def test_an_indirect_relationship_goes_by_the_field_of_the_targets_filter() -> None:
    films: Films = [{"ref": "f:1"}, {"ref": "f:2"}, {"ref": "f:3"}]
    items = [{"url": "1", "filmRef": "f:1"}, {"url": "2", "filmRef": ["f:1", "f:2"]}]
    assert _resolved(films, "posters", items) == [items, items[1:], []]


def test_an_indirect_relationship_asks_the_descriptor_for_the_filters_field() -> None:
    assert _resolved([{"ref": "f:1"}], "stills", [{"owner": {"film": "f:1"}}]) == [[{"owner": {"film": "f:1"}}]]


def test_an_indirect_hop_over_a_direct_relationship_goes_by_the_parents_field() -> None:
    films: Films = [{"genreRefs": ["g:1", "g:2"]}, {"genreRefs": ["g:2"]}]
    icons = [{"genreRef": "g:1"}, {"genreRef": "g:2"}]
    assert _resolved(films, "genres.icons", icons) == [icons, icons[1:]]


def test_a_direct_hop_goes_by_the_field_of_the_resources_hopped_over() -> None:
    films: Films = [{"ref": "f:1"}, {"ref": "f:2"}]
    posters = [{"ref": "p:1", "filmRef": "f:1", "storeRef": "s:1"}, {"ref": "p:2", "filmRef": "f:2", "storeRef": "s:2"}]
    stores = [{"ref": "s:2"}, {"ref": "s:1"}]
    assert _resolved(films, "posters.stores", stores, posters=posters) == [[stores[1]], [stores[0]]]


def test_an_indirect_hop_over_an_indirect_relationship_goes_by_the_refs_of_the_resources_hopped_over() -> None:
    films: Films = [{"ref": "f:1"}, {"ref": "f:2"}]
    posters = [{"ref": "p:1", "filmRef": "f:1"}, {"ref": "p:2", "filmRef": "f:1"}]
    prints = [{"posterRef": "p:2"}, {"posterRef": "p:1"}, {"posterRef": "p:9"}]
    assert _resolved(films, "posters.prints", prints, posters=posters) == [prints[:2], []]


def test_a_child_reached_in_two_ways_is_attached_once() -> None:
    assert _resolved([{"genreRefs": ["g:1", "g:1"]}], "genres", [{"ref": "g:1"}]) == [[{"ref": "g:1"}]]


def test_a_ref_that_begins_like_another_is_another() -> None:
    films: Films = [{"ref": "f:1", "parentRef": "f:10"}, {"ref": "f:10", "parentRef": "f:1"}]
    assert _resolved(films, "parent", [{"ref": "f:1"}]) == [[], [{"ref": "f:1"}]]
    assert _resolved(films, "posters", [{"filmRef": "f:10"}]) == [[], [{"filmRef": "f:10"}]]


def test_no_linked_resources_are_an_empty_list_for_every_parent() -> None:
    assert _resolved([{"ref": "f:1"}, {}], "posters", []) == [[], []]


@pytest.mark.parametrize(
    ("name", "items", "words"),
    [
        ("unknown", [{"ref": "x"}], "knows no relationship 'unknown'"),
        ("lost", [{"ref": "x"}], "knows no relationship 'nowhere'"),
        ("ring", [{"ref": "x"}], "leads 'ring' through itself"),
        ("genres", [{"title": "no ref"}], "the linked resources have no 'ref'"),
        ("posters", [{"url": "1"}], "the linked resources have no 'filmRef'"),
        ("deep", [{"ref": "g:1"}], "no resource of the answer has 'custom.genreRef'"),
        ("nofilter", [{"ref": "x"}], "names no filter"),
        ("nofield", [{"ref": "x"}], "names no field"),
        ("genres", {}, "no such linked resources"),
        ("genres", None, "no such linked resources"),
        ("posters.stores", [{"ref": "s:1"}], "no such linked resources"),
    ],
)
def test_what_cannot_be_attached_is_none_and_one_warning_says_why(
    name: str, items: Any, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    more = {"gnir": [{"ref": "x"}]} if name == "ring" else {}
    with caplog.at_level(logging.WARNING):
        assert _resolved([{"ref": "f:1"}, {"ref": "f:2"}], name, items, **more) == [None, None]
    of_this = [record.getMessage() for record in caplog.records if f": {name} cannot" in record.getMessage()]
    assert len(of_this) == 1
    assert words in of_this[0]


def test_the_pages_of_a_browse_are_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    call = Call("GET", "https://cinema.test/data/films", key="films", includes=("unknown",))
    resolution = Resolution(DESCRIPTOR, "films")
    for _ in range(3):
        resolution(Answer(call, httpx2.Response(200), {"films": [{}], "linked": {"unknown": [{}]}}))
    assert len(caplog.records) == 1


def test_several_relationships_are_attached_whether_asked_for_or_sent_unasked() -> None:
    body = {
        "films": [{"ref": "f:1", "parentRef": "f:0"}],
        "linked": {"posters": [{"filmRef": "f:1"}], "parent": [{"ref": "f:0"}]},
    }
    call = Call("GET", "https://cinema.test/data/films", key="films", includes=("parent",))
    assert Resolution(DESCRIPTOR, "films")(Answer(call, httpx2.Response(200), body)) == [
        {"ref": "f:1", "parentRef": "f:0", "parent": [{"ref": "f:0"}], "posters": [{"filmRef": "f:1"}]}
    ]


def test_the_answer_is_not_changed() -> None:
    body = {"films": [{"ref": "f:1", "genreRefs": ["g:1"]}], "linked": {"genres": [{"ref": "g:1"}]}}
    before = copy.deepcopy(body)
    call = Call("GET", "https://cinema.test/data/films", key="films", includes=("genres",))
    models = Resolution(DESCRIPTOR, "films")(Answer(call, httpx2.Response(200), body))
    assert models is not None
    assert "genres" in models[0]
    assert body == before


@pytest.mark.parametrize("data", [None, {}, {"films": None}, {"films": {}}])
def test_an_answer_without_resources_has_no_model(data: Any) -> None:
    call = Call("GET", "https://cinema.test/data/films", key="films")
    assert Resolution(DESCRIPTOR, "films")(Answer(call, httpx2.Response(200), data)) is None


def test_a_relationship_that_the_service_could_not_get_is_none(caplog: pytest.LogCaptureFixture) -> None:
    films: Films = [{"ref": "a:1"}]
    entry = {"statusCode": 400, "error": "Bad Request", "message": "fields is invalid - uri is not allowed"}
    body = {"meta": {"linked": {"posters": [entry]}}, "films": films, "linked": {"posters": []}}
    call = Call("GET", "https://cinema.test/data/films", key="films", includes=("posters",))
    with caplog.at_level(logging.WARNING):
        models = Resolution(DESCRIPTOR, "films")(Answer(call, httpx2.Response(200), body))
    assert models == [{"ref": "a:1", "posters": None}]
    assert "uri is not allowed" in caplog.text


REF = st.sampled_from(["a:1", "a:2", "a:3"])
REFS = st.none() | REF | st.lists(REF | st.just(7), max_size=3)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(
    st.lists(REFS, min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(["a:1", "a:2", "a:3", "a:4", None]), REFS), min_size=1, max_size=5),
    st.sampled_from(["genres", "posters"]),
)
def test_everything_is_attached_that_a_plain_comparison_would_attach(
    parents: list[Any], linked: list[tuple[Any, Any]], name: str
) -> None:
    def some(**values: Any) -> dict[str, Any]:
        return {key: value for key, value in values.items() if value is not None}

    def listed(value: Any) -> list[Any]:
        return value if isinstance(value, list) else [value]

    films = [some(ref=f"a:{number}", genreRefs=refs) for number, refs in enumerate(parents, 1)]
    items = [some(ref=ref, filmRef=refs) for ref, refs in linked]
    own, other = ("genreRefs", "ref") if name == "genres" else ("ref", "filmRef")

    def refs(item: dict[str, Any], field: str) -> set[str]:
        return {ref for ref in listed(item.get(field)) if isinstance(ref, str)}

    expected = [[item for item in items if refs(item, other) & refs(film, own)] for film in films]
    told = any(refs(film, own) for film in films) and any(refs(item, other) for item in items)
    assert _resolved(films, name, items) == (expected if told else [None] * len(films))
