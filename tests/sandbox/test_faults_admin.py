from __future__ import annotations

from typing import Any

import httpx2
import pytest

from sequoia.sandbox import Sandbox


@pytest.fixture
def admin(sandbox: Sandbox) -> str:
    return f"{sandbox.location('registry')}/sandbox"


def test_a_fault_is_armed_listed_and_met(admin: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    added = http.post(
        f"{admin}/faults",
        json={
            "status": 502,
            "body": "<p>é</p>",
            "content_type": "text/html",
            "times": 2,
            "delay": 0,
            "path": "/services/*",
        },
    )
    assert added.status_code == 201
    assert http.get(sandbox.registry_url).content == "<p>é</p>".encode()

    (listed,) = http.get(f"{admin}/faults").json()["faults"]
    assert listed["handle"] == added.json()["handle"]
    assert listed["seen"] == 1
    assert (listed["fault"]["status"], listed["fault"]["body"], listed["fault"]["times"]) == (502, "<p>é</p>", 2)


def test_what_is_listed_can_be_sent_again(admin: str, http: httpx2.Client) -> None:
    http.post(f"{admin}/faults", json={"drop": "body", "times": None, "headers": {"a": "b"}})
    (listed,) = http.get(f"{admin}/faults").json()["faults"]

    assert http.post(f"{admin}/faults", json=listed["fault"]).status_code == 201


def test_one_fault_or_all_are_disarmed(admin: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    handles = [http.post(f"{admin}/faults", json={"status": 503}).json()["handle"] for _ in range(3)]

    assert http.delete(f"{admin}/faults/{handles[1]}").status_code == 204
    assert http.delete(f"{admin}/faults/{handles[1]}").status_code == 404
    assert http.delete(f"{admin}/faults/all").status_code == 404
    assert http.delete(f"{admin}/faults/{'9' * 5_000}").status_code == 404
    assert [armed.handle for armed in sandbox.faults.armed()] == [handles[0], handles[2]]
    assert http.delete(f"{admin}/faults/").status_code == 204
    assert sandbox.faults.armed() == []


def test_tokens_expire_on_request(admin: str, sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> None:
    assert http.post(f"{admin}/expire-tokens").status_code == 204
    assert http.get(f"{sandbox.location('metadata')}/data/contents", headers=bearer).status_code == 401


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"stauts": 503}, "stauts"),
        ({"status": 99}, "99"),
        ({"status": "503"}, "status"),
        ({"status": 503, "times": 0}, "times"),
        ({"drop": "after"}, "drop"),
        ({"headers": {"a": 1}, "status": 503}, "headers"),
        ({}, "nothing"),
        ([], "object"),
    ],
)
def test_a_fault_that_makes_no_sense_is_400_and_names_it(
    body: Any, named: str, admin: str, sandbox: Sandbox, http: httpx2.Client
) -> None:
    answer = http.post(f"{admin}/faults", json=body)

    assert answer.status_code == 400
    assert named in answer.json()["message"]
    assert sandbox.faults.armed() == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_is_400(body: bytes, admin: str, http: httpx2.Client) -> None:
    assert http.post(f"{admin}/faults", content=body).status_code == 400


@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://127.0.0.1"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_web_pages_are_refused(origin: str, method: str, admin: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    answer = http.request(method, f"{admin}/faults", headers={"origin": origin}, content=b'{"status": 503}')

    assert answer.status_code == 403
    assert answer.json()["error"] == "Forbidden"
    assert sandbox.faults.armed() == []


@pytest.mark.parametrize(
    "host", ["rebound.example.com", "rebound.example.com:80", "10.0.0.1", "127.0.0.1.example.com", "["]
)
def test_a_host_that_is_not_loopback_is_refused(host: str, admin: str, http: httpx2.Client) -> None:
    assert http.get(f"{admin}/faults", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:8700", "127.0.0.1", "127.0.0.53:1", "[::1]:80"])
def test_any_name_of_loopback_is_accepted(host: str, admin: str, http: httpx2.Client) -> None:
    assert http.get(f"{admin}/faults", headers={"host": host}).status_code == 200


def test_unknown_paths_and_methods_are_refused(admin: str, http: httpx2.Client) -> None:
    assert http.get(f"{admin}/nothing").status_code == 404
    assert http.put(f"{admin}/faults", json={}).status_code == 405


def test_the_endpoint_is_on_the_port_of_the_registry_only(sandbox: Sandbox, http: httpx2.Client) -> None:
    assert http.get(f"{sandbox.location('metadata')}/sandbox/faults").status_code == 404


def test_admin_calls_are_not_logged_and_meet_no_fault(admin: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    http.post(f"{admin}/faults", json={"status": 503, "times": None})

    assert http.get(f"{admin}/faults").status_code == 200
    assert len(sandbox.requests) == 0
