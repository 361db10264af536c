"""Patterns of descriptors are those of JavaScript, and mean here what they mean there."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from sequoia.sandbox.documents import validate
from sequoia.sandbox.patterns import read_pattern
from sequoia.sandbox.schema import Schema


@pytest.mark.parametrize(
    ("pattern", "fit", "unfit"),
    [
        (r"\d{4}", "2026", "\u0661\u0662\u0663\u0664"),
        (r"\w+", "e", "\u00e9"),
        (r"a\sb", "a\u00a0b", "a_b"),
        (r"[\s,]+", "\u2003,", "x"),
        (r"\S+", "ab", "a\u2003b"),
        (r"[\s\S]+", "a\nb", ""),
        (r"(?<year>\d{4})-\k<year>", "2026-2026", "2026-2027"),
        (r"(?<=a)b|ab", "ab", "b"),
        (r"[\u{1F600}-\u{1F64F}]", "\U0001f601", "x"),
        (r"\u00e9\x41\cJ", "\u00e9A\n", "eA\n"),
        (r"^[a-z]+$", "abc", "abc\n"),
        (r"\/a\-b\@", "/a-b@", "ab"),
        (r"\Z\a\e", "Zae", "\x07"),
        (r"[]|a", "a", "]"),
        (r"[^]b", "]b", "b"),
        (r"[[a]+", "[a", "]"),
        (r"[a&&b||c~~d]+", "&|~d", "x"),
        (r"a{,2}", "a{,2}", "aa"),
        (r"a{2}|b{1,}", "bbb", "a"),
        (r".+", "two\nlines", ""),
    ],
)
def test_a_pattern_means_what_it_means_in_javascript(pattern: str, fit: str, unfit: str) -> None:
    read = read_pattern(pattern)
    assert read is not None
    assert read.fullmatch(fit)
    assert not read.fullmatch(unfit)
    assert read.pattern == pattern


@pytest.mark.parametrize("pattern", [r"\p{Lu}\w*", r"(?<=a+)b", r"[\ud83d]", r"[+--]", r"\u{110000}"])
def test_a_pattern_that_python_cannot_apply_is_told_once_and_refuses_nothing(
    pattern: str, caplog: pytest.LogCaptureFixture
) -> None:
    read_pattern.cache_clear()
    fields = {"code": {"type": "string", "typeInfo": {"pattern": pattern}}}
    with caplog.at_level(logging.WARNING, logger="sequoia.sandbox"):
        for _ in range(2):
            films = Schema.parse({"name": "x", "resourcefuls": {"films": {"fields": fields}}}).resources["films"]
    assert [record.getMessage().count(pattern) for record in caplog.records] == [1]
    assert validate(films, {"owner": "a", "code": "anything"})[1] == []


@pytest.mark.parametrize("pattern", ["(", "a**", "[a", "\\", "x{2,1}", r"(?<a>x)\k<b>"])
def test_what_is_no_pattern_in_any_language_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="is not a regular expression"):
        read_pattern(pattern)


def test_a_refusal_shows_the_pattern_of_the_descriptor() -> None:
    fields: dict[str, Any] = {"code": {"type": "string", "typeInfo": {"pattern": r"(?<year>\d+)\s"}}}
    films = Schema.parse({"name": "x", "resourcefuls": {"films": {"fields": fields}}}).resources["films"]
    (problem,) = validate(films, {"owner": "a", "code": "x"})[1]
    assert problem.text.endswith(r"fails to match the required pattern: (?<year>\d+)\s")
