from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from sequoia.sandbox import Sandbox


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


@pytest.mark.parametrize("body", ["{}", "[1, 2]", '"text"', "null"])
def test_a_document_is_validated_without_a_token(body: str, sandbox: Sandbox, http: httpx2.Client) -> None:
    answer = http.post(f"{sandbox.location('validation')}/v/acme/any-rule?validation=full", content=body)

    assert answer.status_code == 200
    assert answer.json() == {
        "statusCode": 200,
        "message": answer.json()["message"],
        "validation": {"source": "query", "keys": []},
    }


@pytest.mark.parametrize("body", [b"", b"<a/>", b"{", b'"\xff"', b"[" * 100_000])
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
