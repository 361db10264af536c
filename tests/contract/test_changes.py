"""Changes since a watermark: nothing is lost, and nothing that the watermark covers comes again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import content
from tests.contract.servers import Arrived, Served, as_json, registry

from sequoia import AuthType, Client, field, where
from sequoia.error import BadRequest, DecodeError
from sequoia.progress import Progress
from sequoia.sandbox import Sandbox

SECOND = timedelta(seconds=1)


class World:
    """The clocks of a sandbox in which browses lag behind writes by three seconds."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def wait(self, seconds: float) -> None:
        self.time += seconds * SECOND


WORLD = World()


@pytest.fixture(scope="module")
def lagging() -> Iterator[Sandbox]:
    with Sandbox(now=WORLD.now, monotonic=WORLD.monotonic, consistency_delay=3, token_lifetime=10**9) as sandbox:
        yield sandbox


@pytest.fixture
def contents(connect: Connect, lagging: Sandbox, owner: str) -> Any:
    client = connect(lagging.registry_url, grant_client_id=lagging.client_id, grant_client_secret=lagging.client_secret)
    return client.metadata.contents


def store(contents: Any, owner: str, *names: str, **fields: Any) -> None:
    contents.store(owner, [content(owner, name, **fields) for name in names])


def names(changes: Any) -> list[str]:
    return [one["name"] for one in changes]


def test_what_changed_comes_in_the_order_of_its_times(contents: Any, owner: str) -> None:
    for name in ("c", "a", "b"):
        store(contents, owner, name)
        WORLD.wait(1)
    WORLD.wait(10)
    assert names(contents.changes(owner)) == ["c", "a", "b"]
    store(contents, owner, "c", title="again")
    WORLD.wait(10)
    assert names(contents.changes(owner)) == ["a", "b", "c"]


def test_the_next_run_has_what_changed_since_and_nothing_else(contents: Any, owner: str) -> None:
    store(contents, owner, "a", "b", "c")
    WORLD.wait(60)
    first = contents.changes(owner)
    assert names(first) == ["a", "b", "c"]
    watermark = json.loads(json.dumps(first.watermark))
    assert names(contents.changes(owner, since=watermark)) == []
    store(contents, owner, "b", title="again")
    store(contents, owner, "d")
    WORLD.wait(60)
    second = contents.changes(owner, since=watermark)
    assert names(second) == ["b", "d"]
    assert names(contents.changes(owner, since=second.watermark)) == []


def test_resources_that_share_a_time_stamp_are_told_apart(contents: Any, owner: str) -> None:
    every = [f"c-{n:02}" for n in range(25)]
    store(contents, owner, *every)
    WORLD.wait(60)
    found: list[str] = []
    watermark = None
    # A run that breaks off after every four: all of them, and the pages too, have the same time stamp.
    while len(found) < 25:
        run = contents.changes(owner, since=watermark, criteria=where().per_page(5))
        found += [one["name"] for one in islice(run, 4)]
        watermark = run.watermark
    assert found == every
    assert names(contents.changes(owner, since=watermark, criteria=where().per_page(5))) == []


def test_a_write_that_becomes_visible_late_is_not_lost(contents: Any, owner: str) -> None:
    store(contents, owner, "early")
    WORLD.wait(2)
    store(contents, owner, "hidden")
    WORLD.wait(1)  # three seconds after the first, so that one is seen, and one after the second: that one is not
    first = contents.changes(owner)
    assert names(first) == ["early"]
    WORLD.wait(1)
    store(contents, owner, "late")
    WORLD.wait(3)
    second = contents.changes(owner, since=first.watermark)
    assert names(second) == ["hidden", "late"]
    assert names(contents.changes(owner, since=second.watermark)) == []


def test_any_rhythm_of_writes_and_runs(contents: Any, owner: str) -> None:
    """Every version that was there long enough to be seen comes exactly once, in some run."""
    found: list[tuple[str, str]] = []
    stored: list[tuple[str, str]] = []
    watermark: Any = None
    for step in range(40):
        name, title = f"c-{step % 13}", f"t-{step}"
        if step % 3 != 2:
            store(contents, owner, name, title=title)
            stored.append((name, title))
        WORLD.wait((step * 7 % 5) * 0.4)
        if step % 4 == 3:
            run = contents.changes(owner, since=watermark, overlap=5 * SECOND, criteria=where().per_page(4))
            found += [(one["name"], one["title"]) for one in islice(run, step % 7 + 1)]
            watermark = run.watermark
    WORLD.wait(10)
    run = contents.changes(owner, since=watermark, overlap=5 * SECOND, criteria=where().per_page(4))
    found += [(one["name"], one["title"]) for one in run]
    assert len(found) == len(set(found))
    assert set(found) <= set(stored)
    assert {name: title for name, title in found} == {name: title for name, title in stored}  # noqa: C416


