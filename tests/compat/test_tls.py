"""The original Python SDKs over real TLS, with the certificates that the sandbox makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.compat.originals import ASYNC_PYTHON, PYTHON

from sequoia.sandbox import Sandbox


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    options: dict[str, Any] = getattr(request, "param", {})
    with Sandbox(https=True, **options) as sandbox:
        films = [{"owner": "acme", "name": f"f{n}", "type": "movie"} for n in range(8)]
        sandbox.load("metadata", "contents", films)
        yield sandbox


def test_4_4_0_trusts_the_authority_of_the_sandbox(sandbox: Sandbox) -> None:
    assert sandbox.registry_url.startswith("https://")
    assert [len(page) for page in PYTHON.run("once", sandbox)] == [7, 1]


@pytest.mark.parametrize("sandbox", [{"mutual_tls": True}], indirect=True)
def test_4_4_0_shows_its_certificate_instead_of_a_token(sandbox: Sandbox) -> None:
    assert [len(page) for page in PYTHON.run("mutual", sandbox)] == [7, 1]
    assert sandbox.token_requests == 0
    assert not any("authorization" in request.headers for request in sandbox.requests)


@pytest.mark.parametrize("sandbox", [{"redirect_http": True}], indirect=True)
def test_4_4_0_follows_the_registry_from_http_to_https(sandbox: Sandbox) -> None:
    assert len(PYTHON.run("redirected", sandbox)) == 8
    assert [request.scheme for request in sandbox.requests] == ["http", "https", "https", "https"]


def test_the_asynchronous_sdk_trusts_the_authority_of_the_sandbox(sandbox: Sandbox) -> None:
    assert ASYNC_PYTHON.run("write", sandbox)["updated"]["title"] == "Aria, again"


def test_the_asynchronous_sdk_trusts_nobody_else(sandbox: Sandbox) -> None:
    assert ASYNC_PYTHON.run("distrust", sandbox) == "DiscoveryServicesError"
