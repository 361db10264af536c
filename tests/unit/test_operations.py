"""The operations of an endpoint as requests, and every argument that is wrong before one is sent."""

from __future__ import annotations

import io
import math
from typing import Any

import httpx2
import msgspec
import pytest

from sequoia.calls import Answer, Call
from sequoia.criteria import Criteria, field, where
from sequoia.error import NotMatchingVersion, ReferencesMismatchException, http_error
from sequoia.operations import BusinessPath, ResourcePath, any_call, combined, version_conflict

HOME = "https://metadata.test"
CONTENTS = ResourcePath.of("contents")
FILM = {"ref": "acme:film-1", "owner": "acme", "name": "film-1"}


@pytest.mark.parametrize("name", ["offer-templates", "offerTemplates", "offer_templates"])
def test_a_resource_has_its_path_and_key_in_any_spelling(name: str) -> None:
    path = ResourcePath.of(name)
    assert path.url == "/data/offer-templates"
    assert path.key == "offerTemplates"


@pytest.mark.parametrize("name", ["a/b", "a?b", "a#b", "a b"])
def test_a_resources_name_cannot_leave_its_place_in_the_path(name: str) -> None:
    url = httpx2.URL(ResourcePath.of(name).url)
    assert url.raw_path.decode().count("/") == 2
    assert url.query == b""
    assert url.fragment == ""


# ---- read ----


def test_one_resource_is_read_by_its_ref() -> None:
    assert CONTENTS.read("acme", "acme:film-1", None) == [
        Call("GET", "/data/contents/acme:film-1?owner=acme", key="contents")
    ]


def test_several_resources_are_read_at_once() -> None:
    (call,) = CONTENTS.read("acme", ["acme:a", "acme:b,c"], None)
    assert call.url == "/data/contents/acme:a,acme:b%2Cc?owner=acme"


def test_a_criteria_goes_with_a_read() -> None:
    (call,) = CONTENTS.read("acme", "acme:a", where().include("assets", fields=["ref"]).fields("ref"))
    assert call.url == "/data/contents/acme:a?assets.fields=ref&fields=ref&include=assets&owner=acme"
    assert call.includes == ("assets",)


def test_without_an_owner_none_is_sent() -> None:
    (call,) = CONTENTS.read(None, "acme:a", None)
    assert call.url == "/data/contents/acme:a"


@pytest.mark.parametrize(("number", "parts"), [(1, [1]), (50, [50]), (51, [50, 1]), (120, [50, 50, 20])])
def test_many_refs_are_read_in_parts(number: int, parts: list[int]) -> None:
    calls = CONTENTS.read("acme", (f"acme:film-{one}" for one in range(number)), None)
    assert [call.url.partition("?")[0].rpartition("/")[2].count(",") + 1 for call in calls] == parts


def test_long_refs_are_read_in_parts_that_fit_into_a_url() -> None:
    refs = [f"acme:{'x' * 995}{number:04}" for number in range(12)]
    calls = CONTENTS.read("acme", refs, None)
    assert all(len(call.url) < 6200 for call in calls)
    assert len(calls) == 3
    joined = ",".join(call.url.partition("?")[0].rpartition("/")[2] for call in calls)
    assert joined == ",".join(refs)


def test_one_ref_of_any_length_is_one_request() -> None:
    assert len(CONTENTS.read("acme", "acme:" + "x" * 9000, None)) == 1


@pytest.mark.parametrize("refs", [[], (), set()])
def test_nothing_is_read_or_deleted_without_a_ref(refs: Any) -> None:
    with pytest.raises(ValueError, match="read needs at least one ref"):
        CONTENTS.read("acme", refs, None)
    with pytest.raises(ValueError, match="delete needs at least one ref"):
        CONTENTS.delete("acme", refs)


@pytest.mark.parametrize("refs", ["", ".", "..", ["acme:a", ""], ["acme:a", ".."], ["acme:\n"]])
def test_a_ref_that_is_none_is_refused(refs: Any) -> None:
    with pytest.raises(ValueError, match="no reference"):
        CONTENTS.read("acme", refs, None)
    with pytest.raises(ValueError, match="no reference"):
        CONTENTS.delete("acme", refs)


