"""What the page about the command line shows is what happens: its commands run, in the order of the page."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
SECTIONS = ("Queries", "Output", "Looking: describe, browse, read, count", "Writing: store, update, patch, delete")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    film = {"owner": "acme", "name": "my-film", "type": "movie", "tags": ["documented"]}
    Path("film.json").write_text(json.dumps(film, indent=2))
    others = [film | {"name": f"other-{number}"} for number in range(3)]
    Path("films.ndjson").write_text("".join(json.dumps(one) + "\n" for one in others))


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize("title", SECTIONS)
def test_the_commands_of_a_section_run_one_after_the_other(run: Any, title: str) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", section(title), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert lines
    for line in lines:
        done = run(*shlex.split(line)[1:])
        assert done.exit_code == 0, (line, done.stderr)


@pytest.mark.usefixtures("environ")
def test_what_is_shown_of_explain_and_of_a_mistake_is_what_comes(run: Any) -> None:
    mistake, explained = re.findall(r"^```text\n(.*?)^```$", section("Queries"), re.MULTILINE | re.DOTALL)
    question = ["--where", "type=movie", "--limit", "3", "--explain"]
    assert run("browse", "metadata", "contents", *question).stdout == explained
    assert run("browse", "metadata", "contents", "--where", "title=Die Hard").stderr == mistake


def test_every_condition_of_the_table_can_be_read() -> None:
    from sequoia.cli.conditions import conditions  # noqa: PLC0415

    rows = re.findall(r"^\| (`.*?) \|", section("Queries"), re.MULTILINE)
    shown = [one for row in rows for one in re.findall(r"`([^`]+)`", row) if not one.startswith(("--", "REL"))]
    complete = [one if one[0].isalpha() else f"releaseYear {one}" for one in shown if one not in {">", "<=", "<"}]
    assert len(complete) >= 15
    assert all(conditions(one) for one in complete)


def test_the_commands_about_profiles_run_one_after_the_other(run: Any) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", section("Profiles"), re.MULTILINE | re.DOTALL)
    for line in "".join(blocks).splitlines():
        done = run(*shlex.split(line)[1:])
        assert done.exit_code == 0, (line, done.stderr)
    assert len("".join(blocks).splitlines()) == 7


def test_what_the_doctor_is_shown_to_say_is_what_it_says(run: Any) -> None:
    (shown,) = re.findall(r"^```text\n(.*?)^```$", section("When it does not work: doctor"), re.MULTILINE | re.DOTALL)
    found = run("doctor", "--registry-url", "https://registry.invalid/services/acme", "--auth", "none")
    # What the system says of a name that it does not know differs.
    assert [line.split("known")[0] for line in found.stdout.splitlines()[:4]] == [
        line.split("known")[0] for line in shown.splitlines()
    ]


def test_every_option_and_variable_of_a_connection_is_in_the_table(run: Any) -> None:
    from sequoia.cli.layers import SECRETS, SETTINGS  # noqa: PLC0415

    table = section("Connection")
    missing = [one.name for one in SETTINGS.values() if not all(f"`{x}" in table for x in (one.option, one.variable))]
    assert missing == []
    assert all(f"`{variable}`" in section("Secrets") for variable in SECRETS.values())


def test_every_section_says_something_and_its_links_lead_to_pages() -> None:
    titles = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert [title for title in titles if not section(title).strip()] == []
    assert "(models.md)" in section("Typed models")
    pages = re.findall(r"\]\(([\w-]+\.md)", PAGE)
    assert [page for page in pages if not (Path(__file__).parents[2] / "docs" / page).is_file()] == []
