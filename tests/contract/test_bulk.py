"""Bulk writes: everything that is good gets there, and whatever does not is named."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pydantic
import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import content, load_contents, sent
from tests.contract.servers import TOKEN, Arrived, Served, as_json, registry

from sequoia import Client, InstantClock
from sequoia.bulk import BulkReport, Result, read_dead_letters
from sequoia.error import (
    BadRequest,
    ClientError,
    ConnectionError,
    Forbidden,
    HttpError,
    InvalidResource,
    NotSent,
    ResourceNotFound,
    ServerError,
)
from sequoia.progress import Progress
from sequoia.sandbox import Fault, Sandbox


@pytest.fixture
def client(connect: Connect, sandbox: Sandbox) -> Client:
    """A client that never waits; what it sent to connect is not in the log."""
    client = connect(clock=InstantClock())
    sandbox.requests.clear()
    return client


def films(owner: str, number: int, **fields: Any) -> list[dict[str, Any]]:
    return [content(owner, f"f-{n:04}", **fields) for n in range(number)]


def bad(owner: str, name: str) -> dict[str, Any]:
    """A content that the metadata service refuses."""
    return content(owner, name, releaseYear="soon")


def writes(sandbox: Sandbox, method: str = "POST") -> list[int | None]:
    """The statuses of the writes that the metadata service received."""
    return [one.status for one in sent(sandbox) if one.method == method]


def names(client: Client, owner: str) -> list[str]:
    return [one["name"] for page in client.metadata.contents.browse(owner) for one in page.resources]


# What is stored


def test_resources_go_in_batches_of_what_the_service_takes(client: Client, sandbox: Sandbox, owner: str) -> None:
    report = client.metadata.contents.bulk_store(owner, films(owner, 250))
    assert (report.stored, report.failures, report.requests, report.retried) == (250, 0, 3, 0)
    assert report.ok
    assert report.complete
    assert writes(sandbox) == [201] * 3
    assert len({one.headers["x-correlation-id"] for one in sent(sandbox) if one.method == "POST"}) == 1
    assert len(names(client, owner)) == 250


def test_whatever_is_a_resource_can_be_stored(client: Client, owner: str) -> None:
    @dataclass
    class Plain:
        owner: str
        name: str
        title: str
        type: str = "movie"

    @attrs.define
    class Attrs:
        owner: str
        name: str
        title: str
        type: str = "movie"

    class Struct(msgspec.Struct, rename={"kind": "type"}):
        owner: str
        name: str
        title: str
        kind: str = "movie"

    class Model(pydantic.BaseModel):
        owner: str
        name: str
        title: str
        type: str = "movie"
        tags: list[str] | None = None

    given: list[Any] = [made(owner=owner, name=made.__name__, title="x") for made in (Plain, Attrs, Struct, Model)]
    given += [content(owner, "Dict"), json.dumps(content(owner, "Text"))]
    given += [json.dumps(content(owner, "Bytes"), indent=2).encode(), msgspec.Raw(json.dumps(content(owner, "Raw")))]
    report = client.metadata.contents.bulk_store(owner, given)
    assert (report.stored, report.failed) == (8, ())
    assert sorted(names(client, owner)) == ["Attrs", "Bytes", "Dict", "Model", "Plain", "Raw", "Struct", "Text"]


def test_a_batch_has_a_bound_in_bytes_too(client: Client, sandbox: Sandbox, owner: str) -> None:
    long = films(owner, 3, title="x" * 700)
    report = client.metadata.contents.bulk_store(owner, [*films(owner, 9), *long], batch_bytes=1000)
    assert report.stored == 12
    bodies = [len(one.body) for one in sent(sandbox) if one.method == "POST"]
    assert len(bodies) > 3
    assert max(bodies) <= 1000 + len('{"contents":[]}')


def test_a_resource_that_is_longer_goes_alone(client: Client, sandbox: Sandbox, owner: str) -> None:
    report = client.metadata.contents.bulk_store(owner, films(owner, 3), batch_bytes=10)
    assert (report.stored, report.requests) == (3, 3)


def test_batches_can_be_smaller_and_then_need_no_descriptor(client: Client, sandbox: Sandbox, owner: str) -> None:
    assert client.metadata.contents.bulk_store(owner, films(owner, 7), batch_size=3).requests == 3
    assert [one.path for one in sent(sandbox) if one.method == "GET"] == []


def test_where_the_descriptor_cannot_be_read_a_batch_has_a_hundred(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    sandbox.faults.add(Fault(path="/descriptor*", status=404, times=None))
    assert client.metadata.contents.bulk_store(owner, films(owner, 101)).requests == 2


def test_without_resources_nothing_is_written(client: Client, sandbox: Sandbox, owner: str) -> None:
    report = client.metadata.contents.bulk_store(owner, [])
    assert (report.stored, report.requests, report.ok) == (0, 0, True)
    assert writes(sandbox) == []


def test_the_source_is_read_no_further_than_one_batch_ahead(connect: Connect, serve: Serve) -> None:
    """Whenever a batch arrives, no more was read than the answered ones, those under way and one that is filled."""
    read = 0
    lock = threading.Lock()
    answered = 0
    ahead: list[int] = []

    def respond(request: Arrived) -> Served:
        nonlocal answered
        if request.path == "/services/acme":
            return registry(identity=server.origin, metadata=server.origin)
        if request.path == "/oauth/token":
            return as_json(TOKEN)
        with lock:
            ahead.append(read - answered * 5)
            answered += 1
        return as_json({"contents": []}, 201)

    def source() -> Iterator[dict[str, Any]]:
        nonlocal read
        for film in films("acme", 200):
            read += 1
            yield film

    server = serve(respond)
    client = connect(server.registry_url)
    report = client.metadata.contents.bulk_store("acme", source(), workers=3, batch_size=5)
    assert report.stored == 200
    assert max(ahead) <= (3 + 1) * 5


def watched(
    resources: list[dict[str, Any]], last: int, sandbox: Sandbox, seen: list[list[int | None]]
) -> Iterator[Any]:
    """The resources; what was written is noted when more is wanted than the first `last` ones."""
    for number, resource in enumerate(resources):
        if number == last:
            seen.append(writes(sandbox))
        yield resource


def test_a_later_state_waits_while_an_earlier_one_is_repeated(client: Client, sandbox: Sandbox, owner: str) -> None:
    states = [content(owner, "a", title=title) for title in ("first", "second")]
    sandbox.faults.add(Fault(service="metadata", method="POST", status=503, times=3))
    seen: list[list[int | None]] = []
    source = watched([*states, *films(owner, 3)], 2, sandbox, seen)
    report = client.metadata.contents.bulk_store(owner, source, batch_size=1, workers=4)
    assert report.ok
    assert seen == [[503, 503, 503, 201]]
    assert client.metadata.contents.read(owner, f"{owner}:a").resource["title"] == "second"


def test_a_later_state_waits_while_an_earlier_one_s_batch_is_halved(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    first = [bad(owner, "b"), content(owner, "c"), bad(owner, "d"), content(owner, "a", title="first")]
    later = [content(owner, name, title="second") for name in ("a", "e", "f", "g")]
    seen: list[list[int | None]] = []
    source = watched([*first, *later, content(owner, "h")], 8, sandbox, seen)
    report = client.metadata.contents.bulk_store(owner, source, batch_size=4, workers=4)
    assert (report.stored, report.failures) == (7, 2)
    assert seen == [[400, 400, 400, 201, 400, 400, 201]]
    assert client.metadata.contents.read(owner, f"{owner}:a").resource["title"] == "second"


def test_of_many_states_in_all_batches_the_last_ones_stay(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.faults.add(Fault(service="metadata", method="POST", status=503, times=2, skip=3))
    source = [content(owner, f"n{n % 7}", title=f"state {n}") for n in range(60)]
    source[5] = bad(owner, "n5")
    report = client.metadata.contents.bulk_store(owner, iter(source), batch_size=4, workers=4)
    assert (report.stored, report.failures) == (59, 1)
    found = {one["name"]: one["title"] for one in client.metadata.contents.scan(owner)}
    assert found == {one["name"]: one["title"] for one in source}


def test_it_leaves_no_worker_behind(client: Client, owner: str) -> None:
    before = threading.active_count()
    client.metadata.contents.bulk_store(owner, films(owner, 20), workers=8, batch_size=1)
    assert threading.active_count() <= before


# What is refused


def test_of_a_refused_batch_everything_good_is_stored(client: Client, sandbox: Sandbox, owner: str) -> None:
    given = films(owner, 100)
    given[37] = bad(owner, "f-0037")
    report = client.metadata.contents.bulk_store(owner, given)
    assert (report.stored, report.failures) == (99, 1)
    (failed,) = report.failed
    assert failed.ref == f"{owner}:f-0037"
    assert json.loads(failed.resource) == given[37]
    assert isinstance(failed.error, BadRequest)
    assert "releaseYear" in str(failed.error)
    assert failed.error.__traceback__ is None  # it would keep everything that was on the way
    assert not failed.ambiguous
    assert report.requests <= 1 + 2 * 7
    assert len(names(client, owner)) == 99


def test_each_bad_resource_has_an_error_of_its_own(client: Client, owner: str) -> None:
    worse = content(owner, "worse", type="moive")
    report = client.metadata.contents.bulk_store(owner, [bad(owner, "a"), *films(owner, 10), worse])
    assert report.stored == 10
    told = {one.ref: str(one.error) for one in report.failed}
    assert "releaseYear" in told[f"{owner}:a"]
    assert "type" in told[f"{owner}:worse"]


def test_where_all_are_bad_the_number_of_requests_has_a_bound(client: Client, owner: str) -> None:
    report = client.metadata.contents.bulk_store(owner, [bad(owner, f"b-{n}") for n in range(100)])
    assert (report.stored, report.failures, report.requests) == (0, 100, 199)


@pytest.mark.parametrize("status", [409, 413, 422])
def test_a_batch_is_halved_for_other_refusals_too(client: Client, sandbox: Sandbox, owner: str, status: int) -> None:
    sandbox.faults.add(Fault(service="metadata", method="POST", status=status, times=2))
    report = client.metadata.contents.bulk_store(owner, films(owner, 8), workers=1)
    assert report.stored == 8
    assert writes(sandbox)[:2] == [status, status]


def test_what_is_no_resource_is_a_failure_and_not_the_end(client: Client, sandbox: Sandbox, owner: str) -> None:
    odd: list[Any] = [None, 7, [1], "no json", b"\xff", b'{"a":', {"name": object()}, {"name": "\ud800"}, object()]
    report = client.metadata.contents.bulk_store(owner, [*odd, content(owner, "good")])
    assert (report.stored, report.failures) == (1, len(odd))
    assert all(isinstance(one.error, InvalidResource) and not one.sent for one in report.failed)
    assert [one.resource for one in report.failed] == odd
    assert writes(sandbox) == [201]


@pytest.mark.parametrize("form", [dict, json.dumps])
def test_a_resource_that_was_read_in_part_is_not_stored_over_the_whole(
    client: Client, sandbox: Sandbox, owner: str, form: Any
) -> None:
    sandbox.load("metadata", "contents", [content(owner, "whole", tags=["kept"])])
    contents = client.metadata.contents
    fields = ["owner", "name", "title", "type", "version"]
    part = contents.browse(owner, fields=fields).resources
    report = contents.bulk_store(owner, map(form, part))
    assert (report.stored, report.failures) == (0, 1)
    assert "read it whole" in str(report.failed[0].error).lower()
    whole = contents.browse(owner).resources
    assert whole[0]["tags"] == ["kept"]
    assert contents.bulk_store(owner, map(form, whole)).stored == 1


def test_credentials_that_may_not_write_are_not_tried_on_every_resource(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    sandbox.faults.add(Fault(service="metadata", method="POST", status=403, times=None))
    with pytest.raises(Forbidden, match="403") as caught:
        client.metadata.contents.bulk_store(owner, films(owner, 2000), workers=1)
    report = caught.value.report
    assert report is not None
    assert len(writes(sandbox)) < 2 * 100 * 2
    assert not report.complete


# What does not work at all


def test_an_unknown_resource_ends_it_at_once(client: Client, sandbox: Sandbox, owner: str) -> None:
    with pytest.raises(ResourceNotFound, match="contents") as caught:
        client.metadata.contentz.bulk_store(owner, films(owner, 1000), workers=1, batch_size=10)
    report = caught.value.report
    assert isinstance(report, BulkReport)
    assert (report.stored, report.complete) == (0, False)
    assert report.failures <= 20
    assert report.not_sent == report.failures - 10
    assert len(writes(sandbox)) == 1


def test_a_token_that_is_refused_ends_it_at_once(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.faults.add(Fault(service="metadata", method="POST", status=401, times=None))
    with pytest.raises(HttpError) as caught:
        client.metadata.contents.bulk_store(owner, films(owner, 1000), batch_size=10)
    assert caught.value.status_code == 401
    assert caught.value.report is not None
    assert not caught.value.report.complete
    assert pickle.loads(pickle.dumps(caught.value)).report is None  # noqa: S301 - our own


def test_an_identity_service_that_fails_ends_it_and_says_what_was_not_sent(
    connect: Connect, sandbox: Sandbox, owner: str
) -> None:
    client = connect(clock=InstantClock(), backoff_strategy={"max_tries": 2})
    sandbox.faults.add(Fault(service="metadata", method="POST", token="expired"))
    sandbox.faults.add(Fault(service="identity", status=500, times=None))
    with pytest.raises(ServerError) as caught:
        client.metadata.contents.bulk_store(owner, films(owner, 5), batch_size=5)
    report = caught.value.report
    assert report is not None
    assert (report.failures, report.not_sent, report.failed[0].ambiguous) == (5, 5, False)


# Failures of the service


def test_a_batch_is_repeated_like_any_other_request(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.faults.add(Fault(service="metadata", method="POST", status=500, times=2))
    sandbox.faults.add(Fault(service="metadata", method="POST", drop="before", skip=2))
    report = client.metadata.contents.bulk_store(owner, films(owner, 30), batch_size=10, workers=1)
    assert (report.stored, report.failures, report.retried) == (30, 0, 3)
    assert report.requests == 6


def test_a_batch_that_fails_for_good_fails_as_a_whole_and_the_others_go_on(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    sandbox.faults.add(Fault(service="metadata", method="POST", status=500, times=3))
    report = client.metadata.contents.bulk_store(
        owner, films(owner, 30), batch_size=10, workers=1, backoff_strategy={"max_tries": 3}
    )
    assert (report.stored, report.failures, report.requests, report.retried) == (20, 10, 5, 2)
    assert {one.ref for one in report.failed} == {f"{owner}:f-{n:04}" for n in range(10)}
    assert all(one.ambiguous and one.sent for one in report.failed)


def test_a_lost_answer_is_not_repeated_where_that_would_write_twice_but_marked(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    sandbox.faults.add(Fault(service="metadata", method="POST", drop="body"))
    nameless = [{"owner": owner, "title": "x", "type": "movie"} for _ in range(3)]
    report = client.metadata.contents.bulk_store(owner, nameless)
    assert (report.stored, report.failures, report.retried) == (0, 3, 0)
    assert all(one.ambiguous and isinstance(one.error, ConnectionError) for one in report.failed)


def test_an_answer_of_success_that_cannot_be_read_is_marked(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.faults.add(Fault(service="metadata", method="POST", body=b"<html>welcome</html>", content_type="text/html"))
    report = client.metadata.contents.bulk_store(owner, films(owner, 3))
    assert (report.stored, report.failures) == (0, 3)
    assert all(one.ambiguous for one in report.failed)


def test_an_empty_answer_of_success_is_one(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.faults.add(Fault(service="metadata", method="POST", status=204))
    results: list[Result] = []
    report = client.metadata.contents.bulk_store(owner, films(owner, 3), on_result=results.append)
    assert report.stored == 3
    assert [(one.ok, one.answer) for one in results] == [(True, None)] * 3


# Stopping


def test_stop_ends_with_what_is_under_way(client: Client, sandbox: Sandbox, owner: str) -> None:
    given = iter([*films(owner, 10), bad(owner, "bad"), *films(owner, 100)])
    report = client.metadata.contents.bulk_store(owner, given, batch_size=5, workers=1, on_error="stop")
    assert not report.complete
    assert report.failed[0].ref == f"{owner}:bad"
    assert 10 <= report.stored <= 14
    assert all(isinstance(one.error, NotSent) and not one.sent for one in report.failed[1:])
    assert report.not_sent == report.failures - 1
    assert report.stored + report.failures + len(list(given)) == 111  # nothing is lost


@pytest.mark.parametrize("error", [LookupError("source"), ClientError("source")])
def test_a_source_that_fails_loses_nothing(client: Client, sandbox: Sandbox, owner: str, error: Exception) -> None:
    def source() -> Iterator[dict[str, Any]]:
        yield from films(owner, 25)
        raise error

    results: list[Result] = []
    with pytest.raises(type(error), match="source") as caught:
        client.metadata.contents.bulk_store(owner, source(), batch_size=10, on_result=results.append)
    report: BulkReport = caught.value.report  # type: ignore[attr-defined]
    assert (report.stored, report.not_sent, report.complete) == (20, 5, False)
    assert len(results) == 25
    assert sorted(names(client, owner)) == [f"f-{n:04}" for n in range(20)]


def test_a_callback_that_raises_ends_it_when_what_is_under_way_has_its_answer(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    calls: list[Result] = []

    given = iter(films(owner, 100))

    def fail(result: Result) -> None:
        calls.append(result)
        raise LookupError("callback")

    with pytest.raises(LookupError, match="callback") as caught:
        client.metadata.contents.bulk_store(owner, given, batch_size=10, workers=2, on_result=fail)
    report: BulkReport = caught.value.report  # type: ignore[attr-defined]
    assert report.stored + report.failures + len(list(given)) == 100  # nothing is lost
    assert len(calls) == 1
    assert report.stored == len(names(client, owner)) == 10 * writes(sandbox).count(201)
    assert not report.complete


# Who is told


def test_every_resource_has_a_result_with_what_the_service_answered(client: Client, owner: str) -> None:
    results: list[Result] = []
    nameless = {"owner": owner, "title": "nameless", "type": "movie"}
    given = [*films(owner, 3), bad(owner, "bad"), nameless]
    report = client.metadata.contents.bulk_store(owner, given, on_result=results.append)
    assert report.stored == 4
    assert len(results) == 5
    stored = {one.answer["title"]: one for one in results if one.answer is not None}
    assert stored["nameless"].ref == f"{owner}:{stored['nameless'].answer['name']}"  # type: ignore[index]
    assert all(one.answer["version"] for one in stored.values() if one.answer)
    assert [one.ref for one in results if not one.ok] == [f"{owner}:bad"]


def test_progress_is_told_after_each_batch(client: Client, owner: str) -> None:
    told: list[Progress] = []
    client.metadata.contents.bulk_store(owner, films(owner, 25), batch_size=10, progress=told.append)
    assert max(one.done for one in told) == 25
    assert len(told) == 3
    assert {one.total for one in told} == {25}
    client.metadata.contents.bulk_store(owner, iter(films(owner, 2)), progress=told.append, total=2000)
    assert (told[-1].done, told[-1].total) == (2, 2000)
    assert told[-1].bytes > 100


def test_failures_that_were_handed_out_are_not_all_kept(client: Client, owner: str) -> None:
    results: list[Result] = []
    report = client.metadata.contents.bulk_store(owner, ["no json"] * 1500, on_result=results.append)
    assert (report.failures, len(report.failed), len(results)) == (1500, 1000, 1500)
    with pytest.raises(ValueError, match="1000 of 1500"):
        report.write_dead_letters("never")
    assert not Path("never").exists()
    assert len(client.metadata.contents.bulk_store(owner, ["no json"] * 1500).failed) == 1500


def test_a_report_can_be_pickled_and_says_it_in_a_sentence(client: Client, owner: str) -> None:
    given = [content(owner, "good"), bad(owner, "bad"), object()]
    report = client.metadata.contents.bulk_store(owner, given)
    again = pickle.loads(pickle.dumps(report))  # noqa: S301 - our own
    assert str(again) == str(report) == "stored 1 in 0.0 s with 3 requests; 2 failed, 1 of them not sent"
    assert isinstance(again.failed[1].error, BadRequest) or isinstance(again.failed[0].error, BadRequest)


# Dead letters


def test_dead_letters_can_be_mended_and_replayed(client: Client, owner: str, tmp_path: Path) -> None:
    file = tmp_path / "dead.ndjson"
    given = [*films(owner, 5), bad(owner, "bad"), json.dumps(bad(owner, "text"), indent=1)]
    report = client.metadata.contents.bulk_store(owner, given)
    assert report.write_dead_letters(file) == 2
    letters = [json.loads(line) for line in file.read_text().splitlines()]
    assert {one["ref"] for one in letters} == {f"{owner}:bad", f"{owner}:text"}
    assert {one["error"]["status"] for one in letters} == {400}
    assert all(one["error"]["correlationId"] for one in letters)
    mended = ({**resource, "releaseYear": 2015} for resource in read_dead_letters(file))
    assert client.metadata.contents.bulk_store(owner, mended).stored == 2


def test_dead_letters_are_written_as_they_come(client: Client, owner: str, tmp_path: Path) -> None:
    file = tmp_path / "dead.ndjson"
    seen: list[int] = []

    def watch(result: Result) -> None:
        if not result.ok:
            seen.append(len(list(read_dead_letters(file))))

    given = ["no json", *films(owner, 3), bad(owner, "bad"), {"a": object()}]
    client.metadata.contents.bulk_store(owner, given, dead_letters=file, on_result=watch)
    assert seen == [1, 2, 3]
    assert client.metadata.contents.bulk_store(owner, read_dead_letters(file)).failures == 3


def test_a_file_of_dead_letters_is_never_written_over(client: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "dead.ndjson"
    file.write_text("precious")
    with pytest.raises(FileExistsError):
        client.metadata.contents.bulk_store("acme", films("acme", 1), dead_letters=file)
    assert file.read_text() == "precious"
    assert writes(sandbox) == []


def test_without_failures_there_is_no_file(client: Client, owner: str, tmp_path: Path) -> None:
    file = tmp_path / "dead.ndjson"
    client.metadata.contents.bulk_store(owner, films(owner, 1), dead_letters=str(file))
    assert not file.exists()


# Deletes


def test_refs_are_deleted_fifty_at_a_time(client: Client, sandbox: Sandbox, owner: str) -> None:
    refs = load_contents(sandbox, owner, 120)
    report = client.metadata.contents.bulk_delete(owner, iter(refs))
    assert (report.deleted, report.stored, report.failures, report.requests) == (120, 0, 0, 3)
    assert writes(sandbox, "DELETE") == [204] * 3
    assert names(client, owner) == []
    assert str(report).startswith("deleted 120 in ")


def test_long_refs_go_fewer_at_a_time(client: Client, sandbox: Sandbox, owner: str) -> None:
    refs = [f"{owner}:{'x' * 500}{n}" for n in range(30)]
    assert client.metadata.contents.bulk_delete(owner, refs).deleted == 30
    assert max(len(one.path) for one in sent(sandbox)) <= 6000 + len("/data/contents/")
    assert len(writes(sandbox, "DELETE")) > 1


def test_without_refs_nothing_is_sent(client: Client, sandbox: Sandbox, owner: str) -> None:
    report = client.metadata.contents.bulk_delete(owner, [])
    assert (report.deleted, report.failures, report.requests, report.ok) == (0, 0, 0, True)
    assert sent(sandbox) == []


def test_what_is_no_ref_is_a_failure_and_nothing_is_deleted_for_it(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    kept = load_contents(sandbox, owner, 2)
    odd: list[Any] = ["", " ", ".", "..", "noowner", ":x", "x:", "a:b:c", None, 7, "a\n:b"]
    report = client.metadata.contents.bulk_delete(owner, odd)
    assert (report.deleted, report.failures, report.not_sent) == (0, len(odd), len(odd))
    assert sent(sandbox) == []
    assert client.metadata.contents.bulk_delete(owner, [*odd, kept[0]]).deleted == 1
    assert names(client, owner) == ["c-001"]


def test_the_report_of_a_delete_speaks_of_deleting_even_where_nothing_was_deleted(client: Client, owner: str) -> None:
    report = client.metadata.contents.bulk_delete(owner, ["nocolon", "also bad"])
    assert str(report) == "deleted 0 in 0.0 s with 0 requests; 2 failed, 2 of them not sent"


def test_refs_that_were_not_deleted_can_be_replayed(
    client: Client, sandbox: Sandbox, owner: str, tmp_path: Path
) -> None:
    refs = load_contents(sandbox, owner, 3)
    sandbox.faults.add(Fault(service="metadata", method="DELETE", status=500, times=10))
    report = client.metadata.contents.bulk_delete(owner, refs)
    assert (report.deleted, [one.resource for one in report.failed]) == (0, refs)
    report.write_dead_letters(tmp_path / "dead.ndjson")
    again = client.metadata.contents.bulk_delete(owner, read_dead_letters(tmp_path / "dead.ndjson"))
    assert again.deleted == 3


def test_a_404_for_one_ref_does_not_keep_the_others(client: Client, sandbox: Sandbox, owner: str) -> None:
    refs = load_contents(sandbox, owner, 4)
    sandbox.faults.add(Fault(service="metadata", method="DELETE", status=404, path=f"*{refs[2]}*", times=None))
    report = client.metadata.contents.bulk_delete(owner, refs)
    assert (report.deleted, [one.ref for one in report.failed]) == (3, [refs[2]])


def test_an_unknown_resource_has_nothing_to_delete(client: Client, sandbox: Sandbox, owner: str) -> None:
    with pytest.raises(ResourceNotFound):
        client.metadata.contentz.bulk_delete(owner, [f"{owner}:a", f"{owner}:b"])
    assert len(writes(sandbox, "DELETE")) == 1


# Bad arguments


@pytest.mark.parametrize(
    "options",
    [
        {"workers": 0},
        {"workers": True},
        {"batch_size": 0},
        {"batch_bytes": -1},
        {"total": -1},
        {"on_error": "ignore"},
        {"on_result": 7},
        {"progress": "bar"},
        {"dead_letters": 7},
        {"backoff_strategy": {"max_tries": 0}},
    ],
)
def test_an_option_that_makes_no_sense_is_refused_before_anything_is_sent(
    client: Client, sandbox: Sandbox, options: dict[str, Any]
) -> None:
    for write in (client.metadata.contents.bulk_store, client.metadata.contents.bulk_delete):
        with pytest.raises(ValueError, match=next(iter(options))):
            write("acme", [], **options)
    assert sent(sandbox) == []


def test_an_unknown_option_names_the_nearest_one(client: Client) -> None:
    with pytest.raises(TypeError, match="batch_size"):
        client.metadata.contents.bulk_store("acme", [], batchsize=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("one", [{"name": "x"}, "acme:x", b"{}"])
def test_one_resource_in_the_place_of_many_is_refused(client: Client, sandbox: Sandbox, one: Any) -> None:
    for write in (client.metadata.contents.bulk_store, client.metadata.contents.bulk_delete):
        with pytest.raises(TypeError, match="takes many"):
            write("acme", one)
    assert sent(sandbox) == []


@pytest.mark.parametrize("option", [{"batch_size": 51}, {"batch_bytes": 6001}])
def test_more_refs_than_a_url_can_hold_are_refused(client: Client, option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at most"):
        client.metadata.contents.bulk_delete("acme", [], **option)


@pytest.mark.parametrize("owner", ["", 7])
def test_an_owner_that_is_none_is_refused(client: Client, sandbox: Sandbox, owner: Any) -> None:
    for write in (client.metadata.contents.bulk_store, client.metadata.contents.bulk_delete):
        with pytest.raises(ValueError, match="owner"):
            write(owner, [])
    assert sent(sandbox) == []
