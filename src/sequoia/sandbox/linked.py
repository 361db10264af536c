"""Linked resources: the sub-requests that an `include` makes for a page of parents, and what they find."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from sequoia.sandbox.archive import Archive
from sequoia.sandbox.browse import browse
from sequoia.sandbox.index import values_at
from sequoia.sandbox.intersect import intersected
from sequoia.sandbox.paging import Token, fold, link
from sequoia.sandbox.projection import show
from sequoia.sandbox.query import Pairs, Query, parse_query
from sequoia.sandbox.schema import Relationship, Resource, hyphenated
from sequoia.sandbox.selection import Condition, Selection
from sequoia.sandbox.store import Row
from sequoia.sandbox.subquery import MOST_LEVELS, sub_parameters
from sequoia.sandbox.wire import WireError

__all__ = ["Linker", "Links"]

# Refs in one sub-request, so that its link stays within what HTTP servers accept.
_MOST_REFS = 100
# Refs that one query of a hop looks for: a statement of SQLite has a limit for its parameters.
_MOST_SOUGHT = 1_000

Document = Mapping[str, Any]


@dataclass(slots=True)
class Links:
    """What one relationship found.

    Attributes:
        entries: The entry of each sub-request.
        items: What is shown, as JSON texts by ref.
        rows: The documents themselves, as long as others linked to them are wanted too.
        query: What was asked for, of which all sub-requests differ in their refs only; None before the first.
    """

    entries: list[dict[str, Any]] = field(default_factory=list)
    items: dict[str, bytes] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    query: Query | None = None


@dataclass(frozen=True, slots=True)
class Linker:
    """Follows the relationships of one resource.

    Attributes:
        archive: The service.
        resource: The resource of the parents.
        embedded_pages: Most sub-pages that are embedded for each batch of parents.
        owner: The `owner` of the request, or None.
        lang: Its `lang`, or None.
        level: How deep the inclusion is nested in others.
    """

    archive: Archive
    resource: Resource
    embedded_pages: int
    owner: str | None
    lang: str | None
    level: int = 1

    def follow(self, linked: Mapping[str, Pairs], parents: Sequence[Document]) -> dict[str, Links]:
        """Find the linked items of a page, by relationship.

        What is included in linked items stands beside them, under both names with a dot between: `assets.content`.

        Args:
            linked: The relationships with the parameters of their sub-requests.
            parents: The documents of the page.
        """
        result: dict[str, Links] = {}
        for name, parameters in linked.items():
            links = self._follow(self.resource.relationships[name], parents, parameters)
            _add(result, name, links)
            for inner, more in self._follow_on(name, parameters, links).items():
                _add(result, f"{name}.{inner}", more)
        return result

    def _follow(self, relationship: Relationship, parents: Sequence[Document], parameters: Pairs) -> Links:
        """The linked items of one relationship."""
        links = Links()
        asked: set[str] = set()
        target = self.archive.schema.resources.get(relationship.target)
        most = min(_MOST_REFS, target.page_size[2]) if target is not None else _MOST_REFS
        for start in range(0, len(parents), relationship.batch):
            batch = parents[start : start + relationship.batch]
            find = self._linked_by if relationship.direct else self._matched
            refs = [ref for ref in dict.fromkeys(find(relationship, batch)) if ref not in asked]
            # A ref that several batches share is asked for once.
            asked.update(refs)
            for first in range(0, len(refs), most):
                self._request(relationship, refs[first : first + most], parameters, links)
        return links

    def _follow_on(self, name: str, parameters: Pairs, links: Links) -> dict[str, Links]:
        """What is linked to linked items: one sub-page for each batch of them, whatever the sandbox embeds else."""
        target = self.archive.schema.resources.get(self.resource.relationships[name].target)
        if target is None:
            return {}
        if links.query is None:
            included = dict(parameters).get("include", "").split(",")
            return {inner: Links() for inner in included if inner in target.relationships}
        query = links.query
        linker = Linker(self.archive, target, 1, query.selection.owner, query.lang, self.level + 1)
        return linker.follow(query.linked, [msgspec.json.decode(row.body) for row in links.rows.values()])

    def _sources(self, relationship: Relationship, parents: Sequence[Document]) -> Sequence[Document]:
        """The documents that a relationship starts from: the parents, or those it hops over."""
        if relationship.through is None:
            return parents
        through = self.resource.relationships[relationship.through]
        collection = self.archive.collections.get(through.target)
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
        target = self.archive.schema.resources.get(relationship.target)
        filter_ = target.filters.get(relationship.filter_name) if target else None
        if filter_ is None or filter_.field is None:
            return []
        refs = tuple(dict.fromkeys(self._matched(relationship, parents)))
        collection = self.archive.collections[relationship.target]
        found: dict[str, None] = {}
        for start in range(0, len(refs), _MOST_SOUGHT):
            condition = Condition(filter_.field.path, refs[start : start + _MOST_SOUGHT])
            # All of them: nothing in an answer could say that some are left out here.
            found.update(dict.fromkeys(collection.refs(Selection(conditions=(condition,)), limit=None)))
        return list(found)

    def _request(self, relationship: Relationship, refs: list[str], parameters: Pairs, links: Links) -> None:
        """Make one sub-request with its sub-pages, and note what came of it."""
        target = self.archive.schema.resources.get(relationship.target)
        path = f"/data/{target.hyphenated if target else hyphenated(relationship.target)}"
        given = list(parameters) if target is None else sub_parameters(target, parameters)
        paged = not relationship.direct or any(name in {"continue", "perPage"} for name, _ in parameters)
        pairs = self._pairs(relationship, refs, given, paged=paged)
        if target is None:
            message = f"{relationship.target} is no resource of this service"
            links.entries.append(_failed(WireError(404, message), link(path, pairs)))
            return
        try:
            self._sub_pages(target, path, pairs, links)
            if relationship.direct:
                self._missing(target, path, pairs, refs, links)
        except WireError as error:
            links.entries.append(_failed(error, link(path, pairs)))

    def _pairs(self, relationship: Relationship, refs: list[str], given: Pairs, *, paged: bool) -> Pairs:
        """The parameters of a first sub-request. The filter is the last: a client finds parents by the end of it."""
        own = "withRef" if relationship.direct else relationship.filter_name
        pairs = fold(given, own)
        names = {name for name, _ in given}
        if relationship.fields and "fields" not in names:
            pairs.insert(0, ("fields", ",".join(relationship.fields)))
        if self.owner is not None and "owner" not in names:
            pairs.insert(0, ("owner", self.owner))
        if self.lang is not None and "lang" not in names:
            pairs.append(("lang", self.lang))
        if paged:
            pairs.append(("continue", "true"))
        return [*pairs, (own, "||".join(refs))]

    def _sub_pages(self, target: Resource, path: str, pairs: Pairs, links: Links) -> None:
        """Fetch the sub-pages of one batch; what is behind the last one stays reachable by its link."""
        following: Pairs | None = pairs
        for _ in range(self.embedded_pages):
            if following is None:
                return
            query = intersected(self.archive, target, parse_query(target, following, now=self.archive.now()))
            if query.linked and self.level >= MOST_LEVELS:
                reason = f"include is invalid - it is nested more than {MOST_LEVELS} deep"
                raise WireError(400, reason, keys=("include",))
            links.query = links.query or query
            entry, following = self._sub_page(target, path, following, query, links)
            links.entries.append(entry)

    def _sub_page(
        self, target: Resource, path: str, pairs: Pairs, query: Query, links: Links
    ) -> tuple[dict[str, Any], Pairs | None]:
        """One sub-page: its entry, and the parameters of the one after it."""
        page = browse(target, self.archive.collections[target.plural], query)
        texts = show(target, [row.body for row in page.rows], query.fields, query.lang)
        links.items.update(zip((row.ref for row in page.rows), texts, strict=True))
        if query.linked:
            links.rows.update((row.ref, row) for row in page.rows)
        entry = {name: value for name, value in page.meta.items() if name in {"totalCount", "facetCount"}}
        entry["perPage"] = query.per_page
        following = None
        if query.page is not None:
            # Refs are asked for no more at a time than a page holds, so there is no other page than the first.
            numbered = [*pairs, ("page", "1"), ("perPage", str(query.per_page))]
            entry |= {"page": 1, "first": link(path, numbered)}
        elif page.end is not None:
            token = Token(query.sort, page.end).encode()
            following = [(name, token if name == "continue" else value) for name, value in pairs]
            if not any(name == "perPage" for name, _ in pairs):
                following.append(("perPage", str(query.per_page)))
            entry["continue"] = link(path, following)
        return entry | {"request": link(path, pairs)}, following

    def _missing(self, target: Resource, path: str, pairs: Pairs, refs: list[str], links: Links) -> None:
        """An entry for the refs that lead nowhere; it takes the place of a sub-request that could find nothing."""
        found = self.archive.collections[target.plural].get(refs)
        missing = [ref for ref in refs if ref not in found]
        if not missing:
            return
        if not found:
            links.entries.pop()
        fields = [pair for pair in pairs if pair[0] == "fields"]
        request = f"{path}/{','.join(missing)}"
        request = link(request, fields) if fields else request
        links.entries.append({"statusCode": 404, "error": "Not Found", "request": request})


def _add(found: dict[str, Links], name: str, links: Links) -> None:
    """Note what a relationship found; a nested inclusion may have the name of one that hops."""
    before = found.setdefault(name, Links())
    found[name] = replace(before, entries=before.entries + links.entries, items=before.items | links.items)


def _failed(error: WireError, request: str) -> dict[str, Any]:
    """The entry of a sub-request that was refused."""
    body: dict[str, Any] = msgspec.json.decode(error.reply().body)
    return body | {"request": request}
