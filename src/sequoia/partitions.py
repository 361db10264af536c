"""How a scan is cut into ranges of `createdAt` that hold about as many resources each: decided by counts, nothing else.

Ranges are of whole milliseconds, which is what the platform's timestamps are, and both ends belong to them. They lie
side by side, the first is open below and the last above, so they cover everything once, whatever the counts say: from
these only the balance depends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["ABSENT", "PARTS_A_WORKER", "Cutter", "Span", "joined", "milliseconds", "timestamp"]

ABSENT = "!*"
"""The value of `withCreatedAt` for resources that have none."""
PARTS_A_WORKER = 4
"""With some partitions each, workers come to their ends at about the same time, even if one answers slowly."""
# From the year 1 to the year 9999 there are fewer than 2 ** 49 milliseconds; a round halves every range.
MOST_ROUNDS = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND


def timestamp(moment: int) -> str:
    """Milliseconds since 1970 as the platform writes them: `2026-02-28T12:00:00.000Z`; from the year 1 to 9999."""
    text = (_EPOCH + min(max(moment, _FIRST), _LAST) * _MILLISECOND).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def milliseconds(text: object) -> int | None:
    """The opposite; None for what is no timestamp, or lies outside of the years 1 to 9999."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    found = (moment - _EPOCH) // _MILLISECOND
    return found if _FIRST <= found <= _LAST else None


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring milliseconds, and how many resources were created in them.

    Attributes:
        low: The first one; None if there is no first.
        high: The last one; None if there is no last.
        count: How many resources, as far as it is known.
    """

    low: int | None
    high: int | None
    count: int

    @property
    def created(self) -> str:
        """The value of `withCreatedAt` that finds them."""
        low = "" if self.low is None else timestamp(self.low)
        high = "" if self.high is None else timestamp(self.high)
        return f"{low}/{high}" if low or high else "*"


class Cutter:
    """Halves ranges that hold too much, in rounds: all counts of a round can be asked for at the same time.

    Whatever a service counts, it comes to an end: no half is believed to hold more than the whole, so that there are
    never more than `total / target` ranges to cut, and there are `MOST_ROUNDS` at most.

    Args:
        total: How many resources there are.
        least: The millisecond of the first one, or a guess.
        greatest: That of the last one, or a guess.
        target: How many resources a range may hold.
        budget: After so many counts the rest stays as it is: counting must not take longer than what it saves.
    """

    def __init__(self, total: int, least: int, greatest: int, target: int, budget: int) -> None:
        self._target = target
        self._budget = budget
        self._rounds = 0
        self._least = least
        self._greatest = max(least, greatest)
        self._spans = [Span(None, None, total)]

    @property
    def spans(self) -> list[Span]:
        """The ranges so far, side by side."""
        return list(self._spans)

    def questions(self) -> list[Span]:
        """The lower halves of the ranges that hold too much, to be counted; `[]` when nothing is left to cut."""
        if self._budget <= 0 or self._rounds >= MOST_ROUNDS:
            return []
        return [half[0] for half in map(self._halves, self._spans) if half is not None]

    def answer(self, counts: Sequence[int]) -> None:
        """Take the counts of the last questions, in their order."""
        self._budget -= len(counts)
        self._rounds += 1
        given = iter(counts)
        spans: list[Span] = []
        for span in self._spans:
            halves = self._halves(span)
            if halves is None:
                spans.append(span)
                continue
            lower, upper = halves
            # What was stored or deleted between two counts may make them disagree.
            count = min(max(0, next(given)), span.count)
            spans.append(Span(lower.low, lower.high, count))
            spans.append(Span(upper.low, upper.high, span.count - count))
        self._spans = spans

    def _halves(self, span: Span) -> tuple[Span, Span] | None:
        low = self._least if span.low is None else span.low
        high = self._greatest if span.high is None else span.high
        if span.count <= self._target or low >= high:
            return None
        middle = (low + high) // 2
        return Span(span.low, middle, 0), Span(middle + 1, span.high, 0)


def joined(spans: Sequence[Span], most: int | None, target: int) -> list[Span]:
    """Fewer ranges that cover the same: small neighbours become one.

    Args:
        spans: Ranges side by side.
        most: At most so many, however much they then hold; None for as many as it takes.
        target: How many resources a range should hold at most, where `most` does not demand otherwise.
    """
    total = sum(span.count for span in spans)
    made: list[Span] = []
    before = 0
    for span in spans:
        # With a fixed number, the border that lies nearest to an even share decides.
        if most is None:
            together = bool(made) and made[-1].count + span.count <= target
        else:
            together = bool(made) and (len(made) == most or 2 * before + span.count < 2 * len(made) * total / most)
        before += span.count
        if together:
            made[-1] = Span(made[-1].low, span.high, made[-1].count + span.count)
        else:
            made.append(span)
    return made
