"""A scan whose process is killed or interrupted at any point: what it stored with its checkpoints is complete."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.contract.data import content
from tests.contract.programs import SLOW

from sequoia.sandbox import Sandbox

SYNC = """
import json, os, sqlite3, sys
from sequoia import Client, where

store = sqlite3.connect(sys.argv[1])
store.execute("PRAGMA synchronous = OFF")  # the process is killed, not the machine
store.execute("CREATE TABLE IF NOT EXISTS output (ref)")
store.execute("CREATE TABLE IF NOT EXISTS checkpoint (value)")
found = store.execute("SELECT value FROM checkpoint").fetchone()
resume = json.loads(found[0]) if found else None
url, id, secret = (os.environ[f"SEQUOIA_{name}"] for name in ("REGISTRY_URL", "CLIENT_ID", "CLIENT_SECRET"))
with Client(url, grant_client_id=id, grant_client_secret=secret) as client:
    scan = client.metadata.contents.scan("acme", where().per_page(7), workers=int(sys.argv[2]), resume=resume)
    for resource in scan:
        with store:
            store.execute("INSERT INTO output VALUES (?)", [resource["ref"]])
            store.execute("DELETE FROM checkpoint")
            store.execute("INSERT INTO checkpoint VALUES (?)", [json.dumps(scan.checkpoint)])
        os.write(1, b".")
"""
TASKS = (
    "import anyio\n"
    + (
        SYNC.replace("import Client", "import AsyncClient as Client")
        .replace("\nwith Client", "\nasync def main():\n  async with Client")
        .replace("\n    ", "\n      ")
        .replace("for resource", "async for resource")
    )
    + "anyio.run(main, backend='{backend}')\n"
)
ASYNC = TASKS.replace("{backend}", "trio")
ASYNCIO = TASKS.replace("{backend}", "asyncio")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]
    with Sandbox(now=lambda: moment[0]) as sandbox:
        for number in range(40):
            moment[0] += timedelta(milliseconds=number // 4 * 12_345)
            sandbox.load("metadata", "contents", [content("acme", f"c-{n:02}-{number:02}") for n in range(14)])
        yield sandbox


EVERYTHING = [f"acme:c-{n:02}-{number:02}" for n in range(14) for number in range(40)]


def outputs(store: Path) -> list[str]:
    """What was stored, in the order of the refs."""
    with closing(sqlite3.connect(store)) as database:
        return [ref for (ref,) in database.execute("SELECT ref FROM output ORDER BY ref")]


@pytest.mark.parametrize(("script", "workers"), [(SYNC, 1), (SYNC, 4), (ASYNC, 1), (ASYNC, 4)])
def test_nothing_is_lost_and_nothing_comes_twice(sandbox: Sandbox, tmp_path: Path, script: str, workers: int) -> None:
    chance = random.Random(5 * workers + len(script))  # noqa: S311 - which points it is killed at
    store = tmp_path / "output.sqlite"
    killed = 0
    while run(sandbox, tmp_path, [script, str(store), str(workers)], signal.SIGKILL, chance.randrange(1, 120)):
        killed += 1
    assert outputs(store) == EVERYTHING
    assert killed >= 2


@pytest.mark.parametrize(
    ("script", "workers"), [(SYNC, 1), (SYNC, 4), (ASYNCIO, 1), (ASYNCIO, 4), (ASYNC, 1), (ASYNC, 4)]
)
def test_ctrl_c_loses_nothing_and_leaves_nothing_but_its_traceback(
    sandbox: Sandbox, tmp_path: Path, script: str, workers: int
) -> None:
    chance = random.Random(7 * workers + len(script))  # noqa: S311 - which points it is interrupted at
    store = tmp_path / "output.sqlite"
    interrupted = 0
    while run(sandbox, tmp_path, [script, str(store), str(workers)], signal.SIGINT, chance.randrange(100, 250)):
        interrupted += 1
        said = (tmp_path / "stderr").read_text()
        # Nothing at all, when Python was ending already: it gives signals back to the system before it is through.
        assert said.strip().rpartition("\n")[2] in {"KeyboardInterrupt", ""}, said
        for complaint in ("never retrieved", "Exception ignored", "in thread", "destroyed", "Warning", "Error"):
            assert complaint not in said.replace("CancelledError", ""), said
    assert outputs(store) == EVERYTHING
    assert interrupted >= 2


def run(sandbox: Sandbox, folder: Path, arguments: list[str], number: signal.Signals, resources: int) -> bool:
    """Run a script, and signal it when it has stored so many resources; whether it had not ended before."""
    with (
        (folder / "stderr").open("wb") as stderr,
        subprocess.Popen(  # noqa: S603 - our own script
            # Without ResourceWarning: what is closing its connections when asyncio.run ends is cancelled once more.
            [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", *arguments],
            env={**os.environ, **sandbox.environ, "NO_PROXY": "127.0.0.1"},
            stdout=subprocess.PIPE,
            stderr=stderr,
        ) as process,
    ):
        assert process.stdout is not None
        if len(process.stdout.read(resources)) < resources:
            assert process.wait() == 0
            return False
        process.send_signal(number)
        process.communicate(timeout=SLOW)
        assert process.returncode in {-number, 0}
        return process.returncode != 0
