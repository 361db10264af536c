"""One sandbox for all contract tests, an owner of its own for each of them, and clients.

Whatever a test does to a client goes through the fixture `connect`, whose parameter says which shell is tested: the
synchronous one, or the asynchronous one on asyncio or trio, which then looks like the synchronous one (see `portal`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache, partial
from ssl import SSLContext
from typing import Any, Protocol

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from tests.contract.portal import blocking
from tests.contract.servers import Respond, TinyServer

from sequoia import Client
from sequoia.sandbox import Sandbox
from sequoia.tokens import PROCESS_TOKENS


class Connect(Protocol):
    """Makes a client of the sandbox, or of another registry, that is closed at the end of the test."""

    def __call__(self, registry_url: str | None = None, **options: Any) -> Client: ...


class Serve(Protocol):
    """Starts a small server that is stopped at the end of the test."""

    def __call__(self, respond: Respond, tls: SSLContext | None = None) -> TinyServer: ...


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    """The sandbox without faults, without memory of requests, and with no token given out."""
    running.requests.clear()
    PROCESS_TOKENS.clear()
    yield running
    running.faults.clear()


@pytest.fixture
def owner() -> str:
    """A tenant that no other test uses: the sandbox takes any."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def portals() -> Iterator[Callable[[str], BlockingPortal]]:
    """Event loops in threads of their own, by the name of the library, each started when it is first needed."""
    with ExitStack() as stack:

        @cache
        def started(backend: str) -> BlockingPortal:
            return stack.enter_context(start_blocking_portal(backend))

        yield started


@pytest.fixture(params=["sync", "asyncio", "trio"])
def connect(
    request: pytest.FixtureRequest, sandbox: Sandbox, portals: Callable[[str], BlockingPortal]
) -> Iterator[Connect]:
    with ExitStack() as stack:

        def make(registry_url: str | None = None, **options: Any) -> Client:
            given = {"grant_client_id": sandbox.client_id, "grant_client_secret": sandbox.client_secret, "proxies": {}}
            url, shell = registry_url or sandbox.registry_url, request.param
            chosen = Client if shell == "sync" else partial(blocking, portals(shell))
            client: Client = chosen(url, **{**given, **options})
            return stack.enter_context(client)

        yield make


@pytest.fixture
def client(connect: Connect, sandbox: Sandbox) -> Client:
    """A client of the sandbox; what it sent to connect is not in the log."""
    client = connect()
    sandbox.requests.clear()
    return client


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(respond: Respond, tls: SSLContext | None = None) -> TinyServer:
            return stack.enter_context(TinyServer(respond, tls))

        yield start
