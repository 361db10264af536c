from __future__ import annotations

import io
import logging
import os
import pty
import select
import subprocess
import sys

import pytest

from sequoia import gate
from sequoia.cli import bars, console
from sequoia.progress import Progress

SCRIPT = """
import sys
from sequoia.cli import bars, console
from sequoia.progress import Progress
with bars.progress("Exporting contents", streaming={streaming}) as show:
    show(Progress(done=10, total={total}, bytes=0, seconds={seconds}, rate=5.0))
    console.note("a note in between")
"""


def on_a_terminal(code: str, *, columns: int = 80, stdout: int = subprocess.DEVNULL) -> str:
    """What a program shows on a terminal that is its stderr, and its stdout too if that is `-2`."""
    outer, inner = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    with subprocess.Popen(  # noqa: S603 - this interpreter and our own code
        [sys.executable, "-c", code], stdout=inner if stdout == -2 else stdout, stderr=inner, env=environment
    ) as process:
        os.close(inner)
        seen = b""
        while select.select([outer], [], [], 20)[0]:
            try:
                part = os.read(outer, 65_536)
            except OSError:  # Linux says so when the last writer has gone
                break
            if not part:
                break
            seen += part
        os.close(outer)
    assert process.returncode == 0, seen.decode()
    return seen.decode()


def test_data_go_to_stdout_as_they_are_and_notes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    console.data("é\n")
    console.data(b"raw bytes\n")
    console.flush()
    console.note("for people")

    assert capfd.readouterr() == ("é\nraw bytes\n", "for people\n")


def test_text_that_is_no_unicode_is_written_all_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    console.data("\udce9\n")
    console.flush()
    assert capfd.readouterr().out == "\\udce9\n"


def test_without_stderr_a_note_is_dropped_and_without_stdout_data_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    console.note("nobody reads this")
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OSError, match="stdout is closed"):
        console.data("lost")
    assert console.on_terminal() is False
    console.let_go()


def test_in_a_pipe_there_is_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    with bars.progress("Exporting") as show:
        show(Progress(10, 100, 0, 60.0, 1.0))
    assert written.getvalue() == ""


@pytest.mark.parametrize("columns", [80, 40])
def test_on_a_terminal_the_bar_has_count_rate_and_time_left(columns: int) -> None:
    seen = on_a_terminal(SCRIPT.format(streaming=False, total=3_100, seconds=2.0), columns=columns)
    assert "10/3,100" in seen
    assert "a note in between" in seen
    if columns == 80:
        for part in ("Exporting contents", "5/s", "10:18 left"):
            assert part in seen


def test_the_bar_appears_even_if_nothing_is_ever_done() -> None:
    seen = on_a_terminal("""
import threading
from sequoia.cli import bars, console
bars._PATIENCE = 0.0
with bars.progress("Exporting contents"):
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()
""")
    assert "Exporting contents" in seen
    assert "0/s" in seen


def test_a_service_that_is_busy_is_told_once_also_in_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger(gate.__name__)
    before = (log.level, list(log.handlers))
    with bars.progress("Exporting"):
        for _ in range(3):
            log.info("the service is busy: %d requests at once from now on, no longer %d", 2, 4)
    assert (log.level, log.handlers) == before
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith("The service is busy (429 or 503)")


def test_without_a_total_the_bar_counts() -> None:
    seen = on_a_terminal(SCRIPT.format(streaming=False, total=None, seconds=2.0))
    assert "5/s" in seen
    assert "left" not in seen


@pytest.mark.parametrize(("seconds", "streaming"), [(0.9, False), (2.0, True)])
def test_no_bar_for_what_is_quick_nor_among_data_on_the_same_terminal(seconds: float, streaming: bool) -> None:
    code = SCRIPT.format(streaming=streaming, total=3_100, seconds=seconds)
    assert on_a_terminal(code, stdout=-2).splitlines() == ["a note in between"]


def test_no_colour_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from sequoia.cli.console import screen; screen(stderr=True).print('red', style='red')"
    assert "\x1b[31m" in on_a_terminal(code)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in on_a_terminal(code)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (61.4, "1:01"), (3_723, "1:02:03"), (-5, "0:00")])
def test_a_duration_is_written_as_clocks_do(seconds: float, text: str) -> None:
    assert bars._duration(seconds) == text
