"""The three spellings of a resource's name, references, and the nearest right name for a wrong one.

`offer-templates` in a URL, `offerTemplates` in JSON, `offer_templates` in Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

__all__ = ["encode_deleted", "encode_ref", "json_key", "suggestion", "url_segment"]

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@lru_cache(maxsize=1024)
def url_segment(name: str) -> str:
    """The hyphenated form of a resource's name, as it stands in a URL: `offer-templates`."""
    return _HUMP.sub("-", name).replace("_", "-").lower()


@lru_cache(maxsize=1024)
def json_key(name: str) -> str:
    """The camel-case form of a resource's name, as it stands in JSON: `offerTemplates`."""
    first, *rest = url_segment(name).split("-")
    return first + "".join(part.capitalize() for part in rest)


def encode_ref(ref: str) -> str:
    """Percent-encode one reference for a URL path; the colon stays raw, as on the platform's own links.

    Raises:
        TypeError: `ref` is no string.
        ValueError: It is empty, a dot segment, or holds control characters: no resource has such a reference.
    """
    if not isinstance(ref, str):
        raise TypeError(f"a reference is a string such as 'owner:name', not {ref!r}")
    if not ref.strip() or ref in {".", ".."} or _CONTROL.search(ref):
        raise ValueError(f"{ref!r} is no reference: expected 'owner:name'")
    try:
        return quote(ref, safe=":")
    except UnicodeEncodeError as error:
        raise ValueError(f"{ref!r} is no reference: it cannot be encoded as UTF-8") from error


def encode_deleted(ref: str) -> str:
    """The same for a resource that is to be deleted.

    A service answers that what is not there has been deleted, so a slip must be found here.

    Raises:
        TypeError: `ref` is no string.
        ValueError: It is not of the form `owner:name`.
    """
    encoded = encode_ref(ref)
    owner, _, name = ref.partition(":")
    if not (owner and name) or ":" in name:
        raise ValueError(f"{ref!r} is no reference: expected 'owner:name'")
    return encoded


def suggestion(name: str, known: Iterable[str]) -> str:
    """A sentence that names the close matches of `name` among `known`, or all of them where there are few."""
    import difflib  # noqa: PLC0415 - only who has made a mistake waits for it

    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(repr(match) for match in close)}?"
    if not names:
        return "there are none."
    shown = ", ".join(names[:20])
    return f"there are: {shown}{', ...' if len(names) > 20 else ''}."
