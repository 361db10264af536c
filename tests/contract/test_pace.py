"""The pace of bulk work, as a server sees it; ordinary operations do not keep to it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import content, sent
from tests.contract.servers import TOKEN, Arrived, Served, as_json, registry

from sequoia import Client, InstantClock
from sequoia.sandbox import Fault, Sandbox


@pytest.fixture
def clock() -> InstantClock:
    return InstantClock()


class Crowd:
    """A service that counts how many requests are in it at once, and lets each go only when enough have come.

    Attributes:
        most: The most requests at once so far.
        room: It waits for so many at once, or for the rest of them, before it answers.
        busy: How many of the first requests it turns away with a 429.
    """

    def __init__(self, room: int, batches: int, busy: int = 0) -> None:
        self.most = 0
        self.room = room
        self._left = batches
        self._inside = 0
        self._busy = busy
        self._changed = threading.Condition()

    def __call__(self, request: Arrived) -> Served:
        if request.path == "/services/acme":
            return registry(identity=self.origin, metadata=self.origin)
        if request.path == "/oauth/token":
            return as_json(TOKEN)
        if request.method != "POST":
            return as_json({}, 404)
        with self._changed:
            self._inside += 1
            self.most = max(self.most, self._inside)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most >= min(self.room, self._left), timeout=5)
            self._inside -= 1
            if self._busy:
                self._busy -= 1
                return as_json({"statusCode": 429}, 429)
            self._left -= 1
            return as_json({"contents": []})

    origin = ""


def films(number: int) -> list[dict[str, Any]]:
    return [content("acme", f"f-{n}") for n in range(number)]


def serving(serve: Serve, crowd: Crowd) -> str:
    server = serve(crowd)
    crowd.origin = server.origin
    return server.registry_url


def test_a_fixed_concurrency_is_kept_by_all_workers_together(connect: Connect, serve: Serve) -> None:
    crowd = Crowd(room=2, batches=12)
    client = connect(serving(serve, crowd), max_concurrency=2)
    report = client.metadata.contents.bulk_store("acme", films(12), workers=6, batch_size=1)
    assert (report.stored, crowd.most) == (12, 2)


def test_without_one_every_worker_sends(connect: Connect, serve: Serve) -> None:
    crowd = Crowd(room=6, batches=12)
    client = connect(serving(serve, crowd))
    report = client.metadata.contents.bulk_store("acme", films(12), workers=6, batch_size=1)
    assert (report.stored, crowd.most) == (12, 6)


def test_a_busy_service_meets_fewer_requests(connect: Connect, serve: Serve, clock: InstantClock) -> None:
    crowd = Crowd(room=8, batches=40, busy=8)
    client = connect(serving(serve, crowd), clock=clock)
    crowd_after: list[int] = []

    def watch(_: object) -> None:
        if not crowd_after:
            crowd.most = crowd.room = 0
            crowd_after.append(0)

    report = client.metadata.contents.bulk_store("acme", films(9), workers=8, batch_size=1, on_result=watch)
    assert report.stored == 9
    assert report.retried == 8
    assert crowd.most <= 6  # 4, and a little more for each good answer


def test_everybody_waits_for_the_time_that_the_service_named(
    connect: Connect, sandbox: Sandbox, clock: InstantClock, owner: str
) -> None:
    client = connect(clock=clock)
    sandbox.requests.clear()
    begun = clock.monotonic()
    sandbox.faults.add(Fault(service="metadata", method="POST", status=429, headers={"Retry-After": "30"}))
    contents = [content(owner, f"c-{n}") for n in range(6)]
    report = client.metadata.contents.bulk_store(owner, contents, workers=1, batch_size=2)
    assert (report.stored, report.retried) == (6, 1)
    assert clock.monotonic() - begun == pytest.approx(30)
    assert [one.status for one in sent(sandbox) if one.method == "POST"] == [429, 201, 201, 201]


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_names_no_time_is_not_hammered(
    connect: Connect, sandbox: Sandbox, clock: InstantClock, owner: str, status: int
) -> None:
    client = connect(clock=clock)
    begun = clock.monotonic()
    sandbox.faults.add(Fault(service="metadata", method="POST", status=status, times=5))
    report = client.metadata.contents.bulk_store(owner, [content(owner, "c")])
    assert (report.stored, report.retried) == (1, 5)
    assert clock.monotonic() - begun == pytest.approx(0.05 * (1 + 2 + 4 + 8 + 16))


def test_a_fixed_rate(connect: Connect, sandbox: Sandbox, clock: InstantClock, owner: str) -> None:
    client = connect(clock=clock, max_rate=4)
    begun = clock.monotonic()
    contents = [content(owner, f"c-{n}") for n in range(9)]
    assert client.metadata.contents.bulk_store(owner, contents, workers=1, batch_size=1).stored == 9
    assert clock.monotonic() - begun == pytest.approx(2.0)


def test_ordinary_operations_are_not_slowed(
    connect: Connect, sandbox: Sandbox, clock: InstantClock, owner: str
) -> None:
    client: Client = connect(clock=clock, max_rate=0.001, max_concurrency=1)
    for _ in range(3):
        client.metadata.contents.browse(owner)
    assert clock.waits == []
