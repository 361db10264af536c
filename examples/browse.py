"""Browse: a criterion, an inclusion, chosen fields and an order, and what the answer looks like."""

import os

from sequoia import Client, field, where

owner = os.environ["SEQUOIA_OWNER"]
genre = {"owner": owner, "name": "example-browse-sea", "title": "Sea", "scheme": "example-browse", "value": "sea"}
genre_ref = f"{owner}:{genre['name']}"
films = [
    {"owner": owner, "name": f"example-browse-{kind}-{n}", "title": f"Tide {n}", "type": kind}
    | {"categoryRefs": [genre_ref], "tags": ["example-browse"]}
    for kind, n in [("movie", 1), ("movie", 2), ("clip", 3)]
]

with Client(
    os.environ["SEQUOIA_REGISTRY_URL"],
    grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
    grant_client_secret=os.environ["SEQUOIA_CLIENT_SECRET"],
) as client:
    metadata = client.metadata
    try:
        metadata.categories.store(owner, genre)
        metadata.contents.store(owner, films)

        query = where(field("type").any_of("movie", "show"), field("tags") == "example-browse")
        query = query.include("categories", fields=["ref", "title"]).order_by("-title").count()
        print("asks:", query)
        page = metadata.contents.browse(owner, query, fields=["ref", "title", "categoryRefs"])
        print(f"{page.total_count} in all")
        for film in page.resources:
            print(" ", film)
        print("linked:", page.linked("categories").resources)
    finally:
        metadata.contents.delete(owner, [f"{owner}:{film['name']}" for film in films])
        metadata.categories.delete(owner, genre_ref)
