"""Ranges of `createdAt`: whatever the time stamps and the counts, they hold every resource once."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sequoia.calls import Answer, Call
from sequoia.error import BadRequest, DecodeError
from sequoia.operations import ResourcePath
from sequoia.partitions import ABSENT, MOST_ROUNDS, Cutter, Span, joined, milliseconds, timestamp
from sequoia.scan import Query
from sequoia.survey import Survey

QUERY = Query(ResourcePath.of("contents"), "acme", {"perPage": "10"})

# Time stamps as they are: spread, bunched (an import stores thousands at the same moment), or both.
_MOMENTS = st.one_of(
    st.lists(st.integers(0, 10**12), max_size=400),
    st.lists(st.sampled_from([0, 1, 2, 1_700_000_000_000, 1_700_000_000_001, 10**12]), max_size=400),
    st.lists(st.one_of(st.integers(10**12, 10**12 + 50), st.just(5)), max_size=400),
)


def inside(span: Span, moment: int) -> bool:
    return (span.low is None or span.low <= moment) and (span.high is None or moment <= span.high)


def count(created: str | None, moments: list[int | None]) -> int:
    """What a service counts for a `withCreatedAt`."""
    if created is None:
        return len(moments)
    if created == ABSENT:
        return moments.count(None)
    low, _, high = created.removesuffix("*").partition("/")
    least, greatest = milliseconds(low or None), milliseconds(high or None)
    return sum(
        one is not None and (least is None or one >= least) and (greatest is None or one <= greatest) for one in moments
    )


def covering(spans: list[Span]) -> None:
    """Side by side, open at both ends."""
    assert spans[0].low is None
    assert spans[-1].high is None
    for one, other in itertools.pairwise(spans):
        assert one.high is not None
        assert other.low == one.high + 1


@given(_MOMENTS, st.integers(1, 50))
@example([7] * 100, 10)
def test_ranges_hold_everything_once_and_are_balanced_unless_they_cannot_be_cut(
    moments: list[int], target: int
) -> None:
    least, greatest = min(moments, default=0), max(moments, default=0)
    cutter = Cutter(len(moments), least, greatest, target, 10**6)
    while asked := cutter.questions():
        cutter.answer([sum(inside(one, moment) for moment in moments) for one in asked])
    covering(cutter.spans)
    for span in cutter.spans:
        assert span.count == sum(inside(span, moment) for moment in moments)
        held = {moment for moment in moments if inside(span, moment)}
        assert span.count <= target or len(held) == 1


@given(_MOMENTS, st.lists(st.integers(-5, 10**6), max_size=300), st.integers(1, 50))
def test_counts_that_are_wrong_cost_balance_and_nothing_else(moments: list[int], lies: list[int], target: int) -> None:
    cutter = Cutter(len(moments), 0, 10**12, target, 300)
    told = iter(lies)
    while asked := cutter.questions():
        cutter.answer([next(told, 0) for _ in asked])
    covering(cutter.spans)
    covering(joined(cutter.spans, None, target))
    assert all(sum(inside(span, moment) for span in cutter.spans) == 1 for moment in moments)


@pytest.mark.parametrize("total", [100, 2**40, 2**53])
@given(lies=st.lists(st.one_of(st.integers(-5, 2**53), st.sampled_from([2**52, 2**53, 2**63])), min_size=1))
def test_no_counts_make_cutting_go_on_for_ever(total: int, lies: list[int]) -> None:
    least, greatest = milliseconds("0001-01-01T00:00:00Z"), milliseconds("9999-12-31T23:59:59.999Z")
    assert least is not None
    assert greatest is not None
    cutter, told, rounds = Cutter(total, least, greatest, -(-total // 16), total), itertools.cycle(lies), 0
    while asked := cutter.questions():
        rounds += 1
        assert rounds <= MOST_ROUNDS
        assert len(asked) <= 16
        assert all(span.created for span in asked)
        cutter.answer([next(told) for _ in asked])
    covering(cutter.spans)
    assert sum(span.count for span in cutter.spans) == total


def test_a_service_that_says_always_half_is_cut_down_to_the_millisecond_and_no_further() -> None:
    cutter = Cutter(2**53, 0, 2**40, 2**49, 2**53)
    rounds = 0
    while asked := cutter.questions():
        rounds += 1
        halves = [span for span in cutter.spans if span.count > 2**49]
        cutter.answer([span.count for span in halves][: len(asked)])  # all of it in the lower half
    assert rounds == 41  # 2 ** 40 milliseconds and one


@pytest.mark.parametrize("moment", [-(2**62), 2**62])
def test_a_time_that_no_calendar_has_is_written_as_the_nearest_one(moment: int) -> None:
    assert timestamp(moment) in {"0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"}


@given(st.lists(st.integers(0, 100), min_size=1, max_size=60), st.integers(1, 8), st.integers(1, 200))
def test_small_neighbours_become_one(counts: list[int], most: int, target: int) -> None:
    last = len(counts) - 1
    spans = [Span(None if n == 0 else 10 * n, None if n == last else 10 * n + 9, one) for n, one in enumerate(counts)]
    few, many = joined(spans, most, target), joined(spans, None, target)
    for made in (few, many):
        covering(made)
        assert sum(one.count for one in made) == sum(counts)
    assert len(few) <= most
    assert all(one.count + other.count > target for one, other in itertools.pairwise(many))
    # None holds more than its share by more than the greatest piece that it is made of.
    assert all(one.count <= sum(counts) / most + 2 * max(counts) for one in few)


def test_counting_ends_when_it_costs_more_than_it_saves() -> None:
    cutter = Cutter(1000, 0, 10**12, 10, budget=3)
    asked = 0
    while questions := cutter.questions():
        asked += len(questions)
        cutter.answer([one.count for one in cutter.spans][: len(questions)])
    assert asked <= 4


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:00.000Z", 0),
        ("2026-02-28T12:00:00.123Z", 1772280000123),
        ("1969-12-31T23:59:59.999Z", -1),
    ],
)
def test_a_time_is_written_as_the_platform_writes_it(text: str, moment: int) -> None:
    assert milliseconds(text) == moment
    assert timestamp(moment) == text
    assert datetime.fromisoformat(text) == datetime.fromtimestamp(moment / 1000, UTC)


@pytest.mark.parametrize(
    "text",
    [
        None,
        5,
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "\ud800",
    ],
)
def test_what_is_no_time(text: object) -> None:
    assert milliseconds(text) is None


# Surveys: the calls, and what follows from their answers


class Service:
    """Answers a survey's calls as a service with these resources would; None stands for one without `createdAt`."""

    def __init__(self, moments: list[int | None], *, sorts: bool = True) -> None:
        self.moments = moments
        self.sorts = sorts
        self.asked = 0

    def answer(self, call: Call) -> Answer | BadRequest:
        self.asked += 1
        params = httpx2.URL("https://metadata.test" + call.url).params
        if "sort" in params:
            if not self.sorts:
                return BadRequest("sort is invalid", 400)
            present = sorted((one for one in self.moments if one is not None), reverse=params["sort"][0] == "-")
            return self._answer(call, {"contents": [{"createdAt": timestamp(one)} for one in present[:1]]})
        assert (params["count"], params["resources"], params["owner"]) == ("true", "false", "acme")
        return self._answer(
            call, {"meta": {"totalCount": count(params.get("withCreatedAt"), self.moments)}, "contents": []}
        )

    @staticmethod
    def _answer(call: Call, data: Any) -> Answer:
        return Answer(call, httpx2.Response(200), data)


