"""A platform in one function, for tests of what the client sends and what it makes of the answers."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

import sequoia.tokens
from sequoia import Client, InstantClock

REGISTRY = "https://registry.test/services/acme"
Handler = Callable[[httpx2.Request], httpx2.Response]


class Platform:
    """A registry, an identity service and some data services.

    Attributes:
        requests: Everything that was asked, in order.
        tokens: Tokens given out so far; only the last one is good.
    """

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.tokens: list[str] = []
        self.clock = InstantClock()
        self.transport = httpx2.MockTransport(self._handle)
        self._answers: dict[str, list[Handler]] = defaultdict(list)
        self._lock = threading.Lock()
        services = ["identity", "metadata", "flow", "service-with-dash"]
        self.answer(
            f"GET {REGISTRY}",
            {"services": [{"owner": "root", "name": name, "location": f"https://{name}.test"} for name in services]},
        )
        self.answer_with("POST https://identity.test/oauth/token", self._token)

    def client(self, **options: Any) -> Client:
        """A client of this platform that never waits."""
        given: dict[str, Any] = {
            "grant_client_id": "id",
            "grant_client_secret": "s3cr3t-v4lue",
            "adapters": [("https://", self.transport)],
            "clock": self.clock,
            **options,
        }
        return Client(REGISTRY, **given)

    def answer(self, what: str, json: Any = None, status: int = 200, **headers: str) -> None:
        """Answer `what`, a method and a URL without its query, with this; the last answer given goes on for ever."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = {} if json is None else {"json": json}
        self.answer_with(what, lambda request: httpx2.Response(status, headers=named, **content))

    def answer_with(self, what: str, handler: Handler) -> None:
        """The same, with a function; it may raise."""
        self._answers[what].append(handler)

    def sent(self, host: str = "") -> list[str]:
        """Method and URL of everything that was asked of the hosts that begin with `host`."""
        return [f"{one.method} {one.url}" for one in self.requests if one.url.host.startswith(host)]

    def good(self, request: httpx2.Request) -> bool:
        """Whether a request carries the token that was given out last."""
        return bool(self.tokens) and request.headers.get("authorization") == f"Bearer {self.tokens[-1]}"

    def unless_good(self, data: Any) -> Handler:
        """Answers with `data`, but only to the token that was given out last."""
        refused = {"statusCode": 401, "error": "Unauthorized", "message": "Invalid token"}
        return lambda request: (
            httpx2.Response(200, json=data) if self.good(request) else httpx2.Response(401, json=refused)
        )

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        url = str(request.url.copy_with(query=None))
        with self._lock:
            self.requests.append(request)
            answers = self._answers[f"{request.method} {url}"]
            handler = answers.pop(0) if len(answers) > 1 else (answers or [_nothing])[0]
        return handler(request)

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        with self._lock:
            self.tokens.append(f"t0k3n-{len(self.tokens) + 1}")
            return httpx2.Response(
                200, json={"access_token": self.tokens[-1], "token_type": "bearer", "expires_in": 3600}
            )


def _nothing(request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(404, json={"statusCode": 404, "error": "Not Found"})


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A platform, and a process that has no token yet."""
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT", raising=False)
    sequoia.tokens.PROCESS_TOKENS.clear()
    yield Platform()
    sequoia.tokens.PROCESS_TOKENS.clear()
