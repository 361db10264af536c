"""`include=<relationship><intersect>`: which parents are kept, how they are counted and paged, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from sequoia import field, where
from sequoia.error import BadRequest
from sequoia.sandbox import Sandbox
from sequoia.sandbox import intersect as intersect_module
from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.store import Store
from sequoia.sandbox.wire import Request, WireError

GENRES: list[dict[str, Any]] = [{"name": f"g{number}", "kind": ("mood", "style")[number % 2]} for number in range(4)]
FILMS: list[dict[str, Any]] = [
    {
        "name": f"f{number:02}",
        "size": number % 5,
        "genreRefs": [f"o:g{number % 6}", "o:g3"][: 1 + number % 2],
        **({"sequelRef": f"o:f{number + 1:02}"} if number % 3 else {}),
    }
    for number in range(30)
]
POSTERS: list[dict[str, Any]] = [
    {
        "name": f"p{number:02}",
        "filmRef": f"o:f{number * 7 % 40:02}",
        "kind": ("big", "small")[number % 2],
        "size": number,
    }
    for number in range(25)
]
POSTERS += [{"owner": "z", "name": "p", "filmRef": "o:f02", "kind": "foreign"}]


def descriptor() -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string"}
    ref: dict[str, Any] = {"type": "ref"}
    kind = {"withKind": {"fieldNamePath": "kind", "prefix": True}}
    film_links = {
        "genres": {"type": "direct", "resourceType": "genres", "fieldNamePath": "genreRefs"},
        "posters": {"type": "indirect", "resourceType": "posters", "filterName": "withFilmRef"},
        "sequel": {"type": "direct", "resourceType": "films", "fieldNamePath": "sequelRef"},
        "sequel.posters": {
            "type": "indirect", "through": "sequel", "resourceType": "posters", "filterName": "withFilmRef",
        },
        "sequel.genres": {
            "type": "direct", "through": "sequel", "resourceType": "genres", "fieldNamePath": "genreRefs",
        },
        "itself": {"type": "indirect", "resourceType": "films", "filterName": "withRef"},
        "closed": {
            "type": "direct", "resourceType": "genres", "fieldNamePath": "genreRefs", "intersectable": False,
        },
        "elsewhere": {"type": "direct", "resourceType": "songs", "fieldNamePath": "genreRefs"},
        "broken": {"type": "indirect", "resourceType": "posters", "filterName": "withNothing"},
    }  # fmt: skip
    film_fields = {
        "size": {"type": "number", "sort": True, "countable": True},
        "genreRefs": {**ref, "array": True},
        "sequelRef": ref,
    }
    poster_fields = {"filmRef": ref, "kind": text, "size": {"type": "number", "sort": True}}
    poster_filters = {
        **kind,
        "withFilmRef": {"fieldNamePath": "filmRef"},
        "withSize": {"fieldNamePath": "size", "range": True},
    }
    film = {"type": "direct", "resourceType": "films", "fieldNamePath": "filmRef"}
    resources = {
        "films": {
            "fields": film_fields,
            "filters": {"withSize": {"fieldNamePath": "size", "range": True}},
            "relationships": film_links,
        },
        "posters": {"fields": poster_fields, "filters": poster_filters, "relationships": {"film": film}},
        "genres": {"fields": {"kind": text}, "filters": kind},
    }
    return {"name": "catalogue", "resourcefuls": resources}


def whole(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"owner": "o", "ref": f"{item.get('owner', 'o')}:{item['name']}", **item}


BY_REF = {item["ref"]: item for item in map(whole, [*FILMS, *GENRES])}


def linked(film: dict[str, Any], relationship: str) -> list[dict[str, Any]]:
    """A plain reading of every relationship."""
    if relationship == "itself":
        return [whole(film)]
    if relationship == "sequel.posters":
        # The refs alone matter: the sequel itself need not be there.
        return [item for item in map(whole, POSTERS) if item["filmRef"] == film.get("sequelRef")]
    if relationship.startswith("sequel"):
        following = BY_REF.get(film.get("sequelRef", ""))
        _, _, further = relationship.partition(".")
        return [] if following is None else linked(following, further) if further else [following]
    if relationship == "genres":
        return [BY_REF[ref] for ref in film["genreRefs"] if ref in BY_REF]
    return [item for item in map(whole, POSTERS) if item["filmRef"] == f"o:{film['name']}"]


@pytest.fixture(scope="module")
def service() -> Iterator[DataService]:
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    made = DataService(Schema.parse(descriptor()), store)
    for resource, documents in (("films", FILMS), ("genres", GENRES), ("posters", POSTERS)):
        made.load(resource, ({"owner": "o", **document} for document in documents), user="o:tester")
    yield made
    store.close()


@pytest.fixture(params=["looked up", "walked"])
def plan(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few matches are looked up, many are found on a walk along the parents; both must find the same."""
    if request.param == "walked":
        monkeypatch.setattr(intersect_module, "NARROW", -1)


def get(service: DataService, url: str) -> Any:
    parts = urlsplit(url)
    pairs = tuple(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    return msgspec.json.decode(service.handle(Request("GET", parts.path, pairs), user="o:tester").body)


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["ref"].partition(":")[2] for item in items]


