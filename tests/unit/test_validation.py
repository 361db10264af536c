"""What is found wrong with a resource before it is sent, and that the service would agree."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequoia.descriptor import Descriptor, ResourceType
from sequoia.drafts import draft, draft_change
from sequoia.error import ClientError, InvalidResource
from sequoia.patching import merged
from sequoia.patterns import fits
from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.store import Store
from sequoia.sandbox.wire import Request, WireError
from sequoia.validation import Purpose, faults_in

WORDS = {"type": "string", "typeInfo": {"pattern": ".+"}}
FIELDS: dict[str, Any] = {
    "ref": {"type": "ref", "readOnly": True},
    "owner": {"type": "name", "required": True},
    "name": {"type": "name"},
    "createdAt": {"type": "timestamp", "readOnly": True},
    "version": {"type": "version", "readOnly": True},
    "title": WORDS,
    "type": {
        "type": "string",
        "required": True,
        "allowedValues": [{"value": "movie", "alternatives": ["film"]}, {"value": "show", "alternatives": []}],
        "allowedValueMappings": {"movie": "movie", "film": "movie", "show": "show"},
    },
    "tags": {"type": "string", "array": {"min": 1, "max": 3}},
    "code": {"type": "string", "typeInfo": {"pattern": "[A-Z]{2}\\d+"}, "min": 3, "max": 5},
    "slow": {"type": "string", "typeInfo": {"pattern": "(a+)+b"}},
    "named": {"type": "string", "typeInfo": {"pattern": "(?<year>\\d+)"}},
    "releaseYear": {"type": "year", "typeInfo": {"pattern": "(?:\\d{4})"}},
    "active": {"type": "boolean", "required": True, "default": True},
    "size": {"type": "nonNegativeInteger", "max": 1000},
    "share": {"type": "percentage"},
    "ratio": {"type": "number", "min": -2, "max": 2.5},
    "startAt": {"type": "timestamp"},
    "day": {"type": "date"},
    "length": {"type": "duration"},
    "contentRef": {"type": "ref"},
    "checksum": {"type": "hex"},
    "ids": {"type": "stringMap", "max": 2, "typeInfo": {"keys": {"pattern": "[a-zA-Z0-9]+"}}},
    "custom": {"type": "map", "max": 2, "typeInfo": {"keys": {"pattern": "[a-zA-Z0-9]+"}, "values": {}}},
    "scores": {"type": "scores", "typeInfo": {"keys": {"pattern": "(?:[a-zA-Z0-9]+)(?:\\.[a-zA-Z0-9]+)*"}}},
    "price": {"type": "money", "typeInfo": {"keys": {"values": ["EUR", "GBP"], "pattern": "(EUR)|(GBP)"}}},
    "ratings": {
        "type": "ratings",
        "typeInfo": {
            "keys": {"values": ["BBFC", "MPAA"], "pattern": "(BBFC)|(MPAA)"},
            "values": {"BBFC": {"values": ["U", "PG", "15"], "pattern": "(U)|(PG)|(15)"}},
        },
    },
    "localisedTitle": {"type": "string", "localisationOf": "title"},
    "media": {
        "fields": {
            "bitRate": {"type": "integer", "required": True},
            "codec": {"type": "string", "allowedValues": [{"value": "H.264"}]},
            "seen": {"type": "timestamp", "readOnly": True},
            "tracks": {"array": True, "fields": {"language": {"type": "language"}, "lengthOf": {"type": "duration"}}},
        }
    },
    "cast": {
        "array": True,
        "fields": {"role": {"type": "string", "required": True}, "at": {"type": "timestamp", "readOnly": True}},
    },
    "rule": {
        "fields": {"one": {"type": "string"}, "other": {"type": "string"}},
        "xfields": [{"type": "exactlyOne", "fields": ["one", "other"]}],
    },
}
RAW = {
    "name": "cinema",
    "resourcefuls": {
        "films": {
            "pluralName": "films",
            "singularName": "film",
            "hyphenatedPluralName": "films",
            "fields": FIELDS,
        }
    },
}
FILMS = Descriptor.parse(RAW).resource("films")
GOOD: dict[str, Any] = {"owner": "acme", "name": "a", "type": "movie"}
EVERYTHING: dict[str, Any] = {
    **GOOD,
    "type": "film",
    "title": "two\nlines",
    "tags": ["a", "b"],
    "code": "AB12",
    "slow": "a" * 40,
    "named": "seven",
    "releaseYear": 2015,
    "active": False,
    "size": 0,
    "share": 12.5,
    "ratio": -2,
    "startAt": "2026-01-31T12:00+02:00",
    "day": "2026-01-31",
    "length": "PT1H20M",
    "contentRef": "acme:x",
    "checksum": "0a1b",
    "ids": {"imdb": "tt1"},
    "custom": {"a": [1, "b", True], "b": 2.5},
    "scores": {"critics.press": 0.9},
    "price": {"EUR": 0},
    "ratings": {"BBFC": "PG", "MPAA": "R"},
    "localisedTitle": {"fr-CH": "Bonjour"},
    "media": {"bitRate": 7, "codec": "H.264", "tracks": [{"language": "en"}, {}]},
    "rule": {"one": "x"},
}


def told(value: dict[str, Any], purpose: Purpose = Purpose.WHOLE) -> list[str]:
    return [str(fault) for fault in faults_in(FILMS, value, purpose)]


# ---- one resource ----


def test_a_good_resource_has_no_faults() -> None:
    assert told(GOOD) == []
    assert told(EVERYTHING) == []


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"type": "moive"}, "type: 'moive' is not allowed: did you mean 'movie'?"),
        ({"titel": "x"}, "titel: is no field: did you mean 'title'"),
        ({"release_year": 2015}, "release_year: is no field: did you mean 'releaseYear'?"),
        ({"title": None}, "title: is null: leave it out"),
        ({"title": ""}, "title: is empty: leave it out"),
        ({"title": 5}, "title: must be a text, not 5"),
        ({"title": "\ud800"}, "title: holds a character that cannot be written in UTF-8"),
        ({"title": ["x"]}, "title: must be a text, not ['x']"),
        ({"tags": "a"}, "tags: must be a list, not 'a'"),
        ({"tags": []}, "tags: must have 1 items or more, not 0"),
        ({"tags": ["a"] * 4}, "tags: must have 3 items or less, not 4"),
        ({"tags": ["a", "b", 5]}, "tags[2]: must be a text, not 5"),
        ({"tags": ["a", None]}, "tags[1]: is null: leave it out"),
        ({"code": "ab12"}, "code: 'ab12' does not match the pattern [A-Z]{2}\\d+"),
        ({"code": "AB\u0661"}, "code: 'AB\u0661' does not match the pattern [A-Z]{2}\\d+"),
        ({"code": "AB1234"}, "code: must have 5 characters or less, not 6"),
        ({"releaseYear": "2015"}, "releaseYear: must be a number, not '2015'"),
        ({"releaseYear": 99}, "releaseYear: must be 1000 or more, not 99"),
        ({"releaseYear": 2015.5}, "releaseYear: must be a whole number, not 2015.5"),
        ({"active": "true"}, "active: must be true or false, not 'true'"),
        ({"size": True}, "size: must be a number, not True"),
        ({"size": -1}, "size: must be 0 or more, not -1"),
        ({"size": 1001}, "size: must be 1000 or less, not 1001"),
        ({"size": 2**53}, f"size: must be a number that JSON can carry exactly, not {2**53}"),
        ({"size": 10**400}, "size: must be a number that JSON can carry exactly, not 1000"),
        ({"releaseYear": -(10**5000)}, "releaseYear: must be a number that JSON can carry exactly, not a number of"),
        ({"scores": {"a": 10**400}}, "scores.a: must be a number that JSON can carry exactly, not 1000"),
        (
            {"custom": {"a": 10**5000}},
            "custom.a: must be a text, a number, true, false or a list of these, not a number",
        ),
        ({"tags": [[10**5000]]}, "tags[0]: must be a text, not a list that holds a number of thousands of digits"),
        ({"share": 101}, "share: must be 100 or less, not 101"),
        ({"ratio": float("nan")}, "ratio: must be a number that JSON can carry exactly, not nan"),
        ({"ratio": 2.6}, "ratio: must be 2.5 or less, not 2.6"),
        ({"startAt": "2026"}, "startAt: '2026' is no timestamp such as 2026-01-31T12:00:00.000Z"),
        ({"startAt": "2026-02-30T00:00Z"}, "startAt: '2026-02-30T00:00Z' is no timestamp such as"),
        ({"startAt": "0001-01-01T00:00+05:00"}, "startAt: '0001-01-01T00:00+05:00' is no timestamp such as"),
        ({"startAt": datetime(2026, 1, 31, tzinfo=UTC)}, "startAt: must be a text, not datetime.datetime(2026, 1, 31"),
        ({"day": "2026-1-3"}, "day: '2026-1-3' is no date such as 2026-01-31"),
        ({"length": "80 minutes"}, "length: '80 minutes' is no duration such as PT1H20M"),
        ({"contentRef": "x"}, "contentRef: 'x' is no ref such as acme:film-1"),
        ({"checksum": "XYZ"}, "checksum: 'XYZ' is no hex such as 0a1b2c"),
        ({"ids": "tt1"}, "ids: must be an object, not 'tt1'"),
        ({"ids": {"a": "1", "b": "2", "c": "3"}}, "ids: must have 2 keys or less, not 3"),
        ({"ids": {"im-db": "tt1"}}, "ids.im-db: is no key: it does not match the pattern [a-zA-Z0-9]+"),
        ({"ids": {"imdb": 5}}, "ids.imdb: must be a text, not 5"),
        ({"ids": {5: "x"}}, "ids.5: is no key: 5 is no text"),
        (
            {"custom": {"a": {"b": 1}}},
            "custom.a: must be a text, a number, true, false or a list of these, not",
        ),
        ({"scores": {"a..b": 1}}, "scores.a..b: is no key: it does not match"),
        ({"scores": {"a": "1"}}, "scores.a: must be a number, not '1'"),
        ({"price": {"EUR": -1}}, "price.EUR: must be 0 or more, not -1"),
        ({"price": {"EURO": 1}}, "price.EURO: is no key: did you mean 'EUR'?"),
        ({"ratings": {"BBFC": "12"}}, "ratings.BBFC: '12' is not allowed: "),
        ({"localisedTitle": {"french": "x"}}, "localisedTitle.french: 'french' is no language such as fr-CH"),
        ({"media": []}, "media: must be an object, not []"),
        ({"media": {}}, "media.bitRate: is required"),
        ({"media": {"bitRate": 1, "bitrate": 2}}, "media.bitrate: is no field: did you mean 'bitRate'?"),
        ({"media": {"bitRate": 1, "tracks": [{}, {"language": 5}]}}, "media.tracks[1].language: must be a text, not 5"),
        ({"rule": {}}, "rule.one: exactly one of rule.one, rule.other is required, there is none"),
        ({"rule": {"one": "a", "other": "b"}}, "rule.one: exactly one of rule.one, rule.other is required, these"),
        ({"ref": "acme:b"}, "ref: is 'acme:b', but owner and name make it 'acme:a'"),
        ({"createdAt": "2026-01-31"}, "createdAt: is set by the service alone: leave it out"),
    ],
)
def test_a_fault_says_where_and_what(fields: dict[str, Any], fault: str) -> None:
    (only,) = told({**GOOD, **fields})
    assert only.startswith(fault)
    assert len(only) < 300


def test_every_fault_is_found_and_not_only_the_first() -> None:
    faults = faults_in(FILMS, {"type": "moive", "titel": "x", "size": -1, "tags": [1, 2]}, Purpose.WHOLE)
    assert [fault.path for fault in faults] == ["type", "titel", "size", "tags[0]", "tags[1]", "owner"]


def test_a_name_is_optional_for_the_service_makes_one_but_then_no_ref_can_be_right() -> None:
    assert told({"owner": "acme", "type": "movie"}) == []
    (fault,) = told({"owner": "acme", "type": "movie", "ref": "acme:a"})
    assert fault.startswith("ref: needs the name as well")


def test_what_was_read_can_be_written_back_with_what_only_the_service_sets() -> None:
    read = {**EVERYTHING, "ref": "acme:a", "version": "0" * 40, "createdAt": "2026-01-31", "createdBy": "acme:u"}
    read["metadata"] = {"fields": {"locks": {"title": "LOCKED"}}}
    read["media"] = {"bitRate": 1, "seen": "2026-01-31"}
    assert told(read) == []
    assert told({**read, "type": "moive"}) == ["type: 'moive' is not allowed: did you mean 'movie'?"]


def test_what_was_never_stored_has_nothing_that_only_the_service_sets() -> None:
    faults = faults_in(FILMS, {**GOOD, "ref": "acme:a", "version": "1", "createdAt": "2026-01-31"}, Purpose.WHOLE)
    assert [fault.path for fault in faults] == ["version", "createdAt"]


def test_fields_that_every_resource_has_need_not_be_described() -> None:
    bare = ResourceType(plural_name="x", singular_name="x", hyphenated_plural_name="x")
    assert faults_in(bare, {"owner": "acme", "name": "a"}, Purpose.WHOLE) == []
    assert [fault.path for fault in faults_in(bare, {"name": "a b"}, Purpose.WHOLE)] == ["name", "owner"]


def test_what_a_newer_platform_may_describe_is_no_fault() -> None:
    fields = {"where": {"type": "geo"}, "any": {}, "many": {"type": "string", "array": {"min": "few"}}}
    odd = [{"type": "atMostOne", "fields": ["where"]}, {"type": "exactlyOne"}]
    raw = {"name": "x", "resourcefuls": {"films": {**RAW["resourcefuls"]["films"], "fields": fields, "xfields": odd}}}  # type: ignore[index]
    resource = Descriptor.parse(raw).resource("films")
    value = {"owner": "acme", "where": {"lat": 1}, "any": [1], "many": []}
    assert faults_in(resource, value, Purpose.WHOLE) == []


# ---- patterns ----


@pytest.mark.parametrize(
    ("pattern", "text", "answer"),
    [
        (".+", "x\ny", True),
        ("(en)|(fr-CH)", "fr-CH", True),
        ("(en)|(fr-CH)", "fr", False),
        ("a.c", "a\nc", True),
        ("\\d+", "\u0661", False),
        (r"a\sb", "a\u00a0b", True),
        ("^[a-z]+$", "abc\n", False),
        ("[a-f0-9]{40}", "0" * 40, True),
        (r"a\/b", "a/b", True),
        ("(ab){2}", "abab", True),
        (r"(?:[a-zA-Z0-9]+)(?:\.[a-zA-Z0-9]+)*", "a.b.", False),
        # what Python cannot read, or reads differently
        (r"(?<year>\d+)", "x", None),
        (r"\p{L}", "x", None),
        ("(", "x", None),
        ("[[a]", "x", None),
        ("[a--b]", "x", None),
        ("a{,3}", "aa", None),
        ("a{99999999999999999999}", "a", None),
        # what would take for ever
        ("(a+)+b", "a" * 40, None),
        ("(a|a)*b", "a" * 40, None),
        ("(a?){40}b", "a" * 40, None),
        ("((){1000}){1000}", "a", None),
        ("a?" * 40 + "b", "a" * 40, None),
        ("a*a*a*b", "a" * 5000, None),
        ("(" * 9_000, "x", None),
        ("x" * 10_001, "x", None),
    ],
)
def test_a_pattern_is_applied_where_that_can_be_done_at_a_fair_price(
    pattern: str, text: str, answer: bool | None
) -> None:
    assert fits(pattern, text) is answer


def test_a_pattern_is_affordable_for_a_short_text_and_left_alone_for_a_long_one() -> None:
    assert fits("a*a*b", "a" * 100) is False
    assert fits("a*a*b", "a" * 10_000) is None


# ---- new resources and changes ----


def test_a_new_resource_is_written_as_the_platform_writes_it() -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))
    fields = {
        "type": "film",
        "release_year": 2015,
        "startAt": noon,
        "day": date(2026, 1, 31),
        "length": timedelta(minutes=80),
        "media": {"bit_rate": 7, "tracks": ({"length_of": timedelta(seconds=5)},)},
        "custom": {"someKey": noon},
        "title": None,
    }
    assert draft(FILMS, "acme", None, fields) == {
        "owner": "acme",
        "type": "movie",
        "releaseYear": 2015,
        "startAt": "2026-01-31T10:00:00.000Z",
        "day": "2026-01-31",
        "length": "PT1H20M",
        "media": {"bitRate": 7, "tracks": [{"lengthOf": "PT5S"}]},
        "custom": {"someKey": "2026-01-31T10:00:00.000Z"},
    }


def test_a_bad_resource_is_one_error_with_all_its_faults() -> None:
    fields = {"type": "moive", "start_at": datetime(2026, 1, 31), "version": "0" * 40, "ref": "acme:a", "x": 1}  # noqa: DTZ001
    with pytest.raises(InvalidResource) as caught:
        draft(FILMS, "acme", "a", fields)
    assert isinstance(caught.value, ClientError)
    assert isinstance(caught.value, ValueError)
    assert [fault.path for fault in caught.value.faults] == ["startAt", "type", "version", "ref", "x"]
    assert str(caught.value).startswith("film has 5 faults: startAt: 2026-01-31T00:00:00 has no time zone")
    assert "type: 'moive' is not allowed: did you mean 'movie'?" in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert again.faults == caught.value.faults
    assert str(again) == str(caught.value)


def test_a_field_given_in_both_spellings_is_a_fault() -> None:
    with pytest.raises(InvalidResource, match="film has 1 fault: releaseYear: is given twice, once as 'release_year'"):
        draft(FILMS, "acme", "a", {"type": "movie", "releaseYear": 2015, "release_year": 2016})


def test_the_message_of_an_error_stays_readable_however_many_faults_there_are() -> None:
    with pytest.raises(InvalidResource, match=r"; and 20 more$") as caught:
        draft(FILMS, "acme", "a", {"type": "movie", **{f"x{number}": 1 for number in range(30)}})
    assert len(caught.value.faults) == 30


def test_a_change_lacks_nothing_and_removes_with_none() -> None:
    changes = {"release_year": 2015, "type": "film", "title": None, "media": {"codec": None}, "ids": {"imdb": None}}
    assert draft_change(FILMS, changes) == {
        "releaseYear": 2015, "type": "movie", "title": None, "media": {"codec": None}, "ids": {"imdb": None},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"type": None}, "type: is required: it cannot be removed"),
        ({"media": {"bitRate": None}}, "media.bitRate: is required: it cannot be removed"),
        ({"titel": "x"}, "titel: is no field: did you mean 'title'"),
        ({"version": "x"}, "version: is set by the service alone: leave it out"),
        ({"media": {"seen": "2026-01-31"}}, "media.seen: is set by the service alone: leave it out"),
        ({"tags": ["a", None]}, "tags[1]: is null: leave it out"),
        ({"cast": [{}]}, "cast[0].role: is required"),
        ({"size": 10**400}, "size: must be a number that JSON can carry exactly, not 1000"),
        ({"ids": {"im-db": "x"}}, "ids.im-db: is no key"),
    ],
)
def test_a_change_that_the_resource_cannot_have_is_a_fault(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidResource) as caught:
        draft_change(FILMS, changes)
    (only,) = caught.value.faults
    assert str(only).startswith(fault)


def test_a_list_is_replaced_wholly_by_one_that_was_read() -> None:
    changes = {"cast": [{"role": "x", "at": "2026-01-31"}]}
    assert draft_change(FILMS, changes) == changes


@pytest.mark.parametrize(
    ("target", "changes", "result"),
    [  # the examples of RFC 7396, appendix A, that are objects
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], {"a": "b"}, {"a": "b"}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_is_that_of_rfc_7396(target: Any, changes: dict[str, Any], result: Any) -> None:
    before = json.dumps([target, changes])
    assert merged(target, changes) == result
    assert json.dumps([target, changes]) == before


# ---- the sandbox agrees ----

LOOSE: list[Any] = [
    None, True, False, 0, 1, -1, 7, 1.5, 2015, 2**53, "", "a", "b c", "acme", "acme:x", "movie", "film", "moive", "PG",
    "AB1", "AB123456", "2026-01-31", "2026-02-30", "2026-01-31T12:00:00.000Z", "2026-01-31T25:00Z", "PT5S", "P", "0a",
    [{}], [{"role": "x"}],
    [], ["a"], ["a", 1], ["a", "b", "c", "d"], {}, {"a": "b"}, {"a": 1}, {"EUR": 2}, {"EUR": -2}, {"BBFC": "PG"},
    {"BBFC": "99"}, {"en": "x"}, {"english": "x"}, {"a.b": 0.5}, {"one": "x"}, {"one": "x", "other": "y"},
    {"bitRate": 1}, {"bitRate": "1"}, {"bitRate": 1, "codec": "H.265"}, {"bitRate": 1, "tracks": [{"language": "en"}]},
    {"a": "b", "b": "c", "d": "e"}, {"a": [1, "x"]}, {"a": [None]}, {"a": {"b": 1}}, {"x-y": "z"},
]  # fmt: skip
# What the service ignores and the client still tells: whatever only the service sets, and a ref that does not count.
IGNORED = {name for name, field in FIELDS.items() if field.get("readOnly")}
# What the client leaves to the service, which applies it: patterns that no client should try.
LEFT = {"slow", "named"}
TOLD = [name for name in FIELDS if name not in IGNORED | LEFT]


def _some_of(values: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.sets(st.sampled_from(sorted(values))).map(lambda names: {name: values[name] for name in names})


RESOURCES = st.builds(
    lambda given, wrong, dropped: {
        name: one for name, one in {**GOOD, **given, **wrong}.items() if name not in dropped
    },
    _some_of({name: EVERYTHING[name] for name in TOLD if name in EVERYTHING}),
    st.dictionaries(st.sampled_from([*TOLD, "titel"]), st.sampled_from(LOOSE), max_size=2),
    st.sampled_from([[], [], [], ["owner"], ["name"], ["type"]]),
)


def _posts() -> Callable[[Any], list[str]]:
    """A service of the descriptor: gives the fields for which it refuses a resource."""
    unreadable = {**FIELDS, "named": {"type": "string"}}  # the sandbox takes no descriptor that it cannot read
    raw = {**RAW, "resourcefuls": {"films": {"fields": unreadable}}}
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    service = DataService(Schema.parse(raw), store)

    def post(resource: Any) -> list[str]:
        body = msgspec.json.encode({"films": [resource]})
        try:
            service.handle(Request("POST", "/data/films", body=body), user="acme:u")
        except WireError as error:
            return list(error.keys)
        return []

    return post


POST = _posts()


@settings(max_examples=1500, deadline=None)
@given(RESOURCES)
def test_the_sandbox_takes_what_has_no_faults_and_refuses_what_has(resource: dict[str, Any]) -> None:
    faults = faults_in(FILMS, resource, Purpose.WHOLE)
    refused = POST(resource)
    assert bool(faults) == bool(refused), (faults, refused)
    tops = {fault.path.partition(".")[0].partition("[")[0] for fault in faults}
    assert tops == {path.partition(".")[0] for path in refused}


def test_the_sandbox_would_say_if_the_two_differed() -> None:
    assert POST(GOOD) == []
    assert POST({**GOOD, "titel": "x", "size": -1}) == ["size", "titel"]
