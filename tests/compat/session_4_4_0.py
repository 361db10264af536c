"""Sessions with `sequoia-client-sdk` 4.4.0: `python session_4_4_0.py SESSION` prints what the client got, as JSON.

It runs in that SDK's own environment and imports nothing of this one; the `SEQUOIA_*` variables say where the sandbox
is. A function below is a session, and each returns only what the client handed out.
"""

# The SDK that this is written for is not in the environment of the type checker.
# mypy: ignore-errors

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from sequoia import error
from sequoia.auth import AuthType
from sequoia.client import Client
from sequoia.criteria import Criteria, Inclusion, StringExpressionFactory

OWNER = os.environ["SEQUOIA_OWNER"]
OPERATORS = ("Aria", "!Aria", "Aria||Brio", "!Aria||Brio", "A*", "*da", "*", "!*")
QUERIES = (
    "withTags=red&withTags=blue", "withTags=red%26%26blue", "q=shore", "withTags=red&sort=-name",
    "active=true&withType=clip",
)  # fmt: skip
RANGES = ("1991/1992", "!1991/1992", "/1991", "1992/", "!1992/", "!/1991")


def connect(**options: Any) -> Any:
    secret = os.environ["SEQUOIA_CLIENT_SECRET"]
    given = {"grant_client_id": os.environ["SEQUOIA_CLIENT_ID"], "grant_client_secret": secret}
    return Client(os.environ["SEQUOIA_REGISTRY_URL"], **{**given, **options})


def names(response: Any) -> list[str]:
    return [resource["name"] for resource in response.resources]


def where(field: str, value: str) -> Any:
    return Criteria().add_criterion(StringExpressionFactory.field(field).equal_to(value))


def services() -> Any:
    registry = connect()._registry
    return {name: [found.owner, found.location, found.title] for name, found in registry.items()}


def write() -> Any:
    """Store one and many, update with the version, meet a conflict, delete one and many."""
    contents = connect().metadata.contents
    aria = {"owner": OWNER, "name": "aria", "type": "movie"}
    stored = [
        contents.store(OWNER, json.dumps(aria)),
        contents.store(OWNER, aria),
        contents.store(OWNER, json.dumps([{**aria, "name": name} for name in ("brio", "coda")])),
        contents.store(OWNER, json.dumps({"contents": [{**aria, "name": "duet"}]})),
    ]
    one = contents.read(OWNER, f"{OWNER}:aria").resources[0]
    changed = {**one, "title": "Aria, again"}
    updated = contents.update(OWNER, json.dumps([changed]), one["ref"], one["version"])
    try:
        contents.update(OWNER, json.dumps([changed]), one["ref"], one["version"])
    except error.NotMatchingVersion as conflict:
        refused = str(conflict)
    deleted = [contents.delete(OWNER, one["ref"]), contents.delete(OWNER, [f"{OWNER}:brio", f"{OWNER}:coda"])]
    return {
        "stored": [[response.status, names(response)] for response in stored],
        "read": one,
        "updated": [updated.status, updated.resources[0]],
        "refused": refused,
        "deleted": [[response.status, response.full_json] for response in deleted],
        "left": names(contents.browse(OWNER)),
    }


def offer_templates() -> Any:
    """A resource whose name has a dash in the URL and none in JSON."""
    templates = connect().metadata["offer-templates"]
    stored = templates.store(OWNER, json.dumps({"owner": OWNER, "name": "weekly", "type": "rental"}))
    return [names(stored), names(templates.browse(OWNER)), templates.delete(OWNER, f"{OWNER}:weekly").status]


def browse() -> Any:
    """Fields, a filter and an inclusion with its own fields."""
    criteria = where("type", "movie||clip").add(inclusion=Inclusion.resource("assets").fields("contentRef", "ref"))
    response = connect().metadata.contents.browse(OWNER, criteria, fields=["title", "ref"])
    return {"resources": response.resources, "linked": response.full_json["linked"], "meta": response.full_json["meta"]}


def pages() -> Any:
    """Page mode, continue mode, and pages fetched ahead."""
    contents = connect().metadata.contents
    queries = ("perPage=7", "continue=true&perPage=7", "continue=true&perPage=7&sort=-title,name", "perPage=7&page=3")
    walks = {query: [names(page) for page in contents.browse(OWNER, query_string=query)] for query in queries}
    filtered = contents.browse(OWNER, where("title", "Piece 0||Piece 1"), query_string="continue=true&perPage=2")
    ahead = contents.browse(OWNER, query_string="perPage=7", prefetch_pages=2)
    return {"walks": walks, "filtered": [names(page) for page in filtered], "ahead": [names(page) for page in ahead]}


def linked_pages() -> Any:
    """All linked resources, beyond those that are embedded."""
    criteria = Criteria().add_inclusion(Inclusion.resource("assets").fields("ref"))
    response = connect().metadata.contents.browse(OWNER, criteria, query_string="continue=true")
    return [[asset["ref"] for asset in assets] for assets in response.linked("assets")]


