"""Sessions with `sequoia-client-sdk-async` 0.4.0: `python session_async_0_4_0.py SESSION` prints JSON.

It runs in that SDK's own environment and imports nothing of this one; the `SEQUOIA_*` variables say where the sandbox
is. A function below is a session, and each returns only what the client handed out, native values as their `repr`.
"""

# The SDK that this is written for is not in the environment of the type checker.
# mypy: ignore-errors

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import datetime, timedelta
from typing import Any

import httpx

from sequoia import Client, DiscoveryServicesError, ResourceNotFound, ServiceNotFound, UpdateTokenError

OWNER = os.environ["SEQUOIA_OWNER"]
# This SDK takes the bare origin of the registry, and adds /services/<owner>/ itself.
REGISTRY = os.environ["SEQUOIA_REGISTRY_URL"].partition("/services/")[0]


def connect(owner: str | None = OWNER, **options: Any) -> Any:
    secret = os.environ["SEQUOIA_CLIENT_SECRET"]
    given = {"client_id": os.environ["SEQUOIA_CLIENT_ID"], "client_secret": secret, "registry_url": REGISTRY}
    return Client(**{**given, **options}, owner=owner)


async def services() -> Any:
    """The registry of an owner, of another one, and of none; the resources of a service."""
    async with connect() as client:
        mine = {name: found.url for name, found in client.services().items()}
        resources = {name: [found.name, found.path] for name, found in (await client.resources("metadata")).items()}
        await client.set_owner("other")
        others = list(client.services())
    async with connect(None) as client:
        everyones = list(client.services())
    return {"mine": mine, "resources": resources, "others": others, "everyones": everyones}


async def write() -> Any:
    """Create, retrieve, update and delete, with native values."""
    async with connect() as client:
        aria = {
            "owner": OWNER, "name": "aria", "type": "movie", "duration": timedelta(hours=1, minutes=20),
            "availabilityStartAt": datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001 - this SDK drops the zone anyway
        }  # fmt: skip
        created = await client.metadata.contents.create(aria)
        one = await client.metadata.contents.retrieve(created["ref"])
        updated = await client.metadata.contents.update(created["ref"], {**one, "title": "Aria, again"})
        await client.metadata.contents.delete(created["ref"])
        left = [item async for item in client.metadata.contents.list()]
    return {"created": created, "retrieved": one, "updated": updated, "left": left}


async def offer_templates() -> Any:
    """A resource that is addressed with an underscore, has a dash in its URL, and neither in JSON."""
    async with connect() as client:
        made = await client.metadata.offer_templates.create({"owner": OWNER, "name": "weekly", "type": "rental"})
        return [made["ref"], [item["ref"] async for item in client.metadata.offer_templates.list()]]


async def pages() -> Any:
    """Lists of several pages: plain, filtered and sorted, and of all owners."""
    found = {}
    async with connect() as client:
        for name, params in {
            "all": {"perPage": 7},
            "filtered": {"withTitle": "Piece 0||Piece 1", "perPage": 2, "include": "assets"},
            "sorted": {"sort": "-title,name", "perPage": 7, "fields": "name,title"},
        }.items():
            found[name] = [item["name"] async for item in client.metadata.contents.list(params=params)]
    async with connect(None) as client:
        found["everyone's"] = [item["ref"] async for item in client.metadata.contents.list(params={"perPage": 8})]
    return found


async def custom() -> Any:
    """Any path of a service, with the owner added."""
    async with connect() as client:
        progress = await client.workflow.custom(f"/flow-execution-progress/{OWNER}:run")
        valid = await client.validation.custom(f"/v/{OWNER}/titles", "POST", json={"title": "Aria"})
    return {"progress": progress, "valid": valid}


async def errors() -> Any:
    """What is missing, what cannot be asked, and who is not let in."""
    found = {}
    async with connect() as client:
        try:
            await client.metadata.contents.retrieve(f"{OWNER}:gone")
        except httpx.exceptions.HTTPError as refused:
            found["missing"] = [refused.response.status_code, refused.response.json()["error"]]
        try:
            [item async for item in client.metadata.contents.list(params={"fields": "colour"})]
        except httpx.exceptions.HTTPError as refused:
            found["bad field"] = [refused.response.status_code, refused.response.json()["validation"]]
        for attempt in (client.metadata.nonsense.list(), client.nonsense.contents.list()):
            try:
                [item async for item in attempt]
            except (ResourceNotFound, ServiceNotFound) as unknown:
                found[type(unknown).__name__] = str(unknown)
    try:
        async with connect(client_secret="wrong"):
            pass
    except UpdateTokenError:
        found["bad client"] = True
    return found


async def renewed() -> Any:
    """This SDK never renews a token by itself: the caller asks for a new one."""
    async with connect() as client:
        try:
            await client.metadata.contents.retrieve(f"{OWNER}:piece-00")
        except httpx.exceptions.HTTPError as refused:
            status = refused.response.status_code
        await client.update_token()
        return [status, (await client.metadata.contents.retrieve(f"{OWNER}:piece-00"))["name"]]


async def distrust() -> Any:
    """A certificate that this client has no reason to trust."""
    del os.environ["SSL_CERT_FILE"]
    try:
        async with connect():
            return "connected"
    except DiscoveryServicesError as refused:
        return type(refused).__name__


SESSIONS = (services, write, offer_templates, pages, custom, errors, renewed, distrust)

if __name__ == "__main__":
    chosen = {session.__name__: session for session in SESSIONS}[sys.argv[1]]
    json.dump(asyncio.run(chosen()), sys.stdout, default=repr)
