"""What `sequoia diff` is asked: an export is held against the same question, and no other is passed over in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sequoia.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("environ")

MOVIES = 13


@pytest.fixture
def movies(run: Any, tmp_path: Path) -> str:
    """The folder of an export of some contents only."""
    folder = str(tmp_path / "movies")
    assert run("export", "metadata", "contents", folder, "--where", "type=movie").exit_code == 0
    return folder


def diff(run: Any, *options: str) -> tuple[int, str]:
    done = run("diff", "metadata", "contents", *options)
    return done.exit_code, done.stderr


def test_the_size_of_pages_leaves_the_question_of_an_export_as_it_is(run: Any, sandbox: Sandbox, movies: str) -> None:
    sandbox.requests.clear()
    status, said = diff(run, movies, "--per-page", "5")
    assert status == 0
    assert f"No difference: {MOVIES} left, {MOVIES} right." in said
    asked = [one.query for one in sandbox.requests if one.path == "/data/contents"]
    assert asked
    assert all({("perPage", "5"), ("withType", "movie")} <= set(query) for query in asked)


def test_the_pages_of_now_take_the_place_of_those_of_the_export(run: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    folder = str(tmp_path / "out")
    assert run("export", "metadata", "contents", folder, "--where", "type=movie", "--per-page", "7").exit_code == 0
    sandbox.requests.clear()
    assert diff(run, folder, "--per-page", "5")[0] == 0
    first = next(one.query for one in sandbox.requests if one.path == "/data/contents")
    assert ("perPage", "5") in first
    assert ("perPage", "7") not in first


@pytest.mark.parametrize(
    "question", [["--where", "type=series"], ["--text", "die"], ["--raw", "lang=es"], ["--fields", "ref"], ["--active"]]
)
def test_a_question_of_its_own_is_refused_beside_an_export(run: Any, movies: str, question: list[str]) -> None:
    one = "Error: a folder is compared as it was exported: leave out the question\n"
    two = "Error: two folders are compared as they were exported: leave out the question\n"
    assert diff(run, movies, *question) == (2, one)
    assert diff(run, movies, movies, *question) == (2, two)


def test_an_export_of_another_resource_is_refused(run: Any, movies: str, tmp_path: Path) -> None:
    told = "Error: this export is of metadata/contents, not of metadata/assets\n"
    file = next(Path(movies).glob("*.ndjson"))
    for places in ([movies], [movies, movies], [str(file)]):
        done = run("diff", "metadata", "assets", *places)
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", told)
    folder = str(tmp_path / "templates")
    assert run("export", "metadata", "offer-templates", folder).exit_code == 0
    assert run("diff", "metadata", "offerTemplates", folder, folder).exit_code == 0


@pytest.mark.parametrize("option", ["--to-owner", "--to-profile"])
def test_two_folders_have_no_other_side(run: Any, movies: str, option: str) -> None:
    told = f"Error: two folders are compared without a service: leave out {option}\n"
    assert diff(run, movies, movies, option, "other") == (2, told)


def test_a_file_of_no_export_is_held_against_the_question_that_is_asked(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "found.ndjson"
    file.write_text(run("browse", "metadata", "contents", "--where", "type=movie").stdout, encoding="utf-8")
    assert f"{MOVIES} left, {MOVIES} right" in diff(run, str(file), "--where", "type=movie")[1]


def test_an_export_of_changes_is_held_against_what_changed_since_then(
    run: Any, sandbox: Sandbox, environ: dict[str, str], tmp_path: Path
) -> None:
    whole, news, query = str(tmp_path / "whole"), str(tmp_path / "news"), ("--where", "type=movie")
    assert run("export", "metadata", "contents", whole, *query).exit_code == 0
    with sandbox.client() as client:
        made = [{"owner": sandbox.owner, "name": f"new-{n}", "title": "New", "type": "movie"} for n in range(2)]
        client.metadata.contents.store(sandbox.owner, made)
        assert run("export", "metadata", "contents", news, "--since", whole, *query).exit_code == 0
        refs = [f"{sandbox.owner}:new-0", f"{sandbox.owner}:new-1"]
        for pages in ([], ["--per-page", "5"]):
            status, said = diff(run, news, *pages)
            assert (status, "No difference: " in said) == (0, True), said
        client.metadata.contents.patch(sandbox.owner, refs[0], {"title": "Newer"})
        done = run("diff", "metadata", "contents", news, "--format", "ndjson")
        assert [json.loads(line)["key"] for line in done.stdout.splitlines()] == refs[:1]
        client.metadata.contents.delete(sandbox.owner, refs)
    status, said = diff(run, news, "--to-owner", "other")
    assert (status, said.startswith("Error: an export of changes (--since) is compared with what changed for its")) == (
        2,
        True,
    )
