from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sequoia.bulk import read_dead_letters
from sequoia.bulking import Bulk
from sequoia.sandbox import Sandbox

SERVICES = [sys.executable, "-m", "sequoia.cli", "services", "--auth", "none"]


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        yield listener


def ended_by(number: signal.Signals, process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it says when the signal has ended it.

    Python hears of a signal that comes between its last look and the system call that waits only when that call ends,
    for example by the next signal. The other side of the connection sends at that very moment rather often.
    """
    for _ in range(10):
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=5)
    process.kill()
    raise AssertionError(f"{number!r} does not end it: {process.communicate()}")


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [(signal.SIGINT, 130, "Interrupted.\n"), (signal.SIGTERM, 143, "Terminated.\n")],
)
def test_a_signal_in_the_middle_of_a_request_ends_it_at_once(
    number: signal.Signals, status: int, said: str, silent: socket.socket
) -> None:
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/services/acme"
    with subprocess.Popen(  # noqa: S603 - this interpreter and literal arguments
        [*SERVICES, "--registry-url", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(10).startswith(b"GET ")
            out, err = ended_by(number, process)

    assert (process.returncode, out, err) == (status, "", said)


def test_a_silent_server_is_a_timeout_with_what_to_do(silent: socket.socket) -> None:
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/services/acme"
    command = [*SERVICES, "--registry-url", url, "--timeout", "0.1"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)  # noqa: S603

    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (3, "", 1)
    assert "--timeout gives it longer" in result.stderr


def test_a_reader_that_goes_away_ends_a_real_command_silently(environ: Mapping[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as out:  # noqa: PTH123 - a number, not a path
        command = [sys.executable, "-m", "sequoia.cli", "browse", "metadata", "contents"]
        result = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=False)  # noqa: S603

    assert (result.returncode, result.stderr) == (141, b"")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /dev/full")
def test_a_full_disk_ends_a_real_command_with_one_sentence(environ: Mapping[str, str]) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        command = [sys.executable, "-m", "sequoia.cli", "browse", "metadata", "contents"]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603

    assert result.returncode == 2
    assert result.stderr == "Error: the output cannot be written, it is not complete: No space left on device\n"


def test_without_stdout_it_is_said(environ: Mapping[str, str]) -> None:
    shell = ["/bin/sh", "-c", f"{sys.executable} -m sequoia.cli services >&-"]
    result = subprocess.run(shell, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603

    assert result.returncode == 2
    assert result.stderr == "Error: stdout is closed, there is nowhere to write the output\n"


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Say how many batches of a bulk write get their answers; the others wait until the test is over."""
    busy, over = threading.Event(), threading.Event()
    send = Bulk._send  # between the workers and the service

    def only(number: int) -> None:
        counted = itertools.count()

        def limited(bulk: Bulk, call: Any, operation: Any) -> Any:
            begun = next(counted)
            if begun == 3:
                busy.set()  # all four workers are
            waited = (over if begun >= number else busy).wait(50)
            assert waited
            return send(bulk, call, operation)

        monkeypatch.setattr(Bulk, "_send", limited)

    yield only
    over.set()


def test_what_was_under_way_when_a_store_was_interrupted_is_told_and_in_the_dead_letters(
    run: Any,
    environ: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    answered: Callable[[int], None],
) -> None:
    def films(*_: object) -> Iterator[bytes]:
        for number in range(601):
            kind = "movie" if number else "moive"
            yield json.dumps({"owner": "halted", "name": f"h-{number}", "type": kind}).encode()
        raise KeyboardInterrupt

    monkeypatch.setattr("sequoia.cli.commands.store.resources_in", films)
    answered(2)
    letters = tmp_path / "letters"
    done = run("store", "metadata", "contents", "--owner", "halted", "--dead-letters", str(letters), input="films")

    assert done.exit_code == 130, done.stderr
    ended = f"200 contents stored, 401 failed, 400 of them may be stored all the same; they are in {letters}"
    assert done.stderr.splitlines()[-2:] == [ended, "Interrupted."]
    assert len({one["name"] for one in read_dead_letters(letters)}) == 401


def test_what_was_under_way_when_a_delete_was_interrupted_is_told(
    run: Any,
    sandbox: Sandbox,
    environ: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    answered: Callable[[int], None],
) -> None:
    @contextmanager
    def progress(_: str) -> Iterator[Callable[[object], None]]:
        def interrupt(_: object) -> None:
            raise KeyboardInterrupt

        yield interrupt

    monkeypatch.setattr("sequoia.cli.commands.delete.progress", progress)
    answered(1)
    names = [f"gone-{number}" for number in range(250)]
    sandbox.load("metadata", "contents", [{"owner": "acme", "name": one, "type": "movie"} for one in names])
    done = run("delete", "metadata", "contents", *names, "--yes")

    assert done.exit_code == 130, done.stderr
    ended = "50 contents deleted, 200 failed, 150 of them may be deleted all the same"
    assert done.stderr.splitlines()[-2:] == [ended, "Interrupted."]
