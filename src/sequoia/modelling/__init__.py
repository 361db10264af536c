"""Typed models of a service's resources, written as Python source from its descriptor: for `scan(model=...)`.

A descriptor is what a server says, so nothing in it is trusted: names become identifiers, texts become plain prose or
escaped literals, and whatever is in it, the source passes `mypy --strict`, `ruff check` and `ruff format`.
"""

from __future__ import annotations

from sequoia.modelling.writing import KINDS, MARK, Models, models_of

__all__ = ["KINDS", "MARK", "Models", "models_of"]
