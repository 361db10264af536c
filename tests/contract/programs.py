"""Python programs in processes of their own, for what a test process cannot do to itself: fork, be interrupted, end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Self

from sequoia.sandbox import Sandbox

__all__ = ["SLOW", "Program"]

# Seconds until a test gives up on a program that should have ended long ago.
SLOW = 40

_BEGINNING = """
import os, signal, sys, threading, traceback, warnings
from sequoia import AsyncClient, Client, InstantClock
from sequoia.error import ClientError
from sequoia.token_file import FileTokenStore

# A shell starts what it runs in the background with Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What Python 3.12 and later say about the very thing that is tested.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)

def connect(**options):
    return Client(URL, **{**OPTIONS, **options})

def browse(client):
    return client.metadata.contents.browse("acme").status
"""


class Program:
    """A program that has the names `URL`, `OPTIONS`, `connect` and `browse`.

    Args:
        folder: Where to write it.
        source: What it does, below `if __name__ == "__main__"`.
        sandbox: Whose credentials it has.
        url: The registry, if it is not the sandbox's.
        above: What stands above that line, for functions that other processes import.
    """

    def __init__(self, folder: Path, source: str, sandbox: Sandbox, url: str | None = None, above: str = "") -> None:
        given = {"grant_client_id": sandbox.client_id, "grant_client_secret": sandbox.client_secret, "proxies": {}}
        head = f"URL = {url or sandbox.registry_url!r}\nOPTIONS = {given!r}\n"
        main = textwrap.indent(textwrap.dedent(source).strip(), "    ")
        path = folder / "program.py"
        text = f'{_BEGINNING}\n{head}\n{textwrap.dedent(above)}\nif __name__ == "__main__":\n{main}\n'
        # Several processes may run the same program: what one of them is reading is not written again.
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-W", "error", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # with what it forks it is one group, which can be killed as a whole
        )

    def line(self) -> str:
        """The next line that it prints."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def tell(self, line: str = "go") -> None:
        """Give it a line to read."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def ended(self) -> tuple[int, list[str], str]:
        """Its exit status, the lines that it printed and what it complained of, after it has ended."""
        try:
            out, err = self._process.communicate(timeout=SLOW)
        except subprocess.TimeoutExpired:
            self._kill()
            out, err = self._process.communicate()
            raise AssertionError(f"it hangs; so far it said:\n{out}\n{err}") from None
        return self._process.returncode, out.split("\n")[:-1], err

    def end(self) -> list[str]:
        """The lines that it printed, after it has ended as it should and without a word of complaint."""
        status, lines, err = self.ended()
        assert (status, err) == (0, ""), f"{lines}\n{err}"
        return lines

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._kill()
        self._process.communicate()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
