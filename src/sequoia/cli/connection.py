"""The connection of a command: its options, who says what, and the client that it makes of that.

A command with the decorator `connected` has the options, and gets a `Connection`, which has sent nothing yet.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import click

from sequoia.cli import cache
from sequoia.cli.failing import Refusal, Unconnected
from sequoia.cli.layers import AUTHS, SECRETS, SETTINGS, Told, gather, of_environ
from sequoia.cli.profiles import Profiles, config_file
from sequoia.cli.secrets import Secrets

if TYPE_CHECKING:
    from sequoia.client import Client
    from sequoia.endpoint import Endpoint

__all__ = ["Connection", "connected", "told_by"]

# A command may have a `key` or an `owner` among its own arguments.
_PREFIX = "connection_"

# What the SDK's messages call an argument, and what it is called here: the setting, or the variable of a secret.
_ARGUMENTS = {
    "registry_url": "registry_url",
    "grant_client_id": "client_id",
    "grant_client_secret": "client-secret",
    "byo_token": "token",
    "username": "username",
    "password": "password",
    "directory": "directory",
    "client_cert": "cert",
    "client_key": "key",
    "server_cert": "ca",
    "verify": "ca",
    "proxies['all']": "proxy",
    "request_timeout": "timeout",
}
_ARGUMENT = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in _ARGUMENTS))


@dataclass(frozen=True)
class Connection:
    """Where the registry is, and who asks.

    Attributes:
        told: What options, variables and the profile say.
        secrets: Where secrets come from.
    """

    told: Told
    secrets: Secrets

    @classmethod
    def of(
        cls, options: Mapping[str, str], environ: Mapping[str, str], profile: str | None = None, *, asking: bool = True
    ) -> Connection:
        """Put together what is said about a connection.

        Args:
            options: By the names of `SETTINGS`; they win.
            environ: The variables.
            profile: The chosen profile; None for that of `SEQUOIA_PROFILE`, or else the default one, if there is one.
            asking: Whether somebody may be asked for a secret, and the keyring, which may ask as well.

        Raises:
            Refusal: There is no such profile, or a value makes no sense.
        """
        profiles = Profiles.read(config_file())
        chosen = profile or environ.get("SEQUOIA_PROFILE") or None
        name = chosen or profiles.default
        layer = profiles.layer(name) if name is not None else None
        told = gather(options, of_environ(environ), layer, name, chosen=chosen is not None)
        return cls(told, Secrets(environ, told.profile if told.keyring and asking else None, asking))

    @classmethod
    def of_profile(cls, name: str, options: Mapping[str, str] | None = None) -> Connection:
        """The connection of a profile and these options alone, whatever the variables say: for a second platform.

        Its secrets are in variables with its name, such as `SEQUOIA_STAGING_CLIENT_SECRET`, or where else a profile's
        are.

        Raises:
            Refusal: As `of`.
        """
        made = cls.of(options or {}, {}, name)
        return replace(made, secrets=replace(made.secrets, environ=os.environ, named=name))

    @property
    def registry_url(self) -> str:
        """The registry's list of services.

        Raises:
            Refusal: Nobody has said where it is.
        """
        return self._needed("registry_url", "there is no registry to ask")

    @property
    def owner(self) -> str:
        """The tenant whose resources are meant.

        Raises:
            Refusal: Nobody has said which.
        """
        return self._needed("owner", "it is not said whose resources are meant")

    def client(self, **options: Any) -> Client:
        """A client of the registry, which has read it and signed in; use it in a `with` statement.

        Args:
            **options: Arguments of `sequoia.client.Client`; each wins over what the connection says.

        Raises:
            Refusal: Something is missing or makes no sense.
            Unconnected: There is no registry at its URL, or the credentials are refused.
            ClientError: It cannot be reached; `sequoia.cli.failing` knows what to say.
        """
        from sequoia.client import Client  # noqa: PLC0415 - it takes its time, and a mistake above needs none
        from sequoia.error import AuthorisationError, DecodeError, NotFound  # noqa: PLC0415

        url, arguments = self.registry_url, {**self.arguments(), **options}
        try:
            made = Client(url, **arguments)
        except (ValueError, ImportError) as error:
            raise Refusal(self.in_our_words(str(error))) from error
        except AuthorisationError as error:
            raise Unconnected(self.in_our_words(str(error), but=str(error.cause or ""))) from error
        except (DecodeError, NotFound) as error:
            raise Unconnected(f"{' '.join(str(error).split())}. Check {self.where('registry_url')}") from error
        cache.remember(url, made.services, {})
        return made

    def arguments(self) -> dict[str, Any]:
        """The arguments of a client, but for the URL of the registry; it asks for a secret that is nowhere.

        Raises:
            Refusal: Something is missing.
        """
        from sequoia.auth import AuthType  # noqa: PLC0415 - as in `client`

        values, kind = self.told.values, self.told.auth
        kinds = {
            "client-grant": AuthType.CLIENT_GRANT,
            "password": AuthType.PASSWORD,
            "token": AuthType.BYO_TOKEN,
            "none": AuthType.NO_AUTH,
            "mutual": AuthType.MUTUAL,
        }
        found: dict[str, Any] = {"auth_type": kinds[kind], "user_agent": "sequoia-cli", **self._credentials(kind)}
        if "ca" in values and kind != "mutual":
            found["verify"] = values["ca"]
        if "timeout" in values:
            found["request_timeout"] = float(values["timeout"])
        if "proxy" in values:
            found["proxies"] = {} if values["proxy"] == "none" else {"all": values["proxy"]}
        return found

    def collection(self, client: Client, service: str, resource: str) -> Endpoint:
        """The endpoint of a resource; its name is held against the service's descriptor, where that can be read.

        Raises:
            ServiceNotFound, ResourceNotFound: There is none of this name; the message has the nearest ones.
        """
        self.learn(client, service)
        return client[service][resource]

    def learn(self, client: Client, service: str) -> None:
        """Read a service's descriptor, and remember its resources; where it cannot be read, that is no mistake here.

        Raises:
            ServiceNotFound: There is none of this name.
        """
        from sequoia.error import ClientError  # noqa: PLC0415 - as in `client`

        found = client[service]
        try:
            described = found.descriptor.resourcefuls.values()
        except ClientError:
            return  # the operation itself says best what is wrong with the service
        names = [one.hyphenated_plural_name for one in described]
        cache.remember(self.registry_url, client.services, {found.name: names})

    def signs_in(self) -> bool:
        """Whether all that it takes to sign in is there, without a question to anybody."""
        try:
            self.arguments()
        except Refusal:
            return False
        return True

    def anonymous(self) -> Connection:
        """The same connection of nobody: enough for most registries and descriptors."""
        return replace(self, told=replace(self.told, auth="none"))

    def _credentials(self, kind: str) -> dict[str, Any]:
        values = self.told.values
        if kind == "client-grant":
            name = self._needed("client_id", "there is nobody to sign in")
            given = {"grant_client_id": name, "byo_token": self.secrets.find("token")}
            return given | {"grant_client_secret": self.secrets.need("client-secret", f"the client {name!r}")}
        if kind == "password":
            user = self._needed("username", "there is nobody to sign in")
            given = {"username": user, "directory": values.get("directory")}
            secret = self.secrets.find("client-secret") if "client_id" in values else None
            if secret:
                given |= {"grant_client_id": values["client_id"], "grant_client_secret": secret}
            return given | {"password": self.secrets.need("password", f"the user {user!r}")}
        if kind == "token":
            return {"byo_token": self.secrets.need("token", f"the registry {self.registry_url}")}
        if kind == "mutual":
            names = {"client_cert": "cert", "client_key": "key", "server_cert": "ca"}
            return {name: self._needed(one, "mutual TLS takes three files") for name, one in names.items()}
        return {}

    def _needed(self, name: str, why: str) -> str:
        value = self.told.values.get(name)
        if value is None:
            one = SETTINGS[name]
            raise Refusal(f"{why}: give {one.option}, set {one.variable}, or have a profile that says it")
        return value

    def where(self, name: str) -> str:
        """What a user calls a setting or a secret: where it came from, or could come from."""
        if name in SECRETS:
            kept = self.secrets.profile
            return self.secrets.variable(name) + (f", or what 'sequoia config secret {kept}' has kept" if kept else "")
        return self.told.where.get(name, SETTINGS[name].option)

    def in_our_words(self, text: str, *, but: str = "") -> str:
        """A message of the SDK with the names of options and variables in place of its arguments.

        Args:
            text: The message.
            but: A part of it that stays as it is: what a server said, in which a password is a password.
        """
        said, theirs, more = text.partition(but) if but else (text, "", "")
        ours = [_ARGUMENT.sub(lambda found: self.where(_ARGUMENTS[found[0]]), part) for part in (said, more)]
        return " ".join(theirs.join(ours).split())


def connected(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a connection, last in its help, and `connection: Connection` as an argument."""

    @functools.wraps(function)
    def connecting(*args: Any, **given: Any) -> Any:
        connection = told_by(given, os.environ)
        debug = given["connection_debug"]
        given = {name: value for name, value in given.items() if not name.startswith(_PREFIX)}
        from sequoia.cli.logs import shown  # noqa: PLC0415 - a help text logs nothing

        with shown(_secret_values(os.environ), debug=debug):
            return function(*args, connection=connection, **given)

    decorated: Callable[..., Any] = connecting
    for option in reversed(_options()):
        decorated = option(decorated)
    return decorated


