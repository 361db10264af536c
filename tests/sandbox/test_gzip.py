"""Answers in gzip, for clients that want it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import httpx2
import pytest

from sequoia.sandbox import Fault, Sandbox
from sequoia.sandbox.coding import SMALLEST, prefers_gzip


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(gzip=True) as sandbox:
        yield sandbox


def raw(http: httpx2.Client, url: str, accept: str, method: str = "GET") -> tuple[httpx2.Response, bytes]:
    """The answer, and its body as it came over the wire."""
    with http.stream(method, url, headers={"accept-encoding": accept}) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("gzip", True),
        ("gzip, deflate", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip;q=1.0, identity;q=0.5, *;q=0", True),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("identity;q=0, *", True),
        (" gzip ; q = 0.001 ", True),
        ("", False),
        ("identity", False),
        ("deflate, br", False),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("*;q=0", False),
        ("identity, gzip;q=0.5", False),
        ("identity;q=0.8, *;q=0.3", False),
        ("gzip;q=nothing", False),
        ("gzip;q=nan", False),
        (",,;", False),
    ],
)
def test_accept_encoding_is_read_as_rfc_9110_says(accept: str, expected: bool) -> None:
    assert prefers_gzip(accept) is expected


def test_a_large_answer_comes_compressed_with_the_length_that_is_sent(sandbox: Sandbox, http: httpx2.Client) -> None:
    url = f"{sandbox.location('metadata')}/descriptor/raw"
    plain, full = raw(http, url, "identity")
    coded, body = raw(http, url, "gzip")
    assert coded.headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == full
    assert int(coded.headers["content-length"]) == len(body) < len(full) / 2
    assert "content-encoding" not in plain.headers
    assert int(plain.headers["content-length"]) == len(full)
    assert plain.headers["vary"] == coded.headers["vary"] == "Accept-Encoding"
    assert http.get(url).json()["name"] == "metadata"  # as any HTTP client reads it


def test_head_tells_the_length_that_get_would_have(sandbox: Sandbox, http: httpx2.Client) -> None:
    url = f"{sandbox.location('metadata')}/descriptor/raw"
    (head, nothing), (_, body) = raw(http, url, "gzip", "HEAD"), raw(http, url, "gzip")
    assert nothing == b""
    assert int(head.headers["content-length"]) == len(body)


def test_a_small_answer_and_none_at_all_stay_as_they_are(sandbox: Sandbox, http: httpx2.Client) -> None:
    for url, method in ((sandbox.location("metadata"), "GET"), (sandbox.registry_url, "OPTIONS")):
        answer, body = raw(http, url, "gzip", method)
        assert len(body) < SMALLEST
        assert "content-encoding" not in answer.headers
        assert "vary" not in answer.headers


def test_the_sdk_s_client_reads_and_writes_as_ever(sandbox: Sandbox) -> None:
    films = [{"owner": "acme", "name": f"f-{n}", "title": "Aria", "type": "movie"} for n in range(50)]
    with sandbox.client() as client:
        client.metadata.contents.store("acme", films)
        answer = client.metadata.contents.browse("acme")
    assert len(answer.resources) == 50
    assert answer.headers["content-encoding"] == "gzip"


def test_faults_have_their_bodies_compressed_and_their_own_coding_left_alone(
    sandbox: Sandbox, http: httpx2.Client
) -> None:
    page = b"<html>" + b"busy " * 1000
    sandbox.faults.add(Fault(status=503, body=page, content_type="text/html"))
    answer = http.get(sandbox.registry_url)
    assert (answer.status_code, answer.headers["content-encoding"], answer.content) == (503, "gzip", page)
    sandbox.faults.add(Fault(status=503, body=page, headers={"Content-Encoding": "gzip"}))
    answer, body = raw(http, sandbox.registry_url, "gzip")
    assert body == page
    sandbox.faults.add(Fault(drop="body", service="metadata"))
    with pytest.raises(httpx2.RemoteProtocolError):
        http.get(f"{sandbox.location('metadata')}/descriptor/raw")


def test_it_is_off_unless_it_is_asked_for(http: httpx2.Client) -> None:
    with Sandbox() as sandbox:
        answer, _ = raw(http, f"{sandbox.location('metadata')}/descriptor/raw", "gzip")
    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers
