"""From settings to httpx2 clients, synchronous and asynchronous: proxies, connection limits and adapters."""

from __future__ import annotations

import importlib.util
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import httpx2

from sequoia.auth import AuthType
from sequoia.bounds import Bounds
from sequoia.calls import Call
from sequoia.error import ClientError, ConnectionError, DecodeError, RequestError, Timeout, TooManyRedirects
from sequoia.hooks import Hooks
from sequoia.network import bound_network, read_body
from sequoia.secrecy import keep_back
from sequoia.settings import Settings
from sequoia.tls import proxy_tls_context, tls_context

__all__ = ["Channels", "Library", "Routes", "adapter_transport", "transport_error"]

# Failures from before a connection stood: nothing of the request can have reached the server.
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)


Http = TypeVar("Http", httpx2.Client, httpx2.AsyncClient)


class Library(NamedTuple):
    """The names in httpx2 that differ between the synchronous and the asynchronous client."""

    client: Callable[..., Any]
    proxy: Callable[..., Any]
    adapter: Callable[[Any, Settings], Any]
    bound: Callable[[Any], None]


class Routes(Generic[Http]):
    """What both kinds of channels have in common: which HTTP client a request goes through, and what it looks like.

    Attributes:
        hooks: The caller's functions; whoever sends calls them.
    """

    _library: ClassVar[Library]

    def __init__(self, settings: Settings) -> None:
        keep_back()
        library = self._library
        self.hooks = Hooks.of(settings.event_hooks, asynchronous=library.client is httpx2.AsyncClient)
        common: dict[str, Any] = {"headers": settings.headers, "timeout": settings.timeout}
        routes = [(prefix.lower(), library.adapter(adapter, settings)) for prefix, adapter in settings.adapters or ()]
        self._routes: list[tuple[str, Http]] = [
            (prefix, library.client(transport=transport, **common))
            for prefix, transport in sorted(routes, key=lambda route: -len(route[0]))
        ]
        limits = httpx2.Limits(
            max_connections=settings.max_connections, max_keepalive_connections=settings.max_connections
        )
        if settings.http2 and importlib.util.find_spec("h2") is None:
            raise ImportError("http2=True needs an extra: pip install 'sequoia-client-sdk[http2]'")
        network: dict[str, Any] = {"verify": tls_context(settings), "http2": settings.http2, "limits": limits}
        try:
            mounts = _proxies(settings, library.proxy, network)
            self._default: Http = library.client(trust_env=settings.proxies is None, mounts=mounts, **network, **common)
        except ImportError as error:
            raise ImportError("a SOCKS proxy needs the package socksio: pip install 'httpx2[socks]'") from error
        except httpx2.InvalidURL as error:
            raise ValueError(f"a proxy of the environment, such as HTTPS_PROXY, is not at a URL: {error}") from error
        self._headers = dict(self._default.headers)
        library.bound(self._default)
        self._bounds = Bounds(settings.timeout)
        self._limit = settings.max_response_bytes
        self._in_flight = 0
        self._closed = False
        self._process = os.getpid()

    def request(self, call: Call, headers: Mapping[str, str]) -> httpx2.Request:
        """The HTTP request for a call: the client's headers, the call's own over them, and `headers` over both.

        Made without `httpx2.Client.build_request`, which takes a tenth of the time of a read to merge what is merged
        here already; and without cookies, which no service of the platform asks for.

        Args:
            call: The call.
            headers: By names in lower case.

        Raises:
            ClientError: The channels are closed.
            httpx2.InvalidURL: The call's URL is none.
        """
        self._check_open()
        given = {name.lower(): value for name, value in call.headers.items()}
        merged = httpx2.Headers({**self._headers, **given, **headers}, encoding="utf-8")
        extensions = {"timeout": self._bounds.timeouts()}
        return httpx2.Request(call.method, call.url, headers=merged, content=call.body, extensions=extensions)

    def for_url(self, url: str) -> Http:
        """The HTTP client that requests to `url` go through."""
        return self.adapted(url) or self._default

    def adapted(self, url: str) -> Http | None:
        """The HTTP client with the adapter that is mounted for `url`, if there is one."""
        for prefix, client in self._routes:
            if url.lower().startswith(prefix):
                return client
        return None

    def check_process(self) -> None:
        """Refuse to work in a process that was forked: it shares the connections, and would get others' answers.

        Raises:
            ClientError: This is another process than that of the client.
        """
        if os.getpid() != self._process:
            raise ClientError(
                f"this client was made in another process, {self._process}, from which this one, {os.getpid()}, was "
                "forked: make a client in each process"
            )

    def _check_open(self) -> None:
        self.check_process()
        if self._closed:
            raise ClientError("the client is closed")

    @property
    def _idle(self) -> bool:
        """Whether the connections can be closed: under a request, one that it opens afterwards would stay open."""
        return self._closed and not self._in_flight and os.getpid() == self._process

    def _all(self) -> list[Http]:
        clients: list[Http] = [client for _, client in self._routes]
        clients.append(self._default)
        return clients


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those behind it: of the asynchronous ones, the outermost may say nothing."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def adapter_transport(adapter: Any, settings: Settings) -> httpx2.BaseTransport:
    """The synchronous transport that an adapter is, or that sends through an adapter of `requests`.

    Raises:
        ValueError: It is neither.
        ImportError: The extra `requests` is not installed.
    """
    if isinstance(adapter, httpx2.BaseTransport):
        return adapter
    if not hasattr(adapter, "send"):
        raise ValueError(
            f"an adapter is an httpx2.BaseTransport, for an AsyncClient an httpx2.AsyncBaseTransport, or an adapter of "
            f"requests, not {adapter!r}"
        )
    from sequoia.requests_adapter import RequestsTransport  # noqa: PLC0415 - requests is an extra

    certificates = None
    if settings.auth_type is AuthType.MUTUAL:
        certificates = (str(settings.client_cert), str(settings.client_key))
    verify = settings.server_cert or settings.verify
    return RequestsTransport(adapter, verify=str(verify) if isinstance(verify, str | Path) else True, cert=certificates)


