"""Dead letters: resources that could not be written, in a file with one line of JSON each, to be mended and replayed.

A line is `{"resource": ..., "ref": ..., "error": {...}}`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from sequoia.files import whole

__all__ = ["LONGEST_LINE", "DeadLetters", "read_dead_letters", "replaced_whole"]

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of a line of JSON, many times what a service takes as one resource: a file of anything else must not fill the
memory."""


class DeadLetters:
    """A file that dead letters are written to as they come.

    Args:
        path: The file, which must not be there yet: it may hold the letters of another run. It is made at once, so
            that nothing is sent whose failure could not be written down, and removed at the end if nothing failed.

    Raises:
        FileExistsError: It is there.
        OSError: It cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._written = False
        self._file = self._path.open("xb")

    def write(self, lines: Iterable[bytes]) -> None:
        """Write letters, and leave them to the operating system: they outlive this process."""
        for line in lines:
            self._written = True
            self._file.write(line)
        self._file.flush()

    def close(self) -> None:
        """Make sure that they outlive the operating system, too; harmless when that has been done."""
        if self._file.closed:
            return
        with self._file:
            if self._written:
                os.fsync(self._file.fileno())
        if not self._written:
            self._path.unlink(missing_ok=True)


def replaced_whole(path: str | os.PathLike[str], lines: Iterable[bytes]) -> None:
    """Write a file so that it is there whole or, after a failure, as it was before.

    Raises:
        OSError: It cannot be written.
    """
    with whole(path) as file:
        file.writelines(lines)


def read_dead_letters(path: str | os.PathLike[str]) -> Iterator[Any]:
    """The resources in a file of dead letters, one after the other, to be mended and written again.

    Args:
        path: The file; a pipe will do, too, and is waited for as every reader of one waits.

    Yields:
        Each resource as a dict; for deletes its ref. What was no JSON in the first place comes as its text, which
        `bulk_store` will report again.

    Raises:
        ValueError: A line is no dead letter; the message names the file and the line.
        OSError: The file cannot be read.
    """
    with Path(path).open("rb") as file:
        for number in count(1):
            line = file.readline(LONGEST_LINE + 1)
            if not line:
                return
            if len(line) > LONGEST_LINE:
                raise ValueError(f"{os.fspath(path)}, line {number}: not a dead letter: over {LONGEST_LINE:,} bytes")
            if line.strip():
                yield _resource(path, number, line)


def _resource(path: str | os.PathLike[str], number: int, line: bytes) -> Any:
    try:
        letter = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ValueError(f"{os.fspath(path)}, line {number}: not a dead letter: {error}") from error
    if not isinstance(letter.get("resource"), dict | str):
        raise ValueError(f"{os.fspath(path)}, line {number}: not a dead letter: it has no resource")
    return letter["resource"]
