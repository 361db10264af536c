from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import load_contents, queries, sent
from tests.contract.servers import Arrived, Served, TinyServer, as_json, registry

from sequoia import AuthType, Client, field, where
from sequoia.error import ClientError, DecodeError, PaginationLoopError, ServerError, UnsafeLinkError
from sequoia.sandbox import Fault, Sandbox

BOTH_MODES = pytest.mark.parametrize("query_string", ["perPage=2", "continue=true&perPage=2"])


def refs(pages: Any) -> list[str]:
    return [one["ref"] for page in pages for one in page.resources]


def walk(pages: Any, seen: list[str]) -> None:
    """Note every ref in `seen`, so that a test knows what came before a walk broke off."""
    for page in pages:
        seen += [one["ref"] for one in page.resources]


@BOTH_MODES
@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 7])
def test_every_resource_comes_once(
    client: Client, sandbox: Sandbox, owner: str, query_string: str, number: int
) -> None:
    stored = load_contents(sandbox, owner, number)
    pages = list(client.metadata.contents.browse(owner, query_string=query_string))
    assert refs(pages) == stored
    assert len(pages) == len(sent(sandbox)) == max(1, -(-number // 2))


def test_pages_without_a_query_string(client: Client, sandbox: Sandbox, owner: str) -> None:
    stored = load_contents(sandbox, owner, 250)
    assert refs(client.metadata.contents.browse(owner)) == stored
    assert [one.get("page") for one in queries(sandbox)] == [None, "2", "3"]


@BOTH_MODES
def test_the_question_stays_the_same_on_every_page(
    client: Client, sandbox: Sandbox, owner: str, query_string: str
) -> None:
    load_contents(sandbox, owner, 5, tags=["a&b=c+d", "é|x"])
    criteria = where(field("tags") == "a&b=c+d", field("tags") == "é|x").fields("ref", "tags").order_by("-name")
    pages = list(client.metadata.contents.browse(owner, criteria, query_string=query_string))
    assert refs(pages) == [f"{owner}:c-{n:03}" for n in (4, 3, 2, 1, 0)]
    assert all(set(one) == {"ref", "tags"} for page in pages for one in page.resources)


def test_a_browse_that_is_not_iterated_fetches_one_page(client: Client, sandbox: Sandbox, owner: str) -> None:
    stored = load_contents(sandbox, owner, 5)
    page = client.metadata.contents.browse(owner, query_string="perPage=2")
    assert [one["ref"] for one in page.resources] == stored[:2]
    assert len(sent(sandbox)) == 1


@BOTH_MODES
def test_a_browse_is_iterated_again_without_a_second_request(
    client: Client, sandbox: Sandbox, owner: str, query_string: str
) -> None:
    stored = load_contents(sandbox, owner, 5)
    browse = client.metadata.contents.browse(owner, query_string=query_string)
    assert refs(browse) == refs(browse) == stored
    assert len(sent(sandbox)) == 3


def test_two_loops_at_once_share_their_pages(client: Client, sandbox: Sandbox, owner: str) -> None:
    stored = load_contents(sandbox, owner, 7)
    browse = client.metadata.contents.browse(owner, query_string="perPage=2")
    first, second = iter(browse), iter(browse)
    ahead = list(islice(first, 3))
    behind = list(islice(second, 2))
    assert refs([*ahead, *first]) == refs([*behind, *second]) == stored
    assert len(sent(sandbox)) == 4


def test_a_loop_inside_a_loop(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 5)
    browse = client.metadata.contents.browse(owner, query_string="continue=true&perPage=2")
    assert [sum(len(inner.resources) for inner in browse) for _ in browse] == [5, 5, 5]
    assert len(sent(sandbox)) == 3


def test_threads_share_the_pages_of_a_browse(client: Client, sandbox: Sandbox, owner: str) -> None:
    stored = load_contents(sandbox, owner, 11)
    browse = client.metadata.contents.browse(owner, query_string="continue=true&perPage=2")
    start = threading.Barrier(8)

    def walk(_: int) -> list[str]:
        start.wait()
        return refs(browse)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(walk, range(8))) == [stored] * 8
    assert len(sent(sandbox)) == 6


@pytest.mark.parametrize(("prefetch_pages", "fetched"), [(0, 0), (1, 1), (2, 2), (3, 3), (9, 3)])
def test_pages_are_fetched_at_once_as_told(
    client: Client, sandbox: Sandbox, owner: str, prefetch_pages: int, fetched: int
) -> None:
    stored = load_contents(sandbox, owner, 5)
    browse = client.metadata.contents.browse(owner, query_string="perPage=2", prefetch_pages=prefetch_pages)
    assert len(sent(sandbox)) == fetched
    assert refs(browse) == stored
    assert len(sent(sandbox)) == 3


@pytest.mark.parametrize("prefetch_pages", [-1, True, "2", None, 1.5])
def test_a_number_of_pages_that_is_none(client: Client, sandbox: Sandbox, owner: str, prefetch_pages: Any) -> None:
    with pytest.raises(ValueError, match="prefetch_pages"):
        client.metadata.contents.browse(owner, prefetch_pages=prefetch_pages)
    assert not sandbox.requests


def test_a_page_that_failed_can_be_had_again(client: Client, sandbox: Sandbox, owner: str) -> None:
    stored = load_contents(sandbox, owner, 5)
    browse = client.metadata.contents.browse(owner, query_string="perPage=2", backoff_strategy={"max_tries": 1})
    sandbox.faults.add(Fault(status=503, service="metadata"))
    seen: list[str] = []
    with pytest.raises(ServerError):
        walk(browse, seen)
    assert seen == stored[:2]
    assert refs(browse) == stored


# Memory


def test_a_loop_over_a_browse_that_nobody_holds_keeps_no_page(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 12)
    pages: list[weakref.ref[Any]] = []
    alive: list[int] = []
    for page in client.metadata.contents.browse(owner, query_string="continue=true&perPage=2"):
        pages.append(weakref.ref(page.raw))
        del page
        gc.collect()
        alive.append(sum(one() is not None for one in pages))
    assert len(pages) == 6
    # The loop stands on a page; the one before it may not be gone before the next has come.
    assert max(alive) <= 2


def test_a_browse_that_is_held_keeps_the_bytes_of_its_pages(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 6)
    browse = client.metadata.contents.browse(owner, query_string="perPage=2")
    pages = [(weakref.ref(page.raw), weakref.ref(page._answer)) for page in browse]
    gc.collect()
    assert [raw() is not None for raw, _ in pages] == [True, True, True]
    # Decoded resources take several times the room: only those of the first page, which the browse is, stay.
    assert [decoded() is not None for _, decoded in pages] == [True, False, False]


# Links that lead astray


@pytest.fixture
def scripted(connect: Connect, serve: Serve) -> Callable[[Callable[[Arrived], Served]], tuple[Client, TinyServer]]:
    """Makes a client of a service that answers what a test says."""

    def start(respond: Callable[[Arrived], Served]) -> tuple[Client, TinyServer]:
        def answer(request: Arrived) -> Served:
            return registry(metadata=server.origin) if request.path.startswith("/services") else respond(request)

        server = serve(answer)
        client = connect(server.registry_url, auth_type=AuthType.NO_AUTH)
        server.arrived.clear()
        return client, server

    return start


Scripted = Callable[[Callable[[Arrived], Served]], tuple[Client, TinyServer]]


def page(ref: str, **meta: Any) -> Served:
    body: dict[str, Any] = {"meta": {"perPage": 1, **meta}, "contents": [{"ref": ref}]}
    return as_json(body)


@pytest.mark.parametrize("mode", ["next", "continue"])
def test_a_circle_of_links_ends_in_an_error(scripted: Scripted, mode: str) -> None:
    turns = {"/data/contents?owner=acme": "?continue=A", "/data/contents?continue=A": "?continue=B"}

    def respond(request: Arrived) -> Served:
        return page(request.target, **{mode: f"/data/contents{turns.get(request.target, '?continue=A')}"})

    client, server = scripted(respond)
    seen: list[str] = []
    with pytest.raises(PaginationLoopError, match="read before") as loop:
        walk(client.metadata.contents.browse("acme"), seen)
    assert seen == ["/data/contents?owner=acme", "/data/contents?continue=A", "/data/contents?continue=B"]
    assert loop.value.checkpoint == "/data/contents?continue=A"
    assert len(server.arrived) == 3


def test_a_token_seen_before_is_a_circle_whatever_stands_around_it(scripted: Scripted) -> None:
    client, server = scripted(lambda _: page("x", **{"continue": f"/data/contents?n={len(server.arrived)}&continue=A"}))
    with pytest.raises(PaginationLoopError):
        list(client.metadata.contents.browse("acme"))
    assert len(server.arrived) == 2


def test_a_page_that_is_its_own_next(scripted: Scripted) -> None:
    client, server = scripted(lambda one: page("x", next=one.target))
    with pytest.raises(PaginationLoopError):
        list(client.metadata.contents.browse("acme"))
    assert len(server.arrived) == 1


@pytest.mark.parametrize("form", ["{}/data/contents?page=2", "//{host}/data/contents?page=2", "https://{host}/data"])
def test_a_link_to_another_origin_is_not_followed(scripted: Scripted, serve: Serve, form: str) -> None:
    stranger = serve(lambda _: page("stolen"))
    link = form.format(stranger.origin, host=stranger.origin.removeprefix("http://"))
    client, server = scripted(lambda _: page("x", next=link))
    with pytest.raises(UnsafeLinkError, match="leads away") as unsafe:
        list(client.metadata.contents.browse("acme"))
    assert server.origin in str(unsafe.value)
    assert len(server.arrived) == 1
    assert not stranger.arrived


def test_an_absolute_link_to_the_service_itself_is_followed(scripted: Scripted) -> None:
    def respond(_: Arrived) -> Served:
        following = f"{server.origin}/data/contents?page=2"
        return page("x", next=following) if len(server.arrived) == 1 else page("x")

    client, server = scripted(respond)
    assert len(list(client.metadata.contents.browse("acme"))) == 2


@pytest.mark.parametrize("link", [5, ["/data/contents"], {"href": "/x"}, "http://[", "/data/con\ntents"])
def test_a_link_that_is_none(scripted: Scripted, link: Any) -> None:
    client, server = scripted(lambda _: page("x", next=link))
    with pytest.raises(DecodeError, match="not a link"):
        list(client.metadata.contents.browse("acme"))
    assert len(server.arrived) == 1


@pytest.mark.parametrize(
    "served",
    [as_json({"contents": []}), as_json({"meta": None, "contents": []}), Served(200)],
    ids=["no meta", "meta is null", "empty body"],
)
def test_a_page_of_which_nobody_knows_whether_it_is_the_last(scripted: Scripted, served: Served) -> None:
    client, _ = scripted(lambda _: served)
    browse = client.metadata.contents.browse("acme")
    assert browse.resources == []
    with pytest.raises(DecodeError, match="may not be the last"):
        list(browse)


@pytest.mark.parametrize("body", [{"meta": {}, "contents": {"ref": "x"}}, {"meta": {}, "contents": "x"}, [1], "x", 5])
def test_a_page_of_another_shape(scripted: Scripted, body: Any) -> None:
    client, _ = scripted(lambda _: as_json(body))
    with pytest.raises(ClientError) as wrong:
        _ = client.metadata.contents.browse("acme").resources
    assert isinstance(wrong.value, DecodeError)
