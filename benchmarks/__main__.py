"""Run the benchmarks, print one table and write it as JSON to `benchmarks/results/`.

Rates of one line are taken in turn within one run (this SDK, the bare loop, 4.4.0, and again), and compared round by
round: the machine's speed may drift, the ratio of neighbours does not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
OLD_ENVIRONMENT = HERE.parent / ".venv-4.4.0"


@dataclass(frozen=True)
class Case:
    """One line of the table: what is timed, and what its ratios must at least be."""

    title: str
    unit: str
    arguments: tuple[str, ...]
    least_of_bare: float
    least_of_old: float | None = None
    rounds: int = 3


@dataclass(frozen=True)
class Line:
    """A case's outcome: median rates, and the median of the ratios of each round."""

    title: str
    unit: str
    sdk: float
    bare: float
    old: float | None
    of_bare: float
    least_of_bare: float
    of_old: float | None
    least_of_old: float | None

    @property
    def holds(self) -> bool:
        """Whether both ratios are what they must be."""
        return self.of_bare >= self.least_of_bare and (self.of_old or 0) >= (self.least_of_old or 0)


CASES = [
    *(
        Case(
            f"browse {total:,} with continue, {size} a page",
            "items/s",
            ("browse", "acme", str(size), str(total)),
            0.8,
            20,
        )
        for total in (5_000, 25_000)
        for size in (100, 500)
    ),
    Case("browse 5,000 of nothing but ASCII, 100 a page", "items/s", ("browse", "plain", "100", "5000"), 0.8, 1),
    Case("read one resource", "reads/s", ("read", "acme", "2000"), 0.8, 1.4, rounds=5),
    Case("read one of nothing but ASCII", "reads/s", ("read", "plain", "2000"), 0.8, 1.4, rounds=5),
    Case("import", "imports/s", ("import",), 1 / 1.3, rounds=15),
]


def main() -> int:
    """Run the cases that are asked for; exit status 1 if a ratio is not what it must be."""
    parser = argparse.ArgumentParser(description="Benchmarks, side by side with 4.4.0 and with bare httpx2 + msgspec.")
    parser.add_argument("only", nargs="?", default="", help="run only the cases whose title has this in it")
    chosen = parser.parse_args().only
    old = _old_python()
    with _server() as url:
        lines = [_line(case, url, old) for case in CASES if chosen in case.title]
    print(_table(lines))
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "machine": platform.machine()}
    (results / "latest.json").write_text(
        json.dumps({"machine": machine, "lines": [asdict(line) for line in lines]}, indent=2), encoding="utf-8"
    )
    return 0 if all(line.holds for line in lines) else 1


def _line(case: Case, url: str, old: str) -> Line:
    print(f"{case.title} ...", file=sys.stderr)
    arguments = [case.arguments[0], *([url] if case.arguments[0] != "import" else []), *case.arguments[1:]]
    rates: dict[str, list[float]] = {"sdk": [], "bare": [], "old": []}
    for _ in range(case.rounds):
        rates["sdk"].append(_rate(sys.executable, ["sdk", *arguments]))
        rates["bare"].append(_rate(sys.executable, ["bare", *arguments]))
        if case.least_of_old is not None:
            rates["old"].append(_rate(old, ["sdk", *arguments]))
    compared = case.least_of_old is not None
    return Line(
        case.title,
        case.unit,
        statistics.median(rates["sdk"]),
        statistics.median(rates["bare"]),
        statistics.median(rates["old"]) if compared else None,
        _ratio(rates["sdk"], rates["bare"]),
        case.least_of_bare,
        _ratio(rates["sdk"], rates["old"]) if compared else None,
        case.least_of_old,
    )


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def _rate(python: str, arguments: Sequence[str]) -> float:
    # The old SDK refuses a token endpoint over http unless it is told that this one is harmless.
    environment = {**os.environ, "OAUTHLIB_INSECURE_TRANSPORT": "1", "NO_PROXY": "127.0.0.1"}
    command = [python, str(HERE / "clients.py"), *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


def _old_python() -> str:
    """The interpreter of the environment with 4.4.0, which `make bench` has made."""
    if not (OLD_ENVIRONMENT / ".ready").exists():
        sys.exit(f"{OLD_ENVIRONMENT.name} is not there: make {OLD_ENVIRONMENT.name}/.ready")
    return str(OLD_ENVIRONMENT / "bin" / "python")


@contextmanager
def _server() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent) as server:
        assert server.stdout is not None  # noqa: S101 - it is a pipe
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        assert server.stdin is not None  # noqa: S101 - it is a pipe
        server.stdin.close()


def _table(lines: Sequence[Line]) -> str:
    head = f"{'':55}{'this SDK':>12}{'bare':>12}{'4.4.0':>10}   {'of bare':>8} {'of 4.4.0':>9}"
    rows = [head]
    for line in lines:
        old = f"{line.old:>10,.0f}" if line.old is not None else f"{'':>10}"
        of_old = f"{line.of_old:>8.1f}x" if line.of_old is not None else f"{'':>9}"
        verdict = "" if line.holds else "   short of its target"
        rates = f"{line.sdk:>12,.0f}{line.bare:>12,.0f}"
        rows.append(f"{f'{line.title} ({line.unit})':55}{rates}{old}   {line.of_bare:>8.2f} {of_old}{verdict}")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
