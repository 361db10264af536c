"""The clock that tests hand in, and the real one."""

from __future__ import annotations

import time

import pytest

from sequoia.clock import InstantClock, SystemClock


def test_an_instant_clock_waits_in_no_time_but_moves_on() -> None:
    clock = InstantClock(start=100.0)
    clock.sleep(2.5)
    clock.sleep(0)
    assert clock.waits == [2.5, 0]
    assert clock.monotonic() == clock.time() == 102.5


def test_an_instant_clock_can_be_advanced_without_a_wait() -> None:
    clock = InstantClock(start=100.0)
    clock.advance(50)
    assert clock.waits == []
    assert clock.monotonic() == 150.0


def test_an_instant_clock_makes_full_jitter_the_whole_wait() -> None:
    assert InstantClock().random() == 1.0


def test_an_instant_clock_starts_at_a_time_that_dates_can_be_compared_with() -> None:
    assert InstantClock().time() > 1_700_000_000


def test_the_system_clock_tells_the_systems_time() -> None:
    before = time.monotonic(), time.time()
    clock = SystemClock()
    assert before[0] <= clock.monotonic() <= time.monotonic()
    assert before[1] - 1 <= clock.time() <= time.time() + 1
    assert 0 <= clock.random() < 1


def test_the_system_clock_waits_as_long_as_it_is_told_and_never_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    for seconds in (0, -1, 2.5):  # the real one would raise for -1
        SystemClock().sleep(seconds)
    assert waits == [2.5]