def told_by(given: Mapping[str, Any], environ: Mapping[str, str], *, asking: bool = True) -> Connection:
    """The connection of a command with these arguments.

    Args:
        given: All arguments of the command; those of the connection are looked at.
        environ: The variables.
        asking: Whether somebody may be asked for a secret, and the keyring, which may ask as well.

    Raises:
        Refusal: There is no such profile, or a value makes no sense.
    """
    told = {name: given.get(_destination(name)) for name in SETTINGS}
    options = {name: value for name, value in told.items() if value is not None}
    return Connection.of(options, environ, given.get("connection_profile"), asking=asking)


def _secret_values(environ: Mapping[str, str]) -> list[str]:
    """Every secret in the variables, those for a second platform included."""
    ends = tuple(variable.removeprefix("SEQUOIA") for variable in SECRETS.values())
    return [value for name, value in environ.items() if name.startswith("SEQUOIA_") and name.endswith(ends)]


def _destination(name: str) -> str:
    return f"{_PREFIX}{name}"


def _options() -> list[Callable[..., Any]]:
    made = [
        click.option(
            one.option,
            _destination(one.name),
            metavar=one.metavar,
            help=f"{one.help}  [{one.variable}]",
            callback=_refuse_empty,
            type=click.Choice(AUTHS) if one.name == "auth" else None,
        )
        for one in SETTINGS.values()
    ]
    made.append(
        click.option(
            "--profile",
            "connection_profile",
            metavar="NAME",
            help="Profile to use, see 'sequoia config'.  [SEQUOIA_PROFILE]",
            shell_complete=_profiles,
        )
    )
    made.append(
        click.option("--debug", "connection_debug", is_flag=True, help="Show every request on stderr, without secrets.")
    )
    return made


def _refuse_empty(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """An empty option is most often a variable that a script has forgotten to set."""
    if value is not None and not value.strip():
        _fail(ctx, param)
    return value


def _fail(ctx: click.Context, param: click.Parameter) -> NoReturn:
    raise click.BadParameter("it is empty", ctx=ctx, param=param)


def _profiles(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in Profiles.read(config_file()).named if name.startswith(incomplete)]
