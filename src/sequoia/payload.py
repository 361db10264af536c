"""The bodies of writes: whatever the caller has becomes `{"contents": [...]}`, and is checked before it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from sequoia.error import InvalidResource, ReferencesMismatchException
from sequoia.jsonable import NO_JSON, as_json, plain

__all__ = [
    "Encoded",
    "check_reference",
    "check_whole",
    "encode",
    "encoded_resource",
    "have_identity",
    "identified",
    "resource_of",
    "resources_of",
]

# What only the service sets: a resource that has one of these was read.
_SET = ("createdAt", "createdBy", "updatedAt", "updatedBy", "version")
# What every resource has that was read as a whole.
_WHOLE = ("ref", "owner", "name", "createdAt", "updatedAt", "version")
# The same for an update, which gets the version beside the body: code that takes it out of the body is right.
_SET_BUT_VERSION = ("createdAt", "createdBy", "updatedAt", "updatedBy")
_WHOLE_BUT_VERSION = ("ref", "owner", "name", "createdAt", "updatedAt")


class Encoded(NamedTuple):
    """A resource as JSON.

    Attributes:
        body: Its JSON.
        ref: Its reference, as far as it says so itself: that of its owner and name.
        repeatable: Whether it says which resource it is, so that storing it twice stores it once.
    """

    body: bytes
    ref: str | None
    repeatable: bool


class _Head(msgspec.Struct, rename="camel", omit_defaults=True):
    """What has to be known of a resource that comes as JSON; the rest is not decoded."""

    ref: Any = None
    owner: Any = None
    name: Any = None
    created_at: Any = None
    created_by: Any = None
    updated_at: Any = None
    updated_by: Any = None
    version: Any = None


_head = msgspec.json.Decoder(_Head).decode


def resources_of(value: Any, key: str) -> list[dict[str, Any]]:
    """The resources in what a caller handed to `store` or `update`.

    Args:
        value: JSON text, a dict, a list of dicts, a model (msgspec, dataclass, attrs, pydantic) or a list of them,
            or any of these already wrapped in `{key: ...}`.
        key: The resource's JSON key, `contents`.

    Raises:
        ValueError: It is no JSON, holds no resource, or something that is none.
    """
    plain = _decoded(value) if isinstance(value, str | bytes | bytearray) else _plain(value)
    if isinstance(plain, dict) and key in plain:
        plain = _plain(plain[key])
    resources = plain if isinstance(plain, list) else [plain]
    if not resources:
        raise ValueError(f"there are no {key} to store")
    for resource in resources:
        if not isinstance(resource, dict):
            raise ValueError(f"a resource of {key} is a JSON object, not {resource!r:.80}")
    return resources


def resource_of(value: Any, key: str) -> dict[str, Any]:
    """The one resource in what a caller handed in; arguments and errors as in `resources_of`.

    Raises:
        ValueError: There is none, or there are several.
    """
    resources = resources_of(value, key)
    if len(resources) != 1:
        raise ValueError(f"this takes one resource, not {len(resources)}")
    return resources[0]


def encode(resources: list[dict[str, Any]], key: str) -> bytes:
    """The body that carries `resources`.

    Raises:
        ValueError: One of them holds what JSON cannot.
    """
    try:
        return as_json({key: resources})
    except NO_JSON as error:
        raise ValueError(f"cannot make JSON of the {key}: {error}") from error


def identified(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The resources, those without a name with the one in their ref, as far as `_named_by_ref` allows that."""
    return [{**one, "name": name} if (name := _named_by_ref(one)) else one for one in resources]


def have_identity(resources: list[dict[str, Any]]) -> bool:
    """Whether every resource that is sent says which one it is, so that storing it twice stores it once."""
    return all(resource.get("name") for resource in resources)


