from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import category, load_assets, load_contents, sent
from tests.contract.servers import Arrived, Served, as_json, registry

from sequoia import AuthType, Client, Criteria, Inclusion, field, where
from sequoia.error import BadRequest, CriteriaError, PaginationLoopError, UnsafeLinkError
from sequoia.sandbox import Sandbox

NUMBERS = {"c-000": 610, "c-001": 0, "c-002": 2}


def walk(pages: Iterable[list[dict[str, Any]]], seen: list[str]) -> None:
    """Note every ref in `seen`, so that a test knows what came before a walk broke off."""
    for page in pages:
        seen += [one["ref"] for one in page]


def test_more_than_any_page_embeds_on_one_parent(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    stored = load_assets(sandbox, owner, "c-000", 730)
    criteria = where(field("ref") == f"{owner}:c-000").include("assets", fields=["ref", "contentRef"])
    pages = list(client.metadata.contents.browse(owner, criteria).linked("assets"))
    assert [asset["ref"] for page in pages for asset in page] == stored
    assert [len(page) for page in pages] == [500, 100, 100, 30]
    assert all(set(asset) == {"ref", "contentRef"} for page in pages for asset in page)
    # The main page, and the three pages of assets that did not come with it.
    assert [one.path for one in sent(sandbox)] == ["/data/contents", *["/data/assets"] * 3]


def test_the_first_page_only(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    load_assets(sandbox, owner, "c-000", 520)
    linked = client.metadata.contents.browse(owner, where().include("assets")).linked("assets")
    assert len(linked.resources) == 500
    assert len(sent(sandbox)) == 1


@pytest.mark.parametrize("query_string", ["perPage=20", "perPage=20&continue=true"])
def test_several_parents_batches_and_main_pages(
    client: Client, sandbox: Sandbox, owner: str, query_string: str
) -> None:
    load_contents(sandbox, owner, 45)
    stored = [
        ref
        for parent, number in [("c-000", 610), ("c-005", 3), ("c-012", 550), ("c-025", 1), ("c-044", 505)]
        for ref in load_assets(sandbox, owner, parent, number)
    ]
    browse = client.metadata.contents.browse(owner, where().include("assets"), query_string=query_string)
    found = [asset["ref"] for page in browse.linked("assets") for asset in page]
    assert sorted(found) == sorted(stored)
    assert len(found) == len(set(found))
    asked = [(one.path, one.query) for one in sent(sandbox)]
    assert len(asked) == len(set(asked))
    assert [path for path, _ in asked].count("/data/contents") == 3


def test_linked_pages_can_be_walked_again_beside_the_main_pages(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 4)
    stored = load_assets(sandbox, owner, "c-000", 2) + load_assets(sandbox, owner, "c-003", 2)
    browse = client.metadata.contents.browse(owner, where().include("assets").per_page(2))
    linked = browse.linked("assets")
    for _ in range(2):
        assert [asset["ref"] for page in linked for asset in page] == stored
    assert len(list(browse)) == 2
    assert len(sent(sandbox)) == 2


def test_a_direct_relationship(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.load("metadata", "categories", [category(owner, f"k-{n}") for n in range(3)])
    load_contents(sandbox, owner, 5, categoryRefs=[f"{owner}:k-{n}" for n in range(3)])
    criteria = Criteria().add_inclusion(Inclusion.resource("categories"))
    pages = list(client.metadata.contents.browse(owner, criteria, query_string="perPage=2").linked("categories"))
    # Each main page brings what its contents belong to.
    assert [[one["ref"] for one in page] for page in pages] == [[f"{owner}:k-{n}" for n in range(3)]] * 3


def test_a_parent_that_names_what_is_not_there(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1, categoryRefs=[f"{owner}:gone"])
    linked = client.metadata.contents.browse(owner, where().include("categories")).linked("categories")
    assert linked.resources == []
    assert list(linked) == []


def test_a_relationship_over_a_hop(client: Client, sandbox: Sandbox, owner: str) -> None:
    (parent,) = load_contents(sandbox, owner, 1)
    sandbox.load("metadata", "contents", [{"owner": owner, "name": "part", "type": "episode", "parentRef": parent}])
    stored = load_assets(sandbox, owner, "c-000", 620)
    criteria = where(field("ref") == f"{owner}:part").include("parent").include("parent.assets")
    browse = client.metadata.contents.browse(owner, criteria)
    assert [asset["ref"] for page in browse.linked("parent.assets") for asset in page] == stored
    assert [one["ref"] for one in browse.linked("parent").resources] == [parent]


def test_a_relationship_that_was_not_included(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    browse = client.metadata.contents.browse(owner, where().include("categories"))
    with pytest.raises(CriteriaError, match="include it"):
        list(browse.linked("assets"))
    with pytest.raises(CriteriaError, match="categories"):
        _ = browse.linked("assets").resources


def test_an_empty_browse_has_no_linked_pages(client: Client, owner: str) -> None:
    assert list(client.metadata.contents.browse(owner, where().include("assets")).linked("assets")) == []


def test_a_sub_request_that_was_refused_is_an_error(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    browse = client.metadata.contents.browse(owner, where().include("assets", fields=["colour"]))
    assert len(browse.resources) == 1
    with pytest.raises(BadRequest, match="colour is not allowed") as refused:
        list(browse.linked("assets"))
    assert refused.value.method == "GET"
    assert str(refused.value.url).startswith(client.metadata.contents.url)
    assert refused.value.correlation_id == browse.correlation_id
    with pytest.raises(BadRequest):
        _ = browse.linked("assets").resources


def test_each_page_of_a_loop_has_its_own_linked_resources(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 3)
    stored = {f"{owner}:{name}": load_assets(sandbox, owner, name, number) for name, number in NUMBERS.items()}
    criteria = where().include("assets").per_page(1)
    for page in client.metadata.contents.browse(owner, criteria):
        found: list[str] = []
        walk(page.linked("assets"), found)
        assert found == stored[page.resource["ref"]]
        assert [one["ref"] for one in page.linked("assets").resources] == found[:500]


def test_what_could_not_be_linked_is_told(
    client: Client, sandbox: Sandbox, owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    refs = load_contents(sandbox, owner, 12, categoryRefs=[f"{owner}:gone"])
    criteria = where().include("categories").per_page(4)
    with caplog.at_level(logging.WARNING, logger="sequoia"):
        pages = list(client.metadata.contents.browse(owner, criteria))
    assert [error.status_code for page in pages for error in page.linked_errors] == [404, 404, 404]
    assert pages[0].linked_errors[0].relationship == "categories"
    assert [one for page in pages for one in page.linked("categories").resources] == []
    assert len([one for one in caplog.records if "categories: 404 Not Found" in one.getMessage()]) == 1
    caplog.clear()
    read = client.metadata.contents.read(owner, refs, criteria=where().include("categories"))
    assert {error.status_code for error in read.linked_errors} == {404}
    assert "linked resources are missing: categories" in caplog.text


def astray(link: str) -> Served:
    """A page whose linked assets go on at `link`."""
    entry = {"perPage": 1, "request": "/data/assets?continue=true&withContentRef=acme%3Ax", "continue": link}
    body: dict[str, Any] = {
        "meta": {"perPage": 1, "linked": {"assets": [entry]}},
        "contents": [{"ref": "acme:x"}],
        "linked": {"assets": [{"ref": "acme:1"}]},
    }
    return as_json(body)


def test_a_link_to_another_origin_is_not_followed(connect: Connect, serve: Serve) -> None:
    stranger = serve(lambda _: as_json({"meta": {}, "assets": [{"ref": "acme:stolen"}]}))
    server = serve(
        lambda one: (
            registry(metadata=server.origin)
            if one.path.startswith("/services")
            else astray(f"{stranger.origin}/data/assets?continue=A")
        )
    )
    client = connect(server.registry_url, auth_type=AuthType.NO_AUTH)
    found: list[str] = []
    with pytest.raises(UnsafeLinkError, match="leads away"):
        walk(client.metadata.contents.browse("acme", where().include("assets")).linked("assets"), found)
    assert found == ["acme:1"]
    assert not stranger.arrived


def test_linked_pages_that_go_round_in_a_circle(connect: Connect, serve: Serve) -> None:
    link = "/data/assets?continue=A&withContentRef=acme%3Ax"

    def respond(request: Arrived) -> Served:
        if request.path.startswith("/services"):
            return registry(metadata=server.origin)
        if request.path == "/data/assets":
            return as_json({"meta": {"perPage": 1, "continue": link}, "assets": [{"ref": "acme:2"}]})
        return astray(link)

    server = serve(respond)
    client = connect(server.registry_url, auth_type=AuthType.NO_AUTH)
    found: list[str] = []
    with pytest.raises(PaginationLoopError):
        walk(client.metadata.contents.browse("acme", where().include("assets")).linked("assets"), found)
    assert found == ["acme:1", "acme:2"]
