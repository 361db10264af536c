from __future__ import annotations

import errno
import itertools
import json
import os
import shlex
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
from sequoia.cli.inputs import Found
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

    assert result.returncode == 1
    assert result.stderr == "Error: the output cannot be written, it is not complete: No space left on device\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /dev/full")
@pytest.mark.parametrize(
    ("arguments", "done"),
    [
        (["patch", "metadata", "contents", "kept", "title=New"], "acme:kept is changed"),
        (["update", "metadata", "contents", "kept"], "acme:kept is updated"),
        (["store", "metadata", "contents", "--show"], "1 contents are stored"),
    ],
)
def test_a_full_disk_says_what_was_written_all_the_same(
    sandbox: Sandbox, environ: Mapping[str, str], arguments: list[str], done: str
) -> None:
    sandbox.load("metadata", "contents", [{"owner": "acme", "name": "kept", "title": "Old", "type": "movie"}])
    with sandbox.client() as client:
        film = client.metadata.contents.read("acme", "acme:kept").resource | {"title": "New"}
        with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
            command = [sys.executable, "-m", "sequoia.cli", *arguments]
            result = subprocess.run(  # noqa: S603 - this interpreter and literal arguments
                command, stdout=full, stderr=subprocess.PIPE, input=json.dumps(film), text=True, check=False
            )
        assert client.metadata.contents.read("acme", "acme:kept").resource["title"] == "New"
    assert result.returncode == 1  # and not the status of a command that has changed nothing
    told = f"Error: {done}, but the output cannot be written, it is not complete: No space left on device"
    assert result.stderr.splitlines()[-1] == told


@pytest.mark.parametrize(
    "arguments",
    [
        ["patch", "metadata", "contents", "kept", "title=New"],
        ["update", "metadata", "contents", "kept"],
        ["store", "metadata", "contents", "--show"],
    ],
)
def test_an_output_that_has_no_place_is_refused_before_anything_is_written(
    run: Any, sandbox: Sandbox, environ: Mapping[str, str], arguments: list[str], tmp_path: Path
) -> None:
    sandbox.load("metadata", "contents", [{"owner": "acme", "name": "kept", "title": "Old", "type": "movie"}])
    with sandbox.client() as client:
        film = client.metadata.contents.read("acme", "acme:kept").resource
    sandbox.requests.clear()
    place = tmp_path / "nowhere" / "film.json"
    done = run(*arguments, "-o", str(place), input=json.dumps(film))
    assert (done.exit_code, done.stderr) == (2, f"Error: {place} cannot be written: No such file or directory\n")
    typed = shlex.join([sys.executable, "-m", "sequoia.cli", *arguments])
    closed = subprocess.run(  # noqa: S603 - this interpreter and literal arguments
        ["/bin/sh", "-c", f"{typed} >&-"], stderr=subprocess.PIPE, input=json.dumps(film), text=True, check=False
    )
    assert closed.returncode == 2
    assert closed.stderr == "Error: stdout is closed, there is nowhere to write the output\n"
    assert {one.method for one in sandbox.requests if one.path.startswith("/data/")} <= {"GET"}


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
    def films(*_: object) -> Iterator[Found]:
        for number in range(601):
            kind = "movie" if number else "moive"
            text = json.dumps({"owner": "halted", "name": f"h-{number}", "type": kind}).encode()
            yield Found(f"stdin, line {number + 1}", text)
        raise KeyboardInterrupt

    monkeypatch.setattr("sequoia.cli.commands.store.resources_in", films)
    answered(2)
    letters = tmp_path / "letters"
    done = run("store", "metadata", "contents", "--owner", "halted", "--dead-letters", str(letters), input="films")

    assert done.exit_code == 130, done.stderr
    ended = f"200 contents stored, 401 failed, 400 of them may be stored all the same; they are in {letters}"
    stopped = "Stopped: what comes after them on stdin was not stored; storing it again does no harm"
    assert done.stderr.splitlines()[-3:] == [ended, stopped, "Interrupted."]
    assert len({one["name"] for one in read_dead_letters(letters)}) == 401


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A file of more films than a store has under way at once."""
    file = tmp_path / "films.ndjson"
    found = [{"owner": "halted", "name": f"h-{number}", "type": "movie"} for number in range(1500)]
    file.write_text("".join(json.dumps(one) + "\n" for one in found))
    return file


def test_a_store_whose_reader_goes_away_says_what_was_not_stored(
    run: Any, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, films: Path
) -> None:
    def gone(_: bytes) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("sequoia.cli.formats.data", gone)
    command = ["store", "metadata", "contents", str(films), "--owner", "halted", "--show", "--workers", "1"]
    done = run(*command)
    assert (done.exit_code, done.stdout) == (141, "")
    *_, counted, stopped = done.stderr.splitlines()
    assert " contents stored" in counted
    assert stopped == (
        f"Stopped: what comes after them in {films} was not stored; storing it again does no harm. "
        f"Go on with: sequoia {shlex.join(command)}"
    )


def test_dead_letters_that_cannot_be_written_are_not_said_to_be_there(
    run: Any, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, films: Path, tmp_path: Path
) -> None:
    def full(_: object, __: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("sequoia.dead_letters.DeadLetters.write", full)
    films.write_text(films.read_text().replace("movie", "moive"))
    letters = tmp_path / "letters"
    command = ["store", "metadata", "contents", str(films), "--owner", "halted", "--dead-letters", str(letters)]
    done = run(*command)
    assert (done.exit_code, done.stdout) == (1, "")
    stopped = f"Stopped: what comes after them in {films} was not stored; storing it again does no harm"
    assert done.stderr.splitlines()[-3:] == [
        f"0 contents stored, 1 failed; not all of them are in {letters}",
        f"{stopped}. Go on with: sequoia {shlex.join(command)}-2",
        f"Error: {letters} cannot be written: No space left on device",
    ]


def test_what_has_no_name_is_not_stored_twice_without_a_word(
    run: Any, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, films: Path
) -> None:
    films.write_text(films.read_text().replace('"name": "h-7", ', ""))
    monkeypatch.setattr("sequoia.cli.formats.data", ctrl_c)
    done = run("store", "metadata", "contents", str(films), "--owner", "halted", "--show", "--workers", "1")
    assert done.exit_code == 130
    assert "was not stored; stored again, what has no name would be there twice. Go on with: " in done.stderr


def ctrl_c(_: bytes) -> None:
    raise KeyboardInterrupt


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
    names = [f"gone-{number}" for number in range(600)]
    sandbox.load("metadata", "contents", [{"owner": "acme", "name": one, "type": "movie"} for one in names])
    done = run("delete", "metadata", "contents", *names, "--yes")

    assert done.exit_code == 130, done.stderr
    ended = "50 contents deleted, 200 failed, 150 of them may be deleted all the same, 350 not tried"
    assert done.stderr.splitlines()[-2:] == [ended, "Interrupted."]
