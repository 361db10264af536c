"""What only an asynchronous client can do: wait for nothing, do much at once, be cancelled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx2
import pytest
from tests.contract.data import load_assets, load_contents, sent

from sequoia import AsyncClient, AuthType, where
from sequoia.error import AuthorisationError, ClientError, ServiceNotFound
from sequoia.sandbox import Fault, Sandbox

Session = Callable[[AsyncClient], Awaitable[None]]

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])
pytestmark = BACKENDS


def _options(sandbox: Sandbox, **options: Any) -> dict[str, Any]:
    given = {"grant_client_id": sandbox.client_id, "grant_client_secret": sandbox.client_secret, "proxies": {}}
    return {**given, **options}


def _run(backend: str, sandbox: Sandbox, session: Session, **options: Any) -> None:
    async def main() -> None:
        async with AsyncClient(sandbox.registry_url, **_options(sandbox, **options)) as client:
            await session(client)

    anyio.run(main, backend=backend)


def test_nothing_is_sent_before_the_first_await(backend: str, sandbox: Sandbox, owner: str) -> None:
    refs = load_contents(sandbox, owner, 3)

    async def session() -> None:
        client = AsyncClient(sandbox.registry_url, **_options(sandbox))
        browse = client.metadata.contents.browse(owner, where().per_page(2))
        linked = browse.linked("assets")
        with pytest.raises(ClientError, match="the browse has not been read yet: await it"):
            _ = browse.resources
        with pytest.raises(ClientError, match="the registry has not been read yet"):
            _ = client.services
        assert (repr(browse), repr(linked)) == ("<AsyncPageBrowser not yet read>", "<AsyncLinkedPages assets>")
        assert "metadata" not in dir(client)
        assert len(sandbox.requests) == 0
        assert [one["ref"] async for page in browse for one in page.resources] == refs
        assert "metadata" in dir(client)
        assert "metadata" in client.services
        assert [request.service for request in sandbox.requests] == ["registry", "identity", "metadata", "metadata"]
        await client.close()

    anyio.run(session, backend=backend)


def test_bad_arguments_are_refused_before_that_too(backend: str, sandbox: Sandbox, owner: str) -> None:
    async def session() -> None:
        client = AsyncClient(sandbox.registry_url, **_options(sandbox))
        with pytest.raises(ValueError, match="prefetch_pages"):
            client.metadata.contents.browse(owner, prefetch_pages=-1)
        with pytest.raises(ValueError, match="owner must be the name of a tenant"):
            await client.metadata.contents.read("", f"{owner}:x")
        with pytest.raises(ValueError, match="at least one ref"):
            await client.metadata.contents.delete(owner, [])
        with pytest.raises(ServiceNotFound, match="a service has a name"):
            _ = client[""]
        assert len(sandbox.requests) == 0
        await client.close()

    anyio.run(session, backend=backend)


def test_an_unknown_service_is_found_out_with_the_first_request(backend: str, sandbox: Sandbox, owner: str) -> None:
    async def session() -> None:
        client = AsyncClient(sandbox.registry_url, **_options(sandbox))
        with pytest.raises(ServiceNotFound, match="did you mean 'metadata'"):
            await client.metdata.contents.read(owner, f"{owner}:x")
        with pytest.raises(ServiceNotFound, match="did you mean 'metadata'"):
            _ = client.metdata  # by now the registry is known
        await client.close()

    anyio.run(session, backend=backend)


def test_entering_connects_and_wrong_credentials_fail_there(backend: str, sandbox: Sandbox) -> None:
    async def session() -> None:
        with pytest.raises(AuthorisationError):
            async with AsyncClient(sandbox.registry_url, **_options(sandbox, grant_client_secret="wrong")):
                pytest.fail("it got in")

    anyio.run(session, backend=backend)


def test_a_browse_that_is_awaited_is_its_first_page(backend: str, sandbox: Sandbox, owner: str) -> None:
    refs = load_contents(sandbox, owner, 5)
    load_assets(sandbox, owner, "c-001", 3)

    async def session(client: AsyncClient) -> None:
        sandbox.requests.clear()
        browse = await client.metadata.contents.browse(owner, where().include("assets").per_page(2), prefetch_pages=2)
        assert len(sent(sandbox)) == 2
        assert [one["ref"] for one in browse.resources] == refs[:2]
        assert len(browse.linked("assets").resources) == 3
        assert (await browse) is browse
        for _ in range(2):
            assert [one["ref"] async for page in browse for one in page.resources] == refs
        assert len(sent(sandbox)) == 3

    _run(backend, sandbox, session)


def test_a_thousand_reads_at_once_ask_for_one_token(backend: str, sandbox: Sandbox, owner: str) -> None:
    refs = load_contents(sandbox, owner, 20)
    found: list[str] = []

    async def session() -> None:
        client = AsyncClient(sandbox.registry_url, **_options(sandbox))

        async def read(ref: str) -> None:
            found.append((await client.metadata.contents.read(owner, ref)).resource["ref"])

        async with anyio.create_task_group() as tasks:
            for number in range(1000):
                tasks.start_soon(read, refs[number % 20])
        await client.close()

    anyio.run(session, backend=backend)
    assert sorted(found) == sorted(refs * 50)
    assert sandbox.token_requests == 1
    assert len(sent(sandbox, "registry")) == 1


def test_a_token_that_expires_under_many_tasks_is_renewed_once(backend: str, sandbox: Sandbox, owner: str) -> None:
    refs = load_contents(sandbox, owner, 1)

    async def session(client: AsyncClient) -> None:
        sandbox.expire_tokens()
        sandbox.requests.clear()
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(client.metadata.contents.read, owner, refs[0])

    _run(backend, sandbox, session)
    assert sandbox.token_requests == 1


def test_many_tasks_that_wait_for_a_descriptor_share_its_failure(backend: str, sandbox: Sandbox) -> None:
    failed: list[str] = []

    async def session(client: AsyncClient) -> None:
        async def look() -> None:
            try:
                await client.metadata.contents.descriptor
            except ClientError as error:
                failed.append(str(error))

        sandbox.faults.add(Fault(status=503, path="/descriptor/*", times=None))
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(look)
        sandbox.faults.clear()
        await look()

    _run(backend, sandbox, session, backoff_strategy={"max_tries": 2})
    assert len(failed) == 20
    assert [request.path for request in sent(sandbox)].count("/descriptor/raw") == 3


def test_clients_of_the_same_credentials_share_a_token(backend: str, sandbox: Sandbox) -> None:
    async def connect() -> None:
        async with AsyncClient(sandbox.registry_url, **_options(sandbox)):
            pass

    async def session() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(connect)

    anyio.run(session, backend=backend)
    assert sandbox.token_requests == 1


def test_a_task_that_is_cancelled_leaves_the_client_usable(backend: str, sandbox: Sandbox, owner: str) -> None:
    refs = load_contents(sandbox, owner, 4)

    async def session(client: AsyncClient) -> None:
        contents = client.metadata.contents
        browse = await contents.browse(owner, where().per_page(1))
        sandbox.faults.add(Fault(delay=60, service="metadata", times=3))
        sandbox.requests.clear()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(contents.read, owner, refs[0])
            tasks.start_soon(contents.store, owner, {"owner": owner, "name": "late", "type": "movie"})
            tasks.start_soon(_walk, browse)
            while sandbox.faults.armed():  # until all three requests are under way
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        channels: Any = client._sender.channels
        assert channels._in_flight == 0
        assert [one["ref"] async for page in browse for one in page.resources] == refs
        assert (await contents.read(owner, refs[1])).resource["ref"] == refs[1]
        pool = channels._default._transport._pool
        assert all(connection.is_idle() for connection in pool.connections)

    _run(backend, sandbox, session)


async def _walk(browse: Any) -> None:
    async for _ in browse:
        pass


def test_loops_that_are_left_early_leave_nothing_behind(backend: str, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 3)
    load_assets(sandbox, owner, "c-000", 700)

    async def session(client: AsyncClient) -> None:
        browse = client.metadata.contents.browse(owner, where().include("assets").per_page(1))
        async for _ in browse:
            break
        async for _ in browse.linked("assets"):
            break

    _run(backend, sandbox, session)  # a warning of the event loop would fail this test


def test_an_adapter_may_be_asynchronous_or_run_in_threads(backend: str, sandbox: Sandbox) -> None:
    registry = {"services": [{"name": "metadata", "location": "https://metadata.test"}]}

    def respond(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "registry.test":
            return httpx2.Response(200, json=registry)
        return httpx2.Response(200, json={"meta": {}, "contents": [{"ref": "acme:x"}]})

    class Asynchronous(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            await anyio.lowlevel.checkpoint()
            return respond(request)

    class Synchronous(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            return respond(request)

    async def session() -> None:
        for adapter in (Asynchronous(), Synchronous(), httpx2.MockTransport(respond)):
            options: dict[str, Any] = {"auth_type": AuthType.NO_AUTH, "adapters": [("https://", adapter)]}
            async with AsyncClient("https://registry.test/services/acme", **options) as client:
                assert (await client.metadata.contents.read("acme", "acme:x")).resource == {"ref": "acme:x"}
        with pytest.raises(ValueError, match=r"for an AsyncClient an httpx2\.AsyncBaseTransport"):
            AsyncClient("https://registry.test/services/acme", auth_type=AuthType.NO_AUTH, adapters=[("x", 5)])

    anyio.run(session, backend=backend)


def test_a_client_belongs_to_its_event_loop(backend: str) -> None:
    class Held(httpx2.AsyncBaseTransport):
        """As a connection: in another event loop than its own it is of no use."""

        def __init__(self) -> None:
            self.broken = False

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            await anyio.lowlevel.checkpoint()
            if self.broken:
                raise RuntimeError("Event loop is closed")
            return httpx2.Response(200, json={"services": [], "path": request.url.path})

    held = Held()
    client = AsyncClient(
        "https://registry.test/services/acme", auth_type=AuthType.NO_AUTH, adapters=[("https://", held)]
    )

    async def session(error: type[Exception] | None = None, told: str | None = None) -> None:
        if error is None:
            assert (await client.get("https://metadata.test/x")).data["path"] == "/x"
            held.broken = True
            error = RuntimeError  # in its own loop it is what it is
        with pytest.raises(error, match=told):
            await client.get("https://metadata.test/x")

    anyio.run(session, backend=backend)
    anyio.run(session, ClientError, r"belongs to the event loop .* make a client in each asyncio\.run", backend=backend)
