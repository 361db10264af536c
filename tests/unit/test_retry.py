"""Retries: what a `backoff_strategy` means, what is sent again, when, and when it is given up."""

from __future__ import annotations

import copy
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import backoff
import pytest

from sequoia.clock import InstantClock
from sequoia.error import (
    ConnectionError,
    DecodeError,
    RequestError,
    Timeout,
    TooManyRedirects,
    http_error,
)
from sequoia.retry import RetryPolicy, Tries, retry_after_seconds

NO_JITTER: Mapping[str, Any] = {"jitter": None}


def _waits(strategy: Mapping[str, Any] | None, error: RequestError | None = None, *, limit: int = 50) -> list[float]:
    """Every wait until it is given up."""
    clock = InstantClock()
    tries = Tries(RetryPolicy.of(strategy), clock, repeatable=True)
    waits: list[float] = []
    while len(waits) < limit and (wait := tries.after_error(error or http_error(503, "busy"))) is not None:
        clock.sleep(wait)
        waits.append(wait)
    return waits


def _again(error: RequestError, strategy: Mapping[str, Any] | None = None, *, repeatable: bool = True) -> bool:
    return Tries(RetryPolicy.of(strategy), InstantClock(), repeatable=repeatable).after_error(error) is not None


def _unsent(error: RequestError) -> RequestError:
    error.sent = False
    return error


# ---- the policy ----


def test_without_a_strategy_there_are_ten_tries_at_once() -> None:
    assert _waits(None) == [0.0] * 9


def test_a_strategy_replaces_the_default_as_a_whole() -> None:
    policy = RetryPolicy.of({"max_time": 5})
    assert (policy.max_tries, policy.max_time) == (None, 5.0)
    assert next_wait({"max_time": 5, **NO_JITTER}) == 1.0  # backoff.constant's own interval, not the default's 0


def next_wait(strategy: Mapping[str, Any]) -> float:
    return _waits(strategy, limit=1)[0]


@pytest.mark.parametrize(
    ("strategy", "waits"),
    [
        ({"wait_gen": backoff.constant, "interval": 2, "max_tries": 4}, [2, 2, 2]),
        ({"interval": 2, "max_tries": 3}, [2, 2]),
        ({"wait_gen": backoff.expo, "max_tries": 5}, [1, 2, 4, 8]),
        ({"wait_gen": backoff.expo, "base": 3, "factor": 2, "max_value": 10, "max_tries": 5}, [2, 6, 10, 10]),
        ({"wait_gen": backoff.fibo, "max_tries": 7}, [1, 1, 2, 3, 5, 8]),
        ({"wait_gen": backoff.fibo, "max_value": 2, "max_tries": 5}, [1, 1, 2, 2]),
        ({"wait_gen": backoff.constant, "interval": [1, 5, 2], "max_tries": 9}, [1, 5, 2]),
        ({"wait_gen": backoff.constant, "interval": (3,), "max_time": 100}, [3]),
        ({"wait_gen": backoff.constant, "interval": 0.25, "max_tries": 2}, [0.25]),
        ({"wait_gen": None, "interval": 4, "max_tries": 2}, [4]),
    ],
)
def test_the_wait_generators_of_backoff_say_how_long_to_wait(strategy: dict[str, Any], waits: list[float]) -> None:
    assert _waits({**strategy, **NO_JITTER}) == waits


def test_a_runtime_generator_reads_the_wait_off_the_error() -> None:
    error = http_error(503, "busy")
    error.headers = {"x-wait": "7"}
    strategy = {"wait_gen": backoff.runtime, "value": lambda e: int(e.headers["x-wait"]), "max_tries": 3, **NO_JITTER}
    assert _waits(strategy, error) == [7, 7]


def test_a_runtime_generator_reads_the_wait_off_an_empty_answer() -> None:
    policy = RetryPolicy.of({"wait_gen": backoff.runtime, "value": lambda answer: answer["wait"], **NO_JITTER})
    assert Tries(policy, InstantClock(), repeatable=True).after_empty({"wait": 3}) == 3


