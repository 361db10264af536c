"""Bulk writes as values: batches, halving, and what a report says."""

from __future__ import annotations

import json
import math
import os
import pickle
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequoia.bulk import Batcher, BulkPlan, BulkReport, Result, Writing, read_dead_letters
from sequoia.bulk_work import Deleting, Item, Storing
from sequoia.calls import Answer, Call
from sequoia.dead_letters import LONGEST_LINE, replaced_whole
from sequoia.error import ClientError, DecodeError, InvalidResource, RequestError, http_error
from sequoia.operations import ResourcePath
from sequoia.payload import encoded_resource

STORING = Storing(ResourcePath.of("contents"), "acme")


def items(number: int) -> list[Item]:
    return [STORING.item({"owner": "acme", "name": f"n{n}"}) for n in range(number)]


def refusal(call: Call, status: int = 400) -> RequestError:
    error = http_error(status, {"message": "bad"})
    error.url = f"https://metadata.test{call.url}"
    return error


def written(batch: Sequence[Item], bad: set[int], status: int = 400) -> Writing:
    """A batch that was sent to a service which takes all resources, or none of a request with a bad one in it."""
    wrong = {batch[n] for n in bad}
    writing = Writing(STORING, batch, wanted=False)
    while (following := writing.next()) is not None:
        part, call = following
        if wrong.isdisjoint(part):
            writing.accepted(part, Answer(call, httpx2.Response(201), None))
        else:
            writing.failed(part, call, refusal(call, status))
    return writing


@given(size=st.integers(1, 120), data=st.data())
def test_whatever_is_bad_everything_good_is_written_once_and_the_requests_are_bounded(size: int, data: Any) -> None:
    bad = data.draw(st.sets(st.integers(0, size - 1)))
    batch = items(size)
    writing = written(batch, bad)
    assert [one.ref for one in writing.results] == [one.ref for one in batch]
    assert {n for n, one in enumerate(writing.results) if not one.ok} == bad
    levels = math.ceil(math.log2(size)) if size > 1 else 0
    assert writing.requests <= min(2 * size - 1, 1 + 2 * levels * len(bad))


@pytest.mark.parametrize("status", [400, 403, 409, 413, 414, 422])
def test_a_refusal_is_divided(status: int) -> None:
    assert written(items(8), {3}, status).requests == 7


@pytest.mark.parametrize("status", [402, 429, 500, 503])
def test_any_other_failure_is_that_of_the_whole_batch(status: int) -> None:
    writing = written(items(8), {3}, status)
    assert (writing.requests, writing.hopeless, [one.ok for one in writing.results]) == (1, None, [False] * 8)
    assert {one.ambiguous for one in writing.results} == {status >= 500}


@pytest.mark.parametrize("status", [401, 404, 405])
def test_some_failures_mean_that_nothing_else_can_work(status: int) -> None:
    assert written(items(8), {3}, status).hopeless is not None


def test_what_is_hopeless_halfway_leaves_the_rest_unsent() -> None:
    writing = Writing(STORING, items(8), wanted=False)
    part, call = writing.next() or ([], Call("", ""))
    writing.failed(part, call, refusal(call))
    part, call = writing.next() or ([], Call("", ""))
    writing.failed(part, call, refusal(call, 401))
    assert writing.next() is None
    assert [one.sent for one in writing.results] == [True] * 4 + [False] * 4


@given(sizes=st.lists(st.integers(0, 40)), most=st.integers(1, 10), room=st.integers(1, 120))
def test_batches_keep_their_bounds_and_their_order(sizes: list[int], most: int, room: int) -> None:
    batcher = Batcher(most, room)
    given_items = [Item(b"x" * size, str(n), None, True) for n, size in enumerate(sizes)]
    batches = [batch for batch in [*map(batcher.add, given_items), batcher.rest()] if batch]
    assert [item for batch in batches for item in batch] == given_items
    for batch in batches:
        assert len(batch) <= most
        assert len(batch) == 1 or sum(len(item.wire) + 1 for item in batch) <= room
    assert batcher.rest() == []


def test_the_body_of_a_batch_is_what_store_would_send() -> None:
    resources = [{"owner": "acme", "name": "ä", "n": 1.5}, {"owner": "acme", "name": "b", "x": [None, {"y": "\n"}]}]
    call = STORING.call([STORING.item(one) for one in resources])
    plain = STORING.path.store("acme", resources)
    assert (call.method, call.url, call.body, call.repeatable) == ("POST", plain.url, plain.body, plain.repeatable)


def test_a_batch_is_repeatable_where_every_resource_says_which_it_is() -> None:
    named, nameless = STORING.item({"name": "n"}), STORING.item({"title": "x"})
    assert STORING.call([named]).repeatable
    assert not STORING.call([named, nameless]).repeatable


