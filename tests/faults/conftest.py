"""The clients of the contract tests, and a platform on a bare socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contract.conftest import client, connect, owner, portals, running, sandbox, serve
from tests.faults.raw import RawPlatform

from sequoia.tokens import PROCESS_TOKENS

__all__ = ["client", "connect", "owner", "platform", "portals", "running", "sandbox", "serve"]


@pytest.fixture
def platform() -> Iterator[RawPlatform]:
    PROCESS_TOKENS.clear()
    with RawPlatform() as platform:
        yield platform
