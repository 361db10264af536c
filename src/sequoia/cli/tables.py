"""Tables for people: rows in the columns that fit the terminal, or where none fit one field a line.

A table is made of pieces, so that a long one begins at once and takes constant memory: the first hundred resources
decide about the columns and their widths, which then stay.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sequoia.cli.cells import flat, shown, value_at
from sequoia.cli.writers import Sink

__all__ = ["Canvas", "RecordWriter", "TableWriter", "bars"]

Resource = Mapping[str, Any]

_SAMPLE = 100
_GAP = 2  # blanks between columns
# A column's characters, as long as others want room: these at most, or two fifths of the terminal.
_WIDE, _WIDEST = 24, 40
_NARROWEST = 6
_COMFORT = 20  # columns of a value; on a terminal with less, values take lines of their own
# What a table shows first, what last, and what it leaves out where it chooses: mostly the same in all rows.
_FIRST = ("ref", "title")
_LAST = ("updatedAt",)
_NEVER = frozenset({"owner", "version", "createdAt", "createdBy", "updatedBy", "deletedBy", "reapAt"})


class Canvas:
    """Turns what rich can draw into bytes, in the width and the colours of the terminal.

    Args:
        sink: Takes the bytes.
        terminal: Whether they go to a terminal; anything else gets no colours.
        width: Columns of characters; None for those of the terminal, or 80.
    """

    def __init__(self, sink: Sink, *, terminal: bool, width: int | None = None) -> None:
        self._sink = sink
        self._text = io.StringIO()
        self._encoding = (sys.stdout.encoding or "utf-8") if terminal else "utf-8"
        self.width = width or shutil.get_terminal_size().columns
        self._console = Console(
            file=self._text,
            force_terminal=terminal,
            color_system="auto" if terminal else None,
            no_color=True if os.environ.get("NO_COLOR") else None,
            width=self.width,
            highlight=False,
            legacy_windows=False,
        )

    def draw(self, *renderables: RenderableType) -> None:
        """Draw, and hand the bytes on, without blanks at the ends of lines."""
        for one in renderables:
            self._console.print(one, soft_wrap=isinstance(one, str))
        lines = self._text.getvalue().splitlines()
        self._text.seek(0)
        self._text.truncate()
        self._sink("".join(f"{line.rstrip()}\n" for line in lines).encode(self._encoding, "replace"))


class TableWriter:
    """A table of any length.

    Args:
        canvas: Where it is drawn.
        columns: Dotted paths; none lets the table choose by what is there and what fits.
    """

    def __init__(self, canvas: Canvas, columns: Sequence[str] = ()) -> None:
        self._canvas = canvas
        self._asked = columns
        self._waiting: list[Resource] = []
        self._layout: dict[str, int] | None = None
        self._numeric: frozenset[str] = frozenset()
        self._begun = False

    def write(self, resource: Resource) -> None:
        """Write one more; it is drawn with the others of its piece."""
        self._waiting.append(resource)
        if len(self._waiting) >= _SAMPLE:
            self._flush()

    def close(self) -> None:
        """Draw the rest."""
        if self._waiting:
            self._flush()

    def _flush(self) -> None:
        rows, self._waiting = self._waiting, []
        if self._layout is None:
            self._lay_out(rows)
        if not self._layout:
            for row in rows:
                _draw_record(self._canvas, row, self._asked, after_another=self._begun)
                self._begun = True
            return
        self._canvas.draw(self._piece(rows))
        self._begun = True

    def _lay_out(self, rows: list[Resource]) -> None:
        columns = list(self._asked) or _columns_in(rows)
        wanted = {path: _wanted(path, rows) for path in columns}
        self._layout = _fitted(wanted, self._canvas.width, all_of_them=bool(self._asked))
        self._numeric = frozenset(path for path in self._layout if _all_numbers(path, rows))

    def _piece(self, rows: list[Resource]) -> Table:
        table = Table(box=None, show_header=not self._begun, show_edge=False, pad_edge=False, padding=(0, _GAP, 0, 0))
        layout = self._layout or {}
        for path, width in layout.items():
            right = path in self._numeric
            table.add_column(
                Text(path),
                width=width,
                no_wrap=True,
                overflow="ellipsis",
                justify="right" if right else "left",
                header_style="bold",
            )
        for row in rows:
            table.add_row(*(Text(shown(value_at(row, path))) for path in layout))
        return table


class RecordWriter:
    """One resource, one field a line; of several, one after the other.

    Args:
        canvas: Where it is drawn.
        columns: Dotted paths; none for all fields that are there.
    """

    def __init__(self, canvas: Canvas, columns: Sequence[str] = ()) -> None:
        self._canvas = canvas
        self._columns = columns
        self._begun = False

    def write(self, resource: Resource) -> None:
        """Draw one."""
        _draw_record(self._canvas, resource, self._columns, after_another=self._begun)
        self._begun = True

    def close(self) -> None:
        """Nothing follows."""


def bars(canvas: Canvas, title: str, numbers: Mapping[str, int]) -> None:
    """Draw a bar chart: a line for each name, with its number and a bar in proportion to the greatest."""
    greatest = max(numbers.values(), default=0)
    digits = max((len(f"{number:,}") for number in numbers.values()), default=1)
    names = {name: shown(name) for name in numbers}
    widest = max((cell_len(name) for name in names.values()), default=0)
    label = max(4, min(widest, canvas.width // 2 - digits - _GAP))
    room = max(1, canvas.width - label - digits - 2 * _GAP)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, _GAP, 0, 0))
    table.add_column(width=label, no_wrap=True, overflow="ellipsis")
    table.add_column(width=digits, justify="right", no_wrap=True)
    table.add_column(no_wrap=True, style="cyan")
    for name, number in numbers.items():
        table.add_row(Text(names[name]), f"{number:,}", _bar(number, greatest, room))
    canvas.draw(Text(title, style="bold"), table)


def _bar(number: int, greatest: int, room: int) -> str:
    """A bar in eighths of a character; what is not nothing is seen."""
    eighths = max(1, round(number * room * 8 / greatest)) if number > 0 else 0
    full, rest = divmod(eighths, 8)
    return "█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")


def _draw_record(canvas: Canvas, resource: Resource, columns: Sequence[str], *, after_another: bool) -> None:
    pairs = [(path, value_at(resource, path)) for path in columns] if columns else list(flat(resource))
    if after_another:
        canvas.draw("")
    widest = max((cell_len(path) for path, _ in pairs), default=0)
    if widest + _GAP + _COMFORT <= canvas.width:
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, _GAP, 0, 0))
        table.add_column(width=widest, no_wrap=True, style="bold")
        table.add_column(overflow="fold")
        for path, value in pairs:
            for number, text in enumerate(_lines_of(value)):
                table.add_row(Text("" if number else path), Text(text))
        canvas.draw(table)
        return
    for path, value in pairs:
        values = [Padding(Text(text, overflow="fold"), (0, 0, 0, _GAP)) for text in _lines_of(value) if text]
        canvas.draw(Text(path, style="bold"), *values)


def _lines_of(value: Any) -> Iterable[str]:
    """A list of objects takes a line for each."""
    if isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        return [shown(item) for item in value]
    return [shown(value)]


def _columns_in(rows: list[Resource]) -> list[str]:
    """The fields worth a column: there in half of the rows or more, and no objects, in the order of their weight."""
    counts: dict[str, int] = {}
    for row in rows:
        for name, value in row.items():
            simple = not isinstance(value, Mapping) and not (
                isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value)
            )
            counts[name] = counts.get(name, 0) + (simple and value not in (None, "", []))
    often = [name for name, count in counts.items() if 2 * count >= len(rows) and name not in _NEVER]
    if "ref" in often and "name" in often:
        often.remove("name")
    first = [name for name in _FIRST if name in often]
    last = [name for name in _LAST if name in often]
    middle = [name for name in often if name not in {*_FIRST, *_LAST} and len(set(_texts(name, rows))) > 1]
    lists = [name for name in middle if any(isinstance(row.get(name), list) for row in rows)]
    scalars = [name for name in middle if name not in lists]
    return [*first, *scalars, *lists, *last] or list(counts)


def _texts(path: str, rows: Iterable[Resource]) -> Iterable[str]:
    return (shown(value_at(row, path)) for row in rows)


def _wanted(path: str, rows: list[Resource]) -> int:
    return max(cell_len(path), max(map(cell_len, _texts(path, rows)), default=0), 1)


def _fitted(wanted: Mapping[str, int], width: int, *, all_of_them: bool) -> dict[str, int]:
    """The columns to show, with their widths; empty where they do not fit at all.

    Args:
        wanted: How wide each would like to be, the most important first.
        width: What there is.
        all_of_them: Whether none may be left out.
    """
    chosen: dict[str, int] = {}
    for path, most in wanted.items():
        least = min(most, max(_WIDE, min(_WIDEST, 2 * width // 5)))
        if all_of_them or len(chosen) < len(_FIRST) or _total([*chosen.values(), least]) <= width:
            chosen[path] = least
    excess = _total(chosen.values()) - width
    while excess > 0:
        widest = max(chosen, key=lambda path: chosen[path])
        if chosen[widest] <= _NARROWEST:
            return {} if all_of_them or len(chosen) == 1 else dict(islice(chosen.items(), 1))
        chosen[widest] -= 1
        excess -= 1
    for path, most in wanted.items():  # what is left goes to those that were cut short
        if path in chosen:
            chosen[path] = min(most, chosen[path] + max(0, width - _total(chosen.values())))
    return chosen


def _total(widths: Iterable[int]) -> int:
    listed = list(widths)
    return sum(listed) + _GAP * max(0, len(listed) - 1)


def _all_numbers(path: str, rows: Iterable[Resource]) -> bool:
    values = [value for row in rows if (value := value_at(row, path)) is not None]
    return bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
