"""The links, pages and entries of an answer, in the form that every client can follow."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from tests.compat.raw import names

from sequoia.sandbox import Sandbox

Load = Callable[..., None]
Send = Callable[..., Any]


def test_page_links_have_the_form_that_clients_have_seen(get: Send, load: Load) -> None:
    load(5)
    include = "include=offers&offers.fields=ref,contentRefs"
    meta = get(f"/data/contents?withType=movie||clip&owner=acme&fields=ref&{include}")["meta"]
    assert meta["first"] == (
        "/data/contents?offers.fields=ref%2CcontentRefs&fields=ref&include=offers&owner=acme"
        "&withType=movie%7C%7Cclip&page=1&perPage=100"
    )
    meta = get("/data/contents?withType=movie||clip&perPage=2&page=2&owner=acme&count=true")["meta"]
    link = "/data/contents?count=true&owner=acme&page={}&perPage=2&withType=movie%7C%7Cclip"
    assert [meta[key] for key in ("first", "prev", "next", "last")] == [link.format(page) for page in (1, 1, 3, 3)]
    assert (meta["page"], meta["perPage"], meta["totalCount"]) == (2, 2, 5)


@pytest.mark.parametrize("query", ["perPage=2", "perPage=2&withTags=x&withTags=y", "perPage=2&sort=-title,name"])
def test_continue_links_have_no_repeated_key_and_a_token_without_signs(get: Send, sandbox: Sandbox, query: str) -> None:
    films = [{"owner": "acme", "name": f"f{n}", "type": "movie", "tags": ["x", "y"], "title": "a&b"} for n in range(5)]
    sandbox.load("metadata", "contents", films)
    body = get(f"/data/contents?continue=true&{query}")
    sizes = [len(body["contents"])]
    while link := body["meta"].get("continue"):
        assert "next" not in body["meta"]
        assert "page" not in body["meta"]
        assert body["meta"]["perPage"] == 2
        assert not re.findall("%[0-9A-F]?[a-f]", link)
        pairs = parse_qsl(link.partition("?")[2], strict_parsing=True)
        assert len(dict(pairs)) == len(pairs)
        assert re.fullmatch("[A-Za-z0-9_-]+", dict(pairs)["continue"])
        body = get(link)
        sizes.append(len(body["contents"]))
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize("mode", ["continue=true&", ""])
def test_no_page_is_announced_that_turns_out_to_be_empty(get: Send, load: Load, mode: str) -> None:
    load(6)
    second = get(get(f"/data/contents?{mode}perPage=3")["meta"]["continue" if mode else "next"])
    assert len(second["contents"]) == 3
    assert not {"next", "continue"} & set(second["meta"])


def test_a_link_is_followed_alone_with_everything_again_or_reordered(get: Send, load: Load) -> None:
    load(9)
    query = "owner=acme&withType=movie%7C%7Cclip&fields=name&perPage=4&sort=-name"
    link = get(f"/data/contents?{query}&continue=true")["meta"]["continue"]
    pairs = link.partition("?")[2].split("&")
    expected = ["piece-04", "piece-03", "piece-02", "piece-01"]
    assert names(get(link)) == expected
    overlaid = {**dict(pair.split("=") for pair in query.split("&")), **dict(pair.split("=") for pair in pairs)}
    assert names(get("/data/contents?" + "&".join("=".join(pair) for pair in overlaid.items()))) == expected
    rest = [pair for pair in pairs if not pair.startswith("owner=")]
    assert names(get("/data/contents?" + "&".join(["owner=acme", *reversed(rest)]))) == expected


def test_sub_requests_end_with_their_filter(get: Send, load: Load) -> None:
    load(12, assets=11)
    body = get("/data/contents?owner=acme&include=assets")
    one, other = body["meta"]["linked"]["assets"]
    refs = [f"acme%3Apiece-{n:02}" for n in range(12)]
    assert one["request"].startswith("/data/assets?owner=acme&fields=")
    assert one["request"].endswith(f"&continue=true&withContentRef={'%7C%7C'.join(refs[:10])}")
    assert other["request"].endswith(f"&continue=true&withContentRef={'%7C%7C'.join(refs[10:])}")
    token = re.search("continue=([A-Za-z0-9_-]+)", one["continue"])
    assert token is not None
    # The order is kept: the token takes the place of `true`, and the page size is put at the end.
    assert one["continue"] == one["request"].replace("continue=true", f"continue={token[1]}") + "&perPage=100"
    assert "continue" not in other
    following = get(one["continue"])
    assert len(following["assets"]) == 10
    assert following["meta"]["perPage"] == 100


def test_a_refused_sub_request_is_an_entry_with_a_message(get: Send, load: Load) -> None:
    load(1)
    body = get("/data/contents?owner=acme&include=assets&assets.fields=colour")
    (entry,) = body["meta"]["linked"]["assets"]
    assert (entry["statusCode"], entry["error"]) == (400, "Bad Request")
    assert "colour" in entry["message"]
    assert entry["request"].startswith("/data/assets?")
    assert body["linked"]["assets"] == []
