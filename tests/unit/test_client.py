"""The client: registry, tokens, redirects, correlation ids, and what it does not send."""

from __future__ import annotations

import logging
import pickle
import threading
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from oauthlib.oauth2 import InvalidGrantError

from sequoia import AuthType, Client
from sequoia.error import (
    AuthorisationError,
    ClientError,
    ConnectionError,
    DecodeError,
    HttpError,
    NotFound,
    ResourceNotFound,
    ServerError,
    ServiceNotFound,
)

if TYPE_CHECKING:
    from tests.unit.conftest import Platform

REGISTRY = "https://registry.test/services/acme"
TOKEN = "https://identity.test/oauth/token"
CONTENTS = "https://metadata.test/data/contents"
PAGE: dict[str, Any] = {"meta": {"perPage": 100}, "contents": [{"ref": "acme:a"}]}


def _ids(platform: Platform) -> list[str]:
    return [request.headers["x-correlation-id"] for request in platform.requests]


# ---- construction ----


def test_the_registry_is_read_and_a_token_fetched_while_it_is_constructed(platform: Platform) -> None:
    platform.client()
    assert platform.sent() == [f"GET {REGISTRY}", f"POST {TOKEN}"]
    assert "authorization" not in platform.requests[0].headers


def test_every_request_carries_the_clients_headers_and_token(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", PAGE)
    platform.client(user_agent="me/1").metadata.contents.browse("acme")
    headers = platform.requests[-1].headers
    assert headers["authorization"] == "Bearer t0k3n-1"
    assert headers["accept"] == headers["content-type"] == "application/vnd.piksel+json"
    assert headers["user-agent"].startswith("me/1 sequoia-client-sdk-python/5.")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"grant_client_id": None}, ValueError),
        ({"grant_client_secret": 7}, ValueError),
        ({"byo_token": "a\nb"}, ValueError),
        ({"auth_type": AuthType.BYO_TOKEN}, ValueError),
        ({"auth_type": AuthType.MUTUAL}, ValueError),
        ({"auth_type": AuthType.MUTUAL, "client_cert": "x", "client_key": "x", "server_cert": "x"}, ValueError),
        ({"correlation_id": "a\nb"}, ValueError),
        ({"request_timeout": 0}, ValueError),
        ({"backoff_strategy": {"max_tries": 0}}, ValueError),
        ({"verify": False}, ValueError),
        ({"verify": "/nowhere.pem"}, ValueError),
        ({"proxies": {"ftp": "http://x"}}, ValueError),
        ({"grant_client_sercet": "x"}, TypeError),
    ],
    ids=repr,
)
def test_a_wrong_argument_sends_nothing(platform: Platform, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        platform.client(**options)
    assert platform.requests == []


def test_a_registry_that_is_none_is_told_at_once(platform: Platform) -> None:
    with pytest.raises(DecodeError, match="this is not a registry"):
        Client(CONTENTS, auth_type=AuthType.NO_AUTH, adapters=[("https://", _always(PAGE))])


def _always(data: Any) -> httpx2.MockTransport:
    return httpx2.MockTransport(lambda request: httpx2.Response(200, json=data))


def test_a_url_where_there_is_no_registry_is_told_with_an_example_of_one(platform: Platform) -> None:
    transport = platform.transport
    with pytest.raises(NotFound, match=r"https://registry\.example\.com/services/acme") as caught:
        Client("https://registry.test/nothing", auth_type=AuthType.NO_AUTH, adapters=[("https://", transport)])
    assert caught.value.url == "https://registry.test/nothing"


def test_a_registry_that_cannot_be_reached_is_told_after_the_last_try(platform: Platform) -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        platform.requests.append(request)
        raise httpx2.ConnectError("refused", request=request)

    with pytest.raises(ConnectionError, match="no connection: refused") as caught:
        platform.client(adapters=[("https://", httpx2.MockTransport(refuse))])
    assert caught.value.tries == len(platform.requests) == 10
    assert caught.value.url == REGISTRY


def test_a_registry_without_an_identity_service_will_do_for_a_client_without_a_token(platform: Platform) -> None:
    data = {"services": [{"name": "metadata", "location": "https://metadata.test"}]}
    transport = _always(data)
    client = Client(REGISTRY, auth_type=AuthType.NO_AUTH, adapters=[("https://", transport)])
    assert list(client.services) == ["metadata"]
    with pytest.raises(ServiceNotFound, match="identity"):
        platform.client(adapters=[("https://", transport)])


@pytest.mark.parametrize("status", [400, 401])
def test_wrong_credentials_are_told_at_once_and_not_tried_again(platform: Platform, status: int) -> None:
    body = {"error": "invalid_grant", "error_description": "the grant is not valid"}
    answers = platform._answers[f"POST {TOKEN}"]
    answers[:] = [lambda request: httpx2.Response(status, json=body)]
    with pytest.raises(AuthorisationError, match="the grant is not valid") as caught:
        platform.client()
    assert isinstance(caught.value.cause, InvalidGrantError)
    assert len(platform.sent("identity")) == 1
    assert "s3cr3t-v4lue" not in str(caught.value)


def test_an_identity_service_in_trouble_is_asked_again(platform: Platform) -> None:
    answers = platform._answers[f"POST {TOKEN}"]
    answers.insert(0, lambda request: httpx2.Response(503))
    platform.client()
    assert len(platform.sent("identity")) == 2


def test_the_token_endpoint_is_not_asked_over_plain_http_unless_an_adapter_is_mounted_for_it() -> None:
    services = {"services": [{"name": "identity", "location": "http://identity.test"}]}
    options: dict[str, Any] = {"grant_client_id": "id", "grant_client_secret": "s"}
    with pytest.raises(AuthorisationError, match="OAUTHLIB_INSECURE_TRANSPORT"):
        Client(REGISTRY, adapters=[("https://", _always(services))], **options)
    granted = _always({"access_token": "t"})
    Client(REGISTRY, adapters=[("https://", _always(services)), ("http://identity.test", granted)], **options)


def test_a_token_does_not_go_to_a_service_over_plain_http() -> None:
    services = {"services": [{"name": "metadata", "location": "http://metadata.test"}]}
    client = Client(REGISTRY, auth_type=AuthType.BYO_TOKEN, byo_token="t", adapters=[("https://", _always(services))])
    with pytest.raises(AuthorisationError, match="the service 'metadata' is over plain http"):
        client.metadata.contents.browse("acme")


# ---- any request ----


def test_any_request_has_retries_and_a_response(platform: Platform) -> None:
    url = "https://metadata.test/any"
    platform.answer(f"GET {url}", status=503)
    platform.answer(f"GET {url}", {"a": 1})
    response = platform.client().get(url, params={"b": "x&y", "a": ["1", "2"]}, headers={"X-Mine": "1"})
    assert response.data == {"a": 1}
    assert response.resources is None
    assert platform.sent("metadata") == [f"GET {url}?a=1&a=2&b=x%26y"] * 2
    assert platform.requests[-1].headers["x-mine"] == "1"


def test_any_request_can_wait_for_a_result(platform: Platform) -> None:
    url = "https://metadata.test/any"
    platform.answer(f"GET {url}", {"things": []})
    platform.answer(f"GET {url}", {"things": [1]})
    client = platform.client()
    assert client.get(url, retry_when_empty_result=True).data == {"things": [1]}


def test_any_request_may_have_a_body(platform: Platform) -> None:
    url = "https://metadata.test/any"
    platform.answer(f"POST {url}", {"ok": True}, 201)
    client = platform.client()
    assert client.request("post", url, json={"a": 1}).status == 201
    assert platform.requests[-1].content == b'{"a":1}'
    client.request("POST", url, content="text")
    assert platform.requests[-1].content == b"text"


@pytest.mark.parametrize(("unsafe", "requests"), [(False, 1), (True, 2)])
def test_any_post_is_repeated_only_when_the_caller_says_so(platform: Platform, unsafe: bool, requests: int) -> None:
    url = "https://metadata.test/any"
    platform.answer(f"POST {url}", status=503)
    client = platform.client()
    with pytest.raises(ServerError):
        client.request("POST", url, json={}, backoff_strategy={"max_tries": 2, "retry_unsafe": unsafe})
    assert len(platform.sent("metadata")) == requests


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.get("/data/contents"),
        lambda client: client.get("ftp://metadata.test/"),
        lambda client: client.request("POST", "https://metadata.test/", json={}, content=b""),
        lambda client: client.get("https://metadata.test/", backoff_strategy={"max_tries": 0}),
        lambda client: client.get("https://metadata.test/", retry_when_empty_result="yes"),
    ],
)
def test_a_wrong_argument_of_any_request_sends_nothing(platform: Platform, ask: Any) -> None:
    client = platform.client()
    before = len(platform.requests)
    with pytest.raises(ValueError, match=r"."):
        ask(client)
    assert len(platform.requests) == before


