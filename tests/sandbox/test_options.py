"""The options of a sandbox are stated once, and can all be reached: in Python, on the command line, in the pages."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any, cast

import pytest

from sequoia.cli.group import command as find_command
from sequoia.sandbox import Sandbox
from sequoia.sandbox.options import Options, SandboxOptions

PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"
# Clocks cannot be given on a command line, and secrets should not be: they are read from the environment.
ONLY_IN_PYTHON = {"now", "monotonic", "client_secret", "password"}


def names() -> set[str]:
    return {one.name for one in fields(Options)}


def test_the_names_of_the_arguments_agree_with_the_options() -> None:
    assert set(SandboxOptions.__annotations__) == names()
    assert SandboxOptions.__required_keys__ == frozenset()


def test_every_option_can_be_given_on_the_command_line_with_the_same_default() -> None:
    given = find_command("sandbox").make_context("sandbox", []).params
    assert set(given) == names() - ONLY_IN_PYTHON
    same = set(given) - {"demo", "port"}  # a server that people start has a port to remember; no demo is None there
    assert {name: given[name] for name in same} == {name: getattr(Options(), name) for name in same}


def test_every_option_is_in_the_page_and_in_the_docstring() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in sorted(names()) if f"`{name}`" not in page] == []
    assert [name for name in sorted(names()) if f"    {name}: " not in (Options.__doc__ or "")] == []


def test_an_argument_that_there_is_not_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(TypeError, match=r"no argument 'consistency'.*consistency_delay"):
        Sandbox(**cast("Any", {"consistency": 3}))


def test_options_are_frozen_and_their_repr_keeps_the_secrets() -> None:
    options = Options(client_secret="hush", password="mum")
    with pytest.raises(FrozenInstanceError):
        options.owner = "other"  # type: ignore[misc]
    assert "hush" not in repr(options)
    assert "mum" not in repr(options)
