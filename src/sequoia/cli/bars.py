"""How far a command is: a bar on a terminal, and in a pipe a word only where nothing moves."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from typing import TYPE_CHECKING

from sequoia.cli.console import note, on_terminal, screen
from sequoia.cli.logs import listening
from sequoia.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from sequoia.progress import OnProgress

__all__ = ["progress"]

_GATE = "sequoia.gate"
"""The logger that tells of the pace."""

_PATIENCE = 1.0
"""Seconds of work that need no bar."""

_BEGUN = Progress(0, None, 0, _PATIENCE, 0.0)
"""How far it is as long as nothing is done."""

_WIDE = 60
"""Columns of a terminal that has room for a title and a bar beside the numbers."""


@contextmanager
def progress(title: str, *, streaming: bool = False) -> Iterator[OnProgress]:
    """A bar on stderr with count, rate and time left, on a terminal, for what takes longer than a second.

    Args:
        title: What is being done: `Exporting contents`.
        streaming: Data go to stdout meanwhile: where that is a terminal too, there is no bar to get in their way.

    Returns:
        What to hand to `scan`, `bulk_store` and the like as `progress`.
    """
    # In a pipe, too, it is said that the service slows the work down: else nobody knows why nothing moves.
    with listening(_GATE, _Once(), logging.INFO):
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


class _Once(logging.Handler):
    """Notes the first record, in words for people."""

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - it says that the window became smaller
        logging.getLogger(_GATE).removeHandler(self)
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
