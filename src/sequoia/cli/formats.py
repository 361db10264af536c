"""The options that say how and where a command writes its data, and the writers behind them.

Without `--format` it is what the file's name says, else a table on a terminal and NDJSON anywhere else. A file is
there as a whole, or not at all: what it is written to gets its name when all is done.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from sequoia.cli.console import data, note, on_terminal
from sequoia.cli.failing import Refusal
from sequoia.cli.writers import CsvWriter, JsonWriter, NdjsonWriter, Sink, Writer, YamlWriter
from sequoia.files import whole

__all__ = ["FORMATS", "Output", "Writer", "formatted"]

R = TypeVar("R")

FORMATS = ("table", "ndjson", "json", "csv", "parquet", "yaml")
"""What `--format` takes; the first is for terminals, the second for everything else."""
_SUFFIXES: Mapping[str, str] = {
    ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv", ".parquet": "parquet",
    ".yaml": "yaml", ".yml": "yaml", ".txt": "table",
}  # fmt: skip


@dataclass(frozen=True)
class Output:
    """Where a command's data go, and in which format.

    Attributes:
        format: One of `FORMATS`.
        path: The file; None for stdout.
    """

    format: str
    path: Path | None = None

    @classmethod
    def of(cls, format_: str | None, path: str | None, choices: Sequence[str] = FORMATS) -> Output:
        """The output of the options' values.

        Args:
            format_: The value of `--format`.
            path: The value of `--output`; `-` is stdout.
            choices: The formats that the command knows; the first is for terminals, the second for everything else.

        Raises:
            Refusal: They do not go together.
        """
        file = Path(path) if path not in {None, "-"} else None
        chosen = format_ or _usual(file, choices)
        if chosen == "parquet" and file is None and on_terminal():
            raise Refusal("Parquet is nothing for a terminal: say --output FILE")
        if file is not None and file.is_dir():
            raise Refusal(f"--output {file} is a folder; it takes the name of a file")
        return cls(chosen, file)

    @property
    def needs_columns(self) -> bool:
        """Whether the columns must be known before the first resource."""
        return self.format == "csv"

    @property
    def to_terminal(self) -> bool:
        """Whether people look at it as it comes."""
        return self.path is None and on_terminal()

    @contextmanager
    def writer(self, columns: Sequence[str] = (), *, single: bool = False) -> Iterator[Writer]:
        """A writer; what it has written is whole when the block is left, and a file is there only then.

        Args:
            columns: Dotted paths: of a table, CSV or Parquet. CSV needs them; the others choose where there are none.
            single: Whether there is one resource only, and it is no list.

        Raises:
            Refusal: The file cannot be written.
        """
        with self.sink() as sink:
            writer = self._writer(sink, columns, single=single)
            try:
                yield writer
            except BaseException:
                if self.format == "table":  # what it has received is shown; of the others the end must be missing
                    writer.close()
                raise
            writer.close()
        if isinstance(writer, CsvWriter) and writer.left_out:
            note(f"Left out, because no column has them: {', '.join(sorted(writer.left_out))}")

    @contextmanager
    def sink(self) -> Iterator[Sink]:
        """Where bytes go."""
        if self.path is None:
            yield data
        elif self.path.exists() and not self.path.is_file():  # a pipe with a name, or a device
            with self.path.open("wb") as device:
                yield device.write
        else:
            with ExitStack() as stack:
                try:
                    file = stack.enter_context(whole(self.path))
                except OSError as error:
                    raise Refusal(f"{self.path} cannot be written: {error.strerror}") from error
                yield file.write

    def _writer(self, sink: Sink, columns: Sequence[str], *, single: bool) -> Writer:
        if self.format == "ndjson":
            return NdjsonWriter(sink)
        if self.format == "json":
            return JsonWriter(sink, single=single)
        if self.format == "yaml":
            return YamlWriter(sink, single=single)
        if self.format == "csv":
            return CsvWriter(sink, columns)
        if self.format == "parquet":
            from sequoia.cli.parquet import ParquetWriter  # noqa: PLC0415 - only this format needs pyarrow

            return ParquetWriter(sink, columns)
        from sequoia.cli.tables import Canvas, RecordWriter, TableWriter  # noqa: PLC0415 - only tables need rich

        canvas = Canvas(sink, terminal=self.to_terminal)
        return RecordWriter(canvas, columns) if single else TableWriter(canvas, columns)


def formatted(*choices: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Give a command the options `--format` and `--output`; it gets an `output: Output` in their place.

    Args:
        *choices: The formats that the command knows; none for all. The first is the one for terminals, the second the
            one for pipes.
    """
    known = choices or FORMATS

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        @click.option(
            "-f",
            "--format",
            "format_",
            type=click.Choice(known),
            help=f"How it is written.  [default: {known[0]} on a terminal, {known[1]} in a pipe]",
        )
        @click.option(
            "-o", "--output", "output_file", metavar="FILE", help="Write to a file, whose suffix may say the format."
        )
        @functools.wraps(command)
        def written(*args: Any, format_: str | None, output_file: str | None, **options: Any) -> R:
            return command(*args, output=Output.of(format_, output_file, known), **options)

        return written

    return decorate


def _usual(file: Path | None, choices: Sequence[str]) -> str:
    """The format where none is asked for."""
    named = _SUFFIXES.get(file.suffix.lower(), "") if file is not None else ""
    if named in choices:
        return named
    return choices[0] if file is None and on_terminal() else choices[1]
