"""The command line at a terminal of some width, which somebody may type at."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

__all__ = ["on_terminal"]

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def on_terminal(*arguments: str, width: int = 80, typed: bytes = b"") -> tuple[int, str]:
    """Run it where stdin, stdout and stderr are a terminal; its exit status, and what was seen, without colours."""
    ours, its = pty.openpty()
    environment = os.environ | {"COLUMNS": str(width), "TERM": "xterm-256color"}
    # Not pty.fork: a process with threads, as the sandbox's is, must not fork without an exec.
    process = subprocess.Popen(  # noqa: S603 - this interpreter and the test's arguments
        [sys.executable, "-m", "sequoia.cli", *arguments],
        stdin=its,
        stdout=its,
        stderr=its,
        env=environment,
        start_new_session=True,
    )
    os.close(its)
    seen = b""
    try:
        os.write(ours, typed)
        with suppress(OSError):  # on Linux the end
            while piece := os.read(ours, 65536):
                seen += piece
        return process.wait(timeout=30), _ESCAPE.sub("", seen.decode()).replace("\r\n", "\n")
    finally:
        os.close(ours)
        process.kill()
        process.wait()
