"""`sequoia browse`: the resources that fit a question, as they come."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from sequoia.cli.arguments import on_resource
from sequoia.cli.attaching import check_attachable, check_included
from sequoia.cli.bars import progress
from sequoia.cli.cells import columns_of
from sequoia.cli.connection import Connection, connected
from sequoia.cli.console import data, note
from sequoia.cli.explaining import endpoint_code, quoted, script
from sequoia.cli.formats import Output, formatted
from sequoia.cli.query import Question, querying
from sequoia.criteria import Criteria
from sequoia.endpoint import Endpoint
from sequoia.progress import Meter

__all__ = ["browse"]

_SCREEN = 20  # resources of a table on a terminal, where nobody says how many
_MOST_A_PAGE = 100
_PAGING = "continue=true"  # no page costs more than the first, however far it is


class _Limit(click.ParamType[int]):
    """A number of resources, or `all`."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "all":
            return 0
        if isinstance(value, str) and value.isdecimal() and int(value):
            return int(value)
        raise click.BadParameter(f"{value!r} is neither a number from 1 nor 'all'", ctx, param)


@click.command()
@on_resource
@querying()
@click.option("--limit", type=_Limit(), metavar="N|all", help=f"How many.  [default: all; {_SCREEN} on a terminal]")
@click.option("--explain", is_flag=True, help="Show the request and the Python that does the same; send nothing.")
@formatted()
@connected
def browse(  # noqa: PLR0913, PLR0917 - what a command line has
    service: str,
    resource: str,
    question: Question,
    limit: int | None,
    explain: bool,
    output: Output,
    connection: Connection,
) -> None:
    """Show the resources that fit, page by page, as they come.

    Included resources stand in the ones that they belong to, under the name of their relationship.
    """
    screen = limit is None and output.format == "table" and output.to_terminal
    most = _SCREEN if screen else limit or 0
    criteria = question.criteria
    if 0 < most < _MOST_A_PAGE and "perPage" not in criteria.parameters:
        criteria = criteria.copy().per_page(most)
    if explain:
        data(_explanation(connection.owner, service, resource, criteria, most))
        return
    owner = connection.owner
    with connection.client(check=question.check, model_resolution=bool(criteria.included)) as client:
        endpoint = connection.collection(client, service, resource)
        if question.check:
            check_included(endpoint, question)
            check_attachable(client[service], endpoint, question)
        columns = columns_for(endpoint, question, output)
        with output.writer(columns) as writer, progress(f"Reading {resource}", streaming=output.path is None) as show:
            meter = Meter(show, time.monotonic)
            found = _Found(endpoint, owner, criteria, most)
            for one in found:
                writer.write(one)
                meter.add(1)
    if not meter.done and output.format == "table":
        note(f"No {resource} fit.")
    if screen and found.more:
        note(f"The first {most}: --limit N shows more, --limit all all of them.")


class _Found:
    """The resources of a browse, at most so many; 0 for all.

    Attributes:
        more: Whether there were more, once they have been iterated.
    """

    def __init__(self, endpoint: Endpoint, owner: str, criteria: Criteria, most: int) -> None:
        self._endpoint = endpoint
        self._owner = owner
        self._criteria = criteria
        self._most = most
        self.more = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        count = 0
        for page in self._endpoint.browse(self._owner, self._criteria, query_string=_PAGING, prefetch_pages=0):
            resources = page.resources if page.model is None else page.model
            meta = page.meta or {}
            for position, one in enumerate(resources, 1):
                yield one
                count += 1
                if count == self._most:
                    self.more = position < len(resources) or bool(meta.get("continue") or meta.get("next"))
                    return


def columns_for(endpoint: Endpoint, question: Question, output: Output) -> Sequence[str]:
    """The columns of a table of resources; none where the format does without, or chooses them itself."""
    included = question.criteria.included
    if output.needs_columns:
        return columns_of(endpoint.descriptor, question.fields, included)
    return [*question.fields, *included] if question.fields else ()


def _explanation(owner: str, service: str, resource: str, criteria: Criteria, most: int) -> str:
    from sequoia.operations import ResourcePath  # noqa: PLC0415 - only here

    call = ResourcePath.of(resource).browse(owner, criteria, None, _PAGING)
    endpoint = endpoint_code(service, resource)
    lines = [
        f"pages = {endpoint}.browse({quoted(owner)}, criteria, query_string={quoted(_PAGING)})",
        f"found = (resource for page in pages for resource in page.{'model' if criteria.included else 'resources'})",
        f"for resource in {f'islice(found, {most})' if most else 'found'}:",
        "    print(resource)",
    ]
    imports = ["from itertools import islice"] if most else []
    return script([(call.method, f"{{{service}}}{call.url}")], criteria, lines, imports=imports)
