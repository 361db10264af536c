"""Errors: what is caught, what is read in a log, and what survives a process boundary."""

from __future__ import annotations

import copy
import pickle

import httpx2
import pytest
from oauthlib.oauth2 import InvalidGrantError

from sequoia import error as errors
from sequoia.error import ClientError, HttpError, RequestError, http_error

SECRET = "s3cr3t-t0ken"


def _made(cls: type[ClientError]) -> ClientError:
    if issubclass(cls, HttpError):
        return cls({"statusCode": 418, "error": "Teapot", "message": "short and stout"}, 418)
    return cls("something is wrong")


ERRORS = [
    one for name in errors.__all__ if isinstance(one := getattr(errors, name), type) and issubclass(one, Exception)
]


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_every_error_survives_pickle_with_its_type_and_message(cls: type[ClientError]) -> None:
    error = _made(cls)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own bytes
        assert type(again) is cls
        assert again.message == error.message
        assert again.args == error.args
        assert str(again) == str(error)
        assert again.__dict__ == error.__dict__


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_every_error_can_be_copied(cls: type[ClientError]) -> None:
    error = _made(cls)
    assert str(copy.copy(error)) == str(error)
    assert copy.deepcopy(error).__dict__ == error.__dict__


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_the_text_of_every_error_is_a_sentence_on_one_line(cls: type[ClientError]) -> None:
    text = str(_made(cls))
    assert text in {"something is wrong", "418 Teapot: short and stout"}


def test_the_module_docstring_draws_every_error_of_the_tree() -> None:
    drawing = errors.__doc__ or ""
    assert [cls.__name__ for cls in ERRORS if cls.__name__ not in drawing] == []


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (errors.AuthorisationError, ClientError),
        (errors.TokenExpiredError, ClientError),
        (errors.ReferencesMismatchException, ClientError),
        (errors.NotMatchingVersion, ClientError),
        (errors.ConnectionError, RequestError),
        (errors.Timeout, RequestError),
        (errors.TooManyRedirects, RequestError),
        (HttpError, RequestError),
        (RequestError, ClientError),
        (errors.ServiceNotFound, KeyError),
        (errors.ServiceNotFound, AttributeError),
        (errors.ResourceNotFound, KeyError),
        (errors.ResourceNotFound, AttributeError),
        (errors.CriteriaError, ClientError),
        (errors.DecodeError, ClientError),
        (errors.PaginationLoopError, ClientError),
        (errors.UnsafeLinkError, ClientError),
        (errors.NoResultFound, ClientError),
        (errors.MultipleResultsFound, ClientError),
    ],
)
def test_an_error_is_caught_by_its_place_in_the_tree(cls: type[Exception], base: type[Exception]) -> None:
    assert issubclass(cls, base)


def test_an_authorisation_error_is_not_a_request_error_and_so_is_never_retried() -> None:
    assert not issubclass(errors.AuthorisationError, RequestError)


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (400, errors.BadRequest),
        (401, HttpError),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (412, HttpError),
        (422, HttpError),
        (429, errors.RateLimited),
        (500, errors.ServerError),
        (503, errors.ServerError),
        (599, errors.ServerError),
    ],
)
def test_a_status_has_its_class(status: int, cls: type[HttpError]) -> None:
    made = http_error(status, {"message": "no"})
    assert type(made) is cls
    assert made.status_code == status
    assert made.message == {"message": "no"}


def _of_a_request(error: RequestError) -> RequestError:
    error.method = "GET"
    error.url = "https://metadata.test/data/contents"
    error.correlation_id = "id-1"
    error.headers = {"retry-after": "7", "x-thing": "a"}
    error.tries = 3
    error.retry_after = 7.0
    error.ambiguous = True
    error.sent = False
    return error


