"""Where a command gets a secret from: a variable of the environment, the keyring of the system, or a hidden prompt.

Nowhere else: an option would show in the list of processes, and the file of profiles is for everything but secrets.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from sequoia.cli.failing import Refusal
from sequoia.cli.layers import SECRETS

__all__ = ["Secrets", "ask", "forget", "keep"]

_SERVICE = "sequoia-client-sdk"


@dataclass(frozen=True)
class Secrets:
    """The secrets of one connection.

    Attributes:
        environ: The variables.
        profile: The profile whose secrets in the keyring may be used; None for none.
        asking: Whether somebody may be asked.
    """

    environ: Mapping[str, str] = field(repr=False)
    profile: str | None = None
    asking: bool = True

    def find(self, kind: str) -> str | None:
        """The secret, if it can be had without asking anybody.

        Raises:
            Refusal: The keyring is locked or broken.
        """
        given = self.environ.get(SECRETS[kind])
        if given or self.profile is None:
            return given or None
        return _kept(self.profile, kind)

    def need(self, kind: str, whose: str) -> str:
        """The secret; whoever sits at the terminal is asked for it if it is nowhere else.

        Args:
            kind: One of `SECRETS`.
            whose: For the question and the error: `the client 'acme-app'`.

        Raises:
            Refusal: It is not to be had.
        """
        found = self.find(kind)
        if found is not None:
            return found
        if self.asking and sys.stdin is not None and sys.stdin.isatty():
            return ask(kind, whose)
        keep_it = f"sequoia config secret {self.profile}" if self.profile else "a profile and 'sequoia config secret'"
        raise Refusal(
            f"the {_words(kind)} of {whose} is missing: set {SECRETS[kind]}, or keep it in the keyring with "
            f"{keep_it if not self.profile else repr(keep_it)}"
        )


def ask(kind: str, whose: str) -> str:
    """Ask for a secret, which is not shown while it is typed."""
    answer: str = click.prompt(f"{_words(kind).capitalize()} of {whose}", hide_input=True, err=True)
    return answer


def keep(profile: str, kind: str, secret: str) -> None:
    """Keep a secret of a profile in the keyring.

    Raises:
        Refusal: There is no keyring, or it does not take it.
    """
    keyring = _keyring()
    try:
        keyring.set_password(_SERVICE, f"{profile}:{kind}", secret)
    except keyring.errors.KeyringError as error:
        raise _broken(error) from error


def forget(profile: str, kind: str) -> bool:
    """Delete a secret of a profile from the keyring; whether there was one.

    Raises:
        Refusal: There is no keyring, or it does not let go of it.
    """
    keyring = _keyring()
    try:
        if keyring.get_password(_SERVICE, f"{profile}:{kind}") is None:
            return False
        keyring.delete_password(_SERVICE, f"{profile}:{kind}")
    except keyring.errors.KeyringError as error:
        raise _broken(error) from error
    return True


def _kept(profile: str, kind: str) -> str | None:
    keyring = _keyring()
    try:
        found: str | None = keyring.get_password(_SERVICE, f"{profile}:{kind}")
    except keyring.errors.NoKeyringError:
        return None  # a machine without one: the secret is where else it may be
    except keyring.errors.KeyringError as error:
        raise _broken(error) from error
    return found


def _keyring() -> Any:
    import keyring  # noqa: PLC0415 - it looks for its backends, which takes its time
    import keyring.errors  # noqa: PLC0415

    return keyring


def _broken(error: Exception) -> Refusal:
    if type(error).__name__ == "NoKeyringError":
        variables = ", ".join(SECRETS.values())
        return Refusal(f"this machine has no keyring that secrets could be kept in: use one of {variables} instead")
    return Refusal(f"the keyring does not work: {str(error) or type(error).__name__}")


def _words(kind: str) -> str:
    return kind.replace("-", " ")
