from __future__ import annotations

import json
import logging
import socket
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from sequoia.sandbox import Fault, Sandbox


def raw(location: str, request: bytes) -> bytes:
    """Send bytes as they are, and return everything until the server closes."""
    url = httpx2.URL(location)
    with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


# What every answer has.


@pytest.mark.parametrize("path", ["/services/acme", "/nothing", "/descriptor/raw", "/"])
def test_a_correlation_id_is_echoed_or_made(path: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    url = sandbox.location("registry") + path
    echoed = http.get(url, headers={"X-Correlation-ID": "user/app/1"})
    made = [http.get(url).headers["x-correlation-id"] for _ in range(2)]

    assert echoed.headers["x-correlation-id"] == "user/app/1"
    assert made[0] != made[1]
    assert [str(uuid.UUID(each)) for each in made] == made


def test_refusals_and_faults_have_a_correlation_id_too(sandbox: Sandbox, http: httpx2.Client) -> None:
    headers = {"X-Correlation-ID": "mine"}
    sandbox.faults.add(Fault(status=503, service="registry"))

    assert http.get(sandbox.registry_url, headers=headers).headers["x-correlation-id"] == "mine"
    assert http.get(f"{sandbox.location('metadata')}/data/x", headers=headers).headers["x-correlation-id"] == "mine"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/html, image/gif, *; q=.2, */*; q=.2", "application/json"),
        ("application/vnd.piksel+json, application/json", "application/json"),
        ("application/vnd.piksel+json", "application/vnd.piksel+json"),
        ("APPLICATION/vnd.piksel+json; q=0.9", "application/vnd.piksel+json"),
        ("", "application/json"),
    ],
)
def test_the_content_type_names_its_charset(accept: str, expected: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    answer = http.get(sandbox.registry_url, headers={"accept": accept})

    assert answer.headers["content-type"] == f"{expected}; charset=utf-8"


def test_identity_always_answers_plain_json(sandbox: Sandbox, http: httpx2.Client) -> None:
    url = f"{sandbox.location('identity')}/oauth/token"
    answer = http.post(url, data={}, headers={"accept": "application/vnd.piksel+json"})

    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def test_a_preflight_allows_what_clients_send(sandbox: Sandbox, http: httpx2.Client) -> None:
    asks = {"origin": "https://app.example.com", "access-control-request-method": "PUT"}
    answer = http.options(f"{sandbox.location('metadata')}/data/contents/acme:x", headers=asks)

    assert answer.status_code == 204
    assert answer.content == b""
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "PUT" in answer.headers["access-control-allow-methods"]
    allowed = {name.strip() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert allowed >= {"authorization", "content-type", "if-match", "x-correlation-id"}


def test_a_browser_may_read_every_answer(sandbox: Sandbox, http: httpx2.Client) -> None:
    for url in (sandbox.registry_url, f"{sandbox.location('metadata')}/data/contents"):
        answer = http.get(url, headers={"origin": "https://app.example.com"})

        assert answer.headers["access-control-allow-origin"] == "*"
        assert "x-correlation-id" in answer.headers["access-control-expose-headers"]


def test_head_is_get_without_a_body(sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> None:
    for url in (sandbox.registry_url, f"{sandbox.location('metadata')}/data/contents"):
        full, head = http.get(url, headers=bearer), http.head(url, headers=bearer)

        assert head.status_code == full.status_code == 200
        assert head.content == b""
        assert head.headers["content-length"] == full.headers["content-length"]


# Requests that are unusual.


@pytest.mark.parametrize("name", ["registry", "identity", "metadata", "workflow", "validation"])
def test_the_harmless_paths_answer_and_unknown_ones_do_not(name: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    location = sandbox.location(name)

    assert http.get(f"{location}/docs").json()["name"] == name
    assert http.get(f"{location}/robots.txt").text.startswith("User-agent: *")
    for path in ("/nothing", "//", "/descriptor", "/descriptor/raw/more", "/%2F", "/../etc"):
        answer = http.get(location + path)
        assert answer.status_code == 404
        assert answer.json() == {"statusCode": 404, "error": "Not Found", "message": "Not Found"}


def test_raw_and_encoded_characters_of_a_query_arrive(sandbox: Sandbox) -> None:
    query = b"a=x||y&b=x%7C%7Cy&c=1+2%203&d=<e>:,=&f&a=again"
    request = b"GET /services/acme?" + query + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert raw(sandbox.location("registry"), request).startswith(b"HTTP/1.1 200")

    assert sandbox.requests[-1].query == (
        ("a", "x||y"),
        ("b", "x||y"),
        ("c", "1 2 3"),
        ("d", "<e>:,="),
        ("f", ""),
        ("a", "again"),
    )


def test_a_header_that_comes_twice_is_joined(sandbox: Sandbox) -> None:
    lines = b"Host: x\r\nContent-Type: application/json\r\nContent-Type: application/json; charset=UTF-8\r\n"
    raw(sandbox.location("registry"), b"GET /services/acme HTTP/1.1\r\nConnection: close\r\n" + lines + b"\r\n")

    assert sandbox.requests[-1].headers["content-type"] == "application/json, application/json; charset=UTF-8"


def test_a_long_request_line_is_accepted(sandbox: Sandbox, http: httpx2.Client) -> None:
    answer = http.get(sandbox.registry_url, params={"withRef": "x" * 60_000})

    assert answer.status_code == 200
    assert len(dict(sandbox.requests[-1].query)["withRef"]) == 60_000


def test_a_head_without_end_is_refused(sandbox: Sandbox) -> None:
    # So much of it comes after the refusal that a server which does not read on would reset the connection.
    answer = raw(sandbox.location("registry"), b"GET /services/acme?" + b"x" * 5_000_000)

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"access-control-allow-origin" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["statusCode"] == 400


def test_what_is_no_http_is_refused(sandbox: Sandbox, http: httpx2.Client) -> None:
    answer = raw(sandbox.location("registry"), b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400")
    assert http.get(sandbox.registry_url).status_code == 200


def test_too_large_a_body_is_refused_before_it_is_sent(sandbox: Sandbox) -> None:
    head = b"POST /data/contents HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 67108865\r\n"
    answer = raw(sandbox.location("metadata"), head + b"Expect: 100-continue\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["statusCode"] == 413


def test_a_body_that_grows_too_large_is_refused_and_what_follows_is_not_read(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    head = b"POST /data/contents HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = b"".join(b"100000\r\n%s\r\n" % bytes(2**20) for _ in range(66))
    answer = raw(sandbox.location("metadata"), head + pieces + b"this is no chunk\r\n")

    assert answer.startswith(b"HTTP/1.1 413")
    assert answer.count(b"HTTP/1.1") == 1
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_body_in_pieces_arrives_whole(sandbox: Sandbox, http: httpx2.Client) -> None:
    pieces = [b'{"a": "', b"x" * 200_000, b'"}']
    answer = http.post(f"{sandbox.location('validation')}/v/acme/rule", content=iter(pieces))

    assert answer.status_code == 200
    assert sandbox.requests[-1].body == b"".join(pieces)


def test_a_client_that_hangs_up_is_harmless(
    sandbox: Sandbox, http: httpx2.Client, caplog: pytest.LogCaptureFixture
) -> None:
    url = httpx2.URL(sandbox.location("validation"))
    for request in (b"", b"POST /v/acme/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", b"GET / HTTP"):
        with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
            connection.sendall(request)

    assert http.post(f"{sandbox.location('validation')}/v/acme/x", json={}).status_code == 200
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_handler_that_crashes_is_500_and_logged(
    sandbox: Sandbox, http: httpx2.Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sequoia.sandbox.site.split_path", _crash)
    answer = http.get(f"{sandbox.location('metadata')}/data/contents")
    monkeypatch.undo()

    assert answer.status_code == 500
    assert answer.json()["statusCode"] == 500
    assert answer.json()["error"] == "Internal Server Error"
    assert "x-correlation-id" in answer.headers
    assert sandbox.requests[-1].status == 500
    # The answer comes before the log entry; one more request comes after it.
    assert http.get(sandbox.registry_url).status_code == 200
    assert "the handler is broken" in caplog.text


def _crash(_: str) -> tuple[str, ...]:
    raise RuntimeError("the handler is broken")


# The log.


def test_the_log_has_what_arrived(sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> None:
    http.put(
        f"{sandbox.location('metadata')}/data/contents/acme%3Ax?owner=acme&a=%C3%A9",
        content=b"{",
        headers=bearer | {"If-Match": '"v"'},
    )
    (request,) = sandbox.requests

    assert (request.service, request.method, request.path) == ("metadata", "PUT", "/data/contents/acme%3Ax")
    assert request.query == (("owner", "acme"), ("a", "é"))
    assert request.headers["if-match"] == '"v"'
    assert request.headers["authorization"] == bearer["authorization"]
    assert (request.body, request.status) == (b"{", 400)
    assert bearer["authorization"] not in repr(request)
    assert len(sandbox.requests) == 1
    assert list(sandbox.requests[:1]) == [request]
    sandbox.requests.clear()
    assert list(sandbox.requests) == []


def test_the_log_can_be_read_while_requests_arrive(sandbox: Sandbox) -> None:
    with httpx2.Client(trust_env=False) as http, ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(http.get, sandbox.registry_url) for _ in range(40)]
        seen = [len(list(sandbox.requests)) for _ in range(200)]
        assert all(call.result().status_code == 200 for call in calls)
    assert seen == sorted(seen)
    assert len(sandbox.requests) == 40