def test_a_request_error_keeps_what_it_knows_of_the_request_across_pickle() -> None:
    error = _of_a_request(http_error(503, "busy"))
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert isinstance(again, errors.ServerError)
    assert (again.status_code, again.method, again.url) == (503, "GET", "https://metadata.test/data/contents")
    assert (again.correlation_id, again.tries, again.retry_after) == ("id-1", 3, 7.0)
    assert (again.ambiguous, again.sent, again.headers) == (True, False, {"retry-after": "7", "x-thing": "a"})


def test_the_text_of_a_request_error_says_where_how_often_and_the_correlation_id() -> None:
    text = str(_of_a_request(http_error(503, {"error": "Service Unavailable", "message": "come back later"})))
    assert text == (
        "503 Service Unavailable: come back later "
        "(GET https://metadata.test/data/contents, after 3 tries, correlation id id-1)"
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": "Bad Request", "message": "no such field"}, "400 Bad Request: no such field"),
        ({"error": "invalid_grant", "error_description": "not valid"}, "400 invalid_grant: not valid"),
        ({"error": "Bad Request"}, "400 Bad Request"),
        ({"message": "no such field"}, "400 BadRequest: no such field"),
        ({}, "400 BadRequest"),
        ("a sentence", "a sentence"),
        (None, "400 BadRequest: None"),
        ([1, 2], "400 BadRequest: [1, 2]"),
        (17, "400 BadRequest: 17"),
    ],
)
def test_an_http_error_reads_well_whatever_its_body(body: object, text: str) -> None:
    assert str(http_error(400, body)) == text


def test_a_service_not_found_reads_as_a_sentence_and_not_in_the_quotes_of_a_key_error() -> None:
    assert str(errors.ServiceNotFound("no service 'x'")) == "no service 'x'"
    assert str(errors.ResourceNotFound("no resource 'x'", 404)) == "no resource 'x'"


def test_a_pickled_error_holds_no_token_of_the_request_behind_it() -> None:
    request = httpx2.Request("GET", "https://metadata.test/", headers={"Authorization": f"Bearer {SECRET}"})
    error = errors.ConnectionError("connection lost", httpx2.ReadError("reset", request=request))
    error.__cause__ = error.cause
    dumped = pickle.dumps(error)
    assert SECRET.encode() not in dumped
    assert b"Authorization" not in dumped
    again = pickle.loads(dumped)  # noqa: S301
    assert isinstance(again.cause, httpx2.ReadError)
    assert str(again.cause) == "reset"


def test_a_pickled_error_keeps_its_oauth_cause() -> None:
    error = errors.AuthorisationError("refused", InvalidGrantError("the grant is not valid", status_code=400))
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert isinstance(again.cause, InvalidGrantError)
    assert again.cause.description == "the grant is not valid"
    assert again.cause.error == "invalid_grant"


def test_a_pickled_error_keeps_a_cause_of_the_sdk_with_its_own_cause() -> None:
    inner = http_error(412, {"message": "version"})
    inner.cause = ValueError("deep")
    again = pickle.loads(pickle.dumps(errors.NotMatchingVersion("stale", inner)))  # noqa: S301
    assert isinstance(again.cause, HttpError)
    assert again.cause.status_code == 412
    assert isinstance(again.cause.cause, ValueError)
    assert again.cause.cause.args == ("deep",)


def test_a_cause_that_needs_many_arguments_can_be_pickled() -> None:
    cause = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    again = pickle.loads(pickle.dumps(errors.DecodeError("not JSON", cause)))  # noqa: S301
    assert isinstance(again.cause, UnicodeDecodeError)
    assert str(again) == "not JSON"


def test_a_loop_error_keeps_its_checkpoint() -> None:
    again = pickle.loads(pickle.dumps(errors.PaginationLoopError("round", None, "/data/x?continue=a")))  # noqa: S301
    assert again.checkpoint == "/data/x?continue=a"


def test_an_error_takes_over_what_another_knows_of_the_request() -> None:
    source = _of_a_request(http_error(404, "gone"))
    taker = errors.ResourceNotFound("no such resource", 404)
    taker.of_request(source)
    assert taker.cause is source
    assert (taker.url, taker.tries, taker.headers) == (source.url, 3, source.headers)
