"""What all files have in common: how one is written whole, and what the text in one is.

A file that is written whole has its name when all of it is on disk; until then, what was there before has it.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

__all__ = ["BLANK", "UTF_16", "not_utf8", "temporary", "whole"]

BLANK = b"\xef\xbb\xbf \t\r\n"
"""The bytes around JSON that are no part of it: blanks, and the byte order mark that editors on Windows write."""

UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""How a file begins that is UTF-16, which editors and shells on Windows write."""

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_PRIVATE = 0o600
_ANY = 0o666  # less what the umask takes away, as for every new file


def not_utf8(text: bytes) -> str | None:
    """What to say of a text that is not UTF-8, as a clause about "it"; None for one that is."""
    advice = "save it as UTF-8"
    if text.startswith(UTF_16):
        return f"it is UTF-16: {advice}"
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return f"it is not UTF-8, by its byte {error.start + 1:,} (0x{text[error.start]:02x}): {advice}"
    return None


@contextmanager
def temporary() -> Iterator[None]:
    """Say of a temporary file which has no room where it is: it is another disk, as a rule, than what is written to.

    Raises:
        OSError: It cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        where = f"{error.strerror} in the temporary folder {tempfile.gettempdir()}: set TMPDIR to one with more room"
        raise OSError(error.errno, where) from error


@contextmanager
def whole(path: str | os.PathLike[str], *, private: bool = False) -> Iterator[BinaryIO]:
    """A file to write to, which takes its place when the block is left well, and is removed otherwise.

    Who may use it is what it was for the file that it replaces, and what it is for every new file where there is none.
    Where the place is a link, the link stays one, and what it leads to is replaced.

    Args:
        path: The place, in a folder that is there.
        private: Whether only its user may read it (0600), whoever may read the one that it replaces. A link is replaced
            then: in a folder of several users somebody else may have made it.

    Raises:
        OSError: It cannot be written; what was there before still is.
    """
    target = Path(path) if private else Path(os.path.realpath(path))
    mode = None if private else _mode(target)
    # An export that goes on after a kill knows by the beginning of the name what was left behind.
    made = target.parent / f".{target.name}.{secrets.token_hex(4)}"
    create = partial(os.open, mode=_ANY if mode is None and not private else _PRIVATE)
    try:
        with open(made, "xb", opener=create) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            made.chmod(mode)
        made.replace(target)
    except BaseException as error:
        with suppress(OSError):
            made.unlink()
        if isinstance(error, OSError) and error.filename == str(made):  # nobody knows the file by this name
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise
    _remember(target.parent)


def _mode(target: Path) -> int | None:
    """Who may use a file; None if there is none."""
    try:
        return stat.S_IMODE(target.stat().st_mode) & 0o777
    except FileNotFoundError:
        return None


def _remember(folder: Path) -> None:
    """Have the operating system write down the folder's new entry, where it lets a folder be opened."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
