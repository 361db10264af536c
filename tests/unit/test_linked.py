"""What a page says about its linked resources."""

from __future__ import annotations

import logging
import pickle
from typing import Any

import httpx2
import pytest

from sequoia.calls import Answer, Call
from sequoia.error import BadRequest, CriteriaError, DecodeError
from sequoia.linked import (
    LinkedError,
    linked_call,
    linked_errors,
    linked_resources,
    linked_starts,
    warn_of_linked_errors,
)
from sequoia.operations import combined
from sequoia.response import Response

HOME = "https://metadata.test"
FIRST = Call("GET", f"{HOME}/data/contents?owner=acme", {"X-Mine": "1"}, key="contents", includes=("assets",))


def _page(meta: Any, call: Call = FIRST, status: int = 200, **body: Any) -> Answer:
    return Answer(call, httpx2.Response(status), {"meta": meta, **body})


def test_linked_resources_of_a_page_are_found() -> None:
    assets = [{"ref": "acme:a"}]
    assert linked_resources(_page({}, contents=[{}], linked={"assets": assets}), "assets") is assets


def test_a_relationship_that_was_not_included_is_an_error_that_names_those_that_were() -> None:
    with pytest.raises(CriteriaError, match=r"'assets' is not among the linked resources \(categories, offers\)"):
        linked_resources(_page({}, contents=[{}], linked={"offers": [], "categories": []}), "assets")
    with pytest.raises(CriteriaError, match=r"\(none\)"):
        linked_resources(_page({}, contents=[{}]), "assets")


def test_a_page_without_resources_has_no_linked_ones() -> None:
    assert linked_resources(_page({}, contents=[]), "assets") == []
    assert linked_resources(Answer(FIRST, httpx2.Response(204), None), "assets") == []


def test_linked_resources_that_the_service_could_not_get_are_its_error() -> None:
    entry = {"statusCode": 400, "error": "Bad Request", "message": "fields is invalid - uri is not allowed"}
    answer = _page({"linked": {"assets": [entry]}}, contents=[{}], linked={"assets": []})
    with pytest.raises(BadRequest, match="uri is not allowed"):
        linked_resources(answer, "assets")


def test_linked_resources_that_have_gone_are_no_error() -> None:
    answer = _page({"linked": {"assets": [{"statusCode": 404}]}}, contents=[{}], linked={"assets": [{"ref": "a:b"}]})
    assert linked_resources(answer, "assets") == [{"ref": "a:b"}]


def test_linked_resources_that_are_no_list_are_an_error() -> None:
    with pytest.raises(DecodeError, match="is not a list"):
        linked_resources(_page({}, contents=[{}], linked={"assets": {}}), "assets")


def _starts(*entries: Any) -> list[str]:
    return list(linked_starts(_page({"linked": {"assets": list(entries)}}), "assets"))


def _link(batch: str, token: str) -> str:
    return f"/data/assets?owner=acme&continue={token}&withContentRef={batch}"


def test_a_batch_that_came_whole_has_no_more_pages() -> None:
    assert _starts({"perPage": 100, "request": _link("a", "true")}) == []


def test_a_batch_goes_on_where_its_continue_says() -> None:
    assert _starts({"request": _link("a", "true"), "continue": _link("a", "t1")}) == [_link("a", "t1")]


def test_of_several_sub_pages_only_the_last_ones_continue_is_followed() -> None:
    assert _starts(
        {"request": _link("a", "true"), "continue": _link("a", "t1")},
        {"request": _link("a", "t1"), "continue": _link("a", "t2")},
        {"request": _link("a", "t2"), "continue": _link("a", "t3")},
    ) == [_link("a", "t3")]


def test_sub_pages_may_come_in_any_order_and_their_parameters_too() -> None:
    assert _starts(
        {"request": "/data/assets?withContentRef=a&continue=t1&owner=acme", "continue": _link("a", "t2")},
        {"request": _link("a", "true"), "continue": _link("a", "t1")},
    ) == [_link("a", "t2")]


