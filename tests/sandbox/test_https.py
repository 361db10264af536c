"""https: certificates that are there for the asking, two-way TLS, and plain http that leads to it."""

from __future__ import annotations

import gc
import os
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme
from cryptography import x509

from sequoia import AuthType, Client
from sequoia.error import ConnectionError, NotFound
from sequoia.sandbox import Fault, Sandbox, SandboxError

SERVICES = ("registry", "identity", "metadata", "workflow", "validation")
FILM = {"owner": "acme", "name": "aria", "title": "Aria", "type": "movie"}
ONE_TRY = {"max_tries": 1}
SCRIPT = """
from sequoia import Client
import os
client = Client(os.environ["SEQUOIA_REGISTRY_URL"], grant_client_id=os.environ["SEQUOIA_CLIENT_ID"],
                grant_client_secret=os.environ["SEQUOIA_CLIENT_SECRET"])
print(len(client.metadata.contents.browse("acme").resources))
"""


@pytest.fixture(scope="module")
def secure() -> Iterator[Sandbox]:
    with Sandbox(https=True, redirect_http=True) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def two_way() -> Iterator[Sandbox]:
    with Sandbox(https=True, mutual_tls=True) as sandbox:
        yield sandbox


def browser(sandbox: Sandbox, *, certificate: bool = False, **options: Any) -> httpx2.Client:
    """A bare HTTP client that trusts the sandbox."""
    context = ssl.create_default_context(cafile=sandbox.ca_file)
    if certificate:
        context.load_cert_chain(sandbox.client_cert, sandbox.client_key)
    return httpx2.Client(verify=context, trust_env=False, timeout=10, **options)


# One way: the server shows a certificate.


def test_every_service_is_on_https_and_a_client_that_trusts_the_authority_gets_in(secure: Sandbox) -> None:
    with browser(secure) as http:
        for name in SERVICES:
            assert secure.location(name).startswith("https://127.0.0.1:")
            assert http.get(f"{secure.location(name)}/descriptor/raw").json()["name"] == name
        locations = [one["location"] for one in http.get(secure.registry_url).json()["services"]]
        by_name = secure.registry_url.replace("127.0.0.1", "localhost")
        assert http.get(by_name).status_code == 200
    assert sorted(locations) == sorted(map(secure.location, SERVICES))


def test_the_sdk_s_client_trusts_it(secure: Sandbox) -> None:
    for kind in (AuthType.CLIENT_GRANT, AuthType.PASSWORD, AuthType.BYO_TOKEN):
        with secure.client(auth_type=kind) as client:
            client.metadata.contents.store("acme", FILM)
            assert client.metadata.contents.read("acme", "acme:aria").resource["title"] == "Aria"


def test_nobody_else_does(secure: Sandbox) -> None:
    with pytest.raises(ConnectionError, match=r"(?i)certificate verify failed"):
        secure.client(verify=True, backoff_strategy=ONE_TRY)


def test_the_certificate_is_for_this_machine_and_for_a_year(secure: Sandbox) -> None:
    url = httpx2.URL(secure.location("metadata"))
    pem = ssl.get_server_certificate((url.host, url.port or 0))
    shown = x509.load_pem_x509_certificate(pem.encode())
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one.value) for one in names] == ["127.0.0.1", "localhost"]
    left = shown.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=364) < left <= timedelta(days=365)


def test_the_files_are_private_and_gone_after_the_stop() -> None:
    with Sandbox(https=True) as sandbox:
        folder = sandbox.ca_file.parent
        assert folder.exists()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert not folder.exists()
    with pytest.raises(SandboxError, match="start it first"):
        _ = sandbox.ca_file


def test_a_sandbox_without_https_has_no_certificates_and_says_so() -> None:
    with Sandbox() as sandbox:
        for name in ("ca_file", "client_cert", "client_key"):
            with pytest.raises(SandboxError, match="https=True"):
                getattr(sandbox, name)
        with pytest.raises(SandboxError, match="redirect_http=True"):
            _ = sandbox.http_registry_url


def test_a_script_needs_the_variables_and_nothing_else(secure: Sandbox) -> None:
    needed = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environment = {**needed, "NO_PROXY": "127.0.0.1", **secure.environ}
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    trust = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    assert {secure.environ[name] for name in trust} == {str(secure.ca_file)}


def test_faults_work_over_tls(secure: Sandbox) -> None:
    url = f"{secure.location('metadata')}/descriptor/raw"
    with browser(secure) as http:
        for fault in (Fault(drop="before"), Fault(drop="body")):
            secure.faults.add(fault)
            with pytest.raises(httpx2.TransportError):
                http.get(url)
            assert http.get(url).status_code == 200


