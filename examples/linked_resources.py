"""Included resources: page through all of them, or find those that come with a page attached to their parents."""

import os

from sequoia import Client, field, where

owner = os.environ["SEQUOIA_OWNER"]
film = {"owner": owner, "name": "example-linked", "title": "The Long Reel", "type": "movie"}
film_ref = f"{owner}:{film['name']}"
reels = [
    {"owner": owner, "name": f"example-linked-{n:03}", "type": "video", "contentRef": film_ref} for n in range(620)
]
reels += [{"owner": owner, "name": "example-linked-poster", "type": "image", "contentRef": film_ref}]

with Client(
    os.environ["SEQUOIA_REGISTRY_URL"],
    grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
    grant_client_secret=os.environ["SEQUOIA_CLIENT_SECRET"],
    model_resolution=True,  # lets `.model` attach what is included
) as client:
    contents, assets = client.metadata.contents, client.metadata.assets
    try:
        contents.store(owner, film)
        for start in range(0, len(reels), 100):  # the platform stores at most 100 at once
            assets.store(owner, reels[start : start + 100])

        query = where(field("ref") == film_ref).include("assets", fields=["ref", "contentRef"])
        browse = contents.browse(owner, query)
        for page in browse.linked("assets"):  # lists of assets, for every page of contents
            print(f"{len(page)} assets, the first one is {page[0]['ref']}")

        images = where(field("ref") == film_ref, field("assets.type") == "image").include("assets")
        model = contents.browse(owner, images).model or []
        print(f"{model[0]['title']} has its image attached: {model[0]['assets'][0]['ref']}")
    finally:
        assets.delete(owner, [f"{owner}:{reel['name']}" for reel in reels])
        contents.delete(owner, film_ref)
