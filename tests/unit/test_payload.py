"""The bodies of writes, whatever the caller has."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
from typing import Any

import attrs
import msgspec
import pydantic
import pytest

from sequoia.error import InvalidResource, ReferencesMismatchException
from sequoia.payload import check_reference, encode, encoded_resource, have_identity, identified, resources_of
from sequoia.report import Result

ONE: dict[str, Any] = {"ref": "acme:a", "name": "a"}


class StructFilm(msgspec.Struct, rename="camel", omit_defaults=True):
    ref: str
    name: str
    release_year: int | None = None


@dataclasses.dataclass
class DataFilm:
    ref: str
    name: str


@attrs.define
class AttrsFilm:
    ref: str
    name: str


@dataclasses.dataclass
class Rated:
    rating: float


class PydanticFilm(pydantic.BaseModel):
    ref: str
    name: str
    year: int | None = pydantic.Field(default=None, alias="releaseYear")


@pytest.mark.parametrize(
    "value",
    [
        ONE,
        [ONE],
        (ONE,),
        {"contents": ONE},
        {"contents": [ONE]},
        {"contents": (ONE,)},
        '{"ref": "acme:a", "name": "a"}',
        '[{"ref": "acme:a", "name": "a"}]',
        '{"contents": [{"ref": "acme:a", "name": "a"}]}',
        b'{"ref": "acme:a", "name": "a"}',
        bytearray(b'[{"ref": "acme:a", "name": "a"}]'),
        StructFilm("acme:a", "a"),
        [StructFilm("acme:a", "a")],
        {"contents": [StructFilm("acme:a", "a")]},
        {"contents": StructFilm("acme:a", "a")},
        DataFilm("acme:a", "a"),
        [DataFilm("acme:a", "a")],
        AttrsFilm("acme:a", "a"),
        PydanticFilm(ref="acme:a", name="a"),
        [PydanticFilm(ref="acme:a", name="a")],
    ],
    ids=repr,
)
def test_every_form_of_a_resource_becomes_the_same_body(value: Any) -> None:
    resources = resources_of(value, "contents")
    assert resources == [ONE]
    assert msgspec.json.decode(encode(resources, "contents")) == {"contents": [ONE]}


def test_the_wrapping_key_is_the_resources_own() -> None:
    assert resources_of({"offerTemplates": [ONE]}, "offerTemplates") == [ONE]
    assert resources_of({"assets": [ONE]}, "contents") == [{"assets": [ONE]}]


def test_a_models_own_names_for_json_are_used() -> None:
    assert resources_of(StructFilm("acme:a", "a", 1977), "contents") == [{**ONE, "releaseYear": 1977}]
    assert resources_of(PydanticFilm(ref="acme:a", name="a", releaseYear=1977), "contents") == [
        {**ONE, "releaseYear": 1977}
    ]


def test_a_callers_resources_are_not_copied_nor_changed() -> None:
    mine = [{"ref": "acme:a"}]
    assert resources_of({"contents": mine}, "contents")[0] is mine[0]
    assert mine == [{"ref": "acme:a"}]


def test_dates_in_a_resource_can_be_sent() -> None:
    body = encode([{"at": dt.datetime(2027, 1, 2, tzinfo=dt.UTC)}], "contents")
    assert body == b'{"contents":[{"at":"2027-01-02T00:00:00Z"}]}'


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "no contents to store"),
        ({"contents": []}, "no contents to store"),
        ("[]", "no contents to store"),
        ("", "not JSON"),
        ("nope", "not JSON"),
        ("[" * 200_000, "not JSON"),
        (b"\xff", "not JSON"),
        ("\ud800", "not JSON"),
        ("7", "is a JSON object"),
        (None, "is a JSON object"),
        (7, "is a JSON object"),
        ([ONE, "acme:b"], "is a JSON object"),
        ([[ONE]], "is a JSON object"),
        ({"contents": "acme:a"}, "is a JSON object"),
        ({"contents": None}, "is a JSON object"),
        (object(), "is a JSON object"),
        ([object()], "is a JSON object"),
        ((one for one in [ONE]), "is a JSON object"),
    ],
)
def test_what_holds_no_resource_is_a_value_error(value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        resources_of(value, "contents")


@pytest.mark.parametrize("value", [object(), lambda: 1, 1j])
def test_a_resource_that_cannot_be_json_is_a_value_error(value: Any) -> None:
    with pytest.raises(ValueError, match="cannot make JSON"):
        encode([{"ref": "acme:a", "odd": value}], "contents")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"rating": math.nan}, "rating is nan, a number that JSON does not have"),
        ({"empty": None, "price": {"EUR": [1.5, -math.inf]}}, r"price\.EUR\[1\] is -inf"),
        ({"raw": msgspec.Raw(b"null"), "model": Rated(math.inf)}, r"model\.rating is inf"),
    ],
)
def test_a_number_that_json_does_not_have_is_refused_and_not_stored_as_null(fields: dict[str, Any], told: str) -> None:
    resource = {"owner": "acme", "name": "a", **fields}
    with pytest.raises(ValueError, match=r"cannot make JSON of the contents: contents\[0\]\." + told):
        encode([resource], "contents")
    with pytest.raises(InvalidResource, match="cannot make JSON of this dict: " + told) as caught:
        encoded_resource(resource)
    # Nor is it null in a dead letter, which somebody may replay.
    letter = msgspec.json.decode(Result(resource, error=caught.value).line())
    assert isinstance(letter["resource"], str)
    assert "null" not in letter["resource"].replace("Raw(b'null')", "")


def test_null_itself_is_left_to_the_service() -> None:
    resource = {"name": "a", "title": None, "text": "null", "ratio": 1.5, "all": [None, {"x": None}]}
    assert encoded_resource(resource).body == msgspec.json.encode(resource)


@pytest.mark.parametrize(
    ("resources", "identity"),
    [
        ([{"ref": "acme:a"}], True),
        ([{"name": "a"}], True),
        ([{"ref": "acme:a"}, {"name": "b"}], True),
        ([{"ref": "acme:a"}, {"title": "b"}], False),
        ([{"ref": "", "name": ""}], False),
        ([{"ref": None}], False),
        ([{"ref": "acme:a", "owner": "other"}], False),
        ([{"ref": "acme:a", "version": "0"}], False),
        ([{"ref": "acme"}], False),
    ],
)
def test_storing_twice_stores_once_only_where_every_resource_says_which_it_is(
    resources: list[dict[str, Any]], identity: bool
) -> None:
    assert have_identity(identified(resources)) is identity


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ({"ref": "acme:a", "owner": "acme"}, "a"),
        ({"ref": "acme:a", "name": None}, "a"),
        ({"ref": "acme:a", "owner": "acme", "name": "b"}, "b"),
        ({"ref": "acme:a", "owner": "other"}, None),
        ({"ref": "a:b:c"}, None),
        ({"ref": "acme"}, None),
        ({"ref": ":a"}, None),
        ({"ref": "acme:"}, None),
        ({"ref": 5}, None),
        ({"owner": "acme"}, None),
    ],
)
@pytest.mark.parametrize("wrap", [dict, lambda one: msgspec.json.encode(one).decode(), msgspec.json.encode])
def test_a_resource_without_a_name_is_sent_with_the_one_in_its_ref(
    resource: dict[str, Any], name: str | None, wrap: Any
) -> None:
    before, given = dict(resource), wrap(resource)
    sent = resource if name is None else {**resource, "name": name}
    assert identified([resource]) == [sent]
    found = encoded_resource(given)
    assert msgspec.json.decode(found.body) == sent
    assert found.repeatable is (name is not None)
    assert found.ref == (None if name is None else f"acme:{name}" if "owner" in resource else resource["ref"])
    assert resource == before


class Tenant(str, enum.Enum):  # noqa: UP042 - what users have
    ACME = "acme"


@pytest.mark.parametrize("owner", ["acme", Tenant.ACME])
def test_the_ref_of_a_resource_is_that_of_its_owner_and_name(owner: str) -> None:
    assert encoded_resource({"owner": owner, "name": "a"}).ref == "acme:a"
    assert encoded_resource({"ref": "acme:other", "owner": owner, "name": "a"}).ref == "acme:a"
    assert encoded_resource({"ref": "acme:a", "name": "a"}).ref == "acme:a"


def test_a_resource_that_was_read_and_lost_its_name_stays_without_one() -> None:
    copy = {"ref": "acme:a", "owner": "acme", "createdAt": "2026-01-31T00:00:00.000Z"}
    assert identified([copy]) == [copy]


def test_a_body_that_is_the_resource_passes() -> None:
    check_reference({"ref": "acme:a", "owner": "acme", "name": "a"}, "acme:a")
    check_reference({"ref": "acme:a:b", "owner": "acme", "name": "a:b"}, "acme:a:b")


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ({}, "no ref, owner, name"),
        ({"ref": "acme:a", "owner": "acme"}, "no name"),
        ({"owner": "acme", "name": "a"}, "no ref"),
        ({"ref": "acme:b", "owner": "acme", "name": "a"}, "ref is acme:b"),
        ({"ref": "acme:a", "owner": "acme", "name": "b"}, "make it acme:b"),
        ({"ref": "acme:a", "owner": "other", "name": "a"}, "make it other:a"),
        ({"ref": None, "owner": "acme", "name": "a"}, "ref is None"),
    ],
)
def test_a_body_that_is_another_resource_is_refused(resource: dict[str, Any], words: str) -> None:
    with pytest.raises(ReferencesMismatchException, match=words):
        check_reference(resource, "acme:a")
