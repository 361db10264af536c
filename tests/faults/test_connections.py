"""Connections that break, lie or drip: the documented error or recovery, no hang, no write twice, none left open."""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass
from typing import Any

import pytest
from tests.contract.conftest import Connect
from tests.contract.servers import unused_origin
from tests.faults.raw import FILM, PATIENCE, TOO_MUCH, Behaviour, RawPlatform, Wire, answer

from sequoia import Client, InstantClock
from sequoia.error import ClientError, ConnectionError, DecodeError, Timeout

PAGE = answer(b'{"meta": {}, "contents": [{"ref": "acme:x"}]}')
HEAD, _, BODY = PAGE.partition(b"\r\n\r\n")
HALF = PAGE[:-20]
PACKED = gzip.compress(BODY)
# A limit of 1 MB is put on the answers here; this one is a thousandth of what it holds.
BOMB = gzip.compress(b'{"meta": {}, "contents": ["' + b"x" * 30_000_000 + b'"]}')
LIMIT = 1_000_000


@dataclass(frozen=True)
class Case:
    """One way to go wrong, and the error that it is; `repeated` tells whether another try is made of a read."""

    name: str
    behave: Behaviour
    error: type[ClientError]
    repeated: bool = True

    def __str__(self) -> str:
        return self.name


def sending(data: bytes, end: str = "close") -> Behaviour:
    def behave(wire: Wire) -> None:
        wire.send(data)
        if end != "stay":
            {"close": wire.close, "reset": wire.reset, "wait": wire.wait}[end]()

    return behave


def dripping(first: bytes, then: bytes) -> Behaviour:
    def behave(wire: Wire) -> None:
        wire.send(first)
        wire.drip(then)

    return behave


def packed(body: bytes, coding: str = "gzip") -> bytes:
    return answer(body, content_encoding=coding)


BROKEN = [
    Case("reset before the answer", sending(b"", "reset"), ConnectionError),
    Case("closed before the answer", sending(b""), ConnectionError),
    Case("reset in the head", sending(HEAD[:20], "reset"), ConnectionError),
    Case("closed in the head", sending(HEAD[:20]), ConnectionError),
    Case("reset before the body", sending(HEAD + b"\r\n\r\n", "reset"), ConnectionError),
    Case("reset in the body", sending(HALF, "reset"), ConnectionError),
    Case("closed in the body", sending(HALF), ConnectionError),
    Case(
        "closed in a chunk",
        sending(answer(b"ff\r\n{", transfer_encoding="chunked", content_length="")),
        ConnectionError,
    ),
    Case("a length above the body's", sending(answer(BODY, content_length="500")), ConnectionError),
    Case("a length that is none", sending(answer(BODY, content_length="many")), ConnectionError),
    Case("a length below nothing", sending(answer(BODY, content_length="-1")), ConnectionError),
    Case("two lengths", sending(answer(BODY, content_length="4\r\ncontent-length: 5")), ConnectionError),
    Case("not HTTP", sending(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), ConnectionError),
    Case("a head without end", sending(b"HTTP/1.1 200 OK\r\nx-long: " + b"x" * 500_000), ConnectionError),
    Case("a length below the body's", sending(answer(BODY, content_length="9")), DecodeError, repeated=False),
    Case("broken gzip", sending(packed(b"\x1f\x8bno gzip"), "stay"), DecodeError, repeated=False),
    Case(
        "gzip with a broken middle",
        sending(packed(PACKED[:20] + b"!!" + PACKED[22:]), "stay"),
        DecodeError,
        repeated=False,
    ),
    Case("half of a gzip", sending(packed(PACKED[:-25]), "stay"), DecodeError, repeated=False),
    Case("gzip in name only", sending(packed(BODY), "stay"), DecodeError, repeated=False),
    Case("half a body, with its length", sending(answer(BODY[:-5]), "stay"), DecodeError, repeated=False),
    Case("too large", sending(answer(b" " * (LIMIT + 1)), "stay"), DecodeError, repeated=False),
    Case(
        "too large, without a length",
        sending(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (LIMIT + 1)),
        DecodeError,
        repeated=False,
    ),
    Case("a body without end", dripping(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 200_000), DecodeError, repeated=False),
    Case("a bomb", sending(packed(BOMB), "stay"), DecodeError, repeated=False),
    Case("a bomb in a bomb", sending(packed(gzip.compress(BOMB), "gzip, gzip"), "stay"), DecodeError, repeated=False),
]
# The time for the whole request is four times that for each phase; no byte is late.
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED, NAMED = b"transfer-encoding: chunked\r\n\r\n", b"\x1f\x8b\x08\x08" + bytes(6)
LATE = [
    Case("silence", Wire.wait, Timeout),
    Case("silence in the body", sending(HALF, "wait"), Timeout),
    Case("a head that drips", dripping(OK + b"x-slow: ", b"x"), Timeout),
    Case("headers that drip", dripping(OK, b"x-slow: x\r\n"), Timeout),
    Case("an early hint again and again", dripping(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), Timeout),
    Case("a body that drips", dripping(OK + b"\r\n", b" "), Timeout),
    Case("a chunk that drips", dripping(OK + CHUNKED, b"1\r\n \r\n"), Timeout),
    Case("a gzip that drips", dripping(OK + b"content-encoding: gzip\r\n\r\n" + NAMED, b"x"), Timeout),
]


