"""What is to be stored, out of what was read: without what only the service sets, and with the right owner.

A store replaces a resource wholly. So a resource of which only some fields were read is refused here: storing it would
delete the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sequoia.descriptor import FieldType, ResourceType
from sequoia.error import InvalidResource
from sequoia.files import not_utf8
from sequoia.payload import encoded_resource
from sequoia.validation import HISTORY, Purpose, faults_in, fields_of

__all__ = ["Preparer"]

Resource = dict[str, Any]


class Preparer:
    """Makes resources ready to be stored.

    Args:
        resource: Their descriptor, at the service where they are to be stored.
        owner: The tenant that they are to belong to; None leaves each with its own.
        change_owner: Whether resources of another owner become this one's, and with them the refs to that owner's
            resources: `old:name` in a field of the type `ref` becomes `new:name`. All other values stay as they are.
    """

    def __init__(self, resource: ResourceType, owner: str | None, *, change_owner: bool = False) -> None:
        self._described = resource
        self._fields = fields_of(resource)
        self._owner = owner
        self._changes = change_owner
        self._set = HISTORY | {name for name, field in resource.fields.items() if field.read_only}

    def prepared(self, given: Resource | bytes) -> Resource:
        """The resource as it can be stored; what was given is not changed.

        Raises:
            InvalidResource: It is no resource, is only a part of one, or belongs to another owner.
        """
        if not isinstance(given, dict):
            beginning = given[:80].decode("utf-8", "replace")
            raise InvalidResource(not_utf8(given) or f"this is not the JSON of a resource: {beginning!r}")
        encoded_resource(given)  # for its check that the resource is whole
        made = _without(given, self._fields, self._set)
        owner, name = _identity(given)
        if name is not None:
            made["name"] = name
        if owner is None or owner == self._owner or self._owner is None:
            owner = owner or self._owner
        elif not self._changes:
            raise InvalidResource(
                f"it belongs to {owner!r}, and is to be stored for {self._owner!r}: change its owner (--change-owner)"
            )
        else:
            made = _rewritten(made, self._fields, f"{owner}:", f"{self._owner}:")
            owner = self._owner
        if owner is not None:
            made["owner"] = owner
        return made

    def check(self, prepared: Resource) -> None:
        """Hold a resource that is ready against the descriptor.

        Raises:
            InvalidResource: It has faults; the message names all of them.
        """
        faults = faults_in(self._described, prepared, Purpose.WHOLE)
        if faults:
            raise InvalidResource("; ".join(map(str, faults)), faults=faults)


def _identity(given: Resource) -> tuple[str | None, str | None]:
    """Owner and name of a resource, which its ref must agree with."""
    ref, owner, name = given.get("ref"), given.get("owner") or None, given.get("name") or None
    if ref and (owner is None or name is None):
        # The service sets all three: one that has not all of them was read with `fields`.
        raise InvalidResource(
            "it has a ref without owner and name, so it was read with only some fields: storing it would delete the "
            "others. Read it whole, or give owner and name in place of the ref"
        )
    if (owner is not None and not isinstance(owner, str)) or (name is not None and not isinstance(name, str)):
        raise InvalidResource(f"owner and name are texts, not {owner!r:.80} and {name!r:.80}")
    if ref and ref != f"{owner}:{name}":
        raise InvalidResource(f"its ref is {ref!r}, but owner and name make it '{owner}:{name}'")
    return owner, name


def _without(given: Mapping[str, Any], fields: Mapping[str, FieldType], left_out: frozenset[str]) -> Resource:
    """An object without what only the service sets, at any depth."""
    made: Resource = {}
    for name, value in given.items():
        field = fields.get(name)
        if name in left_out or (name == "ref" and left_out) or (field is not None and field.read_only):
            continue
        inner = field.fields if field is not None else None
        made[name] = value if inner is None else _mapped(value, lambda one, f=inner: _without(one, f, frozenset()))
    return made


def _rewritten(given: Mapping[str, Any], fields: Mapping[str, FieldType], old: str, new: str) -> Resource:
    """An object whose refs to one owner's resources are those to another's."""
    made: Resource = {}
    for name, value in given.items():
        field = fields.get(name)
        if field is not None and field.type == "ref":
            made[name] = _reowned(value, old, new)
        elif field is not None and field.fields is not None:
            made[name] = _mapped(value, lambda one, f=field.fields: _rewritten(one, f, old, new))
        else:
            made[name] = value
    return made


def _reowned(value: Any, old: str, new: str) -> Any:
    if isinstance(value, list):
        return [_reowned(one, old, new) for one in value]
    return new + value.removeprefix(old) if isinstance(value, str) and value.startswith(old) else value


def _mapped(value: Any, function: Any) -> Any:
    """An object, or each object of a list, made into another."""
    if isinstance(value, list):
        return [_mapped(one, function) for one in value]
    return function(value) if isinstance(value, dict) else value
