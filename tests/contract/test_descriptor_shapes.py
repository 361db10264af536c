"""The sandbox's descriptors against the shapes of the platform's protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest
from tests.contract.shapes import NAME, WORDS, Mapped, assert_shape

from sequoia.sandbox import Sandbox


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    """A bare HTTP client without a token: descriptors are for everybody."""
    with httpx2.Client(trust_env=False, timeout=10) as client:
        yield client


INPUT = {"name": WORDS, "type": WORDS, "required": bool, "description": str, "examples?": list, "invalids?": list}
ROUTE = {
    "name": WORDS,
    "title": WORDS,
    "group?": WORDS,
    "path": re.compile("/.*"),
    "method": re.compile("GET|POST|PUT|DELETE"),
    "description": str,
    "notes": [str],
    "tags": [str],
    "actions": [str],
    "stability": "stable",
    "auth": object,
    "inputs": {"params": [INPUT], "query": [INPUT], "payload": [INPUT], "headers": [INPUT]},
    "responses": list,
}
OPERATION = {"description": str, "actions": [re.compile(r"metadata:[a-zA-Z]+(:[a-z]+)*")]}
RELATIONSHIP = {
    "name": WORDS,
    "description": str,
    "type": re.compile("direct|indirect"),
    "resourceType": NAME,
    "fieldNamePath?": WORDS,
    "filterName?": re.compile("with[A-Z][a-zA-Z]*"),
    "through?": WORDS,
    "fields": [WORDS],
    "batchSize": 10,
    "intersectable?": bool,
}
FIELD_KEYS = {
    "description",
    "type",
    "fieldName",
    "fieldNamePath",
    "required",
    "readOnly",
    "array",
    "max",
    "min",
    "default",
    "sort",
    "countable",
    "primary",
    "transient",
    "excludeFromVersion",
    "nonexistent",
    "example",
    "typeInfo",
    "allowedValues",
    "allowedValueMappings",
    "filteredBy",
    "filters",
    "relatedBy",
    "relationships",
    "localisedBy",
    "localises",
    "localisationOf",
    "fields",
    "xfields",
    "xfieldedBy",
}
FIELD_TYPES = {
    "ref",
    "name",
    "string",
    "text",
    "stringMap",
    "map",
    "scores",
    "timestamp",
    "date",
    "year",
    "duration",
    "boolean",
    "integer",
    "positiveInteger",
    "nonNegativeInteger",
    "nonNegativeNumber",
    "number",
    "percentage",
    "language",
    "money",
    "ratings",
    "version",
    "hex",
    "password",
    "fieldName",
    "fieldNamePath",
    "jsonPath",
}
FILTER_KEYS = {
    "name",
    "label",
    "description",
    "type",
    "valueType",
    "fieldNamePath",
    "prohibited",
    "includes",
    "values",
    "and",
    "or",
    "prefix",
    "range",
    "text",
}


@pytest.mark.parametrize("path", ["/descriptor/raw", "/descriptor/raw/", "/descriptor/raw?_pretty=true&owner=x"])
@pytest.mark.parametrize("service", ["metadata", "workflow", "registry", "identity", "validation"])
def test_descriptor(http: httpx2.Client, sandbox: Sandbox, service: str, path: str) -> None:
    answer = http.get(f"{sandbox.location(service)}{path}")
    assert answer.status_code == 200
    descriptor = answer.json()
    assert_shape(
        {**descriptor, "routes": [{**route, "auth": None} for route in descriptor["routes"]]},
        {
            "name": service,
            "urn": f"urn:piksel:service:{service}",
            "title": WORDS,
            "description": WORDS,
            "features": list,
            "resourcefuls": dict,
            "routes": [{**ROUTE, "auth": None}],
        },
    )
    for route in descriptor["routes"]:
        assert route["auth"] is False or set(route["auth"]) == {"strategies", "mode"}


@pytest.mark.parametrize(
    "plural", ["contents", "assets", "categories", "offers", "offerTemplates", "people", "credits", "roles"]
)
def test_a_resource_in_the_descriptor(http: httpx2.Client, sandbox: Sandbox, plural: str) -> None:
    resources = http.get(f"{sandbox.location('metadata')}/descriptor/raw").json()["resourcefuls"]
    resource = resources[plural]
    assert_shape(
        {name: resource[name] for name in ("path", "serviceName", "pluralName", "operations", "pagination")},
        {
            "path": "/data",
            "serviceName": "metadata",
            "pluralName": plural,
            "operations": {
                **dict.fromkeys(("browse", "get", "storeOne", "delete"), OPERATION),
                "storeBatch": {**OPERATION, "limit": 100},
                "patch": {**OPERATION, "enabled": False},
            },
            "pagination": {"pageSize": {"min": 1, "max": 100, "default": 100}, "pages": {"max": 1000}},
        },
    )
    assert resource["hyphenatedPluralName"] == re.sub("(?=[A-Z])", "-", plural).lower()
    assert NAME.fullmatch(resource["singularName"])
    assert_shape(resource["relationships"], Mapped(RELATIONSHIP))
    for name, relationship in resource["relationships"].items():
        assert relationship["name"] == name
        assert ("fieldNamePath" in relationship) is (relationship["type"] == "direct")
        assert ("filterName" in relationship) is (relationship["type"] == "indirect")
        assert relationship.get("through", name) in resource["relationships"]
    for name, described in resource["fields"].items():
        assert described.keys() <= FIELD_KEYS, name
        assert described.get("type", "string") in FIELD_TYPES, name
        assert described["fieldName"] == name
    for name, described in resource["filters"].items():
        assert described.keys() <= FILTER_KEYS, name
        assert described["name"] == name
        assert described["type"] in {"q", "with", "predefined"}
    assert {"q", "withRef", "withName", "withTags", "withCreatedAt", "withUpdatedAt"} <= resource["filters"].keys()