def surveyed(service: Service, workers: int, *, ordered: bool = False) -> tuple[Survey, list[str | None]]:
    survey = Survey(QUERY, workers, ordered=ordered, now=1.8e12)
    while calls := survey.calls():
        survey.take([service.answer(call) for call in calls])
    return survey, [part.created for part in survey.parts]


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**12)), max_size=300), st.integers(2, 8), st.booleans())
def test_partitions_hold_every_resource_once(moments: list[int | None], workers: int, sorts: bool) -> None:
    for ordered in (False, True):
        survey, parts = surveyed(Service(moments, sorts=sorts), workers, ordered=ordered)
        assert survey.total == len(moments)
        assert sum(count(one, moments) for one in parts) == len(moments)
        assert not ordered or len(parts) <= workers + 1


@given(st.lists(st.integers(0, 10**12), min_size=200, max_size=400, unique=True), st.integers(2, 8))
def test_partitions_are_balanced(moments: list[int | None], workers: int) -> None:
    service = Service(moments)
    _, parts = surveyed(service, workers)
    share = max(10, -(-len(moments) // (4 * workers)))
    assert max(count(one, moments) for one in parts) <= share or service.asked >= len(moments) // 20
    assert service.asked <= len(moments) // 20 + 4 * workers + 4


def test_what_fits_on_a_page_is_not_cut() -> None:
    service = Service([1, 2, 3])
    assert surveyed(service, 4)[1] == [None]
    assert service.asked == 4


def test_a_single_worker_counts_and_does_not_cut() -> None:
    service = Service(list(range(100)))
    survey, parts = surveyed(service, 1)
    assert (survey.total, parts, service.asked) == (100, [None], 1)


def test_a_service_that_does_not_count_is_told_from_one_that_refuses() -> None:
    survey = Survey(QUERY, 1, ordered=False, now=0)
    [call] = survey.calls()
    with pytest.raises(BadRequest):
        survey.take([BadRequest("count is invalid", 400)])
    with pytest.raises(DecodeError, match="totalCount"):
        survey.take([Answer(call, httpx2.Response(200), {"meta": {}})])


@pytest.mark.parametrize("total", [True, 1.5, "7", -1, 2**53 + 1, None, [7]])
def test_what_is_no_number_of_resources_is_no_count(total: Any) -> None:
    survey = Survey(QUERY, 1, ordered=False, now=0)
    [call] = survey.calls()
    with pytest.raises(DecodeError, match="totalCount"):
        survey.take([Answer(call, httpx2.Response(200), {"meta": {"totalCount": total}})])


@pytest.mark.parametrize("first", [5, None, [], {}, {"createdAt": 5}, {"createdAt": "0001-01-01T00:00:00+23:59"}])
def test_an_edge_that_is_no_time_is_guessed(first: Any) -> None:
    survey = Survey(QUERY, 4, ordered=False, now=1.8e12)
    calls = survey.calls()
    counted = {"meta": {"totalCount": 500}, "contents": [first]}
    survey.take([Answer(call, httpx2.Response(200), counted) for call in calls])
    assert [part.created for part in survey.parts][-1] == ABSENT