@pytest.mark.parametrize("refs", [None, 7, [None], [7], b"acme:a", {"ref": "acme:a"}, [{"ref": "acme:a"}]])
def test_a_ref_of_another_type_is_refused(refs: Any) -> None:
    with pytest.raises(TypeError, match="such as 'owner:name'"):
        CONTENTS.delete("acme", refs)
    with pytest.raises(TypeError, match="such as 'owner:name'"):
        CONTENTS.read("acme", refs, None)


@pytest.mark.parametrize("owner", ["", " ", 7, ["acme"]])
def test_an_owner_is_a_name(owner: Any) -> None:
    for ask in (
        lambda: CONTENTS.read(owner, "acme:a", None),
        lambda: CONTENTS.browse(owner, None, None, None),
        lambda: CONTENTS.store(owner, FILM),
        lambda: CONTENTS.update(owner, FILM, "acme:film-1", "1"),
        lambda: CONTENTS.delete(owner, "acme:a"),
    ):
        with pytest.raises(ValueError, match="owner must be the name of a tenant"):
            ask()


def test_an_owner_is_encoded() -> None:
    assert CONTENTS.delete("a&b=c", "acme:a")[0].url.endswith("?owner=a%26b%3Dc")


# ---- browse ----


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        (("acme", None, None, None), "owner=acme"),
        ((None, None, None, None), ""),
        (("acme", where(field("type") == "a|b"), None, None), "owner=acme&withType=a%7Cb"),
        (("acme", None, ["title", "ref"], None), "fields=ref%2Ctitle&owner=acme"),
        (("acme", None, "ref", None), "fields=ref&owner=acme"),
        (("acme", where().fields("title"), ["ref"], None), "fields=ref&owner=acme"),
        (("acme", None, None, "continue=true&perPage=2"), "continue=true&perPage=2&owner=acme"),
        (("acme", None, None, "owner=other&count=true"), "owner=other&count=true"),
        (("acme", None, None, "?owner=other"), "owner=other"),
        (("acme", None, None, "coowner=other"), "coowner=other&owner=acme"),
        (("acme", where().count(), ["ref"], "perPage=2"), "perPage=2&count=true&fields=ref&owner=acme"),
    ],
)
def test_a_browse_asks_in_one_order(arguments: tuple[Any, ...], query: str) -> None:
    call = CONTENTS.browse(*arguments)
    assert call.url == f"/data/contents{'?' if query else ''}{query}"
    assert (call.method, call.key, call.body) == ("GET", "contents", None)


@pytest.mark.parametrize("fields", [[""], ["ref", ""]])
def test_fields_have_names(fields: Any) -> None:
    with pytest.raises(ValueError, match="empty name"):
        CONTENTS.browse("acme", None, fields, None)


@pytest.mark.parametrize("fields", [None, [], (), "", iter(())])
def test_no_fields_at_all_ask_for_every_field(fields: Any) -> None:
    assert "fields" not in CONTENTS.browse("acme", None, fields, None).url


@pytest.mark.parametrize("criteria", ["withType=x", {"withType": "x"}, field("type") == "x"])
def test_a_criteria_is_a_criteria(criteria: Any) -> None:
    with pytest.raises(TypeError, match="criteria must be a Criteria"):
        CONTENTS.browse("acme", criteria, None, None)
    with pytest.raises(TypeError, match="criteria must be a Criteria"):
        CONTENTS.read("acme", "acme:a", criteria)


def test_a_criteria_is_not_changed_by_a_browse() -> None:
    criteria = Criteria().add_criterion(field("type") == "x")
    CONTENTS.browse("acme", criteria, ["ref"], None)
    assert str(criteria) == "withType=x"


# ---- writes ----


def test_a_store_posts_the_wrapped_resources_to_the_collection() -> None:
    call = CONTENTS.store("acme", FILM)
    assert (call.method, call.url) == ("POST", "/data/contents/?owner=acme")
    assert msgspec.json.decode(call.body or b"") == {"contents": [FILM]}


@pytest.mark.parametrize(
    ("value", "repeatable"),
    [(FILM, True), ({"name": "a"}, True), ({"title": "A"}, False), ([FILM, {"title": "A"}], False)],
)
def test_a_store_may_be_repeated_where_every_resource_has_a_ref_or_a_name(value: Any, repeatable: bool) -> None:
    assert CONTENTS.store("acme", value).repeatable is repeatable