def test_a_delete_without_refs_cannot_even_be_made() -> None:
    with pytest.raises(ValueError, match="at least one ref"):
        Deleting(STORING.path, "acme").call([])


@pytest.mark.parametrize("wrap", [dict, json.dumps, lambda value: json.dumps(value).encode()])
@pytest.mark.parametrize("missing", ["ref", "owner", "name", "createdAt", "updatedAt", "version"])
def test_a_part_of_a_resource_is_known_by_what_it_lacks(missing: str, wrap: Any) -> None:
    whole = {"ref": "a:b", "owner": "a", "name": "b", "createdAt": "t", "updatedAt": "t", "version": "v", "title": "x"}
    assert encoded_resource(wrap(whole)).ref == "a:b"
    with pytest.raises(InvalidResource, match=missing):
        encoded_resource(wrap({name: value for name, value in whole.items() if name != missing}))


def test_a_new_resource_needs_none_of_what_the_service_sets() -> None:
    assert encoded_resource({"owner": "a", "name": "b"}) == (b'{"owner":"a","name":"b"}', "a:b", True)
    assert encoded_resource(b' {"title" : 1} ') == (b' {"title" : 1} ', None, False)


# Reports


def report(*failed: Result, failures: int | None = None, **given: Any) -> BulkReport:
    values: dict[str, Any] = {"stored": 0, "deleted": 0, "not_sent": 0, "requests": 0, "retried": 0, "bytes": 0}
    number = len(failed) if failures is None else failures
    return BulkReport(**{"seconds": 1.25, "complete": True, **values, **given}, failures=number, failed=failed)


def test_a_report_says_everything_in_one_sentence() -> None:
    assert str(report(stored=49_998, requests=502, retried=2, failures=2, not_sent=1, complete=False)) == (
        "stored 49,998 in 1.2 s with 502 requests, 2 of them repeated; 2 failed, 1 of them not sent; "
        "stopped before the end of the source"
    )


ODD: list[Any] = [b'{"a":\n1}', "a:b", {"a": 1}, {"a": object()}, b"\xff", b"[1]", "\ud800", object(), None, [1], 1.5]
ODD += [{"a": 10**400}, {"a": 10**5000}, {"a": math.nan}]


@pytest.mark.parametrize("resource", ODD)
def test_whatever_failed_is_a_dead_letter_of_one_line_and_can_be_pickled(resource: Any, tmp_path: Path) -> None:
    file = tmp_path / "dead"
    failed = Result(resource, None, ClientError("why\n\ud800"))
    assert report(failed).write_dead_letters(file) == 1
    assert file.read_bytes().count(b"\n") == 1
    (again,) = read_dead_letters(file)
    assert isinstance(again, dict | str)
    assert pickle.loads(pickle.dumps(failed)).line() == failed.line()  # noqa: S301 - our own


def test_a_json_object_comes_back_as_it_was(tmp_path: Path) -> None:
    whole = {"name": "ä\n\u2028", "n": [1, 2.5, None, True], "deep": {"x": "\x00"}}
    forms = [json.dumps(whole).encode(), json.dumps(whole, indent=2).encode(), whole]
    report(*[Result(one, error=ClientError("x")) for one in forms]).write_dead_letters(tmp_path / "dead")
    assert list(read_dead_letters(tmp_path / "dead")) == [whole] * 3


@pytest.mark.parametrize("broken", ["{", '{"resource":{"a":1', "[]", "{}", '{"resource":7}', "\x00"])
def test_a_broken_line_is_named(broken: str, tmp_path: Path) -> None:
    file = tmp_path / "dead.ndjson"
    file.write_text(f'{{"resource":"a:b"}}\n\n{broken}\n')
    letters = read_dead_letters(file)
    assert next(letters) == "a:b"
    with pytest.raises(ValueError, match=r"dead\.ndjson, line 3: not a dead letter"):
        next(letters)


def test_a_file_that_cannot_be_written_whole_is_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "dead"
    file.write_bytes(b"before")

    def lines() -> Any:
        yield b"one\n"
        raise LookupError("midway")

    with pytest.raises(LookupError):
        replaced_whole(file, lines())
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_bytes() == b"before"


def test_a_callback_that_would_have_to_be_awaited_is_refused() -> None:
    async def callback(_: object) -> None: ...

    with pytest.raises(ValueError, match="plain function"):
        BulkPlan.of({"on_result": callback})


def answered(batch: Sequence[Item], body: object, status: int = 201) -> Writing:
    """A batch whose answer has this body."""
    writing = Writing(STORING, batch, wanted=True)
    following = writing.next()
    assert following is not None
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    writing.accepted(following[0], Answer(following[1], httpx2.Response(status, content=content), None))
    return writing


