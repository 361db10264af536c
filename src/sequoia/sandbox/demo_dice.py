"""Chance that is the same every time: on every machine, with every Python, for the same document."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Dice"]

_T = TypeVar("_T")


class Dice:
    """Throws that follow from what they are for; enough of them for one document.

    Args:
        *parts: What they are for, such as `"content"` and its number.
    """

    __slots__ = ("_left",)

    def __init__(self, *parts: str | int) -> None:
        digest = hashlib.blake2b("/".join(map(str, parts)).encode()).digest()
        # Every throw takes its share of these 512 bits.
        self._left = int.from_bytes(digest, "big")

    def between(self, least: int, most: int) -> int:
        """A whole number, both ends included."""
        self._left, found = divmod(self._left, most - least + 1)
        return least + found

    def one(self, options: Sequence[_T]) -> _T:
        """One of these."""
        return options[self.between(0, len(options) - 1)]

    def some(self, options: Sequence[_T], number: int) -> list[_T]:
        """Some of these, none twice; all of them if there are no more."""
        found: list[_T] = []
        # What would stand at each place if those that were taken were replaced by the last ones, as far as it differs.
        moved: dict[int, int] = {}
        for last in range(len(options) - 1, max(-1, len(options) - 1 - number), -1):
            place = self.between(0, last)
            found.append(options[moved.get(place, place)])
            moved[place] = moved.get(last, last)
        return found
