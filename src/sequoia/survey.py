"""Finding the partitions of a scan: which counts to ask for, and what their answers lead to."""

from __future__ import annotations

from collections.abc import Sequence

from sequoia.calls import Answer, Call
from sequoia.checkpoint import Saved
from sequoia.error import BadRequest
from sequoia.partitions import ABSENT, PARTS_A_WORKER, Cutter, joined, milliseconds
from sequoia.scan import Query, total_of

__all__ = ["Survey"]

_NO_EARLIER = 946_684_800_000  # 2000-01-01: a first guess where a service does not tell
_CREATED = "createdAt"


class Survey:
    """Rounds of questions, the calls of a round independent of each other.

    Args:
        query: What the scan asks.
        workers: How many there are.
        ordered: Whether there are to be as many partitions as workers.
        now: Milliseconds since 1970.

    Attributes:
        total: Resources in all; None before the first round.
    """

    def __init__(self, query: Query, workers: int, *, ordered: bool, now: float) -> None:
        self.total: int | None = None
        self._query = query
        self._workers = workers
        self._ordered = ordered
        self._now = int(now)
        self._cutter: Cutter | None = None
        self._target = query.page_size
        self._absent = 0

    def calls(self) -> list[Call]:
        """The calls of the next round; `[]` when all is known."""
        if self.total is None:
            if self._workers == 1:
                return [self._query.count()]
            edges = [self._query.edge(_CREATED, last=last) for last in (False, True)]
            return [self._query.count(), self._query.count(ABSENT), *edges]
        if self._cutter is None:
            return []
        return [self._query.count(span.created) for span in self._cutter.questions()]

    def take(self, answers: Sequence[Answer | BadRequest]) -> None:
        """Take the answers of a round, in the order of its calls.

        Raises:
            BadRequest: The service refuses to count.
            DecodeError: It did not count.
        """
        if self.total is None:
            self._begin(answers)
        elif self._cutter is not None:
            self._cutter.answer([_counted(answer) for answer in answers])

    @property
    def parts(self) -> list[Saved]:
        """The partitions; together they hold every resource once."""
        if self._cutter is None:
            return [Saved()]
        spans = joined(self._cutter.spans, self._workers if self._ordered else None, self._target)
        found = [Saved(span.created if self._absent or len(spans) > 1 else None) for span in spans]
        return [*found, Saved(ABSENT)] if self._absent else found

    def _begin(self, answers: Sequence[Answer | BadRequest]) -> None:
        self.total = _counted(answers[0])
        if self._workers == 1 or self.total <= self._target:
            return  # one request reads it all
        _, absent, first, last = answers
        self._absent = _counted(absent)
        least, greatest = _edge(first), _edge(last)
        if least is None:
            least = _NO_EARLIER if greatest is None else min(greatest, _NO_EARLIER)
        if greatest is None:
            greatest = max(least, self._now)
        # A partition of less than a page saves nothing.
        shares = self._workers * PARTS_A_WORKER
        self._target = max(self._target, -(-self.total // shares))
        cut_to = -(-self.total // shares) if self._ordered else self._target
        pages = self.total // self._query.page_size
        self._cutter = Cutter(self.total - self._absent, least, greatest, cut_to, pages // 2)


def _counted(answer: Answer | BadRequest) -> int:
    if isinstance(answer, BadRequest):
        raise answer
    return total_of(answer)


def _edge(answer: Answer | BadRequest) -> int | None:
    """The time stamp of the one resource of an answer; None where the service refuses that sort."""
    if isinstance(answer, BadRequest) or not isinstance(answer.data, dict):
        return None
    found = answer.data.get(answer.key)
    first = found[0] if isinstance(found, list) and found else None
    return milliseconds(first.get(_CREATED)) if isinstance(first, dict) else None
