"""The fast paths, measured: `python -m benchmarks.fast` prints one table and writes `benchmarks/results/fast.json`.

A case has several clients do the same work, each in a fresh process, in turn, several rounds; its claims compare two of
them round by round, and the median of that is what must keep a bound. Where a client is so slow that the whole work
would take minutes, it does a part, and its rate is compared.
"""

from __future__ import annotations

import argparse
import json
import operator
import os
import platform
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.fast_clients import Outcome

HERE = Path(__file__).parent
ENVIRONMENTS = {"4.4.0": ".venv-4.4.0", "0.4.0": ".venv-async-0.4.0"}
DELAY = 30  # milliseconds
WORK = DELAY / 1000

Measure = Callable[[Outcome], float | None]


@dataclass(frozen=True)
class Run:
    """What one client does.

    Attributes:
        what: A function of `fast_clients`.
        owner: Whose catalogue, as `catalogue` reads it.
        arguments: Of the function, besides these.
        environment: The original SDK that it runs with, else this one.
    """

    what: str
    owner: str
    arguments: dict[str, Any]
    environment: str | None = None


@dataclass(frozen=True)
class Claim:
    """What must hold between two clients of a case.

    Attributes:
        one: Name of the one.
        other: Name of the other.
        bound: What `compare` of their measures must at least be, or with `at_most` at most; None if it is only shown.
        measure: What is compared of each.
        compare: How.
        unit: Of the measures.
        at_most: Whether the bound is the most, not the least.
    """

    one: str
    other: str
    bound: float | None
    measure: tuple[Measure, Measure]
    compare: Callable[[float, float], float] = operator.truediv
    unit: str = "/s"
    at_most: bool = False


