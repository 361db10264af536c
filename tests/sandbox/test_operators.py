"""The operators of filters, free text, and the links of queries that use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec
import pytest

from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.descriptors import builtin_descriptors
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.store import Store
from sequoia.sandbox.wire import Request, WireError

NOW = "2026-01-15T12:00:00.000Z"
CONTENTS: list[dict[str, Any]] = [
    {"name": "a", "type": "movie", "title": "Wind", "tags": ["x", "y"], "releaseYear": 2001, "order": 3,
     "longSynopsis": "A gale, and a café."},
    {"name": "b", "type": "show", "title": "Ash", "tags": ["x"], "releaseYear": 1999, "order": 10,
     "alternativeIdentifiers": {"isan": "isan://host/x", "e": "1"}, "active": False},
    {"name": "c", "type": "episode", "title": "wind of ash", "releaseYear": 2001, "parentRef": "acme:b",
     "scores": {"press.a": 0.5, "fans": -2},
     "availabilityStartAt": "2026-01-01T00:00:00Z", "availabilityEndAt": "2026-02-01T00:00:00Z"},
    {"name": "d", "type": "movie", "title": "Ashes", "tags": ["y", "z"], "scores": {"fans": 3},
     "availabilityStartAt": "2014-05-01T00:00:00Z", "availabilityEndAt": "2020-01-01T00:00:00Z"},
]  # fmt: skip
ASSETS: list[dict[str, Any]] = [
    {"owner": "acme", "name": "p", "type": "video", "contentRef": "acme:a", "fileSize": 900, "url": "http://h/a.mp4"},
    {"owner": "acme", "name": "q", "type": "image", "contentRef": "acme:a", "fileSize": 20, "url": "http://h/a.png"},
    {"owner": "acme", "name": "r", "type": "image", "contentRef": "acme:d", "url": "http://g/d.png"},
]


@pytest.fixture(scope="module")
def service() -> Iterator[DataService]:
    store = Store(None, now=lambda: NOW)
    made = DataService(Schema.parse(builtin_descriptors()["metadata"]), store)
    made.load("contents", ({"owner": "acme", **item} for item in CONTENTS), user="acme:tester")
    made.load("assets", ASSETS, user="acme:tester")
    yield made
    store.close()


def get(service: DataService, link: str) -> Any:
    url = urlsplit(link)
    query = tuple(parse_qsl(url.query, keep_blank_values=True))
    reply = service.handle(Request("GET", url.path, query), user="acme:tester")
    return msgspec.json.decode(reply.body)


def names(body: Any, plural: str = "contents") -> str:
    return "".join(item["name"] for item in body[plural])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("withType=!movie", "bc"),
        ("withType=!movie||show", "c"),
        ("withType=!movie&withType=!show", "c"),
        ("withTags=!x", "cd"),
        ("withTags=!x&&y", "bcd"),
        ("withTags=!x&withTags=!z", "c"),
        ("withTags=x&&y||z", "ad"),
        ("withTags=z||x&&y", "ad"),
        ("withTags=!x&&y||z", "bc"),
        ("withTags=*", "abd"),
        ("withTags=!*", "c"),
        ("withRef=*", "abcd"),
        ("withRef=!*", ""),
        ("withRef=!acme:a||acme:b", "cd"),
        ("withParentRef=!*", "abd"),
        ("withTitle=Ash*", "bd"),
        ("withTitle=!Ash*", "ac"),
        ("withTitle=*ash", "c"),
        ("withTitle=*ind||Ashes", "ad"),
        # Nobody has a title to sort by here, and a text that is absent has no ending.
        ("withSortTitle=*f", ""),
        ("withSortTitle=!*Inf", "abcd"),
        ("withTitle=A*&&*s", "d"),
        ("withAlternativeIdentifiers=isan:isan://host*", "b"),
        ("withAlternativeIdentifiers=isan:*", "b"),
        ("withAlternativeIdentifiers=*", "b"),
        ("withReleaseYear=1999/2001", "abc"),
        ("withReleaseYear=!1999/2000", "ac"),
        ("withReleaseYear=!2000/", "b"),
        ("withReleaseYear=/1999", "b"),
        ("withReleaseYear=!/1999", "ac"),
        ("withReleaseYear=2000/", "ac"),
        ("withReleaseYear=2001/1999", ""),
        ("withReleaseYear=1999||2001/2005", "abc"),
        ("withReleaseYear=/2000&withType=show", "b"),
        ("withOrder=3/3", "a"),
        ("withScore=press.a:0.5/0.6", "c"),
        ("withScore=fans:/0", "c"),
        ("withScore=fans:-5/", "cd"),
        ("withScore=!fans:0/", "c"),
        ("withScore=!press.a:0/", ""),
        # Availability starts before and ends after everything where it is absent.
        ("withAvailabilityStartAt=/2014-05", "abd"),
        ("withAvailabilityStartAt=/2014", "ab"),
        ("withAvailabilityStartAt=2014/", "cd"),
        ("withAvailabilityEndAt=2020-01-02/", "abc"),
        ("withAvailabilityEndAt=!NOW/", "d"),
        ("withAvailabilityEndAt=*", "cd"),
        ("available=true", "abc"),
        ("available=true&withAvailabilityStartAt=2000/", "c"),
        ("available=true&active=true&withActive=false", "ac"),
        ("q=ash", "bc"),
        ("q=ASH+wind", "c"),
        ("q=cafe", "a"),
        ("q=gale&q=wind", "a"),
        ("q=wind&withType=movie", "a"),
        ("q=nothing", ""),
        ('q="ash*', "bc"),
    ],
)
def test_operators(service: DataService, query: str, found: str) -> None:
    query = query.replace("&&", "%26%26")
    for sort in ("", "&sort=name", "&sort=releaseYear,name"):
        body = get(service, f"/data/contents?owner=acme&count=true&{query}{sort}")
        assert "".join(sorted(names(body))) == found
        assert body["meta"]["totalCount"] == len(found)


VALUES = ["!x||q", "x&&y||z||*", "!*x", "x*||y*||z*||*y", "http://a/b||x||y||z"]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("mode", ["page=1", "continue=true"])
def test_links_carry_operators_encoded(value: str, mode: str) -> None:
    store = Store(None, now=lambda: NOW)
    fields = {"tags": {"type": "string", "array": True}}
    filters = {"withTags": {"fieldNamePath": "tags", "prefix": True}}
    zoo = DataService(
        Schema.parse({"name": "z", "resourcefuls": {"pets": {"fields": fields, "filters": filters}}}), store
    )
    pets = [{"owner": "o", "name": f"n{index}", "tags": [tag]} for index, tag in enumerate("xyzyzxz")]
    pets.append({"owner": "o", "name": "n7", "tags": ["x", "y"]})
    zoo.load("pets", pets, user="o:u")
    found: list[str] = []
    whole = get(zoo, f"/data/pets?withTags={quote(value)}&withTags=!none")
    link = f"/data/pets?withTags={quote(value)}&withTags=!none&perPage=2&{mode}"
    while link:
        body = get(zoo, link)
        found += (item["ref"] for item in body["pets"])
        link = body["meta"].get("continue" if "continue" in mode else "next", "")
        assert not set("!*|").intersection(link)
        assert link.count("/") <= 2
    assert found == [item["ref"] for item in whole["pets"]]
    assert len(found) > 2
    store.close()


def test_a_query_of_negations_has_one_parameter_in_links(service: DataService) -> None:
    body = get(service, "/data/contents?owner=acme&perPage=1&withTitle=!Ash&withTitle=!Wind")
    assert "withTitle" not in body["meta"]["next"]
    assert body["meta"]["next"].count("_query=") == 1
    assert names(get(service, body["meta"]["next"])) == "d"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("assets.withFileSize=100/", "p"),
        ("assets.withFileSize=!*", "r"),
        ("assets.withUrl=http://h/*", "pq"),
        ("assets.url=*.png", "qr"),
        ("assets.withType=!video&assets.withUrl=!*d.png", "q"),
    ],
)
def test_operators_on_linked_resources(service: DataService, query: str, found: str) -> None:
    body = get(service, f"/data/contents?owner=acme&include=assets&assets.fields=name&{query}")
    assert names(body["linked"], "assets") == found


def test_the_words_of_a_document_follow_its_changes() -> None:
    store = Store(None, now=lambda: NOW)
    made = DataService(Schema.parse(builtin_descriptors()["metadata"]), store)

    def found(word: str) -> str:
        return names(get(made, f"/data/contents?q={word}"))

    made.load("contents", [{"owner": "o", "name": "a", "type": "movie", "title": "Rain"}], user="o:u")
    made.load("contents", [{"owner": "o", "name": "a", "type": "movie", "title": "Snow"}], user="o:u")
    assert (found("rain"), found("snow")) == ("", "a")
    made.handle(Request("DELETE", "/data/contents/o:a", (("owner", "o"),)), user="o:u")
    assert found("snow") == ""
    store.close()


def test_too_many_operators_are_refused(service: DataService) -> None:
    values = "||".join(f"t{number}*" for number in range(101))
    assert names(get(service, f"/data/contents?withTitle=A*||{values[: values.rindex('||t99')]}")) == "bd"
    for value in (values, values.replace("*", "").replace("||", "%26%26", 1), "!" + values.replace("*||", "%26%26")):
        with pytest.raises(WireError, match="at most 100 values with operators"):
            get(service, f"/data/contents?withTitle={value}")
