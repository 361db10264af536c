"""The platform's types as they are written in text: what a value in a query, or a text in a resource, looks like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["FORMS", "Form", "misfit"]


class Form(NamedTuple):
    """How values of one type are written.

    Attributes:
        pattern: What the whole text must match; compiled when it is first needed, which re remembers.
        example: A value of the type, for messages.
    """

    pattern: str
    example: str


_INTEGER = r"\d{1,16}"
_NUMBER = r"\d{1,16}(?:\.\d{1,16})?(?:[eE][+-]?\d{1,3})?"
_TIMESTAMP = (
    r"\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01])"
    r"(?:T(?:[01]\d|2[0-4])(?::[0-5]\d(?::(?:[0-5]\d|60)(?:[.,]\d{1,9})?)?)?(?:Z|[+-]\d\d:?\d\d)?)?)?)?"
)

FORMS: Mapping[str, Form] = {
    "ref": Form(r"[a-zA-Z0-9_-]+:[a-zA-Z0-9_-]+", "acme:film-1"),
    "name": Form(r"[a-zA-Z0-9_-]+", "film-1"),
    "version": Form(r"[a-f0-9]{40}", "356b54eb90cd04566159dfb9c95a0426998a2f7b"),
    "hex": Form(r"[a-f0-9]+", "0a1b2c"),
    "boolean": Form(r"true|false", "true"),
    "year": Form(r"\d{4}", "2026"),
    "integer": Form(rf"-?{_INTEGER}", "-3"),
    "positiveInteger": Form(r"0*[1-9]\d{0,15}", "3"),
    "nonNegativeInteger": Form(_INTEGER, "3"),
    "number": Form(rf"-?{_NUMBER}", "-2.5"),
    "nonNegativeNumber": Form(_NUMBER, "2.5"),
    "percentage": Form(r"100(?:\.0+)?|\d{1,2}(?:\.\d{1,16})?", "12.5"),
    # An ISO prefix stands for its earliest moment.
    "timestamp": Form(_TIMESTAMP, "2026-01-31T12:00:00.000Z"),
    "date": Form(r"\d{4}(?:-\d\d(?:-\d\d)?)?", "2026-01-31"),
    "duration": Form(
        r"-?P(?=[T\d])(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?", "PT1H20M"
    ),
    "language": Form(r"[a-zA-Z]{2,3}(?:-[a-zA-Z0-9]{2,8})*", "fr-CH"),
    "fieldName": Form(r"[a-zA-Z0-9]+", "title"),
    "fieldNamePath": Form(r"[a-zA-Z0-9]+(?:\.[a-zA-Z0-9]+)*", "mediaInfo.bitrate"),
}
"""The types whose values have a form of their own (wire form, in queries); texts of any other type are free."""


def misfit(type_: str | None, text: str) -> str | None:
    """Why `text` is no value of a type, such as `is no timestamp such as 2026-01-31`; None if it is one."""
    form = FORMS.get(type_ or "")
    if form is None or re.fullmatch(form.pattern, text):
        return None
    return f"{text[:80]!r} is no {type_} such as {form.example}"
