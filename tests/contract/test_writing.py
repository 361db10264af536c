"""Helpers around writes: a draft that is checked, and a change of some fields that loses nothing."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from tests.contract.conftest import Connect
from tests.contract.data import content, sent

from sequoia import Client, InstantClock
from sequoia.error import (
    ClientError,
    ConnectionError,
    DecodeError,
    InvalidResource,
    NotFound,
    NotMatchingVersion,
    ReferencesMismatchException,
    ResourceNotFound,
    ServerError,
)
from sequoia.sandbox import Fault, Sandbox

Resource = dict[str, Any]


@pytest.fixture
def film(client: Client, sandbox: Sandbox, owner: str) -> Resource:
    """A stored content with a bit of everything; how it came there is not in the log."""
    fields = {"tags": ["a", "b"], "releaseYear": 2015, "custom": {"x": 1, "y": [True]}, "ratings": {"BBFC": "PG"}}
    stored = client.metadata.contents.store(owner, content(owner, "film", **fields)).resource
    sandbox.requests.clear()
    return stored


def mutable(resource: Resource) -> Resource:
    """A resource without what each write changes."""
    return {name: value for name, value in resource.items() if name not in {"updatedAt", "updatedBy", "version"}}


def methods(sandbox: Sandbox) -> list[str]:
    """The methods of the requests for resources, in order."""
    return [request.method for request in sent(sandbox) if request.path.startswith("/data/")]


# New and validate


def test_a_new_resource_can_be_stored(client: Client, owner: str) -> None:
    contents = client.metadata.contents
    fields = {"type": "film", "release_year": 2015, "duration": timedelta(minutes=80)}
    draft = contents.new(owner=owner, name="a", **fields)
    assert draft == {"owner": owner, "name": "a", "type": "movie", "releaseYear": 2015, "duration": "PT1H20M"}
    stored = contents.store(owner, draft).resource
    assert mutable(stored).items() >= draft.items()
    assert contents.validate(stored) == []


def test_a_new_resource_without_a_name_gets_one_from_the_service(client: Client, owner: str) -> None:
    stored = client.metadata.contents.store(owner, client.metadata.contents.new(owner=owner, type="movie")).resource
    assert stored["name"]


def test_every_fault_of_a_new_resource_is_told_at_once_and_nothing_is_stored(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    with pytest.raises(InvalidResource) as refused:
        client.metadata.contents.new(owner=owner, name="a", type="moive", tilte="x", version="0" * 40)
    assert [fault.path for fault in refused.value.faults] == ["type", "tilte", "version"]
    assert methods(sandbox) == []


def test_validate_finds_what_the_service_refuses(client: Client, owner: str) -> None:
    wrong = content(owner, "a", type="moive", releaseYear="2015", ratings={"BBFC": "PG-13"})
    faults = client.metadata.contents.validate(wrong)
    assert str(faults[0]) == "type: 'moive' is not allowed: did you mean 'movie'?"
    assert [fault.path for fault in faults] == ["type", "releaseYear", "ratings.BBFC"]
    with pytest.raises(ClientError, match="400 Bad Request"):
        client.metadata.contents.store(owner, wrong)


def test_validate_takes_what_store_takes(client: Client, owner: str) -> None:
    right = content(owner, "a")
    for given in (right, [right], {"contents": [right]}, json.dumps(right)):
        assert client.metadata.contents.validate(given) == []
    with pytest.raises(ValueError, match="this takes one resource, not 2"):
        client.metadata.contents.validate([right, right])


def test_what_was_read_is_valid_with_its_read_only_fields(client: Client, owner: str, film: Resource) -> None:
    read = client.metadata.contents.read(owner, film["ref"]).resource
    assert client.metadata.contents.validate(read) == []
    unread = {name: value for name, value in read.items() if name != "version"}
    faults = client.metadata.contents.validate(unread)
    assert [fault.path for fault in faults] == ["createdAt", "createdBy", "updatedAt", "updatedBy"]


def test_a_resource_that_the_service_does_not_have_cannot_be_validated(client: Client, owner: str) -> None:
    with pytest.raises(ResourceNotFound, match="did you mean 'contents'"):
        client.metadata.contnets.validate({})


# Patch


def test_what_a_patch_does_not_name_stays_as_it_is(
    client: Client, sandbox: Sandbox, owner: str, film: Resource
) -> None:
    changes = {"title": "New", "custom": {"x": 2}, "tags": ["c"], "release_year": None}
    patched = client.metadata.contents.patch(owner, film["ref"], changes)
    assert patched.status == 200
    expected = {**mutable(film), "title": "New", "custom": {"x": 2, "y": [True]}, "tags": ["c"]}
    del expected["releaseYear"]
    assert mutable(patched.resource) == expected
    assert mutable(client.metadata.contents.read(owner, film["ref"]).resource) == expected
    get, put = [request for request in sent(sandbox) if request.path.startswith("/data/")][:2]
    assert (get.method, put.method) == ("GET", "PUT")
    assert put.headers["if-match"] == f'"{film["version"]}"'


def test_all_requests_of_a_patch_are_one_operation(
    client: Client, sandbox: Sandbox, owner: str, film: Resource
) -> None:
    client.metadata.contents.patch(owner, film["ref"], {"title": "New"})
    client.metadata.contents.patch(owner, film["ref"], {"title": "Newer"})
    ids = [request.headers["x-correlation-id"] for request in sent(sandbox) if request.path.startswith("/data/")]
    assert ids[0] == ids[1]
    assert ids[2] == ids[3]
    assert ids[0] != ids[2]


def test_a_patch_that_changes_nothing_writes_nothing(
    client: Client, sandbox: Sandbox, owner: str, film: Resource
) -> None:
    nothing: list[Any] = [{}, {"title": "film", "shortSynopsis": None}, {"type": "film"}, lambda _: None, dict]
    for changes in nothing:
        assert client.metadata.contents.patch(owner, film["ref"], changes).resource == film
    assert methods(sandbox) == ["GET"] * len(nothing)


def test_true_is_another_value_than_1(client: Client, owner: str, film: Resource) -> None:
    patched = client.metadata.contents.patch(owner, film["ref"], {"custom": {"x": True}}).resource
    assert patched["custom"]["x"] is True


@pytest.mark.parametrize("in_place", [True, False])
def test_a_function_changes_a_copy(client: Client, owner: str, film: Resource, in_place: bool) -> None:
    def append(resource: Resource) -> Resource | None:
        if not in_place:
            return {**resource, "tags": [*resource["tags"], "c"]}
        resource["tags"].append("c")
        return None

    assert client.metadata.contents.patch(owner, film["ref"], append).resource["tags"] == ["a", "b", "c"]


def interrupted(
    client: Client, owner: str, changes: Callable[[Resource], Any], times: int
) -> Callable[[Resource], Any]:
    """A change during which somebody else stores other versions, as often as this is said."""
    left = iter(range(times))

    def change(resource: Resource) -> Any:
        for number in left:
            other = {**resource, "shortSynopsis": f"by somebody else, {number}"}
            client.metadata.contents.store(owner, other)
            break
        return changes(resource)

    return change


def retitle(resource: Resource) -> Resource:
    return {**resource, "title": f"{resource['title']}!"}


@pytest.fixture
def rival(sandbox: Sandbox) -> Iterator[Client]:
    """Somebody else, who writes from within a function of the client under test, and so is no asynchronous client."""
    with sandbox.client() as client:
        sandbox.requests.clear()
        yield client


def test_a_patch_never_goes_over_what_somebody_else_wrote(
    client: Client, rival: Client, owner: str, film: Resource
) -> None:
    change = interrupted(rival, owner, retitle, times=2)
    patched = client.metadata.contents.patch(owner, film["ref"], change).resource
    assert patched["title"] == "film!"
    assert patched["shortSynopsis"] == "by somebody else, 1"


def test_a_merge_is_applied_again_after_a_conflict(
    client: Client, sandbox: Sandbox, owner: str, film: Resource
) -> None:
    refusal = {"statusCode": 412, "error": "Precondition Failed", "message": "versions do not match"}
    sandbox.faults.add(Fault(status=412, body=json.dumps(refusal).encode(), method="PUT", times=4))
    assert client.metadata.contents.patch(owner, film["ref"], {"title": "New"}).resource["title"] == "New"
    assert methods(sandbox) == ["GET", "PUT"] * 5


def test_a_patch_gives_up_when_somebody_else_is_always_faster(
    client: Client, rival: Client, sandbox: Sandbox, owner: str, film: Resource
) -> None:
    change = interrupted(rival, owner, retitle, times=9)
    with pytest.raises(NotMatchingVersion, match="read it again"):
        client.metadata.contents.patch(owner, film["ref"], change, tries=3)
    assert methods(sandbox) == ["GET", "POST", "PUT"] * 3
    read = client.metadata.contents.read(owner, film["ref"]).resource
    assert (read["title"], read["shortSynopsis"]) == ("film", "by somebody else, 2")


def test_an_update_that_is_refused_for_another_reason_is_not_tried_again(
    client: Client, sandbox: Sandbox, owner: str, film: Resource
) -> None:
    with pytest.raises(ClientError, match="400 Bad Request"):
        client.metadata.contents.patch(owner, film["ref"], lambda one: {**one, "titel": "x"})
    assert methods(sandbox) == ["GET", "PUT"]


# An answer that is lost


class Lossy(httpx2.HTTPTransport):
    """A network in which the answer to the next PUT is lost: the service has carried it out, and nobody knows.

    Args:
        method: Another method in its place.
    """

    def __init__(self, method: str = "PUT") -> None:
        super().__init__()
        self.method = method
        self.losing = True
        self.then: Callable[[], Any] = lambda: None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        if request.method == self.method and request.url.path.startswith("/data/") and self.losing:
            self.losing = False
            response.read()
            response.close()
            self.then()
            raise httpx2.ReadError("the answer is lost")
        return response


@pytest.fixture
def network() -> Lossy:
    return Lossy()


@pytest.fixture
def unlucky(connect: Connect, sandbox: Sandbox, network: Lossy, film: Resource) -> Iterator[Client]:
    """A client behind that network."""
    client = connect(adapters=[("http://", network)], clock=InstantClock())
    sandbox.requests.clear()
    yield client
    assert not network.losing


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("changes", [{"tags": ["c"]}, lambda one: {**one, "tags": [*one["tags"], "c"]}])
def test_a_patch_whose_answer_was_lost_is_not_applied_twice(
    unlucky: Client, sandbox: Sandbox, film: Resource, changes: Any, described: bool
) -> None:
    owner = film["owner"]
    if not described:
        sandbox.faults.add(Fault(status=404, path="/descriptor/raw*"))
    patched = unlucky.metadata.contents.patch(owner, film["ref"], changes).resource
    assert patched["tags"] in (["c"], ["a", "b", "c"])
    assert methods(sandbox) == ["GET", "PUT", "PUT", "GET"]
    assert [request.status for request in sent(sandbox) if request.method == "PUT"] == [200, 412]
    assert patched == unlucky.metadata.contents.read(owner, film["ref"]).resource


@pytest.mark.parametrize(
    "store",
    [
        lambda contents, owner, one: contents.store(owner, one).resource["ref"],
        lambda contents, owner, one: contents.store(owner, json.dumps(one)).resource["ref"],
        lambda contents, owner, one: contents.bulk_store(owner, [one]).stored and one["ref"],
        lambda contents, owner, one: contents.bulk_store(owner, [json.dumps(one)]).stored and one["ref"],
    ],
)
def test_a_store_by_ref_whose_answer_was_lost_is_repeated_and_stores_one_resource(
    connect: Connect, owner: str, store: Callable[[Any, str, Resource], str]
) -> None:
    network = Lossy("POST")
    contents = connect(adapters=[("http://", network)], clock=InstantClock()).metadata.contents
    one = {"ref": f"{owner}:film-1", "owner": owner, "type": "movie", "title": "Film"}
    assert store(contents, owner, one) == one["ref"]
    assert not network.losing
    assert [found["ref"] for found in contents.scan(owner)] == [one["ref"]]


def test_a_copy_of_what_was_read_goes_over_nothing_and_is_not_stored_twice(
    connect: Connect, owner: str, film: Resource
) -> None:
    network = Lossy("POST")
    contents = connect(adapters=[("http://", network)], clock=InstantClock()).metadata.contents
    copy = {name: value for name, value in contents.read(owner, film["ref"]).resource.items() if name != "name"}
    with pytest.raises(ConnectionError):
        contents.store(owner, {**copy, "title": "Copy"})
    found = {one["ref"]: one["title"] for one in contents.scan(owner)}
    assert len(found) == 2
    assert found[film["ref"]] == film["title"]


def test_a_function_is_not_applied_on_top_of_what_may_be_its_own_work(
    unlucky: Client, network: Lossy, client: Client, owner: str, film: Resource
) -> None:
    contents = client.metadata.contents
    network.then = lambda: contents.patch(owner, film["ref"], {"title": "By somebody else"})
    with pytest.raises(NotMatchingVersion, match="may have gone through"):
        unlucky.metadata.contents.patch(owner, film["ref"], lambda one: one["tags"].append("c"))
    read = contents.read(owner, film["ref"]).resource
    assert (read["title"], read["tags"]) == ("By somebody else", ["a", "b", "c"])


def test_an_update_that_broke_off_before_it_was_carried_out_is_repeated(
    client: Client, sandbox: Sandbox, owner: str, film: Resource
) -> None:
    sandbox.faults.add(Fault(drop="before", method="PUT"))
    sandbox.faults.add(Fault(status=503, method="PUT"))
    patched = client.metadata.contents.patch(owner, film["ref"], lambda one: one["tags"].append("c"))
    assert patched.resource["tags"] == ["a", "b", "c"]
    assert methods(sandbox) == ["GET", "PUT", "PUT", "PUT"]


# What a patch refuses


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"name": "other"}, (ReferencesMismatchException, "its name cannot become 'other'")),
        ({"owner": None}, (ReferencesMismatchException, "its owner cannot become None")),
        ({"ref": "acme:other"}, (ReferencesMismatchException, "its ref cannot become 'acme:other'")),
        ({"titel": "x", "type": "moive"}, (InvalidResource, "content has 2 faults: titel: is no field")),
        ({"version": "0" * 40}, (InvalidResource, "version: is set by the service alone")),
        ({"type": None}, (InvalidResource, "type: is required")),
        ([{"title": "x"}], (TypeError, "changes must be a dict, or a function")),
        (None, (TypeError, "changes must be a dict, or a function")),
    ],
)
def test_changes_that_cannot_be_are_refused_before_the_resource_is_read(
    client: Client, sandbox: Sandbox, film: Resource, changes: Any, refusal: tuple[type[Exception], str]
) -> None:
    error, match = refusal
    with pytest.raises(error, match=match):
        client.metadata.contents.patch(film["owner"], film["ref"], changes)
    assert methods(sandbox) == []


@pytest.mark.parametrize("tries", [0, -1, True, "5", 1.5])
def test_a_number_of_tries_that_makes_no_sense_is_refused(client: Client, sandbox: Sandbox, tries: Any) -> None:
    with pytest.raises(ValueError, match="tries must be a whole number from 1"):
        client.metadata.contents.patch("acme", "acme:a", {}, tries=tries)
    assert not sandbox.requests


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        (lambda one: {**one, "name": "other"}, (ReferencesMismatchException, "its name cannot become 'other'")),
        (lambda one: {"owner": one["owner"], "name": "film", "ref": one["ref"], "title": "x"}, (ValueError, "version")),
        (lambda one: one.clear(), (ValueError, "the whole resource")),
        (
            lambda one: {name: one[name] for name in ("ref", "owner", "name", "title", "version")},
            (ValueError, "createdAt and updatedAt are gone"),
        ),
        (lambda one: {**one, "version": "f" * 40}, (ValueError, "its version is another")),
        (lambda _: "x", (TypeError, "must return the resource, or None, not 'x'")),
        (lambda one: {**one, "custom": {"x": object()}}, (ValueError, "cannot make JSON")),
        (lambda one: {**one, "custom": {"x": math.nan}}, (ValueError, "custom.x is nan")),
    ],
)
def test_a_function_that_does_not_give_the_resource_back_writes_nothing(
    client: Client, sandbox: Sandbox, film: Resource, changes: Any, refusal: tuple[type[Exception], str]
) -> None:
    error, match = refusal
    with pytest.raises(error, match=match):
        client.metadata.contents.patch(film["owner"], film["ref"], changes)
    assert methods(sandbox) == ["GET"]


def test_what_the_service_gave_without_a_time_can_be_patched(
    client: Client, sandbox: Sandbox, owner: str, film: Resource
) -> None:
    given = content(owner, "film", ref=film["ref"], version=film["version"])
    sandbox.faults.add(Fault(body=json.dumps({"contents": [given]}).encode(), method="GET", path="/data/*"))
    assert client.metadata.contents.patch(owner, film["ref"], {"title": "x"}).resource["title"] == "x"
    assert methods(sandbox) == ["GET", "PUT"]


def test_what_is_not_there_cannot_be_patched(client: Client, owner: str) -> None:
    with pytest.raises(NotFound):
        client.metadata.contents.patch(owner, f"{owner}:none", {"title": "x"})


def test_a_resource_without_a_version_is_not_written(
    client: Client, sandbox: Sandbox, owner: str, film: Resource
) -> None:
    body = json.dumps({"meta": {}, "contents": [content(owner, "film", ref=film["ref"])]}).encode()
    sandbox.faults.add(Fault(body=body, method="GET", path="/data/*"))
    with pytest.raises(DecodeError, match="without a version"):
        client.metadata.contents.patch(owner, film["ref"], {"title": "x"})
    assert methods(sandbox) == ["GET"]


def test_a_service_whose_descriptor_cannot_be_read_judges_the_changes_itself(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    client.metadata.contents.store(owner, content(owner, "film"))
    sandbox.faults.add(Fault(status=404, path="/descriptor/raw*", times=None))
    with pytest.raises(ClientError, match="titel is not allowed"):
        client.metadata.contents.patch(owner, f"{owner}:film", {"titel": "x"})
    assert client.metadata.contents.patch(owner, f"{owner}:film", {"title": "x"}).resource["title"] == "x"
    with pytest.raises(ClientError, match="cannot be read"):
        client.metadata.contents.validate({})


def test_a_service_that_fails_is_an_error_of_the_patch(
    client: Client, sandbox: Sandbox, owner: str, film: Resource
) -> None:
    sandbox.faults.add(Fault(status=503, method="PUT", times=None))
    with pytest.raises(ServerError):
        client.metadata.contents.patch(owner, film["ref"], {"title": "x"})


# Other services

CINEMA = {
    "name": "cinema",
    "resourcefuls": {
        "films": {
            "pluralName": "films",
            "singularName": "film",
            "hyphenatedPluralName": "films",
            "conditionalUpdates": False,
            "fields": {
                "title": {"type": "string"},
                "plot": {"type": "string"},
                "parts": {"fields": {"first": {"type": "string"}, "deep": {"fields": {"x": {"type": "integer"}}}}},
                "metadata": {"type": "map"},
            },
        }
    },
}


@pytest.fixture(scope="module")
def cinema() -> Iterator[Sandbox]:
    with Sandbox(descriptors=[CINEMA]) as sandbox:
        yield sandbox


def test_metadata_and_nested_objects_survive_a_patch(cinema: Sandbox, owner: str) -> None:
    film = {"owner": owner, "name": "a", "parts": {"first": "x", "deep": {"x": 1}}, "metadata": {"locks": ["title"]}}
    with cinema.client() as client:
        client.cinema.films.store(owner, film)
        client.cinema.films.patch(owner, f"{owner}:a", {"title": "New", "parts": {"deep": {"x": 2}}})
        read = client.cinema.films.read(owner, f"{owner}:a").resource
    assert read["metadata"] == {"locks": ["title"]}
    assert read["parts"] == {"first": "x", "deep": {"x": 2}}
    assert read["title"] == "New"


def test_fields_that_the_descriptor_does_not_know_are_written_back(
    client: Client, sandbox: Sandbox, owner: str, film: Resource
) -> None:
    newer = {**film, "newer": {"than": ["this", "descriptor"]}}
    sandbox.faults.add(Fault(body=json.dumps({"contents": [newer]}).encode(), method="GET", path="/data/*"))
    sandbox.faults.add(Fault(body=json.dumps({"contents": [newer]}).encode(), method="PUT"))
    client.metadata.contents.patch(owner, film["ref"], {"title": "New"})
    (put,) = [request for request in sent(sandbox) if request.method == "PUT"]
    assert json.loads(put.body) == {"contents": [{**newer, "title": "New"}]}


def test_a_patch_where_versions_are_ignored_works_and_warns(
    cinema: Sandbox, owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    def change(film: Resource) -> None:
        other.cinema.films.store(owner, {**film, "plot": "by somebody else"})
        film["title"] = "New"

    with cinema.client() as client, cinema.client() as other, caplog.at_level(logging.WARNING, "sequoia"):
        client.cinema.films.store(owner, {"owner": owner, "name": "a", "title": "Old"})
        patched = client.cinema.films.patch(owner, f"{owner}:a", change).resource
    assert patched["title"] == "New"
    assert "plot" not in patched
    assert [record.getMessage() for record in caplog.records] == [
        f"films ignores versions: a change that is made to {owner}:a meanwhile is lost"
    ]
