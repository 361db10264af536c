"""What an export is made of: files that hold what was put into them, whatever it is and wherever they were cut."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sequoia.descriptor import ResourceType
from sequoia.error import InvalidResource
from sequoia.transfer import Comparison, Manifest, Source, Split, TransferError, compare, comparing, export, load
from sequoia.transfer.columns import OTHER, columns_of
from sequoia.transfer.folder import Folder, place_for
from sequoia.transfer.manifest import Column
from sequoia.transfer.preparing import Preparer
from sequoia.transfer.sinks import Sink, compressor

COLUMNS = [
    Column("text", "text"),
    Column("texts", "text", array=True),
    Column("integer", "integer"),
    Column("number", "number"),
    Column("numbers", "number", array=True),
    Column("boolean", "boolean"),
    Column("timestamp", "timestamp"),
    Column("timestamps", "timestamp", array=True),
    Column("json", "json"),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.sampled_from(
        ["2026-01-31T12:00:00.000Z", "0001-01-01T00:00:00.000Z", "2026-01-31", "\r\n", "\r", "\0", '"', ","]
    ),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
NAMES = st.sampled_from([column.name for column in COLUMNS]) | st.just("unknown")
RESOURCES = st.lists(st.dictionaries(NAMES, VALUES, max_size=6), max_size=8)


def manifest(**fields: Any) -> Manifest:
    given: dict[str, Any] = {
        "service": "metadata",
        "resource": "contents",
        "url": "https://metadata.test/data/contents",
        "owner": "acme",
        "query": "",
        "format": "ndjson",
        "started": "2026-01-01T00:00:00.000Z",
        **fields,
    }
    return Manifest(**given)


def written(folder: Path, begun: Manifest, resources: list[Any]) -> None:
    files = Folder(folder, begun)
    for resource in resources:
        if files.add(msgspec.json.encode(resource)):
            files.commit()
    files.complete(ended="2026-01-01T00:00:01.000Z")


def exact(value: Any) -> Any:
    """A value with its type, but whole numbers as what they are: 5.0 is 5 in JSON."""
    if isinstance(value, Mapping):
        return {name: exact(one) for name, one in value.items()}
    if isinstance(value, list):
        return [exact(one) for one in value]
    return ("number", value) if isinstance(value, int | float) and not isinstance(value, bool) else value


@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
@settings(max_examples=15, deadline=None)
@given(resources=RESOURCES)
def test_whatever_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, form: str, compression: str | None, resources: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("export")
    written(folder, manifest(format=form, compression=compression, columns=COLUMNS, split=Split(3)), resources)
    found = [given.resource for given in Source.of(folder)]
    assert [exact(one) for one in found] == [exact(one) for one in resources]


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_a_large_number_that_was_exported_can_be_stored_again(tmp_path: Path, form: str) -> None:
    # As whole numbers the platform would refuse them: it has no exact ones of that size.
    numbers = [1e20, 2.0**53, -(2.0**55), 2.0**53 - 1, 1.5]
    resources = [{"number": number, "numbers": numbers} for number in numbers]
    written(tmp_path, manifest(format=form, columns=COLUMNS), resources)
    found = [given.resource for given in Source.of(tmp_path)]
    assert found == resources
    for one in found:
        assert isinstance(one, dict)
        for number in (one["number"], *one["numbers"]):
            assert isinstance(number, float) or abs(number) < 2**53


@pytest.mark.parametrize("limit", [1_000, 10**9])
def test_reading_csv_leaves_the_program_its_own_limit_of_cells(tmp_path: Path, limit: int) -> None:
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text("title\n" + f"{'x' * 5_000}\n" * 3, encoding="utf-8")
    before = csv.field_size_limit(limit)
    try:
        one, two = iter(Source.of(tmp_path / "one.csv")), iter(Source.of(tmp_path / "two.csv"))
        next(one)
        next(two)
        assert len(list(one)) == 2
        assert len(list(two)) == 2  # the end of one reader takes nothing from another
        assert csv.field_size_limit() == limit
        left = iter(Source.of(tmp_path / "one.csv"))
        next(left)
        del left
        assert csv.field_size_limit() == limit
    finally:
        csv.field_size_limit(before)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Files of every kind that are as they should be."""
    found: list[bytes] = []
    for form, compression in (
        ("ndjson", None),
        ("ndjson", "gzip"),
        ("ndjson", "zstd"),
        ("csv", None),
        ("parquet", "zstd"),
    ):
        folder = tmp_path_factory.mktemp("good")
        written(folder, manifest(format=form, compression=compression, columns=COLUMNS), [{"text": "x" * 50}] * 20)
        found += [path.read_bytes() for path in folder.glob("contents-*")]
    return [*found, b'[{"ref":"a:b"}, 5, null]', b'{"contents":[{"ref":"a:b"}]}', b"[" * 5_000, b'{"a":' * 5_000]


