"""The layers of the SDK are those that `docs/design.md` shows: nothing imports from a layer above its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOME = ROOT / "src" / "sequoia"
ORDER = ("ground", "core", "tools", "shells", "applications")
# What `import sequoia` gives, and the asynchronous twins, each of which is where its namesake is.
NOWHERE = {"__init__", "_version", "aio"}
WAITING = {"anyio", "asyncio", "multiprocessing", "socket", "ssl", "subprocess", "tempfile", "threading", "time"}


def _layers() -> dict[str, str]:
    """The layer of each module, as the page tells it."""
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = page.partition("| layer | modules |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1:3] for row in table.splitlines() if "`" in row]
    placed = [(module, layer.strip()) for layer, modules in rows for module in re.findall(r"`(\w+)`", modules)]
    assert len(dict(placed)) == len(placed), "a module stands in two layers"
    return dict(placed)


LAYERS = _layers()


def _imported(path: Path) -> Iterator[str]:
    """Full names of what a module imports when it runs, also within a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    skipped = {id(part) for node in for_types for part in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            yield node.module


def _files(module: str) -> list[Path]:
    """The source of a module: that of its package, or its own and that of its asynchronous twin."""
    if (HOME / module).is_dir():
        return sorted((HOME / module).rglob("*.py"))
    return [path for path in (HOME / f"{module}.py", HOME / "aio" / f"{module}.py") if path.exists()]


def test_every_module_has_its_layer() -> None:
    found = {path.stem for path in HOME.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    found |= {path.stem for path in (HOME / "aio").glob("*.py")}
    assert found - NOWHERE == set(LAYERS), "the table of layers in docs/design.md has other modules than src/sequoia"
    assert set(LAYERS.values()) == set(ORDER)


@pytest.mark.parametrize("module", LAYERS)
def test_nothing_is_imported_from_a_layer_above(module: str) -> None:
    for path in _files(module):
        for name in _imported(path):
            package, *rest = name.split(".")
            if package != "sequoia" or rest == ["_version"]:
                continue
            # `from sequoia import Client` is how applications get at the shells.
            other = "client" if not rest else rest[-1] if rest[0] == "aio" else rest[0]
            told = f"{path.relative_to(ROOT)} imports {name}"
            assert ORDER.index(LAYERS[other]) <= ORDER.index(LAYERS[module]), told
            assert not (path.parent.name == "aio" and LAYERS[other] == "shells" and rest[0] != "aio"), told


@pytest.mark.parametrize("module", [module for module, layer in LAYERS.items() if layer == "core"])
def test_the_core_has_nothing_to_wait_or_lock_with(module: str) -> None:
    (path,) = _files(module)
    assert not WAITING & {name.partition(".")[0] for name in _imported(path)}
    called = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "open" not in called
