from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from sequoia.sandbox import Fault, Sandbox
from sequoia.sandbox.faults import Faults
from sequoia.sandbox.wire import Request

ANY = Request("GET", "/data/contents")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"times": 3},
        {"status": 99},
        {"status": 199},
        {"status": 600},
        {"delay": -1.0},
        {"delay": float("nan")},
        {"delay": float("inf")},
        {"drop": "after"},
        {"token": "stolen"},
        {"status": 503, "times": 0},
        {"status": 503, "skip": -1},
        {"status": 503, "path": "data/contents"},
        {"status": 204, "body": b"x"},
        {"status": 204, "drop": "body"},
        {"drop": "body", "body": b"x"},
        {"drop": "before", "status": 503},
        {"drop": "before", "headers": {"a": "b"}},
        {"drop": "body", "token": "expired"},
        {"empty": True, "status": 200},
        {"empty": True, "token": "expired"},
        {"empty": True, "drop": "before"},
        {"status": 503, "headers": {"bad name": "x"}},
        {"status": 503, "headers": {"name": "x\r\ninjected: y"}},
        {"status": 503, "headers": {"Content-Length": "3"}},
        {"status": 503, "body": b"", "content_type": "a\nb"},
    ],
)
def test_nonsense_is_refused_where_it_is_written(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a usable fault: "):
        Fault(**arguments)


def test_a_fault_keeps_its_own_copy_of_the_headers() -> None:
    headers = {"Retry-After": "1"}
    fault = Fault(status=503, headers=headers)
    headers["Retry-After"] = "2"

    assert fault.headers == {"Retry-After": "1"}
    assert fault == Fault(status=503, headers={"Retry-After": "1"})
    assert hash(fault) == hash(Fault(status=503, headers={"Retry-After": "1"}))


def test_the_first_fault_that_matches_wins() -> None:
    faults = Faults()
    other = Fault(status=500, path="/data/assets*")
    first = Fault(status=502)
    second = Fault(status=503)
    for fault in (other, first, second):
        faults.add(fault)

    assert [faults.take("metadata", ANY) for _ in range(3)] == [first, second, None]
    assert [armed.fault for armed in faults.armed()] == [other]


def test_times_and_skip_are_counted() -> None:
    faults = Faults()
    fault = Fault(status=503, skip=2, times=3)
    faults.add(fault)

    assert [faults.take("metadata", ANY) for _ in range(7)] == [None, None, fault, fault, fault, None, None]


def test_a_request_that_one_fault_skips_may_meet_the_next() -> None:
    faults = Faults()
    late, now = Fault(status=502, skip=1), Fault(status=503)
    faults.add(late)
    faults.add(now)

    assert [faults.take("metadata", ANY) for _ in range(3)] == [now, late, None]


def test_a_fault_without_a_number_of_times_stays() -> None:
    faults = Faults()
    faults.add(Fault(status=503, times=None))

    assert all(faults.take("metadata", ANY) for _ in range(50))


@pytest.mark.parametrize(
    ("arguments", "meets"),
    [
        ({"service": "metadata"}, True),
        ({"service": "workflow"}, False),
        ({"method": "get"}, True),
        ({"method": "POST"}, False),
        ({"path": "/data/contents/acme:x"}, True),
        ({"path": "/data/*"}, True),
        ({"path": "*:x"}, True),
        ({"path": "/data/contents"}, False),
        ({"path": "/DATA/*"}, False),
        ({"service": "metadata", "method": "GET", "path": "/data/assets*"}, False),
    ],
)
def test_a_fault_may_concern_some_requests_only(arguments: dict[str, Any], meets: bool) -> None:
    faults = Faults()
    faults.add(Fault(status=503, **arguments))

    assert (faults.take("metadata", Request("GET", "/data/contents/acme%3Ax")) is not None) == meets


def test_empty_and_token_leave_requests_alone_that_they_mean_nothing_to() -> None:
    faults = Faults()
    empty, expired = Fault(empty=True), Fault(token="expired")
    faults.add(empty)
    faults.add(expired)

    assert faults.take("metadata", Request("POST", "/data/contents")) is None
    assert faults.take("registry", Request("GET", "/services/acme")) is None
    assert faults.take("metadata", Request("GET", "/data/contents", headers={"authorization": "Bearer x"})) == empty
    assert faults.take("metadata", Request("GET", "/data/contents", headers={"authorization": "Bearer x"})) == expired


def test_handles_remove_one_fault_once() -> None:
    faults = Faults()
    first = faults.add(Fault(status=502))
    second = faults.add(Fault(status=503))

    assert first != second
    assert faults.remove(first)
    assert not faults.remove(first)
    assert [armed.handle for armed in faults.armed()] == [second]
    faults.clear()
    assert faults.take("metadata", ANY) is None


def test_counts_are_exact_under_concurrency() -> None:
    faults = Faults()
    faults.add(Fault(status=503, times=200, skip=100))
    barrier = threading.Barrier(8)

    def take(_: int) -> int:
        barrier.wait()
        return sum(faults.take("metadata", ANY) is not None for _ in range(100))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 200


# Over HTTP.


def test_a_status_is_answered_in_the_general_shape(sandbox: Sandbox, http: httpx2.Client) -> None:
    sandbox.faults.add(Fault(status=503, headers={"Retry-After": "7"}, times=2))
    answers = [http.get(sandbox.registry_url) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert answers[0].json()["statusCode"] == 503
    assert answers[0].json()["error"] == "Service Unavailable"
    assert answers[0].json()["message"]


def test_a_status_without_a_name_is_answered_too(sandbox: Sandbox, http: httpx2.Client) -> None:
    sandbox.faults.add(Fault(status=599))

    assert http.get(sandbox.registry_url).json()["statusCode"] == 599


def test_a_forced_412_is_the_one_of_the_platform(sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> None:
    url = f"{sandbox.location('metadata')}/data/contents/acme:x"
    body = {"contents": [{"owner": "acme", "name": "x", "type": "movie"}]}
    refused = http.put(url, json=body, headers={**bearer, "if-match": f'"{"0" * 40}"'})
    sandbox.faults.add(Fault(status=412, method="PUT"))
    forced = http.put(url, json=body, headers=bearer)

    assert (forced.status_code, forced.json()) == (refused.status_code, refused.json())
    # One client compares these words.
    assert forced.json()["message"] == "document cannot be changed - versions do not match"
    sandbox.faults.add(Fault(status=412, body=b"{}"))
    assert http.put(url, json=body, headers=bearer).json() == {}


def test_a_forced_401_is_the_one_of_the_platform(sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> None:
    url = f"{sandbox.location('metadata')}/data/contents"
    refused = http.get(url)
    sandbox.faults.add(Fault(status=401))
    forced = http.get(url, headers=bearer)

    assert (forced.status_code, forced.json()) == (401, refused.json())
    assert forced.headers["www-authenticate"] == 'Bearer error="Invalid token"'
    sandbox.faults.add(Fault(status=401, headers={"WWW-Authenticate": "Basic"}))
    assert http.get(url, headers=bearer).headers.get_list("www-authenticate") == ["Basic"]
    assert http.get(url, headers=bearer).status_code == 200


def test_a_body_of_any_type_stands_in_for_the_answer(sandbox: Sandbox, http: httpx2.Client) -> None:
    sandbox.faults.add(Fault(status=502, body=b"<h1>Bad Gateway</h1>", content_type="text/html"))
    sandbox.faults.add(Fault(body=b"not json"))
    sandbox.faults.add(Fault(status=204))
    gateway, broken, bodiless = (http.get(sandbox.registry_url) for _ in range(3))

    assert (gateway.status_code, gateway.headers["content-type"]) == (502, "text/html")
    assert gateway.content == b"<h1>Bad Gateway</h1>"
    assert (broken.status_code, broken.content) == (200, b"not json")
    assert broken.headers["content-type"] == "application/json; charset=utf-8"
    assert (bodiless.status_code, bodiless.content) == (204, b"")


def test_a_replaced_write_changes_nothing(sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> None:
    url = f"{sandbox.location('metadata')}/data/contents"
    document = {"owner": "acme", "name": "never-stored", "type": "movie"}
    sandbox.faults.add(Fault(status=500, method="POST"))

    assert http.post(url, json={"contents": [document]}, headers=bearer).status_code == 500
    assert http.get(f"{url}/acme:never-stored", headers=bearer).status_code == 404


def test_a_connection_dropped_before_the_answer_gives_no_byte(sandbox: Sandbox, http: httpx2.Client) -> None:
    sandbox.faults.add(Fault(drop="before"))

    with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
        http.get(sandbox.registry_url)
    assert sandbox.requests[-1].status is None
    assert http.get(sandbox.registry_url).status_code == 200


def test_a_connection_dropped_in_the_body_gives_half_of_it(sandbox: Sandbox, http: httpx2.Client) -> None:
    sandbox.faults.add(Fault(drop="body", body=b"0123456789", headers={"x-mark": "here"}))

    received = b""
    with http.stream("GET", sandbox.registry_url) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-length"] == "10"
        assert answer.headers["x-mark"] == "here"
        with pytest.raises(httpx2.RemoteProtocolError):  # noqa: PT012 - the pieces before the break count
            for piece in answer.iter_raw():
                received += piece
    assert received == b"01234"
    assert http.get(sandbox.registry_url).status_code == 200


def test_a_write_whose_answer_is_lost_took_effect(
    sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client
) -> None:
    url = f"{sandbox.location('metadata')}/data/contents"
    written = {"contents": [{"owner": "acme", "name": "half-heard", "type": "movie"}]}
    sandbox.faults.add(Fault(drop="body", method="POST"))
    with pytest.raises(httpx2.RemoteProtocolError):
        http.post(url, json=written, headers=bearer)
    assert sandbox.requests[-1].status == 201
    assert http.get(f"{url}/acme:half-heard", headers=bearer).status_code == 200

    # The answer to a delete has no body to cut: not even its head is sent.
    sandbox.faults.add(Fault(drop="body", method="DELETE"))
    with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
        http.delete(f"{url}/acme:half-heard", params={"owner": "acme"}, headers=bearer)
    assert sandbox.requests[-1].status is None
    assert http.get(f"{url}/acme:half-heard", headers=bearer).status_code == 404


def test_a_cut_answer_that_was_given_takes_the_place_of_the_write(
    sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client
) -> None:
    url = f"{sandbox.location('metadata')}/data/contents"
    written = {"contents": [{"owner": "acme", "name": "unheard", "type": "movie"}]}
    sandbox.faults.add(Fault(drop="body", status=503, method="POST"))
    with pytest.raises(httpx2.RemoteProtocolError):
        http.post(url, json=written, headers=bearer)
    assert sandbox.requests[-1].status == 503
    assert http.get(f"{url}/acme:unheard", headers=bearer).status_code == 404


def test_an_expired_token_is_forgotten(sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> None:
    url = f"{sandbox.location('metadata')}/data/contents"
    sandbox.faults.add(Fault(token="expired"))

    answers = [http.get(url, headers=bearer) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].headers["www-authenticate"] == 'Bearer error="Invalid token"'
    assert sandbox.faults.armed() == []


def test_empty_hides_what_is_stored(sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> None:
    url = f"{sandbox.location('metadata')}/data/contents"
    sandbox.load("metadata", "contents", [{"owner": "acme", "name": f"c-{n}", "type": "movie"} for n in range(3)])
    sandbox.load("metadata", "assets", [{"owner": "acme", "name": "a", "type": "image", "contentRef": "acme:c-0"}])
    query = {"owner": "acme", "include": "assets", "perPage": "2", "count": "true"}
    sandbox.faults.add(Fault(empty=True, delay=0.001, headers={"x-mark": "stale"}))

    stale, fresh = (http.get(url, params=query, headers=bearer) for _ in range(2))
    assert stale.status_code == 200
    assert stale.headers["x-mark"] == "stale"
    assert stale.json()["contents"] == []
    assert stale.json()["linked"] == {"assets": []}
    assert stale.json()["meta"]["perPage"] == 2
    assert stale.json()["meta"]["totalCount"] == 0
    assert "next" not in stale.json()["meta"]
    assert "linked" not in stale.json()["meta"]
    assert len(fresh.json()["contents"]) == 2
    assert len(fresh.json()["linked"]["assets"]) == 1

    sandbox.faults.add(Fault(empty=True))
    assert http.get(f"{url}/acme:c-0", headers=bearer).json() == {"meta": {}, "contents": []}
    sandbox.faults.add(Fault(empty=True))
    assert http.get(f"{url}/acme:none", headers=bearer).status_code == 404


def test_headers_alone_are_added_to_the_normal_answer(sandbox: Sandbox, http: httpx2.Client) -> None:
    sandbox.faults.add(Fault(headers={"X-Mark": "here"}))
    answer = http.get(sandbox.registry_url)

    assert answer.headers["x-mark"] == "here"
    assert answer.json()["services"]


def test_a_delay_does_not_hold_up_other_requests(sandbox: Sandbox, http: httpx2.Client) -> None:
    sandbox.faults.add(Fault(delay=3600.0, path="/services/slow"))
    with httpx2.Client(trust_env=False, timeout=0.2) as impatient, pytest.raises(httpx2.ReadTimeout):
        impatient.get(f"{sandbox.location('registry')}/services/slow")

    assert http.get(sandbox.registry_url).status_code == 200


def test_a_delayed_answer_is_the_normal_one(sandbox: Sandbox, http: httpx2.Client) -> None:
    sandbox.faults.add(Fault(delay=0.001))
    sandbox.faults.add(Fault(delay=0.001, status=503))

    assert [http.get(sandbox.registry_url).status_code for _ in range(3)] == [200, 503, 200]


def test_a_preflight_uses_no_fault_up(sandbox: Sandbox, http: httpx2.Client) -> None:
    sandbox.faults.add(Fault(status=503))

    assert http.options(sandbox.registry_url).status_code == 204
    assert http.get(sandbox.registry_url).status_code == 503


def test_counts_are_exact_over_http(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(status=503, times=7, skip=5))

    with httpx2.Client(trust_env=False) as http, ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: http.get(sandbox.registry_url).status_code, range(40)))
    assert statuses.count(503) == 7
    assert statuses.count(200) == 33