@dataclass(frozen=True)
class Case:
    """Clients that do the same, and what must hold between them."""

    title: str
    runs: dict[str, Run]
    claims: tuple[Claim, ...]
    rounds: int = 3


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Attributes:
        case: The case's title.
        one: The client that the claim is about.
        other: The one that it is compared with.
        unit: Of both measures.
        rounds: Both measures of each round.
        measured: The median measure of the one.
        compared: The median measure of the other.
        result: The median of the rounds' comparisons.
        bound: What that must be.
        at_most: Whether the bound is the most, not the least.
        busy: The part of the one's time in which the server was at work.
        holds: Whether the bound is kept.
    """

    case: str
    one: str
    other: str
    unit: str
    rounds: list[tuple[float, float]]
    measured: float
    compared: float
    result: float
    bound: float | None
    at_most: bool
    busy: float
    holds: bool


def rate(outcome: Outcome) -> float:
    """Items, or requests, a second."""
    return outcome.number / outcome.seconds


def peak(outcome: Outcome) -> float:
    """Megabytes."""
    return outcome.peak


def faster(one: str, other: str, bound: float | None) -> Claim:
    """The one's rate is so many times the other's."""
    return Claim(one, other, bound, (rate, rate))


def no_larger(one: str, other: str, bound: float | None) -> Claim:
    """The one's process needs at most so many more megabytes than the other's."""
    return Claim(one, other, bound, (peak, peak), operator.sub, "MB", at_most=True)


def steady(name: str, bound: float) -> Claim:
    """The last thousand pages take at most so many times as long as the first thousand."""
    return Claim(name, name, bound, (lambda of: of.last, lambda of: of.first), unit="s", at_most=True)


def _scanning(workers: int, resources: int, what: str = "scan") -> Run:
    return Run(what, f"acme-{resources}-{DELAY}", {"total": resources, "workers": workers})


def _working(read_ahead: bool, what: str) -> Run:
    return Run(what, f"acme-5000-{DELAY}", {"total": 5_000, "work": WORK, "read_ahead": read_ahead})


def _walking(resources: int, what: str = "walk", environment: str | None = None, **options: Any) -> Run:
    return Run(what, f"acme-{resources}-0", {"total": resources, **options}, environment)


def _storing(total: int, what: str, environment: str | None = None, **options: Any) -> Run:
    return Run(what, f"acme-0-{DELAY}", {"total": total, **options}, environment)


CASES = [
    Case(
        "scan 100,000, 100 a page (items/s)",
        {
            "scan": _walking(100_000, "scan"),
            "bare httpx2 + msgspec": _walking(100_000, "pages"),
            "scan(raw=True)": _walking(100_000, "scan_raw"),
            "AsyncClient.scan": _walking(100_000, "scan_async"),
            "4.4.0 (5,000)": _walking(5_000, "browse", "4.4.0"),
        },
        (
            faster("scan", "4.4.0 (5,000)", 20),
            faster("scan", "bare httpx2 + msgspec", 0.85),
            faster("scan(raw=True)", "scan", 1.3),
            faster("AsyncClient.scan", "scan", None),
        ),
        rounds=5,
    ),
    *(
        Case(
            f"{title} 100,000, answers after {DELAY} ms (items/s)",
            {"8 workers": _scanning(8, 100_000, what), "1 worker (20,000)": _scanning(1, 20_000, what)},
            (faster("8 workers", "1 worker (20,000)", 6),),
        )
        for title, what in {"scan": "scan", "AsyncClient.scan": "scan_async"}.items()
    ),
    *(
        Case(
            f"{title} 5,000, server and caller {DELAY} ms a page (items/s)",
            {"read_ahead=True": _working(True, what), "read_ahead=False": _working(False, what)},
            (faster("read_ahead=True", "read_ahead=False", 1.3),),
        )
        for title, what in {"scan": "scan_and_work", "AsyncClient.scan": "scan_and_work_async"}.items()
    ),
    Case(
        "scan 1,000,000: peak memory (MB), and time of the first and last 1,000 pages (s)",
        {
            "scan": _walking(1_000_000),
            "scan of 10,000": _walking(10_000),
            "8 workers": _walking(1_000_000, workers=8),
            "8 workers, 10,000": _walking(10_000, workers=8),
            "AsyncClient.scan": _walking(1_000_000, "walk_async"),
            "AsyncClient.scan of 10,000": _walking(10_000, "walk_async"),
            "4.4.0, 25,000": _walking(25_000, "walk_browse", "4.4.0"),
            "4.4.0, 5,000": _walking(5_000, "walk_browse", "4.4.0"),
        },
        (
            no_larger("scan", "scan of 10,000", 15),
            no_larger("8 workers", "8 workers, 10,000", 15),
            no_larger("AsyncClient.scan", "AsyncClient.scan of 10,000", 15),
            no_larger("4.4.0, 25,000", "4.4.0, 5,000", None),
            steady("scan", 1.1),
        ),
    ),
    Case(
        f"store 50,000, answers after {DELAY} ms (items/s)",
        {
            "bulk_store, 8 workers": _storing(50_000, "bulk_store", workers=8),
            "AsyncClient, 8 workers": _storing(50_000, "bulk_store_async", workers=8),
            "store in batches of 100 (10,000)": _storing(10_000, "store", batch=100),
            "4.4.0, one by one (200)": _storing(200, "store_each", "4.4.0"),
        },
        (
            faster("bulk_store, 8 workers", "store in batches of 100 (10,000)", 6),
            faster("AsyncClient, 8 workers", "store in batches of 100 (10,000)", 6),
            faster("bulk_store, 8 workers", "4.4.0, one by one (200)", 50),
        ),
    ),
    Case(
        "1,000 reads at once (reads/s)",
        {
            "AsyncClient": Run("read_async", "acme-1000-0", {"at_once": 1_000, "times": 5}),
            "bare httpx2.AsyncClient": Run("read_bare", "acme-1000-0", {"at_once": 1_000, "times": 5}),
            "0.4.0": Run("read_0_4_0", "acme-1000-0", {"at_once": 1_000, "times": 1}, "0.4.0"),
        },
        (faster("AsyncClient", "0.4.0", 2), faster("AsyncClient", "bare httpx2.AsyncClient", 1 / 1.15)),
        rounds=5,
    ),
]


def main() -> int:
    """Run the cases that are asked for; exit status 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description="Scans, bulk writes and many reads at once, with what they replace.")
    parser.add_argument("only", nargs="?", default="", help="run only the cases whose title has this in it")
    parser.add_argument("--rounds", type=int, help="instead of each case's own number")
    given = parser.parse_args()
    with catalogues() as url:
        lines = [line for case in CASES if given.only in case.title for line in run(case, url, given.rounds)]
    print(table(lines))
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "machine": platform.machine()}
    (results / "fast.json").write_text(
        json.dumps({"machine": machine, "lines": [asdict(line) for line in lines]}, indent=2), encoding="utf-8"
    )
    return 0 if all(line.holds for line in lines) else 1


