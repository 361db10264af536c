"""The fixtures of the contract tests, so that everything here is tried with both clients, and a hostile neighbour."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contract.conftest import Connect, Serve, connect, owner, portals, running, sandbox, serve
from tests.contract.servers import TinyServer
from tests.security.platforms import Platform, anything

__all__ = ["Connect", "Serve", "connect", "evil", "owner", "platform", "portals", "running", "sandbox", "serve"]


@pytest.fixture
def evil(serve: Serve) -> TinyServer:
    """Another origin, which answers whatever is asked and remembers what it was told."""
    return serve(anything)


@pytest.fixture
def platform() -> Iterator[Platform]:
    """A whole platform on one origin, which says what a test wants it to say."""
    with Platform() as made:
        yield made
