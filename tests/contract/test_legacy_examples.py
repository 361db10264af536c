"""Code as users of 4.4.0 have it, in its documented forms, run unchanged."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import backoff
import pytest
import requests
import requests_mock
from tests.contract.data import asset, category, content, load_assets, load_contents, sent

from sequoia import criteria, error
from sequoia.auth import AuthType
from sequoia.client import Client
from sequoia.criteria import Criteria, Inclusion, StringExpressionFactory
from sequoia.sandbox import Fault, Sandbox


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old constructor follows the environment, and the sandbox is on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def registry(sandbox: Sandbox) -> str:
    return sandbox.registry_url


@pytest.fixture
def client(registry: str, sandbox: Sandbox) -> Iterator[Client]:
    client = Client(registry, grant_client_id=sandbox.client_id, grant_client_secret=sandbox.client_secret)
    sandbox.requests.clear()
    yield client
    client.close()


# Creating a client


def test_constructor_with_a_client_grant(registry: str, sandbox: Sandbox) -> None:
    clients = [
        Client(registry, grant_client_id=sandbox.client_id, grant_client_secret=sandbox.client_secret),
        Client(
            registry,
            auth_type=AuthType.CLIENT_GRANT,
            grant_client_id=sandbox.client_id,
            grant_client_secret=sandbox.client_secret,
        ),
    ]
    for client in clients:
        assert client.workflow.profiles is not None
        assert client.metadata.contents is not None
        client.close()


def test_constructor_with_the_caller_s_token(registry: str, sandbox: Sandbox, owner: str) -> None:
    answer = requests.post(
        f"{sandbox.location('identity')}/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(sandbox.client_id, sandbox.client_secret),
        timeout=10,
    )
    token = answer.json()["access_token"]
    with Client(registry, auth_type=AuthType.BYO_TOKEN, byo_token=token) as client:
        assert client.metadata.contents.browse(owner).resources == []


def test_constructor_without_authentication(registry: str) -> None:
    with Client(registry, auth_type=AuthType.NO_AUTH) as client, pytest.raises(error.HttpError):
        client.metadata.contents.browse("testmock")


@pytest.mark.parametrize(
    ("auth_type", "arguments"),
    [
        (AuthType.CLIENT_GRANT, {"grant_client_id": "only"}),
        (AuthType.BYO_TOKEN, {}),
        (AuthType.MUTUAL, {"client_cert": "/certs/client_cert.pem", "client_key": "/certs/client_key.pem"}),
    ],
)
def test_constructor_without_what_the_type_needs(registry: str, auth_type: AuthType, arguments: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=auth_type.name):
        Client(registry, auth_type=auth_type, **arguments)  # type: ignore[arg-type]


def test_constructor_with_everything_else(registry: str, sandbox: Sandbox, owner: str) -> None:
    client = Client(
        registry,
        grant_client_id=sandbox.client_id,
        grant_client_secret=sandbox.client_secret,
        content_type="application/json",
        backoff_strategy={"wait_gen": backoff.expo, "max_tries": 5, "max_time": 300},
        request_timeout=30,
        user_agent="backend/2.0",
        model_resolution=True,
    )
    client.metadata.contents.browse(owner)
    request = sent(sandbox)[-1]
    assert request.headers["accept"] == "application/json"
    assert request.headers["user-agent"].startswith("backend/2.0")
    client.close()


def test_a_test_suite_that_mounts_an_adapter_of_requests_mock() -> None:
    adapter = requests_mock.Adapter()
    services = [
        {"owner": "root", "name": name, "title": name, "location": f"https://{name}.example.com"}
        for name in ("identity", "metadata")
    ]
    adapter.register_uri("GET", "http://mock-registry/services/testmock", json={"services": services})
    token = {"access_token": "t" * 40, "token_type": "bearer", "expires_in": 3600}
    adapter.register_uri("POST", "https://identity.example.com/oauth/token", json=token)
    adapter.register_uri(
        "GET",
        "https://metadata.example.com/data/contents?owner=testmock&withContentRef=testmock%3AsampleContent",
        json={"meta": {}, "contents": [{"ref": "testmock:x", "name": "x"}]},
    )
    client = Client(
        "http://mock-registry/services/testmock",
        grant_client_id="clientId",
        grant_client_secret="clientSecret",
        adapters=[("http://", adapter), ("https://", adapter)],
    )
    response = client.metadata.contents.browse(
        "testmock",
        Criteria().add(criterion=StringExpressionFactory.field("contentRef").equal_to("testmock:sampleContent")),
    )
    assert response.resources[0]["name"] == "x"
    assert adapter.last_request is not None
    assert adapter.last_request.headers["Authorization"] == f"Bearer {'t' * 40}"
    client.close()


# Operations


def test_read_browse_store(client: Client, owner: str) -> None:
    endpoint = client.metadata.contents
    stored = endpoint.store(owner, f'{{"owner": "{owner}", "name": "film", "type": "movie"}}')
    assert stored.status in {200, 201}
    response = endpoint.read(owner, f"{owner}:film")
    assert response.resources[0]["name"] == "film"
    assert response.data["contents"][0]["name"] == "film"
    assert response.full_json["contents"] == response.json
    assert endpoint.browse(owner, Criteria()).resources == response.resources


def test_update_and_delete(client: Client, owner: str) -> None:
    endpoint = client.metadata.contents
    film = endpoint.store(owner, content(owner, "film")).resources[0]
    film["title"] = "Another"
    endpoint.update(owner, film, film["ref"], film["version"])
    with pytest.raises(error.NotMatchingVersion):
        endpoint.update(owner, film, film["ref"], film["version"])
    with pytest.raises(error.ReferencesMismatchException):
        endpoint.update(owner, film, f"{owner}:other", film["version"])
    assert endpoint.delete(owner, film["ref"]).status == 204
    with pytest.raises(error.HttpError) as missing:
        endpoint.read(owner, film["ref"])
    assert missing.value.status_code == 404
    assert missing.value.message["statusCode"] == 404


def test_errors_are_caught_by_their_base(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.faults.add(Fault(status=503, service="metadata", times=None))
    for base in (error.ClientError, error.RequestError, error.HttpError):
        with pytest.raises(base) as caught:
            client.metadata.contents.browse(owner)
        assert caught.value.message["statusCode"] == 503


def test_business_endpoints(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.set_progress(f"{owner}:ref", {"percentage": 10})
    endpoint = client.workflow.business("/$service/$owner:$ref")
    assert endpoint.browse(service="execution-progress", owner=owner, ref="ref").json == {"percentage": 10}
    rules = client.validation.business("/$service/$owner/$ref")
    assert rules.store("v", owner, '{"any": "thing"}', "rule").json["statusCode"] == 200


# Criteria


def test_criteria(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    load_assets(sandbox, owner, "c-000", 2)
    wanted = StringExpressionFactory.field("contentRef").equal_to(f"{owner}:c-000")
    for asked in (Criteria().add_criterion(wanted), Criteria().add(criterion=wanted)):
        assert len(client.metadata.assets.browse(owner, asked).resources) == 2
    expression = Criteria().add(criterion=StringExpressionFactory.field("engine").equal_to("diesel"))
    assert expression.get_criteria_params() == {"withEngine": "diesel"}


def test_inclusions(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    load_assets(sandbox, owner, "c-000", 1)
    endpoint = client.metadata.contents
    for asked in (
        Criteria().add_inclusion(Inclusion.resource("assets")),
        Criteria().add(inclusion=Inclusion.resource("assets")),
    ):
        assert len(endpoint.browse(owner, asked).data["linked"]["assets"]) == 1
    chosen = Criteria().add(inclusion=Inclusion.resource("assets").fields("name", "ref"))
    assert set(endpoint.browse(owner, chosen).data["linked"]["assets"][0]) == {"name", "ref"}
    assert chosen.get_criteria_params() == {"include": "assets", "assets.fields": "name,ref"}


def test_a_model_of_contents_with_their_assets(registry: str, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    load_assets(sandbox, owner, "c-000", 2)
    client = Client(
        registry, grant_client_id=sandbox.client_id, grant_client_secret=sandbox.client_secret, model_resolution="yes"
    )
    response = client.metadata.contents.browse(owner, Criteria().add(inclusion=Inclusion.resource("assets")))
    assert response.model is not None
    assert [one["name"] for one in response.model[0]["assets"]] == ["c-000-0000", "c-000-0001"]
    client.close()


# Pages


def test_browse_as_an_iterator_and_not(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 205)
    endpoint = client.metadata.contents
    names: list[str] = []
    for response in endpoint.browse(owner):
        resources = response.resources
        names.extend(one["name"] for one in resources)
    assert len(names) == 205
    response_1 = endpoint.browse(owner)
    assert len(response_1.resources) == 100


def test_browse_with_continue(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 5)
    sizes = [
        len(one.resources) for one in client.metadata.contents.browse(owner, query_string="continue=true&perPage=2")
    ]
    assert sizes == [2, 2, 1]


def test_linked_resources_in_pages(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    load_assets(sandbox, owner, "c-000", 520)
    asked = criteria.Criteria().add_inclusion(criteria.Inclusion.resource("assets"))
    names: list[str] = []
    for linked_assets in client.metadata.contents.browse(owner, asked).linked("assets"):
        for linked_asset in linked_assets:
            asset_name = linked_asset["name"]
            names.append(asset_name)
    assert len(set(names)) == 520
    assert len(client.metadata.contents.browse(owner, asked).linked("assets").resources) == 500


# Retries


def test_a_strategy_of_the_client_and_one_of_a_call(registry: str, sandbox: Sandbox, owner: str) -> None:
    strategy: dict[str, Any] = {"wait_gen": backoff.constant, "interval": 0, "max_tries": 5, "max_time": 300}
    client = Client(
        registry,
        grant_client_id=sandbox.client_id,
        grant_client_secret=sandbox.client_secret,
        backoff_strategy=strategy,
    )
    asked = (
        criteria.Criteria()
        .add_criterion(criteria.StringExpressionFactory.field("ref").equal_to("test:c0007"))
        .add_inclusion(criteria.Inclusion.resource("assets"))
    )
    for given, tries in (({"wait_gen": backoff.constant, "interval": 0, "max_tries": 7}, 7), (None, 5)):
        sandbox.requests.clear()
        sandbox.faults.clear()
        sandbox.faults.add(Fault(status=500, service="metadata", times=None))
        with pytest.raises(error.HttpError):
            client.metadata.contents.browse(owner, asked, backoff_strategy=given)
        assert len(sent(sandbox)) == tries
    client.close()


def test_retry_when_status_code(registry: str, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    client = Client(
        registry,
        grant_client_id=sandbox.client_id,
        grant_client_secret=sandbox.client_secret,
        backoff_strategy={
            "wait_gen": backoff.constant,
            "interval": 0,
            "max_tries": 5,
            "max_time": 300,
            "retry_http_status_codes": [404, 409],
        },
    )
    for status in (404, 409):
        sandbox.faults.add(Fault(status=status, service="metadata"))
    assert len(client.metadata.contents.browse(owner).resources) == 1
    client.close()


def test_retry_when_empty_result(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.load("metadata", "categories", [category(owner, "drama")])
    sandbox.load("metadata", "contents", [content(owner, "c0007", categoryRefs=[f"{owner}:drama"])])
    sandbox.load("metadata", "assets", [asset(owner, "a", contentRef=f"{owner}:c0007")])
    asked = (
        criteria.Criteria()
        .add_criterion(criteria.StringExpressionFactory.field("ref").equal_to(f"{owner}:c0007"))
        .add_inclusion(criteria.Inclusion.resource("categories"))
        .add_inclusion(criteria.Inclusion.resource("assets"))
    )
    rules: list[bool | dict[str, bool]] = [True, {"contents": True, "assets": False, "categories": True}]
    for rule in rules:
        sandbox.requests.clear()
        sandbox.faults.add(Fault(empty=True, times=2))
        response = client.metadata.contents.browse(owner, asked, retry_when_empty_result=rule)
        assert response.resources[0]["name"] == "c0007"
        assert len(sent(sandbox)) == 3


def test_get_and_request(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    url = f"{sandbox.location('metadata')}/data/contents?owner={owner}"
    sandbox.faults.add(Fault(status=503, service="metadata", times=2))
    strategy = {"wait_gen": backoff.constant, "interval": 0, "max_tries": 3}
    assert len(client.get(url, backoff_strategy=strategy).data["contents"]) == 1
    assert len(client.request("GET", url, retry_when_empty_result=True).data["contents"]) == 1


# Correlation ids


def test_correlation_ids(registry: str, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 3)
    grant: dict[str, Any] = {"grant_client_id": sandbox.client_id, "grant_client_secret": sandbox.client_secret}
    with Client(registry, correlation_id="custom_correlation_id_1234", **grant) as client:
        client.metadata.contents.browse(owner)
    assert sent(sandbox)[-1].headers["x-correlation-id"] == "custom_correlation_id_1234"
    with Client(registry, user_id="user123", application_id="app101", **grant) as client:
        sandbox.requests.clear()
        for _ in range(2):
            list(client.metadata.contents.browse(owner, query_string="perPage=2"))
    first, first_again, second, second_again = (one.headers["x-correlation-id"] for one in sent(sandbox))
    assert first == first_again != second == second_again
    assert first.startswith("user123/app101/")
    assert uuid.UUID(first.rpartition("/")[2]).version == 4
