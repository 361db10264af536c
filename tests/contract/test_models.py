from __future__ import annotations

import logging

import pytest
from tests.contract.conftest import Connect
from tests.contract.data import asset, category, content, load_assets, load_contents, sent

from sequoia import Client, field, where
from sequoia.sandbox import Fault, Sandbox


@pytest.fixture
def catalogue(sandbox: Sandbox, owner: str) -> str:
    """An owner with a show and its episode, whose names begin alike, and all that hangs on them."""
    shows = [
        content(owner, "show", type="show", categoryRefs=[f"{owner}:b", f"{owner}:a"]),
        content(owner, "show-1", type="episode", parentRef=f"{owner}:show", categoryRefs=[f"{owner}:a"]),
        content(owner, "show-10", type="episode"),
    ]
    sandbox.load("metadata", "contents", shows)
    sandbox.load("metadata", "categories", [category(owner, "a"), category(owner, "b")])
    assets = [("p", "show"), ("q", "show-1"), ("r", "show-1"), ("s", "show-10")]
    sandbox.load("metadata", "assets", [asset(owner, name, contentRef=f"{owner}:{of}") for name, of in assets])
    sandbox.load("metadata", "people", [{"owner": owner, "name": "ann"}, {"owner": owner, "name": "bob"}])
    credits_ = [
        {"owner": owner, "name": f"k{n}", "contentRef": f"{owner}:{of}", "personRef": f"{owner}:{who}"}
        for n, (of, who) in enumerate([("show", "ann"), ("show", "bob"), ("show-1", "bob")])
    ]
    sandbox.load("metadata", "credits", credits_)
    return owner


@pytest.fixture
def client(connect: Connect, sandbox: Sandbox) -> Client:
    client = connect(model_resolution=True)
    sandbox.requests.clear()
    return client


def attached(client: Client, owner: str, name: str, *more: str) -> dict[str, list[str] | None]:
    """For every content its linked resources of one relationship, by name."""
    criteria = where().include(name)
    for other in more:
        criteria.include(other)
    model = client.metadata.contents.browse(owner, criteria).model
    assert model is not None
    return {
        one["name"]: None if one[name] is None else [linked["ref"].partition(":")[2] for linked in one[name]]
        for one in model
    }


def test_a_direct_relationship(client: Client, catalogue: str) -> None:
    assert attached(client, catalogue, "categories") == {"show": ["a", "b"], "show-1": ["a"], "show-10": []}


def test_a_direct_relationship_to_one(client: Client, catalogue: str) -> None:
    assert attached(client, catalogue, "parent") == {"show": [], "show-1": ["show"], "show-10": []}


def test_an_indirect_relationship(client: Client, catalogue: str) -> None:
    assert attached(client, catalogue, "assets") == {"show": ["p"], "show-1": ["q", "r"], "show-10": ["s"]}


def test_an_indirect_relationship_over_a_hop(client: Client, catalogue: str) -> None:
    assert attached(client, catalogue, "parent.assets") == {"show": [], "show-1": ["p"], "show-10": []}


def test_a_direct_relationship_over_a_hop(client: Client, catalogue: str) -> None:
    with_hop = attached(client, catalogue, "credits.people", "credits")
    assert with_hop == {"show": ["ann", "bob"], "show-1": ["bob"], "show-10": []}


def test_read_and_pages_have_models_too(client: Client, catalogue: str) -> None:
    assets = where().include("assets")
    read = client.metadata.contents.read(catalogue, f"{catalogue}:show-1", criteria=assets)
    assert read.model is not None
    assert len(read.model[0]["assets"]) == 2
    pages = list(client.metadata.contents.browse(catalogue, assets, query_string="perPage=1"))
    assert [len(one["assets"]) for page in pages for one in page.model or ()] == [1, 2, 1]


def test_the_resources_stay_as_they_came(client: Client, catalogue: str) -> None:
    page = client.metadata.contents.browse(catalogue, where().include("assets"))
    assert page.model is not None
    assert all("assets" not in one for one in page.resources)
    assert page.model[0]["ref"] == page.resources[0]["ref"]


def test_without_model_resolution_there_is_no_model_and_no_descriptor_is_asked_for(
    connect: Connect, sandbox: Sandbox, catalogue: str
) -> None:
    page = connect().metadata.contents.browse(catalogue, where().include("assets"))
    assert page.model is None
    assert [one.path for one in sent(sandbox)] == ["/data/contents"]


def test_the_descriptor_is_asked_for_once(client: Client, sandbox: Sandbox, catalogue: str) -> None:
    for _ in range(3):
        client.metadata.contents.browse(catalogue, where().include("assets"))
    assert [one.path for one in sent(sandbox)].count("/descriptor/raw") == 1


def test_the_descriptor_is_asked_for_again_after_a_refresh(client: Client, sandbox: Sandbox, catalogue: str) -> None:
    client.metadata.contents.browse(catalogue, where().include("assets"))
    client.refresh()
    client.metadata.contents.browse(catalogue, where().include("assets"))
    assert [one.path for one in sent(sandbox)].count("/descriptor/raw") == 2


def test_what_cannot_be_joined_is_none_and_a_warning_says_why(
    client: Client, catalogue: str, caplog: pytest.LogCaptureFixture
) -> None:
    criteria = where(field("ref") == f"{catalogue}:show").include("assets", fields=["url"])
    with caplog.at_level(logging.WARNING, logger="sequoia"):
        model = client.metadata.contents.browse(catalogue, criteria).model
    assert model is not None
    assert model[0]["assets"] is None
    (warning,) = caplog.records
    assert "contentRef" in warning.getMessage()


def test_linked_resources_that_did_not_come_with_the_page_are_told_of_once(
    client: Client, sandbox: Sandbox, owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    load_contents(sandbox, owner, 3)
    for name in ("c-000", "c-002"):
        load_assets(sandbox, owner, name, 520)
    load_assets(sandbox, owner, "c-001", 2)
    criteria = where().include("assets", fields=["ref", "contentRef"]).per_page(1)
    with caplog.at_level(logging.WARNING, logger="sequoia"):
        browse = client.metadata.contents.browse(owner, criteria)
        assert [len(page.model[0]["assets"]) for page in browse if page.model] == [500, 2, 500]
    (warning,) = caplog.records
    assert "only the assets that came with the page are attached, and there are more" in warning.getMessage()
    assert sum(len(page) for page in browse.linked("assets")) == 1042


def test_linked_resources_that_all_came_are_no_warning(
    client: Client, catalogue: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="sequoia"):
        page = client.metadata.contents.browse(catalogue, where().include("assets").include("categories"))
        assert page.model is not None
    assert not caplog.records


def test_parents_without_the_field_that_leads_on(
    client: Client, catalogue: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="sequoia"):
        model = client.metadata.contents.browse(catalogue, where().include("categories"), fields=["ref"]).model
    assert model is not None
    assert [one["categories"] for one in model] == [None, None, None]
    assert "categoryRefs" in caplog.text


def test_a_descriptor_that_cannot_be_read_costs_the_models_only(
    client: Client, sandbox: Sandbox, catalogue: str, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.add(Fault(body=b"<html>", service="metadata", path="/descriptor/*", times=None))
    with caplog.at_level(logging.WARNING, logger="sequoia"):
        page = client.metadata.contents.browse(catalogue, where().include("assets"))
    assert len(page.resources) == 3
    assert page.model is None
    assert "descriptor" in caplog.text
