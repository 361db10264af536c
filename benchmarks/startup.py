"""How long `sequoia --help` takes, next to `python -c "import click"`: `python -m benchmarks.startup`.

Both are run in turn as processes of their own, and compared round by round: the machine's speed may drift, the ratio of
neighbours does not. The exit status is 1 if the median of the ratios is above its bound.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROUNDS = 41
BOUND = 1.5

COMMANDS: dict[str, Sequence[str]] = {
    "sequoia --help": [str(Path(sys.executable).parent / "sequoia"), "--help"],
    'python -c "import click"': [sys.executable, "-c", "import click"],
}


def main() -> int:
    """Measure, print, and say whether the bound is kept."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for command in COMMANDS.values():  # once for the byte code and the caches of the system
        _run(command)
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            seconds[name].append(_run(command))
    ours, theirs = seconds.values()
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    for name, measured in seconds.items():
        print(f"{name:32}{statistics.median(measured) * 1000:>8.1f} ms, at least {min(measured) * 1000:.1f} ms")
    holds = ratio <= BOUND
    print(f"{'ratio':32}{ratio:>8.2f}     at most {BOUND}{'' if holds else ', short of its target'}")
    return 0 if holds else 1


def _run(command: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