def test_a_header_is_sent_once_whatever_its_case(platform: Platform) -> None:
    platform.answer("GET https://metadata.test/any", {})
    platform.client().get("https://metadata.test/any", headers={"accept": "text/csv", "x-correlation-id": "mine"})
    sent = [(name.lower(), value) for name, value in platform.requests[-1].headers.raw]
    assert [value for name, value in sent if name in {b"accept", b"x-correlation-id"}] == [b"text/csv", b"mine"]


# ---- correlation ids ----


def test_the_pages_and_tries_of_an_operation_share_one_correlation_id(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", status=503)
    platform.answer(f"GET {CONTENTS}", {"meta": {"next": "/data/contents?page=2"}, "contents": [{}]})
    platform.answer(f"GET {CONTENTS}", PAGE)
    client = platform.client()
    before = len(platform.requests)
    assert len(list(client.metadata.contents.browse("acme"))) == 2
    assert len(_ids(platform)[before:]) == 3
    assert len(set(_ids(platform)[before:])) == 1


def test_a_descriptor_that_explains_a_404_is_part_of_the_operation(platform: Platform) -> None:
    client = platform.client()
    before = len(platform.requests)
    with pytest.raises(NotFound):
        client.metadata.films.browse("acme")
    assert platform.sent()[-1].startswith("GET https://metadata.test/descriptor/raw")
    assert len(set(_ids(platform)[before:])) == 1


def test_two_operations_never_share_a_correlation_id(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", PAGE)
    client = platform.client(user_id="me", application_id="app")
    before = len(platform.requests)
    threads = [threading.Thread(target=client.metadata.contents.browse, args=("acme",)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    ids = _ids(platform)[before:]
    assert len(set(ids)) == len(ids) == 16
    assert all(one.startswith("me/app/") for one in ids)


def test_a_correlation_id_of_the_callers_is_on_every_request(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", PAGE)
    platform.client(correlation_id=" mine ").metadata.contents.browse("acme")
    assert set(_ids(platform)) == {"mine"}


def test_an_error_carries_the_correlation_id_that_was_sent(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", {"message": "no"}, 400)
    client = platform.client()
    with pytest.raises(HttpError) as caught:
        client.metadata.contents.browse("acme")
    assert caught.value.correlation_id == _ids(platform)[-1]
    assert caught.value.correlation_id in str(caught.value)
    assert (caught.value.method, caught.value.url) == ("GET", f"{CONTENTS}?owner=acme")


# ---- names ----


def test_services_and_endpoints_are_found_as_attributes_and_by_brackets(platform: Platform) -> None:
    client = platform.client()
    assert client.metadata.location == client["metadata"].location == "https://metadata.test"
    assert client["service-with-dash"].name == client.service_with_dash.name == "service-with-dash"
    for endpoint in (
        client.metadata.offer_templates,
        client.metadata["offer-templates"],
        client.metadata.offerTemplates,
    ):
        assert endpoint.url == "https://metadata.test/data/offer-templates"
    assert {"metadata", "service_with_dash", "get", "services"} <= set(dir(client))


def test_an_unknown_service_is_an_error_that_names_the_close_matches(platform: Platform) -> None:
    client = platform.client()
    with pytest.raises(ServiceNotFound, match="did you mean 'metadata'"):
        _ = client.metdata
    with pytest.raises(KeyError):
        client["metdata"]
    with pytest.raises(AttributeError):
        _ = client.metdata
    assert not hasattr(client, "metdata")
    assert not hasattr(client, "_private")


def test_an_unknown_resource_is_an_error_once_the_descriptor_is_known(platform: Platform) -> None:
    films = {"pluralName": "films", "singularName": "film", "hyphenatedPluralName": "films"}
    platform.answer("GET https://metadata.test/descriptor/raw", {"name": "metadata", "resourcefuls": {"films": films}})
    client = platform.client()
    with pytest.raises(ResourceNotFound, match="did you mean 'films'") as caught:
        client.metadata.filmes.browse("acme")
    assert caught.value.status_code == 404
    assert caught.value.url == "https://metadata.test/data/filmes?owner=acme"
    assert not hasattr(client.metadata, "filmes")
    assert "films" in dir(client.metadata)
    assert len(platform.sent("metadata")) == 2


@pytest.mark.parametrize("name", ["", ".", "..", None, 7])
def test_what_no_resource_can_be_called_is_not_found_and_nothing_is_sent(platform: Platform, name: Any) -> None:
    service = platform.client().metadata
    with pytest.raises(ResourceNotFound, match="a resource has a name"):
        service[name]
    assert platform.sent("metadata") == []


def test_the_registry_can_be_read_again(platform: Platform) -> None:
    client = platform.client()
    platform._answers[f"GET {REGISTRY}"][:] = []
    platform.answer(
        f"GET {REGISTRY}",
        {"services": [{"name": name, "location": f"https://{name}.test"} for name in ("identity", "newer")]},
    )
    client.refresh()
    assert set(client.services) == {"identity", "newer"}
    assert client.newer.location == "https://newer.test"
    assert len(platform.tokens) == 1


# ---- the end ----


def test_a_closed_client_sends_nothing_more(platform: Platform) -> None:
    with platform.client() as client:
        endpoint = client.metadata.contents
    before = len(platform.requests)
    with pytest.raises(ClientError, match="closed"):
        endpoint.browse("acme")
    client.close()
    assert len(platform.requests) == before


def test_a_client_does_not_cross_a_process_and_says_what_to_do(platform: Platform) -> None:
    with pytest.raises(TypeError, match="make one in each process"):
        pickle.dumps(platform.client())


def test_an_error_of_an_operation_survives_pickle_without_the_token(platform: Platform) -> None:
    def reset(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadError("reset", request=request)

    platform.answer_with(f"GET {CONTENTS}", reset)
    client = platform.client()
    with pytest.raises(ConnectionError) as caught:
        client.metadata.contents.browse("acme")
    dumped = pickle.dumps(caught.value)
    assert b"t0k3n" not in dumped
    assert str(pickle.loads(dumped)) == str(caught.value)  # noqa: S301


def test_no_secret_is_in_any_log_nor_in_any_repr(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    platform.answer_with(f"GET {CONTENTS}", platform.unless_good(PAGE))
    with caplog.at_level(logging.DEBUG):
        client = platform.client()
        platform.tokens.append("somebody revoked it")
        client.metadata.contents.browse("acme")
        with pytest.raises(NotFound):
            client.metadata.films.read("acme", "acme:x")
    shown = caplog.text + repr(client) + repr(client.metadata) + repr(client.metadata.contents) + repr(client._settings)
    assert "s3cr3t-v4lue" not in shown
    assert "t0k3n" not in shown
    assert REGISTRY in shown


def test_the_client_adds_no_log_handler(platform: Platform) -> None:
    before = list(logging.getLogger().handlers)
    platform.client()
    assert logging.getLogger().handlers == before
    assert logging.getLogger("sequoia").handlers == []


def test_an_error_is_not_its_own_cause(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}", {"statusCode": 404, "error": "Not Found"}, 404)
    with pytest.raises(NotFound) as caught:
        platform.client().metadata.contents.browse("acme")
    assert caught.value.__cause__ is None


def test_a_response_crosses_a_process_without_the_token(platform: Platform) -> None:
    platform.answer(f"GET {CONTENTS}/acme:a", PAGE)
    response = platform.client().metadata.contents.read("acme", "acme:a")
    dumped = pickle.dumps(response)
    assert platform.tokens[-1].encode() not in dumped
    loaded = pickle.loads(dumped)  # noqa: S301
    assert loaded.resources == PAGE["contents"]
    assert loaded.correlation_id == response.correlation_id


@pytest.mark.parametrize("name", [None, 7, ("metadata",)])
def test_a_service_has_a_name(platform: Platform, name: Any) -> None:
    with pytest.raises(ServiceNotFound, match="a service has a name"):
        platform.client()[name]


def test_blanks_around_the_user_agent_are_no_part_of_it(platform: Platform) -> None:
    platform.client(user_agent=" backend/2.0\n")
    assert platform.requests[0].headers["user-agent"].startswith("backend/2.0 sequoia-client-sdk-python/")


def test_a_refresh_under_way_leaves_no_service_at_its_old_place(platform: Platform) -> None:
    """A thread that looked the service up just before the registry was read again finds it where it is now."""
    client = platform.client()
    moved = {"services": [{"name": name, "location": f"https://{name}.moved"} for name in ("identity", "metadata")]}
    platform._answers[f"GET {REGISTRY}"].clear()
    platform.answer(f"GET {REGISTRY}", moved)
    platform.answer("POST https://identity.moved/oauth/token", {"access_token": "n3w", "token_type": "bearer"})
    found = client._registry.find

    def find_and_be_overtaken(name: str) -> Any:
        entry = found(name)
        client.refresh()
        return entry

    client._registry.find = find_and_be_overtaken  # type: ignore[method-assign]
    assert client.metadata.location == "https://metadata.moved"
    assert client.metadata.location == "https://metadata.moved"


def test_a_refresh_that_fails_changes_nothing(platform: Platform) -> None:
    client = platform.client()
    platform._answers[f"GET {REGISTRY}"].clear()
    platform.answer(f"GET {REGISTRY}", {"services": [{"name": "metadata", "location": "https://metadata.moved"}]})
    before = client.services
    with pytest.raises(ServiceNotFound, match="identity"):
        client.refresh()
    assert client.services is before
    platform.answer_with(f"GET {CONTENTS}", platform.unless_good(PAGE))
    assert client.metadata.contents.browse("acme").resources == PAGE["contents"]
