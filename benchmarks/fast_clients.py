"""The clients under test, each run in a process of its own: `python -m benchmarks.fast_clients '{"what": ..., ...}'`.

This runs in three environments, that of this SDK, of 4.4.0 and of the asynchronous SDK 0.4.0, and imports only what it
times. Every function makes sure that it did what it is timed for. What is printed is the JSON of `Outcome`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

SECRETS: dict[str, Any] = {"grant_client_id": "bench", "grant_client_secret": "bench"}
AUTHORISED = {"Authorization": f"Bearer {'0' * 40}"}
PER_PAGE = 100
STRETCH = 100_000  # items: a thousand pages
REF = slice(8, 25)  # where the server puts a content's ref in its JSON


@dataclass
class Outcome:
    """What a client did.

    Attributes:
        number: How many items, or requests.
        seconds: How long it took.
        first: Seconds of the first thousand pages, where that was measured.
        last: Seconds of the last thousand pages, likewise.
        peak: The most memory that the process had, in MB.
    """

    number: int
    seconds: float
    first: float | None = None
    last: float | None = None
    peak: float = 0.0


def sdk(url: str) -> Any:
    """The `Client` that is installed, this SDK's or 4.4.0's."""
    from sequoia.client import Client  # noqa: PLC0415 - only where it is timed

    return Client(f"{url}/services/acme", **SECRETS)


def async_sdk(url: str) -> Any:
    """This SDK's `AsyncClient`."""
    from sequoia import AsyncClient  # noqa: PLC0415 - as above

    return AsyncClient(f"{url}/services/acme", **SECRETS)


def scan(url: str, owner: str, total: int, **options: Any) -> Outcome:
    """Every content of an owner."""
    contents = sdk(url).metadata.contents
    started = time.perf_counter()
    refs = [item["ref"] for item in contents.scan(owner, **options)]
    return _all_of(total, refs, time.perf_counter() - started)


def scan_raw(url: str, owner: str, total: int) -> Outcome:
    """The same, as bytes."""
    contents = sdk(url).metadata.contents
    started = time.perf_counter()
    refs = [bytes(item[REF]) for item in contents.scan(owner, raw=True)]
    return _all_of(total, refs, time.perf_counter() - started)


async def scan_async(url: str, owner: str, total: int, **options: Any) -> Outcome:
    """Every content of an owner, by an `AsyncClient`."""
    async with async_sdk(url) as client:
        started = time.perf_counter()
        refs = [item["ref"] async for item in client.metadata.contents.scan(owner, **options)]
        return _all_of(total, refs, time.perf_counter() - started)


def scan_and_work(url: str, owner: str, total: int, work: float, **options: Any) -> Outcome:
    """A scan whose caller works for so many seconds on each page."""
    contents = sdk(url).metadata.contents
    started = time.perf_counter()
    refs = []
    for item in contents.scan(owner, **options):
        refs.append(item["ref"])
        if len(refs) % PER_PAGE == 0:
            time.sleep(work)
    return _all_of(total, refs, time.perf_counter() - started)


async def scan_and_work_async(url: str, owner: str, total: int, work: float, **options: Any) -> Outcome:
    """The same by an `AsyncClient`; the work is one that lets others run, such as writing to a database."""
    async with async_sdk(url) as client:
        started = time.perf_counter()
        refs = []
        async for item in client.metadata.contents.scan(owner, **options):
            refs.append(item["ref"])
            if len(refs) % PER_PAGE == 0:
                await asyncio.sleep(work)
        return _all_of(total, refs, time.perf_counter() - started)


def browse(url: str, owner: str, total: int) -> Outcome:
    """What users of 4.4.0 write."""
    contents = sdk(url).metadata.contents
    started = time.perf_counter()
    refs = []
    for page in contents.browse(owner, query_string=f"continue=true&perPage={PER_PAGE}"):
        for item in page.resources:
            refs.append(item["ref"])  # noqa: PERF401 - a loop like everybody's
    return _all_of(total, refs, time.perf_counter() - started)


def pages(url: str, owner: str, total: int) -> Outcome:
    """The same pages with httpx2 and msgspec and nothing else."""
    import httpx2  # noqa: PLC0415 - only where it is timed
    import msgspec  # noqa: PLC0415

    with httpx2.Client(headers=AUTHORISED) as client:
        client.get(f"{url}/services/acme")
        started = time.perf_counter()
        refs = []
        link: str | None = f"/data/contents?continue=true&perPage={PER_PAGE}&owner={owner}"
        while link:
            page = msgspec.json.decode(client.get(url + link).content)
            for item in page["contents"]:
                refs.append(item["ref"])  # noqa: PERF401 - as above
            link = page["meta"].get("continue")
        return _all_of(total, refs, time.perf_counter() - started)


def walk(url: str, owner: str, total: int, **options: Any) -> Outcome:
    """A scan that keeps nothing: what it needs is its own."""
    return _walk(iter(sdk(url).metadata.contents.scan(owner, **options)), total)


async def walk_async(url: str, owner: str, total: int, **options: Any) -> Outcome:
    """The same by an `AsyncClient`."""
    number = 0
    async with async_sdk(url) as client:
        started = time.perf_counter()
        async for item in client.metadata.contents.scan(owner, **options):
            number += int(item["ref"][-7:])
        seconds = time.perf_counter() - started
    assert number == total * (total - 1) // 2, number  # noqa: S101 - a benchmark of the wrong thing is worse than none
    return Outcome(total, seconds)


def walk_browse(url: str, owner: str, total: int) -> Outcome:
    """The same with 4.4.0's `browse`."""
    found = sdk(url).metadata.contents.browse(owner, query_string=f"continue=true&perPage={PER_PAGE}")
    return _walk((item for page in found for item in page.resources), total)


