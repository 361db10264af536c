"""Hostile inputs made from good ones: bytes that are damaged, and JSON in which a part is not what it should be."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

__all__ = ["LIMIT", "mutated"]

LIMIT = 100_000
"""Bytes of an input; what is larger is a matter of `tests/security`, which tries it once."""

_NUMBERS = (
    b"0",
    b"-1",
    b"9007199254740993",
    b"18446744073709551616",
    b"1" * 400,
    b"1e308",
    b"1e999",
    b"Infinity",
    b"NaN",
)
_WORDS = (
    "", " ", ".", "..", "../..", "/", "//evil.example/", "/\\evil.example/", "https://evil.example/", "javascript:0",
    "\x00", "\r\nX-Evil: 1", "\ufeff", "\ud800", "\U0010ffff", "a" * 5_000, "%00", "%2e%2e%2f", "a,b", "a||b", "*", "!",
    "'; DROP TABLE document; --", '" OR 1=1 --', "acme:film-1", "?owner=other", "#", "(a+)+$", "[" * 40,
    "http://[", "{x*}",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (None, True, False, 0, -1, 2**63, 1.5, [], {}, [None], [[]], {"": None}, {"a": {}}, ["a", 1])
_SPLICES = (
    b"",
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"[" * 2_000,
    b'{"a":' * 2_000,
    b'"',
    *_NUMBERS,
)


def mutated(seed: bytes, chance: Random) -> bytes:
    """`seed` with a few things changed, at most `LIMIT` bytes; the same for the same state of `chance`."""
    for _ in range(chance.randint(1, 3)):
        change = chance.choice(_CHANGES)
        seed = change(seed, chance)[:LIMIT]
    return seed


def _another_value(seed: bytes, chance: Random) -> bytes:
    """JSON with another value somewhere; what is no JSON gets a hostile word."""
    try:
        value = json.loads(seed)
    except (ValueError, RecursionError):
        return _another_word(seed, chance)
    holder = {"": value}
    places = list(_places(holder))
    container, key = chance.choice(places)
    try:
        return _with_another(places, container, key, holder, chance)
    except RecursionError:  # nested more and more, from one input to the next
        return seed


def _with_another(places: list[tuple[Any, Any]], container: Any, key: Any, holder: Any, chance: Random) -> bytes:
    kind = chance.randrange(4)
    if kind == 0:
        container[key] = chance.choice(_WORDS)
    elif kind == 1:
        container[key] = chance.choice(_VALUES)
    elif kind == 2:
        container[key] = _nested(chance.choice((3, 60, 400)), container[key], chance)
    else:
        other, name = chance.choice(places)
        container[key] = json.loads(json.dumps(other[name]))
    return json.dumps(holder[""]).encode()


def _another_word(seed: bytes, chance: Random) -> bytes:
    word = chance.choice(_WORDS).encode("utf-8", "surrogatepass")
    return chance.choice((word, word + seed, seed + word, _cut(seed, word, chance)))


def _spliced(seed: bytes, chance: Random) -> bytes:
    return _cut(seed, chance.choice(_SPLICES), chance)


def _flipped(seed: bytes, chance: Random) -> bytes:
    if not seed:
        return seed
    at = chance.randrange(len(seed))
    return seed[:at] + bytes([chance.randrange(256)]) + seed[at + 1 :]


def _shortened(seed: bytes, chance: Random) -> bytes:
    return seed[: chance.randint(0, len(seed))]


def _repeated(seed: bytes, chance: Random) -> bytes:
    start = chance.randint(0, len(seed))
    return seed[:start] + seed[start : start + 40] * chance.choice((2, 10, 1_000)) + seed[start:]


def _cut(seed: bytes, piece: bytes, chance: Random) -> bytes:
    start = chance.randint(0, len(seed))
    return seed[:start] + piece + seed[min(len(seed), start + chance.randrange(8)) :]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a decoded JSON document, with each of its keys."""
    found: list[tuple[Any, Any]] = []
    pending = [value]
    while pending:
        container = pending.pop()
        keys: Sequence[Any] = list(container) if isinstance(container, dict) else range(len(container))
        for key in keys:
            found.append((container, key))
            if isinstance(container[key], dict | list):
                pending.append(container[key])
    return found


def _nested(depth: int, value: Any, chance: Random) -> Any:
    for _ in range(depth):
        value = {"fields": value} if chance.random() < 0.5 else [value]
    return value


_CHANGES: tuple[Callable[[bytes, Random], bytes], ...] = (
    _another_value, _another_value, _another_value, _another_word, _spliced, _flipped, _shortened, _repeated,
)  # fmt: skip
