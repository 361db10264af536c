from __future__ import annotations

import json
from typing import Any

import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import content, load_contents, sent
from tests.contract.servers import Served

from sequoia import Client
from sequoia.error import ClientError, ConnectionError, HttpError, NotFound, ResourceNotFound, ServerError
from sequoia.sandbox import Fault, Sandbox

PROGRESS = {"state": "running", "percentage": 40, "steps": [{"name": "encode"}]}


def test_the_progress_of_a_flow(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.set_progress(f"{owner}:run-1", PROGRESS)
    endpoint = client.workflow.business("/$service/$owner:$ref")
    response = endpoint.browse(service="execution-progress", owner=owner, ref="run-1")
    assert response.data == response.json == response.full_json == PROGRESS
    assert response.resources is None
    assert response.to_object().steps[0].name == "encode"
    (request,) = sent(sandbox, "workflow")
    assert (request.method, request.path, request.query) == ("GET", f"/execution-progress/{owner}:run-1", ())


def test_the_progress_of_a_flow_that_there_is_not(client: Client, owner: str) -> None:
    endpoint = client.workflow.business("/flow-execution-progress/$owner:$ref")
    with pytest.raises(NotFound, match="FlowExecution not found"):
        endpoint.browse(service="", owner=owner, ref="never")


def test_a_document_is_held_against_a_rule(client: Client, sandbox: Sandbox, owner: str) -> None:
    document = content(owner, "a")
    endpoint = client.validation.business("/$service/$owner/$ref")
    response = endpoint.store("v", owner, document, "my-rule", params={"validation": "full"})
    assert response.status == 200
    assert response.data["statusCode"] == 200
    (request,) = sent(sandbox, "validation")
    assert (request.method, request.path) == ("POST", f"/v/{owner}/my-rule")
    assert request.query == (("validation", "full"),)
    assert json.loads(request.body) == document


def test_json_text_goes_out_as_it_is(client: Client, sandbox: Sandbox, owner: str) -> None:
    client.validation.business("/$service/$owner/$ref").store("v", owner, '{"a":  1}', "rule")
    assert sent(sandbox, "validation")[0].body == b'{"a":  1}'


def test_values_are_encoded_into_the_path(client: Client, sandbox: Sandbox) -> None:
    with pytest.raises(HttpError):
        client.workflow.business("/$service/$owner:$ref").browse(
            service="execution-progress", owner="acme", ref="../data/flows?owner=acme&x=#"
        )
    (request,) = sent(sandbox, "workflow")
    assert request.path == "/execution-progress/acme:..%2Fdata%2Fflows%3Fowner%3Dacme%26x%3D%23"
    assert request.query == ()


@pytest.mark.parametrize("values", [{}, {"owner": "acme"}, {"owner": "acme", "ref": ""}, {"owner": None, "ref": "x"}])
def test_a_value_that_is_missing_is_named_before_anything_is_sent(
    client: Client, sandbox: Sandbox, values: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"needs (owner|ref)"):
        client.workflow.business("/$service/$owner:$ref").browse(service="execution-progress", **values)
    assert not sandbox.requests


@pytest.mark.parametrize("body", ["{not json", object(), {"x": object()}])
def test_content_that_is_not_json_is_refused_before_anything_is_sent(
    client: Client, sandbox: Sandbox, body: Any
) -> None:
    with pytest.raises(ValueError, match="JSON"):
        client.validation.business("/$service/$owner/$ref").store("v", "acme", body, "rule")
    assert not sandbox.requests


def test_a_post_to_a_business_endpoint_is_not_repeated(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.faults.add(Fault(status=503, service="validation", times=None))
    with pytest.raises(ServerError) as failed:
        client.validation.business("/$service/$owner/$ref").store("v", owner, {}, "rule")
    assert failed.value.tries == 1
    assert len(sent(sandbox, "validation")) == 1


# Any other request


def test_get_reaches_any_path_with_the_authentication_of_everything_else(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    (ref,) = load_contents(sandbox, owner, 1)
    response = client.get(f"{sandbox.location('metadata')}/data/contents", params={"owner": owner, "fields": "ref"})
    assert response.data["contents"] == [{"ref": ref}]
    assert response.resources is None
    (request,) = sent(sandbox)
    assert request.headers["authorization"].startswith("Bearer ")
    assert request.headers["x-correlation-id"] == response.correlation_id


def test_request_sends_json_content_headers_and_params(client: Client, sandbox: Sandbox, owner: str) -> None:
    url = f"{sandbox.location('metadata')}/data/contents?owner={owner}"
    stored = client.request("post", url, json={"contents": [content(owner, "a")]}, headers={"X-Extra": "1"})
    assert stored.status == 201
    client.request(
        "PUT", f"{url.replace('?', f'/{owner}:a?')}", content=json.dumps({"contents": [content(owner, "a")]})
    )
    post, put = sent(sandbox)
    assert (post.method, post.headers["x-extra"], put.method) == ("POST", "1", "PUT")


@pytest.mark.parametrize("url", ["/data/contents", "metadata", "ftp://127.0.0.1/x", "http://a:b@127.0.0.1/", 5, None])
def test_request_wants_a_whole_url(client: Client, sandbox: Sandbox, url: Any) -> None:
    with pytest.raises(ValueError, match="url"):
        client.get(url)
    assert not sandbox.requests


def test_request_has_one_body(client: Client, sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="one body"):
        client.request("POST", f"{sandbox.location('metadata')}/x", json={}, content=b"{}")
    assert not sandbox.requests


def test_get_is_retried(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.faults.add(Fault(status=503, service="metadata", times=2))
    sandbox.faults.add(Fault(drop="before", service="metadata"))
    url = f"{sandbox.location('metadata')}/data/contents?owner={owner}"
    assert client.get(url).status == 200
    assert [one.status for one in sent(sandbox)] == [503, 503, None, 200]
    sandbox.requests.clear()
    sandbox.faults.add(Fault(status=503, service="metadata", times=None))
    with pytest.raises(ServerError) as failed:
        client.get(url, backoff_strategy={"interval": 0, "max_tries": 2})
    assert failed.value.tries == len(sent(sandbox)) == 2


def test_get_is_retried_while_a_list_is_empty(client: Client, sandbox: Sandbox, owner: str) -> None:
    (ref,) = load_contents(sandbox, owner, 1)
    sandbox.faults.add(Fault(empty=True, times=2))
    url = f"{sandbox.location('metadata')}/data/contents/{ref}"
    for rule in (True, {"contents": True}):
        response = client.get(url, retry_when_empty_result=rule)
        assert response.data["contents"][0]["ref"] == ref
    assert len(sent(sandbox)) == 4


def test_a_post_is_repeated_only_where_the_caller_says_so(client: Client, sandbox: Sandbox, owner: str) -> None:
    url = f"{sandbox.location('validation')}/v/{owner}/rule"
    sandbox.faults.add(Fault(drop="before", service="validation"))
    with pytest.raises(ConnectionError, match="connection lost"):
        client.request("POST", url, json={})
    assert len(sent(sandbox, "validation")) == 1
    sandbox.faults.add(Fault(drop="before", service="validation"))
    assert client.request("POST", url, json={}, backoff_strategy={"retry_unsafe": True, "interval": 0}).status == 200


def test_an_answer_that_is_no_json_and_does_not_claim_to_be(connect: Connect, serve: Serve) -> None:
    server = serve(lambda _: Served(200, b"User-agent: *", {"content-type": "text/plain"}))
    response = connect().get(f"{server.origin}/robots.txt")
    assert response.data is None
    assert response.raw.text == "User-agent: *"


# Routes: business endpoints as the service's descriptor has them


def test_a_route_is_asked_as_the_descriptor_says(client: Client, sandbox: Sandbox, owner: str) -> None:
    sandbox.set_progress(f"{owner}:run-2", PROGRESS)
    route = client.workflow.route("flowExecutionProgress", flowExecutionRef=f"{owner}:run-2")
    assert route.fetch().data == PROGRESS
    assert client.workflow.route("executionProgress", owner=owner).fetch(ref="run-2").data == PROGRESS


def test_a_route_takes_a_body(client: Client, sandbox: Sandbox, owner: str) -> None:
    answer = client.validation.route("validate", owner=owner, rule="r").fetch({"a": 1}, validation="full")
    assert answer.data["statusCode"] == 200
    request = sent(sandbox, "validation")[-1]
    assert (request.method, request.path, request.query) == ("POST", f"/v/{owner}/r", (("validation", "full"),))


def test_what_a_route_lacks_is_named_before_it_is_asked(client: Client, sandbox: Sandbox) -> None:
    route = client.workflow.route("flowExecutionProgress")
    sandbox.requests.clear()
    with pytest.raises(ValueError, match="needs flowExecutionRef"):
        route.fetch()
    assert [request.path for request in sandbox.requests] == ["/descriptor/raw"]


def test_a_route_that_there_is_not(client: Client) -> None:
    with pytest.raises(ResourceNotFound, match="did you mean 'flowExecutionProgress'"):
        client.workflow.route("flowExecutionProgres").fetch()


def test_routes_need_the_descriptor(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(status=404, service="workflow", path="/descriptor/raw", times=1))
    with pytest.raises(ClientError, match="descriptor of the service workflow cannot be read"):
        client.workflow.route("flowExecutionProgress").fetch(flowExecutionRef="a:b")
