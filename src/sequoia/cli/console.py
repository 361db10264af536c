"""What a command writes: data to stdout and nothing else there, everything for people to stderr.

Colours and bars follow the terminal and `NO_COLOR`; in a pipe there are none.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Timer
from typing import TYPE_CHECKING

from sequoia.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar

    from sequoia.progress import OnProgress

__all__ = ["data", "flush", "let_go", "line_end", "note", "on_terminal", "progress", "screen"]

_PATIENCE = 1.0
"""Seconds of work that need no bar."""

_BEGUN = Progress(0, None, 0, _PATIENCE, 0.0)
"""How far it is as long as nothing is done."""

_WIDE = 60
"""Columns of a terminal that has room for a title and a bar beside the numbers."""


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


@contextmanager
def progress(title: str, *, streaming: bool = False) -> Iterator[OnProgress]:
    """A bar on stderr with count, rate and time left, on a terminal, for what takes longer than a second.

    Args:
        title: What is being done: `Exporting contents`.
        streaming: Data go to stdout meanwhile: where that is a terminal too, there is no bar to get in their way.

    Returns:
        What to hand to `scan`, `bulk_store` and the like as `progress`.
    """
    with _told_of_the_pace():
        if sys.stderr is None or not sys.stderr.isatty() or (streaming and on_terminal()):
            yield _nothing
            return
        bar = _LateBar(title)
        # A service that is slow or away may not let anything be done for minutes.
        first = Timer(_PATIENCE, bar.show, [_BEGUN])
        first.daemon = True
        first.start()
        try:
            yield bar.show
        finally:
            first.cancel()
            bar.stop()


@contextmanager
def _told_of_the_pace() -> Iterator[None]:
    """Say once, also in a pipe, when the service slows the work down: else nobody knows why nothing moves."""
    log = logging.getLogger("sequoia.gate")
    handler, before = _Once(), log.level
    log.addHandler(handler)
    if not log.isEnabledFor(logging.INFO):
        log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


class _Once(logging.Handler):
    """Notes the first record, in words for people."""

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - it says that the window became smaller
        logging.getLogger("sequoia.gate").removeHandler(self)
        note("The service is busy (429 or 503): this goes on more slowly, and what fails is tried again.")


def _nothing(_: Progress) -> None:
    """Nobody looks."""


class _LateBar:
    """A bar that appears once its work has taken a while, and vanishes at the end of it.

    Args:
        title: What is being done.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar: Bar | None = None
        self._ended = False
        self._lock = Lock()  # the first to show it may be a timer

    def show(self, now: Progress) -> None:
        """Show how far it is."""
        with self._lock:
            if not self._ended:
                self._show(now)

    def _show(self, now: Progress) -> None:
        if self._bar is None:
            if now.seconds < _PATIENCE:
                return
            self._bar = _bar(self._title)
        elif now is _BEGUN:
            return
        left = "" if now.total is None or not now.rate else _duration((now.total - now.done) / now.rate) + " left"
        told = f"{now.done:,}" if now.total is None else f"{now.done:,}/{now.total:,}"
        self._bar.update(
            self._bar.task_ids[0], completed=now.done, total=now.total, told=told, rate=now.rate, left=left
        )
        self._bar.start()  # with the numbers in it; the second time it does nothing

    def stop(self) -> None:
        """Take it away."""
        with self._lock:
            self._ended = True
            if self._bar is not None:
                self._bar.stop()


def _bar(title: str) -> Bar:
    from rich.progress import BarColumn, TextColumn  # noqa: PLC0415 - see `screen`
    from rich.progress import Progress as Bar  # noqa: PLC0415

    terminal = screen(stderr=True)
    wide = [TextColumn("{task.description}", markup=False), BarColumn(bar_width=None)]
    bar = Bar(
        *(wide if terminal.width >= _WIDE else []),
        TextColumn("{task.fields[told]}", markup=False),
        TextColumn("{task.fields[rate]:,.0f}/s", markup=False),
        TextColumn("{task.fields[left]}", markup=False),
        console=terminal,
        transient=True,
        expand=terminal.width >= _WIDE,
    )
    bar.add_task(title, total=None, told="", rate=0.0, left="")
    return bar


def _duration(seconds: float) -> str:
    """`0:07`, `12:30`, `3:04:05`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