def encoded_resource(value: Any) -> Encoded:
    """One resource, encoded once.

    Args:
        value: A dict, a model (msgspec, dataclass, attrs, pydantic) or JSON, as text or bytes, which stays as it is but
            for a name, see `identified`.

    Raises:
        InvalidResource: It cannot be made JSON, is no resource, or is the part of one that a read with `fields` gave:
            a store replaces the whole resource, and so would delete the rest.
    """
    try:
        body = _json_of(value)
        head = value if isinstance(value, dict) else msgspec.to_builtins(_head(body))
        if not head.get("name") and (named := _named_by_ref(head)):
            body = msgspec.json.encode({**msgspec.json.decode(body, type=dict[str, msgspec.Raw]), "name": named})
            head = {**head, "name": named}
    except msgspec.ValidationError as error:
        raise InvalidResource(f"a resource is a JSON object, not {body[:80]!r}", error) from error
    except NO_JSON as error:
        raise InvalidResource(f"cannot make JSON of this {type(value).__name__}: {error}", error) from error
    if missing := _lost(head, _SET, _WHOLE):
        raise InvalidResource(
            f"it was read with only some of its fields, and storing it would delete the others: {', '.join(missing)} "
            f"missing, which every resource has. Read it whole, or take {', '.join(_SET)} out of a new one"
        )
    ref, owner, name = head.get("ref"), head.get("owner"), head.get("name")
    if not name:
        return Encoded(body, None, repeatable=False)
    if isinstance(owner, str) and isinstance(name, str):
        ref = owner + ":" + name  # which takes a member of an enum for its value
    return Encoded(body, ref if isinstance(ref, str) else None, repeatable=True)


def _named_by_ref(resource: Mapping[str, Any]) -> str | None:
    """The name in the ref of a resource that has none of its own.

    The service goes by owner and name, and sets the ref: for a resource without a name it would make up one, and each
    time another one. None where the ref is none or contradicts the owner; and for a resource that was read, as what
    only the service sets shows: whoever left its name out wants a copy, or has not read all of it.
    """
    ref, owner = resource.get("ref"), resource.get("owner")
    if resource.get("name") or not isinstance(ref, str) or not resource.keys().isdisjoint(_SET):
        return None
    of, _, name = ref.partition(":")
    return name if of and ":" not in name and (owner or of) == of else None


def _json_of(value: Any) -> bytes:
    if isinstance(value, msgspec.Raw):
        value = bytes(value)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes | bytearray):
        value.decode()  # what `_head` passes over is not looked at otherwise
        return bytes(value)
    return as_json(_plain(value))


def check_reference(resource: Mapping[str, Any], ref: str) -> None:
    """Make sure that a body is the resource that `ref` names.

    Raises:
        ReferencesMismatchException: Its `ref`, `owner` and `name` are not all there, or do not agree with `ref`.
    """
    missing = [name for name in ("ref", "owner", "name") if name not in resource]
    if missing:
        raise ReferencesMismatchException(f"cannot update {ref}: the resource has no {', '.join(missing)}")
    if resource["ref"] != ref:
        raise ReferencesMismatchException(f"cannot update {ref}: the resource's ref is {resource['ref']}")
    derived = f"{resource['owner']}:{resource['name']}"
    if derived != ref:
        raise ReferencesMismatchException(f"cannot update {ref}: the resource's owner and name make it {derived}")


def check_whole(resource: Mapping[str, Any], ref: str, *, version_tells: bool = False) -> None:
    """Make sure that the body of an update is not the part of a resource that a read with `fields` gave.

    One that has nothing of what only the service sets was written by hand, and may be as short as it likes.

    Args:
        resource: The body.
        ref: Its reference.
        version_tells: Whether its version alone shows that it was read. In code that was written for 4.4.0 it does not:
            who writes a body by hand and has the version at hand may well put it in.

    Raises:
        InvalidResource: It is such a part: the update would delete the rest.
    """
    signs = _SET if version_tells else _SET_BUT_VERSION
    if missing := _lost(resource, signs, _WHOLE_BUT_VERSION):
        raise InvalidResource(
            f"cannot update {ref}: it was read with only some of its fields, and the update would delete the others: "
            f"{', '.join(missing)} missing, which every resource has. Read it whole, or change some fields with patch; "
            f"to replace all of it by this, take {', '.join(_SET)} out of the body"
        )


def _lost(resource: Mapping[str, Any], signs: Iterable[str], whole: Iterable[str]) -> list[str]:
    """What a resource that was read does not have of what a whole one has; nothing for one without a sign of that."""
    if resource.keys().isdisjoint(signs):
        return []
    return [name for name in whole if resource.get(name) is None]


def _decoded(text: str | bytes | bytearray) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ValueError(f"the resource is not JSON: {error}") from error


def _plain(value: Any) -> Any:
    """`value` as dicts and lists; what is a dict already, or a list of them, is not copied."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    try:
        return plain(value)
    except NO_JSON as error:
        raise ValueError(f"cannot make JSON of {type(value).__name__}: {error}") from error
