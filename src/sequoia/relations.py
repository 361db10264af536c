"""Included resources attached to their parents: one hash join for each relationship."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sequoia.calls import Answer
from sequoia.descriptor import Descriptor, Relationship
from sequoia.error import DecodeError, ResourceNotFound
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

        Raises:
            DecodeError: A main resource is no JSON object.
        """
        data = answer.data if isinstance(answer.data, dict) else {}
        parents = data.get(answer.call.key or "")
        if not isinstance(parents, list):
            return None
        if not all(isinstance(parent, dict) for parent in parents):
            raise DecodeError(f"a resource in the answer's {answer.call.key!r} is no JSON object")
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

    def children(self, name: str) -> list[list[Resource]]:
        """For every parent, its linked resources, in the order in which they were returned."""
        if name in self._hops:
            raise _UnresolvableError(f"the descriptor leads {name!r} through itself")
        self._hops.append(name)
        try:
            return self._children(name)
        finally:
            self._hops.pop()

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
        return [_pick(index, keys) for keys in self._keys(relationship)]

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
        refs = [[ref for resource in group for ref in _refs(resource, path)] for group in groups]
        if not any(refs):
            raise _UnresolvableError(f"no resource of the answer has {path!r}: ask for it in fields")
        return refs

    def _relationship(self, name: str) -> Relationship:
        try:
            return self._relationships[name]
        except KeyError:
            raise _UnresolvableError(f"the descriptor knows no relationship {name!r}") from None


def _index(items: list[Resource], field: str) -> Mapping[str, list[tuple[int, Resource]]]:
    index: dict[str, list[tuple[int, Resource]]] = defaultdict(list)
    for position, item in enumerate(items):
        for ref in _refs(item, field):
            index[ref].append((position, item))
    if not index:
        raise _UnresolvableError(f"the linked resources have no {field!r}: ask for it in the inclusion's fields")
    return index


def _pick(index: Mapping[str, list[tuple[int, Resource]]], keys: Iterable[str]) -> list[Resource]:
    found = {position: item for key in keys for position, item in index.get(key, ())}
    return [found[position] for position in sorted(found)] if len(found) > 1 else list(found.values())


def _refs(resource: Any, path: str) -> list[str]:
    """The refs in a field, which may be nested, hold one ref or a list of them, or not be there."""
    for name in path.split("."):
        resource = resource.get(name) if isinstance(resource, dict) else None
    if isinstance(resource, str):
        return [resource]
    return [ref for ref in resource if isinstance(ref, str)] if isinstance(resource, list) else []
