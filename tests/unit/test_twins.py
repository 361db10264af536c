"""The asynchronous shells say what the synchronous ones say: with every `await` taken out, they are the same code."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import sequoia

HOME = Path(inspect.getfile(sequoia)).parent
TWINS = (
    "network",
    "gate",
    "sending",
    "describing",
    "browsing",
    "scanning",
    "changing",
    "bulking",
    "collection",
    "endpoint",
    "client",
)

# What differs on purpose, and why.
DIFFERENT = {
    "Client": "the docstring: one connects when it is made, the other when it is first awaited",
    "Client.__init__": "nothing is sent before the first await",
    "Client.services": "the registry may not have been read yet",
    "Client.__enter__": "entering connects",
    "Client.__getitem__": "without a registry, any name may be that of a service",
    "Client.__dir__": "the registry may not have been read yet",
    "Client._ipython_key_completions_": "the registry may not have been read yet",
    "Client._connected": "the registry may not have been read yet",
    "PageBrowser": "the docstring: one is its first page, the other once it has been awaited",
    "PageBrowser.__init__": "nothing is sent before the first await",
    "PageBrowser.__await__": "there is no synchronous form",
    "PageBrowser._fetched": "what __await__ awaits",
    "PageBrowser._answer": "an attribute cannot be awaited",
}
NAMES = {
    "asleep": "sleep",
    "anext": "next",
    "StopAsyncIteration": "StopIteration",
    "aclose": "close",
    "aclosing": "closing",
    "aiter_bytes": "iter_bytes",
    "aread": "read",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
}


class Unasync(ast.NodeTransformer):
    """Takes everything asynchronous out of a syntax tree."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        node = super().generic_visit(node)
        for name in ("name", "id", "attr"):
            if isinstance(text := getattr(node, name, None), str):
                setattr(node, name, _sync(text))
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        made = ast.FunctionDef(**{name: getattr(node, name) for name in node._fields})
        return self.generic_visit(made)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        return self.generic_visit(ast.With(node.items, node.body))

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        return self.generic_visit(ast.For(node.target, node.iter, node.body, node.orelse))

    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self.visit(node.value)  # type: ignore[no-any-return]

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        node.is_async = 0
        return self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "Awaitable":
            return self.visit(node.slice)  # type: ignore[no-any-return]
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str):
            node.value = re.sub(r"\bAsync(?=[A-Z])", "", node.value)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        module = (node.module or "").replace("sequoia.aio.", "sequoia.")
        return ast.ImportFrom(module, [ast.alias(_sync(name.name), name.asname) for name in node.names], node.level)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if ast.unparse(node) in {"anyio.Lock", "anyio.Event", "anyio.Semaphore"}:
            return ast.parse(f"threading.{node.attr}", mode="eval").body
        return self.generic_visit(node)


def _imports_in_order(function: ast.FunctionDef) -> None:
    """Sort the imports of a function: the names of modules, by which they are sorted, are others in the twin."""
    where = [place for place, node in enumerate(function.body) if isinstance(node, ast.ImportFrom)]
    for place, node in zip(where, sorted((function.body[place] for place in where), key=ast.unparse), strict=True):
        function.body[place] = node


def _sync(name: str) -> str:
    return NAMES.get(name, re.sub(r"^Async(?=[A-Z])", "", name))


def _pieces(path: Path) -> dict[str, str]:
    """The source of each function, method and class statement of a module, without its imports and first docstring."""
    tree = Unasync().visit(ast.parse(path.read_text(encoding="utf-8")))
    pieces: dict[str, str] = {}
    for node in ast.fix_missing_locations(tree).body[1:]:
        if isinstance(node, ast.Import | ast.ImportFrom) or (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
            continue
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    _imports_in_order(part)
                    pieces[f"{node.name}.{part.name}"] = ast.unparse(part)
            node.body = [part for part in node.body if not isinstance(part, ast.FunctionDef)] or [ast.Pass()]
        text = ast.unparse(node)
        name = getattr(node, "name", None) or text.partition("=")[0].strip()
        pieces[name] = "".join(sorted(text)) if name == "__all__" else text
    return pieces


@pytest.mark.parametrize("module", TWINS)
def test_without_its_awaits_the_asynchronous_shell_is_the_synchronous_one(module: str) -> None:
    sync, made = _pieces(HOME / f"{module}.py"), _pieces(HOME / "aio" / f"{module}.py")
    told = {name: text for name, text in made.items() if name not in DIFFERENT}
    assert told == {name: text for name, text in sync.items() if name not in DIFFERENT}


def test_what_differs_still_differs() -> None:
    """A piece that has become the same again is no exception any more."""
    sync: dict[str, Any] = {}
    made: dict[str, Any] = {}
    for module in TWINS:
        sync |= _pieces(HOME / f"{module}.py")
        made |= _pieces(HOME / "aio" / f"{module}.py")
    assert [name for name in DIFFERENT if sync.get(name) == made.get(name)] == []


@pytest.mark.parametrize("name", ["_work", "_perform", "_write", "_browse", "_scan", "_bulk"])
def test_the_two_halves_of_the_soak_do_the_same(name: str) -> None:
    soak = Path(__file__).parents[2] / "soak"
    assert _pieces(soak / "threads.py")[name] == _pieces(soak / "tasks.py")[name]
