from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import load_contents, sent
from tests.contract.servers import Served, as_json, registry, unused_origin

from sequoia import AuthType, Client
from sequoia.error import (
    AuthorisationError,
    ClientError,
    ConnectionError,
    DecodeError,
    HttpError,
    NotFound,
    ResourceNotFound,
    ServiceNotFound,
)
from sequoia.sandbox import Fault, Sandbox

ONCE = {"max_tries": 1}


def test_a_client_reads_the_registry_and_gets_its_token_while_it_is_constructed(
    connect: Connect, sandbox: Sandbox
) -> None:
    client = connect()
    assert [(one.service, one.method, one.path) for one in sandbox.requests] == [
        ("registry", "GET", "/services/acme"),
        ("identity", "POST", "/oauth/token"),
    ]
    assert "authorization" not in sandbox.requests[0].headers
    assert sandbox.requests[1].body == b"grant_type=client_credentials"
    assert sandbox.requests[1].headers["authorization"].startswith("Basic ")
    assert sandbox.client_secret not in repr(client)


def test_the_services_of_the_registry_are_listed(client: Client, sandbox: Sandbox) -> None:
    assert set(client.services) == {"registry", "identity", "metadata", "workflow", "validation"}
    assert client.services["metadata"].location == sandbox.location("metadata")
    assert {"metadata", "workflow"} <= set(dir(client))


def test_a_wrong_secret_is_refused_once_with_the_oauth_error(connect: Connect, sandbox: Sandbox) -> None:
    with pytest.raises(AuthorisationError, match="refused the client's credentials") as refused:
        connect(grant_client_secret="wrong-secret-value")
    assert "invalid_client" in repr(refused.value.cause) + str(refused.value.cause)
    assert type(refused.value.cause).__name__ == "InvalidClientError"
    assert sandbox.token_requests == 1
    pickled = pickle.dumps(refused.value)
    again = pickle.loads(pickled)  # noqa: S301 - our own bytes
    assert str(again) == str(refused.value)
    assert type(again.cause) is type(refused.value.cause)
    assert "wrong-secret-value" not in f"{refused.value} {refused.value!r} {pickled!r}"


@pytest.mark.parametrize("missing", ["grant_client_id", "grant_client_secret"])
def test_a_client_grant_needs_id_and_secret(connect: Connect, sandbox: Sandbox, missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        connect(**{missing: None})
    assert not sandbox.requests


@pytest.mark.parametrize("name", ["grant_client_id", "grant_client_secret"])
def test_id_and_secret_are_strings(connect: Connect, sandbox: Sandbox, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a string"):
        connect(None, **{name: 12345})
    assert not sandbox.requests


def test_an_identity_service_that_fails_for_a_moment_is_asked_again(connect: Connect, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(status=503, service="identity", times=2))
    connect()
    assert sandbox.token_requests == 3


def test_a_registry_that_cannot_be_reached(connect: Connect) -> None:
    origin = unused_origin()
    with pytest.raises(ConnectionError, match="no connection") as failed:
        connect(f"{origin}/services/acme", backoff_strategy={"interval": 0, "max_tries": 3})
    assert failed.value.tries == 3
    assert failed.value.url == f"{origin}/services/acme"


@pytest.mark.parametrize(
    ("served", "message"),
    [
        (Served(200, b"<html><h1>Welcome</h1></html>", {"content-type": "text/html"}), "is not JSON"),
        (as_json({"hello": "world"}), "this is not a registry"),
        (as_json(["services"]), "this is not a registry"),
        (as_json({"services": "none"}), "this is not a registry"),
        (Served(), "this is not a registry"),
        (as_json({"services": [{"name": "metadata"}]}), "without name and location"),
    ],
)
def test_a_url_that_is_no_registry(connect: Connect, serve: Serve, served: Served, message: str) -> None:
    server = serve(lambda _: served)
    with pytest.raises(DecodeError, match=message):
        connect(server.registry_url)
    assert len(server.arrived) == 1


def test_a_url_that_is_a_404(connect: Connect, serve: Serve) -> None:
    page = b"<html><style>p{}</style><h1>Not here</h1></html>"
    server = serve(lambda _: Served(404, page, {"content-type": "text/html"}))
    with pytest.raises(NotFound, match="no registry here") as missing:
        connect(server.registry_url)
    assert "<h1>" not in str(missing.value)
    assert server.registry_url in str(missing.value)
    assert len(server.arrived) == 1


def test_a_registry_without_identity_serves_only_clients_that_need_none(connect: Connect, serve: Serve) -> None:
    server = serve(lambda _: registry(metadata="http://127.0.0.1:1"))
    with pytest.raises(ServiceNotFound, match="identity"):
        connect(server.registry_url)
    assert list(connect(server.registry_url, auth_type=AuthType.NO_AUTH).services) == ["metadata"]


@pytest.mark.parametrize("location", ["ftp://127.0.0.1", "metadata", "http://user:pw@127.0.0.1:1", "http://"])
def test_a_location_that_no_token_may_go_to(connect: Connect, serve: Serve, sandbox: Sandbox, location: str) -> None:
    server = serve(lambda _: registry(identity=sandbox.location("identity"), metadata=location))
    client = connect(server.registry_url)
    with pytest.raises(DecodeError, match="location of the service 'metadata'") as refused:
        client.metadata.contents.browse("acme")
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize("url", ["", "registry.example.com", "ftp://registry.example.com", "http://a:b@127.0.0.1/x"])
def test_a_registry_url_that_is_none_is_refused_before_anything_is_sent(connect: Connect, url: str) -> None:
    with pytest.raises(ValueError, match="registry_url"):
        connect(url or " ")


def test_an_unknown_service_is_named_with_its_close_matches(client: Client, sandbox: Sandbox) -> None:
    with pytest.raises(ServiceNotFound, match="did you mean 'metadata'") as by_attribute:
        _ = client.metdata
    with pytest.raises(KeyError):
        _ = client["metdata"]
    assert not hasattr(client, "metdata")
    assert hasattr(client, "metadata")
    assert isinstance(pickle.loads(pickle.dumps(by_attribute.value)), ServiceNotFound)  # noqa: S301
    assert not sandbox.requests


def test_an_unknown_resource_is_named_with_its_close_matches(client: Client, owner: str) -> None:
    with pytest.raises(ResourceNotFound, match="did you mean 'contents'") as missing:
        client.metadata.contnts.browse(owner)
    assert missing.value.status_code == 404
    assert missing.value.method == "GET"
    with pytest.raises(ResourceNotFound, match="contents"):  # the descriptor is known by now: nothing need be sent
        _ = client.metadata["contnts"]
    assert not hasattr(client.metadata, "contnts")
    assert {"contents", "offer_templates"} <= set(dir(client.metadata))


def test_a_service_and_a_resource_are_found_under_all_their_spellings(
    connect: Connect, serve: Serve, sandbox: Sandbox, owner: str
) -> None:
    load_contents(sandbox, owner, 1)
    server = serve(
        lambda _: registry(**{"identity": sandbox.location("identity"), "my-metadata": sandbox.location("metadata")})
    )
    client = connect(server.registry_url)
    for service in (client["my-metadata"], client.my_metadata, client["my_metadata"]):
        assert len(service["contents"].browse(owner).resources) == 1


def test_a_location_may_end_with_a_slash(connect: Connect, serve: Serve, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 3)
    locations = {name: f"{sandbox.location(name)}/" for name in ("identity", "metadata")}
    server = serve(lambda _: registry(**locations))
    client = connect(f"{server.registry_url}/")
    assert len(list(client.metadata.contents.browse(owner, query_string="perPage=1"))) == 3
    assert server.arrived[0].target == "/services/acme"


def test_one_connection_serves_many_threads(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 1)
    client = connect(max_connections=1)
    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda _: client.metadata.contents.browse(owner), range(32)))
    assert [len(page.resources) for page in pages] == [1] * 32


