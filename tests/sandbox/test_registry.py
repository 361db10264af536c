from __future__ import annotations

import httpx2
import pytest

from sequoia.sandbox import Sandbox


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