@pytest.mark.parametrize("kind", [None, "json", "csv"])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_a_file_holds_it_is_resources_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, good: list[bytes], kind: Any, data: st.DataObject
) -> None:
    content = bytearray(data.draw(st.sampled_from(good)) if data.draw(st.integers(0, 4)) else data.draw(st.binary()))
    for _ in range(data.draw(st.integers(0, 3))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"hostile-{kind}"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(TransferError):
        for given in Source((path,), COLUMNS, kind, key="contents"):
            assert isinstance(given.resource, dict | bytes)


def test_bytes_pass_through_undecoded_and_line_ends_between_them_do_not(tmp_path: Path) -> None:
    files = Folder(tmp_path, manifest())
    files.add(b'{ "ref":"acme:a",  "n":1.50 }')
    files.add(b'{\n  "ref": "acme:b"\r\n}')
    files.complete(ended="2026-01-01T00:00:01.000Z")
    assert (tmp_path / "contents-00001.ndjson").read_bytes() == (b'{ "ref":"acme:a",  "n":1.50 }\n{"ref":"acme:b"}\n')


@pytest.mark.parametrize("kind", [None, "gzip", "zstd"])
def test_a_file_goes_on_behind_its_last_point(tmp_path: Path, kind: Any) -> None:
    path = tmp_path / "file"
    sink, pack = Sink(path), compressor(kind)
    sink.write(pack.compress(b"one") + pack.end())
    kept = (sink.size, sink.sha256)
    sink.write(b"what came after the last checkpoint")
    sink.close()

    sink, pack = Sink(path, *kept), compressor(kind)
    sink.write(pack.compress(b", two") + pack.end())
    sink.close()
    assert sink.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    read = Source((path,))
    assert [given.resource for given in read] == [b"one, two"]


def test_a_compressed_file_that_was_cut_off_is_damaged_wherever_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "file"
    frames = [zstandard.compress(f'{{"number":{n}}}\n'.encode()) for n in range(3)]
    whole = b"".join(frames)
    ends = {sum(map(len, frames[:n])): n for n in range(1, 4)}
    for length in range(4, len(whole) + 1):
        path.write_bytes(whole[:length])
        if length in ends:
            assert [given.resource for given in Source((path,))] == [{"number": n} for n in range(ends[length])]
        else:
            with pytest.raises(TransferError, match="is damaged: it ended in the middle of a frame"):
                list(Source((path,)))


def test_a_compressed_file_is_read_in_small_pieces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    rows = [{"text": hashlib.sha256(str(n).encode()).hexdigest() * (n % 50)} for n in range(2_000)]
    lines = [msgspec.json.encode(row) + b"\n" for row in rows]
    path.write_bytes(zstandard.compress(b"".join(lines[:1_500])) + zstandard.compress(b"".join(lines[1_500:])))
    assert [given.resource for given in Source((path,))] == rows
    path.write_bytes(path.read_bytes() + b"garbage")
    with pytest.raises(TransferError, match="is damaged"):
        list(Source((path,)))


def test_a_file_that_was_changed_or_cut_short_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    digest = hashlib.sha256(b"1234").hexdigest()
    Sink(path, 4, digest).close()
    path.write_bytes(b"12x4")
    with pytest.raises(TransferError, match="not what the export wrote"):
        Sink(path, 4, digest)
    path.write_bytes(b"123")
    with pytest.raises(TransferError, match="shorter than the export wrote"):
        Sink(path, 4, digest)


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 2},
        {"files": [{"name": "../../etc/passwd", "resources": 1, "bytes": 1, "sha256": "0" * 64}]},
        {"files": [{"name": "contents-00001.ndjson\n", "resources": 1, "bytes": 1, "sha256": "0" * 64}]},
        {"files": [{"name": "contents-00001.ndjson", "resources": -1, "bytes": 1, "sha256": "0" * 64}]},
        {"surprise": True},
        {"service": None},
    ],
)
def test_a_manifest_is_read_with_distrust(tmp_path: Path, changed: dict[str, Any]) -> None:
    good = msgspec.to_builtins(manifest())
    (tmp_path / "manifest.json").write_text(json.dumps({**good, **changed}))
    with pytest.raises(TransferError, match=r"manifest\.json"):
        Manifest.read(tmp_path)


