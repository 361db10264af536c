"""The patterns of descriptors, which are regular expressions of JavaScript, in the words of Python."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Pattern", "read_pattern"]

_log = logging.getLogger(__name__)

_ESCAPE = (
    r"\\u\{(?P<long>[0-9a-fA-F]{1,6})\}|\\u(?P<short>[0-9a-fA-F]{4})|\\k<(?P<name>\w+)>|\\c(?P<control>[a-zA-Z])"
    r"|(?P<property>\\[pP]\{)|\\."
)
_OUTSIDE = re.compile(_ESCAPE + r"|\[\^?\]?|\(\?<(?![=!])|\{,|.", re.DOTALL)
_INSIDE = re.compile(_ESCAPE + r"|--|.", re.DOTALL)
_OTHERS = {"[]": "(?!)", "[^]": "(?s:.)", "(?<": "(?P<", "{,": r"\{,", "$": r"\Z"}
"""What is written in another way in Python."""
_SPACES = r"\t\n\v\f\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_KNOWN = frozenset("bBdDwWSnrtvfx0123456789")
"""What means the same after a backslash; any other letter stands for itself in JavaScript, and not in Python."""


class _UnreadableError(Exception):
    """JavaScript may understand this pattern, and Python has no words for it."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that texts are held against.

    Attributes:
        pattern: As the descriptor has it.
        fullmatch: Returns something true for a text that matches as a whole.
    """

    pattern: str
    fullmatch: Callable[[str], object]


@lru_cache(maxsize=1_000)  # a descriptor says the same again and again; and what cannot be read is told once
def read_pattern(text: str) -> Pattern | None:
    """A pattern, or None for one that Python cannot apply; the log has a line about that.

    A dot matches line ends too, since texts may have several lines.

    Raises:
        ValueError: It is no regular expression.
    """
    try:
        return Pattern(text, re.compile(_translated(text), re.DOTALL | re.ASCII).fullmatch)
    except _UnreadableError:
        unreadable = True
    except (re.error, OverflowError, RecursionError) as error:
        # Python looks behind only where it knows how far, JavaScript anywhere.
        unreadable = "(?<=" in text or "(?<!" in text
        if not unreadable:
            raise ValueError(f"is not a regular expression: {error}") from error
    _log.warning("no text is held against the pattern %.200s of a descriptor, which Python cannot apply", text)
    return None


def _translated(text: str) -> str:
    parts: list[str] = []
    position, inside = 0, False
    while token := (_INSIDE if inside else _OUTSIDE).match(text, position):
        position, found = token.end(), token[0]
        if found[0] == "\\" and len(found) > 1:
            parts.append(_escape(token, inside=inside))
        elif not inside:
            inside = found in {"[", "[^"}
            parts.append(_OTHERS.get(found, found))
        elif found == "--":
            raise _UnreadableError  # in Python it may come to mean a difference of sets
        else:
            inside = found != "]"
            # These too are kept for sets within sets.
            parts.append(f"\\{found}" if found in "[&|~" else found)
    return "".join(parts)


def _escape(token: re.Match[str], *, inside: bool) -> str:
    """What begins with a backslash; `inside` of a set or not."""
    if code := token["long"] or token["short"]:
        number = int(code, 16)
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            raise _UnreadableError  # half a character: the texts of Python have whole ones
        return f"\\U{number:08x}"
    if token["property"]:
        raise _UnreadableError
    if token["name"]:
        return f"(?P={token['name']})"
    if token["control"]:
        return f"\\x{ord(token['control']) % 32:02x}"
    letter = token[0][1]
    if letter == "s" or (letter == "S" and not inside):
        return _SPACES if inside else f"[{'^' * (letter == 'S')}{_SPACES}]"
    return letter if letter.isascii() and letter.isalpha() and letter not in _KNOWN else token[0]