ASKED: dict[str, Callable[[dict[str, Any]], bool]] = {
    "": lambda _: True,
    "withKind=big": lambda item: item.get("kind") == "big",
    "kind=b*": lambda item: item.get("kind", "").startswith("b"),
    "withKind=!small": lambda item: item.get("kind") != "small",
    "withKind=big&withSize=12/": lambda item: item.get("kind") == "big" and item["size"] >= 12,
    "withKind=style": lambda item: item.get("kind") == "style",
    "withKind=none": lambda _: False,
    "size=3": lambda item: item.get("size") == 3,
}


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize(
    ("relationship", "asked"),
    [
        *(("posters", asked) for asked in ASKED if asked != "withKind=style"),
        *(("sequel.posters", asked) for asked in ASKED if asked != "withKind=style"),
        *((name, asked) for name in ("genres", "sequel.genres") for asked in ASKED if "ize" not in asked),
        *((name, asked) for name in ("sequel", "itself") for asked in ("", "size=3")),
    ],
)
def test_only_parents_with_a_linked_item_that_fits(service: DataService, relationship: str, asked: str) -> None:
    own = "".join(f"&{relationship}.{part}" for part in asked.split("&") if part)
    expected = [film["name"] for film in FILMS if any(map(ASKED[asked], linked(film, relationship)))]
    body = get(service, f"/data/films?include={relationship}%3Cintersect%3E{own}&count=true")
    assert names(body["films"]) == expected
    assert body["meta"]["totalCount"] == len(expected)
    items = {
        item["ref"]
        for film in FILMS
        if film["name"] in expected
        for item in linked(film, relationship)
        if ASKED[asked](item)
    }
    assert {item["ref"] for item in body["linked"][relationship]} == items


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize("start", ["&continue=true", ""])
@pytest.mark.parametrize("sort", ["", "&sort=-size", "&sort=size,-ref"])
@pytest.mark.parametrize("more", ["", "&withSize=1/3"])
def test_pages_hold_every_parent_once_in_order(service: DataService, start: str, sort: str, more: str) -> None:
    query = f"/data/films?include=posters<intersect>&posters.withKind=big{sort}{more}"
    everything = get(service, query)
    expected = names(everything["films"])
    kept = [film for film in FILMS if any(item["kind"] == "big" for item in linked(film, "posters"))]
    assert sorted(expected) == [film["name"] for film in kept if not more or film["size"] in {1, 2, 3}]
    found: list[str] = []
    posters: set[str] = set()
    following: str | None = f"{query}&perPage=3{start}"
    while following is not None:
        body = get(service, following)
        assert 0 < len(body["films"]) <= 3
        found += names(body["films"])
        posters.update(names(body["linked"]["posters"]))
        following = body["meta"].get("continue" if start else "next")
    assert found == expected
    assert posters == set(names(everything["linked"]["posters"]))


@pytest.mark.usefixtures("plan")
def test_several_intersections_must_all_hold(service: DataService) -> None:
    query = "include=posters<intersect>,genres<intersect>,sequel&posters.withKind=big&genres.withKind=style"
    expected = [
        film["name"]
        for film in FILMS
        if any(item["kind"] == "big" for item in linked(film, "posters"))
        and any(item["kind"] == "style" for item in linked(film, "genres"))
    ]
    body = get(service, f"/data/films?{query}")
    assert names(body["films"]) == expected
    assert set(body["linked"]) == {"posters", "genres", "sequel"}


@pytest.mark.usefixtures("plan")
def test_an_intersection_inside_of_another(service: DataService) -> None:
    inner = "posters.include=film<intersect>&posters.film.withSize=3"
    expected = [film["name"] for film in FILMS if film["size"] == 3 and linked(film, "posters")]
    body = get(service, f"/data/films?include=posters<intersect>&{inner}")
    assert names(body["films"]) == expected
    assert names(body["linked"]["posters.film"]) == expected


@pytest.mark.usefixtures("plan")
def test_the_owner_counts_for_linked_items_too(service: DataService) -> None:
    query = "include=posters<intersect>&posters.withKind=foreign"
    assert names(get(service, f"/data/films?{query}")["films"]) == ["f02"]
    assert names(get(service, f"/data/films?{query}&owner=o")["films"]) == []
    assert names(get(service, f"/data/films?{query}&owner=o&posters.owner=z")["films"]) == ["f02"]


@pytest.mark.usefixtures("plan")
def test_a_read_by_ref_can_be_intersected(service: DataService) -> None:
    query = "include=posters<intersect>&posters.withSize=0"
    assert names(get(service, f"/data/films/o:f00,o:f07?{query}")["films"]) == ["f00"]
    with pytest.raises(WireError, match="not found"):
        get(service, f"/data/films/o:f07?{query}")


def test_the_parameters_that_clients_send_along_change_nothing(service: DataService) -> None:
    query = "/data/films?include=posters<intersect>&posters.withKind=big"
    plain = get(service, query)
    for more in ("posters.continue=true", "posters.fields=ref", "posters.sort=-size", "posters.perPage=1"):
        assert get(service, f"{query}&{more}")["films"] == plain["films"]


