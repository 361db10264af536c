"""Read, change, write back - and never over what somebody else wrote in between."""

import os
from collections.abc import Callable
from typing import Any

from sequoia import Client, error

owner = os.environ["SEQUOIA_OWNER"]
ref = f"{owner}:example-update"


def change(client: Client, ref: str, apply: Callable[[dict[str, Any]], dict[str, Any]], tries: int = 5) -> int:
    """Apply a change to a content, to its newest version; returns how many tries it took."""
    contents = client.metadata.contents
    for attempt in range(1, tries + 1):
        content = contents.read(owner, ref).resource
        try:
            contents.update(owner, apply(content), ref, content["version"])
        except error.NotMatchingVersion:
            print(f"try {attempt}: somebody else was faster, once more from what is there now")
        else:
            return attempt
    raise RuntimeError(f"{ref} changes too often")


with Client(
    os.environ["SEQUOIA_REGISTRY_URL"],
    grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
    grant_client_secret=os.environ["SEQUOIA_CLIENT_SECRET"],
) as client:
    contents = client.metadata.contents
    interruptions = iter(["By somebody else"])

    def retitle(content: dict[str, Any]) -> dict[str, Any]:
        """The change; the first time, somebody else writes while it is thought about."""
        for title in interruptions:
            contents.store(owner, {"owner": owner, "name": "example-update", "type": "movie", "title": title})
        return {**content, "title": f"{content['title']}, restored"}

    try:
        contents.store(owner, {"owner": owner, "name": "example-update", "type": "movie", "title": "First"})
        tries = change(client, ref, retitle)
        print(f"{contents.read(owner, ref).resource['title']!r} after {tries} tries")
    finally:
        contents.delete(owner, ref)
