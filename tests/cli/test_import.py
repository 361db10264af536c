"""`sequoia import`, `copy` and `diff`: what goes out comes back the same, and what does not is told."""

from __future__ import annotations

import gzip
import itertools
import json
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from tests.cli.moves import at, catalogue, run
from tests.contract.data import content

from sequoia.bulk import BulkReport, read_dead_letters
from sequoia.progress import Progress
from sequoia.sandbox import Fault, Sandbox
from sequoia.transfer import Source, load

NUMBER = 250


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """With a catalogue of one owner, and nothing of any other."""
    running.reset()
    running.load("metadata", "contents", catalogue("acme", NUMBER))
    return running


def move(sandbox: Sandbox, folder: Path, name: str, *options: str | Path, status: int = 0, **more: Any) -> str:
    """Run a command on contents; what it said."""
    done = run(sandbox, folder, name, "metadata", "contents", *options, **more)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert name == "diff" or done.stdout == ""
    return done.stdout + done.stderr


def stored(sandbox: Sandbox, owner: str) -> dict[str, dict[str, Any]]:
    """All contents of an owner by name."""
    with sandbox.client() as client:
        return {one["name"]: one for one in client.metadata.contents.scan(owner)}


def test_what_is_exported_imported_and_compared_is_the_same(sandbox: Sandbox, tmp_path: Path) -> None:
    for options in (["-z", "zstd"], ["--format", "csv", "-z", "gzip"], ["--format", "parquet"], ["--split", "60"]):
        out = tmp_path / "-".join(options)
        move(sandbox, tmp_path, "export", out, *options)
        before = stored(sandbox, "acme")
        with sandbox.client() as client:
            client.metadata.contents.bulk_delete("acme", [one["ref"] for one in before.values()])
        assert "They differ: 250 only left" in move(sandbox, tmp_path, "diff", out, status=1)
        assert "Stored 250 of 250 resources" in move(sandbox, tmp_path, "import", out)
        assert "No difference: 250 left, 250 right." in move(sandbox, tmp_path, "diff", out)
        after = stored(sandbox, "acme")
        assert {name: one["version"] for name, one in after.items()} == {n: o["version"] for n, o in before.items()}


def test_an_import_can_change_the_owner_and_with_it_the_refs(sandbox: Sandbox, tmp_path: Path) -> None:
    move(sandbox, tmp_path, "export", tmp_path / "out")
    said = move(sandbox, tmp_path, "import", tmp_path / "out", "--owner", "other", status=2)
    assert "this export belongs to 'acme', and is to be stored for 'other'" in said
    assert stored(sandbox, "other") == {}
    move(sandbox, tmp_path, "import", tmp_path / "out", "--owner", "other", "--change-owner")
    moved = stored(sandbox, "other")
    assert len(moved) == NUMBER
    assert moved["c-0123"]["parentRef"] == "other:c-0012"
    assert moved["c-0123"]["categoryRefs"] == ["other:space", "root:opera"]
    assert "by name" in move(sandbox, tmp_path, "diff", tmp_path / "out", "--to-owner", "other")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
@pytest.mark.parametrize("form", ["lines", "array", "answer", "indented"])
def test_files_of_json_in_any_form_are_imported_from_a_pipe(
    sandbox: Sandbox, tmp_path: Path, form: str, pack: Any
) -> None:
    films = [content("acme", f"new-{n}", title="é") for n in range(3)]
    texts = {
        "lines": "\n".join(map(json.dumps, films)),
        "array": json.dumps(films),
        "answer": json.dumps({"meta": {}, "contents": films}),
        "indented": json.dumps(films, indent=2),
    }
    (tmp_path / "films").write_bytes(pack(texts[form].encode()))
    assert "Stored 3 of 3" in move(sandbox, tmp_path, "import", tmp_path / "films")
    if pack is bytes:
        assert "Stored 3 of 3" in move(sandbox, tmp_path, "import", "-", stdin=texts[form].encode())


