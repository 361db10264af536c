"""The package as a whole: its public surface, and what importing it costs."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import sequoia

CORE = sorted(
    module.name
    for module in pkgutil.iter_modules(sequoia.__path__)
    if not module.ispkg and module.name not in {"_version", "demo", "requests_adapter", "spark"}
)
EXTRAS = [
    "backoff",
    "click",
    "h2",
    "oauthlib",
    "opentelemetry",
    "pyarrow",
    "pyspark",
    "requests",
    "rich",
    "sqlite3",
    "starlette",
    "uvicorn",
]


def test_the_public_surface_is_pinned() -> None:
    assert sequoia.__all__ == [
        "AsyncClient",
        "AuthType",
        "Client",
        "Criteria",
        "Inclusion",
        "InstantClock",
        "StringExpressionFactory",
        "__version__",
        "field",
        "raw",
        "text",
        "where",
    ]


def test_the_imports_of_4_4_0_still_work() -> None:
    for module, names in {
        "sequoia.client": ["Client"],
        "sequoia.auth": ["AuthType"],
        "sequoia.criteria": ["Criteria", "Inclusion", "StringExpressionFactory"],
        "sequoia.error": ["HttpError", "NotMatchingVersion", "ReferencesMismatchException", "TokenExpiredError"],
    }.items():
        assert [name for name in names if not hasattr(importlib.import_module(module), name)] == []


def test_every_public_name_is_what_it_says() -> None:
    assert [name for name in sequoia.__all__ if not hasattr(sequoia, name)] == []
    assert sequoia.__version__.startswith("5.")


@pytest.mark.parametrize("name", CORE)
def test_a_module_says_what_it_is_for_and_which_names_are_for_others(name: str) -> None:
    module = importlib.import_module(f"sequoia.{name}")
    assert module.__doc__
    exported = module.__all__
    assert list(exported) == sorted(exported, key=lambda one: (not one.isupper(), not one[0].isupper(), one))
    assert [one for one in exported if not hasattr(module, one)] == []


def _imported(statement: str) -> set[str]:
    """The modules that are loaded after `statement` in a fresh interpreter."""
    source = str(Path(inspect.getfile(sequoia)).parent.parent)
    code = f"import sys; sys.path.insert(0, {source!r}); {statement}; print('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return set(run.stdout.split())


def test_importing_the_package_imports_no_extra_and_nothing_that_only_some_need() -> None:
    loaded = _imported("from sequoia import Client")
    assert "sequoia.client" in loaded
    assert loaded.isdisjoint(EXTRAS), loaded.intersection(EXTRAS)
    assert loaded.isdisjoint({"sequoia.sandbox", "sequoia.cli", "sequoia.demo", "sequoia.requests_adapter"})


def test_a_name_is_imported_when_it_is_asked_for() -> None:
    loaded = _imported("import sequoia; sequoia.where")
    assert "sequoia.criteria" in loaded
    assert loaded.isdisjoint({"httpx2", "msgspec", "sequoia.client"})


@pytest.mark.parametrize("name", ["auth", "client", "clock", "criteria", "error"])
def test_what_programs_reach_by_the_package_is_there(name: str) -> None:
    assert f"sequoia.{name}" in _imported(f"import sequoia; sequoia.{name}")


def test_the_package_lists_what_it_has_not_yet_imported() -> None:
    assert set(sequoia.__all__) <= set(dir(sequoia))


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Clint'"):
        _ = sequoia.Clint  # type: ignore[attr-defined]


def test_the_check_of_imports_can_see_an_import() -> None:
    assert "sqlite3" in _imported("import sequoia, sqlite3")
