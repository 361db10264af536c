"""The options of a sandbox: stated once, checked before anything is opened, and handed on as one frozen value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

from sequoia.names import suggestion
from sequoia.sandbox.builtin import DescriptorSource

__all__ = ["Options", "SandboxOptions"]

_NAME = re.compile(r"[a-zA-Z0-9_-]+")


class SandboxOptions(TypedDict, total=False):
    """The keyword arguments of `Sandbox`; `Options` says what each means and what it is when absent."""

    owner: str
    demo: bool | int
    port: int
    data: str | Path | None
    descriptors: Sequence[DescriptorSource]
    client_id: str
    client_secret: str | None
    username: str
    password: str | None
    token_lifetime: int
    embedded_pages: int
    registry_auth: bool
    consistency_delay: float
    https: bool
    mutual_tls: bool
    ca_dir: str | Path | None
    redirect_http: bool
    gzip: bool
    now: Callable[[], datetime] | None
    monotonic: Callable[[], float] | None


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a sandbox was told.

    Attributes:
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
        registry_auth: Whether the registry refuses requests without a bearer token.
        consistency_delay: Seconds, up to 3600, after which a write is seen by browses; a read by ref sees it at once.
        https: Serve https, with certificates of an authority made on the spot.
        mutual_tls: Demand a certificate of that authority from clients; it takes the place of a token.
        ca_dir: Folder that keeps the authority and the client's certificate between runs.
        redirect_http: Give each service a port of plain http too, which answers 301 to https.
        gzip: Compress the bodies of larger answers for clients that accept it.
        now: The wall clock; returns an aware datetime.
        monotonic: The clock of token expiry and of `consistency_delay`, in seconds.

    Raises:
        ValueError: An option that makes no sense, or that needs another one.
    """

    owner: str = "acme"
    demo: bool | int = False
    port: int = 0
    data: str | Path | None = None
    descriptors: Sequence[DescriptorSource] = ()
    client_id: str = "sandbox-client"
    client_secret: str | None = field(default=None, repr=False)
    username: str = "sandbox-user"
    password: str | None = field(default=None, repr=False)
    token_lifetime: int = 3600
    embedded_pages: int = 5
    registry_auth: bool = False
    consistency_delay: float = 0.0
    https: bool = False
    mutual_tls: bool = False
    ca_dir: str | Path | None = None
    redirect_http: bool = False
    gzip: bool = False
    now: Callable[[], datetime] | None = None
    monotonic: Callable[[], float] | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Options:
        """Check a sandbox's arguments.

        Raises:
            TypeError: An argument that there is not; the message names the nearest one.
            ValueError: An argument that makes no sense.
        """
        known = {one.name for one in fields(cls)}
        for name in options:
            if name not in known:
                raise TypeError(f"Sandbox() has no argument {name!r}: {suggestion(name, known)}")
        return cls(**options)

    def __post_init__(self) -> None:
        for label in ("owner", "client_id", "username"):
            if not _NAME.fullmatch(getattr(self, label)):
                raise ValueError(f"{label} has letters, digits, - and _ only, not {getattr(self, label)!r}")
        for label, least, most in (
            ("demo", 0, 10_000_000),
            ("port", 0, 65_535),
            ("token_lifetime", 1, 10**9),
            ("embedded_pages", 1, 5),
            ("consistency_delay", 0, 3600),
        ):
            if not least <= getattr(self, label) <= most:
                raise ValueError(f"{label} is from {least} to {most}, not {getattr(self, label)}")
        for label in ("client_secret", "password"):
            if getattr(self, label) == "":
                raise ValueError(f"{label} is empty; give None for a random one")
        for label in ("mutual_tls", "ca_dir", "redirect_http"):
            if getattr(self, label) and not self.https:
                raise ValueError(f"{label} needs https, which is not switched on")
