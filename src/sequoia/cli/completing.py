"""What the shell completes: services and resources, from what earlier commands have seen, or by a quick look.

While a command line is being typed nothing may get in the way: no question, no error, no long wait.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from sequoia.cli import cache
from sequoia.cli.connection import Connection, told_by

__all__ = ["quietly", "resource_argument", "service_argument"]

_PATIENCE = 0.7
"""Seconds for each phase of a request, of which there is one for each try."""


def services(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """The services of the registry that begin so."""
    return _beginning(incomplete, _names(ctx, None))


def resources(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """The resources that begin so, of the service that is the argument before."""
    service = ctx.params.get("service")
    if not isinstance(service, str):
        return []
    return _beginning(incomplete, _names(ctx, service).get(service, []))


def service_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the argument SERVICE, which the shell completes."""
    decorated: Callable[..., Any] = click.argument("service", shell_complete=services)(function)
    return decorated


def resource_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the argument RESOURCE, of the SERVICE before it; the shell completes it."""
    decorated: Callable[..., Any] = click.argument("resource", shell_complete=resources)(function)
    return decorated


@contextmanager
def quietly() -> Iterator[None]:
    """Complete without a word on stderr: what goes wrong means that there is nothing to offer."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    except (click.ClickException, click.Abort, OSError, KeyboardInterrupt):
        return
    finally:
        logging.disable(logging.NOTSET)


def _beginning(incomplete: str, names: Any) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _names(ctx: click.Context, service: str | None) -> cache.Names:
    """The names that are known, and of `service` the resources; asked for if they are not kept."""
    from sequoia.error import ClientError  # noqa: PLC0415 - it is not needed by every completion

    try:
        connection = told_by(ctx.params, os.environ, asking=False)
        found = cache.known(connection.registry_url)
        if not (found.get(service) if service is not None else found):
            _look(connection, service)
            found = cache.known(connection.registry_url)
    except (click.ClickException, ClientError, OSError):
        return {}
    return found


def _look(connection: Connection, service: str | None) -> None:
    """Ask the registry, and the service for its descriptor, which the connection remembers."""
    if not connection.signs_in():
        connection = connection.anonymous()
    with connection.client(request_timeout=_PATIENCE, backoff_strategy={"max_tries": 1}) as client:
        if service is not None:
            connection.learn(client, service)
