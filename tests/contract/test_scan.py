"""Scans: every resource once, whatever the number of workers; what is handed out, how a loop ends, what is refused."""

from __future__ import annotations

import dataclasses
import gc
import json
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, TypedDict

import attrs
import msgspec
import pydantic
import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import content, load_contents, queries, sent
from tests.contract.portal import Portal
from tests.contract.servers import Arrived, Served, as_json, registry

from sequoia import AuthType, Client, Criteria, field, where
from sequoia.error import BadRequest, ClientError, DecodeError, PaginationLoopError, ServerError, UnsafeLinkError
from sequoia.progress import Progress
from sequoia.sandbox import Fault, Sandbox

WAYS: dict[str, dict[str, Any]] = {
    "one": {},
    "ahead": {"read_ahead": True},
    "three": {"workers": 3},
    "eight": {"workers": 8},
    "ordered": {"workers": 4, "ordered": True},
}
EVERY_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def small() -> Criteria:
    return where().per_page(5)


def refs(scan: Iterable[dict[str, Any]]) -> list[str]:
    return [one["ref"] for one in scan]


class Calendar:
    """A clock for a sandbox; a test says what time it is."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


CALENDAR = Calendar()


@pytest.fixture(scope="module")
def timed() -> Iterator[Sandbox]:
    with Sandbox(now=CALENDAR) as sandbox:
        yield sandbox


@pytest.fixture
def catalogue(connect: Connect, timed: Sandbox, owner: str) -> tuple[Client, list[str]]:
    """A client, and the refs of 120 contents: a third created at the same millisecond, others bunched or spread."""
    stored: list[str] = []
    times = [0, 0, 0, 0, 1, 86_400_000, 86_400_000, *(n * n * 7_654_321 for n in range(5, 10))]
    for number, after in enumerate(times):
        CALENDAR.time = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=after)
        # Names that are not in the order of the times.
        names = [f"c-{(7 * number + 11 * n) % 12:02}-{number:02}-{n}" for n in range(10)]
        timed.load("metadata", "contents", [content(owner, name) for name in names])
        stored += [f"{owner}:{name}" for name in names]
    timed.requests.clear()
    client = connect(timed.registry_url, grant_client_id=timed.client_id, grant_client_secret=timed.client_secret)
    timed.requests.clear()
    return client, sorted(stored)


@EVERY_WAY
def test_every_resource_comes_once(catalogue: tuple[Client, list[str]], owner: str, way: dict[str, Any]) -> None:
    client, stored = catalogue
    scan = client.metadata.contents.scan(owner, small(), **way)
    found = refs(scan)
    assert sorted(found) == stored
    assert scan.checkpoint["done"] == 120
    assert scan.checkpoint["parts"] == []
    if way.get("workers", 1) == 1 or way.get("ordered"):
        assert found == stored


@pytest.mark.parametrize("way", [{}, {"workers": 3, "ordered": True}], ids=["one", "three"])
@pytest.mark.parametrize("number", [0, 5, 11])
def test_few_resources(client: Client, sandbox: Sandbox, owner: str, way: dict[str, Any], number: int) -> None:
    stored = load_contents(sandbox, owner, number)
    assert sorted(refs(client.metadata.contents.scan(owner, small(), **way))) == stored


@EVERY_WAY
def test_the_question_is_asked_in_every_partition(
    catalogue: tuple[Client, list[str]], owner: str, way: dict[str, Any]
) -> None:
    client, stored = catalogue
    criteria = where(field("createdAt") > datetime(2026, 1, 1, tzinfo=UTC), field("type") == "movie")
    found = list(client.metadata.contents.scan(owner, criteria.per_page(5).fields("ref", "title"), **way))
    assert sorted(refs(found)) == [ref for ref in stored if ref.split("-")[2] not in {"00", "01", "02", "03"}]
    assert all(set(one) == {"ref", "title"} for one in found)


def test_partitions_are_read_at_the_same_time(catalogue: tuple[Client, list[str]], timed: Sandbox, owner: str) -> None:
    client, stored = catalogue
    scan = client.metadata.contents.scan(owner, small(), workers=4)
    assert scan.total is None
    assert len(refs(scan)) == scan.total == len(stored)
    pages = [one for one in queries(timed) if "continue" in one]
    assert len({one["withCreatedAt"] for one in pages if one["continue"] == "true"}) >= 8
    counts = [one for one in queries(timed) if "count" in one]
    assert all(one["resources"] == "false" for one in counts)
    assert len(counts) <= 12 + 4 + 8  # no more than half the pages, but for the last round, and the first ones
    assert len({request.headers["x-correlation-id"] for request in sent(timed)}) == 1


def test_no_page_is_kept(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 60)

    class Kept(msgspec.Struct, weakref=True):
        ref: str

    made: list[weakref.ref[Kept]] = []
    alive: list[int] = []
    for one in client.metadata.contents.scan(owner, small(), model=Kept):
        made.append(weakref.ref(one))
        del one
        alive.append(sum(kept() is not None for kept in made))
    assert len(made) == 60
    assert max(alive) <= 5


def test_nothing_is_sent_before_the_first_resource_is_wanted(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 11)
    scan = client.metadata.contents.scan(owner, small())
    assert sent(sandbox) == []
    items = iter(scan)
    next(items)
    assert [one.get("continue") for one in queries(sandbox)] == ["true"]
    assert [one["perPage"] for one in queries(sandbox)] == ["5"]


def test_a_page_is_read_ahead(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 20)
    second = threading.Event()
    scan = client.metadata.contents.scan(owner, small(), read_ahead=True, progress=lambda _: second.set())
    items = iter(scan)
    for _ in range(5):
        next(items)
    # Nobody has asked for the second page yet, and it comes: a worker that fetches it is what lets this end.
    while len(sent(sandbox)) < 2:
        assert not second.is_set()
    assert len(refs(items)) == 15


def test_a_count_on_request(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 12)
    told: list[Progress] = []
    scan = client.metadata.contents.scan(owner, small().count(), count=True, progress=told.append)
    assert len(refs(scan)) == scan.total == 12
    assert [(one.done, one.total) for one in told] == [(5, 12), (10, 12), (12, 12)]
    assert told[0].bytes < told[1].bytes < told[2].bytes
    assert ["count" in one for one in queries(sandbox)] == [True, False, False, False]


@EVERY_WAY
def test_progress_adds_up(catalogue: tuple[Client, list[str]], owner: str, way: dict[str, Any]) -> None:
    client, stored = catalogue
    told: list[Progress] = []
    list(client.metadata.contents.scan(owner, small(), progress=told.append, **way))
    assert told[-1].done == len(stored)
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert len(told) >= 20


# How a loop ends


def crews(scan: Any) -> list[Any]:
    return list(getattr(scan, "_target", scan)._crews)


def join(scan: Any, workers: list[Any]) -> None:
    """Wait for workers to end: for ever if nobody stops them."""
    for crew in workers:
        if isinstance(scan, Portal):
            scan._wait(crew.join())
        else:
            crew.join()


@EVERY_WAY
def test_a_loop_that_is_left_stops_its_workers_even_while_the_scan_is_held(
    catalogue: tuple[Client, list[str]], owner: str, way: dict[str, Any]
) -> None:
    client, stored = catalogue
    scan = client.metadata.contents.scan(owner, small(), **way)
    found: list[str] = []
    workers: list[Any] = []
    for one in scan:
        found.append(one["ref"])
        if len(found) == 7:
            workers = crews(scan)
            break
    gc.collect()
    join(scan, workers)
    assert bool(workers) == (way != {})
    found += refs(scan)  # another loop goes on where it is
    assert sorted(found) == stored


def test_a_loop_that_raises_stops_its_workers(catalogue: tuple[Client, list[str]], owner: str) -> None:
    client, stored = catalogue
    scan = client.metadata.contents.scan(owner, small(), workers=3)
    seen: list[str] = []
    workers: list[Any] = []

    def loop() -> None:
        for one in scan:
            seen.append(one["ref"])
            workers[:] = crews(scan)
            if len(seen) == 7:
                raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        loop()
    join(scan, workers)
    assert workers
    assert sorted(seen + refs(scan)) == stored


def test_close_waits_for_the_workers(catalogue: tuple[Client, list[str]], owner: str) -> None:
    client, stored = catalogue
    with client.metadata.contents.scan(owner, small(), workers=3) as scan:
        items = iter(scan)
        found = [next(items)["ref"]]
    assert not [one for one in threading.enumerate() if one.name == "sequoia-worker"]
    assert sorted(found + refs(items)) == stored


def test_whoever_interrupts_a_with_block_does_not_wait_for_the_workers(answering: Answering) -> None:
    held, ended, waited = threading.Event(), threading.Event(), list[bool]()

    def respond(request: Arrived) -> Served:
        if "continue=A" in request.target:
            held.set()
            waited.append(ended.wait(20))
        return page("x", **{"continue": "/data/contents?continue=A"})

    class Interrupt(BaseException):
        """What Ctrl-C raises, but for pytest."""

    scan = answering(respond).metadata.contents.scan("acme", read_ahead=True)

    def interrupted() -> None:
        with scan:
            loop = iter(scan)
            assert next(loop)["ref"] == "x"
            assert held.wait(20)
            raise Interrupt

    with pytest.raises(Interrupt):
        interrupted()
    assert not waited
    ended.set()


def test_two_loops_share_what_is_left(catalogue: tuple[Client, list[str]], owner: str) -> None:
    client, stored = catalogue
    scan = client.metadata.contents.scan(owner, small(), workers=3)
    one, other = iter(scan), iter(scan)
    found = [next(turn)["ref"] for _ in range(30) for turn in (one, other)]
    assert sorted([*found, *refs(one), *refs(other)]) == stored


@EVERY_WAY
def test_an_error_comes_after_what_was_ready_and_says_where_to_go_on(
    catalogue: tuple[Client, list[str]], timed: Sandbox, owner: str, way: dict[str, Any]
) -> None:
    client, stored = catalogue
    timed.faults.clear()
    # With workers, the counts come first, at most 24 of them.
    broken = Fault(service="metadata", status=503, times=None, skip=25 if "workers" in way else 9)
    timed.faults.add(broken)
    scan = client.metadata.contents.scan(owner, small(), backoff_strategy={"max_tries": 1}, **way)
    found: list[str] = []
    try:
        with pytest.raises(ServerError) as failure:
            note(scan, found)
    finally:
        timed.faults.clear()
    assert failure.value.checkpoint == scan.checkpoint
    rest = client.metadata.contents.scan(owner, small(), resume=failure.value.checkpoint, **way)
    assert sorted(found + refs(rest)) == stored
    # The scan itself can go on as well.
    assert sorted(found + refs(scan)) == stored


def note(scan: Any, found: list[str]) -> None:
    """Note every ref in `found`, so that a test knows what came before an error."""
    for one in scan:
        found.append(one["ref"])  # noqa: PERF401 - a comprehension would lose what came before an error


@EVERY_WAY
def test_what_the_progress_callback_raises_ends_the_scan(
    catalogue: tuple[Client, list[str]], owner: str, way: dict[str, Any]
) -> None:
    client, stored = catalogue
    told: list[Progress] = []

    def refuse(progress: Progress) -> None:
        told.append(progress)
        if len(told) == 4:
            raise LookupError("enough")

    scan = client.metadata.contents.scan(owner, small(), progress=refuse, **way)
    found: list[str] = []
    with pytest.raises(LookupError, match="enough"):
        note(scan, found)
    join(scan, crews(scan))
    assert sorted(found + refs(scan)) == stored


# What is handed out


class Struct(msgspec.Struct):
    ref: str
    title: str


@dataclasses.dataclass
class Data:
    ref: str
    title: str


@attrs.define
class Attrs:
    ref: str
    title: str


class Typed(TypedDict):
    ref: str
    title: str


class Model(pydantic.BaseModel):
    ref: str
    title: str
    createdAt: datetime  # noqa: N815 - the platform's name


@pytest.mark.parametrize("model", [Struct, Data, Attrs, Model])
def test_a_model(client: Client, sandbox: Sandbox, owner: str, model: Any) -> None:
    stored = load_contents(sandbox, owner, 7)
    found = list(client.metadata.contents.scan(owner, small(), model=model))
    assert [type(one) for one in found] == [model] * 7
    assert [one.ref for one in found] == stored
    assert found[0].title == "c-000"


def test_a_typed_dict(client: Client, sandbox: Sandbox, owner: str) -> None:
    stored = load_contents(sandbox, owner, 7)
    found = list(client.metadata.contents.scan(owner, small(), model=Typed))
    assert found == [{"ref": ref, "title": ref.partition(":")[2]} for ref in stored]


@EVERY_WAY
def test_raw_gives_the_bytes(catalogue: tuple[Client, list[str]], owner: str, way: dict[str, Any]) -> None:
    client, stored = catalogue
    found = list(client.metadata.contents.scan(owner, small(), raw=True, **way))
    assert all(type(one) is bytes for one in found)
    assert sorted(refs(map(json.loads, found))) == stored


class Wrong(msgspec.Struct):
    ref: str
    title: int


class WrongModel(pydantic.BaseModel):
    title: int


@pytest.mark.parametrize("model", [Wrong, WrongModel])
def test_a_resource_that_does_not_fit_is_named_with_the_place(
    client: Client, sandbox: Sandbox, owner: str, model: Any
) -> None:
    sandbox.load("metadata", "contents", [content(owner, "a", title="5"), content(owner, "b", title="x")])
    with pytest.raises(DecodeError) as wrong:
        list(client.metadata.contents.scan(owner, small(), model=model))
    assert f"{owner}:" in str(wrong.value)
    assert "$.title" in str(wrong.value)
    assert model.__name__ in str(wrong.value)
    assert wrong.value.checkpoint["done"] == 0


# Services that are not as they should be


Answering = Callable[[Callable[[Arrived], Served]], Client]


@pytest.fixture
def answering(connect: Connect, serve: Serve) -> Answering:
    """Makes a client of a service that answers what a test says."""

    def start(respond: Callable[[Arrived], Served]) -> Client:
        def answer(request: Arrived) -> Served:
            return registry(metadata=server.origin) if request.path.startswith("/services") else respond(request)

        server = serve(answer)
        return connect(server.registry_url, auth_type=AuthType.NO_AUTH)

    return start


def page(*names: str, **meta: str) -> Served:
    return as_json({"meta": dict(meta), "contents": [{"ref": name} for name in names]})


def test_a_circle_of_links_ends_in_an_error_with_a_checkpoint(answering: Answering) -> None:
    client = answering(lambda _: page("x", **{"continue": "/data/contents?continue=A"}))
    found: list[str] = []
    with pytest.raises(PaginationLoopError) as loop:
        note(client.metadata.contents.scan("acme"), found)
    assert found == ["x"]
    assert loop.value.checkpoint["parts"] == [{"link": "/data/contents?continue=A"}]


def test_numbered_pages_are_followed_too(answering: Answering) -> None:
    def respond(request: Arrived) -> Served:
        return page("b") if "page=2" in request.target else page("a", next="/data/contents?page=2")

    assert refs(answering(respond).metadata.contents.scan("acme")) == ["a", "b"]


def test_a_link_to_another_origin_is_not_followed(answering: Answering) -> None:
    client = answering(lambda _: page("a", **{"continue": "https://evil.test/data/contents?continue=A"}))
    with pytest.raises(UnsafeLinkError):
        list(client.metadata.contents.scan("acme"))


@pytest.mark.parametrize(
    "served",
    [
        as_json({"contents": []}),
        as_json({"meta": None, "contents": []}),
        as_json({"meta": {}}),
        as_json({"meta": {}, "contents": [5]}),
        as_json({"meta": {}, "contents": {"ref": "x"}}),
        as_json([]),
        Served(200),
        Served(200, b"<html>"),
        Served(200, b'{"meta": {}, "contents": [{"ref": "\xff"}]}'),
    ],
)
def test_what_is_no_page_is_an_error(answering: Answering, served: Served) -> None:
    client = answering(lambda _: served)
    with pytest.raises(DecodeError):
        list(client.metadata.contents.scan("acme"))


def test_a_service_that_refuses_the_sort_is_partitioned_all_the_same(answering: Answering) -> None:
    def respond(request: Arrived) -> Served:
        if "sort=" in request.target:
            return as_json({"statusCode": 400, "message": "sort is invalid"}, 400)
        if "count=true" in request.target:
            number = 0 if "%21%2A" in request.target else 200
            return as_json({"meta": {"totalCount": number}, "contents": []})
        return page(request.target)

    found = refs(answering(respond).metadata.contents.scan("acme", small(), workers=2))
    assert len(found) == len(set(found)) > 1


def test_resources_without_a_creation_time_have_a_partition_of_their_own(answering: Answering) -> None:
    def respond(request: Arrived) -> Served:
        absent = "%21%2A" in request.target
        if "sort=" in request.target:
            return as_json({"meta": {}, "contents": [{"createdAt": "2026-01-01T00:00:00.000Z"}]})
        if "count=true" in request.target:
            return as_json({"meta": {"totalCount": 6 if absent else 30}, "contents": []})
        return page("without" if absent else "with")

    found = refs(answering(respond).metadata.contents.scan("acme", small(), workers=2))
    assert sorted(found) == ["with", "without"]


def test_an_ordered_scan_of_a_service_without_an_order(answering: Answering) -> None:
    def respond(request: Arrived) -> Served:
        if "sort=" in request.target:
            stamp = "2027" if "sort=-" in request.target else "2026"
            return as_json({"meta": {}, "contents": [{"createdAt": f"{stamp}-01-01T00:00:00.000Z"}]})
        if "count=true" in request.target:
            number = 0 if "%21%2A" in request.target else 100 if "withCreatedAt" not in request.target else 50
            return as_json({"meta": {"totalCount": number}, "contents": []})
        return page("b", "a")

    with pytest.raises(DecodeError, match="order of their refs"):
        list(answering(respond).metadata.contents.scan("acme", small(), workers=2, ordered=True))


def test_a_query_that_the_service_refuses(client: Client, sandbox: Sandbox) -> None:
    for workers in (1, 3):
        with pytest.raises(BadRequest, match="colour"):
            list(client.metadata.contents.scan("acme", fields=["colour"], workers=workers))
    with pytest.raises(ClientError, match="contentz"):
        list(client.metadata.contentz.scan("acme"))


# Elsewhere


@EVERY_WAY
def test_its_partitions_can_be_read_elsewhere(
    catalogue: tuple[Client, list[str]], owner: str, way: dict[str, Any]
) -> None:
    client, stored = catalogue
    scan = partial(client.metadata.contents.scan, owner, small(), **way)
    whole = scan()
    parts = [json.loads(json.dumps(part)) for part in whole.partitions()]
    assert (len(parts) > 2) == (way.get("workers", 1) > 1)
    assert sorted(ref for part in parts for ref in refs(scan(resume=part))) == stored
    # It has not been touched, and gives what is left at any moment.
    found = refs(islice(whole, 50))
    found += [ref for part in whole.partitions() for ref in refs(scan(resume=part))]
    assert sorted(found) == stored
    list(whole)
    assert whole.partitions() == []


# Going on


@EVERY_WAY
def test_it_goes_on_from_any_moment(catalogue: tuple[Client, list[str]], owner: str, way: dict[str, Any]) -> None:
    client, stored = catalogue
    scan = partial(client.metadata.contents.scan, owner, small(), **way)
    found: list[str] = []
    checkpoint = scan().checkpoint
    while len(found) < len(stored):
        part = scan(resume=json.loads(json.dumps(checkpoint)))
        found += [one["ref"] for one in islice(part, 17)]
        checkpoint = part.checkpoint
        assert checkpoint["done"] == len(found)
        assert len(json.dumps(checkpoint)) < 10_000
    assert sorted(found) == stored
    assert refs(scan(resume=checkpoint)) == []


@pytest.mark.parametrize("way", [{}, {"workers": 3}], ids=["one", "three"])
def test_it_goes_on_where_resources_come_without_their_refs(
    catalogue: tuple[Client, list[str]], owner: str, way: dict[str, Any]
) -> None:
    client, stored = catalogue
    scan = partial(client.metadata.contents.scan, owner, small().fields("name"), **way)
    found: list[str] = []
    checkpoint = None
    while len(found) < len(stored):
        part = scan(resume=checkpoint)
        found += [f"{owner}:{one['name']}" for one in islice(part, 17)]
        checkpoint = part.checkpoint
    assert sorted(found) == stored


def test_more_workers_may_go_on_than_began(catalogue: tuple[Client, list[str]], owner: str) -> None:
    client, stored = catalogue
    first = client.metadata.contents.scan(owner, small(), workers=2)
    found = [one["ref"] for one in islice(first, 50)]
    second = client.metadata.contents.scan(owner, where().per_page(7), workers=8, resume=first.checkpoint)
    found += [one["ref"] for one in islice(second, 50)]
    assert second.total == len(stored)
    assert sorted(found + refs(client.metadata.contents.scan(owner, resume=second.checkpoint))) == stored


@EVERY_WAY
def test_what_is_stored_and_deleted_meanwhile_makes_nothing_come_twice(
    catalogue: tuple[Client, list[str]], timed: Sandbox, owner: str, way: dict[str, Any]
) -> None:
    client, stored = catalogue
    first = client.metadata.contents.scan(owner, small(), **way)
    found = [one["ref"] for one in islice(first, 23)]
    gone = [ref for ref in stored if ref not in found][::7]
    client.metadata.contents.delete(owner, [*gone, *found[::5]])
    # In front of each that was handed out, and behind it: what was on the page is now on later ones.
    news = [content(owner, f"{ref.partition(':')[2]}{end}") for ref in found for end in ("", "-a", "-b", "-c")][1:]
    timed.load("metadata", "contents", [one for one in news if one["name"][-2:-1] == "-" and one["name"][-1] in "abc"])
    front = [content(owner, f"{ref.partition(':')[2][:-1]}") for ref in found if len(ref) > 3]
    timed.load("metadata", "contents", {one["name"]: one for one in front}.values())
    rest = refs(client.metadata.contents.scan(owner, small(), resume=first.checkpoint, **way))
    assert len(rest) == len(set(rest))
    assert set(rest).isdisjoint(found)
    assert set(rest) >= set(stored) - set(found) - set(gone)
