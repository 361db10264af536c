"""The profiles of a user: named connections in a TOML file of the configuration folder, without any secret.

The file is only its user's (0600), and is replaced as a whole: who reads it while it is written sees the old one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sequoia.cli.failing import Refusal
from sequoia.cli.layers import SECRETS, SETTINGS, Layer, check
from sequoia.files import whole
from sequoia.names import suggestion

__all__ = ["Profiles", "config_file", "write_private"]

_FILES = frozenset({"cert", "key", "ca"})
_SHOWN_ALONE = frozenset({"default", "profiles"})


def config_file() -> Path:
    """Where the profiles of this user are."""
    from platformdirs import user_config_path  # noqa: PLC0415 - only where somebody has asked for it

    return user_config_path("sequoia", appauthor=False) / "config.toml"


@dataclass(frozen=True)
class Profiles:
    """What the file holds.

    Attributes:
        file: Where it is.
        default: Name of the profile that is used when none is chosen.
        named: The settings of each profile, by its name.
    """

    file: Path
    default: str | None = None
    named: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def read(cls, file: Path) -> Profiles:
        """Read the file; without one there are no profiles.

        Raises:
            Refusal: It cannot be read, or something in it is wrong.
        """
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Refusal(f"{file} is not TOML: {error}") from error
        except OSError as error:
            raise Refusal(f"{file} cannot be read: {error.strerror}") from error
        return cls._of(file, content)

    @classmethod
    def _of(cls, file: Path, content: Mapping[str, Any]) -> Profiles:
        for key in content:
            if key not in _SHOWN_ALONE:
                raise Refusal(f"{file} has {key!r}: {suggestion(key, _SHOWN_ALONE)}")
        tables = content.get("profiles", {})
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            raise Refusal(f"{file}: profiles are tables such as [profiles.production]")
        named = {name: _settings(table, f"{file}, profile {name!r}") for name, table in tables.items()}
        default = content.get("default")
        if default is not None and (not isinstance(default, str) or default not in named):
            raise Refusal(f"{file}: the default is {default!r}: {suggestion(str(default), named)}")
        return cls(file, default, named)

    def find(self, name: str) -> Mapping[str, str]:
        """The settings of a profile.

        Raises:
            Refusal: There is none of this name.
        """
        if name not in self.named:
            raise Refusal(f"there is no profile {name!r} in {self.file}: {suggestion(name, self.named)}")
        return self.named[name]

    def layer(self, name: str) -> Layer:
        """What a profile says about a connection; raises as `find`."""
        settings = self.find(name)
        return Layer(settings, {key: f"{key} of the profile {name!r}" for key in settings})

    def with_settings(self, name: str, changes: Mapping[str, str | None]) -> Profiles:
        """The same with settings of a profile, which is made if need be; None and an empty text take one away.

        A file is kept with its whole path: the profile is used from other folders too.

        Raises:
            Refusal: A setting that there is not, a secret, or a value that makes no sense.
        """
        if not name or not all(one.isalnum() or one in "-_." for one in name):
            raise Refusal(f"a profile has a name of letters, digits, '-', '_' and '.', not {name!r}")
        named = {key.replace("-", "_"): value for key, value in changes.items()}
        given = {key: _whole_path(value) if key in _FILES and value else value for key, value in named.items()}
        kept = _settings({key: value for key, value in given.items() if value}, f"profile {name!r}")
        for key in given:
            _known(key, f"profile {name!r}")
        settings = {key: value for key, value in self.named.get(name, {}).items() if key not in given} | kept
        return Profiles(self.file, self.default or name, {**self.named, name: settings})

    def without(self, name: str) -> Profiles:
        """The same without a profile; raises as `find`."""
        self.find(name)
        default = None if self.default == name else self.default
        return Profiles(self.file, default, {one: settings for one, settings in self.named.items() if one != name})

    def using(self, name: str) -> Profiles:
        """The same with another default; raises as `find`."""
        self.find(name)
        return Profiles(self.file, name, self.named)

    def write(self) -> None:
        """Write the file.

        Raises:
            OSError: It cannot be written; the old one is still there.
        """
        import tomli_w  # noqa: PLC0415 - only where something is written

        content: dict[str, Any] = {"default": self.default} if self.default else {}
        content["profiles"] = {name: dict(settings) for name, settings in self.named.items()}
        write_private(self.file, tomli_w.dumps(content).encode())


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its user can read (0600), as a whole or not at all.

    Raises:
        OSError: It cannot be written; what was there before still is.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = file.resolve()  # where it is a link, as in a folder of dotfiles, the link stays one
    with whole(target, private=True) as made:
        made.write(content)


def _whole_path(text: str) -> str:
    if not text.strip():
        return text  # it is refused
    # Not every shell does it behind `cert=`.
    return str((Path(text).expanduser() if text.startswith("~/") else Path(text)).absolute())


def _settings(table: Mapping[str, Any], where: str) -> dict[str, str]:
    """The settings in a table of the file, as text."""
    found: dict[str, str] = {}
    for key, value in table.items():
        _known(key, where)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Refusal(f"{where}: {key} is a text, not {value!r}")
        check(key, str(value), f"{where}: {key}")
        found[key] = str(value)
    return found


def _known(key: str, where: str) -> None:
    if key in SETTINGS:
        return
    if any(word in key.lower() for word in ("secret", "password", "token")):
        variables = ", ".join(SECRETS.values())
        raise Refusal(
            f"{where}: {key!r} is a secret, and a profile has none: keep it with 'sequoia config secret', or in one of "
            f"{variables}"
        )
    raise Refusal(f"{where}: there is no setting {key!r}: {suggestion(key, SETTINGS)}")
