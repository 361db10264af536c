"""What it costs that requests can be watched: `python -m benchmarks.tracing`, which writes `results/tracing.json`.

Clients read in turn, in one process and of one server. One has not got the lines that look whether anybody watches. It
is compared with the usual one, as most programs have it and in a program that has imported OpenTelemetry and collects
nothing, and with one whose spans are made and thrown away. Ratios are taken block by block: the machine's speed may
drift, that of neighbours does not; and CPU time is what counts, because whoever else is at work on the machine has no
part in it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.__main__ import _server
from sequoia import Client
from sequoia.calls import Call
from sequoia.retry import REQUEST, EmptyRule, Operation, Task
from sequoia.sending import Sender
from sequoia.tokens import Token
from sequoia.transport import transport_error

HERE = Path(__file__).parent
LEAST = 0.98
LEAST_IMPORTED = 0.96
BLOCK = 50  # reads


class Unwatched(Sender):
    """A sender that looks for nobody: no hook, no log of requests, no span."""

    send = Sender._send  # noqa: SLF001 - what is compared

    def operation(
        self,
        strategy: Mapping[str, Any] | None = None,
        empty_rule: EmptyRule | None = None,
        task: Task = REQUEST,  # noqa: ARG002 - the signature of the other
    ) -> Operation:
        """A new operation."""
        self.channels.check_process()
        return Operation(self.settings.new_correlation_id(), self._policy.for_call(strategy, empty_rule))

    def _exchange(self, call: Call, token: Token | None, operation: Operation) -> httpx2.Response:
        own = {"x-correlation-id": operation.correlation_id}
        if token is not None and call.authenticated:
            own["authorization"] = f"Bearer {token.access_token}"
        try:
            return self.channels.send(call, self.channels.request(call, own))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise transport_error(error) from error


@dataclass(frozen=True)
class Line:
    """A client's outcome.

    Attributes:
        title: What it is.
        rate: Reads a second of CPU time of the client, the median.
        bare: The same of the unwatched one.
        ratio: Of the two, the median of all blocks.
        least: What that must be; None where it is only shown.
    """

    title: str
    rate: float
    bare: float
    ratio: float
    least: float | None

    @property
    def holds(self) -> bool:
        """Whether the ratio is what it must be."""
        return self.least is None or self.ratio >= self.least


def measured(url: str, blocks: int) -> list[Line]:
    """What the clients need, in so many blocks of reads."""
    secrets: dict[str, Any] = {"grant_client_id": "bench", "grant_client_secret": "bench", "proxies": {}}
    registry = f"{url}/services/acme"
    with Client(registry, **secrets) as bare, Client(registry, **secrets) as usual:
        bare._sender.__class__ = Unwatched  # noqa: SLF001 - see above
        lines = [_compared("hooks and spans off", usual, bare, blocks, LEAST)]
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - only now: see above

        lines.append(_compared("the same, OpenTelemetry imported", usual, bare, blocks, LEAST_IMPORTED))
        with Client(registry, **secrets, tracer_provider=TracerProvider()) as tracing:
            lines.append(_compared("spans made", tracing, bare, blocks))
    return lines


def _compared(title: str, one: Client, bare: Client, blocks: int, least: float | None = None) -> Line:
    rates: dict[Client, list[float]] = {one: [], bare: []}
    for number in range(blocks + 1):
        # Now the one is first, now the other, so that none of them always finds the machine as it likes it.
        for client in (one, bare) if number % 2 else (bare, one):
            rate = _rate(client)
            if number:  # the first block warms up
                rates[client].append(rate)
    ratio = statistics.median(a / b for a, b in zip(rates[one], rates[bare], strict=True))
    return Line(title, statistics.median(rates[one]), statistics.median(rates[bare]), ratio, least)


def _rate(client: Client) -> float:
    contents = client.metadata.contents
    started = time.process_time()
    for _ in range(BLOCK):
        contents.read("acme", "acme:film-0000001")
    return BLOCK / (time.process_time() - started)


def main() -> int:
    """Measure, print and write down; exit status 1 if what is off costs more than it may."""
    parser = argparse.ArgumentParser(description="What it costs that requests can be watched.")
    parser.add_argument("--blocks", type=int, default=200, help=f"blocks of {BLOCK} reads for each client")
    with _server() as url:
        lines = measured(url, parser.parse_args().blocks)
    print(f"{'reads in a second of CPU time':34}{'it':>8}{'without':>10}{'ratio':>8}{'least':>8}")
    for line in lines:
        least = "" if line.least is None else f"{line.least:.2f}"
        verdict = "" if line.holds else "   MISSED"
        print(f"{line.title:34}{line.rate:>8,.0f}{line.bare:>10,.0f}{line.ratio:>8.3f}{least:>8}{verdict}")
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "machine": platform.machine()}
    (results / "tracing.json").write_text(
        json.dumps({"machine": machine, "lines": [asdict(line) for line in lines]}, indent=2), encoding="utf-8"
    )
    return 0 if all(line.holds for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
