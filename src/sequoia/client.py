"""The client, its services and their endpoints: the names that users write.

This is the synchronous shell. What is sent, whether it is sent again and which page comes next is decided by the
core; `sending` sends it; here it gets the shape of the contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, NoReturn, Self, Unpack

from sequoia.auth import AuthType, Credential, check_secure
from sequoia.calls import Call
from sequoia.describing import Described
from sequoia.descriptor import Descriptor
from sequoia.endpoint import BusinessEndpoint, Endpoint, RouteEndpoint, Strategy
from sequoia.error import AuthorisationError, HttpError, NotFound, ResourceNotFound
from sequoia.operations import BusinessPath, any_call
from sequoia.registry import NOT_ANONYMOUS, RegisteredService, Registry, no_registry
from sequoia.response import Response
from sequoia.retry import EmptyRule, Task
from sequoia.sending import Sender
from sequoia.settings import ClientOptions, Settings
from sequoia.urls import Params

__all__ = ["Client", "Service"]


class Client:
    """A connection to the services of one registry, for any number of threads.

    The registry is read, and a token fetched, while it is constructed.

    Args:
        registry_url: The registry's list of services: `https://registry.example.com/services/acme`.
        **options: See `ClientOptions` for their names and `Settings` for what they mean.

    Raises:
        TypeError, ValueError: An argument makes no sense; nothing was sent.
        AuthorisationError: The identity service refuses the credentials.
        RequestError: The registry or the identity service cannot be reached.
        DecodeError: What is at `registry_url` is no registry.
    """

    def __init__(self, registry_url: str, **options: Unpack[ClientOptions]) -> None:
        self._settings = Settings.of(registry_url, options)
        self._sender = Sender(self._settings)
        self._described: dict[str, Described] = {}
        self._credential: Credential | None = None
        self._token_url_in_use: str | None = None
        try:
            self.refresh()
        except BaseException:
            self.close()
            raise

    @property
    def services(self) -> Mapping[str, RegisteredService]:
        """What the registry holds, by name."""
        return self._registry

    def refresh(self) -> None:
        """Read the registry again, and forget what the services said about themselves."""
        registry = self._read_registry()
        token_url = self._token_url(registry)
        if self._credential is None or token_url != self._token_url_in_use:
            self._credential = self._settings.credential(token_url)
            self._token_url_in_use = token_url
        self._sender.authenticate(
            self._credential, [url for url in registry.base_urls() if self._may_tell(url)], registry.base_urls()
        )
        self._registry = registry  # only now: what cannot be used leaves the old one in place
        self._described = {}  # after the registry: see __getitem__

    def request(  # noqa: PLR0913 - the contract has these arguments
        self,
        method: str,
        url: str,
        *,
        params: Params | None = None,
        json: Any = None,
        content: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        retry_when_empty_result: EmptyRule | None = None,
        backoff_strategy: Strategy = None,
    ) -> Response:
        """Send any request, with the authentication, retries and correlation id of everything else.

        Args:
            method: HTTP method.
            url: Absolute URL; the token goes with it only to an origin that the registry names.
            params: Query parameters, added to those of `url`.
            json: A value to send as JSON.
            content: A body to send as it is.
            headers: Headers that differ from the client's own. An `X-Correlation-ID` is that of the whole operation,
                its tries and its error; an `Authorization` may go to an origin that the token does not go to.
            retry_when_empty_result: Ask again while a list of resources in the answer is empty.
            backoff_strategy: Retry policy of this request. A POST or PATCH that may have arrived is repeated only
                with `"retry_unsafe": True`.

        Raises:
            ValueError: The URL is not absolute, there are both `json` and `content`, or an `Authorization` of your own
                beside the token.
            ClientError: As for every operation.
        """
        call = any_call(method, url, params=params, json=json, content=content, headers=headers)
        operation = self._sender.operation(
            backoff_strategy, retry_when_empty_result, correlation_id=call.header("x-correlation-id")
        )
        self._connected()
        self._sender.check_authorization(call)
        return Response(self._sender.send(call, operation))

    def get(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        retry_when_empty_result: EmptyRule | None = None,
        backoff_strategy: Strategy = None,
    ) -> Response:
        """`request("GET", url, ...)`."""
        return self.request(
            "GET",
            url,
            params=params,
            headers=headers,
            retry_when_empty_result=retry_when_empty_result,
            backoff_strategy=backoff_strategy,
        )

    def close(self) -> None:
        """Close the client's connections; it cannot be used afterwards."""
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __getitem__(self, name: str) -> Service:
        known = self._described  # before the registry: what a refresh leaves behind must not get into the new dict
        entry = self._registry.find(name)
        described = known.get(entry.name)
        if described is None:
            described = known.setdefault(entry.name, Described(self._sender, entry.name, self._locate))
        return Service(self._sender, described)

    def __getattr__(self, name: str) -> Service:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self[name]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name.replace("-", "_") for name in self._registry)})

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._registry)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client holds connections and cannot cross a process: make one in each process")

    def __repr__(self) -> str:
        return f"<Client {self._settings.registry_url} {self._settings.auth_type.name}>"

    def _read_registry(self) -> Registry:
        """What the registry says; it is asked without a token, and with the caller's own one if it wants one."""
        url = self._settings.registry_url
        if self._settings.auth_type is AuthType.BYO_TOKEN and self._may_tell(url):
            self._credential = self._credential or self._settings.credential(None)
            self._sender.offer(self._credential, url)
        try:
            operation = self._sender.operation(task=Task("registry")).without_empty_rule()
            answer = self._sender.send(Call("GET", url), operation)
            return Registry(answer.data)
        except NotFound as error:
            raise no_registry(error) from error
        except HttpError as error:
            if error.status_code == 401:
                error.add_note(NOT_ANONYMOUS)
            raise

    def _connected(self) -> Registry:
        """The registry, and with it the origins that the token may go to; this client read it when it was made."""
        return self._registry

    def _token_url(self, registry: Registry) -> str | None:
        """Where tokens are given out; None for a client that fetches none."""
        path = self._settings.token_path
        if path is None:
            return None
        url = f"{registry.find('identity').base_url()}{path}"
        self._check_secure(url, "the token endpoint")
        return url

    def _locate(self, name: str) -> str:
        """Where a service is, if it is a place that the client's secret may be sent to."""
        registry = self._connected()
        location = registry.find(name).base_url()
        if self._sender.holds_secret:
            self._check_secure(location, f"the service {name!r}")
        return location

    def _check_secure(self, url: str, what: str) -> None:
        if self._sender.channels.adapted(url) is None:
            check_secure(url, what)

    def _may_tell(self, url: str) -> bool:
        """Whether the token may go there: a service over plain http is refused when it is asked for."""
        try:
            self._check_secure(url, "the service")
        except AuthorisationError:
            return False
        return True


