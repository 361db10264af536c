"""What `sequoia doctor` looks at, from the URL of the registry to the first resource, each thing once.

Every step goes its own way to the network where the client has none to offer: a name is looked up, a port is knocked
at, a certificate is read, so that a failure is said of the layer that it belongs to.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from sequoia.auth import basic
from sequoia.cli.connection import Connection
from sequoia.cli.failing import FAILED, MISUSED, UNCONNECTED, Refusal
from sequoia.client import Client
from sequoia.error import ClientError, ConnectionError, HttpError
from sequoia.settings import Settings
from sequoia.tls import tls_context
from sequoia.urls import is_loopback, origin, without_user_info

__all__ = ["Checkup", "Finding"]

_PATIENCE = 10.0
"""Seconds that each step waits for the network, unless the connection says otherwise."""

_SKEW = 60.0
"""Seconds that the clock may differ from the registry's: tokens and certificates last much longer."""

_SOON = 14
"""Days before its end at which a certificate is worth a word."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step found.

    Attributes:
        title: What was looked at.
        state: How it is.
        told: What was found.
        advice: What to do about it.
        status: Exit status of a command that fails for this reason.
    """

    title: str
    state: Literal["ok", "failed", "skipped"]
    told: str
    advice: str = ""
    status: int = 0


class _TroubleError(Exception):
    """A step failed: what was found, what to do, and the exit status."""

    def __init__(self, told: str, advice: str, status: int = UNCONNECTED) -> None:
        super().__init__(told)
        self.told, self.advice, self.status = " ".join(told.split()), advice, status