def test_it_begins_at_a_time(contents: Any, owner: str) -> None:
    store(contents, owner, "old")
    WORLD.wait(1)
    since = WORLD.time
    store(contents, owner, "new")
    WORLD.wait(60)
    run = contents.changes(owner, since=since)
    assert names(run) == ["new"]
    # Looking again does not look before that time either.
    assert names(contents.changes(owner, since=run.watermark, overlap=timedelta(days=1))) == []


def test_it_may_begin_at_the_beginning_of_time(contents: Any, owner: str) -> None:
    store(contents, owner, "a")
    WORLD.wait(60)
    beginning = contents.changes(owner, since=datetime.min.replace(tzinfo=UTC)).watermark
    run = contents.changes(owner, since=beginning)
    assert names(run) == ["a"]
    assert names(contents.changes(owner, since=run.watermark)) == []


def test_only_what_fits_comes(contents: Any, owner: str) -> None:
    store(contents, owner, "a", tags=["x"])
    store(contents, owner, "b")
    WORLD.wait(10)
    criteria = where(field("tags") == "x")
    run = contents.changes(owner, criteria=criteria, fields=["title"])
    [one] = run
    assert set(one) == {"title", "ref", "updatedAt"}
    with pytest.raises(ValueError, match="another question"):
        contents.changes(owner, since=run.watermark)


def test_a_model_raw_and_progress(contents: Any, owner: str) -> None:
    class Content(msgspec.Struct):
        name: str

    store(contents, owner, *"abc")
    WORLD.wait(10)
    told: list[Progress] = []
    assert [one.name for one in contents.changes(owner, model=Content, progress=told.append)] == ["a", "b", "c"]
    assert [one.done for one in told] == [3]
    assert [json.loads(one)["name"] for one in contents.changes(owner, raw=True)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"since": "yesterday"}, "since must be"),
        ({"since": {}}, "since must be"),
        ({"since": {"version": 2}}, "has version 2"),
        ({"overlap": 5}, "overlap must be"),
        ({"overlap": timedelta(seconds=-1)}, "overlap must be"),
        ({"criteria": where().order_by("title")}, "order of updatedAt"),
        ({"progress": 1}, "progress must be"),
        ({"raw": True, "model": msgspec.Struct}, "raw=True"),
    ],
)
def test_a_bad_argument_is_refused(contents: Any, lagging: Sandbox, options: dict[str, Any], told: str) -> None:
    lagging.requests.clear()
    with pytest.raises(ValueError, match=told):
        contents.changes("acme", **options)
    with pytest.raises(TypeError, match="did you mean 'overlap'"):
        contents.changes("acme", overlaps=SECOND)
    assert len(lagging.requests) == 0


def test_a_watermark_with_a_time_that_is_none(contents: Any) -> None:
    watermark = contents.changes("acme").watermark
    with pytest.raises(ValueError, match="a time that is none"):
        contents.changes("acme", since={**watermark, "changed": {"at": "soon", "overlap": 0, "seen": {}}})


def test_the_sandbox_knows_the_filter_and_shows_nothing_deleted(contents: Any, owner: str) -> None:
    store(contents, owner, "a", "b")
    contents.delete(owner, f"{owner}:a")
    WORLD.wait(10)
    run = contents.changes(owner)
    assert names(run) == ["b"]
    assert run.sees_deletions is True


# Services that show what was deleted, and services that do not


def described(*filters: str) -> Any:
    each = {name: {"name": name, "type": "with"} for name in filters}
    kind = {"pluralName": "contents", "singularName": "content", "hyphenatedPluralName": "contents", "path": "/data"}
    return {
        "name": "metadata",
        "title": "",
        "description": "",
        "routes": [],
        "resourcefuls": {"contents": {**kind, "fields": {}, "filters": each, "relationships": {}}},
    }


Answering = Callable[[Any, Callable[[Arrived], Served]], Client]


