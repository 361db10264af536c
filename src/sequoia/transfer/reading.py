"""Where resources come from that are to be imported or compared: an export's folder, files, or standard input.

What a file holds is found by its first bytes, not by its name: gzip, zstandard, Parquet, a JSON array, or lines. Only
CSV, which begins with anything, is known by its name or by being asked for.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import shutil
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, NamedTuple

import msgspec

from sequoia.dead_letters import LONGEST_LINE, is_letter
from sequoia.files import BLANK, UTF_16, temporary
from sequoia.transfer.columns import OTHER, from_cell, from_row, rest_of
from sequoia.transfer.error import TransferError
from sequoia.transfer.manifest import MANIFEST, Column, Manifest

__all__ = ["Given", "Kind", "Source", "spooled"]

Kind = Literal["json", "csv"]
_BROKEN = (msgspec.DecodeError, UnicodeError, RecursionError)
_UNPACKING = (EOFError, zlib.error, gzip.BadGzipFile)
_GZIP, _ZSTD, _PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
_object = msgspec.json.Decoder(dict[str, Any]).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_FIELDS = 16 * 1024 * 1024  # characters of a cell of CSV
_PACKED = 1024  # bytes of zstandard unpacked at once, because each of them could become 32 KiB in memory


class Given(NamedTuple):
    """A resource as it was found.

    Attributes:
        where: The file and the line, or the number in the file.
        resource: A dict; bytes, where it is no JSON object.
        fault: Why it is none, where more is known than that.
    """

    where: str
    resource: dict[str, Any] | bytes
    fault: str = ""


@dataclass(frozen=True)
class Source:
    """Resources in files; each iteration reads them from the beginning.

    Attributes:
        files: The files.
        columns: What the columns of CSV hold; for an export's, its manifest says it.
        kind: What is in files that do not say it themselves.
        manifest: That of the export.
        key: The JSON key of the resources, for a file that is an answer of the service.
        origin: The manifest of the export that a file was taken from.
        name: What messages call the file; None for its path.
    """

    files: tuple[Path, ...]
    columns: Sequence[Column] = ()
    kind: Kind | None = None
    manifest: Manifest | None = None
    key: str = ""
    origin: Manifest | None = None
    name: str | None = None

    @classmethod
    def of(
        cls,
        path: str | os.PathLike[str],
        columns: Sequence[Column] = (),
        kind: Kind | None = None,
        key: str = "",
        name: str | None = None,
    ) -> Source:
        """The resources in an export's folder, or in a file; see the class for the arguments.

        Raises:
            TransferError: There is none, or the export is not complete or damaged.
        """
        place = Path(path)
        if place.name == MANIFEST and place.is_file():
            place = place.parent
        if not place.is_dir():
            if not place.is_file():
                raise TransferError(f"there is no file or folder {place}")
            origin = _origin(place)
            described = columns if origin is None else origin.columns or columns
            return cls((place,), described, kind, None, key, origin, name)
        manifest = Manifest.read(place)
        if manifest is None:
            raise TransferError(f"{place} is no export: it has no {MANIFEST}; give its files, if it has any")
        manifest.check_complete(place)
        form: Kind = "csv" if manifest.format == "csv" else "json"
        files = tuple(place / part.name for part in manifest.files)
        return cls(files, manifest.columns or [], form, manifest, key)

    def __iter__(self) -> Iterator[Given]:
        for path in self.files:
            name = self.name or str(path)
            try:
                yield from self._read(path, name)
            except _UNPACKING as error:
                raise TransferError(f"{name} is damaged: {error}", error) from error
            except OSError as error:
                raise TransferError(f"{name} cannot be read: {error.strerror or error}", error) from error

    def _read(self, path: Path, name: str) -> Iterator[Given]:
        with path.open("rb") as file:
            head = file.read(len(_PARQUET))
            if head == _PARQUET:
                yield from _parquet(path, name, self.columns)
                return
            if head.startswith(UTF_16):
                raise TransferError(f"{name} is UTF-16: save it as UTF-8")
            file.seek(0)
            with closing(_unpacked(file)) as plain:
                named = {suffix.lower() for suffix in path.suffixes}
                if self.kind == "csv" or (self.kind is None and ".csv" in named):
                    yield from _csv(name, plain, self.columns)
                else:
                    yield from _json(name, plain, self.key)


def _origin(file: Path) -> Manifest | None:
    """The manifest beside a file, if the file is one of that export's."""
    try:
        found = Manifest.read(file.parent)
    except TransferError:
        return None  # other programs have files of that name, too
    return found if found is not None and file.name in {part.name for part in found.files} else None


def spooled(stream: BinaryIO) -> IO[bytes]:
    """What a stream holds, in a file that is gone when it is closed: a stream can be read only once.

    Raises:
        OSError: The disk is full.
    """
    file = tempfile.NamedTemporaryFile(prefix="sequoia-")  # noqa: SIM115 - whoever called closes it
    try:
        with temporary():
            shutil.copyfileobj(stream, file)
            file.flush()
    except BaseException:
        file.close()
        raise
    return file


def _unpacked(file: BinaryIO) -> IO[bytes]:
    """The bytes in a file that may be compressed."""
    head = file.read(len(_ZSTD))
    file.seek(0)
    if head.startswith(_GZIP):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value] # it reads as any file does
    if head == _ZSTD:
        import zstandard  # noqa: PLC0415 - an extra

        return io.BufferedReader(_Frames(file, zstandard.ZstdDecompressor().decompressobj, zstandard.ZstdError))
    return file


