"""`sequoia export`: what is in the files, and that nothing is lost or there twice, whatever ends the process."""

from __future__ import annotations

import csv
import json
import os
import random
import shlex
import signal
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.cli.moves import at, catalogue, exported_refs, lines_of, manifest_of, run

from sequoia.sandbox import Fault, Sandbox
from sequoia.transfer import Source
from sequoia.transfer.folder import held

NUMBER = 600
REFS = [f"acme:c-{n:04}" for n in range(NUMBER)]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        sandbox.load("metadata", "contents", catalogue("acme", NUMBER))
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    yield running
    running.faults.clear()


def export(sandbox: Sandbox, folder: Path, *options: str, status: int = 0) -> str:
    """Export all contents to `out` in a folder; what it said."""
    done = run(sandbox, folder, "export", "metadata", "contents", folder / "out", "--per-page", "50", *options)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("options", [[], ["-z", "gzip"], ["-z", "zstd"], ["--workers", "3"], ["--split", "250"]])
def test_every_resource_is_there_once_as_the_service_gave_it(
    sandbox: Sandbox, tmp_path: Path, options: list[str]
) -> None:
    assert "600 resources" in export(sandbox, tmp_path, *options)
    with sandbox.client() as client:
        given = set(client.metadata.contents.scan("acme", raw=True))
    assert sorted(exported_refs(tmp_path / "out")) == REFS
    assert set(lines_of(tmp_path / "out")) == given
    manifest = manifest_of(tmp_path / "out")
    assert (manifest["service"], manifest["resource"], manifest["owner"]) == ("metadata", "contents", "acme")
    assert (manifest["resources"], manifest["checkpoint"]) == (NUMBER, None)
    assert manifest["ended"] >= manifest["started"]


def test_files_are_split_by_number_and_by_size(sandbox: Sandbox, tmp_path: Path) -> None:
    export(sandbox, tmp_path, "--split", "250")
    assert [part["resources"] for part in manifest_of(tmp_path / "out")["files"]] == [250, 250, 100]
    export(sandbox, tmp_path, "--split", "100KB", "--force")
    sizes = [part["bytes"] for part in manifest_of(tmp_path / "out")["files"]]
    assert len(sizes) > 2
    assert all(100_000 <= size < 110_000 for size in sizes[:-1])


def test_the_question_and_the_fields_are_those_asked_for(sandbox: Sandbox, tmp_path: Path) -> None:
    export(sandbox, tmp_path, "--where", "releaseYear>=2010", "--fields", "ref,releaseYear")
    found = [json.loads(line) for line in lines_of(tmp_path / "out")]
    assert found
    assert all(set(one) == {"ref", "releaseYear"} and one["releaseYear"] >= 2010 for one in found)
    assert "withReleaseYear=2010" in manifest_of(tmp_path / "out")["query"]


def test_csv_has_a_column_for_every_field_and_loses_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    export(sandbox, tmp_path, "--format", "csv", "--split", "400")
    rows: list[dict[str, str]] = []
    for part in manifest_of(tmp_path / "out")["files"]:
        with (tmp_path / "out" / part["name"]).open(newline="", encoding="utf-8") as file:
            rows += csv.DictReader(file)
    assert [row["ref"] for row in rows] == REFS
    assert rows[3]["title"] == 'Part "3", ünïcode \u2028 and a, comma\nand a second line'
    assert json.loads(rows[3]["tags"]) == ["a,b", "e", 'c"d']
    assert rows[3]["releaseYear"] == "1953"


def test_parquet_has_typed_columns(sandbox: Sandbox, tmp_path: Path) -> None:
    export(sandbox, tmp_path, "--format", "parquet", "-z", "zstd", "--split", "400")
    files = [tmp_path / "out" / part["name"] for part in manifest_of(tmp_path / "out")["files"]]
    table = pq.read_table(files[0])
    assert (len(files), table.num_rows) == (2, 400)
    types = {name: str(table.schema.field(name).type) for name in ("ref", "releaseYear", "createdAt", "tags", "custom")}
    assert types == {
        "ref": "string",
        "releaseYear": "int64",
        "createdAt": "timestamp[ms, tz=UTC]",
        "tags": types["tags"],
        "custom": "string",
    }
    assert types["tags"].startswith("list<")


