"""`include=<relationship><intersect>`: only parents with a linked item that fits, found by the index alone.

A page either looks up the few parents of the few items that fit, or walks along the parents in their order and asks the
index about each. Which of the two depends on how many fit, and nobody collects more of them than `NARROW`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sequoia.sandbox.archive import Archive
from sequoia.sandbox.conditions import Condition, Demand, Hop, Linked
from sequoia.sandbox.query import Query, parse_query
from sequoia.sandbox.schema import Relationship, Resource, Schema, find_field
from sequoia.sandbox.selection import NARROW, Selection
from sequoia.sandbox.subquery import MOST_LEVELS, sub_parameters
from sequoia.sandbox.wire import WireError

__all__ = ["intersected", "link_paths"]

# SQLite has a limit for the size of a statement, and what is asked of linked items becomes a part of it.
_MOST_VALUES = 20_000


def link_paths(schema: Schema, plural: str) -> Iterator[str]:
    """The dotted paths of the fields of a resource that direct relationships read refs from."""
    for resource in schema.resources.values():
        for relationship in resource.relationships.values():
            if not relationship.direct:
                continue
            through = resource.relationships.get(relationship.through or "")
            if (resource.plural if through is None else through.target) == plural:
                yield relationship.path


def intersected(archive: Archive, resource: Resource, query: Query, level: int = 1) -> Query:
    """The query with a condition for each of its intersections.

    Args:
        archive: The service.
        resource: What the query asks for.
        query: The parsed query.
        level: How deep it is nested in others.

    Raises:
        WireError: 400: what is asked of the linked items is not understood, or they cannot be intersected.
    """
    if not query.intersects:
        return query
    added = (_demand(archive, resource, name, query, level) for name in query.intersects)
    conditions = (*query.selection.conditions, *added)
    if sum(item.size for item in conditions) > _MOST_VALUES:
        raise WireError(400, f"include is invalid - the query has more than {_MOST_VALUES} values", keys=("include",))
    return replace(query, selection=replace(query.selection, conditions=conditions))


def _demand(archive: Archive, resource: Resource, name: str, query: Query, level: int) -> Demand:
    """What one intersection demands of a parent."""
    relationship = resource.relationships[name]
    target = archive.schema.resources.get(relationship.target)
    hops = _hops(archive, resource, relationship)
    if target is None or hops is None:
        raise WireError(400, f"include is invalid - {name} leads to nothing that can be intersected", keys=("include",))
    wanted = _wanted(archive, target, name, query, level)
    refs = archive.collections[target.plural].refs(wanted, limit=NARROW + 1)
    for hop in reversed(hops):
        if refs and len(refs) <= NARROW:
            collection = archive.collections[resource.plural]
            refs = collection.across(replace(hop, forward=not hop.forward), refs, limit=NARROW + 1)
    if len(refs) <= NARROW:
        # Without any, the condition lists what no document has for a ref.
        return Condition("ref", tuple(refs) or ("",))
    return Linked(hops, archive.collections[target.plural].shape, wanted.owner, wanted.conditions)


def _wanted(archive: Archive, target: Resource, name: str, query: Query, level: int) -> Selection:
    """The linked items of which each parent must have one; their order and their pages do not matter."""
    pairs = sub_parameters(target, query.linked[name])
    if query.selection.owner is not None and not any(parameter == "owner" for parameter, _ in pairs):
        pairs.append(("owner", query.selection.owner))
    try:
        asked = parse_query(target, pairs, now=archive.now())
        if asked.intersects and level >= MOST_LEVELS:
            raise WireError(400, f"include is invalid - it is nested more than {MOST_LEVELS} deep", keys=("include",))
        selection = intersected(archive, target, asked, level + 1).selection
    except WireError as error:
        # The client knows these parameters by their longer names.
        keys = tuple(f"{name}.{key}" for key in error.keys)
        raise WireError(error.status, f"{name}.{error.message}", keys=keys) from error
    return Selection(selection.owner, selection.conditions)


def _hops(archive: Archive, resource: Resource, relationship: Relationship) -> tuple[Hop, ...] | None:
    """The way of a relationship from parents to items; None when the descriptor leads to nothing on it."""
    before: tuple[Hop, ...] | None = ()
    source: Resource | None = resource
    if relationship.through is not None:
        through = resource.relationships[relationship.through]
        before = _hops(archive, resource, through)
        source = archive.schema.resources.get(through.target)
    target = archive.schema.resources.get(relationship.target)
    if before is None or source is None or target is None:
        return None
    holder, path = (source, relationship.path) if relationship.direct else (target, "")
    if not relationship.direct:
        filter_ = target.filters.get(relationship.filter_name)
        path = filter_.field.path if filter_ is not None and filter_.field is not None else ""
    if find_field(holder.fields, path) is None:
        return None
    if path == "ref":
        return before
    return (*before, Hop(archive.collections[holder.plural].shape, path, relationship.direct))
