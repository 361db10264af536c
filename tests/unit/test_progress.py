"""How far it is: counted, and told to whoever asked."""

from __future__ import annotations

import pytest

from sequoia import InstantClock
from sequoia.progress import Meter, Progress


def test_a_callback_is_told_what_is_done() -> None:
    told: list[Progress] = []
    clock = InstantClock()
    meter = Meter(told.append, clock.monotonic)
    meter.total = 300
    clock.advance(2)
    meter.add(100, 5000)
    clock.advance(2)
    meter.add(100, 4000)
    assert told == [Progress(100, 300, 5000, 2.0, 50.0), Progress(200, 300, 9000, 4.0, 50.0)]


def test_what_was_done_before_counts_but_does_not_make_it_faster() -> None:
    clock = InstantClock()
    meter = Meter(None, clock.monotonic, done=1000)
    meter.add(10)
    assert meter.now() == Progress(1010, None, 0, 0.0, 0.0)
    clock.advance(5)
    assert meter.now().rate == 2.0


def test_what_the_callback_raises_is_raised() -> None:
    def refuse(progress: Progress) -> None:
        raise LookupError(progress.done)

    with pytest.raises(LookupError, match="7"):
        Meter(refuse, InstantClock().monotonic).add(7)


def test_a_callback_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(ValueError, match="progress must be a function"):
        Meter("often", InstantClock().monotonic)  # type: ignore[arg-type]
