"""`sequoia config`: the profiles, and the secrets that the keyring keeps for them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from sequoia.cli import console
from sequoia.cli.failing import Refusal
from sequoia.cli.layers import SECRETS, SETTINGS
from sequoia.cli.profiles import Profiles, config_file
from sequoia.cli.secrets import ask, forget, keep

__all__ = ["config"]

_KIND_OF = {"client-grant": "client-secret", "password": "password", "token": "token"}


def _names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in _read().named if name.startswith(incomplete)]


def _settings(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [f"{name}=" for name in SETTINGS if name.startswith(incomplete)]


_name = click.argument("name", shell_complete=_names)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def config() -> None:
    """Keep connections as profiles: where the registry is, and who asks.

    Options and SEQUOIA_* variables win over a profile. A profile has no secrets: those come from the environment, from
    the keyring ('sequoia config secret'), or are asked for.
    """


@config.command()
def path() -> None:
    """Print where the profiles are kept."""
    console.data(f"{config_file()}\n")


@config.command(name="list")
def list_() -> None:
    """List the profiles; the default one has a star."""
    profiles = _read()
    width = max(map(len, profiles.named), default=0)
    for name, settings in profiles.named.items():
        mark = "*" if name == profiles.default else " "
        console.data(f"{mark} {name:{width}}  {settings.get('registry_url', '')}".rstrip() + "\n")
    if not profiles.named:
        console.note("There are no profiles; make one with: sequoia config set NAME registry_url=URL owner=OWNER")


@config.command()
@click.argument("name", shell_complete=_names, required=False)
def show(name: str | None) -> None:
    """Show the settings of a profile, or of the default one."""
    profiles = _read()
    chosen = name or profiles.default
    if chosen is None:
        raise Refusal("there is no default profile: say which one, or choose it with 'sequoia config use NAME'")
    for key, value in profiles.find(chosen).items():
        console.data(f"{key}={value}\n")


@config.command(name="set")
@_name
@click.argument("settings", nargs=-1, required=True, metavar="KEY=VALUE...", shell_complete=_settings)
def set_(name: str, settings: Sequence[str]) -> None:
    """Set settings of a profile, which is made if there is none; an empty value takes one away.

    The first profile becomes the default.
    """
    before = _read()
    after = before.with_settings(name, _pairs(settings))
    after.write()
    console.note(f"{'Changed' if name in before.named else 'Made'} the profile {name!r} in {after.file}.")
    if after.default == name and before.default != name:
        console.note("It is the default.")


_set_help = ", ".join(f"{one.name} ({one.help.rstrip('.')})" for one in SETTINGS.values())
set_.epilog = f"Settings: {_set_help}."


@config.command()
@_name
def use(name: str) -> None:
    """Make a profile the default."""
    _read().using(name).write()
    console.note(f"{name!r} is the default.")


@config.command()
@_name
def remove(name: str) -> None:
    """Remove a profile, and what the keyring keeps for it."""
    after = _read().without(name)
    with suppress(Refusal):  # without a keyring nothing is kept
        for kind in SECRETS:
            forget(name, kind)
    after.write()
    console.note(f"Removed the profile {name!r}.")


@config.command()
@_name
@click.option("--kind", type=click.Choice(list(SECRETS)), help="Which secret; else the one that its sign-in takes.")
@click.option("--delete", is_flag=True, help="Delete it from the keyring.")
def secret(name: str, kind: str | None, delete: bool) -> None:
    """Keep a secret of a profile in the keyring of this system; it is asked for, and not shown."""
    layer = _read().layer(name)
    chosen = kind or _KIND_OF.get(layer.auth() or "client-grant")
    if chosen is None:
        raise Refusal(f"the profile {name!r} signs in without a secret")
    if delete:
        if not forget(name, chosen):
            raise Refusal(f"the keyring has no {chosen} of {name!r}")
        console.note(f"Deleted the {chosen} of {name!r} from the keyring.")
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise Refusal(f"the secret is asked for on a terminal; elsewhere, set {SECRETS[chosen]}")
    keep(name, chosen, ask(chosen, f"the profile {name!r}"))
    console.note(f"The keyring has the {chosen} of {name!r}.")


def _read() -> Profiles:
    return Profiles.read(config_file())


def _pairs(words: Sequence[str]) -> dict[str, str | None]:
    """`KEY=VALUE ...`, and also `KEY VALUE ...`."""
    if "=" in words[0]:
        wrong = next((word for word in words if "=" not in word), None)
        if wrong is not None:
            raise Refusal(f"{wrong!r} is no setting such as owner=acme")
        return {key: value for key, _, value in (word.partition("=") for word in words)}
    if len(words) % 2:
        raise Refusal(f"settings are written as owner=acme, and {words[-1]!r} has no value")
    return dict(zip(words[::2], words[1::2], strict=True))
