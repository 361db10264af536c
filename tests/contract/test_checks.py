"""Criteria held against the descriptor before they are sent, as far as the client was told to."""

from __future__ import annotations

import logging

import pytest
from tests.contract.conftest import Connect
from tests.contract.data import content, load_contents, sent

from sequoia import Client, field, where
from sequoia.clock import InstantClock
from sequoia.error import BadRequest, ClientError, CriteriaError, NotFound, ResourceNotFound
from sequoia.sandbox import Fault, Sandbox

WRONG = where(field("tilte") == "x").order_by("-relaseYear")


def _described(sandbox: Sandbox) -> int:
    return sum(request.path.startswith("/descriptor") for request in sent(sandbox))


def test_a_descriptor_is_read_once_for_a_client(client: Client, sandbox: Sandbox) -> None:
    service = client.metadata
    assert service.descriptor.name == "metadata"
    assert service.contents.descriptor.fields["title"].sort
    assert client.metadata.offer_templates.descriptor.plural_name == "offerTemplates"
    assert client.metadata.contents.descriptor.store_limit == 100
    assert _described(sandbox) == 1
    client.refresh()
    assert client.metadata.descriptor.resource("contents").relationships["assets"].type == "indirect"
    assert _described(sandbox) == 2


@pytest.mark.parametrize("name", ["offerTemplate", "offer_template", "offer-templates", "offerTemplates"])
def test_a_known_resource_is_found_by_all_its_names(client: Client, owner: str, name: str) -> None:
    assert client.metadata.descriptor.name
    assert client.metadata[name].browse(owner).resources == []
    assert client.metadata[name].url.endswith("/data/offer-templates")


def test_a_resource_that_is_not_there_has_no_descriptor(client: Client) -> None:
    with pytest.raises(ResourceNotFound, match="did you mean 'contents'"):
        _ = client.metadata["contnets"].descriptor


def test_a_wrong_singular_is_explained(client: Client, owner: str) -> None:
    with pytest.raises(ResourceNotFound, match="no resource 'content': did you mean 'contents'"):
        client.metadata.content.browse(owner)


@pytest.mark.parametrize("name", ["browse", "read", "store", "update", "delete"])
def test_an_unknown_resource_is_explained_whatever_is_asked_of_it(client: Client, owner: str, name: str) -> None:
    ref = f"{owner}:a"
    given = {
        "read": ([ref],),
        "store": (content(owner, "a"),),
        "update": ({**content(owner, "a"), "ref": ref}, ref, "1"),
        "delete": ([ref],),
    }
    with pytest.raises(ResourceNotFound, match="no resource 'contentz': did you mean 'contents'") as missing:
        getattr(client.metadata.contentz, name)(owner, *given.get(name, ()))
    assert missing.value.status_code == 404
    assert missing.value.correlation_id is not None


def test_a_resource_that_is_not_there_is_just_not_found(client: Client, sandbox: Sandbox, owner: str) -> None:
    refs = load_contents(sandbox, owner, 1)
    contents = client.metadata.contents
    many = [*refs, *(f"{owner}:gone-{number}" for number in range(80))]
    assert len(contents.read(owner, many).resources) == 1
    assert _described(sandbox) == 0
    for _ in range(3):
        with pytest.raises(NotFound) as missing:
            contents.read(owner, many[1:])
        assert not isinstance(missing.value, ResourceNotFound)
    # It was looked up once whether there is such a resource at all.
    assert _described(sandbox) == 1


def test_a_checked_client_sends_no_query_that_the_service_says_it_cannot_answer(
    connect: Connect, sandbox: Sandbox, owner: str
) -> None:
    client = connect(check=True)
    fault = r"no field 'tilte'.*'title'.*; .*'relaseYear'.*'releaseYear'"
    with pytest.raises(CriteriaError, match=fault):
        client.metadata.contents.browse(owner, WRONG)
    with pytest.raises(CriteriaError, match=fault):
        _ = client.metadata.contents.browse(owner, WRONG, prefetch_pages=0).resources
    with pytest.raises(CriteriaError, match=fault):
        client.metadata.contents.read(owner, f"{owner}:a", criteria=WRONG)
    with pytest.raises(CriteriaError, match="no field 'titel': did you mean 'title'"):
        client.metadata.contents.browse(owner, fields=["titel"])
    assert [request.path for request in sent(sandbox)] == ["/descriptor/raw"]


