"""Read a collection in several processes: each gets partitions of one scan, and has a client of its own."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from sequoia import Client, field, where

owner = os.environ["SEQUOIA_OWNER"]
question = where(field("tags") == "example-scaling").fields("ref", "title").per_page(10)


def connected() -> Client:
    """A client; each process has its own."""
    return Client(
        os.environ["SEQUOIA_REGISTRY_URL"],
        grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
        grant_client_secret=os.environ["SEQUOIA_CLIENT_SECRET"],
    )


def titles(partition: dict[str, Any]) -> list[str]:
    """The titles in a partition."""
    with connected() as client:
        return [one["title"] for one in client.metadata.contents.scan(owner, question, resume=partition)]


def main() -> None:
    """Store, read in two processes, delete."""
    films = [
        {"owner": owner, "name": f"example-scaling-{n:03}", "title": f"Part {n}", "type": "clip",
         "tags": ["example-scaling"]}
        for n in range(60)
    ]  # fmt: skip
    with connected() as client:
        contents = client.metadata.contents
        try:
            for batch in range(0, 60, 10):  # one after the other, so that they differ in createdAt
                contents.store(owner, films[batch : batch + 10])
            partitions = contents.scan(owner, question, workers=2).partitions()
            print(f"{len(partitions)} partitions")
            with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
                found = [title for several in pool.map(titles, partitions) for title in several]
            print(f"{len(found)} titles, {len(set(found))} different ones")
        finally:
            contents.delete(owner, [f"{owner}:{film['name']}" for film in films])


if __name__ == "__main__":
    main()
