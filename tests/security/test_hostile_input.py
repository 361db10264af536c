"""Whatever services, users and strangers send: the documented errors and nothing else, at a bounded cost.

The targets are those of `fuzz`; here each gets a few hundred inputs, the same in every run. `make fuzz` goes on.
"""

from __future__ import annotations

import json
import sys
import tracemalloc
from contextlib import suppress
from random import Random
from typing import Any

import httpx2
import pytest
from fuzz.client_side import TARGETS as CLIENT
from fuzz.inputs import LIMIT, mutated
from fuzz.sandbox_side import TARGETS as SANDBOX
from fuzz.scan_side import TARGETS as SCAN
from fuzz.targets import Target
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sequoia import field, where
from sequoia.auth import ClientGrant
from sequoia.calls import Answer, Call, Expects, decode_json, judge
from sequoia.descriptor import Descriptor, FieldType
from sequoia.error import AuthorisationError, ClientError, DecodeError, HttpError
from sequoia.names import encode_ref, suggestion
from sequoia.operations import ResourcePath, combined
from sequoia.paging import Chain
from sequoia.patterns import fits
from sequoia.response import Response
from sequoia.retry import retry_after_seconds
from sequoia.tokens import MemoryTokenStore
from sequoia.urls import origin, resolve_link
from sequoia.validation import Purpose, faults_in

TARGETS = [*CLIENT, *SCAN, *SANDBOX]
SERVICE = "https://metadata.example.com"
INPUTS = 250


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_damaged_input_is_read_or_refused(target: Target) -> None:
    chance = Random(target.name)  # noqa: S311 - the same inputs in every run
    for seed in target.seeds:
        target.run(seed)
    for _ in range(INPUTS):
        target.run(mutated(chance.choice(target.seeds), chance))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=15,
)
ANY_BYTES = (
    st.binary(max_size=200) | st.text(max_size=100).map(str.encode) | JSON.map(lambda one: json.dumps(one).encode())
)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_anything_at_all_is_read_or_refused(target: Target) -> None:
    @settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(ANY_BYTES)
    def run(data: bytes) -> None:
        target.run(data)

    run()


def test_a_target_finds_what_is_not_documented() -> None:
    def careless(data: bytes) -> object:
        return json.loads(data)["key"]

    with pytest.raises(KeyError):
        Target("careless", careless, ()).run(b"{}")


def test_the_same_chance_makes_the_same_inputs() -> None:
    def inputs() -> list[bytes]:
        chance = Random(7)  # noqa: S311 - the same inputs in every run
        return [mutated(b'{"a": [1, {"b": null}]}', chance) for _ in range(50)]

    assert inputs() == inputs()
    assert len(set(inputs())) > 30
    assert max(map(len, inputs())) <= LIMIT


# What fuzzing found, one by one, and what is too large for it


