"""From a payload to a stored document: validation, defaults, identity, history and version."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec

from sequoia.sandbox.checks import DoubtError, object_check
from sequoia.sandbox.fields import Field
from sequoia.sandbox.index import Indexer
from sequoia.sandbox.refitting import fitting
from sequoia.sandbox.schema import Resource
from sequoia.sandbox.shape import Layout
from sequoia.sandbox.store import Record, Row
from sequoia.sandbox.values import InvalidValueError, check_value, wire_time

__all__ = ["Problem", "Writer", "deleted", "merged", "new_name", "reap_time", "validate"]

# After the ref and before the history, each if it is there.
_FIRST = ("alternativeIdentifiers", "owner", "name", "title", "tags", "custom")
# What is no part of a version on any type; descriptors name further fields.
_UNVERSIONED = frozenset({"createdAt", "updatedAt", "deletedAt", "deletedBy", "reapAt", "version", "metadata"})
_PRIVATE = "metadata"  # only a read by ref shows it
_LAST_MOMENT = "9999-12-31T23:59:59.999Z"

_canonical = msgspec.json.Encoder(order="sorted")
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason to refuse a document: the dotted path of a field, and a sentence about it."""

    path: str
    text: str


def new_name() -> str:
    """A name for a document that came without one: 24 hex digits."""
    return secrets.token_hex(12)


def validate(resource: Resource, payload: Any) -> tuple[dict[str, Any], list[Problem]]:
    """Check one document of a request.

    Args:
        resource: What the document is.
        payload: The decoded JSON.

    Returns:
        The document in stored form, without read-only fields and with defaults, and every reason to refuse it.
    """
    if not isinstance(payload, dict):
        return {}, [Problem(resource.plural, f"{resource.plural} is invalid - must be an object")]
    problems: list[Problem] = []
    clean = _object(resource.fields, resource.one_of, "", payload, problems)
    return clean, problems


def _object(
    fields: Mapping[str, Field],
    one_of: tuple[tuple[str, ...], ...],
    prefix: str,
    payload: Mapping[str, Any],
    problems: list[Problem],
) -> dict[str, Any]:
    """Check a document, or an object inside it; `problems` collects what is wrong."""
    clean: dict[str, Any] = {}
    for name, field in fields.items():
        if field.read_only:
            continue
        if name in payload:
            clean[name] = _field(field, payload[name], problems)
        elif field.default is not None:
            clean[name] = field.default
        elif field.required:
            problems.append(Problem(field.path, f"{field.path} is required"))
    problems.extend(_unknown(fields, prefix, payload))
    for group in one_of:
        if sum(name in clean for name in group) != 1:
            paths = [prefix + name for name in group]
            problems.append(Problem(paths[0], f"exactly one of [{', '.join(paths)}] is required"))
    return clean


def _unknown(fields: Mapping[str, Field], prefix: str, payload: Mapping[str, Any]) -> Iterator[Problem]:
    """The keys of a payload that are no fields."""
    for name in payload:
        if name not in fields:
            yield Problem(prefix + name, f"{prefix}{name} is not allowed")


def _field(field: Field, value: Any, problems: list[Problem]) -> Any:
    """The stored form of one field, list or not."""
    if field.array is None:
        return _item(field, value, problems)
    if not isinstance(value, list):
        problems.append(Problem(field.path, f"{field.path} is invalid - must be an array"))
        return value
    least, most = field.array.least, field.array.most
    if least is not None and len(value) < least:
        problems.append(Problem(field.path, f"{field.path} is invalid - must contain at least {least:g} items"))
    if most is not None and len(value) > most:
        problems.append(Problem(field.path, f"{field.path} is invalid - must contain at most {most:g} items"))
    return [_item(field, item, problems) for item in value]


