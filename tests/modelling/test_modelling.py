"""Generated models: whatever a descriptor says, the source is one that Python, mypy and ruff accept, and that reads."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.modelling.hostile import descriptors

from sequoia.calls import Answer, Call
from sequoia.descriptor import Descriptor
from sequoia.error import ResourceNotFound
from sequoia.modelling import KINDS, models_of
from sequoia.modelling.words import class_name, literal, prose, python_name
from sequoia.pages import PageReader

ROOT = Path(__file__).parents[2]


def described(fields: dict[str, Any], **more: Any) -> Descriptor:
    """The descriptor of a service with the one resource `films`."""
    film = {"pluralName": "films", "singularName": "film", "hyphenatedPluralName": "films", "fields": fields, **more}
    return Descriptor.parse({"name": "cinema", "resourcefuls": {"films": film}})


def checked(folder: Path) -> str:
    """What the checkers say about the modules of a folder; nothing if all is well."""
    rules = ["--config", str(ROOT / "pyproject.toml")]
    commands = [
        ["ruff", "check", "--no-cache", "--output-format", "concise", *rules, "--config", "line-length = 88"],
        ["ruff", "format", "--no-cache", "--check", "--isolated"],  # as where nobody has configured it
        ["ruff", "format", "--no-cache", "--check", *rules],  # and with longer lines
        ["mypy", "--strict", "--config-file", "", "--cache-dir", str(folder / ".mypy_cache")],
    ]
    runs = [
        subprocess.run([sys.executable, "-m", *command, str(folder)], capture_output=True, text=True, check=False)  # noqa: S603
        for command in commands
    ]
    return "\n".join(run.stdout + run.stderr for run in runs if run.returncode != 0)


def imported(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"generated_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where the types of annotations are looked for
    spec.loader.exec_module(module)
    return module


@pytest.mark.timeout(300)
def test_models_of_descriptors_never_seen_before_pass_every_check_and_can_be_decoded_into(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    # They are made first and checked together: to start the checkers takes longer than their work.
    @settings(max_examples=40, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
    @given(descriptors)
    def collect(raw: dict[str, Any]) -> None:
        seen.append(raw)

    collect()
    (tmp_path / "__init__.py").write_text('"""Models."""\n', encoding="utf-8")
    for number, raw in enumerate(seen):
        descriptor = Descriptor.parse(raw)
        for kind in KINDS:
            file = tmp_path / f"models_{number}_{kind}.py"
            file.write_text(models_of(descriptor, kind=kind).source, encoding="utf-8")
    assert checked(tmp_path) == ""
    for file in tmp_path.glob("models_*.py"):
        module = imported(file)
        for model in vars(module).values():
            if isinstance(model, type) and model.__module__ == module.__name__:
                PageReader("films", model)


def test_the_checks_can_fail(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("x : int = 'a'\n", encoding="utf-8")
    said = checked(tmp_path)
    for complaint in ("D100", "would be reformatted", "Incompatible types"):
        assert complaint in said


def test_the_source_is_always_the_same() -> None:
    fields = {"a": {"type": "string", "allowedValues": [{"value": one} for one in "zyx"]}, "b": {"type": "map"}}
    for kind in KINDS:
        assert models_of(described(fields), kind=kind) == models_of(described(fields), kind=kind)


def test_a_struct_as_it_is_read() -> None:
    fields = {
        "kind": {"type": "string", "required": True, "allowedValues": [{"value": "short", "alternatives": ["clip"]}]},
        "startAt": {"type": "timestamp", "description": "When it begins"},
        "class": {"type": "integer", "array": True},
        "media": {"fields": {"bornOn": {"type": "date"}}},
        "localisedTitle": {"type": "string", "localisationOf": "title"},
    }
    source = models_of(described(fields, description="A film")).source
    assert 'FilmKind = Literal["short"]\n' in source
    assert (
        'class Film(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):\n    """A film."""\n' in source
    )
    for line in (
        "    kind: FilmKind",
        "    owner: str",
        "    ref: str | None = None",
        '    start_at: datetime | None = None\n    """When it begins."""',
        '    class_: list[int] | None = msgspec.field(default=None, name="class")',
        "    media: FilmMedia | None = None",
        "    born_on: date | None = None",
        "    localised_title: dict[str, str] | None = None",
    ):
        assert f"\n{line}\n" in source, source


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_read_under_their_names(kind: str, tmp_path: Path) -> None:
    fields = {
        "createdAt": {"type": "timestamp"},
        "foo-bar": {"type": "integer"},
        "fooBar": {"type": "integer"},
        "date": {"type": "date"},
        "list": {"type": "string", "array": True},
    }
    made = models_of(described(fields), kind=kind)
    file = tmp_path / f"of_{kind}.py"
    file.write_text(made.source, encoding="utf-8")
    reader: PageReader[Any] = PageReader("films", imported(file).Film)
    body = (
        b'{"meta": {}, "films": [{"owner": "o", "foo-bar": 1, "fooBar": 2, "date": "2026-01-31", "list": ["a"],'
        b' "news": 1, "createdAt": "2026-01-31T12:00:00.000Z"}]}'
    )
    answer = Answer(Call("GET", "https://cinema.test/data/films"), httpx2.Response(200, content=body), None)
    (film,) = reader.read(answer).items
    got = film.get if isinstance(film, dict) else lambda name: getattr(film, name)
    names = {
        "msgspec": ("created_at", "foo_bar", "foo_bar_2", "date_", "list_"),
        "pydantic": ("created_at", "foo_bar", "foo_bar_2", "date_", "list_"),
        "dataclass": ("createdAt", None, "fooBar", "date", "list"),
        "typeddict": ("createdAt", "foo-bar", "fooBar", "date", "list"),
    }[kind]
    found = [got(name) if name else None for name in names]
    assert [str(found[0])[:19], found[1], found[2], str(found[3]), found[4]] == [
        "2026-01-31 12:00:00",
        None if kind == "dataclass" else 1,
        2,
        "2026-01-31",
        ["a"],
    ]
    assert made.left_out == (("Film.foo-bar",) if kind == "dataclass" else ())


@pytest.mark.parametrize("key", ["isUhd4k", "hd1080p", "isUhd4K", "a1b2c"])
def test_a_letter_behind_a_digit_is_found_again(key: str, tmp_path: Path) -> None:
    file = tmp_path / f"of_{key}.py"
    file.write_text(models_of(described({key: {"type": "boolean"}})).source, encoding="utf-8")
    film = msgspec.json.decode(f'{{"owner": "o", "{key}": true}}', type=imported(file).Film)
    assert True in [getattr(film, name) for name in film.__struct_fields__]


def test_only_the_resources_that_are_asked_for() -> None:
    one = {"pluralName": "films", "singularName": "film", "hyphenatedPluralName": "films"}
    other = {"pluralName": "filmPosters", "singularName": "filmPoster", "hyphenatedPluralName": "film-posters"}
    descriptor = Descriptor.parse({"name": "cinema", "resourcefuls": {"films": one, "filmPosters": other}})
    assert "class Film(" in models_of(descriptor).source
    source = models_of(descriptor, ["film-posters", "filmPoster"]).source
    assert "class Film(" not in source
    assert source.count("class FilmPoster(") == 1
    with pytest.raises(ResourceNotFound, match="did you mean 'films'"):
        models_of(descriptor, ["filmz"])


def test_what_there_is_no_model_for_is_refused() -> None:
    with pytest.raises(ValueError, match="no models of the kind 'attrs': give one of msgspec, dataclass, typeddict"):
        models_of(described({}), kind="attrs")
    with pytest.raises(ValueError, match="the service 'empty' has no resources"):
        models_of(Descriptor.parse({"name": "empty"}))


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("createdAt", "created_at"),
        ("HTMLPage", "html_page"),
        ("foo-bar baz", "foo_bar_baz"),
        ("class", "class_"),
        ("date", "date_"),
        ("1st", "field_1st"),
        ("naïve", "naive"),
        ("名前", "field"),
        ("__init__", "init"),
        ("modelConfig", "field_model_config"),
        ("json", "json_"),
    ],
)
def test_names_of_fields(key: str, name: str) -> None:
    assert python_name(key) == name


@pytest.mark.parametrize(
    ("text", "name"), [("offerTemplate", "OfferTemplate"), ("foo bar", "FooBar"), ("2nd", "Model2nd"), ("—", "Model")]
)
def test_names_of_classes(text: str, name: str) -> None:
    assert class_name(text) == name


def test_a_literal_is_the_text_and_shows_nothing_that_deceives() -> None:
    text = 'a"b\\c\nd\u202eü名\U0001f600'
    assert literal(text) == r'"a\x22b\\c\x0ad\u202eü\u540d\U0001f600"'
    assert eval(literal(text)) == text  # noqa: S307 - our own


def test_a_description_cannot_get_out_of_its_docstring() -> None:
    assert prose('"""\nimport os\\ \u202e"') == "''' import os/ '."
    assert prose(None) == ""
    assert prose(" Two\n lines ") == "Two lines."
    assert len(prose("word " * 1000)) < 620
