from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import backoff
import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import asset, category, content, load_assets, load_contents, sent
from tests.contract.servers import Arrived, Served, as_json, registry

from sequoia import AuthType, Client, InstantClock, where
from sequoia.error import (
    ConnectionError,
    HttpError,
    NotMatchingVersion,
    RateLimited,
    ServerError,
    Timeout,
)
from sequoia.sandbox import Fault, Sandbox


@pytest.fixture
def clock() -> InstantClock:
    return InstantClock()


@pytest.fixture
def client(connect: Connect, sandbox: Sandbox, clock: InstantClock) -> Client:
    """A client that never waits; what it sent to connect is not in the log."""
    client = connect(clock=clock)
    sandbox.requests.clear()
    return client


def fail(sandbox: Sandbox, **fault: Any) -> None:
    sandbox.faults.add(Fault(**{"service": "metadata", **fault}))


def statuses(sandbox: Sandbox) -> list[int | None]:
    return [one.status for one in sent(sandbox)]


# What is retried


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_status_that_may_pass_is_retried_at_once(
    client: Client, sandbox: Sandbox, clock: InstantClock, owner: str, status: int
) -> None:
    fail(sandbox, status=status, times=3)
    client.metadata.contents.browse(owner)
    assert statuses(sandbox) == [status] * 3 + [200]
    assert clock.waits == [0.0] * 3


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 412, 422])
def test_a_status_that_will_not_pass_is_raised(client: Client, sandbox: Sandbox, owner: str, status: int) -> None:
    fail(sandbox, status=status)
    with pytest.raises(HttpError) as failed:
        client.metadata.contents.browse(owner)
    assert failed.value.status_code == status
    assert failed.value.tries == 1
    # After a 404 the descriptor is asked whether there is such a resource at all.
    assert [one.status for one in sent(sandbox) if one.path == "/data/contents"] == [status]


def test_ten_tries_are_made_and_the_last_error_is_raised(client: Client, sandbox: Sandbox, owner: str) -> None:
    fail(sandbox, status=503, times=None)
    with pytest.raises(ServerError, match="after 10 tries") as failed:
        client.metadata.contents.browse(owner)
    assert failed.value.tries == len(sent(sandbox)) == 10


@pytest.mark.parametrize("drop", ["before", "body"])
def test_a_lost_connection_of_a_read_is_recovered(client: Client, sandbox: Sandbox, owner: str, drop: str) -> None:
    load_contents(sandbox, owner, 1)
    fail(sandbox, drop=drop, times=2)
    assert len(client.metadata.contents.browse(owner).resources) == 1
    assert len(sent(sandbox)) == 3


def test_a_connection_that_stays_lost_is_raised(client: Client, sandbox: Sandbox, owner: str) -> None:
    fail(sandbox, drop="body", times=None)
    with pytest.raises(ConnectionError, match="connection lost") as failed:
        client.metadata.contents.browse(owner, backoff_strategy={"max_tries": 3})
    assert failed.value.tries == len(sent(sandbox)) == 3
    assert failed.value.sent


