"""Resources and changes as a Python program writes them, and in the form in which they are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sequoia.descriptor import FieldType, ResourceType
from sequoia.error import CriteriaError, InvalidResource
from sequoia.expressions import wire_value
from sequoia.names import url_segment
from sequoia.validation import Fault, Purpose, faults_in, fields_of

__all__ = ["draft", "draft_change"]

_SHOWN = 10


def draft(resource: ResourceType, owner: str, name: str | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A new resource, ready to be stored; a field that is None is left out.

    Raises:
        InvalidResource: Something is wrong with it; the error has every fault.
    """
    given = {"owner": owner, "name": name, **fields}
    kept = {key: value for key, value in given.items() if value is not None}
    return _drafted(resource, kept, Purpose.NEW)


def draft_change(resource: ResourceType, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes in the form of a JSON Merge Patch, by the names and in the values of the wire.

    Raises:
        InvalidResource: The resource cannot have such fields or values; the error has every fault.
    """
    return _drafted(resource, changes, Purpose.CHANGE)


def _drafted(resource: ResourceType, values: Mapping[str, Any], purpose: Purpose) -> dict[str, Any]:
    faults: list[Fault] = []
    try:
        written = _object(fields_of(resource), "", values, faults)
        told = {fault.path for fault in faults}
        faults += [fault for fault in faults_in(resource, written, purpose) if fault.path not in told]
    except RecursionError as error:
        raise InvalidResource(f"{resource.singular_name} is nested too deeply, or holds itself", error) from error
    if faults:
        raise InvalidResource(_sentence(resource.singular_name, faults), faults=faults)
    return written


def _sentence(what: str, faults: Sequence[Fault]) -> str:
    listed = "; ".join(map(str, faults[:_SHOWN]))
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return f"{what} has {len(faults)} fault{'s' if len(faults) > 1 else ''}: {listed}{more}"


def _object(
    fields: Mapping[str, FieldType], prefix: str, values: Mapping[str, Any], faults: list[Fault]
) -> dict[str, Any]:
    """An object under the names of its fields; `faults` collects what cannot be written."""
    spelled: dict[str, str] = {}
    for known in fields:
        spelled.setdefault(_snake(known), known)
    written: dict[str, Any] = {}
    for given, value in values.items():
        name = given if given in fields else spelled.get(given, given)
        if name in written:
            faults.append(Fault(f"{prefix}{name}", f"is given twice, once as {given!r}"))
        else:
            written[name] = _value(fields.get(name), f"{prefix}{name}", value, faults)
    return written


def _snake(name: str) -> str:
    return url_segment(name).replace("-", "_")


def _value(field: FieldType | None, path: str, value: Any, faults: list[Fault]) -> Any:
    """A value as it stands in JSON; of one with several names, the name under which it is stored."""
    if isinstance(value, list | tuple):
        return [_value(field, f"{path}[{index}]", item, faults) for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        if field is not None and field.fields is not None:
            return _object(field.fields, f"{path}.", value, faults)
        return {key: _value(None, f"{path}.{key}", item, faults) for key, item in value.items()}
    if isinstance(value, date | timedelta):  # a datetime is a date
        try:
            return wire_value(value)
        except CriteriaError as error:
            faults.append(Fault(path, str(error)))
    accepted = field.accepted if field is not None and isinstance(value, str) else None
    return accepted.get(value, value) if accepted else value