def test_the_registry_is_read_again_on_request(connect: Connect, serve: Serve) -> None:
    answers = [registry(metadata="http://127.0.0.1:1"), registry(workflow="http://127.0.0.1:2")]
    server = serve(lambda _: answers[len(server.arrived) - 1])
    client = connect(server.registry_url, auth_type=AuthType.NO_AUTH)
    assert list(client.services) == ["metadata"]
    client.refresh()
    assert list(client.services) == ["workflow"]


def test_a_closed_client_sends_nothing(sandbox: Sandbox, owner: str) -> None:
    with sandbox.client() as client:
        client.metadata.contents.browse(owner)
        sandbox.requests.clear()
    with pytest.raises(ClientError, match="closed"):
        client.metadata.contents.browse(owner)
    assert not sandbox.requests


def test_a_client_does_not_cross_a_process(client: Client) -> None:
    with pytest.raises(TypeError, match="in each process"):
        pickle.dumps(client)


def test_an_adapter_stands_in_for_the_network(connect: Connect) -> None:
    entries = [{"name": name, "location": f"http://{name}.example"} for name in ("identity", "metadata")]
    asked: list[str] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        bodies = {
            "registry.example": {"services": entries},
            "identity.example": {"access_token": "b" * 40, "token_type": "bearer", "expires_in": 60},
            "metadata.example": {"meta": {}, "contents": [{"ref": "acme:x"}]},
        }
        return httpx2.Response(200, json=bodies[request.url.host])

    client = connect("http://registry.example/services/acme", adapters=[("http://", httpx2.MockTransport(respond))])
    assert client.metadata.contents.browse("acme").resources == [{"ref": "acme:x"}]
    assert asked == [
        "http://registry.example/services/acme",
        "http://identity.example/oauth/token",
        "http://metadata.example/data/contents?owner=acme",
    ]


def test_a_client_that_cannot_connect_closes_what_it_opened(connect: Connect) -> None:
    class Closing(httpx2.MockTransport):
        closed = False

        def close(self) -> None:
            self.closed = True

        async def aclose(self) -> None:
            self.closed = True

    transport = Closing(lambda _: httpx2.Response(404))
    with pytest.raises(NotFound):
        connect("http://registry.example/services/acme", adapters=[("http://", transport)])
    assert transport.closed


def test_no_retry_where_none_is_wanted(connect: Connect, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(status=500, service="registry"))
    with pytest.raises(HttpError, match="500"):
        connect(backoff_strategy=ONCE)
    assert len(sent(sandbox, "registry")) == 1
