"""Documents for the sandbox, and what a test wants to know of its request log."""

from __future__ import annotations

from typing import Any

from sequoia.sandbox import RecordedRequest, Sandbox

__all__ = ["asset", "category", "content", "load_assets", "load_contents", "queries", "sent"]


def content(owner: str, name: str, **fields: Any) -> dict[str, Any]:
    """A content that the metadata service accepts."""
    return {"owner": owner, "name": name, "title": name, "type": "movie", **fields}


def asset(owner: str, name: str, **fields: Any) -> dict[str, Any]:
    """An asset that the metadata service accepts."""
    return {"owner": owner, "name": name, "type": "image", **fields}


def category(owner: str, name: str, **fields: Any) -> dict[str, Any]:
    """A category that the metadata service accepts."""
    return {"owner": owner, "name": name, "scheme": "genre", "value": name, **fields}


def load_contents(sandbox: Sandbox, owner: str, number: int, **fields: Any) -> list[str]:
    """Store contents c-000, c-001 and so on, past HTTP; their refs, in the order in which they are browsed."""
    names = [f"c-{n:03}" for n in range(number)]
    sandbox.load("metadata", "contents", [content(owner, name, **fields) for name in names])
    return [f"{owner}:{name}" for name in names]


def load_assets(sandbox: Sandbox, owner: str, parent: str, number: int) -> list[str]:
    """Store assets of the content `parent`, past HTTP; their refs."""
    names = [f"{parent}-{n:04}" for n in range(number)]
    sandbox.load("metadata", "assets", [asset(owner, name, contentRef=f"{owner}:{parent}") for name in names])
    return [f"{owner}:{name}" for name in names]


def sent(sandbox: Sandbox, service: str | None = "metadata") -> list[RecordedRequest]:
    """The requests that one service received, oldest first; None for those of all services."""
    return [request for request in sandbox.requests if service is None or request.service == service]


def queries(sandbox: Sandbox) -> list[dict[str, str]]:
    """The query parameters of the requests that the metadata service received; of a repeated one the last value."""
    return [dict(request.query) for request in sent(sandbox)]