class Channels(Routes[httpx2.Client]):
    """The HTTP clients of one `Client`: the usual one, and one for each adapter.

    Args:
        settings: The client's settings.

    Raises:
        ValueError: A certificate, a proxy or an adapter cannot be used.
        ImportError: HTTP/2 or a `requests` adapter is asked for, and its extra is not installed.
    """

    _library = Library(httpx2.Client, httpx2.HTTPTransport, adapter_transport, bound_network)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._counting = threading.RLock()  # reentrant: a signal may close the client in the middle of a count
        weakref.finalize(self, _abandon, weakref.ref(self), self._all(), self._process)

    def send(self, call: Call, request: httpx2.Request) -> httpx2.Response:
        """Send a call's request, which `request` has made, and read its answer.

        Raises:
            ClientError: The channels are closed.
            DecodeError: The answer is larger than `max_response_bytes`.
            httpx2.HTTPError: There is no answer.
        """
        self._check_open()
        with self._counting:
            self._check_open()
            self._in_flight += 1
        try:
            response = self.for_url(call.url).send(request, stream=True)
            return read_body(response, self._limit)
        finally:
            with self._counting:
                self._in_flight -= 1
            if self._closed:
                self._hang_up()

    def close(self) -> None:
        """Send nothing more, and close every connection as soon as no request is under way."""
        self._closed = True
        self._hang_up()

    def _hang_up(self) -> None:
        if os.getpid() != self._process:
            return  # where the lock may be held by a thread that this process does not have
        with self._counting:
            if not self._idle:
                return
        _close(self._all(), self._process)


def _abandon(channels: weakref.ref[Channels], clients: Iterable[httpx2.Client], process: int) -> None:
    """Close the connections of a client that is gone, or of a program that ends.

    Threads that are still at work when the program ends keep theirs: they would complain into its last words.
    """
    if channels() is None or threading.active_count() == 1:
        _close(clients, process)


def _close(clients: Iterable[httpx2.Client], process: int) -> None:
    """Close connections, but not in a process that was forked: they are those of its parent."""
    if os.getpid() == process:
        for client in clients:
            client.close()


def transport_error(error: httpx2.HTTPError | httpx2.InvalidURL) -> RequestError | DecodeError:
    """The SDK's error for one of the transport's."""
    if isinstance(error, httpx2.InvalidURL):
        return RequestError(f"this URL cannot be requested: {error}", error)
    text = next(filter(None, map(str, _causes(error))), type(error).__name__)
    if isinstance(error, httpx2.DecodingError):
        return DecodeError(f"the answer's content encoding is broken: {text}", error)
    if isinstance(error, httpx2.TimeoutException):
        made: RequestError = Timeout(f"no answer in time ({type(error).__name__})", error)
    elif isinstance(error, httpx2.TooManyRedirects):
        made = TooManyRedirects(text, error)
    else:
        made = ConnectionError(f"{'no connection' if isinstance(error, _UNSENT) else 'connection lost'}: {text}", error)
    made.sent = not isinstance(error, _UNSENT)
    return made


def _proxies(settings: Settings, transport: Callable[..., Any], network: Mapping[str, Any]) -> dict[str, Any]:
    mounts: dict[str, Any] = {}
    for scheme, url in (settings.proxies or {}).items():
        pattern = {"http": "http://", "https": "https://", "all": "all://"}.get(scheme.removesuffix("://"))
        if pattern is None:
            raise ValueError(f'proxies has {scheme!r}: its keys are "http" and "https"')
        if url:
            # Without one, httpx2 would judge a proxy's own certificate by the system's authorities only.
            context = proxy_tls_context(settings) if url.lower().startswith("https://") else None
            try:
                mounts[pattern] = transport(proxy=httpx2.Proxy(url, ssl_context=context), **network)
            except (ValueError, httpx2.InvalidURL):
                # Without the reason: it shows the URL, and that may carry a password.
                raise ValueError(
                    f"proxies[{scheme!r}] is not the URL of a proxy such as http://proxy.example.com:3128"
                ) from None
    return mounts