def test_every_batch_goes_on_for_itself() -> None:
    assert _starts(
        {"request": _link("a", "true"), "continue": _link("a", "t1")},
        {"request": _link("b", "true")},
        {"request": _link("c", "true"), "continue": _link("c", "t9")},
    ) == [_link("a", "t1"), _link("c", "t9")]


def test_the_same_token_in_two_batches_is_two_chains() -> None:
    assert _starts(
        {"request": _link("a", "true"), "continue": _link("a", "t1")},
        {"request": _link("a", "t1"), "continue": _link("a", "t2")},
        {"request": _link("b", "true"), "continue": _link("b", "t1")},
    ) == [_link("a", "t2"), _link("b", "t1")]


def test_a_link_named_twice_is_followed_once() -> None:
    assert _starts(
        {"request": _link("a", "true"), "continue": _link("a", "t1")},
        {"request": _link("a", "true"), "continue": _link("a", "t1")},
    ) == [_link("a", "t1")]


@pytest.mark.parametrize(
    "meta",
    [{}, {"linked": None}, {"linked": []}, {"linked": {}}, {"linked": {"assets": None}}, {"linked": {"assets": [7]}}],
)
def test_without_entries_there_is_nothing_more(meta: Any) -> None:
    assert list(linked_starts(_page(meta), "assets")) == []


@pytest.mark.parametrize(
    ("url", "key"),
    [
        (f"{HOME}/data/assets?continue=a", "assets"),
        (f"{HOME}/data/offer-templates?x=/data/other", "offerTemplates"),
        (f"{HOME}/data/assets/", "assets"),
    ],
)
def test_a_linked_page_has_the_resource_of_its_path(url: str, key: str) -> None:
    made = linked_call(Call("GET", url, {"X-Mine": "1"}, key="contents", includes=("assets",)))
    assert (made.url, made.key, made.includes, made.headers) == (url, key, (), {"X-Mine": "1"})


# ---- what failed ----

GONE = {"statusCode": 404, "error": "Not Found", "request": "/data/genres/acme:gone"}
BAD = {"statusCode": 400, "error": "Bad Request", "message": "colour is not allowed", "request": "/data/assets?x"}


def test_every_failed_request_for_linked_resources_is_told() -> None:
    answer = _page({"linked": {"genres": [GONE, {"request": "/data/genres"}], "assets": [BAD, GONE]}})
    assert linked_errors(answer) == [
        LinkedError("genres", 404, "Not Found", "/data/genres/acme:gone"),
        LinkedError("assets", 400, "colour is not allowed", "/data/assets?x"),
        LinkedError("assets", 404, "Not Found", "/data/genres/acme:gone"),
    ]
    assert Response(answer).linked_errors == linked_errors(answer)
    assert pickle.loads(pickle.dumps(linked_errors(answer))) == linked_errors(answer)  # noqa: S301 - our own


@pytest.mark.parametrize(
    "meta", [None, {}, {"linked": None}, {"linked": []}, {"linked": {"assets": [7, {}]}}, {"linked": {"assets": {}}}]
)
def test_without_failures_nothing_is_told(meta: Any) -> None:
    assert linked_errors(_page(meta)) == []


def test_a_relationship_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    told: set[str] = set()
    answer = _page({"linked": {"genres": [GONE, GONE], "assets": [BAD]}})
    with caplog.at_level(logging.WARNING, logger="sequoia"):
        for _ in range(3):
            warn_of_linked_errors(answer, told)
    assert [record.getMessage() for record in caplog.records] == [
        "contents: linked resources are missing: genres: 404 Not Found (/data/genres/acme:gone)",
        "contents: linked resources are missing: assets: 400 colour is not allowed (/data/assets?x)",
    ]


def test_the_failures_of_all_parts_of_a_read_are_told() -> None:
    empty: dict[str, Any] = {"contents": [], "linked": {"genres": []}}
    parts = [
        _page({"linked": {"genres": [GONE]}}, **empty),
        _page({}, **empty),
        _page(None),
        _page({"linked": 7}, **empty),
    ]
    parts.append(_page({"linked": {"genres": [BAD], "assets": 7}}, **empty))
    assert [error.status_code for error in linked_errors(combined(parts))] == [404, 400]
