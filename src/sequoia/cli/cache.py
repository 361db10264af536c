"""The names of services and resources that commands have come across, kept for the completion of the shell.

Nothing depends on it: where it cannot be read or written, there is nothing in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from sequoia.cli.profiles import write_private

__all__ = ["Names", "cache_file", "known", "remember"]

_MOST = 20
"""Registries that are kept; a test-suite may make a new one for each test."""

Names = Mapping[str, list[str]]
"""The resources of each service; none of a service whose descriptor has not been read."""


def cache_file() -> Path:
    """Where the names are kept."""
    from platformdirs import user_cache_path  # noqa: PLC0415 - only where it is needed

    return user_cache_path("sequoia", appauthor=False) / "names.json"


def known(registry_url: str) -> Names:
    """What is known of a registry."""
    return _read().get(registry_url, {})


def remember(registry_url: str, services: Iterable[str], resources: Mapping[str, Iterable[str]]) -> None:
    """Keep the names of a registry.

    Args:
        registry_url: The registry.
        services: All its services.
        resources: The resources of those whose descriptor was read.
    """
    everything = _read()
    before = everything.pop(registry_url, {})
    now = {name: sorted(resources.get(name, before.get(name, ()))) for name in sorted(services)}
    if now == before:
        return
    kept = dict([*everything.items(), (registry_url, now)][-_MOST:])
    with suppress(OSError):
        write_private(cache_file(), json.dumps(kept).encode())


def _read() -> dict[str, dict[str, list[str]]]:
    try:
        content = json.loads(cache_file().read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if _is_sound(content) else {}


def _is_sound(content: object) -> bool:
    return isinstance(content, dict) and all(
        isinstance(services, dict)
        and all(isinstance(names, list) and all(isinstance(one, str) for one in names) for names in services.values())
        for services in content.values()
    )
