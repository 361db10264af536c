"""What a command writes: data to stdout and nothing else there, everything for people to stderr.

Colours follow the terminal and `NO_COLOR`; in a pipe there are none. Bars are in `sequoia.cli.bars`.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["data", "flush", "let_go", "line_end", "note", "on_terminal", "screen"]


def data(content: str | bytes) -> None:
    """Write to stdout, as UTF-8 and as it is: the line end is the caller's.

    Raises:
        OSError: It cannot be written; `sequoia.cli.failing` knows what to say, also when nobody reads it any more.
    """
    if sys.stdout is None:
        raise OSError("stdout is closed, there is nowhere to write the output")
    # A lone surrogate, which a file name may hold, is written as Python shows it.
    encoded = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    sys.stdout.buffer.write(encoded)
    if sys.stdout.isatty():
        sys.stdout.buffer.flush()


def flush() -> None:
    """Write what is still held back of the data; raises as `data`."""
    if sys.stdout is not None:
        sys.stdout.flush()


def let_go() -> None:
    """Write what is still held back, or drop it where that is impossible; Python would complain of it at the exit."""
    try:
        flush()
    except OSError:
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)


def note(text: str) -> None:
    """Write a line for people to stderr; where nobody can read that, it is dropped."""
    with suppress(OSError):
        if sys.stderr is not None:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


def line_end() -> str:
    """What ends the line on which somebody at a terminal has typed, if stderr is one."""
    return "\n" if sys.stderr is not None and sys.stderr.isatty() else ""


def on_terminal() -> bool:
    """Whether the data go to a terminal, where a table is wanted, and not to a file or a pipe."""
    return sys.stdout is not None and sys.stdout.isatty()


def screen(*, stderr: bool = False) -> Console:
    """A console of rich for stdout, or for stderr; colours by the terminal and `NO_COLOR`, nothing is highlighted."""
    from rich.console import Console  # noqa: PLC0415 - it takes its time

    return Console(stderr=stderr, highlight=False, emoji=False, markup=False)
