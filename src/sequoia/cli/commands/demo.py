"""`sequoia demo`: the SDK's main job, step by step, against a sandbox of its own."""

from __future__ import annotations

import click

import sequoia.sandbox  # noqa: F401 - without its extra there is no demo, and the command line says which one

__all__ = ["demo"]


@click.command()
def demo() -> int:
    """Run the SDK's main job, step by step, against a sandbox on this machine; every step shows its code."""
    from sequoia.demo import main  # noqa: PLC0415 - its help needs no client

    return main()
