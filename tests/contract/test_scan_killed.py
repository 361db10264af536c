"""A scan whose process is killed at any point: what it stored with its checkpoints, joined, is every resource once."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.contract.data import content

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
ASYNC = (
    "import anyio\n"
    + (
        SYNC.replace("import Client", "import AsyncClient as Client")
        .replace("\nwith Client", "\nasync def main():\n  async with Client")
        .replace("\n    ", "\n      ")
        .replace("for resource", "async for resource")
    )
    + "anyio.run(main, backend='trio')\n"
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]
    with Sandbox(now=lambda: moment[0]) as sandbox:
        for number in range(40):
            moment[0] += timedelta(milliseconds=number // 4 * 12_345)
            sandbox.load("metadata", "contents", [content("acme", f"c-{n:02}-{number:02}") for n in range(14)])
        yield sandbox


@pytest.mark.parametrize(("script", "workers"), [(SYNC, 1), (SYNC, 4), (ASYNC, 1), (ASYNC, 4)])
def test_nothing_is_lost_and_nothing_comes_twice(sandbox: Sandbox, tmp_path: Path, script: str, workers: int) -> None:
    chance = random.Random(5 * workers + len(script))  # noqa: S311 - which points it is killed at
    store = tmp_path / "output.sqlite"
    killed = 0
    while True:
        with subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-c", script, str(store), str(workers)],
            env={**os.environ, **sandbox.environ, "NO_PROXY": "127.0.0.1"},
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            number = chance.randrange(1, 120)
            if len(process.stdout.read(number)) < number:
                assert process.wait() == 0
                break
            process.send_signal(signal.SIGKILL)
            killed += 1
    stored = [ref for (ref,) in sqlite3.connect(store).execute("SELECT ref FROM output ORDER BY ref")]
    assert stored == [f"acme:c-{n:02}-{number:02}" for n in range(14) for number in range(40)]
    assert killed >= 2