def _item(field: Field, value: Any, problems: list[Problem]) -> Any:
    """The stored form of one value."""
    if field.fields is not None:
        if isinstance(value, dict):
            return _object(field.fields, field.one_of, f"{field.path}.", value, problems)
        problems.append(Problem(field.path, f"{field.path} is invalid - must be an object"))
        return value
    try:
        return check_value(field, value)
    except InvalidValueError as error:
        problems.append(Problem(field.path, f"{field.path} is invalid - {error}"))
        return value


class Writer:
    """Makes records of the documents of one resource; what follows from the resource alone is worked out once.

    Args:
        resource: What the documents are.
        linking: Dotted paths of fields that relationships read refs from.
    """

    def __init__(self, resource: Resource, linking: Iterable[str] = ()) -> None:
        self._resource = resource
        # Another kind of title cannot be what a name is.
        title = resource.fields.get("title")
        self._titled = title is not None and title.type in {"string", "text", "name"} and not title.many
        self._check = object_check(resource.fields, resource.one_of)
        self._indexer = Indexer(resource, linking)
        self._unversioned = _UNVERSIONED | {name for name, field in resource.fields.items() if field.excluded}

    @cached_property
    def _fit(self) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        # Hardly any data file needs it.
        return fitting(self._resource.fields)

    @property
    def layout(self) -> Layout:
        """What the documents are indexed by."""
        return self._indexer.layout

    def validate(self, payload: Any) -> tuple[dict[str, Any], list[Problem]]:
        """Check one document of a request.

        Args:
            payload: The decoded JSON.

        Returns:
            As `validate`.
        """
        try:
            return self._check(payload), []
        except DoubtError:
            return validate(self._resource, payload)

    def finish(
        self, clean: Mapping[str, Any], stored: Mapping[str, Any] | None, *, user: str, now: str
    ) -> dict[str, Any]:
        """Complete a validated document: ref, title, history and version.

        Args:
            clean: The result of `validate`, with a name.
            stored: The document that it replaces, or None.
            user: The ref of who writes.
            now: The time, as wire text.
        """
        document = {"ref": f"{clean['owner']}:{clean['name']}"}
        for name in _FIRST:
            if name in clean:
                document[name] = clean[name]
        if self._titled and "title" not in clean:
            document["title"] = clean["name"]
        document["createdAt"] = stored["createdAt"] if stored else now
        document["createdBy"] = stored["createdBy"] if stored else user
        document["updatedAt"] = now
        document["updatedBy"] = user
        document["version"] = ""
        document |= clean
        # The sha1 of everything that makes up the content of a document.
        content = _canonical.encode({name: document[name] for name in document if name not in self._unversioned})
        document["version"] = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        return document

    def record(self, document: dict[str, Any]) -> Record:
        """A finished document as the store takes it."""
        private = None
        if _PRIVATE in document:
            private = _encoder.encode(document[_PRIVATE])
            document = {name: value for name, value in document.items() if name != _PRIVATE}
        return self._indexer.record(Row(document["ref"], _encoder.encode(document), private), document)

    def remake(self, row: Row) -> Record:
        """The record of a document that is stored already, which other fields may have been valid for.

        It stays as it is; what does not fit its fields any more is found by nothing.
        """
        return self._indexer.record(row, self._fit(msgspec.json.decode(row.body)))


def merged(row: Row) -> bytes:
    """The JSON text of a document as a read by ref shows it."""
    if row.private is None:
        return row.body
    return row.body[:-1] + b',"' + _PRIVATE.encode() + b'":' + row.private + b"}"


def reap_time(resource: Resource, now: str) -> str:
    """Until when a document is kept that is deleted now; both are wire text."""
    try:
        moment = datetime.fromisoformat(now) + timedelta(days=resource.retention_days)
    except OverflowError:  # a way to say for ever
        return _LAST_MOMENT
    return wire_time(moment.isoformat(timespec="milliseconds"))


def deleted(row: Row, *, user: str, now: str, reap_at: str) -> Row:
    """A document as it is kept after its deletion."""
    document = msgspec.json.decode(merged(row))
    document |= {"deletedAt": now, "deletedBy": user, "reapAt": reap_at}
    return Row(row.ref, _encoder.encode(document))
