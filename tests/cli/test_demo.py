from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest


def test_the_demo_runs_to_its_end(spawn: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    result = spawn("demo")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1].endswith("steps did what they say.")
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("module", ["sequoia.cli demo", "sequoia.demo"])
def test_without_stdout_the_demo_says_so(module: str) -> None:
    shell = ["/bin/sh", "-c", f"{sys.executable} -m {module} >&-"]
    result = subprocess.run(shell, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603

    assert result.returncode == 2
    assert result.stderr == "Error: stdout is closed, there is nowhere to write the output\n"


def test_without_its_extra_the_demo_names_it() -> None:
    code = (
        "import sys; sys.modules['uvicorn'] = None; sys.argv = ['sequoia', 'demo']; import sequoia.cli as c; c.main()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603

    assert (result.returncode, result.stdout) == (2, "")
    assert (
        result.stderr
        == "Error: This command needs uvicorn; install it with: pip install 'sequoia-client-sdk[sandbox]'\n"
    )
