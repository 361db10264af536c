"""TLS both ways and proxies, against real servers: what `test_mutual_tls` and `test_gateways` do not have."""

from __future__ import annotations

import logging
import pickle
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.contract.conftest import Connect, Serve
from tests.contract.servers import Arrived, Served, TinyServer, as_json, registry
from tests.faults.proxies import Proxy
from tests.faults.raw import RawPlatform, Wire

from sequoia import AuthType, Client
from sequoia.error import ConnectionError, Timeout
from sequoia.sandbox import Sandbox

ONCE = {"max_tries": 1}
FILM = {"owner": "acme", "name": "behind", "title": "Behind", "type": "movie"}
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="module")
def secure() -> Iterator[Sandbox]:
    with Sandbox(https=True) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def two_way() -> Iterator[Sandbox]:
    with Sandbox(https=True, mutual_tls=True) as sandbox:
        yield sandbox


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def showing(*files: object, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if files:
        context.load_cert_chain(*map(str, files))
    return context


def serving(serve: Serve, context: ssl.SSLContext) -> TinyServer:
    def respond(request: Arrived) -> Served:
        if request.path.startswith("/services"):
            return registry(metadata=server.origin)
        return as_json({"meta": {}, "contents": [FILM]})

    server = serve(respond, context)
    return server


def anonymous(connect: Connect, url: str, **options: Any) -> Client:
    return connect(url, auth_type=AuthType.NO_AUTH, backoff_strategy=ONCE, **options)


def mutual(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "auth_type": AuthType.MUTUAL,
        "client_cert": sandbox.client_cert,
        "client_key": sandbox.client_key,
        "server_cert": sandbox.ca_file,
        "backoff_strategy": ONCE,
    }


def write_and_read(client: Client) -> None:
    contents = client.metadata.contents
    stored = contents.store("acme", FILM).resource
    assert contents.read("acme", stored["ref"]).resource["title"] == "Behind"
    contents.delete("acme", stored["ref"])


# Certificates


def test_an_expired_certificate_is_refused(connect: Connect, serve: Serve, authority: trustme.CA, bundle: Path) -> None:
    context = showing()
    past = datetime.now(UTC) - timedelta(days=1)
    authority.issue_cert("127.0.0.1", not_before=past - timedelta(days=9), not_after=past).configure_cert(context)
    server = serving(serve, context)
    with pytest.raises(ConnectionError, match="certificate has expired") as refused:
        anonymous(connect, server.registry_url, verify=bundle)
    assert not refused.value.sent
    assert not server.arrived


def test_a_certificate_of_tomorrow_is_refused(
    connect: Connect, serve: Serve, authority: trustme.CA, bundle: Path
) -> None:
    context = showing()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    authority.issue_cert("127.0.0.1", not_before=tomorrow).configure_cert(context)
    with pytest.raises(ConnectionError, match="not yet valid"):
        anonymous(connect, serving(serve, context).registry_url, verify=bundle)


def test_a_certificate_that_signed_itself_is_refused(
    connect: Connect, serve: Serve, bundle: Path, tmp_path: Path
) -> None:
    alone = trustme.CA()
    files = tmp_path / "own.pem", tmp_path / "own.key"
    alone.cert_pem.write_to_path(files[0])
    alone.private_key_pem.write_to_path(files[1])
    server = serving(serve, showing(*files))
    for verify in (bundle, True):
        with pytest.raises(ConnectionError, match=r"self.signed certificate"):
            anonymous(connect, server.registry_url, verify=verify)
    assert not server.arrived


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: str(version.name))
def test_both_versions_of_tls_work_both_ways(
    connect: Connect, serve: Serve, two_way: Sandbox, authority: trustme.CA, version: ssl.TLSVersion
) -> None:
    context = showing(version=version)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.load_verify_locations(two_way.ca_file)  # the sandbox's authority signed the client's certificate
    context.verify_mode = ssl.CERT_REQUIRED
    server = serving(serve, context)
    trusted = two_way.ca_file.parent / f"trusted-{version.name}.pem"
    authority.cert_pem.write_to_path(trusted)
    client = connect(server.registry_url, **{**mutual(two_way), "server_cert": trusted})
    assert client.metadata.contents.browse("acme").resource == FILM
    # Without one, and with one of an authority that the server does not know.
    with pytest.raises(ConnectionError):
        anonymous(connect, server.registry_url, verify=trusted)
    stranger = trustme.CA().issue_cert("client@example.com")
    files = {name: trusted.with_name(f"stranger-{name}-{version.name}.pem") for name in ("client_cert", "client_key")}
    stranger.cert_chain_pems[0].write_to_path(files["client_cert"])
    stranger.private_key_pem.write_to_path(files["client_key"])
    with pytest.raises(ConnectionError):
        connect(server.registry_url, **{**mutual(two_way), **files, "server_cert": trusted})
    assert len(server.arrived) == 2
    assert client.metadata.contents.browse("acme").resource == FILM


