"""Browse parameters: filters, projection, order, counts, and the refusal of everything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest

from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.descriptors import builtin_descriptors
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.store import Store
from sequoia.sandbox.wire import Request, WireError

CONTENTS: list[dict[str, Any]] = [
    {"name": "a", "type": "movie", "title": "Wind", "tags": ["x", "y"], "releaseYear": 2001, "order": 3,
     "active": False},
    {"name": "b", "type": "show", "title": "Ash", "tags": ["x"], "releaseYear": 1999, "order": 10,
     "localisedTitle": {"fr": "Cendre"}, "alternativeIdentifiers": {"isan": "isan://host/x", "e": "1"}},
    {"name": "c", "type": "episode", "title": "wind", "parentRef": "acme:b", "releaseYear": 2001,
     "categoryRefs": ["acme:k", "acme:j"],
     "scores": {"press.a": 0.5, "fans": -2}, "custom": {"a": 1, "b": 2},
     "availabilityStartAt": "2026-01-01T00:00:00Z", "availabilityEndAt": "2026-02-01T00:00:00Z"},
    {"name": "d", "type": "movie", "title": "Ash", "tags": ["y", "z"], "categoryRefs": ["acme:k"],
     "ratings": {"BBFC": "PG"}, "availabilityStartAt": "2020-01-01T00:00:00Z"},
]  # fmt: skip
ASSETS = [
    {"owner": "acme", "name": "p", "type": "video", "mediaInfo": {"bitrate": 900, "width": 640}, "url": "a*b"},
    {"owner": "acme", "name": "q", "type": "image", "mediaInfo": {"bitrate": 20, "audioTypes": ["mono"]}},
]


@pytest.fixture(scope="module")
def service() -> Iterator[DataService]:
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    made = DataService(Schema.parse(builtin_descriptors()["metadata"]), store)
    made.load("contents", ({"owner": "acme", **item} for item in CONTENTS), user="acme:tester")
    made.load("contents", [{"owner": "zoo", "name": "a", "type": "movie"}], user="acme:tester")
    made.load("assets", ASSETS, user="acme:tester")
    yield made
    store.close()


def get(service: DataService, query: str, path: str = "/data/contents") -> Any:
    reply = service.handle(Request("GET", path, tuple(parse_qsl(query, keep_blank_values=True))), user="acme:tester")
    assert reply.status == 200
    return msgspec.json.decode(reply.body)


def names(service: DataService, query: str) -> str:
    return "".join(item["name"] for item in get(service, f"owner=acme&{query}")["contents"])


def refusal(service: DataService, query: str, path: str = "/data/contents") -> Any:
    with pytest.raises(WireError) as caught:
        get(service, query, path)
    return msgspec.json.decode(caught.value.reply().body)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "abcd"),
        ("withType=movie", "ad"),
        ("withType=film", "ad"),
        ("withType=movie%7C%7Cshow", "abd"),
        ("withType=movie||show||nothing", "abd"),
        ("withTitle=Ash", "bd"),
        ("withTitle=ash", ""),
        ("withTags=x", "ab"),
        ("withTags=x||z", "abd"),
        ("withTags=x&withTags=y", "a"),
        ("withTags=x%26%26y", "a"),
        ("withTags=x||z&withTags=y", "ad"),
        ("withTags=y&withType=movie&withTitle=Ash", "d"),
        ("withCategoryRefs=acme:k", "cd"),
        ("withCategoryRefs=acme:j||acme:k", "cd"),
        ("withParentRef=acme:b", "c"),
        ("withRef=acme:d||acme:b||acme:gone", "bd"),
        ("withRef=acme:d||acme:b&withRef=acme:b", "b"),
        ("withName=c", "c"),
        ("withActive=false", "a"),
        ("withActive=true", "bcd"),
        ("active=true", "bcd"),
        ("active=true&withActive=false", "bcd"),
        ("active=false", "abcd"),
        ("available=false", "abcd"),
        ("withReleaseYear=2001", "ac"),
        ("withReleaseYear=2001.0", "ac"),
        ("withOrder=10", "b"),
        ("withAlternativeIdentifiers=isan:isan://host/x", "b"),
        ("withAlternativeIdentifiers=isan", ""),
        ("withScore=press.a:0.5", "c"),
        ("withScore=fans:-2||press.a:1", "c"),
        ("withScore=press.a:0.4", ""),
        ("withAvailabilityStartAt=2020", "d"),
        ("withAvailabilityStartAt=2026-01-01T01:00:00%2B01:00", "c"),
        ("withCreatedBy=acme:tester", "abcd"),
        ("withDeletedBy=acme:tester", ""),
    ],
)
def test_filters(service: DataService, query: str, found: str) -> None:
    assert names(service, query) == found
    count = get(service, f"owner=acme&count=true&{query}")["meta"]["totalCount"]
    assert count == len(found), "the total is that of the same filters"


def test_a_filter_reaches_into_objects(service: DataService) -> None:
    assert [item["name"] for item in get(service, "withBitrate=900", "/data/assets")["assets"]] == ["p"]


def test_without_an_owner_all_owners_are_seen(service: DataService) -> None:
    assert [item["ref"] for item in get(service, "withName=a")["contents"]] == ["acme:a", "zoo:a"]
    assert [item["ref"] for item in get(service, "owner=zoo&owner=zoo")["contents"]] == ["zoo:a"]
    assert get(service, "owner=zo")["contents"] == []


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ("title", "bdac"),
        ("-title", "cadb"),
        ("releaseYear", "dbac"),
        ("-releaseYear", "cabd"),
        ("title,-releaseYear", "bdac"),
        ("-releaseYear,title", "acbd"),
        ("title,name", "bdac"),
        ("title,-name", "dbac"),
        ("availabilityStartAt", "abdc"),
        ("availabilityEndAt", "cabd"),
        ("order", "cdab"),
        ("categoryRefs", "abcd"),
        ("-categoryRefs", "dcba"),
    ],
)
def test_sort(service: DataService, sort: str, found: str) -> None:
    assert names(service, f"sort={sort}") == found
    assert names(service, f"sort={sort}&withType=movie||show||episode") == found
    kept = "".join(name for name in found if name in "ad")
    assert names(service, f"sort={sort}&withType=movie") == kept
    assert names(service, f"sort={sort}&withRef=acme:a||acme:d") == kept


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ("title,ref,title", {"ref": "acme:c", "title": "wind"}),
        ("name,order", {"name": "c"}),
        ("custom.b,name", {"name": "c", "custom": {"b": 2}}),
        ("custom.b,custom", {"custom": {"a": 1, "b": 2}}),
        ("custom,custom.b", {"custom": {"a": 1, "b": 2}}),
        ("scores.press.a", {"scores": {"press.a": 0.5}}),
        ("localisedTitle.fr", {}),
    ],
)
def test_projection(service: DataService, fields: str, shown: dict[str, Any]) -> None:
    assert get(service, f"fields={fields}&withName=c")["contents"] == [shown]


def test_projection_inside_objects(service: DataService) -> None:
    body = get(service, "fields=name,mediaInfo.width", "/data/assets")
    assert body["assets"] == [{"name": "p", "mediaInfo": {"width": 640}}, {"name": "q", "mediaInfo": {}}]


def test_every_field_of_the_descriptor_can_be_asked_for(service: DataService) -> None:
    fields = ",".join(builtin_descriptors()["metadata"]["resourcefuls"]["contents"]["fields"])
    assert get(service, f"fields={fields}")["contents"] == get(service, "")["contents"]


def test_lang_shows_the_translation_and_drops_nothing(service: DataService) -> None:
    shown = get(service, "owner=acme&lang=fr&withTitle=Ash")["contents"]
    assert [item["title"] for item in shown] == ["Cendre", "Ash"]
    assert shown[0]["localisedTitle"] == {"fr": "Cendre"}
    assert get(service, "lang=fr&withName=b&fields=title")["contents"] == [{"title": "Cendre"}]


def test_counts_and_facets(service: DataService) -> None:
    assert "totalCount" not in get(service, "count=false")["meta"]
    meta = get(service, "owner=acme&count=type,releaseYear,categoryRefs&perPage=1")["meta"]
    assert meta["totalCount"] == 4
    assert meta["facetCount"] == {
        "type": {"movie": 2, "show": 1, "episode": 1},
        "releaseYear": {"1999": 1, "2001": 2},
        "categoryRefs": {"acme:k": 2, "acme:j": 1},
    }
    assert get(service, "count=type&withTitle=Ash")["meta"]["facetCount"] == {"type": {"movie": 1, "show": 1}}


def test_a_facet_shows_values_that_a_filter_takes() -> None:
    fields = {
        "length": {"type": "duration", "countable": True},
        "cuts": {"type": "duration", "array": True, "countable": True},
        "scores": {"type": "scores", "countable": True},
        "reels": {"array": True, "fields": {"size": {"type": "number", "countable": True}}},
        "speed": {"type": "number", "countable": True, "sort": True},
    }
    filters = {
        "withLength": {"fieldNamePath": "length"},
        "withCuts": {"fieldNamePath": "cuts"},
        "withScores": {"fieldNamePath": "scores"},
        "withSize": {"fieldNamePath": "reels.size"},
        "withSpeed": {"fieldNamePath": "speed"},
    }
    films: list[dict[str, Any]] = [
        {"name": "a", "length": "PT80M", "cuts": ["P1M", "PT0.5S"], "scores": {"r": 0.9, "s:t": 2.0}, "speed": 2.0},
        {
            "name": "b",
            "length": "PT1H20M",
            "cuts": ["P30D"],
            "scores": {"r": 0.9},
            "speed": 2,
            "reels": [{"size": 7.0}],
        },
        {"name": "c", "length": "-PT5S", "scores": {"r": -1}, "speed": 1.5, "reels": [{"size": 7}, {"size": 1e20}]},
        {"name": "d"},
    ]
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    made = DataService(
        Schema.parse({"name": "x", "resourcefuls": {"films": {"fields": fields, "filters": filters}}}), store
    )
    made.load("films", ({"owner": "acme", **film} for film in films), user="acme:tester")
    found = get(made, "count=length,cuts,scores,reels.size,speed", "/data/films")["meta"]["facetCount"]
    assert found == {
        "length": {"PT80M": 2, "-PT5S": 1},
        "cuts": {"P1M": 2, "PT0.5S": 1},
        "scores": {"r:0.9": 2, "r:-1": 1, "s:t:2": 1},
        "reels.size": {"7": 2, "1e+20": 1},
        "speed": {"2": 2, "1.5": 1},
    }
    for name, path in (
        ("withLength", "length"),
        ("withCuts", "cuts"),
        ("withSize", "reels.size"),
        ("withSpeed", "speed"),
    ):
        for text, number in found[path].items():
            assert get(made, urlencode({"count": "true", name: text}), "/data/films")["meta"]["totalCount"] == number
    store.close()


def test_resources_false_shows_only_meta(service: DataService) -> None:
    body = get(service, "resources=false&count=true&include=categories")
    assert (body["contents"], body["meta"]["totalCount"], body["linked"]) == ([], 5, {"categories": []})


def test_the_known_refusal_of_a_bad_field(service: DataService) -> None:
    assert refusal(service, "fields=ref,colour") == {
        "statusCode": 400,
        "error": "Bad Request",
        "message": "fields is invalid - colour is not allowed",
        "validation": {"source": "query", "keys": ["fields"]},
    }


@pytest.mark.parametrize(
    ("query", "key", "reason"),
    [
        ("withColour=red", "withColour", "withColour is not allowed"),
        ("withtype=movie", "withtype", "not allowed"),
        ("title=Ash", "title", "not allowed"),
        ("orderBy=title", "orderBy", "not allowed"),
        ("q=", "q", "must have a word"),
        ("q=%2B-%22", "q", "must have a word"),
        ("q=" + "+".join(f"w{number}" for number in range(51)), "q", "at most 50 words"),
        ("withType=mo*", "withType", "operator * is not supported"),
        ("withType=*vie", "withType", "operator * is not supported"),
        ("withOrder=1*", "withOrder", "operator * is not supported"),
        ("withTitle=*s*", "withTitle", "with q"),
        ("withTitle=**", "withTitle", "with q"),
        ("withTitle=Ash||*s*", "withTitle", "with q"),
        ("withTitle=!", "withTitle", "empty"),
        ("withTitle=!!Ash", "withTitle", "before the whole value"),
        ("withTitle=Ash||!wind", "withTitle", "before the whole value"),
        ("withTags=a||b%26%26", "withTags", "empty"),
        ("withAvailabilityStartAt=/", "withAvailabilityStartAt", "one slash"),
        ("withAvailabilityStartAt=2020/2021/2022", "withAvailabilityStartAt", "one slash"),
        ("withAvailabilityStartAt=2020/then", "withAvailabilityStartAt", "timestamp"),
        ("withScore=0.1/0.2", "withScore", "a path, a colon and a range"),
        ("withScore=fans:low/", "withScore", "must be a number"),
        ("available=true&available=false", "available", "twice"),
        ("withTags=", "withTags", "empty"),
        ("withTags=x||", "withTags", "empty"),
        ("withOrder=ten", "withOrder", "must be a number"),
        ("withOrder=1e400", "withOrder", "must be a number"),
        (f"withOrder=-{'9' * 300}e99", "withOrder", "must be a number"),
        ("sort=" + ",".join(f"f{number}" for number in range(11)), "sort", "at most 10"),
        ("withActive=yes", "withActive", "must be a boolean"),
        ("withCreatedAt=yesterday", "withCreatedAt", "timestamp"),
        ("withScore=press.a", "withScore", "must be a number"),
        ("active=maybe", "active", "must be one of [false, true]"),
        ("fields=", "fields", "empty"),
        ("fields=ref,,title", "fields", "empty"),
        ("fields=mediaInfo.depth", "fields", "mediaInfo.depth is not allowed"),
        ("sort=type", "sort", "type is not allowed"),
        ("sort=colour", "sort", "colour is not allowed"),
        ("sort=title,-title", "sort", "title is not allowed"),
        ("perPage=0", "perPage", "from 1 to 100"),
        ("perPage=101", "perPage", "from 1 to 100"),
        ("perPage=ten", "perPage", "from 1 to 100"),
        ("perPage=%C2%B2", "perPage", "from 1 to 100"),
        ("page=0", "page", "from 1 to 1000"),
        ("page=1001", "page", "from 1 to 1000"),
        ("page=2&continue=true", "page", "not allowed with continue"),
        ("continue=false", "continue", "token"),
        ("continue=e30", "continue", "token"),
        ("count=title", "count", "title is not allowed"),
        ("resources=no", "resources", "true or false"),
        ("owner=acme&owner=zoo", "owner", "twice"),
        ("include=colours", "include", "colours is not allowed"),
        ("include=colours<intersect>", "include", "colours is not allowed"),
        ("include=assets<intersect>&count=type", "count", "together with <intersect>"),
        ("include=assets<intersect>&assets.withColour=red", "assets.withColour", "not allowed"),
        ("include=assets<intersect>&assets.perPage=0", "assets.perPage", "from 1 to 100"),
        ("assets.fields=ref", "assets.fields", "assets is not included"),
        ("include=assets&assets.page=3", "assets.page", "not allowed"),
        ("include=assets&assets.continue=e30", "assets.continue", "must be true"),
        ("include=assets&assets._pretty=true", "assets._pretty", "not allowed"),
    ],
)
def test_what_is_not_understood_is_refused(service: DataService, query: str, key: str, reason: str) -> None:
    body = refusal(service, query)
    assert body["statusCode"] == 400
    assert body["validation"] == {"source": "query", "keys": [key]}
    assert body["message"].startswith(key)
    assert reason in body["message"]


def test_a_filter_has_a_limit_of_values(service: DataService) -> None:
    values = [f"t{number}" for number in range(1_000)]
    assert get(service, "withTags=" + "||".join([*values[:-1], "x"]))["contents"][0]["name"] == "a"
    assert "1000" in refusal(service, "withTags=" + "||".join([*values, "x"]))["message"]


def test_a_query_has_a_limit_of_conditions(service: DataService) -> None:
    assert names(service, "&".join(f"withTags=x||t{number}" for number in range(50))) == "ab"
    many = refusal(service, "&".join(f"withTags=x||t{number}" for number in range(51)))
    assert "50 conditions" in many["message"]
    values = "||".join(f"t{number}" for number in range(999))
    assert names(service, "&".join(f"withTags=x||{values}{number}" for number in range(5))) == "ab"
    assert refusal(service, "&".join(f"withTags=x||{values}{number}" for number in range(6)))["statusCode"] == 400
    wide = "||".join(f"t{number}" for number in range(40))
    assert names(service, f"withTags=x||{wide}&withTitle=Ash||{values}") == "b"


def test_a_slash_or_a_star_inside_is_a_plain_value(service: DataService) -> None:
    assert get(service, "withUrl=a*b", "/data/assets")["assets"][0]["name"] == "p"


def test_predefined_filters_of_a_descriptor() -> None:
    fields = {"kind": {"type": "string"}, "age": {"type": "number"}}
    filters = {
        "withKind": {"type": "with", "fieldNamePath": "kind"},
        "young": {"type": "predefined", "values": {"true": {"withKind": "pup||kit"}}},
        "old": {"type": "predefined", "values": {"true": {"withAge": "*"}}},
    }
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    descriptor = {"name": "zoo", "resourcefuls": {"animals": {"fields": fields, "filters": filters}}}
    zoo = DataService(Schema.parse(descriptor), store)
    zoo.load("animals", [{"owner": "a", "name": kind, "kind": kind} for kind in ("pup", "kit", "dog")], user="a:b")
    assert [item["name"] for item in get(zoo, "young=true", "/data/animals")["animals"]] == ["kit", "pup"]
    assert len(get(zoo, "young=false", "/data/animals")["animals"]) == 3
    assert [item["name"] for item in get(zoo, "young=true&withKind=!pup", "/data/animals")["animals"]] == ["kit"]
    assert "withAge, which is no filter" in refusal(zoo, "old=true", "/data/animals")["message"]
    store.close()


def test_lang_reaches_into_objects() -> None:
    part = {
        "title": {"type": "string", "localisedBy": "localisedTitle"},
        "localisedTitle": {"type": "string", "localisationOf": "title"},
    }
    fields = {"parts": {"array": True, "fields": part}, "cover": {"fields": part}}
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    made = DataService(Schema.parse({"name": "x", "resourcefuls": {"films": {"fields": fields}}}), store)
    texts = {"title": "One", "localisedTitle": {"fr": "Un"}}
    made.load("films", [{"owner": "a", "name": "f", "parts": [texts, {"title": "Two"}], "cover": texts}], user="a:b")
    (film,) = get(made, "lang=fr&fields=parts.title,cover.title", "/data/films")["films"]
    assert film == {"parts": [{"title": "Un"}, {"title": "Two"}], "cover": {"title": "Un"}}
    (film,) = get(made, "lang=de", "/data/films")["films"]
    assert film["cover"] == texts
    store.close()
