"""The demo catalogue: invented films and shows with everything that hangs on them.

Each document follows from its number and the size of the catalogue, so that a catalogue of any size is made piece by
piece and is the same every time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.demo_words import ADJECTIVES, FAMILY_NAMES, GENRES, GIVEN_NAMES, NOUNS, PLACES, SYNOPSES

__all__ = ["ARCHIVE", "ARCHIVE_ASSETS", "Catalogue", "load_demo"]

ARCHIVE = "the-long-archive"
"""Name of the content that has many assets."""

ARCHIVE_ASSETS = 620
"""How many it has: more than a browse with an inclusion embeds."""

_SMALL = 30
_ROLES = ("Director", "Actor", "Writer", "Composer", "Producer")
_CERTIFICATES = (("U", "G"), ("PG", "PG"), ("12A", "PG-13"), ("15", "R"))
_LANGUAGES = ("en", "fr", "de", "es", "it")
_TEMPLATES = (("rental", "Rental, 48 hours", 3.49), ("purchase", "Purchase", 9.99), ("subscription", "Included", 0.0))
_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)

# Every ten contents are six films, then a show with one season of two episodes.
_BLOCK = ("movie",) * 6 + ("show", "season", "episode", "episode")
_PARENT = {7: 6, 8: 7, 9: 7}

Document = dict[str, Any]


def load_demo(data: DataService, owner: str, contents: int | None, *, user: str) -> int:
    """Store a demo catalogue; what an earlier run stored is replaced by the same.

    Args:
        data: The metadata service.
        owner: The tenant that owns every document.
        contents: How many contents; `None` for a small catalogue of about 30.
        user: The ref that the documents are signed with.

    Returns:
        The number of documents of all resources.
    """
    catalogue = Catalogue(owner, _SMALL if contents is None else contents)
    return sum(data.load(resource, documents, user=user) for resource, documents in catalogue.resources())


class Catalogue:
    """The documents of a catalogue.

    Args:
        owner: The tenant that owns every document.
        size: Number of contents.
    """

    def __init__(self, owner: str, size: int) -> None:
        self._owner = owner
        self._size = size
        self._people = max(12, size // 3)

    def resources(self) -> Iterator[tuple[str, Iterator[Document]]]:
        """Pairs of a resource and its documents, each resource after those that it refers to."""
        yield "roles", self._roles()
        yield "categories", self._categories()
        yield "people", (self._person(number) for number in range(self._people))
        yield "contents", (self._content(number) for number in range(self._size))
        yield "assets", (asset for number in range(self._size) for asset in self._assets(number))
        yield "credits", (credit for number in range(self._size) for credit in self._credits(number))
        yield "offerTemplates", self._offer_templates()
        yield "offers", (self._offer(number) for number in range(self._size) if _BLOCK[number % 10] == "movie")

    def _document(self, name: str, **values: Any) -> Document:
        return {"owner": self._owner, "name": name, **values}

    def _ref(self, name: str) -> str:
        return f"{self._owner}:{name}"

    def _roles(self) -> Iterator[Document]:
        for title in _ROLES:
            yield self._document(title.lower(), title=title)

    def _categories(self) -> Iterator[Document]:
        yield self._document("genre", title="Genre", scheme="genre", value="genre")
        for title in GENRES:
            value = _slug(title)
            yield self._document(
                f"genre-{value}", title=title, scheme="genre", value=value, parentRef=self._ref("genre")
            )

    def _person(self, number: int) -> Document:
        dice = _dice("person", number)
        given, family = dice.choice(GIVEN_NAMES), dice.choice(FAMILY_NAMES)
        return self._document(
            f"person-{number}",
            title=f"{given} {family}",
            givenName=given,
            familyName=family,
            biography=f"{given} {family} grew up in {dice.choice(PLACES)}.",
            bornOn=f"{dice.randint(1935, 2003)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}",
        )

    def _content(self, number: int) -> Document:
        dice = _dice("content", number)
        title, kind = _title(number), _BLOCK[number % 10]
        released = dice.randint(1960, 2025)
        starts = _EPOCH + timedelta(days=dice.randint(0, 700), hours=dice.randint(0, 23))
        bbfc, mpaa = dice.choice(_CERTIFICATES)
        document = self._document(
            _name(number),
            type=kind,
            title=title,
            localisedTitle={"en": title, "fr": f"{title} (version française)"},
            shortSynopsis=_synopsis(dice),
            releaseYear=released,
            active=number % 15 != 14,
            availabilityStartAt=_timestamp(starts),
            availabilityEndAt=_timestamp(starts + timedelta(days=dice.choice((90, 365, 1825)))),
            languages=dice.sample(_LANGUAGES, dice.randint(1, 2)),
            ratings={"BBFC": bbfc, "MPAA": mpaa},
            tags=["demo", f"decade-{released // 10 * 10}"],
            categoryRefs=[self._ref(f"genre-{_slug(genre)}") for genre in dice.sample(GENRES, dice.randint(1, 3))],
        )
        if kind in {"movie", "episode"}:
            minutes = dice.randint(78, 165) if kind == "movie" else dice.randint(22, 58)
            document["duration"] = f"PT{minutes // 60}H{minutes % 60}M" if minutes >= 60 else f"PT{minutes}M"
        parent = _parent(number)
        if parent is not None:
            document |= {"parentRef": self._ref(_name(parent)), "order": number - parent}
        return document

    def _assets(self, number: int) -> Iterator[Document]:
        yield self._asset(number, 0, "image", "jpg", title="Poster", mediaInfo={"width": 1000, "height": 1500})
        for position in range(1, ARCHIVE_ASSETS if number == 0 else 2):
            bitrate = _dice("asset", number, position).choice((1_500_000, 4_000_000, 8_000_000))
            info = {"width": 1920, "height": 1080, "bitrate": bitrate}
            yield self._asset(number, position, "video", "mp4", title=f"Reel {position}", mediaInfo=info)
        if number > 0 and number % 2:
            yield self._asset(number, 2, "text", "webvtt", title="Subtitles")

    def _asset(self, number: int, position: int, kind: str, file_format: str, **values: Any) -> Document:
        dice = _dice("file", number, position)
        name = f"{_name(number)}-{position:03d}"
        return self._document(
            name,
            type=kind,
            url=f"https://media.example.com/{self._owner}/{name}.{file_format}",
            fileFormat=file_format,
            fileSize=dice.randint(20_000, 4_000_000_000 if kind == "video" else 900_000),
            language=dice.choice(_LANGUAGES),
            contentRef=self._ref(_name(number)),
            **values,
        )

    def _credits(self, number: int) -> Iterator[Document]:
        dice = _dice("credits", number)
        people = dice.sample(range(self._people), dice.randint(2, 5))
        for order, person in enumerate(people):
            role = _ROLES[min(order, 1)]
            document = self._document(
                f"{_name(number)}-credit-{order}",
                order=order,
                personRef=self._ref(f"person-{person}"),
                roleRef=self._ref(role.lower()),
                contentRef=self._ref(_name(number)),
            )
            if role == "Actor":
                document["characterName"] = dice.choice(GIVEN_NAMES)
            yield document

    def _offer_templates(self) -> Iterator[Document]:
        for name, title, price in _TEMPLATES:
            yield self._document(name, type=name, title=title, price={"EUR": price, "GBP": price})

    def _offer(self, number: int) -> Document:
        dice = _dice("offer", number)
        template, title, price = dice.choice(_TEMPLATES)
        return self._document(
            f"{_name(number)}-{template}",
            type=template,
            title=f"{_title(number)}: {title}",
            price={"EUR": price, "GBP": price},
            active=True,
            availabilityStartAt=_timestamp(_EPOCH),
            contentRefs=[self._ref(_name(number))],
            offerTemplateRef=self._ref(template),
        )


def _dice(*parts: str | int) -> random.Random:
    """Chance that is the same every time for the same document."""
    return random.Random("/".join(map(str, parts)))  # noqa: S311 - titles are no secrets


def _parent(number: int) -> int | None:
    parent = _PARENT.get(number % 10)
    return None if parent is None else number - number % 10 + parent


def _title(number: int) -> str:
    if number == 0:
        return "The Long Archive"
    parent = _parent(number)
    if parent is not None:
        word = "Season" if _BLOCK[number % 10] == "season" else "Episode"
        return f"{_title(parent)}, {word} {number - parent}"
    dice = _dice("title", number)
    adjective, noun = dice.choice(ADJECTIVES), dice.choice(NOUNS)
    return dice.choice((f"The {adjective} {noun}", f"{adjective} {noun}", f"The {noun} of {dice.choice(PLACES)}"))


def _name(number: int) -> str:
    """The title as a name; the number keeps two contents of one title apart."""
    return ARCHIVE if number == 0 else f"{_slug(_title(number))}-{number}"


def _slug(title: str) -> str:
    return "-".join(title.replace(",", "").lower().split())


def _synopsis(dice: random.Random) -> str:
    return dice.choice(SYNOPSES).format(noun=dice.choice(NOUNS).lower(), place=dice.choice(PLACES))


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
