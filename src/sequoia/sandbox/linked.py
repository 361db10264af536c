"""Linked resources: the sub-requests that an `include` makes for a page of parents, and what they find."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from sequoia.sandbox.browse import browse
from sequoia.sandbox.index import values_at
from sequoia.sandbox.paging import Token, link, once
from sequoia.sandbox.projection import show
from sequoia.sandbox.query import Pairs, parse_query
from sequoia.sandbox.schema import Relationship, Resource, Schema, hyphenated
from sequoia.sandbox.selection import Condition, Selection
from sequoia.sandbox.store import Collection
from sequoia.sandbox.wire import WireError

__all__ = ["Linker", "Links"]

# Refs in one sub-request, so that its link stays within what HTTP servers accept.
_MOST_REFS = 100
# Most resources that a hop over an indirect relationship goes through.
_MOST_HOPS = 1_000

Document = Mapping[str, Any]


@dataclass(slots=True)
class Links:
    """What one relationship found: an entry for each sub-request, and the items as JSON texts by ref."""

    entries: list[dict[str, Any]]
    items: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Linker:
    """Follows the relationships of one resource.

    Attributes:
        schema: The service.
        collections: Its documents, by plural name.
        resource: The resource of the parents.
        embedded_pages: Most sub-pages that are embedded for each batch of parents.
        owner: The `owner` of the request, or None.
        lang: Its `lang`, or None.
        now: The time, as wire text.
    """

    schema: Schema
    collections: Mapping[str, Collection]
    resource: Resource
    embedded_pages: int
    owner: str | None
    lang: str | None
    now: str

    def follow(self, name: str, parents: Sequence[Document], parameters: Pairs) -> Links:
        """Find the linked items of a page.

        Args:
            name: The relationship.
            parents: The documents of the page.
            parameters: Further parameters of the sub-requests: fields, sort, filters.
        """
        relationship = self.resource.relationships[name]
        links = Links([], {})
        asked: set[str] = set()
        for start in range(0, len(parents), relationship.batch):
            batch = parents[start : start + relationship.batch]
            find = self._linked_by if relationship.direct else self._matched
            refs = [ref for ref in dict.fromkeys(find(relationship, batch)) if ref not in asked]
            # A ref that several batches share is asked for once.
            asked.update(refs)
            for first in range(0, len(refs), _MOST_REFS):
                self._request(relationship, refs[first : first + _MOST_REFS], parameters, links)
        return links

    def _sources(self, relationship: Relationship, parents: Sequence[Document]) -> Sequence[Document]:
        """The documents that a relationship starts from: the parents, or those it hops over."""
        if relationship.through is None:
            return parents
        through = self.resource.relationships[relationship.through]
        collection = self.collections.get(through.target)
        rows = collection.get(self._targets(through, parents)) if collection else {}
        return [msgspec.json.decode(row.body) for row in rows.values()]

    def _linked_by(self, relationship: Relationship, parents: Sequence[Document]) -> Iterator[str]:
        """The refs that a direct relationship reads from its sources."""
        steps = tuple(relationship.path.split("."))
        for document in self._sources(relationship, parents):
            for value in values_at(document, steps):
                yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str))

    def _matched(self, relationship: Relationship, parents: Sequence[Document]) -> list[str]:
        """The refs that the filter of an indirect relationship is matched against."""
        if relationship.through is None:
            return [parent["ref"] for parent in parents]
        return self._targets(self.resource.relationships[relationship.through], parents)

    def _targets(self, relationship: Relationship, parents: Sequence[Document]) -> list[str]:
        """The refs that a relationship leads to."""
        if relationship.direct:
            return list(dict.fromkeys(self._linked_by(relationship, parents)))
        target = self.schema.resources.get(relationship.target)
        filter_ = target.filters.get(relationship.filter_name) if target else None
        refs = tuple(dict.fromkeys(self._matched(relationship, parents)))
        if filter_ is None or filter_.field is None or not refs:
            return []
        selection = Selection(conditions=(Condition(filter_.field.path, refs),))
        return [row.ref for row, _ in self.collections[relationship.target].select(selection, limit=_MOST_HOPS)]

    def _request(self, relationship: Relationship, refs: list[str], parameters: Pairs, links: Links) -> None:
        """Make one sub-request with its sub-pages, and note what came of it."""
        target = self.schema.resources.get(relationship.target)
        path = f"/data/{target.hyphenated if target else hyphenated(relationship.target)}"
        pairs = self._pairs(relationship, refs, parameters)
        if target is None:
            message = f"{relationship.target} is no resource of this service"
            links.entries.append(_failed(WireError(404, message), link(path, pairs)))
            return
        try:
            if relationship.direct:
                self._direct(target, path, pairs, refs, links)
            else:
                self._indirect(target, path, pairs, links)
        except WireError as error:
            links.entries.append(_failed(error, link(path, pairs)))

    def _pairs(self, relationship: Relationship, refs: list[str], parameters: Pairs) -> list[tuple[str, str]]:
        """The parameters of a first sub-request. The filter is the last: a client finds parents by the end of it."""
        pairs = once(parameters)
        if relationship.fields and not any(name == "fields" for name, _ in pairs):
            pairs.insert(0, ("fields", ",".join(relationship.fields)))
        if self.owner is not None:
            pairs.insert(0, ("owner", self.owner))
        if self.lang is not None:
            pairs.append(("lang", self.lang))
        if not relationship.direct:
            pairs.append(("continue", "true"))
        pairs.append(("withRef" if relationship.direct else relationship.filter_name, "||".join(refs)))
        return pairs

    def _indirect(self, target: Resource, path: str, pairs: list[tuple[str, str]], links: Links) -> None:
        """Fetch the sub-pages of one batch; what is behind the last one stays reachable by its `continue`."""
        for _ in range(self.embedded_pages):
            entry, following = self._sub_page(target, path, pairs, links)
            links.entries.append(entry)
            if following is None:
                return
            pairs = following

    def _sub_page(
        self, target: Resource, path: str, pairs: list[tuple[str, str]], links: Links
    ) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        """One sub-page: its entry, and the parameters of the one after it."""
        query = parse_query(target, pairs, now=self.now)
        page = browse(target, self.collections[target.plural], query)
        texts = show(target, [row.body for row in page.rows], query.fields, query.lang)
        links.items.update(zip((row.ref for row in page.rows), texts, strict=True))
        entry: dict[str, Any] = {"perPage": query.per_page}
        following = None
        if page.end is not None:
            token = Token(query.sort, page.end).encode()
            following = [(name, token if name == "continue" else value) for name, value in pairs]
            if not any(name == "perPage" for name, _ in pairs):
                following.append(("perPage", str(query.per_page)))
            entry["continue"] = link(path, following)
        return entry | {"request": link(path, pairs)}, following

    def _direct(self, target: Resource, path: str, pairs: list[tuple[str, str]], refs: list[str], links: Links) -> None:
        """Fetch the items that the parents name; refs that lead nowhere get an entry of their own."""
        entry, _ = self._sub_page(target, path, pairs, links)
        found = self.collections[target.plural].get(refs)
        missing = [ref for ref in refs if ref not in found]
        if len(missing) < len(refs):
            numbered = [*pairs, ("page", "1"), ("perPage", str(entry["perPage"]))]
            request = entry.pop("request")
            links.entries.append(entry | {"page": 1, "first": link(path, numbered), "request": request})
        if missing:
            fields = [pair for pair in pairs if pair[0] == "fields"]
            request = f"{path}/{','.join(missing)}"
            request = link(request, fields) if fields else request
            links.entries.append({"statusCode": 404, "error": "Not Found", "request": request})


def _failed(error: WireError, request: str) -> dict[str, Any]:
    """The entry of a sub-request that was refused."""
    body: dict[str, Any] = msgspec.json.decode(error.reply().body)
    return body | {"request": request}
