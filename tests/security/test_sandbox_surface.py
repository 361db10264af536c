"""The sandbox against strangers: what is asked of it by hostile requests, and by web pages of other origins."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from sequoia.sandbox import Sandbox

INJECTIONS = [
    "'; DROP TABLE document; --",
    "' OR '1'='1",
    '" OR 1=1 --',
    "a' UNION SELECT body FROM document --",
    "\x00'",
    "%",
    "_",
    "a\\",
]
PARAMETERS = [
    "owner",
    "withType",
    "withTitle",
    "withCreatedAt",
    "withAlternativeIdentifiers",
    "withScore",
    "q",
    "sort",
    "fields",
    "include",
    "count",
    "continue",
    "page",
    "perPage",
    "lang",
    "resources",
    "active",
    "available",
    "assets.withType",
    "withX' OR 1=1 --",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data") / "sandbox.sqlite"


@pytest.fixture(scope="module")
def sandbox(place: Path) -> Iterator[Sandbox]:
    """Two owners with a document each; nothing that one sends may reach that of the other."""
    with Sandbox(data=place) as running:
        for owner in ("acme", "other"):
            running.load("metadata", "contents", [{"owner": owner, "name": "kept", "title": "Kept", "type": "movie"}])
        yield running
    with closing(sqlite3.connect(place)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.fixture(scope="module")
def http(sandbox: Sandbox) -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False, timeout=10, base_url=sandbox.location("metadata")) as client:
        token = client.post(
            f"{sandbox.location('identity')}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(sandbox.client_id, sandbox.client_secret),
        ).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


def whole(sandbox: Sandbox, http: httpx2.Client) -> None:
    for owner in ("acme", "other"):
        found = http.get(f"/data/contents/{owner}:kept", params={"owner": owner}).json()["contents"]
        assert [one["ref"] for one in found] == [f"{owner}:kept"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_any_parameter_is_a_text_or_refused(sandbox: Sandbox, http: httpx2.Client, text: str) -> None:
    for name in PARAMETERS:
        answer = http.get("/data/contents", params={"owner": "acme", "include": "assets", name: text})

        assert answer.status_code in {200, 400}, name
        if answer.status_code == 200:
            assert not any(one["ref"] == "other:kept" for one in answer.json()["contents"]), name
    whole(sandbox, http)


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_paths_and_bodies_is_a_text_or_refused(sandbox: Sandbox, http: httpx2.Client, text: str) -> None:
    path = quote(text, safe="")
    for method in ("GET", "PUT", "DELETE"):
        for url in (f"/data/{path}", f"/data/contents/{path}", f"/data/contents/acme:{path}?owner=acme"):
            assert http.request(method, url, content=b"{}").status_code in {204, 400, 404, 405}
    body = {"contents": [{"owner": "acme", "name": text, "title": text, text: text}]}
    assert http.post("/data/contents", json=body).status_code == 400
    named = {"contents": [{"owner": "acme", "name": "sql", "title": f"x{text}x", "type": "movie"}]}
    stored = http.post("/data/contents", json=named)
    assert stored.status_code in {200, 201, 400}
    if stored.status_code != 400:
        read = http.get("/data/contents/acme:sql", params={"owner": "acme"}).json()["contents"]
        assert read[0]["title"] == f"x{text}x"
    whole(sandbox, http)


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/data/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/data/contents/..%2f..%2fetc%2fpasswd",
        "/descriptor/raw/../../etc/passwd",
        "//etc/passwd",
        "/data//contents",
        "/data/contents/%00",
        "/.git/config",
        "/%ff",
        "/%",
    ],
)
def test_a_path_leads_to_no_file(sandbox: Sandbox, path: str) -> None:
    head, _ = raw(sandbox, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())

    assert head.split()[1] in {b"400", b"401", b"404"}
    assert b"root:" not in head


def test_numbers_beyond_all_bounds_are_refused(http: httpx2.Client) -> None:
    for name in ("perPage", "page"):
        for number in ("0", "-1", "101", "1000000000", "9" * 5_000, "1e3", "٣", " 5", "5 ", "+5", "0x10", "NaN"):
            allowed = {200} if (name, number) == ("page", "101") else {400}
            assert http.get("/data/contents", params={"owner": "acme", name: number}).status_code in allowed


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"contents": [' * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe",
        b"\x00" * 1_000_000,
        b"1" * 1_000_000,
        b"",
        b'{"contents": "x"}',
        b'{"contents": [[]]}',
        b'{"contents": [{"owner": {}, "name": []}]}',
        b"null",
        b"NaN",
    ],
)
def test_a_body_that_is_none_is_400(http: httpx2.Client, body: bytes) -> None:
    for method, path in (("POST", "/data/contents"), ("PUT", "/data/contents/acme:x?owner=acme")):
        assert http.request(method, path, content=body).status_code == 400


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GARBAGE\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX y: z\r\n\r\n",
        b"POST /data/contents HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /data/contents HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"POST /data/contents HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /data/contents HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /data/contents HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 400_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 400_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_the_sandbox_goes_on(
    sandbox: Sandbox, http: httpx2.Client, request_bytes: bytes
) -> None:
    head, _ = raw(sandbox, request_bytes)

    assert head[:9] in {b"", b"HTTP/1.1 "}
    assert head[9:12] in {b"", b"400", b"401", b"404", b"413", b"501", b"302"}
    whole(sandbox, http)


def raw(sandbox: Sandbox, request: bytes) -> tuple[bytes, bytes]:
    """Send bytes to the metadata service, hang up one's own side, and read what comes back."""
    port = int(sandbox.location("metadata").rpartition(":")[2])
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65_536):
                answer += piece
        except OSError:
            pass  # it hung up on us, as it may
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


# The admin endpoint, which has no password


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"Origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "same-origin"},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost.evil.example:80"},
        {"host": ""},
        {"host": "evil.example", "x-forwarded-host": "localhost"},
        {"host": "[::ffff:10.0.0.1]"},
        {"host": "localhost:80@evil.example"},
        {"host": "localhost,evil.example"},
        {"host": "2130706433"},
    ],
)
def test_a_web_page_cannot_use_the_admin_endpoint(
    sandbox: Sandbox, http: httpx2.Client, headers: dict[str, str]
) -> None:
    admin = f"{sandbox.location('registry')}/sandbox"
    for method, path in (("POST", "faults"), ("GET", "faults"), ("DELETE", "faults"), ("POST", "expire-tokens")):
        answer = http.request(method, f"{admin}/{path}", headers=headers, content=b'{"status": 503}')
        assert answer.status_code == 403, (method, path)

    assert sandbox.faults.armed() == []
    whole(sandbox, http)  # the token still works


@pytest.mark.parametrize(
    "path", ["/%73andbox/faults", "//sandbox/faults", "/sandbox/../sandbox/faults", "/SANDBOX/faults"]
)
def test_no_other_spelling_of_its_path_gets_round_that(sandbox: Sandbox, path: str) -> None:
    port = int(sandbox.location("registry").rpartition(":")[2])
    request = f"POST {path} HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 15\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request.encode() + b'{"status": 503}')
        assert connection.recv(65_536).split()[1] in {b"403", b"404"}

    assert sandbox.faults.armed() == []


def test_the_program_itself_may_use_it(sandbox: Sandbox, http: httpx2.Client) -> None:
    admin = f"{sandbox.location('registry')}/sandbox"

    assert http.get(f"{admin}/faults", headers={"sec-fetch-site": "none"}).status_code == 200
