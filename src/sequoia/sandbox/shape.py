"""The tables of one resource: its documents with a column for each axis, and the values of axes with several.

The rows of `document_<n>` hold a document and, beside it, one value for each axis that has one at most. `value_<n>`
holds those of all other axes, and `words_<n>` the texts that `q` looks into. An axis has an index only from the first
query on that needs one: then it is made once, from what is there, which takes a fraction of what it costs to maintain
it document by document; SQLite keeps it up to date from there on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Layout", "Shape"]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the documents of a resource are indexed by.

    Attributes:
        single: Names of the axes with at most one value for each document.
        many: Names of the axes with any number of values.
        signature: Tells one way of indexing from another; documents of another way have to be indexed again.
    """

    single: tuple[str, ...] = ()
    many: tuple[str, ...] = ()
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """The names of tables, columns and indexes.

    Attributes:
        resource: The number of the resource.
        layout: Its axes.
        numbers: The number of every axis.
    """

    resource: int
    layout: Layout
    numbers: Mapping[str, int]

    @property
    def documents(self) -> str:
        """The table of the documents."""
        return f"document_{self.resource}"

    @property
    def values(self) -> str:
        """The table of the values of axes with several."""
        return f"value_{self.resource}"

    @property
    def words(self) -> str:
        """The table of the texts."""
        return f"words_{self.resource}"

    @property
    def columns(self) -> list[str]:
        """The columns of the axes with one value, in their order."""
        return [self.column(axis) for axis in self.layout.single]

    def has_many(self, axis: str) -> bool:
        """Whether a document may have several values on an axis."""
        return axis in self.layout.many

    def column(self, axis: str) -> str:
        """The column of an axis with one value."""
        return f"v{self.numbers[axis]}"

    def index(self, axis: str) -> str:
        """The name of the index of an axis."""
        return f"by_{self.numbers[axis]}"

    def table(self, axis: str, alias: str) -> str:
        """What stands in a FROM to walk along the index of an axis."""
        name = self.values if self.has_many(axis) else self.documents
        return f"{name} AS {alias} INDEXED BY {self.index(axis)}"

    def along(self, axis: str, alias: str) -> tuple[str, str]:
        """The column that such a walk goes along, and what must hold of the rows besides."""
        if self.has_many(axis):
            return f"{alias}.value", f"{alias}.axis = {self.numbers[axis]} AND "
        return f"{alias}.{self.column(axis)}", ""

    def creation(self) -> Iterator[str]:
        """The statements that make the tables."""
        columns = "".join(f"{column}, " for column in self.columns)
        yield (
            f"CREATE TABLE {self.documents} (id INTEGER PRIMARY KEY, ref TEXT NOT NULL UNIQUE, {columns}"
            "body BLOB NOT NULL, private BLOB)"
        )
        yield (
            f"CREATE TABLE {self.values} (id INTEGER NOT NULL, axis INTEGER NOT NULL, value NOT NULL, "
            "ref TEXT NOT NULL, PRIMARY KEY (id, axis, value)) WITHOUT ROWID"
        )
        yield (f"CREATE VIRTUAL TABLE {self.words} USING fts5(body, tokenize = 'unicode61 remove_diacritics 2')")

    def index_creation(self, axis: str) -> str:
        """The statement that makes the index of an axis if it is not there: values, and for each the refs in order."""
        start = f"CREATE INDEX IF NOT EXISTS {self.index(axis)} ON "
        if self.has_many(axis):
            return f"{start}{self.values} (value, ref) WHERE axis = {self.numbers[axis]}"
        return f"{start}{self.documents} ({self.column(axis)}, ref)"

    @property
    def width(self) -> int:
        """How many columns `documents` has."""
        return len(self.layout.single) + 4