def connected(connect: Connect, platform: RawPlatform, **options: Any) -> Client:
    given = {"clock": InstantClock(), "max_response_bytes": LIMIT, **options}
    return connect(platform.registry_url, **given)


def check_usable(client: Client, platform: RawPlatform) -> None:
    """The client goes on working, with no connection more than it needs, and leaves none behind."""
    platform.always = None
    for _ in range(3):
        assert client.metadata.contents.browse("acme").resource == FILM
    client.close()
    assert platform.has_no_connection()


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_a_read_whose_answer_is_broken(connect: Connect, platform: RawPlatform, case: Case) -> None:
    client = connected(connect, platform)
    contents = client.metadata.contents
    platform.behaviours.append(case.behave)
    if case.repeated:
        assert contents.browse("acme").resource == FILM
        assert len(platform.arrived) == 2
    else:
        with pytest.raises(case.error):
            contents.browse("acme")
        assert len(platform.arrived) == 1
    platform.always = case.behave
    platform.arrived.clear()
    with pytest.raises(case.error) as failed:
        contents.read("acme", "acme:x", backoff_strategy={"max_tries": 3, "interval": 0})
    assert type(failed.value) is case.error
    assert len(platform.arrived) == (3 if case.repeated else 1)
    check_usable(client, platform)


@pytest.mark.parametrize("case", [*BROKEN, *LATE], ids=str)
def test_a_write_that_may_write_twice_is_sent_once(connect: Connect, platform: RawPlatform, case: Case) -> None:
    client = connected(connect, platform, **({"request_timeout": 0.1} if case in LATE else {}))
    platform.behaviours.append(case.behave)
    with pytest.raises(case.error):
        client.metadata.contents.store("acme", {"owner": "acme", "type": "movie"})
    assert [one.method for one in platform.arrived] == ["POST"]
    check_usable(client, platform)


@pytest.mark.parametrize("case", LATE, ids=str)
def test_a_read_whose_answer_does_not_come_to_its_end(connect: Connect, platform: RawPlatform, case: Case) -> None:
    client = connected(connect, platform, request_timeout=0.1)
    platform.behaviours.extend([case.behave, case.behave])
    with pytest.raises(Timeout, match="no answer in time") as late:
        client.metadata.contents.browse("acme", backoff_strategy={"max_tries": 2, "interval": 0})
    assert late.value.tries == len(platform.arrived) == 2
    assert late.value.sent
    check_usable(client, platform)


def test_an_answer_that_is_slow_but_not_too_slow_is_read(connect: Connect, platform: RawPlatform) -> None:
    client = connected(connect, platform)

    def slowly(wire: Wire) -> None:
        for byte in PAGE:
            wire.send(bytes([byte]))

    platform.behaviours.append(slowly)
    assert client.metadata.contents.browse("acme").resource == {"ref": "acme:x"}


def test_an_upload_that_nobody_takes_ends(connect: Connect, platform: RawPlatform) -> None:
    client = connected(connect, platform, request_timeout=0.1)
    over = threading.Event()

    def leave(wire: Wire) -> None:
        assert over.wait(PATIENCE)

    platform.behaviours.append(leave)
    with pytest.raises(Timeout):
        client.request("POST", f"{platform.origin}/b/upload", content=b"x" * (TOO_MUCH * 50))
    over.set()
    check_usable(client, platform)


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_connection_that_went_stale_is_not_an_error(connect: Connect, platform: RawPlatform, end: str) -> None:
    """The server hangs up behind an answer, as gateways do with idle connections."""
    client = connected(connect, platform)
    platform.behaviours.append(sending(PAGE, end))
    client.metadata.contents.browse("acme")
    assert platform.has_no_connection()
    platform.arrived.clear()
    stored = client.metadata.contents.store("acme", {"owner": "acme", "type": "movie"})
    assert stored.status == 201
    assert len(platform.arrived) == 1
    check_usable(client, platform)


def test_an_answer_with_an_announced_end_of_the_connection(connect: Connect, platform: RawPlatform) -> None:
    client = connected(connect, platform)
    platform.behaviours.append(sending(answer(BODY, connection="close")))
    assert client.metadata.contents.browse("acme").resource == {"ref": "acme:x"}
    check_usable(client, platform)


def test_nobody_listens(connect: Connect, platform: RawPlatform) -> None:
    client = connected(connect, platform)
    url = f"{unused_origin()}/x"
    with pytest.raises(ConnectionError, match="no connection") as refused:
        client.request("POST", url, json={}, backoff_strategy={"max_tries": 3, "interval": 0})
    assert refused.value.tries == 3  # it was not sent, so it cannot have been carried out
    assert not refused.value.sent
    check_usable(client, platform)


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_the_limit_is_of_the_decompressed_body(connect: Connect, platform: RawPlatform, coding: str) -> None:
    client = connected(connect, platform)

    def body(size: int) -> Behaviour:
        plain = BODY + b" " * (size - len(BODY))
        return sending(packed(gzip.compress(plain)) if coding == "gzip" else answer(plain), "stay")

    platform.behaviours.extend([body(LIMIT), body(LIMIT + 1)])
    assert client.metadata.contents.browse("acme").resource == {"ref": "acme:x"}
    with pytest.raises(DecodeError, match=r"is larger than 1,000,000 bytes.*max_response_bytes") as large:
        client.metadata.contents.browse("acme")
    assert f"{platform.origin}/data/contents?owner=acme" in str(large.value)
    check_usable(client, platform)