def test_a_timeout_is_retried(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    client = connect(request_timeout=0.1)
    sandbox.requests.clear()
    fail(sandbox, delay=5, times=1)
    assert client.metadata.contents.browse(owner).resources == []
    fail(sandbox, delay=5, times=None)
    with pytest.raises(Timeout, match="no answer in time") as failed:
        client.metadata.contents.browse(owner, backoff_strategy={"interval": 0, "max_tries": 2})
    assert failed.value.tries == 2


@pytest.mark.parametrize("codes", [404, "404", [404, 409], ("409", 404)])
def test_the_codes_asked_for_are_retried(client: Client, sandbox: Sandbox, owner: str, codes: Any) -> None:
    load_contents(sandbox, owner, 1)
    fail(sandbox, status=404, times=2)
    strategy = {"wait_gen": backoff.constant, "interval": 0, "retry_http_status_codes": codes, "max_tries": 5}
    client.metadata.contents.read(owner, f"{owner}:c-000", backoff_strategy=strategy)
    assert statuses(sandbox) == [404, 404, 200]


# Waits


def test_the_waits_are_those_of_the_wait_generator(
    client: Client, sandbox: Sandbox, clock: InstantClock, owner: str
) -> None:
    fail(sandbox, status=503, times=4)
    strategy = {"wait_gen": backoff.expo, "base": 2, "factor": 3, "max_value": 10, "max_tries": 5}
    before = dict(strategy)
    client.metadata.contents.browse(owner, backoff_strategy=strategy)
    assert clock.waits == [3, 6, 10, 10]
    assert strategy == before


def test_jitter_is_the_caller_s(client: Client, sandbox: Sandbox, clock: InstantClock, owner: str) -> None:
    fail(sandbox, status=503, times=2)
    strategy = {"wait_gen": backoff.constant, "interval": 8, "jitter": lambda seconds: seconds / 4, "max_tries": 3}
    client.metadata.contents.browse(owner, backoff_strategy=strategy)
    assert clock.waits == [2, 2]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds(client: Client, sandbox: Sandbox, clock: InstantClock, owner: str, status: int) -> None:
    fail(sandbox, status=status, headers={"Retry-After": "7"}, times=2)
    client.metadata.contents.browse(owner)
    assert clock.waits == [7, 7]


def test_retry_after_as_a_date(client: Client, sandbox: Sandbox, clock: InstantClock, owner: str) -> None:
    when = datetime.fromtimestamp(clock.time() + 30, UTC)
    fail(sandbox, status=429, headers={"Retry-After": format_datetime(when, usegmt=True)})
    client.metadata.contents.browse(owner)
    assert clock.waits == [30]


def test_retry_after_is_no_longer_than_the_time_that_is_left(
    client: Client, sandbox: Sandbox, clock: InstantClock, owner: str
) -> None:
    fail(sandbox, status=429, headers={"Retry-After": "3600"}, times=None)
    with pytest.raises(RateLimited) as limited:
        client.metadata.contents.browse(owner)
    assert sum(clock.waits) == 120
    assert limited.value.retry_after == 3600
    assert limited.value.headers["retry-after"] == "3600"


def test_no_try_begins_after_max_time(client: Client, sandbox: Sandbox, clock: InstantClock, owner: str) -> None:
    fail(sandbox, status=503, times=None)
    strategy = {"wait_gen": backoff.constant, "interval": 4, "max_time": 10}
    with pytest.raises(ServerError) as failed:
        client.metadata.contents.browse(owner, backoff_strategy=strategy)
    assert clock.waits == [4, 4, 2]
    assert failed.value.tries == len(sent(sandbox)) == 4


@pytest.mark.parametrize("max_time", [{}, {"max_time": None}])
def test_max_time_is_two_minutes_if_nothing_is_said(
    client: Client, sandbox: Sandbox, clock: InstantClock, owner: str, max_time: dict[str, None]
) -> None:
    fail(sandbox, status=503, times=None)
    with pytest.raises(ServerError):
        client.metadata.contents.browse(owner, backoff_strategy={"interval": 50, **max_time})
    assert clock.waits == [50, 50, 20]


# Whose policy


def test_a_policy_of_the_client_and_one_of_a_call(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    client = connect(backoff_strategy={"max_tries": 2}, clock=InstantClock())
    sandbox.requests.clear()
    fail(sandbox, status=503, times=None)
    for strategy, tries in ((None, 2), ({"max_tries": 4}, 4), (None, 2)):
        with pytest.raises(ServerError) as failed:
            client.metadata.contents.browse(owner, backoff_strategy=strategy)
        assert failed.value.tries == tries


def test_the_policy_of_a_browse_is_that_of_all_its_pages(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 3)
    fail(sandbox, status=503, skip=1, times=None)
    browse = client.metadata.contents.browse(owner, query_string="perPage=1", backoff_strategy={"max_tries": 2})
    with pytest.raises(ServerError) as failed:
        list(browse)
    assert failed.value.tries == 2
    assert statuses(sandbox) == [200, 503, 503]


@pytest.mark.parametrize(
    "strategy",
    [
        {"max_tries": 0},
        {"max_tries": "3"},
        {"max_time": -1},
        {"interval": 1, "base": 2},
        {"wait_gen": "constant"},
        {"jitter": 5},
        {"retry_http_status_codes": "soon"},
        {"retry_when_empty_result": "yes"},
        ["max_tries"],
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_before_anything_is_sent(
    connect: Connect, client: Client, sandbox: Sandbox, strategy: Any
) -> None:
    with pytest.raises(ValueError, match=r"backoff_strategy|retry_when_empty_result"):
        connect(backoff_strategy=strategy)
    with pytest.raises(ValueError, match=r"backoff_strategy|retry_when_empty_result"):
        client.metadata.contents.browse("acme", backoff_strategy=strategy)
    assert not sandbox.requests


# Writes


def test_a_store_of_resources_with_names_is_repeated(client: Client, sandbox: Sandbox, owner: str) -> None:
    fail(sandbox, drop="before")
    fail(sandbox, status=503)
    stored = client.metadata.contents.store(owner, [content(owner, "a"), content(owner, "b")])
    assert len(stored.resources) == 2
    assert statuses(sandbox) == [None, 503, 201]
    assert len({one.body for one in sent(sandbox)}) == 1


@pytest.mark.parametrize("fault", [{"drop": "before"}, {"drop": "body"}, {"status": 503}])
def test_a_store_that_may_store_twice_is_sent_once(
    client: Client, sandbox: Sandbox, owner: str, fault: dict[str, Any]
) -> None:
    fail(sandbox, **fault)
    with pytest.raises((ConnectionError, ServerError)) as failed:
        client.metadata.contents.store(owner, [content(owner, "a"), {"owner": owner, "type": "movie"}])
    assert failed.value.tries == 1
    assert len(sent(sandbox)) == 1


def test_a_store_that_may_store_twice_is_repeated_after_a_429(client: Client, sandbox: Sandbox, owner: str) -> None:
    fail(sandbox, status=429)
    assert client.metadata.contents.store(owner, {"owner": owner, "type": "movie"}).status == 201
    assert statuses(sandbox) == [429, 201]


def test_a_store_that_may_store_twice_is_repeated_if_the_caller_says_so(
    connect: Connect, sandbox: Sandbox, owner: str
) -> None:
    client = connect(backoff_strategy={"retry_unsafe": True, "interval": 0})
    fail(sandbox, drop="before")
    assert client.metadata.contents.store(owner, {"owner": owner, "type": "movie"}).status == 201


def test_update_and_delete_are_repeated(client: Client, sandbox: Sandbox, owner: str) -> None:
    film = client.metadata.contents.store(owner, content(owner, "a")).resource
    sandbox.requests.clear()
    fail(sandbox, drop="before", method="PUT")
    fail(sandbox, status=500, method="DELETE")
    client.metadata.contents.update(owner, {**film, "title": "New"}, film["ref"], film["version"])
    client.metadata.contents.delete(owner, film["ref"])
    assert statuses(sandbox) == [None, 200, 500, 204]


def test_an_update_that_may_have_gone_through_says_so(connect: Connect, serve: Serve) -> None:
    answers = iter([Served(502), as_json({"statusCode": 412, "error": "Precondition Failed", "message": "no"}, 412)])

    def respond(request: Arrived) -> Served:
        return registry(metadata=server.origin) if request.method == "GET" else next(answers)

    server = serve(respond)
    client = connect(server.registry_url, auth_type=AuthType.NO_AUTH)
    film = {**content("acme", "a"), "ref": "acme:a"}
    with pytest.raises(NotMatchingVersion, match="may have gone through"):
        client.metadata.contents.update("acme", film, "acme:a", "0" * 40)


# Empty results


def test_an_empty_result_is_asked_for_again(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    fail(sandbox, empty=True, times=2)
    assert len(client.metadata.contents.browse(owner, retry_when_empty_result=True).resources) == 1
    assert len(sent(sandbox)) == 3


def test_an_empty_result_is_no_error_in_the_end(client: Client, sandbox: Sandbox, owner: str) -> None:
    page = client.metadata.contents.browse(
        owner, retry_when_empty_result=True, backoff_strategy={"interval": 0, "max_tries": 4}
    )
    assert page.resources == []
    assert page.status == 200
    assert len(sent(sandbox)) == 4


@pytest.mark.parametrize(
    ("rule", "tries"),
    [
        (True, 3),
        ({"contents": True}, 1),
        ({"contents": True, "assets": False, "categories": True}, 1),
        ({"contents": True, "assets": True}, 3),
        (False, 1),
    ],
)
def test_which_resources_must_be_there(
    client: Client, sandbox: Sandbox, owner: str, rule: bool | dict[str, bool], tries: int
) -> None:
    sandbox.load("metadata", "categories", [category(owner, "drama")])
    load_contents(sandbox, owner, 1, categoryRefs=[f"{owner}:drama"])
    criteria = where().include("categories").include("assets")
    strategy = {"interval": 0, "max_tries": 3}
    client.metadata.contents.browse(owner, criteria, retry_when_empty_result=rule, backoff_strategy=strategy)
    assert len(sent(sandbox)) == tries


def test_what_is_linked_is_waited_for(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    sandbox.load("metadata", "assets", [asset(owner, "a", contentRef=f"{owner}:c-000")])
    fail(sandbox, empty=True, times=2)
    criteria = where().include("assets")
    response = client.metadata.contents.read(
        owner, f"{owner}:c-000", criteria=criteria, retry_when_empty_result={"assets": True}
    )
    assert len(response.data["linked"]["assets"]) == 1
    assert len(sent(sandbox)) == 3


def test_the_rule_is_not_held_against_linked_pages(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    load_assets(sandbox, owner, "c-000", 510)
    browse = client.metadata.contents.browse(
        owner, where().include("assets"), retry_when_empty_result={"contents": True}
    )
    assert sum(len(page) for page in browse.linked("assets")) == 510
    assert len(sent(sandbox)) == 2


def test_the_rule_in_a_strategy_wins_over_the_argument(client: Client, sandbox: Sandbox, owner: str) -> None:
    strategy = {"interval": 0, "max_tries": 3, "retry_when_empty_result": True}
    client.metadata.contents.browse(owner, retry_when_empty_result=False, backoff_strategy=strategy)
    assert len(sent(sandbox)) == 3


def test_the_rule_may_stand_in_the_client_s_policy(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    client = connect(backoff_strategy={"retry_when_empty_result": True, "interval": 0, "max_tries": 3})
    sandbox.requests.clear()
    client.metadata.contents.browse(owner)
    assert len(sent(sandbox)) == 3
