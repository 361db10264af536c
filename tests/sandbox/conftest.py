"""One sandbox per test module, brought back to a clean state before every test, and an HTTP client for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx2
import pytest

from sequoia.sandbox import Sandbox


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.faults.clear()
    running.expire_tokens()
    running.requests.clear()
    return running


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False, timeout=10) as client:
        yield client


@pytest.fixture
def sign_in(http: httpx2.Client) -> Callable[[Sandbox], dict[str, str]]:
    """Gets a token from a sandbox, and returns the header that carries it."""

    def get_token(sandbox: Sandbox) -> dict[str, str]:
        answer = http.post(
            f"{sandbox.location('identity')}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(sandbox.client_id, sandbox.client_secret),
        )
        assert answer.status_code == 200
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    return get_token


@pytest.fixture
def bearer(sandbox: Sandbox, sign_in: Callable[[Sandbox], dict[str, str]]) -> dict[str, str]:
    """The header of a valid token; its token request is not in the log."""
    header = sign_in(sandbox)
    sandbox.requests.clear()
    return header