def test_without_the_items_themselves(service: DataService) -> None:
    body = get(service, "/data/films?include=posters<intersect>&posters.withKind=big&posters.resources=false")
    assert body["films"]
    assert body["linked"] == {"posters": []}


def test_a_page_link_keeps_the_intersection(service: DataService) -> None:
    meta = get(service, "/data/films?include=posters<intersect>&perPage=2")["meta"]
    assert "include=posters%3Cintersect%3E" in meta["next"]


@pytest.mark.parametrize(
    ("query", "key", "reason"),
    [
        ("include=closed<intersect>", "include", "closed cannot be intersected"),
        ("include=elsewhere<intersect>", "include", "elsewhere leads to nothing"),
        ("include=broken<intersect>", "include", "broken leads to nothing"),
        ("include=posters<Intersect>", "include", "not allowed"),
        ("include=posters<intersect>&count=size", "count", "cannot be counted together"),
        ("include=posters<intersect>&posters.withColour=red", "posters.withColour", "not allowed"),
        ("include=posters<intersect>&posters.colour=red", "posters.colour", "not allowed"),
        ("include=posters<intersect>&posters.sort=kind", "posters.sort", "kind is not allowed"),
        (
            "include=posters<intersect>&posters.include=film<intersect>&posters.film.withX=1",
            "posters.film.withX",
            "not allowed",
        ),
        (
            "&".join(f"{'itself.' * level}include=itself<intersect>" for level in range(4)),
            "itself.itself.itself.include",
            "more than 3 deep",
        ),
    ],
)
def test_what_cannot_be_intersected_is_refused(service: DataService, query: str, key: str, reason: str) -> None:
    with pytest.raises(WireError) as caught:
        get(service, f"/data/films?{query}")
    body = msgspec.json.decode(caught.value.reply().body)
    assert body["statusCode"] == 400
    assert body["validation"] == {"source": "query", "keys": [key]}
    assert body["message"].startswith(key)
    assert reason in body["message"]


def test_a_closed_relationship_can_still_be_included(service: DataService) -> None:
    assert get(service, "/data/films?include=closed")["linked"]["closed"]


def test_the_values_of_all_intersections_have_a_limit(service: DataService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intersect_module, "NARROW", -1)

    def many(parameter: str, filters: int) -> list[tuple[str, str]]:
        values = "||".join(f"v{number}" for number in range(990))
        return [(parameter, f"{values}||{number}") for number in range(filters)]

    names = ["posters", "sequel.posters", "genres", "sequel.genres"]
    pairs = [("include", ",".join(f"{name}<intersect>" for name in names))]
    for name in names:
        pairs += many(f"{name}.withKind", 5)
    assert service.handle(Request("GET", "/data/films", tuple(pairs)), user="o:u").status == 200
    pairs[0] = ("include", f"{pairs[0][1]},itself<intersect>")
    pairs += [("itself.withRef", value) for _, value in many("", 5)]
    with pytest.raises(WireError, match="more than 20000 values"):
        service.handle(Request("GET", "/data/films", tuple(pairs)), user="o:u")


@pytest.mark.parametrize("relationship", ["posters", "genres", "sequel.posters", "sequel.genres"])
@pytest.mark.parametrize("sort", ["", "&sort=-size"])
def test_a_walk_asks_the_index_about_each_parent(
    service: DataService, relationship: str, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intersect_module, "NARROW", -1)
    statements: list[str] = []
    database = service._archive.collections["films"]._db._connection
    database.set_trace_callback(statements.append)
    get(service, f"/data/films?include={relationship}<intersect>&{relationship}.withKind=big{sort}&perPage=3")
    database.set_trace_callback(None)
    (walk,) = [text for text in statements if "AS h0" in text]
    plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {walk}")]
    assert "USING" in plan[0], "the walk itself is along an index"
    assert not any("SCAN" in step or "TEMP B-TREE" in step for step in plan[1:]), plan


def test_the_client_asks_for_it() -> None:
    with Sandbox() as sandbox, sandbox.client() as client:
        films = [{"owner": "acme", "name": f"c{number}", "type": "movie"} for number in range(5)]
        sandbox.load("metadata", "contents", films)
        kinds = {"c1": "image", "c2": "video", "c4": "image"}
        files = [
            {"owner": "acme", "name": f"a-{name}", "type": kind, "contentRef": f"acme:{name}"}
            for name, kind in kinds.items()
        ]
        sandbox.load("metadata", "assets", files)
        wanted = where().intersect("assets", where(field("type") == "image")).count().per_page(1)
        pages = client.metadata.contents.browse("acme", wanted)
        assert pages.total_count == 2
        assert [item["name"] for page in pages for item in page.resources] == ["c1", "c4"]
        assert [item["name"] for page in pages.linked("assets") for item in page] == ["a-c1", "a-c4"]
        with pytest.raises(BadRequest, match="person cannot be intersected"):
            client.metadata.credits.browse("acme", where().intersect("person", where()))
