"""The descriptors of the services that the sandbox has without being given any."""

from __future__ import annotations

from typing import Any

from sequoia.sandbox.metadata import metadata_descriptor
from sequoia.sandbox.workflow import workflow_descriptor

__all__ = ["builtin_descriptors"]


def builtin_descriptors() -> dict[str, dict[str, Any]]:
    """The full descriptors of `metadata` and `workflow` by name; the caller owns the result."""
    return {"metadata": metadata_descriptor(), "workflow": workflow_descriptor()}
