"""`sequoia diff`: which resources are on one side only, and which differ, and in what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from sequoia.cli.arguments import on_resource
from sequoia.cli.bars import progress
from sequoia.cli.connection import Connection, connected
from sequoia.cli.console import note
from sequoia.cli.failing import PARTLY, Refusal
from sequoia.cli.formats import Output, formatted
from sequoia.cli.layers import check
from sequoia.cli.moving import counted, refusing_files
from sequoia.cli.query import Question, querying
from sequoia.criteria import Criteria
from sequoia.names import json_key
from sequoia.transfer import Comparison, Difference, Given, Manifest, Source, compare
from sequoia.validation import HISTORY

__all__ = ["diff"]

_PAGES = "perPage"
_KINDS = {"left": "only left", "right": "only right", "changed": "changed"}


@dataclass(frozen=True)
class _Side:
    """One of the two sides.

    Attributes:
        name: What a message calls it.
        owner: Whose resources it has, where that is known.
        fields: The fields that it has; None for all.
        found: Its resources, each with where it was found.
    """

    name: str
    owner: str | None
    fields: list[str] | None
    found: Iterator[tuple[str, Mapping[str, Any]]]


@click.command()
@on_resource
@click.argument("places", nargs=-1, metavar="[FOLDER [FOLDER]]")
@querying("where", "text", "raw", "fields", "active", "available", "per-page", "check")
@click.option("--to-owner", metavar="OWNER", help="The owner of the right side, where that is no folder.")
@click.option("--to-profile", metavar="NAME", help="The profile of the right side, where that is no folder.")
@click.option(
    "--by", type=click.Choice(["ref", "name"]), help="Find by this.  [default: ref; name if the owners differ]"
)
@click.option("--ignore", multiple=True, metavar="FIELD", help="A field that does not count; may be given again.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Partitions read at once.")
@formatted("table", "ndjson", "json")
@connected
def diff(  # noqa: PLR0913 - the options of the command
    *,
    connection: Connection,
    service: str,
    resource: str,
    places: tuple[str, ...],
    question: Question,
    by: Literal["ref", "name"] | None,
    ignore: tuple[str, ...],
    output: Output,
    **options: Any,
) -> None:
    """Compare two exports, or an export with what the service has now, or two owners or platforms.

    Each FOLDER is that of an export, or a file of JSON or Parquet. With one, the right side is what the service has,
    asked as the export was, so that only a file of no export takes a question; without any, the sides are the
    connection's owner, and --to-owner, --to-profile. Exit status 0: they are the same; 1: they differ.
    """
    if len(places) > 2:
        raise Refusal("diff compares two sides, so it takes two folders at most")
    if len(places) > 1:
        _check_unasked(question, options)
    if options["to_owner"] is not None:
        check("owner", options["to_owner"], "--to-owner")
    counts = {"left": 0, "right": 0, "changed": 0, "one": 0, "two": 0}
    with ExitStack() as stack, refusing_files():
        live = _Live(connection, service, resource, question, options, stack)
        left = live.of_place(places[0]) if places else live.here()
        right = live.of_place(places[1]) if len(places) > 1 else live.there(against=bool(places))
        how = _comparison(left, right, by, ignore)
        note(f"left: {left.name}; right: {right.name}; by {how.by}")
        writer = stack.enter_context(output.writer(["key", "difference", "fields"]))
        for one in compare(counted(left.found, counts, "one"), counted(right.found, counts, "two"), how):
            counts[one.kind] += 1
            writer.write(_row(one) if output.format == "table" else _record(one))
    _finish(counts)


class _Live:
    """Makes sides."""

    def __init__(  # noqa: PLR0913, PLR0917 - made in one place
        self,
        connection: Connection,
        service: str,
        resource: str,
        question: Question,
        options: Mapping[str, Any],
        stack: ExitStack,
    ) -> None:
        self._connection = connection
        self._names = service, resource
        self._criteria = question.criteria
        self._check = question.check
        self._options = options
        self._stack = stack
        self._asked: Source | None = None

    def of_place(self, path: str) -> _Side:
        """A folder or a file."""
        if not Path(path).exists():
            raise Refusal(f"there is no file or folder {path}")
        source = self._asked = Source.of(path, key=json_key(self._names[1]))
        manifest = source.manifest
        if (made := manifest or source.origin) is not None:
            made.check_of(*self._names)
        found = ((given.where, _resource(given)) for given in source)
        if manifest is None:
            return _Side(path, None, None, found)
        return _Side(path, manifest.owner, manifest.fields, found)

    def here(self) -> _Side:
        """What the connection sees."""
        if not self._options["to_owner"] and not self._options["to_profile"]:
            raise Refusal("say what to compare with: a folder, --to-owner or --to-profile")
        return self._scanned(self._connection, self._connection.owner, self._criteria)

    def there(self, *, against: bool) -> _Side:
        """What the right side sees; asked as the export was that it is held against."""
        criteria = self._criteria
        manifest = self._asked.manifest if against and self._asked is not None else None
        if manifest is not None:
            if _narrowed(criteria):
                raise Refusal("a folder is compared as it was exported: leave out the question")
            criteria = _with_pages_of(criteria, manifest.criteria())
        profile = self._options["to_profile"]
        other = self._connection if profile is None else Connection.of_profile(profile)
        owner = self._options["to_owner"] or other.told.values.get("owner") or self._connection.owner
        return self._scanned(other, owner, criteria, manifest)

    def _scanned(
        self, connection: Connection, owner: str, criteria: Criteria, manifest: Manifest | None = None
    ) -> _Side:
        client = self._stack.enter_context(connection.client(check=self._check))
        endpoint = connection.collection(client, *self._names)
        shown = self._stack.enter_context(progress(f"Reading {self._names[1]} of {owner}", streaming=True))
        found: Iterable[dict[str, Any]]
        if manifest is not None and manifest.since is not None:
            _check_changes(manifest, owner, endpoint.url)
            found = endpoint.changes(owner, manifest.since, criteria, progress=shown)
        else:
            found = scan = endpoint.scan(
                owner, criteria, workers=self._options["workers"], read_ahead=True, count=True, progress=shown
            )
            self._stack.callback(scan.close)
        fields = criteria.get_criteria_params().get("fields")
        asked = fields.split(",") if isinstance(fields, str) else None
        return _Side(f"{owner} at {endpoint.url}", owner, asked, ((str(one.get("ref")), one) for one in found))


def _check_changes(manifest: Manifest, owner: str, url: str) -> None:
    """Refuse to ask elsewhere what changed since a time that only the export's own service knows."""
    if (manifest.owner, manifest.url) != (owner, url):
        raise Refusal(
            f"an export of changes (--since) is compared with what changed for its own owner, {manifest.owner} at "
            f"{manifest.url}, not with {owner} at {url}"
        )


