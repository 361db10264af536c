"""How a command ends that could not do its work: one sentence on stderr, and an exit status that says what it was."""

from __future__ import annotations

import click

__all__ = ["Refusal", "missing"]

# Which extra of the distribution brings a package that a command may need.
_EXTRAS = {
    **dict.fromkeys(("rich", "platformdirs", "keyring", "yaml", "tomli_w", "zstandard"), "cli"),
    **dict.fromkeys(("uvicorn", "h11", "trustme"), "sandbox"),
    "pyarrow": "arrow",
}


class Refusal(click.ClickException):
    """One sentence on stderr, and the exit status of a command that was used or equipped wrongly."""

    exit_code = 2


def missing(error: ModuleNotFoundError) -> Refusal | None:
    """What to say of a package that is not installed; None for one that no extra brings."""
    package = (error.name or "").partition(".")[0]
    if package not in _EXTRAS:
        return None
    return Refusal(
        f"This command needs {package}; install it with: pip install 'sequoia-client-sdk[{_EXTRAS[package]}]'"
    )