def operators() -> Any:
    """Every operator, as a value: this SDK hands values on as they are."""
    contents = connect().metadata.contents
    found = {value: names(contents.browse(OWNER, where("title", value))) for value in OPERATORS}
    asked = {query: names(contents.browse(OWNER, query_string=query)) for query in QUERIES}
    ranges = {value: names(contents.browse(OWNER, where("availabilityStartAt", value))) for value in RANGES}
    counted = contents.browse(OWNER, query_string="count=type&resources=false")
    return {"found": found, "asked": asked, "ranges": ranges, "counted": counted.full_json}


def models() -> Any:
    """The descriptor resolves a direct inclusion into the parents."""
    criteria = Criteria().add_inclusion(Inclusion.resource("categories").fields("ref", "title"))
    client = connect(model_resolution=True)
    found = client.metadata.contents.browse(OWNER, criteria)
    return [[item["name"], [category["title"] for category in item["categories"] or []]] for item in found.model]


def business() -> Any:
    """The workflow's progress in both forms, a missing one, and a validation."""
    client = connect()
    progress = client.workflow.business("/flow-execution-progress/$ref").browse("workflow", ref=f"{OWNER}:run")
    older = client.workflow.business("/execution-progress/$owner:$ref").browse("workflow", owner=OWNER, ref="run")
    try:
        client.workflow.business("/flow-execution-progress/$ref").browse("workflow", ref=f"{OWNER}:gone")
    except error.HttpError as missing:
        gone = [missing.status_code, missing.message]
    rule = client.validation.business("/v/$owner/$ref$params")
    valid = rule.store("validation", OWNER, json.dumps({"title": "Aria"}), "titles", {"validation": "full"})
    return {"progress": progress.full_json, "older": older.full_json, "gone": gone, "valid": valid.full_json}


def errors() -> Any:
    """What is missing, what cannot be asked, what is not valid, and who is not let in."""
    contents = connect().metadata.contents
    tries = {
        "missing": lambda: contents.read(OWNER, f"{OWNER}:gone"),
        "no resource": lambda: connect().metadata.nonsense.browse(OWNER),
        "bad field": lambda: contents.browse(OWNER, fields=["colour"]),
        "bad document": lambda: contents.store(OWNER, json.dumps({"owner": OWNER, "name": "x"})),
        "bad token": lambda: connect(auth_type=AuthType.BYO_TOKEN, byo_token="0" * 40).metadata.contents.browse(OWNER),
    }
    found = {name: http_error(attempt) for name, attempt in tries.items()}
    try:
        # The token of one client id is kept for the whole process, so a new id asks for one.
        connect(grant_client_id="nobody")
    except error.AuthorisationError as refused:
        found["bad client"] = str(refused)
    return found


def http_error(attempt: Callable[[], Any]) -> Any:
    try:
        attempt()
    except error.HttpError as refused:
        return [refused.status_code, refused.message]
    return None


def once() -> Any:
    """One browse, by a client with a correlation id and an agent of its own."""
    client = connect(user_id="user", application_id="app", user_agent="player/1 ")
    return [names(page) for page in client.metadata.contents.browse(OWNER, query_string="continue=true&perPage=7")]


def not_empty() -> Any:
    """A browse that is repeated while nothing comes of it."""
    return names(connect().metadata.contents.browse(OWNER, backoff_strategy={"retry_when_empty_result": True}))


def own_token() -> Any:
    """A token that the caller brings."""
    client = connect(auth_type=AuthType.BYO_TOKEN, byo_token=connect()._auth.session.token["access_token"])
    return names(client.metadata.contents.browse(OWNER))


def mutual() -> Any:
    """A client that shows a certificate, and needs no token."""
    certificates = {
        "client_cert": os.environ["SEQUOIA_CLIENT_CERT"],
        "client_key": os.environ["SEQUOIA_CLIENT_KEY"],
        "server_cert": os.environ["SEQUOIA_SERVER_CERT"],
    }
    client = Client(os.environ["SEQUOIA_REGISTRY_URL"], auth_type=AuthType.MUTUAL, **certificates)
    return [names(page) for page in client.metadata.contents.browse(OWNER, query_string="continue=true&perPage=7")]


def redirected() -> Any:
    """The registry's old address, on plain http."""
    secret = os.environ["SEQUOIA_CLIENT_SECRET"]
    client = Client(
        os.environ["SEQUOIA_HTTP_REGISTRY_URL"],
        grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
        grant_client_secret=secret,
    )
    return names(client.metadata.contents.browse(OWNER))


SESSIONS = (
    services, write, offer_templates, browse, pages, linked_pages, operators, models, business, errors, once,
    not_empty, own_token, mutual, redirected,
)  # fmt: skip

if __name__ == "__main__":
    json.dump({session.__name__: session for session in SESSIONS}[sys.argv[1]](), sys.stdout)
