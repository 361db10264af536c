from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.contract.data import asset, category, content, load_contents, queries, sent

from sequoia import Client, Criteria, Inclusion, StringExpressionFactory, field, where
from sequoia.criteria import Filter
from sequoia.error import BadRequest, CriteriaError
from sequoia.sandbox import Sandbox


@pytest.fixture
def catalogue(sandbox: Sandbox, owner: str) -> str:
    """An owner with a small catalogue."""
    contents = [
        content(
            owner, "aria", type="movie", releaseYear=1999, tags=["red", "a&b=c+d"], categoryRefs=[f"{owner}:opera"]
        ),
        content(owner, "bolt", type="movie", releaseYear=2005, tags=["red"], categoryRefs=[f"{owner}:space"]),
        content(owner, "cave", type="show", releaseYear=2010, active=False),
        content(owner, "dusk", type="clip", releaseYear=2010, availabilityStartAt="2024-05-01T10:00:00.000Z"),
    ]
    sandbox.load("metadata", "contents", contents)
    sandbox.load("metadata", "categories", [category(owner, "opera"), category(owner, "space")])
    sandbox.load("metadata", "assets", [asset(owner, "aria-1", contentRef=f"{owner}:aria", url="https://a.example/1")])
    return owner


def names(resources: list[dict[str, Any]]) -> list[str]:
    return [one["name"] for one in resources]


@pytest.mark.parametrize(
    "criteria",
    [
        Criteria().add_criterion(StringExpressionFactory.field("type").equal_to("movie")),
        Criteria().add(criterion=StringExpressionFactory.field("type").equal_to("movie")),
        where(field("type") == "movie"),
    ],
)
def test_one_filter_in_both_forms(client: Client, sandbox: Sandbox, catalogue: str, criteria: Criteria) -> None:
    assert names(client.metadata.contents.browse(catalogue, criteria).resources) == ["aria", "bolt"]
    assert queries(sandbox) == [{"owner": catalogue, "withType": "movie"}]


def test_any_of(client: Client, sandbox: Sandbox, catalogue: str) -> None:
    found = client.metadata.contents.browse(catalogue, where(field("type").any_of("show", "clip")))
    assert names(found.resources) == ["cave", "dusk"]
    assert queries(sandbox)[0]["withType"] == "show||clip"


def test_two_filters_on_one_field_are_both_sent(client: Client, sandbox: Sandbox, catalogue: str) -> None:
    criteria = where(field("tags") == "red", field("tags") == "a&b=c+d")
    assert names(client.metadata.contents.browse(catalogue, criteria).resources) == ["aria"]
    assert [value for name, value in sent(sandbox)[0].query if name == "withTags"] == ["red", "a&b=c+d"]


@pytest.mark.parametrize(
    ("condition", "wire"),
    [
        (field("active") == False, "false"),  # noqa: E712 - how a boolean is asked for
        (field("releaseYear") == 2010, "2010"),
        (field("availabilityStartAt") == datetime(2024, 5, 1, 10, tzinfo=UTC), "2024-05-01T10:00:00.000Z"),
    ],
)
def test_values_are_written_as_the_platform_writes_them(
    client: Client, sandbox: Sandbox, catalogue: str, condition: Filter, wire: str
) -> None:
    found = client.metadata.contents.browse(catalogue, where(condition))
    assert found.resources
    assert set(names(found.resources)) <= {"cave", "dusk"}
    assert wire in queries(sandbox)[0].values()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: field("type") == "",
        lambda: field("type") == None,  # noqa: E711 - what a user might write
        lambda: field("type").any_of("a||b", "c"),
        lambda: field("type").any_of(),
        lambda: field("createdAt") == datetime(2024, 1, 1),  # noqa: DTZ001 - naive on purpose
        lambda: field(""),
        lambda: where().fields(),
        lambda: where().per_page(0),
        lambda: where("type=movie"),  # type: ignore[arg-type]
        lambda: Criteria().add(inclusion="assets"),  # type: ignore[arg-type]
    ],
)
def test_a_question_that_cannot_be_asked(ask: Any) -> None:
    with pytest.raises(CriteriaError):
        ask()


def test_a_duration_is_iso_8601() -> None:
    assert str(where(field("x") == timedelta(hours=1, minutes=20))) == "withX=PT1H20M"


def test_fields(client: Client, sandbox: Sandbox, catalogue: str) -> None:
    by_criteria = client.metadata.contents.browse(catalogue, where().fields("ref", "title"))
    by_argument = client.metadata.contents.browse(catalogue, fields=["title", "ref"])
    assert by_criteria.resources == by_argument.resources
    assert by_criteria.resources[0] == {"ref": f"{catalogue}:aria", "title": "aria"}
    assert [set(one["fields"].split(",")) for one in queries(sandbox)] == [{"ref", "title"}] * 2


