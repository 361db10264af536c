"""What a command is told about its connection, and by whom: options, then `SEQUOIA_*` variables, then a profile.

Nothing here reads a file, asks anybody or sends: values in, values out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from sequoia.cli.failing import Refusal
from sequoia.names import suggestion
from sequoia.urls import check_http_url

__all__ = ["AUTHS", "SECRETS", "SETTINGS", "Layer", "Setting", "Told", "check", "gather", "of_environ"]

AUTHS: Sequence[str] = ("client-grant", "password", "token", "none", "mutual")
"""The types of authentication, as `--auth` names them."""

SECRETS: Mapping[str, str] = MappingProxyType(
    {"client-secret": "SEQUOIA_CLIENT_SECRET", "password": "SEQUOIA_PASSWORD", "token": "SEQUOIA_TOKEN"}
)
"""The kinds of secrets, and the variable of each. No option has one, for it shows in the list of processes."""


_PROXY_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})
_LONGEST = 1_000_000  # seconds, as in `sequoia.settings`, whose import takes its time


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that a connection can be told.

    Attributes:
        name: Its name in a profile; the option is the same with dashes.
        variable: The variable of the environment.
        metavar: What stands for the value in a help text.
        help: What it is.
    """

    name: str
    variable: str
    metavar: str
    help: str

    @property
    def option(self) -> str:
        """`--registry-url`."""
        return f"--{self.name.replace('_', '-')}"


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        one.name: one
        for one in (
            Setting("registry_url", "SEQUOIA_REGISTRY_URL", "URL", "The registry's list of services."),
            Setting("owner", "SEQUOIA_OWNER", "OWNER", "Tenant whose resources are meant."),
            Setting("auth", "SEQUOIA_AUTH", "TYPE", f"How to sign in: {', '.join(AUTHS)}."),
            Setting("client_id", "SEQUOIA_CLIENT_ID", "ID", "OAuth2 client id."),
            Setting("username", "SEQUOIA_USERNAME", "NAME", "Name of an end user."),
            Setting("directory", "SEQUOIA_DIRECTORY", "NAME", "Directory of the user, if the name has none in it."),
            Setting("cert", "SEQUOIA_CLIENT_CERT", "FILE", "The client's certificate (PEM), for mutual TLS."),
            Setting("key", "SEQUOIA_CLIENT_KEY", "FILE", "Its private key (PEM)."),
            Setting("ca", "SEQUOIA_SERVER_CERT", "FILE", "Certificates to trust (PEM), instead of the system's."),
            Setting("proxy", "SEQUOIA_PROXY", "URL", "Proxy, or 'none'; without it, that of the environment."),
            Setting("timeout", "SEQUOIA_TIMEOUT", "SECONDS", "Longest wait for an answer."),
        )
    }
)
"""What a connection can be told, by name, in the order of the help."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one of the sources says.

    Attributes:
        values: By the names of `SETTINGS`.
        where: Names the source of a setting, for messages.
        secrets: Kinds of secrets that it has.
    """

    values: Mapping[str, str]
    where: Mapping[str, str]
    secrets: frozenset[str] = frozenset()

    def auth(self) -> str | None:
        """The type of authentication that it says, or that fits what it says; None if it says nothing of it."""
        if "auth" in self.values:
            return self.values["auth"]
        if {"cert", "key"} <= set(self.values):
            return "mutual"
        if "client_id" in self.values:
            return "client-grant"
        if "username" in self.values:
            return "password"
        return "token" if "token" in self.secrets else None


@dataclass(frozen=True, slots=True)
class Told:
    """What all sources together say.

    Attributes:
        values: By the names of `SETTINGS`.
        where: Names the source of each.
        auth: The type of authentication.
        profile: The profile that took part, if one did.
        keyring: Whether the secrets that are kept for the profile may be used: they belong to its registry and to the
            one who signs in by it, and go nowhere else.
    """

    values: Mapping[str, str]
    where: Mapping[str, str]
    auth: str
    profile: str | None = None
    keyring: bool = False


