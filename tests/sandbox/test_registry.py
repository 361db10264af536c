"""The registry: its list, one service of it, and the registrations that somebody stores there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from sequoia.sandbox import Sandbox, SandboxError


def test_the_list_has_every_service_in_the_full_form(sandbox: Sandbox, http: httpx2.Client) -> None:
    answer = http.get(sandbox.registry_url)

    assert answer.status_code == 200
    assert answer.json()["meta"] == {}
    services = answer.json()["services"]
    assert [service["name"] for service in services] == ["registry", "identity", "metadata", "workflow", "validation"]
    for service in services:
        assert service.keys() == {"owner", "name", "title", "location", "ref"}
        assert service["ref"] == f"{service['owner']}:{service['name']}"
        assert service["location"] == sandbox.location(service["name"])


def test_every_service_has_an_origin_of_its_own(sandbox: Sandbox, http: httpx2.Client) -> None:
    locations = [service["location"] for service in http.get(sandbox.registry_url).json()["services"]]

    assert len(set(locations)) == len(locations)
    for location in locations:
        url = httpx2.URL(location)
        assert (url.host, url.path) == ("127.0.0.1", "/")
        assert not location.endswith("/")


@pytest.mark.parametrize("path", ["/services/acme/", "/services/root/", "/services/somebody-else", "/services/a%20b"])
def test_any_owner_and_a_trailing_slash_get_the_same_list(path: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    answer = http.get(sandbox.location("registry") + path)

    assert answer.status_code == 200
    assert answer.json() == http.get(sandbox.registry_url).json()


@pytest.mark.parametrize("path", ["/services/acme/metadata", "/services/acme/metadata/"])
def test_one_service_comes_in_the_same_envelope(path: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    body = http.get(sandbox.location("registry") + path).json()

    assert [service["name"] for service in body["services"]] == ["metadata"]
    assert body["meta"] == {}


def test_a_token_of_any_kind_is_ignored(sandbox: Sandbox, http: httpx2.Client) -> None:
    assert http.get(sandbox.registry_url, headers={"authorization": "Bearer nonsense"}).status_code == 200


@pytest.mark.parametrize("path", ["/services", "/services/", "/services/acme/nothing", "/services/acme/metadata/more"])
def test_what_is_not_registered_is_404_in_the_general_shape(path: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    answer = http.get(sandbox.location("registry") + path)

    assert answer.status_code == 404
    assert answer.json()["statusCode"] == 404
    assert answer.json()["error"] == "Not Found"
    assert answer.json()["message"]


def test_the_list_cannot_be_posted_to(sandbox: Sandbox, http: httpx2.Client) -> None:
    answer = http.post(sandbox.registry_url, json={})

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert answer.json()["error"] == "Method Not Allowed"


@pytest.mark.parametrize("name", ["registry", "identity", "metadata", "workflow", "validation"])
def test_every_service_describes_itself_to_anybody(name: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    plain = http.get(f"{sandbox.location(name)}/descriptor/raw")
    slashed = http.get(f"{sandbox.location(name)}/descriptor/raw/?owner=acme")
    pretty = http.get(f"{sandbox.location(name)}/descriptor/raw?_pretty=true")

    assert plain.status_code == 200
    assert plain.json()["name"] == name
    assert plain.json().keys() >= {"title", "description", "routes", "resourcefuls", "urn"}
    assert plain.json() == slashed.json() == pretty.json()
    assert b"\n" not in plain.content
    assert pretty.content.startswith(b'{\n  "')


@pytest.fixture(autouse=True)
def nobody_registered(running: Sandbox) -> Iterator[None]:
    """What one test registers is not there in the next."""
    yield
    running.reset()


def services(sandbox: Sandbox, http: httpx2.Client, owner: str = "acme") -> dict[str, dict[str, Any]]:
    answer = http.get(f"{sandbox.location('registry')}/services/{owner}")
    assert answer.status_code == 200
    return {item["name"]: item for item in answer.json()["services"]}


def register(sandbox: Sandbox, http: httpx2.Client, bearer: dict[str, str], **service: str) -> httpx2.Response:
    url = f"{sandbox.location('registry')}/data/services"
    return http.post(url, headers=bearer, json={"services": [service]})


def test_the_services_are_resources_too(sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> None:
    url = f"{sandbox.location('registry')}/data/services"
    body = http.get(url, headers=bearer, params={"owner": "root", "sort": "name", "fields": "ref,location"}).json()

    assert [item["ref"] for item in body["services"]] == [
        "root:identity", "root:metadata", "root:registry", "root:validation", "root:workflow",
    ]  # fmt: skip
    assert body["services"][0]["location"] == sandbox.location("identity")
    one = http.get(f"{url}/root:metadata", headers=bearer).json()["services"][0]
    assert (one["title"], one["createdBy"]) == ("Metadata", "root:registry")
    assert http.get(url).status_code == 401


def test_a_registration_of_one_owner(sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> None:
    before = services(sandbox, http)
    more = {"owner": "zoo", "name": "animals", "location": "https://animals.example.test"}
    other = {"owner": "zoo", "name": "metadata", "title": "Another", "location": "http://127.0.0.1:1"}
    assert register(sandbox, http, bearer, **more).status_code == 201
    assert register(sandbox, http, bearer, **other).status_code == 201

    found = services(sandbox, http, "zoo")
    assert list(found) == [*before, "animals"]
    assert found["animals"] == {**more, "title": "animals", "ref": "zoo:animals"}
    assert found["metadata"] == {**other, "ref": "zoo:metadata"}
    assert found["identity"] == before["identity"]
    assert services(sandbox, http) == before
    one = http.get(f"{sandbox.location('registry')}/services/zoo/metadata").json()
    assert one == {"meta": {}, "services": [found["metadata"]]}
    assert http.get(f"{sandbox.location('registry')}/services/acme/animals").status_code == 404

    data = f"{sandbox.location('registry')}/data/services"
    moved = {"services": [{**more, "location": "https://moved.example.test"}]}
    assert http.put(f"{data}/zoo:animals", headers=bearer, json=moved).status_code == 200
    assert services(sandbox, http, "zoo")["animals"]["location"] == "https://moved.example.test"
    assert http.delete(f"{data}/zoo:animals,zoo:metadata", headers=bearer).status_code == 204
    assert services(sandbox, http, "zoo") == before


def test_a_client_finds_a_service_that_was_registered(
    sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client
) -> None:
    register(sandbox, http, bearer, owner="acme", name="films", location=sandbox.location("metadata"))
    with sandbox.client() as client:
        assert client.films.contents.browse("acme").resources == []


@pytest.mark.parametrize(
    "location", ["https://a.example.test/", "https://a.example.test/path", "a.example.test", "ftp://a", ""]
)
def test_a_location_is_an_origin(location: str, sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> None:
    answer = register(sandbox, http, bearer, owner="zoo", name="animals", location=location)

    assert answer.status_code == 400
    assert answer.json()["validation"] == {"source": "payload", "keys": ["location"]}


def test_the_sandbox_own_services_cannot_be_changed(
    sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client
) -> None:
    before = services(sandbox, http)
    data = f"{sandbox.location('registry')}/data/services"
    service = {"owner": "root", "name": "metadata", "location": "https://other.example.test"}
    answers = [
        register(sandbox, http, bearer, **service),
        http.post(data, headers=bearer, json={"services": service}),
        http.put(f"{data}/root:metadata", headers=bearer, json={"services": [service]}),
        http.delete(f"{data}/zoo:x,root:metadata", headers=bearer),
        http.delete(f"{data}/zoo:x%2Croot%3Ametadata", headers=bearer),
    ]

    assert [answer.status_code for answer in answers] == [403] * 5
    assert answers[0].json()["message"].startswith("root:metadata is a service of the sandbox itself")
    assert services(sandbox, http) == before
    assert register(sandbox, http, bearer, **{**service, "name": "extra"}).status_code == 201
    assert "extra" in services(sandbox, http, "anybody")


def test_a_reset_forgets_registrations_but_no_service(
    sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client
) -> None:
    register(sandbox, http, bearer, owner="acme", name="animals", location="https://animals.example.test")
    sandbox.load("registry", "services", [{"owner": "acme", "name": "plants", "location": "https://p.example.test"}])
    assert {"animals", "plants"} <= services(sandbox, http).keys()
    sandbox.reset()

    found = services(sandbox, http)
    assert list(found) == ["registry", "identity", "metadata", "workflow", "validation"]
    assert found["metadata"]["location"] == sandbox.location("metadata")


def test_a_data_file_keeps_registrations_but_not_the_ports_of_the_sandbox(tmp_path: Path, http: httpx2.Client) -> None:
    plants = {"owner": "acme", "name": "plants", "location": "https://plants.example.test"}
    with Sandbox(data=tmp_path / "data.db") as first:
        first.load("registry", "services", [plants])
        assert services(first, http)["plants"]["location"] == plants["location"]
    with Sandbox(data=tmp_path / "data.db") as second:
        found = services(second, http)
        assert found["plants"]["location"] == plants["location"]
        assert found["metadata"]["location"] == second.location("metadata")


def test_a_registry_descriptor_of_ones_own_keeps_the_services(http: httpx2.Client) -> None:
    own = {"name": "registry", "title": "Mine", "resourcefuls": {"tenants": {"fields": {}}}}
    with Sandbox(descriptors=[own]) as sandbox:
        assert services(sandbox, http)["registry"]["title"] == "Mine"
        described = http.get(f"{sandbox.location('registry')}/descriptor/raw").json()
        assert set(described["resourcefuls"]) == {"tenants", "services"}


def test_an_abridged_descriptor_is_served_with_all_that_clients_rely_on(http: httpx2.Client) -> None:
    fields = {"owner": {"type": "name", "required": True}}
    resources = {"offerTemplates": {"fields": fields}, "categories": {"fields": {}, "singularName": "class"}}
    given = {"name": "my-svc", "resourcefuls": resources}
    before = msgspec.json.encode(given)
    with Sandbox(descriptors=[given]) as sandbox, sandbox.client() as client:
        served = http.get(f"{sandbox.location('my-svc')}/descriptor/raw").json()
        described = client["my-svc"].descriptor
    assert {"title", "description", "routes", "resourcefuls"} <= served.keys()
    assert served["resourcefuls"] == {
        "offerTemplates": {
            "path": "/data",
            "singularName": "offerTemplate",
            "pluralName": "offerTemplates",
            "hyphenatedPluralName": "offer-templates",
            "fields": fields,
            "relationships": {},
        },
        "categories": {
            "path": "/data",
            "singularName": "class",
            "pluralName": "categories",
            "hyphenatedPluralName": "categories",
            "fields": {},
            "relationships": {},
        },
    }
    assert described.resourcefuls.keys() == {"offerTemplates", "categories"}
    assert msgspec.json.encode(given) == before, "the caller's descriptor is not changed"


@pytest.mark.parametrize("change", [{"title": 5}, {"description": 5}, {"routes": [{"path": 5}]}, {"routes": None}])
def test_a_descriptor_that_clients_could_not_read_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SandboxError, match=rf"descriptor 1 is no usable service descriptor: .*{next(iter(change))}"):
        Sandbox(descriptors=[{"name": "my-svc", "resourcefuls": {}, **change}]).start()


def test_actions_that_are_no_list_are_those_of_nobody() -> None:
    operations = {"browse": {"actions": 5}, "get": None}
    given = {"name": "my-svc", "resourcefuls": {"films": {"fields": {}, "operations": operations}}}
    with Sandbox(descriptors=[{**given, "routes": [{"path": "/x", "actions": 5}]}]) as sandbox:
        assert sandbox.location("my-svc")
