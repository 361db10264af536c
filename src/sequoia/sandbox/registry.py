"""The registry service: which services there are, and at which origin each of them is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sequoia.sandbox.routing import Route
from sequoia.sandbox.wire import Reply, Request, WireError, json_reply

__all__ = ["Registration", "Registry"]

_PLATFORM = "root"


@dataclass(frozen=True, slots=True)
class Registration:
    """One entry of the registry.

    Attributes:
        name: Name of the service.
        title: Its title for people.
        location: Its origin, without a trailing slash.
    """

    name: str
    title: str
    location: str

    def entry(self) -> dict[str, str]:
        """The entry as it is on the wire; the platform itself owns every service."""
        return {
            "owner": _PLATFORM,
            "name": self.name,
            "title": self.title,
            "location": self.location,
            "ref": f"{_PLATFORM}:{self.name}",
        }


class Registry:
    """The list of services, the same for every owner.

    Args:
        registrations: Tells the services, in the order of the list; asked for every request.
    """

    def __init__(self, registrations: Callable[[], Sequence[Registration]]) -> None:
        self._registrations = registrations

    def routes(self) -> tuple[Route, ...]:
        """What the service answers."""
        return (Route("GET", "/services/{owner}", self._list), Route("GET", "/services/{owner}/{name}", self._one))

    def _list(self, _: Request, __: tuple[str, ...]) -> Reply:
        return _envelope(self._registrations())

    def _one(self, _: Request, values: tuple[str, ...]) -> Reply:
        named = [registration for registration in self._registrations() if registration.name == values[1]]
        if not named:
            raise WireError(404, "Service not found")
        return _envelope(named)


def _envelope(registrations: Sequence[Registration]) -> Reply:
    return json_reply(200, {"meta": {}, "services": [registration.entry() for registration in registrations]})
