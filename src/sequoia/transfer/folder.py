"""The folder of an export: its manifest and its files, which say the same at every moment.

Files come first, the manifest second. What a file holds behind that which the manifest knows was written after the last
checkpoint; an export that goes on cuts it off, and removes files that the manifest does not know.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from sequoia.transfer.error import TransferError
from sequoia.transfer.manifest import MANIFEST, Manifest, Part, part_name, parts_in
from sequoia.transfer.parts import PartWriter, begun
from sequoia.transfer.sinks import Sink

if sys.platform != "win32":
    import fcntl

__all__ = ["Folder", "held", "place_for"]


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make a folder, and keep other exports out of it; the system forgets it when the process ends.

    Raises:
        TransferError: Another process exports into it.
        OSError: It cannot be made.
    """
    made = _made(folder)
    if sys.platform == "win32":  # it has no such locks: there it is up to the user
        with _removed_after_failure(folder, made=made):
            yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(folder, descriptor)
        with _removed_after_failure(folder, made=made):
            yield
    finally:
        os.close(descriptor)


def _made(folder: Path) -> bool:
    """Make a folder; whether it was not there before."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        if not folder.is_dir():
            raise
        return False
    return True


@contextmanager
def _removed_after_failure(folder: Path, *, made: bool) -> Iterator[None]:
    """Remove a folder if this process has made it and nothing has come into it.

    Whoever does not hold the lock must not come here: the folder may be that of an export that has just begun, and
    without it the lock would lock nothing.
    """
    try:
        yield
    except BaseException:
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise


def _lock(folder: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise TransferError(f"another process is exporting into {folder}", error) from error
    except OSError:  # a file system without locks
        pass


def place_for(wanted: Manifest, folder: Path, *, resume: bool, force: bool) -> Manifest:
    """What an export is to begin with, or to go on from.

    Args:
        wanted: What was asked for.
        folder: Where.
        resume: Whether to go on with an export that is there.
        force: Whether to replace it.

    Raises:
        TransferError: There is one that must not be overwritten, or that is of another question, or whose files are
            not those that its manifest has.
    """
    found = Manifest.read(folder)
    if found is None:
        if not force and (strays := parts_in(folder, wanted.resource)):
            raise TransferError(
                f"{strays[0]} is there, but no manifest: choose another folder, or replace it (--force)"
            )
        return wanted
    if resume:
        _check_same(wanted, found, folder)
        _check_files(found, folder)
        return found
    if (found.service, found.resource) != (wanted.service, wanted.resource):
        raise TransferError(f"{folder} has an export of {found.service}/{found.resource}: choose another folder")
    if not force:
        if found.ended is None:
            raise TransferError(
                f"{folder} has an export that is not complete: go on with it (--resume), or begin anew (--force)"
            )
        raise TransferError(f"{folder} has a complete export: choose another folder, or replace it (--force)")
    return wanted


def _check_same(wanted: Manifest, found: Manifest, folder: Path) -> None:
    for name in ("service", "resource", "owner", "query", "format", "compression", "split", "since"):
        one, two = getattr(found, name), getattr(wanted, name)
        if one != two:
            told = f"has {name} {_told(one)}, and this one has {_told(two)}"
            raise TransferError(f"the export in {folder} is another one and cannot be resumed as this: it {told}")
    if found.url != wanted.url:
        raise TransferError(
            f"the export in {folder} is of {found.url}, and this one reads {wanted.url}: go on with it there, choose "
            "another folder, or begin anew (--force)"
        )


def _check_files(found: Manifest, folder: Path) -> None:
    """Refuse to call an export complete, or to go on with it, whose files are gone or cut; digests take their time."""
    for part in found.files:
        size = _size(folder / part.name)
        if size is None:
            raise TransferError(f"{folder / part.name} is not there any more: begin anew with --force")
        if not part.open and size != part.bytes:
            raise TransferError(f"{folder / part.name} is not as long as it was: begin anew with --force")


def _told(value: Any) -> str:
    return "none" if value is None or value in ("", {}) else msgspec.json.encode(value).decode()[:200]


class Folder:
    """The files of an export that is under way.

    Args:
        path: The folder.
        manifest: Where the export begins, or goes on.

    Attributes:
        manifest: What is on disk.

    Raises:
        TransferError: A file is not what the manifest says.
        OSError: Something cannot be written.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._part: PartWriter | None = None
        self._ended = [part for part in manifest.files if not part.open]
        manifest.write(path)  # first: from now on what it does not know is nobody's
        self._tidy()
        for part in manifest.files:
            if part.open:
                self._part = begun(manifest, Sink(path / part.name, part.bytes, part.sha256), part.resources)
        self._resources = sum(part.resources for part in self._ended)

    @property
    def resources(self) -> int:
        """How many resources were added, those before a resumption included."""
        return self._resources + (0 if self._part is None else self._part.resources)

    def add(self, resource: bytes) -> bool:
        """Add the JSON of a resource; whether its file is full, so that it should be committed."""
        part = self._part
        if part is None:
            part = self._part = self._next()
        part.add(resource)
        return self.manifest.split.full(part.resources, part.size)

    def commit(self, **state: Any) -> None:
        """Put on disk what was added, and write the manifest with this state, if it can be gone on with from there.

        Args:
            **state: What changes in the manifest, such as its checkpoint.
        """
        part = self._part
        if part is not None and self.manifest.split.full(part.resources, part.size):
            self._close()
        elif part is not None and not part.commit():
            return
        self._write(state)

    def complete(self, **state: Any) -> None:
        """Put everything on disk, and write the last manifest."""
        self._close()
        self._write(state)

    def abandon(self) -> None:
        """Close the file that is being written; what is behind the last checkpoint does not count."""
        part, self._part = self._part, None
        if part is not None:
            part.abandon()

    def _write(self, state: dict[str, Any]) -> None:
        files = list(self._ended)
        if self._part is not None:
            files.append(_described(self._part, still=True))
        changed = msgspec.structs.replace(self.manifest, files=files, resources=self.resources, **state)
        changed.write(self.path)
        self.manifest = changed

    def _close(self) -> None:
        part = self._part
        if part is None:
            return
        part.end()
        self._ended.append(_described(part, still=False))
        self._resources += part.resources
        self._part = None

    def _next(self) -> PartWriter:
        manifest = self.manifest
        name = part_name(manifest.resource, len(self._ended) + 1, manifest.format, manifest.compression)
        return begun(manifest, Sink(self.path / name))

    def _tidy(self) -> None:
        """Remove what an export left that was killed, or that is to be replaced."""
        known = {part.name for part in self.manifest.files}
        for path in parts_in(self.path, self.manifest.resource):
            if path.name not in known:
                path.unlink()
        for path in self.path.glob(f".{MANIFEST}.*"):
            path.unlink()


def _described(part: PartWriter, *, still: bool) -> Part:
    sink = part.sink
    return Part(sink.path.name, part.resources, sink.size, sink.sha256, still)


def _size(path: Path) -> int | None:
    with suppress(OSError):
        return path.stat().st_size
    return None
