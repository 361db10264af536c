"""What keeps a request from lasting for ever, and its answer from filling the memory: the deadline, and the limit.

The transport bounds each phase of a request, but a server that sends a byte now and then is never late. So a whole
request has a deadline as well. It travels with the timeouts down to the network, see `network`, where the waiting is
done: a proxy's answer, headers and a body that drip are all read there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Self

import httpx2

from sequoia.error import DecodeError

__all__ = ["Bounds", "Phase", "check_size", "fits", "left", "pieces"]

# What is sent goes out in pieces of this many bytes, so that the deadline is looked at while a slow server takes it.
PIECE = 64 * 1024


class Phase(float):
    """The seconds that one phase of a request may take, which also knows when the whole request must have ended.

    Args:
        seconds: The seconds of the phase.
        ends: `time.monotonic()` at the deadline: an answer takes real time, whatever clock a test hands in.
    """

    __slots__ = ("ends",)
    ends: float

    def __new__(cls, seconds: float, ends: float) -> Self:
        """Make a float with a deadline."""
        made = super().__new__(cls, seconds)
        made.ends = ends
        return made


class Bounds:
    """How long the requests of one client may take.

    Args:
        timeout: The seconds of each phase; None for a phase without a bound.

    Attributes:
        whole: Seconds for a whole request: the sum of its phases, or None where one of them has no bound.
    """

    def __init__(self, timeout: httpx2.Timeout) -> None:
        self._phases: Mapping[str, float | None] = timeout.as_dict()
        self._bounded = {name: seconds for name, seconds in self._phases.items() if seconds is not None}
        self.whole = sum(self._bounded.values()) if len(self._bounded) == len(self._phases) else None

    def timeouts(self) -> Mapping[str, float | None]:
        """The timeouts of a request that begins now."""
        if self.whole is None:
            return self._phases
        ends = time.monotonic() + self.whole
        return {name: Phase(seconds, ends) for name, seconds in self._bounded.items()}


def left(timeout: float | None, late: type[httpx2.TimeoutException]) -> float | None:
    """The seconds that a phase may still take.

    Raises:
        httpx2.TimeoutException: `late`, if the whole request should have ended.
    """
    if not isinstance(timeout, Phase):
        return timeout
    remaining = timeout.ends - time.monotonic()
    if remaining <= 0:
        raise late("the whole request took too long")
    return min(timeout, remaining)


def pieces(data: bytes) -> Iterator[bytes]:
    """What is to be sent, in pieces of bounded length."""
    return (data[start : start + PIECE] for start in range(0, len(data), PIECE))


def fits(response: httpx2.Response, limit: int) -> bool:
    """Whether a body is known to keep to a limit before it is read: it has a length, and is what will be read."""
    headers = {name.lower(): value for name, value in response.headers.raw}
    length = headers.get(b"content-length", b"")
    # A length beside a transfer coding counts for nothing (RFC 9112, 6.3).
    coded = {b"content-encoding", b"transfer-encoding"} & headers.keys()
    return not coded and length.isdigit() and int(length[:20]) <= limit


def check_size(size: int, limit: int, response: httpx2.Response) -> None:
    """Refuse a body that is larger than a client takes.

    Args:
        size: Its bytes so far, decompressed.
        limit: The most bytes, `max_response_bytes`.
        response: The response that it belongs to.

    Raises:
        DecodeError: It is larger.
    """
    if size > limit:
        request = response.request
        raise DecodeError(
            f"the answer to {request.method} {request.url.copy_with(userinfo=b'')} is larger than {limit:,} bytes, "
            "decompressed: it was not read to its end (max_response_bytes)"
        )
