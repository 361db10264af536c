"""The one error that the sandbox raises when it cannot do what it was asked to."""

from __future__ import annotations

__all__ = ["SandboxError"]


class SandboxError(Exception):
    """The sandbox cannot start, or was used in a way that it cannot follow; the message says what to do.

    Refusals of HTTP requests are no exceptions: the client sees them as answers.
    """