def test_an_update_puts_the_resource_if_it_has_the_version() -> None:
    call = CONTENTS.update("acme", FILM, "acme:film-1", "abc")
    assert (call.method, call.url) == ("PUT", "/data/contents/acme:film-1?owner=acme")
    assert call.headers == {"If-Match": '"abc"'}
    assert msgspec.json.decode(call.body or b"") == {"contents": [FILM]}
    assert call.repeatable


@pytest.mark.parametrize("version", ["", None, 7, 'a"b', "a\nb", "é"])
def test_an_update_needs_a_version(version: Any) -> None:
    with pytest.raises(ValueError, match="update needs the version"):
        CONTENTS.update("acme", FILM, "acme:film-1", version)


def test_an_update_is_of_one_resource() -> None:
    with pytest.raises(ValueError, match="update takes one resource, not 2"):
        CONTENTS.update("acme", [FILM, FILM], "acme:film-1", "1")


def test_an_update_is_of_the_resource_that_is_named() -> None:
    with pytest.raises(ReferencesMismatchException):
        CONTENTS.update("acme", FILM, "acme:film-2", "1")


def test_a_delete_names_its_refs_and_goes_in_parts() -> None:
    assert CONTENTS.delete("acme", "acme:a") == [Call("DELETE", "/data/contents/acme:a?owner=acme", key="contents")]
    assert len(CONTENTS.delete("acme", [f"acme:{number}" for number in range(101)])) == 3


def test_a_version_conflict_says_what_to_do() -> None:
    error = http_error(412, {"message": "no"})
    error.url = "/data/contents/acme:a"
    made = version_conflict(error)
    assert type(made) is NotMatchingVersion
    assert made.cause is error
    assert "read it again" in str(made)
    error.ambiguous = True
    assert "may have gone through" in str(version_conflict(error))


# ---- answers in parts ----


def _answer(data: Any, status: int = 200, key: str | None = "contents") -> Answer:
    return Answer(Call("GET", HOME, key=key), httpx2.Response(status), data)


def test_parts_make_one_answer() -> None:
    one = {"meta": {"a": 1}, "contents": [{"ref": "1"}], "linked": {"assets": [{"ref": "x"}, {"ref": "y"}]}}
    two = {"meta": {}, "contents": [{"ref": "2"}], "linked": {"assets": [{"ref": "y"}], "offers": [{"ref": "z"}]}}
    made = combined([_answer(one), _answer(two)])
    assert made.data == {
        "meta": {"a": 1},
        "contents": [{"ref": "1"}, {"ref": "2"}],
        "linked": {"assets": [{"ref": "x"}, {"ref": "y"}], "offers": [{"ref": "z"}]},
    }
    assert one["contents"] == [{"ref": "1"}]


def test_one_part_is_the_answer() -> None:
    answer = _answer({"contents": []})
    assert combined([answer]) is answer


def test_parts_without_a_body_make_an_answer_without_one() -> None:
    assert combined([_answer(None, 204), _answer(None, 204)]).data is None


# ---- business endpoints ----

FLOW = BusinessPath("/$service/$owner:$ref")


def test_a_business_path_is_filled_in_with_encoded_values() -> None:
    call = FLOW.call("GET", {"service": "execution-progress", "owner": "acme", "ref": "a/b?c#d e:f"}, None)
    assert call.url == "/execution-progress/acme:a%2Fb%3Fc%23d%20e:f"
    assert (call.method, call.key, call.body, call.repeatable) == ("GET", None, None, True)


def test_business_parameters_may_be_a_query_string() -> None:
    call = BusinessPath("/$service$params").call("GET", {"service": "s"}, "?a=b c&d=é")
    assert call.url == "/s?a=b%20c&d=%C3%A9"


@pytest.mark.parametrize("content", [iter([b"x"]), io.BytesIO(b"x"), 5, {"a": 1}])
def test_a_body_that_could_be_sent_only_once_is_refused(content: Any) -> None:
    with pytest.raises(TypeError, match=r"content must be text or bytes, not .*: read it first"):
        _any("PUT", content=content)


@pytest.mark.parametrize("content", [bytearray(b"x"), memoryview(b"x"), "x", b"x"])
def test_a_body_is_text_or_bytes(content: Any) -> None:
    assert _any("PUT", content=content).body == b"x"


