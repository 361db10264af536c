"""The sandbox as a whole: a Sequoia on loopback that a test or a script starts, fills, breaks and stops."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from sequoia.sandbox.account import Account
from sequoia.sandbox.addresses import Addresses
from sequoia.sandbox.admin import Admin
from sequoia.sandbox.app import App
from sequoia.sandbox.builtin import gather_descriptors
from sequoia.sandbox.business import Business
from sequoia.sandbox.consistency import Lag
from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.demo import load_demo
from sequoia.sandbox.errors import SandboxError
from sequoia.sandbox.faults import Faults
from sequoia.sandbox.identity import Holder, Identity, Tokens
from sequoia.sandbox.moment import timestamp, utc_now
from sequoia.sandbox.options import Options, SandboxOptions
from sequoia.sandbox.pauth import Pauth
from sequoia.sandbox.registry import Registration, Registry
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.server import ServerThread
from sequoia.sandbox.site import Data, Site
from sequoia.sandbox.store import Store, StoreError
from sequoia.sandbox.traffic import RequestLog
from sequoia.sandbox.wire import WireError

if TYPE_CHECKING:
    from sequoia.aio.client import AsyncClient
    from sequoia.auth import AuthType
    from sequoia.client import Client

__all__ = ["Sandbox"]

_NOT_RUNNING = "the sandbox is not running; start it first, or use it in a with statement"


class Sandbox:
    """An embedded Sequoia: registry, identity, metadata, workflow and validation, each on its own port of 127.0.0.1.

    ```python
    with Sandbox(demo=True) as sandbox, sandbox.client() as client:
        print(client.metadata.contents.browse(sandbox.owner).resources)
    ```

    Args:
        **options: See `SandboxOptions` for their names and `Options` for what they mean.

    Attributes:
        owner: As given.
        client_id: As given.
        client_secret: As given, or the random one.
        username: What the user logs in with, the directory included.
        faults: What goes wrong; empty at first.
        requests: What arrived; empty at first.

    Raises:
        TypeError, ValueError: An argument that there is not, or that makes no sense.
    """

    def __init__(self, **options: Unpack[SandboxOptions]) -> None:
        given = self._options = Options.of(options)
        self.owner = given.owner
        self.client_id = given.client_id
        self.client_secret = given.client_secret or secrets.token_hex(16)
        self._account = Account(given.owner, given.username, given.password or secrets.token_hex(16))
        self.username = self._account.username
        self.faults = Faults()
        self.requests = RequestLog()
        self._now = given.now or utc_now
        self._monotonic = given.monotonic or time.monotonic
        self._client = Holder(given.client_id, f"{given.owner}:{given.client_id}", "client")
        certified = self._client if given.mutual_tls else None
        self._tokens = Tokens(given.token_lifetime, self._monotonic, certified)
        self._business = Business()
        self._sites: dict[str, Site] = {}
        self._addresses: Addresses | None = None
        self._store: Store | None = None
        self._lag: Lag | None = None
        self._running: ExitStack | None = None

    def start(self, announce: Callable[[], None] | None = None) -> Self:
        """Open the data, reserve the ports, load the demo catalogue and serve.

        Args:
            announce: Called when all is ready, just before the first connection is accepted; connections that come
                during the call wait for its end.

        Raises:
            SandboxError: It is running already, a port is in use, or a data file or a descriptor cannot be used.
        """
        if self._running is not None:
            raise SandboxError("the sandbox is running already; stop it before it is started again")
        with ExitStack() as stack:
            stack.callback(self._forget_addresses)
            descriptors = gather_descriptors(self._options.descriptors)
            store = self._open_store(stack)
            self._addresses = Addresses(descriptors, self._options, stack)
            self._sites = {name: self._site(descriptor, store, descriptors) for name, descriptor in descriptors.items()}
            self._serve(self._addresses, announce, stack)
            self._running = stack.pop_all()
        return self

    def stop(self) -> None:
        """Close every connection, give the ports back and close the data; a sandbox that does not run is left alone."""
        running, self._running = self._running, None
        if running is not None:
            running.close()

    def _forget_addresses(self) -> None:
        self._sites = {}
        self._addresses = None
        self._store = self._lag = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.stop()

    def __repr__(self) -> str:
        where = f"at {self.location('registry')}" if self._sites else "not running"
        return f"<Sandbox of {self.owner} {where}>"

    @property
    def registry_url(self) -> str:
        """The URL that a client is given: `http://127.0.0.1:<port>/services/<owner>`, or the same with `https`."""
        return f"{self.location('registry')}/services/{self.owner}"

    @property
    def http_registry_url(self) -> str:
        """The registry's URL on plain http, which answers 301 to `registry_url`.

        Raises:
            SandboxError: There is no such port, or the sandbox does not run.
        """
        return self._where.plain_registry(self.owner)

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that point a script at this sandbox; two of them are secrets."""
        always = {
            "SEQUOIA_REGISTRY_URL": self.registry_url,
            "SEQUOIA_OWNER": self.owner,
            "SEQUOIA_CLIENT_ID": self.client_id,
            "SEQUOIA_CLIENT_SECRET": self.client_secret,
            "SEQUOIA_USERNAME": self.username,
            "SEQUOIA_PASSWORD": self.password,
        }
        return always | self._where.variables(self.owner)

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that a client has to trust (PEM); with `https` only."""
        return self._where.certificates.ca_file

    @property
    def client_cert(self) -> Path:
        """A client's certificate for two-way TLS (PEM); with `https` only."""
        return self._where.certificates.client_cert

    @property
    def client_key(self) -> Path:
        """The key of `client_cert` (PEM)."""
        return self._where.certificates.client_key

    @property
    def password(self) -> str:
        """The user's password, which the user can change."""
        return self._account.password

    @property
    def reset_token(self) -> str | None:
        """What the platform would send to a user who has forgotten the password; None if nobody has asked for it."""
        return self._account.reset_token

    @property
    def token_requests(self) -> int:
        """How many of the logged requests asked for a token."""
        return sum(
            request.service == "identity" and request.path.rstrip("/") in {"/oauth/token", "/pauth/token"}
            for request in self.requests
        )

    def location(self, service: str) -> str:
        """The origin of a service, such as `http://127.0.0.1:8701`.

        Raises:
            SandboxError: There is no such service, or the sandbox does not run.
        """
        self._find(service)
        return self._where.origins[service]

    def client(self, **options: Any) -> Client:
        """A synchronous client of this sandbox, that knows its credentials and goes through no proxy.

        They are those of the client, and with `auth_type=AuthType.PASSWORD` those of the user. A sandbox with two-way
        TLS gives its certificate (`AuthType.MUTUAL`), one whose registry wants a token gives tokens
        (`AuthType.BYO_TOKEN`), unless another type is asked for.

        Args:
            **options: Arguments of `sequoia.client.Client`; each wins over what the sandbox would give.
        """
        from sequoia.client import Client  # noqa: PLC0415 - a sandbox for other clients has no use for it

        return Client(self.registry_url, **{"proxies": {}, **self._credentials(options.get("auth_type")), **options})

    def async_client(self, **options: Any) -> AsyncClient:
        """An asynchronous client of this sandbox; everything else is as for `client`."""
        from sequoia.aio.client import AsyncClient  # noqa: PLC0415 - as above

        given = {"proxies": {}, **self._credentials(options.get("auth_type")), **options}
        return AsyncClient(self.registry_url, **given)

    def _credentials(self, wanted: AuthType | None) -> dict[str, Any]:
        """What a client needs for a type of authentication, or for the one that fits this sandbox best."""
        from sequoia.auth import AuthType  # noqa: PLC0415 - as above

        where = self._where
        usual = AuthType.BYO_TOKEN if self._options.registry_auth else AuthType.CLIENT_GRANT
        kind = wanted or (AuthType.MUTUAL if self._options.mutual_tls else usual)
        given: dict[str, Any] = {"auth_type": kind}
        if self._options.https:
            given["verify"] = where.tls_context() if self._options.mutual_tls else where.certificates.ca_file
        if kind is AuthType.MUTUAL and self._options.https:
            given |= {"client_cert": self.client_cert, "client_key": self.client_key, "server_cert": self.ca_file}
        elif kind is AuthType.PASSWORD:
            given |= {"username": self.username, "password": self.password}
        elif kind is AuthType.BYO_TOKEN:
            given["byo_token"] = lambda: self._tokens.issue(self._client)
        else:
            given |= {"grant_client_id": self.client_id, "grant_client_secret": self.client_secret}
        return given

    def load(self, service: str, resource: str, documents: Iterable[Mapping[str, Any]]) -> int:
        """Store many documents at once, past HTTP; they are validated as if they had been posted.

        Browses see them at once, and so they do what was written before, whatever `consistency_delay` is.

        Args:
            service: Name of the service, such as `metadata`.
            resource: Plural name of the resource, such as `offerTemplates`.
            documents: The documents; an iterator is consumed piece by piece.

        Returns:
            The number of documents stored.

        Raises:
            SandboxError: There is no such service or resource, a document is not valid, or the sandbox does not run.
        """
        data = self._find(service).data
        if data is None:
            raise SandboxError(f"the service {service!r} has no resources to load into")
        try:
            with self._at_once():
                return data.load(resource, documents, user=self._client.user_ref)
        except WireError as error:
            raise SandboxError(f"{service} {resource} cannot be loaded: {error}") from error

    def set_progress(self, ref: str, progress: Mapping[str, Any]) -> None:
        """Let the progress endpoints of the workflow service answer `progress` for the flow execution `ref`."""
        self._business.set_progress(ref, progress)

    def expire_tokens(self) -> None:
        """Make every access token that was issued stop working."""
        self._tokens.forget_all()

    def reset(self) -> None:
        """Go back to the state just after the start, on the same ports: for the next test.

        Every document is forgotten, also one that the data file held before, and the demo catalogue is loaded again if
        there was one; faults, the request log, tokens and progress are forgotten, and the user has the first password.

        Raises:
            SandboxError: The sandbox does not run.
        """
        if self._store is None:
            raise SandboxError("the sandbox is not running, so there is nothing to reset; start it first")
        with self._store.transaction():  # requests that come meanwhile wait, and never see half a catalogue
            self._store.clear()
            if self._lag is not None:
                self._lag.forget()
            if self._options.demo:
                self._load_demo()
        self._tokens.forget_all()
        self._account.restore()
        self._business.clear()
        self.faults.clear()
        self.requests.clear()

    @property
    def _where(self) -> Addresses:
        if self._addresses is None:
            raise SandboxError(_NOT_RUNNING)
        return self._addresses

    def _find(self, service: str) -> Site:
        if not self._sites:
            raise SandboxError(_NOT_RUNNING)
        if service not in self._sites:
            raise SandboxError(f"there is no service {service!r}; the sandbox serves {', '.join(self._sites)}")
        return self._sites[service]

    def _site(self, descriptor: Mapping[str, Any], store: Store, descriptors: Mapping[str, Mapping[str, Any]]) -> Site:
        schema = Schema.parse(dict(descriptor))
        # A client that has just registered a service looks for it at once: the registry never lags.
        lag = None if schema.name == "registry" else self._lag
        service = DataService(schema, store, embedded_pages=self._options.embedded_pages, lag=lag)
        data: Data | None = service if schema.resources else None
        routes = self._business.routes(descriptor)
        if schema.name == "identity":
            routes += Identity(self._client, self.client_secret, self._account, self._tokens).routes()
            routes += Pauth(self._account, self._tokens, descriptors, self._now).routes()
        if schema.name == "registry":
            data = registry = Registry(service, self._registrations, anonymous=not self._options.registry_auth)
            routes += registry.routes()
        return Site(descriptor, self._tokens, data=data, routes=routes)

    def _registrations(self) -> list[Registration]:
        origins = self._where.origins
        return [Registration(name, site.title, origins[name]) for name, site in self._sites.items()]

    def _serve(self, addresses: Addresses, announce: Callable[[], None] | None, stack: ExitStack) -> None:
        if self._options.demo:
            self._load_demo()
        admin = Admin(self.faults, self._tokens)
        apps = {
            name: App(site, self.faults, self.requests, admin if name == "registry" else None, gzip=self._options.gzip)
            for name, site in self._sites.items()
        }
        # Listening comes first, so that a client which reads the announcement and connects at once is not refused.
        served = addresses.serve(apps, self.requests)
        if announce is not None:
            announce()
        thread = ServerThread(served)
        stack.callback(thread.stop)
        thread.start()

    def _load_demo(self) -> None:
        data = self._sites["metadata"].data
        if not isinstance(data, DataService):
            raise SandboxError(
                "the demo catalogue needs the built-in metadata service, which a descriptor has replaced"
            )
        size = None if self._options.demo is True else self._options.demo
        try:
            with self._at_once():
                load_demo(data, self.owner, size, user=self._client.user_ref)
        except WireError as error:
            raise SandboxError(f"the demo catalogue does not fit the metadata service: {error}") from error

    def _at_once(self) -> AbstractContextManager[None]:
        return nullcontext() if self._lag is None else self._lag.at_once()

    def _open_store(self, stack: ExitStack) -> Store:
        path = None if self._options.data is None else str(self._options.data)
        try:
            store = Store(path, now=lambda: timestamp(self._now()))
        except StoreError as error:
            raise SandboxError(str(error)) from error
        stack.callback(store.close)
        if self._options.consistency_delay:
            self._lag = Lag(store, self._options.consistency_delay, self._monotonic)
            stack.callback(self._lag.flush)  # before the store is closed: nothing that was written is lost
        self._store = store
        return store
