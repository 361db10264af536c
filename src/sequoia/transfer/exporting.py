"""Exports: every resource that fits a question, or what changed since an earlier export, in files with a manifest.

A checkpoint is the manifest with where the scan stands, written when the files hold exactly what the scan has handed
out. Whatever ends the process, the next one goes on from there: nothing is lost, and nothing is there twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NotRequired, Protocol, TypedDict, Unpack

import msgspec

from sequoia.clock import Clock, SystemClock
from sequoia.criteria import Criteria
from sequoia.endpoint import Endpoint
from sequoia.error import BadRequest, ClientError, CriteriaError
from sequoia.partitions import milliseconds, timestamp
from sequoia.progress import OnProgress
from sequoia.transfer.columns import columns_of
from sequoia.transfer.error import TransferError, check_names
from sequoia.transfer.folder import Folder, held, place_for
from sequoia.transfer.manifest import Compression, Format, Manifest, Split
from sequoia.urls import encode_query

__all__ = ["CHECKPOINT_EVERY", "ExportOptions", "export", "since_of"]

CHECKPOINT_EVERY = 10_000
"""Resources after which a checkpoint is written, at most."""
_SECONDS = 5.0  # after which one is written all the same
_LOOK = 100  # resources between two looks at the clock
_PARQUET_PART = 100_000  # its files are points to go on from, so there has to be more than one
# What is stored while a full export runs may have an earlier time stamp than what the service shows when it begins.
_OVERLAP = timedelta(seconds=10)


class ExportOptions(TypedDict):
    """The keyword arguments of `export`.

    Attributes:
        format: `"ndjson"` (bytes as they come), `"csv"` or `"parquet"` (needs pyarrow).
        compression: `"gzip"` or `"zstd"` (needs zstandard); for Parquet that of its columns.
        split: When a file is full; for Parquet every 100,000 resources if it is not given, else never.
        workers: Partitions to read at once; not with `since`.
        since: Export what changed: a `datetime`, or the watermark of an earlier export's manifest.
        resume: Go on with the export in the folder, if there is one; one that is complete is left alone.
        force: Replace the export in the folder.
        checkpoint_every: Resources after which a checkpoint is written, at most.
        progress: Called with a `Progress` about once a page.
        clock: The time.
    """

    format: NotRequired[Format]
    compression: NotRequired[Compression | None]
    split: NotRequired[Split | None]
    workers: NotRequired[int]
    since: NotRequired[datetime | Mapping[str, Any] | None]
    resume: NotRequired[bool]
    force: NotRequired[bool]
    checkpoint_every: NotRequired[int]
    progress: NotRequired[OnProgress | None]
    clock: NotRequired[Clock]


def export(
    endpoint: Endpoint,
    owner: str | None,
    folder: str | os.PathLike[str],
    criteria: Criteria | None = None,
    **options: Unpack[ExportOptions],
) -> Manifest:
    """Write every resource that fits a question to files in a folder, with a manifest.

    Args:
        endpoint: What to read, `client.metadata.contents`.
        owner: The tenant; None for all that the token may see.
        folder: Where to; it is made.
        criteria: What to look for; without inclusions.
        **options: See `ExportOptions`.

    Returns:
        The manifest.

    Raises:
        TransferError: The folder has an export already, or another one than that to go on with.
        TypeError, ValueError: There is no such argument, or it makes no sense.
        ClientError: The service failed; a checkpoint was written.
        OSError: The disk is full, or a file cannot be written; the last checkpoint is there.
    """
    check_names("export", options, ExportOptions.__annotations__)
    place = Path(folder)
    clock = options.get("clock") or SystemClock()
    if options.get("resume") and options.get("force"):
        raise ValueError("resume goes on with an export, force replaces it: give one of them")
    every = options.get("checkpoint_every", CHECKPOINT_EVERY)
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise ValueError(f"checkpoint_every must be a whole number from 1, not {every!r}")
    wanted = _wanted(endpoint, owner, criteria, clock, options)
    with held(place):
        start = place_for(wanted, place, resume=bool(options.get("resume")), force=bool(options.get("force")))
        if start.ended is not None:
            return start
        if start is wanted:
            start = _prepared(endpoint, owner, criteria, wanted)
        source = _source(endpoint, owner, criteria, start, options)
        return _Export(Folder(place, start), source, clock, every).run()


def since_of(text: str, url: str | None = None) -> datetime | Mapping[str, Any]:
    """What to begin at, as a person says it: the folder of an earlier export, or a time (in UTC if it has no zone).

    Args:
        text: What was said.
        url: What is to be read; another platform's watermark says nothing about it. None: do not look.

    Raises:
        TransferError: It is neither, or that export has no watermark, or is of another URL.
    """
    manifest = Manifest.read(Path(text))
    if manifest is not None:
        if url is not None and manifest.url != url:
            raise TransferError(
                f"the export in {text} is of {manifest.url}, and this one reads {url}: give a time to --since"
            )
        if manifest.ended is None:
            raise TransferError(f"the export in {text} is not complete: bring it to its end with export --resume")
        if manifest.watermark is None:
            raise TransferError(f"the export in {text} has no watermark: its service cannot tell what changed")
        return manifest.watermark
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise TransferError(
            f"{text!r} is neither the folder of an export nor a time such as 2026-01-31T12:00Z"
        ) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _wanted(
    endpoint: Endpoint, owner: str | None, criteria: Criteria | None, clock: Clock, options: ExportOptions
) -> Manifest:
    """What was asked for, checked as far as that needs no request."""
    form = options.get("format", "ndjson")
    since = options.get("since")
    workers = options.get("workers", 1)
    # Both are made here for their checks of the question; nothing is sent.
    name = endpoint.scan(owner, criteria, raw=True, workers=workers).checkpoint["endpoint"]
    if since is not None:
        if workers != 1:
            raise ValueError("what changed comes in the order of its time, so there is one worker for it")
        since = endpoint.changes(owner, since, criteria, raw=True).watermark
    service, _, resource = name.rpartition("/")
    split = options.get("split") or Split(resources=_PARQUET_PART if form == "parquet" else None)
    wanted = Manifest(
        service=service,
        resource=resource,
        url=endpoint.url,
        owner=owner,
        query=_query(criteria),
        format=form,
        compression=options.get("compression"),
        split=split,
        since=None if since is None else dict(since),
        started=timestamp(int(clock.time() * 1000)),
    )
    try:
        return msgspec.convert(msgspec.to_builtins(wanted), Manifest)
    except msgspec.ValidationError as error:
        raise ValueError(f"this export cannot be asked for: {error}") from error


def _query(criteria: Criteria | None) -> str:
    """The query string; how long the pages are is no part of the question."""
    params = {} if criteria is None else criteria.get_criteria_params()
    return encode_query({name: value for name, value in params.items() if name != "perPage"})


def _prepared(endpoint: Endpoint, owner: str | None, criteria: Criteria | None, wanted: Manifest) -> Manifest:
    """A new export, with what has to be asked before it begins."""
    columns = None if wanted.format == "ndjson" else columns_of(endpoint.descriptor, wanted.fields)
    watermark = wanted.since
    if watermark is None:
        watermark = _watermark(endpoint, owner, criteria)
    if watermark is None or wanted.since is not None:
        # Nobody has asked this question yet: what is wrong with it is to be said before there is a folder with an
        # export that cannot be.
        endpoint.browse(owner, (Criteria() if criteria is None else criteria.copy()).per_page(1))
    return msgspec.structs.replace(wanted, columns=columns, watermark=watermark)


def _watermark(endpoint: Endpoint, owner: str | None, criteria: Criteria | None) -> dict[str, Any] | None:
    """Where an export of what is newer than this one begins; None where the service cannot tell."""
    question = Criteria() if criteria is None else criteria.copy()
    question.order_by("-updatedAt").fields("updatedAt").per_page(1)
    try:
        newest = endpoint.browse(owner, question).resources
        stamp = milliseconds(newest[0].get("updatedAt")) if newest else None
        if newest and stamp is None:
            return None
        moment = None if stamp is None else datetime.fromisoformat(timestamp(stamp)) - _OVERLAP
        return dict(endpoint.changes(owner, moment, criteria).watermark)
    except (BadRequest, CriteriaError, ValueError):
        return None  # it cannot be sorted by that time; whatever else is wrong will be said without that, too


class _Source(Protocol):
    """Where the resources come from."""

    def __iter__(self) -> Any: ...
    def state(self) -> dict[str, Any]: ...
    def end(self) -> dict[str, Any]: ...
    def close(self) -> None: ...


@dataclass
class _Scanned:
    """Every resource."""

    scan: Any

    def __iter__(self) -> Any:
        return iter(self.scan)

    def state(self) -> dict[str, Any]:
        return {"checkpoint": self.scan.checkpoint}

    def end(self) -> dict[str, Any]:
        return {"checkpoint": None}

    def close(self) -> None:
        self.scan.close()


@dataclass
class _Changed:
    """What changed."""

    changes: Any

    def __iter__(self) -> Any:
        return iter(self.changes)

    def state(self) -> dict[str, Any]:
        return {"watermark": self.changes.watermark}

    end = state

    def close(self) -> None:
        """It has no workers."""


def _source(
    endpoint: Endpoint, owner: str | None, criteria: Criteria | None, start: Manifest, options: ExportOptions
) -> _Source:
    progress = options.get("progress")
    if start.since is not None:
        return _Changed(endpoint.changes(owner, start.watermark, criteria, raw=True, progress=progress))
    workers, resume = options.get("workers", 1), start.checkpoint
    scan = endpoint.scan(
        owner, criteria, raw=True, workers=workers, resume=resume, progress=progress, count=True, read_ahead=True
    )
    return _Scanned(scan)


class _Export:
    """One export, under way."""

    def __init__(self, folder: Folder, source: _Source, clock: Clock, every: int) -> None:
        self._folder = folder
        self._source = source
        self._clock = clock
        self._every = every

    def run(self) -> Manifest:
        folder, source = self._folder, self._source
        try:
            with closing(source):
                self._copy()
            ended = timestamp(int(self._clock.time() * 1000))
            folder.complete(ended=ended, **source.end())
        finally:
            folder.abandon()
        return folder.manifest

    def _copy(self) -> None:
        folder, source, monotonic = self._folder, self._source, self._clock.monotonic
        since, at = 0, monotonic()
        resources = iter(source)
        while (resource := self._next(resources)) is not None:
            since += 1
            full = folder.add(resource)
            if full or since >= self._every or (since % _LOOK == 0 and monotonic() - at >= _SECONDS):
                folder.commit(**source.state())
                since, at = 0, monotonic()

    def _next(self, resources: Iterator[bytes]) -> bytes | None:
        try:
            return next(resources, None)
        except ClientError:
            # All that was handed out before has been written.
            self._folder.commit(**self._source.state())
            raise