def test_files_without_a_manifest_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "contents-00001.csv").write_text("mine")
    (tmp_path / "contents-of-mine.csv").write_text("mine")
    with pytest.raises(TransferError, match="but no manifest"):
        place_for(manifest(), tmp_path, resume=True, force=False)
    Folder(tmp_path, place_for(manifest(), tmp_path, resume=False, force=True)).abandon()
    assert {path.name for path in tmp_path.iterdir()} == {"manifest.json", "contents-of-mine.csv"}


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("100000", Split(resources=100_000)),
        ("500MB", Split(bytes=500_000_000)),
        ("1.5 GiB", Split(bytes=3 * 2**29)),
        ("64kb", Split(bytes=64_000)),
        ("10b", Split(bytes=10)),
    ],
)
def test_a_split_is_a_number_or_a_size(text: str, split: Split) -> None:
    assert Split.parse(text) == split


@pytest.mark.parametrize("text", ["", "0", "-1", "0MB", "5 parrots", "1e3", "MB", "9" * 400 + "TB", "9" * 5000])
def test_a_split_of_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a number of resources"):
        Split.parse(text)


DESCRIPTOR = msgspec.convert(
    {
        "pluralName": "films",
        "singularName": "film",
        "hyphenatedPluralName": "films",
        "fields": {
            "title": {"type": "string"},
            "checked": {"type": "boolean", "readOnly": True},
            "genreRefs": {"type": "ref", "array": True},
            "parts": {
                "array": True,
                "fields": {"filmRef": {"type": "ref"}, "seen": {"type": "integer", "readOnly": True}},
            },
            "custom": {"type": "map"},
            "year": {"type": "year"},
        },
    },
    ResourceType,
)


def test_columns_are_what_the_descriptor_says() -> None:
    kinds = {column.name: (column.kind, column.array) for column in columns_of(DESCRIPTOR)}
    assert kinds["genreRefs"] == ("text", True)
    assert (kinds["parts"], kinds["custom"], kinds["year"]) == (("json", False), ("json", False), ("integer", False))
    assert list(kinds)[:3] == ["ref", "owner", "name"]
    assert OTHER not in kinds
    assert [column.name for column in columns_of(DESCRIPTOR, ["year", "custom.a", "custom.b"])] == ["year", "custom"]


def test_what_only_the_service_sets_is_left_out_and_the_owner_changes_with_its_refs() -> None:
    read = {
        "ref": "old:a",
        "owner": "old",
        "name": "a",
        "title": "old:not-a-ref",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "version": "0" * 40,
        "checked": True,
        "genreRefs": ["old:g", "root:g", "older:g"],
        "parts": [{"filmRef": "old:b", "seen": 3}],
        "custom": {"filmRef": "old:c"},
    }
    before = json.dumps(read)
    assert Preparer(DESCRIPTOR, "new", change_owner=True).prepared(read) == {
        "owner": "new",
        "name": "a",
        "title": "old:not-a-ref",
        "genreRefs": ["new:g", "root:g", "older:g"],
        "parts": [{"filmRef": "new:b"}],
        "custom": {"filmRef": "old:c"},
    }
    assert json.dumps(read) == before


def test_a_ref_needs_owner_and_name_and_agrees_with_them() -> None:
    prepared = Preparer(DESCRIPTOR, "acme").prepared
    for part in ({"ref": "acme:a"}, {"ref": "acme:a", "name": "a"}, {"ref": "acme:a", "owner": "acme", "name": None}):
        with pytest.raises(InvalidResource, match="it has a ref without owner and name, so it was read with only"):
            prepared({**part, "title": "x"})
    assert prepared({"ref": "acme:a", "owner": "acme", "name": "a"}) == {"owner": "acme", "name": "a"}
    assert prepared({"name": "a"}) == {"owner": "acme", "name": "a"}
    for wrong in (
        {"ref": "acme:a", "owner": "acme", "name": "b"},
        {"ref": "other:a", "owner": "acme", "name": "a"},
        {"ref": "acme", "owner": "acme", "name": "a"},
        {"owner": 5},
        {"owner": "other", "name": "a"},
    ):
        with pytest.raises(InvalidResource):
            prepared(wrong)


