from __future__ import annotations

import gc
import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from sequoia.sandbox import Fault, Sandbox, SandboxError
from sequoia.sandbox.business import Business
from sequoia.sandbox.server import Listener

SignIn = Callable[[Sandbox], dict[str, str]]

CATALOGUE = {
    "name": "catalogue",
    "title": "Catalogue",
    "resourcefuls": {
        "films": {
            "path": "/data",
            "singularName": "film",
            "pluralName": "films",
            "hyphenatedPluralName": "films",
            "fields": {"title": {"fieldName": "title", "fieldNamePath": "title", "type": "string"}},
            "filters": {},
            "relationships": {},
        }
    },
}


def test_a_listener_says_that_it_is_tcp() -> None:
    # asyncio switches Nagle's algorithm off for such sockets only; without that, every answer comes 40 ms late.
    listener = Listener()
    try:
        assert listener.listen().proto == socket.IPPROTO_TCP
    finally:
        listener.close()


def test_a_sandbox_that_does_not_run_says_so() -> None:
    sandbox = Sandbox()
    uses: list[Callable[[], object]] = [
        lambda: sandbox.registry_url,
        lambda: sandbox.environ,
        lambda: sandbox.location("metadata"),
        lambda: sandbox.load("metadata", "contents", []),
        sandbox.client,
    ]
    for use in uses:
        with pytest.raises(SandboxError, match="start it first"):
            use()
    assert "not running" in repr(sandbox)
    sandbox.stop()


def test_starting_twice_is_an_error_and_changes_nothing(http: httpx2.Client) -> None:
    with Sandbox() as sandbox:
        with pytest.raises(SandboxError, match="running already"):
            sandbox.start()
        assert http.get(sandbox.registry_url).status_code == 200


def test_a_stopped_sandbox_can_be_started_again(http: httpx2.Client) -> None:
    sandbox = Sandbox()
    for _ in range(2):
        with sandbox:
            assert http.get(sandbox.registry_url).status_code == 200
    with pytest.raises(SandboxError):
        sandbox.location("registry")


def test_a_stop_ends_threads_sockets_and_open_connections(http: httpx2.Client) -> None:
    before = set(threading.enumerate())
    sandbox = Sandbox().start()
    locations = [sandbox.location(name) for name in ("registry", "identity", "metadata", "workflow", "validation")]
    assert [http.get(f"{location}/docs").status_code for location in locations] == [
        200
    ] * 5  # five idle connections stay open
    sandbox.stop()

    assert set(threading.enumerate()) == before
    for location in locations:
        with pytest.raises(httpx2.ConnectError):
            http.get(location)
    gc.collect()  # an unclosed socket warns here, and a warning fails the test


def test_a_stop_does_not_wait_for_delays_or_slow_clients() -> None:
    with Sandbox() as sandbox:
        sandbox.faults.add(Fault(delay=3600.0))
        url = httpx2.URL(sandbox.location("registry"))
        delayed = socket.create_connection((url.host, url.port or 0), timeout=10)
        delayed.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        halfway = socket.create_connection((url.host, url.port or 0), timeout=10)
        halfway.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        with httpx2.Client(trust_env=False) as http:  # its answer proves that the two before it have been read
            while sandbox.faults.armed():
                http.get(f"{sandbox.location('registry')}/")
    for connection in (delayed, halfway):
        with connection:
            assert _ends(connection)


