"""`sequoia sandbox`: serve a sandbox until it is told to stop."""

from __future__ import annotations

import os
import shlex
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Final

import click

from sequoia.cli.failing import Refusal
from sequoia.sandbox import Sandbox, SandboxError

__all__ = ["sandbox"]

_SMALL: Final = "small"
"""What `--demo` means when no number follows it."""


_LOOK_UP: Final = 0.5
"""Seconds after which the waiting thread looks whether it has missed a signal."""


class _DemoSize(click.ParamType[bool | int]):
    """The optional number after `--demo`."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool | int:
        if value is True or value == _SMALL:
            return True
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is not a number of contents", param, ctx)


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=8700, show_default=True, help="Port of the registry.")
@click.option("--owner", default="acme", show_default=True, help="Tenant that the printed URL names.")
@click.option("--client-id", default="sandbox-client", show_default=True, help="Client id that gets tokens.")
@click.option("--username", default="sandbox-user", show_default=True, help="User that gets tokens.")
@click.option(
    "--demo", is_flag=False, flag_value=_SMALL, type=_DemoSize(), help="Load a demo catalogue [of N contents]."
)
@click.option(
    "--descriptor", "descriptors", multiple=True, metavar="FILE", help="Serve this descriptor too, or instead."
)
@click.option("--data", metavar="FILE", help="Keep the data in this file; without it, they are lost at the end.")
@click.option("--token-lifetime", type=click.IntRange(min=1), default=3600, show_default=True, help="Seconds.")
@click.option(
    "--embedded-pages",
    type=click.IntRange(1, 5),
    default=5,
    show_default=True,
    help="Pages of linked resources that come with a page.",
)
@click.option("--registry-auth", is_flag=True, help="The registry refuses requests without a token.")
@click.option(
    "--consistency-delay",
    type=float,
    default=0,
    metavar="SECONDS",
    help="Browses see a write only after this time; reads by ref see it at once.",
)
@click.option("--gzip", is_flag=True, help="Compress larger answers for clients that accept it.")
@click.option("--https", is_flag=True, help="Serve https, with certificates made on the spot.")
@click.option("--mutual-tls", is_flag=True, help="Demand a certificate from clients, in place of a token.")
@click.option("--ca-dir", metavar="DIR", help="Keep the authority and the client's certificate in this folder.")
@click.option("--redirect-http", is_flag=True, help="Serve plain http beside it, which answers 301 to https.")
def sandbox(descriptors: tuple[str, ...], demo: bool | int | None, **options: Any) -> None:
    """Serve a Sequoia on this machine, and print the variables that point a program at it.

    The client secret and the user's password are those of the variables SEQUOIA_CLIENT_SECRET and SEQUOIA_PASSWORD, or
    random ones. Ctrl-C and SIGTERM end it.
    """
    secret = os.environ.get("SEQUOIA_CLIENT_SECRET") or None
    password = os.environ.get("SEQUOIA_PASSWORD") or None
    files = [Path(file) for file in descriptors]
    try:
        served = Sandbox(descriptors=files, demo=demo or False, client_secret=secret, password=password, **options)
    except ValueError as error:
        raise Refusal(str(error)) from error
    try:
        _raise_on_signals()
        _serve(served, demo=bool(demo))
    except SandboxError as error:
        raise Refusal(str(error)) from error
    except KeyboardInterrupt:
        click.echo("The sandbox has stopped.", err=True)


def _serve(served: Sandbox, *, demo: bool) -> None:
    """Serve until a signal raises `KeyboardInterrupt`; it may come at any moment, also while the demo is loaded."""
    if demo:
        click.echo("Loading the demo catalogue ...", err=True)
    try:
        served.start(announce=lambda: _announce(served))
        while True:
            # When two signals come at once, the system may give both to the thread of the server, and nothing wakes
            # this one, which alone can act on them.
            threading.Event().wait(_LOOK_UP)
    finally:
        served.stop()


def _raise_on_signals() -> None:
    """Let the first signal to end the process raise `KeyboardInterrupt`, and those after it do nothing.

    A second exception, raised while the first one is on its way, would break the locks of the threads that are to be
    stopped. Ctrl-C is set as well, because a shell starts a background process with it ignored.
    """
    stopping = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)


def _announce(served: Sandbox) -> None:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in served.environ.items()]
    click.echo("\n".join(lines))
    click.echo("Paste these lines into the shell of your program. Ctrl-C stops the sandbox.", err=True)
