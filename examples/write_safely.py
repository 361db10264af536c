"""Draft a resource and see what is wrong with it; change some of its fields, and lose nothing of the others."""

import os
from datetime import timedelta
from typing import Any

from sequoia import Client, error

owner = os.environ["SEQUOIA_OWNER"]
ref = f"{owner}:example-write"


def shorten(content: dict[str, Any]) -> None:
    """A change that depends on what is there."""
    content["tags"] = content["tags"][:1]


with Client(
    os.environ["SEQUOIA_REGISTRY_URL"],
    grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
    grant_client_secret=os.environ["SEQUOIA_CLIENT_SECRET"],
) as client:
    contents = client.metadata.contents

    try:
        contents.new(owner=owner, name="example-write", type="moive", release_year="2015", titel="First")
    except error.InvalidResource as refused:
        print("nothing was sent, for:")
        for fault in refused.faults:
            print(f"  {fault}")

    draft = contents.new(
        owner=owner,
        name="example-write",
        title="First",
        type="movie",
        release_year=2015,
        duration=timedelta(hours=1, minutes=48),
        tags=["new", "blue"],
    )
    try:
        contents.store(owner, draft)
        contents.patch(owner, ref, {"title": "Second", "release_year": None})  # None removes a field
        content = contents.patch(owner, ref, shorten).resource
        print(content["title"], content["duration"], content["tags"], "releaseYear" in content)
    finally:
        contents.delete(owner, ref)