def test_a_private_authority_beside_those_of_the_system(
    connect: Connect, serve: Serve, authority: trustme.CA, bundle: Path
) -> None:
    context = showing()
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = serving(serve, context)
    both = ssl.create_default_context()
    system = len(both.get_ca_certs())
    both.load_verify_locations(bundle)
    assert len(both.get_ca_certs()) == system + 1
    for verify in (both, bundle, str(bundle)):
        assert anonymous(connect, server.registry_url, verify=verify).metadata.contents.browse("acme").resource == FILM


def test_two_way_tls_end_to_end(connect: Connect, two_way: Sandbox) -> None:
    two_way.requests.clear()
    write_and_read(connect(two_way.registry_url, **mutual(two_way)))
    assert {one.service for one in two_way.requests} == {"registry", "metadata"}
    assert not any("authorization" in one.headers for one in two_way.requests)


# Proxies


@pytest.fixture(params=["http", "https"])
def proxy(request: pytest.FixtureRequest, secure: Sandbox, authority: trustme.CA) -> Iterator[Proxy]:
    """A proxy that wants credentials: one over plain http, and one that speaks TLS itself."""
    context = None
    if request.param == "https":
        context = showing()
        authority.issue_cert("127.0.0.1").configure_cert(context)
    with Proxy("me:pa55-w0rd", context) as proxy:
        yield proxy


@pytest.fixture
def trusting(secure: Sandbox, two_way: Sandbox, bundle: Path, tmp_path: Path) -> Path:
    """The authorities of the sandboxes and of the proxy."""
    path = tmp_path / "all.pem"
    path.write_bytes(b"".join(one.read_bytes() for one in (bundle, secure.ca_file, two_way.ca_file)))
    return path


def with_credentials(proxy: Proxy, credentials: str = "me:pa55-w0rd") -> str:
    return proxy.url.replace("://", f"://{credentials}@")


def credentials_of(sandbox: Sandbox) -> dict[str, Any]:
    return {"grant_client_id": sandbox.client_id, "grant_client_secret": sandbox.client_secret}


def test_https_goes_through_a_tunnel_every_call_of_it(
    connect: Connect, secure: Sandbox, proxy: Proxy, trusting: Path
) -> None:
    client = connect(
        secure.registry_url, proxies={"https": with_credentials(proxy)}, verify=trusting, **credentials_of(secure)
    )
    write_and_read(client)
    origins = [secure.location(name).removeprefix("https://") for name in ("registry", "identity", "metadata")]
    assert proxy.passed == [("CONNECT", origin) for origin in origins]  # one tunnel each, used again
    # The credentials are the proxy's: no service sees them.
    assert not any("proxy-authorization" in one.headers for one in secure.requests)


def test_two_way_tls_through_a_tunnel(connect: Connect, two_way: Sandbox, proxy: Proxy, trusting: Path) -> None:
    options = {**mutual(two_way), "server_cert": trusting}
    write_and_read(connect(two_way.registry_url, proxies={"https": with_credentials(proxy)}, **options))
    assert {method for method, _ in proxy.passed} == {"CONNECT"}


