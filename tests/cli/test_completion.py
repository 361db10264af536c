from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import Result

from sequoia.cli import cache
from sequoia.cli.group import COMMANDS
from sequoia.sandbox import Fault, Sandbox

Run = Callable[..., Result]
Complete = Callable[..., list[str]]


@pytest.fixture
def complete() -> Complete:
    """What a shell is offered behind these words, by the command line in a process of its own."""

    def ask(*words: str) -> list[str]:
        result = subprocess.run(
            [sys.executable, "-m", "sequoia.cli"],
            env={
                **os.environ,
                "_SEQUOIA_COMPLETE": "bash_complete",
                "COMP_WORDS": " ".join(["sequoia", *words]),
                "COMP_CWORD": str(len(words)),
            },
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=30,
            check=False,
        )
        assert result.stderr == ""
        return [line.partition(",")[2] for line in result.stdout.splitlines() if line]

    return ask


def test_commands_and_options_are_completed_without_a_connection(complete: Complete) -> None:
    assert complete("") == list(COMMANDS)
    assert complete("serv") == ["services"]
    assert "--registry-url" in complete("services", "--reg")
    assert complete("completion", "b") == ["bash"]


def test_services_and_resources_are_asked_for_once_and_then_remembered(
    complete: Complete, environ: Mapping[str, str], sandbox: Sandbox
) -> None:
    assert complete("browse", "meta") == ["metadata"]
    assert complete("browse", "metadata", "con") == ["contents"]
    asked = len(sandbox.requests)
    assert asked > 0
    assert complete("browse", "metadata", "offer-t") == ["offer-templates"]
    assert complete("read", "w") == ["workflow"]
    assert len(sandbox.requests) == asked


def test_what_a_command_has_read_is_completed_later(
    complete: Complete, run: Run, environ: Mapping[str, str], sandbox: Sandbox
) -> None:
    assert run("browse", "metadata", "contents", "--limit", "1").exit_code == 0
    sandbox.requests.clear()
    assert complete("browse", "metadata", "cat") == ["categories"]
    assert len(sandbox.requests) == 0


def test_options_before_the_words_are_heeded(complete: Complete, sandbox: Sandbox) -> None:
    assert complete("browse", "--registry-url", sandbox.registry_url, "--auth", "none", "val") == ["validation"]


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"SEQUOIA_REGISTRY_URL": "http://127.0.0.1:1/services/acme"},
        {"SEQUOIA_REGISTRY_URL": "nonsense"},
        {"SEQUOIA_PROFILE": "nothing"},
        {"SEQUOIA_TIMEOUT": "soon"},
    ],
    ids=str,
)
def test_without_an_answer_there_is_nothing_and_no_word_about_it(
    variables: dict[str, str], complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert complete("browse", "m") == []
    assert complete("browse", "metadata", "c") == []


def test_a_service_that_fails_and_a_broken_file_of_profiles_are_silent(
    complete: Complete, environ: Mapping[str, str], sandbox: Sandbox, home: Path
) -> None:
    sandbox.faults.add(Fault(status=404, service="metadata", times=None))
    assert complete("browse", "metadata", "con") == []
    file = home / "config" / "sequoia" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("default = ", encoding="utf-8")
    assert complete("services", "--profile", "s") == []


def test_a_profile_is_completed_and_its_missing_secret_not_asked_for(
    complete: Complete, run: Run, sandbox: Sandbox
) -> None:
    run("config", "set", "staging", f"registry_url={sandbox.registry_url}", "client_id=somebody")
    assert complete("services", "--profile", "st") == ["staging"]
    assert complete("config", "use", "s") == ["staging"]
    assert complete("config", "set", "x", "own") == ["owner="]
    assert complete("browse", "meta") == ["metadata"]


def test_a_broken_cache_is_as_good_as_none(complete: Complete, environ: Mapping[str, str]) -> None:
    file = cache.cache_file()
    file.parent.mkdir(parents=True)
    for text in ("not JSON", "[]", '{"a": []}', '{"a": {"b": [1]}}', "[" * 100_000):
        file.write_text(text, encoding="utf-8")
        assert complete("browse", "meta") == ["metadata"]


def test_the_cache_keeps_what_is_new_and_not_everything(home: Path) -> None:
    for number in range(30):
        cache.remember(f"https://r{number}.test", ["metadata"], {})
    cache.remember("https://r29.test", ["metadata", "workflow"], {"metadata": ["contents"]})
    cache.remember("https://r29.test", ["metadata", "workflow"], {"workflow": ["flows"]})

    assert cache.known("https://r0.test") == {}
    assert cache.known("https://r29.test") == {"metadata": ["contents"], "workflow": ["flows"]}
    assert len(json.loads(cache.cache_file().read_bytes())) == 20


def test_a_cache_that_cannot_be_written_hinders_nothing(run: Run, environ: Mapping[str, str], home: Path) -> None:
    (home / "cache").write_text("a file where the folder should be", encoding="utf-8")
    assert run("services").exit_code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_calls_the_command_line(shell: str, run: Run) -> None:
    result = run("completion", shell)

    assert (result.exit_code, result.stderr) == (0, "")
    assert f"_SEQUOIA_COMPLETE={shell}_complete" in result.stdout


def test_bash_completes_with_the_script(run: Run, environ: Mapping[str, str]) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    command = Path(sys.executable).parent / "sequoia"
    script = (
        run("completion", "bash").stdout
        + f"\nCOMP_WORDS=({command} browse meta); COMP_CWORD=2; _sequoia_completion {command}\n"
        + 'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run([bash, "-c", script], capture_output=True, text=True, timeout=30, check=True)  # noqa: S603
    assert done.stdout == "metadata\n"


def test_a_shell_that_there_is_not_is_one_sentence(run: Run) -> None:
    result = run("completion", "tcsh")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
