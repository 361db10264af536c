"""`sequoia patch`: change some fields of a resource, and leave the others as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from sequoia.cli.arguments import on_resource, own_ref
from sequoia.cli.connection import Connection, connected
from sequoia.cli.failing import Failure, Refusal, partly, refusing
from sequoia.cli.formats import Output, formatted
from sequoia.cli.query import check_text
from sequoia.descriptor import FieldType, ResourceType
from sequoia.error import NotFound, ResourceNotFound

__all__ = ["changes_of", "patch"]

_TYPED = frozenset({
    "boolean", "year", "integer", "positiveInteger", "nonNegativeInteger", "number", "nonNegativeNumber", "percentage",
})  # fmt: skip


@click.command()
@on_resource
@click.argument("ref")
@click.argument("changes", metavar="FIELD=VALUE...", nargs=-1)
@click.option("--json", "text", metavar="JSON", help="The changes as a JSON Merge Patch; null removes a field.")
@formatted()
@connected
def patch(  # noqa: PLR0913, PLR0917 - what a command line has
    service: str,
    resource: str,
    ref: str,
    changes: tuple[str, ...],
    text: str | None,
    output: Output,
    connection: Connection,
) -> None:
    """Change some fields of the resource REF, and show it as it is then.

    FIELD=VALUE gives a field a value: a dotted path reaches into an object, and what the service calls a number, a
    boolean or a list is sent as one (tags=a,b). FIELD:=JSON gives it any value, FIELD:=null removes it.
    """
    owner = connection.owner
    whole = own_ref(ref, owner)
    if not changes and text is None:
        raise Refusal("there is nothing to change: say FIELD=VALUE, or --json")
    merge = _object(text) if text is not None else {}
    with connection.client() as client:
        endpoint = connection.collection(client, service, resource)
        changed = changes_of(endpoint.descriptor, changes, merge)
        done = ""
        with partly(lambda: done), output.writer(single=True) as writer:
            try:
                with refusing():
                    answer = endpoint.patch(owner, whole, changed)
            except ResourceNotFound:
                raise
            except NotFound as error:
                raise Failure(f"{whole} is not there") from error
            done = f"{whole} is changed"
            writer.write(answer.resource)


def changes_of(resource: ResourceType, given: Sequence[str], merge: dict[str, Any]) -> dict[str, Any]:
    """The merge patch that `FIELD=VALUE` and the like mean, put into `merge`.

    Raises:
        Refusal: One of them is none, or two contradict each other.
    """
    check_text("FIELD=VALUE", tuple(given))
    for one in given:
        path, equals, value = one.partition("=")
        as_json = path.endswith(":")
        path = path.removesuffix(":").strip()
        if not equals or not path or not all(path.split(".")):
            raise Refusal(f"{one!r} is no change: write FIELD=VALUE, or FIELD:=JSON")
        written = _json(value, one) if as_json else _typed(resource.field(path), value, one)
        _put(merge, path, written, one)
    return merge


def _put(merge: dict[str, Any], path: str, value: Any, one: str) -> None:
    *way, last = path.split(".")
    inside = merge
    for step in way:
        found = inside.setdefault(step, {})
        if not isinstance(found, dict):
            raise Refusal(f"{one!r} contradicts an earlier change of {step!r}")
        inside = found
    if last in inside:
        raise Refusal(f"{path!r} is changed twice")
    inside[last] = value


def _typed(field: FieldType | None, value: str, one: str) -> Any:
    """A text as the type that the field has; where that is unknown, the check of the changes will say so."""
    if field is None:
        return value
    if field.array:
        if value.lstrip().startswith("["):
            return _json(value, one)
        item = msgspec.structs.replace(field, array=False)
        return [_typed(item, part.strip(), one) for part in value.split(",")] if value else []
    if field.type in _TYPED or (field.fields and not field.is_map):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value  # the check says better what is expected
    return value


def _json(value: str, one: str) -> Any:
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refusal(f"{one!r}: what follows := is no JSON: {error}; write FIELD=VALUE for a text") from error


def _object(text: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refusal(f"--json is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Refusal('--json takes an object, such as {"title": "Die Hard", "tags": null}')
    return found
