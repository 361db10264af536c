"""The platform of a soak: a sandbox in a process of its own, in which one request in twenty goes wrong.

Run as a program it is that process: it serves until its standard input ends, and obeys `storm` and `calm` there.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import msgspec

from sequoia.sandbox import Sandbox
from sequoia.sandbox.faults import Fault, Faults
from sequoia.sandbox.wire import Request

__all__ = ["Chaos", "Platform", "stored_contents"]

DEMO = 200
"""Contents of the demo catalogue, which nobody changes."""

EXPIRES_EVERY = 2.0
"""Seconds for which a token is good, at least."""

ROOT = Path(__file__).parents[1]


class Chaos(Faults):
    """Faults by chance.

    Args:
        rate: The share of the requests that meet one.
        seed: Decides which.

    Attributes:
        calm: Whether nothing goes wrong for now.
        requests: How many requests came.
        met: How often which fault was met.
    """

    def __init__(self, rate: float, seed: int) -> None:
        super().__init__()
        self.calm = True
        self.requests = 0
        self.met: Counter[str] = Counter()
        self._rate = rate
        self._chance = Random(seed)
        self._expired_at = 0.0
        self._makers: dict[str, tuple[float, Callable[[], Fault]]] = {
            "503": (3, lambda: Fault(status=503)),
            "502, a page of HTML": (
                1,
                lambda: Fault(status=502, body=b"<h1>Bad gateway</h1>", content_type="text/html"),
            ),
            "429, Retry-After 0": (2, lambda: Fault(status=429, headers={"retry-after": "0"})),
            "429, Retry-After 1": (1, lambda: Fault(status=429, headers={"retry-after": "1"})),
            "429": (1, lambda: Fault(status=429)),
            "dropped before the answer": (3, lambda: Fault(drop="before")),
            "502, dropped in the body": (2, lambda: Fault(status=502, drop="body")),
            "done, but the answer dropped": (3, lambda: Fault(drop="body")),
            "delay": (3, lambda: Fault(delay=self._chance.uniform(0.02, 0.5))),
            "token expired": (1, lambda: Fault(token="expired")),
        }

    def take(self, service: str, request: Request) -> Fault | None:
        """The fault that a request meets, or None."""
        self.requests += 1
        if self.calm or self._chance.random() >= self._rate:
            return None
        weights = [weight for weight, _ in self._makers.values()]
        (kind,) = self._chance.choices(list(self._makers), weights)
        fault = self._makers[kind][1]()
        if not fault.concerns(service, request) or (fault.token is not None and not self._may_expire()):
            return None
        self.met[kind] += 1
        return fault

    def _may_expire(self) -> bool:
        """Not too often: a request that is slow, and refused with four tokens in a row, has failed for good."""
        now = time.monotonic()
        if now - self._expired_at < EXPIRES_EVERY:
            return False
        self._expired_at = now
        return True


class Platform:
    """The process, seen from outside.

    Args:
        data: The file of its database.
        rate: The share of the requests that meet a fault, once it storms.
        seed: Decides which.
    """

    def __init__(self, data: Path, rate: float, seed: int) -> None:
        command = [sys.executable, "-m", "soak.platform", str(data), str(rate), str(seed)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._data = data
        self.told: dict[str, Any] = self._listen()

    def storm(self) -> None:
        """Let things go wrong from now on."""
        self._say("storm")

    def calm(self) -> dict[str, Any]:
        """Let nothing go wrong any more; how many requests came, and which faults they met."""
        return self._say("calm")

    def end(self) -> dict[str, dict[str, Any]]:
        """Stop it; every content that is in its database then, by its ref."""
        self._process.communicate(timeout=60)
        return stored_contents(self._data)

    def _say(self, word: str) -> dict[str, Any]:
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._listen()

    def _listen(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def stored_contents(data: Path) -> dict[str, dict[str, Any]]:
    """Every content in a sandbox's database, by its ref, read without the sandbox."""
    with closing(sqlite3.connect(data)) as database:
        query = "SELECT id FROM resource WHERE service = 'metadata' AND name = 'contents'"
        (number,) = database.execute(query).fetchone()
        rows = database.execute(f"SELECT ref, body FROM document_{int(number)}")  # noqa: S608 - a number
        return {ref: msgspec.json.decode(body) for ref, body in rows}


def main() -> None:
    """Serve until standard input ends."""
    data, rate, seed = sys.argv[1:]
    chaos = Chaos(float(rate), int(seed))
    sandbox = Sandbox(demo=DEMO, data=data)
    sandbox.faults = chaos
    with sandbox:
        _tell(
            {
                "registry_url": sandbox.registry_url,
                "owner": sandbox.owner,
                "grant_client_id": sandbox.client_id,
                "grant_client_secret": sandbox.client_secret,
            }
        )
        for line in sys.stdin:
            chaos.calm = line.strip() == "calm"
            _tell({"requests": chaos.requests, "faults": dict(chaos.met)})


def _tell(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
