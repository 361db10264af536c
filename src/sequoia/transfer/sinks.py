"""Files that an export writes: bytes behind each other, compressed, counted and hashed, with points to go on from."""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path
from typing import Any, Protocol

from sequoia.transfer.error import TransferError
from sequoia.transfer.manifest import Compression

__all__ = ["Compressor", "Sink", "compressor"]

_CHUNK = 1024 * 1024
_GZIP = 31  # zlib's window for the format of gzip
_ZSTD_LEVEL = 3


class Sink:
    """A file that bytes are put behind. What is behind its last `sync` may be lost, nothing before that.

    Args:
        path: The file.
        size: How long it is known to be, where it is there; what lies behind is cut off. None for a new one.
        sha256: The digest of these bytes.

    Attributes:
        size: How long it is.
        closed: Whether it takes no more; what is written then is dropped.

    Raises:
        TransferError: It is not what it is known to be.
        OSError: It cannot be written.
    """

    def __init__(self, path: Path, size: int | None = None, sha256: str | None = None) -> None:
        self.path = path
        self.size = size or 0
        self.closed = False
        self._digest = hashlib.sha256()
        self._file = path.open("xb" if size is None else "r+b", buffering=0)
        if size is not None:
            try:
                self._go_on(size, sha256)
            except BaseException:
                self._file.close()
                raise

    @property
    def sha256(self) -> str:
        """The digest of everything in it."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> int:
        """Put bytes behind what is there.

        Raises:
            OSError: They cannot be written, or only in part.
        """
        view = memoryview(data).cast("B")
        total = len(view)
        while view and not self.closed:
            written = self._file.write(view)
            self._digest.update(view[:written])
            self.size += written
            view = view[written:]
        return total

    def sync(self) -> None:
        """Have the operating system put everything on disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Take no more."""
        self.closed = True
        self._file.close()

    def tell(self) -> int:
        """How long it is: for writers that take any file."""
        return self.size

    def flush(self) -> None:
        """Nothing: no bytes are held back. For writers that take any file."""

    def _go_on(self, size: int, sha256: str | None) -> None:
        left = size
        while left and (chunk := self._file.read(min(left, _CHUNK))):
            self._digest.update(chunk)
            left -= len(chunk)
        if left or (sha256 is not None and self.sha256 != sha256):
            what = "shorter than" if left else "not what"
            raise TransferError(f"{self.path} is {what} the export wrote: it cannot go on; begin anew with --force")
        self._file.truncate(size)
        self._file.seek(size)


class Compressor(Protocol):
    """Makes bytes shorter, in pieces that can be read on their own."""

    def compress(self, data: bytes) -> bytes:
        """What is ready of these and earlier bytes."""

    def end(self) -> bytes:
        """The rest: what follows is a piece of its own."""


class _Plain:
    def compress(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


class _Pieces:
    """Members of gzip, or frames of zstandard: each is begun when there is something to put into it."""

    def __init__(self, begin: Any) -> None:
        self._begin = begin
        self._piece: Any = None

    def compress(self, data: bytes) -> bytes:
        if self._piece is None:
            self._piece = self._begin()
        found: bytes = self._piece.compress(data)
        return found

    def end(self) -> bytes:
        piece, self._piece = self._piece, None
        found: bytes = b"" if piece is None else piece.flush()
        return found


def compressor(kind: Compression | None) -> Compressor:
    """The compressor for a kind."""
    if kind is None:
        return _Plain()
    if kind == "gzip":
        return _Pieces(lambda: zlib.compressobj(wbits=_GZIP))
    import zstandard  # noqa: PLC0415 - an extra

    return _Pieces(zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj)