def bulk_store(url: str, owner: str, total: int, workers: int) -> Outcome:
    """So many contents, written by `bulk_store`."""
    contents = sdk(url).metadata.contents
    started = time.perf_counter()
    report = contents.bulk_store(owner, _documents(total), workers=workers)
    seconds = time.perf_counter() - started
    assert report.stored == total, report  # noqa: S101
    return Outcome(total, seconds)


async def bulk_store_async(url: str, owner: str, total: int, workers: int) -> Outcome:
    """The same by an `AsyncClient`."""
    async with async_sdk(url) as client:
        started = time.perf_counter()
        report = await client.metadata.contents.bulk_store(owner, _documents(total), workers=workers)
        seconds = time.perf_counter() - started
    assert report.stored == total, report  # noqa: S101
    return Outcome(total, seconds)


def store(url: str, owner: str, total: int, batch: int) -> Outcome:
    """So many contents, written by a loop over `store` with a batch each time."""
    contents = sdk(url).metadata.contents
    started = time.perf_counter()
    documents = _documents(total)
    while some := list(islice(documents, batch)):
        assert len(contents.store(owner, some).resources) == len(some)  # noqa: S101
    return Outcome(total, time.perf_counter() - started)


def store_each(url: str, owner: str, total: int) -> Outcome:
    """What users of 4.4.0 write, which takes JSON text."""
    contents = sdk(url).metadata.contents
    started = time.perf_counter()
    for document in _documents(total):
        assert contents.store(owner, json.dumps(document)).resources  # noqa: S101
    return Outcome(total, time.perf_counter() - started)


async def read_async(url: str, owner: str, at_once: int, times: int) -> Outcome:
    """So many reads at once by one `AsyncClient`, several times."""
    async with async_sdk(url) as client:
        contents = client.metadata.contents

        async def one(ref: str) -> Any:
            return (await contents.read(owner, ref)).resources[0]

        return await _gathered(one, at_once, times)


async def read_bare(url: str, owner: str, at_once: int, times: int) -> Outcome:
    """The same with `httpx2.AsyncClient`, with as many connections."""
    import httpx2  # noqa: PLC0415 - only where it is timed
    import msgspec  # noqa: PLC0415

    limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx2.AsyncClient(headers=AUTHORISED, limits=limits, timeout=240) as client:

        async def one(ref: str) -> Any:
            response = await client.get(f"{url}/data/contents/{ref}?owner={owner}")
            return msgspec.json.decode(response.content)["contents"][0]

        return await _gathered(one, at_once, times)


async def read_0_4_0(url: str, owner: str, at_once: int, times: int) -> Outcome:
    """The same with the asynchronous SDK 0.4.0, which sends through a client of httpx 0.11.

    That one has 100 connections at most, too, and keeps 10 of them, which is its default: told to keep all, it never
    gives one to a request that waits, and hangs. Only the time to wait for one is longer than by default: as long as
    that of the others.
    """
    import httpx  # type: ignore[import-not-found]  # noqa: PLC0415 - only where it is timed

    import sequoia  # noqa: PLC0415

    connect: Any = sequoia.Client
    async with connect("bench", "bench", url, owner=owner, httpx_client=httpx.AsyncClient(timeout=240)) as client:
        return await _gathered(client.metadata.contents.retrieve, at_once, times)


async def _gathered(read: Callable[[str], Any], at_once: int, times: int) -> Outcome:
    refs = [f"acme:film-{number:07}" for number in range(at_once)]
    await read(refs[0])  # whatever is looked up once, such as the descriptor
    await asyncio.gather(*map(read, refs))  # opens the connections
    started = time.perf_counter()
    for _ in range(times):
        found = await asyncio.gather(*map(read, refs))
    seconds = time.perf_counter() - started
    assert [one["ref"] for one in found] == refs  # noqa: S101
    return Outcome(at_once * times, seconds)


def _documents(total: int) -> Iterator[dict[str, Any]]:
    """Contents to store, made as they are wanted."""
    from benchmarks.server import content  # noqa: PLC0415 - it is not wanted in processes whose memory counts

    one = content(1)
    for number in range(total):
        name = f"film-{number:07}"
        yield {**one, "ref": f"acme:{name}", "name": name}


def _walk(items: Iterator[dict[str, Any]], total: int) -> Outcome:
    stretches = []
    number = 0
    for _ in range(0, total, STRETCH):
        started = time.perf_counter()
        for item in islice(items, STRETCH):
            number += int(item["ref"][-7:])
        stretches.append(time.perf_counter() - started)
    assert next(items, None) is None  # noqa: S101
    assert number == total * (total - 1) // 2, number  # noqa: S101
    return Outcome(total, sum(stretches), stretches[0], stretches[-1])


def _all_of(total: int, refs: list[Any], seconds: float) -> Outcome:
    assert len(refs) == len(set(refs)) == total, (len(refs), len(set(refs)), total)  # noqa: S101
    return Outcome(total, seconds)


CLIENTS: dict[str, Callable[..., Any]] = {
    client.__name__: client
    for client in (
        *(scan, scan_raw, scan_async, scan_and_work, scan_and_work_async, browse, pages),
        *(
            walk,
            walk_async,
            walk_browse,
            bulk_store,
            bulk_store_async,
            store,
            store_each,
            read_async,
            read_bare,
            read_0_4_0,
        ),
    )
}


def main() -> None:
    """Run one client."""
    given = json.loads(sys.argv[1])
    outcome = CLIENTS[given.pop("what")](**given)
    if not isinstance(outcome, Outcome):
        outcome = asyncio.run(outcome)
    # In KB on Linux, in bytes on macOS. It is at least that of the process which started this one: keep that small.
    outcome.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()
