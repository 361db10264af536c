"""What attaching included resources costs: `python -m benchmarks.resolving` compares it with decoding the same page.

A page has 100 contents and 5,000 linked resources, as the sandbox answers it. `response.model` and the pages of a
browse pay for the attaching, so it must take no more than a third of the time that the page's JSON takes.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from sequoia.calls import Answer, Call
from sequoia.descriptor import Descriptor
from sequoia.relations import Resolution
from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.metadata import metadata_descriptor
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.store import Store
from sequoia.sandbox.wire import Request

HERE = Path(__file__).parent
PARENTS = 100
LINKED = 5_000
ROUNDS = 61
MOST = 1 / 3


@dataclass(frozen=True)
class Case:
    """What a page includes, and how many linked resources each parent has."""

    title: str
    assets: int = 0
    credits: int = 0

    @property
    def include(self) -> str:
        """The relationships."""
        return ",".join(("assets",) * bool(self.assets) + ("credits", "credits.people") * bool(self.credits))


@dataclass(frozen=True)
class Line:
    """A case's outcome: milliseconds, medians.

    Attributes:
        title: The case.
        kilobytes: Size of the page.
        decoding: Decoding its JSON.
        resolving: Attaching what it includes, of one decoded page again and again.
        first: The same of a page that was decoded just before: the processor has yet to fetch it into its caches.
        ratio: Of resolving to decoding.
    """

    title: str
    kilobytes: float
    decoding: float
    resolving: float
    first: float
    ratio: float

    @property
    def holds(self) -> bool:
        """Whether the ratio is what it must be at most."""
        return self.ratio <= MOST


CASES = (
    Case("50 assets each", assets=50),
    Case("20 assets, 15 credits and their 15 people each", assets=20, credits=15),
)


def documents(case: Case) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The catalogue of a case, resource by resource."""
    refs = [f"acme:film-{number:03}" for number in range(PARENTS)]
    genres = [f"acme:genre-{number}" for number in range(12)]

    def named(ref: str, kind: str, count: int) -> Iterator[tuple[str, str]]:
        return ((f"{ref.partition(':')[2]}-{kind}-{number:02}", ref) for number in range(count))

    yield "contents", [
        {"owner": "acme", "name": ref.partition(":")[2], "type": "movie", "title": "The Last Lighthouse of Aldermere",
         "shortSynopsis": "A keeper, a storm and a ship that should not be there.", "releaseYear": 1950 + index % 75,
         "categoryRefs": [genres[index % 12], genres[index % 7]], "duration": "PT1H42M", "tags": ["coast", "storm"]}
        for index, ref in enumerate(refs)
    ]  # fmt: skip
    yield "assets", [
        {"owner": "acme", "name": name, "type": "image", "title": "A still of the last reel", "contentRef": ref,
         "url": f"https://media.example.com/acme/{name}.jpg", "fileFormat": "jpg", "fileSize": 481_516,
         "tags": ["still"]}
        for parent in refs
        for name, ref in named(parent, "still", case.assets)
    ]  # fmt: skip
    yield "credits", [
        {"owner": "acme", "name": name, "contentRef": ref, "personRef": f"acme:{name}-person", "order": 1,
         "roleRef": "acme:actor", "characterName": "The keeper of the light"}
        for parent in refs
        for name, ref in named(parent, "credit", case.credits)
    ]  # fmt: skip
    yield "people", [
        {"owner": "acme", "name": f"{name}-person", "title": "Celeste Lindqvale", "givenName": "Celeste",
         "familyName": "Lindqvale"}
        for parent in refs
        for name, _ in named(parent, "credit", case.credits)
    ]  # fmt: skip


def page(case: Case) -> bytes:
    """The body of the page, as the sandbox answers it."""
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    service = DataService(Schema.parse(metadata_descriptor()), store)
    for resource, found in documents(case):
        service.load(resource, found, user="acme:bench")
    query = (("owner", "acme"), ("perPage", str(PARENTS)), ("continue", "true"), ("include", case.include))
    body = service.handle(Request("GET", "/data/contents", query), user="acme:bench").body
    store.close()
    return body


def line(case: Case) -> Line:
    """Time one case."""
    body = page(case)
    call = Call("GET", "https://example.com/", key="contents", includes=tuple(case.include.split(",")))
    response = httpx2.Response(200)
    resolution = Resolution(Descriptor.parse(metadata_descriptor()), "contents")
    data = msgspec.json.decode(body)
    answer = Answer(call, response, data)
    models = resolution(answer)
    # A benchmark of the wrong thing is worse than none.
    assert models is not None  # noqa: S101
    assert sum(map(len, data["linked"].values())) == LINKED  # noqa: S101
    attached = sum(len(model[name]) for model in models for name in call.includes)
    assert (len(models), attached) == (PARENTS, LINKED), attached  # noqa: S101
    decoding = [taken(lambda: msgspec.json.decode(body)) for _ in range(ROUNDS)]
    resolving = [taken(lambda: resolution(answer)) for _ in range(ROUNDS)]
    fresh = (Answer(call, response, msgspec.json.decode(body)) for _ in range(ROUNDS))
    first = [taken(partial(resolution, each)) for each in fresh]
    times = [statistics.median(each) for each in (decoding, resolving, first)]
    return Line(case.title, len(body) / 1_000, *times, times[1] / times[0])


def taken(work: Callable[[], object]) -> float:
    """Milliseconds of one call, with those of giving its result back."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1_000


def main() -> int:
    """Run all cases; exit status 1 if a ratio is more than it may be."""
    lines = [line(case) for case in CASES]
    print(f"{'100 contents with':50}{'page':>10}{'decoding':>12}{'resolving':>12}{'ratio':>8}{'first time':>13}")
    for item in lines:
        verdict = "" if item.holds else "   more than a third"
        times = f"{item.decoding:>9.2f} ms{item.resolving:>9.2f} ms{item.ratio:>8.2f}{item.first:>10.2f} ms"
        print(f"{item.title:50}{item.kilobytes:>7,.0f} kB{times}{verdict}")
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "machine": platform.machine()}
    found = {"machine": machine, "lines": [asdict(item) for item in lines]}
    (results / "resolving.json").write_text(json.dumps(found, indent=2), encoding="utf-8")
    return 0 if all(item.holds for item in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
