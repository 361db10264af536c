"""What a Sequoia takes, whoever the client is: every form of a request, as bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from tests.compat.raw import Headers, Wire, basic, names

from sequoia.sandbox import Sandbox

Load = Callable[..., None]
Send = Callable[..., Any]

PIKSEL = "application/vnd.piksel+json"


# Trailing slashes


@pytest.mark.parametrize(
    ("service", "target"),
    [
        ("registry", "/services/acme"),
        ("registry", "/services/acme/metadata"),
        ("metadata", "/descriptor/raw"),
        ("metadata", "/data/contents"),
        ("metadata", "/data/contents/acme:piece-00"),
        ("identity", "/pauth/tenants"),
    ],
)
def test_both_forms_of_a_path_are_served_without_a_redirect(
    wire: Wire, token: tuple[str, str], load: Load, service: str, target: str
) -> None:
    load(1)
    one, other = (wire.send(service, f"GET {path}", [token]) for path in (target, f"{target}/"))
    assert one.status == other.status == 200
    told = [{**body.json, "expiresAt": None, "meta": None} for body in (one, other)]
    assert told[0] == told[1]


def test_writes_and_tokens_are_served_with_a_slash_too(wire: Wire, token: tuple[str, str]) -> None:
    film = {"contents": [{"owner": "acme", "name": "aria", "type": "movie"}]}
    assert wire.send("metadata", "POST /data/contents/?owner=acme", [token], json.dumps(film)).status == 201
    assert wire.send("metadata", "PUT /data/contents/acme:aria/", [token], json.dumps(film)).status == 200
    assert wire.send("metadata", "DELETE /data/contents/acme:aria/", [token]).status == 204
    body = "grant_type=client_credentials"
    assert wire.send("identity", "POST /oauth/token/", [basic(wire.sandbox)], body).status == 200


# Owner


@pytest.mark.parametrize("query", ["", "?owner=acme", "?owner=acme&owner=acme"])
def test_every_verb_works_with_an_owner_without_and_with_two(wire: Wire, token: tuple[str, str], query: str) -> None:
    film = json.dumps({"contents": [{"owner": "acme", "name": "aria", "type": "movie"}]})
    requests = [
        ("POST /data/contents", film, 201),
        ("PUT /data/contents/acme:aria", film, 200),
        ("GET /data/contents/acme:aria", None, 200),
        ("GET /data/contents", None, 200),
        ("DELETE /data/contents/acme:aria", None, 204),
    ]
    for request, body, status in requests:
        assert wire.send("metadata", request + query, [token], body).status == status, request


# Descriptor and registry


@pytest.mark.parametrize("query", ["", "?_pretty=true", "?owner=acme"])
@pytest.mark.parametrize("signed", [True, False])
def test_the_descriptor_is_for_everyone(wire: Wire, token: tuple[str, str], query: str, signed: bool) -> None:
    answer = wire.send("metadata", f"GET /descriptor/raw{query}", [token] if signed else [])
    assert answer.status == 200
    assert {"title", "description", "routes", "resourcefuls"} <= set(answer.json)
    assert (b"\n" in answer.body) == ("_pretty" in query)
    for plural, resource in answer.json["resourcefuls"].items():
        assert resource["pluralName"] == plural
        keys = {"path", "pluralName", "singularName", "hyphenatedPluralName", "fields", "relationships"}
        assert keys <= set(resource)


@pytest.mark.parametrize("authorization", [None, "Bearer 0000", "Basic eDp5"])
def test_the_registry_is_for_everyone(sandbox: Sandbox, wire: Wire, authorization: str | None) -> None:
    headers = [] if authorization is None else [("Authorization", authorization)]
    answer = wire.send("registry", "GET /services/acme", headers).json
    assert answer["meta"] == {}
    assert {"owner", "name", "title", "location", "ref"} <= set.intersection(*map(set, answer["services"]))
    assert {found["location"] for found in answer["services"]} == {
        sandbox.location(found["name"]) for found in answer["services"]
    }
    (only,) = wire.send("registry", "GET /services/acme/identity", headers).json["services"]
    assert only["name"] == "identity"
    missing = wire.send("registry", "GET /services/acme/gone", headers)
    assert (missing.status, missing.json["statusCode"]) == (404, 404)


# Headers


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/json; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        ("*/*", "application/json; charset=utf-8"),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "application/json; charset=utf-8"),
        (PIKSEL, f"{PIKSEL}; charset=utf-8"),
    ],
)
def test_any_accept_is_answered_with_json_in_utf_8(
    sandbox: Sandbox, wire: Wire, token: tuple[str, str], accept: str | None, content_type: str
) -> None:
    film = {"owner": "acme", "name": "aria", "type": "movie", "title": "Čapek à la 雪"}
    sandbox.load("metadata", "contents", [film])
    headers = [token] if accept is None else [token, ("Accept", accept)]
    answer = wire.send("metadata", "GET /data/contents", headers)
    assert answer.headers["content-type"] == content_type
    assert answer.json["contents"][0]["title"] == "Čapek à la 雪"


@pytest.mark.parametrize(
    "types",
    [
        [],
        [PIKSEL],
        [f"{PIKSEL}; charset=utf-8"],
        ["application/json"],
        ["application/json;charset=UTF-8"],
        ["application/json", "application/json; charset=UTF-8"],
    ],
)
def test_any_content_type_is_taken_with_a_body_and_without(
    wire: Wire, token: tuple[str, str], types: list[str]
) -> None:
    headers = [token, *(("Content-Type", one) for one in types)]
    film = {"contents": [{"owner": "acme", "name": "aria", "type": "movie"}]}
    assert wire.send("metadata", "POST /data/contents", headers, json.dumps(film)).status == 201
    assert names(wire.send("metadata", "GET /data/contents", headers).json) == ["aria"]
    deleted = wire.send("metadata", "DELETE /data/contents/acme:aria", [*headers, ("Content-Length", "0")])
    assert (deleted.status, deleted.body) == (204, b"")


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
def test_the_names_of_headers_have_any_case(wire: Wire, token: tuple[str, str], name: str) -> None:
    headers = [(name, token[1]), ("x-CORRELATION-id", "user/app/1")]
    answer = wire.send("metadata", "GET /data/contents", headers)
    assert (answer.status, answer.headers["x-correlation-id"]) == (200, "user/app/1")


def test_every_answer_has_a_correlation_id(wire: Wire, token: tuple[str, str]) -> None:
    answers = [
        wire.send("registry", "GET /services/acme"),
        wire.send("identity", "POST /oauth/token"),
        wire.send("metadata", "GET /data/contents"),
        wire.send("metadata", "GET /data/contents", [token]),
        wire.send("metadata", "DELETE /data/contents/acme:x", [token]),
    ]
    assert [answer.status for answer in answers] == [200, 400, 401, 200, 204]
    assert len({answer.headers["x-correlation-id"] for answer in answers}) == 5


@pytest.mark.parametrize("charset", ["", ";charset=UTF-8", "; charset=UTF-8"])
@pytest.mark.parametrize("accept", ["application/json", "*/*"])
def test_the_token_form_has_a_charset_or_none(sandbox: Sandbox, wire: Wire, charset: str, accept: str) -> None:
    form = ("Content-Type", f"application/x-www-form-urlencoded{charset}")
    headers = [basic(sandbox), form, ("Accept", accept)]
    answer = wire.send("identity", "POST /oauth/token", headers, "grant_type=client_credentials").json
    assert re.fullmatch("[0-9a-f]{40}", answer["access_token"])
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 3600)


def test_errors_of_the_token_endpoint_have_a_shape_of_their_own(sandbox: Sandbox, wire: Wire) -> None:
    wrong = ("Authorization", "Basic bm9ib2R5Om5vdGhpbmc=")
    cases: list[tuple[Headers, str, int, str]] = [
        ([wrong], "grant_type=client_credentials", 401, "invalid_client"),
        ([], "grant_type=client_credentials", 401, "invalid_client"),
        ([basic(sandbox)], "grant_type=implicit", 400, "unsupported_grant_type"),
    ]
    for headers, body, status, error in cases:
        answer = wire.send("identity", "POST /oauth/token", headers, body)
        assert (answer.status, answer.json["code"], answer.json["error"]) == (status, status, error)
        assert answer.headers["content-type"].startswith("application/json")


# Encoding


@pytest.mark.parametrize(
    "value",
    ["Piece 0||Piece 1", "a, b", "a:b=c", "<a>", "50% + 7 & more # so", "Čapek 雪", "a'b\"c", "x y"],
)
def test_a_value_may_be_raw_or_encoded(sandbox: Sandbox, get: Send, value: str) -> None:
    titles = value.split("||")
    films = [{"owner": "acme", "name": f"f{n}", "type": "movie", "title": title} for n, title in enumerate(titles)]
    sandbox.load("metadata", "contents", [*films, {"owner": "acme", "name": "other", "type": "movie"}])
    expected = [film["name"] for film in films]
    raw = quote(value, safe="|,:=<>'")  # what no browser and no library leaves as it is stays encoded
    for encoded in (quote(value, safe=""), quote(value, safe="").replace("%20", "+"), raw, raw.replace("%20", "+")):
        assert names(get(f"/data/contents?owner=acme&withTitle={encoded}")) == expected, encoded


@pytest.mark.parametrize(
    "refs", ["acme:piece-00,acme:piece-02", "acme%3Apiece-00%2Cacme%3Apiece-02", "acme:piece-00%2cacme%3apiece-02"]
)
def test_refs_in_a_path_may_be_raw_or_encoded(get: Send, load: Load, refs: str) -> None:
    load(3)
    assert names(get(f"/data/contents/{refs}?owner=acme")) == ["piece-00", "piece-02"]


def test_the_order_of_the_parameters_means_nothing(get: Send, load: Load) -> None:
    load(9)
    pairs = ["withType=movie%7C%7Cclip", "sort=-name", "perPage=4", "owner=acme", "fields=name", "continue=true"]
    assert names(get(f"/data/contents?{'&'.join(pairs)}")) == names(get(f"/data/contents?{'&'.join(reversed(pairs))}"))


# Writes


def test_a_payload_is_one_object_or_an_array_and_the_answer_has_both_keys(wire: Wire, token: tuple[str, str]) -> None:
    film = {"owner": "acme", "name": "aria", "type": "movie"}
    stored = {
        **film,
        "ref": "acme:aria",
        "version": "0" * 40,
        "createdBy": "root:x",
        "updatedAt": "2020-01-01T00:00:00Z",
    }
    answers = [
        wire.send("metadata", "POST /data/contents", [token], json.dumps({"contents": film})),
        wire.send("metadata", "POST /data/contents", [token], json.dumps({"contents": [stored]})),
        wire.send("metadata", "PUT /data/contents/acme:aria", [token], json.dumps({"contents": [stored]})),
        wire.send("metadata", "GET /data/contents/acme:aria", [token]),
    ]
    assert [answer.status for answer in answers] == [201, 200, 200, 200]
    for answer in answers:
        assert answer.json["meta"] == {}
        assert [item["ref"] for item in answer.json["contents"]] == ["acme:aria"]
        assert answer.json["contents"][0]["createdBy"] == "acme:sandbox-client"


def test_an_update_is_conditional_only_if_it_says_so(wire: Wire, token: tuple[str, str]) -> None:
    body = json.dumps({"contents": [{"owner": "acme", "name": "aria", "type": "movie"}]})

    def put(*headers: tuple[str, str]) -> Any:
        return wire.send("metadata", "PUT /data/contents/acme:aria", [token, *headers], body)

    assert put(("If-Match", f'"{"0" * 40}"')).status == 412  # nothing is there
    made = put()
    assert made.status == 201
    version = made.json["contents"][0]["version"]
    assert put(("If-Match", f'"{version}"')).status == 200
    assert put(("if-match", '"f00d"')).json == {
        "statusCode": 412,
        "error": "Precondition Failed",
        "message": "document cannot be changed - versions do not match",
    }


def test_deleting_what_is_not_there_succeeds_and_no_ref_is_refused(
    wire: Wire, token: tuple[str, str], load: Load
) -> None:
    load(2)
    for refs in ("acme:gone", "acme:piece-00,acme:gone,acme:piece-00"):
        answer = wire.send("metadata", f"DELETE /data/contents/{refs}?owner=acme", [token])
        assert (answer.status, answer.body) == (204, b"")
    for target in ("/data/contents", "/data/contents/", "/data/contents?owner=acme"):
        assert wire.send("metadata", f"DELETE {target}", [token]).status == 405
    assert wire.send("metadata", "PATCH /data/contents/acme:piece-01", [token], "{}").status == 405
    assert names(wire.send("metadata", "GET /data/contents", [token]).json) == ["piece-01"]


# Length


def test_long_urls(wire: Wire, token: tuple[str, str], get: Send, load: Load) -> None:
    load(119)
    names_ = [f"piece-{n:02}" for n in range(119)]
    refs = ",".join(f"acme:{name}" for name in names_)
    assert names(get(f"/data/contents/{refs}?owner=acme")) == names_
    title = "||".join(["Piece 0", *(f"never mind title number {n:04}" for n in range(600))])
    target = f"/data/contents?owner=acme&withTitle={title}".replace(" ", "%20")
    line = f"GET {target[: 16 * 1024 - len('GET  HTTP/1.1')]} HTTP/1.1"
    assert len(line) == 16 * 1024
    assert len(get(line.split(" ")[1])["contents"]) == 24
    answer = wire.send("metadata", f"DELETE /data/contents/{refs}?owner=acme", [token])
    assert answer.status == 204
    assert names(get("/data/contents")) == []
