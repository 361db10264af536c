"""Where the services of a sandbox are: a port for each, plain http beside it where wanted, and the certificates."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

from sequoia.sandbox.errors import SandboxError
from sequoia.sandbox.options import Options
from sequoia.sandbox.redirect import Redirect
from sequoia.sandbox.server import Asgi, Listener, Served
from sequoia.sandbox.traffic import RequestLog

if TYPE_CHECKING:
    from sequoia.sandbox.certificates import Certificates

__all__ = ["Addresses"]

# Where programs look up whom to trust: Python's ssl, requests, curl, Node.
_TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


class Addresses:
    """The reserved ports, which nothing listens on before `serve`.

    Args:
        services: Names of the services.
        options: The options of the sandbox.
        stack: Gives everything back at its end.

    Attributes:
        origins: The origin of each service, such as `http://127.0.0.1:8701`.
        plain_origins: The origin of each service that answers 301 to https; empty without such ports.

    Raises:
        SandboxError: A port cannot be had, or certificates cannot be made.
    """

    def __init__(self, services: Iterable[str], options: Options, stack: ExitStack) -> None:
        self._options = options
        self._certificates = _certificates(options, stack) if options.https else None
        scheme = "https" if options.https else "http"
        self._listeners: dict[str, Listener] = {}
        self._plain: dict[str, Listener] = {}
        for name in services:
            self._listeners[name] = Listener(options.port if name == "registry" else 0, scheme)
            stack.callback(self._listeners[name].close)
            if options.redirect_http:
                self._plain[name] = Listener()
                stack.callback(self._plain[name].close)
        self.origins = {name: listener.origin for name, listener in self._listeners.items()}
        self.plain_origins = {name: listener.origin for name, listener in self._plain.items()}

    @property
    def certificates(self) -> Certificates:
        """The certificates.

        Raises:
            SandboxError: There are none.
        """
        if self._certificates is None:
            raise SandboxError("the sandbox serves plain http and has no certificates; start it with https=True")
        return self._certificates

    def plain_registry(self, owner: str) -> str:
        """The registry's URL on plain http.

        Raises:
            SandboxError: There is no such port.
        """
        if not self.plain_origins:
            raise SandboxError("no port of plain http redirects to https; start the sandbox with redirect_http=True")
        return f"{self.plain_origins['registry']}/services/{owner}"

    def variables(self, owner: str) -> dict[str, str]:
        """The variables that a script needs because of the options, beside those that it always needs."""
        found: dict[str, str] = {}
        if self._options.registry_auth:  # without a token, the registry does not tell where to get one
            found["SEQUOIA_IDENTITY_URL"] = self.origins["identity"]
        if self.plain_origins:
            found["SEQUOIA_HTTP_REGISTRY_URL"] = self.plain_registry(owner)
        files = self._certificates
        if files is not None and self._options.mutual_tls:
            found["SEQUOIA_CLIENT_CERT"] = str(files.client_cert)
            found["SEQUOIA_CLIENT_KEY"] = str(files.client_key)
            found["SEQUOIA_SERVER_CERT"] = str(files.ca_file)
        if files is not None:
            found |= dict.fromkeys(_TRUST, str(files.ca_file))
        return found

    def tls_context(self) -> ssl.SSLContext:
        """A client's context that trusts the server and shows the client's certificate."""
        files = self.certificates
        context = ssl.create_default_context(cafile=files.ca_file)
        context.load_cert_chain(files.client_cert, files.client_key)
        return context

    def serve(self, apps: Mapping[str, Asgi], log: RequestLog) -> list[Served]:
        """Listen on every port, with the application of each service behind its own; `log` is for the plain ones."""
        tls = None if self._certificates is None else self._certificates.server
        served = [Served(self._listeners[name].listen(), app, tls) for name, app in apps.items()]
        for name, listener in self._plain.items():
            served.append(Served(listener.listen(), Redirect(name, self.origins[name], log)))
        return served


def _certificates(options: Options, stack: ExitStack) -> Certificates:
    try:
        from sequoia.sandbox.certificates import make_certificates  # noqa: PLC0415 - plain http has no use for it
    except ModuleNotFoundError as error:
        raise SandboxError(
            f"https needs {error.name}; install it with: pip install 'sequoia-client-sdk[sandbox]'"
        ) from error
    return make_certificates(options.ca_dir, stack, mutual=options.mutual_tls)
