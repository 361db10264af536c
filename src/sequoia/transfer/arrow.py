"""Parquet files by pyarrow, an extra of the distribution: this module is imported where one is written or read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from sequoia.partitions import milliseconds, timestamp
from sequoia.transfer.columns import EXACT, OTHER, from_cell, from_row, rest_of
from sequoia.transfer.error import TransferError
from sequoia.transfer.manifest import Column, Compression
from sequoia.transfer.sinks import Sink

__all__ = ["batch_of", "rows_in", "schema_of", "table_writer"]

_COLUMNS = b"sequoia.columns"
_ROWS = 1_000
_TYPES: Mapping[str, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("ms", tz="UTC"),
    "json": pa.string(),
}


def schema_of(columns: Sequence[Column]) -> pa.Schema:
    """The schema of a file; what each column holds is kept in its metadata."""
    fields = [pa.field(column.name, _type_of(column)) for column in columns]
    return pa.schema([*fields, pa.field(OTHER, pa.string())], metadata={_COLUMNS: msgspec.json.encode(columns)})


def table_writer(sink: Sink, schema: pa.Schema, compression: Compression | None) -> Any:
    """What writes a file's row groups."""
    return pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression=compression or "none")


def batch_of(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    """A row group; each row has one value more than there are columns, for the last one."""
    values = list(zip(*rows, strict=True))
    arrays = [_array(column, found) for column, found in zip(columns, values, strict=False)]
    other = pa.array([None if one is None else _text(one) for one in values[-1]], pa.string())
    return pa.RecordBatch.from_arrays([*arrays, other], schema=schema_of(columns))


def rows_in(path: Path, columns: Sequence[Column] | None, name: str | None = None) -> Iterator[dict[str, Any]]:
    """The resources in a file.

    Args:
        path: The file.
        columns: What its columns hold, where the file does not say so itself.
        name: What a message calls the file; None for its path.

    Raises:
        TransferError: It is no Parquet file.
    """
    try:
        with pq.ParquetFile(path) as file:
            said = (file.schema_arrow.metadata or {}).get(_COLUMNS)
            known = columns or []
            if said is not None:
                known = msgspec.json.decode(said, type=list[Column])
            for batch in file.iter_batches(batch_size=_ROWS):
                yield from _resources(batch, {column.name: column for column in known})
    except (pa.ArrowException, msgspec.DecodeError) as error:
        raise TransferError(f"{name or path} cannot be read as Parquet: {error}", error) from error


def _resources(batch: pa.RecordBatch, known: Mapping[str, Column]) -> Iterator[dict[str, Any]]:
    names = batch.schema.names
    columns = [known.get(name, Column(name, "text")) for name in names]
    values = [batch.column(number).to_pylist() for number in range(len(names))]
    for row in zip(*values, strict=True):
        other = rest_of(row[names.index(OTHER)]) if OTHER in names else None
        kept = [
            None if column.name == OTHER else _plain(column, value) for column, value in zip(columns, row, strict=True)
        ]
        yield from_row(columns, kept, other)


def _plain(column: Column, value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, list):
        return [_plain(column, one) for one in value]
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return timestamp(milliseconds(moment.isoformat()) or 0)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return int(value)  # beyond, no whole number was written into the column: JSON had it as 1e20
    if column.kind == "json" and isinstance(value, str):
        return from_cell(column, value)
    return value


def _type_of(column: Column) -> pa.DataType:
    kind = _TYPES[column.kind]
    return pa.list_(kind) if column.array and column.kind != "json" else kind


def _array(column: Column, values: Sequence[Any]) -> pa.Array:
    if column.kind == "json":
        values = [None if value is None else _text(value) for value in values]
    elif column.kind == "timestamp":
        values = [list(map(milliseconds, one)) if isinstance(one, list) else milliseconds(one) for one in values]
    elif column.kind == "number":
        values = [list(map(float, one)) if isinstance(one, list) else one for one in values]
    return pa.array(values, _type_of(column))


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
