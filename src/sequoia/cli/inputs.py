"""Resources that a command is given: from a file or stdin, as JSON or NDJSON, one after the other."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from sequoia.cli.failing import Refusal
from sequoia.dead_letters import LONGEST_LINE
from sequoia.error import InvalidResource
from sequoia.files import BLANK
from sequoia.payload import resources_of

__all__ = ["Identity", "identity", "opened", "owned", "resources_in"]


class Identity(msgspec.Struct):
    """What tells which resource one is, and whose, as it says itself.

    Attributes:
        ref: Its reference.
        owner: The tenant.
        name: Its name.
    """

    ref: Any = None
    owner: Any = None
    name: Any = None

    @property
    def known_ref(self) -> str | None:
        """The reference that these make; None if they make none."""
        if isinstance(self.ref, str):
            return self.ref
        known = isinstance(self.owner, str) and isinstance(self.name, str)
        return f"{self.owner}:{self.name}" if known else None


_identity = msgspec.json.Decoder(Identity).decode  # the rest of a resource is not decoded
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_BROKEN = (msgspec.DecodeError, RecursionError, UnicodeError)


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


def identity(given: Any) -> Identity:
    """Which resource one is that `resources_in` gave; nothing is known of what is no JSON object."""
    try:
        return _identity(given) if isinstance(given, bytes) else msgspec.convert(given, Identity)
    except _BROKEN:
        return Identity()


def owned(given: Any, owner: str) -> Any:
    """A resource as the owner's, who is put in where it names none; what is no resource is left to the SDK.

    Args:
        given: As `resources_in` gives it, and likewise returned: not a number of it is written anew.
        owner: The tenant.

    Raises:
        InvalidResource: It belongs to another one.
    """
    found = identity(given)
    theirs = found.owner
    if not theirs and isinstance(found.ref, str) and ":" in found.ref:
        # Without an owner it is part of a resource that was read: it stays as it is, for the check to say so.
        theirs = found.ref.partition(":")[0]
    if isinstance(theirs, str) and theirs not in {"", owner}:
        raise InvalidResource(
            f"it belongs to {theirs!r}, and is to be stored for {owner!r}: say --owner {shlex.quote(theirs)}, "
            "or change its owner, as 'sequoia import --change-owner' does"
        )
    if theirs or found.ref:
        return given
    if not isinstance(given, bytes):
        return {**given, "owner": owner}
    try:
        return msgspec.json.encode({**_members(given), "owner": owner})
    except _BROKEN:
        return given


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
    except _BROKEN:
        return None
