"""Whether a request is sent again, and when: a `backoff_strategy` as a value, and its state in one operation.

The shells wait; what they wait for is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec.structs import replace

from sequoia.clock import Clock
from sequoia.error import ConnectionError, HttpError, RequestError, Timeout

if TYPE_CHECKING:
    from sequoia.spans import Trace

__all__ = ["REQUEST", "EmptyRule", "Operation", "RetryPolicy", "Task", "Tries", "retry_after_seconds"]

DEFAULT_MAX_TIME = 120.0
EmptyRule = bool | Mapping[str, bool]
WaitGenerator = Generator[Any, Any, None]

_DIGITS = re.compile(r"\d{1,9}")


class RetryPolicy(msgspec.Struct, frozen=True):
    """How often, how long and for what a request is repeated; the default is the platform SDKs': ten tries, no wait.

    Attributes:
        wait_gen: A wait generator of the package `backoff`, or any generator function of that form; None for
            `backoff.constant`.
        wait_arguments: The generator's own arguments.
        jitter: Makes the seconds to wait of the seconds generated; None for exactly those; absent for full jitter.
        max_tries: Number of tries, the first included; None for no bound but the time.
        max_time: Seconds from the first try after which no other begins.
        statuses: HTTP statuses that are retried besides 429 and 5xx.
        empty_rule: Which resources must be in an answer; False for none.
        unsafe: Repeat writes even where that may write twice.
    """

    wait_gen: Callable[..., WaitGenerator] | None = None
    wait_arguments: Mapping[str, Any] = msgspec.field(default_factory=lambda: {"interval": 0})
    jitter: Callable[[float], float] | bool | None = True
    max_tries: int | None = 10
    max_time: float = DEFAULT_MAX_TIME
    statuses: frozenset[int] = frozenset()
    empty_rule: EmptyRule = False
    unsafe: bool = False

    @classmethod
    def of(cls, strategy: Mapping[str, Any] | None) -> RetryPolicy:
        """Read a `backoff_strategy` without changing it; None, or an empty dict, is the default policy.

        Raises:
            ValueError: A value makes no sense, or the wait generator does not know an argument.
        """
        if strategy is None:
            return cls()
        if not isinstance(strategy, Mapping):  # before its truth: an empty list is a mistake
            raise ValueError(f"backoff_strategy must be a dict, not {strategy!r}")
        if not strategy:
            return cls()
        rest = dict(strategy)
        policy = cls(
            max_tries=_positive_int(rest.pop("max_tries", None)),
            max_time=_positive_seconds(rest.pop("max_time", None)),
            statuses=_statuses(rest.pop("retry_http_status_codes", ())),
            empty_rule=_empty_rule(rest.pop("retry_when_empty_result", None)),
            unsafe=bool(rest.pop("retry_unsafe", False)),
            jitter=_jitter(rest.pop("jitter", True)),
            wait_gen=rest.pop("wait_gen", None),
            wait_arguments=rest,
        )
        policy.waits()
        return policy

    def for_call(self, strategy: Mapping[str, Any] | None, empty_rule: EmptyRule | None) -> RetryPolicy:
        """The policy of one operation: `strategy` replaces this one as a whole, then `empty_rule` is filled in.

        A `retry_when_empty_result` inside `strategy` wins over the argument of that name, as in 4.4.0.
        """
        policy = self if strategy is None or strategy == {} else RetryPolicy.of(strategy)
        if empty_rule is None or (strategy and "retry_when_empty_result" in strategy):
            return policy
        return replace(policy, empty_rule=_empty_rule(empty_rule))

    def waits(self) -> WaitGenerator:
        """A fresh wait generator.

        Raises:
            ValueError: It does not know one of its arguments.
        """
        if self.wait_gen is not None and not callable(self.wait_gen):
            raise ValueError(f"backoff_strategy: wait_gen must be a generator function, not {self.wait_gen!r}")
        try:
            made = (self.wait_gen or _constant())(**self.wait_arguments)
        except TypeError as error:
            raise ValueError(f"backoff_strategy: {error}") from error
        if not isinstance(made, Generator):
            raise ValueError(f"backoff_strategy: wait_gen must be a generator function, not {self.wait_gen!r}")
        return made


class Task(NamedTuple):
    """What an operation does, for the log and for traces.

    Attributes:
        name: `read`, `browse`, `bulk_store`, ...
        service: Name of the service.
        resource: Name of the resource in URLs.
        owner: The tenant.
    """

    name: str
    service: str | None = None
    resource: str | None = None
    owner: str | None = None

    def __str__(self) -> str:
        where = "/".join(part for part in (self.service, self.resource) if part)
        return f"{self.name} {where}" if where else self.name


REQUEST = Task("request")
"""What nothing more is known of."""


class Operation(msgspec.Struct, frozen=True):
    """What the requests of one operation share: its pages, its tries, its linked pages.

    Attributes:
        correlation_id: Its `X-Correlation-ID`.
        policy: When its requests are repeated.
        paced: Whether its requests keep to the pace of the client: those of scans and bulk writes do.
        task: What it does.
        trace: What its spans hang on; None where nobody collects any.
    """

    correlation_id: str
    policy: RetryPolicy
    paced: bool = False
    task: Task = REQUEST
    trace: Trace | None = None

    def without_empty_rule(self) -> Operation:
        """The same operation for a request that may well find nothing."""
        return replace(self, policy=replace(self.policy, empty_rule=False))


class Tries:
    """One operation's way through its policy.

    Args:
        policy: The policy.
        repeatable: Whether sending the request twice does no harm, even if the first one went through.
        clock: The time, and chance for the jitter.
    """

    def __init__(self, policy: RetryPolicy, clock: Clock, *, repeatable: bool) -> None:
        self.count = 1
        self._ambiguous = False
        self._policy = policy
        self._clock = clock
        self._repeatable = repeatable or policy.unsafe
        self._started = clock.monotonic()
        self._waits: WaitGenerator | None = None
        self._sends = True

    def begin(self) -> None:
        """A try begins. The time before the first one, spent waiting for its turn, does not count."""
        if self.count == 1:
            self._started = self._clock.monotonic()

    def after_error(self, error: RequestError) -> float | None:
        """Seconds to wait before the next try, or None to give up; the number of tries is written on the error."""
        error.tries = self.count
        error.ambiguous = self._ambiguous
        if not self._may_repeat(error):
            return None
        self._ambiguous |= error.sent and not (isinstance(error, HttpError) and error.status_code < 500)
        return self._next(error, at_least=error.retry_after or 0.0)

    def after_empty(self, answer: object) -> float | None:
        """Seconds to wait before asking again for what was not there, or None to make do with the answer."""
        return self._next(answer, at_least=0.0)

    def _may_repeat(self, error: RequestError) -> bool:
        if isinstance(error, HttpError):
            if error.status_code == 429 or (error.status_code < 500 and error.status_code in self._policy.statuses):
                return True
            return error.status_code >= 500 and self._repeatable
        return isinstance(error, ConnectionError | Timeout) and (self._repeatable or not error.sent)

    def _next(self, outcome: object, *, at_least: float) -> float | None:
        left = self._policy.max_time - (self._clock.monotonic() - self._started)
        if left <= 0 or (self._policy.max_tries is not None and self.count >= self._policy.max_tries):
            return None
        wait = self._wait(outcome)
        if wait is None:
            return None
        self.count += 1
        return min(max(wait, at_least), left)

    def _wait(self, outcome: object) -> float | None:
        """The next value of the wait generator with its jitter; None when it has come to its end."""
        try:
            value = float(self._generated(outcome))
        except StopIteration:
            return None
        jitter = self._policy.jitter
        if jitter is True:
            return value * self._clock.random()
        return jitter(value) if callable(jitter) else value

    def _generated(self, outcome: object) -> Any:
        """What the wait generator yields next.

        Since backoff 2 it yields None before it is sent anything; one for the backoff of 4.4.0, which sends nothing,
        begins with its first wait.
        """
        if self._waits is None:
            self._waits = self._policy.waits()
            first = next(self._waits)
            self._sends = first is None
            if first is not None:
                return first
        return self._waits.send(outcome if self._sends else None)


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """Read a `Retry-After` header (RFC 9110, 10.2.3): seconds, or a date compared with `now` in Unix seconds.

    What is neither is None: a wait nobody can read is no wait.
    """
    if value is None:
        return None
    if _DIGITS.fullmatch(value := value.strip()):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
        # Without a zone it is UTC, like every date of HTTP.
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _constant() -> Callable[..., WaitGenerator]:
    import backoff  # noqa: PLC0415 - it imports asyncio: 10 ms that only a client that retries pays

    return backoff.constant


def _positive_int(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"backoff_strategy: max_tries must be a whole number from 1, not {value!r}")
    return value


def _positive_seconds(value: Any) -> float:
    if value is None:
        return DEFAULT_MAX_TIME
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ValueError(f"backoff_strategy: max_time must be a number of seconds, not {value!r}")
    return float(value)


def _statuses(value: Any) -> frozenset[int]:
    if value is None:
        return frozenset()
    given = value if isinstance(value, list | tuple | set | frozenset) else [value]
    try:
        statuses = frozenset(int(one) for one in given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"backoff_strategy: retry_http_status_codes must be HTTP statuses, not {value!r}") from error
    if not all(100 <= status <= 599 for status in statuses):
        raise ValueError(f"backoff_strategy: retry_http_status_codes must be HTTP statuses, not {value!r}")
    return statuses


def _empty_rule(value: Any) -> EmptyRule:
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: bool(wanted) for name, wanted in value.items()}
    raise ValueError(f"retry_when_empty_result must be True, False or a dict of resource names, not {value!r}")


def _jitter(value: Any) -> Callable[[float], float] | bool | None:
    if value is None or value is True or callable(value):
        return value  # type: ignore[no-any-return]
    raise ValueError(f"backoff_strategy: jitter must be a function of the seconds to wait, or None, not {value!r}")
