"""Links and tokens: where a page ended, and the query string that asks for another one."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from sequoia.sandbox.selection import Position
from sequoia.sandbox.values import HIGH, LOW

__all__ = ["FOLDED", "Token", "continue_link", "fold", "folded", "link", "page_link"]

_Pairs = Sequence[tuple[str, str]]
FOLDED = "_query"
"""The parameter of a link that stands for all those which some client would lose."""
# Clients decode links before they take them apart, or send them on without encoding; these must not stand in values.
_FRAGILE = frozenset("&+#%=?")


@dataclass(frozen=True, slots=True)
class Token:
    """The value of `continue`: the position after which the next page starts.

    Attributes:
        sort: The `sort` of the query that it belongs to.
        after: The values of that sort and the ref of the last document.
        also: Parameters that the link cannot carry as such, because some clients would lose them.
    """

    sort: str
    after: Position
    also: tuple[tuple[str, str], ...] = ()

    def encode(self) -> str:
        """The opaque text."""
        values = [None if key in {LOW, HIGH} else key for key in self.after]
        return _encoded({"after": values, "sort": self.sort, "also": self.also})

    @classmethod
    def decode(cls, text: str) -> Token | None:
        """The token in `text`, or None when it is none of this server."""
        try:
            raw = msgspec.json.decode(_decoded(text), type=_Content)
        except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError):
            return None
        # An absent value is told apart from the mark of its field only by the reader, who knows the field.
        return cls(raw.sort, tuple(LOW if key is None else key for key in raw.after), raw.also)

    def position(self, absent: Sequence[str]) -> Position | None:
        """The position of a decoded token.

        Args:
            absent: For each step of the sort, where absent values stand: `low` or `high`.

        Returns:
            The position, or None when the token belongs to another sort.
        """
        if len(self.after) != len(absent) + 1 or not isinstance(self.after[-1], str):
            return None
        *keys, ref = self.after
        marks = {"low": LOW, "high": HIGH}
        return (*(marks[side] if key == LOW else key for key, side in zip(keys, absent, strict=True)), ref)


class _Content(msgspec.Struct, frozen=True):
    """The JSON inside a token."""

    # Whole numbers are read as floats: they compare alike, and a forged one cannot be too large for SQLite.
    after: tuple[str | float | None, ...]
    sort: str
    also: tuple[tuple[str, str], ...]


def link(path: str, pairs: Iterable[tuple[str, str]]) -> str:
    """A link in the platform's form: an absolute path, and values that are encoded in full."""
    return path + "?" + "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def _arranged(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Parameters in the order of captured links: those of relationships first, then all others, alphabetically."""
    return sorted(pairs, key=lambda pair: ("." not in pair[0], pair[0]))


def fold(pairs: _Pairs, *names: str) -> list[tuple[str, str]]:
    """Parameters as a link may have them: those that are repeated or hold a fragile character become one.

    Args:
        pairs: The parameters.
        names: Further names that must not be used.
    """
    kept, rest = _parted(pairs, names)
    return [*kept, (FOLDED, _encoded(rest))] if rest else kept


def folded(text: str) -> tuple[tuple[str, str], ...] | None:
    """The parameters that `fold` has put into one, or None when the text is none of this server."""
    try:
        return msgspec.json.decode(_decoded(text), type=tuple[tuple[str, str], ...])
    except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError):
        return None


def _parted(pairs: _Pairs, names: Sequence[str] = ()) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The parameters that are safe in a link, and the others."""
    unique = list(dict.fromkeys(pairs))
    times = Counter([*names, *(name for name, _ in unique)])
    rest = [pair for pair in unique if times[pair[0]] > 1 or not _FRAGILE.isdisjoint(pair[1])]
    return [pair for pair in unique if pair not in rest], rest


def _encoded(content: Any) -> str:
    """Opaque text: JSON in base64url without padding, so that no client has to encode it."""
    return base64.urlsafe_b64encode(msgspec.json.encode(content)).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    """The JSON inside of an opaque text."""
    bare = text.rstrip("=")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), b"-_", validate=True)


def page_link(path: str, pairs: _Pairs, *, page: int, per_page: int) -> str:
    """The link to a numbered page.

    Args:
        path: The path of the collection.
        pairs: The parameters of the request.
        page: The number of the page.
        per_page: Its size.
    """
    values = {"page": str(page), "perPage": str(per_page)}
    given = {name for name, _ in pairs}
    arranged = _arranged((name, values.get(name, value)) for name, value in fold(pairs))
    arranged += [(name, value) for name, value in values.items() if name not in given]
    if arranged[0][0] == "page":
        # One client finds the number by the text `&page=`, so it must not be the first parameter.
        arranged.append(arranged.pop(0))
    return link(path, arranged)


def continue_link(path: str, pairs: _Pairs, sort: str, after: Position) -> str:
    """The link to the page after a position.

    Args:
        path: The path of the collection.
        pairs: The parameters of the request, with those of its token.
        sort: Its `sort`.
        after: The position of the last document of the page.
    """
    # The token of this page goes, and must not be folded away: a client may have put the padding back on.
    kept, rest = _parted([(name, "true" if name == "continue" else value) for name, value in pairs])
    token = Token(sort, after, tuple(rest)).encode()
    return link(path, _arranged((name, token if name == "continue" else value) for name, value in kept))
