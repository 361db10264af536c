from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from tests.contract.data import asset, category, content, load_contents, sent

from sequoia import Client, Criteria, Inclusion
from sequoia.error import (
    BadRequest,
    HttpError,
    InvalidResource,
    MultipleResultsFound,
    NoResultFound,
    NotFound,
    NotMatchingVersion,
    ReferencesMismatchException,
)
from sequoia.sandbox import Fault, Sandbox


@dataclass
class Film:
    """A resource as a dataclass."""

    owner: str
    name: str
    title: str = "From a model"
    type: str = "movie"


class FilmStruct(msgspec.Struct):
    """A resource as a msgspec Struct."""

    owner: str
    name: str
    title: str = "From a model"
    type: str = "movie"


class Wired(msgspec.Struct, rename="camel"):
    """A Struct whose names in Python are not those on the wire."""

    owner: str
    name: str
    category_refs: list[str]
    type: str = "movie"


# Store


def forms(owner: str) -> dict[str, tuple[Any, list[str]]]:
    """Everything that `store` takes, with the names of what it stores."""
    film = content(owner, "a")
    return {
        "text": (json.dumps(film), ["a"]),
        "text of a list": (json.dumps([film, content(owner, "b")]), ["a", "b"]),
        "text, wrapped": (json.dumps({"contents": [film]}), ["a"]),
        "bytes": (json.dumps(film).encode(), ["a"]),
        "dict": (film, ["a"]),
        "list": ([content(owner, name) for name in "abc"], ["a", "b", "c"]),
        "wrapped": ({"contents": [film]}, ["a"]),
        "wrapped object": ({"contents": film}, ["a"]),
        "dataclass": (Film(owner, "a"), ["a"]),
        "dataclasses": ([Film(owner, "a"), Film(owner, "b")], ["a", "b"]),
        "struct": (FilmStruct(owner, "a"), ["a"]),
        "structs, wrapped": ({"contents": [FilmStruct(owner, "a")]}, ["a"]),
    }


@pytest.mark.parametrize("form", forms("x"))
def test_store_takes_a_resource_in_every_form(client: Client, sandbox: Sandbox, owner: str, form: str) -> None:
    given, names = forms(owner)[form]
    stored = client.metadata.contents.store(owner, given)
    assert stored.status == 201
    assert [one["name"] for one in stored.resources] == names
    assert [one["ref"] for one in stored.json] == [f"{owner}:{name}" for name in names]
    (request,) = sent(sandbox)
    assert (request.method, request.path, dict(request.query)) == ("POST", "/data/contents/", {"owner": owner})
    assert [one["name"] for one in json.loads(request.body)["contents"]] == names


def test_a_model_goes_out_under_the_names_of_the_wire(client: Client, owner: str) -> None:
    stored = client.metadata.contents.store(owner, Wired(owner, "a", ["acme:drama"]))
    assert stored.resource["categoryRefs"] == ["acme:drama"]


def test_store_wholly_replaces(client: Client, owner: str) -> None:
    client.metadata.contents.store(owner, content(owner, "a", tags=["old"], releaseYear=1999))
    replaced = client.metadata.contents.store(owner, content(owner, "a", title="New"))
    assert replaced.status == 200
    read = client.metadata.contents.read(owner, f"{owner}:a").resource
    assert read["title"] == "New"
    assert "tags" not in read
    assert "releaseYear" not in read


def test_the_caller_s_dict_is_not_changed(client: Client, owner: str) -> None:
    film = content(owner, "a")
    before = json.dumps(film)
    client.metadata.contents.store(owner, film)
    assert json.dumps(film) == before


def test_a_batch_with_a_bad_resource_is_refused_as_a_whole(client: Client, owner: str) -> None:
    batch = [content(owner, "a"), {"owner": owner, "name": "b"}, content(owner, "c", releaseYear="soon")]
    with pytest.raises(BadRequest, match="type is required") as refused:
        client.metadata.contents.store(owner, batch)
    assert refused.value.message["validation"]["source"] == "payload"
    assert client.metadata.contents.browse(owner).resources == []


@pytest.mark.parametrize("nothing", [[], {"contents": []}, "[]", "not json", "", 5, [1], None, object()])
def test_what_holds_no_resource_is_refused_before_anything_is_sent(
    client: Client, sandbox: Sandbox, owner: str, nothing: Any
) -> None:
    with pytest.raises(ValueError, match=r"no contents|not JSON|is a JSON object|make JSON"):
        client.metadata.contents.store(owner, nothing)
    assert not sandbox.requests


