"""Comparisons: which resources are on one side only, and which differ, and in what; in bounded memory.

Both sides are put into a temporary database on disk, which finds what differs and gives it in the order of the keys.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import msgspec

from sequoia.transfer.error import TransferError
from sequoia.validation import HISTORY

__all__ = ["Comparison", "Difference", "compare", "has_no_room"]

Found = tuple[str, Mapping[str, Any]]
_BATCH = 1_000
# 32 MiB of it stay in memory; nobody needs it after a crash.
_SETTINGS = ("cache_size = -32768", "journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE")
_NO_ROOM = frozenset({"SQLITE_FULL", "SQLITE_IOERR_WRITE"})  # a quota is told as the second
_ABSENT = msgspec.UNSET
_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True)
class Comparison:
    """How two sides are compared.

    Attributes:
        by: What tells which resource is the same on the other side: `ref`, or `name` where the owners differ. By name
            the owner does not count, and neither does it in refs to resources of the same owner.
        ignore: Fields that do not count, dotted where they are inside others; by default those that only the service
            sets, `HISTORY` in `sequoia.validation`.
        fields: The only fields that count, where one of the sides has no others; None for all.
    """

    by: Literal["ref", "name"] = "ref"
    ignore: frozenset[str] = HISTORY
    fields: frozenset[str] | None = None

    def key(self, resource: Mapping[str, Any], where: str) -> str:
        """What a resource is found by.

        Raises:
            TransferError: It has none.
        """
        ref, owner, name = (resource.get(one) for one in ("ref", "owner", "name"))
        found = ref if ref or not (owner and name) else f"{owner}:{name}"
        if self.by == "name":
            found = name or (str(ref).partition(":")[2] if ref else None)
        if not isinstance(found, str) or not found:
            raise TransferError(f"{where}: it has no {self.by}, so nobody can say what to compare it with")
        return found

    def reduced(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """What of a resource counts."""
        left_out = self.ignore
        fields = self.fields
        made = {
            name: value
            for name, value in resource.items()
            if name not in left_out and value is not None and (fields is None or name in fields)
        }
        for path in left_out:
            if "." in path:
                _drop(made, path.split("."))
        if self.by == "name":
            ref, owner = made.pop("ref", None), made.pop("owner", None)
            own = owner or (str(ref).partition(":")[0] if ref else None)
            if own:
                made = {name: _anonymous(value, f"{own}:") for name, value in made.items()}
        return made


@dataclass(frozen=True)
class Difference:
    """A resource that is not the same on both sides.

    Attributes:
        key: Its ref or its name.
        kind: `left` or `right` if it is only there, `changed` if it is on both.
        fields: Of one that changed: each field that differs with its two values, None where there is none.
    """

    key: str
    kind: Literal["left", "right", "changed"]
    fields: Mapping[str, tuple[Any, Any]]


def compare(left: Iterable[Found], right: Iterable[Found], how: Comparison) -> Iterator[Difference]:
    """Find what differs; both sides are read to their end first.

    Args:
        left: Resources, each with where it was found, for messages.
        right: The same.
        how: How.

    Yields:
        Each difference, in the order of the keys.

    Raises:
        TransferError: A resource cannot be identified, or the disk is full.
        ClientError: A side cannot be read.
    """
    try:
        with closing(sqlite3.connect("")) as database:  # on disk, and gone with this process
            for setting in _SETTINGS:
                database.execute(f"PRAGMA {setting}")
            database.execute("CREATE TABLE found (key TEXT PRIMARY KEY, one BLOB, two BLOB)")
            _put(database, "one", left, how)
            _put(database, "two", right, how)
            rows = database.execute("SELECT key, one, two FROM found WHERE one IS NOT two ORDER BY key")
            for key, one, two in rows:
                yield from _differences(key, one, two)
    except sqlite3.Error as error:
        advice = ": set TMPDIR to a folder with room for both sides" if has_no_room(error) else ""
        raise TransferError(f"the temporary database for the comparison failed: {error}{advice}", error) from error


def has_no_room(error: object) -> bool:
    """Whether an error of the database says that its disk is full."""
    return getattr(error, "sqlite_errorname", None) in _NO_ROOM  # what comes from Python itself has none


def _put(
    database: sqlite3.Connection,
    side: Literal["one", "two"],
    found: Iterable[tuple[str, Mapping[str, Any]]],
    how: Comparison,
) -> None:
    """Put one side into the database; of a resource that comes twice, the last one counts."""
    statement = (
        f"INSERT INTO found (key, {side}) VALUES (?, ?) "  # noqa: S608 - one of two words
        f"ON CONFLICT (key) DO UPDATE SET {side} = excluded.{side}"
    )
    rows = ((how.key(resource, where), _encode(how.reduced(resource))) for where, resource in found)
    while batch := list(islice(rows, _BATCH)):
        database.executemany(statement, batch)


def _differences(key: str, one: bytes | None, two: bytes | None) -> Iterator[Difference]:
    if one is None or two is None:
        yield Difference(key, "right" if one is None else "left", {})
        return
    left, right = msgspec.json.decode(one), msgspec.json.decode(two)
    # 5 and 5.0 are two texts and one number, so what differs is decided here.
    fields = {
        name: (left.get(name), right.get(name))
        for name in sorted({*left, *right})
        if not _same(left.get(name, _ABSENT), right.get(name, _ABSENT))
    }
    if fields:
        yield Difference(key, "changed", fields)


def _same(one: Any, two: Any) -> bool:
    """Whether two values are the same in JSON; in Python, true would be the same as 1, at any depth."""
    pending = [(one, two)]
    while pending:
        left, right = pending.pop()
        if isinstance(left, dict) and isinstance(right, dict):
            if left.keys() != right.keys():
                return False
            pending += [(value, right[name]) for name, value in left.items()]
        elif isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            pending += zip(left, right, strict=True)
        elif left != right or isinstance(left, bool) is not isinstance(right, bool):
            return False
    return True


def _drop(resource: dict[str, Any], path: list[str]) -> None:
    """Leave out a field inside of others; what it is inside of is copied first."""
    first, *rest = path
    inner = resource.get(first)
    if isinstance(inner, list):
        resource[first] = [_dropped(one, rest) for one in inner]
    elif first in resource:
        resource[first] = _dropped(inner, rest)


def _dropped(value: Any, path: list[str]) -> Any:
    if not isinstance(value, dict):
        return value
    if len(path) == 1:
        return {name: one for name, one in value.items() if name != path[0]}
    made = dict(value)
    _drop(made, path)
    return made


def _anonymous(value: Any, own: str) -> Any:
    """A value whose refs to resources of its own owner do not name that owner."""
    if isinstance(value, str):
        return value[len(own) - 1 :] if value.startswith(own) else value
    if isinstance(value, list):
        return [_anonymous(one, own) for one in value]
    if isinstance(value, dict):
        return {name: _anonymous(one, own) for name, one in value.items()}
    return value
