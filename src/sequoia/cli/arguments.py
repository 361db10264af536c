"""The arguments that most commands share: which resource, which refs, and which owner a bare name belongs to."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from sequoia.cli.completing import resource_argument, service_argument
from sequoia.cli.failing import Refusal

__all__ = ["belongs", "full_ref", "of_another", "on_resource", "own_ref"]


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


def own_ref(ref: str, owner: str) -> str:
    """The same for what is to be written: another owner's resource would not be found, and so seem to be deleted.

    Raises:
        Refusal: It is empty, or another owner's.
    """
    whole = full_ref(ref, owner)
    if of_another(whole, owner):
        raise Refusal(belongs(whole))
    return whole


def of_another(ref: str, owner: str) -> bool:
    """Whether a ref is one of another owner."""
    theirs, _, name = ref.partition(":")
    return bool(theirs and name) and theirs != owner


def belongs(ref: str) -> str:
    """What to do about a ref of another owner."""
    theirs = ref.partition(":")[0]
    return f"{ref} belongs to {theirs!r}: say --owner {shlex.quote(theirs)}"
