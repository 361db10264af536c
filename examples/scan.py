"""Read everything with several workers, stop in the middle and go on, and then read only what has changed."""

import json
import os

from sequoia import Client, field, where

owner = os.environ["SEQUOIA_OWNER"]
films = [
    {"owner": owner, "name": f"example-scan-{n:03}", "title": f"Part {n}", "type": "clip", "tags": ["example-scan"]}
    for n in range(60)
]
mine = where(field("tags") == "example-scan").fields("ref", "title").per_page(10)

with Client(
    os.environ["SEQUOIA_REGISTRY_URL"],
    grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
    grant_client_secret=os.environ["SEQUOIA_CLIENT_SECRET"],
) as client:
    contents = client.metadata.contents
    try:
        contents.store(owner, films)

        scan = contents.scan(owner, mine, workers=3)
        for number, _content in enumerate(scan, start=1):
            if number == 25:
                break
        checkpoint = json.dumps(scan.checkpoint)
        print(f"{number} of {scan.total}, and a checkpoint of {len(checkpoint)} characters")

        rest = contents.scan(owner, mine, workers=3, resume=json.loads(checkpoint))
        print("the rest:", sum(1 for _ in rest))

        size = sum(len(raw) for raw in contents.scan(owner, mine, raw=True, read_ahead=True))
        print(f"{size} bytes of JSON in all")

        changes = contents.changes(owner, criteria=mine)
        print("stored so far:", sum(1 for _ in changes))
        contents.store(owner, [{**films[7], "title": "Part 7, restored"}])
        for content in contents.changes(owner, since=changes.watermark, criteria=mine):
            print("changed since:", content["title"])
    finally:
        contents.delete(owner, [f"{owner}:{film['name']}" for film in films])
