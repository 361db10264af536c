"""What a larger catalogue costs: `python -m benchmarks.growth` fills the sandbox with 10,000 to 1,000,000 contents.

Nothing may depend on how many there are: not a page, wherever it lies in the walk, not a filter that finds 100
contents, and not the rate of loading. Each size is measured in a process of its own; times are medians of the answers
of the sandbox's own service, without HTTP, and only their ratios are judged.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from benchmarks.server import content
from sequoia.sandbox.dataservice import DataService
from sequoia.sandbox.metadata import metadata_descriptor
from sequoia.sandbox.paging import Token
from sequoia.sandbox.schema import Schema
from sequoia.sandbox.store import Store
from sequoia.sandbox.wire import Request

HERE = Path(__file__).parent
SIZES = (10_000, 100_000, 1_000_000)
PAGES = 60
MATCHES = 100
MOST_OF_WALK = 1.5
MOST_OF_SIZES = 2.0
LEAST_RATE = 20_000
ORDERS = ("", "sortTitle", "-releaseYear")


@dataclass(frozen=True)
class Line:
    """What one size costs.

    Attributes:
        size: Contents in the sandbox.
        rate: Contents stored in a second.
        busy_rate: The same, in seconds of the processor.
        bytes_each: What each takes in the database, with the indexes that the queries asked for.
        peak: Bytes of memory of the process, at most.
        walks: For each order, the milliseconds of a page at the start and at the end of the walk.
        found: Milliseconds of a filter that finds 100 contents.
        first: Seconds of the first query by a field, which makes its index; the longest of all.
        indexes: Seconds that the indexes of all fields take.
    """

    size: int
    rate: float
    busy_rate: float
    bytes_each: float
    peak: int
    walks: dict[str, tuple[float, float]]
    found: float
    first: float
    indexes: float

    @property
    def ratio(self) -> float:
        """Between the ends of the walk where it is worst."""
        return max(max(ends) / min(ends) for ends in self.walks.values())

    @property
    def complete_rate(self) -> float:
        """Contents a second if all indexes are made at once after them."""
        return self.size / (self.size / self.rate + self.indexes)


class Timed:
    """An iterable that counts the time of its own: making contents is no part of loading them."""

    def __init__(self, documents: Iterable[dict[str, Any]]) -> None:
        self._documents = iter(documents)
        self.seconds = 0.0
        self.busy = 0.0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while True:
            started, busy = time.perf_counter(), time.process_time()
            document = next(self._documents, None)
            self.seconds += time.perf_counter() - started
            self.busy += time.process_time() - busy
            if document is None:
                return
            yield document


def documents(size: int) -> Iterator[dict[str, Any]]:
    """Contents of about a kilobyte; each batch, a tag, has exactly 100 of them, all over the catalogue."""
    for number in range(size):
        document = content(number)
        document["tags"] = ["drama", "coast", f"batch-{number % (size // MATCHES)}"]
        yield document


def measure(size: int) -> Line:
    """Load a sandbox, a small one several times, and question it."""
    loaded = [load(size) for _ in range(max(1, min(5, 100_000 // size)))]
    for _, _, store, _ in loaded[:-1]:
        store.close()
    service, store = loaded[-1][3], loaded[-1][2]
    seconds = statistics.median(taken for taken, *_ in loaded)
    busy = statistics.median(taken for _, taken, *_ in loaded)
    first: list[float] = []
    walks = {order: walk(service, order, first) for order in ORDERS}
    found = filtered(service, size, first)
    collection = service._collections["contents"]  # noqa: SLF001 - for figures that no user asks for
    used = store._db.rows("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")  # noqa: SLF001
    started = time.perf_counter()
    collection.index((*collection.shape.layout.single, *collection.shape.layout.many))
    indexes = sum(first) + time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    store.close()
    return Line(size, size / seconds, size / busy, used[0][0] / size, peak, walks, found, max(first), indexes)


def load(size: int) -> tuple[float, float, Store, DataService]:
    """A sandbox with contents, and the seconds that it took to store them, by the clock and of the processor."""
    store = Store(None, now=lambda: "2026-01-01T00:00:00.000Z")
    service = DataService(Schema.parse(metadata_descriptor()), store)
    made = Timed(documents(size))
    started, busy = time.perf_counter(), time.process_time()
    service.load("contents", made, user="acme:bench")
    seconds = time.perf_counter() - started - made.seconds
    return seconds, time.process_time() - busy - made.busy, store, service


def ask(service: DataService, link: str) -> tuple[dict[str, Any], float]:
    """One answer, and the milliseconds that it took."""
    url = urlsplit(link)
    request = Request("GET", url.path, tuple(parse_qsl(url.query)))
    started = time.perf_counter()
    reply = service.handle(request, user="acme:bench")
    taken = (time.perf_counter() - started) * 1_000
    return msgspec.json.decode(reply.body), taken


def walk(service: DataService, order: str, first: list[float]) -> tuple[float, float]:
    """Milliseconds of a page at the start and at the end of a walk along an order, in turn.

    Args:
        service: The sandbox's service.
        order: The wire text of the sort; empty for the order of the refs.
        first: Collects the seconds of a query that makes an index.
    """
    query = "/data/contents?owner=acme&perPage=100&continue="
    sort = f"&sort={order}" if order else ""
    backwards = "&sort=" + (order.removeprefix("-") if order.startswith("-") else f"-{order or 'ref'}")
    _, taken = ask(service, f"{query}true{sort}")
    if order:
        first.append(taken / 1_000)
    body: dict[str, Any] = {"meta": {"continue": f"{query}true{backwards}"}}
    for _ in range(PAGES + 1):
        body, _ = ask(service, body["meta"]["continue"])
    last = body["contents"][-1]
    position = (*([last[order.lstrip("-")]] if order else []), last["ref"])
    links = [f"{query}true{sort}", f"{query}{Token(order, position).encode()}{sort}"]
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(PAGES):
        for end in (0, 1):
            body, taken = ask(service, links[end])
            assert len(body["contents"]) == 100  # noqa: S101 - a benchmark of the wrong thing is worse than none
            times[end].append(taken)
            links[end] = body["meta"]["continue"]
    return statistics.median(times[0]), statistics.median(times[1])


def filtered(service: DataService, size: int, first: list[float]) -> float:
    """Milliseconds of an indexed filter that finds 100 contents, each time others."""
    times: list[float] = []
    batches = size // MATCHES
    for number in range(PAGES + 1):
        batch = number * max(1, batches // PAGES) % batches
        body, taken = ask(service, f"/data/contents?owner=acme&perPage=100&continue=true&withTags=batch-{batch}")
        assert len(body["contents"]) == MATCHES  # noqa: S101
        times.append(taken)
    first.append(times[0] / 1_000)
    return statistics.median(times[1:])


def table(lines: Sequence[Line]) -> str:
    """The lines as text."""
    head = f"{'contents':>10}{'stored/s':>10}{'of CPU':>10}{'with all indexes':>18}{'first use':>11}"
    head += f"{'ref':>16}{'sortTitle':>16}{'-releaseYear':>16}{'100 found':>11}{'bytes each':>12}{'peak':>10}"
    rows = [head]
    for line in lines:
        row = f"{line.size:>10,}{line.rate:>10,.0f}{line.busy_rate:>10,.0f}{line.complete_rate:>16,.0f}/s"
        row += f"{line.first:>9,.2f} s"
        row += "".join(f"{f'{start:.2f} / {end:.2f}':>13} ms" for start, end in line.walks.values())
        row += f"{line.found:>8.2f} ms{line.bytes_each:>12,.0f}{line.peak / 2**20:>6,.0f} MiB"
        rows.append(row)
    return "\n".join(rows)


def complaints(lines: Sequence[Line]) -> Iterator[str]:
    """What misses its bound."""
    for line in lines:
        if line.ratio > MOST_OF_WALK:
            yield f"{line.size:,} contents: a page at one end of a walk costs {line.ratio:.2f} times one at the other"
        if line.busy_rate < LEAST_RATE:
            yield f"{line.size:,} contents: stored at {line.rate:,.0f} a second, not {LEAST_RATE:,}"
    ratio = max(line.found for line in lines) / min(line.found for line in lines)
    if ratio > MOST_OF_SIZES:
        yield f"a filter that finds {MATCHES} contents costs {ratio:.2f} times as much in one size as in another"


def run(sizes: Sequence[int]) -> int:
    """Measure, print, write the results; exit status 1 if a bound is missed."""
    lines: list[Line] = []
    for size in sizes:
        print(f"{size:,} contents ...", file=sys.stderr)
        command = [sys.executable, "-m", "benchmarks.growth", "--one", str(size)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=HERE.parent).stdout
        lines.append(msgspec.json.decode(output, type=Line))
    print(table(lines))
    missed = list(complaints(lines))
    for complaint in missed:
        print(f"short of its target: {complaint}")
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "machine": platform.machine()}
    found = {"machine": machine, "lines": [asdict(line) for line in lines], "missed": missed}
    (results / "growth.json").write_text(json.dumps(found, indent=2), encoding="utf-8")
    return 1 if missed else 0


def main() -> int:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description="What a larger catalogue costs in the sandbox.")
    parser.add_argument("sizes", nargs="*", type=int, help=f"numbers of contents; {SIZES} by default")
    parser.add_argument("--one", type=int, metavar="SIZE", help="measure one size and print it as JSON")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(asdict(measure(arguments.one))))
        return 0
    return run(arguments.sizes or SIZES)


if __name__ == "__main__":
    sys.exit(main())
