"""Values as JSON, and the refusal of what would go out as something else.

msgspec has a form for more than JSON can carry: NaN becomes null, bytes become base64, a time without a zone stays
without one. A store replaces the whole resource, so what nobody meant would take the place of what was there.
"""

from __future__ import annotations

import enum
import math
import numbers
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

__all__ = ["NO_JSON", "as_json", "plain"]

NO_JSON = (TypeError, ValueError, OverflowError, RecursionError)
"""What `as_json` raises for a value that JSON cannot hold."""

_LEAVES = frozenset({str, int, bool, type(None), msgspec.Raw})
_CONTAINERS = frozenset({dict, list, tuple})
_BYTES = (bytes, bytearray, memoryview)
# What is looked at here before msgspec makes something else of it.
_AS_THEY_ARE = (*_BYTES, datetime, Decimal)
_ENCODERS = {order: msgspec.json.Encoder(order=order, decimal_format="number").encode for order in (None, "sorted")}


def as_json(value: Any, *, order: Literal["sorted"] | None = None) -> bytes:
    """The JSON of a value.

    Args:
        value: See `plain`.
        order: `sorted` for one spelling of equal values.

    Raises:
        ValueError, TypeError, OverflowError, RecursionError: It holds what JSON cannot carry; of a part, the message
            says where it is.
    """
    encode = _ENCODERS[order]
    try:
        body = encode(value)  # first, because what refers to itself ends here
    except TypeError:
        return encode(plain(value))
    return body if _is_plain(value) else encode(plain(value))


def plain(value: Any, place: str = "") -> Any:
    """A value as dicts, lists, texts and numbers, and whatever else msgspec writes as it is meant.

    Args:
        value: Anything of dicts, lists, texts and numbers (those of NumPy, pandas or an XML library among them), with
            times that have a zone, `Decimal`, `UUID`, members of enums; or a model (msgspec, dataclass, attrs,
            pydantic), whose attributes that are None are left out.
        place: Where it is, for messages.

    Raises:
        ValueError: It holds bytes, a number that is none, or a time without a zone.
    """
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, str):
        return str.__str__(value)  # whatever its class makes of it
    if isinstance(value, Mapping):
        return {
            str.__str__(name) if isinstance(name, str) else name: plain(one, f"{place}.{name}")
            for name, one in value.items()
        }
    if isinstance(value, list | tuple | AbstractSet):
        return [plain(one, f"{place}[{number}]") for number, one in enumerate(value)]
    if isinstance(value, numbers.Real | Decimal):
        return _number(value, place)
    return _other(value, place)


def _number(value: Any, place: str) -> Any:
    if not math.isfinite(value):
        raise ValueError(f"{_named(place)} is {value}, a number that JSON does not have: leave it out")
    if isinstance(value, bool | Decimal):
        return value
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def _other(value: Any, place: str) -> Any:
    if isinstance(value, msgspec.Raw):
        return value
    if isinstance(value, _BYTES):
        raise ValueError(f"{_named(place)} is bytes, which JSON does not have: decode them to a text")
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError(f"{_named(place)} is a time without a zone: say which, e.g. with replace(tzinfo=UTC)")
    if hasattr(value, "model_dump"):  # pydantic, which the SDK does not depend on
        return plain(value.model_dump(mode="json", by_alias=True, exclude_none=True), place)
    try:
        made = msgspec.to_builtins(value, builtin_types=_AS_THEY_ARE, enc_hook=_unknown)
    except TypeError:
        return value  # msgspec says best what it cannot write
    return plain(_without_none(made), place) if isinstance(made, dict) else made


def _unknown(value: Any) -> Any:
    """A part of a model that msgspec does not know, as one that it knows."""
    known: Any
    for kind, known in _KNOWN:
        if isinstance(value, kind):
            return known(value)
    raise TypeError  # said again, and better, when the whole is written


_KNOWN = (
    (msgspec.Raw, msgspec.json.decode),
    (str, str.__str__),
    (numbers.Integral, int),
    (numbers.Real, float),
    (Mapping, dict),
    ((list, tuple, AbstractSet), list),
)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(one) for name, one in value.items() if one is not None}
    return [_without_none(one) for one in value] if isinstance(value, list | tuple) else value


def _named(place: str) -> str:
    return place.removeprefix(".") or "it"


def _is_plain(value: Any) -> bool:
    """Whether it is made of what JSON has, and nothing else; a value that refers to itself has no end here."""
    pending: list[Iterable[Any]] = [(value,)]
    for several in pending:  # it grows meanwhile
        for one in several:
            kind = type(one)
            if kind in _LEAVES or (kind is float and math.isfinite(one)):
                continue
            if kind not in _CONTAINERS:
                return False
            pending.append(one.values() if kind is dict else one)
    return True