def test_a_wait_generator_of_the_users_own_will_do() -> None:
    def slower(step: float) -> Generator[float | None, Any, None]:
        yield None
        for number in range(1, 4):
            yield number * step

    assert _waits({"wait_gen": slower, "step": 1.5, **NO_JITTER}) == [1.5, 3.0, 4.5]


@pytest.mark.parametrize("waits", [[5.0], [0.0, 1.5, 3.0]])
def test_a_wait_generator_for_backoff_1_begins_with_its_first_wait(waits: list[float]) -> None:
    def plain() -> Generator[float, Any, None]:
        yield from waits

    assert _waits({"wait_gen": plain, **NO_JITTER}) == waits


@pytest.mark.parametrize("number", [1, 2, 5])
def test_the_number_of_tries_counts_the_first_one(number: int) -> None:
    assert len(_waits({"max_tries": number, "interval": 0})) == number - 1


def test_jitter_is_absent_for_full_jitter() -> None:
    class Half(InstantClock):
        def random(self) -> float:
            return 0.5

    tries = Tries(RetryPolicy.of({"interval": 8}), Half(), repeatable=True)
    assert tries.after_error(http_error(503, "")) == 4.0


def test_jitter_none_waits_exactly_as_long_as_generated() -> None:
    class Never(InstantClock):
        def random(self) -> float:
            raise AssertionError("no chance in this")

    assert Tries(RetryPolicy.of({"interval": 8, "jitter": None}), Never(), repeatable=True).after_empty({}) == 8.0


def test_jitter_may_be_a_function_of_the_wait() -> None:
    assert next_wait({"interval": 8, "jitter": lambda value: value / 4}) == 2.0


def test_the_full_jitter_of_backoff_can_be_given_as_it_is() -> None:
    assert 0 <= next_wait({"interval": 8, "jitter": backoff.full_jitter}) <= 8


def test_time_runs_out_after_max_time_and_the_last_wait_is_cut_to_it() -> None:
    assert _waits({"interval": 4, "max_time": 10, **NO_JITTER}) == [4, 4, 2]


@pytest.mark.parametrize("absent", [{}, {"max_time": None}])
def test_without_max_time_there_are_120_seconds(absent: dict[str, Any]) -> None:
    assert _waits({"interval": 50, **NO_JITTER, **absent}) == [50, 50, 20]


def test_a_max_time_of_zero_leaves_one_try() -> None:
    assert _waits({"max_time": 0}) == []


def test_time_that_a_request_took_counts() -> None:
    clock = InstantClock()
    tries = Tries(RetryPolicy.of({"interval": 1, "max_time": 10}), clock, repeatable=True)
    clock.advance(10)
    assert tries.after_error(http_error(503, "")) is None


def test_the_same_policy_serves_any_number_of_operations() -> None:
    policy = RetryPolicy.of({"wait_gen": backoff.fibo, "max_tries": 3, **NO_JITTER})
    for _ in range(2):
        tries = Tries(policy, InstantClock(), repeatable=True)
        assert [tries.after_error(http_error(503, "")) for _ in range(3)] == [1.0, 1.0, None]


def test_a_callers_dict_is_never_changed() -> None:
    strategy: dict[str, Any] = {
        "wait_gen": backoff.expo, "base": 2, "jitter": None, "max_tries": 3, "max_time": 9,
        "retry_http_status_codes": ["404"], "retry_when_empty_result": {"contents": True}, "retry_unsafe": True,
    }  # fmt: skip
    before = copy.copy(strategy)
    RetryPolicy.of(strategy)
    RetryPolicy().for_call(strategy, True)
    assert strategy == before


