from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeAlias

import click
import pytest

from sequoia import error
from sequoia.cli.failing import Failure, Refusal, Terminated, Unconnected, ended, interrupting, refusing
from sequoia.cli.moving import refusing_files
from sequoia.report import BulkReport
from sequoia.transfer import TransferError

Spawn: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]


def raising(problem: BaseException) -> Callable[[], object]:
    def run() -> object:
        raise problem

    return run


def shown(problem: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    status = ended(raising(problem))
    out, err = capsys.readouterr()
    assert out == ""
    return status, err


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (Refusal("no"), 2),
        (Unconnected("no"), 3),
        (Failure("no"), 4),
        (click.UsageError("no"), 2),
        (KeyboardInterrupt(), 130),
        (Terminated(), 143),
        (error.ConnectionError("no"), 3),
        (error.Timeout("no"), 3),
        (error.TooManyRedirects("no"), 3),
        (error.AuthorisationError("no"), 3),
        (error.HttpError("no", 401), 3),
        (error.Forbidden("no", 403), 4),
        (error.NotFound("no", 404), 4),
        (error.ServerError("no", 503), 4),
        (error.DecodeError("no"), 4),
        (error.PaginationLoopError("no"), 4),
        (error.NotMatchingVersion("no"), 4),
        (error.ServiceNotFound("no"), 2),
        (error.ResourceNotFound("no", 404), 2),
        (error.CriteriaError("no"), 2),
        (error.InvalidResource("no"), 2),
        (PermissionError(13, "Permission denied", "film.json"), 2),
        (OSError(28, "No space left on device"), 1),
        (OSError(28, "No space left on device", "film.json"), 2),
        (ModuleNotFoundError("no", name="pyarrow.lib"), 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_what_ends_a_command_is_one_sentence_and_its_status(
    problem: BaseException, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found, err = shown(problem, capsys)

    assert found == status
    assert len(err.splitlines()) == 1, err


def test_a_sentence_says_which_file_and_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(FileNotFoundError(2, "No such file or directory", "a.json"), capsys)[1] == (
        "Error: a.json: No such file or directory\n"
    )
    assert "pip install 'sequoia-client-sdk[arrow]'" in shown(ModuleNotFoundError("no", name="pyarrow"), capsys)[1]
    assert "not complete" in shown(OSError(28, "No space left on device"), capsys)[1]


def test_notes_and_line_ends_of_an_error_become_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    problem = error.BadRequest({"error": "Bad Request", "message": "two\nlines"}, 400)
    problem.add_note("there is no field 'tite'")

    assert shown(problem, capsys) == (4, "Error: 400 Bad Request: two lines; there is no field 'tite'\n")


def test_without_a_command_there_is_the_help_and_with_a_wrong_option_one_sentence(spawn: Spawn) -> None:
    helped, wrong = spawn(), spawn("config", "use", "--prfile", "x")

    assert (helped.returncode, helped.stdout) == (2, "")
    assert helped.stderr.startswith("Usage: sequoia [OPTIONS] COMMAND")
    assert (wrong.returncode, wrong.stderr.splitlines()) == (
        2,
        ["Error: No such option '--prfile'. See: sequoia config use -h"],
    )


def test_a_mistake_of_ours_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError):
        ended(raising(ZeroDivisionError()))
    with pytest.raises(ModuleNotFoundError):
        ended(raising(ModuleNotFoundError("no", name="sequoia.nothing")))


@pytest.mark.parametrize(("outcome", "status"), [(None, 0), (1, 1), ("text", 0)])
def test_a_number_that_a_command_returns_is_its_status(outcome: Any, status: int) -> None:
    assert ended(lambda: outcome) == status


def test_nobody_reading_the_output_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(BrokenPipeError(32, "Broken pipe"), capsys) == (141, "")


def test_a_prompt_without_an_answer_is_told_from_ctrl_c() -> None:
    with pytest.raises(Refusal) as refused, interrupting():
        raise click.Abort
    assert refused.value.exit_code == 2
    abort = click.Abort()
    abort.__context__ = KeyboardInterrupt()  # as click's prompts raise it
    with pytest.raises(Refusal) as interrupted, interrupting():
        raise abort
    assert interrupted.value.exit_code == 130


def test_an_argument_that_the_sdk_refuses_is_a_refusal() -> None:
    with pytest.raises(Refusal, match="a reference is"), refusing():
        raise ValueError("a reference is\n'owner:name'")


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [(signal.SIGINT, 130, "Interrupted.\n"), (signal.SIGTERM, 143, "Terminated.\n")],
)
def test_a_signal_ends_the_real_thing_with_one_sentence(number: signal.Signals, status: int, said: str) -> None:
    # `main` as it is installed, with a command of the test's that waits for the signal in the middle of its work.
    lines = [
        "import sys, threading, click, sequoia.cli, sequoia.cli.group as group",
        "@click.command('wait')",
        "def wait(): click.echo('ready'); threading.Event().wait(40)",
        "group.command = lambda name: wait",
        "sys.argv = ['sequoia', 'sandbox']",
        "sequoia.cli.main()",
    ]
    with subprocess.Popen(  # noqa: S603 - this interpreter and literal arguments
        [sys.executable, "-c", "\n".join(lines)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, err = process.communicate(timeout=20)

    assert (process.returncode, err.lstrip("\n")) == (status, said)


@pytest.mark.parametrize("lines", [1, 100_000])
def test_output_that_nobody_reads_ends_silently(lines: int) -> None:
    script = "\n".join([
        "import sys, click, sequoia.cli, sequoia.cli.group as group",
        "from sequoia.cli import console",
        "@click.command('write')",
        "def write(): sys.stdin.readline(); any(console.data('a line of data\\n') for _ in range(int(sys.argv[2])))",
        "group.command = lambda name: write",
        f"sys.argv = ['sequoia', 'sandbox', '--', '{lines}'][:2]; sys.argv.append('{lines}')",
        "write.params = [click.Argument(['n'], expose_value=False)]",
        "sequoia.cli.main()",
    ])  # fmt: skip
    reading, writing = os.pipe()
    with subprocess.Popen(  # noqa: S603 - this interpreter and literal arguments
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=writing, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(writing)
        os.close(reading)  # before the first line is written
        _, err = process.communicate("go\n", timeout=20)

    assert (process.returncode, err) == (141, "")


def test_what_ends_a_command_in_its_middle_has_the_status_of_a_part() -> None:
    def status(problem: Exception) -> int:
        with pytest.raises(Refusal) as caught, refusing_files():
            raise problem
        return caught.value.exit_code

    assert status(TransferError("the second file is damaged")) == 2
    begun = TransferError("the second file is damaged")
    begun.report = BulkReport(7, 0, 0, (), 0, 1, 0, 70, 0.1, complete=False)
    assert status(begun) == 1
    with closing(sqlite3.connect("")) as database:
        database.execute("PRAGMA max_page_count=1")
        with pytest.raises(sqlite3.OperationalError) as caught:
            database.execute("CREATE TABLE found (key TEXT PRIMARY KEY)")
    assert status(TransferError(f"the temporary database failed: {caught.value}", caught.value)) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110 - no file
def test_a_full_disk_is_one_sentence() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        result = subprocess.run(
            [sys.executable, "-m", "sequoia.cli", "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert result.returncode == 1
    assert result.stderr == "Error: the output cannot be written, it is not complete: No space left on device\n"
