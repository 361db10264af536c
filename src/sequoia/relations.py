"""Included resources attached to their parents: one hash join for each relationship."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sequoia.calls import Answer
from sequoia.descriptor import Descriptor, Relationship
from sequoia.error import ResourceNotFound
from sequoia.linked import linked_error

__all__ = ["Resolution"]

_log = logging.getLogger(__name__)

Resource = dict[str, Any]


class _UnresolvableError(Exception):
    """A relationship cannot be joined on what was returned; the message says why."""


class Resolution:
    """Joins the linked resources of a page onto copies of its main resources.

    Args:
        descriptor: The service's descriptor.
        resource: Plural name of the main resource.
    """

    def __init__(self, descriptor: Descriptor, resource: str) -> None:
        self._descriptor = descriptor
        self._resource = resource
        self._warned: set[str] = set()

    def __call__(self, answer: Answer) -> list[Resource] | None:
        """The main resources, each with what it includes under the relationship's name.

        A relationship that cannot be resolved is None on every resource, and a warning in the log says why.
        """
        data = answer.data if isinstance(answer.data, dict) else {}
        parents = data.get(answer.call.key or "")
        if not isinstance(parents, list):
            return None
        linked = data.get("linked")
        models = [dict(parent) for parent in parents]
        join = _Join(self._descriptor, self._relationships(), linked if isinstance(linked, dict) else {}, parents)
        for name in dict.fromkeys([*answer.call.includes, *join.linked]):
            try:
                failure = linked_error(answer, name)
                if failure is not None:
                    raise _UnresolvableError(str(failure))
                children: Iterable[list[Resource] | None] = join.children(name)
            except _UnresolvableError as reason:
                self._warn(name, reason)
                children = [None] * len(models)
            for model, found in zip(models, children, strict=True):
                model[name] = found
        return models

    def _warn(self, name: str, reason: _UnresolvableError) -> None:
        """Say it on the first page of a browse, not on all of them."""
        if name not in self._warned:
            self._warned.add(name)
            _log.warning("%s: %s cannot be attached: %s", self._resource, name, reason)

    def _relationships(self) -> Mapping[str, Relationship]:
        try:
            return self._descriptor.resource(self._resource).relationships
        except ResourceNotFound:
            return {}


class _Join:
    """The joins of one page; each step is linear in the resources returned."""

    def __init__(
        self,
        descriptor: Descriptor,
        relationships: Mapping[str, Relationship],
        linked: Mapping[str, Any],
        parents: list[Resource],
    ) -> None:
        self.linked = linked
        self._descriptor = descriptor
        self._relationships = relationships
        self._parents = parents
        self._hops: list[str] = []
        self._found: dict[str, list[list[Resource]]] = {}

    def children(self, name: str) -> list[list[Resource]]:
        """For every parent, its linked resources, in the order in which they were returned."""
        if name in self._found:  # as the hop of another relationship
            return self._found[name]
        if name in self._hops:
            raise _UnresolvableError(f"the descriptor leads {name!r} through itself")
        self._hops.append(name)
        try:
            found = self._found[name] = self._children(name)
        finally:
            self._hops.pop()
        return found

    def _children(self, name: str) -> list[list[Resource]]:
        relationship = self._relationship(name)
        items = self.linked.get(name)
        if not isinstance(items, list):
            raise _UnresolvableError("the answer has no such linked resources")
        if not items:
            return [[] for _ in self._parents]
        field = "ref" if relationship.type == "direct" else self._descriptor.link_field(relationship)
        if field is None:
            raise _UnresolvableError("the descriptor names no filter for it")
        index = _index(items, field)
        return [_pick(items, index, keys) for keys in self._keys(relationship)]

    def _keys(self, relationship: Relationship) -> list[list[str]]:
        """For every parent, the refs that its children are found by."""
        if relationship.through is None:
            path = relationship.field_name_path if relationship.type == "direct" else "ref"
            return self._own(self._parents, path)
        hop = self._relationship(relationship.through)
        if relationship.type == "indirect" and hop.type == "direct" and hop.through is None:
            return self._own(self._parents, hop.field_name_path)
        path = relationship.field_name_path if relationship.type == "direct" else "ref"
        return self._of_groups(self.children(relationship.through), path)

    def _own(self, resources: list[Resource], path: str | None) -> list[list[str]]:
        return self._of_groups([[resource] for resource in resources], path)

    def _of_groups(self, groups: list[list[Resource]], path: str | None) -> list[list[str]]:
        """For every group, the refs that its resources have at `path`."""
        if not path:
            raise _UnresolvableError("the descriptor names no field for it")
        refs = [_all_refs(group, path) for group in groups]
        if not any(refs):
            raise _UnresolvableError(f"no resource of the answer has {path!r}: ask for it in fields")
        return refs

    def _relationship(self, name: str) -> Relationship:
        try:
            return self._relationships[name]
        except KeyError:
            raise _UnresolvableError(f"the descriptor knows no relationship {name!r}") from None


def _index(items: list[Resource], field: str) -> Mapping[str, list[int]]:
    """For every ref in a field, the places of the linked resources that have it."""
    index: dict[str, list[int]] = defaultdict(list)
    plain = "." not in field
    for place, item in enumerate(items):
        # Nearly always it is one ref, in a field that is not nested.
        ref = item.get(field) if plain and isinstance(item, dict) else None
        if isinstance(ref, str):
            index[ref].append(place)
        else:
            for each in dict.fromkeys(_refs(item, field)):
                index[each].append(place)
    if not index:
        raise _UnresolvableError(f"the linked resources have no {field!r}: ask for it in the inclusion's fields")
    return index


def _pick(items: list[Resource], index: Mapping[str, list[int]], keys: list[str]) -> list[Resource]:
    """The linked resources with any of these refs, each once, in the order in which they were returned."""
    if len(keys) == 1:
        return [items[place] for place in index.get(keys[0], ())]
    return [items[place] for place in sorted({place for key in keys for place in index.get(key, ())})]


def _all_refs(resources: list[Resource], path: str) -> list[str]:
    """The refs that all of these resources have at a path."""
    refs: list[str] = []
    plain = "." not in path
    for resource in resources:
        ref = resource.get(path) if plain and isinstance(resource, dict) else None
        if isinstance(ref, str):
            refs.append(ref)
        else:
            refs += _refs(resource, path)
    return refs


def _refs(resource: Any, path: str) -> list[str]:
    """The refs in a field, which may be nested, hold one ref or a list of them, or not be there."""
    for name in path.split("."):
        resource = resource.get(name) if isinstance(resource, dict) else None
    if isinstance(resource, str):
        return [resource]
    return [ref for ref in resource if isinstance(ref, str)] if isinstance(resource, list) else []