def test_a_policy_does_not_follow_later_changes_of_the_callers_dict() -> None:
    rule = {"contents": True}
    strategy = {"interval": 1, "retry_when_empty_result": rule, **NO_JITTER}
    policy = RetryPolicy.of(strategy)
    strategy["interval"] = 99
    rule["contents"] = False
    assert Tries(policy, InstantClock(), repeatable=True).after_empty({}) == 1.0
    assert policy.empty_rule == {"contents": True}


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ("expo", "backoff_strategy must be a dict"),
        ([("max_tries", 3)], "backoff_strategy must be a dict"),
        ({"max_tries": 0}, "max_tries"),
        ({"max_tries": -1}, "max_tries"),
        ({"max_tries": True}, "max_tries"),
        ({"max_tries": 2.5}, "max_tries"),
        ({"max_tries": "3"}, "max_tries"),
        ({"max_time": -1}, "max_time"),
        ({"max_time": "10"}, "max_time"),
        ({"max_time": float("nan")}, "max_time"),
        ({"max_time": float("inf")}, "max_time"),
        ({"max_time": True}, "max_time"),
        ({"retry_http_status_codes": "many"}, "retry_http_status_codes"),
        ({"retry_http_status_codes": [404, None]}, "retry_http_status_codes"),
        ({"retry_http_status_codes": 99}, "retry_http_status_codes"),
        ({"retry_http_status_codes": 600}, "retry_http_status_codes"),
        ({"retry_http_status_codes": True}, "retry_http_status_codes"),
        ({"retry_when_empty_result": "contents"}, "retry_when_empty_result"),
        ({"retry_when_empty_result": ["contents"]}, "retry_when_empty_result"),
        ({"retry_when_empty_result": {7: True}}, "retry_when_empty_result"),
        ({"jitter": "full"}, "jitter"),
        ({"jitter": False}, "jitter"),
        ({"wait_gen": "expo"}, "wait_gen must be a generator function"),
        ({"wait_gen": lambda: [1, 2]}, "wait_gen must be a generator function"),
        ({"wait_gen": backoff.expo, "interval": 1}, "interval"),
        ({"intervall": 1}, "intervall"),
        ({"wait_gen": backoff.runtime}, "value"),
    ],
)
def test_a_strategy_that_makes_no_sense_is_refused_by_the_name_of_its_key(strategy: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RetryPolicy.of(strategy)


# ---- what is retried ----


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 599])
def test_429_and_5xx_are_retried(status: int) -> None:
    assert _again(http_error(status, ""))


@pytest.mark.parametrize("status", [300, 400, 401, 403, 404, 408, 409, 412, 422])
def test_any_other_status_is_final(status: int) -> None:
    assert not _again(http_error(status, ""))


@pytest.mark.parametrize("codes", [404, "404", [404], ("404", 409), ["409", 404], {404}])
def test_statuses_that_are_asked_for_are_retried_too(codes: object) -> None:
    strategy = {"retry_http_status_codes": codes}
    assert _again(http_error(404, ""), strategy)
    assert _again(http_error(503, ""), strategy)
    assert _again(http_error(429, ""), strategy)
    assert not _again(http_error(400, ""), strategy)


@pytest.mark.parametrize("codes", [(), []])
def test_no_statuses_asked_for_is_none(codes: object) -> None:
    assert RetryPolicy.of({"retry_http_status_codes": codes}).statuses == frozenset()


def test_a_lost_connection_and_a_timeout_are_retried() -> None:
    assert _again(ConnectionError("lost"))
    assert _again(Timeout("late"))


def test_redirects_without_end_are_not_retried() -> None:
    assert not _again(TooManyRedirects("round"))
    assert not isinstance(DecodeError("html"), RequestError)  # and neither is an answer nobody can read


@pytest.mark.parametrize("error", [http_error(500, ""), http_error(503, ""), ConnectionError("lost"), Timeout("late")])
def test_a_write_that_may_have_gone_through_is_not_repeated(error: RequestError) -> None:
    assert not _again(error, repeatable=False)


@pytest.mark.parametrize("error", [http_error(500, ""), ConnectionError("lost"), Timeout("late")])
def test_a_write_that_may_have_gone_through_is_repeated_when_the_caller_says_so(error: RequestError) -> None:
    assert _again(error, {"retry_unsafe": True}, repeatable=False)


def test_a_write_that_cannot_have_gone_through_is_repeated() -> None:
    assert _again(http_error(429, ""), repeatable=False)
    assert _again(_unsent(ConnectionError("no connection")), repeatable=False)
    assert _again(_unsent(Timeout("no connection")), repeatable=False)


def test_a_status_asked_for_does_not_make_an_unsafe_write_safe() -> None:
    assert not _again(http_error(503, ""), {"retry_http_status_codes": [503]}, repeatable=False)


