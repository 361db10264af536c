"""`sequoia delete`: delete resources by their refs, or those that fit a condition; asks first."""

from __future__ import annotations

import sys

import click

from sequoia.cli.arguments import on_resource, own_ref
from sequoia.cli.attaching import check_included
from sequoia.cli.bars import progress
from sequoia.cli.connection import Connection, connected
from sequoia.cli.console import note
from sequoia.cli.failing import PARTLY, Failure, Refusal, refusing
from sequoia.cli.query import Question, querying
from sequoia.endpoint import Endpoint
from sequoia.report import Result, report_of, untold

__all__ = ["delete"]

_SHOWN = 5


@click.command()
@on_resource
@click.argument("refs", metavar="REF...", nargs=-1)
@querying("where", "text")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@connected
def delete(  # noqa: PLR0913, PLR0917 - what a command line has
    service: str, resource: str, refs: tuple[str, ...], question: Question, yes: bool, connection: Connection
) -> int:
    """Delete resources by their refs, or all that fit a condition; the number is shown, and you are asked.

    Where a condition says which, they are found first, and only those are deleted that were there then.
    """
    if bool(refs) == question.narrows:
        both = "either refs or a condition, not both" if refs else "refs, or a condition: --where, --text"
        raise Refusal(f"delete takes {both}")
    owner = connection.owner
    wanted = list(dict.fromkeys(own_ref(ref, owner) for ref in refs))
    with connection.client(check=True) as client:
        endpoint = connection.collection(client, service, resource)
        if not wanted:
            check_included(endpoint, question)
            wanted = _found(endpoint, owner, question, resource)
            if not wanted:
                note(f"No {resource} fit: nothing was deleted.")
                return 0
        if not yes:
            _ask(resource, owner, wanted)
        return _deleted(endpoint, owner, wanted, resource)


def _found(endpoint: Endpoint, owner: str, question: Question, resource: str) -> list[str]:
    """The refs of what fits, every one of them before the first is deleted."""
    with progress(f"Finding {resource}") as show:
        scan = endpoint.scan(owner, question.criteria, fields=["ref"], progress=show)
        found = [str(one.get("ref", "")) for one in scan]
    if not all(found):
        raise Failure(f"the service gave {resource} without their refs: nothing was deleted")
    return found


def _ask(resource: str, owner: str, refs: list[str]) -> None:
    """Go on only if somebody says yes.

    Raises:
        Refusal: Nobody can be asked, or the answer is no.
    """
    listed = ", ".join(refs[:_SHOWN]) + (f" and {len(refs) - _SHOWN:,} more" if len(refs) > _SHOWN else "")
    if sys.stdin is None or not sys.stdin.isatty():
        raise Refusal(f"{len(refs):,} {resource} would be deleted ({listed}): say --yes where nobody can be asked")
    if not click.confirm(f"Delete {len(refs):,} {resource} of {owner}: {listed}?", err=True):
        raise Refusal("nothing was deleted")


def _deleted(endpoint: Endpoint, owner: str, refs: list[str], resource: str) -> int:
    count = 0
    failures: list[Result] = []

    def take(result: Result) -> None:
        nonlocal count
        count += result.ok
        if not result.ok:
            failures.append(result)

    try:
        with progress(f"Deleting {resource}") as show, refusing():
            endpoint.bulk_delete(owner, refs, on_result=take, progress=show)
    except BaseException as error:
        # Whoever pressed Ctrl-C waits for nobody: what was under way is told by the report alone.
        failures += untold(error, len(failures))
        report = report_of(error)
        count = count if report is None else report.deleted
        raise
    finally:
        for result in failures[:_SHOWN]:
            note(f"{result.ref}: {' '.join(str(result.error).split())}")
        failed = f", {len(failures):,} failed" if failures else ""
        ambiguous = sum(result.ambiguous for result in failures)
        failed += f", {ambiguous:,} of them may be deleted all the same" if ambiguous else ""
        untried = len(refs) - count - len(failures)
        failed += f", {untried:,} not tried" if untried else ""
        note(f"{count:,} {resource} deleted{failed}")
    return PARTLY if failures else 0
