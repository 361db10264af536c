"""`store`, `update`, `patch` and `delete`: what is sent, what is refused before that, and what is told of failures."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.terminal import on_terminal

from sequoia import field, where
from sequoia.bulk import read_dead_letters
from sequoia.cli.commands.patch import changes_of
from sequoia.cli.failing import Refusal
from sequoia.cli.inputs import owned, resources_in
from sequoia.descriptor import FieldType, ResourceType
from sequoia.sandbox import Fault, Sandbox

pytestmark = pytest.mark.usefixtures("environ")


def film(name: str, **fields: Any) -> dict[str, Any]:
    return {"owner": "acme", "name": name, "title": name.title(), "type": "movie", **fields}


@pytest.fixture
def films(sandbox: Sandbox) -> list[str]:
    """Four films with a tag of their own, stored past HTTP; their refs."""
    names = [f"tested-{number}" for number in range(4)]
    sandbox.load("metadata", "contents", [film(name, tags=["tested"], releaseYear=2000) for name in names])
    return [f"acme:{name}" for name in names]


def stored(sandbox: Sandbox, tag: str = "tested") -> list[dict[str, Any]]:
    with sandbox.client() as client:
        return list(client.metadata.contents.scan("acme", where(field("tags") == tag)))


def read(sandbox: Sandbox, ref: str) -> dict[str, Any]:
    with sandbox.client() as client:
        return client.metadata.contents.read("acme", ref).resource


def writes(sandbox: Sandbox) -> list[str]:
    return [one.method for one in sandbox.requests if one.path.startswith("/data/") and one.method != "GET"]


@pytest.mark.parametrize(
    "form",
    [
        lambda found: "".join(json.dumps(one) + "\n" for one in found),
        lambda found: "\n\n" + "\n\n".join(json.dumps(one) for one in found),
        json.dumps,
        lambda found: json.dumps(found, indent=2),
        lambda found: json.dumps({"contents": found}),
        lambda found: json.dumps({"meta": {}, "contents": found}, indent=2),
    ],
)
def test_what_a_store_takes(run: Any, sandbox: Sandbox, tmp_path: Path, form: Any) -> None:
    found = [film(f"form-{number}", tags=["form"]) for number in range(3)]
    (tmp_path / "in").write_text(form(found))
    done = run("store", "metadata", "contents", str(tmp_path / "in"))
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "3 contents stored\n")
    assert [one["title"] for one in stored(sandbox, "form")] == ["Form-0", "Form-1", "Form-2"]
    assert run("delete", "metadata", "contents", "--where", "tags=form", "--yes").exit_code == 0


def test_a_store_from_stdin_shows_what_the_service_made_of_it(run: Any) -> None:
    done = run("store", "metadata", "contents", "--show", input=json.dumps(film("shown"), indent=1))
    assert done.exit_code == 0
    shown = json.loads(done.stdout)
    assert shown["ref"] == "acme:shown"
    assert shown["version"]
    run("delete", "metadata", "contents", "shown", "--yes")


@pytest.mark.parametrize("check", [(), ("--no-check",)])
def test_one_that_cannot_be_stored_keeps_no_other_from_it_and_is_not_lost(
    run: Any, sandbox: Sandbox, tmp_path: Path, check: tuple[str, ...]
) -> None:
    good = [film(f"part-{number}", tags=["part"]) for number in range(150)]
    lines = [json.dumps(one) for one in good]
    lines[40:40] = [json.dumps(film("typo", type="moive")), "no json at all"]
    (tmp_path / "in.ndjson").write_text("\n".join(lines))
    letters = tmp_path / "letters"
    done = run("store", "metadata", "contents", str(tmp_path / "in.ndjson"), "--dead-letters", str(letters), *check)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "acme:typo: " in done.stderr
    assert ("did you mean 'movie'?" in done.stderr) is not bool(check)
    assert "no json at all: " in done.stderr
    assert done.stderr.endswith(f"150 contents stored, 2 failed; they are in {letters}\n")
    assert len(stored(sandbox, "part")) == 150
    kept = list(read_dead_letters(letters))
    assert {one["name"] if isinstance(one, dict) else one.strip() for one in kept} == {"typo", "no json at all"}

    again = run("store", "metadata", "contents", str(tmp_path / "in.ndjson"), "--dead-letters", str(letters))
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert run("delete", "metadata", "contents", "--where", "tags=part", "--yes").exit_code == 0


@pytest.mark.parametrize("form", [str, lambda lines: json.dumps([json.loads(one) for one in lines.splitlines()])])
def test_the_dead_letters_of_a_store_are_stored_when_they_are_mended(
    run: Any, sandbox: Sandbox, tmp_path: Path, form: Any
) -> None:
    letters, rest = tmp_path / "letters", tmp_path / "rest"
    bad = [film("typo", type="moive", tags=["mended"]), film("second", type="moive", tags=["mended"])]
    given = "".join(json.dumps(one) + "\n" for one in bad) + '{"owner": "acme", "name": "cut",\n'
    assert run("store", "metadata", "contents", "--dead-letters", str(letters), input=given).exit_code == 1

    done = run("store", "metadata", "contents", "--dead-letters", str(rest), input=form(letters.read_text()))
    assert done.exit_code == 1
    assert "acme:typo: type: " in done.stderr  # it is the resource that is judged, and not the letter
    assert "is no field" not in done.stderr
    rest.unlink()

    mended = form(letters.read_text().replace("moive", "movie"))
    done = run("store", "metadata", "contents", "--no-check", "--dead-letters", str(rest), input=mended)
    assert done.stderr.splitlines()[-1] == f"2 contents stored, 1 failed; they are in {rest}"
    assert [one["ref"] for one in stored(sandbox, "mended")] == ["acme:second", "acme:typo"]
    assert run("delete", "metadata", "contents", "typo", "second", "--yes").exit_code == 0


def test_what_cannot_be_read_in_a_file_is_named_with_its_line(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "in.ndjson"
    good = json.dumps(film("good")).encode()
    lines = [
        b"",
        good,
        b'{"owner": "acme", "name": "cut",',
        b'{"name": "caf\xe9"}',
        json.dumps(film("t", type=7)).encode(),
    ]
    file.write_bytes(b"\n".join([*lines, b"[1]"]))
    done = run("store", "metadata", "contents", str(file))
    assert done.exit_code == 1
    cut, latin, wrong, listed, ended = done.stderr.splitlines()
    assert cut.startswith(f'{file}, line 3: {{"owner": "acme", "name": "cut",: it is not the JSON of a resource: ')
    assert latin.startswith(f"{file}, line 4: ")
    assert latin.endswith(": it is not UTF-8, by its byte 14 (0xe9): save it as UTF-8")
    assert wrong.startswith(f"{file}, line 5: acme:t: type: ")
    assert listed.startswith(f"{file}, line 6: [1]: it is not the JSON of a resource: ")
    assert ended == "1 contents stored, 4 failed"
    assert run("delete", "metadata", "contents", "good", "--yes").exit_code == 0


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("arguments", [["store"], ["update", "x"], ["import"]])
def test_a_file_that_is_not_utf8_is_one_sentence_that_says_so(
    run: Any, sandbox: Sandbox, tmp_path: Path, arguments: list[str], indent: int | None
) -> None:
    file = tmp_path / "windows.json"
    text = json.dumps([film("é")], ensure_ascii=False, indent=indent)
    name, *ref = arguments
    for encoding, told in (("utf-16", "is UTF-16: save it as UTF-8"), ("latin-1", "is not UTF-8, by its byte ")):
        file.write_text(text, encoding=encoding)
        done = run(name, "metadata", "contents", *ref, str(file))
        assert done.exit_code == (2 if encoding == "utf-16" or name != "import" else 1)
        assert told in done.stderr
        assert str(file) in done.stderr
        assert "\x00" not in done.stderr
    assert writes(sandbox) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "stdin is empty: there is no resource in it"),
        (" \n\n", "stdin is empty"),
        ("nonsense", "stdin is neither JSON nor NDJSON with contents"),
        ("[1]", "a resource of contents is a JSON object, not 1"),
        ("[]", "there are no contents to store"),
        ('[{"name": "x"}', "neither JSON nor NDJSON"),
    ],
)
def test_what_is_no_resource_is_refused_before_anything_is_sent(
    run: Any, sandbox: Sandbox, text: str, said: str
) -> None:
    done = run("store", "metadata", "contents", input=text)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert writes(sandbox) == []


@pytest.mark.parametrize("form", [json.dumps, lambda found: "".join(json.dumps(one) + "\n" for one in found)])
@pytest.mark.parametrize("check", [(), ("--no-check",)])
def test_a_store_is_for_the_owner_that_is_meant_and_for_no_other(
    run: Any, sandbox: Sandbox, form: Any, check: tuple[str, ...]
) -> None:
    given = [film("mine", tags=["owned"]), film("another", owner="third"), film("nobodys", tags=["owned"])]
    del given[2]["owner"]
    given.append({"ref": "third:by-ref", "name": "by-ref", "type": "movie"})
    done = run("store", "metadata", "contents", *check, input=form(given))
    told = "it belongs to 'third', and is to be stored for 'acme': say --owner third, or change its owner"
    assert (done.exit_code, done.stderr.count(told)) == (1, 2)
    assert f"third:another: {told}" in done.stderr
    assert done.stderr.endswith("2 contents stored, 2 failed\n")
    assert [one["ref"] for one in stored(sandbox, "owned")] == ["acme:mine", "acme:nobodys"]
    with sandbox.client() as client:
        assert list(client.metadata.contents.scan("third")) == []
    assert run("delete", "metadata", "contents", "mine", "nobodys", "--yes").exit_code == 0


def test_what_another_owner_has_is_not_written_as_if_it_were_ones_own(run: Any, sandbox: Sandbox) -> None:
    sandbox.load("metadata", "contents", [film("theirs", owner="third")])
    with sandbox.client() as client:
        before = client.metadata.contents.read("third", "third:theirs").resource
    told = "Error: third:theirs belongs to 'third': say --owner third\n"
    for arguments in (["delete", "--yes"], ["patch", "title=Mine"], ["update", "-"]):
        name, *options = arguments
        done = run(name, "metadata", "contents", "third:theirs", *options, input=json.dumps(before))
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", told)
    assert writes(sandbox) == []
    missed = run("read", "metadata", "contents", "third:theirs")
    assert missed.exit_code == 4
    assert missed.stderr.endswith("is there: third:theirs; third:theirs belongs to 'third': say --owner third\n")
    with sandbox.client() as client:
        assert client.metadata.contents.read("third", "third:theirs").resource == before
    assert run("delete", "metadata", "contents", "third:theirs", "--owner", "third", "--yes").exit_code == 0


def test_a_number_of_a_resource_without_an_owner_is_stored_as_it_is_written() -> None:
    text = b'{"name": "a", "number": 123456789012345678901234567890, "ratio": 1.10}'
    assert json.loads(owned(text, "acme")) == {**json.loads(text), "owner": "acme"}
    assert b"123456789012345678901234567890" in owned(text, "acme")


def test_a_file_that_is_not_there_is_one_sentence(run: Any) -> None:
    done = run("store", "metadata", "contents", "nowhere.json")
    assert (done.exit_code, done.stderr) == (2, "Error: nowhere.json: No such file or directory\n")


def test_without_the_check_the_service_judges(run: Any, sandbox: Sandbox) -> None:
    done = run("store", "metadata", "contents", "--no-check", input=json.dumps(film("typo", type="moive")))
    assert done.exit_code == 1
    assert "POST" in writes(sandbox)


def test_without_the_check_no_descriptor_is_needed(run: Any, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(status=404, service="metadata", path="/descriptor/raw", times=None))
    done = run("store", "metadata", "contents", "--no-check", input=json.dumps({"contents": [film("undescribed")]}))
    assert done.exit_code == 0
    assert done.stderr.endswith("1 contents stored\n")
    sandbox.faults.clear()
    assert run("delete", "metadata", "contents", "undescribed", "--yes").exit_code == 0


def test_when_nothing_can_work_it_says_how_far_it_came(run: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    run("count", "metadata", "contents")  # gets a token
    sandbox.faults.add(Fault(status=405, service="metadata", method="POST", times=None))
    letters = tmp_path / "letters"
    done = run(
        "store", "metadata", "contents", "--dead-letters", str(letters), input=json.dumps([film("a"), film("b")])
    )
    assert done.exit_code == 4
    assert "0 contents stored, 2 failed" in done.stderr
    assert [one["name"] for one in read_dead_letters(letters)] == ["a", "b"]


def test_an_update_replaces_the_version_that_was_read_and_no_other(
    run: Any, sandbox: Sandbox, films: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "film.json"
    assert run("read", "metadata", "contents", "tested-0", "-o", str(file)).exit_code == 0
    changed = json.loads(file.read_text()) | {"title": "Changed"}
    file.write_text(json.dumps(changed), encoding="utf-8-sig")  # as editors on Windows write it
    done = run("update", "metadata", "contents", "tested-0", str(file))
    assert done.exit_code == 0
    assert json.loads(done.stdout)["title"] == "Changed"

    late = run("update", "metadata", "contents", films[0], str(file))
    assert (late.exit_code, late.stdout) == (4, "")
    assert "has another version than" in late.stderr
    version = read(sandbox, films[0])["version"]
    assert run("update", "metadata", "contents", films[0], str(file), "--if-match", version).exit_code == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"titel": "x"}, "titel: is no field: did you mean 'title'"),
        ({"version": None}, "an update needs the version"),
        ({"name": "other"}, "ref"),
    ],
)
def test_an_update_that_cannot_be_meant_is_not_sent(
    run: Any, sandbox: Sandbox, films: list[str], changes: dict[str, Any], said: str
) -> None:
    body = read(sandbox, films[0]) | changes
    done = run("update", "metadata", "contents", films[0], input=json.dumps(body))
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert writes(sandbox) == []


@pytest.mark.parametrize("check", [(), ("--no-check",)])
def test_an_update_of_what_was_read_in_part_is_refused(
    run: Any, sandbox: Sandbox, films: list[str], tmp_path: Path, check: tuple[str, ...]
) -> None:
    file = tmp_path / "film.json"
    assert (
        run("read", "metadata", "contents", films[0], "--fields", "ref,owner,name,version", "-o", str(file)).stdout
        == ""
    )
    before = read(sandbox, films[0])
    done = run("update", "metadata", "contents", films[0], str(file), *check)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"cannot update {films[0]}: it was read with only some of its fields" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert writes(sandbox) == []
    assert read(sandbox, films[0]) == before

    # Whoever means it says so: nothing in the file is the service's then.
    file.write_text(json.dumps(film("tested-0", ref=films[0])))
    done = run("update", "metadata", "contents", films[0], str(file), "--if-match", before["version"])
    assert done.exit_code == 0
    assert "tags" not in read(sandbox, films[0])


def test_a_patch_changes_what_it_names_in_the_types_of_the_descriptor(
    run: Any, sandbox: Sandbox, films: list[str]
) -> None:
    before = read(sandbox, films[1])
    options = ["title=A = B", "releaseYear=2001", "active=false", "tags=tested,b", "ratings.FSK=12", "custom.n:=1"]
    done = run("patch", "metadata", "contents", "tested-1", *options)
    assert done.exit_code == 0
    after = json.loads(done.stdout)
    wanted = {
        "title": "A = B",
        "releaseYear": 2001,
        "active": False,
        "tags": ["tested", "b"],
        "ratings": {"FSK": "12"},
        "custom": {"n": 1},
    }
    assert {name: after[name] for name in wanted} == wanted
    service_set = {"updatedAt", "updatedBy", "version"}
    assert {k: v for k, v in after.items() if k not in {*wanted, *service_set}} == {
        k: v for k, v in before.items() if k not in {*wanted, *service_set}
    }
    done = run("patch", "metadata", "contents", "tested-1", "--json", '{"custom": null, "title": "C"}', "ratings:=null")
    assert not {"custom", "ratings"} & json.loads(done.stdout).keys()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["titel=x"], "titel: is no field: did you mean 'title'"),
        (["releaseYear=abc"], "releaseYear: must be a number, not 'abc'"),
        (["title"], "'title' is no change: write FIELD=VALUE"),
        (["=x"], "'=x' is no change"),
        (["custom.:=1"], "is no change"),
        (["title:=x"], "what follows := is no JSON"),
        (["title=a", "title=b"], "'title' is changed twice"),
        (["ratings=x", "ratings.FSK=1"], "contradicts an earlier change of 'ratings'"),
        (["--json", "[]"], "--json takes an object"),
        (["--json", "x"], "--json is no JSON"),
        (["version=x"], "is set by the service"),
        ([], "there is nothing to change"),
    ],
)
def test_a_patch_that_cannot_be_meant_is_not_sent(
    run: Any, sandbox: Sandbox, films: list[str], arguments: list[str], said: str
) -> None:
    done = run("patch", "metadata", "contents", films[0], *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert writes(sandbox) == []


def test_a_patch_of_nothing_says_so(run: Any) -> None:
    done = run("patch", "metadata", "contents", "gone", "title=x")
    assert (done.exit_code, done.stderr) == (4, "Error: acme:gone is not there\n")


@pytest.mark.parametrize("arguments", [[], ["--where", " "], ["x", "--where", "type=movie"], [""], ["x", ""]])
def test_a_delete_needs_refs_or_a_condition_and_not_both(run: Any, sandbox: Sandbox, arguments: list[str]) -> None:
    done = run("delete", "metadata", "contents", *arguments, "--yes")
    assert (done.exit_code, done.stdout) == (2, "")
    assert writes(sandbox) == []


@pytest.mark.parametrize("arguments", [["tested-0", "tested-1"], ["--where", "tags=tested"], ["--text", "tested"]])
def test_where_nobody_can_be_asked_nothing_is_deleted_without_yes(
    run: Any, sandbox: Sandbox, films: list[str], arguments: list[str]
) -> None:
    done = run("delete", "metadata", "contents", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "contents would be deleted (acme:tested-0" in done.stderr
    assert writes(sandbox) == []
    assert len(stored(sandbox)) == len(films)


def test_a_delete_by_refs_and_one_by_a_condition(run: Any, sandbox: Sandbox, films: list[str]) -> None:
    done = run("delete", "metadata", "contents", "tested-0", films[1], "--yes")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "2 contents deleted\n")
    assert [one["ref"] for one in stored(sandbox)] == films[2:]
    done = run("delete", "metadata", "contents", "--where", "tags=tested", "--where", "releaseYear<=2000", "--yes")
    assert (done.exit_code, done.stderr) == (0, "2 contents deleted\n")
    assert stored(sandbox) == []
    done = run("delete", "metadata", "contents", "--where", "tags=tested", "--yes")
    assert (done.exit_code, done.stderr) == (0, "No contents fit: nothing was deleted.\n")


def test_a_misspelt_condition_deletes_nothing(run: Any, sandbox: Sandbox) -> None:
    done = run("delete", "metadata", "contents", "--where", "tgas=tested", "--yes")
    assert done.exit_code == 2
    assert "--where 'tgas=tested': contents has no field 'tgas'" in done.stderr
    assert writes(sandbox) == []


@pytest.mark.parametrize(("typed", "status", "left"), [(b"y\n", 0, 0), (b"n\n", 2, 4), (b"\n", 2, 4)])
def test_a_delete_asks_and_shows_the_number(
    sandbox: Sandbox, films: list[str], typed: bytes, status: int, left: int
) -> None:
    done, seen = on_terminal("delete", "metadata", "contents", "--where", "tags=tested", width=120, typed=typed)
    assert done == status, seen
    assert "Delete 4 contents of acme: acme:tested-0, acme:tested-1" in seen
    assert len(stored(sandbox)) == left


def test_what_is_typed_becomes_what_the_descriptor_says() -> None:
    fields = {
        "n": FieldType(type="number"),
        "years": FieldType(type="year", array=True),
        "texts": FieldType(type="string", array=True),
        "inner": FieldType(fields={"flag": FieldType(type="boolean")}),
        "map": FieldType(type="map"),
    }
    resource = ResourceType(plural_name="xs", singular_name="x", hyphenated_plural_name="xs", fields=fields)
    given = ["n=2.5", "years=1,2", 'texts=["a,b"]', "inner.flag=true", "map.a.b=1", "unknown=1"]
    assert changes_of(resource, given, {}) == {
        "n": 2.5,
        "years": [1, 2],
        "texts": ["a,b"],
        "inner": {"flag": True},
        "map": {"a": {"b": "1"}},
        "unknown": "1",
    }
    assert changes_of(resource, ["texts="], {}) == {"texts": []}
    with pytest.raises(Refusal):
        changes_of(resource, ["texts=[1"], {})


def test_ndjson_is_read_line_by_line() -> None:
    class Stream:
        lines = iter([b'{"name": "a"}\n', b'{"name": "b"}\n'])

        def readline(self, _most: int) -> bytes:
            return next(self.lines)

    found = resources_in(Stream(), "contents", "stdin")  # type: ignore[arg-type]
    assert next(found) == ("stdin, line 1", b'{"name": "a"}\n')
    assert next(found) == ("stdin, line 2", b'{"name": "b"}\n')


@pytest.mark.parametrize("form", ["lines", "array", "indented"])
def test_a_byte_order_mark_as_windows_writes_it_is_no_part_of_a_resource(form: str) -> None:
    films = [{"name": "a"}, {"name": "b"}]
    lines = "\n".join(map(json.dumps, films)) + "\n"
    text = {
        "lines": f"{lines}\ufeff{lines}",
        "array": json.dumps(films * 2),
        "indented": json.dumps(films * 2, indent=2),
    }
    found = list(resources_in(io.BytesIO(f"\ufeff\r\n{text[form]}".encode()), "contents", "stdin"))
    assert [json.loads(one) if isinstance(one, bytes) else one for _, one in found] == films * 2


@pytest.mark.parametrize("change", ["releaseYear=\udcff", "releaseYear=" + "[" * 5000, "title:=\udcff"])
def test_a_change_that_cannot_be_read_is_refused(run: Any, films: list[str], change: str) -> None:
    done = run("patch", "metadata", "contents", films[0], change)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)


def test_an_import_without_stdin_is_refused(sandbox: Sandbox) -> None:
    command = [sys.executable, "-m", "sequoia.cli", "import", "metadata", "contents", "-"]
    done = subprocess.run(["sh", "-c", '"$@" <&-', "sh", *command], capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "there is nothing on stdin" in done.stderr
    assert writes(sandbox) == []
