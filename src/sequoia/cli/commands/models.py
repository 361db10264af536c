"""`sequoia models`: typed models of a service's resources, as Python source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sequoia.cli import console
from sequoia.cli.completing import resources, services
from sequoia.cli.connection import Connection, connected
from sequoia.cli.failing import Refusal, refusing
from sequoia.files import whole

if TYPE_CHECKING:
    from sequoia.descriptor import Descriptor

__all__ = ["models"]

_KINDS = ("msgspec", "dataclass", "typeddict", "pydantic")


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """What the shell completes: the service at first, then its resources."""
    given = ctx.params.get("names") or ()
    if not given:
        return services(ctx, param, incomplete)
    ctx.params["service"] = given[0]
    return resources(ctx, param, incomplete)


@click.command()
@click.argument("names", nargs=-1, metavar="SERVICE [RESOURCE]...", shell_complete=_names)
@click.option(
    "--kind", type=click.Choice(_KINDS), default="msgspec", show_default=True, help="What the models are: Structs, ..."
)
@click.option("-o", "--output", metavar="FILE", help="Write to this file; an earlier one of this command is replaced.")
@click.option("--force", is_flag=True, help="Replace whatever is in the file.")
@click.option(
    "--descriptor", metavar="FILE", help="Read the descriptor from this file; then all names are those of resources."
)
@connected
def models(  # noqa: PLR0913, PLR0917 - its options
    connection: Connection, names: tuple[str, ...], kind: str, output: str | None, force: bool, descriptor: str | None
) -> None:
    """Write typed models of a service's resources, for `scan(model=...)`.

    The file passes mypy --strict and ruff. Make it anew when the service changes.
    """
    from sequoia.modelling import models_of  # noqa: PLC0415 - after the options have been checked

    target = None if output is None else Path(output)
    if target is not None:
        _check(target, force=force)
    if descriptor is not None:
        found, wanted = _read(Path(descriptor)), names
    elif names:
        with connection.client() as client:
            found, wanted = client[names[0]].descriptor, names[1:]
    else:
        raise Refusal("say of which service: sequoia models SERVICE, or --descriptor FILE")
    with refusing():
        made = models_of(found, wanted, kind)
    for one in made.left_out:
        console.note(f"left out: {one!r:.200}, which cannot be a name in a {kind}")
    if target is None:
        console.data(made.source)
    else:
        with whole(target) as file:
            file.write(made.source.encode())


def _read(file: Path) -> Descriptor:
    """The descriptor in a file.

    Raises:
        Refusal: There is none in it.
    """
    from sequoia.calls import decode_json  # noqa: PLC0415 - as above
    from sequoia.descriptor import Descriptor  # noqa: PLC0415
    from sequoia.error import DecodeError  # noqa: PLC0415

    try:
        return Descriptor.parse(decode_json(file.read_bytes()))
    except DecodeError as error:
        raise Refusal(f"{file} is no descriptor: {error}") from error


def _check(target: Path, *, force: bool) -> None:
    """Refuse to write over a file that somebody has written by hand, and where no file can be.

    Raises:
        Refusal: It is one, or there is no folder for it.
    """
    from sequoia.modelling import MARK  # noqa: PLC0415 - as above

    if not target.resolve().parent.is_dir():
        raise Refusal(f"{target} cannot be written: there is no folder {target.parent}")
    if force or not target.exists():
        return
    if not target.is_file():
        raise Refusal(f"{target} is no file")
    with target.open("rb") as file:
        if MARK.encode() not in file.read(1000):
            raise Refusal(f"{target} is there, and not from this command: --force replaces it")
