"""The options of a client: stated once, checked before anything is sent, and handed on as one frozen value."""

from __future__ import annotations

import platform
import re
import ssl
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypedDict

import httpx2

from sequoia._version import __version__
from sequoia.auth import Anonymous, AuthType, ClientGrant, Credential, OwnToken
from sequoia.clock import Clock, SystemClock
from sequoia.hooks import EventHooks, Hooks
from sequoia.names import suggestion
from sequoia.password import PasswordGrant, PasswordLogin, User
from sequoia.retry import RetryPolicy
from sequoia.tokens import PROCESS_TOKENS, MemoryTokenStore, TokenStore
from sequoia.urls import check_http_url

__all__ = ["ClientOptions", "Settings"]

DEFAULT_CONTENT_TYPE = "application/vnd.piksel+json"
DEFAULT_TIMEOUT = 240.0
LONGEST_TIMEOUT = 1_000_000  # seconds, which is over eleven days; what lasts for 25 no system can wait for
DEFAULT_MAX_RESPONSE_BYTES = 256 * 1024 * 1024
_PROXIES = 'proxies must be a dict such as {"https": "http://proxy.example.com:3128"}'
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class ClientOptions(TypedDict, total=False):
    """The keyword arguments of `Client`; `Settings` says what each means and what it is when absent."""

    auth_type: AuthType
    grant_client_id: str | None
    grant_client_secret: str | None
    byo_token: str | Callable[[], str] | None
    token_store: TokenStore | None
    username: str | None
    password: str | None
    directory: str | None
    client_cert: str | Path | None
    client_key: str | Path | None
    server_cert: str | Path | None
    content_type: str | None
    backoff_strategy: Mapping[str, Any] | None
    request_timeout: float | httpx2.Timeout | None
    proxies: Mapping[str, str | None] | None
    user_agent: str | None
    correlation_id: str | None
    user_id: str | None
    application_id: str | None
    model_resolution: object
    check: bool | Literal["warn"]
    adapters: Sequence[tuple[str, Any]] | None
    verify: bool | str | Path | ssl.SSLContext
    http2: bool
    max_connections: int
    max_concurrency: int | None
    max_rate: float | None
    max_response_bytes: int
    event_hooks: EventHooks | None
    tracer_provider: Any
    clock: Clock