def test_csv_of_a_spreadsheet_is_read_by_the_descriptor(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text(
        "\ufeffname,type,releaseYear,active\r\nfilm-x,movie,1999,true\r\n", encoding="utf-8"
    )
    move(sandbox, tmp_path, "import", tmp_path / "films.csv")
    found = stored(sandbox, "acme")["film-x"]
    assert (found["releaseYear"], found["active"]) == (1999, True)


def test_a_bad_row_of_csv_is_a_failure_of_its_own_and_never_stored_in_part(sandbox: Sandbox, tmp_path: Path) -> None:
    table, letters = tmp_path / "films.csv", tmp_path / "letters.ndjson"
    table.write_text('name,type,releaseYear\nrow-1,movie,soon\nrow-2,"movie"\nrow-3,movie,1999\nrow-4,a,1,"b,c"\n')
    said = move(sandbox, tmp_path, "import", table, "--check", status=1)
    assert "3 failed" in said
    said = move(sandbox, tmp_path, "import", table, "--dead-letters", letters, status=1)
    assert "films.csv, line 2: releaseYear must be a whole number, not 'soon'" in said
    assert "films.csv, line 3: 2 cells, but there are 3 columns" in said
    assert "Stored 1 of 4" in said
    assert [name for name in stored(sandbox, "acme") if name.startswith("row")] == ["row-3"]
    found = [json.loads(line) for line in letters.read_text().splitlines()]
    assert [one["resource"] for one in found] == ["row-1,movie,soon", "row-2,movie", 'row-4,a,1,"b,c"']
    assert "3 failed" in move(sandbox, tmp_path, "import", letters, status=1)
    said = move(sandbox, tmp_path, "diff", table, table, "--by", "name", status=2)
    assert "films.csv, line 3: 2 cells, but there are 3 columns" in said


def faulty(folder: Path) -> Path:
    """A file with three good contents and three that are not."""
    lines = [json.dumps(content("acme", f"good-{n}")) for n in range(3)]
    lines.insert(1, json.dumps(content("acme", "bad-year", releaseYear="soon")))
    lines.insert(3, "this is no JSON")
    lines.append(json.dumps({"ref": "acme:c-0001", "title": "only a part", "version": "0" * 40}))
    path = folder / "films.ndjson"
    path.write_text("\n".join(lines))
    return path


def test_check_stores_nothing_if_there_is_a_fault(sandbox: Sandbox, tmp_path: Path) -> None:
    said = move(sandbox, tmp_path, "import", faulty(tmp_path), "--check", status=1)
    assert "films.ndjson, line 2: releaseYear: must be a number" in said
    assert "films.ndjson, line 4: this is not the JSON of a resource" in said
    assert "line 6: it was read with only some of its fields" in said
    assert "3 failed." in said
    assert not any(name.startswith("good") for name in stored(sandbox, "acme"))


def test_a_line_that_is_not_utf8_is_told_as_such(sandbox: Sandbox, tmp_path: Path) -> None:
    lines = [json.dumps(content("acme", "good")).encode(), b'{"name": "caf\xe9"}', b"no json"]
    (tmp_path / "films.ndjson").write_bytes(b"\n".join(lines))
    said = move(sandbox, tmp_path, "import", tmp_path / "films.ndjson", status=1)
    assert "films.ndjson, line 2: it is not UTF-8, by its byte 14 (0xe9): save it as UTF-8" in said
    assert "films.ndjson, line 3: this is not the JSON of a resource: 'no json'" in said


def test_dry_run_stores_nothing_and_says_what_it_would(sandbox: Sandbox, tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    good.write_text(json.dumps([content("acme", "good-1")]))
    assert "could store 1 of 1" in move(sandbox, tmp_path, "import", good, "--dry-run")
    assert "good-1" not in stored(sandbox, "acme")


def test_what_fails_becomes_a_dead_letter_that_can_be_imported(sandbox: Sandbox, tmp_path: Path) -> None:
    letters = tmp_path / "failed.ndjson"
    said = move(sandbox, tmp_path, "import", faulty(tmp_path), "--dead-letters", letters, status=1)
    assert "Stored 3 of 6" in said
    assert "3 failed" in said
    assert {name for name in stored(sandbox, "acme") if name.startswith("good")} == {"good-0", "good-1", "good-2"}
    assert stored(sandbox, "acme")["c-0001"]["title"] != "only a part"
    found = [json.loads(line) for line in letters.read_text().splitlines()]
    assert len(found) == 3
    mended = letters.read_text().replace('"soon"', "1999")
    (tmp_path / "mended.ndjson").write_text("".join(line for line in mended.splitlines(True) if "bad-year" in line))
    assert "Stored 1 of 1" in move(sandbox, tmp_path, "import", tmp_path / "mended.ndjson")
    assert "is there already" in move(
        sandbox, tmp_path, "import", faulty(tmp_path), "--dead-letters", letters, status=2
    )


def test_a_damaged_or_unfinished_export_is_not_imported(sandbox: Sandbox, tmp_path: Path) -> None:
    out = tmp_path / "out"
    move(sandbox, tmp_path, "export", out)
    (part,) = out.glob("contents-*")
    part.write_bytes(part.read_bytes().replace(b"Part", b"Bart"))
    assert "the export is damaged" in move(sandbox, tmp_path, "import", out, status=2)
    asked: list[str | Path] = ["export", "metadata", "contents", out, "--force", "--checkpoint-every", "100"]
    for number in itertools.count(1):
        assert run(sandbox, tmp_path, whole=at(number, "SIGKILL", *asked)).returncode == -signal.SIGKILL
        manifest = json.loads((out / "manifest.json").read_text())
        if manifest["ended"] is None:
            break
    assert "is not complete" in move(sandbox, tmp_path, "import", out, status=2)
    move(sandbox, tmp_path, "export", out, "--force", "--fields", "ref,title")
    assert "only some fields" in move(sandbox, tmp_path, "import", out, status=2)
    assert "there is no file or folder" in move(sandbox, tmp_path, "import", tmp_path / "nowhere", status=2)


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_a_part_of_a_resource_is_not_stored_from_a_file_either(sandbox: Sandbox, tmp_path: Path, form: str) -> None:
    out = tmp_path / "out"
    before = stored(sandbox, "acme")
    for fields in ("ref,title,type", "owner,name,title,type"):
        move(sandbox, tmp_path, "export", out, "--fields", fields, "--format", form, "--force")
        (part,) = out.glob("contents-*")
        assert "only some fields" in move(sandbox, tmp_path, "import", part, "--check", status=2)
    move(sandbox, tmp_path, "export", out, "--fields", "ref,title,type", "--format", form, "--force")
    (part,) = out.glob("contents-*")
    alone = part.rename(tmp_path / part.name)
    (tmp_path / "manifest.json").write_text('{"manifest_version": 3}')  # of something else
    said = move(sandbox, tmp_path, "import", alone, status=1)
    assert "it has a ref without owner and name, so it was read with only some fields" in said
    assert stored(sandbox, "acme") == before


def test_a_file_of_a_whole_export_is_imported_by_its_manifest(sandbox: Sandbox, tmp_path: Path) -> None:
    move(sandbox, tmp_path, "export", tmp_path / "out", "--format", "csv", "--split", "100")
    before = stored(sandbox, "acme")
    part = tmp_path / "out" / "contents-00001.csv"
    assert "Stored 100 of 100" in move(sandbox, tmp_path, "import", part)
    assert {name: one["version"] for name, one in stored(sandbox, "acme").items()} == {
        name: one["version"] for name, one in before.items()
    }
    assert "this export belongs to 'acme'" in move(sandbox, tmp_path, "import", part, "--owner", "other", status=2)


def test_an_export_of_another_resource_is_not_imported(sandbox: Sandbox, tmp_path: Path) -> None:
    out = tmp_path / "out"
    move(sandbox, tmp_path, "export", out)
    for place in (out, out / "contents-00001.ndjson"):
        done = run(sandbox, tmp_path, "import", "metadata", "assets", place)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "Error: this export is of metadata/contents, not of metadata/assets\n"
    with sandbox.client() as client:
        assert list(client.metadata.assets.scan("acme")) == []


def test_translations_do_not_replace_the_base_texts(sandbox: Sandbox, tmp_path: Path) -> None:
    move(sandbox, tmp_path, "export", tmp_path / "out", "--lang", "es")
    said = move(sandbox, tmp_path, "import", tmp_path / "out", status=2)
    assert "this export was made with lang=es: storing these resources would replace the base texts" in said
    (part,) = (tmp_path / "out").glob("contents-*")
    assert "lang=es" in move(sandbox, tmp_path, "import", part, status=2)
    assert "leave out lang" in move(sandbox, tmp_path, "copy", "--to-owner", "other", "--raw", "lang=es", status=2)
    assert stored(sandbox, "other") == {}


def test_a_file_that_was_cut_off_is_not_imported_as_if_it_were_whole(sandbox: Sandbox, tmp_path: Path) -> None:
    packed = zstandard.compress("".join(json.dumps(content("acme", f"n-{n}")) + "\n" for n in range(500)).encode())
    (tmp_path / "films.ndjson.zst").write_bytes(packed[: len(packed) // 2])
    said = move(sandbox, tmp_path, "import", tmp_path / "films.ndjson.zst", "--check", status=2)
    assert "films.ndjson.zst is damaged: it ended in the middle of a frame" in said
    assert len(stored(sandbox, "acme")) == NUMBER


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", b"name,name\n", "has two columns of the same name"),
        ("a.csv", b"name,title\na,\xe9\n", "cannot be read as CSV"),
        ("a.json", b"[1, 2\n", "is neither lines of JSON nor one JSON value"),
    ],
)
def test_what_would_end_in_the_same_way_again_is_not_advised(
    sandbox: Sandbox, tmp_path: Path, name: str, text: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(text)
    told = move(sandbox, tmp_path, "import", tmp_path / name, status=2)
    assert told.startswith(f"Error: {tmp_path / name} {said}")
    assert len(told.splitlines()) == 1


def test_a_file_that_is_broken_behind_what_is_stored_is_to_be_mended_first(sandbox: Sandbox, tmp_path: Path) -> None:
    rows = "".join(f"new-{n},movie,{'a' * 100}\n" for n in range(1_000))
    file = tmp_path / "films.csv"
    file.write_bytes(b"name,type,title\n" + rows.encode() + b"last,movie,\xe9\n")
    done = run(sandbox, tmp_path, "import", "metadata", "contents", file, "--workers", "1")
    told = done.stderr.splitlines()
    again = f"Mend the file, and go on with: sequoia import metadata contents {file} --workers 1"
    assert told[0].endswith(f" resources are stored; storing them again does no harm. {again}")
    assert not told[0].startswith("0 ")
    assert told[1].startswith(f"Error: {file} cannot be read as CSV")


def test_standard_input_is_called_by_its_name(sandbox: Sandbox, tmp_path: Path) -> None:
    said = move(sandbox, tmp_path, "import", "-", stdin=b"name,title\n", status=1)
    assert "  stdin, line 1: this is not the JSON of a resource" in said
    said = move(sandbox, tmp_path, "import", "-", "--format", "csv", stdin=b"name,name\n", status=2)
    assert said == "Error: stdin has two columns of the same name\n"


def test_a_check_writes_dead_letters_and_a_dry_run_does_not(sandbox: Sandbox, tmp_path: Path) -> None:
    letters, films = tmp_path / "failed.ndjson", faulty(tmp_path)
    move(sandbox, tmp_path, "import", films, "--dry-run", "--dead-letters", letters, status=1)
    assert not letters.exists()
    said = move(sandbox, tmp_path, "import", films, "--check", "--dead-letters", letters, status=1)
    assert "3 failed; they are in" in said
    assert not any(name.startswith("good") for name in stored(sandbox, "acme"))
    found = [json.loads(line) for line in letters.read_text().splitlines()]
    assert [one["error"]["message"][:20] for one in found] == [
        "releaseYear: must be",
        "this is not the JSON",
        "it was read with onl",
    ]
    good = tmp_path / "good.json"
    good.write_text(json.dumps([content("acme", "good-1")]))
    fresh = tmp_path / "fresh.ndjson"
    assert "Stored 1 of 1" in move(sandbox, tmp_path, "import", good, "--check", "--dead-letters", fresh)
    assert not fresh.exists()


def test_an_import_that_was_interrupted_is_run_again(sandbox: Sandbox, tmp_path: Path) -> None:
    move(sandbox, tmp_path, "export", tmp_path / "out")
    films = tmp_path / "films.ndjson"
    with films.open("wb") as file:
        for n in range(2_000):
            file.write(json.dumps(content("acme", f"n-{n}")).encode() + b"\n")
    letters = tmp_path / "failed.ndjson"
    sandbox.faults.add(Fault(status=400, method="POST", skip=2, times=None))
    asked: list[str | Path] = ["import", "metadata", "contents", films, "--workers", "1", "--dead-letters", letters]
    done = run(sandbox, tmp_path, whole=at(5, "SIGINT", *asked))
    sandbox.faults.clear()
    assert done.returncode == 130, done.stderr
    typed = shlex.split(done.stderr.partition("Go on with: ")[2].splitlines()[0])
    assert str(tmp_path / "failed-2.ndjson") in typed
    assert run(sandbox, tmp_path, *typed[1:]).returncode == 0
    assert len(stored(sandbox, "acme")) == NUMBER + 2_000


def test_no_failure_of_an_interrupted_import_is_missing_in_its_dead_letters(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.done > 500:
            raise KeyboardInterrupt

    monkeypatch.setattr("sequoia.tally.KEPT", 100)
    letters, films = tmp_path / "letters", tmp_path / "films.ndjson"
    kinds = ["none"] * 500 + ["movie"] * 1_000
    films.write_text("".join(json.dumps(content("acme", f"n-{n}", type=kind)) + "\n" for n, kind in enumerate(kinds)))
    with sandbox.client() as client, pytest.raises(KeyboardInterrupt) as caught:
        load(client.metadata.contents, "acme", [Source.of(films)], dead_letters=letters, progress=interrupt)
    report: BulkReport = caught.value.report  # type: ignore[attr-defined]
    assert report.failures > 500
    assert len({one["name"] for one in read_dead_letters(letters)}) == report.failures


def test_copy_to_another_owner(sandbox: Sandbox, tmp_path: Path) -> None:
    options = ["--to-owner", "other", "--where", "releaseYear<1970"]
    assert "could store" in move(sandbox, tmp_path, "copy", *options, "--dry-run")
    assert stored(sandbox, "other") == {}
    move(sandbox, tmp_path, "copy", *options)
    copied = stored(sandbox, "other")
    assert copied
    assert all(one["releaseYear"] < 1970 for one in copied.values())
    assert copied["c-0012"]["parentRef"] == "other:c-0001"
    assert "No difference" in move(sandbox, tmp_path, "diff", *options)
    assert "onto itself" in move(sandbox, tmp_path, "copy", "--to-owner", "acme", status=2)
    assert "say where to copy to" in move(sandbox, tmp_path, "copy", status=2)


def test_copy_to_another_platform(sandbox: Sandbox, tmp_path: Path) -> None:
    with Sandbox(https=True, mutual_tls=True) as other:  # whose profile needs no secret
        settings = {"registry_url": other.registry_url, "owner": "there", "auth": "mutual"}
        settings |= {"cert": str(other.client_cert), "key": str(other.client_key), "ca": str(other.ca_file)}
        made = run(sandbox, tmp_path, "config", "set", "second", *[word for pair in settings.items() for word in pair])
        assert made.returncode == 0, made.stderr
        assert "Stored 250 of 250" in move(sandbox, tmp_path, "copy", "--to-profile", "second")
        assert stored(sandbox, "there") == {}
        assert stored(other, "there")["c-0123"]["parentRef"] == "there:c-0012"
        assert "No difference: 250 left, 250 right." in move(sandbox, tmp_path, "diff", "--to-profile", "second")


def test_diff_names_what_differs_in_which_fields(sandbox: Sandbox, tmp_path: Path) -> None:
    move(sandbox, tmp_path, "export", tmp_path / "one")
    with sandbox.client() as client:
        contents = client.metadata.contents
        contents.patch("acme", "acme:c-0007", {"title": "new", "tags": ["x"]})
        contents.delete("acme", "acme:c-0008")
        contents.store("acme", content("acme", "extra"))
    said = run(sandbox, tmp_path, "diff", "metadata", "contents", tmp_path / "one", "--format", "ndjson")
    assert said.returncode == 1
    found = {one["key"]: one for one in map(json.loads, said.stdout.split("\n")[:-1])}
    assert {key: one["difference"] for key, one in found.items()} == {
        "acme:c-0007": "changed",
        "acme:c-0008": "only left",
        "acme:extra": "only right",
    }
    assert found["acme:c-0007"]["fields"].keys() == {"title", "tags"}
    assert found["acme:c-0007"]["fields"]["title"]["right"] == "new"
    move(sandbox, tmp_path, "export", tmp_path / "two", "--format", "parquet")
    two = run(
        sandbox, tmp_path, "diff", "metadata", "contents", tmp_path / "one", tmp_path / "two", "--format", "ndjson"
    )
    assert two.stdout == said.stdout
    ignoring = ["--ignore", "title", "--ignore", "tags", "--format", "ndjson"]
    less = run(sandbox, tmp_path, "diff", "metadata", "contents", tmp_path / "one", *ignoring)
    assert "c-0007" not in less.stdout


def test_an_export_is_compared_by_its_own_question(sandbox: Sandbox, tmp_path: Path) -> None:
    move(sandbox, tmp_path, "export", tmp_path / "out", "--where", "releaseYear>=1990", "--fields", "ref,title")
    assert "No difference" in move(sandbox, tmp_path, "diff", tmp_path / "out")
