"""The patterns of descriptors, applied at a bounded cost.

They are regular expressions of JavaScript, from somewhere else, and may be such that a matcher tries for years. So the
number of ways in which a text could be matched is reckoned first; a pattern that Python cannot read, reads differently
or could not finish is left to the service.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

__all__ = ["fits"]

_MOST_WAYS = 1_000_000
_LONGEST = 10_000  # characters of a pattern: one may list every language
_ANYTHING = frozenset({".+", ".*", "^.+$", "^.*$", r"[\s\S]*", r"[\s\S]+"})
# The platform's own, in which repetitions are nested, but parted by a letter or a dot, so that there is only one way.
_HARMLESS = frozenset({
    r"-?P(?=[T\d])(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?",
    r"(?:[a-zA-Z0-9]+)(?:\.[a-zA-Z0-9]+)*",
    r"[a-zA-Z0-9]+(?:\.[a-zA-Z0-9]+)*",
})  # fmt: skip
_TOKEN = re.compile(
    r"""(?P<open>\((?:\?(?:[:=!]|<[=!]|P?<\w+>))?) | (?P<close>\)) | (?P<either>\|)
      | (?P<repeat>[*+?]|\{(?P<least>\d+)(?P<range>,\d*)?\})\??
      | \\. | \[\^?\]?(?:\\.|[^\]\\])*\] | .""",
    re.VERBOSE | re.DOTALL,
)


def fits(pattern: str, text: str) -> bool | None:
    """Whether the whole of `text` matches a pattern of the platform; None if that cannot be told at a fair price."""
    if pattern in _ANYTHING:
        return True
    if pattern not in _HARMLESS and _ways(pattern, len(text)) > _MOST_WAYS:
        return None
    compiled = _compiled(pattern)
    return None if compiled is None else compiled.fullmatch(text) is not None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern, or None for one that Python cannot read, or of which it says that it may read it differently."""
    # A dot matches line ends too, since texts may have several lines; \d and \w are ASCII in JavaScript, \s is not.
    flags = re.DOTALL if r"\s" in pattern.lower() else re.DOTALL | re.ASCII
    if _reads_differently(pattern):
        return None
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError):
        return None


def _reads_differently(pattern: str) -> bool:
    # A set within a set, of which Python warns; and a repetition that is none in JavaScript.
    return re.search(r"\[\^?\[|--|&&|~~|\|\||\{,", pattern) is not None


@lru_cache(maxsize=512)
def _ways(pattern: str, length: int) -> float:
    """A bound of the number of ways in which a matcher could try a text of `length` characters.

    A sequence multiplies the ways of its parts, alternatives add up; one thing repeated can end at any character. What
    has several ways itself and is repeated has too many.
    """
    if len(pattern) > _LONGEST:
        return math.inf
    outer: list[tuple[float, list[float]]] = []
    others, parts = 0.0, [1.0]  # ways of the alternatives so far; those of the parts of the current one
    group = False
    for token in _TOKEN.finditer(pattern):
        if token["open"]:
            outer.append((others, parts))
            others, parts = 0.0, [1.0]
        elif token["close"] and outer:
            inside = others + math.prod(parts)
            others, parts = outer.pop()
            parts.append(inside)
        elif token["either"]:
            others, parts = others + math.prod(parts), [1.0]
        elif token["repeat"]:
            parts[-1] = _repeated(parts[-1], token, length, group=group)
        else:
            parts.append(1.0)
        group = bool(token["close"])
    return others + math.prod(parts)


def _repeated(ways: float, token: re.Match[str], length: int, *, group: bool) -> float:
    if token["repeat"].startswith("?"):
        return ways + 1
    if ways > 1:
        return math.inf
    least = float(token["least"] or 0) if group else 0.0  # a group may be empty, and is tried that often all the same
    if token["least"] and not token["range"]:
        return max(1.0, least)
    return max(length + 1.0, least)