def test_whoever_may_read_the_files_may_read_the_manifest(sandbox: Sandbox, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        export(sandbox, tmp_path, "--split", "100")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()} == {0o644}


def test_an_export_that_is_there_is_not_overwritten(sandbox: Sandbox, tmp_path: Path) -> None:
    export(sandbox, tmp_path)
    before = manifest_of(tmp_path / "out")
    assert "has a complete export" in export(sandbox, tmp_path, status=2)
    assert "Nothing to do" in export(sandbox, tmp_path, "--resume")
    assert manifest_of(tmp_path / "out") == before
    assert "is another one" in export(sandbox, tmp_path, "--resume", "--where", "type=movie", status=2)
    export(sandbox, tmp_path, "--force", "--where", "releaseYear=1953")
    assert manifest_of(tmp_path / "out")["resources"] == 9


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--split", "many"], "neither a number of resources"),
        (["--since", "yesterday"], "neither the folder of an export nor a time"),
        (["--resume", "--force"], "give one of them"),
        (["--where", "releaseYaer=2000"], "releaseYear"),
        (["--since", "2026-01-01", "--workers", "2"], "one worker"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    sandbox: Sandbox, tmp_path: Path, options: list[str], sentence: str
) -> None:
    said = export(sandbox, tmp_path, *options, status=2)
    assert sentence in said
    assert not (tmp_path / "out").exists()


KINDS = [[], ["-z", "gzip"], ["-z", "zstd", "--workers", "3"], ["--format", "csv"], ["--format", "parquet"]]


@pytest.mark.parametrize("options", KINDS, ids=" ".join)
def test_after_kill_9_at_any_point_it_goes_on_without_loss(
    sandbox: Sandbox, tmp_path: Path, options: list[str]
) -> None:
    chance = random.Random(len(options))  # noqa: S311 - where it is killed
    arguments = [
        "export",
        "metadata",
        "contents",
        str(tmp_path / "out"),
        "--per-page",
        "20",
        "--resume",
        "--split",
        "130",
    ]
    arguments += ["--checkpoint-every", "30", *options]
    # A Parquet file takes many small writes, and only its end is a point to go on from.
    earliest, latest = (150, 500) if "parquet" in options else (20, 70)
    killed = 0
    while killed < 40:
        killing = at(chance.randrange(earliest, latest), "SIGKILL", *arguments)
        done = run(sandbox, tmp_path, whole=killing)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        killed += 1
    assert killed >= 2
    assert sorted(refs_in(tmp_path / "out")) == REFS
    assert [part["resources"] for part in manifest_of(tmp_path / "out")["files"]] == [130, 130, 130, 130, 80]


def refs_in(folder: Path) -> list[str]:
    """The refs in an export of any format."""
    source = Source.of(folder)
    return [given.resource["ref"] for given in source if isinstance(given.resource, dict)]


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 8])
def test_an_export_that_was_killed_while_it_replaced_another_is_not_taken_for_that(
    sandbox: Sandbox, tmp_path: Path, number: int
) -> None:
    export(sandbox, tmp_path, "--split", "300")
    arguments = [
        "export",
        "metadata",
        "contents",
        str(tmp_path / "out"),
        "--split",
        "300",
        "--where",
        "releaseYear=1953",
    ]
    done = run(sandbox, tmp_path, whole=at(number, "SIGKILL", *arguments, "--force"))
    assert done.returncode == -signal.SIGKILL
    if json.loads((tmp_path / "out" / "manifest.json").read_text())["ended"] is not None:
        found = refs_in(tmp_path / "out")
        assert found == REFS or len(found) == 9  # it has not begun, or was as good as done
    else:
        assert run(sandbox, tmp_path, *arguments, "--resume").returncode == 0
        assert len(exported_refs(tmp_path / "out")) == 9


