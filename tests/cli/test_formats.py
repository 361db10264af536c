"""The formats of data: each read back by what reads it, tables looked at in several widths."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import click
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner, Result

from sequoia.cli.cells import shown, value_at
from sequoia.cli.formats import Output, formatted
from sequoia.cli.tables import Canvas, RecordWriter, TableWriter, bars

ROWS: list[dict[str, Any]] = [
    {"ref": "acme:a", "title": 'Aria, "the" one\nagain', "year": 1999, "ok": True, "tags": ["x", "y"]},
    {"ref": "acme:b", "title": "Zéro 電", "year": None, "media": {"bitrate": 2.5}, "tags": [], "parts": [{"n": 1}]},
]
COLUMNS = ["ref", "title", "year", "ok", "tags", "media.bitrate", "parts"]


def written(*arguments: str, rows: list[dict[str, Any]] = ROWS, single: bool = False, columns: Any = ()) -> Result:
    @click.command()
    @formatted()
    def command(output: Output) -> None:
        with output.writer(columns, single=single) as writer:
            for row in rows:
                writer.write(row)

    return CliRunner().invoke(command, arguments)


def test_in_a_pipe_it_is_ndjson() -> None:
    assert [json.loads(line) for line in written().stdout.splitlines()] == ROWS


def test_json_and_yaml_are_lists_and_a_single_one_is_itself() -> None:
    assert json.loads(written("--format", "json").stdout) == ROWS
    assert yaml.safe_load(written("--format", "yaml").stdout) == ROWS
    assert json.loads(written("--format", "json", rows=ROWS[:1], single=True).stdout) == ROWS[0]
    assert yaml.safe_load(written("--format", "yaml", rows=ROWS[:1], single=True).stdout) == ROWS[0]
    assert json.loads(written("--format", "json", rows=[]).stdout) == []
    assert yaml.safe_load(written("--format", "yaml", rows=[]).stdout) == []


def test_csv_has_a_column_for_each_path_and_json_for_what_is_no_text() -> None:
    text = written("--format", "csv", columns=COLUMNS).stdout
    header, *rows = csv.reader(io.StringIO(text))
    assert header == COLUMNS
    assert rows[0] == ["acme:a", ROWS[0]["title"], "1999", "true", '["x","y"]', "", ""]
    assert rows[1] == ["acme:b", "Zéro 電", "", "", "[]", "2.5", '[{"n":1}]']


def test_parquet_has_the_type_that_all_values_have(tmp_path: Path) -> None:
    rows = [*ROWS, {"ref": "acme:c", "at": "2026-01-31T12:00:00.000Z", "mixed": 1, "big": 2**70}, {"mixed": "x"}]
    file = tmp_path / "found.parquet"
    assert written("--output", str(file), rows=rows).exit_code == 0
    table = pq.read_table(file)
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {
        "ref": "string",
        "title": "string",
        "year": "int64",
        "ok": "bool",
        "tags": "list<element: string>",
        "media": "string",
        "parts": "string",
        "at": "timestamp[ms, tz=UTC]",
        "mixed": "string",
        "big": "string",
    }
    found = table.to_pylist()
    assert found[0]["tags"] == ["x", "y"]
    assert found[1]["media"] == '{"bitrate":2.5}'
    assert found[2]["at"].isoformat() == "2026-01-31T12:00:00+00:00"
    assert (found[2]["mixed"], found[3]["mixed"], found[2]["big"]) == ("1", "x", str(2**70))


def test_a_full_temporary_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    monkeypatch.setattr(tempfile, "tempdir", "/small")
    done = written("--output", str(tmp_path / "x.parquet"))
    assert isinstance(done.exception, OSError)
    assert done.exception.errno == errno.ENOSPC
    assert done.exception.strerror == (
        "No space left on device in the temporary folder /small: set TMPDIR to one with more room"
    )


def test_parquet_of_nothing_and_of_chosen_columns_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    written("--output", str(file), rows=[])
    assert pq.read_table(file).num_rows == 0
    written("--output", str(file), columns=["media.bitrate", "ref"])
    assert pq.read_table(file).to_pylist()[1] == {"media.bitrate": 2.5, "ref": "acme:b"}


@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.ndjson", "x.jsonl", "x.yaml", "x.parquet"])
def test_the_name_of_a_file_says_the_format_and_an_option_wins(tmp_path: Path, name: str) -> None:
    done = written("--output", str(tmp_path / name), columns=["ref"])
    assert (done.exit_code, done.stdout) == (0, "")
    begin = {"csv": b"ref\n", "json": b"[\n", "yaml": b"- ref", "parquet": b"PAR1"}.get(name[2:], b'{"ref":')
    assert (tmp_path / name).read_bytes().startswith(begin)
    written("--output", str(tmp_path / name), "--format", "json")
    assert json.loads((tmp_path / name).read_text(encoding="utf-8")) == ROWS


def test_a_file_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "x.ndjson"
    file.write_text("before")

    def broken_off() -> None:
        with Output.of(None, str(file)).writer() as writer:
            writer.write(ROWS[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert file.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["x.ndjson"]


def test_who_may_read_a_file_is_not_changed_by_replacing_it(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.touch()
    for mode in (0o600, 0o640):
        file.chmod(mode)
        assert written("--output", str(file)).exit_code == 0
        assert json.loads(file.read_text(encoding="utf-8")) == ROWS
        assert stat.S_IMODE(file.stat().st_mode) == mode


def test_a_pipe_with_a_name_is_written_to_and_stays_what_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # what opens it to write would wait for somebody who reads
    try:
        assert written("--output", str(pipe)).exit_code == 0
        assert len(os.read(reading, 65536).splitlines()) == len(ROWS)
    finally:
        os.close(reading)
    assert pipe.is_fifo()


@pytest.mark.parametrize("path", [("nowhere", "x.csv"), ()])
def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path, path: tuple[str, ...]) -> None:
    done = written("--output", str(tmp_path.joinpath(*path)))
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1


def lines_of(width: int, *rows: dict[str, Any], columns: Any = ()) -> list[str]:
    made = io.BytesIO()
    table = TableWriter(Canvas(made.write, terminal=False, width=width), columns)
    for row in rows:
        table.write(row)
    table.close()
    return made.getvalue().decode().splitlines()


FILMS = [
    {
        "ref": f"acme:film-{number:03}",
        "owner": "acme",
        "name": f"film-{number:03}",
        "title": f"The {number}. film of many",
        "type": "movie" if number % 2 else "show",
        "releaseYear": 1990 + number,
        "tags": ["a", f"t{number}"],
        "custom": {"x": 1},
        "always": "same",
        "updatedAt": "2026-01-31T12:00:00.000Z",
        "version": f"{number:040x}",
    }
    for number in range(250)
]


def test_a_table_has_the_columns_that_fit_and_what_is_the_same_everywhere_is_left_out() -> None:
    wide = lines_of(120, *FILMS)
    assert wide[0].split() == ["ref", "title", "type", "releaseYear", "tags", "updatedAt"]
    assert lines_of(80, *FILMS)[0].split() == ["ref", "title", "type", "releaseYear", "tags"]
    narrow = lines_of(40, *FILMS)
    assert narrow[0].split() == ["ref", "title"]
    for width, lines in ((120, wide), (40, narrow)):
        assert len(lines) == 251
        assert max(map(len, lines)) <= width
        assert lines[250].startswith("acme:film-249")


def test_a_table_of_asked_columns_shows_them_all_and_where_they_do_not_fit_one_a_line() -> None:
    asked = ["title", "ref", "custom.x", "nothing"]
    assert lines_of(80, *FILMS[:2], columns=asked)[0].split() == asked
    assert lines_of(20, *FILMS[:1], columns=asked) == [
        "title", "  The 0. film of", "  many", "ref", "  acme:film-000", "custom.x", "  1", "nothing",
    ]  # fmt: skip


def test_what_a_terminal_would_act_upon_is_shown_instead() -> None:
    (_, line) = lines_of(80, {"ref": "a:b", "title": "x\x1b[31m\x07\ny\u202e"})
    assert line == "a:b  x\\x1b[31m\\x07 y\\x202e"


def test_wide_characters_take_two_columns() -> None:
    lines = lines_of(24, {"ref": "a:b", "title": "電影院電影院電影院電影院"}, {"ref": "a:c", "title": "x"})
    assert lines[1] == "a:b  電影院電影院電影院…"


def test_a_single_one_has_one_field_a_line() -> None:
    made = io.BytesIO()
    record = RecordWriter(Canvas(made.write, terminal=False, width=60))
    record.write(
        {"ref": "acme:a", "media": {"bitrate": 2.5, "empty": {}}, "parts": [{"n": 1}, {"n": 2}], "tags": ["x", "y"]}
    )
    record.close()
    assert made.getvalue().decode().splitlines() == [
        "ref            acme:a",
        "media.bitrate  2.5",
        "media.empty    {}",
        'parts          {"n":1}',
        '               {"n":2}',
        "tags           x, y",
    ]


def test_bars_are_in_proportion_and_fit() -> None:
    made = io.BytesIO()
    bars(Canvas(made.write, terminal=False, width=40), "type", {"movie": 1000, "episode": 500, "none": 0, "clip": 1})
    title, movie, episode, none, clip = made.getvalue().decode().splitlines()
    assert title == "type"
    assert movie == f"movie    1,000  {'█' * 24}"
    assert episode == f"episode    500  {'█' * 12}"
    assert none == "none         0"
    assert clip == "clip         1  ▏"


@pytest.mark.parametrize(("no_color", "colours"), [("", True), ("1", False)])
def test_a_terminal_gets_colours_unless_somebody_minds(
    monkeypatch: pytest.MonkeyPatch, no_color: str, colours: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm-256color")
    made: dict[bool, bytes] = {}
    for terminal in (True, False):
        sink = io.BytesIO()
        bars(Canvas(sink.write, terminal=terminal, width=40), "type", {"movie": 1})
        made[terminal] = sink.getvalue()
    assert (b"\x1b[36m" in made[True]) is colours
    assert b"\x1b" not in made[False]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a", {"b": [{"c": 1}, {"c": 2}, {}]}),
        ("a.b.c", [1, 2, None]),
        ("a.x.y", None),
        ("seq.posters", ["literal"]),
        ("seq", None),
        ("text.more", None),
    ],
)
def test_a_dotted_path_reaches_into_objects_and_along_lists(path: str, value: Any) -> None:
    resource = {"a": {"b": [{"c": 1}, {"c": 2}, {}]}, "seq.posters": ["literal"], "text": "x"}
    assert value_at(resource, path) == value


def test_lists_of_simple_values_are_shown_with_commas() -> None:
    assert shown(["a", 1, True, None]) == "a, 1, true, "
    assert shown([{"a": 1}]) == '[{"a":1}]'
    assert shown([{"ref": "acme:a", "title": "A"}, {"ref": "acme:b"}]) == "acme:a, acme:b"


def test_in_parquet_large_integers_beside_fractions_lose_no_digit(tmp_path: Path) -> None:
    large = 2**60 + 1
    rows: list[dict[str, Any]] = [
        {"mixed": large, "whole": large, "small": 2**53, "listed": [large, 1.5]},
        {"mixed": 1.5, "whole": 1, "small": 0.5},
    ]
    file = tmp_path / "found.parquet"
    assert written("--output", str(file), rows=rows).exit_code == 0
    assert pq.read_table(file).to_pylist() == [
        {"mixed": str(large), "whole": large, "small": 2.0**53, "listed": [str(large), "1.5"]},
        {"mixed": "1.5", "whole": 1, "small": 0.5, "listed": None},
    ]