def test_the_error_knows_the_number_of_tries() -> None:
    tries = Tries(RetryPolicy.of({"max_tries": 3, "interval": 0}), InstantClock(), repeatable=True)
    numbers = []
    for _ in range(3):
        error = http_error(503, "")
        tries.after_error(error)
        numbers.append(error.tries)
    assert numbers == [1, 2, 3]


@pytest.mark.parametrize(
    ("first", "ambiguous"),
    [
        (http_error(503, ""), True),
        (ConnectionError("lost"), True),
        (Timeout("late"), True),
        (http_error(429, ""), False),
        (_unsent(ConnectionError("none")), False),
    ],
)
def test_an_error_after_a_try_that_may_have_gone_through_says_so(first: RequestError, ambiguous: bool) -> None:
    tries = Tries(RetryPolicy(), InstantClock(), repeatable=True)
    tries.after_error(first)
    second = http_error(412, "")
    tries.after_error(second)
    assert (first.ambiguous, second.ambiguous) == (False, ambiguous)


# ---- Retry-After ----


@pytest.fixture
def far_west() -> Iterator[None]:
    """A machine whose own time is not UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "XXX9")
        time.tzset()
        yield
    time.tzset()


def _busy(seconds: float | None) -> RequestError:
    error = http_error(429, "")
    error.retry_after = seconds
    return error


def test_retry_after_is_honoured_where_it_is_longer_than_the_wait() -> None:
    assert _waits({"interval": 2, "max_tries": 3, **NO_JITTER}, _busy(7.0)) == [7, 7]
    assert _waits({"interval": 9, "max_tries": 3, **NO_JITTER}, _busy(7.0)) == [9, 9]
    assert _waits({"interval": 2, "max_tries": 3, **NO_JITTER}, _busy(None)) == [2, 2]


def test_retry_after_is_honoured_up_to_what_is_left_of_max_time() -> None:
    assert _waits({"interval": 0, "max_time": 10}, _busy(6.0)) == [6, 4]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 08:00:30 -0000", 30.0),
        ("Fri, 15 Jan 2027 08:00:30", 30.0),
        ("Fri, 15 Jan 2027 10:00:30 +0200", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("Fri, 99 Jan 2027 08:00:30 GMT", None),
        ("9" * 400, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(far_west: None, header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, 1_800_000_000.0) == seconds


# ---- one call's policy ----


def test_a_calls_strategy_replaces_the_clients() -> None:
    client = RetryPolicy.of({"max_tries": 3, "retry_http_status_codes": 404, "retry_when_empty_result": True})
    policy = client.for_call({"max_tries": 7}, None)
    assert (policy.max_tries, policy.statuses, policy.empty_rule) == (7, frozenset(), False)


def test_without_a_strategy_of_its_own_a_call_has_the_clients() -> None:
    client = RetryPolicy.of({"max_tries": 3, "retry_when_empty_result": True})
    assert client.for_call(None, None) is client


def test_the_argument_for_empty_results_joins_the_clients_policy() -> None:
    client = RetryPolicy.of({"max_tries": 3})
    assert client.for_call(None, {"contents": True}).empty_rule == {"contents": True}
    assert client.for_call(None, {"contents": True}).max_tries == 3
    assert client.for_call(None, False).empty_rule is False


def test_a_rule_for_empty_results_in_the_strategy_wins_over_the_argument() -> None:
    assert RetryPolicy().for_call({"retry_when_empty_result": False}, True).empty_rule is False


def test_a_rule_for_empty_results_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="retry_when_empty_result"):
        RetryPolicy().for_call(None, "yes")  # type: ignore[arg-type]


def test_the_time_before_the_first_try_does_not_count() -> None:
    clock = InstantClock()
    tries = Tries(RetryPolicy.of({"max_time": 60, "interval": 0}), clock, repeatable=True)
    clock.advance(600)  # behind others, at the gate
    tries.begin()
    assert tries.after_error(ConnectionError("broken")) == 0
    clock.advance(61)
    tries.begin()
    assert tries.after_error(ConnectionError("broken")) is None
