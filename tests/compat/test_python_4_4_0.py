"""Sessions of the original synchronous SDK, 4.4.0: what it got, what it sent, and what is stored afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.compat.originals import PYTHON

from sequoia.sandbox import Fault, Sandbox

Load = Callable[..., None]


def log(sandbox: Sandbox) -> list[tuple[str, str, int | None]]:
    """What arrived: where, what and how it was answered."""
    return [(request.service, f"{request.method} {request.path}", request.status) for request in sandbox.requests]


def test_it_finds_every_service_and_asks_for_one_token(sandbox: Sandbox) -> None:
    found = PYTHON.run("services", sandbox)
    assert found["metadata"] == ["root", sandbox.location("metadata"), "Metadata"]
    assert {name: location for name, (_, location, _) in found.items()} == {
        name: sandbox.location(name) for name in ("registry", "identity", "metadata", "workflow", "validation")
    }
    assert log(sandbox) == [("registry", "GET /services/acme", 200), ("identity", "POST /oauth/token", 200)]
    registry, token = sandbox.requests
    assert "authorization" not in registry.headers
    assert token.headers["content-type"] == "application/x-www-form-urlencoded;charset=UTF-8"
    assert token.body == b"grant_type=client_credentials"


def test_it_stores_reads_updates_and_deletes(sandbox: Sandbox) -> None:
    got = PYTHON.run("write", sandbox)
    assert got["stored"] == [[201, ["aria"]], [200, ["aria"]], [201, ["brio", "coda"]], [201, ["duet"]]]
    status, updated = got["updated"]
    assert status == 200
    assert updated["title"] == "Aria, again"
    assert updated["version"] != got["read"]["version"]
    assert updated["createdBy"] == "acme:sandbox-client"
    assert got["refused"] == "Document cannot be updated. Version does not match."
    assert got["deleted"] == [[204, None], [204, None]]
    assert got["left"] == ["duet"]

    data = [request for request in sandbox.requests if request.service == "metadata"]
    assert [(request.method, request.path, request.status) for request in data] == [
        ("POST", "/data/contents/", 201),
        ("POST", "/data/contents/", 200),
        ("POST", "/data/contents/", 201),
        ("POST", "/data/contents/", 201),
        ("GET", "/data/contents/acme:aria", 200),
        ("PUT", "/data/contents/acme:aria", 200),
        ("PUT", "/data/contents/acme:aria", 412),
        ("DELETE", "/data/contents/acme:aria", 204),
        ("DELETE", "/data/contents/acme:brio,acme:coda", 204),
        ("GET", "/data/contents", 200),
    ]
    assert [request.query for request in data] == [(("owner", "acme"),)] * len(data)
    assert data[5].headers["if-match"] == f'"{got["read"]["version"]}"'
    assert data[8].headers["content-length"] == "0"
    with sandbox.client() as client:
        assert [item["name"] for item in client.metadata.contents.browse("acme").resources] == ["duet"]


def test_it_knows_a_resource_by_the_name_in_the_url(sandbox: Sandbox) -> None:
    assert PYTHON.run("offer_templates", sandbox) == [["weekly"], ["weekly"], 204]


def test_it_browses_with_a_filter_fields_and_an_inclusion(sandbox: Sandbox, load: Load) -> None:
    load(12, assets=1)
    got = PYTHON.run("browse", sandbox)
    refs = [f"acme:piece-{n:02}" for n in range(12)]
    assert got["resources"] == [{"ref": ref, "title": f"Piece {n % 5}"} for n, ref in enumerate(refs)]
    assert {item["contentRef"]: item["ref"] for item in got["linked"]["assets"]} == {
        ref: f"acme:file-{n:02}-000" for n, ref in enumerate(refs)
    }
    assert len(got["meta"]["linked"]["assets"]) == 2  # batches of ten parents
    asked = sandbox.requests[-1]
    assert asked.query == (
        ("assets.fields", "contentRef,ref"), ("fields", "ref,title"), ("include", "assets"), ("owner", "acme"),
        ("withType", "movie||clip"),
    )  # fmt: skip
    assert asked.headers["accept"] == asked.headers["content-type"] == "application/vnd.piksel+json"


def test_it_pages_both_ways(sandbox: Sandbox, load: Load) -> None:
    load(20)
    got = PYTHON.run("pages", sandbox)
    names = [f"piece-{n:02}" for n in range(20)]
    sevens = [names[:7], names[7:14], names[14:]]
    by_title = sorted(names, key=lambda name: -(int(name[-2:]) % 5))
    assert got["walks"] == {
        "perPage=7": sevens,
        "continue=true&perPage=7": sevens,
        "continue=true&perPage=7&sort=-title,name": [by_title[:7], by_title[7:14], by_title[14:]],
        "perPage=7&page=3": sevens[2:],
    }
    filtered = [name for name in names if int(name[-2:]) % 5 < 2]
    assert got["filtered"] == [filtered[start : start + 2] for start in range(0, 8, 2)]
    assert got["ahead"] == sevens


@pytest.mark.parametrize("embedded", [1, 5])
def test_it_pages_linked_resources(embedded: int) -> None:
    with Sandbox(embedded_pages=embedded) as sandbox:
        sandbox.load("metadata", "contents", [{"owner": "acme", "name": "aria", "type": "movie"}])
        files = [{"owner": "acme", "name": f"f{n:03}", "type": "image", "contentRef": "acme:aria"} for n in range(620)]
        sandbox.load("metadata", "assets", files)
        got = PYTHON.run("linked_pages", sandbox)
        assert [ref for page in got for ref in page] == [f"acme:{file['name']}" for file in files]
        assert [len(page) for page in got] == [embedded * 100, *[100] * (6 - embedded), 20]
        followed = [request for request in sandbox.requests if request.path == "/data/assets"]
        assert [request.status for request in followed] == [200] * (7 - embedded)


def test_every_operator_means_what_it_means_on_the_platform(sandbox: Sandbox) -> None:
    brio, coda = ({"availabilityStartAt": f"{start}T00:00:00Z"} for start in ("1991-01-01", "1992-06-01"))
    synopsis = {"longSynopsis": "Down by the shore"}
    sandbox.load("metadata", "contents", [
        {"owner": "acme", "name": "aria", "title": "Aria", "type": "movie", "tags": ["red", "blue"], **synopsis},
        {"owner": "acme", "name": "brio", "title": "Brio", "type": "movie", "tags": ["red"], **brio},
        {"owner": "acme", "name": "coda", "title": "Coda", "type": "clip", **coda},
    ])  # fmt: skip
    got = PYTHON.run("operators", sandbox)
    assert got["found"] == {
        "Aria": ["aria"],
        "!Aria": ["brio", "coda"],
        "Aria||Brio": ["aria", "brio"],
        "!Aria||Brio": ["coda"],
        "A*": ["aria"],
        "*da": ["coda"],
        "*": ["aria", "brio", "coda"],
        "!*": [],
    }
    assert got["asked"] == {
        "withTags=red&withTags=blue": ["aria"],
        "withTags=red%26%26blue": ["aria"],
        "q=shore": ["aria"],
        "withTags=red&sort=-name": ["brio", "aria"],
        "active=true&withType=clip": ["coda"],
    }
    # No start means that it always was available.
    assert got["ranges"] == {
        "1991/1992": ["brio"],
        "!1991/1992": ["aria", "coda"],
        "/1991": ["aria", "brio"],
        "1992/": ["coda"],
        "!1992/": ["aria", "brio"],
        "!/1991": ["coda"],
    }
    assert got["counted"]["contents"] == []
    assert got["counted"]["meta"]["totalCount"] == 3
    assert got["counted"]["meta"]["facetCount"] == {"type": {"movie": 2, "clip": 1}}


def test_its_models_are_resolved_with_the_descriptor(sandbox: Sandbox) -> None:
    sandbox.load("metadata", "categories", [{"owner": "acme", "name": "noir", "scheme": "genre", "title": "Noir"}])
    sandbox.load("metadata", "contents", [
        {"owner": "acme", "name": "aria", "type": "movie", "categoryRefs": ["acme:noir"]},
        {"owner": "acme", "name": "brio", "type": "movie"},
    ])  # fmt: skip
    assert PYTHON.run("models", sandbox) == [["aria", ["Noir"]], ["brio", []]]
    described = next(request for request in sandbox.requests if request.path == "/descriptor/raw")
    assert described.query == (("_pretty", "true"),)
    assert described.headers["authorization"].startswith("Bearer ")


def test_it_uses_business_endpoints(sandbox: Sandbox) -> None:
    sandbox.set_progress("acme:run", {"percentage": 40})
    got = PYTHON.run("business", sandbox)
    assert got["progress"] == got["older"]
    assert got["progress"]["percentage"] == 40
    assert got["gone"][0] == 404
    assert got["gone"][1]["message"] == "FlowExecution not found"
    assert got["valid"]["statusCode"] == 200
    assert sandbox.requests[-1].query == (("validation", "full"),)  # no owner is added


def test_its_errors_say_what_the_platform_says(sandbox: Sandbox) -> None:
    got = PYTHON.run("errors", sandbox)
    assert {name: got[name][0] for name in got if name != "bad client"} == {
        "missing": 404, "no resource": 404, "bad field": 400, "bad document": 400, "bad token": 401,
    }  # fmt: skip
    assert got["missing"][1]["error"] == "Not Found"
    assert got["bad field"][1]["validation"] == {"source": "query", "keys": ["fields"]}
    assert got["bad document"][1]["validation"] == {"source": "payload", "keys": ["type"]}
    assert got["bad token"][1]["attributes"] == {"error": "Invalid token"}
    assert got["bad client"] == "(invalid_client) the client id or the client secret is wrong"


def test_it_renews_a_token_that_has_expired(sandbox: Sandbox, load: Load) -> None:
    load(8)
    sandbox.faults.add(Fault(token="expired", service="metadata"))
    assert [len(page) for page in PYTHON.run("once", sandbox)] == [7, 1]
    assert log(sandbox)[1:] == [
        ("identity", "POST /oauth/token", 200),
        ("metadata", "GET /data/contents", 401),
        ("identity", "POST /oauth/token", 200),
        ("metadata", "GET /data/contents", 200),
        ("metadata", "GET /data/contents", 200),
    ]
    one, other = (request.headers["authorization"] for request in sandbox.requests[3:6:2])
    assert one != other


def test_it_repeats_what_failed_for_the_moment(sandbox: Sandbox, load: Load) -> None:
    load(8)
    for fault in (Fault(status=503, times=2), Fault(status=429), Fault(drop="before")):
        sandbox.faults.add(replace(fault, service="metadata"))
    assert [len(page) for page in PYTHON.run("once", sandbox)] == [7, 1]
    assert [status for service, _, status in log(sandbox) if service == "metadata"][:4] == [503, 503, 429, None]


def test_it_repeats_its_parameters_after_a_redirect(sandbox: Sandbox, load: Load) -> None:
    load(8)
    target = f"{sandbox.location('metadata')}/data/contents?owner=acme&perPage=8"
    sandbox.faults.add(Fault(status=307, headers={"Location": target}, service="metadata"))
    assert [len(page) for page in PYTHON.run("once", sandbox)] == [8]
    assert sandbox.requests[-1].query == (("owner", "acme"), ("perPage", "8"), ("owner", "acme"))


def test_it_repeats_a_browse_that_found_nothing_yet(sandbox: Sandbox, load: Load) -> None:
    load(1)
    sandbox.faults.add(Fault(empty=True, times=2, service="metadata"))
    assert PYTHON.run("not_empty", sandbox) == ["piece-00"]
    assert [service for service, _, _ in log(sandbox)].count("metadata") == 3


def test_the_pages_of_a_browse_share_its_correlation_id_and_its_agent(sandbox: Sandbox, load: Load) -> None:
    load(8)
    PYTHON.run("once", sandbox)
    pages = [request for request in sandbox.requests if request.service == "metadata"]
    assert len(pages) == 2
    (correlation,) = {request.headers["x-correlation-id"] for request in pages}
    assert correlation.startswith("user/app/")
    assert pages[0].headers["user-agent"].startswith("player/1 sequoia-client-sdk-python/4.4.0 python/3.")
    # The link is followed as it is: nothing is added to it.
    assert [name for name, _ in pages[1].query].count("owner") == 1


def test_it_takes_the_token_of_its_caller(sandbox: Sandbox, load: Load) -> None:
    load(1)
    assert PYTHON.run("own_token", sandbox) == ["piece-00"]
    assert sandbox.token_requests == 1
