"""The command line at a terminal of some width, which somebody may type at."""

from __future__ import annotations

import os
import pty
import re
import sys

__all__ = ["on_terminal"]

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def on_terminal(*arguments: str, width: int = 80, typed: bytes = b"") -> tuple[int, str]:
    """Run it where stdin, stdout and stderr are a terminal; its exit status, and what was seen, without colours."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(COLUMNS=str(width), TERM="xterm-256color")
        os.execv(sys.executable, [sys.executable, "-m", "sequoia.cli", *arguments])  # noqa: S606 - this interpreter
    os.write(terminal, typed)
    seen = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # on Linux the end
            break
        if not piece:
            break
        seen += piece
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), _ESCAPE.sub("", seen.decode()).replace("\r\n", "\n")
