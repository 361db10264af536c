"""Resources that a command is given: from a file or stdin, as JSON or NDJSON, one after the other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from sequoia.cli.failing import Refusal
from sequoia.dead_letters import LONGEST_LINE
from sequoia.files import BLANK
from sequoia.payload import resources_of

__all__ = ["opened", "resources_in"]


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
    lines = _lines(stream, name)
    first = next(lines, b"")
    if not first:
        raise Refusal(f"{name} is empty: there is no resource in it")
    value = _decoded(first)
    if isinstance(value, dict) and key not in value:
        yield first
        yield from lines
        return
    rest = stream.read()
    try:
        yield from resources_of(first + rest, key)
    except ValueError as error:
        raise Refusal(f"{name} is neither JSON nor NDJSON with {key}: {error}") from error


def _lines(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """The lines that have something in them, without what stands in front of it."""
    while line := stream.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise Refusal(f"{name} has a line of over {LONGEST_LINE:,} bytes, which is no resource")
        if text := line.lstrip(BLANK):
            yield text


def _decoded(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
