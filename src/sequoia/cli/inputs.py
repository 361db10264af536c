"""Resources that a command is given: from a file or stdin, as JSON or NDJSON, one after the other."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from sequoia.cli.failing import Refusal
from sequoia.dead_letters import LONGEST_LINE, is_letter
from sequoia.error import InvalidResource
from sequoia.files import BLANK, UTF_16, not_utf8
from sequoia.payload import resources_of

__all__ = ["Found", "Identity", "identity", "opened", "owned", "resources_in", "text_in"]


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


class Found(NamedTuple):
    """A resource as it was found.

    Attributes:
        where: The file and the line, or the number in the file.
        resource: A line of NDJSON as it is, in bytes; a dict out of JSON.
    """

    where: str
    resource: Any


def resources_in(stream: BinaryIO, key: str, name: str) -> Iterator[Found]:
    """The resources in a stream: one a line of NDJSON, as it is read, or those of JSON; of dead letters what they hold.

    Args:
        stream: Where they are.
        key: The resource's name in JSON: an object that has it is one around resources.
        name: What messages call the stream.

    Raises:
        Refusal: It is no JSON, or has no resource.
    """
    lines = _lines(stream, name)
    number, first = next(lines, (0, b""))
    if not first:
        raise Refusal(f"{name} is empty: there is no resource in it")
    value = _decoded(first)
    if isinstance(value, dict) and key not in value:
        yield Found(f"{name}, line {number}", _inside(first))
        for number, line in lines:
            yield Found(f"{name}, line {number}", _inside(line))
        return
    text = first + stream.read()
    try:
        resources = resources_of(text, key)
    except ValueError as error:
        raise Refusal(f"{name} is neither JSON nor NDJSON with {key}: {not_utf8(text) or error}") from error
    for number, resource in enumerate(resources, start=1):
        yield Found(f"{name}, resource {number}", resource["resource"] if is_letter(resource) else resource)


def text_in(stream: BinaryIO, name: str) -> bytes:
    """The text in a stream, without blanks around it.

    Raises:
        Refusal: It is not UTF-8.
    """
    text = stream.read()
    if (fault := not_utf8(text)) is not None:
        raise Refusal(f"{name} cannot be read: {fault}")
    return text.strip(BLANK)


def identity(given: Any) -> Identity:
    """Which resource one is that `resources_in` gave; nothing is known of what is no JSON object."""
    try:
        return _identity(given) if isinstance(given, bytes) else msgspec.convert(given, Identity)
    except _BROKEN:
        return Identity()


def owned(given: Any, owner: str) -> Any:
    """A resource as the owner's, who is put in where it names none.

    Args:
        given: As `resources_in` gives it, and likewise returned: not a number of it is written anew.
        owner: The tenant.

    Raises:
        InvalidResource: It belongs to another one, or is none.
    """
    found = _checked(given)
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
    if isinstance(given, bytes):
        return msgspec.json.encode({**_members(given), "owner": owner})
    return {**given, "owner": owner}


def _checked(given: Any) -> Identity:
    """Which resource one is.

    Raises:
        InvalidResource: It is none.
    """
    try:
        if not isinstance(given, bytes):
            return msgspec.convert(given, Identity)
        given.decode()  # what is not decoded below is not looked at otherwise
        return _identity(given)
    except _BROKEN as error:
        fault = not_utf8(given) if isinstance(given, bytes) else None
        raise InvalidResource(fault or f"it is not the JSON of a resource: {error}", error) from error


def _lines(stream: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    """The lines that have something in them, without what stands in front of it, and their numbers."""
    for number in count(1):
        line = stream.readline(LONGEST_LINE + 1)
        if not line:
            return
        if number == 1 and line.startswith(UTF_16):
            raise Refusal(f"{name} is UTF-16: save it as UTF-8")
        if len(line) > LONGEST_LINE:
            raise Refusal(f"{name}, line {number}, has over {LONGEST_LINE:,} bytes, which is no resource")
        if text := line.lstrip(BLANK):
            yield number, text


def _inside(line: bytes) -> bytes:
    """The resource in a line; a dead letter has it inside, as JSON or, if it is no resource, as text."""
    if b'"resource"' not in line or b'"error"' not in line:
        return line
    try:
        letter = _members(line)
        if not is_letter(letter):
            return line
        inside = bytes(letter["resource"])
        return msgspec.json.decode(inside, type=str).encode() if inside.startswith(b'"') else inside
    except _BROKEN:
        return line


def _decoded(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except _BROKEN:
        return None
