"""Which page comes next, and when there is none."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from sequoia.calls import Answer, Call
from sequoia.error import DecodeError, PaginationLoopError, UnsafeLinkError
from sequoia.paging import Chain

HOME = "https://metadata.test"
FIRST = Call("GET", f"{HOME}/data/contents?owner=acme", {"X-Mine": "1"}, key="contents", includes=("assets",))


def _page(meta: Any, call: Call = FIRST, status: int = 200, **body: Any) -> Answer:
    return Answer(call, httpx2.Response(status), {"meta": meta, **body})


def _next(meta: Any, chain: Chain | None = None) -> Call | None:
    return (chain or Chain(HOME)).next_call(_page(meta))


def test_the_next_page_is_where_the_link_says() -> None:
    following = _next({"next": "/data/contents?owner=acme&page=2"})
    assert following == Call(
        "GET", f"{HOME}/data/contents?owner=acme&page=2", {"X-Mine": "1"}, key="contents", includes=("assets",)
    )


def test_a_continue_link_is_followed_as_well() -> None:
    following = _next({"perPage": 2, "continue": "/data/contents?continue=abc%3D"})
    assert following is not None
    assert following.url == f"{HOME}/data/contents?continue=abc%3D"


def test_next_goes_before_continue() -> None:
    following = _next({"continue": "/data/contents?continue=abc", "next": "/data/contents?page=2"})
    assert following is not None
    assert following.url.endswith("?page=2")


@pytest.mark.parametrize("meta", [{}, {"next": None}, {"next": "", "continue": ""}, {"page": 3, "first": "/x"}])
def test_a_page_without_a_link_is_the_last(meta: Any) -> None:
    assert _next(meta) is None


def test_an_empty_answer_is_the_last() -> None:
    assert Chain(HOME).next_call(Answer(FIRST, httpx2.Response(204), None)) is None


@pytest.mark.parametrize("data", [None, {}, {"contents": []}, {"meta": None}, {"meta": []}, {"meta": "x"}])
def test_a_page_without_meta_may_not_be_the_last_and_is_an_error(data: Any) -> None:
    with pytest.raises(DecodeError, match="no meta"):
        Chain(HOME).next_call(Answer(FIRST, httpx2.Response(200), data))


@pytest.mark.parametrize("link", [7, ["/data/x"], {"href": "/data/x"}, True])
def test_a_link_that_is_none_is_an_error(link: Any) -> None:
    with pytest.raises(DecodeError, match="not a link"):
        _next({"next": link})


@pytest.mark.parametrize("link", ["https://evil.test/data/contents?page=2", "//evil.test/x"])
def test_a_link_to_another_origin_is_not_followed(link: str) -> None:
    with pytest.raises(UnsafeLinkError):
        _next({"continue": link})


def _walk(*links: str) -> int:
    """The number of pages that can be read when each names the next of `links`."""
    chain = Chain(HOME)
    call = FIRST
    for number, link in enumerate(links, start=1):
        try:
            following = chain.next_call(_page({"next": link}, call))
        except PaginationLoopError as error:
            assert error.checkpoint == link  # noqa: PT017 - the number of pages matters as well
            return number
        assert following is not None
        call = following
    return len(links) + 1


def test_pages_that_are_all_different_are_all_read() -> None:
    assert _walk(*(f"/data/contents?page={number}" for number in range(2, 50))) == 49


def test_a_link_that_comes_round_again_is_a_loop() -> None:
    assert _walk("/data/contents?page=2", "/data/contents?page=3", "/data/contents?page=2") == 3


def test_a_page_that_leads_to_itself_is_a_loop() -> None:
    assert _walk("/data/contents?page=2", "/data/contents?page=2") == 2


def test_a_first_page_that_leads_to_itself_is_a_loop() -> None:
    assert _walk("/data/contents?owner=acme") == 1


def test_a_token_that_comes_round_in_another_link_is_a_loop() -> None:
    assert _walk("/data/contents?continue=a&x=1", "/data/contents?continue=b", "/data/contents?x=2&continue=a") == 3


def test_the_beginning_of_a_continue_walk_is_no_loop() -> None:
    chain = Chain(HOME)
    first = Call("GET", f"{HOME}/data/contents?continue=true", key="contents")
    following = chain.next_call(_page({"continue": "/data/contents?continue=a"}, first))
    assert following is not None
    assert following.url.endswith("?continue=a")
