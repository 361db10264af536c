"""What goes wrong with exports, imports, copies and comparisons, besides what the client raises."""

from __future__ import annotations

from collections.abc import Iterable

from sequoia.error import ClientError
from sequoia.names import suggestion

__all__ = ["TransferError", "check_names"]


class TransferError(ClientError):
    """It cannot be done as it was asked; the message says why and, where there is something to do, what."""


def check_names(function: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a keyword that a function does not know.

    Raises:
        TypeError: There is one; the message names the nearest.
    """
    names = set(known)
    for name in given:
        if name not in names:
            raise TypeError(f"{function}() has no argument {name!r}: {suggestion(name, names)}")
