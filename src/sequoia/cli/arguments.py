"""The arguments that most commands share: which resource, which refs, and which owner a bare name belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sequoia.cli.completing import resource_argument, service_argument
from sequoia.cli.failing import Refusal

__all__ = ["full_ref", "on_resource"]


def on_resource(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the arguments SERVICE and RESOURCE, which the shell completes."""
    return service_argument(resource_argument(command))


def full_ref(ref: str, owner: str) -> str:
    """A ref as people write it: a name alone is one of the owner's.

    Raises:
        Refusal: It is empty, as a variable is that a script has forgotten to set.
    """
    if not ref.strip():
        raise Refusal(f"{ref!r} is no ref: expected 'owner:name', or the name alone")
    return ref if ":" in ref else f"{owner}:{ref}"