def run(case: Case, url: str, rounds: int | None = None) -> list[Line]:
    """Measure a case, and judge its claims."""
    outcomes: dict[str, list[Outcome]] = {name: [] for name in case.runs}
    busy: dict[str, list[float]] = {name: [] for name in case.runs}
    for number in range(rounds or case.rounds):
        print(f"{case.title}: round {number + 1} ...", file=sys.stderr)
        for name, one in case.runs.items():
            before = _stats(url)
            outcome = _outcome(one, url)
            after = _stats(url)
            if "store" in one.what:
                assert after["stored"] == outcome.number, after  # noqa: S101 - a benchmark of the wrong thing
            outcomes[name].append(outcome)
            busy[name].append((after["cpu"] - before["cpu"]) / outcome.seconds)
    return [_line(case, claim, outcomes, statistics.median(busy[claim.one])) for claim in case.claims]


def _line(case: Case, claim: Claim, outcomes: dict[str, list[Outcome]], busy: float) -> Line:
    ours, theirs = (
        [measure(outcome) or 0.0 for outcome in outcomes[name]]
        for measure, name in zip(claim.measure, (claim.one, claim.other), strict=True)
    )
    result = statistics.median(map(claim.compare, ours, theirs))
    return Line(
        case.title,
        claim.one,
        claim.other,
        claim.unit,
        list(zip(ours, theirs, strict=True)),
        statistics.median(ours),
        statistics.median(theirs),
        result,
        claim.bound,
        claim.at_most,
        busy,
        holds=claim.bound is None or (result <= claim.bound if claim.at_most else result >= claim.bound),
    )


def _outcome(one: Run, url: str) -> Outcome:
    # The old SDKs refuse a token endpoint over http unless they are told that this one is harmless.
    environment = {**os.environ, "OAUTHLIB_INSECURE_TRANSPORT": "1", "NO_PROXY": "127.0.0.1"}
    given = json.dumps({"what": one.what, "url": url, "owner": one.owner, **one.arguments})
    command = [_python(one.environment), "-m", "benchmarks.fast_clients", given]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment, cwd=HERE.parent, timeout=300
    )
    return Outcome(**json.loads(done.stdout))


def _python(environment: str | None) -> str:
    """The interpreter to run a client with; those of the originals are made by `make originals`."""
    if environment is None:
        return sys.executable
    folder = HERE.parent / ENVIRONMENTS[environment]
    if not (folder / ".ready").exists():
        sys.exit(f"{folder.name} is not there: make originals")
    return str(folder / "bin" / "python")


@contextmanager
def catalogues() -> Iterator[str]:
    """The URL of a server with catalogues, which ends with the block."""
    command = [sys.executable, "-m", "benchmarks.catalogue"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent) as server:
        assert server.stdout is not None  # noqa: S101 - it is a pipe
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        assert server.stdin is not None  # noqa: S101 - it is a pipe
        server.stdin.close()


def _stats(url: str) -> dict[str, float]:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}/stats") as answer:
        stats: dict[str, float] = json.load(answer)
    return stats


def table(lines: Sequence[Line]) -> str:
    """The lines as text, one below the other, under the titles of their cases."""
    rows = [f"{'':28}{'':>12}   {'compared with':34}{'':>12}{'result':>10}{'bound':>11}{'server':>8}"]
    title = ""
    for line in lines:
        if line.case != title:
            title = line.case
            rows.append(title)
        rows.append(_row(line))
    return "\n".join(rows)


def _row(line: Line) -> str:
    digits = {"/s": 0, "MB": 1, "s": 3}[line.unit]
    result = f"{line.result:+.1f} MB" if line.unit == "MB" else f"{line.result:.2f} x"
    bound = "" if line.bound is None else f"{'<=' if line.at_most else '>='} {line.bound:.4g}"
    measures = f"  {line.one:26}{line.measured:>12,.{digits}f}   {line.other:34}{line.compared:>12,.{digits}f}"
    return f"{measures}{result:>10}{bound:>11}{line.busy:>8.0%}{'' if line.holds else '   MISSED'}"


if __name__ == "__main__":
    sys.exit(main())
