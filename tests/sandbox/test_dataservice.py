"""The verbs of the data service: status codes, stored documents, versions, deletion and paths."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec
import pytest

from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.descriptors import builtin_descriptors
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.store import Store
from sequoia.sandbox.wire import Reply, Request, WireError

Answer = tuple[int, Any]


class Api:
    """A data service over its own store, with a clock that moves by a second at each look."""

    def __init__(self, descriptor: dict[str, Any] | None = None) -> None:
        seconds = count()
        self.store = Store(None, now=lambda: f"2026-01-01T00:{next(seconds):02}:00.000Z")
        schema = Schema.parse(descriptor or builtin_descriptors()["metadata"])
        self.service = DataService(schema, self.store, names=lambda: "a" * 24)

    def raw(self, method: str, url: str, body: bytes = b"", **headers: str) -> Reply:
        path, _, query = url.partition("?")
        pairs = tuple((name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part))
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            return self.service.handle(Request(method, path, pairs, names, body), user="acme:tester")
        except WireError as error:
            return error.reply()

    def call(self, method: str, url: str, content: Any = None, **headers: str) -> Answer:
        body = b"" if content is None else msgspec.json.encode(content)
        reply = self.raw(method, url, body, **headers)
        return reply.status, msgspec.json.decode(reply.body) if reply.body else None

    def post(self, *contents: dict[str, Any]) -> Answer:
        return self.call("POST", "/data/contents", {"contents": [{"owner": "acme", **item} for item in contents]})


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    yield made
    made.store.close()


def content(name: str, **more: Any) -> dict[str, Any]:
    return {"owner": "acme", "name": name, "type": "movie", **more}


def test_create_answers_the_stored_documents_in_the_order_of_the_request(api: Api) -> None:
    status, body = api.post(content("b", title="Bee"), content("a", type="film"))
    assert status == 201
    assert list(body) == ["meta", "contents"]
    assert body["meta"] == {}
    assert [item["ref"] for item in body["contents"]] == ["acme:b", "acme:a"]
    assert body["contents"][1] == {
        "ref": "acme:a", "owner": "acme", "name": "a", "title": "a", "type": "movie", "active": True,
        "createdAt": "2026-01-01T00:01:00.000Z", "createdBy": "acme:tester",
        "updatedAt": "2026-01-01T00:01:00.000Z", "updatedBy": "acme:tester",
        "version": body["contents"][1]["version"],
    }  # fmt: skip
    assert len(body["contents"][1]["version"]) == 40


def test_create_is_201_if_anything_is_new_and_200_if_not(api: Api) -> None:
    assert api.post(content("a"))[0] == 201
    assert api.post(content("a"))[0] == 200
    assert api.post(content("a"), content("b"))[0] == 201


def test_create_takes_a_slash_one_object_and_no_name(api: Api) -> None:
    status, body = api.call(
        "POST", "/data/contents/?owner=acme&owner=acme", {"contents": {"owner": "acme", "type": "clip"}}
    )
    assert status == 201
    assert body["contents"][0]["ref"] == "acme:" + "a" * 24
    assert body["contents"][0]["title"] == "a" * 24


def test_a_document_twice_in_a_batch_keeps_the_last(api: Api) -> None:
    status, body = api.post(content("a", title="1", tags=["x"]), content("a", title="2"))
    assert (status, [item["title"] for item in body["contents"]]) == (201, ["1", "2"])
    assert api.call("GET", "/data/contents/acme:a")[1]["contents"][0]["title"] == "2"
    assert api.call("GET", "/data/contents?withTags=x")[1]["contents"] == []


def test_a_batch_fails_as_a_whole(api: Api) -> None:
    status, body = api.post(content("a"), content("b", type="sculpture", colour="red"), {"name": "c"})
    assert status == 400
    assert body["error"] == "Bad Request"
    assert body["validation"] == {"source": "payload", "keys": ["type", "colour"]}
    assert "type is required (document 3)" in body["message"]
    assert "colour is not allowed (document 2)" in body["message"]
    assert api.call("GET", "/data/contents")[1]["contents"] == []


def test_a_batch_has_a_limit(api: Api) -> None:
    assert api.post(*(content(f"c{number}") for number in range(100)))[0] == 201
    assert api.post(*(content(f"c{number}") for number in range(101)))[0] == 400


def test_a_replacement_is_whole_and_keeps_its_creation(api: Api) -> None:
    first = api.post(content("a", tags=["x"], order=3))[1]["contents"][0]
    second = api.post(content("a"))[1]["contents"][0]
    assert "tags" not in second
    assert "order" not in second
    assert second["createdAt"] == first["createdAt"] < second["updatedAt"]
    assert second["version"] != first["version"]
    third = api.post(content("a"))[1]["contents"][0]
    assert third["version"] == second["version"]
    assert third["updatedAt"] > second["updatedAt"]


def test_read_only_fields_in_a_payload_are_ignored(api: Api) -> None:
    stored = api.post(content("a"))[1]["contents"][0]
    again = api.post({**stored, "version": 7, "createdBy": "x:y", "ref": "other:ref"})[1]["contents"][0]
    assert (again["ref"], again["version"], again["createdBy"]) == ("acme:a", stored["version"], "acme:tester")


def test_read_by_ref(api: Api) -> None:
    api.post(content("a"), content("b"), content("c"))
    status, body = api.call("GET", "/data/contents/acme:b")
    assert (status, list(body), body["meta"]) == (200, ["meta", "contents"], {})
    status, body = api.call("GET", "/data/contents/acme%3Ac%2Cacme:gone,acme:a,acme:c?owner=acme&fields=name")
    assert (status, body["contents"]) == (200, [{"name": "c"}, {"name": "a"}])
    status, body = api.call("GET", "/data/contents/acme:a,acme:b?sort=-name&fields=name")
    assert body["contents"] == [{"name": "b"}, {"name": "a"}]
    assert api.call("GET", "/data/contents/acme:a?withName=b")[0] == 404
    assert api.call("GET", "/data/contents/acme:a?owner=other")[0] == 404
    status, body = api.call("GET", "/data/contents/acme:gone")
    assert (status, body["statusCode"], body["error"]) == (404, 404, "Not Found")


def test_update_creates_or_replaces_without_a_version(api: Api) -> None:
    status, body = api.call(
        "PUT", "/data/contents/acme:a?owner=acme", {"contents": [{"owner": "acme", "type": "movie"}]}
    )
    assert (status, body["contents"][0]["ref"]) == (201, "acme:a")
    status, body = api.call("PUT", "/data/contents/acme%3Aa", {"contents": content("a", title="New")})
    assert (status, body["meta"], body["contents"][0]["title"]) == (200, {}, "New")


def test_update_honours_the_version(api: Api) -> None:
    version = api.post(content("a"))[1]["contents"][0]["version"]
    change = {"contents": [content("a", title="New")]}
    status, body = api.call("PUT", "/data/contents/acme:a", change, if_match=f'"{version}"')
    assert (status, body["contents"][0]["title"]) == (200, "New")
    status, body = api.call("PUT", "/data/contents/acme:a", {"contents": [content("a")]}, if_match=f'"{version}"')
    assert status == 412
    assert body == {
        "statusCode": 412,
        "error": "Precondition Failed",
        "message": "document cannot be changed - versions do not match",
    }
    assert api.call("PUT", "/data/contents/acme:new", {"contents": [content("new")]}, if_match='"0"')[0] == 412
    assert api.call("GET", "/data/contents/acme:a,acme:new")[1]["contents"][0]["title"] == "New"


def test_update_without_conditional_updates_ignores_the_version() -> None:
    descriptor = builtin_descriptors()["metadata"]
    descriptor["resourcefuls"]["contents"]["conditionalUpdates"] = False
    api = Api(descriptor)
    assert api.call("PUT", "/data/contents/acme:a", {"contents": [content("a")]}, if_match='"0"')[0] == 201
    api.store.close()


@pytest.mark.parametrize(
    ("path", "document", "key"),
    [
        ("acme:a", content("b"), "name"),
        ("acme:a", {**content("a"), "owner": "other"}, "owner"),
        ("acme:a", {**content("a"), "ref": "acme:b"}, "ref"),
        ("acme:a", {"type": "movie"}, "owner"),
        ("acme:a", "text", "contents"),
        ("acme:a b", {**content("x"), "name": "a b"}, "name"),
    ],
)
def test_update_refuses_a_body_that_is_not_of_its_path(api: Api, path: str, document: Any, key: str) -> None:
    status, body = api.call("PUT", f"/data/contents/{path}", {"contents": [document]})
    assert (status, body["validation"]) == (400, {"source": "payload", "keys": [key]})


def test_update_needs_one_ref(api: Api) -> None:
    for refs in ("acme:a,acme:b", "acme"):
        status, body = api.call("PUT", f"/data/contents/{refs}", {"contents": [content("a")]})
        assert (status, body["validation"]["source"]) == (400, "params")


def test_delete_hides_and_a_later_store_creates_again(api: Api) -> None:
    first = api.post(content("a", tags=["x"]), content("b"))[1]["contents"][0]
    reply = api.raw("DELETE", "/data/contents/acme:a,acme:gone,acme:a?owner=acme")
    assert (reply.status, reply.body) == (204, b"")
    assert api.call("GET", "/data/contents/acme:a")[0] == 404
    assert [item["name"] for item in api.call("GET", "/data/contents?count=true")[1]["contents"]] == ["b"]
    assert api.call("GET", "/data/contents?withTags=x&count=true")[1]["meta"]["totalCount"] == 0
    status, body = api.post(content("a"))
    assert status == 201
    assert body["contents"][0]["createdAt"] > first["createdAt"]


def test_delete_leaves_the_documents_of_other_owners(api: Api) -> None:
    api.call("POST", "/data/contents", {"contents": [{**content("a"), "owner": "other"}]})
    assert api.raw("DELETE", "/data/contents/other:a?owner=acme").status == 204
    assert api.call("GET", "/data/contents/other:a")[0] == 200
    assert api.raw("DELETE", "/data/assets/other:a").status == 204
    assert api.call("GET", "/data/contents/other:a")[0] == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/data/contents"),
        ("DELETE", "/data/contents/"),
        ("PATCH", "/data/contents/acme:a"),
        ("PUT", "/data/contents"),
        ("POST", "/data/contents/acme:a"),
    ],
)
def test_what_is_no_verb_of_a_path_is_405(api: Api, method: str, path: str) -> None:
    api.post(content("a"))
    reply = api.raw(method, f"{path}?owner=acme")
    assert reply.status == 405
    assert method not in reply.headers["allow"].split(", ")
    assert api.call("GET", "/data/contents/acme:a")[0] == 200


@pytest.mark.parametrize(
    "path", ["/data/films", "/data/contents/acme:a/more", "/data/", "/data", "/data/offerTemplates"]
)
def test_an_unknown_path_is_404(api: Api, path: str) -> None:
    status, body = api.call("GET", path)
    assert (status, body["statusCode"], body["error"]) == (404, 404, "Not Found")


def test_the_segment_is_hyphenated_and_the_key_is_not(api: Api) -> None:
    template = {"owner": "acme", "name": "t", "type": "rental"}
    assert api.call("POST", "/data/offer-templates", {"offerTemplates": [template]})[0] == 201
    assert api.call("GET", "/data/offer-templates")[1]["offerTemplates"][0]["ref"] == "acme:t"


def test_refs_that_are_none_or_too_many(api: Api) -> None:
    assert api.call("GET", "/data/contents/,")[0] == 400
    assert api.call("DELETE", "/data/contents/,")[0] == 400
    assert api.call("GET", "/data/contents/" + ",".join(f"acme:c{number}" for number in range(2001)))[0] == 400
    assert api.call("GET", "/data/contents/" + ",".join(f"acme:c{number}" for number in range(2000)))[0] == 404


def test_a_write_has_no_parameters_but_owner(api: Api) -> None:
    for method, url in (("POST", "/data/contents?fields=ref"), ("DELETE", "/data/contents/acme:a?force=true")):
        status, body = api.call(method, url, {"contents": [content("a")]})
        assert (status, body["validation"]["source"]) == (400, "query")
    assert api.call("POST", "/data/contents?owner=a&owner=b", {"contents": [content("a")]})[0] == 400


def test_pretty_only_indents(api: Api) -> None:
    api.post(content("a"))
    plain, pretty = api.raw("GET", "/data/contents/acme:a"), api.raw("GET", "/data/contents/acme:a?_pretty=true")
    assert pretty.body != plain.body
    assert b'\n  "meta"' in pretty.body
    assert msgspec.json.decode(pretty.body) == msgspec.json.decode(plain.body)


def test_metadata_is_shown_by_a_read_only() -> None:
    locks = {"fields": {"fields": {"fields": {"locks": {"type": "map"}}}}}
    fields = {"kind": {"type": "string"}, "metadata": locks}
    api = Api({"name": "catalogue", "resourcefuls": {"films": {"fields": fields}}})
    value = {"fields": {"locks": {"kind": "LOCKED"}}}
    film = {"owner": "acme", "name": "a", "metadata": value}
    first = api.call("POST", "/data/films", {"films": [film]})[1]["films"][0]
    assert api.call("GET", "/data/films/acme:a")[1]["films"][0]["metadata"] == value
    assert "metadata" not in api.call("GET", "/data/films")[1]["films"][0]
    again = api.call("POST", "/data/films", {"films": [{"owner": "acme", "name": "a"}]})[1]["films"][0]
    assert again["version"] == first["version"], "metadata is no part of the version"
    api.store.close()


def test_no_client_writes_what_the_server_does_however_little_the_descriptor_says() -> None:
    fields = {
        "ref": {"type": "ref"},
        "owner": {"type": "name"},
        "name": {"type": "name", "readOnly": True},
        "createdAt": {"type": "timestamp"},
        "version": {"type": "version"},
    }
    api = Api({"name": "catalogue", "resourcefuls": {"films": {"fields": fields}}})
    forged = {"ref": "evil:x", "createdAt": "2000-01-01T00:00:00Z", "version": "0" * 40}
    status, body = api.call("POST", "/data/films", {"films": [{"owner": "acme", "name": "b", **forged}]})
    (stored,) = body["films"]
    assert (status, stored["ref"], stored["createdAt"][:4]) == (201, "acme:b", "2026")
    assert stored["version"] != forged["version"]
    assert api.call("GET", "/data/films/acme:b")[1]["films"] == [stored] == api.call("GET", "/data/films")[1]["films"]
    assert api.call("GET", "/data/films/evil:x")[0] == 404
    assert api.call("PUT", "/data/films/acme:q", {"films": [{"owner": "acme"}]})[1]["films"][0]["ref"] == "acme:q"
    api.store.close()


@pytest.mark.parametrize("owner", [{"type": "name"}, {"type": "name", "required": True, "readOnly": True}])
def test_an_owner_is_required_whatever_the_descriptor_says(owner: dict[str, Any]) -> None:
    api = Api({"name": "catalogue", "resourcefuls": {"films": {"fields": {"owner": owner}}}})
    status, body = api.call("POST", "/data/films", {"films": [{"name": "x"}]})
    assert (status, body["message"]) == (400, "owner is required")
    assert api.call("POST", "/data/films", {"films": [{"owner": "acme", "name": "x"}]})[0] == 201
    api.store.close()


def test_load_validates_and_counts(api: Api) -> None:
    documents = (content(f"c{number:04}") for number in range(1_203))
    assert api.service.load("contents", documents, user="acme:loader") == 1_203
    body = api.call("GET", "/data/contents?count=true&perPage=1")[1]
    assert body["meta"]["totalCount"] == 1_203
    assert body["contents"][0]["createdBy"] == "acme:loader"
    with pytest.raises(WireError, match="type is required"):
        api.service.load("contents", [{"owner": "acme"}], user="acme:loader")
    with pytest.raises(WireError, match="films is no resource"):
        api.service.load("films", [], user="acme:loader")


def test_embedded_pages_has_bounds(api: Api) -> None:
    schema = Schema.parse(builtin_descriptors()["workflow"])
    for pages in (0, 6):
        with pytest.raises(ValueError, match="from 1 to 5"):
            DataService(schema, api.store, embedded_pages=pages)


def test_a_duration_that_its_pattern_allows_is_stored_and_sorted_or_refused() -> None:
    pattern = r"soon|P\d+W|PT[\d.]+S"
    fields = {
        "owner": {"type": "name", "required": True},
        "name": {"type": "name"},
        "length": {"type": "duration", "sort": True, "typeInfo": {"pattern": pattern}},
    }
    api = Api({"name": "shorts", "resourcefuls": {"films": {"fields": fields}}})
    lengths = {"weeks": "P2W", "probed": "PT5423.4166666666665S", "long": "PT10000000000S", "short": "PT5S"}
    films = [{"owner": "acme", "name": name, "length": length} for name, length in lengths.items()]
    assert api.call("POST", "/data/films", {"films": films})[0] == 201
    found = api.call("GET", "/data/films?sort=length")[1]["films"]
    assert [film["name"] for film in found] == ["short", "probed", "weeks", "long"]
    for length in ("soon", "PT.S", f"PT{'9' * 400}S"):
        status, body = api.call("POST", "/data/films", {"films": {"owner": "acme", "length": length}})
        assert (status, body["validation"]["keys"]) == (400, ["length"])
        assert "length is invalid - must be an ISO 8601 duration" in body["message"]
    with pytest.raises(WireError, match="must be an ISO 8601 duration"):
        api.service.load("films", [{"owner": "acme", "name": "x", "length": "soon"}], user="a:b")
    api.store.close()
