from __future__ import annotations

import platform
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.contract.conftest import Connect
from tests.contract.data import content, load_assets, load_contents, sent

from sequoia import Client, __version__, where
from sequoia.error import NotFound
from sequoia.sandbox import Fault, RecordedRequest, Sandbox


def ids(requests: list[RecordedRequest]) -> list[str]:
    return [one.headers["x-correlation-id"] for one in requests]


# Correlation ids


def test_every_request_has_a_correlation_id(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    client = connect()
    client.metadata.contents.browse(owner)
    assert len(sandbox.requests) == 3
    for one in ids(list(sandbox.requests)):
        assert uuid.UUID(one).version == 4


def test_a_fixed_one_is_that_of_every_request(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    client = connect(correlation_id=" custom-1234 ", user_id="u", application_id="a")
    page = client.metadata.contents.browse(owner)
    assert set(ids(list(sandbox.requests))) == {"custom-1234"}
    assert page.correlation_id == "custom-1234"


def test_user_and_application_stand_in_front_of_a_fresh_one(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    client = connect(user_id=" user123 ", application_id="app101")
    sandbox.requests.clear()
    client.metadata.contents.browse(owner)
    client.metadata.contents.browse(owner)
    first, second = ids(sent(sandbox))
    assert first != second
    for one in (first, second):
        user, application, fresh = one.split("/")
        assert (user, application, uuid.UUID(fresh).version) == ("user123", "app101", 4)


@pytest.mark.parametrize("alone", [{"user_id": "user123"}, {"application_id": "app101"}])
def test_one_of_them_alone_is_ignored(connect: Connect, sandbox: Sandbox, owner: str, alone: dict[str, str]) -> None:
    connect(**alone).metadata.contents.browse(owner)
    assert all(uuid.UUID(one) for one in ids(sent(sandbox)))


def test_pages_retries_and_linked_pages_share_that_of_their_operation(
    client: Client, sandbox: Sandbox, owner: str
) -> None:
    load_contents(sandbox, owner, 4)
    load_assets(sandbox, owner, "c-000", 620)
    sandbox.faults.add(Fault(status=503, service="metadata", times=2))
    sandbox.faults.add(Fault(token="expired", service="metadata", skip=3))
    browse = client.metadata.contents.browse(owner, where().include("assets").per_page(2))
    assert sum(len(page) for page in browse.linked("assets")) == 620
    assert sum(len(page.resources) for page in browse) == 4
    assert {503, 401, 200} == {one.status for one in sent(sandbox)}
    assert len(sent(sandbox)) == 7
    # The renewal of the token belongs to the operation that needed it.
    assert len(set(ids(list(sandbox.requests)))) == 1


def test_two_operations_never_share_one_however_many_threads_run(client: Client, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 4)

    def walk(_: int) -> int:
        return len(list(client.metadata.contents.browse(owner, query_string="perPage=2")))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(walk, range(24))) == [2] * 24
    found = ids(sent(sandbox))
    assert len(found) == 48
    assert len(set(found)) == 24
    assert all(found.count(one) == 2 for one in set(found))


def test_an_error_names_the_correlation_id_of_its_request(client: Client, sandbox: Sandbox, owner: str) -> None:
    with pytest.raises(NotFound) as missing:
        client.metadata.contents.read(owner, f"{owner}:gone")
    assert missing.value.correlation_id == sent(sandbox)[0].headers["x-correlation-id"]


@pytest.mark.parametrize("header", ["X-Correlation-ID", "x-correlation-id"])
def test_one_that_the_caller_hands_on_is_that_of_the_whole_operation(
    connect: Connect, sandbox: Sandbox, owner: str, header: str
) -> None:
    client = connect(correlation_id="the-client-s")
    sandbox.requests.clear()
    sandbox.faults.add(Fault(status=503, service="metadata"))
    sandbox.faults.add(Fault(token="expired", service="metadata"))
    url = f"{sandbox.location('metadata')}/data/contents"
    answer = client.get(url, params={"owner": owner}, headers={header: "my-trace-1"})
    assert answer.correlation_id == "my-trace-1"
    assert [one.status for one in sent(sandbox)] == [503, 401, 200]
    assert set(ids(list(sandbox.requests))) == {"my-trace-1"}
    with pytest.raises(NotFound) as missing:
        client.get(f"{url}/{owner}:gone", headers={header: "my-trace-2"})
    assert missing.value.correlation_id == "my-trace-2"


def test_an_empty_one_of_the_caller_is_none(client: Client, sandbox: Sandbox) -> None:
    client.get(f"{sandbox.location('metadata')}/descriptor/raw", headers={"X-Correlation-ID": ""})
    (one,) = ids(sent(sandbox))
    assert uuid.UUID(one).version == 4


@pytest.mark.parametrize("name", ["correlation_id", "user_id", "application_id", "user_agent", "content_type"])
@pytest.mark.parametrize("value", ["a\nb", "a\r\nX-Injected: 1", "a\x00b", 5])
def test_a_header_that_could_smuggle_another_is_refused(
    connect: Connect, sandbox: Sandbox, name: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=name):
        connect(**{name: value})
    assert not sandbox.requests


# The rest


def test_the_headers_of_a_client_that_was_told_nothing(client: Client, sandbox: Sandbox, owner: str) -> None:
    client.metadata.contents.store(owner, content(owner, "a"))
    client.metadata.contents.browse(owner)
    for request in sent(sandbox):
        assert request.headers["accept"] == request.headers["content-type"] == "application/vnd.piksel+json"
        agent = rf"sequoia-client-sdk-python/{re.escape(__version__)} python/{platform.python_version()} \w+"
        assert re.fullmatch(agent, request.headers["user-agent"])


def test_the_content_type_is_that_of_both_headers(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    connect(content_type="application/json").metadata.contents.browse(owner)
    (request,) = sent(sandbox)
    assert request.headers["accept"] == request.headers["content-type"] == "application/json"


def test_the_user_agent_of_an_application_stands_in_front(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    connect(user_agent="my-app/1.0").metadata.contents.browse(owner)
    for request in sandbox.requests:
        assert request.headers["user-agent"].startswith(f"my-app/1.0 sequoia-client-sdk-python/{__version__} ")


def test_the_token_request_speaks_oauth(connect: Connect, sandbox: Sandbox) -> None:
    connect(content_type="application/vnd.other+json")
    (request,) = sent(sandbox, "identity")
    assert request.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert request.headers["accept"] == "application/json"
