"""What goes out as JSON is what the caller has: never something else without a word."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections import UserString
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest

from sequoia.error import InvalidResource
from sequoia.jsonable import as_json, plain
from sequoia.payload import encoded_resource


class Text(str):
    """As NumPy, lxml and Beautiful Soup have one."""

    __slots__ = ()

    def __str__(self) -> str:
        return "shown otherwise"


class Whole(int):
    pass


class Number(float):
    pass


class Kind(enum.StrEnum):
    MOVIE = "movie"


class Level(enum.Enum):
    HIGH = 3


class Mapped(dict[str, Any]):
    pass


@dataclasses.dataclass
class Offer:
    name: str
    price: Any = None
    inner: Any = None


@attrs.define
class AttrsOffer:
    name: str
    price: Any = None
    inner: Any = None


class StructOffer(msgspec.Struct):
    name: str
    price: Any = None
    inner: Any = None


class PydanticOffer(pydantic.BaseModel):
    name: str
    price: Any = None
    inner: Any = None


MODELS = [Offer, AttrsOffer, StructOffer, PydanticOffer]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Text("a film"), "a film"),
        (Whole(2015), 2015),
        (Number(2.5), 2.5),
        (Kind.MOVIE, "movie"),
        (Level.HIGH, 3),
        (Mapped(a=Text("b")), {"a": "b"}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ({Text("key"): [Text("x")]}, {"key": ["x"]}),
        (Decimal("2.99"), 2.99),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00Z"),
        (timedelta(seconds=5), "PT5S"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (frozenset({1}), [1]),
        ((1, None, True), [1, None, True]),
        (msgspec.Raw(b'{"a":1.50}'), {"a": 1.5}),
    ],
)
def test_everyday_values_are_written_as_what_they_are(value: Any, written: Any) -> None:
    for given, expected in ((value, written), ({"a": [value, None]}, {"a": [written, None]})):
        assert msgspec.json.decode(as_json(given)) == expected


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (math.nan, "is nan, a number that JSON does not have"),
        (Number(-math.inf), "is -inf"),
        (Decimal("NaN"), "is NaN"),
        (b"Film", "is bytes, which JSON does not have: decode them"),
        (bytearray(b"Film"), "is bytes"),
        (memoryview(b"Film"), "is bytes"),
        (datetime(2026, 1, 2), "is a time without a zone: say which"),  # noqa: DTZ001 - that is the point
    ],
)
@pytest.mark.parametrize("model", [None, *MODELS[:3]])
def test_what_json_would_carry_as_something_else_is_refused_with_its_place(value: Any, told: str, model: Any) -> None:
    held: Any = {"price": value} if model is None else model("x", value)
    with pytest.raises(ValueError, match=rf"^offers\[0\]\.price {told}"):
        as_json({"offers": [held]})
    with pytest.raises(InvalidResource, match=f"price {told}"):
        encoded_resource(held)


def test_a_value_of_its_own_is_named_too() -> None:
    with pytest.raises(ValueError, match=r"^it is nan"):
        as_json(math.nan)


@pytest.mark.parametrize("model", MODELS)
def test_what_a_model_leaves_open_is_left_out_and_never_null(model: Any) -> None:
    made = model(name="x", inner=model(name="y"))
    assert msgspec.json.decode(encoded_resource(made).body) == {"name": "x", "inner": {"name": "y"}}
    assert plain(made) == {"name": "x", "inner": {"name": "y"}}


def test_null_of_a_dict_is_the_callers_own() -> None:
    assert as_json({"a": None}) == b'{"a":null}'


@pytest.mark.parametrize("model", MODELS[:3])
def test_a_model_may_hold_what_only_its_parts_make_json(model: Any) -> None:
    made = model(name=Text("x"), price=Level.HIGH, inner=msgspec.Raw(b"[1]"))
    assert msgspec.json.decode(as_json(made)) == {"name": "x", "price": 3, "inner": [1]}


@pytest.mark.parametrize("value", [object(), 1j, UserString("x"), {"a": object()}, Offer("x", object())])
def test_what_nobody_can_write_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        as_json(value)


def test_a_value_that_holds_itself_comes_to_an_end() -> None:
    value: dict[str, Any] = {"text": Text("x")}
    value["again"] = value
    with pytest.raises(RecursionError):
        as_json(value)
    simple: dict[str, Any] = {}
    simple["again"] = simple
    with pytest.raises(RecursionError):
        as_json(simple)


def test_equal_values_have_one_spelling_where_it_is_asked_for() -> None:
    assert as_json({"b": Text("x"), "a": Decimal(1)}, order="sorted") == b'{"a":1,"b":"x"}'
