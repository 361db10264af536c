"""`sequoia count`: how many resources fit, in all or for each value of a field."""

from __future__ import annotations

from collections.abc import Mapping

import click

from sequoia.cli.arguments import on_resource
from sequoia.cli.attaching import check_included
from sequoia.cli.connection import Connection, connected
from sequoia.cli.console import data
from sequoia.cli.explaining import endpoint_code, quoted, script
from sequoia.cli.failing import Failure
from sequoia.cli.formats import Output, formatted
from sequoia.cli.query import Question, check_text, querying
from sequoia.criteria import Criteria

__all__ = ["count"]


@click.command()
@on_resource
@querying("where", "text", "raw", "intersect", "active", "available", "check")
@click.option("--by", "by", multiple=True, metavar="FIELD", help="Count for each value of this field.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="With --by: only the most frequent values.")
@click.option("--explain", is_flag=True, help="Show the request and the Python that does the same; send nothing.")
@formatted()
@connected
def count(  # noqa: PLR0913, PLR0917 - what a command line has
    service: str,
    resource: str,
    question: Question,
    by: tuple[str, ...],
    limit: int | None,
    explain: bool,
    output: Output,
    connection: Connection,
) -> None:
    """Count the resources that fit: a number, or with --by a number for each value, as bars on a terminal."""
    check_text("--by", by)
    fields = list(dict.fromkeys(name.strip() for one in by for name in one.split(",") if name.strip()))
    criteria = question.criteria.copy().skip_resources()
    criteria = criteria.facets(*fields) if fields else criteria.count()
    if explain:
        data(_explanation(connection.owner, service, resource, criteria))
        return
    with connection.client(check=question.check) as client:
        endpoint = connection.collection(client, service, resource)
        if question.check:
            check_included(endpoint, question)
        answer = endpoint.browse(connection.owner, criteria)
        total, facets = answer.total_count, answer.facet_count or {}
    if total is None:
        raise Failure(f"the service was asked to count {resource}, and gave no number")
    if fields:
        _write(output, {name: _sorted(facets.get(name, {}), limit) for name in fields})
    elif output.format in {"table", "ndjson", "json", "yaml"}:
        with output.sink() as sink:
            sink(f"{total}\n".encode())
    else:
        with output.writer(["count"]) as writer:
            writer.write({"count": total})


def _sorted(numbers: Mapping[str, int], limit: int | None) -> dict[str, int]:
    """The most frequent value first."""
    return dict(sorted(numbers.items(), key=lambda item: (-item[1], item[0]))[:limit])


def _write(output: Output, facets: Mapping[str, Mapping[str, int]]) -> None:
    if output.format == "table":
        from sequoia.cli.tables import Canvas, bars  # noqa: PLC0415 - it takes its time

        with output.sink() as sink:
            canvas = Canvas(sink, terminal=output.to_terminal)
            for number, (name, numbers) in enumerate(facets.items()):
                if number:
                    canvas.draw("")
                bars(canvas, name, numbers)
        return
    with output.writer(["field", "value", "count"]) as writer:
        for name, numbers in facets.items():
            for value, number in numbers.items():
                writer.write({"field": name, "value": value, "count": number})


def _explanation(owner: str, service: str, resource: str, criteria: Criteria) -> str:
    from sequoia.operations import ResourcePath  # noqa: PLC0415 - only here

    call = ResourcePath.of(resource).browse(owner, criteria, None, None)
    endpoint = endpoint_code(service, resource)
    result = "total_count" if criteria.parameters["count"] == "true" else "facet_count"
    lines = [f"print({endpoint}.browse({quoted(owner)}, criteria).{result})"]
    return script([(call.method, f"{{{service}}}{call.url}")], criteria, lines)
