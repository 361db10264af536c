"""What the registry says: which services there are, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sequoia.error import DecodeError, NotFound, ServiceNotFound
from sequoia.names import suggestion
from sequoia.urls import check_http_url

__all__ = ["NOT_ANONYMOUS", "RegisteredService", "Registry", "no_registry"]

NOT_ANONYMOUS = (
    "The registry wants a token. A client can give it one with AuthType.BYO_TOKEN only, and only at the URL that the "
    "client was given: on a redirect to another origin, the token stays behind."
)
"""What is added to the 401 of a registry."""

_LOOKS_LIKE = "the URL of a registry looks like https://registry.example.com/services/acme"


@dataclass(frozen=True, slots=True)
class RegisteredService:
    """One entry of the registry.

    Attributes:
        name: Name of the service: `metadata`.
        location: Where it is, as registered: `https://metadata.example.com`.
        owner: The tenant that it belongs to.
        title: What people call it.
    """

    name: str
    location: str
    owner: str | None = None
    title: str | None = None

    def base_url(self) -> str:
        """The location without a trailing slash.

        Raises:
            DecodeError: What is registered is no place that a token may be sent to.
        """
        try:
            return check_http_url(self.location, f"the location of the service {self.name!r}")
        except ValueError as error:
            raise DecodeError(f"the registry's entry cannot be used: {error}", error) from error


class Registry(Mapping[str, RegisteredService]):
    """The services of a registry, by name.

    Args:
        data: The registry's answer, decoded.

    Raises:
        DecodeError: It is not a registry's answer.
    """

    def __init__(self, data: Any) -> None:
        entries = data.get("services") if isinstance(data, dict) else None
        if not isinstance(entries, list):
            raise DecodeError(f"this is not a registry, its answer has no list of services: {_LOOKS_LIKE}")
        services = [_entry(entry) for entry in entries]
        self._services = {service.name: service for service in services}

    def find(self, name: str) -> RegisteredService:
        """The service of this name, or of this name with `-` for `_`.

        Raises:
            ServiceNotFound: There is none; the message names the close matches.
        """
        if not isinstance(name, str):
            raise ServiceNotFound(f"a service has a name, not {name!r}")
        service = self._services.get(name) or self._services.get(name.replace("_", "-"))
        if service is None:
            raise ServiceNotFound(f"the registry knows no service {name!r}: {suggestion(name, self._services)}")
        return service

    def base_urls(self) -> list[str]:
        """Where the services are, but for entries that cannot be used: a token may go there, and nowhere else."""
        urls: list[str] = []
        for service in self.values():
            try:
                urls.append(service.base_url())
            except DecodeError:
                continue
        return urls

    def __getitem__(self, name: str) -> RegisteredService:
        return self._services[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._services)

    def __len__(self) -> int:
        return len(self._services)

    def __repr__(self) -> str:
        return f"Registry({', '.join(self._services)})"


def no_registry(error: NotFound) -> NotFound:
    """The error for a registry URL where nothing is, with what such a URL looks like."""
    explained = NotFound(f"404 Not Found, there is no registry here: {_LOOKS_LIKE}", error.status_code)
    explained.of_request(error)
    return explained


def _entry(entry: Any) -> RegisteredService:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str) for name in ("name", "location")):
        raise DecodeError(f"the registry has an entry without name and location: {entry!r:.200}")
    return RegisteredService(entry["name"], entry["location"], entry.get("owner"), entry.get("title"))
