"""The manifest of an export: what was asked, which files hold the answer, and how far it has come.

It is one JSON file beside the others, replaced as a whole. Whatever it says is on disk: an export that ended early goes
on from it, and whoever reads an export holds the files against it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

import msgspec

from sequoia.checkpoint import MOST
from sequoia.criteria import Criteria, Raw
from sequoia.files import whole
from sequoia.transfer.error import TransferError

__all__ = ["MANIFEST", "Column", "Compression", "Format", "Kind", "Manifest", "Part", "Split", "part_name", "parts_in"]

MANIFEST = "manifest.json"
"""Name of the file."""
VERSION = 1
_LARGEST = 256 * 1024 * 1024  # bytes of a manifest: a million files
_CHUNK = 1024 * 1024
_LONGEST_SPLIT = 30  # characters
_ODD = re.compile(r"[^a-z0-9-]")
_ENDING = r"-[0-9]{5,9}\.(?:ndjson|csv|parquet)(?:\.gz|\.zst)?"
_PART = rf"[a-z0-9-]{{1,100}}{_ENDING}"
_SUFFIX = {None: "", "gzip": ".gz", "zstd": ".zst"}
_SIZE = re.compile(r"(?i)\s*([0-9]+(?:\.[0-9]+)?)\s*(?:(k|m|g|t)?(i?)b)\s*")
_Number = Annotated[int, msgspec.Meta(ge=0, le=MOST)]
_Name = Annotated[str, msgspec.Meta(max_length=1000)]

Format = Literal["ndjson", "csv", "parquet"]
Compression = Literal["gzip", "zstd"]
Kind = Literal["text", "integer", "number", "boolean", "timestamp", "json"]


class Part(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """One of the files.

    Attributes:
        name: Its name, in the folder of the manifest.
        resources: How many resources it holds.
        bytes: How long it is.
        sha256: The digest of these bytes, as `sha256sum` prints it.
        open: Whether more is to come; what lies behind `bytes` does not count then.
    """

    name: Annotated[str, msgspec.Meta(pattern=rf"\A{_PART}\Z")]
    resources: _Number
    bytes: _Number
    sha256: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    open: bool = False


class Column(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """A column of a CSV or Parquet file.

    Attributes:
        name: The field.
        kind: What its values are; `json` for whatever has no simpler kind.
        array: Whether each value is a list of these.
    """

    name: _Name
    kind: Kind
    array: bool = False


class Split(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """When a file is full; neither: never.

    Attributes:
        resources: After so many resources.
        bytes: After so many bytes on disk, as near as a compressor and the columns of Parquet allow.
    """

    resources: Annotated[int, msgspec.Meta(ge=1, le=MOST)] | None = None
    bytes: Annotated[int, msgspec.Meta(ge=1, le=MOST)] | None = None

    @classmethod
    def parse(cls, text: str) -> Split:
        """Read `100000` (resources), or `500MB`, `1.5 GB`, `64MiB` (bytes).

        Raises:
            ValueError: It is neither.
        """
        short = text if len(text) <= _LONGEST_SPLIT else ""
        if short.strip().isdecimal() and 1 <= int(short) <= MOST:
            return cls(resources=int(short))
        found = _SIZE.fullmatch(short)
        if found is not None:
            power = "kmgt".find(found[2].lower()) + 1 if found[2] else 0
            size = int(float(found[1]) * (1024 if found[3] else 1000) ** power)
            if 1 <= size <= MOST:
                return cls(bytes=size)
        raise ValueError(f"{text[:100]!r} is neither a number of resources, such as 100000, nor a size, such as 500MB")

    def full(self, resources: int, size: int) -> bool:
        """Whether a file with so many resources and bytes takes no more."""
        by_number = self.resources is not None and resources >= self.resources
        return by_number or (self.bytes is not None and size >= self.bytes)


class Manifest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What an export is.

    Attributes:
        service: Name of the service, `metadata`.
        resource: The resource as it stands in URLs, `contents`.
        url: URL of the collection that was read.
        owner: The tenant; None for all that the token could see.
        query: The query string.
        format: Of the files.
        compression: Of the files; for Parquet, of what is in them.
        columns: What the columns of CSV or Parquet hold.
        split: When a file is full.
        since: The watermark or the time that the export begins at; None for an export of everything.
        started: When it was begun.
        ended: When it was complete; None as long as it is not.
        resources: How many resources there are in all files.
        files: The files, in order.
        checkpoint: Where the scan goes on; None at the beginning, at the end, and where `watermark` says it.
        watermark: What `changes(since=...)` takes to read what is newer; None where the service cannot tell.
        version: Of this form.
    """

    service: _Name
    resource: _Name
    url: str
    owner: _Name | None
    query: str
    format: Format
    compression: Compression | None = None
    columns: list[Column] | None = None
    split: Split = Split()
    since: dict[str, Any] | None = None
    started: _Name
    ended: _Name | None = None
    resources: _Number = 0
    files: list[Part] = []
    checkpoint: dict[str, Any] | None = None
    watermark: dict[str, Any] | None = None
    version: int = VERSION

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """The manifest in a folder; None if there is none.

        Raises:
            TransferError: It cannot be read, or is none.
        """
        path = folder / MANIFEST
        try:
            if path.stat().st_size > _LARGEST:
                raise TransferError(f"{path} is no manifest of an export: it is too large")
            found = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise TransferError(f"{path} cannot be read: {error.strerror}", error) from error
        try:
            version = msgspec.json.decode(found, type=_Version).version
            if version != VERSION:
                raise TransferError(f"{path} has version {version}, and this SDK reads version {VERSION}")
            return msgspec.json.decode(found, type=cls)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise TransferError(f"{path} is no manifest of an export: {error}", error) from error

    def write(self, folder: Path) -> None:
        """Put it into a folder, whole or not at all.

        Raises:
            OSError: It cannot be written.
        """
        with whole(folder / MANIFEST) as file:
            file.write(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")

    def check_complete(self, folder: Path) -> None:
        """Make sure that the export was brought to its end, and that every file is as it was written.

        Raises:
            TransferError: It is not; the message names the file.
        """
        if self.ended is None:
            raise TransferError(f"the export in {folder} is not complete: bring it to its end with export --resume")
        for part in self.files:
            size, digest = _measured(folder / part.name)
            if (size, digest) != (part.bytes, part.sha256):
                what = f"{size:,} bytes long, not {part.bytes:,}" if size != part.bytes else "not what was written"
                raise TransferError(f"{folder / part.name} is {what}: the export is damaged")

    def criteria(self) -> Criteria:
        """The question that was asked."""
        criteria = Criteria()
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            criteria.add_criterion(Raw(name, value))
        return criteria

    @property
    def fields(self) -> list[str] | None:
        """The fields that were asked for; None for whole resources."""
        asked = dict(parse_qsl(self.query)).get("fields")
        return asked.split(",") if asked else None

    @property
    def lang(self) -> str | None:
        """The language that was asked for; None for the texts as they are stored."""
        return dict(parse_qsl(self.query)).get("lang")


class _Version(msgspec.Struct):
    version: int


def part_name(resource: str, number: int, kind: Format, compression: Compression | None) -> str:
    """Name of a file: `contents-00001.ndjson.gz`."""
    return f"{_stem(resource)}-{number:05}.{kind}{'' if kind == 'parquet' else _SUFFIX[compression]}"


def parts_in(folder: Path, resource: str) -> list[Path]:
    """The files in a folder that have the names of an export's, whatever the manifest says."""
    pattern = re.compile(re.escape(_stem(resource)) + _ENDING)
    return sorted(path for path in folder.glob("*") if pattern.fullmatch(path.name))


def _stem(resource: str) -> str:
    return _ODD.sub("-", resource)[:100]


def _digest_of(chunks: Iterable[bytes]) -> tuple[int, str]:
    """Length and SHA-256 digest."""
    size, digest = 0, hashlib.sha256()
    for chunk in chunks:
        size += len(chunk)
        digest.update(chunk)
    return size, digest.hexdigest()


def _measured(path: Path) -> tuple[int, str]:
    try:
        with path.open("rb") as file:
            return _digest_of(iter(lambda: file.read(_CHUNK), b""))
    except OSError as error:
        raise TransferError(f"{path} cannot be read, but belongs to the export: {error.strerror}", error) from error
