"""The clients under test, each run in a process of its own: `python clients.py WHO WHAT URL [ARGUMENTS]` prints a rate.

This file runs in two environments, that of this SDK and that of 4.4.0, and imports only what it times.
"""

from __future__ import annotations

import sys
import time
from typing import Any

SECRETS = {"grant_client_id": "bench", "grant_client_secret": "bench"}


def sdk(url: str) -> Any:
    """The SDK that is installed, this one or 4.4.0: the same lines work with both."""
    from sequoia.client import Client  # noqa: PLC0415 - only where it is timed

    return Client(f"{url}/services/acme", **SECRETS)


def browse_sdk(url: str, owner: str, per_page: int, total: int) -> float:
    """Items a second of a browse with `continue`."""
    contents = sdk(url).metadata.contents
    started = time.perf_counter()
    number = 0
    query = f"continue=true&perPage={per_page}&total={total}"
    for page in contents.browse(owner, query_string=query):
        number += len(page.resources)
    seconds = time.perf_counter() - started
    assert number == total, number  # noqa: S101 - a benchmark of the wrong thing is worse than none
    return total / seconds


def browse_bare(url: str, owner: str, per_page: int, total: int) -> float:
    """The same pages with httpx2 and msgspec and nothing else."""
    import httpx2  # noqa: PLC0415 - only where it is timed
    import msgspec  # noqa: PLC0415

    client = httpx2.Client(headers={"Authorization": f"Bearer {'0' * 40}"})
    client.get(f"{url}/services/acme")
    started = time.perf_counter()
    number = 0
    link: str | None = f"/data/contents?continue=true&perPage={per_page}&total={total}&owner={owner}"
    while link:
        page = msgspec.json.decode(client.get(url + link).content)
        number += len(page["contents"])
        link = page["meta"].get("continue")
    seconds = time.perf_counter() - started
    assert number == total, number  # noqa: S101
    return total / seconds


def read_sdk(url: str, owner: str, number: int) -> float:
    """Reads a second of one resource."""
    contents = sdk(url).metadata.contents
    contents.read(owner, "acme:film-0000001")
    started = time.perf_counter()
    for _ in range(number):
        response = contents.read(owner, "acme:film-0000001")
    seconds = time.perf_counter() - started
    assert response.resources[0]["ref"] == "acme:film-0000001"  # noqa: S101
    return number / seconds


def read_bare(url: str, owner: str, number: int) -> float:
    """The same bytes with `httpx2.Client.get`."""
    import httpx2  # noqa: PLC0415 - only where it is timed

    client = httpx2.Client(headers={"Authorization": f"Bearer {'0' * 40}"})
    target = f"{url}/data/contents/acme:film-0000001?owner={owner}"
    client.get(target)
    started = time.perf_counter()
    for _ in range(number):
        client.get(target).content  # noqa: B018 - reading it is the point
    return number / (time.perf_counter() - started)


def import_sdk() -> float:
    """Imports a second of the client."""
    started = time.perf_counter()
    from sequoia import Client  # noqa: F401, PLC0415 - what is timed

    return 1 / (time.perf_counter() - started)


def import_bare() -> float:
    """Imports a second of `httpx2` and `msgspec`."""
    started = time.perf_counter()
    import httpx2  # noqa: F401, PLC0415 - what is timed
    import msgspec  # noqa: F401, PLC0415

    return 1 / (time.perf_counter() - started)


RUNS = {
    ("sdk", "browse"): browse_sdk,
    ("bare", "browse"): browse_bare,
    ("sdk", "read"): read_sdk,
    ("bare", "read"): read_bare,
    ("sdk", "import"): import_sdk,
    ("bare", "import"): import_bare,
}

if __name__ == "__main__":
    who, what, *arguments = sys.argv[1:]
    print(RUNS[who, what](*(int(argument) if argument.isdigit() else argument for argument in arguments)))
