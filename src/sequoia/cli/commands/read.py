"""`sequoia read`: resources by their refs."""

from __future__ import annotations

import click

from sequoia.cli.arguments import belongs, full_ref, of_another, on_resource
from sequoia.cli.attaching import check_attachable
from sequoia.cli.commands.browse import columns_for
from sequoia.cli.connection import Connection, connected
from sequoia.cli.console import data, note
from sequoia.cli.explaining import endpoint_code, quoted, script
from sequoia.cli.failing import PARTLY, Failure, refusing
from sequoia.cli.formats import Output, formatted
from sequoia.cli.query import Question, querying
from sequoia.criteria import Criteria
from sequoia.error import NotFound, ResourceNotFound

__all__ = ["read"]


@click.command()
@on_resource
@click.argument("refs", metavar="REF...", nargs=-1, required=True)
@querying("raw", "include", "fields", "lang", "check")
@click.option("--explain", is_flag=True, help="Show the request and the Python that does the same; send nothing.")
@formatted()
@connected
def read(  # noqa: PLR0913, PLR0917 - what a command line has
    service: str,
    resource: str,
    refs: tuple[str, ...],
    question: Question,
    explain: bool,
    output: Output,
    connection: Connection,
) -> int:
    """Show resources by their refs, 'owner:name' or the name alone.

    A single one is shown whole; where some are not there, the others are shown, and the exit status is 1.
    """
    owner = connection.owner
    wanted = list(dict.fromkeys(full_ref(ref, owner) for ref in refs))
    if explain:
        data(_explanation(owner, service, resource, wanted, question.criteria))
        return 0
    criteria = question.criteria if str(question.criteria) else None
    with connection.client(check=question.check, model_resolution=bool(question.criteria.included)) as client:
        endpoint = connection.collection(client, service, resource)
        if question.check and question.criteria.inclusion_entries:
            check_attachable(client[service], endpoint, question)
        try:
            with refusing():
                response = endpoint.read(owner, wanted, criteria=criteria)
        except ResourceNotFound:
            raise
        except NotFound as error:
            told = _advised(wanted, owner)
            raise Failure(f"none of these {resource} is there: {', '.join(wanted)}{told}") from error
        found = response.resources if response.model is None else response.model
        with output.writer(columns_for(endpoint, question, output), single=len(wanted) == 1) as writer:
            for one in found:
                writer.write(one)
    return _missing(wanted, [one.get("ref") for one in found], owner)


def _missing(wanted: list[str], found: list[str | None], owner: str) -> int:
    if len(found) >= len(wanted):
        return 0
    known = [ref for ref in wanted if ref not in found]
    # Without `ref` among the fields it cannot be told which.
    told = f": {', '.join(known)}{_advised(known, owner)}" if None not in found else ""
    note(f"{len(wanted) - len(found)} of {len(wanted)} are not there{told}")
    return PARTLY


def _advised(missing: list[str], owner: str) -> str:
    """What may help where another owner's resources were not found."""
    return next((f"; {belongs(ref)}" for ref in missing if of_another(ref, owner)), "")


def _explanation(owner: str, service: str, resource: str, refs: list[str], criteria: Criteria) -> str:
    from sequoia.operations import ResourcePath  # noqa: PLC0415 - only here

    asks = bool(str(criteria))
    with refusing():
        calls = ResourcePath.of(resource).read(owner, refs, criteria if asks else None)
    endpoint = endpoint_code(service, resource)
    listed = quoted(refs[0]) if len(refs) == 1 else f"[{', '.join(map(quoted, refs))}]"
    result = "model" if criteria.included else "resources"
    given = f"{quoted(owner)}, {listed}{', criteria=criteria' if asks else ''}"
    lines = [f"for resource in {endpoint}.read({given}).{result}:", "    print(resource)"]
    return script([(call.method, f"{{{service}}}{call.url}") for call in calls], criteria if asks else None, lines)
