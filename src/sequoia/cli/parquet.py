"""A Parquet file of resources: a column for each field, in the type that all its values have.

A Parquet file has one schema, and resources have none. So the resources wait in a temporary file, as JSON, until the
last one has come and every column's type is known; then they are written, some thousand at a time.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from sequoia.cli.cells import value_at, written
from sequoia.cli.writers import Sink
from sequoia.files import temporary

__all__ = ["ParquetWriter"]

Resource = Mapping[str, Any]

_ROWS = 10_000  # of a row group
_CHUNK = 1 << 20  # bytes
_INT64 = 2**63
_EXACT = 2**53  # the integers up to this one are doubles as well
_TYPES = {
    frozenset({"bool"}): pa.bool_(),
    frozenset({"int"}): pa.int64(),
    frozenset({"long"}): pa.int64(),
    frozenset({"int", "long"}): pa.int64(),
    frozenset({"float"}): pa.float64(),
    frozenset({"int", "float"}): pa.float64(),
    frozenset({"timestamp"}): pa.timestamp("ms", tz="UTC"),
}
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class ParquetWriter:
    """Columns of booleans, 64-bit integers, doubles, timestamps, texts and lists of those; all else is JSON in a text.

    Timestamps are those of the platform, UTC with milliseconds, where a column holds nothing else.

    Args:
        sink: Takes the bytes of the file, when it is closed.
        columns: Dotted paths; none for every field that comes, in the order in which it comes.
    """

    def __init__(self, sink: Sink, columns: Sequence[str] = ()) -> None:
        self._sink = sink
        self._asked = columns
        self._kinds: dict[str, set[str]] = {path: set() for path in columns}
        self._waiting = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close
        self._encoder = msgspec.json.Encoder()

    def write(self, resource: Resource) -> None:
        """Write one more."""
        for path in self._asked or resource:
            value = value_at(resource, path) if self._asked else resource[path]
            kinds = self._kinds.setdefault(path, set())
            if value is not None:
                kinds.add(_kind(value))
        with temporary():
            self._waiting.write(self._encoder.encode(resource) + b"\n")

    def close(self) -> None:
        """Write the file."""
        schema = pa.schema([(path, _type_of(kinds)) for path, kinds in self._kinds.items()])
        with self._waiting, tempfile.TemporaryFile() as made:
            with temporary():
                self._waiting.seek(0)
                with pq.ParquetWriter(made, schema, compression="zstd") as writer:
                    for rows in _pieces(self._waiting):
                        writer.write_table(_table(rows, schema))
                made.seek(0)
            while chunk := made.read(_CHUNK):
                self._sink(chunk)


def _pieces(file: BinaryIO) -> Iterator[list[Resource]]:
    rows: list[Resource] = []
    for line in file:
        rows.append(msgspec.json.decode(line))
        if len(rows) == _ROWS:
            yield rows
            rows = []
    if rows:
        yield rows


def _table(rows: list[Resource], schema: pa.Schema) -> pa.Table:
    arrays = []
    for column in schema:
        read = _reading(column.type)
        values = (value_at(row, column.name) for row in rows)
        arrays.append(pa.array([None if value is None else read(value) for value in values], type=column.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _reading(type_: pa.DataType) -> Callable[[Any], Any]:
    """What makes a value of JSON one of a column."""
    if pa.types.is_list(type_):
        read = _reading(type_.value_type)
        return lambda values: [None if value is None else read(value) for value in values]
    if pa.types.is_timestamp(type_):
        return datetime.fromisoformat
    return written if pa.types.is_string(type_) else lambda value: value


def _kind(value: Any) -> str:
    """`str`, `int`, `long` and so on; of a list, its items' kinds behind `list:`; `other` for what becomes JSON."""
    if isinstance(value, list):
        kinds = {_kind(item) for item in value if item is not None}
        if any(kind.startswith(("list:", "other")) for kind in kinds):
            return "other"
        return f"list:{','.join(sorted(kinds))}"
    if isinstance(value, str):
        return "timestamp" if _is_timestamp(value) else "str"
    if isinstance(value, int) and not -_EXACT <= value <= _EXACT:
        return "long" if -_INT64 <= value < _INT64 else "other"
    return type(value).__name__ if isinstance(value, bool | int | float) else "other"


def _is_timestamp(text: str) -> bool:
    if _TIMESTAMP.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _type_of(kinds: set[str]) -> pa.DataType:
    """The type that holds all values of these kinds."""
    if kinds and all(kind.startswith("list:") for kind in kinds):
        return pa.list_(_type_of({one for kind in kinds for one in kind.removeprefix("list:").split(",") if one}))
    return _TYPES.get(frozenset(kinds), pa.string())
