"""Writers of resources in the formats that programs read: NDJSON, JSON, YAML and CSV, each in constant memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from sequoia.cli.cells import value_at, written

__all__ = ["CsvWriter", "JsonWriter", "NdjsonWriter", "Sink", "Writer", "YamlWriter"]

Resource = Mapping[str, Any]
Sink = Callable[[bytes], object]
"""What takes the bytes that a writer makes."""


class Writer(Protocol):
    """Takes resources one after the other. Without `close` what it has written is not whole."""

    def write(self, resource: Resource) -> None:
        """Write one more."""

    def close(self) -> None:
        """Write what must follow the last one."""


class NdjsonWriter:
    """One line of JSON for each resource."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._encoder = msgspec.json.Encoder()

    def write(self, resource: Resource) -> None:
        """Write one more."""
        self._sink(self._encoder.encode(resource) + b"\n")

    def close(self) -> None:
        """Nothing follows."""


class JsonWriter:
    """A JSON array, or with `single` the one resource alone; indented for people who look at it."""

    def __init__(self, sink: Sink, *, single: bool = False) -> None:
        self._sink = sink
        self._single = single
        self._begun = False

    def write(self, resource: Resource) -> None:
        """Write one more."""
        text = msgspec.json.format(msgspec.json.encode(resource), indent=2)
        if self._single:
            self._sink(text + b"\n")
        else:
            self._sink((b",\n" if self._begun else b"[\n") + text)
        self._begun = True

    def close(self) -> None:
        """Close the array."""
        if not self._single:
            self._sink(b"\n]\n" if self._begun else b"[]\n")


class YamlWriter:
    """A YAML list, or with `single` the one resource alone."""

    def __init__(self, sink: Sink, *, single: bool = False) -> None:
        import yaml  # noqa: PLC0415 - only this format needs it

        self._dump = yaml.dump
        # The one in C is ten times as fast, and not on every system.
        self._dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        self._sink = sink
        self._single = single
        self._begun = False

    def write(self, resource: Resource) -> None:
        """Write one more: one-item lists put after one another are one list."""
        value = dict(resource) if self._single else [dict(resource)]
        text: str = self._dump(value, Dumper=self._dumper, allow_unicode=True, sort_keys=False, width=120)
        self._sink(text.encode())
        self._begun = True

    def close(self) -> None:
        """Say that the list is empty, if it is."""
        if not self._begun and not self._single:
            self._sink(b"[]\n")


class CsvWriter:
    """A header, and a line for each resource (RFC 4180, but lines end as they do on Unix).

    A text stands there as it is, nothing for what is absent, and numbers, booleans, lists and objects as JSON.

    Args:
        sink: Takes the bytes.
        columns: Dotted paths.

    Attributes:
        left_out: Names of fields that resources had and no column shows.
    """

    def __init__(self, sink: Sink, columns: Sequence[str]) -> None:
        self._sink = sink
        self._columns = columns
        self._shown = {path.split(".")[0] for path in columns} | set(columns)
        self._line = io.StringIO()
        self._csv = csv.writer(self._line, lineterminator="\n")
        self._begun = False
        self.left_out: set[str] = set()

    def write(self, resource: Resource) -> None:
        """Write one more."""
        self._begin()
        self.left_out |= resource.keys() - self._shown
        self._row([written(value_at(resource, path)) for path in self._columns])

    def close(self) -> None:
        """Write the header, if nothing stands below it."""
        self._begin()

    def _begin(self) -> None:
        # Not before the first resource has come: a question that is refused writes nothing.
        if not self._begun:
            self._begun = True
            self._row(self._columns)

    def _row(self, cells: Sequence[str]) -> None:
        self._csv.writerow(cells)
        self._sink(self._line.getvalue().encode())
        self._line.seek(0)
        self._line.truncate()
