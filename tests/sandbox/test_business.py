from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from sequoia.sandbox import Fault, Sandbox
from sequoia.sandbox.routing import Route, split_path
from sequoia.sandbox.wire import Reply


@pytest.mark.parametrize("path", ["flow-execution-progress", "execution-progress"])
@pytest.mark.parametrize("ref", ["acme:run-1", "acme%3Arun-1", "acme:run-1/"])
def test_progress_is_answered_once_it_is_set(
    path: str, ref: str, sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client
) -> None:
    sandbox.set_progress("acme:run-1", {"status": "RUNNING", "percent": 40})
    answer = http.get(f"{sandbox.location('workflow')}/{path}/{ref}", headers=bearer)

    assert answer.status_code == 200
    assert answer.json() == {"status": "RUNNING", "percent": 40}


def test_an_unknown_flow_execution_is_404(sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client) -> None:
    answer = http.get(f"{sandbox.location('workflow')}/execution-progress/acme:none", headers=bearer)

    assert answer.status_code == 404
    assert answer.json() == {"statusCode": 404, "error": "Not Found", "message": "FlowExecution not found"}


def test_progress_needs_a_token(sandbox: Sandbox, http: httpx2.Client) -> None:
    sandbox.set_progress("acme:run-1", {"status": "RUNNING"})

    assert http.get(f"{sandbox.location('workflow')}/execution-progress/acme:run-1").status_code == 401


def test_progress_that_is_no_json_is_refused_where_it_is_set(sandbox: Sandbox) -> None:
    with pytest.raises(TypeError):
        sandbox.set_progress("acme:run-2", {"status": object()})


@pytest.mark.parametrize("body", ["", "{}", "[1, 2]", '"text"', "null"])
def test_a_document_is_validated_without_a_token(body: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    answer = http.post(f"{sandbox.location('validation')}/v/acme/any-rule?validation=full", content=body)

    assert answer.status_code == 200
    assert answer.json() == {
        "statusCode": 200,
        "message": answer.json()["message"],
        "validation": {"source": "query", "keys": []},
    }


@pytest.mark.parametrize("body", [b"<a/>", b"{", b'"\xff"', b"[" * 100_000])
def test_a_body_that_is_not_json_is_400_in_the_general_shape(
    body: bytes, sandbox: Sandbox, http: httpx2.Client
) -> None:
    answer = http.post(f"{sandbox.location('validation')}/v/acme/any-rule", content=body)

    assert answer.status_code == 400
    assert answer.json()["statusCode"] == 400
    assert answer.json()["message"]


def test_a_service_answers_only_what_its_descriptor_declares(
    sandbox: Sandbox, bearer: dict[str, str], http: httpx2.Client
) -> None:
    sandbox.set_progress("acme:run-1", {"status": "RUNNING"})

    assert http.get(f"{sandbox.location('metadata')}/execution-progress/acme:run-1", headers=bearer).status_code == 404
    assert http.post(f"{sandbox.location('workflow')}/v/acme/rule", json={}).status_code == 404


def test_a_service_of_another_name_answers_what_its_descriptor_declares(
    http: httpx2.Client, sign_in: Callable[[Sandbox], dict[str, str]]
) -> None:
    flow: dict[str, Any] = {"name": "flow", "resourcefuls": {}, "routes": [{"path": "/execution-progress/{ref}"}]}
    with Sandbox(descriptors=[flow]) as sandbox:
        sandbox.set_progress("acme:x", {"done": True})
        answer = http.get(f"{sandbox.location('flow')}/execution-progress/acme:x", headers=sign_in(sandbox))

    assert answer.json() == {"done": True}


def feed(method: str = "GET", **more: Any) -> dict[str, Any]:
    """A service with one endpoint that the sandbox knows nothing about."""
    route = {"name": "feed", "path": "/f/{owner}/{name}/{variant?}", "method": method, "auth": False, **more}
    return {"name": "feeds", "resourcefuls": {}, "routes": [route]}


@pytest.mark.parametrize("path", ["/f/acme/n", "/f/acme/n/", "/f/acme/n/wide?lang=fr"])
def test_a_declared_endpoint_that_the_sandbox_does_not_know_is_501(path: str, http: httpx2.Client) -> None:
    with Sandbox(descriptors=[feed()]) as sandbox:
        answer = http.get(sandbox.location("feeds") + path)
        other = http.post(sandbox.location("feeds") + path, json={})
        mistyped = http.get(f"{sandbox.location('feeds')}/f/acme")

    assert answer.status_code == 501
    assert answer.json() == {
        "statusCode": 501,
        "error": "Not Implemented",
        "message": "GET /f/{owner}/{name}/{variant?} is declared, but the sandbox does not know its answer; "
        "a fault can give one",
    }
    assert (other.status_code, mistyped.status_code) == (405, 404)


def test_a_fault_gives_the_answer_of_an_endpoint(http: httpx2.Client) -> None:
    with Sandbox(descriptors=[feed()]) as sandbox:
        sandbox.faults.add(Fault(status=200, body=b'{"items":[]}', path="/f/acme/*", times=None))
        answer = http.get(f"{sandbox.location('feeds')}/f/acme/n")

    assert (answer.status_code, answer.json()) == (200, {"items": []})


@pytest.mark.parametrize("more", [{"auth": {"strategies": ["bearer"]}}, {"auth": None}])
def test_a_declared_endpoint_wants_a_token_unless_it_says_otherwise(
    more: dict[str, Any], http: httpx2.Client, sign_in: Callable[[Sandbox], dict[str, str]]
) -> None:
    with Sandbox(descriptors=[feed("POST", **more)]) as sandbox:
        url = f"{sandbox.location('feeds')}/f/acme/n"
        statuses = [http.post(url, headers=headers).status_code for headers in ({}, sign_in(sandbox))]

    assert statuses == [401, 501]


def test_the_root_of_a_service_leads_to_what_there_is_to_read(sandbox: Sandbox, http: httpx2.Client) -> None:
    for name in ("registry", "identity", "metadata", "workflow", "validation"):
        described = http.get(f"{sandbox.location(name)}/descriptor/raw").json()
        assert [route["path"] for route in described["routes"] if route["name"] == "root"] == ["/robots.txt", "/"]
        answer = http.get(f"{sandbox.location(name)}/", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (302, "/docs")
        docs = http.get(f"{sandbox.location(name)}/", follow_redirects=True)
        assert docs.json() == {"name": name, "title": described["title"], "descriptor": "/descriptor/raw"}


@pytest.mark.parametrize(
    ("pattern", "path", "values"),
    [
        ("/f/{owner}/{name?}", "/f/acme", ("acme",)),
        ("/f/{owner}/{name?}", "/f/acme/", ("acme",)),
        ("/f/{owner}/{name?}", "/f/acme/n", ("acme", "n")),
        ("/f/{owner}/{name?}", "/f", None),
        ("/f/{owner}/{name?}", "/f/acme/n/m", None),
        ("/f/{owner}:{ref}", "/f/acme:x", ("acme", "x")),
        ("/f/{owner}:{ref}", "/f/acme", None),
        ("/f/{path*}", "/f", ()),
        ("/f/{path*}", "/f/a/b", ("a", "b")),
        ("/f.g/{name}", "/fxg/a", None),
        ("/f/{name}", "/f/%2F", ("/",)),
        ("/", "/", ()),
    ],
)
def test_the_path_of_a_route(pattern: str, path: str, values: tuple[str, ...] | None) -> None:
    route = Route("GET", pattern, lambda _, __: Reply(204))
    assert route.match(split_path(path)) == values
