"""Every client follows links in a way of its own; whatever a filter holds, no page is lost on any of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, unquote, unquote_plus, urlencode, urlsplit

import msgspec
import pytest

from sequoia.sandbox import Sandbox

HOSTILE = ["a&b", "50%", "%41", "c#", "x+y", "k=v", "==", "q?r", "two words", "é ü", "日本", "a/b", "a,b", 'a"b', "<x>"]
TAGS = [HOSTILE, *([tag] for tag in HOSTILE)]
"""Asked for all at once, and one by one."""
MORE = [("perPage", "3"), ("sort", "-title"), ("owner", "acme")]
Pairs = list[tuple[str, str]]
Follow = Callable[[str, Pairs, str], str]
"""From a link, what was asked for at first, and the path of the collection, to what is sent: path and query."""


def asking(tags: list[str], prefix: str = "") -> Pairs:
    return [(f"{prefix}withTags", tag) for tag in tags]


def as_received(link: str, _: Pairs, __: str) -> str:
    return link


def overlaid(link: str, asked: Pairs, _: str) -> str:
    """The first parameters again, those of the link over them."""
    path, _, query = link.partition("?")
    ours = dict(part.split("=", 1) for part in query.split("&"))
    kept = [(name, value) for name, value in asked if name not in ours]
    return f"{path}?{urlencode(kept)}&{urlencode({name: unquote(value) for name, value in ours.items()})}"


def unencoded(link: str, _: Pairs, path: str) -> str:
    """The query decoded and sent as it is, without its owner, but with the client's in front."""
    parts = [part for part in link.partition("?")[2].split("&") if not part.startswith("owner=")]
    query = unquote("&".join(parts))
    # What stands behind a hash is never sent; a URL parser encodes the rest of what cannot stand in a URL.
    return f"{path}?owner=acme&" + quote(query.partition("#")[0], safe="%&=+|!*/:;,?@$'()[]{}~`^\\")


def decoded_whole(link: str, _: Pairs, path: str) -> str:
    """The whole link decoded, then taken apart; the client has a map of parameters."""
    parameters = {"owner": "acme"}
    for part in unquote_plus(link).split("?")[1].split("&"):
        name, value = part.split("=")
        assert name not in parameters or name == "owner"
        parameters[name] = value
    return f"{path}?{urlencode(parameters)}"


@pytest.fixture(scope="module")
def filled(running: Sandbox) -> Iterator[Sandbox]:
    films = [
        {"owner": "acme", "name": f"c{number}", "title": f"t{number}", "type": "movie", "tags": HOSTILE}
        for number in range(8)
    ]
    files = [
        {"owner": "acme", "name": f"a{number}", "type": "image", "contentRef": "acme:c1", "tags": HOSTILE}
        for number in range(8)
    ]
    running.load("metadata", "contents", [*films, {**films[0], "name": "other", "tags": ["none"]}])
    running.load("metadata", "assets", [*files, {**files[0], "name": "other", "tags": ["none"]}])
    yield running
    running.reset()


def fetch(sandbox: Sandbox, target: str, bearer: dict[str, str]) -> Any:
    """Send a request line exactly as it is."""
    location = urlsplit(sandbox.location("metadata"))
    assert re.fullmatch(r"[!-~]+", target), "a request line has no spaces and is ASCII"
    connection = HTTPConnection(str(location.hostname), location.port, timeout=10)
    try:
        connection.request("GET", target, headers=bearer)
        answer = connection.getresponse()
        body = msgspec.json.decode(answer.read())
        assert answer.status == 200, body
        return body
    finally:
        connection.close()


@pytest.mark.parametrize("tags", TAGS, ids="".join)
@pytest.mark.parametrize(
    ("key", "follow"),
    [
        ("next", as_received),
        ("next", unencoded),
        ("continue", as_received),
        ("continue", overlaid),
        ("continue", unencoded),
        ("continue", decoded_whole),
    ],
)
def test_every_client_gets_all_pages(
    key: str, follow: Follow, tags: list[str], filled: Sandbox, bearer: dict[str, str]
) -> None:
    asked = [*asking(tags), *MORE, *([("continue", "true")] if key == "continue" else [])]
    found: list[str] = []
    target: str | None = f"/data/contents?{urlencode(asked)}"
    while target is not None:
        body = fetch(filled, target, bearer)
        found += [item["name"] for item in body["contents"]]
        link = body["meta"].get(key)
        target = None if link is None else follow(link, asked, "/data/contents")
    assert found == [f"c{number}" for number in reversed(range(8))]


@pytest.mark.parametrize("name", ["first", "prev", "next", "last"])
@pytest.mark.parametrize("follow", [as_received, unencoded])
def test_every_numbered_link_leads_to_its_page(
    name: str, follow: Follow, filled: Sandbox, bearer: dict[str, str]
) -> None:
    asked = [*asking(HOSTILE), *MORE, ("count", "true"), ("page", "2")]
    link = fetch(filled, f"/data/contents?{urlencode(asked)}", bearer)["meta"][name]
    number = {"first": 1, "prev": 1, "next": 3, "last": 3}[name]
    assert f"&page={number}" in link
    body = fetch(filled, follow(link, asked, "/data/contents"), bearer)
    assert (body["meta"]["page"], body["meta"]["totalCount"]) == (number, 8)
    # One client changes the number in the text of a link.
    again = fetch(filled, follow(link.replace(f"&page={number}", "&page=2"), asked, "/data/contents"), bearer)
    assert [item["name"] for item in again["contents"]] == ["c4", "c3", "c2"]


@pytest.mark.parametrize("tags", TAGS, ids="".join)
@pytest.mark.parametrize("key", ["next", "continue"])
def test_links_keep_to_what_all_clients_can_read(
    key: str, tags: list[str], filled: Sandbox, bearer: dict[str, str]
) -> None:
    start = [*asking(tags), *MORE, *([("continue", "true")] if key == "continue" else [])]
    link = fetch(filled, f"/data/contents?{urlencode(start)}", bearer)["meta"][key]
    parts = [part.split("=") for part in link.partition("?")[2].split("&")]
    assert all(len(part) == 2 for part in parts)
    names = [name for name, _ in parts]
    assert len(names) == len(set(names))
    assert all(not set("&+#%=?").intersection(unquote(value)) for _, value in parts)


@pytest.mark.parametrize("tags", TAGS, ids="".join)
@pytest.mark.parametrize("follow", [as_received, decoded_whole])
def test_links_of_linked_resources_lead_on_too(
    follow: Follow, tags: list[str], filled: Sandbox, bearer: dict[str, str]
) -> None:
    own = [("include", "assets"), ("assets.perPage", "1"), ("assets.fields", "ref,name,contentRef")]
    own += asking(tags, "assets.")
    body = fetch(filled, f"/data/contents/acme:c1?{urlencode(own)}", bearer)
    found = [item["name"] for item in body["linked"]["assets"]]
    link = body["meta"]["linked"]["assets"][-1]["continue"]
    while link is not None:
        page = fetch(filled, follow(link, [], "/data/assets"), bearer)
        found += [item["name"] for item in page["assets"]]
        link = page["meta"].get("continue")
    assert found == [f"a{number}" for number in range(8)]
