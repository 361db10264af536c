"""First steps: connect with a client grant, see which services there are, and count what one of them holds."""

import os

from sequoia import Client, where

owner = os.environ["SEQUOIA_OWNER"]

with Client(
    os.environ["SEQUOIA_REGISTRY_URL"],
    grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
    grant_client_secret=os.environ["SEQUOIA_CLIENT_SECRET"],
) as client:
    print("The registry knows:")
    for name, service in client.services.items():
        print(f"  {name:12} {service.location}")

    contents = client.metadata.contents  # the same as client["metadata"]["contents"]
    page = contents.browse(owner, where().per_page(1).count())
    print(f"{owner} has {page.total_count} contents at {contents.url}")
