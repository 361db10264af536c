"""Sessions of the original asynchronous SDK, 0.4.0: what it got, what it sent, and what is stored afterwards."""

from __future__ import annotations

from collections.abc import Callable

from tests.compat.originals import ASYNC_PYTHON

from sequoia.sandbox import Fault, Sandbox

Load = Callable[..., None]


def test_it_reads_the_registry_with_an_owner_and_without(sandbox: Sandbox) -> None:
    got = ASYNC_PYTHON.run("services", sandbox)
    names = ["identity", "metadata", "registry", "validation", "workflow"]
    assert got["mine"] == {name: sandbox.location(name) for name in names}
    assert got["others"] == got["everyones"] == names
    assert got["resources"]["contents"] == ["contents", "/data/contents"]
    assert got["resources"]["offer_templates"] == ["offerTemplates", "/data/offer-templates"]
    assert [(request.method, request.path) for request in sandbox.requests] == [
        ("GET", "/services/acme/"),
        ("POST", "/oauth/token/"),
        ("GET", "/descriptor/raw/"),
        ("GET", "/services/other/"),
        ("GET", "/services/root/"),
        ("POST", "/oauth/token/"),
    ]
    signed = [request.path for request in sandbox.requests if "authorization" in request.headers]
    assert signed == ["/oauth/token/"] * 2
    assert sandbox.requests[1].body == b"grant_type=client_credentials"


def test_it_creates_retrieves_updates_and_deletes(sandbox: Sandbox) -> None:
    got = ASYNC_PYTHON.run("write", sandbox)
    created, updated = got["created"], got["updated"]
    assert created["ref"] == "acme:aria"
    assert created["duration"] == "datetime.timedelta(seconds=4800)"
    assert created["availabilityStartAt"].startswith("datetime.datetime(2026, 1, 2, 3, 4, 5")
    assert got["retrieved"] == created
    assert (updated["title"], updated["createdAt"]) == ("Aria, again", created["createdAt"])
    assert updated["version"] != created["version"]
    assert got["left"] == []

    post, get, put, delete, browse = [request for request in sandbox.requests if request.service == "metadata"][1:]
    assert [(request.method, request.path, request.status) for request in (post, get, put, delete, browse)] == [
        ("POST", "/data/contents", 201),
        ("GET", "/data/contents/acme:aria", 200),
        ("PUT", "/data/contents/acme:aria", 200),
        ("DELETE", "/data/contents/acme:aria", 204),
        ("GET", "/data/contents", 200),
    ]
    assert b'"duration": "PT1H20M"' in post.body
    assert b'"availabilityStartAt": "2026-01-02T03:04:05.000Z"' in post.body
    assert "if-match" not in put.headers
    assert post.headers["content-type"] == "application/vnd.piksel+json"
    assert (post.headers["accept"], post.headers["accept-encoding"]) == ("*/*", "identity")
    assert browse.query == (("owner", "acme"), ("continue", "true"))


def test_a_dash_in_a_name_is_an_underscore_for_it(sandbox: Sandbox) -> None:
    assert ASYNC_PYTHON.run("offer_templates", sandbox) == ["acme:weekly", ["acme:weekly"]]
    assert sandbox.requests[-1].path == "/data/offer-templates"


def test_it_lists_all_pages(sandbox: Sandbox, load: Load) -> None:
    load(20, assets=1)
    sandbox.load("metadata", "contents", [{"owner": "other", "name": "solo", "type": "movie"}])
    got = ASYNC_PYTHON.run("pages", sandbox)
    names = [f"piece-{n:02}" for n in range(20)]
    assert got["all"] == names
    assert got["filtered"] == [name for name in names if int(name[-2:]) % 5 < 2]
    assert got["sorted"] == sorted(names, key=lambda name: -(int(name[-2:]) % 5))
    assert got["everyone's"] == [*(f"acme:{name}" for name in names), "other:solo"]
    pages = [dict(request.query) for request in sandbox.requests if request.path == "/data/contents"]
    assert [number for number, page in enumerate(pages) if page["continue"] == "true"] == [0, 3, 7, 10]
    assert ["owner" in page for page in pages] == [True] * 10 + [False] * 3
    # The parameters of the list, with those of the link over them.
    assert pages[4]["withTitle"] == "Piece 0||Piece 1"
    assert pages[4]["include"] == "assets"


def test_it_uses_business_endpoints_with_an_owner(sandbox: Sandbox) -> None:
    sandbox.set_progress("acme:run", {"percentage": 40})
    got = ASYNC_PYTHON.run("custom", sandbox)
    assert got["progress"]["percentage"] == 40
    assert got["valid"]["statusCode"] == 200
    assert [request.query for request in sandbox.requests[-2:]] == [(("owner", "acme"),)] * 2


def test_its_errors_say_what_the_platform_says(sandbox: Sandbox) -> None:
    got = ASYNC_PYTHON.run("errors", sandbox)
    assert got == {
        "missing": [404, "Not Found"],
        "bad field": [400, {"source": "query", "keys": ["fields"]}],
        "ResourceNotFound": "nonsense",
        "ServiceNotFound": "nonsense",
        "bad client": True,
    }


def test_its_caller_gets_a_new_token_when_one_has_expired(sandbox: Sandbox, load: Load) -> None:
    load(1)
    sandbox.faults.add(Fault(token="expired", path="/data/*"))
    assert ASYNC_PYTHON.run("renewed", sandbox) == [401, "piece-00"]
    assert sandbox.token_requests == 2