def test_a_checked_client_asks_what_is_right(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    refs = load_contents(sandbox, owner, 2)
    criteria = where(field("type") == "movie").order_by("-title").include("assets").per_page(1)
    pages = list(connect(check=True).metadata.contents.browse(owner, criteria, fields=["ref"]))
    assert [page.resource["ref"] for page in pages] == refs[::-1]


def test_by_default_a_query_goes_out_and_a_known_descriptor_warns_once(
    client: Client, sandbox: Sandbox, owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.metadata.descriptor.name
    with caplog.at_level(logging.WARNING, logger="sequoia"):
        for _ in range(2):
            with pytest.raises(BadRequest):
                client.metadata.contents.browse(owner, WRONG)
    assert len([record for record in caplog.records if "tilte" in record.message]) == 1
    assert [request.path for request in sent(sandbox)].count("/data/contents") == 2


def test_a_refused_query_is_explained_by_the_descriptor(client: Client, sandbox: Sandbox, owner: str) -> None:
    with pytest.raises(BadRequest) as caught:
        client.metadata.contents.browse(owner, WRONG)
    assert caught.value.message["validation"]["source"] == "query"
    notes = " ".join(caught.value.__notes__)
    assert "did you mean 'title'" in notes
    assert "did you mean 'releaseYear'" in notes
    assert _described(sandbox) == 1


def test_a_read_that_was_refused_is_explained_by_the_descriptor(client: Client, owner: str) -> None:
    with pytest.raises(BadRequest) as caught:
        client.metadata.contents.read(owner, f"{owner}:a", criteria=where().include("assetz"))
    assert "contents has no relationship 'assetz': did you mean 'assets'" in " ".join(caught.value.__notes__)


def test_an_unchecked_client_reads_no_descriptor(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    client = connect(check=False)
    with pytest.raises(BadRequest) as caught:
        client.metadata.contents.browse(owner, WRONG)
    assert not hasattr(caught.value, "__notes__")
    assert _described(sandbox) == 0


def test_a_checked_client_does_without_a_descriptor_that_cannot_be_read(
    connect: Connect, sandbox: Sandbox, owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = connect(check=True)
    sandbox.faults.add(Fault(path="/descriptor/raw", status=404))
    assert client.metadata.contents.browse(owner, where(field("type") == "movie")).resources == []
    assert "the descriptor of the service metadata cannot be read" in caplog.text


FAILURES = [
    pytest.param(Fault(path="/descriptor/*", status=503), id="503"),
    pytest.param(Fault(path="/descriptor/*", status=404, body=b"<html>no route</html>"), id="404 of a gateway"),
    pytest.param(Fault(path="/descriptor/*", body=b"<html>back soon</html>"), id="a page for people"),
    pytest.param(Fault(path="/descriptor/*", drop="before"), id="connection lost"),
]


@pytest.mark.parametrize("fault", FAILURES)
def test_a_descriptor_that_could_not_be_read_is_read_by_the_next_one_who_needs_it(
    client: Client, sandbox: Sandbox, owner: str, fault: Fault
) -> None:
    sandbox.faults.add(fault)
    with pytest.raises(BadRequest) as caught:
        client.metadata.contents.browse(owner, WRONG)
    assert not hasattr(caught.value, "__notes__")
    assert client.metadata.contents.validate({"owner": owner, "name": "x", "type": "movie"}) == []
    assert _described(sandbox) == 2


def test_who_needs_the_descriptor_gets_the_error_of_each_attempt(
    connect: Connect, sandbox: Sandbox, owner: str
) -> None:
    client = connect(backoff_strategy={"max_tries": 1})
    for status in (503, 502):
        sandbox.faults.add(Fault(path="/descriptor/*", status=status))
        with pytest.raises(ClientError, match=f"the descriptor of the service metadata cannot be read: {status}"):
            _ = client.metadata.descriptor
    assert client.metadata.descriptor.name == "metadata"
    assert _described(sandbox) == 3


def test_a_checked_client_checks_again_once_the_descriptor_can_be_read(
    connect: Connect, sandbox: Sandbox, owner: str
) -> None:
    clock = InstantClock()
    client = connect(check=True, clock=clock, backoff_strategy={"max_tries": 2})
    sandbox.faults.add(Fault(path="/descriptor/*", status=503, times=3))
    for _ in range(2):
        with pytest.raises(BadRequest):
            client.metadata.contents.browse(owner, WRONG)
    assert _described(sandbox) == 2
    clock.advance(60)
    with pytest.raises(BadRequest):
        client.metadata.contents.browse(owner, WRONG)
    assert _described(sandbox) == 3
    clock.advance(60)
    with pytest.raises(CriteriaError, match="no field 'tilte'"):
        client.metadata.contents.browse(owner, WRONG)
    assert _described(sandbox) == 4


def test_linked_resources_are_attached_again_once_the_descriptor_can_be_read(
    connect: Connect, sandbox: Sandbox, owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    load_contents(sandbox, owner, 1)
    clock = InstantClock()
    client = connect(model_resolution=True, clock=clock, backoff_strategy={"max_tries": 2})
    sandbox.faults.add(Fault(path="/descriptor/*", status=503, times=3))
    models = []
    for _ in range(4):
        models.append(client.metadata.contents.browse(owner, where().include("assets")).model)
        clock.advance(60)
    assert models[:2] == [None, None]
    assert [[one["assets"] for one in model] for model in models[2:] if model] == [[[]], [[]]]
    assert _described(sandbox) == 4
    warnings = [one for one in caplog.records if one.levelno == logging.WARNING and "cannot be read" in one.message]
    assert len(warnings) == 1