def _ends(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_an_exception_inside_the_with_statement_stops_the_sandbox() -> None:
    sandbox = Sandbox()
    with pytest.raises(KeyError), sandbox:
        raise KeyError("the test failed")

    assert "not running" in repr(sandbox)


def test_a_port_in_use_is_one_clear_error() -> None:
    with Sandbox() as first:
        port = httpx2.URL(first.location("registry")).port
        assert port is not None
        with pytest.raises(SandboxError, match=f"port {port} of 127.0.0.1 cannot be used"):
            Sandbox(port=port).start()


def test_a_port_is_free_again_after_a_stop(http: httpx2.Client) -> None:
    with Sandbox() as first:
        port = httpx2.URL(first.location("registry")).port
        http.get(first.registry_url)
    assert port is not None
    with Sandbox(port=port) as second:
        assert second.registry_url == f"http://127.0.0.1:{port}/services/acme"
        assert http.get(second.registry_url).status_code == 200


def test_an_announcement_that_fails_leaves_nothing_behind(http: httpx2.Client) -> None:
    def announce() -> None:
        locations.append(sandbox.location("registry"))
        raise OSError("nobody listens")

    locations: list[str] = []
    before = set(threading.enumerate())
    sandbox = Sandbox()
    with pytest.raises(OSError, match="nobody listens"):
        sandbox.start(announce)

    assert set(threading.enumerate()) == before
    assert "not running" in repr(sandbox)
    with pytest.raises(httpx2.ConnectError):
        http.get(locations[0])


@pytest.mark.parametrize(
    "arguments",
    [
        {"owner": ""},
        {"owner": "a/b"},
        {"owner": "a:b"},
        {"client_id": "a:b"},
        {"client_id": ""},
        {"client_secret": ""},
        {"username": "acme\\ann"},
        {"username": ""},
        {"password": ""},
        {"port": -1},
        {"port": 65_536},
        {"demo": -1},
        {"token_lifetime": 0},
        {"embedded_pages": 0},
        {"embedded_pages": 6},
        {"consistency_delay": -0.1},
        {"consistency_delay": 3601},
        {"consistency_delay": float("nan")},
        {"mutual_tls": True},
        {"redirect_http": True},
        {"ca_dir": "ca"},
    ],
)
def test_arguments_that_make_no_sense_are_named(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Sandbox(**arguments)


def test_the_environment_points_at_the_sandbox_and_the_repr_keeps_the_secret() -> None:
    with Sandbox(owner="studio", client_id="tester") as sandbox:
        assert sandbox.environ == {
            "SEQUOIA_REGISTRY_URL": f"{sandbox.location('registry')}/services/studio",
            "SEQUOIA_OWNER": "studio",
            "SEQUOIA_CLIENT_ID": "tester",
            "SEQUOIA_CLIENT_SECRET": sandbox.client_secret,
            "SEQUOIA_USERNAME": r"studio\sandbox-user",
            "SEQUOIA_PASSWORD": sandbox.password,
        }
        assert len(sandbox.client_secret) == len(sandbox.password) == 32
        assert Sandbox().password != sandbox.password
        assert sandbox.password not in repr(sandbox)
        assert Sandbox().client_secret != sandbox.client_secret
        assert sandbox.client_secret not in repr(sandbox)
        assert sandbox.client_secret not in repr(list(sandbox.requests))


def test_an_unknown_service_or_resource_is_named(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match=r"no service 'metadat'; .*metadata"):
        sandbox.location("metadat")
    with pytest.raises(SandboxError, match="'identity' has no resources"):
        sandbox.load("identity", "users", [])
    with pytest.raises(SandboxError, match="films"):
        sandbox.load("metadata", "films", [{"owner": "acme"}])


def test_a_document_that_is_not_valid_is_not_loaded(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="type"):
        sandbox.load("metadata", "contents", [{"owner": "acme", "name": "x"}])


def test_writes_carry_the_injected_time(http: httpx2.Client, sign_in: SignIn) -> None:
    moment = datetime(2030, 2, 3, 4, 5, 6, 789_999, tzinfo=UTC)
    with Sandbox(now=lambda: moment) as sandbox:
        sandbox.load("metadata", "contents", [{"owner": "acme", "name": "x", "type": "movie"}])
        answer = http.get(f"{sandbox.location('metadata')}/data/contents/acme:x", headers=sign_in(sandbox))

    assert answer.json()["contents"][0]["createdAt"] == "2030-02-03T04:05:06.789Z"
    assert answer.json()["contents"][0]["createdBy"] == "acme:sandbox-client"


def test_a_clock_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        Sandbox(now=lambda: datetime(2030, 1, 1)).start()  # noqa: DTZ001 - this is the mistake


# Descriptors and data files.


def test_a_further_descriptor_is_a_further_service(http: httpx2.Client, sign_in: SignIn, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.json"
    file.write_text(json.dumps(CATALOGUE), encoding="utf-8")
    with Sandbox(descriptors=[file]) as sandbox:
        names = [service["name"] for service in http.get(sandbox.registry_url).json()["services"]]
        url = f"{sandbox.location('catalogue')}/data/films"
        header = sign_in(sandbox)
        stored = http.post(url, json={"films": [{"owner": "acme", "name": "x", "title": "X"}]}, headers=header)
        described = http.get(f"{sandbox.location('catalogue')}/descriptor/raw").json()

        assert names[-1] == "catalogue"
        assert stored.status_code == 201
        assert http.get(f"{url}/acme:x", headers=header).json()["films"][0]["title"] == "X"
        assert described == {"description": "", "routes": [], **CATALOGUE}


def test_a_descriptor_replaces_the_built_in_one_of_its_name(http: httpx2.Client, sign_in: SignIn) -> None:
    with Sandbox(descriptors=[CATALOGUE | {"name": "workflow"}]) as sandbox:
        header = sign_in(sandbox)
        location = sandbox.location("workflow")

        assert len(http.get(sandbox.registry_url).json()["services"]) == 5
        assert http.get(f"{location}/data/films", headers=header).status_code == 200
        assert http.get(f"{location}/data/flows", headers=header).status_code == 404


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("", "truncated"),
        ("[1]", "object"),
        ("{,", "malformed"),
        (json.dumps({"name": "x/y", "resourcefuls": {}}), "name"),
        (json.dumps({"name": "x"}), "resourcefuls"),
        (json.dumps({"name": "x", "resourcefuls": {"films": 3}}), "resourcefuls.films"),
        (json.dumps({"name": "x", "resourcefuls": {}, "routes": {}}), "routes"),
        (json.dumps({"name": "x", "resourcefuls": {}, "routes": [{"path": 3}]}), r"routes\[0\].path"),
        (json.dumps({"name": "x", "resourcefuls": {}, "title": 3}), "title"),
    ],
)
def test_a_broken_descriptor_names_the_file_and_the_place(content: str, place: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(SandboxError, match=rf"broken\.json is no usable service descriptor: .*{place}"):
        Sandbox(descriptors=[file]).start()


def test_a_descriptor_that_is_not_there_or_twice_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"missing\.json"):
        Sandbox(descriptors=[tmp_path / "missing.json"]).start()
    with pytest.raises(SandboxError, match="second descriptor of the service 'catalogue'"):
        Sandbox(descriptors=[CATALOGUE, CATALOGUE]).start()
    with pytest.raises(SandboxError, match="descriptor 2"):
        Sandbox(descriptors=[CATALOGUE, {"name": "broken"}]).start()


def test_only_declared_business_endpoints_are_served() -> None:
    business = Business()

    assert business.routes({}) == ()
    assert len(business.routes({"routes": [{"path": "/v/{owner}/{rule}"}]})) == 1


def test_a_data_file_keeps_the_data(http: httpx2.Client, sign_in: SignIn, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.db"
    with Sandbox(data=file) as sandbox:
        assert sandbox.load("metadata", "contents", [{"owner": "acme", "name": "kept", "type": "movie"}]) == 1
    with Sandbox(data=file) as sandbox:
        url = f"{sandbox.location('metadata')}/data/contents/acme:kept"
        assert http.get(url, headers=sign_in(sandbox)).status_code == 200


def test_a_data_file_that_cannot_be_used_is_one_clear_error(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be taken for one" * 100, encoding="utf-8")
    before = set(threading.enumerate())
    for file in (text, tmp_path / "missing" / "x.db", tmp_path):
        with pytest.raises(SandboxError, match="data file"):
            Sandbox(data=file).start()
    with Sandbox(data=tmp_path / "shared.db"), pytest.raises(SandboxError, match="data file"):
        Sandbox(data=tmp_path / "shared.db").start()
    assert set(threading.enumerate()) == before


def test_loading_and_serving_at_once(http: httpx2.Client, sandbox: Sandbox, bearer: dict[str, str]) -> None:
    url = f"{sandbox.location('metadata')}/data/roles"
    with ThreadPoolExecutor(1) as pool:
        loaded = pool.submit(
            sandbox.load, "metadata", "roles", ({"owner": "acme", "name": f"r-{n}", "title": "R"} for n in range(2000))
        )
        statuses = {http.get(url, headers=bearer).status_code for _ in range(20)}
        assert loaded.result() == 2000
    assert statuses == {200}
    answer = http.get(url, params={"count": "true"}, headers=bearer)
    assert answer.json()["meta"]["totalCount"] == 2000
