"""Routes: what the descriptor says of a business endpoint, as a request, and what is missing before one is sent."""

from __future__ import annotations

from typing import Any

import pytest

from sequoia.descriptor import Descriptor
from sequoia.error import ResourceNotFound
from sequoia.routes import RoutePath

DESCRIPTOR = Descriptor.parse(
    {
        "name": "gateway",
        "routes": [
            {
                "name": "feeds", "path": "/f/{owner}/{name}/{variant?}", "method": "GET",
                "inputs": {
                    "params": [{"name": "owner", "required": True}],
                    "query": [{"name": "currency", "required": True}, {"name": "lang", "required": False}],
                },
            },
            {
                "name": "cancel", "path": "/subscription-cancellations/{owner}/{name}", "method": "post",
                "inputs": {"query": [{"name": "why", "flags": {"presence": "required"}}]},
            },
            {"name": "files", "path": "/files/{rest*}", "method": "DELETE"},
            {"name": "root", "path": "/", "method": "GET"},
        ],
    }
)  # fmt: skip


def _route(name: str) -> RoutePath:
    return RoutePath(DESCRIPTOR.route(name))


def test_a_route_has_its_method_its_path_and_its_query() -> None:
    call = _route("feeds").call(
        {"owner": "acme", "name": "x y", "variant": "a/b", "currency": "GBP", "lang": None}, None
    )
    assert (call.method, call.url) == ("GET", "/f/acme/x%20y/a%2Fb?currency=GBP")
    assert call.key is None
    assert call.repeatable
    assert call.body is None


def test_an_optional_part_that_is_not_given_leaves_no_slash_behind() -> None:
    assert _route("feeds").call({"owner": "a", "name": "n", "currency": "GBP"}, None).url == "/f/a/n?currency=GBP"


def test_a_post_has_a_body_and_is_not_repeated() -> None:
    call = _route("cancel").call({"owner": "acme", "name": "s", "why": "moved"}, {"at": "once"})
    assert (call.method, call.body) == ("POST", b'{"at":"once"}')
    assert not call.repeatable


def test_a_part_of_several_segments_keeps_its_slashes() -> None:
    assert _route("files").call({"rest": "a/b c"}, None).url == "/files/a/b%20c"


def test_a_route_without_parts_is_the_location() -> None:
    assert _route("root").call({}, None).url == "/"


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("feeds", {"owner": "a"}, "needs name and currency"),
        ("feeds", {"owner": "", "name": "n", "currency": "GBP"}, "needs owner"),
        ("cancel", {"owner": "a", "name": "n"}, "needs why"),
        ("feeds", {"owner": "a", "name": "n", "currency": "GBP", "langg": "en"}, "has no 'langg': did you mean 'lang'"),
        ("feeds", {"owner": "..", "name": "n", "currency": "GBP"}, "all dots"),
        ("files", {"rest": "a/../b"}, "all dots"),
    ],
)
def test_what_is_missing_or_wrong_is_named(name: str, values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _route(name).call(values, None)


def test_a_body_that_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        _route("cancel").call({"owner": "acme", "name": "s", "why": "x"}, "{")


def test_a_route_that_there_is_not_is_named_with_the_close_ones() -> None:
    with pytest.raises(ResourceNotFound, match="did you mean 'feeds'"):
        DESCRIPTOR.route("feed")
