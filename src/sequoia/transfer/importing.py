"""Imports and copies: resources are made ready, checked if that is wanted, and stored in bulk; none fails unseen.

A store is an upsert by owner and name, so what broke off is simply done again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict, Unpack

from sequoia.criteria import Criteria
from sequoia.dead_letters import DeadLetters
from sequoia.endpoint import Endpoint
from sequoia.error import ClientError, InvalidResource
from sequoia.progress import OnProgress
from sequoia.report import Result, untold
from sequoia.transfer.error import TransferError, check_names
from sequoia.transfer.manifest import Manifest
from sequoia.transfer.preparing import Preparer
from sequoia.transfer.reading import Given, Source

__all__ = ["Failure", "ImportOptions", "Report", "copy", "load"]

SHOWN = 100
"""Failures that a report keeps."""


@dataclass(frozen=True)
class Failure:
    """A resource that was not stored.

    Attributes:
        where: The file and the line, where that is known; else its ref.
        error: Why.
    """

    where: str
    error: ClientError

    def __str__(self) -> str:
        return f"{self.where}: {self.error}"


@dataclass
class Report:
    """What an import or a copy came to.

    Attributes:
        read: Resources that were read.
        ready: Of these, those that could be stored by all that is known here.
        stored: Of these, those that were stored.
        deleted: Of those read, deletions, which exports of changes hold; they are passed over.
        unnamed: Of those ready, those with neither name nor ref: storing them again makes others.
        failures: Of those read, those that failed.
        failed: The first of these.
        seconds: How long it took to store them.
    """

    read: int = 0
    ready: int = 0
    stored: int = 0
    deleted: int = 0
    unnamed: int = 0
    failures: int = 0
    failed: list[Failure] | None = None
    seconds: float = 0.0

    def fail(self, where: str, error: ClientError) -> None:
        """Note a failure."""
        self.failures += 1
        self.failed = self.failed or []
        if len(self.failed) < SHOWN:
            self.failed.append(Failure(where, error))

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures


class ImportOptions(TypedDict):
    """The keyword arguments of `load` and `copy`.

    Attributes:
        check: Hold every resource against the descriptor first, and store nothing if one has a fault; `load` only.
        dry_run: Store nothing, but say what would be; every resource is held against the descriptor.
        workers: Batches under way at once.
        dead_letters: A file, not there yet, for what failed, also in the check; not written with `dry_run`.
        progress: Called with a `Progress` after each batch.
    """

    check: NotRequired[bool]
    dry_run: NotRequired[bool]
    workers: NotRequired[int]
    dead_letters: NotRequired[str | os.PathLike[str] | None]
    progress: NotRequired[OnProgress | None]


def load(
    endpoint: Endpoint,
    owner: str | None,
    sources: Iterable[Source],
    *,
    change_owner: bool = False,
    **options: Unpack[ImportOptions],
) -> Report:
    """Store the resources of files.

    Args:
        endpoint: Where to.
        owner: The tenant; a resource without an owner gets this one, None leaves each with its own.
        sources: The files.
        change_owner: Whether resources of another owner become this one's, with their refs; see `Preparer`.
        **options: See `ImportOptions`.

    Returns:
        What was stored, and what failed.

    Raises:
        TransferError: A file cannot be read.
        ClientError: Nothing else can work; its `.report` is that of the bulk write.
        FileExistsError: The file for dead letters is there.
    """
    check_names("load", options, ImportOptions.__annotations__)
    files = list(sources)
    for source in files:
        made = source.manifest or source.origin
        if made is not None:
            _check_export(made, owner, change_owner=change_owner)
    preparer = Preparer(endpoint.descriptor, owner, change_owner=change_owner)
    if options.get("check") or options.get("dry_run"):
        path = None if options.get("dry_run") else options.get("dead_letters")
        # It is removed again if there is no fault, so the import itself can make it.
        with nullcontext() if path is None else closing(DeadLetters(path)) as letters:
            checked = _checked(preparer, files, letters)
        if options.get("dry_run") or not checked.ok:
            return checked
    totals = [source.manifest.resources for source in files if source.manifest is not None]
    total = sum(totals) if len(totals) == len(files) else None
    return _Loading(endpoint, owner, preparer, total, options).run(given for source in files for given in source)


def _check_export(manifest: Manifest, owner: str | None, *, change_owner: bool) -> None:
    """Refuse an export of which no resource could be stored."""
    if manifest.fields is not None:
        raise TransferError(
            "this export was made with only some fields: storing these resources would delete all others"
        )
    if manifest.lang is not None:
        raise TransferError(
            f"this export was made with lang={manifest.lang}: storing these resources would replace the base texts "
            "with translations; export them without it"
        )
    if None not in {owner, manifest.owner} and manifest.owner != owner and not change_owner:
        raise TransferError(
            f"this export belongs to {manifest.owner!r}, and is to be stored for {owner!r}: change the owner "
            "(--change-owner), or store it for its own (--owner)"
        )


def copy(  # noqa: PLR0913 - two places
    source: Endpoint,
    owner: str,
    target: Endpoint,
    to_owner: str,
    criteria: Criteria | None = None,
    *,
    read_workers: int = 1,
    **options: Unpack[ImportOptions],
) -> Report:
    """Store the resources of one owner for another, on the same platform or another; nothing is kept in between.

    Args:
        source: Where from.
        owner: Whose.
        target: Where to.
        to_owner: For whom; refs to the old owner's resources become refs to the new one's, see `Preparer`.
        criteria: Which; without `fields` and `lang`, because resources are copied whole and as they are stored.
        read_workers: Partitions to read at once.
        **options: See `ImportOptions`; without `check`.

    Raises:
        ValueError: An argument makes no sense, such as a copy of something onto itself.
        ClientError: As for `load`.
    """
    check_names("copy", options, ImportOptions.__annotations__)
    if (source.url, owner) == (target.url, to_owner):
        raise ValueError("this would copy every resource onto itself: give another owner or another platform")
    if options.get("check"):
        raise ValueError("a copy reads its source once, so it cannot be checked first: use dry_run")
    asked = {} if criteria is None else criteria.get_criteria_params()
    if "fields" in asked:
        raise ValueError("a copy takes whole resources, because a store replaces them: leave out fields")
    if "lang" in asked:
        raise ValueError("a copy with lang would replace the base texts with translations: leave out lang")
    preparer = Preparer(target.descriptor, to_owner, change_owner=True)
    with source.scan(owner, criteria, workers=read_workers, read_ahead=True, count=True) as scan:
        if options.get("dry_run"):
            return _checked(preparer, [_found(scan)])
        return _Loading(target, to_owner, preparer, None, options).run(_found(scan))


def _found(scan: Iterable[dict[str, Any]]) -> Iterator[Given]:
    for resource in scan:
        yield Given(str(resource.get("ref", "a resource without a ref")), resource)


def _checked(preparer: Preparer, sources: Iterable[Iterable[Given]], letters: DeadLetters | None = None) -> Report:
    """What would become of resources, by all that is known here; what has a fault becomes a letter."""
    report = Report()

    def fail(given: Given, error: InvalidResource) -> None:
        report.fail(given.where, error)
        if letters is not None:
            letters.write([Result(given.resource, None, error, sent=False).line()])

    for source in sources:
        for given in source:
            made = _made(preparer, given, report)
            if isinstance(made, InvalidResource):
                fail(given, made)
                continue
            try:
                if made is not None:
                    preparer.check(made)
            except InvalidResource as error:
                report.ready -= 1
                fail(given, error)
    return report


def _made(preparer: Preparer, given: Given, report: Report) -> dict[str, Any] | InvalidResource | None:
    """A resource that is ready, why it is not, or None for one that is not to be stored; counted."""
    report.read += 1
    resource = given.resource
    if isinstance(resource, dict) and resource.get("deletedAt") is not None:
        report.deleted += 1
        return None
    if given.fault:
        return InvalidResource(given.fault)
    try:
        made = preparer.prepared(resource)
    except InvalidResource as error:
        return error
    report.ready += 1
    report.unnamed += "name" not in made
    return made


class _Loading:
    """One bulk write, with the failures that come before it."""

    def __init__(
        self, endpoint: Endpoint, owner: str | None, preparer: Preparer, total: int | None, options: ImportOptions
    ) -> None:
        self._endpoint = endpoint
        self._owner = owner
        self._preparer = preparer
        self._total = total
        self._options = options
        self._report = Report()
        self._told = 0
        path = options.get("dead_letters")
        self._letters = None if path is None else DeadLetters(path)

    def run(self, source: Iterator[Given]) -> Report:
        """Store them."""
        report = self._report
        try:
            done = self._endpoint.bulk_store(
                self._owner,
                self._prepared(source),
                workers=self._options.get("workers", 4),
                on_result=self._note,
                progress=self._options.get("progress"),
                total=self._total,
            )
        except BaseException as error:
            for result in untold(error, self._told):
                self._note(result)
            raise
        finally:
            if self._letters is not None:
                self._letters.close()
        report.seconds = done.seconds
        return report

    def _prepared(self, source: Iterator[Given]) -> Iterator[dict[str, Any]]:
        with closing(source):  # type: ignore[type-var] # they are generators
            for given in source:
                made = _made(self._preparer, given, self._report)
                if isinstance(made, InvalidResource):
                    self._fail(given.where, Result(given.resource, None, made, sent=False))
                elif made is not None:
                    yield made

    def _note(self, result: Result) -> None:
        if result.ok:
            self._report.stored += 1
        else:
            self._fail(result.ref or "a resource without a name", result)
            self._told += 1  # last: if Ctrl-C comes before, the report tells of it again

    def _fail(self, where: str, result: Result) -> None:
        assert result.error is not None  # noqa: S101 - it failed
        self._report.fail(where, result.error)
        if self._letters is not None:
            self._letters.write([result.line()])
