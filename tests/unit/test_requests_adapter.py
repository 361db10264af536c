"""Adapters of the requests library: a test-suite written for 4.4.0 goes on working."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import requests
import requests_mock

import sequoia.auth
import sequoia.tokens
from sequoia import AuthType, Client, Criteria, Inclusion, InstantClock
from sequoia.error import ConnectionError, DecodeError, NotFound, Timeout, TooManyRedirects

MOCK = "http://mock-registry/services/testmock"
CONTENTS = "http://mock-metadata/data/contents"


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> requests_mock.Adapter:
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT", raising=False)
    sequoia.tokens.PROCESS_TOKENS.clear()
    made = requests_mock.Adapter()
    services = [{"name": name, "location": f"http://mock-{name}"} for name in ("identity", "metadata")]
    made.register_uri("GET", MOCK, json={"services": services})
    made.register_uri(
        "POST", "http://mock-identity/oauth/token", json={"access_token": "t0k3n", "token_type": "bearer"}
    )
    return made


def _client(adapter: requests_mock.Adapter, **options: Any) -> Client:
    return Client(
        MOCK, grant_client_id="piksel", grant_client_secret="blablabla", adapters=[("http://", adapter)], **options
    )


def _last(adapter: requests_mock.Adapter) -> Any:
    """The last request; its type would have to be ruled out to be None on every line."""
    return adapter.last_request


def test_a_client_is_made_and_used_as_with_4_4_0(adapter: requests_mock.Adapter) -> None:
    adapter.register_uri("GET", f"{CONTENTS}?owner=testmock", json={"meta": {}, "contents": [{"ref": "testmock:a"}]})
    client = _client(adapter)
    assert client.metadata.contents.browse("testmock").resources == [{"ref": "testmock:a"}]
    assert _last(adapter).headers["Authorization"] == "Bearer t0k3n"
    assert _last(adapter).headers["Accept"] == "application/vnd.piksel+json"
    assert [one.url for one in adapter.request_history] == [
        MOCK, "http://mock-identity/oauth/token", f"{CONTENTS}?owner=testmock"
    ]  # fmt: skip


def test_what_was_sent_can_be_looked_at(adapter: requests_mock.Adapter) -> None:
    adapter.register_uri("POST", f"{CONTENTS}/", json={"contents": [{"ref": "testmock:a"}]}, status_code=201)
    response = _client(adapter).metadata.contents.store("testmock", {"name": "a|b", "title": "é"})
    assert response.status == 201
    assert _last(adapter).json() == {"contents": [{"name": "a|b", "title": "é"}]}
    assert _last(adapter).query == "owner=testmock"


def test_a_refs_encoding_survives(adapter: requests_mock.Adapter) -> None:
    adapter.register_uri("GET", requests_mock.ANY, json={"contents": []})
    adapter.register_uri("GET", MOCK, json={"services": [{"name": "metadata", "location": "http://mock-metadata"}]})
    client = Client(MOCK, auth_type=sequoia.auth.AuthType.NO_AUTH, adapters=[("http://", adapter)])
    client.metadata.contents.read("testmock", ["t:a/b", "t:c,d%"])
    assert _last(adapter).url == f"{CONTENTS}/t:a%2Fb,t:c%2Cd%25?owner=testmock"


def test_errors_are_those_of_the_contract(adapter: requests_mock.Adapter) -> None:
    adapter.register_uri("GET", f"{CONTENTS}/t:a", json={"statusCode": 404}, status_code=404)
    with pytest.raises(NotFound):
        _client(adapter).metadata.contents.read("t", "t:a")


@pytest.mark.parametrize(
    ("raised", "expected", "sent"),
    [
        (requests.exceptions.ConnectTimeout, Timeout, False),
        (requests.exceptions.ReadTimeout, Timeout, True),
        (requests.exceptions.ConnectionError, ConnectionError, True),
        (requests.exceptions.ChunkedEncodingError, ConnectionError, True),
    ],
)
def test_what_requests_raises_is_translated(
    adapter: requests_mock.Adapter, raised: type[Exception], expected: type[Exception], sent: bool
) -> None:
    adapter.register_uri("GET", f"{CONTENTS}/t:a", exc=raised)
    client = _client(adapter, clock=InstantClock(), backoff_strategy={"max_tries": 3, "interval": 0})
    with pytest.raises(expected) as caught:
        client.metadata.contents.read("t", "t:a")
    assert getattr(caught.value, "tries", None) == 3
    assert getattr(caught.value, "sent", None) is sent


def test_a_broken_content_encoding_is_a_decode_error(adapter: requests_mock.Adapter) -> None:
    adapter.register_uri("GET", f"{CONTENTS}/t:a", exc=requests.exceptions.ContentDecodingError)
    with pytest.raises(DecodeError, match="content encoding"):
        _client(adapter).metadata.contents.read("t", "t:a")


def test_an_address_that_is_not_mocked_is_no_connection(adapter: requests_mock.Adapter) -> None:
    client = _client(adapter)
    with pytest.raises(ConnectionError, match="No mock address: GET http://mock-metadata/data/contents/t:a") as caught:
        client.metadata.contents.read("t", "t:a")
    assert not caught.value.sent


def test_a_mocked_404_is_a_404_although_nobody_mocked_the_descriptor(adapter: requests_mock.Adapter) -> None:
    adapter.register_uri("GET", CONTENTS, status_code=404, json={"statusCode": 404, "error": "Not Found"})
    with pytest.raises(NotFound) as caught:
        _client(adapter).metadata.contents.browse("t")
    assert caught.value.status_code == 404


def test_headers_of_the_answer_are_kept_but_for_those_of_the_encoded_body(adapter: requests_mock.Adapter) -> None:
    headers = {"X-Correlation-ID": "of-the-server", "Content-Length": "9999", "Transfer-Encoding": "chunked"}
    adapter.register_uri("GET", f"{CONTENTS}/t:a", json={"contents": [{"ref": "t:a"}]}, headers=headers)
    response = _client(adapter).metadata.contents.read("t", "t:a")
    assert response.correlation_id == "of-the-server"
    assert response.resource == {"ref": "t:a"}
    assert response.headers.get("transfer-encoding") is None


def test_the_request_timeout_reaches_the_adapter(adapter: requests_mock.Adapter) -> None:
    adapter.register_uri("GET", f"{CONTENTS}/t:a", json={"contents": []})
    _client(adapter, request_timeout=7).metadata.contents.read("t", "t:a")
    assert _last(adapter).timeout == (7.0, 7.0)
    assert _last(adapter).verify is True


def test_closing_the_client_closes_the_adapter(adapter: requests_mock.Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    client = _client(adapter)
    monkeypatch.setattr(adapter, "close", lambda: closed.append(True))
    client.close()
    assert closed == [True]


def test_a_descriptor_that_is_mocked_as_4_4_0_asks_for_it_is_found() -> None:
    adapter = requests_mock.Adapter()
    services = [{"name": "metadata", "location": "http://metadata.test"}]
    adapter.register_uri("GET", "http://registry.test/services/acme", json={"services": services})
    linked = {"assets": [{"ref": "acme:a"}]}
    page = {"meta": {}, "contents": [{"ref": "acme:x", "assetRefs": ["acme:a"]}], "linked": linked}
    adapter.register_uri("GET", "http://metadata.test/data/contents", json=page)
    assets = {"type": "direct", "resourceType": "assets", "fieldNamePath": "assetRefs"}
    contents = {"pluralName": "contents", "singularName": "content", "hyphenatedPluralName": "contents"}
    adapter.register_uri(
        "GET",
        "http://metadata.test/descriptor/raw?_pretty=true",
        json={"name": "metadata", "resourcefuls": {"contents": {**contents, "relationships": {"assets": assets}}}},
    )
    with Client(
        "http://registry.test/services/acme",
        auth_type=AuthType.NO_AUTH,
        model_resolution=True,
        adapters=[("http://", adapter)],
    ) as client:
        response = client.metadata.contents.browse("acme", Criteria().add_inclusion(Inclusion.resource("assets")))
        assert response.model is not None
        assert response.model[0]["assets"] == linked["assets"]


def test_a_redirect_loop_of_requests_is_one(adapter: requests_mock.Adapter) -> None:
    adapter.register_uri("GET", f"{CONTENTS}/t:a", exc=requests.exceptions.TooManyRedirects)
    with _client(adapter) as client, pytest.raises(TooManyRedirects):
        client.metadata.contents.read("t", "t:a")


def test_without_requests_an_adapter_says_what_to_install() -> None:
    program = """
import sys
sys.modules["requests"] = None  # as if it were not installed
from sequoia import AuthType, Client
class Adapter:
    def send(self, request): ...
try:
    Client("http://mock/services/a", auth_type=AuthType.NO_AUTH, adapters=[("http://", Adapter())])
except ImportError as error:
    print(error)
"""
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)  # noqa: S603
    assert told.stdout.strip() == (
        "an adapter of the requests library needs it: pip install 'sequoia-client-sdk[requests]'"
    )
