from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import httpx2
import pytest

from sequoia.sandbox import Sandbox, SandboxError
from sequoia.sandbox.demo import ARCHIVE, ARCHIVE_ASSETS, Catalogue


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(demo=True, owner="studio") as sandbox:
        yield sandbox


@pytest.fixture
def browse(sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> Callable[..., dict[str, Any]]:
    def get(resource: str, **query: str) -> dict[str, Any]:
        answer = http.get(f"{sandbox.location('metadata')}/data/{resource}", params=query, headers=bearer)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    return get


def test_the_small_catalogue_has_something_of_everything(browse: Callable[..., dict[str, Any]]) -> None:
    sizes = {
        resource: browse(resource, count="true", perPage="1")["meta"]["totalCount"]
        for resource in ("contents", "categories", "people", "roles", "credits", "offers", "assets", "offer-templates")
    }

    assert sizes["contents"] == 30
    assert sizes["assets"] >= ARCHIVE_ASSETS + 29 * 2
    assert min(sizes.values()) >= 3


def test_one_content_has_more_assets_than_a_browse_embeds(browse: Callable[..., dict[str, Any]]) -> None:
    body = browse("contents", withName=ARCHIVE, include="assets")

    assert [content["title"] for content in body["contents"]] == ["The Long Archive"]
    assert len(body["linked"]["assets"]) == 500
    assert "continue" in body["meta"]["linked"]["assets"][-1]
    assert browse("assets", withContentRef=f"studio:{ARCHIVE}", count="true")["meta"]["totalCount"] == ARCHIVE_ASSETS


def test_every_reference_leads_to_a_document(browse: Callable[..., dict[str, Any]]) -> None:
    contents = browse("contents")["contents"]
    known = {
        document["ref"]
        for resource in ("contents", "categories", "people", "roles", "offer-templates")
        for page in [browse(resource)]
        for key, documents in page.items()
        if key != "meta"
        for document in documents
    }
    credit = browse("credits")["credits"]
    offers = browse("offers")["offers"]
    targets = {ref for content in contents for ref in [*content["categoryRefs"], content.get("parentRef")] if ref}
    targets |= {each[field] for each in credit for field in ("personRef", "roleRef", "contentRef")}
    targets |= {ref for offer in offers for ref in [*offer["contentRefs"], offer["offerTemplateRef"]]}

    assert targets
    assert targets <= known
    assert {content["type"] for content in contents} == {"movie", "show", "season", "episode"}


def test_the_same_number_gives_the_same_catalogue() -> None:
    first, second = ({name: list(documents) for name, documents in Catalogue("acme", 40).resources()} for _ in range(2))

    assert first == second
    for documents in first.values():
        names = [document["name"] for document in documents]
        assert len(set(names)) == len(names)
        assert all(document["owner"] == "acme" for document in documents)
    assert len(first["contents"]) == 40


def test_a_catalogue_of_any_size_is_made_piece_by_piece() -> None:
    resources = dict(Catalogue("acme", 10_000_000).resources())

    assert len(list(islice(resources["contents"], 5))) == 5
    assert len(list(islice(resources["credits"], 5))) == 5


@pytest.mark.parametrize("size", [1, 7, 10, 11])
def test_small_numbers_work(size: int, http: httpx2.Client, sign_in: Callable[[Sandbox], dict[str, str]]) -> None:
    with Sandbox(demo=size) as sandbox:
        url = f"{sandbox.location('metadata')}/data/contents?count=true"
        assert http.get(url, headers=sign_in(sandbox)).json()["meta"]["totalCount"] == size


def test_a_demo_needs_the_resources_that_it_fills() -> None:
    with pytest.raises(SandboxError, match="demo"):
        Sandbox(demo=True, descriptors=[{"name": "metadata", "resourcefuls": {}}]).start()