def test_include_with_fields(client: Client, sandbox: Sandbox, catalogue: str) -> None:
    old = Criteria().add_inclusion(Inclusion.resource("assets").fields("url", "ref"))
    new = where().include("assets", fields=["url", "ref"])
    for criteria in (old, new):
        page = client.metadata.contents.browse(catalogue, criteria)
        assert page.data["linked"]["assets"] == [{"ref": f"{catalogue}:aria-1", "url": "https://a.example/1"}]
    assert [(one["include"], one["assets.fields"]) for one in queries(sandbox)] == [("assets", "ref,url")] * 2


def test_several_inclusions(client: Client, sandbox: Sandbox, catalogue: str) -> None:
    page = client.metadata.contents.browse(catalogue, where().include("categories").include("assets"))
    assert {name: len(found) for name, found in page.data["linked"].items()} == {"assets": 1, "categories": 2}
    assert queries(sandbox)[0]["include"] == "assets,categories"


def test_order_by_and_per_page(client: Client, sandbox: Sandbox, catalogue: str) -> None:
    page = client.metadata.contents.browse(catalogue, where().order_by("-releaseYear", "name").per_page(3))
    assert names(page.resources) == ["cave", "dusk", "bolt"]
    assert queries(sandbox)[0]["sort"] == "-releaseYear,name"
    assert (page.meta or {})["perPage"] == 3


def test_count(client: Client, catalogue: str) -> None:
    page = client.metadata.contents.browse(catalogue, where(field("type") == "movie").per_page(1).count())
    assert len(page.resources) == 1
    assert page.total_count == 2
    assert client.metadata.contents.browse(catalogue).total_count is None


def test_facet_counts_by_a_query_string(client: Client, catalogue: str) -> None:
    page = client.metadata.contents.browse(catalogue, query_string="count=type")
    assert page.facet_count == {"type": {"movie": 2, "show": 1, "clip": 1}}


def test_a_query_string_goes_out_verbatim_and_first(client: Client, sandbox: Sandbox, catalogue: str) -> None:
    client.metadata.contents.browse(catalogue, where(field("type") == "movie"), query_string="perPage=2&continue=true")
    assert [name for name, _ in sent(sandbox)[0].query] == ["perPage", "continue", "owner", "withType"]


def test_an_owner_in_the_query_string_wins(client: Client, sandbox: Sandbox, catalogue: str) -> None:
    page = client.metadata.contents.browse("nobody", query_string=f"owner={catalogue}&withType=show")
    assert names(page.resources) == ["cave"]
    assert [value for name, value in sent(sandbox)[0].query if name == "owner"] == [catalogue]


def test_a_query_string_may_hold_what_urls_cannot(client: Client, sandbox: Sandbox, catalogue: str) -> None:
    page = client.metadata.contents.browse(catalogue, query_string="withType=movie||show&withTags=a%26b%3Dc%2Bd")
    assert names(page.resources) == ["aria"]
    assert ("withType", "movie||show") in sent(sandbox)[0].query


def test_a_filter_that_there_is_not(client: Client, catalogue: str) -> None:
    with pytest.raises(BadRequest, match="withColour") as refused:
        client.metadata.contents.browse(catalogue, where(field("colour") == "red"))
    assert refused.value.message["validation"] == {"source": "query", "keys": ["withColour"]}


def test_a_response_to_a_browse_is_its_first_page(client: Client, catalogue: str) -> None:
    page = client.metadata.contents.browse(catalogue, where().per_page(2))
    assert page.status == 200
    assert names(page.json) == ["aria", "bolt"]
    assert page.data["contents"] is page.resources
    assert page.full_json is page.data
    assert page.model is None
    with pytest.raises(AttributeError):
        _ = page.no_such_name  # type: ignore[attr-defined]


def test_to_object(client: Client, catalogue: str) -> None:
    first, *_ = client.metadata.contents.browse(catalogue).to_object()
    assert first.title == first["title"] == "aria"
    assert first.tags == ["red", "a&b=c+d"]
    with pytest.raises(AttributeError):
        first.title = "changed"
    with pytest.raises(AttributeError):
        _ = first.no_such_name


def test_criteria_are_the_caller_s_and_can_be_used_again(client: Client, load_twice: Criteria, owner: str) -> None:
    before = repr(load_twice), str(load_twice)
    client.metadata.contents.browse(owner, load_twice)
    client.metadata.contents.browse(owner, load_twice)
    assert (repr(load_twice), str(load_twice)) == before


@pytest.fixture
def load_twice(sandbox: Sandbox, owner: str) -> Criteria:
    load_contents(sandbox, owner, 1)
    return where(field("type") == "movie").include("assets", fields=["ref"]).per_page(5)