def test_what_is_not_http_is_answered_over_tls_too(secure: Sandbox) -> None:
    url = httpx2.URL(secure.location("registry"))
    context = ssl.create_default_context(cafile=secure.ca_file)
    with (
        socket.create_connection((url.host, url.port or 0), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(b"this is no HTTP\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.timeout(25)  # the farewell of TLS, which an idle client does not say, would be waited for 30 seconds
def test_a_stop_waits_for_nobody() -> None:
    with ExitStack() as stack:
        sandbox = Sandbox(https=True).start()
        stack.callback(sandbox.stop)
        http = stack.enter_context(browser(sandbox))
        for name in SERVICES:
            http.get(sandbox.location(name))  # these connections stay open, and say no farewell
        url = httpx2.URL(sandbox.location("registry"))
        address = (url.host, url.port or 0)
        silent = stack.enter_context(socket.create_connection(address, timeout=10))
        spoken = stack.enter_context(socket.create_connection(address, timeout=10))
        spoken.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")  # no TLS
        assert spoken.recv(1) in {b"", b"\x15"}
        sandbox.stop()
        assert ends(silent)
    gc.collect()  # an unclosed socket warns here, and a warning fails the test


def ends(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


# Both ways: the client shows one, too.


def test_a_certificate_stands_in_for_a_token(two_way: Sandbox) -> None:
    two_way.requests.clear()
    with two_way.client(auth_type=AuthType.MUTUAL) as client:
        client.metadata.contents.store("acme", FILM)
        stored = client.metadata.contents.read("acme", "acme:aria").resource
        assert stored["createdBy"] == "acme:sandbox-client"
        client.metadata.contents.delete("acme", "acme:aria")
        with pytest.raises(NotFound):
            client.metadata.contents.read("acme", "acme:aria")
    assert two_way.token_requests == 0
    assert all("authorization" not in one.headers for one in two_way.requests)
    assert {one.scheme for one in two_way.requests} == {"https"}


def test_the_sandbox_s_own_client_shows_its_certificate_without_being_told(two_way: Sandbox) -> None:
    with two_way.client() as client:
        assert client.metadata.contents.browse("acme").resources == []
    for kind in (AuthType.CLIENT_GRANT, AuthType.PASSWORD, AuthType.NO_AUTH):
        with two_way.client(auth_type=kind) as client:
            assert client.metadata.contents.browse("acme").resources == []


def test_a_token_still_counts_where_there_is_one(two_way: Sandbox) -> None:
    with two_way.client(auth_type=AuthType.PASSWORD) as client:
        stored = client.metadata.contents.store("acme", FILM | {"name": "by-a-user"}).resource
        client.metadata.contents.delete("acme", stored["ref"])
    assert stored["createdBy"] == "acme:sandbox-user"
    with browser(two_way, certificate=True) as http:
        url = f"{two_way.location('metadata')}/data/contents"
        assert http.get(url).status_code == 200
        assert http.get(url, headers={"authorization": "Bearer wrong"}).status_code == 401


def test_the_console_tells_whose_the_certificate_is(two_way: Sandbox) -> None:
    with browser(two_way, certificate=True) as http:
        told = http.get(f"{two_way.location('identity')}/pauth/access").json()
    assert (told["userRef"], told["userType"]) == ("acme:sandbox-client", "client")


def test_a_client_without_a_certificate_is_refused(two_way: Sandbox) -> None:
    two_way.requests.clear()
    for kind in (AuthType.NO_AUTH, AuthType.CLIENT_GRANT):
        with pytest.raises(ConnectionError):
            two_way.client(auth_type=kind, verify=two_way.ca_file, backoff_strategy=ONE_TRY)
    with browser(two_way) as http, pytest.raises(httpx2.TransportError):
        http.get(two_way.registry_url)
    assert not two_way.requests


def test_a_client_of_another_authority_is_refused(two_way: Sandbox, tmp_path: Path) -> None:
    stranger = trustme.CA().issue_cert("client.sandbox.invalid")
    stranger.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    stranger.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    two_way.requests.clear()
    with pytest.raises(ConnectionError):
        two_way.client(client_cert=tmp_path / "cert.pem", client_key=tmp_path / "key.pem", backoff_strategy=ONE_TRY)
    assert not two_way.requests


def test_a_registry_that_wants_a_token_takes_the_certificate() -> None:
    with (
        Sandbox(https=True, mutual_tls=True, registry_auth=True) as sandbox,
        sandbox.client(auth_type=AuthType.MUTUAL) as client,
    ):
        assert "metadata" in client.services


def test_one_way_tls_asks_for_no_certificate_and_takes_none_for_a_token(secure: Sandbox) -> None:
    with browser(secure, certificate=True) as http:
        assert http.get(f"{secure.location('metadata')}/data/contents").status_code == 401


# Files that are kept.


def test_paths_hold_in_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Sandbox(https=True, ca_dir="ca") as sandbox:
        assert sandbox.environ["SSL_CERT_FILE"] == str(tmp_path / "ca" / "ca.pem")


def test_a_folder_keeps_authority_and_client_certificate_between_runs(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "for" / "it"
    options: dict[str, Any] = {"https": True, "mutual_tls": True, "ca_dir": folder}
    with Sandbox(**options) as first:
        assert first.ca_file == folder / "ca.pem"
        trusted = first.ca_file.read_bytes()
        context = ssl.create_default_context(cafile=first.ca_file)
        context.load_cert_chain(first.client_cert, first.client_key)
    assert sorted(file.name for file in folder.iterdir()) == ["ca.key", "ca.pem", "client.key", "client.pem"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    with Sandbox(**options) as second, httpx2.Client(verify=context, trust_env=False) as http:
        assert second.ca_file.read_bytes() == trusted
        assert http.get(second.registry_url).status_code == 200  # with what was given out in the first run
        with second.client() as client:
            assert client.services


def test_a_key_that_cannot_be_kept_whole_is_left_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SandboxError, match="No space left on device; name another folder"):
        Sandbox(https=True, ca_dir=tmp_path).start()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("state", ["no key", "garbage", "another key", "a file", "a folder"])
def test_a_folder_that_cannot_be_used_is_one_clear_error(state: str, tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    if state == "a file":
        folder.write_text("occupied", encoding="utf-8")
    else:
        with Sandbox(https=True, ca_dir=folder):
            pass
        key = folder / "ca.key"
        if state == "garbage":
            key.write_text("garbage", encoding="utf-8")
        elif state == "another key":
            key.write_bytes((folder / "client.key").read_bytes())
        else:
            key.unlink()
        if state == "a folder":
            key.mkdir()
    with pytest.raises(SandboxError, match="name another folder") as caught:
        Sandbox(https=True, ca_dir=folder).start()
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


# Plain http that leads to https.


def test_plain_http_is_answered_with_the_same_place_on_https(secure: Sandbox) -> None:
    secure.requests.clear()
    with browser(secure) as http:
        asked = f"{secure.http_registry_url}/?a=b%7C%7Cc&d=%C3%A9+x"
        answer = http.get(asked, headers={"x-correlation-id": "mine"})
        assert answer.status_code == 301
        assert answer.headers["location"] == f"{secure.registry_url}/?a=b%7C%7Cc&d=%C3%A9+x"
        assert answer.headers["x-correlation-id"] == "mine"
        assert http.get(secure.http_registry_url, follow_redirects=True).json()["services"]
        posted = http.post(secure.http_registry_url, content=b"x" * 100_000)
        assert (posted.status_code, posted.content) == (301, b"")
    assert [(one.scheme, one.service, one.status) for one in secure.requests] == [
        ("http", "registry", 301),
        ("http", "registry", 301),
        ("https", "registry", 200),
        ("http", "registry", 301),
    ]
    assert secure.http_registry_url == secure.environ["SEQUOIA_HTTP_REGISTRY_URL"]
    assert secure.http_registry_url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("kind", [AuthType.CLIENT_GRANT, AuthType.PASSWORD, AuthType.BYO_TOKEN])
def test_a_client_follows_it_and_keeps_its_secrets_to_itself(kind: AuthType, secure: Sandbox) -> None:
    secure.requests.clear()
    given: dict[AuthType, dict[str, Any]] = {
        AuthType.CLIENT_GRANT: {
            "grant_client_id": secure.client_id,
            "grant_client_secret": secure.client_secret,
        },
        AuthType.PASSWORD: {"username": secure.username, "password": secure.password},
        AuthType.BYO_TOKEN: {"byo_token": "a" * 40},
    }
    options = {"auth_type": kind, "verify": secure.ca_file, "proxies": {}, **given[kind]}
    with Client(secure.http_registry_url, **options) as client:
        if kind is not AuthType.BYO_TOKEN:
            assert client.metadata.contents.browse("acme").status == 200
        client.refresh()
    plain = [one for one in secure.requests if one.scheme == "http"]
    assert [one.status for one in plain] == [301, 301]
    assert all("authorization" not in one.headers and one.body == b"" for one in plain)
    assert secure.requests[1].scheme == "https"


def test_a_registry_behind_a_redirect_is_given_no_token_though_it_wants_one() -> None:
    with Sandbox(https=True, redirect_http=True, registry_auth=True) as sandbox:
        with pytest.raises(Exception, match="Invalid token") as caught:
            Client(
                sandbox.http_registry_url,
                auth_type=AuthType.BYO_TOKEN,
                byo_token="a" * 40,
                verify=sandbox.ca_file,
                proxies={},
            )
        assert "redirect" in caught.value.__notes__[0]
        assert [(one.scheme, one.status) for one in sandbox.requests] == [("http", 301), ("https", 401)]
        assert all("authorization" not in one.headers for one in sandbox.requests)
        with sandbox.client() as client:
            assert client.services


def test_faults_are_not_met_on_the_way(secure: Sandbox) -> None:
    secure.requests.clear()
    secure.faults.add(Fault(status=503, service="registry"))
    with browser(secure, follow_redirects=True) as http:
        assert http.get(secure.http_registry_url).status_code == 503
    assert secure.faults.armed() == []
