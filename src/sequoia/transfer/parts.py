"""The files of an export while they are written: lines of NDJSON or CSV, and tables of Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from sequoia.transfer.columns import OTHER, decoded, to_cell, to_row
from sequoia.transfer.manifest import Column, Compression, Manifest
from sequoia.transfer.sinks import Sink, compressor

__all__ = ["PartWriter", "begun"]

_HELD = 256 * 1024  # bytes of lines that are compressed and written together
_ROWS = 5_000  # of a Parquet row group


class PartWriter(Protocol):
    """A file that is being written.

    Attributes:
        sink: The bytes of it.
        resources: How many resources it holds.
    """

    sink: Sink
    resources: int

    @property
    def size(self) -> int:
        """Bytes, as near as it is known before they are compressed."""

    def add(self, resource: bytes) -> None:
        """Put the JSON of a resource behind the others."""

    def commit(self) -> bool:
        """Put on disk what was added; whether the file could be gone on with from there."""

    def end(self) -> None:
        """Put everything on disk, and close the file."""

    def abandon(self) -> None:
        """Close the file as it is."""


class Lines:
    """A file of lines.

    Args:
        sink: Where they go.
        compression: How they are compressed.
        header: What comes first in a new file.
        line: Makes a line, without its end, of the JSON of a resource.
        resources: How many there are already.
    """

    def __init__(
        self,
        sink: Sink,
        compression: Compression | None,
        header: bytes,
        line: Callable[[bytes], bytes],
        resources: int,
    ) -> None:
        self.sink = sink
        self.resources = resources
        self._compressor = compressor(compression)
        self._line = line
        self._lines: list[bytes] = [] if resources else [header]
        self._held = sum(map(len, self._lines))

    @property
    def size(self) -> int:
        """See `PartWriter`."""
        return self.sink.size + self._held

    def add(self, resource: bytes) -> None:
        """See `PartWriter`."""
        line = self._line(resource)
        self._lines += (line, b"\n")
        self._held += len(line) + 1
        self.resources += 1
        if self._held >= _HELD:
            self._write()

    def commit(self) -> bool:
        """See `PartWriter`."""
        self._write()
        self.sink.write(self._compressor.end())
        self.sink.sync()
        return True

    def end(self) -> None:
        """See `PartWriter`."""
        self.commit()
        self.sink.close()

    def abandon(self) -> None:
        """See `PartWriter`."""
        self.sink.close()

    def _write(self) -> None:
        data = b"".join(self._lines)
        self._lines, self._held = [], 0
        if data:
            self.sink.write(self._compressor.compress(data))


class Table:
    """A Parquet file. It can be read only when it is complete, so its only point to go on from is its end.

    Args:
        sink: Where it goes.
        compression: Of its columns.
        columns: Its columns.
    """

    def __init__(self, sink: Sink, compression: Compression | None, columns: Sequence[Column]) -> None:
        from sequoia.transfer.arrow import schema_of, table_writer  # noqa: PLC0415 - pyarrow is an extra

        self.sink = sink
        self.resources = 0
        self._columns = columns
        self._rows: list[list[Any]] = []
        self._writer = table_writer(sink, schema_of(columns), compression)

    @property
    def size(self) -> int:
        """See `PartWriter`; rows that wait for their group do not count."""
        return self.sink.size

    def add(self, resource: bytes) -> None:
        """See `PartWriter`."""
        self._rows.append(to_row(self._columns, decoded(resource)))
        self.resources += 1
        if len(self._rows) >= _ROWS:
            self._write()

    def commit(self) -> bool:
        """See `PartWriter`."""
        return False

    def end(self) -> None:
        """See `PartWriter`."""
        self._write()
        self._writer.close()
        self.sink.sync()
        self.sink.close()

    def abandon(self) -> None:
        """See `PartWriter`."""
        self.sink.close()
        with suppress(OSError, ValueError):  # what the library still writes goes nowhere, but it wants to have written
            self._writer.close()

    def _write(self) -> None:
        from sequoia.transfer.arrow import batch_of  # noqa: PLC0415 - see above

        rows, self._rows = self._rows, []
        if rows:
            self._writer.write_batch(batch_of(self._columns, rows))


def begun(manifest: Manifest, sink: Sink, resources: int = 0) -> PartWriter:
    """The writer of one of the files of an export, a new one or one with some resources already."""
    columns = manifest.columns or []
    if manifest.format == "parquet":
        return Table(sink, manifest.compression, columns)
    if manifest.format == "csv":
        names = [*(column.name for column in columns), OTHER]
        return Lines(sink, manifest.compression, _record(names) + b"\n", _CsvLine(columns), resources)
    return Lines(sink, manifest.compression, b"", _one_line, resources)


def _one_line(resource: bytes) -> bytes:
    """The JSON as it came; only line ends, which mean nothing between its parts, are taken out."""
    if b"\n" in resource or b"\r" in resource:
        return msgspec.json.format(resource, indent=-1)
    return resource


class _CsvLine:
    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def __call__(self, resource: bytes) -> bytes:
        *row, other = to_row(self._columns, decoded(resource))
        cells = [to_cell(column, value) for column, value in zip(self._columns, row, strict=True)]
        return _record([*cells, "" if other is None else msgspec.json.encode(other).decode()])


def _record(cells: list[str]) -> bytes:
    """A record of CSV (RFC 4180), in UTF-8, without its end."""
    text = io.StringIO()
    csv.writer(text).writerow(cells)  # with the line end of its own, so that line ends in cells are quoted
    return text.getvalue().removesuffix("\r\n").encode()
