"""Targets in scans and bulk writes: what services answer, and the files and values that an earlier run left behind."""

from __future__ import annotations

import json
import pickle
from functools import cache
from itertools import cycle
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import httpx2
import msgspec

from fuzz.targets import Target
from sequoia import InstantClock
from sequoia.bulk import Writing
from sequoia.bulk_work import Deleting, Storing
from sequoia.calls import Answer, Call, decode_json, judge
from sequoia.changes import CHANGED, DELETED, Following
from sequoia.dead_letters import read_dead_letters
from sequoia.error import BadRequest, ClientError, HttpError, InvalidResource, RequestError
from sequoia.gate import Place
from sequoia.ledger import Ledger, Part
from sequoia.operations import ResourcePath
from sequoia.pace import Pace
from sequoia.pages import PageReader
from sequoia.partitions import MOST_ROUNDS, PARTS_A_WORKER
from sequoia.progress import Meter
from sequoia.retry import retry_after_seconds
from sequoia.scan import Query, Scanning, ScanOptions, Walk
from sequoia.survey import Survey

__all__ = ["TARGETS"]

SERVICE = "https://metadata.example.com"
NAME = "metadata/contents"
PATH = ResourcePath.of("contents")
QUERY = Query(PATH, "acme", {"perPage": "10"})
WORKERS = 4

_PART = {"created": "2026-01-01T00:00:00.000Z/", "link": "/data/contents?continue=a", "handed": ["acme:a"]}
_CHECKPOINT = msgspec.json.encode({
    "endpoint": NAME, "query": QUERY.digest, "done": 3, "total": 200, "ordered": False, "version": 1,
    "parts": [_PART, {"created": "!*", "number": 2}],
})  # fmt: skip
_REACHED = {"at": "2026-01-01T00:00:00.000Z", "overlap": 10_000, "seen": {"acme:a": "2026-01-01T00:00:00.000Z"}}
_WATERMARK = msgspec.json.encode({
    "endpoint": NAME, "query": QUERY.digest, "changed": _REACHED, "deleted": {**_REACHED, "at": None}, "version": 1,
})  # fmt: skip
_LETTERS = (
    b'{"resource": {"owner": "acme", "name": "a", "ratings": {"BBFC": "U"}}, "ref": "acme:a", "error": {"status": 400}}'
    b'\n\n{"resource": "acme:b", "ref": "acme:b", "error": {"type": "NotFound"}}'
)
_PAGE = (
    b'{"meta": {"continue": "/data/contents?continue=b&owner=acme"}, "contents": ['
    b'{"ref": "acme:a", "updatedAt": "2026-01-02T00:00:00.000Z", "deletedAt": "2026-01-02T00:00:00.000Z"},'
    b'{"ref": "acme:b", "updatedAt": "2026-01-03T00:00:00.000Z", "deletedAt": "2026-01-03T00:00:00.000Z"}]}'
)
_LAST = _PAGE.replace(b'"continue": "/data/contents?continue=b&owner=acme"', b"")
_COUNTED = (
    b'{"meta": {"totalCount": 5000}, "contents": [{"createdAt": "2026-01-01T00:00:00.000Z"}]}',
    b'{"meta": {"totalCount": 7}, "contents": [{"createdAt": "0001-01-01T00:00:00.000Z"}]}',
    b'{"meta": {"totalCount": 4000}, "contents": [{"createdAt": "9999-12-31T23:59:59.999Z"}]}',
)
_STORED = (
    b'{"meta": {}, "contents": [{"ref": "acme:n0", "owner": "acme", "name": "n0", "version": "1"},'
    b'{"ref": "acme:n1", "owner": "acme", "name": "n1"}, {"ref": "acme:x", "title": "t"}]}'
)


def _answer(call: Call, body: bytes, status: int = 200) -> Answer:
    made = call.at(SERVICE) if call.url.startswith("/") else call
    response = httpx2.Response(status, content=body, request=httpx2.Request(made.method, made.url))
    return judge(made, response, now=0.0)


