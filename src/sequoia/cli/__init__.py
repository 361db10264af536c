"""The command line, `sequoia`. It needs the extra `cli` of the distribution, and says so when it is missing."""

from __future__ import annotations

import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command in `sys.argv` and exit, with one of the statuses in `sequoia.cli.failing`."""
    try:
        from sequoia.cli.failing import terminate  # noqa: PLC0415 - its import needs the extra
        from sequoia.cli.group import sequoia  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(130)
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write("This command needs click; install it with: pip install 'sequoia-client-sdk[cli]'\n")
        sys.exit(2)
    signal.signal(signal.SIGTERM, terminate)
    sequoia(prog_name="sequoia")
