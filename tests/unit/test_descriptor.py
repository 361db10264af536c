"""What a service says about itself."""

from __future__ import annotations

from typing import Any

import pytest

from sequoia.descriptor import Descriptor, Relationship
from sequoia.error import DecodeError, ResourceNotFound


def _resource(plural: str, hyphenated: str, **more: Any) -> dict[str, Any]:
    return {"pluralName": plural, "singularName": plural[:-1], "hyphenatedPluralName": hyphenated, **more}


DESCRIPTOR = Descriptor.parse(
    {
        "name": "cinema",
        "title": "Cinema",
        "newer": "than this SDK",
        "resourcefuls": {
            "films": _resource("films", "films"),
            "posters": _resource("posters", "posters", filters={"withOwnerFilm": {"fieldNamePath": "owner.film"}}),
            "offerTemplates": _resource("offerTemplates", "offer-templates"),
        },
    }
)


@pytest.mark.parametrize(
    "spelling", ["offer-templates", "offerTemplates", "offer_templates", "offerTemplate", "offer_template"]
)
def test_a_resource_is_found_in_any_spelling(spelling: str) -> None:
    assert DESCRIPTOR.resource(spelling).hyphenated_plural_name == "offer-templates"


def test_an_unknown_resource_is_answered_with_the_close_matches() -> None:
    with pytest.raises(ResourceNotFound, match="'cinema' has no resource 'filns': did you mean 'films'") as caught:
        DESCRIPTOR.resource("filns")
    assert caught.value.status_code == 404


@pytest.mark.parametrize(
    "data", [None, [], "x", {"resourcefuls": []}, {"resourcefuls": {"films": {"pluralName": 7}}}, {"name": None}]
)
def test_a_descriptor_that_is_none_is_a_decode_error(data: Any) -> None:
    with pytest.raises(DecodeError, match="descriptor cannot be read"):
        Descriptor.parse(data)


def test_a_descriptor_says_where_it_is_broken() -> None:
    broken = {"resourcefuls": {"films": _resource("films", "films", relationships={"x": {"type": 7}})}}
    with pytest.raises(DecodeError, match=r"relationships.*type"):
        Descriptor.parse(broken)


def test_a_service_may_have_no_resources_at_all() -> None:
    assert Descriptor.parse({"name": "flow"}).resourcefuls == {}


@pytest.mark.parametrize(
    ("target", "filter_name", "found"),
    [
        ("posters", "withOwnerFilm", "owner.film"),
        ("posters", "withFilmRef", "filmRef"),
        ("elsewhere", "withFilmRef", "filmRef"),
        ("posters", None, None),
        ("posters", "", None),
    ],
)
def test_the_field_behind_a_filter_is_the_one_described_or_the_one_that_its_name_says(
    target: str, filter_name: str | None, found: str | None
) -> None:
    relationship = Relationship(type="indirect", resource_type=target, filter_name=filter_name)
    assert DESCRIPTOR.link_field(relationship) == found
