"""`sequoia models`, against a sandbox and with files; `scan` takes what it writes."""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run, Spawn

from sequoia import Client
from sequoia.cli.commands.models import _KINDS
from sequoia.modelling import KINDS
from sequoia.sandbox import Sandbox
from sequoia.sandbox.metadata import metadata_descriptor


def classes(source: str) -> list[str]:
    return [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]


@pytest.fixture
def descriptor(tmp_path: Path) -> Path:
    file = tmp_path / "metadata.json"
    file.write_text(json.dumps(metadata_descriptor()), encoding="utf-8")
    return file


def test_the_models_of_a_service_go_to_stdout_and_nothing_else(environ: dict[str, str], spawn: Spawn) -> None:
    done = spawn("models", "metadata")
    assert (done.returncode, done.stderr) == (0, "")
    assert {"Content", "Asset", "OfferTemplate", "OfferRights"} <= set(classes(done.stdout))


def test_only_some_resources(environ: dict[str, str], run: Run) -> None:
    assert classes(run("models", "metadata", "offer-templates", "roles").stdout) == [
        "OfferTemplateRights",
        "OfferTemplate",
        "Role",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_scan_takes_each_kind_of_model(
    kind: str, environ: dict[str, str], run: Run, sandbox: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / f"models_{kind}.py"
    assert run("models", "metadata", "contents", "--kind", kind, "-o", str(file)).exit_code == 0
    spec = importlib.util.spec_from_file_location(f"cli_models_{kind}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with sandbox.client() as client:
        _compare(client, sandbox.owner, module.Content, kind)


def _compare(client: Client, owner: str, model: type[Any], kind: str) -> None:
    films = list(client.metadata.contents.scan(owner, model=model))
    plain = list(client.metadata.contents.scan(owner))
    assert len(films) == len(plain) > 10
    name = "parent_ref" if kind in {"msgspec", "pydantic"} else "parentRef"
    read = [film.get(name) if isinstance(film, dict) else getattr(film, name) for film in films]
    assert read == [content.get("parentRef") for content in plain]
    assert any(read)


def test_a_descriptor_in_a_file_needs_no_service(run: Run, descriptor: Path) -> None:
    result = run("models", "--descriptor", str(descriptor), "contents")
    assert result.exit_code == 0
    assert classes(result.stdout) == ["Content"]


def test_a_file_of_its_own_is_replaced_and_no_other_one(run: Run, descriptor: Path, tmp_path: Path) -> None:
    file = tmp_path / "models.py"
    command = ("models", "--descriptor", str(descriptor), "-o", str(file))
    for resource in ("roles", "people"):
        result = run(*command, resource)
        assert (result.exit_code, result.output) == (0, "")
    assert classes(file.read_text(encoding="utf-8")) == ["Person"]
    file.write_text("mine = 1\n", encoding="utf-8")
    result = run(*command, "roles")
    assert result.exit_code == 2
    assert "is there, and not from this command: --force replaces it" in result.stderr
    assert file.read_text(encoding="utf-8") == "mine = 1\n"
    assert run(*command, "roles", "--force").exit_code == 0
    assert classes(file.read_text(encoding="utf-8")) == ["Role"]
    assert {one.name for one in tmp_path.iterdir() if one.is_file()} == {"models.py", descriptor.name}


def test_a_field_that_cannot_be_a_name_is_told_of(run: Run, tmp_path: Path) -> None:
    film = {"pluralName": "films", "singularName": "film", "hyphenatedPluralName": "films"}
    raw = {"name": "cinema", "resourcefuls": {"films": {**film, "fields": {"class": {"type": "string"}}}}}
    file = tmp_path / "cinema.json"
    file.write_text(json.dumps(raw), encoding="utf-8")
    result = run("models", "--descriptor", str(file), "--kind", "dataclass")
    assert result.exit_code == 0
    assert result.stderr == "left out: 'Film.class', which cannot be a name in a dataclass\n"
    assert classes(result.stdout) == ["Film"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["models"], "say of which service: sequoia models SERVICE, or --descriptor FILE"),
        (["models", "metadata", "contentz"], "has no resource 'contentz': did you mean 'contents'?"),
        (["models", "metadat"], "the registry knows no service 'metadat': did you mean 'metadata'?"),
        (["models", "metadata", "--kind", "attrs"], "'attrs' is not one of"),
        (["models", "metadata", "-o", "/nowhere/models.py"], "there is no folder /nowhere"),
        (["models", "--descriptor", "/nowhere.json"], "/nowhere.json: No such file or directory"),
    ],
)
def test_a_mistake_is_one_sentence(environ: dict[str, str], run: Run, arguments: list[str], sentence: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert sentence in result.stderr


@pytest.mark.parametrize("content", ["[]", "no JSON", '{"resourcefuls": 1}'])
def test_what_is_no_descriptor_is_refused(run: Run, tmp_path: Path, content: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(content, encoding="utf-8")
    result = run("models", "--descriptor", str(file))
    assert result.exit_code == 2
    assert f"{file} is no descriptor: " in result.stderr


def test_the_kinds_are_those_that_there_are() -> None:
    assert tuple(KINDS) == _KINDS
