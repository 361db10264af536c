"""Test your own code with a sandbox of its own: data, faults, and a clock that does not wait.

It needs no environment: the sandbox runs in this process, on a free port of this machine.
"""

import backoff

from sequoia import Client, InstantClock, field, where
from sequoia.sandbox import Fault, Sandbox


def movie_titles(client: Client, owner: str) -> list[str]:
    """The code under test."""
    movies = client.metadata.contents.browse(owner, where(field("type") == "movie").order_by("title"))
    return [movie["title"] for page in movies for movie in page.resources]


clock = InstantClock()
with (
    Sandbox(owner="acme") as sandbox,
    sandbox.client(backoff_strategy={"wait_gen": backoff.expo, "max_tries": 4}, clock=clock) as client,
):
    titles = ["Orbit", "Aria"]
    films = [{"owner": "acme", "name": title.lower(), "title": title, "type": "movie"} for title in titles]
    sandbox.load("metadata", "contents", films)

    sandbox.requests.clear()
    sandbox.faults.add(Fault(status=503, times=2, path="/data/contents*"))
    found = movie_titles(client, "acme")
    if found != ["Aria", "Orbit"]:
        raise SystemExit(f"wrong titles: {found}")
    print("found", found)
    print("statuses:", [request.status for request in sandbox.requests])
    print("waits that a real clock would have taken, in seconds:", clock.waits)
