"""Included resources attached to their parents: one hash join for each relationship."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Any

from sequoia.calls import Answer
from sequoia.descriptor import Descriptor, Relationship
from sequoia.error import DecodeError, ResourceNotFound
from sequoia.linked import linked_error, linked_starts

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
        self._cut: set[str] = set()

    def __call__(self, answer: Answer) -> list[Resource] | None:
        """The main resources, each with what it includes under the relationship's name.

        A relationship that cannot be resolved is None on every resource, and a warning in the log says why. One says
        so, too, where more resources are linked than came with the page, for only these are attached.

        Raises:
            DecodeError: A main resource is no JSON object.
        """
        data = answer.data if isinstance(answer.data, dict) else {}
        parents = data.get(answer.key or "")
        if not isinstance(parents, list):
            return None
        if not all(isinstance(parent, dict) for parent in parents):
            raise DecodeError(f"a resource in the answer's {answer.key!r} is no JSON object")
        linked = data.get("linked")
        models = [dict(parent) for parent in parents]
        join = _Join(self._descriptor, self._relationships(), linked if isinstance(linked, dict) else {}, parents)
        for name in dict.fromkeys([*answer.call.includes, *join.linked]):
            try:
                failure = linked_error(answer, name)
                if failure is not None:
                    raise _UnresolvableError(str(failure))
                children: Iterable[list[Resource] | None] = join.children(name)
                self._warn_of_a_cut(answer, name)
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

    def _warn_of_a_cut(self, answer: Answer, name: str) -> None:
        """Say once that a relationship's resources go on behind the page, where they do."""
        if name not in self._cut and any(linked_starts(answer, name)):
            self._cut.add(name)
            message = "%s: only the %s that came with the page are attached, and there are more: linked(%r) reads all"
            _log.warning(message, self._resource, name, name)

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
        index = _Index(items, field)
        return index.pick(self._keys(relationship))

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
        refs = _grouped_refs(groups, path)
        if not any(refs):
            raise _UnresolvableError(f"no resource of the answer has {path!r}: ask for it in fields")
        return refs

    def _relationship(self, name: str) -> Relationship:
        try:
            return self._relationships[name]
        except KeyError:
            raise _UnresolvableError(f"the descriptor knows no relationship {name!r}") from None


class _Index:
    """The linked resources of a relationship, by the refs that they have in a field.

    Nearly always that is their own ref, or one ref of something else in a field that is not nested; both have a way of
    their own, which takes a fraction of the time.
    """

    def __init__(self, items: list[Resource], field: str) -> None:
        self._items = items
        self._field = field
        self._own = _by_own_ref(items) if field == "ref" else None
        self._one = None if self._own else _by_one_ref(items, field)
        self._all = None if self._own or self._one else self._by_all_refs()

    def pick(self, keys: list[list[str]]) -> list[list[Resource]]:
        """For every list of refs, the linked resources that have one of them, each once, in their order."""
        items, own, one = self._items, self._own, self._one
        if own is not None:
            return [[items[place] for place in sorted(_places(own, wanted))] for wanted in keys]
        if one is not None and all(len(wanted) <= 1 for wanted in keys):
            return [list(one.get(wanted[0], ())) if wanted else [] for wanted in keys]
        index = self._all or self._by_all_refs()
        places = ({place for ref in wanted for place in index.get(ref, ())} for wanted in keys)
        return [[items[place] for place in sorted(found)] for found in places]

    def _by_all_refs(self) -> Mapping[str, list[int]]:
        """For every ref, the places of the linked resources that have it."""
        index: dict[str, list[int]] = defaultdict(list)
        for place, item in enumerate(self._items):
            for ref in _refs(item, self._field):
                index[ref].append(place)
        if not index:
            message = f"the linked resources have no {self._field!r}: ask for it in the inclusion's fields"
            raise _UnresolvableError(message)
        return index


def _by_own_ref(items: list[Resource]) -> Mapping[str, int] | None:
    """The place of each linked resource by its ref; None where it is not so simple."""
    try:
        index = dict(zip(map(itemgetter("ref"), items), range(len(items)), strict=True))
    except (KeyError, TypeError):
        return None
    return index if len(index) == len(items) else None


def _places(own: Mapping[str, int], refs: list[str]) -> set[int]:
    """The places of some refs; those that lead nowhere are left out."""
    try:
        return {*map(own.__getitem__, refs)}
    except KeyError:
        return {own[ref] for ref in refs if ref in own}


def _by_one_ref(items: list[Resource], field: str) -> Mapping[str, list[Resource]] | None:
    """The linked resources by the one ref that each has in a field; None where it is not so simple."""
    groups: dict[str, list[Resource]] = defaultdict(list)
    try:
        # A parent's resources often come one after the other, and then its ref is looked up once.
        for ref, run in groupby(items, itemgetter(field)):
            groups[ref].extend(run)
    except (KeyError, TypeError):
        return None
    return groups if all(isinstance(ref, str) for ref in groups) else None


def _grouped_refs(groups: list[list[Resource]], path: str) -> list[list[str]]:
    """For every group, the refs that its resources have at a path."""
    try:
        found = list(map(itemgetter(path), chain.from_iterable(groups)))
    except (KeyError, TypeError):
        found = [None]
    if set(map(type, found)) <= {str}:  # one each
        refs = iter(found)
        return [list(islice(refs, len(group))) for group in groups]
    return [[ref for resource in group for ref in _refs(resource, path)] for group in groups]


def _refs(resource: Any, path: str) -> list[str]:
    """The refs in a field, which may be nested, hold one ref or a list of them, or not be there."""
    for name in path.split("."):
        resource = resource.get(name) if isinstance(resource, dict) else None
    if isinstance(resource, str):
        return [resource]
    return [ref for ref in resource if isinstance(ref, str)] if isinstance(resource, list) else []
