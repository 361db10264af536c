"""A sandbox for each test, with one embedded sub-page, as the Java SDK needs it: the fixture that the package ships.

What is tested here is that the four clients of the platform can use the sandbox as they are: the two Python SDKs
themselves, and the requests of the JavaScript SDK 2.0 and the Java SDK 3.0, byte by byte and in the order in which
they send them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.compat.raw import Wire

from sequoia.sandbox import Sandbox


@pytest.fixture(scope="session")
def sequoia_sandbox_options() -> dict[str, Any]:
    return {"embedded_pages": 1}


@pytest.fixture
def sandbox(sequoia_sandbox: Sandbox) -> Sandbox:
    return sequoia_sandbox


@pytest.fixture
def wire(sandbox: Sandbox) -> Iterator[Wire]:
    """Sends requests to the sandbox as they are written down."""
    with Wire(sandbox) as wire:
        yield wire


@pytest.fixture
def token(wire: Wire) -> tuple[str, str]:
    return "Authorization", f"Bearer {wire.token()}"


@pytest.fixture
def get(wire: Wire, token: tuple[str, str]) -> Callable[[str], Any]:
    """The body of a GET of the metadata service, which must succeed."""

    def get(target: str) -> Any:
        answer = wire.send("metadata", f"GET {target}", [token])
        assert answer.status == 200, answer.body
        return answer.json

    return get


@pytest.fixture
def load(sandbox: Sandbox) -> Callable[..., None]:
    """Stores contents `piece-00`, `piece-01`, ... with titles that repeat, and some assets for each of them."""

    def load(number: int, assets: int = 0) -> None:
        pieces = [
            {"owner": "acme", "name": f"piece-{n:02}", "title": f"Piece {n % 5}", "type": ("movie", "clip")[n % 2]}
            for n in range(number)
        ]
        files = [
            {"owner": "acme", "name": f"file-{n:02}-{k:03}", "type": "image", "contentRef": f"acme:piece-{n:02}"}
            for n in range(number)
            for k in range(assets)
        ]
        sandbox.load("metadata", "contents", pieces)
        sandbox.load("metadata", "assets", files)

    return load
