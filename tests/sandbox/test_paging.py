"""Links and tokens: their form, both ways to page, and that no page is empty, lost or announced in vain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.descriptors import builtin_descriptors
from sequoia.sandbox.paging import FOLDED, Token, fold, folded, link, page_link
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.store import Store
from sequoia.sandbox.values import HIGH, LOW
from sequoia.sandbox.wire import Request, WireError


@pytest.fixture(scope="module")
def service() -> Iterator[DataService]:
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    made = DataService(Schema.parse(builtin_descriptors()["metadata"]), store)
    documents = (
        {
            "owner": "acme", "name": f"c{number:02}", "type": ("movie", "show")[number % 2], "title": f"t{number % 7}",
            "tags": ["x", "a&b"] if number % 3 else ["y"], **({"order": number % 4} if number % 5 else {}),
            **({"availabilityEndAt": "2026-02-01T00:00:00Z"} if number % 2 else {}),
        }
        for number in range(40)
    )  # fmt: skip
    made.load("contents", documents, user="acme:tester")
    yield made
    store.close()


def get(service: DataService, url: str) -> Any:
    parts = urlsplit(url)
    pairs = tuple(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    return msgspec.json.decode(service.handle(Request("GET", parts.path, pairs), user="acme:tester").body)


def walk(service: DataService, url: str, key: str) -> list[list[str]]:
    """The names on every page from `url` on."""
    pages = []
    following: str | None = url
    while following is not None:
        body = get(service, following)
        pages.append([item["name"] for item in body["contents"]])
        following = body["meta"].get(key)
    return pages


@pytest.mark.parametrize("per_page", [1, 7, 8, 39, 40, 41])
@pytest.mark.parametrize(("key", "start"), [("continue", "&continue=true"), ("next", "")])
def test_both_ways_show_everything_once_and_no_empty_page(
    service: DataService, per_page: int, key: str, start: str
) -> None:
    pages = walk(service, f"/data/contents?owner=acme&perPage={per_page}{start}", key)
    assert [name for page in pages for name in page] == [f"c{number:02}" for number in range(40)]
    assert [len(page) for page in pages[:-1]] == [per_page] * (len(pages) - 1)
    assert pages[-1]


def test_an_empty_answer_is_one_page_without_links_to_more(service: DataService) -> None:
    body = get(service, "/data/contents?withTitle=none&continue=true&count=true")
    assert body == {"meta": {"totalCount": 0, "perPage": 100}, "contents": []}
    meta = get(service, "/data/contents?withTitle=none&count=true")["meta"]
    assert set(meta) == {"totalCount", "page", "perPage", "first", "last"}
    assert meta["last"] == meta["first"]


@pytest.mark.parametrize(
    "sort",
    [
        "order", "-order", "title,-order", "-order,title", "availabilityEndAt,-title", "-name",
        "ref", "-ref", "-ref,title", "-order,ref", "order,-ref", "title,-order,ref", "-title,-ref,order",
    ],
)  # fmt: skip
@pytest.mark.parametrize("filters", ["", "&withType=movie", "&withTags=x||y"])
def test_continue_follows_the_sort(service: DataService, sort: str, filters: str) -> None:
    whole = walk(service, f"/data/contents?sort={sort}{filters}", "next")
    pages = walk(service, f"/data/contents?sort={sort}{filters}&perPage=3&continue=true", "continue")
    assert [name for page in pages for name in page] == whole[0]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("ref", lambda number: number),
        ("-ref,title", lambda number: -number),
        ("title,ref", lambda number: (number % 7, number)),
        ("title,-ref", lambda number: (number % 7, -number)),
        ("-title,ref", lambda number: (-(number % 7), number)),
        ("-title,-ref,order", lambda number: (-(number % 7), -number)),
    ],
)
@pytest.mark.parametrize("start", ["", "&continue=true"])
@pytest.mark.parametrize("filters", ["", "&withTags=x||y", "&withTitle=t0||t1||t2||t3||t4||t5||t6&withTags=x||y"])
def test_ref_may_be_any_step_of_a_sort(
    service: DataService, sort: str, expected: Callable[[int], Any], start: str, filters: str
) -> None:
    pages = walk(service, f"/data/contents?sort={sort}&perPage=3{start}{filters}", "continue" if start else "next")
    assert [name for page in pages for name in page] == [f"c{number:02}" for number in sorted(range(40), key=expected)]


@pytest.mark.parametrize("sort", ["ref,-ref", "ref,colour", "ref,", "--ref"])
def test_what_follows_a_ref_in_a_sort_is_checked_all_the_same(service: DataService, sort: str) -> None:
    with pytest.raises(WireError, match="sort is invalid"):
        get(service, f"/data/contents?sort={sort}")


def test_a_read_can_be_sorted_by_ref(service: DataService) -> None:
    body = get(service, "/data/contents/acme:c02,acme:c03,acme:c01?sort=-ref&fields=name")
    assert [item["name"] for item in body["contents"]] == ["c03", "c02", "c01"]


@pytest.mark.parametrize(("key", "start"), [("continue", "&continue=true"), ("next", "")])
def test_repeated_and_fragile_filters_survive_in_links(service: DataService, key: str, start: str) -> None:
    filters = "withTags=x&withTags=a%26b&withType=movie"
    whole = walk(service, f"/data/contents?{filters}", "next")[0]
    assert len(whole) == 13
    assert [name for page in walk(service, f"/data/contents?{filters}&perPage=4{start}", key) for name in page] == whole


def test_a_continue_link_has_no_repeated_names_and_nothing_fragile(service: DataService) -> None:
    url = "/data/contents?withTags=x&withTags=a%26b&withType=movie&perPage=4&continue=true&fields=name,ref"
    for _ in range(2):
        url = get(service, url)["meta"]["continue"]
        assert url.startswith("/data/contents?continue=")
        names = [part.split("=")[0] for part in url.partition("?")[2].split("&")]
        assert names == ["continue", "fields", "perPage", "withType"]
        assert "fields=name%2Cref" in url
        token = url.partition("continue=")[2].partition("&")[0]
        assert token.replace("-", "a").replace("_", "a").isalnum()


def test_a_continue_answer_keeps_the_original_parameters_working(service: DataService) -> None:
    # One client sends all of its parameters again, overlaid with those of the link.
    first = get(service, "/data/contents?withTags=x&withTags=a%26b&perPage=4&continue=true")
    token = dict(parse_qsl(urlsplit(first["meta"]["continue"]).query))["continue"]
    again = get(service, f"/data/contents?withTags=x&withTags=a%26b&perPage=4&continue={token}")
    assert again == get(service, first["meta"]["continue"])


def test_a_token_with_padding_leads_on(service: DataService) -> None:
    start = "/data/contents?perPage=5&continue=true&withTags=x"
    plain = get(service, start)["meta"]["continue"]
    token = dict(parse_qsl(urlsplit(plain).query))["continue"]
    padded = plain.replace(token, f"{token}{'%3D' * (-len(token) % 4 or 2)}")
    assert get(service, padded) == get(service, plain)
    assert walk(service, padded, "continue") == walk(service, start, "continue")[1:]


def test_meta_of_numbered_pages(service: DataService) -> None:
    url = "/data/contents?perPage=15&owner=acme&include=assets&assets.fields=ref,contentRef&count=true"
    meta = get(service, url)["meta"]
    base = "/data/contents?assets.fields=ref%2CcontentRef&count=true&include=assets&owner=acme&perPage=15"
    assert meta == {
        "totalCount": 40, "page": 1, "perPage": 15, "first": f"{base}&page=1", "next": f"{base}&page=2",
        "last": f"{base}&page=3", "linked": meta["linked"],
    }  # fmt: skip
    assert set(get(service, meta["next"])["meta"]) == {
        "totalCount", "page", "perPage", "first", "prev", "next", "last", "linked",
    }  # fmt: skip
    assert set(get(service, meta["last"])["meta"]) == {
        "totalCount",
        "page",
        "perPage",
        "first",
        "prev",
        "last",
        "linked",
    }
    assert set(get(service, "/data/contents?page=9&perPage=50")["meta"]) == {"page", "perPage", "first", "prev"}


def test_page_and_size_are_appended_or_take_their_place() -> None:
    def made(*pairs: tuple[str, str]) -> str:
        return page_link("/data/x", pairs, page=2, per_page=5).partition("?")[2]

    assert made(("withA", "1"), ("owner", "o")) == "owner=o&withA=1&page=2&perPage=5"
    assert made(("withA", "1"), ("perPage", "5"), ("page", "1")) == "perPage=5&withA=1&page=2"
    assert made(("sort", "a"), ("perPage", "5"), ("page", "1"), ("owner", "o")) == "owner=o&page=2&perPage=5&sort=a"
    assert made() == "perPage=5&page=2"
    assert made(("withA", "1||2:3"), ("b.fields", "x,y")) == "b.fields=x%2Cy&withA=1%7C%7C2%3A3&page=2&perPage=5"


def test_no_link_leads_past_the_last_page_that_is_served() -> None:
    descriptor = builtin_descriptors()["metadata"]
    descriptor["resourcefuls"]["roles"]["pagination"]["pages"]["max"] = 2
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    small = DataService(Schema.parse(descriptor), store)
    small.load("roles", ({"owner": "acme", "name": f"r{number}"} for number in range(5)), user="a:b")
    meta = get(small, "/data/roles?page=2&perPage=1&count=true&owner=acme")["meta"]
    assert "next" not in meta
    assert "page=2" in meta["last"]
    store.close()


def test_what_a_link_cannot_carry_is_folded() -> None:
    pairs = (("a", "1"), ("b", "2||3:é"), ("a", "3"), ("a", "1"), ("c", "x=y"), ("d", "4"))
    *kept, (name, text) = fold(pairs, "d")
    assert kept == [("b", "2||3:é")]
    assert name == FOLDED
    assert text.replace("-", "a").replace("_", "a").isalnum()
    assert folded(text) == (("a", "1"), ("a", "3"), ("c", "x=y"), ("d", "4"))
    assert fold(pairs[:2]) == [*pairs[:2]]


@pytest.mark.parametrize("text", ["", "x", "e30", "%", "é", "W1siYSJdXQ", "bnVsbA", "W" * 100_000])
def test_what_is_no_folded_query(text: str, service: DataService) -> None:
    assert folded(text) is None
    with pytest.raises(WireError, match="_query is invalid"):
        service.handle(Request("GET", "/data/contents", ((FOLDED, text),)), user="a:b")


def test_links_are_encoded_in_full() -> None:
    assert link("/data/x", [("a b", "ü:,|= /+&")]) == "/data/x?a%20b=%C3%BC%3A%2C%7C%3D%20%2F%2B%26"


@pytest.mark.parametrize("after", [("acme:a",), ("title", 2.5, 3, "acme:a"), (LOW, HIGH, "acme:a")])
def test_a_token_comes_back(after: tuple[str | int | float | bytes, ...]) -> None:
    token = Token("a,-b", after, (("withTags", "x"),))
    decoded = Token.decode(token.encode())
    assert decoded is not None
    assert (decoded.sort, decoded.also) == (token.sort, token.also)
    assert decoded.position(["low", "high", "low"][: len(after) - 1]) == after
    assert Token.decode(token.encode() + "==") == decoded


@pytest.mark.parametrize("text", ["", "x", "e30", "%", "é", "eyJhZnRlciI6W119", "bnVsbA", "A" * 100_000])
def test_what_is_no_token(text: str) -> None:
    assert Token.decode(text) is None


def test_a_token_belongs_to_its_sort(service: DataService) -> None:
    following = get(service, "/data/contents?sort=title&perPage=3&continue=true")["meta"]["continue"]
    for other in ("-title", "title,name", "name"):
        with pytest.raises(WireError, match="token of another query"):
            get(service, following.replace("sort=title", f"sort={other}"))
    forged = Token("title", ("acme:a",)).encode()
    with pytest.raises(WireError, match="token of another query"):
        get(service, f"/data/contents?sort=title&continue={forged}")
    empty = Token("", ()).encode()
    with pytest.raises(WireError, match="token"):
        get(service, f"/data/contents?continue={empty}")
