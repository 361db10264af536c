"""The contents of the demo catalogue: what they are called, what belongs together, and what follows from their number.

Thirty contents make a block: thirteen films, a clip of one of them and a collection of some, and a show with two
seasons of six episodes. Catalogues of any size are blocks in a row, the last one cut off.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from sequoia.sandbox.demo_dice import Dice
from sequoia.sandbox.demo_words import ADJECTIVES, AFTERMATHS, GENRES, GIVEN_NAMES, NOUNS, PLACES, SYNOPSES

__all__ = ["ARCHIVE", "BLOCK", "Content"]

ARCHIVE = "the-long-archive"
"""Name of the content that has many assets."""

_EPISODES = 6
_SEASON = ("season",) + ("episode",) * _EPISODES
BLOCK = (*("movie",) * 12, "show", *_SEASON, *_SEASON, "movie", "clip", "collection")
"""The types of thirty contents in a row."""

_SHOW = BLOCK.index("show")
_SEASONS = (_SHOW + 1, _SHOW + 2 + _EPISODES)
_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
# Of the same severity; the younger the audience, the earlier.
_CERTIFICATES = (("U", "0", "G"), ("PG", "6", "PG"), ("12A", "12", "PG-13"), ("15", "16", "R"), ("18", "18", "NC-17"))
_LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pt")
_MINUTES = {"movie": (78, 165), "episode": (22, 58), "clip": (2, 3)}
_VERSIONS = {"de": "deutsche Fassung", "fr": "version française"}


class Content:
    """One content of the catalogue, whatever its size is.

    Args:
        number: Its place in the catalogue, from 0.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._place = number % len(BLOCK)
        self.kind = BLOCK[self._place]

    def _neighbour(self, place: int) -> Content:
        """The content at another place of the same block."""
        return Content(self.number - self._place + place)

    @cached_property
    def parent(self) -> Content | None:
        """The show of a season, the season of an episode, the film of a clip."""
        if self.kind == "episode":
            return self._neighbour(_SEASONS[self._place > _SEASONS[1]])
        if self.kind == "season":
            return self._neighbour(_SHOW)
        return self._neighbour(self._place - 1) if self.kind == "clip" else None

    @cached_property
    def root(self) -> Content:
        """The film or show that it belongs to: they share genres, languages, ratings and the end of availability."""
        return self if self.parent is None else self.parent.root

    @property
    def order(self) -> int:
        """Its place within the parent, from 1."""
        if self.kind == "season":
            return 1 + _SEASONS.index(self._place)
        return 1 if self.parent is None else self.number - self.parent.number

    @cached_property
    def members(self) -> list[Content]:
        """What a collection has in it."""
        if self.kind != "collection":
            return []
        return [self._neighbour(place) for place in sorted(Dice("members", self.number).some(range(12), 4))]

    @cached_property
    def title(self) -> str:
        """Invented, but for seasons and clips."""
        if self.number == 0:
            return "The Long Archive"
        if self.kind == "season":
            return f"{self.root.title}, Season {self.order}"
        if self.kind == "clip":
            return f"{self.root.title}, Trailer"
        dice = Dice("title", self.number)
        adjective, noun, place = dice.one(ADJECTIVES), dice.one(NOUNS), dice.one(PLACES)
        if self.kind == "collection":
            return f"{place} on Film"
        return dice.one((f"The {adjective} {noun}", f"{adjective} {noun}", f"The {noun} of {place}"))

    @cached_property
    def name(self) -> str:
        """The title as a name; the number keeps two contents of one title apart."""
        slug = "-".join(self.title.replace(",", "").lower().split())
        return slug if self.number == 0 else f"{slug}-{self.number}"

    @property
    def filed(self) -> str:
        """The title as it is filed: the article comes last."""
        if self.kind in {"season", "clip"}:
            return self.root.filed + self.title.removeprefix(self.root.title)
        rest = self.title.removeprefix("The ")
        return self.title if rest == self.title else f"{rest}, The"

    def texts(self) -> dict[str, Any]:
        """The title as it is, as it is filed and as it is translated, and the story in a sentence and in more."""
        dice = Dice("story", self.number)
        place, given, noun = dice.one(PLACES), dice.one(GIVEN_NAMES), dice.one(NOUNS).lower()
        short = dice.one(SYNOPSES).format(
            noun=noun, a_noun=f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}", place=place
        )
        short = short[0].upper() + short[1:]
        return {
            "title": self.title,
            "localisedTitle": {"en": self.title, **{key: f"{self.title} ({text})" for key, text in _VERSIONS.items()}},
            "sortTitle": self.filed,
            "shortSynopsis": short,
            "mediumSynopsis": f"{short} {dice.one(AFTERMATHS).format(given=given, place=place)}",
        }

    @cached_property
    def year(self) -> int:
        """When it was released; seasons a year apart, a collection with its newest film."""
        if self.members:
            return max(member.year for member in self.members)
        if self.parent is not None:
            return self.parent.year + (self.order - 1 if self.kind == "season" else 0)
        return Dice("year", self.number).between(1960, 2024)

    @cached_property
    def minutes(self) -> int:
        """How long it runs; 0 for what does not run by itself."""
        least, most = _MINUTES.get(self.kind, (0, 0))
        return Dice("minutes", self.number).between(least, most)

    @property
    def starts(self) -> str:
        """When it becomes available: episodes week by week."""
        start = self.root._start  # noqa: SLF001 - another one of this class
        weeks = 0
        if self.kind == "episode" and self.parent is not None:
            weeks = (self.parent.order - 1) * 26 + self.order - 1
        return _timestamp(start + timedelta(weeks=weeks))

    @cached_property
    def ends(self) -> str:
        """When it stops being available."""
        return _timestamp(self._start + timedelta(days=Dice("end", self.number).one((365, 730, 1825))))

    @cached_property
    def _start(self) -> datetime:
        dice = Dice("start", self.number)
        return _EPOCH + timedelta(days=dice.between(0, 700), hours=dice.between(0, 23))

    @cached_property
    def languages(self) -> list[str]:
        """What it is spoken in: its own language first, then those of its subtitles."""
        dice = Dice("languages", self.number)
        return dice.some(_LANGUAGES, dice.between(1, 3))

    @cached_property
    def ratings(self) -> dict[str, str]:
        """For which age it is suitable, in three countries."""
        certificates = _CERTIFICATES[:2] if "Family" in self.genres else _CERTIFICATES[1:]
        return dict(zip(("BBFC", "FSK", "MPAA"), Dice("rating", self.number).one(certificates), strict=True))

    @cached_property
    def genres(self) -> list[str]:
        """One to three."""
        dice = Dice("genres", self.number)
        return dice.some(GENRES, dice.between(1, 3))


def _timestamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