@pytest.fixture
def answering(connect: Connect, serve: Serve) -> Answering:
    """Makes a client of a service with this descriptor, which answers the rest as a test says."""

    def start(descriptor: Any, respond: Callable[[Arrived], Served]) -> Client:
        def answer(request: Arrived) -> Served:
            if request.path.startswith("/descriptor"):
                return as_json(descriptor)
            return registry(metadata=server.origin) if request.path.startswith("/services") else respond(request)

        server = serve(answer)
        return connect(server.registry_url, auth_type=AuthType.NO_AUTH)

    return start


def stamped(number: int) -> str:
    return f"2026-01-01T00:00:{number:02}.000Z"


GONE = {"ref": "acme:gone", "updatedAt": stamped(1), "deletedAt": stamped(5)}
KEPT = {"ref": "acme:kept", "updatedAt": stamped(3)}


def test_deleted_resources_come_first(answering: Answering) -> None:
    def respond(request: Arrived) -> Served:
        return as_json({"meta": {}, "contents": [GONE if "withDeletedAt" in request.target else KEPT]})

    client = answering(described("withDeletedAt", "withUpdatedAt"), respond)
    run = client.metadata.contents.changes("acme")
    assert list(run) == [GONE, KEPT]
    assert run.sees_deletions is True
    assert list(client.metadata.contents.changes("acme", since=run.watermark)) == []


def test_what_comes_up_late_is_found_within_the_overlap(answering: Answering) -> None:
    visible = [{"ref": "acme:b", "updatedAt": stamped(20)}]

    def respond(request: Arrived) -> Served:
        low = parse_qs(urlsplit(request.target).query)["withUpdatedAt"][-1].partition("/")[0]
        found = sorted(
            (one for one in visible if one["updatedAt"] >= low or low == "*"), key=lambda one: one["updatedAt"]
        )
        return as_json({"meta": {}, "contents": found[-1:] if "perPage=1" in request.target else found})

    contents = answering(described(), respond).metadata.contents
    first = contents.changes("acme")
    assert [one["ref"] for one in first] == ["acme:b"]
    visible += [{"ref": "acme:late", "updatedAt": stamped(12)}, {"ref": "acme:too-late", "updatedAt": stamped(8)}]
    second = contents.changes("acme", since=first.watermark)
    assert [one["ref"] for one in second] == ["acme:late"]
    # The overlap that a watermark remembers is the one of its run.
    third = contents.changes("acme", since=second.watermark, overlap=timedelta(minutes=1))
    assert list(third) == []


@pytest.mark.parametrize("status", [400, 403])
def test_a_service_that_refuses_to_show_them(answering: Answering, status: int) -> None:
    def respond(request: Arrived) -> Served:
        if "withDeletedAt" in request.target:
            return as_json({"statusCode": status, "message": "prohibited"}, status)
        return as_json({"meta": {}, "contents": [KEPT]})

    run = answering(described("withDeletedAt"), respond).metadata.contents.changes("acme")
    assert list(run) == [KEPT]
    assert run.sees_deletions is False


def test_a_service_that_does_not_offer_them_is_not_asked(answering: Answering) -> None:
    asked: list[str] = []

    def respond(request: Arrived) -> Served:
        asked.append(request.target)
        return as_json({"meta": {}, "contents": [KEPT]})

    run = answering(described("withUpdatedAt"), respond).metadata.contents.changes("acme")
    assert run.sees_deletions is None
    assert list(run) == [KEPT]
    assert run.sees_deletions is False
    assert not [one for one in asked if "Deleted" in one]


def test_a_refused_question_is_an_error(answering: Answering) -> None:
    refused = as_json({"statusCode": 400, "message": "sort is invalid"}, 400)
    client = answering(described("withDeletedAt"), lambda _: refused)
    with pytest.raises(BadRequest, match="sort is invalid"):
        list(client.metadata.contents.changes("acme"))


@pytest.mark.parametrize("resource", [{"ref": "acme:x"}, {"updatedAt": stamped(1)}, {"ref": "x", "updatedAt": "soon"}])
def test_a_resource_that_cannot_be_told_from_others(answering: Answering, resource: Any) -> None:
    def respond(request: Arrived) -> Served:
        return as_json({"meta": {}, "contents": [KEPT if "perPage=1" in request.target else resource]})

    with pytest.raises(DecodeError, match="without its ref, or without a time"):
        list(answering(described(), respond).metadata.contents.changes("acme"))
