"""Checkpoints: written small, and read with distrust."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequoia.checkpoint import Checkpoint, Saved, kept_link
from sequoia.error import DecodeError

GOOD = Checkpoint(
    "metadata/contents",
    "d1g3st",
    17,
    40,
    [
        Saved("/2026-01-01T00:00:00.000Z", "/data/contents?continue=t", ["acme:a", "acme:b"]),
        Saved("2026-01-01T00:00:00.001Z/"),
        Saved("!*", None, [], 4),
    ],
).write()


def read(value: object, **other: Any) -> Checkpoint:
    return Checkpoint.read(value, **{"endpoint": "metadata/contents", "query": "d1g3st", "ordered": False, **other})


def test_it_goes_through_json() -> None:
    assert read(json.loads(json.dumps(GOOD))).write() == GOOD


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"endpoint": "metadata/assets"}, "a checkpoint of 'metadata/contents', not of 'metadata/assets'"),
        ({"query": "another"}, "of another question"),
        ({"ordered": True}, "of another question"),
    ],
)
def test_that_of_another_scan_is_refused(other: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read(GOOD, **other)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 2}, "has version 2, and this SDK goes on from version 1"),
        ({"version": "1"}, "no checkpoint"),
        ({"done": -1}, "no checkpoint"),
        ({"done": "many"}, "no checkpoint"),
        ({"more": 1}, "no checkpoint"),
        ({"parts": {}}, "no checkpoint"),
        ({"parts": [{}] * 10_001}, "no checkpoint"),
        ({"parts": [{"created": "2026"}]}, "no range of time"),
        ({"parts": [{"created": "/2026-01-01T00:00:00.000Z&owner=other"}]}, "no range of time"),
        ({"parts": [{"handed": [5]}]}, "no checkpoint"),
        ({"parts": [{"handed": ["x" * 2000]}]}, "no checkpoint"),
        ({"parts": [{"number": -1}]}, "no checkpoint"),
        ({"parts": [{"link": "https://evil.test/data/contents"}]}, "leads away"),
        ({"parts": [{"link": "//evil.test/data/contents"}]}, "leads away"),
        ({"parts": [{"link": "@evil.test/"}]}, "not a link|leads away"),
        ({"parts": [{"link": "data/contents"}]}, "not a link"),
        ({"parts": [{"link": "/data\r\nHost: evil"}]}, "not a link"),
        ({"parts": [{"link": ""}]}, "not a link"),
        ({"parts": [{"link": "/" + "x" * 70_000}]}, "no checkpoint"),
    ],
)
def test_what_is_no_checkpoint_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read({**GOOD, **change})


@pytest.mark.parametrize("value", [{}, [], "{}", 5, None, {"version": 1}, {"version": True}])
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"no checkpoint|version"):
        read(value)


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
)


@given(st.sampled_from(sorted(GOOD)), _JSON)
def test_whatever_stands_in_one_it_is_read_or_refused(name: str, value: Any) -> None:
    try:
        read({**GOOD, name: value})
    except ValueError:
        return
    assert name in {"done", "total", "parts", "ordered"} or GOOD[name] == value


@pytest.mark.parametrize(
    "url",
    [
        "https://metadata.test/data/contents?continue=a",
        "https://METADATA.test/data/contents?continue=a",
        "https://metadata.test:443/data/contents?continue=a",
    ],
)
def test_a_link_is_kept_whatever_the_spelling_of_its_origin(url: str) -> None:
    link = kept_link("https://metadata.test", url)
    assert link == "/data/contents?continue=a"
    read({**GOOD, "parts": [{"link": link}]})


@pytest.mark.parametrize("path", ["//evil.test/", "/\\evil.test/", "/" + "x" * 70_000])
def test_a_link_that_no_scan_could_be_resumed_at_is_an_error_at_once(path: str) -> None:
    with pytest.raises(DecodeError, match="could be resumed at"):
        kept_link("https://metadata.test", f"https://metadata.test{path}")
