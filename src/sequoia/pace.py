"""How fast a client's bulk work goes: an adaptive pace as a value, which the gates of both shells keep to.

It works as TCP does (additive increase, multiplicative decrease): a number of requests may be under way at once; each
good answer widens that window a little, a service that says it is too busy (429, 503) halves it. Whoever began before
the last halving does not halve it again: the answers to one burst are one piece of news.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from sequoia.error import HttpError, RequestError

__all__ = ["News", "Pace", "Rate"]

# The pause for everybody after a 429 or a 503 that names none: doubled for each halving without a good answer between.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 5.0
# A sleeper wakes up late; up to that many seconds of it are made up for, so that a fixed rate is kept in the middle.
_LATE = 0.01


class News(enum.Enum):
    """What the end of a request says about the service."""

    GOOD = "it answered"
    BUSY = "it asked for fewer requests"
    NONE = "nothing: no answer came, or it failed"

    @classmethod
    def of(cls, error: RequestError) -> News:
        """What a failure says: a 429 and a 503 are `BUSY`; a 4xx is an answer as good as any."""
        if not isinstance(error, HttpError):
            return cls.NONE
        if error.status_code in {429, 503}:
            return cls.BUSY
        return cls.GOOD if error.status_code < 500 else cls.NONE


@dataclass(slots=True)
class Rate:
    """A fixed rate: requests that are evenly spread.

    Attributes:
        interval: Seconds from one request to the next.
        following: When the next one may begin; None before the first.
    """

    interval: float
    following: float | None = None

    def wait(self, now: float) -> float:
        """Seconds until the next request may begin."""
        return 0.0 if self.following is None else max(0.0, self.following - now)

    def take(self, now: float) -> None:
        """A request begins."""
        due = now if self.following is None else max(self.following, now - _LATE)
        self.following = due + self.interval


class Pace:
    """How many requests may be under way, and when the next one may begin. It has no lock.

    Args:
        ceiling: Most requests at once; the window begins there, for the number of workers says what is wanted.
        rate: Requests a second; None for no bound.

    Attributes:
        ceiling: See the arguments.
        window: How many requests may be under way at once; always from 1 to `ceiling`.
        under_way: How many are.
        begun: How many have begun so far; after `begin`, the number of that request.
    """

    def __init__(self, ceiling: int, rate: float | None = None) -> None:
        self.ceiling = ceiling
        self.window = float(ceiling)
        self.under_way = 0
        self.begun = 0
        self._rate = None if rate is None else Rate(1 / rate)
        self._resumed = -math.inf
        self._halved_at = 0
        self._halvings = 0

    def begin(self, now: float) -> float | None:
        """Ask to begin a request.

        Args:
            now: Seconds of a clock that never goes back.

        Returns:
            0: it has begun. More: ask again after that many seconds. None: ask again when another one has ended.
        """
        if self.under_way >= int(self.window):
            return None
        wait = max(0.0, self._resumed - now, 0.0 if self._rate is None else self._rate.wait(now))
        if wait > 0:
            return wait
        if self._rate is not None:
            self._rate.take(now)
        self.under_way += 1
        self.begun += 1
        return 0.0

    def end(self, number: int, now: float, news: News, pause: float | None = None) -> None:
        """A request has ended.

        Args:
            number: Its number: what `begun` was when it began.
            now: As for `begin`.
            news: What its end says about the service.
            pause: Seconds that the service asked everybody to wait (`Retry-After`).
        """
        self.under_way -= 1
        if news is News.BUSY:
            self._resumed = max(self._resumed, now + (pause or 0.0))
        if number <= self._halved_at:
            return  # it began before the last halving: old news
        if news is News.GOOD:
            self._halvings = 0
            self.window = min(float(self.ceiling), self.window + 1 / self.window)
        elif news is News.BUSY:
            # Of what was really under way: half of a window that nobody filled would change nothing.
            self.window = max(1.0, min(self.window, self.under_way + 1) / 2)
            self._halved_at = self.begun
            self._halvings += 1
            if pause is None:
                doubled = FIRST_PAUSE * 2 ** min(self._halvings - 1, 10)
                self._resumed = max(self._resumed, now + min(LONGEST_PAUSE, doubled))
