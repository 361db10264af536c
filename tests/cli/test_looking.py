"""`browse`, `read`, `count` and `describe`: real subprocesses and real terminals against the demo catalogue."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.moves import at
from tests.cli.moves import run as moved
from tests.cli.terminal import on_terminal

from sequoia.sandbox import Fault, Sandbox

MOVIES = 13
CONTENTS = 30


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.usefixtures("environ")
def test_in_a_pipe_all_that_fit_come_as_ndjson(run: Any) -> None:
    done = run("browse", "metadata", "contents", "--where", "type=movie", "--fields", "ref,type", "--per-page", "5")
    assert done.exit_code == 0
    assert len(rows(done.stdout)) == MOVIES
    assert all(row["type"] == "movie" and row.keys() == {"ref", "type"} for row in rows(done.stdout))
    assert done.stderr == ""


@pytest.mark.usefixtures("environ")
def test_a_limit_ends_within_a_page_and_across_pages(run: Any, sandbox: Sandbox) -> None:
    everything = [row["ref"] for row in rows(run("browse", "metadata", "contents").stdout)]
    assert len(everything) == CONTENTS
    for limit in (1, 7, 10, 30, 99):
        sandbox.requests.clear()
        found = rows(run("browse", "metadata", "contents", "--limit", str(limit), "--per-page", "5").stdout)
        assert [row["ref"] for row in found] == everything[:limit]
        pages = [one for one in sandbox.requests if one.path == "/data/contents" and one.status == 200]
        assert len(pages) == -(-min(limit, CONTENTS) // 5)


@pytest.mark.usefixtures("environ")
def test_a_small_limit_asks_for_no_more_than_that(run: Any, sandbox: Sandbox) -> None:
    run("browse", "metadata", "contents", "--limit", "3")
    assert [dict(one.query).get("perPage") for one in sandbox.requests if one.path == "/data/contents"][-1] == "3"


def test_a_file_that_may_not_get_so_large_is_told_of_as_a_full_disk_is(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "all.ndjson"
    browse = at(5_000, "RLIMIT_FSIZE", "browse", "metadata", "contents", "-o", file)
    done = moved(sandbox, tmp_path, whole=browse)
    assert done.stderr == "Error: the output cannot be written, it is not complete: File too large\n"
    assert done.returncode != 0
    assert not file.exists()


@pytest.mark.usefixtures("environ")
def test_the_order_is_the_one_asked_for(run: Any) -> None:
    found = rows(run("browse", "metadata", "contents", "--order", "-releaseYear,ref", "--where", "type=movie").stdout)
    keys = [(-row["releaseYear"], row["ref"]) for row in found]
    assert keys == sorted(keys)


@pytest.mark.usefixtures("environ")
def test_included_resources_stand_where_they_belong(run: Any) -> None:
    found = rows(run("browse", "metadata", "contents", "--where", "type=movie", "--include", "assets").stdout)
    assert all(asset["contentRef"] == row["ref"] for row in found for asset in row["assets"])
    assert any(row["assets"] for row in found)
    intersected = rows(run("browse", "metadata", "contents", "--intersect", "offers:type=rental").stdout)
    assert 0 < len(intersected) < CONTENTS
    assert all(row["offers"] for row in intersected)


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--include", "assets:ref"], "say --include assets:ref,contentRef"),
        (["--include", "assets", "--fields", "title"], "say --fields title,ref"),
        (["--include", "categories", "--fields", "ref"], "say --fields ref,categoryRefs"),
    ],
)
def test_what_could_not_be_attached_is_not_asked_for(
    run: Any, sandbox: Sandbox, arguments: list[str], said: str
) -> None:
    done = run("browse", "metadata", "contents", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert not [one for one in sandbox.requests if one.path.startswith("/data/")]
    corrected = said.removeprefix("say ").split()
    others = ["--include", arguments[1]] if corrected[0] == "--fields" else []
    done = run("browse", "metadata", "contents", "--where", "name!=the-long-archive", *others, *corrected)
    assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.usefixtures("environ")
def test_included_resources_that_did_not_come_along_are_told_of(run: Any) -> None:
    done = run("browse", "metadata", "contents", "--where", "name=the-long-archive", "--include", "assets")
    assert done.exit_code == 0
    assert done.stderr.startswith("Warning: contents: only the assets that came with the page are attached")


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--where", "tpye=movie"],
            "--where 'tpye=movie': contents has no field 'tpye' to filter by: did you mean 'type'?",
        ),
        (["--where", "releaseYear=abc"], "--where 'releaseYear=abc': 'abc' is no year such as 2026"),
        (["--where", "type=moive"], "did you mean 'movie'?"),
        (["--fields", "titel"], "--fields: contents has no field 'titel': did you mean 'title'"),
        (["--order", "-titel"], "--order: contents has no field 'titel'"),
        (["--include", "asset"], "--include asset: contents has no relationship 'asset': did you mean 'assets'"),
        (["--intersect", "offers:typ=x"], "--intersect 'offers:typ=x': offers has no field 'typ'"),
        (["--where", "offers.type=rental"], "--where 'offers.type=rental' is about offers, which do not come along"),
        (["--fields", "titel", "--format", "csv"], "--fields: contents has no field 'titel'"),
        (["--per-page", "101"], "--per-page 101: a page of contents has 1 to 100"),
        (["--limit", "0"], "'0' is neither a number from 1 nor 'all'"),
        (["--format", "xml"], "'xml' is not one of"),
    ],
)
def test_a_typo_is_one_sentence_and_nothing_is_asked(
    run: Any, sandbox: Sandbox, arguments: list[str], said: str
) -> None:
    done = run("browse", "metadata", "contents", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not [one for one in sandbox.requests if one.path.startswith("/data/")]


@pytest.mark.usefixtures("environ")
def test_without_the_check_the_service_itself_refuses(run: Any, sandbox: Sandbox) -> None:
    done = run("browse", "metadata", "contents", "--where", "tpye=movie", "--no-check")
    assert done.exit_code == 4
    assert "withTpye" in done.stderr
    assert [one.status for one in sandbox.requests if one.path == "/data/contents"][-1] == 400


@pytest.mark.usefixtures("environ")
def test_csv_has_every_field_of_the_descriptor_or_those_asked_for(run: Any) -> None:
    whole = list(csv.DictReader(io.StringIO(run("browse", "metadata", "contents", "--format", "csv").stdout)))
    assert len(whole) == CONTENTS
    assert {"ref", "title", "deletedAt", "categoryRefs", "localisedTitle"} <= whole[0].keys()
    assert json.loads(whole[0]["categoryRefs"])
    options = ["--fields", "title,ratings.FSK,ref", "--include", "assets", "--format", "csv", "--limit", "2"]
    header, *lines = csv.reader(io.StringIO(run("browse", "metadata", "contents", *options).stdout))
    assert header == ["title", "ratings.FSK", "ref", "assets"]
    assert len(lines) == 2


@pytest.mark.usefixtures("environ")
def test_a_failure_midway_keeps_what_came_before(run: Any, sandbox: Sandbox) -> None:
    run("count", "metadata", "contents")  # gets a token
    sandbox.faults.add(Fault(status=400, service="metadata", path="/data/contents", skip=2))
    done = run("browse", "metadata", "contents", "--per-page", "5", "--format", "table")
    assert done.exit_code == 4
    assert len(done.stdout.splitlines()) == 1 + 10
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("environ")
def test_on_a_terminal_it_is_a_table_of_the_first_twenty_and_says_so() -> None:
    status, seen = on_terminal("browse", "metadata", "contents", width=80)
    lines = seen.splitlines()
    assert status == 0
    assert lines[0].split()[:3] == ["ref", "title", "type"]
    assert len(lines) == 1 + 20 + 1
    assert lines[-1] == "The first 20: --limit N shows more, --limit all all of them."
    assert max(map(len, lines)) <= 80
    status, seen = on_terminal("browse", "metadata", "contents", "--limit", "all", width=40)
    assert len(seen.splitlines()) == 1 + CONTENTS
    assert max(map(len, seen.splitlines())) <= 40


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize(
    ("options", "more"),
    [
        (["--per-page", "40"], True),
        (["--per-page", "10"], True),
        (["--where", "type=movie"], False),
        (["--limit", "20"], False),
    ],
)
def test_it_says_so_only_where_there_are_more(options: list[str], more: bool) -> None:
    status, seen = on_terminal("browse", "metadata", "contents", *options)
    assert status == 0
    assert ("The first 20" in seen) is more


@pytest.mark.usefixtures("environ")
def test_parquet_is_nothing_for_a_terminal() -> None:
    status, seen = on_terminal("browse", "metadata", "contents", "--format", "parquet")
    assert status == 2
    assert seen.splitlines() == ["Error: Parquet is nothing for a terminal: say --output FILE"]


@pytest.mark.usefixtures("environ")
def test_a_read_takes_names_and_refs_and_one_alone_is_an_object(run: Any) -> None:
    done = run("read", "metadata", "contents", "the-long-archive", "--format", "json")
    assert json.loads(done.stdout)["ref"] == "acme:the-long-archive"
    done = run("read", "metadata", "contents", "acme:the-long-archive", "the-ivory-lantern-22", "--fields", "ref,title")
    assert sorted(row["title"] for row in rows(done.stdout)) == ["The Ivory Lantern", "The Long Archive"]


@pytest.mark.usefixtures("environ")
def test_of_refs_that_are_not_there_it_says_which(run: Any) -> None:
    done = run("read", "metadata", "contents", "the-long-archive", "gone", "lost")
    assert (done.exit_code, len(rows(done.stdout))) == (1, 1)
    assert done.stderr == "2 of 3 are not there: acme:gone, acme:lost\n"
    done = run("read", "metadata", "contents", "gone")
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == "Error: none of these contents is there: acme:gone\n"
    done = run("read", "metadata", "contents", "")
    assert (done.exit_code, done.stdout) == (2, "")


@pytest.mark.usefixtures("environ")
def test_a_count_is_a_number(run: Any, sandbox: Sandbox) -> None:
    assert run("count", "metadata", "contents").stdout == f"{CONTENTS}\n"
    assert run("count", "metadata", "contents", "--where", "type=movie", "--format", "csv").stdout == "count\n13\n"
    asked = [dict(one.query) for one in sandbox.requests if one.path == "/data/contents"]
    assert all(query["resources"] == "false" for query in asked)


@pytest.mark.usefixtures("environ")
def test_a_count_by_a_field_is_rows_in_a_pipe_and_bars_on_a_terminal(run: Any) -> None:
    found = rows(run("count", "metadata", "contents", "--by", "type,releaseYear", "--limit", "2").stdout)
    assert found[:2] == [
        {"field": "type", "value": "movie", "count": MOVIES},
        {"field": "type", "value": "episode", "count": 12},
    ]
    assert [row["field"] for row in found[2:]] == ["releaseYear"] * 2
    status, seen = on_terminal("count", "metadata", "contents", "--by", "type", width=40)
    assert status == 0
    assert [line.split()[:2] for line in seen.splitlines()[1:3]] == [["movie", "13"], ["episode", "12"]]
    assert all(len(line) <= 40 and "█" in line for line in seen.splitlines()[1:])


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize("command", ["browse", "count"])
def test_a_condition_on_linked_resources_needs_them(run: Any, sandbox: Sandbox, command: str) -> None:
    done = run(command, "metadata", "contents", "--where", "offers.type=rental")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--intersect 'offers:type...'" in done.stderr
    assert not [one for one in sandbox.requests if one.path.startswith("/data/")]


@pytest.mark.usefixtures("environ")
def test_nothing_that_fits_is_no_output_and_a_note_where_people_look(run: Any) -> None:
    done = run("browse", "metadata", "contents", "--where", "title=nothing")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    done = run("browse", "metadata", "contents", "--where", "title=nothing", "--format", "table")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "No contents fit.\n")


@pytest.mark.usefixtures("environ")
def test_what_no_column_of_csv_has_is_told(run: Any, sandbox: Sandbox) -> None:
    body = b'{"meta": {}, "contents": [{"ref": "acme:x", "novelty": 1}]}'
    run("count", "metadata", "contents")  # gets a token
    sandbox.faults.add(Fault(body=body, service="metadata", path="/data/contents"))
    done = run("browse", "metadata", "contents", "--format", "csv")
    assert (done.exit_code, done.stderr) == (0, "Left out, because no column has them: novelty\n")


@pytest.mark.usefixtures("environ")
def test_what_cannot_be_counted_names_what_can(run: Any) -> None:
    done = run("count", "metadata", "contents", "--by", "title")
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: --by: contents cannot be counted by 'title'")
    done = run("count", "metadata", "contents", "--by", "type", "--intersect", "offers")
    assert done.exit_code == 2
    assert "together with an intersection" in done.stderr


@pytest.mark.usefixtures("environ")
def test_a_description_is_the_descriptor_itself_or_tables(run: Any, sandbox: Sandbox) -> None:
    with sandbox.client() as client:
        raw = client.get(f"{client.metadata.location}/descriptor/raw").data
    assert json.loads(run("describe", "metadata").stdout) == raw
    contents = raw["resourcefuls"]["contents"]
    assert yaml.safe_load(run("describe", "metadata", "content", "--format", "yaml").stdout) == contents
    text = run("describe", "metadata", "contents", "--format", "table").stdout
    for name in [*contents["fields"], *contents["relationships"]]:
        assert re.search(rf"^{re.escape(name)}  ", text, re.MULTILINE), name
    assert re.search(r"^title +string +.*starts", text, re.MULTILINE)
    assert re.search(r"^resources a store +100$", text, re.MULTILINE)
    service = run("describe", "metadata", "--format", "table").stdout
    assert "offer-templates" in service
    assert "GET /robots.txt" in service


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize("width", [40, 80])
def test_a_description_fits_the_terminal(width: int) -> None:
    status, seen = on_terminal("describe", "metadata", "contents", width=width)
    assert status == 0
    assert max(map(len, seen.splitlines())) <= width
    assert re.search("^availabilityStartAt +timestamp", seen, re.MULTILINE)


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize("command", ["browse", "count", "describe"])
def test_a_wrong_name_has_the_nearest_right_one(run: Any, command: str) -> None:
    done = run(command, "metadata", "contnts")
    assert (done.exit_code, done.stderr.count("did you mean 'contents'?")) == (2, 1)
    done = run(command, "metadta", "contents")
    assert (done.exit_code, done.stderr.count("did you mean 'metadata'?")) == (2, 1)


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize("more", [[], ["--explain"]])
def test_a_field_to_count_by_that_is_no_text_is_refused(run: Any, more: list[str]) -> None:
    done = run("count", "metadata", "contents", "--by", "\udcff", *more)
    assert (done.exit_code, done.stderr) == (2, "Error: --by: '\\udcff' is not UTF-8 text\n")
