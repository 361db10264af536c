"""The sandbox's answers against the shapes of the platform's protocol, which are written down here by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest
from tests.contract.data import asset, category, content, load_assets
from tests.contract.shapes import (
    HEX_40,
    JSON_TYPE,
    LINK,
    NAME,
    ORIGIN,
    PIKSEL_TYPE,
    REF,
    TIMESTAMP,
    WORDS,
    Mapped,
    assert_shape,
)

from sequoia.sandbox import Sandbox

REGISTRY = {
    "meta": {},
    "services": [{"owner": NAME, "name": NAME, "title": WORDS, "location": ORIGIN, "ref": REF}],
}
TOKEN = {"access_token": HEX_40, "token_type": "bearer", "expires_in": int}
STORED = {
    "ref": REF,
    "owner": NAME,
    "name": NAME,
    "title": str,
    "createdAt": TIMESTAMP,
    "createdBy": REF,
    "updatedAt": TIMESTAMP,
    "updatedBy": REF,
    "version": HEX_40,
}
CONTENT = {**STORED, "type": NAME, "active": bool, "tags?": [str], "categoryRefs?": [REF]}
PAGE = {"perPage": int, "page": int, "first": LINK}
INDIRECT = {"perPage": int, "request": LINK, "continue?": LINK}
DIRECT = {"perPage": int, "page": int, "first": LINK, "request": LINK}
MISSING = {"statusCode": 404, "error": "Not Found", "request": re.compile(r"/data/categories/[^?]+\?fields=.+")}
ERROR = {"statusCode": int, "error": WORDS, "message": WORDS}


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx2.Client]:
    """A bare HTTP client with a token."""
    with httpx2.Client(trust_env=False, timeout=10) as client:
        answer = client.post(
            f"{sandbox.location('identity')}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(sandbox.client_id, sandbox.client_secret),
        )
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


@pytest.fixture
def contents(sandbox: Sandbox, owner: str) -> str:
    """The URL of the contents, of which the owner has five, with assets and categories."""
    refs = [f"{owner}:drama", f"{owner}:gone"]
    films = [content(owner, f"f{n}", categoryRefs=refs, tags=["x"]) for n in range(5)]
    sandbox.load("metadata", "contents", films)
    sandbox.load("metadata", "categories", [category(owner, "drama")])
    sandbox.load("metadata", "assets", [asset(owner, "a", contentRef=f"{owner}:f1")])
    return f"{sandbox.location('metadata')}/data/contents"


# Registry and identity


@pytest.mark.parametrize("path", ["/services/acme", "/services/acme/", "/services/root/"])
def test_registry(http: httpx2.Client, sandbox: Sandbox, path: str) -> None:
    answer = http.get(f"{sandbox.location('registry')}{path}", headers={"authorization": ""})
    assert answer.status_code == 200
    assert_shape(answer.json(), REGISTRY)
    assert {"identity", "registry", "metadata", "workflow"} <= {one["name"] for one in answer.json()["services"]}


def test_one_service(http: httpx2.Client, sandbox: Sandbox) -> None:
    answer = http.get(f"{sandbox.registry_url}/metadata")
    assert_shape(answer.json(), REGISTRY)
    assert [one["ref"] for one in answer.json()["services"]] == ["root:metadata"]


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/token/"])
@pytest.mark.parametrize("charset", ["", ";charset=UTF-8", "; charset=UTF-8"])
def test_token(http: httpx2.Client, sandbox: Sandbox, path: str, charset: str) -> None:
    answer = http.post(
        f"{sandbox.location('identity')}{path}",
        content="grant_type=client_credentials",
        headers={"content-type": f"application/x-www-form-urlencoded{charset}"},
        auth=(sandbox.client_id, sandbox.client_secret),
    )
    assert answer.status_code == 200
    assert_shape(answer.json(), TOKEN)
    assert answer.json()["expires_in"] >= 300
    assert answer.headers["content-type"] == JSON_TYPE


@pytest.mark.parametrize(
    ("secret", "form", "refusal"),
    [
        ("wrong", "grant_type=client_credentials", (401, "invalid_client")),
        (None, "grant_type=implicit", (400, "unsupported_grant_type")),
        (None, "token=abc&token_type_hint=access_token", (400, "invalid_request")),
    ],
)
def test_oauth_errors(
    http: httpx2.Client, sandbox: Sandbox, secret: str | None, form: str, refusal: tuple[int, str]
) -> None:
    status, error = refusal
    answer = http.post(
        f"{sandbox.location('identity')}/oauth/token",
        content=form,
        headers={"content-type": "application/x-www-form-urlencoded"},
        auth=(sandbox.client_id, secret or sandbox.client_secret),
    )
    assert answer.status_code == status
    assert_shape(answer.json(), {"code": status, "error": error, "error_description": WORDS})
    assert answer.headers["content-type"] == JSON_TYPE


# Browse


def test_page_mode(http: httpx2.Client, contents: str, owner: str) -> None:
    first = http.get(f"{contents}?owner={owner}&perPage=2").json()
    assert_shape(first, {"meta": {**PAGE, "next": LINK}, "contents": [CONTENT]})
    assert first["meta"]["perPage"] == len(first["contents"]) == 2
    assert "&page=1" in first["meta"]["first"]
    middle = http.get(f"{contents.removesuffix('/data/contents')}{first['meta']['next']}").json()
    assert_shape(middle, {"meta": {**PAGE, "prev": LINK, "next": LINK}, "contents": [CONTENT]})
    last = http.get(f"{contents.removesuffix('/data/contents')}{middle['meta']['next']}").json()
    assert_shape(last, {"meta": {**PAGE, "prev": LINK}, "contents": [CONTENT]})
    assert [one["meta"]["page"] for one in (first, middle, last)] == [1, 2, 3]


def test_continue_mode(http: httpx2.Client, contents: str, owner: str) -> None:
    page = http.get(f"{contents}?owner={owner}&perPage=3&continue=true").json()
    assert_shape(page, {"meta": {"perPage": 3, "continue": LINK}, "contents": [CONTENT]})
    # Unencoded, a token goes through every client: it has none of + / = & % #.
    assert re.search(r"[?&]continue=[A-Za-z0-9_-]+(&|$)", page["meta"]["continue"])
    last = http.get(f"{contents.removesuffix('/data/contents')}{page['meta']['continue']}").json()
    assert_shape(last, {"meta": {"perPage": 3}, "contents": [CONTENT]})
    assert len(last["contents"]) == 2


def test_no_page_is_announced_that_turns_out_empty(http: httpx2.Client, contents: str, owner: str) -> None:
    for mode in ("", "&continue=true"):
        page = http.get(f"{contents}?owner={owner}&perPage=5{mode}").json()
        assert not {"next", "continue"} & page["meta"].keys()


def test_an_empty_browse(http: httpx2.Client, contents: str) -> None:
    assert_shape(http.get(f"{contents}?owner=nobody").json(), {"meta": PAGE, "contents": []})
    assert_shape(http.get(f"{contents}?owner=nobody&continue=true").json(), {"meta": {"perPage": 100}, "contents": []})


def test_counts(http: httpx2.Client, contents: str, owner: str) -> None:
    counted = http.get(f"{contents}?owner={owner}&count=true&perPage=2").json()
    assert_shape(counted["meta"], {**PAGE, "next": LINK, "last": LINK, "totalCount": 5})
    facets = http.get(f"{contents}?owner={owner}&count=type&resources=false").json()
    assert_shape(
        facets, {"meta": {**PAGE, "last": LINK, "totalCount": 5, "facetCount": {"type": Mapped(int)}}, "contents": []}
    )
    assert facets["contents"] == []
    assert facets["meta"]["facetCount"] == {"type": {"movie": 5}}
    in_continue_mode = http.get(f"{contents}?owner={owner}&count=true&continue=true&perPage=2").json()
    assert_shape(in_continue_mode["meta"], {"perPage": 2, "continue": LINK, "totalCount": 5})


def test_the_path_of_the_key_with_several_words(http: httpx2.Client, sandbox: Sandbox, owner: str) -> None:
    answer = http.get(f"{sandbox.location('metadata')}/data/offer-templates?owner={owner}").json()
    assert_shape(answer, {"meta": PAGE, "offerTemplates": []})


# Linked resources


def test_linked_by_an_indirect_relationship(http: httpx2.Client, contents: str, owner: str) -> None:
    page = http.get(f"{contents}?owner={owner}&include=assets").json()
    assert_shape(
        page,
        {
            "meta": {**PAGE, "linked": {"assets": [INDIRECT]}},
            "contents": [CONTENT],
            "linked": {"assets": [{"ref": REF, "name": NAME, "title": str, "type": NAME, "contentRef": REF}]},
        },
    )
    (entry,) = page["meta"]["linked"]["assets"]
    # One client finds a parent's entry by the end of its request.
    assert entry["request"].endswith("%7C%7C".join(f"{owner}%3Af{n}" for n in range(5)))
    assert "continue=true" in entry["request"]


def test_linked_sub_pages(http: httpx2.Client, contents: str, sandbox: Sandbox, owner: str) -> None:
    load_assets(sandbox, owner, "f0", 520)
    page = http.get(f"{contents}?owner={owner}&include=assets&assets.fields=ref&withRef={owner}:f0").json()
    entries = page["meta"]["linked"]["assets"]
    assert_shape(entries, [{**INDIRECT, "continue": LINK}])
    assert len(entries) == 5
    assert [one["request"] for one in entries[1:]] == [one["continue"] for one in entries[:-1]]
    assert_shape(page["linked"]["assets"], [{"ref": REF}])
    assert len(page["linked"]["assets"]) == 500


def test_linked_in_batches_of_ten(http: httpx2.Client, contents: str, sandbox: Sandbox, owner: str) -> None:
    sandbox.load("metadata", "contents", [content(owner, f"g{n:02}") for n in range(19)])
    entries = http.get(f"{contents}?owner={owner}&include=assets").json()["meta"]["linked"]["assets"]
    assert [one["request"].count("%7C%7C") + 1 for one in entries] == [10, 10, 4]


def test_linked_by_a_direct_relationship(http: httpx2.Client, contents: str, owner: str) -> None:
    page = http.get(f"{contents}?owner={owner}&include=categories&categories.fields=ref,title").json()
    found, missing = sorted(page["meta"]["linked"]["categories"], key=lambda entry: "statusCode" in entry)
    assert_shape(found, DIRECT)
    assert "withRef=" in found["request"]
    assert_shape(missing, MISSING)
    assert page["linked"]["categories"] == [{"ref": f"{owner}:drama", "title": "drama"}]


def test_a_sub_request_that_is_refused(http: httpx2.Client, contents: str, owner: str) -> None:
    answer = http.get(f"{contents}?owner={owner}&include=assets&assets.fields=colour")
    assert answer.status_code == 200
    refusal = {"statusCode": 400, "error": "Bad Request", "message": WORDS, "request": LINK}
    refusal["validation"] = {"source": "query", "keys": [str]}
    assert_shape(answer.json()["meta"]["linked"]["assets"], [refusal])
    assert answer.json()["linked"] == {"assets": []}


def test_without_a_sub_request_there_is_no_entry(http: httpx2.Client, contents: str) -> None:
    page = http.get(f"{contents}?owner=nobody&include=assets").json()
    assert "assets" not in page["meta"].get("linked", {})
    assert page["linked"] == {"assets": []}


# Read, store, update, delete


def test_read(http: httpx2.Client, contents: str, owner: str) -> None:
    one = http.get(f"{contents}/{owner}:f1?owner={owner}")
    assert_shape(one.json(), {"meta": {}, "contents": [CONTENT]})
    some = http.get(f"{contents}/{owner}:f1,{owner}:gone,{owner}:f2")
    assert (some.status_code, len(some.json()["contents"])) == (200, 2)
    linked = http.get(f"{contents}/{owner}:f1?include=assets")
    assert_shape(
        linked.json(),
        {
            "meta": {"linked": {"assets": [INDIRECT]}},
            "contents": [CONTENT],
            "linked": {"assets": [Mapped(str)]},
        },
    )


@pytest.mark.parametrize("slash", ["", "/"])
def test_store(http: httpx2.Client, contents: str, owner: str, slash: str) -> None:
    film = content(owner, "new")
    first = http.post(f"{contents}{slash}?owner={owner}", json={"contents": [film]})
    again = http.post(f"{contents}{slash}?owner={owner}", json={"contents": film})
    assert (first.status_code, again.status_code) == (201, 200)
    for answer in (first, again):
        assert_shape(answer.json(), {"meta": {}, "contents": [CONTENT]})
    unnamed = http.post(contents, json={"contents": [{"owner": owner, "type": "movie"}]})
    assert re.fullmatch("[0-9a-f]{24}", unnamed.json()["contents"][0]["name"])


def test_update(http: httpx2.Client, contents: str, owner: str) -> None:
    stored = http.get(f"{contents}/{owner}:f1").json()["contents"][0]
    changed = {"contents": [{**stored, "title": "Changed"}]}
    updated = http.put(f"{contents}/{owner}:f1", json=changed, headers={"if-match": f'"{stored["version"]}"'})
    assert updated.status_code == 200
    assert_shape(updated.json(), {"meta": {}, "contents": [CONTENT]})
    stale = http.put(f"{contents}/{owner}:f1", json=changed, headers={"if-match": f'"{stored["version"]}"'})
    assert stale.status_code == 412
    assert stale.json() == {
        "statusCode": 412,
        "error": "Precondition Failed",
        "message": "document cannot be changed - versions do not match",
    }


def test_delete(http: httpx2.Client, contents: str, owner: str) -> None:
    answer = http.delete(f"{contents}/{owner}:f1,{owner}:gone?owner={owner}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers
    refused = http.delete(f"{contents}?owner={owner}")
    assert refused.status_code == 405
    assert_shape(refused.json(), ERROR)
    assert len(http.get(f"{contents}?owner={owner}").json()["contents"]) == 4


# Errors


def test_400_for_a_query(http: httpx2.Client, contents: str) -> None:
    answer = http.get(f"{contents}?owner=x&fields=colour")
    assert answer.status_code == 400
    assert answer.json() == {
        "statusCode": 400,
        "error": "Bad Request",
        "message": "fields is invalid - colour is not allowed",
        "validation": {"source": "query", "keys": ["fields"]},
    }


def test_400_for_a_payload(http: httpx2.Client, contents: str, owner: str) -> None:
    answer = http.post(contents, json={"contents": [{"owner": owner, "releaseYear": "x"}]})
    assert answer.status_code == 400
    assert_shape(answer.json(), {**ERROR, "validation": {"source": "payload", "keys": [str]}})


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Basic YTpi"])
def test_401(http: httpx2.Client, contents: str, header: str) -> None:
    answer = http.get(f"{contents}?owner=x", headers={"authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="Invalid token"'
    assert answer.json() == {
        "statusCode": 401,
        "error": "Unauthorized",
        "message": "Invalid token",
        "attributes": {"error": "Invalid token"},
    }


@pytest.mark.parametrize(
    ("service", "path"), [("registry", "/nowhere"), ("metadata", "/data/nothing"), ("metadata", "/x")]
)
def test_404(http: httpx2.Client, sandbox: Sandbox, service: str, path: str) -> None:
    answer = http.get(f"{sandbox.location(service)}{path}")
    assert answer.status_code == 404
    assert_shape(answer.json(), {"statusCode": 404, "error": "Not Found", "message": WORDS})


def test_404_of_a_business_endpoint(http: httpx2.Client, sandbox: Sandbox) -> None:
    answer = http.get(f"{sandbox.location('workflow')}/flow-execution-progress/acme:never")
    assert answer.json() == {"statusCode": 404, "error": "Not Found", "message": "FlowExecution not found"}


def test_validation(http: httpx2.Client, sandbox: Sandbox) -> None:
    answer = http.post(f"{sandbox.location('validation')}/v/acme/rule?validation=full", json={"a": 1})
    assert_shape(answer.json(), {"statusCode": 200, "message": WORDS, "validation": {"source": "query", "keys": [str]}})


# Headers


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/json", JSON_TYPE),
        ("*/*", JSON_TYPE),
        ("text/html, application/json;q=0.5", JSON_TYPE),
        ("application/vnd.piksel+json", PIKSEL_TYPE),
    ],
)
def test_the_content_type_is_the_one_asked_for(
    http: httpx2.Client, contents: str, accept: str, content_type: str
) -> None:
    for query in ("", "&fields=colour"):
        answer = http.get(f"{contents}?owner=x{query}", headers={"accept": accept})
        assert answer.headers["content-type"] == content_type


def test_the_correlation_id_comes_back(http: httpx2.Client, contents: str) -> None:
    for query in ("", "&fields=colour"):
        answer = http.get(f"{contents}?owner=x{query}", headers={"X-Correlation-ID": "mine/1"})
        assert answer.headers["x-correlation-id"] == "mine/1"
        assert http.get(f"{contents}?owner=x{query}").headers["x-correlation-id"]


def test_browsers_may_come(http: httpx2.Client, contents: str) -> None:
    asked = "authorization,content-type,if-match,x-correlation-id"
    answer = http.options(
        contents,
        headers={
            "origin": "https://console.example",
            "access-control-request-method": "PUT",
            "access-control-request-headers": asked,
            "authorization": "",
        },
    )
    assert answer.status_code in {200, 204}
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert set(asked.split(",")) <= allowed
