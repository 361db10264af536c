"""The operations of an endpoint: what goes out, what comes back, what is refused before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import pytest

from sequoia import where
from sequoia.error import (
    BadRequest,
    DecodeError,
    NotFound,
    NotMatchingVersion,
    ReferencesMismatchException,
    ServerError,
    Timeout,
)

if TYPE_CHECKING:
    from tests.unit.conftest import Platform

    from sequoia.endpoint import Endpoint

CONTENTS = "https://metadata.test/data/contents"
FILM = {"ref": "acme:a", "owner": "acme", "name": "a"}


@pytest.fixture
def contents(platform: Platform) -> Endpoint:
    return platform.client().metadata.contents


def _stored(platform: Platform, missing: range = range(0)) -> None:
    """Have every content but those whose number is in `missing`; a read of which none is there is a 404."""

    def read(request: httpx2.Request) -> httpx2.Response:
        refs = request.url.path.rpartition("/")[2].split(",")
        there = [{"ref": ref} for ref in refs if int(ref.partition(":")[2]) not in missing]
        if not there:
            return httpx2.Response(404, json={"statusCode": 404, "error": "Not Found"})
        return httpx2.Response(200, json={"meta": {}, "contents": there})

    numbers = [f"acme:{number}" for number in range(120)]
    for part in (numbers[:50], numbers[50:100], numbers[100:]):
        platform.answer_with(f"GET {CONTENTS}/{','.join(part)}", read)


# ---- read ----


def test_one_resource_is_read(platform: Platform, contents: Endpoint) -> None:
    platform.answer(f"GET {CONTENTS}/acme:a", {"meta": {}, "contents": [FILM]})
    assert contents.read("acme", "acme:a").resource == FILM
    assert platform.sent("metadata") == [f"GET {CONTENTS}/acme:a?owner=acme"]


def test_a_resource_that_is_not_there_is_not_found(platform: Platform, contents: Endpoint) -> None:
    with pytest.raises(NotFound) as caught:
        contents.read("acme", "acme:a")
    assert caught.value.message == {"statusCode": 404, "error": "Not Found"}
    assert caught.value.tries == 1


def test_120_refs_are_read_in_parts_as_one_response(platform: Platform, contents: Endpoint) -> None:
    _stored(platform)
    refs = [f"acme:{number}" for number in range(120)]
    assert [one["ref"] for one in contents.read("acme", refs).resources] == refs
    assert len(platform.sent("metadata")) == 3


def test_a_part_of_which_none_is_there_is_no_error_while_another_one_is(platform: Platform, contents: Endpoint) -> None:
    _stored(platform, missing=range(50, 100))
    response = contents.read("acme", [f"acme:{number}" for number in range(120)])
    assert len(response.resources) == 70
    assert len(platform.sent("metadata")) == 3


def test_parts_of_which_none_is_there_are_not_found(platform: Platform, contents: Endpoint) -> None:
    _stored(platform, missing=range(120))
    with pytest.raises(NotFound):
        contents.read("acme", [f"acme:{number}" for number in range(120)])


def test_the_parts_of_a_read_are_one_operation(platform: Platform, contents: Endpoint) -> None:
    _stored(platform)
    contents.read("acme", [f"acme:{number}" for number in range(120)])
    assert len({one.headers["x-correlation-id"] for one in platform.requests[-3:]}) == 1


def test_a_read_can_wait_for_a_result(platform: Platform, contents: Endpoint) -> None:
    url = f"GET {CONTENTS}/acme:a"
    platform.answer(url, {"contents": [FILM], "linked": {"assets": []}})
    platform.answer(url, {"contents": [FILM], "linked": {"assets": [{"ref": "acme:x"}]}})
    response = contents.read("acme", "acme:a", criteria=where().include("assets"), retry_when_empty_result=True)
    assert response.data["linked"] == {"assets": [{"ref": "acme:x"}]}


def test_a_read_can_be_retried_on_a_status_of_choice(platform: Platform, contents: Endpoint) -> None:
    platform.answer(f"GET {CONTENTS}/acme:a", status=404)
    platform.answer(f"GET {CONTENTS}/acme:a", {"contents": [FILM]})
    strategy = {"retry_http_status_codes": "404", "interval": 0}
    assert contents.read("acme", "acme:a", backoff_strategy=strategy).resource == FILM


def test_retry_after_is_waited_for(platform: Platform, contents: Endpoint) -> None:
    platform.answer(f"GET {CONTENTS}/acme:a", {"message": "slow down"}, 429, retry_after="7")
    platform.answer(f"GET {CONTENTS}/acme:a", {"contents": [FILM]})
    contents.read("acme", "acme:a")
    assert platform.clock.waits == [7.0]


def test_a_page_of_a_gateway_is_one_clear_error(platform: Platform, contents: Endpoint) -> None:
    platform.answer_with(f"GET {CONTENTS}/acme:a", lambda _: httpx2.Response(200, html="<h1>Sign in</h1>"))
    with pytest.raises(DecodeError, match=r"is not JSON.*Sign in"):
        contents.read("acme", "acme:a")


# ---- store ----


@pytest.mark.parametrize(
    "value",
    [FILM, [FILM], {"contents": [FILM]}, msgspec.json.encode(FILM).decode(), msgspec.json.encode({"contents": [FILM]})],
)
def test_every_form_is_stored_as_the_same_body(platform: Platform, contents: Endpoint, value: Any) -> None:
    platform.answer(f"POST {CONTENTS}/", {"meta": {}, "contents": [{**FILM, "version": "1"}]}, 201)
    response = contents.store("acme", value)
    assert response.status == 201
    assert response.resource["version"] == "1"
    request = platform.requests[-1]
    assert str(request.url) == f"{CONTENTS}/?owner=acme"
    assert msgspec.json.decode(request.content) == {"contents": [FILM]}
    assert request.headers["content-type"] == "application/vnd.piksel+json"


@pytest.mark.parametrize(("resource", "requests"), [(FILM, 3), ({"title": "no ref"}, 1)])
@pytest.mark.parametrize("failure", ["503", "timeout"])
def test_a_store_is_repeated_only_where_that_stores_once(
    platform: Platform, contents: Endpoint, resource: Any, requests: int, failure: str
) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        if failure == "timeout":
            raise httpx2.ReadTimeout("late", request=request)
        return httpx2.Response(503)

    client = platform.client(backoff_strategy={"max_tries": 3, "interval": 0})
    platform.answer_with(f"POST {CONTENTS}/", fail)
    with pytest.raises((ServerError, Timeout)):
        client.metadata.contents.store("acme", resource)
    assert len(platform.sent("metadata")) == requests


def test_a_refused_store_says_what_is_wrong(platform: Platform, contents: Endpoint) -> None:
    body = {
        "statusCode": 400,
        "error": "Bad Request",
        "message": "title is required",
        "validation": {"keys": ["title"]},
    }
    platform.answer(f"POST {CONTENTS}/", body, 400)
    with pytest.raises(BadRequest, match="400 Bad Request: title is required") as caught:
        contents.store("acme", FILM)
    assert caught.value.message["validation"] == {"keys": ["title"]}


# ---- update ----


def test_an_update_sends_the_version(platform: Platform, contents: Endpoint) -> None:
    platform.answer(f"PUT {CONTENTS}/acme:a", {"contents": [FILM]})
    assert contents.update("acme", FILM, "acme:a", "v1").resource == FILM
    assert platform.requests[-1].headers["if-match"] == '"v1"'


def test_a_stale_version_is_told(platform: Platform, contents: Endpoint) -> None:
    platform.answer(f"PUT {CONTENTS}/acme:a", {"statusCode": 412, "error": "Precondition Failed"}, 412)
    with pytest.raises(NotMatchingVersion, match="read it again") as caught:
        contents.update("acme", FILM, "acme:a", "v1")
    assert getattr(caught.value.cause, "status_code", None) == 412


def test_a_stale_version_after_a_broken_try_may_be_the_updates_own(platform: Platform, contents: Endpoint) -> None:
    platform.answer(f"PUT {CONTENTS}/acme:a", status=502)
    platform.answer(f"PUT {CONTENTS}/acme:a", {"statusCode": 412}, 412)
    with pytest.raises(NotMatchingVersion, match="may have gone through"):
        contents.update("acme", FILM, "acme:a", "v1")


# ---- delete ----


def test_a_delete_has_no_body_and_an_empty_answer(platform: Platform, contents: Endpoint) -> None:
    platform.answer(f"DELETE {CONTENTS}/acme:a", status=204)
    response = contents.delete("acme", "acme:a")
    assert (response.status, response.resources, response.data) == (204, [], {})
    assert platform.requests[-1].content == b""


def test_many_refs_are_deleted_in_parts(platform: Platform, contents: Endpoint) -> None:
    refs = [f"acme:{number}" for number in range(60)]
    platform.answer(f"DELETE {CONTENTS}/{','.join(refs[:50])}", status=204)
    platform.answer(f"DELETE {CONTENTS}/{','.join(refs[50:])}", status=204)
    assert contents.delete("acme", refs).status == 204
    assert len(platform.sent("metadata")) == 2


# ---- nothing is sent ----


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda c: c.read("acme", []), ValueError),
        (lambda c: c.read("acme", ""), ValueError),
        (lambda c: c.read("acme", ["acme:a", ".."]), ValueError),
        (lambda c: c.read("", "acme:a"), ValueError),
        (lambda c: c.read("acme", "acme:a", criteria="withType=x"), TypeError),
        (lambda c: c.read("acme", "acme:a", backoff_strategy={"max_tries": 0}), ValueError),
        (lambda c: c.read("acme", "acme:a", retry_when_empty_result="yes"), ValueError),
        (lambda c: c.browse("acme", {"type": "x"}), TypeError),
        (lambda c: c.browse("acme", query_string="a=\n"), ValueError),
        (lambda c: c.browse("acme", fields=["ref", ""]), ValueError),
        (lambda c: c.browse("acme", backoff_strategy={"jitter": 7}), ValueError),
        (lambda c: c.store("acme", []), ValueError),
        (lambda c: c.store("acme", "nope"), ValueError),
        (lambda c: c.store("acme", {"ref": "acme:a", "odd": object()}), ValueError),
        (lambda c: c.update("acme", FILM, "acme:b", "1"), ReferencesMismatchException),
        (lambda c: c.update("acme", FILM, "acme:a", ""), ValueError),
        (lambda c: c.update("acme", [FILM, FILM], "acme:a", "1"), ValueError),
        (lambda c: c.delete("acme", []), ValueError),
        (lambda c: c.delete("acme", "."), ValueError),
    ],
)
def test_a_wrong_argument_sends_nothing(
    platform: Platform, contents: Endpoint, ask: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(contents)
    assert platform.sent("metadata") == []


# ---- business endpoints ----


def test_a_business_endpoint_is_browsed(platform: Platform) -> None:
    url = "https://flow.test/execution-progress/acme:x%2Fy"
    platform.answer_with(f"GET {url}", lambda _: httpx2.Response(200, json={"progress": 3}))
    endpoint = platform.client().flow.business("/$service/$owner:$ref")
    response = endpoint.browse(service="execution-progress", owner="acme", ref="x/y", params={"deep": "true"})
    assert response.data == {"progress": 3}
    assert response.resources is None
    assert platform.sent("flow") == [f"GET {url}?deep=true"]


def test_content_is_stored_at_a_business_endpoint_as_it_is(platform: Platform) -> None:
    platform.answer("POST https://flow.test/flow-execution/acme:x", {"started": True}, 202)
    endpoint = platform.client().flow.business("/$service/$owner:$ref")
    response = endpoint.store("flow-execution", "acme", '{"go": 1}', "x", params={"a": "b"})
    assert (response.status, response.json) == (202, {"started": True})
    assert platform.requests[-1].content == b'{"go": 1}'
    assert platform.sent("flow") == ["POST https://flow.test/flow-execution/acme:x?a=b"]


def test_a_business_post_is_not_repeated(platform: Platform) -> None:
    platform.answer("POST https://flow.test/s/acme:x", status=503)
    with pytest.raises(ServerError):
        platform.client().flow.business("/$service/$owner:$ref").store("s", "acme", {}, "x")
    assert len(platform.sent("flow")) == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda b: b.browse("s", owner="acme"),
        lambda b: b.browse("", owner="acme", ref="x"),
        lambda b: b.store("s", "acme", "nope", "x"),
        lambda b: b.browse("..", owner="acme", ref="x"),
    ],
)
def test_a_wrong_business_argument_sends_nothing(platform: Platform, ask: Any) -> None:
    endpoint = platform.client().flow.business("/$service/$owner:$ref")
    with pytest.raises(ValueError, match=r"."):
        ask(endpoint)
    assert platform.sent("flow") == []