def answered(body: bytes, status: int = 200, **headers: str) -> Answer:
    call = Call("GET", f"{SERVICE}/data/contents", key="contents", includes=("assets",))
    request = httpx2.Request("GET", call.url)
    return judge(call, httpx2.Response(status, content=body, request=request, headers=headers), now=0.0)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"contents": [' + b"[" * 100_000,
        b"1" * 100_000,
        b"1e999",
        b'"\\ud800"',
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"contents": NaN}',
        b"{} {}",
        b'{"contents": [}',
        b"\x00",
    ],
)
def test_a_body_that_is_no_json_of_the_platform_is_a_decode_error(body: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        answered(body)

    assert len(str(caught.value)) < 500


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    assert Response(answered(b'{"contents": [1], "contents": [{"ref": "a"}]}')).resources == [{"ref": "a"}]


def test_a_deep_answer_is_read_and_its_objects_are_refused() -> None:
    depth = sys.getrecursionlimit() // 2  # a Python of another version goes deeper before it gives up
    response = Response(answered(b'{"contents": [' + b'{"a":' * depth + b"1" + b"}" * depth + b"]}"))

    assert len(response.resources) == 1
    with pytest.raises(DecodeError, match="nested too deeply"):
        response.to_object()


def test_a_refusal_that_is_too_deep_can_be_shown_and_pickled() -> None:
    with pytest.raises(HttpError) as caught:
        answered(b'{"error": ' + b"[" * 600 + b"]" * 600 + b"}", 400)

    assert str(caught.value) == "400, and a body that is nested too deeply to be shown"


def test_a_refusal_cannot_forge_a_line_of_the_log() -> None:
    body = json.dumps({"error": "Bad\r\n2026-01-01 INFO all is well", "message": "\x1b[2J" + "x" * 100_000}).encode()
    with pytest.raises(HttpError) as caught:
        answered(body, 400)

    text = str(caught.value)
    assert "\n" not in text
    assert "\x1b" not in text
    assert "\\x1b[2J" in text
    assert len(text) < 2_500
    assert caught.value.message["error"].startswith("Bad\r\n")  # the body itself is there as it came


@pytest.mark.parametrize("lifetime", ["1e400", "Infinity", "-Infinity", "NaN", "[]", '"soon"', "{}"])
def test_a_lifetime_that_is_none_is_no_token(lifetime: str) -> None:
    grant = ClientGrant(f"{SERVICE}/oauth/token", "id", "secret", MemoryTokenStore())
    call = Call("POST", f"{SERVICE}/oauth/token", expects=Expects.BYTES)
    body = f'{{"access_token": "abc", "expires_in": {lifetime}}}'.encode()

    with pytest.raises(AuthorisationError, match="holds no bearer token"):
        grant.accept(Answer(call, httpx2.Response(200, content=body), None), 0.0)


@pytest.mark.parametrize("value", ["\x1d20", "20\x1d", "1_0", "-1", "1e3", "9" * 5_000, "Mon, " * 1_000, "\x00", "inf"])
def test_a_retry_after_that_nobody_can_read_is_no_wait(value: str) -> None:
    assert retry_after_seconds(value, 0.0) in {None, 20.0}


@pytest.mark.parametrize(
    "body",
    [
        b'{"contents": 5}',
        b'{"contents": {"a": 1}}',
        b'{"contents": [], "linked": {"assets": 5}}',
        b'{"contents": "ab"}',
    ],
)
def test_parts_that_are_no_lists_are_a_decode_error(body: bytes) -> None:
    with pytest.raises(DecodeError, match="is not a list"):
        combined([answered(b'{"contents": [], "linked": {}}'), answered(body)])


def test_a_descriptor_with_strange_groups_of_fields_still_validates() -> None:
    groups = [{"type": "exactlyOne", "fields": [{}, [], None, "a"]}, {"type": "exactlyOne", "fields": 5}, {}]
    names = {"pluralName": "contents", "singularName": "content", "hyphenatedPluralName": "contents"}
    data: dict[str, Any] = {"resourcefuls": {"contents": {**names, "xfields": groups}}}
    resource = Descriptor.parse(data).resource("contents")

    faults = faults_in(resource, {"owner": "acme", "name": "a"}, Purpose.WHOLE)

    assert [fault.path for fault in faults] == ["a"]


@pytest.mark.parametrize("alternatives", [None, 5, {}, "film"])
def test_alternatives_of_a_value_that_are_no_list_are_none(alternatives: Any) -> None:
    values: list[dict[str, Any]] = [
        {"value": "movie", "alternatives": alternatives},
        {"value": "show", "alternatives": ["series"]},
    ]
    kind = FieldType(type="string", allowed_values=values)

    assert kind.accepted == {"movie": "movie", "show": "show", "series": "show"}


@pytest.mark.parametrize(
    "url", ["https://[::1]8443/", "https://x[::1]/", "https://[::1]x", "https://[::1]:x/", "https://[::1"]
)
def test_a_url_that_the_transport_reads_differently_has_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        origin(url)


@pytest.mark.parametrize(
    "ref", ["../x", "..", "a/b", "a?b", "a#b", "a%2fb", "a b", "a\\b", "@evil", "//evil", "é", "a,b", "'; --"]
)
def test_a_ref_is_one_segment_of_the_path_whatever_is_in_it(ref: str) -> None:
    try:
        url = ResourcePath.of("contents").read("acme", ref, None)[0].at(SERVICE).url
    except ValueError:
        assert ref == ".."
        return
    sent = httpx2.URL(url)
    assert sent.host == "metadata.example.com"
    assert sent.raw_path.startswith(b"/data/contents/")
    assert sent.raw_path.partition(b"?")[0].count(b"/") == 3
    assert sent.query == b"owner=acme"


@pytest.mark.parametrize("ref", ["", " ", "a\x00b", "a\nb", "\ud800", ".", ".."])
def test_a_ref_that_no_resource_can_have_is_refused(ref: str) -> None:
    with pytest.raises(ValueError, match="is no reference"):
        encode_ref(ref)


def test_what_is_very_large_takes_no_more_than_it_must() -> None:
    """A megabyte of each: where the cost grew with the square of it, this would take hours, not a second."""
    large = 1_000_000
    assert len(ResourcePath.of("contents").read("acme", "a" * large, None)) == 1
    assert len(str(where(field("title") == "&" * large))) > large
    assert suggestion("a" * large, ["a" * large, "b"] + [f"c{number}" for number in range(1_000)])
    assert fits("(?:a?)*$", "a" * large) is None
    assert fits("(" * 50_000, "a") is None
    assert retry_after_seconds("1" * large, 0.0) is None
    for body in (b"<" * large, b"<script" * (large // 7), b"<script>" + b"</" * large, b"[" * large, b"\\" * large):
        with pytest.raises(ClientError):
            answered(body, 500)
        with pytest.raises(ClientError):
            answered(body)
    for link in ("/" * large, "//" + "a" * large, "?" + "&" * large, "http://" + "@" * large, "[" * large):
        with suppress(ClientError):
            Chain(SERVICE).follow(link, Call("GET", SERVICE))
    for link in ("//evil/" + "a" * large, "http://" + "a." * large):
        with pytest.raises(ClientError):
            resolve_link(SERVICE, link)


def test_a_descriptor_of_a_hundred_thousand_fields_is_walked_once() -> None:
    names = {"pluralName": "contents", "singularName": "content", "hyphenatedPluralName": "contents"}
    fields = {f"field{number}": {"type": "string"} for number in range(100_000)}
    resource = Descriptor.parse({"resourcefuls": {"contents": {**names, "fields": fields}}}).resource("contents")

    assert sum(1 for _ in resource.paths()) == 100_000


def test_a_deep_body_needs_no_more_memory_than_it_has_bytes() -> None:
    body = b"[" * 5_000_000
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            decode_json(body)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
