"""What a scan is told: refused before anything is sent where it makes no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from sequoia import field, raw, text, where

if TYPE_CHECKING:
    from tests.unit.conftest import Platform


class Struct(msgspec.Struct):
    ref: str


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"model": Struct, "raw": True}, "raw=True"),
        ({"model": int}, "model must be"),
        ({"model": "Struct"}, "model must be"),
        ({"workers": 0}, "workers must be"),
        ({"workers": True}, "workers must be"),
        ({"workers": 1000}, "workers must be"),
        ({"progress": 5}, "progress must be"),
        ({"resume": {}}, "no checkpoint"),
        ({"resume": "{}"}, "no checkpoint"),
        ({"ordered": True, "criteria": where().order_by("-updatedAt")}, "order of refs"),
        ({"ordered": True, "fields": ["title"]}, "add ref"),
        ({"ordered": True, "criteria": where().fields("title")}, "add ref"),
        ({"criteria": where().include("assets")}, "flat resources"),
        ({"criteria": where().skip_resources()}, "leave out resources"),
        ({"criteria": where(raw("page", "2"))}, "leave out page"),
        ({"owner": ""}, "owner must be"),
        ({"fields": ["ref", ""]}, "empty name"),
    ],
)
def test_a_bad_argument_is_refused(platform: Platform, options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        platform.client().metadata.contents.scan(**{"owner": "acme", **options})
    assert platform.sent("metadata") == []


def test_an_argument_that_there_is_not(platform: Platform) -> None:
    with pytest.raises(TypeError, match="did you mean 'workers'"):
        platform.client().metadata.contents.scan("acme", worker=2)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "other",
    [
        {"owner": "another"},
        {"criteria": where(field("type") == "clip")},
        {"criteria": where(text("x"))},
        {"fields": ["ref"]},
        {"ordered": True},
    ],
)
def test_a_checkpoint_of_another_question_is_refused(platform: Platform, other: dict[str, Any]) -> None:
    checkpoint = platform.client().metadata.contents.scan("acme").checkpoint
    with pytest.raises(ValueError, match="another question"):
        platform.client().metadata.contents.scan(**{"owner": "acme", "resume": checkpoint, **other})
    with pytest.raises(ValueError, match="not of 'metadata/assets'"):
        platform.client().metadata.assets.scan("acme", resume=checkpoint)
    assert platform.sent("metadata") == []
