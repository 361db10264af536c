from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress

import pytest

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