class Service:
    """A service of the platform; its endpoints are its attributes: `client.metadata.contents`.

    Attributes:
        name: Name of the service.
    """

    def __init__(self, sender: Sender, described: Described) -> None:
        self.name = described.name
        self._sender = sender
        self._described = described

    @property
    def location(self) -> str:
        """Where it is, without a trailing slash.

        Raises:
            ClientError: It is at no place that a token may be sent to.
        """
        return self._described.location()

    @property
    def descriptor(self) -> Descriptor:
        """What the service says about itself; read once for each client, and again after `Client.refresh`.

        Raises:
            ClientError: It cannot be read.
        """
        return self._described.needed(self._sender.operation(task=Task("describe", self.name)).without_empty_rule())

    def business(self, path_template: str) -> BusinessEndpoint:
        """A business endpoint: `service.business("/$service/$owner:$ref")`, a `string.Template` of its path."""
        return BusinessEndpoint(self._sender, self._described, BusinessPath(path_template))

    def route(self, route: str, /, **values: Any) -> RouteEndpoint:
        """A business endpoint by its name in the descriptor: `client.gateway.route("feeds", owner="acme", name="x")`.

        Args:
            route: Name of the route.
            **values: Values of its path and query parameters; the rest may follow with `fetch`, which sends.
        """
        return RouteEndpoint(self._sender, self._described, route, values)

    def __getitem__(self, name: str) -> Endpoint:
        if not isinstance(name, str) or name in {"", ".", ".."}:
            raise ResourceNotFound(f"a resource has a name, not {name!r}", 404)
        return Endpoint(self._sender, self._described, self._described.path(name))

    def __getattr__(self, name: str) -> Endpoint:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self[name]

    def __dir__(self) -> list[str]:
        known = self._described.known
        resources = known.resourcefuls.values() if known else ()
        return sorted({*super().__dir__(), *(one.hyphenated_plural_name.replace("-", "_") for one in resources)})

    def __repr__(self) -> str:
        return f"<Service {self.name}>"
