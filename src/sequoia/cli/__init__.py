"""The command line, `sequoia`. It needs the extra `sandbox` of the distribution, and says so when it is missing."""

from __future__ import annotations

import sys

__all__ = ["main"]

_EXTRA = frozenset({"click", "h11", "uvicorn"})


def main() -> None:
    """Run the command in `sys.argv` and exit: 0 when it did its work, 2 when it was used or equipped wrongly."""
    try:
        from sequoia.cli.commands import sequoia  # noqa: PLC0415 - its import needs the extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write(
            f"This command needs {error.name}; install it with: pip install 'sequoia-client-sdk[sandbox]'\n"
        )
        sys.exit(2)
    sequoia(prog_name="sequoia")
