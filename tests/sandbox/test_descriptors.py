"""The built-in descriptors have the platform's shape, and the schema refuses broken ones by name of the place."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sequoia.sandbox.descriptors import builtin_descriptors
from sequoia.sandbox.schema import Schema, hyphenated

RESOURCE_KEYS = {
    "path", "serviceName", "singularName", "pluralName", "hyphenatedPluralName", "displaySingularName",
    "displayPluralName", "displayPriority", "description", "consistency", "stability", "conditionalUpdates",
    "retentionPeriod", "typeInfo", "display", "operations", "pagination", "fields", "filters", "relationships",
    "restrictions",
}  # fmt: skip
COMMON_FIELDS = {
    "ref", "alternativeIdentifiers", "owner", "name", "tags", "scores", "custom", "createdAt", "createdBy", "updatedAt",
    "updatedBy", "deletedAt", "deletedBy", "reapAt", "version",
}  # fmt: skip
COMMON_FILTERS = {
    "q", "withRef", "withName", "withAlternativeIdentifiers", "withTags", "withScore", "withCreatedAt", "withCreatedBy",
    "withUpdatedAt", "withUpdatedBy", "withDeletedAt", "withDeletedBy", "withReapAt", "withVersion",
}  # fmt: skip
RESOURCES = [
    (service, plural) for service, raw in builtin_descriptors().items() for plural in sorted(raw["resourcefuls"])
]


def resource(service: str, plural: str) -> dict[str, Any]:
    found: dict[str, Any] = builtin_descriptors()[service]["resourcefuls"][plural]
    return found


def test_the_services_have_the_resources_that_users_expect() -> None:
    descriptors = builtin_descriptors()
    assert set(descriptors) == {"metadata", "workflow"}
    assert set(descriptors["metadata"]["resourcefuls"]) == {
        "assets", "categories", "contents", "credits", "offerTemplates", "offers", "people", "roles",
    }  # fmt: skip
    assert set(descriptors["workflow"]["resourcefuls"]) == {"events", "flows", "profiles"}
    for name, descriptor in descriptors.items():
        assert set(descriptor) == {"name", "urn", "title", "description", "features", "resourcefuls", "routes"}
        assert descriptor["urn"] == f"urn:piksel:service:{name}"


@pytest.mark.parametrize(("service", "plural"), RESOURCES)
def test_every_resource_has_the_platforms_keys_fields_and_filters(service: str, plural: str) -> None:
    found = resource(service, plural)
    assert set(found) == RESOURCE_KEYS
    assert set(found["fields"]) >= COMMON_FIELDS
    assert set(found["filters"]) >= COMMON_FILTERS
    assert set(found["operations"]) == {"browse", "get", "storeBatch", "storeOne", "patch", "delete"}
    assert found["operations"]["storeBatch"]["limit"] == 100
    assert found["operations"]["storeBatch"]["actions"][-1] == f"{service}:{plural}:write:store:batch"
    assert found["pagination"] == {"pageSize": {"min": 1, "max": 100, "default": 100}, "pages": {"max": 1000}}


@pytest.mark.parametrize(("service", "plural"), RESOURCES)
def test_every_filter_and_relationship_leads_to_something(service: str, plural: str) -> None:
    schema = Schema.parse(builtin_descriptors()[service])
    parsed = schema.resources[plural]
    for name, raw in resource(service, plural)["filters"].items():
        assert name == raw["name"]
        assert raw["type"] == "q" or (raw["and"] and raw["or"] and parsed.filters[name].field is not None)
    for name, relationship in parsed.relationships.items():
        target = schema.resources[relationship.target]
        assert set(relationship.fields) <= set(target.fields), name
        if relationship.direct:
            source = schema.resources[plural]
            if relationship.through is not None:
                source = schema.resources[parsed.relationships[relationship.through].target]
            assert relationship.path in source.fields, name
        else:
            found = target.filters[relationship.filter_name].field
            assert found is not None
            assert found.path in relationship.fields, "clients assign indirect items by the field of the filter"


def test_a_field_is_written_out_in_full() -> None:
    title = resource("metadata", "contents")["fields"]["title"]
    assert set(title) == {
        "description", "fieldName", "fieldNamePath", "type", "sort", "primary", "typeInfo", "filters", "filteredBy",
        "localisedBy", "localises",
    }  # fmt: skip
    assert title["localisedBy"] == "localisedTitle"
    nested = resource("metadata", "assets")["fields"]["mediaInfo"]["fields"]["bitrate"]
    assert nested["fieldNamePath"] == "mediaInfo.bitrate"
    assert nested["filteredBy"] == ["withBitrate"]
    category = resource("metadata", "contents")["fields"]["categoryRefs"]
    assert category["relatedBy"] == ["categories"]
    assert category["relationships"][0]["resourceType"] == "categories"


def test_each_call_makes_a_new_descriptor() -> None:
    builtin_descriptors()["metadata"]["resourcefuls"].clear()
    assert builtin_descriptors()["metadata"]["resourcefuls"]


def test_the_workflow_service_tells_its_routes() -> None:
    routes = builtin_descriptors()["workflow"]["routes"]
    assert [(route["method"], route["path"]) for route in routes] == [
        ("GET", "/flow-execution-progress/{flowExecutionRef}"),
        ("GET", "/execution-progress/{owner}:{ref}"),
        ("GET", "/robots.txt"),
        ("GET", "/"),
    ]


def test_an_abridged_descriptor_gets_the_common_fields() -> None:
    fields = {"kind": {"type": "string", "required": True}}
    parsed = Schema.parse({"name": "catalogue", "resourcefuls": {"shortFilms": {"fields": fields}}})
    found = parsed.resources["shortFilms"]
    assert found.hyphenated == "short-films"
    assert parsed.at("short-films") is found
    assert {"ref", "owner", "name", "version", "createdAt", "kind"} <= set(found.fields)
    assert "withRef" in found.filters
    assert found.page_size == (1, 100, 100)
    assert found.conditional


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"fields": []}, "resourcefuls.films.fields"),
        ({"fields": {"kind": {"type": "colour"}}}, "resourcefuls.films.fields.kind.type"),
        ({"fields": {"kind": {}}}, "resourcefuls.films.fields.kind"),
        ({"fields": {"kind": {"type": "string", "typeInfo": {"pattern": "("}}}}, "fields.kind.typeInfo.pattern"),
        ({"fields": {"kind": {"type": "string", "max": "9"}}}, "fields.kind.max"),
        ({"fields": {"kind": {"type": "string", "allowedValues": [{}]}}}, "fields.kind.allowedValues"),
        ({"fields": {"at": {"type": "timestamp", "nonexistent": "middle"}}}, "fields.at.nonexistent"),
        ({"fields": {}, "filters": {"withKind": {"fieldNamePath": "kind"}}}, "filters.withKind.fieldNamePath"),
        ({"fields": {}, "filters": {"x": {"type": "magic"}}}, "filters.x.type"),
        ({"fields": {}, "relationships": {"a": {"type": "sideways"}}}, "relationships.a.type"),
        ({"fields": {}, "relationships": {"a": {"type": "direct"}}}, "relationships.a.resourceType"),
        ({"fields": {}, "pagination": {"pageSize": {"max": 0}}}, "pagination.pageSize.max"),
        ({"fields": {}, "retentionPeriod": "a month"}, "retentionPeriod"),
        ({"fields": {}, "hyphenatedPluralName": "a/b"}, "hyphenatedPluralName"),
        ({"fields": {}, "pluralName": "movies"}, "pluralName"),
        ({"fields": {}, "path": "/elsewhere"}, "resourcefuls.films.path"),
        ({"fields": {}, "singularName": 5}, "resourcefuls.films.singularName"),
        ({"fields": {}, "pagination": {"pages": {"max": 10**30}}}, "pagination.pages.max"),
        ({"fields": {}, "retentionPeriod": "P9999999999D"}, "retentionPeriod"),
        ({"fields": {}, "xfields": 5}, "resourcefuls.films.xfields"),
        ({"fields": {}, "xfields": [{"type": "exactlyOne", "fields": [5]}]}, "films.xfields[0].fields"),
        ({"fields": {}, "xfields": [{"type": "exactlyOne", "fields": []}]}, "films.xfields[0].fields"),
        ({"fields": {}, "xfields": [{"type": "exactlyOne", "fields": ["gone"]}]}, "films.xfields[0].fields: 'gone'"),
        (
            {"fields": {"o": {"fields": {}, "xfields": [{"type": "exactlyOne", "fields": ["name"]}]}}},
            "films.fields.o.xfields[0].fields: 'name'",
        ),
        ({"fields": {}, "filters": {"x": {"type": []}}}, "filters.x.type"),
        ({"fields": {}, "filters": {"x": {"type": "q", "includes": [5]}}}, "filters.x.includes"),
        (
            {"fields": {}, "filters": {"x": {"type": "predefined", "values": {"true": {"withRef": True}}}}},
            "filters.x.values.true.withRef must be a text",
        ),
        (
            {"fields": {"o": {"fields": {}}}, "filters": {"x": {"fieldNamePath": "o"}}},
            "filters.x.fieldNamePath: 'o' is an object",
        ),
        ({"fields": {}, "relationships": {"a": {"type": []}}}, "relationships.a.type"),
        (
            {
                "fields": {},
                "relationships": {
                    "a": {"type": "direct", "resourceType": "films", "fieldNamePath": "ref", "through": ["a"]}
                },
            },
            "relationships.a.through",
        ),
        (
            {
                "fields": {"o": {"fields": {}}},
                "relationships": {"a": {"type": "direct", "resourceType": "films", "fieldNamePath": "o"}},
            },
            "resourcefuls.films.relationships.a.fieldNamePath: 'o' is an object",
        ),
    ],
)
def test_a_broken_descriptor_is_refused_with_the_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(ValueError, match=re.escape(place)):
        Schema.parse({"name": "catalogue", "resourcefuls": {"films": change}})


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ({"type": ["string"]}, "k.type"),
        ({"type": {}}, "k.type"),
        ({"type": "timestamp", "nonexistent": []}, "k.nonexistent"),
        ({"type": "string", "localisedBy": ["k"]}, "k.localisedBy"),
        ({"type": "string", "localisedBy": "k"}, "k.localisedBy: 'k' holds no texts by language"),
        ({"type": "string", "typeInfo": {"pattern": 5}}, "k.typeInfo.pattern"),
        ({"type": "ratings", "typeInfo": {"values": {"BBFC": {"values": 5}}}}, "k.typeInfo.values.BBFC.values"),
        ({"type": "ratings", "typeInfo": {"values": {"BBFC": {"values": [{}]}}}}, "k.typeInfo.values.BBFC.values"),
        ({"type": "string", "allowedValues": "abc"}, "k.allowedValues"),
        ({"type": "string", "allowedValues": [{"value": 5}]}, "k.allowedValues[0].value must be a text"),
        ({"type": "string", "allowedValues": [{"value": "a", "alternatives": 5}]}, "k.allowedValues[0].alternatives"),
        ({"type": "integer", "allowedValues": [{"value": "few"}]}, "k.allowedValues[0].value must be a number"),
        ({"type": "duration", "allowedValues": [{"value": "short"}]}, "k.allowedValues: 'short' must be an ISO 8601"),
        ({"type": "string", "allowedValueMappings": ["a"]}, "k.allowedValueMappings"),
        ({"type": "string", "allowedValueMappings": {"a": 5}}, "k.allowedValueMappings.a"),
        ({"type": "string", "xfields": {"a": 5}}, "k.xfields"),
        ({"type": "string", "default": 5}, "k.default: the value must be a string"),
        ({"type": "string", "default": {"a": [1]}}, "k.default: the value must be a string"),
        ({"type": "string", "array": True, "default": "a"}, "k.default: the value must be an array"),
        ({"type": "integer", "default": ""}, "k.default: the value must be a number"),
        ({"fields": {"a": {"type": "string"}}, "default": {"b": "c"}}, "k.default: the value has 'b'"),
        ({"fields": {"a": {"type": "string", "default": 5}}}, "k.fields.a.default: the value must be a string"),
        ({"fields": {"a": {"type": "string"}}, "sort": True}, "k.sort: an object"),
        ({"fields": {"a": {"type": "string"}}, "countable": True}, "k.countable: an object"),
        ({"fields": {"a": {"type": "string"}}, "array": True, "sort": True}, "k.sort: an object"),
    ],
)
def test_a_broken_field_is_refused_with_the_place(field: dict[str, Any], place: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"resourcefuls.films.fields.{place}")):
        Schema.parse({"name": "catalogue", "resourcefuls": {"films": {"fields": {"k": field}}}})


def test_a_default_is_stored_as_if_it_had_been_sent() -> None:
    fields = {
        "kind": {"type": "string", "allowedValueMappings": {"clip": "short"}, "default": "clip"},
        "at": {"type": "timestamp", "default": "2026-01-01"},
        "note": {"type": "string", "default": ""},
        "made": {"type": "string", "readOnly": True, "default": 5},
        "o": {"array": True, "fields": {"kind": {"type": "integer"}}, "default": [{"kind": 1.0}]},
    }
    found = Schema.parse({"name": "x", "resourcefuls": {"films": {"fields": fields}}}).resources["films"].fields
    assert [found[name].default for name in ("kind", "at", "note")] == ["short", "2026-01-01T00:00:00.000Z", ""]
    assert found["o"].default == [{"kind": 1}]


@pytest.mark.parametrize("name", ["ref", "createdAt", "createdBy", "updatedAt", "updatedBy", "version", "reapAt"])
def test_only_the_server_writes_what_it_writes_whatever_a_descriptor_says(name: str) -> None:
    fields = {name: {"type": "string", "readOnly": False, "required": True, "allowedValues": [{"value": "x"}]}}
    found = Schema.parse({"name": "x", "resourcefuls": {"films": {"fields": fields}}}).resources["films"]
    assert found.fields[name].read_only
    assert found.fields[name].type in {"ref", "timestamp", "version"}


@pytest.mark.parametrize("more", [{}, {"readOnly": True}, {"type": "string"}, {"required": False}])
def test_owner_and_name_are_the_clients_whatever_a_descriptor_says(more: dict[str, Any]) -> None:
    fields = {name: {"type": "name", **more} for name in ("owner", "name")}
    films = Schema.parse({"name": "x", "resourcefuls": {"films": {"fields": fields}}}).resources["films"]
    owner, name = films.fields["owner"], films.fields["name"]
    assert (owner.required, owner.read_only, name.required, name.read_only) == (True, False, False, False)
    for field in (owner, name):
        assert field.pattern is not None
        assert not field.pattern.fullmatch("a:b"), "a ref has one colon"


@pytest.mark.parametrize("raw", [{"type": "integer"}, {"type": "name", "array": True}, {"fields": {}}, {"type": "map"}])
def test_a_common_field_of_another_kind_is_refused(raw: dict[str, Any]) -> None:
    for name in ("owner", "name", "ref", "createdAt"):
        with pytest.raises(ValueError, match=rf"resourcefuls\.films\.fields\.{name} must be a single text"):
            Schema.parse({"name": "x", "resourcefuls": {"films": {"fields": {name: raw}}}})


@pytest.mark.parametrize("through", ["b", "nowhere"])
def test_a_relationship_must_lead_to_an_end(through: str) -> None:
    def link(through: str) -> dict[str, Any]:
        return {"type": "direct", "resourceType": "films", "fieldNamePath": "ref", "through": through}

    films = {"fields": {}, "relationships": {"a": link(through), "b": link("a")}}
    with pytest.raises(ValueError, match="through"):
        Schema.parse({"name": "catalogue", "resourcefuls": {"films": films}})


@pytest.mark.parametrize("descriptor", [None, [], {}, {"name": "a b"}, {"name": "x"}, {"name": "x", "resourcefuls": 1}])
def test_what_is_no_descriptor_is_refused(descriptor: Any) -> None:
    with pytest.raises(ValueError, match=r"name|object"):
        Schema.parse(descriptor)


def test_hyphenated_names() -> None:
    names = ["offerTemplates", "contents", "tenancyConfigurations"]
    assert [hyphenated(name) for name in names] == ["offer-templates", "contents", "tenancy-configurations"]
