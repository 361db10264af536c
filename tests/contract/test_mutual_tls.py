from __future__ import annotations

import itertools
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from tests.contract.conftest import Connect, Serve
from tests.contract.servers import Arrived, Served, TinyServer, as_json, registry

from sequoia import AuthType
from sequoia.error import ConnectionError

FILES = ("client_cert", "client_key", "server_cert")


@dataclass(frozen=True)
class Pem:
    """The files of one party: a client's certificate and key, and whom it trusts."""

    client_cert: str
    client_key: str
    server_cert: str

    def options(self, **others: Any) -> dict[str, Any]:
        given = {"client_cert": self.client_cert, "client_key": self.client_key, "server_cert": self.server_cert}
        return {"auth_type": AuthType.MUTUAL, "backoff_strategy": {"max_tries": 1}, **given, **others}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def stranger() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def pem(tmp_path: Path, authority: trustme.CA) -> Pem:
    return files_of(tmp_path, authority, authority)


def files_of(folder: Path, issuer: trustme.CA, trusted: trustme.CA) -> Pem:
    issued = issuer.issue_cert("client@example.com")
    pem = Pem(*(str(folder / name) for name in ("client.pem", "client.key", "server.pem")))
    issued.cert_chain_pems[0].write_to_path(pem.client_cert)
    issued.private_key_pem.write_to_path(pem.client_key)
    trusted.cert_pem.write_to_path(pem.server_cert)
    return pem


@pytest.fixture
def two_way(serve: Serve, authority: trustme.CA) -> Callable[[str], TinyServer]:
    """Starts a registry that is its own metadata service, on a host of that name, and wants a client certificate."""

    def start(host: str) -> TinyServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(host).configure_cert(context)
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED

        def respond(request: Arrived) -> Served:
            if request.path.startswith("/services"):
                return registry(metadata=server.origin)
            return as_json({"meta": {}, "contents": [{"ref": "acme:secure"}]})

        server = serve(respond, context)
        return server

    return start


def test_both_sides_show_a_certificate_and_no_token_is_needed(
    connect: Connect, two_way: Callable[[str], TinyServer], pem: Pem
) -> None:
    server = two_way("127.0.0.1")
    client = connect(server.registry_url, **pem.options())
    assert client.metadata.contents.browse("acme").resources == [{"ref": "acme:secure"}]
    assert [one.path for one in server.arrived] == ["/services/acme", "/data/contents"]
    assert all("authorization" not in one.headers for one in server.arrived)


def test_paths_may_be_path_objects(connect: Connect, two_way: Callable[[str], TinyServer], pem: Pem) -> None:
    server = two_way("127.0.0.1")
    connect(server.registry_url, **pem.options(**{name: Path(getattr(pem, name)) for name in FILES}))
    assert len(server.arrived) == 1


def test_a_client_without_a_certificate_is_refused(
    connect: Connect, two_way: Callable[[str], TinyServer], pem: Pem
) -> None:
    server = two_way("127.0.0.1")
    with pytest.raises(ConnectionError):
        connect(
            server.registry_url,
            auth_type=AuthType.NO_AUTH,
            verify=pem.server_cert,
            backoff_strategy={"max_tries": 1},
        )
    assert not server.arrived


def test_a_client_of_another_authority_is_refused(
    connect: Connect, two_way: Callable[[str], TinyServer], tmp_path: Path, authority: trustme.CA, stranger: trustme.CA
) -> None:
    server = two_way("127.0.0.1")
    with pytest.raises(ConnectionError):
        connect(server.registry_url, **files_of(tmp_path, issuer=stranger, trusted=authority).options())
    assert not server.arrived


def test_a_server_of_another_authority_is_refused(
    connect: Connect, two_way: Callable[[str], TinyServer], tmp_path: Path, authority: trustme.CA, stranger: trustme.CA
) -> None:
    server = two_way("127.0.0.1")
    with pytest.raises(ConnectionError, match=r"(?i)certificate verify failed"):
        connect(server.registry_url, **files_of(tmp_path, issuer=authority, trusted=stranger).options())
    assert not server.arrived


def test_a_server_that_is_another_host_is_refused(
    connect: Connect, two_way: Callable[[str], TinyServer], pem: Pem
) -> None:
    server = two_way("elsewhere.example")
    with pytest.raises(ConnectionError, match=r"(?i)certificate verify failed"):
        connect(server.registry_url, **pem.options())
    assert not server.arrived


@pytest.mark.parametrize(
    "unusable",
    list(itertools.product(["client_cert", "client_key", "server_cert"], ["not given", "missing", "garbage"])),
)
def test_a_file_that_cannot_be_used_is_refused_before_anything_is_sent(
    connect: Connect, two_way: Callable[[str], TinyServer], pem: Pem, tmp_path: Path, unusable: tuple[str, str]
) -> None:
    name, state = unusable
    server = two_way("127.0.0.1")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("neither a certificate nor a key\n")
    paths = {"not given": None, "missing": str(tmp_path / "missing.pem"), "garbage": str(garbage)}
    # Certificate and key are read together, and a message about one of them names both.
    expected = name if state != "garbage" or name == "server_cert" else "client_cert and client_key"
    with pytest.raises(ValueError, match=expected):
        connect(server.registry_url, **pem.options(**{name: paths[state]}))
    assert not server.arrived


def test_a_key_of_another_certificate_is_refused(
    connect: Connect, two_way: Callable[[str], TinyServer], pem: Pem, tmp_path: Path, authority: trustme.CA
) -> None:
    server = two_way("127.0.0.1")
    other = tmp_path / "other.key"
    authority.issue_cert("other@example.com").private_key_pem.write_to_path(str(other))
    with pytest.raises(ValueError, match="client_cert and client_key"):
        connect(server.registry_url, **pem.options(client_key=str(other)))
    assert not server.arrived


@pytest.mark.parametrize("as_context", [True, False])
def test_verify_names_whom_to_trust_for_the_other_types(
    connect: Connect, serve: Serve, authority: trustme.CA, tmp_path: Path, as_context: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = serve(lambda _: registry(), context)
    options = {"auth_type": AuthType.NO_AUTH, "backoff_strategy": {"max_tries": 1}}
    with pytest.raises(ConnectionError, match=r"(?i)certificate verify failed"):
        connect(server.registry_url, **options)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    verify = ssl.create_default_context(cafile=bundle) if as_context else str(bundle)
    assert not connect(server.registry_url, verify=verify, **options).services


def test_there_is_no_way_to_switch_verification_off(connect: Connect) -> None:
    with pytest.raises(ValueError, match="verify"):
        connect("https://127.0.0.1:1/services/acme", verify=False)


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_pass_phrase(
    connect: Connect, two_way: Callable[[str], TinyServer], pem: Pem, tmp_path: Path
) -> None:
    server = two_way("127.0.0.1")
    key = serialization.load_pem_private_key(Path(pem.options()["client_key"]).read_bytes(), None)
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"pass phrase"),
        )
    )
    with pytest.raises(ValueError, match="client_key is encrypted"):
        connect(server.registry_url, **pem.options(client_key=str(encrypted)))
    assert not server.arrived


def test_a_folder_is_no_certificate(
    connect: Connect, two_way: Callable[[str], TinyServer], pem: Pem, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="client_cert and client_key"):
        connect(two_way("127.0.0.1").registry_url, **pem.options(client_cert=str(tmp_path)))
