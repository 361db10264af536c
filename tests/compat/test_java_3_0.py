"""The Java SDK 3.0: its session in the order in which it sends it, and what it reads from the answers as text."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.compat.java import AGENT, JSON, Java, is_about
from tests.compat.raw import Wire, basic, names

from sequoia.sandbox import Sandbox

Load = Callable[..., None]


@pytest.fixture
def java(wire: Wire) -> Java:
    """The SDK, logged in."""
    java = Java(wire)
    java.log_in()
    wire.sandbox.requests.clear()
    return java


def test_a_session(sandbox: Sandbox, wire: Wire, load: Load) -> None:
    load(12, assets=1)
    java = Java(wire)
    answer = java.log_in()  # before the registry
    assert answer.json["expires_in"] >= 300
    for _ in range(2):
        services = {found["name"]: found for found in java.registry("/services/root").json["services"]}
    assert services["metadata"]["location"] == sandbox.location("metadata")
    assert services["metadata"]["ref"] == f"{services['metadata']['owner']}:metadata"
    (only,) = java.registry("/services/acme/metadata").json["services"]
    assert only["location"] == sandbox.location("metadata")
    assert java.registry("/services/acme").json["services"]
    java.log_in()  # at the identity service of the owner

    include = {"include": "assets", "assets.fields": "ref,contentRef", "withType": "movie||clip", "perPage": "5"}
    pages = java.pages("contents", include)
    assert [name for page in pages for name in names(page)] == [f"piece-{n:02}" for n in range(12)]
    assert [len(page["linked"]["assets"]) for page in pages] == [5, 5, 2]

    one = java.send("GET /data/contents/acme:piece-00?owner=acme").json["contents"][0]
    made = java.send("POST /data/contents?owner=acme", {"contents": [{"owner": "acme", "name": "x", "type": "clip"}]})
    assert (made.status, names(made.json)) == (201, ["x"])
    update = {"contents": [{**one, "title": "Changed"}]}
    put = java.send("PUT /data/contents/acme:piece-00?owner=acme", update, version=one["version"])
    assert (put.status, put.json["contents"][0]["title"]) == (200, "Changed")
    again = java.send("PUT /data/contents/acme:piece-00?owner=acme", update, version=one["version"])
    assert (again.status, again.json["error"]) == (412, "Precondition Failed")
    gone = java.send("DELETE /data/contents/acme:piece-00,acme:x?owner=acme")
    assert (gone.status, gone.body) == (204, b"")
    missing = java.send("GET /data/contents/acme:x?owner=acme")  # an empty result for this SDK
    assert missing.status == 404
    assert missing.headers["x-correlation-id"]
    assert [request.status for request in sandbox.requests] == [200] * 10 + [201, 200, 412, 204, 404]


def test_empty_criteria_are_one_page_of_page_mode(java: Java, load: Load) -> None:
    load(3)
    body = java.send("GET /data/contents?owner=acme").json
    assert names(body) == ["piece-00", "piece-01", "piece-02"]
    assert (body["meta"]["page"], body["meta"]["perPage"]) == (1, 100)
    assert len(java.send("GET /data/contents").json["contents"]) == 3  # an endpoint that is bound to no owner


@pytest.mark.parametrize(
    "parameters",
    [
        {"perPage": "3"},
        {"perPage": "3", "withTitle": "Piece 0||Piece 1"},
        {"perPage": "3", "sort": "-title,name", "fields": "name,title", "count": "true"},
        {"perPage": "3", "withTitle": "!Piece 0", "include": "assets", "assets.withName": "file*"},
    ],
)
def test_a_link_can_be_decoded_before_it_is_taken_apart(java: Java, load: Load, parameters: dict[str, str]) -> None:
    load(10, assets=1)
    pages = java.pages("contents", parameters)
    whole = java.browse("contents", parameters | {"perPage": "100"}).json
    assert [name for page in pages for name in names(page)] == names(whole)
    assert len(pages) > 1
    assert all("next" not in page["meta"] and "page" not in page["meta"] for page in pages)
    assert "continue" not in pages[-1]["meta"]


def test_repeated_filters_and_signs_in_values_are_paged_all_the_same(java: Java, sandbox: Sandbox) -> None:
    films = [
        {"owner": "acme", "name": f"f{n}", "type": "movie", "title": "a&b=c+d#e%f", "tags": ["x", "y"]}
        for n in range(5)
    ]
    sandbox.load("metadata", "contents", [*films, {**films[0], "name": "g", "tags": ["x"]}])
    query = "withTags=x&withTags=y&withTitle=a%26b%3Dc%2Bd%23e%25f&perPage=2&continue=true&owner=acme"
    body = java.send(f"GET /data/contents?{query}").json
    found = names(body)
    while link := body["meta"].get("continue"):
        body = java.follow("contents", link).json
        found += names(body)
    assert found == ["f0", "f1", "f2", "f3", "f4"]


def test_the_entries_of_a_parent_are_found_in_the_text(java: Java, load: Load) -> None:
    load(24, assets=2)
    body = java.browse("contents", {"include": "assets", "continue": "true"}).json
    entries = body["meta"]["linked"]["assets"]
    assert len(entries) == 3
    for n in range(24):
        parent = f"acme:piece-{n:02}"
        assert sum(is_about(entry["request"], parent) for entry in entries) == 1
        assert java.linked(body, "assets", "contentRef", parent) == [f"acme:file-{n:02}-{k:03}" for k in range(2)]


def test_linked_items_beyond_those_that_came_along(java: Java, load: Load) -> None:
    load(1, assets=230)
    body = java.browse("contents", {"include": "assets", "continue": "true"}).json
    assert len(body["linked"]["assets"]) == 100
    refs = java.linked(body, "assets", "contentRef", "acme:piece-00")
    assert refs == [f"acme:file-00-{k:03}" for k in range(230)]


def test_later_sub_requests_are_found_too(load: Load) -> None:
    with Sandbox(embedded_pages=5) as sandbox:
        film = {"owner": "acme", "name": "aria", "type": "movie"}
        sandbox.load("metadata", "contents", [film, {**film, "name": "brio"}])
        files = [{"owner": "acme", "name": f"f{n}", "type": "image", "contentRef": "acme:aria"} for n in range(210)]
        sandbox.load("metadata", "assets", files)
        with Wire(sandbox) as wire:
            java = Java(wire)
            java.log_in()
            body = java.browse("contents", {"include": "assets", "continue": "true"}).json
    entries = body["meta"]["linked"]["assets"]
    assert len(entries) == 3
    assert [entry["request"] for entry in entries[1:]] == [entry["continue"] for entry in entries[:-1]]
    assert all(is_about(entry["request"], ref) for entry in entries for ref in ("acme:aria", "acme:brio"))


def test_a_page_without_parents_has_no_empty_list_of_entries(java: Java, load: Load) -> None:
    load(1)
    body = java.browse("contents", {"include": "assets,categories", "withName": "none", "continue": "true"}).json
    assert body["linked"] == {"assets": [], "categories": []}
    assert body["meta"].get("linked", {}) == {}
    body = java.browse("contents", {"include": "assets,categories", "continue": "true"}).json
    assert set(body["meta"]["linked"]) == {"assets"}  # no parent has a category, so nothing was asked for them


def test_what_a_direct_relationship_does_not_find_is_a_404_in_its_entries(java: Java, sandbox: Sandbox) -> None:
    sandbox.load("metadata", "categories", [{"owner": "acme", "name": "noir", "scheme": "genre"}])
    film = {"owner": "acme", "name": "aria", "type": "movie", "categoryRefs": ["acme:noir", "acme:gone"]}
    sandbox.load("metadata", "contents", [film])
    body = java.browse("contents", {"include": "categories", "continue": "true"}).json
    assert [item["ref"] for item in body["linked"]["categories"]] == ["acme:noir"]
    found, missing = body["meta"]["linked"]["categories"]
    assert (found["perPage"], found["page"]) == (100, 1)
    assert (missing["statusCode"], missing["error"]) == (404, "Not Found")
    assert missing["request"].startswith("/data/categories/acme:gone")


def test_a_count_without_resources_keeps_the_key(java: Java, load: Load) -> None:
    load(3)
    body = java.browse("contents", {"count": "type", "resources": "false", "continue": "true"}).json
    assert body["contents"] == []
    assert body["meta"]["facetCount"] == {"type": {"movie": 2, "clip": 1}}


def test_its_way_to_revoke_is_refused_and_the_right_one_works(java: Java, wire: Wire) -> None:
    form = ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
    headers = [("Authorization", f"Bearer {java.token}"), *AGENT, form]
    body = f"token={java.token}&token_type_hint=access_token"
    refused = wire.send("identity", "POST /oauth/token", headers, body)
    assert refused.status == 400
    assert refused.headers["content-type"].startswith("application/json")  # else it does not read error and description
    assert {"error", "error_description"} <= set(refused.json)
    assert java.send("GET /data/contents?owner=acme").status == 200
    revoked = wire.send("identity", "POST /oauth/revoke", [basic(wire.sandbox), form], f"token={java.token}")
    assert revoked.status == 200
    assert java.send("GET /data/contents?owner=acme").status == 401


def test_an_expired_token_is_said_in_the_words_that_it_looks_for(java: Java, sandbox: Sandbox) -> None:
    sandbox.expire_tokens()
    refused = java.send("GET /data/contents?owner=acme")
    assert refused.status == 401
    assert refused.headers["www-authenticate"].startswith("Bearer ")
    assert 'error="Invalid token"' in refused.headers["www-authenticate"]
    java.log_in()
    assert java.send("GET /data/contents?owner=acme").status == 200


def test_a_business_endpoint_with_sorted_keys(java: Java, wire: Wire) -> None:
    headers = [("Authorization", f"Bearer {java.token}"), *AGENT, JSON]
    answer = wire.send("validation", "POST /v/acme/titles?a=1&validation=full", headers, '{"title":"Aria"}')
    assert answer.json["statusCode"] == 200


def test_an_intersection_keeps_the_parents_that_have_linked_items(java: Java, sandbox: Sandbox, load: Load) -> None:
    load(12)
    files = [
        {"owner": "acme", "name": f"f{n}", "type": ("image", "video")[n % 2], "contentRef": f"acme:piece-{n:02}"}
        for n in range(6)
    ]
    sandbox.load("metadata", "assets", files)
    # This SDK sends the literal suffix, its brackets encoded, and then asks for `continue` there too.
    asked = {"include": "assets<intersect>", "assets.continue": "true", "assets.type": "video", "perPage": "2"}
    pages = java.pages("contents", asked)
    assert [name for page in pages for name in names(page)] == ["piece-01", "piece-03", "piece-05"]
    assert [asset["ref"] for page in pages for asset in page["linked"]["assets"]] == ["acme:f1", "acme:f3", "acme:f5"]
    for page in pages:
        for parent in names(page):
            assert java.linked(page, "assets", "contentRef", f"acme:{parent}")
    raw = java.send("GET /data/contents?owner=acme&include=assets<intersect>&assets.withType=video").json
    assert names(raw) == ["piece-01", "piece-03", "piece-05"]