@dataclass(frozen=True, kw_only=True)
class Settings:
    r"""What a client was told.

    Attributes:
        registry_url: The registry's list of services: `https://registry.example.com/services/acme`.
        auth_type: How the client proves who it is.
        grant_client_id: OAuth2 client id, for `CLIENT_GRANT`; for `PASSWORD` by the OAuth password grant as well.
        grant_client_secret: OAuth2 client secret, likewise.
        byo_token: A bearer token, or for `BYO_TOKEN` also a function that returns one.
        token_store: Where `CLIENT_GRANT` keeps its token, such as a `FileTokenStore`; None for memory,
            where all clients of the process with the same credentials find it.
        username: Name of an end user, for `PASSWORD`: `name`, or `directory\name`.
        password: The user's password.
        directory: The user's directory, if `username` has none in it.
        client_cert: Path of the client's certificate (PEM), for `MUTUAL`.
        client_key: Path of the client's private key (PEM), for `MUTUAL`.
        server_cert: Path of the certificate to trust (PEM), for `MUTUAL`.
        content_type: Value of both `Content-Type` and `Accept`.
        backoff_strategy: Retry policy of every request, see `RetryPolicy`.
        request_timeout: Seconds for each phase of a request (a free connection, connecting, sending, each wait for more
            of the answer), 1,000,000 at most, or an `httpx2.Timeout`. The whole request may take as long as all four
            phases together.
        proxies: `{"http": url, "https": url}`; None follows the environment, `{}` uses none.
        user_agent: Put in front of the SDK's own.
        correlation_id: `X-Correlation-ID` of every request.
        user_id: First part of a generated correlation id, together with `application_id`.
        application_id: Second part of it.
        model_resolution: Whether `response.model` carries included resources on their parents.
        check: Whether a criteria is held against the service's descriptor before it is sent. True reads the descriptor
            if need be, and raises a `CriteriaError` for what it says cannot be answered; `"warn"` logs a warning where
            the descriptor is known already, and sends the query; False does nothing. Where the descriptor cannot be
            read, a warning is logged and the query is sent.
        adapters: `(url_prefix, adapter)` pairs; the longest prefix wins.
        verify: True, an `ssl.SSLContext`, or the path of a CA bundle.
        http2: Speak HTTP/2 where the server does (needs the extra `http2`).
        max_connections: How many connections are open at once, at most.
        max_concurrency: How many requests of scans and bulk writes are under way at once, at most; None for as many as
            there are connections. A service that answers 429 or 503 lowers it for a while.
        max_rate: How many requests a second scans and bulk writes begin, evenly spread; None for no bound.
        max_response_bytes: The largest body of an answer that is read, decompressed; more is a `DecodeError`.
        event_hooks: `{"request": [function], "response": [function]}`, as in httpx2: called with each
            `httpx2.Request` before it goes out, those for tokens too, and with each `httpx2.Response` once its body has
            been read. What they raise is raised. Those of an `AsyncClient` are asynchronous functions.
        tracer_provider: The OpenTelemetry `TracerProvider` that gets the spans; None for that of the process.
        clock: Time, waits and chance; an `InstantClock` in tests.
    """

    registry_url: str
    auth_type: AuthType = AuthType.CLIENT_GRANT
    grant_client_id: str | None = field(default=None, repr=False)
    grant_client_secret: str | None = field(default=None, repr=False)
    byo_token: str | Callable[[], str] | None = field(default=None, repr=False)
    token_store: TokenStore | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    directory: str | None = None
    client_cert: str | Path | None = None
    client_key: str | Path | None = None
    server_cert: str | Path | None = None
    content_type: str | None = None
    backoff_strategy: Mapping[str, Any] | None = None
    request_timeout: float | httpx2.Timeout | None = None
    proxies: Mapping[str, str | None] | None = field(default=None, repr=False)  # they may carry a password
    user_agent: str | None = None
    correlation_id: str | None = None
    user_id: str | None = None
    application_id: str | None = None
    model_resolution: object = None
    check: bool | Literal["warn"] = "warn"
    adapters: Sequence[tuple[str, Any]] | None = None
    verify: bool | str | Path | ssl.SSLContext = True
    http2: bool = False
    max_connections: int = 100
    max_concurrency: int | None = None
    max_rate: float | None = None
    max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES
    event_hooks: EventHooks | None = None
    tracer_provider: Any = None
    clock: Clock = field(default_factory=SystemClock)

    @classmethod
    def of(cls, registry_url: str, options: Mapping[str, Any]) -> Settings:
        """Check a client's arguments.

        Raises:
            TypeError: An argument that there is not; the message names the nearest one.
            ValueError: An argument that makes no sense, or one that is missing.
        """
        known = {one.name for one in fields(cls)} - {"registry_url"}
        for name in options:
            if name not in known:
                raise TypeError(f"Client() has no argument {name!r}: {suggestion(name, known)}")
        return cls(registry_url=check_http_url(registry_url, "registry_url"), **options)

    def __post_init__(self) -> None:
        if not isinstance(self.auth_type, AuthType):
            raise ValueError(f"auth_type must be an AuthType such as AuthType.CLIENT_GRANT, not {self.auth_type!r}")
        self._check_credentials()
        for name in ("content_type", "user_agent", "correlation_id", "user_id", "application_id"):
            _check_header(name, getattr(self, name))
        if not (isinstance(self.check, bool) or self.check == "warn"):
            raise ValueError(f"check must be True, False or 'warn', not {self.check!r}")
        self._check_transport()
        self._check_pace()
        if self.tracer_provider is not None and not callable(getattr(self.tracer_provider, "get_tracer", None)):
            raise ValueError(f"tracer_provider must be one of OpenTelemetry, not {self.tracer_provider!r:.200}")
        Hooks.of(self.event_hooks)
        _ = self.timeout, self.retry_policy

    def _check_transport(self) -> None:
        if self.verify is False:
            raise ValueError(
                "verify=False would accept any server as the real one: give the path of a CA bundle, "
                "or an ssl.SSLContext of your own making"
            )
        if self.verify is not True and not isinstance(self.verify, str | Path | ssl.SSLContext):
            raise ValueError(f"verify must be True, the path of a CA bundle or an ssl.SSLContext, not {self.verify!r}")
        if self.proxies is not None and not isinstance(self.proxies, Mapping):
            raise ValueError(_PROXIES)
        if not all(isinstance(one, str) and isinstance(url, str | None) for one, url in (self.proxies or {}).items()):
            raise ValueError(_PROXIES)
        for entry in self.adapters or ():
            if not (isinstance(entry, tuple | list) and len(entry) == 2 and isinstance(entry[0], str)):
                raise ValueError('adapters must be a list of pairs such as [("https://", transport)]')
        for name in ("max_connections", "max_response_bytes"):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ValueError(f"{name} must be a whole number from 1, not {number!r}")

    def _check_pace(self) -> None:
        number, rate = self.max_concurrency, self.max_rate
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
            raise ValueError(f"max_concurrency must be a whole number from 1, or None, not {number!r}")
        if rate is not None and (
            isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < float("inf")
        ):
            raise ValueError(f"max_rate must be a number of requests a second above 0, or None, not {rate!r}")

    def _check_credentials(self) -> None:
        needed: Mapping[AuthType, tuple[str, ...]] = {
            AuthType.CLIENT_GRANT: ("grant_client_id", "grant_client_secret"),
            AuthType.BYO_TOKEN: ("byo_token",),
            AuthType.MUTUAL: ("client_cert", "client_key", "server_cert"),
        }
        missing = [name for name in needed.get(self.auth_type, ()) if not getattr(self, name)]
        if missing:
            raise ValueError(f"AuthType.{self.auth_type.name} needs {' and '.join(missing)}")
        for name in ("grant_client_id", "grant_client_secret"):
            if not isinstance(getattr(self, name), str | None):
                raise ValueError(f"{name} must be a string")
        if self.auth_type is AuthType.PASSWORD:
            User.of(self.username, self.password, self.directory)
            if bool(self.grant_client_id) != bool(self.grant_client_secret):
                raise ValueError(
                    "AuthType.PASSWORD needs both of grant_client_id and grant_client_secret, for the OAuth password "
                    "grant, or neither"
                )
        self._check_token_store()
        if self.byo_token is not None:
            OwnToken(self.byo_token)
        if self.auth_type is AuthType.CLIENT_GRANT and callable(self.byo_token):
            raise ValueError("a byo_token that is a function needs auth_type=AuthType.BYO_TOKEN")

    def _check_token_store(self) -> None:
        if self.token_store is None:
            return
        if not all(callable(getattr(self.token_store, name, None)) for name in ("get", "put", "discard")):
            raise ValueError(f"token_store must have the methods of a TokenStore, not be {self.token_store!r}")
        if self.auth_type is AuthType.PASSWORD:
            raise ValueError("token_store is for a client's token: that of a user stays in the memory of the process")

    @property
    def timeout(self) -> httpx2.Timeout:
        """The time that a request may take, in seconds for each of its phases."""
        given = DEFAULT_TIMEOUT if self.request_timeout is None else self.request_timeout
        if isinstance(given, httpx2.Timeout):
            if any(seconds is not None and seconds > LONGEST_TIMEOUT for seconds in given.as_dict().values()):
                raise ValueError(f"a phase of request_timeout lasts {LONGEST_TIMEOUT:,} seconds at most, or None")
            return given
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= LONGEST_TIMEOUT:
            raise ValueError(
                f"request_timeout must be a number of seconds above 0, {LONGEST_TIMEOUT:,} at most, not {given!r}"
            )
        return httpx2.Timeout(float(given))

    @property
    def retry_policy(self) -> RetryPolicy:
        """`backoff_strategy`, read and checked."""
        return RetryPolicy.of(self.backoff_strategy)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        content_type = (self.content_type or "").strip() or DEFAULT_CONTENT_TYPE
        own = f"sequoia-client-sdk-python/{__version__} python/{platform.python_version()} {platform.system()}"
        agent = f"{(self.user_agent or '').strip()} {own}".strip()
        return {"User-Agent": agent, "Content-Type": content_type, "Accept": content_type}

    @property
    def token_path(self) -> str | None:
        """Where the identity service gives tokens to such a client; None for a client that fetches none."""
        if self.auth_type is AuthType.PASSWORD and not self.grant_client_id:
            return "/pauth/token"
        return "/oauth/token" if self.auth_type in {AuthType.CLIENT_GRANT, AuthType.PASSWORD} else None

    def credential(self, token_url: str | None) -> Credential:
        """What proves who the client is; `token_url` is there for the types that fetch tokens."""
        if self.auth_type is AuthType.CLIENT_GRANT:
            assert isinstance(self.grant_client_id, str)  # noqa: S101 - __post_init__ has seen to it
            assert isinstance(self.grant_client_secret, str)  # noqa: S101
            assert token_url is not None  # noqa: S101
            own = self.byo_token if isinstance(self.byo_token, str) else None
            return ClientGrant(token_url, self.grant_client_id, self.grant_client_secret, self._tokens, own)
        if self.auth_type is AuthType.PASSWORD:
            assert token_url is not None  # noqa: S101
            user = User.of(self.username, self.password, self.directory)
            if self.grant_client_id and self.grant_client_secret:
                return PasswordGrant(token_url, user, self.grant_client_id, self.grant_client_secret, self._tokens)
            return PasswordLogin(token_url, user, self._tokens)
        if self.auth_type is AuthType.BYO_TOKEN:
            assert self.byo_token is not None  # noqa: S101
            return OwnToken(self.byo_token)
        return Anonymous()

    @property
    def _tokens(self) -> TokenStore:
        """The caller's store or the process' one; with a clock of its own, whose times mean something else, its own."""
        if self.token_store is not None:
            return self.token_store
        return PROCESS_TOKENS if isinstance(self.clock, SystemClock) else MemoryTokenStore()

    def new_correlation_id(self) -> str:
        """The `X-Correlation-ID` of one operation."""
        fixed, before = self._correlation
        return fixed or f"{before}{uuid.uuid4()}"

    @cached_property
    def _correlation(self) -> tuple[str, str]:
        """The correlation id that all operations share, or else what stands before that of each."""
        fixed, user, application = (
            (value or "").strip() for value in (self.correlation_id, self.user_id, self.application_id)
        )
        return fixed, f"{user}/{application}/" if user and application else ""


def _check_header(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str) or _CONTROL.search(value.strip()) or not value.isascii():
        raise ValueError(f"{name} must be ASCII text without control characters, not {value!r}")