def test_text_of_every_script_comes_back_as_it_was(client: Client, owner: str) -> None:
    title = 'Zoë 日本 \U0001f3ac \u202eABC \\ " \t &=#?%'
    client.metadata.contents.store(owner, content(owner, "a", title=title))
    assert client.metadata.contents.read(owner, f"{owner}:a").resource["title"] == title


# Names with dashes


@pytest.mark.parametrize("name", ["offer-templates", "offer_templates", "offerTemplates"])
def test_a_resource_of_several_words_in_every_spelling(client: Client, sandbox: Sandbox, owner: str, name: str) -> None:
    endpoint = client.metadata[name]
    stored = endpoint.store(owner, {"owner": owner, "name": "rent", "type": "rental"})
    assert stored.data["offerTemplates"] is stored.resources
    assert endpoint.browse(owner).resource["ref"] == f"{owner}:rent"
    assert getattr(client.metadata, name.replace("-", "_")).read(owner, f"{owner}:rent").resource["name"] == "rent"
    assert {one.path.rstrip("/") for one in sent(sandbox)} == {
        "/data/offer-templates",
        f"/data/offer-templates/{owner}:rent",
    }
    assert list(json.loads(sent(sandbox)[0].body)) == ["offerTemplates"]


# Read


def test_read_one(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 2)
    response = client.metadata.contents.read(owner, f"{owner}:c-001")
    assert response.status == 200
    assert response.resource["ref"] == f"{owner}:c-001"
    assert response.resources is response.data["contents"] is response.full_json["contents"]
    assert response.meta == {}
    assert response.total_count is None
    assert response.raw.headers["content-type"] == response.headers["Content-Type"]
    assert response.correlation_id == sandbox.requests[0].headers["x-correlation-id"]
    assert not hasattr(response, "no_such_name")


def test_read_what_is_not_there(client: Client, owner: str) -> None:
    with pytest.raises(NotFound) as missing:
        client.metadata.contents.read(owner, f"{owner}:nobody")
    assert missing.value.message["statusCode"] == 404
    assert missing.value.url is not None
    assert missing.value.url.endswith(f"/data/contents/{owner}:nobody?owner={owner}")
    assert missing.value.method == "GET"
    assert missing.value.tries == 1
    assert str(missing.value.correlation_id) in str(missing.value)


def test_read_120_of_which_some_are_missing(client: Client, sandbox: Sandbox, owner: str) -> None:
    refs = load_contents(sandbox, owner, 117)
    asked = [*refs[:60], f"{owner}:gone-1", *refs[60:], f"{owner}:gone-2", f"{owner}:gone-3"]
    response = client.metadata.contents.read(owner, asked)
    assert [one["ref"] for one in response.resources] == refs
    assert response.data["contents"] is response.resources
    requests = sent(sandbox)
    assert len(requests) == 3
    assert all(request.path.count(",") < 50 for request in requests)
    assert len({request.headers["x-correlation-id"] for request in requests}) == 1


def test_read_many_of_which_a_whole_part_is_missing(client: Client, sandbox: Sandbox, owner: str) -> None:
    refs = load_contents(sandbox, owner, 3)
    gone = [f"{owner}:gone-{n}" for n in range(50)]
    assert [one["ref"] for one in client.metadata.contents.read(owner, [*gone, *refs]).resources] == refs
    with pytest.raises(NotFound):
        client.metadata.contents.read(owner, gone)


