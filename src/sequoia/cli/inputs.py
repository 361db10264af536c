"""Resources that a command is given: from a file or stdin, as JSON or NDJSON, one after the other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from sequoia.cli.failing import Refusal
from sequoia.payload import resources_of

__all__ = ["opened", "resources_in"]

_LONGEST = 64 * 1024 * 1024  # bytes of a line, many times what a service takes as one resource


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """A file to read, `-` for stdin.

    Raises:
        Refusal: It is a terminal at which nobody would know what to type.
        OSError: It cannot be read.
    """
    if file == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise Refusal("there is nothing on stdin: give a FILE, or pipe resources in as JSON or NDJSON")
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as stream:
        yield stream


def resources_in(stream: BinaryIO, key: str, name: str) -> Iterator[Any]:
    """The resources in a stream: those of NDJSON as bytes, a line each, as it is read; those of JSON as dicts.

    Args:
        stream: Where they are.
        key: The resource's name in JSON: an object that has it is one around resources.
        name: What messages call the stream.

    Raises:
        Refusal: It is no JSON, or has no resource.
    """
    first = _line(stream, name)
    while first.isspace():
        first = _line(stream, name)
    if not first:
        raise Refusal(f"{name} is empty: there is no resource in it")
    value = _decoded(first)
    if isinstance(value, dict) and key not in value:
        yield first
        while line := _line(stream, name):
            if not line.isspace():
                yield line
        return
    rest = stream.read()
    try:
        yield from resources_of(first + rest, key)
    except ValueError as error:
        raise Refusal(f"{name} is neither JSON nor NDJSON with {key}: {error}") from error


def _line(stream: BinaryIO, name: str) -> bytes:
    line = stream.readline(_LONGEST + 1)
    if len(line) > _LONGEST:
        raise Refusal(f"{name} has a line of over {_LONGEST:,} bytes, which is no resource")
    return line


def _decoded(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
