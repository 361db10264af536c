"""The command line in a clean environment: no variable, profile, cache or keyring of whoever runs the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from sequoia.cli.connection import Connection, connected
from sequoia.cli.group import sequoia
from sequoia.sandbox import Sandbox

Run = Callable[..., Result]
Spawn = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(demo=True) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """The sandbox of the module, without faults, log and tokens of the test before."""
    running.faults.clear()
    running.expire_tokens()
    running.requests.clear()
    return running


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for every test, whose folders the command line finds; nothing of the real one is seen."""
    for name in [name for name in os.environ if name.startswith("SEQUOIA_") or name.endswith("_COMPLETE")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # users have buffers, whose end is where writing fails
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CONFIG", "CACHE", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


@pytest.fixture
def environ(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables that `sequoia sandbox` prints, set."""
    variables = sandbox.environ
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def run() -> Run:
    """Run the command line in this process: `run("services", "--format", "json")`."""

    def invoke(*arguments: str, command: click.Command = sequoia, **options: str) -> Result:
        result = CliRunner().invoke(command, arguments, prog_name="sequoia", **options)  # type: ignore[arg-type]
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def spawn() -> Spawn:
    """Run the command line in a process of its own."""

    def start(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - this interpreter and literal arguments
            [sys.executable, "-m", "sequoia.cli", *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    return start


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Connection]:
    """The connection that a command with these options would get."""

    def of(*arguments: str) -> Connection:
        found: list[Connection] = []

        @click.command()
        @connected
        def probe(connection: Connection) -> None:
            found.append(connection)

        probe.main(list(arguments), standalone_mode=False)
        return found[0]

    return of