def of_environ(environ: Mapping[str, str]) -> Layer:
    """What the variables say; an empty one says nothing."""
    found = {name: environ[one.variable] for name, one in SETTINGS.items() if environ.get(one.variable)}
    secrets = frozenset(kind for kind, variable in SECRETS.items() if environ.get(variable))
    return Layer(found, {name: SETTINGS[name].variable for name in found}, secrets)


def gather(
    options: Mapping[str, str], environ: Layer, profile: Layer | None, name: str | None, *, chosen: bool
) -> Told:
    """Put the sources on top of each other.

    Args:
        options: What the options say.
        environ: What the variables say.
        profile: What the profile says, if there is one.
        name: Its name.
        chosen: Whether somebody has chosen it; a profile that is only the default is for its own registry, and takes no
            part where the options or the variables name another one.

    Raises:
        Refusal: A value makes no sense, or the chosen profile and the variables name different registries.
    """
    named = Layer(options, {one: SETTINGS[one].option for one in options})
    above = {**environ.values, **named.values}
    if profile is not None and not chosen:
        registry = above.get("registry_url")
        if registry is not None and registry != profile.values.get("registry_url"):
            profile, name = None, None
    if profile is not None and chosen and "registry_url" not in options:
        _check_agreement(environ, profile, name)
    layers = [named, environ, *([profile] if profile is not None else [])]
    values: dict[str, str] = {}
    where: dict[str, str] = {}
    for layer in reversed(layers):
        values |= layer.values
        where |= layer.where
    for one, value in values.items():
        check(one, value, where[one])
    auth = next((kind for kind in (layer.auth() for layer in layers) if kind), "client-grant")
    own = ("registry_url", "client_id", "username", "directory")
    keyring = profile is not None and all(values.get(one) == profile.values.get(one) for one in own)
    return Told(values, where, auth, name, keyring)


def _check_agreement(environ: Layer, profile: Layer, name: str | None) -> None:
    """Refuse to guess which of two platforms is meant: what is meant for the one might be deleted on the other."""
    there, here = profile.values.get("registry_url"), environ.values.get("registry_url")
    if there is not None and here is not None and there.rstrip("/") != here.rstrip("/"):
        variable = SETTINGS["registry_url"].variable
        check("registry_url", here, variable)  # first: the sentence below shows it, and it may carry a password
        raise Refusal(
            f"{variable} is {here}, and the profile {name!r} is for {there}: unset the variables, or say which one is "
            "meant with --registry-url"
        )


def check(name: str, value: str, where: str) -> None:
    """See whether a value makes sense, as far as that can be seen without the network.

    Args:
        name: Name of a setting.
        value: The value.
        where: Names its source.

    Raises:
        Refusal: It does not.
    """
    _check_text(value, where)
    if name == "auth" and value not in AUTHS:
        raise Refusal(f"{where}: there is no type of authentication {value!r}: {suggestion(value, AUTHS)}")
    if name == "registry_url":
        try:
            check_http_url(value, where)
        except ValueError as error:
            if "@" in value:  # where a password ends in it cannot be told for sure, so none of it is shown
                raise Refusal(f"{where} must be an http or https URL without a user name or password") from error
            raise Refusal(str(error)) from error
    if name == "timeout":
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= _LONGEST:
            raise Refusal(f"{where}: {value!r} is not a number of seconds above 0, {_LONGEST:,} at most")
    if name == "proxy" and where != SETTINGS["proxy"].variable:  # which may have a password, and is never shown
        _check_proxy(value, where)


def _check_proxy(value: str, where: str) -> None:
    if "@" in value:
        raise Refusal(
            f"{where}: the URL of a proxy with a user name or password in it belongs in the variable SEQUOIA_PROXY, "
            "where it is not shown"
        )
    if value == "none":
        return
    try:
        parts = urlsplit(value)
        is_url = parts.scheme in _PROXY_SCHEMES and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_url = False
    if not is_url:
        raise Refusal(f"{where} is not the URL of a proxy such as http://proxy.example.com:3128, nor 'none'")


def _check_text(value: str, where: str) -> None:
    if not value.strip():
        raise Refusal(f"{where} is empty")
    if not value.isprintable():  # a terminal may hand over bytes that are no UTF-8; the rest may be a password
        wrong = next(one for one in value if not one.isprintable())
        raise Refusal(f"{where} has a character in it that cannot be printed: {wrong!a}")
