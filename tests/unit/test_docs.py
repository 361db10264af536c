"""What the documentation says is true: its Python runs, its commands exist, its links lead somewhere.

A fenced block of the language `python` is run on its own, with `sandbox`, `client` and `owner` at hand and the
`SEQUOIA_*` variables set. Where a block `text title="prints"` follows, that is what it prints. The blocks of the
tutorial make one script; one whose title is a file of tests is run by pytest. The one titled `spark.py` needs Spark;
tests/spark runs it, and here it is compiled.
"""

from __future__ import annotations

import logging
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

import sequoia.error
import sequoia.sandbox
import sequoia.transfer
from sequoia.cli.group import command as find_command
from sequoia.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "examples" / "README.md"]
TUTORIAL = ROOT / "docs" / "tutorial.md"
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

_BLOCK = re.compile(r"^```(\w+)[ \t]*([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PRINTS = re.compile(r'\n*```text title="prints"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([\w.]+)"')
_REFERENCE = re.compile(r"^::: ([\w.]+)$", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)")
_VARIABLES = (
    "SEQUOIA_REGISTRY_URL",
    "SEQUOIA_OWNER",
    "SEQUOIA_CLIENT_ID",
    "SEQUOIA_CLIENT_SECRET",
    "SEQUOIA_USERNAME",
    "SEQUOIA_PASSWORD",
)
_ELSEWHERE = "spark.py"

Stored = Callable[[], dict[str, int | None]]


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, what stands behind it, where it begins, its text, and what it prints."""

    page: Path
    line: int
    language: str
    remark: str
    text: str
    prints: str | None

    @property
    def file(self) -> str:
        """The name of the file that it is shown as, if any."""
        found = _TITLE.search(self.remark)
        return found[1] if found else ""

    @property
    def runs(self) -> bool:
        return self.file != _ELSEWHERE

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def _blocks(language: str) -> list[Block]:
    return [
        Block(
            page,
            text.count("\n", 0, found.start(3)) + 1,
            found[1],
            found[2].strip(),
            found[3],
            _printed(text, found.end()),
        )
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for found in _BLOCK.finditer(text)
        if found[1] == language
    ]


def _printed(text: str, end: int) -> str | None:
    """What the block that ends there prints, if the page says it."""
    found = _PRINTS.match(text, end)
    return found[1] if found else None


def _commands() -> list[str]:
    """The lines of the pages' shell blocks that call the command line of this package, without prompt and comment."""
    lines = [line for language in ("sh", "console") for block in _blocks(language) for line in block.text.splitlines()]
    return [line for line in lines if line.removeprefix("$ ").startswith("sequoia ")]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(demo=True) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The sandbox without faults, with the variables that point at it."""
    for name, value in running.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # scripts follow the environment, and the sandbox is on this machine
    yield running
    running.faults.clear()


@pytest.fixture
def prepared(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    """What a block finds when it begins."""
    log = logging.getLogger("sequoia")
    before = log.level  # a page shows how to change it
    with sandbox.client() as client:
        yield {"__name__": "__main__", "sandbox": sandbox, "client": client, "owner": sandbox.owner}
    log.setLevel(before)


@pytest.fixture
def stored(sandbox: Sandbox) -> Iterator[Stored]:
    """Tells how many resources of each kind there are, by a client of its own."""
    resources = ("contents", "assets", "categories", "people", "credits", "roles", "offers", "offer-templates")
    with sandbox.client() as client:

        def count() -> dict[str, int | None]:
            every = "count=true&resources=false"
            return {name: client.metadata[name].browse(None, query_string=every).total_count for name in resources}

        assert all(number is not None for number in count().values())
        yield count


@pytest.mark.parametrize("block", [block for block in _blocks("python") if block.page != TUTORIAL], ids=str)
def test_a_python_block_runs_and_leaves_nothing_behind(
    block: Block, prepared: dict[str, Any], stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    # The blank lines in front make the line numbers of a traceback those of the page.
    code = compile("\n" * (block.line - 1) + block.text, str(block.page), "exec")
    before = stored()
    if block.runs:
        exec(code, prepared)  # noqa: S102 - it is our own documentation
    if block.prints is not None:
        assert capsys.readouterr().out == block.prints
    assert stored() == before


def test_the_steps_of_the_tutorial_are_a_script_that_prints_what_it_says(
    sandbox: Sandbox, stored: Stored, tmp_path: Path
) -> None:
    steps = [block for block in _blocks("python") if block.page == TUTORIAL]
    script = tmp_path / "tutorial.py"
    script.write_text("\n".join(step.text for step in steps), encoding="utf-8")
    before = stored()
    result = _run(script, dict(sandbox.environ), tmp_path)
    assert result.stderr == ""
    assert result.stdout == "".join(step.prints or "" for step in steps)
    assert len([step for step in steps if step.prints]) >= 8
    assert (tmp_path / "films.ndjson").read_text(encoding="utf-8").count("\n") == 10
    assert stored() == before


@pytest.mark.parametrize("page", sorted({block.page for block in _blocks("python") if block.file.startswith("test_")}))
def test_a_block_that_is_a_file_of_tests_passes_under_pytest(page: Path, tmp_path: Path) -> None:
    for block in _blocks("python"):
        if block.page == page and block.file.endswith(".py"):
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE), done.stdout


def test_what_a_block_prints_would_be_noticed_if_it_were_wrong() -> None:
    assert len([block for block in _blocks("python") if block.prints is not None]) >= 20
    assert _PRINTS.match('\n\n```text title="prints"\n30\n```\n') is not None


def test_the_reference_has_every_public_name() -> None:
    """Of the package, its errors, its sandbox and transfers; wherever a name is defined, it is the same object."""
    pages = (ROOT / "docs" / "reference").glob("*.md")
    paths = [path for page in pages for path in _REFERENCE.findall(page.read_text(encoding="utf-8"))]
    shown = [pkgutil.resolve_name(path) for path in paths]
    modules = [one for one in shown if isinstance(one, ModuleType)]
    shown += [getattr(module, name) for module in modules for name in getattr(module, "__all__", ())]
    public = [
        getattr(module, name)
        for module in (sequoia, sequoia.error, sequoia.sandbox, sequoia.transfer)
        for name in module.__all__
        if not name.startswith("__")
    ]
    assert [one for one in public if not any(one is other for other in shown)] == []


def test_only_the_block_about_spark_is_run_elsewhere() -> None:
    assert len([block for block in _blocks("python") if not block.runs]) == 1
    assert {block.remark.split("=")[0] for block in _blocks("python")} <= {"", "title"}  # nothing else is shown as code


def test_the_pages_have_python_to_run() -> None:
    assert {block.page.name for block in _blocks("python")} >= {"README.md", "errors.md", "migration.md", "sandbox.md"}


def test_the_readme_s_first_script_needs_the_variables_and_nothing_else(sandbox: Sandbox, tmp_path: Path) -> None:
    script = tmp_path / "first.py"
    script.write_text(next(block.text for block in _blocks("python") if block.page.name == "README.md"))
    result = _run(script, dict(sandbox.environ))
    assert result.returncode == 0, result.stderr
    assert f"{sandbox.owner}:the-long-archive The Long Archive" in result.stdout.splitlines()
    assert result.stderr == ""


def test_every_example_is_in_the_list_of_examples() -> None:
    listed = _LINK.findall((ROOT / "examples" / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == [example.name for example in EXAMPLES]


@pytest.mark.parametrize("line", _commands())
def test_a_command_that_a_page_shows_exists(line: str) -> None:
    name, *arguments = shlex.split(line.removeprefix("$ "), comments=True)[1:]
    command = find_command(name)
    given = command.make_context(name, list(arguments)).params  # raises for an option that there is not
    assert set(given) == {parameter.name for parameter in command.params if parameter.name != "help"}


def test_the_check_of_commands_would_notice_one_that_does_not_exist() -> None:
    with pytest.raises(click.NoSuchOption):
        find_command("sandbox").make_context("sandbox", ["--prot", "8700"])
    assert len(_commands()) >= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def _run(script: Path, variables: dict[str, str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a script as a user would: the six variables, and nothing of this process but what Python needs."""
    needed = ("PATH", "PYTHONPATH", "SYSTEMROOT", "VIRTUAL_ENV")
    environment = {name: os.environ[name] for name in needed if name in os.environ} | {"NO_PROXY": "127.0.0.1"}
    assert set(variables) == set(_VARIABLES)
    return subprocess.run(  # noqa: S603 - our own scripts
        [sys.executable, script],
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
