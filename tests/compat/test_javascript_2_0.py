"""The JavaScript SDK 2.0: its session in the order in which it sends it, and what it reads from the answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from tests.compat.javascript import JavaScript
from tests.compat.raw import Wire, basic, names

from sequoia.sandbox import Sandbox

Load = Callable[..., None]


@pytest.fixture
def javascript(wire: Wire) -> JavaScript:
    """The SDK, logged in."""
    javascript = JavaScript(wire)
    javascript.log_in()
    wire.sandbox.requests.clear()
    return javascript


def test_a_session(sandbox: Sandbox, wire: Wire, load: Load) -> None:
    load(5, assets=1)
    javascript = JavaScript(wire)
    services = {found["name"]: found for found in javascript.send("registry", "GET /services/acme").json["services"]}
    assert services["identity"]["location"] == sandbox.location("identity")

    assert set(javascript.log_in().json) == {"access_token"}
    tenants = javascript.send("identity", "GET /pauth/tenants").json
    tenant = tenants["tenants"][0]["name"]
    access = javascript.send("identity", f"GET /pauth/access?tenants={tenant}").json
    assert access["expiresAt"].endswith("Z")
    assert "metadata:contents:read" in access["permissions"][0]["actions"]
    assert [found["owner"] for found in javascript.send("registry", f"GET /services/{tenant}").json["services"]]

    resourceful = javascript.send("metadata", f"GET /descriptor/raw?owner={tenant}").json["resourcefuls"]["contents"]
    assert resourceful["operations"]["storeBatch"]["limit"] == 100
    query = "withType=movie||clip&fields=ref,title&include=assets&perPage=2&count=true&sort=-updatedAt,ref"
    pages = javascript.follow_all("contents", query)
    assert [len(page["contents"]) for page in pages] == [2, 2, 1]
    assert pages[0]["meta"]["totalCount"] == 5
    shown = {item["ref"] for page in pages for item in page["contents"]}
    assert {asset["contentRef"] for page in pages for asset in page["linked"]["assets"]} == shown

    one = javascript.send("metadata", f"GET /data/contents/acme:piece-01?owner={tenant}").json["contents"][0]
    made = javascript.send("metadata", f"POST /data/contents?owner={tenant}", {"contents": [{**one, "name": "copy"}]})
    assert (made.status, names(made.json)) == (201, ["copy"])
    changed = {"contents": [{**one, "title": "Changed"}]}
    put = javascript.send("metadata", f"PUT /data/contents/acme:piece-01?owner={tenant}", changed)
    assert (put.status, put.json["contents"][0]["title"]) == (200, "Changed")
    gone = javascript.send("metadata", f"DELETE /data/contents/acme:piece-01?owner={tenant}")
    assert (gone.status, gone.body) == (204, b"")
    assert [request.status for request in sandbox.requests] == [200] * 10 + [201, 200, 204]


def test_a_session_with_a_token_that_is_given(javascript: JavaScript) -> None:
    assert javascript.send("registry", "GET /services/acme").status == 200
    assert javascript.send("identity", "GET /pauth/tenants").json["tenants"]
    for tenant in ("acme", "other"):  # a change of tenant
        assert javascript.send("registry", f"GET /services/{tenant}").json["services"]
        assert javascript.send("identity", f"GET /pauth/access?tenants={tenant}").status == 200


def test_the_password_grant_with_a_raw_backslash(sandbox: Sandbox, wire: Wire) -> None:
    user = f"username={sandbox.username}&password={quote(sandbox.password, safe='')}"
    assert "\\" in user
    form = ("content-type", "application/x-www-form-urlencoded")
    credentials = basic(sandbox, "authorization")
    headers = [("accept", "application/json"), form, credentials]
    answer = wire.send("identity", "POST /oauth/token", headers, f"grant_type=password&{user}")
    assert (answer.status, answer.json["token_type"]) == (200, "bearer")
    assert re.fullmatch("[0-9a-f]{40}", answer.json["access_token"])
    wrong = wire.send("identity", "POST /oauth/token", headers, f"grant_type=password&{user}x")
    assert (wrong.status, wrong.json["code"], wrong.json["error"]) == (400, 400, "invalid_grant")


def test_a_new_password_with_a_token_and_without(sandbox: Sandbox, javascript: JavaScript) -> None:
    old = {"username": sandbox.username, "password": sandbox.password}
    assert javascript.send("identity", "POST /pauth/passwords", {**old, "newPassword": "a b&c"}).status == 204
    assert javascript.send("identity", "POST /pauth/passwords", {**old, "newPassword": "d"}).status == 400
    javascript.token = None
    reset = {"username": sandbox.username}
    assert javascript.send("identity", "POST /pauth/password-resets", reset).status == 204
    finish = {**reset, "resetToken": sandbox.reset_token, "newPassword": "e"}
    assert javascript.send("identity", "POST /pauth/passwords", finish).body == b""
    assert sandbox.password == "e"


@pytest.mark.parametrize("mode", ["", "continue=true&"])
def test_links_are_sent_decoded(javascript: JavaScript, load: Load, mode: str) -> None:
    load(20, assets=1)
    query = (
        f"{mode}withTitle=Piece 0||Piece 1&fields=ref,name,title&include=assets&assets.fields=ref,contentRef&perPage=3"
    )
    pages = javascript.follow_all("contents", query)
    assert [name for page in pages for name in names(page)] == [f"piece-{n:02}" for n in range(20) if n % 5 < 2]
    assert [len(page["linked"]["assets"]) for page in pages] == [3, 3, 2]


def test_the_first_link_leads_to_any_page(javascript: JavaScript, load: Load) -> None:
    load(20)
    for query in ("perPage=6", "perPage=6&page=3", "perPage=6&sort=-name&withType=movie||clip"):
        first = javascript.browse("contents", query).json["meta"]["first"]
        jumped = re.sub(r"&page=\d+", "&page=2", first)
        assert jumped != first
        found = names(javascript.follow("contents", jumped).json)
        assert found == names(javascript.browse("contents", f"{query.replace('page=3', '')}&page=2").json)


def test_pages_back(javascript: JavaScript, load: Load) -> None:
    load(5)
    second = javascript.browse("contents", "perPage=2&page=2&count=true").json["meta"]
    assert names(javascript.follow("contents", second["prev"]).json) == ["piece-00", "piece-01"]
    assert names(javascript.follow("contents", second["last"]).json) == ["piece-04"]


def test_an_object_is_sent_with_all_of_its_fields(javascript: JavaScript, load: Load) -> None:
    load(1)
    fields = javascript.send("metadata", "GET /descriptor/raw?owner=acme").json["resourcefuls"]["contents"]["fields"]
    one = javascript.send("metadata", "GET /data/contents/acme:piece-00?owner=acme").json["contents"][0]
    read_only = {name for name, field in fields.items() if field.get("readOnly")}
    assert {"ref", "version", "createdAt"} <= read_only & set(one)
    body = {**one, "version": "0" * 40, "createdBy": "root:nobody", "sortTitle": "piece"}
    stored = javascript.send("metadata", "POST /data/contents?owner=acme", {"contents": [body]}).json["contents"][0]
    assert (stored["createdBy"], stored["sortTitle"]) == (one["createdBy"], "piece")
    assert stored["version"] not in {one["version"], "0" * 40}


def test_fields_may_name_everything_and_a_name_twice(javascript: JavaScript, load: Load) -> None:
    load(1)
    fields = javascript.send("metadata", "GET /descriptor/raw?owner=acme").json["resourcefuls"]["contents"]["fields"]
    everything = ",".join([*fields, "parentRef", "parentRef"])
    assert "parentRef" in fields
    answer = javascript.browse("contents", f"fields={everything}&include=parent,parent.assets")
    assert (answer.status, names(answer.json)) == (200, ["piece-00"])
    assert answer.json["linked"] == {"parent": [], "parent.assets": []}


def test_linked_items_can_be_given_to_their_parents(javascript: JavaScript, sandbox: Sandbox) -> None:
    sandbox.load("metadata", "categories", [{"owner": "acme", "name": "noir", "scheme": "genre"}])
    film = {"owner": "acme", "name": "aria", "type": "movie", "categoryRefs": ["acme:noir"]}
    sandbox.load("metadata", "contents", [film])
    sandbox.load("metadata", "assets", [{"owner": "acme", "name": "a", "type": "image", "contentRef": "acme:aria"}])
    for target in ("contents?owner=acme&", "contents/acme:aria?owner=acme&"):  # also of a single resource
        body = javascript.send("metadata", f"GET /data/{target}include=categories,assets").json
        assert [item["ref"] for item in body["linked"]["categories"]] == ["acme:noir"]  # direct: by the ref
        assert [item["contentRef"] for item in body["linked"]["assets"]] == ["acme:aria"]  # indirect: by the filter's


def test_a_delete_without_a_ref_deletes_nothing(javascript: JavaScript, load: Load) -> None:
    load(2)
    for target in ("/data/contents?owner=acme", "/data/contents/?owner=acme"):
        answer = javascript.send("metadata", f"DELETE {target}")
        assert answer.status == 405
        assert answer.json["message"]  # all that this SDK shows
    assert len(javascript.browse("contents").json["contents"]) == 2


@pytest.mark.parametrize(
    ("service", "method", "target"),
    [
        ("registry", "GET", "/services/acme"),
        ("identity", "POST", "/pauth/token"),
        ("identity", "POST", "/oauth/token"),
        ("metadata", "GET", "/descriptor/raw?owner=acme"),
        ("metadata", "PUT", "/data/contents/acme:x?owner=acme"),
        ("metadata", "DELETE", "/data/contents/acme:x?owner=acme"),
        ("workflow", "GET", "/flow-execution-progress/acme:run"),
    ],
)
def test_a_browser_may_send_it(wire: Wire, service: str, method: str, target: str) -> None:
    javascript = JavaScript(wire)
    asked = javascript.preflight(service, method, target)
    assert 200 <= asked.status < 300
    assert asked.headers["access-control-allow-origin"] == "*"
    assert method in asked.headers["access-control-allow-methods"]
    allowed = {name.strip() for name in asked.headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type", "if-match", "x-correlation-id"} <= allowed
    assert javascript.send(service, f"{method} {target}").headers["access-control-allow-origin"] == "*"


def test_an_optional_part_that_is_not_filled_leaves_a_slash(sandbox: Sandbox, javascript: JavaScript) -> None:
    sandbox.set_progress("acme:run", {"percentage": 40})
    assert javascript.send("workflow", "GET /flow-execution-progress/acme:run/").json["percentage"] == 40
    assert javascript.send("registry", "GET /services/acme/").status == 200
    assert javascript.send("validation", "POST /v/acme/titles/?validation=full", {}).json["statusCode"] == 200
