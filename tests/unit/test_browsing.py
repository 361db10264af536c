"""Browses: pages and linked pages, read once each, by any number of loops and threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from sequoia import field, where
from sequoia.error import (
    CriteriaError,
    DecodeError,
    PaginationLoopError,
    ServerError,
    UnsafeLinkError,
)

if TYPE_CHECKING:
    from tests.unit.conftest import Platform

    from sequoia.browsing import PageBrowser

CONTENTS = "https://metadata.test/data/contents"
ASSETS = "https://metadata.test/data/assets"


def _pages(platform: Platform, number: int, *, mode: str = "next") -> None:
    """Have `number` pages of two contents each."""

    def page(request: httpx2.Request) -> httpx2.Response:
        given = request.url.params.get("page", "1")
        at = int(given)
        meta = {mode: f"/data/contents?owner=acme&page={at + 1}"} if at < number else {}
        if mode == "continue" and meta:
            meta[mode] += f"&continue=t{at}"
        return httpx2.Response(
            200, json={"meta": {"perPage": 2, **meta}, "contents": [{"ref": f"acme:{at}-{n}"} for n in (1, 2)]}
        )

    platform.answer_with(f"GET {CONTENTS}", page)


def _refs(browse: PageBrowser) -> list[str]:
    return [content["ref"] for page in browse for content in page.resources]


ALL_SIX = ["acme:1-1", "acme:1-2", "acme:2-1", "acme:2-2", "acme:3-1", "acme:3-2"]


@pytest.mark.parametrize("mode", ["next", "continue"])
def test_every_page_is_read_once(platform: Platform, mode: str) -> None:
    _pages(platform, 3, mode=mode)
    assert _refs(platform.client().metadata.contents.browse("acme")) == ALL_SIX
    assert len(platform.sent("metadata")) == 3


def test_a_browse_is_its_first_page(platform: Platform) -> None:
    _pages(platform, 3)
    browse = platform.client().metadata.contents.browse("acme")
    assert browse.resources == browse.json == [{"ref": "acme:1-1"}, {"ref": "acme:1-2"}]
    assert browse.data["contents"] is browse.resources
    assert browse.status == 200
    assert browse.meta == {"perPage": 2, "next": "/data/contents?owner=acme&page=2"}
    assert list(browse)[1:]
    assert browse.resources == [{"ref": "acme:1-1"}, {"ref": "acme:1-2"}]


def test_a_change_of_the_first_pages_resources_stays(platform: Platform) -> None:
    _pages(platform, 2)
    browse = platform.client().metadata.contents.browse("acme")
    browse.resources[0]["title"] = "mine"
    assert next(iter(browse)).resources[0]["title"] == "mine"
    assert browse.resources[0]["title"] == "mine"


@pytest.mark.parametrize(("prefetch", "requests"), [(0, 0), (1, 1), (2, 2), (3, 3), (9, 3)])
def test_as_many_pages_as_asked_for_are_fetched_at_once(platform: Platform, prefetch: int, requests: int) -> None:
    _pages(platform, 3)
    browse = platform.client().metadata.contents.browse("acme", prefetch_pages=prefetch)
    assert len(platform.sent("metadata")) == requests
    assert _refs(browse) == ALL_SIX
    assert len(platform.sent("metadata")) == 3


def test_without_prefetch_the_first_page_comes_when_it_is_needed(platform: Platform) -> None:
    _pages(platform, 3)
    browse = platform.client().metadata.contents.browse("acme", prefetch_pages=0)
    assert platform.sent("metadata") == []
    assert len(browse.resources) == 2
    assert len(platform.sent("metadata")) == 1


@pytest.mark.parametrize("number", [-1, True, 1.5, "2", None])
def test_a_number_of_pages_is_a_whole_number(platform: Platform, number: Any) -> None:
    endpoint = platform.client().metadata.contents
    with pytest.raises(ValueError, match="prefetch_pages"):
        endpoint.browse("acme", prefetch_pages=number)
    assert platform.sent("metadata") == []


def test_a_browse_can_be_iterated_again_without_a_second_request(platform: Platform) -> None:
    _pages(platform, 3)
    browse = platform.client().metadata.contents.browse("acme")
    assert _refs(browse) == _refs(browse) == ALL_SIX
    assert len(platform.sent("metadata")) == 3


def test_a_browse_that_was_left_is_taken_up_again(platform: Platform) -> None:
    _pages(platform, 3)
    browse = platform.client().metadata.contents.browse("acme")
    for _ in browse:
        break
    assert len(platform.sent("metadata")) == 1
    assert _refs(browse) == ALL_SIX
    assert len(platform.sent("metadata")) == 3


def test_two_loops_at_once_share_the_pages(platform: Platform) -> None:
    _pages(platform, 3)
    browse = platform.client().metadata.contents.browse("acme")
    pairs = [(one.resources, other.resources) for one, other in zip(browse, browse, strict=True)]
    assert len(pairs) == 3
    assert all(one == other for one, other in pairs)
    assert len(platform.sent("metadata")) == 3


def test_threads_share_the_pages(platform: Platform) -> None:
    _pages(platform, 3)
    browse = platform.client().metadata.contents.browse("acme", prefetch_pages=0)
    start = threading.Barrier(16)
    found: list[list[str]] = []

    def walk() -> None:
        start.wait(timeout=30)
        found.append(_refs(browse))

    threads = [threading.Thread(target=walk) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert found == [ALL_SIX] * 16
    assert len(platform.sent("metadata")) == 3


def test_a_page_is_fetched_under_the_lock_of_its_browse(platform: Platform) -> None:
    held: list[bool] = []  # threads that take turns by chance would not show that they must

    def page(request: httpx2.Request) -> httpx2.Response:
        held.append(browse._walk.fetching.locked())
        return httpx2.Response(200, json={"meta": {}, "contents": []})

    platform.answer_with(f"GET {CONTENTS}", page)
    browse = platform.client().metadata.contents.browse("acme", prefetch_pages=0)
    assert len(list(browse)) == 1
    assert held == [True]


def test_a_page_that_failed_can_be_had_again(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", {"meta": {"next": "/data/contents?page=2"}, "contents": [{"ref": "acme:1"}]})
    platform.answer(f"GET {CONTENTS}", status=503)
    platform.answer(f"GET {CONTENTS}", {"meta": {}, "contents": [{"ref": "acme:2"}]})
    client = platform.client(backoff_strategy={"max_tries": 1})
    browse = client.metadata.contents.browse("acme")
    with pytest.raises(ServerError):
        _refs(browse)
    assert _refs(browse) == ["acme:1", "acme:2"]


def test_thousands_of_pages_do_not_exhaust_the_stack(platform: Platform) -> None:
    _pages(platform, 3000)
    browse = platform.client().metadata.contents.browse("acme", prefetch_pages=0)
    assert sum(1 for _ in browse) == 3000
    del browse


@pytest.mark.parametrize(
    ("meta", "error"),
    [
        ({"next": "https://evil.test/data/contents?page=2"}, UnsafeLinkError),
        ({"next": "/data/contents?owner=acme"}, PaginationLoopError),
        ({"next": 7}, DecodeError),
        (None, DecodeError),
    ],
)
def test_a_link_that_cannot_be_followed_is_an_error_behind_the_page_each_time(
    platform: Platform, meta: Any, error: type[Exception]
) -> None:
    platform.answer(f"GET {CONTENTS}", {"meta": meta, "contents": [{"ref": "acme:1"}]})
    browse = platform.client().metadata.contents.browse("acme")
    for _ in range(2):
        pages = iter(browse)
        assert next(pages).resources == [{"ref": "acme:1"}]
        with pytest.raises(error):
            next(pages)
    assert len(platform.sent("metadata")) == 1
    assert platform.sent("evil") == []


def test_a_browse_that_finds_nothing_is_one_page(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", status=204)
    browse = platform.client().metadata.contents.browse("acme")
    assert browse.resources == []
    assert len(list(browse)) == 1


def test_the_strategy_of_a_browse_holds_for_all_its_pages(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", {"meta": {"next": "/data/contents?page=2"}, "contents": [{}]})
    platform.answer(f"GET {CONTENTS}", status=503)
    strategy = {"max_tries": 3, "interval": 2, "jitter": None}
    browse = platform.client().metadata.contents.browse("acme", backoff_strategy=strategy)
    with pytest.raises(ServerError) as caught:
        list(browse)
    assert caught.value.tries == 3
    assert platform.clock.waits == [2, 2]
    assert strategy == {"max_tries": 3, "interval": 2, "jitter": None}


def test_an_empty_result_is_asked_for_again_and_at_last_returned(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", {"meta": {}, "contents": []})
    endpoint = platform.client(backoff_strategy={"max_tries": 4, "interval": 0}).metadata.contents
    browse = endpoint.browse("acme", retry_when_empty_result={"contents": True})
    assert browse.resources == []
    assert len(platform.sent("metadata")) == 4


def test_the_query_of_a_browse(platform: Platform) -> None:
    _pages(platform, 1)
    endpoint = platform.client().metadata.contents
    endpoint.browse("acme", where(field("type") == "a|b"), ["ref"], "continue=true&perPage=2")
    assert platform.sent("metadata") == [f"GET {CONTENTS}?continue=true&perPage=2&fields=ref&owner=acme&withType=a%7Cb"]


# ---- linked ----

INCLUDED = where().include("assets")


def _entry(batch: str, token: str, following: str | None = None) -> dict[str, Any]:
    link = "/data/assets?owner=acme&continue={}&withContentRef=" + batch
    return {"perPage": 1, "request": link.format(token), **({"continue": link.format(following)} if following else {})}


def _with_assets(platform: Platform, *, embedded: int = 1) -> None:
    """Two pages of contents with assets in batches: `a` has three pages of them, `b` one, `c` two; tokens are equal."""
    batches = {"1": ["a", "b"], "2": ["c"]}
    length = {"a": 3, "b": 1, "c": 2}

    def content(request: httpx2.Request) -> httpx2.Response:
        at = request.url.params.get("page", "1")
        entries, assets = [], []
        for batch in batches[at]:
            for number in range(1, min(embedded, length[batch]) + 1):
                following = f"t{number}" if number < length[batch] else None
                entries.append(_entry(batch, "true" if number == 1 else f"t{number - 1}", following))
                assets.append({"ref": f"{batch}{number}"})
        meta: dict[str, Any] = {"perPage": 10, "linked": {"assets": entries}}
        if at == "1":
            meta["next"] = "/data/contents?page=2"
        return httpx2.Response(
            200, json={"meta": meta, "contents": [{"ref": f"acme:{at}"}], "linked": {"assets": assets}}
        )

    def asset(request: httpx2.Request) -> httpx2.Response:
        batch, token = request.url.params["withContentRef"], request.url.params["continue"]
        number = int(token[1:]) + 1
        meta = {"perPage": 1}
        if number < length[batch]:
            meta = {**meta, "continue": _entry(batch, "", f"t{number}")["continue"]}
        return httpx2.Response(200, json={"meta": meta, "assets": [{"ref": f"{batch}{number}"}]})

    platform.answer_with(f"GET {CONTENTS}", content)
    platform.answer_with(f"GET {ASSETS}", asset)


@pytest.mark.parametrize("embedded", [1, 2, 3])
def test_linked_pages_cover_every_page_and_every_chain_once(platform: Platform, embedded: int) -> None:
    _with_assets(platform, embedded=embedded)
    browse = platform.client().metadata.contents.browse("acme", INCLUDED)
    found = [asset["ref"] for assets in browse.linked("assets") for asset in assets]
    assert sorted(found) == ["a1", "a2", "a3", "b1", "c1", "c2"]
    assert len(found) == len(set(found))
    assert len(set(platform.sent("metadata"))) == len(platform.sent("metadata"))


def test_linked_pages_are_of_the_same_operation(platform: Platform) -> None:
    _with_assets(platform)
    list(platform.client().metadata.contents.browse("acme", INCLUDED).linked("assets"))
    of_this = [one for one in platform.requests if one.url.host == "metadata.test"]
    assert len(of_this) == 2 + 3
    assert len({one.headers["x-correlation-id"] for one in of_this}) == 1
    assert all(platform.good(one) for one in of_this)


def test_the_first_pages_linked_resources_need_no_more_requests(platform: Platform) -> None:
    _with_assets(platform)
    browse = platform.client().metadata.contents.browse("acme", INCLUDED)
    assert browse.linked("assets").resources == [{"ref": "a1"}, {"ref": "b1"}]
    assert len(platform.sent("metadata")) == 1


def test_main_pages_are_not_read_again_for_linked_ones(platform: Platform) -> None:
    _with_assets(platform)
    browse = platform.client().metadata.contents.browse("acme", INCLUDED)
    list(browse)
    list(browse.linked("assets"))
    assert sum(1 for one in platform.sent("metadata") if CONTENTS in one) == 2


def test_linked_chains_that_go_round_are_an_error(platform: Platform) -> None:
    _with_assets(platform)
    platform._answers[f"GET {ASSETS}"].clear()
    again = _entry("a", "", "t1")["continue"]
    platform.answer(f"GET {ASSETS}", {"meta": {"continue": again}, "assets": [{}]})
    linked = platform.client().metadata.contents.browse("acme", INCLUDED).linked("assets")
    with pytest.raises(PaginationLoopError):
        list(linked)


def test_a_linked_link_to_another_origin_is_not_followed(platform: Platform) -> None:
    entry = {"request": "/data/assets?continue=true", "continue": "https://evil.test/data/assets?continue=t1"}
    body = {"meta": {"linked": {"assets": [entry]}}, "contents": [{}], "linked": {"assets": [{}]}}
    platform.answer(f"GET {CONTENTS}", body)
    linked = platform.client().metadata.contents.browse("acme", INCLUDED).linked("assets")
    with pytest.raises(UnsafeLinkError):
        list(linked)
    assert platform.sent("evil") == []


def test_what_was_not_included_is_an_error_that_says_so(platform: Platform) -> None:
    _with_assets(platform)
    browse = platform.client().metadata.contents.browse("acme", INCLUDED)
    with pytest.raises(CriteriaError, match="include it in the criteria"):
        _ = browse.linked("offers").resources
    with pytest.raises(CriteriaError, match="include it in the criteria"):
        list(browse.linked("offers"))


def test_a_linked_page_may_be_empty_where_a_main_one_must_not(platform: Platform) -> None:
    _with_assets(platform)
    platform._answers[f"GET {ASSETS}"].clear()
    platform.answer(f"GET {ASSETS}", {"meta": {}, "assets": []})
    browse = platform.client().metadata.contents.browse("acme", INCLUDED, retry_when_empty_result=True)
    found = [asset["ref"] for assets in browse.linked("assets") for asset in assets]
    assert found == ["a1", "b1", "c1"]
    assert sum(1 for one in platform.sent("metadata") if ASSETS in one) == 2


# ---- models ----


def test_with_model_resolution_every_page_has_a_model(platform: Platform) -> None:
    films = {
        "pluralName": "contents", "singularName": "content", "hyphenatedPluralName": "contents",
        "relationships": {"assets": {"type": "indirect", "resourceType": "assets", "filterName": "withContentRef"}},
    }  # fmt: skip
    platform.answer(
        "GET https://metadata.test/descriptor/raw", {"name": "metadata", "resourcefuls": {"contents": films}}
    )
    asset = {"ref": "acme:x", "contentRef": "acme:1"}
    for number in (1, 2):
        meta = {"next": "/data/contents?page=2"} if number == 1 else {}
        body = {"meta": meta, "contents": [{"ref": f"acme:{number}"}], "linked": {"assets": [asset]}}
        platform.answer(f"GET {CONTENTS}", body)
    client = platform.client(model_resolution=True)
    browse = client.metadata.contents.browse("acme", INCLUDED)
    assert browse.model == [{"ref": "acme:1", "assets": [asset]}]
    assert [page.model for page in browse] == [
        [{"ref": "acme:1", "assets": [asset]}], [{"ref": "acme:2", "assets": []}]
    ]  # fmt: skip
    assert browse.resources == [{"ref": "acme:1"}]
    client.metadata.contents.browse("acme", INCLUDED)
    assert sum(1 for one in platform.sent("metadata") if "/descriptor/" in one) == 1


def test_without_a_descriptor_there_is_no_model_but_a_warning(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    _pages(platform, 1)
    browse = platform.client(model_resolution=True).metadata.contents.browse("acme", INCLUDED)
    assert browse.model is None
    assert [one.getMessage()[:50] for one in caplog.records if one.name.startswith("sequoia")] == [
        "the descriptor of the service metadata cannot be r"
    ]


def test_the_repr_of_a_browse_sends_nothing(platform: Platform) -> None:
    _pages(platform, 1)
    browse = platform.client().metadata.contents.browse("acme", prefetch_pages=0)
    before = len(platform.requests)
    assert repr(browse) == "<PageBrowser not yet read>"
    assert len(platform.requests) == before
    assert len(browse.resources) == 2
    assert repr(browse) == "<PageBrowser 200 contents=2>"