class Checkup:
    """Looks at a connection, step by step.

    Args:
        connection: What to look at.
        now: The clock of this machine, in seconds since 1970-01-01 UTC.
    """

    def __init__(self, connection: Connection, now: Callable[[], float] = time.time) -> None:
        self._connection = connection
        self._now = now
        self._values = connection.told.values
        self._patience = min(float(self._values.get("timeout", _PATIENCE)), _PATIENCE)
        self._url = ""
        self._proxy: str | None = None
        self._registry: Client | None = None
        self._client: Client | None = None
        self._date: tuple[str | None, float] = (None, 0.0)
        self._open = ExitStack()

    def steps(self) -> Iterator[Finding]:
        """Take the steps, one by one; a step that needs a failed one is skipped."""
        failed: set[str] = set()
        with self._open:
            for title, needed, look in (
                ("registry URL", "", self._look_at_url),
                ("proxy", "registry URL", self._look_at_proxy),
                ("DNS", "proxy", self._look_up_name),
                ("TCP", "DNS", self._knock),
                ("TLS", "TCP", self._look_at_certificate),
                ("registry", "TLS", self._ask_registry),
                ("clock", "registry", self._compare_clocks),
                ("token", "registry", self._sign_in),
                ("descriptor", "token", self._read_descriptor),
                ("resources", "descriptor", self._find_resources),
            ):
                if needed in failed:
                    failed.add(title)
                    yield Finding(title, "skipped", f"needs: {needed}")
                    continue
                try:
                    yield Finding(title, "ok", look())
                except _TroubleError as trouble:
                    failed.add(title)
                    yield Finding(title, "failed", trouble.told, trouble.advice, trouble.status)

    def _look_at_url(self) -> str:
        try:
            self._url = self._connection.registry_url
        except Refusal as refusal:
            raise _TroubleError(refusal.message, "", MISUSED) from refusal
        remark = ""
        if "/services/" not in urlsplit(self._url).path:
            remark = ", usually it ends in /services/OWNER"
        if self._url.startswith("http:") and not is_loopback(self._url):
            remark += ", without TLS: everything can be read on its way"
        return f"{self._url} (from {self._connection.where('registry_url')}){remark}"

    def _look_at_proxy(self) -> str:
        given = self._values.get("proxy")
        if given is not None:
            self._proxy = None if given == "none" else given
            source = self._connection.where("proxy")
        else:
            self._proxy, source = _proxy_of_environment(self._url), "the environment"
        if self._proxy and not _has_host_and_port(self._proxy):
            # Of such a text nobody can say where its password ends, so none of it is shown.
            raise _TroubleError(
                f"the proxy from {source} has no URL with a valid host and port",
                "write http://proxy.example.com:3128, with %23 for '#', %2F for '/' and %40 for '@' in a password",
                MISUSED,
            )
        return f"{without_user_info(self._proxy)} (from {source})" if self._proxy else "none"

    @property
    def _first_hop(self) -> tuple[str, int]:
        """Where connections go: to the proxy, or to the registry itself."""
        scheme, host, port = origin(_with_scheme(self._proxy or self._url))
        return host, port or {"https": 443, "http": 80}.get(scheme, 1080)

    def _look_up_name(self) -> str:
        host, port = self._first_hop
        where = "the URL of the proxy" if self._proxy else self._connection.where("registry_url")
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise _TroubleError(
                f"{host} is not known: {reason}",
                f"check the name in {where}, and whether this machine is online and in the right network or VPN",
            ) from error
        addresses = sorted({str(address[0]) for *_, address in found})
        return f"{host} is {', '.join(addresses)}"

    def _knock(self) -> str:
        host, port = self._first_hop
        try:
            socket.create_connection((host, port), self._patience).close()
        except OSError as error:
            raise _TroubleError(
                f"{host}, port {port}: {error.strerror or error}",
                "check the port, and whether a firewall or a missing proxy is in the way",
            ) from error
        return f"{host}, port {port} answers"

    def _look_at_certificate(self) -> str:
        parts = urlsplit(self._url)
        if parts.scheme != "https":
            return "not in use"
        if self._proxy and not self._proxy.startswith("http://"):
            return "not looked at through this kind of proxy"
        try:
            context = tls_context(Settings.of(self._url, self._quick(self._unsigned.arguments())))
        except (Refusal, ValueError) as error:
            raise _TroubleError(self._connection.in_our_words(str(error)), "", MISUSED) from error
        try:
            with self._tunnel() as raw, context.wrap_socket(raw, server_hostname=parts.hostname) as secure:
                return self._of_certificate(secure.version() or "TLS", secure.getpeercert() or {})
        except ssl.SSLCertVerificationError as error:
            raise _TroubleError(
                f"the certificate is refused: {error.verify_message}", _on_certificate(error)
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise _TroubleError(
                f"no TLS with {parts.hostname}: {error}", "check that the port speaks TLS, and what the proxy allows"
            ) from error

    def _tunnel(self) -> socket.socket:
        """A connection to the registry, through the proxy if there is one."""
        _, host, port = origin(self._url)
        if not self._proxy:
            return socket.create_connection((host, port or 443), self._patience)
        through = http.client.HTTPConnection(*self._first_hop, timeout=self._patience)
        proxy = urlsplit(self._proxy)
        headers = {}
        if proxy.username is not None:
            headers["Proxy-Authorization"] = basic(unquote(proxy.username), unquote(proxy.password or ""))
        through.set_tunnel(host, port, headers)
        through.connect()
        return through.sock

    def _of_certificate(self, version: str, certificate: dict[str, Any]) -> str:
        issuer = {key: value for group in certificate.get("issuer", ()) for key, value in group}
        by = issuer.get("organizationName") or issuer.get("commonName") or "an authority without a name"
        if "notAfter" not in certificate:
            return version
        days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - self._now()) // 86_400)
        soon = ", which is soon" if days <= _SOON else ""
        return f"{version}, certificate by {by}, valid for {days} more day{'' if days == 1 else 's'}{soon}"

    @property
    def _unsigned(self) -> Connection:
        """The connection as the registry is read, which takes no token but one's own."""
        return self._connection if self._connection.told.auth in {"mutual", "token"} else self._connection.anonymous()

    def _quick(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"request_timeout": self._patience, **options, "backoff_strategy": {"max_tries": 1}}

    def _connect(self, connection: Connection, advice: str, lost: str | None = None) -> Client:
        try:
            return self._open.enter_context(connection.client(**self._quick({})))
        except Refusal as refusal:
            raise _TroubleError(refusal.message, "", refusal.exit_code) from refusal
        except ClientError as error:
            raise _TroubleError(str(error), lost if lost and isinstance(error, ConnectionError) else advice) from error

    def _ask_registry(self) -> str:
        advice = "the registry is not well, or another server answers for it"
        self._registry = self._connect(self._unsigned, advice, self._why_lost())
        before = self._now()
        try:
            answer = self._registry.get(self._url)
        except ClientError as error:
            raise _TroubleError(str(error), "the registry answered a moment ago: try again") from error
        self._date = answer.headers.get("date"), (before + self._now()) / 2
        number = len(self._registry.services)
        return f"knows {number} service{'' if number == 1 else 's'}"

    def _why_lost(self) -> str:
        """Why a server that takes connections may end them without an answer."""
        if urlsplit(self._url).scheme == "http":
            reason = f"the port may speak https: check {self._connection.where('registry_url')}"
        elif self._connection.told.auth == "mutual":
            reason = "it may not know the client's certificate: check --cert and --key"
        else:
            reason = "it may demand a client's certificate: give --cert and --key"
        return f"{reason}, or the registry is not well"

    def _compare_clocks(self) -> str:
        date, here = self._date
        try:
            there = parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return "not compared: the registry does not say what time it is"
        ahead = here - there
        if abs(ahead) <= _SKEW:
            return f"within {_SKEW:.0f} seconds of the registry's"
        raise _TroubleError(
            f"this machine is {abs(ahead):,.0f} seconds {'ahead of' if ahead > 0 else 'behind'} the registry",
            "set its clock: tokens and certificates are judged by it",
            MISUSED,
        )

    def _sign_in(self) -> str:
        kind = self._connection.told.auth
        if kind in {"none", "mutual", "token"}:
            self._client = self._registry
            return "one's own, used as it is" if kind == "token" else f"not in use, by --auth {kind}"
        advice = "the identity service that the registry names is not well, or not within reach"
        self._client = self._connect(self._connection, advice)
        who = "client_id" if kind == "client-grant" else "username"
        return f"given to {self._values[who]!r}"

    def _read_descriptor(self) -> str:
        assert self._client is not None  # noqa: S101 - the step before has made it
        name = self._service(self._client)
        if name is None:
            return "not read: the registry has no service with resources"
        try:
            described = self._client[name].descriptor
        except ClientError as error:
            advice = (
                f"the service {name} is not well, or not within reach: it is at {self._client.services[name].location}"
            )
            raise _TroubleError(str(error), advice, FAILED) from error
        return f"{name} has {len(described.resourcefuls)} resources"

    def _find_resources(self) -> str:
        assert self._client is not None  # noqa: S101 - as above
        owner, name = self._values.get("owner"), self._service(self._client)
        if owner is None or name is None:
            return "not looked for: there is no owner"
        for one in self._client[name].descriptor.resourcefuls.values():
            resource = one.hyphenated_plural_name
            try:
                self._client[name][resource].browse(owner, query_string="perPage=1")
            except HttpError as error:
                if error.status_code in {401, 403}:
                    advice = f"check the credentials, and whether they may see the resources of {owner!r}"
                    raise _TroubleError(
                        str(error), advice, UNCONNECTED if error.status_code == 401 else FAILED
                    ) from error
                return f"not looked for: {error}"
            except ClientError as error:
                raise _TroubleError(
                    str(error), f"the service {name} is not well, or not within reach", FAILED
                ) from error
            return f"{resource} of {owner} can be read"
        return "not looked for: the service has none"

    @staticmethod
    def _service(client: Client) -> str | None:
        """The service to look at: that of the catalogue, or any that is not there for the others."""
        others = [name for name in client.services if name not in {"registry", "identity"}]
        return "metadata" if "metadata" in others else next(iter(others), None)


def _proxy_of_environment(url: str) -> str | None:
    parts = urlsplit(url)
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found or proxy_bypass(parts.hostname or ""):
        return None
    return _with_scheme(found)


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"http://{url}"


def _has_host_and_port(proxy: str) -> bool:
    """Whether the URL of a proxy says where it is; an '@' behind that is of a password with a '#', '/' or '?' in it."""
    try:
        parts = urlsplit(_with_scheme(proxy))
        _, host, port = origin(_with_scheme(proxy))
    except ValueError:
        return False
    return bool(host) and port != 0 and "@" not in f"{parts.path}{parts.query}{parts.fragment}"


def _on_certificate(error: ssl.SSLCertVerificationError) -> str:
    """What to do about a certificate that is refused; the numbers are OpenSSL's."""
    expired, not_yet, other_host = 10, 9, 62
    if error.verify_code in {expired, not_yet}:
        return "whoever runs the registry has to renew it, unless the clock of this machine is wrong"
    if error.verify_code == other_host:
        return "it is for another host: check the name in the URL"
    return "if its authority is one of your own, or of your proxy, give the authority's certificate with --ca"
