"""The asynchronous client: pages in a loop, and many reads at once."""

import asyncio
import os

from sequoia import AsyncClient, field, where

OWNER = os.environ["SEQUOIA_OWNER"]


async def main() -> None:
    """Read all movies."""
    async with AsyncClient(
        os.environ["SEQUOIA_REGISTRY_URL"],
        grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
        grant_client_secret=os.environ["SEQUOIA_CLIENT_SECRET"],
    ) as client:
        contents = client.metadata.contents
        refs: list[str] = []
        async for page in contents.browse(OWNER, where(field("type") == "movie").fields("ref").per_page(10)):
            refs += [movie["ref"] for movie in page.resources]
        responses = await asyncio.gather(*(contents.read(OWNER, ref) for ref in refs))
        print(f"{len(responses)} movies, read all at once:")
        for response in responses[:3]:
            print("  ", response.resource["title"])


asyncio.run(main())
