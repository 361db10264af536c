"""A response under the names that users know."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import httpx2
import pytest

from sequoia.calls import Answer, Call
from sequoia.error import DecodeError, MultipleResultsFound, NoResultFound
from sequoia.response import Record, Resource, Response, records

URL = "https://metadata.test/data/contents"
BODY: dict[str, Any] = {
    "meta": {"perPage": 2, "totalCount": 5, "facetCount": {"type": {"movie": 3}}},
    "contents": [{"ref": "acme:a", "title": "A"}, {"ref": "acme:b", "title": "B"}],
}


def _response(data: Any, key: str | None = "contents", status: int = 200, **headers: Any) -> Response:
    request = httpx2.Request("GET", URL, headers={"X-Correlation-ID": "sent"})
    raw = httpx2.Response(status, headers=headers, request=request)
    return Response(Answer(Call("GET", URL, key=key), raw, data))


def test_resources_is_the_very_list_in_data() -> None:
    response = _response(BODY)
    assert response.resources is response.data["contents"]
    assert response.json is response.resources
    assert response.full_json is response.data is BODY


def test_counts_come_from_meta() -> None:
    response = _response(BODY)
    assert response.meta == BODY["meta"]
    assert response.total_count == 5
    assert response.facet_count == {"type": {"movie": 3}}


@pytest.mark.parametrize("data", [None, {"contents": []}, {"meta": None}, {"meta": []}])
def test_a_meta_that_the_server_did_not_send_is_none(data: Any) -> None:
    assert _response(data).meta is None


@pytest.mark.parametrize("data", [None, {"contents": []}, {"meta": {}}, {"meta": None}, {"meta": []}])
def test_what_the_server_did_not_count_is_none(data: Any) -> None:
    response = _response(data)
    assert response.total_count is None
    assert response.facet_count is None
    assert response.resources == []


def test_an_empty_body_is_no_resources() -> None:
    response = _response(None, status=204)
    assert (response.resources, response.json, response.data, response.full_json) == ([], [], {}, {})
    assert response.status == 204


def test_a_business_endpoints_body_is_in_data_and_json() -> None:
    response = _response({"progress": 3}, key=None)
    assert response.resources is None
    assert response.data == response.json == response.full_json == {"progress": 3}
    assert _response(None, key=None).data is None
    assert _response([1, 2], key=None).json == [1, 2]


@pytest.mark.parametrize("value", [{}, "text", 7, None])
def test_resources_that_are_no_list_are_a_decode_error(value: Any) -> None:
    with pytest.raises(DecodeError, match="'contents' is not a list"):
        _ = _response({"contents": value}).resources


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"meta": {}, "myURLs": [{"ref": "acme:a"}]}, [{"ref": "acme:a"}]),
        ({"meta": {}, "linked": [1], "contents": [], "others": [{"ref": "acme:a"}]}, []),
        ({"meta": {}, "linked": [1]}, []),
        ({"meta": {}, "message": "stored"}, []),
        ({"meta": {}, "ones": [1], "others": [2]}, []),
    ],
)
def test_resources_under_another_name_are_the_only_list_there_is(data: Any, found: list[Any]) -> None:
    assert _response(data).resources == found


def test_the_only_resource_is_found() -> None:
    assert _response({"contents": [{"ref": "acme:a"}]}).resource == {"ref": "acme:a"}


def test_no_resource_and_several_are_told_apart() -> None:
    with pytest.raises(NoResultFound, match="no resource"):
        _ = _response({"contents": []}).resource
    with pytest.raises(NoResultFound):
        _ = _response(None).resource
    with pytest.raises(MultipleResultsFound, match="2 resources"):
        _ = _response(BODY).resource


def test_status_headers_and_raw_are_those_of_the_http_response() -> None:
    response = _response(BODY, status=201, etag="x")
    assert response.status == 201
    assert response.headers["ETag"] == "x"
    assert response.raw.request.method == "GET"


def test_the_correlation_id_is_the_servers_or_else_the_one_that_was_sent() -> None:
    headers: dict[str, Any] = {"X-Correlation-ID": "of-the-server"}
    assert _response(BODY, **headers).correlation_id == "of-the-server"
    assert _response(BODY).correlation_id == "sent"


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        _ = _response(BODY).contents  # type: ignore[attr-defined]


def test_without_model_resolution_there_is_no_model() -> None:
    assert _response(BODY).model is None


def test_the_model_is_resolved_once() -> None:
    asked: list[Answer] = []

    def resolver(answer: Answer) -> list[Resource] | None:
        asked.append(answer)
        return [{"resolved": True}]

    answer = Answer(Call("GET", URL, key="contents"), httpx2.Response(200), BODY)
    response = Response(answer, resolver)
    assert asked == []
    assert response.model is response.model
    assert asked == [answer]


def test_the_repr_is_short_and_shows_no_resource() -> None:
    assert repr(_response(BODY)) == "<Response 200 contents=2>"
    assert repr(_response({"a": 1}, key=None)) == "<Response 200>"


def test_resources_can_be_read_as_objects() -> None:
    first, second = _response({"contents": [{"title": "A", "media": [{"url": "u"}]}, {"title": "B"}]}).to_object()
    assert (first.title, second.title) == ("A", "B")
    assert first.media[0].url == "u"
    assert _response({"progress": {"done": 3}}, key=None).to_object().progress.done == 3


def test_a_record_is_read_only() -> None:
    record = Record({"title": "A"})
    with pytest.raises(AttributeError, match="read-only"):
        record.title = "B"
    with pytest.raises(AttributeError):
        del record.title
    with pytest.raises(AttributeError):
        del record._members
    with pytest.raises(TypeError):
        record["title"] = "B"
    assert record.title == "A"


def test_a_record_does_not_follow_changes_of_the_dict_it_was_made_of() -> None:
    source = {"title": "A", "nested": {"b": 1}}
    record = Record(source)
    source["title"] = "B"
    assert record.title == "A"


def test_a_member_whose_name_is_no_identifier_is_reached_by_brackets() -> None:
    record = Record({"content-type": "movie", "class": "x", "": 1})
    assert (record["content-type"], record["class"], record[""]) == ("movie", "x", 1)
    assert getattr(record, "content-type") == "movie"


def test_a_record_without_a_member_says_so() -> None:
    record = Record({"title": "A"})
    with pytest.raises(AttributeError, match="no 'ref'"):
        _ = record.ref
    with pytest.raises(KeyError):
        record["ref"]
    assert not hasattr(record, "ref")
    assert getattr(record, "ref", "none") == "none"


def test_a_record_can_be_looked_through() -> None:
    record = Record({"b": 1, "a": {"c": 2}})
    assert "b" in record
    assert "c" not in record
    assert list(record) == ["b", "a"]
    assert len(record) == 2
    assert dir(record) == ["a", "b"]
    assert repr(record) == "Record(b=1, a=Record(c=2))"


def test_records_are_equal_by_their_members() -> None:
    assert Record({"a": [{"b": 1}]}) == Record({"a": [{"b": 1}]})
    assert Record({"a": 1}) != Record({"a": 2})
    assert Record({"a": 1}) != {"a": 1}
    with pytest.raises(TypeError, match="unhashable"):
        hash(Record({}))


@pytest.mark.parametrize("record", [Record({}), Record({"a": [{"b-c": {"d": None}}], "e": 1.5})])
def test_a_record_survives_pickle_and_copies(record: Record) -> None:
    assert pickle.loads(pickle.dumps(record)) == record  # noqa: S301
    assert copy.copy(record) == record
    assert copy.deepcopy(record) == record


@pytest.mark.parametrize("value", [None, 7, "text", True, []])
def test_what_is_no_object_stays_what_it_is(value: Any) -> None:
    assert records(value) == value


def test_a_repr_never_fails() -> None:
    answer = Answer(Call("GET", "https://m.test/x", key="contents"), httpx2.Response(200), {"contents": {}})
    assert repr(Response(answer)) == "<Response 200>"
