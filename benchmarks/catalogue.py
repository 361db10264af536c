"""A server with catalogues of any size that is never the bottleneck: every answer is put together from prepared bytes.

An owner's name says how large its catalogue is and how long the answers take: `acme-20000-30` has 20,000 contents,
created ten a second, and sends each answer after 30 ms, to any number of requests at once. Registry, identity and
metadata share one port. `python -m benchmarks.catalogue` prints the port and runs until its standard input is closed.
`GET /stats` says what it had to do.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

from benchmarks.server import content
from sequoia.sandbox.metadata import metadata_descriptor

CATALOGUE = re.compile(r"acme-(\d+)-(\d+)")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
NAME = re.compile(rb'"name": ?"(film-\d{7})"')
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
APART = timedelta(milliseconds=100)
PER_SECOND = timedelta(seconds=1) // APART
SECONDS = [str(FIRST + timedelta(seconds=number))[10:19].replace(" ", "T").encode() for number in range(86_400)]
DAYS = [str(FIRST + timedelta(days=number))[:10].encode() for number in range(12)]
# What contents have but their names and times: the thousand-and-first is like the first.
BODIES = [
    json.dumps(
        {name: value for name, value in content(number).items() if name not in {"ref", "owner", "name", "createdAt"}},
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode()[1:]
    for number in range(1_000)
]


class Span(NamedTuple):
    """The numbers of neighbouring contents; the second one is not among them."""

    start: int
    stop: int


class Reply(NamedTuple):
    """A whole HTTP response, and the seconds after which it is sent."""

    raw: bytes
    delay: float = 0.0


def resource(number: int) -> bytes:
    """The JSON of a content, its ref first."""
    second, tenth = divmod(number, PER_SECOND)
    day, second = divmod(second, 86_400)
    return b'{"ref":"acme:film-%07d","owner":"acme","name":"film-%07d","createdAt":"%b%b.%d00Z",%b' % (
        number, number, DAYS[day], SECONDS[second], tenth, BODIES[number % 1_000],
    )  # fmt: skip


@lru_cache(1_200)  # some 130 MB: enough for the pages of 100,000
def resources(_: str, span: Span) -> bytes:
    """The resources of a page of an owner; a scan of another owner's does not find them prepared."""
    return b",".join(map(resource, range(*span)))


def created(total: int, ranges: list[str]) -> Span:
    """Which of a catalogue's contents were created in all of these ranges.

    Args:
        total: How many there are.
        ranges: `from/to`, with both ends, each of which may be left out; `*` for any time, `!*` for none.
    """
    start, stop = 0, total
    for one in ranges:
        if one == "*":
            continue
        if one == "!*":
            return Span(0, 0)
        low, _, high = one.partition("/")
        if low:
            start = max(start, -((FIRST - datetime.fromisoformat(low)) // APART))
        if high:
            stop = min(stop, (datetime.fromisoformat(high) - FIRST) // APART + 1)
    return Span(start, max(start, stop))


class Catalogues:
    """Makes the answers, and counts what it did.

    Args:
        port: Where the server listens.
    """

    def __init__(self, port: int) -> None:
        origin = f"http://127.0.0.1:{port}"
        services = [{"owner": "root", "name": n, "title": n, "location": origin} for n in ("identity", "metadata")]
        self._registry = _json({"services": services, "meta": {}})
        self._token = _json({"access_token": "0" * 40, "token_type": "bearer", "expires_in": 36000})
        self._descriptor = _json(metadata_descriptor())
        self._requests = 0
        self._stored: set[bytes] = set()

    def reply(self, method: bytes, target: str, body: bytes) -> Reply:
        """The answer to a request."""
        parts = urlsplit(target)
        if not parts.path.startswith("/data/contents"):
            return Reply(self._service(parts.path))
        self._requests += 1
        query = parse_qs(parts.query)
        owner = query["owner"][0]
        found = CATALOGUE.fullmatch(owner)
        assert found is not None, owner  # noqa: S101 - no other owner's name is made up here
        total, delay = int(found[1]), int(found[2]) / 1000
        if method == b"POST":
            self._stored.update(NAME.findall(body))
            return Reply(_response(body), delay)
        ref = parts.path.removeprefix("/data/contents/").replace("%3A", ":").removeprefix("acme:film-")
        if ref.isdigit():
            return Reply(_response(b'{"meta":{},"contents":[%b]}' % resource(int(ref))), delay)
        return Reply(_page(owner, query, created(total, query.get("withCreatedAt", []))), delay)

    def _service(self, path: str) -> bytes:
        if path.startswith("/services/"):
            return self._registry
        if path.startswith("/oauth/token"):
            return self._token
        if path.startswith("/descriptor/raw"):
            return self._descriptor
        assert path == "/stats", path  # noqa: S101 - as above
        stats = {"cpu": time.process_time(), "requests": self._requests, "stored": len(self._stored)}
        self._stored.clear()
        return _json(stats)


def _page(owner: str, query: dict[str, list[str]], found: Span) -> bytes:
    """A page of a browse: with a token, the one at the token; with a count and no resources, no more than that."""
    meta: dict[str, object] = {"perPage": int(query.get("perPage", ["100"])[0])}
    if "count" in query:
        meta["totalCount"] = found.stop - found.start
    here = query.get("continue", ["true"])[0]
    start = int(here) if here.isdigit() else found.start
    stop = min(start + int(query.get("perPage", ["100"])[0]), found.stop)
    if query.get("resources") == ["false"]:
        return _json({"meta": meta, "contents": []})
    if query.get("sort") == ["-createdAt"]:
        assert stop - start <= 1, query  # noqa: S101 - nobody reads the catalogue backwards
        start, stop = max(found.stop - 1, found.start), found.stop
    elif stop < found.stop and "continue" in query:
        given = [(name, value) for name, values in query.items() if name != "continue" for value in values]
        rest = "&".join(f"{name}={quote(value)}" for name, value in given)
        meta["continue"] = f"/data/contents?continue={stop}&{rest}"
    head = json.dumps(meta, separators=(",", ":")).encode()
    return _response(b'{"meta":%b,"contents":[%b]}' % (head, resources(owner, Span(start, stop))))


def _json(body: object) -> bytes:
    return _response(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())


def _response(body: bytes) -> bytes:
    # No charset, as real services send it: the old SDK then guesses, as it does in production.
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.piksel+json\r\nContent-Length: %d\r\n\r\n" % len(body)
    return head + body


class Connection(asyncio.Protocol):
    """Just enough HTTP/1.1, one request at a time on each connection."""

    def __init__(self, catalogues: Catalogues) -> None:
        self._catalogues = catalogues
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP server's transports are
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a request that is whole, now or later."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end])
        found = None if head.startswith(b"GET ") else LENGTH.search(head)
        whole = end + 4 + (int(found[1]) if found else 0)
        if len(self._received) < whole:
            return
        body = bytes(self._received[end + 4 : whole])
        del self._received[:whole]
        method, target, _ = head.split(b" ", 2)
        raw, delay = self._catalogues.reply(method, target.decode("ascii"), body)
        if delay:
            asyncio.get_running_loop().call_later(delay, self._transport.write, raw)
        else:
            self._transport.write(raw)


async def main() -> None:
    """Serve until standard input is closed."""
    loop = asyncio.get_running_loop()
    catalogues: list[Catalogues] = []
    # A thousand clients may connect at once.
    server = await loop.create_server(lambda: Connection(catalogues[0]), "127.0.0.1", 0, backlog=1_024)
    port = server.sockets[0].getsockname()[1]
    catalogues.append(Catalogues(port))
    print(port, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
