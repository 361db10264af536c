"""`python -m soak --seconds 600 --seed 1`: a soak, its figures, and exit status 1 if anything is broken."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from soak.meter import Sample
from soak.run import Plan, Soak, Verdict


def main() -> int:
    """Soak, and tell what came of it."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long (default: 600)")
    parser.add_argument("--threads", type=int, default=32, help="workers that share one Client (default: 32)")
    parser.add_argument("--tasks", type=int, default=200, help="workers that share one AsyncClient (default: 200)")
    parser.add_argument("--faults", type=float, default=0.05, help="share of the requests (default: 0.05)")
    parser.add_argument("--bound", type=float, default=60, help="seconds for every worker to end (default: 60)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="what is tried; not in which order")
    given = parser.parse_args()
    try:
        Sample.taken()
    except FileNotFoundError:
        print("the soak reads /proc, which this system does not have", file=sys.stderr)
        return 2
    plan = Plan(given.seconds, given.threads, given.tasks, given.faults, given.seed, given.bound)
    print(f"seed {plan.seed}: {plan.threads} threads, {plan.tasks} tasks, {plan.seconds:g} s", file=sys.stderr)
    verdict = Soak(plan).run()
    _tell(verdict)
    sys.stdout.flush()
    sys.stderr.flush()
    return 0 if verdict.ok else 1


def _tell(verdict: Verdict) -> None:
    plan = verdict.plan
    met, acknowledged, errors = sum(verdict.faults.values()), verdict.total("acknowledged"), verdict.total("errors")
    print(f"{plan.threads} threads on one Client, {plan.tasks} tasks on one AsyncClient, {verdict.seconds:.0f} s")
    print(f"seed           {plan.seed}")
    print(f"requests       {verdict.requests:,}, of which {met:,} met a fault ({met / max(1, verdict.requests):.1%})")
    _tell_all(Counter(verdict.faults))
    print(f"operations     {sum(worker.done for worker in verdict.workers):,}")
    _tell_all(verdict.total("kinds"))
    print(f"acknowledged   {acknowledged['writes']:,} writes and {acknowledged['deletes']:,} deletes of a content")
    print(f"errors         {errors.total():,}")
    _tell_all(errors)
    print(f"in the end     {verdict.stored:,} contents in the database")
    print(f"last sample    {verdict.last}")
    print("growth         medians of the second and of the last fifth of the time")
    for growth in verdict.growths:
        print(f"               {growth}")
    if not verdict.growths:
        print("               not judged: the time was too short")
    print(f"problems       {verdict.books.number_of_problems:,}")
    for problem in verdict.books.problems:
        print(f"  {problem}")
    if not verdict.ok:
        print(f"To try the same again: python -m soak --seconds {plan.seconds:g} --seed {plan.seed}")


def _tell_all(counts: Counter[str]) -> None:
    for name, number in counts.most_common():
        print(f"               {number:9,}  {name}")


if __name__ == "__main__":
    sys.exit(main())
