"""Linked resources: items, entries, links and errors of sub-requests."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.descriptors import builtin_descriptors
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.store import Store
from sequoia.sandbox.wire import Request

Data = dict[str, list[dict[str, Any]]]
SHOWN = "ref%2Cname%2CcontentRef%2Ctype%2Curl%2CfileFormat%2Ctitle%2CfileSize%2Ctags"


def catalogue() -> Data:
    contents: list[dict[str, Any]] = [
        {"name": f"c{number:02}", "type": "movie", "categoryRefs": [f"acme:k{number % 3}", "acme:k9"][: 1 + number % 2]}
        for number in range(12)
    ]
    contents += [
        {"name": "series", "type": "show", "categoryRefs": ["acme:gone", "acme:k0"]},
        {"name": "pilot", "type": "episode", "parentRef": "acme:series"},
        {"name": "lost", "type": "episode", "parentRef": "acme:nowhere"},
    ]
    assets: list[dict[str, Any]] = [
        {"name": f"a{number:03}", "type": "video", "contentRef": "acme:c00"} for number in range(230)
    ]
    assets += [{"name": "poster", "type": "image", "contentRef": "acme:c11", "fileSize": 5}]
    assets += [{"name": "card", "type": "image", "contentRef": "acme:series"}]
    return {
        "contents": contents,
        "categories": [{"name": f"k{number}", "scheme": "genre"} for number in range(3)]
        + [{"name": "k9", "scheme": "mood"}],
        "assets": assets,
        "people": [{"name": "ann"}, {"name": "bob"}],
        "credits": [
            {"name": "x1", "contentRef": "acme:c01", "personRef": "acme:ann"},
            {"name": "x2", "contentRef": "acme:c01", "personRef": "acme:bob"},
        ],
    }


@pytest.fixture(scope="module", params=[1, 2, 5])
def pages(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture(scope="module")
def service(pages: int) -> Iterator[DataService]:
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    made = DataService(Schema.parse(builtin_descriptors()["metadata"]), store, embedded_pages=pages)
    for resource, documents in catalogue().items():
        made.load(resource, ({"owner": "acme", **document} for document in documents), user="acme:tester")
    yield made
    store.close()


def get(service: DataService, url: str) -> Any:
    parts = urlsplit(url)
    reply = service.handle(Request("GET", parts.path, tuple(parse_qsl(parts.query))), user="acme:tester")
    assert reply.status == 200
    return msgspec.json.decode(reply.body)


def refs(items: list[dict[str, Any]]) -> list[str]:
    return [item["ref"].removeprefix("acme:") for item in items]


def test_indirect_items_are_requested_in_batches_of_parents(service: DataService, pages: int) -> None:
    body = get(service, "/data/contents?owner=acme&include=assets&withType=movie")
    entries = body["meta"]["linked"]["assets"]
    assert list(body) == ["meta", "contents", "linked"]
    parents = "%7C%7C".join(f"acme%3Ac{number:02}" for number in range(10))
    base = f"/data/assets?owner=acme&fields={SHOWN}&continue="
    assert entries[0]["request"] == f"{base}true&withContentRef={parents}"
    assert entries[0]["perPage"] == 100
    assert entries[-1] == {"perPage": 100, "request": f"{base}true&withContentRef=acme%3Ac10%7C%7Cacme%3Ac11"}
    embedded = min(pages, 3)
    assert len(entries) == embedded + 1
    for before, entry in pairwise(entries[:embedded]):
        assert entry["request"] == before["continue"]
        assert entry["request"].endswith(f"&withContentRef={parents}&perPage=100")
    assert ("continue" in entries[embedded - 1]) == (pages < 3)
    assert refs(body["linked"]["assets"]) == [f"a{number:03}" for number in range(min(230, pages * 100))] + ["poster"]
    assert body["linked"]["assets"][-1] == {
        "ref": "acme:poster", "name": "poster", "title": "poster", "type": "image", "contentRef": "acme:c11",
        "fileSize": 5,
    }  # fmt: skip


def test_the_rest_of_the_items_is_reached_by_the_continue_of_an_entry(service: DataService, pages: int) -> None:
    body = get(service, "/data/contents?include=assets&withName=c00")
    found = refs(body["linked"]["assets"])
    following = body["meta"]["linked"]["assets"][-1].get("continue")
    while following is not None:
        page = get(service, following)
        assert page["meta"]["perPage"] == 100
        found += refs(page["assets"])
        following = page["meta"].get("continue")
    assert found == [f"a{number:03}" for number in range(230)]


def test_direct_items_are_asked_for_once(service: DataService) -> None:
    body = get(service, "/data/contents?owner=acme&include=categories&withType=movie")
    assert refs(body["linked"]["categories"]) == ["k0", "k1", "k2", "k9"]
    shown = "fields=ref%2Ctitle%2CparentRef%2Cscheme%2Cvalue"
    request = f"/data/categories?owner=acme&{shown}&withRef=acme%3Ak0%7C%7Cacme%3Ak1%7C%7Cacme%3Ak9%7C%7Cacme%3Ak2"
    entry = {"perPage": 100, "page": 1, "first": f"{request}&page=1&perPage=100", "request": request}
    assert body["meta"]["linked"]["categories"] == [entry]
    assert refs(get(service, request)["categories"]) == ["k0", "k1", "k2", "k9"]


def test_a_direct_ref_that_leads_nowhere_has_an_entry(service: DataService) -> None:
    lost = get(service, "/data/contents/acme:lost?include=parent")
    request = "/data/contents/acme:nowhere?fields=ref%2Ctitle%2CparentRef%2Ctype"
    assert lost["meta"] == {"linked": {"parent": [{"statusCode": 404, "error": "Not Found", "request": request}]}}
    assert lost["linked"] == {"parent": []}
    series = get(service, "/data/contents/acme:series?include=categories")
    statuses = [entry.get("statusCode") for entry in series["meta"]["linked"]["categories"]]
    assert statuses == [None, 404]
    assert refs(series["linked"]["categories"]) == ["k0"]


def test_without_a_sub_request_there_is_no_entry_but_a_list(service: DataService) -> None:
    body = get(service, "/data/contents/acme:pilot?include=categories,assets")
    assert set(body["meta"]["linked"]) == {"assets"}
    assert body["linked"] == {"categories": [], "assets": []}
    assert get(service, "/data/contents?withName=none&include=assets")["linked"] == {"assets": []}


def test_own_fields_sort_and_filters_of_linked_items(service: DataService) -> None:
    own = "assets.fields=ref,contentRef&assets.sort=-name&assets.withType=video"
    url = f"/data/contents?withRef=acme:c00&include=assets&{own}"
    body = get(service, url)
    entry = body["meta"]["linked"]["assets"][0]
    assert entry["request"] == (
        "/data/assets?fields=ref%2CcontentRef&sort=-name&withType=video&continue=true&withContentRef=acme%3Ac00"
    )
    assert body["linked"]["assets"][0] == {"ref": "acme:a229", "contentRef": "acme:c00"}
    alias = get(service, url.replace("assets.withType", "assets.type"))
    assert alias["linked"] == body["linked"]
    assert alias["meta"]["linked"] == body["meta"]["linked"]


def test_a_bad_field_of_linked_items_is_an_entry(service: DataService) -> None:
    body = get(service, "/data/contents?withName=c01&include=categories,assets&categories.fields=colour")
    assert body["meta"]["linked"]["categories"] == [
        {
            "statusCode": 400,
            "error": "Bad Request",
            "message": "fields is invalid - colour is not allowed",
            "validation": {"source": "query", "keys": ["fields"]},
            "request": "/data/categories?fields=colour&withRef=acme%3Ak1%7C%7Cacme%3Ak9",
        }
    ]
    assert body["linked"] == {"categories": [], "assets": []}


@pytest.mark.parametrize(
    ("url", "relationship", "found"),
    [
        ("/data/contents/acme:pilot", "parent", ["series"]),
        ("/data/contents/acme:series", "children", ["pilot"]),
        ("/data/contents/acme:pilot", "parent.assets", ["card"]),
        ("/data/contents/acme:lost", "parent.assets", []),
        ("/data/contents/acme:c01", "credits", ["x1", "x2"]),
        ("/data/contents/acme:c01", "credits.people", ["ann", "bob"]),
        ("/data/people/acme:ann,acme:bob", "credits.contents", ["c01"]),
        ("/data/assets/acme:card", "content.categories", ["k0"]),
        ("/data/categories/acme:k9", "contents", ["c01", "c03", "c05", "c07", "c09", "c11"]),
    ],
)
def test_every_kind_of_relationship(service: DataService, url: str, relationship: str, found: list[str]) -> None:
    body = get(service, f"{url}?include={relationship}&fields=ref")
    assert refs(body["linked"][relationship]) == found


def test_the_filter_of_a_through_relationship_has_the_refs_that_it_hops_over(service: DataService) -> None:
    body = get(service, "/data/contents/acme:pilot?include=parent.assets&parent.assets.fields=ref,contentRef")
    request = "/data/assets?fields=ref%2CcontentRef&continue=true&withContentRef=acme%3Aseries"
    assert body["meta"]["linked"]["parent.assets"] == [{"perPage": 100, "request": request}]


def test_an_owner_limits_linked_items_too(service: DataService) -> None:
    extra = {"owner": "zoo", "name": "z", "type": "video", "contentRef": "acme:c02"}
    service.load("assets", [extra], user="zoo:keeper")
    assert get(service, "/data/contents/acme:c02?include=assets")["linked"]["assets"][0]["ref"] == "zoo:z"
    assert get(service, "/data/contents/acme:c02?owner=acme&include=assets")["linked"]["assets"] == []


def test_items_that_belong_to_several_batches_are_listed_once() -> None:
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    made = DataService(Schema.parse(builtin_descriptors()["metadata"]), store)
    films = [{"owner": "acme", "name": f"c{number:02}", "type": "movie"} for number in range(15)]
    offer = {
        "owner": "acme",
        "name": "o",
        "type": "free",
        "contentRefs": [f"acme:c{number:02}" for number in range(15)],
    }
    made.load("contents", films, user="a:b")
    made.load("offers", [offer], user="a:b")
    body = get(made, "/data/contents?include=offers")
    assert len(body["meta"]["linked"]["offers"]) == 2
    assert refs(body["linked"]["offers"]) == ["o"]
    store.close()


def test_a_target_outside_the_descriptor_is_an_entry() -> None:
    link = {"type": "direct", "resourceType": "soundTracks", "fieldNamePath": "trackRef", "fields": ["ref"]}
    films = {"fields": {"trackRef": {"type": "ref"}}, "relationships": {"track": link}}
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    made = DataService(Schema.parse({"name": "catalogue", "resourcefuls": {"films": films}}), store)
    made.load("films", [{"owner": "a", "name": "f", "trackRef": "a:t"}], user="a:b")
    body = get(made, "/data/films?include=track")
    (entry,) = body["meta"]["linked"]["track"]
    assert (entry["statusCode"], entry["request"]) == (404, "/data/sound-tracks?fields=ref&withRef=a%3At")
    assert body["linked"] == {"track": []}
    store.close()


def chain(service: DataService, url: str, relationship: str) -> list[str]:
    """The linked items of a page, and those behind the link of the last entry."""
    body = get(service, url)
    found = refs(body["linked"][relationship])
    following = body["meta"]["linked"][relationship][-1].get("continue")
    while following is not None:
        page = get(service, following)
        found += refs(page["assets" if "assets" in page else "categories"])
        following = page["meta"].get("continue")
    return found


def test_the_size_of_sub_pages(service: DataService, pages: int) -> None:
    url = "/data/contents?withName=c00&include=assets&assets.perPage=60"
    body = get(service, url)
    entries = body["meta"]["linked"]["assets"]
    assert len(entries) == min(pages, 4)
    assert len(body["linked"]["assets"]) == min(pages * 60, 230)
    assert {entry["perPage"] for entry in entries} == {60}
    for before, entry in pairwise(entries):
        assert entry["request"] == before["continue"]
    assert chain(service, url, "assets") == [f"a{number:03}" for number in range(230)]


@pytest.mark.parametrize("more", ["categories.perPage=1", "categories.perPage=1&categories.continue=true"])
def test_sub_pages_of_direct_items(service: DataService, pages: int, more: str) -> None:
    url = f"/data/contents?withType=movie&include=categories&{more}"
    entries = get(service, url)["meta"]["linked"]["categories"]
    assert len(entries) == min(pages, 4)
    for before, entry in pairwise(entries):
        assert entry["request"] == before["continue"]
    assert chain(service, url, "categories") == ["k0", "k1", "k2", "k9"]


def test_direct_items_by_tokens(service: DataService) -> None:
    url = "/data/contents?withType=movie&include=categories&categories.fields=ref&categories.continue=true"
    refs_ = "%7C%7C".join(f"acme%3A{name}" for name in ("k0", "k1", "k9", "k2"))
    request = f"/data/categories?fields=ref&continue=true&withRef={refs_}"
    assert get(service, url)["meta"]["linked"]["categories"] == [{"perPage": 100, "request": request}]


def test_direct_items_of_a_type_with_small_pages() -> None:
    descriptor = builtin_descriptors()["metadata"]
    descriptor["resourcefuls"]["categories"]["pagination"]["pageSize"]["default"] = 2
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    made = DataService(Schema.parse(descriptor), store)
    for resource, documents in catalogue().items():
        made.load(resource, ({"owner": "acme", **document} for document in documents), user="a:b")
    body = get(made, "/data/contents?withType=movie&include=categories")
    assert sorted(refs(body["linked"]["categories"])) == ["k0", "k1", "k2", "k9"]
    store.close()


def test_counts_and_texts_of_linked_items(service: DataService) -> None:
    body = get(service, "/data/contents?withName=c00&include=assets&assets.count=type&assets.q=a007")
    (entry,) = body["meta"]["linked"]["assets"]
    assert (entry["totalCount"], entry["facetCount"]) == (1, {"type": {"video": 1}})
    assert refs(body["linked"]["assets"]) == ["a007"]


@pytest.mark.parametrize("more", ["active=true", "available=true", "name=poster", "withRef=acme:poster", "owner=acme"])
def test_any_filter_of_linked_items(service: DataService, more: str) -> None:
    body = get(service, f"/data/contents?owner=acme&withName=c11&include=assets&assets.{more}")
    assert refs(body["linked"]["assets"]) == ["poster"]


def test_linked_items_of_another_owner() -> None:
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    made = DataService(Schema.parse(builtin_descriptors()["metadata"]), store)
    made.load("contents", [{"owner": "acme", "name": "c", "type": "movie"}], user="a:b")
    made.load("assets", [{"owner": "zoo", "name": "p", "type": "image", "contentRef": "acme:c"}], user="a:b")
    assert get(made, "/data/contents?owner=acme&include=assets")["linked"]["assets"] == []
    assert refs(get(made, "/data/contents?owner=acme&include=assets&assets.owner=zoo")["linked"]["assets"]) == ["zoo:p"]
    store.close()


def test_the_field_of_an_object_stands_for_its_filter() -> None:
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    made = DataService(Schema.parse(builtin_descriptors()["metadata"]), store)
    made.load("contents", [{"owner": "acme", "name": "c", "type": "movie"}], user="a:b")
    files = [
        {"owner": "acme", "name": f"a{rate}", "type": "video", "contentRef": "acme:c", "mediaInfo": {"bitrate": rate}}
        for rate in (1, 2)
    ]
    made.load("assets", files, user="a:b")
    body = get(made, "/data/contents?include=assets&assets.mediaInfo.bitrate=2")
    assert refs(body["linked"]["assets"]) == ["a2"]
    assert "&withBitrate=2&" in body["meta"]["linked"]["assets"][0]["request"]
    store.close()


def test_a_filter_that_a_link_cannot_carry_is_folded_in_sub_requests(service: DataService) -> None:
    own = "categories.withScheme=genre&categories.withRef=acme:k1||acme:k9&categories.withRef=acme:k1"
    body = get(service, f"/data/contents?withName=c01&include=categories&{own}")
    assert refs(body["linked"]["categories"]) == ["k1"]
    request = body["meta"]["linked"]["categories"][0]["request"]
    names = [name for name, _ in parse_qsl(urlsplit(request).query)]
    assert len(names) == len(set(names))
    assert request.endswith("&withRef=acme%3Ak1%7C%7Cacme%3Ak9")
    assert refs(get(service, request)["categories"]) == ["k1"]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("withColour=red", "withColour is not allowed"),
        ("colour=red", "colour is not allowed"),
        ("perPage=101", "perPage is invalid - it must be a whole number from 1 to 100"),
        ("sort=type", "sort is invalid - type is not allowed"),
        ("include=colours", "include is invalid - colours is not allowed"),
        ("content.fields=ref", "content.fields is not allowed - content is not included"),
        ("lang.x=fr", "lang.x is not allowed"),
    ],
)
def test_what_a_sub_request_refuses_is_an_entry(service: DataService, own: str, message: str) -> None:
    body = get(service, f"/data/contents?withName=c01&include=assets&assets.{own}")
    (entry,) = body["meta"]["linked"]["assets"]
    assert (entry["statusCode"], entry["message"]) == (400, message)
    assert entry["validation"] == {"source": "query", "keys": [message.partition(" ")[0]]}
    assert [item["name"] for item in body["contents"]] == ["c01"]
    assert body["linked"] == {"assets": []}


def test_what_is_included_in_linked_items_stands_beside_them(service: DataService) -> None:
    own = "credits.include=person,content&credits.person.fields=ref,title&credits.content.include=categories"
    body = get(service, f"/data/contents?withName=c01&include=credits&{own}")
    assert {name: refs(items) for name, items in body["linked"].items()} == {
        "credits": ["x1", "x2"],
        "credits.person": ["ann", "bob"],
        "credits.content": ["c01"],
        "credits.content.categories": ["k1", "k9"],
    }
    assert body["linked"]["credits.person"][0] == {"ref": "acme:ann", "title": "ann"}
    (entry,) = body["meta"]["linked"]["credits.person"]
    assert entry["request"] == "/data/people?fields=ref%2Ctitle&withRef=acme%3Aann%7C%7Cacme%3Abob"
    # The sub-request asks for all that its answer would hold.
    again = get(service, body["meta"]["linked"]["credits"][0]["request"])
    assert refs(again["linked"]["person"]) == ["ann", "bob"]
    assert refs(again["linked"]["content.categories"]) == ["k1", "k9"]


def test_a_nested_inclusion_without_parents_is_an_empty_list(service: DataService) -> None:
    body = get(service, "/data/contents?withName=none&include=assets&assets.include=content")
    assert body["linked"] == {"assets": [], "assets.content": []}


def test_a_nested_inclusion_may_have_the_name_of_one_that_hops(service: DataService) -> None:
    url = "/data/contents/acme:pilot?include=parent,parent.assets&parent.include=assets&parent.assets.fields=ref"
    body = get(service, url)
    assert refs(body["linked"]["parent.assets"]) == ["card"]
    assert len(body["meta"]["linked"]["parent.assets"]) == 2
    alone = get(service, url.replace("include=parent,parent.assets", "include=parent"))
    assert alone["linked"]["parent.assets"] == [{"ref": "acme:card"}]


def test_inclusions_nest_three_deep(service: DataService) -> None:
    parts = [
        "include=assets",
        "assets.include=content",
        "assets.content.include=assets",
        "assets.content.assets.include=content",
    ]
    deep = get(service, f"/data/contents/acme:c11?{'&'.join(parts[:3])}")
    assert refs(deep["linked"]["assets.content.assets"]) == ["poster"]
    too_deep = get(service, f"/data/contents/acme:c11?{'&'.join(parts)}")
    (entry,) = too_deep["meta"]["linked"]["assets.content.assets"]
    assert entry["message"] == "include is invalid - it is nested more than 3 deep"


def test_linked_items_in_a_language() -> None:
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    made = DataService(Schema.parse(builtin_descriptors()["metadata"]), store)
    titles = {"title": "Wind", "localisedTitle": {"fr": "Vent", "es": "Viento"}}
    made.load("categories", [{"owner": "acme", "name": "k", "scheme": "s", **titles}], user="a:b")
    film = {"owner": "acme", "name": "c", "type": "movie", "categoryRefs": ["acme:k"], **titles}
    made.load("contents", [film], user="a:b")

    def shown(query: str) -> tuple[str, str]:
        body = get(made, f"/data/contents?include=categories&{query}")
        return body["contents"][0]["title"], body["linked"]["categories"][0]["title"]

    assert shown("lang=fr") == ("Vent", "Vent")
    assert shown("lang=fr&categories.lang=es&categories.fields=title") == ("Vent", "Viento")
    assert shown("categories.lang=es") == ("Wind", "Viento")
    assert shown("lang=de") == ("Wind", "Wind")
    entry = get(made, "/data/contents?include=categories&lang=fr")["meta"]["linked"]["categories"][0]
    assert get(made, entry["request"])["categories"][0]["title"] == "Vent"
    assert get(made, "/data/contents/acme:c?lang=es&fields=title")["contents"] == [{"title": "Viento"}]
    store.close()


def test_a_hop_goes_through_any_number_of_resources() -> None:
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    made = DataService(Schema.parse(builtin_descriptors()["metadata"]), store)
    made.load("contents", [{"owner": "acme", "name": "epic", "type": "movie"}], user="a:b")
    people = [f"p{number:04}" for number in range(1_101)]
    made.load("people", ({"owner": "acme", "name": name} for name in people), user="a:b")
    credits_ = ({"name": name, "contentRef": "acme:epic", "personRef": f"acme:{name}"} for name in people)
    made.load("credits", ({"owner": "acme", **item} for item in credits_), user="a:b")
    assert refs(get(made, "/data/contents?include=credits.people")["linked"]["credits.people"]) == people
    store.close()
