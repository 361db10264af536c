from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import httpx2
import pytest

from sequoia.sandbox import Sandbox, SandboxError
from sequoia.sandbox.demo import ARCHIVE, ARCHIVE_ASSETS, Catalogue
from sequoia.sandbox.demo_dice import Dice


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(demo=True, owner="studio") as sandbox:
        yield sandbox


@pytest.fixture
def browse(sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> Callable[..., dict[str, Any]]:
    def get(resource: str, **query: str) -> dict[str, Any]:
        answer = http.get(f"{sandbox.location('metadata')}/data/{resource}", params=query, headers=bearer)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    return get


def test_the_small_catalogue_has_something_of_everything(browse: Callable[..., dict[str, Any]]) -> None:
    sizes = {
        resource: browse(resource, count="true", perPage="1")["meta"]["totalCount"]
        for resource in ("contents", "categories", "people", "roles", "credits", "offers", "assets", "offer-templates")
    }

    assert sizes["contents"] == 30
    assert sizes["assets"] >= ARCHIVE_ASSETS + 29 * 2
    assert min(sizes.values()) >= 3


def test_one_content_has_more_assets_than_a_browse_embeds(browse: Callable[..., dict[str, Any]]) -> None:
    body = browse("contents", withName=ARCHIVE, include="assets")

    assert [content["title"] for content in body["contents"]] == ["The Long Archive"]
    assert len(body["linked"]["assets"]) == 500
    assert "continue" in body["meta"]["linked"]["assets"][-1]
    assert browse("assets", withContentRef=f"studio:{ARCHIVE}", count="true")["meta"]["totalCount"] == ARCHIVE_ASSETS


def test_every_reference_leads_to_a_document(browse: Callable[..., dict[str, Any]]) -> None:
    contents = browse("contents")["contents"]
    known = {
        document["ref"]
        for resource in ("contents", "categories", "people", "roles", "offer-templates")
        for page in [browse(resource)]
        for key, documents in page.items()
        if key != "meta"
        for document in documents
    }
    credit = browse("credits")["credits"]
    offers = browse("offers")["offers"]
    targets = {ref for content in contents for ref in [*content["categoryRefs"], content.get("parentRef")] if ref}
    targets |= {each[field] for each in credit for field in ("personRef", "roleRef", "contentRef")}
    targets |= {ref for offer in offers for ref in [*offer["contentRefs"], offer["offerTemplateRef"]]}

    assert targets
    targets |= {ref for content in contents for ref in content.get("memberRefs", [])}
    assert targets <= known
    assert {content["type"] for content in contents} == {"movie", "show", "season", "episode", "clip", "collection"}


def test_a_show_has_seasons_and_these_have_episodes_that_fit_it(browse: Callable[..., dict[str, Any]]) -> None:
    found = browse("contents", withType="show", include="children", **{"children.sort": "order"})
    (show,), seasons = found["contents"], found["linked"]["children"]
    assert [season["title"] for season in seasons] == [f"{show['title']}, Season {number}" for number in (1, 2)]
    for season in seasons:
        episodes = browse("contents", withParentRef=season["ref"], sort="availabilityStartAt")["contents"]
        assert [episode["order"] for episode in episodes] == [1, 2, 3, 4, 5, 6]
        assert {episode["type"] for episode in episodes} == {"episode"}
        for same in ("categoryRefs", "languages", "ratings", "availabilityEndAt"):
            assert all(episode[same] == show[same] for episode in episodes), same
        assert all(episode["releaseYear"] >= show["releaseYear"] for episode in episodes)


def test_a_film_has_what_a_shop_window_needs(browse: Callable[..., dict[str, Any]]) -> None:
    body = browse("contents", withType="movie", include="assets,offers,credits,credits.people,categories", perPage="5")
    film = body["contents"][1]
    for text in ("title", "sortTitle", "shortSynopsis", "mediumSynopsis"):
        assert film[text]
    assert {"en", "fr"} <= film["localisedTitle"].keys()
    assert film["languages"]
    assert set(film["ratings"]) == {"BBFC", "FSK", "MPAA"}
    assert film["availabilityStartAt"] < film["availabilityEndAt"]
    assets = [asset for asset in body["linked"]["assets"] if asset["contentRef"] == film["ref"]]
    assert [asset["title"] for asset in assets if asset["type"] == "image"] == ["Poster", "Still"]
    assert any(asset["type"] == "video" for asset in assets)
    assert any(film["ref"] in offer["contentRefs"] for offer in body["linked"]["offers"])
    assert {credit["personRef"] for credit in body["linked"]["credits"]} == {
        person["ref"] for person in body["linked"]["credits.people"]
    }
    assert {category["ref"] for category in body["linked"]["categories"]} >= set(film["categoryRefs"])


def test_the_catalogue_is_the_same_on_every_machine() -> None:
    # Written down, not computed: another Python or a change of the words shows here.
    contents = list(islice(dict(Catalogue("acme", 30).resources())["contents"], 3))
    assert [content["name"] for content in contents] == [
        "the-long-archive",
        "the-causeway-of-elverstone-1",
        "hollow-tide-2",
    ]
    assert [content["releaseYear"] for content in contents] == [2017, 2023, 2008]


def test_words_fit_together() -> None:
    resources = {name: list(documents) for name, documents in Catalogue("acme", 300).resources()}
    for content in resources["contents"]:
        assert not re.search(r"\ba [aeiou]", content["mediumSynopsis"], re.IGNORECASE), content["mediumSynopsis"]
        assert not content["sortTitle"].startswith("The ")
        assert "acme:genre-family" not in content["categoryRefs"] or content["ratings"]["BBFC"] in {"U", "PG"}
    for offer in resources["offers"]:
        assert (offer["price"]["EUR"] == 0) == (offer["type"] == "subscription")


def test_a_larger_catalogue_begins_with_the_smaller_one() -> None:
    small, large = (
        {name: list(documents) for name, documents in Catalogue("acme", size).resources()} for size in (33, 90)
    )
    assert len(small["contents"]) == 33
    for resource, documents in small.items():
        assert large[resource][: len(documents)] == documents, resource


def test_most_people_of_a_large_catalogue_have_something_to_do() -> None:
    resources = {name: list(documents) for name, documents in Catalogue("acme", 900).resources()}
    busy = {credit["personRef"] for credit in resources["credits"]}
    assert busy <= {f"acme:{person['name']}" for person in resources["people"]}
    assert len(busy) > 200


def test_the_same_number_gives_the_same_catalogue() -> None:
    first, second = ({name: list(documents) for name, documents in Catalogue("acme", 40).resources()} for _ in range(2))

    assert first == second
    for documents in first.values():
        names = [document["name"] for document in documents]
        assert len(set(names)) == len(names)
        assert all(document["owner"] == "acme" for document in documents)
    assert len(first["contents"]) == 40


def test_a_catalogue_of_any_size_is_made_piece_by_piece() -> None:
    resources = dict(Catalogue("acme", 10_000_000).resources())

    assert len(list(islice(resources["contents"], 5))) == 5
    assert len(list(islice(resources["credits"], 5))) == 5


@pytest.mark.parametrize("size", [1, 7, 10, 11])
def test_small_numbers_work(size: int, http: httpx2.Client, sign_in: Callable[[Sandbox], dict[str, str]]) -> None:
    with Sandbox(demo=size) as sandbox:
        url = f"{sandbox.location('metadata')}/data/contents?count=true"
        assert http.get(url, headers=sign_in(sandbox)).json()["meta"]["totalCount"] == size


def test_a_demo_needs_the_resources_that_it_fills() -> None:
    with pytest.raises(SandboxError, match="demo"):
        Sandbox(demo=True, descriptors=[{"name": "metadata", "resourcefuls": {}}]).start()


def test_some_of_many_are_different_ones() -> None:
    for number in range(50):
        assert len(set(Dice("test", number).some(range(7), 5))) == 5
        assert sorted(Dice("test", number).some(range(3), 9)) == [0, 1, 2]
    assert Dice("test").some((), 2) == []
    assert {Dice("test", number).one("abc") for number in range(50)} == {"a", "b", "c"}
