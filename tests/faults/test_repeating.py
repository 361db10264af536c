"""The table of the documentation that says which operation is repeated when, cell by cell: what arrived is counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.contract.conftest import Connect
from tests.contract.servers import Arrived
from tests.faults.raw import FILM, Behaviour, RawPlatform, Wire, as_json

from sequoia import Client, InstantClock
from sequoia.error import ClientError, ConnectionError, HttpError, RequestError, Timeout

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
TRIES = {"max_tries": 2, "interval": 0}


def table() -> dict[tuple[str, str], str]:
    """The cells: by operation and fault, `yes` or `no`."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in _lines()]
    faults = rows[0][1:]
    return {(row[0], fault): cell for row in rows[2:] for fault, cell in zip(faults, row[1:], strict=True)}


def _lines() -> list[str]:
    section = PAGE.read_text(encoding="utf-8").partition("## Which operation is repeated when")[2]
    return re.findall(r"^\|.*\|$", section.partition("\n## ")[0], re.MULTILINE)


@dataclass(frozen=True)
class Doing:
    """An operation: what is called, given the origin of the service, and which requests are the ones that count."""

    act: Callable[[Client, str], Any]
    counts: Callable[[Arrived], bool] = lambda request: request.path.startswith(("/data", "/b"))
    service: str = "metadata"


def contents(client: Client) -> Any:
    return client.metadata.contents


def requesting(method: str) -> Doing:
    return Doing(lambda client, origin: client.request(method, f"{origin}/b/x"))


OPERATIONS = {
    "`read`": Doing(lambda client, _: contents(client).read("acme", "acme:x")),
    "`browse`, a page": Doing(lambda client, _: contents(client).browse("acme").resources),
    "`store`, every resource with a `ref` or a `name`": Doing(
        lambda client, _: contents(client).store("acme", [FILM, {"name": "y"}])
    ),
    "`store`, a resource without both": Doing(lambda client, _: contents(client).store("acme", [FILM, {"title": "z"}])),
    "`update`": Doing(lambda client, _: contents(client).update("acme", FILM, "acme:x", "0" * 40)),
    "`patch`, its update": Doing(
        lambda client, _: contents(client).patch("acme", "acme:x", {"title": "new"}),
        lambda request: request.method == "PUT",
    ),
    "`delete`": Doing(lambda client, _: contents(client).delete("acme", "acme:x")),
    "`business(...).browse`": Doing(lambda client, _: client.metadata.business("/b/$service").browse("x")),
    "`business(...).store`": Doing(
        lambda client, _: client.metadata.business("/b/$service/$owner:$ref").store("x", "acme", {"a": 1}, "r")
    ),
    "`get`, `request` with GET": requesting("GET"),
    "`request` with PUT": requesting("PUT"),
    "`request` with DELETE": requesting("DELETE"),
    "`request` with POST": requesting("POST"),
    "`request` with PATCH": requesting("PATCH"),
    # These are what connecting consists of.
    "the token request": Doing(lambda *_: None, lambda request: request.path == "/oauth/token", "identity"),
    "the registry": Doing(lambda *_: None, lambda request: request.path.startswith("/services"), "registry"),
    "a descriptor": Doing(
        lambda client, _: client.metadata.descriptor, lambda request: request.path == "/descriptor/raw"
    ),
}
CONNECTING = {"the token request", "the registry"}


def status(code: int) -> Behaviour:
    return lambda wire: wire.send(as_json({"statusCode": code, "error": "forced"}, f"{code} Forced"))


def cut(wire: Wire) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
    wire.reset()


FAULTS: dict[str, tuple[list[Behaviour], type[RequestError]]] = {
    "connection lost": ([Wire.close, cut], ConnectionError),
    "timeout": ([Wire.wait], Timeout),
    "408, 425": ([status(408), status(425)], HttpError),
    "429": ([status(429)], HttpError),
    "5xx": ([status(500), status(504)], HttpError),
}


def test_the_table_has_every_operation_and_every_fault() -> None:
    assert set(table()) == {(operation, fault) for operation in OPERATIONS for fault in ("no connection", *FAULTS)}
    assert set(table().values()) == {"yes", "no"}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_arrives_is_what_the_table_says(
    connect: Connect, platform: RawPlatform, operation: str, fault: str
) -> None:
    doing, repeated = OPERATIONS[operation], table()[operation, fault] == "yes"
    behaviours, error = FAULTS[fault]
    platform.concerns = doing.counts
    for behaviour in behaviours:
        options: dict[str, Any] = {"clock": InstantClock(), "backoff_strategy": TRIES}
        if fault == "timeout":
            options["request_timeout"] = 0.2
        client = None if operation in CONNECTING else connect(platform.registry_url, **options)
        platform.arrived.clear()
        platform.behaviours.append(behaviour)
        failed: RequestError | None = None
        try:
            client = client or connect(platform.registry_url, **options)
            doing.act(client, platform.origin)
        except ClientError as raised:
            failed = of_request(raised)
        assert failed is None if repeated else isinstance(failed, error)
        assert failed is None or failed.tries == 1
        assert len(platform.arrived) == (2 if repeated else 1)
        assert len({(one.method, one.target, one.body) for one in platform.arrived}) == 1
        if client is not None:
            client.close()
    assert platform.has_no_connection()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_without_a_connection_the_number_of_tries_is_what_the_table_says(
    connect: Connect, platform: RawPlatform, operation: str
) -> None:
    doing, repeated = OPERATIONS[operation], table()[operation, "no connection"] == "yes"
    with RawPlatform() as other:
        if operation == "`patch`, its update":
            # It reads first: the service goes away behind that.
            other.behaviours.append(partial(leaving, other))
        else:
            other.stop_listening()
        url = f"{other.origin}/services/acme" if doing.service == "registry" else platform.registry_url
        platform.locations = {doing.service: other.origin}
        with pytest.raises(ClientError) as raised:
            doing.act(connect(url, clock=InstantClock(), backoff_strategy=TRIES), other.origin)
        failed = of_request(raised.value)
        assert isinstance(failed, ConnectionError)
        assert not failed.sent
        assert failed.tries == (2 if repeated else 1)


def leaving(platform: RawPlatform, wire: Wire) -> None:
    platform.stop_listening()
    wire.send(as_json({"meta": {}, "contents": [FILM]}, connection="close"))
    wire.close()


def of_request(error: ClientError) -> RequestError:
    """The error of the request: that a descriptor cannot be read is told by one with this one behind it."""
    found = error if isinstance(error, RequestError) else error.cause
    assert isinstance(found, RequestError)
    return found