@pytest.mark.parametrize(("action", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("number", [12, 30])
def test_ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on(
    sandbox: Sandbox, tmp_path: Path, number: int, action: str, status: int
) -> None:
    place = tmp_path / "a folder"
    arguments: list[str | Path] = [
        "export",
        "metadata",
        "contents",
        place,
        "--per-page",
        "20",
        "--checkpoint-every",
        "30",
        "--force",
    ]
    done = run(sandbox, tmp_path, whole=at(number, action, *arguments))
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    advice = next(line for line in done.stderr.splitlines() if "Go on with: " in line)
    typed = shlex.split(advice.partition("Go on with: ")[2])
    assert (typed[0], typed[-1], "--force" in typed) == ("sequoia", "--resume", False)
    assert run(sandbox, tmp_path, *typed[1:]).returncode == 0
    assert exported_refs(place) == REFS


@pytest.mark.parametrize("options", [[], ["-z", "zstd"], ["--format", "parquet", "--split", "300"]])
def test_a_full_disk_is_one_sentence_and_the_export_can_go_on(
    sandbox: Sandbox, tmp_path: Path, options: list[str]
) -> None:
    arguments: list[str | Path] = [
        "export",
        "metadata",
        "contents",
        tmp_path / "out",
        "--per-page",
        "50",
        "--checkpoint-every",
        "60",
    ]
    done = run(sandbox, tmp_path, whole=at(12_000, "RLIMIT_FSIZE", *arguments, *options))
    assert done.returncode == 1, done.stderr
    assert "the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    typed = shlex.split(done.stderr.partition("Go on with: ")[2].splitlines()[0])
    assert run(sandbox, tmp_path, *typed[1:]).returncode == 0
    assert refs_in(tmp_path / "out") == REFS


def test_the_way_to_go_on_holds_behind_two_dashes_too(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sandbox.faults.add(Fault(status=403, service="metadata", method="GET", path="/data/contents", skip=5, times=None))
    done = run(sandbox, tmp_path, "export", "--per-page", "50", "--", "metadata", "contents", "-dash")
    sandbox.faults.clear()
    typed = shlex.split(done.stderr.partition("Go on with: ")[2].splitlines()[0])
    assert typed[-5:] == ["--resume", "--", "metadata", "contents", "-dash"]
    assert run(sandbox, tmp_path, *typed[1:]).returncode == 0
    assert exported_refs(tmp_path / "-dash") == REFS


def test_a_service_that_fails_in_the_middle_leaves_what_came_before(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(Fault(status=403, service="metadata", method="GET", path="/data/contents", skip=5, times=None))
    said = export(sandbox, tmp_path, status=4)
    assert "403" in said
    kept = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert kept["resources"] in {100, 150}
    sandbox.faults.clear()
    sandbox.requests.clear()
    export(sandbox, tmp_path, "--resume")
    assert exported_refs(tmp_path / "out") == REFS


def test_since_gives_what_was_stored_after_an_earlier_export(tmp_path: Path) -> None:
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]
    news = [f"acme:c-{n:04}" for n in range(3)]
    with Sandbox(now=lambda: moment[0]) as sandbox:

        def exported(name: str, *options: str) -> list[str]:
            done = run(sandbox, tmp_path, "export", "metadata", "contents", tmp_path / name, *options)
            assert done.returncode == 0, done.stderr
            return exported_refs(tmp_path / name)

        sandbox.load("metadata", "contents", catalogue("acme", 20))
        moment[0] += timedelta(hours=1)  # what is older than the last seconds does not come again
        sandbox.load("metadata", "contents", catalogue("acme", 1))
        assert len(exported("one")) == 20
        moment[0] += timedelta(hours=1)
        sandbox.load("metadata", "contents", catalogue("acme", 3))
        assert exported("two", "--since", str(tmp_path / "one")) == news
        assert exported("three", "--since", str(tmp_path / "two")) == []
        assert exported("four", "--since", "2026-01-01T00:30Z", "--resume") == news


def test_an_export_of_changes_that_was_killed_goes_on(sandbox: Sandbox, tmp_path: Path) -> None:
    arguments: list[str | Path] = [
        "export",
        "metadata",
        "contents",
        tmp_path / "out",
        "--since",
        "2020-01-01",
        "--resume",
    ]
    arguments += ["--per-page", "20", "--checkpoint-every", "30"]
    done = run(sandbox, tmp_path, whole=at(40, "SIGKILL", *arguments))
    assert done.returncode == -signal.SIGKILL
    assert run(sandbox, tmp_path, *arguments).returncode == 0
    assert exported_refs(tmp_path / "out") == REFS


def test_two_platforms_do_not_mix(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(Fault(status=403, service="metadata", method="GET", path="/data/contents", skip=5, times=None))
    export(sandbox, tmp_path, status=4)
    sandbox.faults.clear()
    with Sandbox() as other:
        said = export(other, tmp_path, "--resume", status=2)
        assert "/data/contents: go on with it there, choose another folder, or begin anew (--force)" in said
        export(sandbox, tmp_path, "--resume")
        assert exported_refs(tmp_path / "out") == REFS
        new = tmp_path / "new"
        done = run(other, tmp_path, "export", "metadata", "contents", new, "--since", tmp_path / "out")
        assert done.returncode == 2
        assert "give a time to --since" in done.stderr
        assert not new.exists()


def test_two_exports_into_one_folder_do_not_mix(sandbox: Sandbox, tmp_path: Path) -> None:
    with held(tmp_path / "out"):
        assert "another process is exporting" in export(sandbox, tmp_path, status=2)
        assert (tmp_path / "out").is_dir()  # it is the other's, though still empty
        assert "another process is exporting" in export(sandbox, tmp_path, status=2)


def test_a_folder_that_was_there_before_is_there_after_a_mistake(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    export(sandbox, tmp_path, "--where", "releaseYaer=2000", status=2)
    assert (tmp_path / "out").is_dir()


@pytest.mark.parametrize(("cut", "said"), [(None, "is not there any more"), (10, "is not as long as it was")])
def test_a_complete_export_without_its_files_is_not_called_complete(
    sandbox: Sandbox, tmp_path: Path, cut: int | None, said: str
) -> None:
    export(sandbox, tmp_path, "--split", "400")
    before = (tmp_path / "out" / "manifest.json").read_bytes()
    part = tmp_path / "out" / "contents-00002.ndjson"
    if cut is None:
        part.unlink()
    else:
        os.truncate(part, part.stat().st_size - cut)
    told = export(sandbox, tmp_path, "--resume", "--split", "400", status=2)
    assert told == f"Error: {part} {said}: begin anew with --force\n"
    assert (tmp_path / "out" / "manifest.json").read_bytes() == before


def test_a_part_that_was_changed_is_noticed_before_it_is_gone_on_with(sandbox: Sandbox, tmp_path: Path) -> None:
    arguments: list[str | Path] = [
        "export",
        "metadata",
        "contents",
        tmp_path / "out",
        "--per-page",
        "20",
        "--checkpoint-every",
        "30",
    ]
    assert run(sandbox, tmp_path, whole=at(40, "SIGKILL", *arguments)).returncode == -signal.SIGKILL
    (part,) = (tmp_path / "out").glob("contents-*")
    part.write_bytes(part.read_bytes().replace(b"Part", b"Bart"))
    assert "is not what the export wrote" in export(sandbox, tmp_path, "--resume", status=2)