def sides(*pairs: tuple[dict[str, Any], dict[str, Any]], how: Comparison) -> list[tuple[str, str, list[str]]]:
    left, right = ([("", pair[side]) for pair in pairs if pair[side]] for side in (0, 1))
    return [(one.key, one.kind, list(one.fields)) for one in compare(left, right, how)]


def test_a_comparison_sees_what_counts_and_nothing_else() -> None:
    same = {"ref": "a:same", "n": 5, "version": "1", "x": {"y": 1, "z": 1}}
    found = sides(
        (same, {**same, "n": 5.0, "version": "2", "x": {"y": 2, "z": 1}, "gone": None}),
        ({"ref": "a:b", "tags": ["x", "y"], "t": "1"}, {"ref": "a:b", "tags": ["y", "x"], "u": "1"}),
        ({"ref": "a:left"}, {}),
        ({}, {"ref": "a:right"}),
        how=Comparison(ignore=Comparison().ignore | {"x.y"}),
    )
    assert found == [("a:b", "changed", ["t", "tags", "u"]), ("a:left", "left", []), ("a:right", "right", [])]


def test_true_is_not_one_at_any_depth() -> None:
    plain = {"ref": "a:b", "x": True, "y": [1, {"z": False}], "w": 1}
    same = {"ref": "a:b", "x": True, "y": [1.0, {"z": False}], "w": 1.0}
    assert sides((plain, same), how=Comparison()) == []
    other = {"ref": "a:b", "x": 1, "y": [1, {"z": 0}], "w": True}
    assert sides((plain, other), how=Comparison()) == [("a:b", "changed", ["w", "x", "y"])]


@pytest.mark.parametrize("other", [{"y": 1}, {"x": 1, "y": 1}, [{"x": 1}], [[], []], [[[]]], None])
def test_a_difference_inside_is_one_of_the_field(other: Any) -> None:
    fields: list[Any] = [{"x": 1}, [[]]]
    for one in fields:
        assert sides(({"ref": "a", "f": one}, {"ref": "a", "f": other}), how=Comparison()) == [("a", "changed", ["f"])]
        assert sides(({"ref": "a", "f": one}, {"ref": "a", "f": one, "version": "2"}), how=Comparison()) == []


def test_by_name_the_owner_does_not_count_in_refs_either() -> None:
    left = {"ref": "a:film", "owner": "a", "name": "film", "refs": ["a:x", "root:x"]}
    right = {"ref": "b:film", "owner": "b", "name": "film", "refs": ["b:x", "root:x"]}
    assert sides((left, right), how=Comparison(by="name")) == []
    assert sides((left, {**right, "refs": ["a:x", "root:x"]}), how=Comparison(by="name")) == [
        ("film", "changed", ["refs"])
    ]
    with pytest.raises(TransferError, match="has no name"):
        sides(({"title": "x"}, {}), how=Comparison(by="name"))


def test_a_misspelt_argument_is_refused() -> None:
    with pytest.raises(TypeError, match=r"export\(\) has no argument 'worker': did you mean 'workers'"):
        export(None, "acme", "nowhere", worker=4)  # type: ignore[call-arg, arg-type]
    with pytest.raises(TypeError, match="dry_run"):
        load(None, "acme", [], dryrun=True)  # type: ignore[call-arg, arg-type]


def test_its_import_brings_no_package_of_the_command_line() -> None:
    script = "import sys, sequoia.transfer; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert set(done.stdout.split()).isdisjoint({"click", "rich", "pyarrow", "zstandard", "yaml"})


def test_a_comparison_that_has_no_room_says_where_there_might_be_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "_SETTINGS", (*comparing._SETTINGS, "max_page_count = 4"))
    with pytest.raises(TransferError, match="disk is full: set TMPDIR to a folder with room for both sides"):
        sides(*(({"ref": f"a:{n}", "title": "x" * 500}, {}) for n in range(100)), how=Comparison())