def _scanning(resume: Any = None) -> Scanning[dict[str, Any]]:
    options: ScanOptions = {"workers": WORKERS, "resume": resume}
    return Scanning.of(NAME, QUERY, PageReader("contents"), options)


def _can_go_on(scanning: Scanning[dict[str, Any]], ledger: Ledger[dict[str, Any]]) -> None:
    """Whatever came so far, the scan can be resumed where it stands, and then asks nobody but its service."""
    checkpoint = json.loads(json.dumps(scanning.checkpoint(*_parts(ledger))))
    resumed = _scanning(checkpoint).saved
    assert resumed is not None
    assert resumed.write() == checkpoint
    for saved in resumed.parts or ():
        call = _scanning().walk(SERVICE, Part(saved), saved.link).call
        assert call is not None
        assert call.url.startswith(f"{SERVICE}/"), call.url


def _parts(ledger: Ledger[dict[str, Any]]) -> Any:
    done, parts = ledger.saved()
    return done, ledger.meter.total, parts


def _ledger(saved: list[Part] | None) -> Ledger[dict[str, Any]]:
    meter = Meter(None, InstantClock().monotonic)
    return Ledger(saved, PageReader[dict[str, Any]]("contents").refs, meter, ordered=False)


def _checkpoint(data: bytes) -> None:
    saved = _scanning(decode_json(data)).saved
    if saved is None:
        return
    scanning = _scanning()
    parts = [Part(one) for one in saved.parts or ()]
    ledger = _ledger(parts)
    _can_go_on(scanning, ledger)
    for part in parts:
        walk = scanning.walk(SERVICE, part, part.link)
        _turn(ledger, walk, _PAGE)
    _can_go_on(scanning, ledger)


def _turn(ledger: Ledger[dict[str, Any]], walk: Walk[dict[str, Any]], body: bytes) -> None:
    assert walk.call is not None
    ledger.add(walk.turn(_answer(walk.call, body)))
    next(ledger.turned(), None)


def _scan_page(data: bytes) -> None:
    """Two pages of a hostile service, and the page behind them."""
    scanning = _scanning()
    part = Part(Survey(QUERY, 1, ordered=False, now=0).parts[0])
    ledger = _ledger([part])
    walk = scanning.walk(SERVICE, part, None)
    for body in (*data.split(b"\n\n"), _LAST):
        while length := sum(1 for _ in ledger.turned()):
            assert length < len(data) + len(_PAGE)
        if walk.call is None:
            return
        assert walk.call.url.startswith(f"{SERVICE}/"), walk.call.url
        _turn(ledger, walk, body)
        _can_go_on(scanning, ledger)


def _survey(data: bytes) -> None:
    """A service that counts as the lines of the input say; cutting comes to an end, whatever they are."""
    bodies = cycle(data.split(b"\n"))
    for ordered in (False, True):
        survey = Survey(QUERY, WORKERS, ordered=ordered, now=1.8e12)
        rounds = 0
        while calls := survey.calls():
            rounds += 1
            assert rounds <= MOST_ROUNDS + 1
            assert len(calls) <= PARTS_A_WORKER * WORKERS, len(calls)
            survey.take([_counted(call, next(bodies)) for call in calls])
        ledger = _ledger([Part(saved) for saved in survey.parts])
        ledger.meter.total = survey.total
        _can_go_on(_scanning(), ledger)


def _counted(call: Call, body: bytes) -> Answer | BadRequest:
    if body == b"400":
        return BadRequest("no", 400)
    return _answer(call, body)


def _watermark(data: bytes) -> None:
    since = decode_json(data)
    following = Following.of(NAME, QUERY, PageReader[dict[str, Any]]("contents"), since, {})
    _follow(following, _PAGE, _PAGE)


def _changes_page(data: bytes) -> None:
    for since in (None, msgspec.json.decode(_WATERMARK)):
        for newest in (_PAGE, data):
            _follow(Following.of(NAME, QUERY, PageReader[dict[str, Any]]("contents"), since, {}), newest, data)