@pytest.mark.parametrize("query_string", [{"perPage": 1}, b"perPage=1", 5])
def test_a_query_string_is_a_text(query_string: Any) -> None:
    with pytest.raises(TypeError, match="query_string must be a text"):
        ResourcePath.of("contents").browse("acme", None, None, query_string)


def test_business_parameters_stand_at_the_end() -> None:
    for template in ("/$service/$ref", "/$service/$ref$params", "/$service/$ref?$params"):
        path = BusinessPath(template)
        call = path.call("GET", {"service": "s", "ref": "r"}, {"b": "x&y", "a": ["1", "2"]})
        assert call.url == "/s/r?a=1&a=2&b=x%26y"
        assert path.call("GET", {"service": "s", "ref": "r"}, None).url == "/s/r"


@pytest.mark.parametrize("template", ["$service/$owner:$ref", "/$service/${owner}:$ref"])
def test_a_template_may_begin_without_a_slash_and_use_braces(template: str) -> None:
    values = {"service": "s", "owner": "o", "ref": "r"}
    assert BusinessPath(template).call("GET", values, None).url == "/s/o:r"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "needs service and owner and ref"),
        ({"service": "s", "owner": "o"}, "needs ref"),
        ({"service": "s", "owner": "", "ref": None}, "needs owner and ref"),
    ],
)
def test_what_a_template_needs_is_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FLOW.call("GET", values, None)


@pytest.mark.parametrize("value", [".", ".."])
def test_a_value_cannot_climb_out_of_its_path(value: str) -> None:
    with pytest.raises(ValueError, match="dots"):
        FLOW.call("GET", {"service": value, "owner": "o", "ref": "r"}, None)


def test_a_template_that_is_none_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="placeholder"):
        BusinessPath("/$").call("GET", {}, None)


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ('{"a": 1}', b'{"a": 1}'),
        (b"[1]", b"[1]"),
        ({"a": 1}, b'{"a":1}'),
        ([], b"[]"),
        (None, None),
    ],
)
def test_a_business_body_is_sent_as_it_is(body: Any, sent: bytes | None) -> None:
    call = FLOW.call("POST", {"service": "s", "owner": "o", "ref": "r"}, None, body)
    assert call.body == sent
    assert not call.repeatable


@pytest.mark.parametrize(
    "body", ["", "nope", b"\xff", "{", object(), "[" * 200_000, {"a": math.nan}, math.inf, [10**5000]]
)
def test_a_business_body_that_is_no_json_is_refused(body: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        FLOW.call("POST", {"service": "s", "owner": "o", "ref": "r"}, None, body)


# ---- any request ----


def _any(method: str = "GET", url: str = f"{HOME}/x", **given: Any) -> Call:
    return any_call(method, url, **{"params": None, "json": None, "content": None, "headers": None, **given})


@pytest.mark.parametrize("value", ["a\r\nX-Forged: 1", "a\0", 7])
def test_a_header_that_is_none_is_refused_before_anything_is_sent(value: Any) -> None:
    with pytest.raises(ValueError, match="X-Mine"):
        _any(headers={"X-Mine": value})


def test_a_request_has_one_body() -> None:
    with pytest.raises(ValueError, match="one body"):
        _any("POST", json={}, content=b"")


@pytest.mark.parametrize(("method", "repeatable"), [("get", True), ("PUT", True), ("post", False), ("PATCH", False)])
def test_a_request_is_repeatable_where_http_says_so(method: str, repeatable: bool) -> None:
    assert _any(method).repeatable is repeatable
    assert _any(method).method == method.upper()


@pytest.mark.parametrize("method", ["", "GE T", "GET\n", "GÉT", None, 5])
def test_a_method_that_is_none_is_refused_before_anything_is_sent(method: Any) -> None:
    with pytest.raises(ValueError, match="method must be one of HTTP"):
        any_call(method, HOME, params=None, json=None, content=None, headers=None)


@pytest.mark.parametrize("name", ["", "a b", "a:", "é", "a\n", 5])
def test_a_header_has_a_name(name: Any) -> None:
    with pytest.raises(ValueError, match="no name of a header"):
        any_call("GET", HOME, params=None, json=None, content=None, headers={name: "x"})


@pytest.mark.parametrize("value", [" x", "x ", "a\nb"])
def test_a_header_that_cannot_be_sent_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="the header 'X-A' must be text"):
        any_call("GET", HOME, params=None, json=None, content=None, headers={"X-A": value})
