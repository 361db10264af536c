"""The demo catalogue: invented films and shows with everything that hangs on them.

Each document follows from its number alone, so that a catalogue of any size is made piece by piece, is the same every
time, and begins with every smaller one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.demo_contents import ARCHIVE, BLOCK, Content
from sequoia.sandbox.demo_dice import Dice
from sequoia.sandbox.demo_words import FAMILY_NAMES, GENRES, GIVEN_NAMES, PLACES

__all__ = ["ARCHIVE", "ARCHIVE_ASSETS", "Catalogue", "load_demo"]

ARCHIVE_ASSETS = 620
"""How many assets the content `ARCHIVE` has: more than a browse with an inclusion embeds."""

_ROLES = (
    ("Director", "Direction"), ("Writer", "Writing"), ("Composer", "Music"), ("Producer", "Production"),
    ("Actor", "Cast"),
)  # fmt: skip
_REGIONS = ("AT", "CH", "DE", "ES", "FR", "GB", "IE", "IT", "US")
# For each way to sell: name, title, the least and the greatest price in cents of a euro, and what a customer may do.
_TEMPLATES: tuple[tuple[str, str, int, int, dict[str, Any]], ...] = (
    ("rental", "Rental, 48 hours", 299, 599, {"usagePeriod": "P2D", "downloads": False}),
    ("purchase", "Purchase", 799, 1499, {"downloads": True}),
    ("subscription", "Included", 0, 0, {"usagePeriod": "P30D", "downloads": True}),
)
_RATES = (("CHF", 0.98), ("EUR", 1.0), ("GBP", 0.86), ("USD", 1.09))

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
    catalogue = Catalogue(owner, len(BLOCK) if contents is None else contents)
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
        self._people = _people(size)

    def resources(self) -> Iterator[tuple[str, Iterator[Document]]]:
        """Pairs of a resource and its documents, each resource after those that it refers to."""
        yield "roles", self._roles()
        yield "categories", self._categories()
        yield "people", (self._person(number) for number in range(self._people))
        yield "contents", (self._content(content) for content in self._contents())
        yield "assets", (asset for content in self._contents() for asset in self._assets(content))
        yield "credits", (credit for content in self._contents() for credit in self._credits(content))
        yield "offerTemplates", self._offer_templates()
        yield "offers", (offer for content in self._contents() for offer in self._offers(content))

    def _contents(self) -> Iterator[Content]:
        return (Content(number) for number in range(self._size))

    def _document(self, name: str, **values: Any) -> Document:
        return {"owner": self._owner, "name": name, **values}

    def _ref(self, name: str) -> str:
        return f"{self._owner}:{name}"

    def _roles(self) -> Iterator[Document]:
        for order, (title, department) in enumerate(_ROLES):
            yield self._document(title.lower(), title=title, department=department, order=order)

    def _categories(self) -> Iterator[Document]:
        yield self._document("genre", title="Genre", scheme="genre", value="genre")
        for order, title in enumerate(GENRES):
            value = _slug(title)
            parent = self._ref("genre")
            yield self._document(
                f"genre-{value}", title=title, scheme="genre", value=value, parentRef=parent, order=order
            )

    def _person(self, number: int) -> Document:
        dice = Dice("person", number)
        given, family = dice.one(GIVEN_NAMES), dice.one(FAMILY_NAMES)
        return self._document(
            f"person-{number}",
            title=f"{given} {family}",
            givenName=given,
            familyName=family,
            biography=f"{given} {family} grew up in {dice.one(PLACES)}.",
            bornOn=f"{dice.between(1935, 2003)}-{dice.between(1, 12):02d}-{dice.between(1, 28):02d}",
        )

    def _content(self, content: Content) -> Document:
        root = content.root
        document = self._document(
            content.name,
            **content.texts(),
            type=content.kind,
            releaseYear=content.year,
            active=content.number % 15 != 14,
            availabilityStartAt=content.starts,
            availabilityEndAt=root.ends,
            languages=root.languages,
            ratings=root.ratings,
            tags=["demo", f"decade-{content.year // 10 * 10}"],
            categoryRefs=[self._ref(f"genre-{_slug(genre)}") for genre in root.genres],
        )
        if content.minutes:
            document["duration"] = _duration(content.minutes)
        if content.parent is not None:
            document |= {"parentRef": self._ref(content.parent.name), "order": content.order}
        if content.members:
            document["memberRefs"] = [self._ref(member.name) for member in content.members]
        return document

    def _assets(self, content: Content) -> Iterator[Document]:
        yield self._image(content, 0, "Poster", 1000, 1500)
        yield self._image(content, 1, "Still", 1920, 1080)
        reels = ARCHIVE_ASSETS - 2 if content.number == 0 else 1 if content.minutes else 0
        for reel in range(1, reels + 1):
            bitrate = Dice("asset", content.number, reel).one((1_500_000, 4_000_000, 8_000_000))
            duration = _duration(content.minutes)
            info = {"bitrate": bitrate, "width": 1920, "height": 1080, "duration": duration, "audioTypes": ["stereo"]}
            title = f"Reel {reel}" if reels > 1 else "Feature" if content.kind == "movie" else content.kind.title()
            size = bitrate // 8 * content.minutes * 60
            language = content.root.languages[0]
            yield self._asset(
                content, reel + 1, "video", "mp4", title=title, fileSize=size, language=language, mediaInfo=info
            )
        # Subtitles in every other language, except for the content that has many assets already.
        for place, language in enumerate(content.root.languages[1:] if reels == 1 else ()):
            size = content.minutes * 450
            title = f"Subtitles, {language}"
            yield self._asset(content, place + 3, "text", "vtt", title=title, fileSize=size, language=language)

    def _image(self, content: Content, place: int, title: str, width: int, height: int) -> Document:
        size = Dice("image", content.number, place).between(90_000, 900_000)
        info = {"width": width, "height": height}
        return self._asset(content, place, "image", "jpg", title=title, fileSize=size, mediaInfo=info, tags=["artwork"])

    def _asset(self, content: Content, place: int, kind: str, file_format: str, **values: Any) -> Document:
        name = f"{content.name}-{place:03d}"
        media = {"jpg": "image/jpeg", "mp4": "video/mp4", "vtt": "text/vtt"}[file_format]
        return self._document(
            name,
            type=kind,
            url=f"https://media.example.com/{self._owner}/{name}.{file_format}",
            fileFormat=file_format,
            fullMediaType=media,
            contentRef=self._ref(content.name),
            **values,
        )

    def _credits(self, content: Content) -> Iterator[Document]:
        if content.kind not in {"movie", "show", "episode"}:
            return
        dice = Dice("credits", content.number)
        # Of the people who are in the smallest catalogue that has this content: they are in every larger one.
        people = dice.some(range(_people(content.number + 1)), dice.between(3, 6))
        for order, person in enumerate(people):
            # A director, a writer, and the cast.
            role = _ROLES[order][0] if order < 2 else "Actor"
            document = self._document(
                f"{content.name}-credit-{order}",
                title=role,
                order=order,
                personRef=self._ref(f"person-{person}"),
                roleRef=self._ref(role.lower()),
                contentRef=self._ref(content.name),
            )
            if role == "Actor":
                document["characterName"] = dice.one(GIVEN_NAMES)
            yield document

    def _offer_templates(self) -> Iterator[Document]:
        for name, title, cents, _, rights in _TEMPLATES:
            devices = ["phone", "tablet", "tv", "web"]
            allowed = {**rights, "deviceTypes": devices}
            yield self._document(name, type=name, title=title, price=_price(cents), rights=allowed)

    def _offers(self, content: Content) -> Iterator[Document]:
        """A film is sold in one or two ways; a show is part of the subscription."""
        dice = Dice("offer", content.number)
        chosen = {"movie": dice.some(_TEMPLATES, dice.between(1, 2)), "show": [_TEMPLATES[2]]}
        for name, title, least, most, rights in chosen.get(content.kind, ()):
            yield self._document(
                f"{content.name}-{name}",
                type=name,
                title=f"{content.title}: {title}",
                price=_price(dice.between(least // 50, most // 50) * 50 + least % 50),
                rights={**rights, "regions": sorted(dice.some(_REGIONS, dice.between(2, 5)))},
                availabilityStartAt=content.starts,
                availabilityEndAt=content.root.ends,
                contentRefs=[self._ref(content.name)],
                offerTemplateRef=self._ref(name),
            )


def _people(contents: int) -> int:
    """How many people so many contents have to do with."""
    return max(12, contents // 3)


def _slug(title: str) -> str:
    return "-".join(title.lower().split())


def _duration(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return "PT" + f"{hours}H" * (hours > 0) + f"{rest}M" * (rest > 0 or hours == 0)


def _price(cents: int) -> dict[str, float]:
    """The price in every currency, in whole tens less one cent, as prices are."""
    return {currency: max(0, round(cents * rate / 10) * 10 - 1) / 100 for currency, rate in _RATES}
