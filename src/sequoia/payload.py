"""The bodies of writes: whatever the caller has becomes `{"contents": [...]}`, and is checked before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sequoia.error import ReferencesMismatchException

__all__ = ["check_reference", "encode", "have_identity", "resource_of", "resources_of"]


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
        return msgspec.json.encode({key: resources})
    except (TypeError, RecursionError) as error:
        raise ValueError(f"cannot make JSON of the {key}: {error}") from error


def have_identity(resources: list[dict[str, Any]]) -> bool:
    """Whether every resource says which one it is, so that storing it twice stores it once."""
    return all(resource.get("ref") or resource.get("name") for resource in resources)


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
    if hasattr(value, "model_dump"):  # pydantic, which the SDK does not depend on
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    try:
        return msgspec.to_builtins(value)
    except TypeError as error:
        raise ValueError(f"cannot make JSON of {type(value).__name__}: {error}") from error
