"""Retries: how often and how long, after which answers, and until something is there."""

import os

import backoff

from sequoia import Client, error, field, where

owner = os.environ["SEQUOIA_OWNER"]

with Client(
    os.environ["SEQUOIA_REGISTRY_URL"],
    grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
    grant_client_secret=os.environ["SEQUOIA_CLIENT_SECRET"],
    # Of every request of this client: up to 5 tries in up to 60 seconds, with waits of up to 1, 2, 4, 8 seconds.
    backoff_strategy={"wait_gen": backoff.expo, "max_tries": 5, "max_time": 60},
) as client:
    contents = client.metadata.contents

    # For one operation: a strategy takes the place of the client's as a whole. This one also repeats a 404.
    patient = {"interval": 0.05, "max_tries": 3, "retry_http_status_codes": [404]}
    try:
        contents.read(owner, f"{owner}:example-retries-nothing", backoff_strategy=patient)
    except error.NotFound as missing:
        print(f"not there, after {missing.tries} tries")

    # A store that has not caught up answers without an error and without resources. When time or tries run out,
    # the last answer is returned, empty as it is.
    page = contents.browse(
        owner,
        where(field("tags") == "example-retries-nothing"),
        backoff_strategy={"interval": 0.05, "max_tries": 3, "retry_when_empty_result": True},
    )
    print(f"asked 3 times, found {len(page.resources)}")
