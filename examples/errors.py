"""What goes wrong, and how to tell it apart."""

import os

from sequoia import Client, error, field, where

url, owner = os.environ["SEQUOIA_REGISTRY_URL"], os.environ["SEQUOIA_OWNER"]
client_id, secret = os.environ["SEQUOIA_CLIENT_ID"], os.environ["SEQUOIA_CLIENT_SECRET"]

try:
    Client(url, grant_client_id=client_id, grant_client_secret=f"not-{secret}")
except error.AuthorisationError as refused:
    print("wrong secret:", refused)

with Client(url, grant_client_id=client_id, grant_client_secret=secret) as client:
    try:
        client.metadta  # noqa: B018 - the typing mistake is the point
    except error.ServiceNotFound as unknown:
        print("wrong service:", unknown)

    contents = client.metadata.contents
    try:
        contents.browse(owner, where(field("tipe") == "movie"))
    except error.BadRequest as wrong:
        print("wrong field:", wrong)
        print("  the service names the culprit:", wrong.message["validation"])

    try:
        contents.read(owner, f"{owner}:example-errors-nothing")
    except error.NotFound as missing:
        print(f"nothing there: status {missing.status_code}, correlation id {missing.correlation_id}")

    try:
        contents.delete(owner, [])
    except ValueError as senseless:
        print("senseless argument:", senseless)

    try:
        contents.store(owner, {"name": "example-errors", "type": "movie", "colour": "red"})
    except error.ClientError as failed:  # the base of all of them
        print("anything else:", failed)
