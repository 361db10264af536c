"""The sandbox as a whole: a Sequoia on loopback that a test or a script starts, fills, breaks and stops."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sequoia.sandbox.account import Account
from sequoia.sandbox.admin import Admin
from sequoia.sandbox.app import App
from sequoia.sandbox.builtin import DescriptorSource, gather_descriptors
from sequoia.sandbox.business import Business
from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.demo import load_demo
from sequoia.sandbox.errors import SandboxError
from sequoia.sandbox.faults import Faults
from sequoia.sandbox.identity import Holder, Identity, Tokens
from sequoia.sandbox.moment import timestamp, utc_now
from sequoia.sandbox.pauth import Pauth
from sequoia.sandbox.registry import Registration, Registry
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.server import Listener, ServerThread
from sequoia.sandbox.site import Data, Site
from sequoia.sandbox.store import Store, StoreError
from sequoia.sandbox.traffic import RequestLog
from sequoia.sandbox.wire import WireError

if TYPE_CHECKING:
    from sequoia.client import Client

__all__ = ["Sandbox"]

_NAME = re.compile(r"[a-zA-Z0-9_-]+")


class Sandbox:
    """An embedded Sequoia: registry, identity, metadata, workflow and validation, each on its own port of 127.0.0.1.

    ```python
    with Sandbox(demo=True) as sandbox, sandbox.client() as client:
        print(client.metadata.contents.browse(sandbox.owner).resources)
    ```

    Args:
        owner: The tenant that the demo catalogue and the written audit fields belong to; requests may use any owner.
        demo: `True` for a small demo catalogue, a number for a catalogue of that many contents.
        port: The port of the registry, 0 for a free one; the other services take free ports.
        data: File that keeps the data between runs; `None` keeps it in memory.
        descriptors: Service descriptors, JSON files or dicts, to serve too, or instead of a built-in one of that name.
        client_id: The client id that the identity service knows.
        client_secret: Its secret; `None` makes a random one.
        username: The name of the one user, in a directory that has the name of the owner.
        password: The user's password; `None` makes a random one.
        token_lifetime: Seconds until an access token expires.
        embedded_pages: Pages of linked resources, 1 to 5, that a browse with an inclusion embeds.
        now: The wall clock; returns an aware datetime.
        monotonic: The clock of token expiry, in seconds.

    Attributes:
        owner: As given.
        client_id: As given.
        client_secret: As given, or the random one.
        username: What the user logs in with, the directory included.
        faults: What goes wrong; empty at first.
        requests: What arrived; empty at first.

    Raises:
        ValueError: An argument that makes no sense.
    """

    def __init__(  # noqa: PLR0913 - the options of the sandbox, stated once
        self,
        *,
        owner: str = "acme",
        demo: bool | int = False,
        port: int = 0,
        data: str | Path | None = None,
        descriptors: Sequence[DescriptorSource] = (),
        client_id: str = "sandbox-client",
        client_secret: str | None = None,
        username: str = "sandbox-user",
        password: str | None = None,
        token_lifetime: int = 3600,
        embedded_pages: int = 5,
        now: Callable[[], datetime] | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        for label, name in (("owner", owner), ("client_id", client_id), ("username", username)):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{label} has letters, digits, - and _ only, not {name!r}")
        for label, number, least, most in (
            ("demo", demo, 0, 10_000_000),
            ("port", port, 0, 65_535),
            ("token_lifetime", token_lifetime, 1, 10**9),
            ("embedded_pages", embedded_pages, 1, 5),
        ):
            if not least <= number <= most:
                raise ValueError(f"{label} is from {least} to {most}, not {number}")
        for label, secret in (("client_secret", client_secret), ("password", password)):
            if secret == "":
                raise ValueError(f"{label} is empty; give None for a random one")
        self.owner = owner
        self.client_id = client_id
        self.client_secret = client_secret or secrets.token_hex(16)
        self._account = Account(owner, username, password or secrets.token_hex(16))
        self.username = self._account.username
        self.faults = Faults()
        self.requests = RequestLog()
        self._demo = demo
        self._port = port
        self._data = None if data is None else str(data)
        self._descriptors = tuple(descriptors)
        self._embedded_pages = embedded_pages
        self._now = now or utc_now
        self._tokens = Tokens(token_lifetime, monotonic or time.monotonic)
        self._business = Business()
        self._sites: dict[str, Site] = {}
        self._origins: dict[str, str] = {}
        self._store: Store | None = None
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
            descriptors = gather_descriptors(self._descriptors)
            store = _open_store(self._data, self._now)
            stack.callback(store.close)
            self._store = store
            listeners: dict[str, Listener] = {}
            for name in descriptors:
                listeners[name] = Listener(self._port if name == "registry" else 0)
                stack.callback(listeners[name].close)
            self._origins = {name: listener.origin for name, listener in listeners.items()}
            self._sites = {name: self._site(descriptor, store, descriptors) for name, descriptor in descriptors.items()}
            self._serve(listeners, announce, stack)
            self._running = stack.pop_all()
        return self

    def stop(self) -> None:
        """Close every connection, give the ports back and close the data; a sandbox that does not run is left alone."""
        running, self._running = self._running, None
        if running is not None:
            running.close()

    def _forget_addresses(self) -> None:
        self._sites = {}
        self._origins = {}
        self._store = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.stop()

    def __repr__(self) -> str:
        where = f"at {self._origins['registry']}" if self._sites else "not running"
        return f"<Sandbox of {self.owner} {where}>"

    @property
    def registry_url(self) -> str:
        """The URL that a client is given: `http://127.0.0.1:<port>/services/<owner>`."""
        return f"{self.location('registry')}/services/{self.owner}"

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that point a script at this sandbox; two of them are secrets."""
        return {
            "SEQUOIA_REGISTRY_URL": self.registry_url,
            "SEQUOIA_OWNER": self.owner,
            "SEQUOIA_CLIENT_ID": self.client_id,
            "SEQUOIA_CLIENT_SECRET": self.client_secret,
            "SEQUOIA_USERNAME": self.username,
            "SEQUOIA_PASSWORD": self.password,
        }

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
        return self._origins[service]

    def client(self, **options: Any) -> Client:
        """A synchronous client of this sandbox, that knows its credentials and goes through no proxy.

        With `auth_type=AuthType.PASSWORD` they are those of the user, else those of the client.

        Args:
            **options: Arguments of `sequoia.client.Client`; each wins over what the sandbox would give.
        """
        from sequoia.auth import AuthType  # noqa: PLC0415 - a sandbox for other clients has no use for it
        from sequoia.client import Client  # noqa: PLC0415

        if options.get("auth_type") is AuthType.PASSWORD:
            given = {"username": self.username, "password": self.password}
        else:
            given = {"grant_client_id": self.client_id, "grant_client_secret": self.client_secret}
        return Client(self.registry_url, **{"proxies": {}, **given, **options})

    def load(self, service: str, resource: str, documents: Iterable[Mapping[str, Any]]) -> int:
        """Store many documents at once, past HTTP; they are validated as if they had been posted.

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
            return data.load(resource, documents, user=self._user)
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
            if self._demo:
                self._load_demo()
        self._tokens.forget_all()
        self._account.restore()
        self._business.clear()
        self.faults.clear()
        self.requests.clear()

    @property
    def _user(self) -> str:
        return f"{self.owner}:{self.client_id}"

    def _find(self, service: str) -> Site:
        if not self._sites:
            raise SandboxError("the sandbox is not running; start it first, or use it in a with statement")
        if service not in self._sites:
            raise SandboxError(f"there is no service {service!r}; the sandbox serves {', '.join(self._sites)}")
        return self._sites[service]

    def _site(self, descriptor: Mapping[str, Any], store: Store, descriptors: Mapping[str, Mapping[str, Any]]) -> Site:
        schema = Schema.parse(dict(descriptor))
        service = DataService(schema, store, embedded_pages=self._embedded_pages)
        data: Data | None = service if schema.resources else None
        routes = self._business.routes(descriptor)
        if schema.name == "identity":
            client = Holder(self.client_id, self._user, "client")
            routes += Identity(client, self.client_secret, self._account, self._tokens).routes()
            routes += Pauth(self._account, self._tokens, descriptors, self._now).routes()
        if schema.name == "registry":
            data = registry = Registry(service, self._registrations)
            routes += registry.routes()
        return Site(descriptor, self._tokens, data=data, routes=routes)

    def _registrations(self) -> list[Registration]:
        return [Registration(name, site.title, self._origins[name]) for name, site in self._sites.items()]

    def _serve(self, listeners: Mapping[str, Listener], announce: Callable[[], None] | None, stack: ExitStack) -> None:
        if self._demo:
            self._load_demo()
        admin = Admin(self.faults, self._tokens)
        # Listening comes first, so that a client which reads the announcement and connects at once is not refused.
        served = [
            (listeners[name].listen(), App(site, self.faults, self.requests, admin if name == "registry" else None))
            for name, site in self._sites.items()
        ]
        if announce is not None:
            announce()
        stack.callback(ServerThread(served).stop)

    def _load_demo(self) -> None:
        data = self._sites["metadata"].data
        if not isinstance(data, DataService):
            raise SandboxError(
                "the demo catalogue needs the built-in metadata service, which a descriptor has replaced"
            )
        try:
            load_demo(data, self.owner, None if self._demo is True else self._demo, user=self._user)
        except WireError as error:
            raise SandboxError(f"the demo catalogue does not fit the metadata service: {error}") from error


def _open_store(path: str | None, now: Callable[[], datetime]) -> Store:
    try:
        return Store(path, now=lambda: timestamp(now()))
    except StoreError as error:
        raise SandboxError(str(error)) from error
