"""Fuzz for as long as one likes: `python -m fuzz --seconds 60`; coverage leads the way where atheris is installed.

Each target runs in a process of its own, because libFuzzer ends it: with the input in the file that it names, and with
the traceback, when something is raised that is not documented, or takes ten seconds, or two gigabytes.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import logging
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from fuzz.inputs import mutated

if TYPE_CHECKING:
    from fuzz.targets import Target

HERE = Path(__file__).parent
FINDINGS = HERE / "findings"


def main() -> int:
    """Run the targets one after the other; the number of those with a finding is the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--target", action="append", help="only this one; may be given several times")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="to see the same run again")
    parser.add_argument("--again", type=Path, help="run one input, the file of a finding, and show what it raises")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.again is not None:
        _targets()[given.target[0]].run(given.again.read_bytes())
        return 0
    if given.inside:
        return _inside(given.target[0], given.seconds, given.seed)
    guided = importlib.util.find_spec("atheris") is not None
    print(f"seed {given.seed}; {'guided by coverage (atheris)' if guided else 'without atheris: inputs are random'}")
    names = given.target or list(_targets())
    bad = [name for name in names if not _run(name, given.seconds, given.seed)]
    print(f"{len(names)} targets, {len(bad)} with a finding {' '.join(bad)}".rstrip())
    return min(len(bad), 100)


def _targets() -> dict[str, Target]:
    # Imported late: atheris has to see the imports of what it is to follow.
    from fuzz.client_side import TARGETS as CLIENT  # noqa: PLC0415
    from fuzz.sandbox_side import TARGETS as SANDBOX  # noqa: PLC0415
    from fuzz.scan_side import TARGETS as SCAN  # noqa: PLC0415

    logging.getLogger("sequoia").setLevel(logging.CRITICAL)
    return {target.name: target for target in (*CLIENT, *SCAN, *SANDBOX)}


def _run(name: str, seconds: int, seed: int) -> bool:
    """One target in a process of its own."""
    FINDINGS.mkdir(exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "fuzz",
        "--inside",
        "--target",
        name,
        "--seconds",
        str(seconds),
        "--seed",
        str(seed),
    ]
    try:
        done = subprocess.run(command, cwd=HERE.parent, capture_output=True, timeout=seconds + 120, check=False)
    except subprocess.TimeoutExpired:
        print(f"{name}: hangs")
        return False
    output = (done.stderr + done.stdout).decode(errors="replace")
    last = [line for line in output.splitlines() if line.startswith(("Done ", "stat::number"))]
    print(f"{name}: {last[-1] if last else 'ended early'}")
    if done.returncode:
        print(output[output.find("Traceback") :][:6_000])
    return done.returncode == 0


def _inside(name: str, seconds: int, seed: int) -> int:
    try:
        import atheris  # noqa: PLC0415 - only `make fuzz` installs it
    except ImportError:
        return _random(name, seconds, seed)
    with atheris.instrument_imports(include=["sequoia"]):
        target = _targets()[name]

    def mutate(data: bytes, most: int, state: int) -> bytes:
        chance = Random(state)
        known = chance.choice(target.seeds) if chance.random() < 0.1 else data
        changed = mutated(known, chance) if chance.random() < 0.5 else atheris.Mutate(data, most)
        return bytes(changed[:most])

    with TemporaryDirectory() as folder:
        for one in target.seeds:
            (Path(folder) / hashlib.sha256(one).hexdigest()).write_bytes(one)
        options = [
            f"-max_total_time={seconds}",
            f"-seed={seed % 2**31}",
            "-max_len=20000",
            "-timeout=10",
            "-rss_limit_mb=2048",
        ]
        options += [f"-artifact_prefix={FINDINGS}/{name}-", "-len_control=0"]
        atheris.Setup([name, *options, folder], target.run, custom_mutator=mutate)
        atheris.Fuzz()
    return 0


def _random(name: str, seconds: int, seed: int) -> int:
    target, chance = _targets()[name], Random(seed)
    end, runs = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        data = mutated(chance.choice(target.seeds), chance)
        try:
            target.run(data)
        except BaseException:
            file = FINDINGS / f"{name}-crash-{hashlib.sha256(data).hexdigest()[:16]}"
            file.write_bytes(data)
            print(f"the input is in {file}")
            raise
        runs += 1
    print(f"Done {runs} runs in {seconds} second(s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
