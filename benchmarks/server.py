"""A server that is never the bottleneck: every answer is prepared bytes, looked up by the request's target.

It plays registry, identity and metadata on one port; real services have a port each, but prepared answers do not
care. `python -m benchmarks.server` prints its port and runs until its standard input is closed.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from urllib.parse import parse_qs, urlsplit

RESOURCES = 25_000
PAGE_SIZES = (100, 500)
PLAIN = "plain"  # the owner of the catalogue without a letter beyond ASCII
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def content(number: int) -> dict[str, object]:
    """A content as a broadcaster's catalogue has it: some twenty fields, about a kilobyte, a title with umlauts."""
    name = f"film-{number:07}"
    return {
        "ref": f"acme:{name}",
        "owner": "acme",
        "name": name,
        "alternativeIdentifiers": {"house": f"H{number:08}", "isan": f"0000-0000-{number:04X}"},
        "title": f"Der Leuchtturmwärter: Château de Sables, part {number}",
        "tags": ["drama", "coast", f"batch-{number % 50}"],
        "createdAt": "2024-03-01T08:15:30.123Z",
        "createdBy": "root:ingest",
        "updatedAt": "2024-06-11T17:45:00.456Z",
        "updatedBy": "root:ingest",
        "version": f"{number:040x}",
        "type": "movie",
        "sortTitle": f"lighthouse keeper {number:07}",
        "mediumSynopsis": "A keeper, a storm and a ship that should not be there: what the light shows, nobody wants "
        "to have seen. " * 2,
        "shortSynopsis": "A keeper, a storm and a ship that should not be there.",
        "releaseYear": 1950 + number % 75,
        "duration": "PT1H42M",
        "ratings": {"BBFC": "PG"},
        "active": True,
        "availabilityStartAt": "2024-01-01T00:00:00.000Z",
        "categoryRefs": [f"acme:genre-{number % 12}", f"acme:mood-{number % 7}"],
        "custom": {"house": "A", "shelf": number % 100, "checked": number % 2 == 0},
    }


def plain(resource: dict[str, object]) -> dict[str, object]:
    """The same with nothing but ASCII in it."""
    return {**resource, "title": "The Lighthouse Keeper: Castle of the Sands, part 7"}


def pages(per_page: int, total: int, *, ascii_only: bool = False) -> dict[str, bytes]:
    """The pages of a browse with `continue`, by their token; the first one's is `true`."""
    made = plain if ascii_only else dict
    owner = PLAIN if ascii_only else "acme"
    found: dict[str, bytes] = {}
    for start in range(0, total, per_page):
        body: dict[str, object] = {
            "meta": {"perPage": per_page},
            "contents": [made(content(n)) for n in range(start, start + per_page)],
        }
        if start + per_page < total:
            link = f"/data/contents?continue=t{start + per_page}&owner={owner}&perPage={per_page}&total={total}"
            body["meta"] = {"perPage": per_page, "continue": link}
        found["true" if start == 0 else f"t{start}"] = _response(body)
    return found


class Prepared:
    """Every answer that the benchmarks ask for."""

    def __init__(self, port: int) -> None:
        origin = f"http://127.0.0.1:{port}"
        services = [{"owner": "root", "name": n, "title": n, "location": origin} for n in ("identity", "metadata")]
        self._registry = _response({"services": services, "meta": {}})
        self._token = _response({"access_token": "0" * 40, "token_type": "bearer", "expires_in": 36000})
        self._one = {
            "acme": _response({"meta": {}, "contents": [content(1)]}),
            PLAIN: _response({"meta": {}, "contents": [plain(content(1))]}),
        }
        self._pages = {("acme", size, total): pages(size, total) for size in PAGE_SIZES for total in (5_000, RESOURCES)}
        self._pages[PLAIN, 100, 5_000] = pages(100, 5_000, ascii_only=True)

    def answer(self, target: str) -> bytes:
        """The whole HTTP response for a request target."""
        parts = urlsplit(target)
        if parts.path.startswith("/services/"):
            return self._registry
        if parts.path == "/oauth/token":
            return self._token
        query = parse_qs(parts.query)
        if parts.path != "/data/contents":
            return self._one[query["owner"][0]]
        key = query["owner"][0], int(query["perPage"][0]), int(query["total"][0])
        return self._pages[key][query["continue"][0]]


class Connection(asyncio.Protocol):
    """Just enough HTTP/1.1: requests with a short head and, at most, a body that comes along with it."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP server's transports are
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            found = None if head.startswith(b"GET ") else LENGTH.search(head)
            length = int(found[1]) if found else 0
            if len(self._received) < end + 4 + length:
                return
            self._received = self._received[end + 4 + length :]
            self._transport.write(self._prepared.answer(head.split(b" ", 2)[1].decode("ascii")))


def _response(body: object) -> bytes:
    raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    # No charset, as real services send it: the old SDK then guesses, as it does in production.
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.piksel+json\r\nContent-Length: {len(raw)}\r\n\r\n"
    return head.encode() + raw


async def main() -> None:
    """Serve until standard input is closed."""
    loop = asyncio.get_running_loop()
    prepared: list[Prepared] = []
    server = await loop.create_server(lambda: Connection(prepared[0]), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    prepared.append(Prepared(port))
    print(port, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