@pytest.mark.parametrize(
    "stored",
    [
        [],
        [{"ref": "acme:n0"}],
        [{"ref": "acme:n0"}, {"ref": "acme:n1"}, {"ref": "acme:n2"}],
        [{"ref": "acme:n1"}, {"ref": "acme:n0"}],
        [{"ref": "acme:n0"}, {"ref": "other:n1"}],
    ],
    ids=["none", "fewer", "more", "another order", "others"],
)
def test_an_answer_that_lists_others_is_not_taken_for_theirs(stored: list[Any]) -> None:
    results = answered(items(2), {"meta": {}, "contents": stored}).results
    assert [(one.ref, one.ok, one.answer) for one in results] == [("acme:n0", True, None), ("acme:n1", True, None)]


@pytest.mark.parametrize(
    "body",
    [
        {"contents": 5},
        {"contents": [5, 6]},
        {"contents": {"ref": "acme:n0"}},
        {"contents": ["a", "b"]},
        [],
        b"{}{}",
        b'{"\xff": 1}',
        b"\x00",
        b'{"contents": ' + b"[" * 5_000,
        b'{"contents": [{"a": "\xff"}, {}]}',
    ],
)
def test_an_answer_of_success_that_cannot_be_read_marks_its_resources(body: object) -> None:
    results = answered(items(2), body).results
    assert [(one.ref, one.ok, one.ambiguous) for one in results] == [("acme:n0", False, True), ("acme:n1", False, True)]
    assert {type(one.error) for one in results} == {DecodeError}


def test_a_result_whose_answer_is_nested_too_deeply_to_be_pickled_goes_without_it() -> None:
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"a": deep}
    (result,) = answered(items(1), {"contents": [{"ref": "acme:n0", **deep}]}).results
    assert result.answer is not None
    again = pickle.loads(pickle.dumps(result))  # noqa: S301 - our own bytes
    assert (again.ref, again.ok, again.answer) == ("acme:n0", True, None)


def test_of_a_halved_batch_that_nobody_waits_for_what_is_known_stays_known() -> None:
    writing = Writing(STORING, items(4), wanted=False)
    following = writing.next()
    assert following is not None
    writing.failed(*following, refusal(following[1]))
    following = writing.next()
    assert following is not None
    writing.accepted(following[0], Answer(following[1], httpx2.Response(201), None))
    writing.next()  # the other half is under way
    told = [(one.ref, one.ok, one.ambiguous) for one in writing.abandoned(KeyboardInterrupt())]
    known, unknown = (True, False), (False, True)
    assert told == [("acme:n0", *known), ("acme:n1", *known), ("acme:n2", *unknown), ("acme:n3", *unknown)]


# Files of dead letters


@pytest.mark.parametrize(
    "line",
    [
        b"\x00",
        b"\xff\xfe",
        b'{"resource": "\xff"}',
        b'{"resource": "\\ud800"}',
        b'{"resource": ' + b'{"a":' * 5_000,
        b'{"resource": ' + b"[" * 100_000,
        b'{"resource": 5}',
        b'{"resource": null}',
        b"[]",
        b"5",
        b'{"resource": {}} {"resource": {}}',
        b"1" * 10_000,
        b'\xef\xbb\xbf{"resource": {}}',
    ],
)
def test_a_line_that_is_no_dead_letter_is_named(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "dead.ndjson"
    file.write_bytes(b'{"resource": {"name": "a"}}\n\r\n' + line)
    letters = read_dead_letters(file)
    assert next(letters) == {"name": "a"}
    with pytest.raises(ValueError, match=r"dead\.ndjson, line 3: not a dead letter"):
        next(letters)


def test_a_line_without_end_is_not_read_into_memory(tmp_path: Path) -> None:
    file = tmp_path / "dead.ndjson"
    with file.open("wb") as written:
        written.truncate(20 * LONGEST_LINE)  # takes no room on the disk
    with pytest.raises(ValueError, match=r"line 1: not a dead letter: over 67,108,864 bytes"):
        next(read_dead_letters(file))


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    file = tmp_path / "dead.ndjson"
    file.write_bytes(b'{"resource": {"name": "a"}}\r\n{"resource": "acme:b"}')
    assert list(read_dead_letters(file)) == [{"name": "a"}, "acme:b"]


def test_dead_letters_are_read_from_a_pipe_and_not_from_a_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        next(read_dead_letters(tmp_path))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b'{"resource": {"name": "a"}}\n',))
    writer.start()
    assert list(read_dead_letters(pipe)) == [{"name": "a"}]
    writer.join()
