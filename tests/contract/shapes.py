"""A small language for the shapes of JSON, and the patterns of the platform's values.

A shape is a dict of exactly these keys (`?` at the end of one that may be missing), a list of one shape, a type, or a
pattern that a whole string matches; any other value stands for itself. `Mapped` is an object whose keys are data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = [
    "HEX_40",
    "JSON_TYPE",
    "LINK",
    "NAME",
    "ORIGIN",
    "PIKSEL_TYPE",
    "REF",
    "TIMESTAMP",
    "WORDS",
    "Mapped",
    "assert_shape",
    "misfits",
]

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
REF = re.compile(r"[a-zA-Z0-9_-]+:[a-zA-Z0-9_-]+")
NAME = re.compile(r"[a-zA-Z0-9_-]+")
HEX_40 = re.compile(r"[0-9a-f]{40}")
ORIGIN = re.compile(r"http://127\.0\.0\.1:\d+")
WORDS = re.compile(r".+")
# Values are percent-encoded with upper-case hex, and what some client cannot read is not in them.
LINK = re.compile(r"/data/[a-z-]+\?(([a-zA-Z.]+)=([^%&=+#/]|%(3A|2C|7C|3D|20|2F))*(&|$))+")
JSON_TYPE = "application/json; charset=utf-8"
PIKSEL_TYPE = "application/vnd.piksel+json; charset=utf-8"


@dataclass(frozen=True)
class Mapped:
    """An object with any keys, whose values all have one shape."""

    shape: Any


def misfits(value: Any, shape: Any, at: str = "answer") -> Iterator[str]:
    """Where and why `value` has another shape; nothing if it fits."""
    if isinstance(shape, Mapped | dict):
        yield from _of_object(value, shape, at) if isinstance(value, dict) else (f"{at} is no object",)
    elif isinstance(shape, list) and shape:
        yield from _of_list(value, shape[0], at) if isinstance(value, list) else (f"{at} is no list",)
    elif not _fits(value, shape):
        yield f"{at} is {value!r}, not {getattr(shape, 'pattern', None) or getattr(shape, '__name__', repr(shape))}"


def _fits(value: Any, shape: Any) -> bool:
    if isinstance(shape, re.Pattern):
        return isinstance(value, str) and shape.fullmatch(value) is not None
    # Not isinstance: to Python, but not to JSON, true is an int.
    return type(value) is shape if isinstance(shape, type) else bool(value == shape)


def _of_list(values: list[Any], shape: Any, at: str) -> Iterator[str]:
    for position, value in enumerate(values):
        yield from misfits(value, shape, f"{at}[{position}]")


def _of_object(values: dict[str, Any], shape: Mapped | dict[str, Any], at: str) -> Iterator[str]:
    known = dict.fromkeys(values, shape.shape) if isinstance(shape, Mapped) else _without_marks(shape)
    needed = () if isinstance(shape, Mapped) else (key for key in shape if not key.endswith("?"))
    yield from (f"{at} has no {key}" for key in needed if key not in values)
    yield from (f"{at} has {key} as well" for key in values if key not in known)
    for key in known.keys() & values.keys():
        yield from misfits(values[key], known[key], f"{at}.{key}")


def _without_marks(shape: dict[str, Any]) -> dict[str, Any]:
    return {key.removesuffix("?"): one for key, one in shape.items()}


def assert_shape(value: Any, shape: Any) -> None:
    """Fail, and say where, if `value` has another shape."""
    assert list(misfits(value, shape)) == []
