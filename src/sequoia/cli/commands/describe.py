"""`sequoia describe`: what a service says about itself and its resources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from sequoia.cli.cells import shown
from sequoia.cli.completing import service_argument
from sequoia.cli.connection import Connection, connected
from sequoia.cli.formats import Output, formatted
from sequoia.descriptor import Descriptor, FieldType, FilterType, Relationship, ResourceType

if TYPE_CHECKING:
    from sequoia.cli.tables import Canvas

__all__ = ["describe"]

_MOST_VALUES = 8  # of a field, that are shown
_COMFORT = 72  # columns of a terminal, below which a table is hard to read


@click.command()
@service_argument
@click.argument("resource", required=False)
@formatted("table", "json", "yaml")
@connected
def describe(service: str, resource: str | None, output: Output, connection: Connection) -> None:
    """Show what a SERVICE offers, or the fields, filters, relationships and limits of one RESOURCE.

    As JSON and YAML it is the descriptor itself, in the service's own words.
    """
    with connection.client() as client:
        found = client[service]
        descriptor = found.descriptor
        described = descriptor.resource(resource) if resource is not None else None
        if output.format != "table":
            raw = client.get(f"{found.location}/descriptor/raw").data
            one = raw if described is None else raw["resourcefuls"][described.plural_name]
            with output.writer(single=True) as writer:
                writer.write(one)
            return
    from sequoia.cli.tables import Canvas  # noqa: PLC0415 - it takes its time

    with output.sink() as sink:
        canvas = Canvas(sink, terminal=output.to_terminal)
        if described is None:
            _draw_service(canvas, descriptor)
        else:
            _draw_resource(canvas, service, described)


def _draw_service(canvas: Canvas, descriptor: Descriptor) -> None:
    _head(canvas, f"{descriptor.title or descriptor.name} ({descriptor.name})", descriptor.description)
    _section(
        canvas,
        "Resources",
        ("name", "fields", "description"),
        [
            (one.hyphenated_plural_name, str(len(one.fields)), one.description or "")
            for one in descriptor.resourcefuls.values()
        ],
    )
    _section(
        canvas,
        "Routes",
        ("name", "request", "description"),
        [(one.name, f"{one.method} {one.path}", one.description or one.title or "") for one in descriptor.routes],
    )


def _draw_resource(canvas: Canvas, service: str, resource: ResourceType) -> None:
    _head(canvas, f"{service} {resource.hyphenated_plural_name}", resource.description)
    _section(
        canvas,
        "Fields",
        ("field", "type", "notes", "description"),
        [(path, _type(one), _notes(one), one.description or "") for path, one in resource.paths()],
    )
    _section(
        canvas,
        "Filters (--where)",
        ("field", "type", "operators"),
        [
            (name, one.value_type or "", _operators(one))
            for parameter, one in resource.filters.items()
            if one.type == "with" and (name := _asked_as(parameter))
        ],
    )
    others = [(name, _other(one)) for name, one in resource.filters.items() if one.type != "with"]
    _section(canvas, "Other filters", ("parameter", "meaning"), others)
    _section(
        canvas,
        "Relationships (--include)",
        ("name", "leads to", "by", "fields"),
        [(name, one.resource_type, _link(one), ", ".join(one.fields)) for name, one in resource.relationships.items()],
    )
    _section(canvas, "Limits", ("limit", "value"), list(_limits(resource)))


def _head(canvas: Canvas, title: str, description: str | None) -> None:
    from rich.text import Text  # noqa: PLC0415 - as in `describe`

    canvas.draw(Text(shown(title), style="bold"))
    if description:
        canvas.draw(Text(shown(description)))


def _section(canvas: Canvas, title: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A titled table; nothing for one without rows. On a narrow terminal each row takes several lines."""
    from rich.padding import Padding  # noqa: PLC0415 - as in `describe`
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    listed = list(rows)
    if not listed:
        return
    canvas.draw("", Text(title, style="bold cyan"))
    if canvas.width < _COMFORT:
        for first, second, *others in listed:
            told = [Padding(Text(shown(one), overflow="fold"), (0, 0, 0, 2)) for one in others if one]
            canvas.draw(Text.assemble((shown(first), "bold"), "  ", shown(second)), *told)
        return
    kept = [index for index in range(len(names)) if any(row[index] for row in listed)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index in kept:
        table.add_column(names[index], overflow="fold", no_wrap=index == 0)
    for row in listed:
        table.add_row(*(Text(shown(row[index])) for index in kept))
    canvas.draw(table)


def _type(field: FieldType) -> str:
    return f"{field.type or 'object'}{'[]' if field.array else ''}"


def _notes(field: FieldType) -> str:
    told = [
        word
        for word, holds in (
            ("required", field.required),
            ("read-only", field.read_only),
            ("sortable", field.sort),
            ("countable", field.countable),
        )
        if holds
    ]
    if field.default is not None:
        told.append(f"default {shown(field.default)}")
    if field.allowed_values is not None:
        values = [str(item["value"]) for item in field.allowed_values if "value" in item]
        more = ", ..." if len(values) > _MOST_VALUES else ""
        told.append(f"one of {', '.join(values[:_MOST_VALUES])}{more}")
    return ", ".join(told)


def _asked_as(parameter: str) -> str:
    """The name in `withName`, as --where takes it."""
    name = parameter.removeprefix("with")
    return f"{name[:1].lower()}{name[1:]}"


def _operators(filter_: FilterType) -> str:
    told = ["= !="]
    if filter_.or_ is not False:
        told.append("in")
    if filter_.and_ is not False:
        told.append("all")
    if filter_.prefix or filter_.value_type == "stringMap":
        told.append("starts ends")
    if filter_.range:
        told.append("< <= > >= ..")
    return " ".join([*told, "exists missing"])


def _other(filter_: FilterType) -> str:
    if filter_.type == "q":
        return f"--text searches {', '.join(filter_.includes)}" if filter_.includes else "--text"
    conditions = [f"{value}: {_json(stands_for)}" for value, stands_for in filter_.values.items()]
    return "; ".join(conditions) or filter_.type


def _json(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={shown(one)}" for name, one in value.items())
    return shown(value)


def _link(relationship: Relationship) -> str:
    by = relationship.field_name_path or _asked_as(relationship.filter_name or "")
    return f"{by} through {relationship.through}" if relationship.through else by


def _limits(resource: ResourceType) -> Iterable[tuple[str, str]]:
    size = resource.pagination.page_size
    yield "resources a page (--per-page)", f"{size.min} to {size.max}, else {size.default}"
    yield "resources a store", str(resource.store_limit)
    for name, operation in resource.operations.items():
        if not operation.enabled:
            yield f"operation {name}", "not offered"
    if resource.consistency:
        yield "consistency", resource.consistency
    if resource.conditional_updates is not None:
        yield "versions are checked by updates", "yes" if resource.conditional_updates else "no"
