"""Answers that are HTTP but not what was asked for: statuses, Retry-After, redirects, and pages that do not add up."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from tests.contract.conftest import Connect
from tests.contract.data import content, load_contents, sent
from tests.faults.raw import FILM, RawPlatform, Wire, answer, as_json

from sequoia import Client, InstantClock, where
from sequoia.error import (
    ClientError,
    CriteriaError,
    DecodeError,
    HttpError,
    PaginationLoopError,
    RateLimited,
    ServerError,
    TooManyRedirects,
)
from sequoia.sandbox import Fault, Sandbox

HTML = b"<html><h1>Bad gateway</h1></html>"


@pytest.fixture
def clock() -> InstantClock:
    return InstantClock()


@pytest.fixture
def client(connect: Connect, sandbox: Sandbox, clock: InstantClock) -> Client:
    client = connect(clock=clock)
    sandbox.requests.clear()
    return client


# Statuses


@pytest.mark.parametrize("status", [408, 425])
def test_a_status_below_500_is_repeated_only_where_the_caller_says_so(
    client: Client, sandbox: Sandbox, owner: str, status: int
) -> None:
    unnamed = {"owner": owner, "type": "movie"}
    sandbox.faults.add(Fault(status=status, service="metadata"))
    with pytest.raises(HttpError) as failed:
        client.metadata.contents.store(owner, unnamed)
    assert (failed.value.status_code, failed.value.tries) == (status, 1)
    sandbox.faults.add(Fault(status=status, service="metadata"))
    client.metadata.contents.browse(owner, backoff_strategy={"retry_http_status_codes": status, "interval": 0})
    assert [one.status for one in sent(sandbox)] == [status, status, 200]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", [None, HTML, b"", b'{"error": '])
def test_a_failing_service_is_not_sent_a_write_twice_and_goes_on_serving(
    client: Client, sandbox: Sandbox, owner: str, status: int, body: bytes | None
) -> None:
    fault = Fault(
        status=status, service="metadata", body=body, content_type="text/html" if body else "application/json"
    )
    sandbox.faults.add(fault)
    with pytest.raises(ServerError) as failed:
        client.metadata.contents.store(owner, {"owner": owner, "type": "movie"})
    assert failed.value.status_code == status
    assert "<" not in str(failed.value)
    assert len(sent(sandbox)) == 1
    sandbox.faults.add(fault)
    assert client.metadata.contents.store(owner, content(owner, "named")).status == 201
    assert len(sent(sandbox)) == 3


# Retry-After


NOW = InstantClock().time()


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        (format_datetime(datetime.fromtimestamp(NOW + 30, UTC), usegmt=True), 30),
        (format_datetime(datetime.fromtimestamp(NOW - 3600, UTC), usegmt=True), 0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("7, 9", 0),
        ("", 0),
        ("Fri, 99 Foo 2027 25:61:61 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 120),
        ("999999999", 120),
        ("9" * 5000, 0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_every_form_of_retry_after(  # noqa: PLR0917 - fixtures
    client: Client, sandbox: Sandbox, clock: InstantClock, owner: str, header: str, wait: float, status: int
) -> None:
    sandbox.faults.add(Fault(status=status, service="metadata", headers={"Retry-After": header.strip()}))
    assert client.metadata.contents.browse(owner).status == 200
    assert clock.waits == [wait]  # what nobody can read is no wait, and max_time bounds what is too long
    assert len(sent(sandbox)) == 2


def test_a_retry_after_beyond_the_time_that_is_left_does_not_hang(
    client: Client, sandbox: Sandbox, clock: InstantClock, owner: str
) -> None:
    sandbox.faults.add(Fault(status=429, service="metadata", headers={"Retry-After": "86400"}, times=None))
    with pytest.raises(RateLimited) as refused:
        client.metadata.contents.browse(owner, backoff_strategy={"max_time": 10})
    assert (sum(clock.waits), refused.value.tries, refused.value.retry_after) == (10, 2, 86400)


# Redirects


@pytest.mark.parametrize("where_to", ["itself", "in a circle"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_loop_ends(connect: Connect, platform: RawPlatform, status: int, where_to: str) -> None:
    client = connect(platform.registry_url, clock=InstantClock())
    hops: dict[str, str] = {"itself": "/data/a", "in a circle": f"/data/{'b' * 3}"}

    def redirect(wire: Wire) -> None:
        again = where_to == "itself" or len(platform.arrived) % 2
        wire.send(answer(b"", f"{status} Moved", location=hops[where_to] if again else "/data/contents"))

    platform.always = redirect
    with pytest.raises(TooManyRedirects, match="more than 10 redirects"):
        client.metadata.contents.browse("acme")
    assert len(platform.arrived) == 11  # not repeated on top of that
    platform.always = None
    assert client.metadata.contents.browse("acme").resource == FILM
    client.close()
    assert platform.has_no_connection()


# Bodies and pages


@pytest.mark.parametrize("method", ["browse", "read"])
def test_an_empty_body_has_no_resources(connect: Connect, platform: RawPlatform, method: str) -> None:
    client = connect(platform.registry_url)
    platform.behaviours.append(lambda wire: wire.send(answer(b"")))
    contents = client.metadata.contents
    found = contents.browse("acme") if method == "browse" else contents.read("acme", "acme:x")
    assert found.resources == []
    client.close()


@pytest.mark.parametrize("meta", [None, [], "next", 7, True])
def test_a_page_whose_meta_is_none_is_not_taken_for_the_last(
    connect: Connect, platform: RawPlatform, meta: Any
) -> None:
    client = connect(platform.registry_url)
    platform.behaviours.append(lambda wire: wire.send(as_json({"contents": [FILM], "meta": meta})))
    seen: list[Any] = []
    with pytest.raises(DecodeError, match="has no meta"):
        seen.extend(page.resource for page in client.metadata.contents.browse("acme"))
    assert seen == [FILM]  # what was read is not lost
    assert len(platform.arrived) == 1
    client.close()


def pages(*scripted: dict[str, Any]) -> list[Callable[[Wire], None]]:
    return [lambda wire, page=page: wire.send(answer(json.dumps(page).encode())) for page in scripted]  # type: ignore[misc]


@pytest.mark.parametrize("mode", ["next", "continue"])
def test_an_empty_page_with_a_link_is_not_the_last(connect: Connect, platform: RawPlatform, mode: str) -> None:
    client = connect(platform.registry_url)
    link = "/data/contents?page=2" if mode == "next" else "/data/contents?continue=t2"
    platform.behaviours.extend(
        pages({"meta": {mode: link}, "contents": []}, {"meta": {}, "contents": [FILM]}),
    )
    assert [page.resources for page in client.metadata.contents.browse("acme")] == [[], [FILM]]
    client.close()


@pytest.mark.parametrize("tokens", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "b"]])
def test_tokens_that_come_again_end_in_an_error(connect: Connect, platform: RawPlatform, tokens: list[str]) -> None:
    client = connect(platform.registry_url)
    platform.behaviours.extend(
        pages(*({"meta": {"continue": f"/data/contents?continue={one}"}, "contents": [FILM]} for one in tokens))
    )
    seen: list[Any] = []
    with pytest.raises(PaginationLoopError) as loop:
        seen.extend(page.resource for page in client.metadata.contents.browse("acme"))
    assert loop.value.checkpoint == f"/data/contents?continue={tokens[-1]}"
    assert len(seen) == len(platform.arrived) == len(tokens)
    client.close()


@pytest.mark.parametrize(
    ("linked", "error"),
    [
        (None, CriteriaError),
        ({}, CriteriaError),
        ({"people": []}, CriteriaError),
        ([], CriteriaError),
        ({"assets": {}}, DecodeError),
        ({"assets": "x"}, DecodeError),
    ],
)
def test_a_linked_that_lacks_a_relation_is_told(
    connect: Connect, platform: RawPlatform, linked: Any, error: type[ClientError]
) -> None:
    client = connect(platform.registry_url, check=False)
    page = {"meta": {}, "contents": [FILM], "linked": linked}
    platform.behaviours.extend(pages(page, page))
    browse = client.metadata.contents.browse("acme", where().include("assets"))
    assert browse.resource == FILM
    with pytest.raises(error, match="assets"):
        list(browse.linked("assets"))
    assert client.metadata.contents.browse("acme").resource == FILM
    client.close()


def test_a_service_that_fails_in_mid_browse_loses_no_page(client: Client, sandbox: Sandbox, owner: str) -> None:
    refs = load_contents(sandbox, owner, 6)
    browse = client.metadata.contents.browse(
        owner, query_string="continue=true&perPage=2", backoff_strategy={"max_tries": 1}
    )
    sandbox.faults.add(Fault(drop="body", service="metadata", skip=0, path="/data/contents"))
    seen: list[str] = []
    with pytest.raises(ClientError):
        seen.extend(one["ref"] for page in browse for one in page.resources)
    assert [one["ref"] for page in browse for one in page.resources] == refs
