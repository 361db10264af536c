"""Write many resources at once, find out what was refused, mend it, and delete them again."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sequoia import Client
from sequoia.bulk import read_dead_letters
from sequoia.progress import Progress

owner = os.environ["SEQUOIA_OWNER"]


def films() -> Iterator[dict[str, Any]]:
    """A source that never has all of them in memory; one has a year that is none."""
    for number in range(300):
        year = "unknown" if number == 42 else 1950 + number % 75
        yield {"owner": owner, "name": f"example-bulk-{number}", "type": "movie", "releaseYear": year}


def show(progress: Progress) -> None:
    """Called after each batch."""
    print(f"{progress.done} of {progress.total}")


with Client(
    os.environ["SEQUOIA_REGISTRY_URL"],
    grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
    grant_client_secret=os.environ["SEQUOIA_CLIENT_SECRET"],
    max_concurrency=4,  # of all bulk work of this client
) as client:
    contents = client.metadata.contents
    with tempfile.TemporaryDirectory() as folder:
        letters = Path(folder) / "dead.ndjson"
        report = contents.bulk_store(owner, films(), progress=show, total=300, dead_letters=letters)
        print(report)
        for failed in report.failed:
            print(f"{failed.ref}: {failed.error}")

        mended = ({**film, "releaseYear": 1992} for film in read_dead_letters(letters))
        print(contents.bulk_store(owner, mended))

    print(contents.bulk_delete(owner, (f"{owner}:example-bulk-{number}" for number in range(300))))
