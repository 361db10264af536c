"""Paging in both modes: with numbered pages (`next`), and with `continue`, which goes as far as you like."""

import os

from sequoia import Client, field, where

owner = os.environ["SEQUOIA_OWNER"]
films = [
    {"owner": owner, "name": f"example-paging-{n}", "title": f"Part {n}", "type": "clip", "tags": ["example-paging"]}
    for n in range(25)
]
mine = where(field("tags") == "example-paging").fields("ref", "title")

with Client(
    os.environ["SEQUOIA_REGISTRY_URL"],
    grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
    grant_client_secret=os.environ["SEQUOIA_CLIENT_SECRET"],
) as client:
    contents = client.metadata.contents
    try:
        contents.store(owner, films)

        # Written like this, the loop keeps no page but the one where it is.
        for number, page in enumerate(contents.browse(owner, mine, query_string="perPage=10"), start=1):
            print(f"page {number} has {len(page.resources)} resources")

        for page in contents.browse(owner, mine, query_string="continue=true&perPage=10"):
            print(f"with continue: {len(page.resources)} resources from {page.resources[0]['ref']} on")

        browse = contents.browse(owner, mine, query_string="perPage=10")
        print("first page only:", len(browse.resources))
        print("all:", sum(len(page.resources) for page in browse))
        print("again, without a request:", sum(len(page.resources) for page in browse))
    finally:
        contents.delete(owner, [f"{owner}:{film['name']}" for film in films])
