"""Browse: one page of a query with the `meta` that leads to the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sequoia.sandbox.facets import facet
from sequoia.sandbox.paging import continue_link, page_link
from sequoia.sandbox.query import Query
from sequoia.sandbox.schema import Resource
from sequoia.sandbox.selection import Position
from sequoia.sandbox.store import Collection, Row

__all__ = ["Page", "browse"]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a browse.

    Attributes:
        rows: The documents.
        meta: The `meta` of the answer, without `linked`.
        end: Where the page ends when there is more behind it, else None.
    """

    rows: tuple[Row, ...]
    meta: dict[str, Any]
    end: Position | None


def browse(resource: Resource, collection: Collection, query: Query) -> Page:
    """Read the page that a query asks for.

    One document more than the page holds is read, so that no link ever leads to an empty page.
    """
    size = query.per_page
    offset = 0 if query.page is None else (query.page - 1) * size
    found = collection.select(query.selection, limit=size + 1, offset=offset)
    end = found[size - 1][1] if len(found) > size else None
    rows = tuple(row for row, _ in found[:size]) if query.resources else ()
    meta: dict[str, Any] = {}
    total = None
    if query.count:
        total = meta["totalCount"] = collection.count(query.selection)
    if query.facets:
        meta["facetCount"] = {path: facet(resource, collection, query.selection, path) for path in query.facets}
    meta["perPage"] = size
    path = f"/data/{resource.hyphenated}"
    if query.page is not None:
        meta |= _pages(resource, query, query.page, more=end is not None, total=total)
    elif end is not None:
        meta["continue"] = continue_link(path, query.pairs, query.sort, end)
    return Page(rows, meta, end)


def _pages(resource: Resource, query: Query, page: int, *, more: bool, total: int | None) -> dict[str, Any]:
    """The numbered links; none leads past the last page that the platform serves."""
    numbers = {"first": 1}
    if page > 1:
        numbers["prev"] = page - 1
    if more and page < resource.pages:
        numbers["next"] = page + 1
    if total is not None:
        numbers["last"] = min(resource.pages, max(1, -(-total // query.per_page)))
    path = f"/data/{resource.hyphenated}"
    links = {
        name: page_link(path, query.pairs, page=number, per_page=query.per_page) for name, number in numbers.items()
    }
    return {"page": page, **links}
