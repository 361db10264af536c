from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequoia.error import ConnectionError, http_error
from sequoia.pace import FIRST_PAUSE, LONGEST_PAUSE, News, Pace


def begun(pace: Pace, number: int, now: float = 0.0) -> list[int]:
    """Begin so many requests; their numbers."""
    numbers = []
    for _ in range(number):
        assert pace.begin(now) == 0
        numbers.append(pace.begun)
    return numbers


def test_the_window_begins_wide_open_and_holds_back_who_comes_too_many() -> None:
    pace = Pace(3)
    first, *_ = begun(pace, 3)
    assert pace.begin(0) is None
    pace.end(first, 0, News.GOOD)
    assert pace.begin(0) == 0


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_halves_what_was_under_way(status: int) -> None:
    pace = Pace(100)
    first, *_ = begun(pace, 8)
    pace.end(first, 0, News.of(http_error(status, "")))
    assert pace.window == 4


def test_the_answers_to_one_burst_halve_once() -> None:
    pace = Pace(100)
    numbers = begun(pace, 8)
    for number in numbers:
        pace.end(number, 0, News.BUSY)
    assert pace.window == 4
    pace.end(begun(pace, 1, now=LONGEST_PAUSE)[0], 0, News.BUSY)
    assert pace.window == 1  # only one was under way


def test_good_answers_widen_it_by_one_for_each_window_full() -> None:
    pace = Pace(8)
    numbers = begun(pace, 8)
    pace.end(numbers[0], 0, News.BUSY)
    for number in numbers[1:]:
        pace.end(number, 0, News.GOOD)
    assert pace.window == 4  # they began before: no news
    for number in begun(pace, 4, now=LONGEST_PAUSE):
        pace.end(number, LONGEST_PAUSE, News.GOOD)
    assert 4.8 < pace.window < 5


@pytest.mark.parametrize("error", [http_error(500, ""), http_error(502, ""), ConnectionError("broken")])
def test_a_failure_says_nothing_about_the_pace(error: ConnectionError) -> None:
    pace = Pace(8)
    pace.end(begun(pace, 1)[0], 0, News.of(error))
    assert (pace.window, pace.begin(0)) == (8, 0)


def test_a_refusal_is_an_answer() -> None:
    assert News.of(http_error(400, "")) is News.GOOD


def test_everybody_waits_as_long_as_the_service_asked_for() -> None:
    pace = Pace(8)
    one, two = begun(pace, 2, now=10)
    pace.end(one, 10, News.BUSY, pause=30)
    pace.end(two, 11, News.BUSY, pause=2)  # no shorter for that
    assert pace.begin(12) == 28
    assert pace.begin(40) == 0


def test_a_service_that_names_no_pause_gets_one_that_grows_and_ends() -> None:
    pace, now, waits = Pace(8), 0.0, []
    for _ in range(12):
        pace.end(begun(pace, 1, now)[0], now, News.BUSY)
        wait = pace.begin(now)
        assert wait is not None
        waits.append(round(wait, 3))
        now += wait
    assert waits[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert waits[-1] == LONGEST_PAUSE
    pace.end(begun(pace, 1, now)[0], now, News.GOOD)
    pace.end(begun(pace, 1, now)[0], now, News.BUSY)
    assert pace.begin(now) == pytest.approx(FIRST_PAUSE)


def test_a_fixed_rate_is_spread_evenly() -> None:
    pace, now = Pace(100, rate=4), 1000.0
    begins: list[float] = []
    while len(begins) < 9:
        wait = pace.begin(now)
        assert wait is not None
        if wait:
            now += wait
        else:
            begins.append(now - 1000)
    assert begins == pytest.approx([n / 4 for n in range(9)])


def test_who_wakes_up_late_does_not_slow_the_rate() -> None:
    pace, now = Pace(5000, rate=100), 0.0
    for _ in range(1000):
        while wait := pace.begin(now):
            now += wait + 0.003
    assert now == pytest.approx(9.99, rel=0.01)


def test_a_rest_is_not_made_up_for_with_a_burst() -> None:
    pace = Pace(100, rate=10)
    begun(pace, 1)
    assert pace.begin(60) == 0
    assert pace.begin(60) == pytest.approx(0.1, abs=0.011)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "end"]),
        st.sampled_from(News),
        st.none() | st.floats(0, 50),
        st.floats(0, 10),
        st.integers(0, 100),
    ),
    max_size=200,
)


@given(ceiling=st.integers(1, 20), rate=st.none() | st.floats(0.1, 1000), events=EVENTS)
def test_whatever_happens_the_window_keeps_its_bounds_and_recovers(
    ceiling: int, rate: float | None, events: list[tuple[str, News, float | None, float, int]]
) -> None:
    pace, now = Pace(ceiling, rate), 0.0
    under_way: list[int] = []
    for what, news, pause, passed, which in events:
        now += passed
        if what == "begin":
            if pace.begin(now) == 0:
                under_way.append(pace.begun)
        elif under_way:
            pace.end(under_way.pop(which % len(under_way)), now, news, pause)
        assert 1 <= pace.window <= ceiling
        assert pace.under_way == len(under_way) <= ceiling
    for number in under_way:
        pace.end(number, now, News.NONE)
    for _ in range(ceiling * ceiling + 1):
        wait = pace.begin(now)
        assert wait is not None
        if wait:
            now += wait + 1e-6
            assert pace.begin(now) == 0
        pace.end(pace.begun, now, News.GOOD)
    assert pace.window == ceiling
    assert now <= 10 * len(events) + 60 + (ceiling * ceiling + 2) / (rate or 1000)