def _narrowed(criteria: Criteria) -> bool:
    """Whether more is asked than how many resources are in a page, which changes no result."""
    return bool(criteria.get_criteria_params().keys() - {_PAGES})


def _with_pages_of(asked: Criteria, exported: Criteria) -> Criteria:
    """The question of an export in pages of the size that is asked for now, if one is."""
    if _PAGES not in asked.get_criteria_params():
        return exported
    made = asked.copy()
    for entry in exported.criterion_entries:
        if entry.parameter != _PAGES:
            made.add_criterion(entry)
    return made


def _check_unasked(question: Question, options: Mapping[str, Any]) -> None:
    """Refuse what two folders have no use for: a result that only seems to follow it would be a wrong one."""
    if _narrowed(question.criteria):
        raise Refusal("two folders are compared as they were exported: leave out the question")
    for option in ("to_owner", "to_profile"):
        if options[option] is not None:
            raise Refusal(f"two folders are compared without a service: leave out --{option.replace('_', '-')}")


def _resource(given: Given) -> dict[str, Any]:
    found = given.resource
    if not isinstance(found, dict):
        raise Refusal(f"{given.where}: {given.fault or f'this is not the JSON of a resource: {found[:80]!r}'}")
    return found


def _comparison(left: _Side, right: _Side, by: Literal["ref", "name"] | None, ignore: tuple[str, ...]) -> Comparison:
    differ = left.owner is not None and right.owner is not None and left.owner != right.owner
    limits = [{name.partition(".")[0] for name in side.fields} for side in (left, right) if side.fields is not None]
    fields = frozenset(set.intersection(*limits)) if limits else None
    return Comparison(by or ("name" if differ else "ref"), HISTORY | set(ignore), fields)


def _record(one: Difference) -> dict[str, Any]:
    fields = {name: {"left": left, "right": right} for name, (left, right) in one.fields.items()}
    return {"key": one.key, "difference": _KINDS[one.kind], **({"fields": fields} if fields else {})}


def _row(one: Difference) -> dict[str, Any]:
    return {"key": one.key, "difference": _KINDS[one.kind], "fields": ", ".join(one.fields)}


def _finish(counts: Mapping[str, int]) -> None:
    numbers = f"{counts['one']:,} left, {counts['two']:,} right"
    differing = {_KINDS[kind]: counts[kind] for kind in ("left", "right", "changed")}
    if not any(differing.values()):
        note(f"No difference: {numbers}.")
        return
    told = ", ".join(f"{number:,} {kind}" for kind, number in differing.items() if number)
    note(f"They differ: {told} ({numbers}).")
    click.get_current_context().exit(PARTLY)
