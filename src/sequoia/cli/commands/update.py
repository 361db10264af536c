"""`sequoia update`: replace a resource, if nobody has changed it since it was read."""

from __future__ import annotations

import click

from sequoia.cli.arguments import on_resource, own_ref
from sequoia.cli.connection import Connection, connected
from sequoia.cli.failing import Failure, Refusal, partly, refusing
from sequoia.cli.formats import Output, formatted
from sequoia.cli.inputs import opened, text_in
from sequoia.error import InvalidResource, NotMatchingVersion
from sequoia.payload import check_whole, resource_of

__all__ = ["update"]


@click.command()
@on_resource
@click.argument("ref")
@click.argument("file", metavar="[FILE]", default="-")
@click.option("--if-match", "version", metavar="VERSION", help="The version to replace.  [default: that in the FILE]")
@click.option("--check/--no-check", default=True, help="Send nothing that the service's descriptor refuses.")
@formatted()
@connected
def update(  # noqa: PLR0913, PLR0917 - what a command line has
    service: str,
    resource: str,
    ref: str,
    file: str,
    version: str | None,
    check: bool,
    output: Output,
    connection: Connection,
) -> None:
    """Replace the resource REF by the one in a FILE (JSON; without one, stdin), and show it as it was stored.

    It is refused if the resource has changed since the version in the FILE was read, and if only some of its fields
    were read (--no-check makes no difference to that): change these with 'sequoia patch'.
    """
    owner = connection.owner
    whole = own_ref(ref, owner)
    with opened(file) as stream, connection.client() as client:
        endpoint = connection.collection(client, service, resource)
        with refusing():
            body = resource_of(text_in(stream, "stdin" if file == "-" else file), endpoint.descriptor.plural_name)
        known = version or body.get("version")
        if not isinstance(known, str) or not known:
            raise Refusal(
                "an update needs the version that was read, in the resource or by --if-match; "
                "'sequoia store' replaces whatever is there"
            )
        # Before the descriptor has a say: what it misses in a part of a resource says nothing of what is wrong.
        check_whole(body, whole, version_tells=True)
        faults = endpoint.validate(body) if check else []
        if faults:
            raise InvalidResource("; ".join(map(str, faults)), faults=faults)
        done = ""
        with partly(lambda: done), output.writer(single=True) as writer:
            try:
                with refusing():
                    answer = endpoint.update(owner, body, whole, known)
            except NotMatchingVersion as error:
                raise Failure(f"{whole} has another version than {known}: read it again, and change that") from error
            done = f"{whole} is updated"
            writer.write(answer.resource)