class _Frames(io.RawIOBase):
    """What the frames of zstandard in a file hold, as a file.

    zstandard's own reader takes the end of the file for the end of the data, even in the middle of a frame.
    """

    def __init__(self, file: BinaryIO, begin: Callable[[], Any], error: type[Exception]) -> None:
        self._file = file
        self._begin = begin
        self._error = error
        self._frame: Any = None
        self._packed = b""
        self._plain = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._plain:
            self._packed = self._packed or self._file.read(_PACKED)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("it ended in the middle of a frame")
                return 0
            self._unpack()
        size = min(len(buffer), len(self._plain))
        buffer[:size] = self._plain[:size]
        self._plain = self._plain[size:]
        return size

    def _unpack(self) -> None:
        frame = self._frame = self._frame or self._begin()
        try:
            self._plain = memoryview(frame.decompress(self._packed))
        except self._error as error:
            raise EOFError(str(error)) from error
        self._packed = b""
        if frame.eof:
            self._packed, self._frame = frame.unused_data, None


def _json(name: str, file: IO[bytes], key: str) -> Iterator[Given]:
    """Lines with a resource each; or one JSON value: a list of resources, an answer of the service, or a resource."""
    begun = False
    for number in count(1):
        line = _line(name, file, number)
        if not line:
            return
        text = line.strip(BLANK)
        if not text:
            continue
        found = _decoded(text)
        if not begun and _is_long(text, found, key):
            yield from _whole(name, text + file.read(), key)
            return
        begun = True
        yield Given(f"{name}, line {number}", _letter(found))


def _is_long(first: bytes, found: dict[str, Any] | bytes, key: str) -> bool:
    """Whether a first line is, or begins, one value that holds everything."""
    if isinstance(found, dict):
        return isinstance(found.get(key), list) and "ref" not in found
    return first.startswith(b"[") or (first.startswith(b"{") and not first.endswith(b"}"))


def _line(name: str, file: IO[bytes], number: int) -> bytes:
    line = file.readline(LONGEST_LINE + 1)
    if len(line) > LONGEST_LINE:
        raise TransferError(f"{name}, line {number}: longer than {LONGEST_LINE:,} bytes")
    return line


def _decoded(text: bytes) -> dict[str, Any] | bytes:
    try:
        return _object(text)
    except _BROKEN:
        return text


def _letter(found: dict[str, Any] | bytes) -> dict[str, Any] | bytes:
    """The resource in a line; a dead letter has it inside."""
    if isinstance(found, dict) and is_letter(found):
        inside = found["resource"]
        return inside if isinstance(inside, dict) else str(inside).encode()
    return found


def _whole(name: str, text: bytes, key: str) -> Iterator[Given]:
    try:
        if text.startswith(b"["):
            items = [bytes(item) for item in _list(text)]
        else:
            members = _members(text)
            items = [bytes(item) for item in _list(members[key])] if key in members else [text]
    except _BROKEN as error:
        raise TransferError(f"{name} is neither lines of JSON nor one JSON value: {error}", error) from error
    for number, item in enumerate(items, start=1):
        yield Given(f"{name}, resource {number}", _letter(_decoded(item)))


class _LongCells:
    """Room for long cells in the csv module, whose limit is one for the whole process, and belongs to the program.

    It is never lowered, is raised as long as somebody reads, and then is again what it was.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # what a garbage collection closes may come here in the middle
        self._readers = 0
        self._before = 0

    def __enter__(self) -> None:
        with self._lock:
            self._readers += 1
            if self._readers == 1:
                self._before = csv.field_size_limit()
                csv.field_size_limit(max(self._before, _FIELDS))

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0 and csv.field_size_limit() == _FIELDS:  # nobody else has changed it meanwhile
                csv.field_size_limit(self._before)


_long_cells = _LongCells()


def _csv(name: str, file: IO[bytes], columns: Sequence[Column]) -> Iterator[Given]:
    with _long_cells:
        yield from _rows(name, file, columns)


def _rows(name: str, file: IO[bytes], columns: Sequence[Column]) -> Iterator[Given]:
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    records = csv.reader(text, strict=True)
    try:
        names = next(records, [])
        if len(set(names)) < len(names):
            raise TransferError(f"{name} has two columns of the same name")
        known = {column.name: column for column in columns}
        table = [known.get(name, Column(name, "text")) for name in names]
        for record in records:
            if record:
                yield _row(f"{name}, line {records.line_num}", table, record)
    except (csv.Error, UnicodeDecodeError) as error:
        raise TransferError(f"{name} cannot be read as CSV: {error}", error) from error
    finally:
        text.detach()  # whoever opened the file closes it


def _row(where: str, table: Sequence[Column], record: Sequence[str]) -> Given:
    """A row as a resource; one with a fault as its text, because what could be read of it would be only a part."""
    if len(record) != len(table):
        return Given(where, _as_text(record), f"{len(record)} cells, but there are {len(table)} columns")
    try:
        other = next((rest_of(cell) for column, cell in zip(table, record, strict=True) if column.name == OTHER), None)
        row = [None if one.name == OTHER else from_cell(one, cell) for one, cell in zip(table, record, strict=True)]
    except ValueError as error:
        return Given(where, _as_text(record), str(error))
    return Given(where, from_row(table, row, other))


def _as_text(record: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(record)
    return text.getvalue().encode()


def _parquet(path: Path, name: str, columns: Sequence[Column]) -> Iterator[Given]:
    from sequoia.transfer.arrow import rows_in  # noqa: PLC0415 - pyarrow is an extra

    for number, resource in enumerate(rows_in(path, columns, name), start=1):
        yield Given(f"{name}, row {number}", resource)
