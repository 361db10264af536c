"""Targets in the sandbox: a whole HTTP request, its query, its body and the calls of the admin endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from fuzz.targets import Target
from sequoia.sandbox.admin import Admin, fault_from_json
from sequoia.sandbox.asgi import read_head
from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.descriptors import builtin_descriptors
from sequoia.sandbox.faults import Faults
from sequoia.sandbox.identity import Tokens
from sequoia.sandbox.query import parse_query
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.store import Store
from sequoia.sandbox.wire import Request, WireError

__all__ = ["TARGETS"]

_NOW = "2026-01-01T00:00:00.000Z"
_DOCUMENT = b'{"contents": [{"owner": "acme", "name": "kept", "title": "Kept", "type": "movie"}]}'


@cache
def _service() -> DataService:
    """A data service with one document of `acme`, which nothing sent in the name of another owner may touch."""
    store = Store(None, now=lambda: _NOW)
    service = DataService(Schema.parse(builtin_descriptors()["metadata"]), store, names=lambda: "a" * 24)
    service.handle(Request("POST", "/data/contents", (), {}, _DOCUMENT), user="acme:fuzzer")
    return service


@contextmanager
def _untouched() -> Iterator[DataService]:
    """Whatever is asked in between, the database is whole and still has its document."""
    service = _service()
    try:
        yield service
    finally:
        _check(service)


def _check(service: DataService) -> None:
    reply = service.handle(Request("GET", "/data/contents/acme:kept", (("owner", "acme"),)), user="acme:fuzzer")
    assert b'"acme:kept"' in reply.body


def _parts(data: bytes) -> Request:
    """A request line, an empty line and a body, as a client would send them."""
    head, _, body = data.partition(b"\n\n")
    method, _, target = head.partition(b" ")
    path, _, query = target.partition(b"?")
    scope = {
        "method": method.decode("latin-1") or "GET", "raw_path": path, "query_string": query, "scheme": "http",
        "headers": [(b"host", b"127.0.0.1:8700"), (b"if-match", body[:40])],
    }  # fmt: skip
    request = read_head(scope)
    return Request(request.method, request.path, request.query, request.headers, body)


def _request(data: bytes) -> None:
    request = _parts(data)
    with _untouched() as service:
        if request.method in {"POST", "PUT", "DELETE"} and b"acme" in data:
            return  # a client may well delete what is its own
        service.handle(request, user="other:fuzzer")


def _query(data: bytes) -> None:
    request = _parts(b"GET /data/contents?" + data)
    resource = Schema.parse(builtin_descriptors()["metadata"]).resources["contents"]
    parse_query(resource, request.query, now=_NOW)
    with _untouched() as service:
        service.handle(request, user="acme:fuzzer")


def _store(data: bytes) -> None:
    request = Request("POST", "/data/contents", (), {}, data.replace(b"acme", b"other"))
    with _untouched() as service:
        service.handle(request, user="other:fuzzer")


def _admin(data: bytes) -> None:
    fault_from_json(data)


def _admin_call(data: bytes) -> None:
    faults = Faults()
    reply = Admin(faults, Tokens(3600, _clock)).answer(_parts(data))
    assert reply.status < 500, reply


def _clock() -> float:
    return 0.0


TARGETS = (
    Target("sandbox-query", _query, (
        b"owner=acme&withType=movie||show&perPage=2&sort=-title&fields=ref,title&count=true&include=assets",
        b"q=kept&withTitle=K*&withCreatedAt=2026-01-01/2027&withAlternativeIdentifiers=a:b&continue=true",
        b"owner=acme&count=type&resources=false&include=assets&assets.fields=ref&assets.withType=a&lang=fr",
        b"withTitle=%27%3B%20DROP%20TABLE%20document%3B--&page=1",
    ), (WireError,)),
    Target("sandbox-request", _request, (
        b"GET /data/contents/acme:kept?owner=acme", b"DELETE /data/contents/other:x?owner=other",
        b"GET /data/../../etc/passwd", b"PUT /data/contents/other:x?owner=other\n\n" + _DOCUMENT,
    ), (WireError,)),
    Target("sandbox-store", _store, (_DOCUMENT,), (WireError,)),
    Target("sandbox-fault", _admin, (b'{"status": 503, "times": 2, "headers": {"retry-after": "1"}, "body": "x"}',),
           (WireError,)),
    Target("sandbox-admin", _admin_call, (
        b'POST /sandbox/faults\n\n{"status": 503}', b"DELETE /sandbox/faults/1", b"POST /sandbox/expire-tokens",
    ), (WireError,)),
)  # fmt: skip
