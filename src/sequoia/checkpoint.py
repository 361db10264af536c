"""Checkpoints: where a scan stands, as a small JSON-able value, and the distrust with which one is read again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from sequoia.error import ClientError, DecodeError
from sequoia.urls import resolve_link

__all__ = ["LONGEST_REF", "MOST", "Checkpoint", "Saved", "kept_link"]

VERSION = 1
MOST = 2**53
"""The greatest number that every reader of JSON reads exactly; no catalogue has more."""
LONGEST_REF = 1000
"""Characters of a reference, many times what the platform allows."""
_LONGEST_LINK = 65_536
_Ref = Annotated[str, msgspec.Meta(max_length=LONGEST_REF)]
_Link = Annotated[str, msgspec.Meta(max_length=_LONGEST_LINK)]
_Number = Annotated[int, msgspec.Meta(ge=0, le=MOST)]
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
_CREATED = re.compile(rf"!\*|\*|(?:{_TIME})?/(?:{_TIME})?")


class Saved(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """A partition that is not finished.

    Attributes:
        created: Its `withCreatedAt`; None for everything.
        link: The page that is being handed out, relative to the service; None for the first one.
        handed: The refs of that page that were handed out.
        number: How many were handed out, where resources come without their refs.
    """

    created: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    link: _Link | None = None
    handed: Annotated[list[_Ref], msgspec.Meta(max_length=100_000)] = []
    number: _Number = 0


class Checkpoint(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where a scan stands.

    Attributes:
        endpoint: `metadata/contents`.
        query: The digest of what it asks.
        done: Resources handed out.
        total: Resources in all, where they were counted.
        parts: The partitions that are not finished; None if it was not yet known which there are.
        ordered: Whether they are merged.
        version: Of this form.
    """

    endpoint: str
    query: str
    done: _Number
    total: _Number | None
    parts: Annotated[list[Saved], msgspec.Meta(max_length=10_000)] | None
    ordered: bool = False
    version: int = VERSION

    def write(self) -> dict[str, Any]:
        """The JSON-able value."""
        value: dict[str, Any] = msgspec.to_builtins(self)
        return value

    @classmethod
    def read(cls, value: object, endpoint: str, query: str, *, ordered: bool) -> Checkpoint:
        """A checkpoint of that very scan.

        Raises:
            ValueError: It is none, or that of another scan.
        """
        version = value.get("version") if isinstance(value, Mapping) else None
        if isinstance(version, int) and version != VERSION:
            raise ValueError(f"this checkpoint has version {version!r}, and this SDK goes on from version {VERSION}")
        try:
            found = msgspec.convert(value, cls)
        except (msgspec.ValidationError, RecursionError) as error:
            raise ValueError(f"this is no checkpoint of a scan: {error}") from error
        if found.endpoint != endpoint:
            raise ValueError(f"this is a checkpoint of {found.endpoint!r:.200}, not of {endpoint!r}")
        if found.query != query or found.ordered != ordered:
            raise ValueError("this is a checkpoint of another question: owner, criteria, fields and order must agree")
        for part in found.parts or ():
            _check(part)
        return found


def kept_link(location: str, url: str) -> str:
    """The URL of a page on the service at `location` as a checkpoint keeps it: relative to the service.

    Raises:
        DecodeError: A resumed scan could not follow it.
    """
    if url.startswith(f"{location}/"):
        link = url.removeprefix(location)
    else:  # the same origin in another spelling
        parts = urlsplit(url)
        link = f"{parts.path or '/'}?{parts.query}"
    if not link.startswith("/") or link.startswith(("//", "/\\")) or len(link) > _LONGEST_LINK:
        raise DecodeError(f"the answer's page link is none that a scan could be resumed at: {link!r:.200}")
    return link


def _check(part: Saved) -> None:
    if part.created is not None and not _CREATED.fullmatch(part.created):
        raise ValueError(f"this is no checkpoint of a scan: {part.created!r} is no range of time")
    if part.link is None:
        return
    try:
        url = resolve_link("https://service.invalid", part.link)
    except ClientError as error:
        raise ValueError(f"this is no checkpoint of a scan: {error}") from error
    if url != f"https://service.invalid{part.link}":
        raise ValueError(f"this is no checkpoint of a scan: {part.link!r:.200} is not a link on its service")
