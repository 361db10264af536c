"""The scripts that users are shown, run as users run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sequoia import Client
from sequoia.demo import STEPS
from sequoia.sandbox import Sandbox

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and name != "NO_COLOR"}
    return subprocess.run(  # noqa: S603 - our own scripts
        [sys.executable, "-W", "error", *arguments],
        env={**kept, "PYTHONIOENCODING": "utf-8", **environ},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=50,
        check=False,
    )


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


def stored(client: Client) -> dict[str, int | None]:
    """How many resources of each kind there are."""
    resources = ("contents", "assets", "categories", "people", "credits", "roles", "offers", "offer-templates")
    every = "count=true&resources=false"
    return {name: client.metadata[name].browse(None, query_string=every).total_count for name in resources}


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.stem)
def test_an_example_runs_alone_and_leaves_nothing_behind(script: Path) -> None:
    with Sandbox(demo=True) as sandbox, sandbox.client() as client:
        before = stored(client)
        assert None not in before.values()
        earlier = len(sandbox.requests)
        result = run(str(script), **sandbox.environ)
        requests = len(sandbox.requests) - earlier
        assert stored(client) == before
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout.strip()
    # It works against the sandbox that the environment names, or against one of its own.
    assert requests > 0 or "Sandbox(" in script.read_text(encoding="utf-8")


def test_the_demo_in_a_pipe() -> None:
    result = run("-m", "sequoia.demo")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
    for number, step in enumerate(STEPS, start=1):
        assert f"{number}. {step.title}" in result.stdout
    assert len(STEPS) >= 10
    assert all(len(line) <= 120 for line in result.stdout.splitlines())


def test_the_demo_without_its_sandbox_says_what_to_install(tmp_path: Path) -> None:
    # A package of that name that cannot be imported stands in for one that is not installed.
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError('none', name='uvicorn')\n", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    result = run("-m", "sequoia.demo", PYTHONPATH=path)
    assert result.returncode == 1
    assert "sequoia-client-sdk[sandbox]" in result.stderr
    assert "Traceback" not in result.stderr
