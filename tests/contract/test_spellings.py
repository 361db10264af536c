"""Resources whose name in JSON is not the camel case of their name in URLs: whoever reads gets all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.contract.conftest import Connect

from sequoia import Client, where
from sequoia.error import DecodeError, NotFound, ResourceNotFound
from sequoia.sandbox import Fault, Sandbox

STAMPS = {
    f"with{name[0].upper()}{name[1:]}": {"type": "with", "fieldNamePath": name, "and": True, "or": True, "range": True}
    for name in ("createdAt", "updatedAt", "deletedAt")
}
SHOW = {"type": "with", "fieldNamePath": "showRef", "and": True, "or": True, "valueType": "ref"}
FILES = {"type": "indirect", "resourceType": "mediaFiles", "filterName": "withShowRef", "fields": ["ref", "showRef"]}


def resource(plural: str, singular: str, hyphenated: str, **more: Any) -> dict[str, Any]:
    return {
        "pluralName": plural,
        "singularName": singular,
        "hyphenatedPluralName": hyphenated,
        "fields": {"showRef": {"type": "ref"}, "deletedAt": {"type": "timestamp", "sort": True}},
        "filters": {"withShowRef": SHOW, **STAMPS},
        **more,
    }


MEDIA = {
    "name": "media",
    "resourcefuls": {
        "shows": resource("shows", "show", "shows", relationships={"files": FILES}),
        "mediaFiles": resource("mediaFiles", "mediaFile", "files-of-media"),
        "myURLs": resource("myURLs", "myURL", "my-urls"),
    },
}
REFS = [f"acme:f{n:03}" for n in range(250)]


class File(msgspec.Struct):
    ref: str


@pytest.fixture(scope="module")
def media() -> Iterator[Sandbox]:
    with Sandbox(descriptors=[MEDIA], embedded_pages=1) as sandbox:
        files = [{"owner": "acme", "name": ref.removeprefix("acme:"), "showRef": "acme:s"} for ref in REFS]
        sandbox.load("media", "shows", [{"owner": "acme", "name": "s"}])
        sandbox.load("media", "mediaFiles", files)
        sandbox.load("media", "myURLs", [{"owner": "acme", "name": "u"}])
        yield sandbox


@pytest.fixture(params=[False, True], ids=["by-its-url", "described"])
def client(connect: Connect, media: Sandbox, request: pytest.FixtureRequest) -> Client:
    """A client that has not read the descriptor, and one that has."""
    credentials = {"grant_client_id": media.client_id, "grant_client_secret": media.client_secret}
    client = connect(media.registry_url, **credentials)
    if request.param:
        assert client.media.descriptor.resourcefuls
    media.requests.clear()
    return client


def test_operations_find_the_resources(client: Client) -> None:
    assert client.media["my-urls"].read("acme", "acme:u").resource["ref"] == "acme:u"
    files = client.media["files-of-media"]
    assert [one["ref"] for page in files.browse("acme") for one in page.resources] == REFS
    assert [one["ref"] for one in files.read("acme", REFS).resources] == REFS
    assert repr(files.browse("acme")).endswith("200 mediaFiles=100>")


def test_linked_pages_go_to_the_end(client: Client) -> None:
    pages = client.media.shows.browse("acme", where().include("files")).linked("files")
    assert [one["ref"] for page in pages for one in page] == REFS


@pytest.mark.parametrize("workers", [1, 3])
def test_a_scan_finds_the_resources(client: Client, workers: int) -> None:
    files = client.media["files-of-media"]
    assert sorted(one["ref"] for one in files.scan("acme", workers=workers)) == REFS
    assert sorted(one.ref for one in files.scan("acme", model=File, workers=workers)) == REFS


def test_changes_find_the_resources(client: Client) -> None:
    assert sorted(one["ref"] for one in client.media["files-of-media"].changes("acme")) == REFS


@pytest.mark.parametrize("rule", [True, {"my-urls": True}, {"my_urls": True}])
def test_what_is_there_is_no_empty_result(client: Client, media: Sandbox, rule: Any) -> None:
    assert client.media["my-urls"].read("acme", "acme:u", retry_when_empty_result=rule).resource
    assert len([one for one in media.requests if "/data/" in one.path]) == 1


def test_what_the_service_says_about_the_resource_is_found(client: Client, media: Sandbox) -> None:
    changes = client.media["my-urls"].changes("acme")
    assert [one["ref"] for one in changes] == ["acme:u"]
    assert changes.sees_deletions
    media.faults.add(Fault(status=404, path="/data/my-urls"))
    with pytest.raises(NotFound) as caught:
        list(client.media["my-urls"].scan("acme"))
    assert not isinstance(caught.value, ResourceNotFound)


def test_a_model_that_does_not_fit_is_told_as_everywhere(client: Client) -> None:
    class Wrong(msgspec.Struct):
        ref: int

    with pytest.raises(DecodeError, match="does not fit Wrong"):
        list(client.media["my-urls"].scan("acme", model=Wrong))
