"""What the registry says, and what is made of a registry that is none."""

from __future__ import annotations

from typing import Any

import pytest

from sequoia.error import DecodeError, ServiceNotFound
from sequoia.registry import RegisteredService, Registry

DATA = {
    "services": [
        {"owner": "root", "name": "metadata", "title": "Metadata", "location": "https://metadata.test/"},
        {"owner": "root", "name": "identity", "location": "https://identity.test"},
        {"name": "service-with-dash", "location": "https://dash.test:8443", "ref": "root:x", "version": "1"},
    ]
}


def test_services_are_found_by_name() -> None:
    registry = Registry(DATA)
    assert registry["metadata"] == RegisteredService("metadata", "https://metadata.test/", "root", "Metadata")
    assert list(registry) == ["metadata", "identity", "service-with-dash"]
    assert len(registry) == 3
    assert "metadata" in registry
    assert repr(registry) == "Registry(metadata, identity, service-with-dash)"


@pytest.mark.parametrize("name", ["service-with-dash", "service_with_dash"])
def test_a_name_with_dashes_is_found_as_an_attribute_too(name: str) -> None:
    assert Registry(DATA).find(name).location == "https://dash.test:8443"


def test_an_unknown_service_is_answered_with_the_close_matches() -> None:
    with pytest.raises(ServiceNotFound, match="no service 'metdata': did you mean 'metadata'"):
        Registry(DATA).find("metdata")


def test_a_location_has_no_trailing_slash() -> None:
    assert Registry(DATA)["metadata"].base_url() == "https://metadata.test"


@pytest.mark.parametrize("location", ["ftp://x.test", "metadata.test", "", "https://", "https://me:pa55@x.test"])
def test_a_location_that_no_token_may_be_sent_to_is_an_error_when_it_is_used(location: str) -> None:
    registry = Registry({"services": [*DATA["services"], {"name": "odd", "location": location}]})
    with pytest.raises(DecodeError, match="location of the service 'odd'") as caught:
        registry.find("odd").base_url()
    assert "pa55" not in str(caught.value)
    assert registry.find("metadata").base_url() == "https://metadata.test"


@pytest.mark.parametrize("data", [None, [], "text", {}, {"services": None}, {"services": {}}, {"contents": []}])
def test_what_is_no_registry_is_told_so_with_an_example_of_one(data: Any) -> None:
    with pytest.raises(DecodeError, match=r"https://registry\.example\.com/services/acme"):
        Registry(data)


@pytest.mark.parametrize(
    "entry", [None, "metadata", {}, {"name": "x"}, {"location": "https://x"}, {"name": 7, "location": ""}]
)
def test_an_entry_without_name_and_location_is_an_error(entry: Any) -> None:
    with pytest.raises(DecodeError, match="entry without name and location"):
        Registry({"services": [entry]})


def test_a_registry_may_be_empty() -> None:
    assert len(Registry({"services": []})) == 0
    with pytest.raises(ServiceNotFound, match="there are none"):
        Registry({"services": []}).find("metadata")
