"""Store resources, read one, read several at once, delete them."""

import os

from sequoia import Client

owner = os.environ["SEQUOIA_OWNER"]
films = [
    {"owner": owner, "name": f"example-store-{number}", "title": title, "type": "movie"}
    for number, title in enumerate(["The Quiet Harbour", "A Map of Rain"])
]
refs = [f"{owner}:{film['name']}" for film in films]

with Client(
    os.environ["SEQUOIA_REGISTRY_URL"],
    grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
    grant_client_secret=os.environ["SEQUOIA_CLIENT_SECRET"],
) as client:
    contents = client.metadata.contents
    try:
        stored = contents.store(owner, films)  # creates them, or replaces them wholly
        print(f"stored {len(stored.resources)}, status {stored.status}, correlation id {stored.correlation_id}")

        film = contents.read(owner, refs[0]).resource  # the only resource of the answer, as a dict
        print(f"read {film['ref']}: {film['title']!r}, version {film['version']}")

        both = contents.read(owner, refs)  # a list of refs: one answer with all of them
        print("read together:", ", ".join(one["title"] for one in both.resources))
    finally:
        print(f"deleted, status {contents.delete(owner, refs).status}")
