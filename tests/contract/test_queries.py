"""Every question of the contract's section 6, asked over real HTTP and answered by the sandbox."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.contract.data import asset, content

from sequoia import Client, Criteria, field, raw, text, where
from sequoia.error import BadRequest, CriteriaError
from sequoia.sandbox import Sandbox

SOON = datetime(2099, 1, 1, tzinfo=UTC)
FILMS: dict[str, dict[str, Any]] = {
    "aria": {"title": "Aria", "releaseYear": 1999, "tags": ["opera", "love"], "duration": "PT1H30M"},
    "orbit": {"title": "Orbit of the star", "releaseYear": 2015, "tags": ["space"], "active": False},
    "orchid": {"title": "Orchid & + # % = thief", "releaseYear": 2020, "tags": ["love"], "type": "show"},
    "zero": {"title": "Zéro 電", "availabilityStartAt": "2099-06-01T00:00:00Z"},
}


@pytest.fixture
def films(sandbox: Sandbox, owner: str) -> str:
    """An owner with four contents; one of them has two images."""
    sandbox.load("metadata", "contents", [content(owner, name, **fields) for name, fields in FILMS.items()])
    images = [asset(owner, name, contentRef=f"{owner}:orbit") for name in ("b", "a")]
    sandbox.load("metadata", "assets", [*images, asset(owner, "v", type="video", contentRef=f"{owner}:aria")])
    return owner


def _names(client: Client, owner: str, criteria: Criteria) -> list[str]:
    return [one["name"] for page in client.metadata.contents.browse(owner, criteria) for one in page.resources]


@pytest.mark.parametrize(
    ("question", "names"),
    [
        (field("type") == "show", "orchid"),
        (field("type") != "show", "aria orbit zero"),
        (field("tags").any_of("space", "opera"), "aria orbit"),
        (field("tags").all_of("opera", "love"), "aria"),
        (field("title").starts_with("Or"), "orbit orchid"),
        (field("title").ends_with("thief"), "orchid"),
        (field("tags").exists(), "aria orbit orchid"),
        (field("tags").not_exists(), "zero"),
        (field("availabilityStartAt") >= SOON, "zero"),
        (field("availabilityStartAt") < SOON, "aria orbit orchid"),
        (field("createdAt") > datetime(2000, 1, 1, tzinfo=UTC), "aria orbit orchid zero"),
        (field("createdAt") <= datetime(2000, 1, 1, tzinfo=UTC), ""),
        (field("createdAt").between(datetime(2000, 1, 1, tzinfo=UTC), SOON), "aria orbit orchid zero"),
        (field("createdAt").not_between(datetime(2000, 1, 1, tzinfo=UTC), SOON), ""),
        (field("title") == "Orchid & + # % = thief", "orchid"),
        (field("title") == "Zéro 電", "zero"),
        (field("active") == False, "orbit"),  # noqa: E712 - a question, not a comparison
        (text("STAR orbit"), "orbit"),
        (raw("withType", "show"), "orchid"),
    ],
    ids=repr,
)
def test_a_question_finds_what_it_asks_for(client: Client, films: str, question: Any, names: str) -> None:
    assert _names(client, films, where(question)) == names.split()


class Kind(enum.Enum):
    """The types of a program, as it writes them in `store`."""

    SHOW = "show"


def test_a_member_of_an_enum_finds_what_was_stored_with_it(client: Client, owner: str) -> None:
    client.metadata.contents.store(owner, {"owner": owner, "name": "opera", "type": Kind.SHOW})
    assert _names(client, owner, where(field("type") == Kind.SHOW)) == ["opera"]


def test_a_wire_form_means_in_equality_what_it_meant_in_4_4_0(client: Client, films: str) -> None:
    assert _names(client, films, where(field("tags") == "!space||opera")) == ["orchid", "zero"]
    assert _names(client, films, where(field("title").any_of("Or*", "Aria"))) == ["aria", "orbit", "orchid"]
    with pytest.raises(CriteriaError, match="begins with '!'"):
        where(field("title").any_of("!Women Art Revolution", "Aria"))


def test_several_questions_must_all_be_true(client: Client, films: str) -> None:
    assert _names(client, films, where(field("tags") == "love", field("tags") == "opera")) == ["aria"]
    assert _names(client, films, where(field("tags") == "love", field("type") != "show")) == ["aria"]


def test_a_question_is_asked_again_on_every_page(client: Client, films: str) -> None:
    criteria = where(field("type") != "show", field("tags").exists()).order_by("-name").per_page(1)
    assert _names(client, films, criteria) == ["orbit", "aria"]


def test_what_is_active_or_available(client: Client, films: str) -> None:
    assert _names(client, films, where().active()) == ["aria", "orchid", "zero"]
    assert _names(client, films, where().available()) == ["aria", "orbit", "orchid"]


def test_a_count_without_the_resources(client: Client, films: str) -> None:
    page = client.metadata.contents.browse(films, where().facets("type").skip_resources())
    assert page.resources == []
    assert page.total_count == 4
    assert page.facet_count == {"type": {"movie": 3, "show": 1}}


def test_included_resources_are_filtered_chosen_and_sorted(client: Client, films: str) -> None:
    criteria = where(field("assets.type") == "image").include("assets", fields=["ref", "name"], order_by="-name")
    linked = client.metadata.contents.browse(films, criteria).data["linked"]["assets"]
    assert [one["name"] for one in linked] == ["b", "a"]


def test_what_cannot_be_asked_is_told_by_name(client: Client, films: str) -> None:
    with pytest.raises(BadRequest, match="withColour"):
        client.metadata.contents.browse(films, where(field("colour") == "red"))