def _follow(following: Following[dict[str, Any]], newest: bytes, data: bytes) -> None:
    """Along both time stamps of a service; the watermark can be used wherever the run is left."""
    meter = Meter(None, InstantClock().monotonic)
    trails = {name: following.trail(name, SERVICE, meter) for name in (DELETED, CHANGED)}
    for trail in trails.values():
        for body in (newest, data, _LAST):
            if trail.call is None:
                break
            assert trail.call.url.startswith(f"{SERVICE}/"), trail.call.url
            trail.take(_answer(trail.call, body))
            next(trail.items, None)
            watermark = json.loads(json.dumps(following.watermark(trails)))
            again = Following.of(NAME, QUERY, PageReader[dict[str, Any]]("contents"), watermark, {})
            assert json.loads(json.dumps(again.watermark({}))) == watermark
            trail.close()


@cache
def _folder() -> Path:
    return Path(mkdtemp(prefix="sequoia-fuzz-"))


def _letters(data: bytes) -> None:
    path = _folder() / "letters.ndjson"
    path.write_bytes(data)
    for resource in read_dead_letters(path):
        assert isinstance(resource, dict | str)
        for work in (Storing(PATH, "acme"), Deleting(PATH, "acme")):
            try:
                item = work.item(resource)
            except InvalidResource:
                continue
            assert msgspec.json.decode(item.result(InvalidResource("no")).line())["ref"] == item.ref


def _bulk_answer(data: bytes) -> None:
    """Whatever a service answers to a batch, each of its resources has one result, which says no more than is known."""
    for status in (200, 201, 400):
        for work, given in (
            (Storing(PATH, "acme"), [{"owner": "acme", "name": "n0"}, {"owner": "acme", "name": "n1"}, {"title": "t"}]),
            (Deleting(PATH, "acme"), ["acme:n0", "acme:n1", "acme:n2"]),
        ):
            items = [work.item(one) for one in given]
            writing = Writing(work, items, wanted=True)
            while (following := writing.next()) is not None:
                part, call = following
                call = call.at(SERVICE)
                try:
                    answer = _answer(call, data, status)
                except ClientError as error:
                    if isinstance(error, RequestError):
                        error.url = call.url
                    writing.failed(part, call, error)
                else:
                    writing.accepted(part, answer)
            assert len(writing.results) == 3
            for item, result in zip(items, writing.results, strict=True):
                assert result.resource == item.resource
                assert item.ref in {None, result.ref}
                assert result.ok == (result.error is None)
                assert (status == 400) <= (not result.ok)
                pickle.loads(pickle.dumps(result)).line()


def _pause(data: bytes) -> None:
    """However long a service asks everybody to wait, nobody waits longer than for one request."""
    pace = Pace(8)
    for status in (429, 503, 429):
        place, error = Place(), HttpError("busy", status)
        error.retry_after = retry_after_seconds(data.decode("latin-1"), 1_800_000_000.0)
        pace.begin(0.0)
        place.failed(error, 120.0)
        pace.end(pace.begun, 0.0, place.news, place.pause)
    wait = pace.begin(0.0)
    assert wait is None or 0 <= wait <= 120.0


_CHECKED: tuple[type[Exception], ...] = (ClientError, ValueError)

TARGETS = (
    Target("scan-checkpoint", _checkpoint, (_CHECKPOINT,), _CHECKED),
    Target("scan-page", _scan_page, (_PAGE, _PAGE + b"\n\n" + _PAGE.replace(b"continue=b", b"continue=c"))),
    Target("scan-counts", _survey, (b"\n".join(_COUNTED), _COUNTED[0], b"400\n" + _COUNTED[2], _COUNTED[2])),
    Target("changes-watermark", _watermark, (_WATERMARK,), _CHECKED),
    Target("changes-page", _changes_page, (_PAGE,)),
    Target("dead-letters", _letters, (_LETTERS,), _CHECKED),
    Target("bulk-answer", _bulk_answer, (_STORED, b"", b'{"contents": []}')),
    Target("pace", _pause, (b"120", b"999999999", b"Wed, 21 Oct 2026 07:28:00 GMT")),
)  # fmt: skip
