"""The registry service: which services there are, and at which origin each of them is found.

It is a data service too, with the resource `services`. The services of the sandbox itself are documents of the owner
`root` in there; they are written anew whenever they are found missing or outdated, so nothing can lose them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.routing import Route, split_path
from sequoia.sandbox.wire import Reply, Request, WireError, json_reply

__all__ = ["RESOURCE", "Registration", "Registry"]

RESOURCE = "services"
"""The plural name of the resource."""
_PLATFORM = "root"
_USER = f"{_PLATFORM}:registry"
_SHOWN = ("owner", "name", "title", "location", "ref")
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Registration:
    """One service of the sandbox itself.

    Attributes:
        name: Name of the service.
        title: Its title for people.
        location: Its origin, without a trailing slash.
    """

    name: str
    title: str
    location: str

    def document(self) -> dict[str, str]:
        """What is stored of it; the platform itself owns every service."""
        return {"owner": _PLATFORM, "name": self.name, "title": self.title, "location": self.location}


class Registry:
    """The list of services: those of the platform, and those that somebody registered for one owner.

    Args:
        data: Where registrations are stored.
        registrations: Tells the services of the sandbox, in the order of the list; asked for every request.
        anonymous: Whether it answers without a bearer token.
    """

    def __init__(
        self, data: DataService, registrations: Callable[[], Sequence[Registration]], *, anonymous: bool = True
    ) -> None:
        self._data = data
        self._registrations = registrations
        self._anonymous = anonymous

    def routes(self) -> tuple[Route, ...]:
        """What the service answers beside its data."""
        return (
            Route("GET", "/services/{owner}", self._list, self._anonymous),
            Route("GET", "/services/{owner}/{name}", self._one, self._anonymous),
        )

    def handle(self, request: Request, *, user: str) -> Reply:
        """Answer a request for a path under `/data/`; arguments and errors as in `DataService.handle`.

        The services of the sandbox itself can be read only.
        """
        self._settle()
        if request.method not in {"GET", "HEAD"}:
            own = {f"{_PLATFORM}:{registration.name}" for registration in self._registrations()}
            for ref in _written(request):
                if ref in own:
                    raise WireError(403, f"{ref} is a service of the sandbox itself: register one of another owner")
        return self._data.handle(request, user=user)

    def load(self, resource: str, documents: Iterable[Mapping[str, Any]], *, user: str) -> int:
        """Store registrations without HTTP; arguments and errors as in `DataService.load`."""
        return self._data.load(resource, documents, user=user)

    def _settle(self) -> None:
        """Write the services of the sandbox where they are not as they should be.

        A reset forgets all documents, and a data file remembers the ports of an earlier run.
        """
        stored = {item["name"]: item for item in self._data.owned(RESOURCE, _PLATFORM, limit=_MOST)}
        wanted = [registration.document() for registration in self._registrations()]
        missing = [item for item in wanted if not item.items() <= stored.get(item["name"], {}).items()]
        if missing:
            self._data.load(RESOURCE, missing, user=_USER)

    def _entries(self, owner: str) -> dict[str, dict[str, Any]]:
        """What an owner sees, by name: its own registrations win over those of the platform."""
        self._settle()
        entries: dict[str, dict[str, Any]] = {item.name: {} for item in self._registrations()}
        for whose in (_PLATFORM, owner):
            entries |= {item["name"]: item for item in self._data.owned(RESOURCE, whose, limit=_MOST)}
        return {name: {key: item[key] for key in _SHOWN} for name, item in entries.items()}

    def _list(self, _: Request, values: tuple[str, ...]) -> Reply:
        return _envelope(list(self._entries(values[0]).values()))

    def _one(self, _: Request, values: tuple[str, ...]) -> Reply:
        entry = self._entries(values[0]).get(values[1])
        if entry is None:
            raise WireError(404, "Service not found")
        return _envelope([entry])


def _envelope(entries: Sequence[Mapping[str, Any]]) -> Reply:
    return json_reply(200, {"meta": {}, RESOURCE: entries})


def _written(request: Request) -> Iterator[str]:
    """The refs that a write concerns; what is wrong with its body is found by whoever stores it."""
    for segment in split_path(request.path)[2:3]:
        yield from segment.split(",")
    try:
        content = msgspec.json.decode(request.body) if request.body else None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return
    documents = content.get(RESOURCE) if isinstance(content, dict) else None
    for item in documents if isinstance(documents, list) else [documents]:
        if isinstance(item, dict):
            yield f"{item.get('owner')}:{item.get('name')}"