def test_plain_http_goes_through_the_proxy_too(
    connect: Connect, sandbox: Sandbox, proxy: Proxy, trusting: Path
) -> None:
    client = connect(proxies={"http": with_credentials(proxy)}, verify=trusting)
    write_and_read(client)
    assert len(proxy.passed) == len(sandbox.requests) == 5
    assert all(target.startswith("http://127.0.0.1:") for _, target in proxy.passed)
    assert not any("proxy-authorization" in one.headers for one in sandbox.requests)


def test_a_proxy_of_an_authority_that_nobody_trusts_is_refused(
    connect: Connect, secure: Sandbox, authority: trustme.CA
) -> None:
    context = showing()
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Proxy(None, context) as proxy, pytest.raises(ConnectionError, match="certificate verify failed"):
        anonymous(connect, secure.registry_url, proxies={"https": proxy.url}, verify=secure.ca_file)
    assert not proxy.passed


@pytest.mark.parametrize("given", ["me:wr0ng-pass", None])
def test_credentials_that_are_refused_show_nowhere(  # noqa: PLR0917 - fixtures
    connect: Connect,
    secure: Sandbox,
    proxy: Proxy,
    trusting: Path,
    caplog: pytest.LogCaptureFixture,
    given: str | None,
) -> None:
    caplog.set_level(logging.DEBUG)
    url = with_credentials(proxy, given) if given else proxy.url
    with pytest.raises(ConnectionError, match="407 Proxy Authentication Required") as refused:
        anonymous(connect, secure.registry_url, proxies={"https": url}, verify=trusting)
    assert not refused.value.sent
    assert (proxy.passed, proxy.refused) == ([], 1)
    shown = f"{refused.value} {refused.value!r} {vars(refused.value)} {caplog.text}".encode()
    assert b"wr0ng" not in shown + pickle.dumps(refused.value)
    assert "bWU6" not in caplog.text  # me: in base64


def test_credentials_that_are_good_show_in_no_log(
    connect: Connect, secure: Sandbox, proxy: Proxy, trusting: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = anonymous(connect, secure.registry_url, proxies={"https": with_credentials(proxy)}, verify=trusting)
    assert "pa55-w0rd" not in caplog.text + repr(client)
    assert "bWU6" not in caplog.text


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_environment_names_the_proxy(  # noqa: PLR0917 - fixtures
    connect: Connect,
    secure: Sandbox,
    authority: trustme.CA,
    trusting: Path,
    no_variables: pytest.MonkeyPatch,
    variable: str,
) -> None:
    with Proxy("me:pa55-w0rd") as proxy:
        no_variables.setenv(variable, with_credentials(proxy))
        options = {"verify": trusting, **credentials_of(secure)}
        write_and_read(connect(secure.registry_url, proxies=None, **options))
        assert len(proxy.passed) == 3
        connect(secure.registry_url, proxies={}, **options)
        assert len(proxy.passed) == 3


@pytest.mark.parametrize("exception", ["127.0.0.1", "example.com, 127.0.0.1", "*"])
def test_no_proxy_names_what_goes_past_it(
    connect: Connect, secure: Sandbox, trusting: Path, no_variables: pytest.MonkeyPatch, exception: str
) -> None:
    with Proxy() as proxy:
        no_variables.setenv("HTTPS_PROXY", proxy.url)
        no_variables.setenv("NO_PROXY", exception)
        write_and_read(connect(secure.registry_url, proxies=None, verify=trusting, **credentials_of(secure)))
        assert proxy.passed == []
        no_variables.setenv("NO_PROXY", "elsewhere.example")
        anonymous(connect, secure.registry_url, proxies=None, verify=trusting)
        assert len(proxy.passed) == 1


def test_a_proxy_that_answers_in_drops_is_given_up(connect: Connect, secure: Sandbox) -> None:
    def slowly(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\n")
        wire.drip(b"x-slow: x\r\n")

    with RawPlatform() as slow:
        slow.concerns = lambda _: True
        slow.always = slowly
        options = {"proxies": {"https": slow.origin}, "verify": secure.ca_file, "request_timeout": 0.1}
        with pytest.raises(Timeout):
            anonymous(connect, secure.registry_url, **options)
        assert slow.has_no_connection()