def test_read_with_an_inclusion_combines_what_is_linked(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.load("metadata", "categories", [category(owner, "drama")])
    refs = load_contents(sandbox, owner, 60, categoryRefs=[f"{owner}:drama"])
    criteria = Criteria().add(inclusion=Inclusion.resource("categories").fields("ref", "title"))
    response = client.metadata.contents.read(owner, refs, criteria=criteria)
    assert len(response.resources) == 60
    assert response.data["linked"] == {"categories": [{"ref": f"{owner}:drama", "title": "drama"}]}


@pytest.mark.parametrize("ref", ["", " ", "..", [], ["acme:x", ""], "a\nb"])
@pytest.mark.parametrize("operation", ["read", "delete"])
def test_a_ref_that_is_none_is_refused_before_anything_is_sent(
    client: Client, sandbox: Sandbox, operation: str, ref: Any
) -> None:
    with pytest.raises(ValueError, match="ref"):
        getattr(client.metadata.contents, operation)("acme", ref)
    assert not sandbox.requests


@pytest.mark.parametrize(
    "slip",
    [
        lambda film: film,
        lambda film: [film],
        lambda film: film["name"],
        lambda film: [film["ref"], film["name"]],
        lambda film: f"{film['owner']}:",
        lambda film: f":{film['name']}",
        lambda film: f"{film['ref']}:x",
    ],
)
def test_a_delete_of_what_is_no_ref_is_no_success(
    client: Client, sandbox: Sandbox, owner: str, slip: Callable[[dict[str, Any]], Any]
) -> None:
    film = client.metadata.contents.store(owner, content(owner, "a")).resource
    sandbox.requests.clear()
    with pytest.raises((TypeError, ValueError), match="owner:name"):
        client.metadata.contents.delete(owner, slip(film))
    assert not sandbox.requests


@pytest.mark.parametrize("name", ["a/../b", "a?b=c", "a#b", "a%2Fb", "a b", "ü", "a,b", "a&b"])
def test_a_ref_is_encoded_into_the_path(client: Client, sandbox: Sandbox, name: str) -> None:
    with pytest.raises(HttpError):
        client.metadata.contents.read("acme", f"acme:{name}")
    request = sent(sandbox)[0]
    assert request.path.startswith("/data/contents/acme:")
    assert "/" not in request.path.removeprefix("/data/contents/")
    assert dict(request.query) == {"owner": "acme"}


@pytest.mark.parametrize("owner_argument", ["", " ", 5])
def test_an_owner_that_is_none_is_refused_before_anything_is_sent(
    client: Client, sandbox: Sandbox, owner_argument: Any
) -> None:
    with pytest.raises(ValueError, match="owner"):
        client.metadata.contents.read(owner_argument, "acme:x")
    assert not sandbox.requests


def test_no_owner_means_every_owner(client: Client, sandbox: Sandbox, owner: str) -> None:
    (ref,) = load_contents(sandbox, owner, 1)
    assert client.metadata.contents.read(None, ref).resource["ref"] == ref
    assert sent(sandbox)[0].query == ()


def test_resource_wants_exactly_one(client: Client, sandbox: Sandbox, owner: str) -> None:
    with pytest.raises(NoResultFound):
        _ = client.metadata.contents.browse(owner).resource
    load_contents(sandbox, owner, 2)
    with pytest.raises(MultipleResultsFound):
        _ = client.metadata.contents.browse(owner).resource


# Update


def test_update_with_the_version_that_was_read(client: Client, sandbox: Sandbox, owner: str) -> None:
    client.metadata.contents.store(owner, content(owner, "a"))
    read = client.metadata.contents.read(owner, f"{owner}:a").resource
    updated = client.metadata.contents.update(owner, {**read, "title": "Better"}, read["ref"], read["version"])
    assert updated.status == 200
    assert updated.resource["title"] == "Better"
    assert updated.resource["version"] != read["version"]
    put = sent(sandbox)[-1]
    assert (put.method, put.path) == ("PUT", f"/data/contents/{owner}:a")
    assert put.headers["if-match"] == f'"{read["version"]}"'


def test_update_takes_text_and_a_wrapped_resource(client: Client, owner: str) -> None:
    endpoint = client.metadata.contents
    first = endpoint.store(owner, content(owner, "a")).resource
    second = endpoint.update(owner, json.dumps({**first, "title": "2"}), first["ref"], first["version"]).resource
    third = endpoint.update(owner, {"contents": [{**second, "title": "3"}]}, second["ref"], second["version"]).resource
    assert third["title"] == "3"


def test_a_stale_version_is_refused(client: Client, owner: str) -> None:
    endpoint = client.metadata.contents
    first = endpoint.store(owner, content(owner, "a")).resource
    endpoint.update(owner, {**first, "title": "Mine"}, first["ref"], first["version"])
    with pytest.raises(NotMatchingVersion, match="read it again") as refused:
        endpoint.update(owner, {**first, "title": "Theirs"}, first["ref"], first["version"])
    assert isinstance(refused.value.cause, HttpError)
    assert refused.value.cause.status_code == 412
    assert endpoint.read(owner, first["ref"]).resource["title"] == "Mine"


@pytest.mark.parametrize(
    "change",
    [{"ref": "other:a"}, {"owner": "other"}, {"name": "b"}, {"ref": None}, {"-": "ref"}, {"-": "owner"}, {"-": "name"}],
)
def test_a_body_of_another_resource_is_refused_before_anything_is_sent(
    client: Client, sandbox: Sandbox, owner: str, change: dict[str, Any]
) -> None:
    film = {**content(owner, "a"), "ref": f"{owner}:a", **change}
    film.pop(str(film.pop("-", "")), None)
    with pytest.raises(ReferencesMismatchException):
        client.metadata.contents.update(owner, film, f"{owner}:a", "f" * 40)
    assert not sandbox.requests


def test_a_body_that_was_written_by_hand_may_have_the_version_in_it(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    stored = client.metadata.contents.store(owner, content(owner, "a")).resource
    body = {name: stored[name] for name in ("ref", "owner", "name", "type", "version")}
    written = client.metadata.contents.update(owner, {**body, "title": "By hand"}, stored["ref"], stored["version"])
    assert written.resource["title"] == "By hand"


@pytest.mark.parametrize("fields", ["createdBy,title", "version,title,updatedAt", "title,updatedBy"])
def test_what_was_read_in_part_is_not_written_as_the_whole(
    client: Client, sandbox: Sandbox, owner: str, fields: str
) -> None:
    endpoint = client.metadata.contents
    stored = endpoint.store(owner, content(owner, "a", tags=["kept"])).resource
    part = endpoint.read(owner, stored["ref"], criteria=Criteria().fields("ref", "owner", "name", *fields.split(",")))
    sandbox.requests.clear()
    for body in (part.resource, {"contents": part.resources}, json.dumps(part.resources)):
        with pytest.raises(InvalidResource, match=r"only some of its fields.*createdAt.* missing.*patch"):
            endpoint.update(owner, body, stored["ref"], stored["version"])
    assert not sandbox.requests
    assert endpoint.read(owner, stored["ref"]).resource == stored


@pytest.mark.parametrize("without", [["version"], ["version", "createdAt", "createdBy", "updatedAt", "updatedBy"]])
def test_an_update_takes_the_version_out_of_the_body_or_a_body_made_from_nothing(
    client: Client, owner: str, without: list[str]
) -> None:
    endpoint = client.metadata.contents
    body = dict(endpoint.store(owner, content(owner, "a")).resource)
    version = body["version"]
    for name in without:
        del body[name]
    assert endpoint.update(owner, {**body, "title": "Mine"}, body["ref"], version).resource["title"] == "Mine"


@pytest.mark.parametrize("version", ["", None, 'a"b', "a\r\nX: y"])
def test_a_version_that_is_none_is_refused_before_anything_is_sent(
    client: Client, sandbox: Sandbox, owner: str, version: Any
) -> None:
    with pytest.raises(ValueError, match="version"):
        client.metadata.contents.update(owner, content(owner, "a"), f"{owner}:a", version)
    assert not sandbox.requests


def test_update_of_several_is_refused_before_anything_is_sent(client: Client, sandbox: Sandbox, owner: str) -> None:
    with pytest.raises(ValueError, match="one resource"):
        client.metadata.contents.update(owner, [content(owner, "a"), content(owner, "b")], f"{owner}:a", "f" * 40)
    assert not sandbox.requests


# Delete


def test_delete_one_and_a_list(client: Client, sandbox: Sandbox, owner: str) -> None:
    refs = load_contents(sandbox, owner, 4)
    one = client.metadata.contents.delete(owner, refs[0])
    assert (one.status, one.resources, one.json, one.data) == (204, [], [], {})
    client.metadata.contents.delete(owner, [*refs[1:3], f"{owner}:never-there"])
    assert [left["ref"] for left in client.metadata.contents.browse(owner).resources] == refs[3:]
    assert sent(sandbox)[1].path == f"/data/contents/{refs[1]},{refs[2]},{owner}:never-there"


def test_delete_of_many_is_sent_in_parts(client: Client, sandbox: Sandbox, owner: str) -> None:
    refs = load_contents(sandbox, owner, 120)
    client.metadata.contents.delete(owner, refs)
    assert len(sent(sandbox)) == 3
    assert client.metadata.contents.browse(owner).resources == []


def test_an_answer_with_an_empty_body_has_no_resources(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.faults.add(Fault(status=200, body=b"", service="metadata"))
    stored = client.metadata.contents.store(owner, asset(owner, "x"))
    assert (stored.status, stored.resources, stored.data, stored.meta) == (200, [], {}, None)
