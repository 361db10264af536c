from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"httpx2", "msgspec", "rich", "keyring", "platformdirs", "yaml", "pyarrow", "sequoia.client", "sequoia.error"}


def imported(*arguments: str) -> set[str]:
    """The modules that a command has imported when it ends."""
    code = (
        f"import sys, atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
        f"sys.argv = {['sequoia', *arguments]!r}; import sequoia.cli; sequoia.cli.main()"
    )
    result = subprocess.run(  # noqa: S603 - this interpreter and our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(result.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []], ids=str)
def test_help_needs_nothing_but_click(arguments: list[str]) -> None:
    try:
        loaded = imported(*arguments)
    except subprocess.CalledProcessError as error:  # without arguments the help is an error, as click has it
        loaded = set(error.stderr.split())
    assert "click" in loaded
    assert "sequoia.cli.group" in loaded
    assert loaded.isdisjoint(HEAVY), loaded & HEAVY
    assert {name for name in loaded if name.startswith("sequoia.cli.commands")} == set()


def test_the_check_would_see_an_import() -> None:
    assert "sequoia.cli.commands.sandbox" in imported("sandbox", "--help")
