"""Tokens under load and in trouble: one request for all who need one, one clear answer for all who cannot get one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx2
import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import load_contents, sent
from tests.contract.servers import Arrived, Served, TinyServer, as_json, registry

import sequoia.aio.sending
import sequoia.sending
from sequoia import AsyncClient, Client, InstantClock
from sequoia.error import AuthorisationError, ClientError, RateLimited, ServerError, Timeout
from sequoia.sandbox import Fault, Sandbox

PAGE = as_json({"meta": {}, "contents": [{"ref": "acme:a"}]})
REFUSED = as_json({"statusCode": 401, "error": "Unauthorized", "message": "Invalid token"}, 401)
SLOW = 30.0  # seconds until a test gives up on what should have happened long ago


class Issuer:
    """Registry, identity and metadata service in one: gives out t-1, t-2 and so on, and takes only the last one.

    Args:
        grant: Answers the token requests after the first one, if it is given.
        refuse: Called with every request for data that has another token, before its refusal is sent.
    """

    def __init__(
        self, grant: Callable[[], Served] | None = None, refuse: Callable[[Arrived], object] | None = None
    ) -> None:
        self.given = 0
        self.server: TinyServer | None = None
        self._grant = grant
        self._refuse = refuse
        self._lock = threading.Lock()

    def __call__(self, request: Arrived) -> Served:
        assert self.server is not None
        if request.method == "POST":
            with self._lock:
                self.given += 1
            if self.given > 1 and self._grant is not None:
                return self._grant()
            return as_json({"access_token": f"t-{self.given}", "token_type": "bearer", "expires_in": 3600})
        if not request.path.startswith("/data/"):
            return registry(identity=self.server.origin, metadata=self.server.origin)
        if request.headers["authorization"] == f"Bearer t-{self.given}" and self.given > 1:
            return PAGE
        if self._refuse is not None:
            self._refuse(request)
        return REFUSED

    def start(self, serve: Serve) -> str:
        """Begin to serve; the URL of the registry."""
        self.server = serve(self)
        return self.server.registry_url


class Watched:
    """The lock around a renewal, which says when enough have come to it.

    Args:
        lock: The lock itself.
        number: How many are awaited.
    """

    def __init__(self, lock: Any, number: int) -> None:
        self.all_there = threading.Event()
        self._lock = lock
        self._number = number

    def _arrive(self) -> None:
        self._number -= 1
        if self._number == 0:
            self.all_there.set()

    def __enter__(self) -> None:
        self._arrive()
        self._lock.__enter__()

    def __exit__(self, *error: object) -> None:
        self._lock.__exit__(*error)

    async def __aenter__(self) -> None:
        self._arrive()
        await self._lock.__aenter__()

    async def __aexit__(self, *error: object) -> None:
        await self._lock.__aexit__(*error)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Callable[[], None]]:
    """Have the renewals watched; gives a function that waits until that many have come to the lock."""

    def begin(number: int) -> Callable[[], None]:
        watched: list[Watched] = []
        for module in (sequoia.sending, sequoia.aio.sending):
            original = module.renewals

            def renewals(key: Any, original: Callable[[Any], Any] = original) -> Any:
                found = original(key)
                if not isinstance(found.lock, Watched):
                    found.lock = Watched(found.lock, number)
                    watched.append(found.lock)
                return found

            monkeypatch.setattr(module, "renewals", renewals)
        return lambda: assert_(watched[0].all_there.wait(SLOW))

    return begin


def assert_(happened: bool) -> None:
    assert happened


def browse_at_once(client: Client, number: int) -> list[Any]:
    """What that many threads get, each from a browse of its own."""

    def browse(_: int) -> Any:
        try:
            return client.metadata.contents.browse("acme").resources
        except ClientError as error:
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(browse, range(number)))


# One renewal for all


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_one_token_request_for_1000_tasks(backend: str, sandbox: Sandbox, owner: str) -> None:
    async def main() -> None:
        options: dict[str, Any] = {"grant_client_id": sandbox.client_id, "grant_client_secret": sandbox.client_secret}
        async with AsyncClient(sandbox.registry_url, proxies={}, **options) as client:
            sandbox.expire_tokens()
            sandbox.requests.clear()
            statuses: list[int] = []

            async def browse() -> None:
                statuses.append((await client.metadata.contents.browse(owner)).status)

            async with anyio.create_task_group() as group:
                for _ in range(1000):
                    group.start_soon(browse)
            assert statuses == [200] * 1000

    anyio.run(main, backend=backend)
    assert sandbox.token_requests == 1


def test_64_refusals_at_the_same_time_lead_to_one_renewal(connect: Connect, serve: Serve) -> None:
    arrived = threading.Barrier(64)
    issuer = Issuer(refuse=lambda _: arrived.wait(SLOW))
    client = connect(issuer.start(serve))
    assert browse_at_once(client, 64) == [[{"ref": "acme:a"}]] * 64
    assert issuer.given == 2


def test_a_refusal_that_comes_after_another_one_has_renewed_renews_nothing(connect: Connect, serve: Serve) -> None:
    renewed = threading.Event()
    held = threading.Event()

    def refuse(request: Arrived) -> None:
        if "slow" in request.target:
            held.set()
            assert renewed.wait(SLOW)

    issuer = Issuer(refuse=refuse)
    contents = connect(issuer.start(serve)).metadata.contents
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(contents.browse, "acme", query_string="slow=1")
        assert held.wait(SLOW)
        contents.browse("acme")
        assert issuer.given == 2
        renewed.set()
        assert slow.result().resources == [{"ref": "acme:a"}]
    assert issuer.given == 2


def test_a_revoked_token_is_renewed_in_mid_browse_and_nothing_is_lost(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    refs = load_contents(sandbox, owner, 7)
    found: list[str] = []
    for page in client.metadata.contents.browse(owner, query_string="continue=true&perPage=2"):
        found += [one["ref"] for one in page.resources]
        token = sent(sandbox)[-1].headers["authorization"].removeprefix("Bearer ")
        httpx2.post(
            f"{sandbox.location('identity')}/oauth/revoke",
            data={"token": token},
            auth=(sandbox.client_id, sandbox.client_secret),
            trust_env=False,
        )
    assert found == refs
    assert [one.status for one in sent(sandbox)] == [200, 401, 200, 401, 200, 401, 200]


def test_clients_with_one_id_and_different_secrets_share_nothing(connect: Connect, serve: Serve) -> None:
    def respond(request: Arrived) -> Served:
        if request.method == "POST":
            return as_json({"access_token": f"of-{request.headers['authorization'][-8:]}".replace("=", "-")})
        return PAGE if request.path.startswith("/data/") else registry(identity=server.origin, metadata=server.origin)

    server = serve(respond)
    for secret in ("one-secret", "another-secret", "one-secret"):
        connect(server.registry_url, grant_client_id="id", grant_client_secret=secret).metadata.contents.browse("acme")
    used = [one.headers["authorization"] for one in server.arrived if one.path.startswith("/data/")]
    assert used[0] == used[2] != used[1]
    assert [one.method for one in server.arrived].count("POST") == 2


class JumpingClock(InstantClock):
    """A clock whose wall time somebody sets, while its monotonic time goes on as ever."""

    wall = 0.0

    def time(self) -> float:
        return super().time() + self.wall


@pytest.mark.parametrize("jump", [-10 * 365 * 86400.0, 10 * 365 * 86400.0])
def test_a_wall_clock_that_jumps_changes_nothing(connect: Connect, sandbox: Sandbox, owner: str, jump: float) -> None:
    clock = JumpingClock()
    client = connect(clock=clock)
    clock.wall = jump
    client.metadata.contents.browse(owner)
    clock.advance(3600 - 31)
    client.metadata.contents.browse(owner)
    assert sandbox.token_requests == 1
    clock.advance(2)
    client.metadata.contents.browse(owner)
    assert sandbox.token_requests == 2


# An identity service in trouble


def test_those_who_wait_for_a_renewal_share_its_failure(
    connect: Connect, serve: Serve, watch: Callable[[int], Callable[[], None]]
) -> None:
    all_wait = watch(64)

    def fail() -> Served:
        all_wait()
        return Served(503, b"<html>down</html>", {"content-type": "text/html"})

    arrived = threading.Barrier(64)
    issuer = Issuer(fail, lambda _: arrived.wait(SLOW))
    client = connect(issuer.start(serve), backoff_strategy={"max_tries": 3})
    issuer_before = issuer.given
    errors = browse_at_once(client, 64)
    assert [type(one) for one in errors] == [ServerError] * 64
    assert issuer.given - issuer_before == 3
    assert len({id(one) for one in errors}) == 64
    assert {(one.tries, one.method, one.status_code) for one in errors} == {(3, "POST", 503)}
    assert {str(one) for one in errors} == {str(errors[0])}


def test_who_comes_after_a_failed_renewal_tries_again(connect: Connect, serve: Serve) -> None:
    answers: Iterator[Served] = iter([Served(400), as_json({"access_token": "t-3"})])
    issuer = Issuer(lambda: next(answers))
    client = connect(issuer.start(serve))
    with pytest.raises(AuthorisationError, match="refused the client's credentials"):
        client.metadata.contents.browse("acme")
    assert client.metadata.contents.browse("acme").resources
    assert issuer.given == 3


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (Fault(status=429, headers={"Retry-After": "7"}), [7.0]),
        (Fault(status=503, body=b"<html>busy</html>", content_type="text/html", times=3), [0.0] * 3),
        (Fault(status=500, times=9), [0.0] * 9),
        (Fault(drop="before"), [0.0]),
        (Fault(drop="body"), [0.0]),
        (Fault(delay=3), [0.0]),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_token_request_that_fails_is_sent_again(
    connect: Connect, sandbox: Sandbox, owner: str, fault: Fault, waits: list[float]
) -> None:
    clock = InstantClock()
    sandbox.faults.add(_at_identity(fault))
    client = connect(clock=clock, request_timeout=1)
    assert client.metadata.contents.browse(owner).status == 200
    assert clock.waits == waits


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        (Fault(status=429, times=None), RateLimited, "429"),
        (Fault(status=503, body=b"<html>", content_type="text/html", times=None), ServerError, "503"),
        (Fault(delay=3, times=None), Timeout, "no answer in time"),
        (Fault(drop="body", times=None), ClientError, "connection lost"),
        (Fault(body=b"<html>sign in</html>", content_type="text/html"), AuthorisationError, "holds no bearer token"),
        (Fault(body=b'{"access_token": "abcd'), AuthorisationError, "holds no bearer token"),
        (Fault(body=b""), AuthorisationError, "holds no bearer token"),
        (Fault(body=b'{"access_token": "abcd", "token_type": "mac"}'), AuthorisationError, "holds no bearer token"),
        (Fault(status=403, body=b"<html>", content_type="text/html"), AuthorisationError, "refused the client's"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_token_that_cannot_be_had_is_one_clear_error(
    connect: Connect, sandbox: Sandbox, fault: Fault, error: type[ClientError], sentence: str
) -> None:
    sandbox.faults.add(_at_identity(fault))
    with pytest.raises(error, match=sentence) as caught:
        connect(clock=InstantClock(), request_timeout=0.5, backoff_strategy={"max_tries": 2})
    assert "/oauth/token" in str(caught.value)
    assert "abcd" not in f"{caught.value}{caught.value.cause}"


@pytest.mark.parametrize("expires_in", [None, 0, -1, -1e300, "3600", 3600.5, 1e300, 10**400])
def test_a_token_is_used_whatever_number_its_lifetime_is(connect: Connect, serve: Serve, expires_in: Any) -> None:
    body = json.dumps({"access_token": "t", "token_type": "bearer", "expires_in": expires_in}).encode()
    clock = InstantClock()
    client = connect(_granting(serve, body), clock=clock)
    clock.advance(60)
    client.metadata.contents.browse("acme")
    assert client.metadata.contents.browse("acme").resources


@pytest.mark.parametrize("expires_in", ["NaN", "Infinity", "-Infinity", '"soon"', "[1]", "true", "{}"])
def test_a_lifetime_that_is_no_number_is_an_error(connect: Connect, serve: Serve, expires_in: str) -> None:
    body = f'{{"access_token": "t0k3n", "token_type": "bearer", "expires_in": {expires_in}}}'.encode()
    with pytest.raises(AuthorisationError, match="holds no bearer token") as caught:
        connect(_granting(serve, body))
    assert "t0k3n" not in str(caught.value)


def _granting(serve: Serve, body: bytes) -> str:
    def respond(request: Arrived) -> Served:
        if request.method == "POST":
            return Served(200, body, {"content-type": "application/json"})
        return PAGE if request.path.startswith("/data/") else registry(identity=server.origin, metadata=server.origin)

    server = serve(respond)
    return server.registry_url


def _at_identity(fault: Fault) -> Fault:
    return Fault(**{name: getattr(fault, name) for name in fault.__slots__} | {"service": "identity", "method": "POST"})
