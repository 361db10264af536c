"""The sources of bulk writes: any iterable here; in `sequoia.aio.sources` any asynchronous one as well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sequoia.bulk import plain_source

__all__ = ["Source", "sourced"]

Source = Iterable[Any]


def sourced(resources: Source) -> Iterator[Any]:
    """Iterate over the resources of a source.

    Raises:
        TypeError: It is none.
    """
    plain_source(resources)
    return iter(resources)
