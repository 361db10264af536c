"""A script in the style of 4.4.0: the same imports, names and arguments as before."""

import json
import os

import backoff

from sequoia.auth import AuthType
from sequoia.client import Client
from sequoia.criteria import Criteria, Inclusion, StringExpressionFactory

owner = os.environ["SEQUOIA_OWNER"]
client = Client(
    os.environ["SEQUOIA_REGISTRY_URL"],
    auth_type=AuthType.CLIENT_GRANT,
    grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
    grant_client_secret=os.environ["SEQUOIA_CLIENT_SECRET"],
    backoff_strategy={"wait_gen": backoff.constant, "interval": 0, "max_tries": 10},
)
contents, assets = client.metadata.contents, client.metadata.assets
content_ref, asset_ref = f"{owner}:example-legacy", f"{owner}:example-legacy-poster"
try:
    contents.store(owner, json.dumps({"owner": owner, "name": "example-legacy", "title": "Old", "type": "movie"}))
    poster = {"owner": owner, "name": "example-legacy-poster", "type": "image", "contentRef": content_ref}
    assets.store(owner, json.dumps([poster]))

    criteria = Criteria().add_criterion(StringExpressionFactory.field("ref").equal_to(content_ref))
    criteria.add_inclusion(Inclusion.resource("assets").fields("name", "ref"))
    for response in contents.browse(owner, criteria):
        print([resource["title"] for resource in response.resources])
    for linked_assets in contents.browse(owner, criteria).linked("assets"):
        print([asset["name"] for asset in linked_assets])

    content = contents.read(owner, content_ref).resources[0]
    content["title"] = "Old, but changed"
    updated = contents.update(owner, json.dumps([content]), content_ref, content["version"])
    print(updated.status, updated.resources[0]["title"])
finally:
    assets.delete(owner, asset_ref)
    contents.delete(owner, content_ref)
