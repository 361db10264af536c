"""Answers: what is taken for good, what is refused, and where a redirect leads."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import httpx2
import pytest

from sequoia.calls import Answer, Call, Expects, decode_json, decoded, describe, is_empty, judge, redirected
from sequoia.error import BadRequest, DecodeError, HttpError, NotFound, RateLimited, ServerError, TooManyRedirects
from sequoia.retry import EmptyRule

URL = "https://metadata.test/data/contents"
CALL = Call("GET", URL, key="contents")
NOW = 1_800_000_000.0
PAGE = "<html><head><style>p {color: red}</style><title>502 Bad Gateway</title></head><body><p>nginx</p></body></html>"


def _judged(response: httpx2.Response, call: Call = CALL) -> Answer:
    return judge(call, response, now=NOW)


def _refused(response: httpx2.Response) -> HttpError:
    with pytest.raises(HttpError) as caught:
        _judged(response)
    return caught.value


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_a_good_answer_is_decoded(status: int) -> None:
    response = httpx2.Response(status, json={"contents": [{"ref": "acme:a"}]})
    answer = _judged(response)
    assert answer.data == {"contents": [{"ref": "acme:a"}]}
    assert answer.raw is response
    assert answer.call is CALL


def test_an_empty_body_is_no_data() -> None:
    assert _judged(httpx2.Response(204)).data is None
    assert _judged(httpx2.Response(200, content=b"")).data is None


@pytest.mark.parametrize(
    ("status", "cls"), [(400, BadRequest), (404, NotFound), (429, RateLimited), (500, ServerError), (503, ServerError)]
)
def test_a_refusal_carries_the_json_body_and_the_headers(status: int, cls: type[HttpError]) -> None:
    body = {"statusCode": status, "error": "No", "message": "not like this"}
    error = _refused(httpx2.Response(status, json=body, headers={"X-Thing": "a", "Retry-After": "9"}))
    assert type(error) is cls
    assert error.message == body
    assert error.status_code == status
    assert error.headers["x-thing"] == "a"
    assert error.retry_after == 9.0


def test_a_refusal_reads_a_date_in_retry_after() -> None:
    error = _refused(httpx2.Response(503, headers={"Retry-After": "Fri, 15 Jan 2027 08:01:00 GMT"}))
    assert error.retry_after == 60.0


def test_a_refusal_without_a_body_says_so() -> None:
    error = _refused(httpx2.Response(503))
    assert str(error) == "503 Service Unavailable, without a body"


def test_a_gateways_page_is_told_from_the_services_json() -> None:
    error = _refused(httpx2.Response(502, html=PAGE))
    assert str(error) == (
        "502 Bad Gateway, and the body is not the service's JSON but text/html: '502 Bad Gateway nginx'"
    )


def test_a_page_in_place_of_resources_is_a_decode_error() -> None:
    with pytest.raises(
        DecodeError, match=r"the answer to GET https://metadata\.test/data/contents is not JSON"
    ) as caught:
        _judged(httpx2.Response(200, html=PAGE))
    assert "nginx" in str(caught.value)
    assert "<p>" not in str(caught.value)


def test_a_redirect_that_names_no_place_is_an_error_of_its_status() -> None:
    assert _refused(httpx2.Response(302)).status_code == 302
    assert _refused(httpx2.Response(304)).status_code == 304


@pytest.mark.parametrize("body", [b"[]", b"7", b'"text"', b"null", b"[1, 2]"])
def test_resources_must_come_in_a_json_object(body: bytes) -> None:
    with pytest.raises(DecodeError, match="is not a JSON object"):
        _judged(httpx2.Response(200, content=body))


@pytest.mark.parametrize("body", [b"{", b'{"a": 1} x', b"\xff\xfe", b"{'a': 1}", b"NaN", b"[" * 200_000])
def test_what_is_no_json_is_a_decode_error_with_a_short_message(body: bytes) -> None:
    with pytest.raises(DecodeError, match="is not JSON") as caught:
        _judged(httpx2.Response(200, content=body))
    assert len(str(caught.value)) < 500


def test_a_business_endpoint_may_answer_with_any_json() -> None:
    call = Call("GET", URL)
    assert _judged(httpx2.Response(200, content=b"[1]"), call).data == [1]
    assert _judged(httpx2.Response(200, content=b"null"), call).data is None


def test_any_body_is_an_answer_where_anything_is_expected() -> None:
    call = Call("GET", URL, expects=Expects.ANYTHING)
    assert _judged(httpx2.Response(200, text="plain"), call).data is None
    assert _judged(httpx2.Response(200, json={"a": 1}), call).data == {"a": 1}
    piksel = httpx2.Response(200, content=b'{"a": 1}', headers={"content-type": "application/vnd.piksel+json"})
    assert _judged(piksel, call).data == {"a": 1}
    with pytest.raises(DecodeError):
        _judged(httpx2.Response(200, content=b"{", headers={"content-type": "application/json"}), call)


def test_a_secret_body_is_not_decoded_nor_shown() -> None:
    answer = _judged(
        httpx2.Response(200, content=b'{"access_token": "s3cr3t'), Call("POST", URL, expects=Expects.BYTES)
    )
    assert answer.data is None


def test_messages_show_no_user_information() -> None:
    with pytest.raises(DecodeError) as caught:
        _judged(httpx2.Response(200, text="x"), Call("GET", "https://me:pa55@metadata.test/x"))
    assert "pa55" not in str(caught.value)


def test_json_of_no_call_is_named_a_body() -> None:
    assert decode_json(b'{"a": [1, null]}') == {"a": [1, None]}
    with pytest.raises(DecodeError, match=r"^the body is not JSON"):
        decode_json(b"nope")


def test_an_error_is_told_which_request_it_was() -> None:
    error = NotFound("gone", 404)
    describe(error, Call("GET", "https://me:pa55@metadata.test/x?a=b"), "id-1")
    assert (error.method, error.url, error.correlation_id) == ("GET", "https://metadata.test/x?a=b", "id-1")
    error.headers = {"x-correlation-id": "of-the-server"}
    describe(error, CALL, "id-1")
    assert error.correlation_id == "of-the-server"


# ---- redirects ----

WRITE = Call("PUT", URL, {"If-Match": '"1"', "authorization": "Basic x"}, b"{}", key="contents", repeatable=False)


def _moved(status: int, location: str) -> httpx2.Response:
    return httpx2.Response(status, headers={"Location": location})


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_keeps_method_and_body(status: int) -> None:
    following = redirected(WRITE, _moved(status, "https://metadata.test/new"))
    assert following is not None
    assert (following.method, following.url, following.body) == ("PUT", "https://metadata.test/new", b"{}")
    assert following.headers == WRITE.headers
    assert following.authenticated
    assert (following.key, following.repeatable) == ("contents", False)


def test_a_303_asks_for_a_get_without_body() -> None:
    following = redirected(WRITE, _moved(303, "/new"))
    assert following is not None
    assert (following.method, following.body) == ("GET", None)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/new?a=b", "https://metadata.test/new?a=b"),
        ("new", "https://metadata.test/data/new"),
        ("?page=2", f"{URL}?page=2"),
        ("//other.test/x", "https://other.test/x"),
        ("HTTPS://metadata.test/x", "https://metadata.test/x"),
    ],
)
def test_a_relative_redirect_is_resolved(location: str, url: str) -> None:
    following = redirected(CALL, _moved(302, location))
    assert following is not None
    assert following.url == url


@pytest.mark.parametrize(
    "location",
    ["https://other.test/x", "http://metadata.test/x", "https://metadata.test:8443/x", "//other.test/x"],
)
def test_a_redirect_to_another_origin_leaves_the_token_behind(location: str) -> None:
    following = redirected(WRITE, _moved(302, location))
    assert following is not None
    assert not following.authenticated
    assert following.headers == {"If-Match": '"1"'}


def test_the_way_back_from_another_origin_is_without_the_token_too() -> None:
    there = redirected(WRITE, _moved(302, "https://other.test/x"))
    assert there is not None
    back = redirected(there, _moved(302, URL))
    assert back is not None
    assert not back.authenticated


@pytest.mark.parametrize("location", ["ftp://metadata.test/x", "javascript:alert(1)", "file:///x", "https://["])
def test_a_redirect_to_what_is_no_http_is_not_followed(location: str) -> None:
    with pytest.raises(TooManyRedirects, match="cannot be followed"):
        redirected(CALL, _moved(302, location))


@pytest.mark.parametrize("response", [httpx2.Response(200), httpx2.Response(302), _moved(300, "/x"), _moved(201, "/x")])
def test_what_is_no_redirect_leads_nowhere(response: httpx2.Response) -> None:
    assert redirected(CALL, response) is None


# ---- empty results ----

FULL: dict[str, Any] = {"meta": {}, "contents": [{"ref": "a"}], "linked": {"assets": [{"ref": "b"}]}}


@pytest.mark.parametrize(
    ("rule", "data", "empty"),
    [
        (False, {"contents": []}, False),
        ({}, {"contents": []}, False),
        (True, FULL, False),
        (True, {**FULL, "contents": []}, True),
        (True, {**FULL, "linked": {"assets": []}}, True),
        (True, {**FULL, "linked": {}}, True),
        (True, {"contents": [{"ref": "a"}]}, True),
        (True, {**FULL, "linked": {"assets": [1], "more": []}}, True),
        (True, {**FULL, "linked": None}, True),
        (True, {**FULL, "linked": ["odd"]}, True),
        (True, None, True),
        (True, {}, True),
        ({"contents": True}, {"contents": []}, True),
        ({"contents": True}, {}, True),
        ({"contents": True}, {**FULL, "linked": {}}, False),
        ({"contents": True, "assets": False}, {**FULL, "linked": {}}, False),
        ({"contents": False, "assets": True}, {**FULL, "contents": []}, False),
        ({"assets": True}, {**FULL, "linked": {"assets": []}}, True),
        ({"assets": True}, {**FULL, "linked": {}}, True),
        ({"assets": True}, {**FULL, "linked": ["odd"]}, True),
        ({"contents": False}, None, True),
    ],
)
def test_an_empty_result_is_one_where_something_that_must_be_there_is_not(
    rule: EmptyRule, data: Any, empty: bool
) -> None:
    call = Call("GET", URL, key="contents", includes=("assets",))
    assert is_empty(Answer(call, httpx2.Response(200), data), rule) is empty


@pytest.mark.parametrize(
    ("data", "empty"),
    [
        (None, True),
        ([], True),
        ([1], False),
        ({"contents": []}, True),
        ({"meta": {}, "contents": [1]}, False),
        ({"progress": 3}, False),
        ({"contents": [1], "linked": {"assets": []}}, True),
    ],
)
def test_without_a_resource_an_empty_list_is_an_empty_result(data: Any, empty: bool) -> None:
    assert is_empty(Answer(Call("GET", URL), httpx2.Response(200), data), True) is empty


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_is_not_repeated_because_its_answer_is_empty(method: str) -> None:
    assert not is_empty(Answer(Call(method, URL, key="contents"), httpx2.Response(204), None), rule=True)


def test_the_repr_of_a_call_shows_neither_headers_nor_body() -> None:
    call = Call("POST", URL, headers={"Authorization": "Basic s3cr3t"}, body=b"pa55")
    assert "s3cr3t" not in repr(call)
    assert "pa55" not in repr(call)


def _pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301


@pytest.mark.parametrize("copied", [_pickled, copy.deepcopy])
def test_an_answer_survives_pickle_without_the_token(copied: Any) -> None:
    request = httpx2.Request("GET", URL, headers={"Authorization": "Bearer t0k3n", "X-Correlation-ID": "c"})
    raw = httpx2.Response(200, content=b'{"contents": []}', request=request)
    call = Call("GET", URL, headers={"authorization": "Bearer t0k3n"}, key="contents")
    answer = copied(decoded(call, raw))
    assert b"t0k3n" not in pickle.dumps(decoded(call, raw))
    assert answer.data == {"contents": []}
    assert answer.raw.content == raw.content
    assert dict(answer.raw.request.headers) == {"host": request.headers["host"], "x-correlation-id": "c"}
    assert request.headers["authorization"] == "Bearer t0k3n"


def test_a_content_type_is_json_in_any_case() -> None:
    raw = httpx2.Response(200, headers={"content-type": "Application/JSON"}, content=b'{"a": 1}')
    assert decoded(Call("GET", URL, expects=Expects.ANYTHING), raw).data == {"a": 1}
