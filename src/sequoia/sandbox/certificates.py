"""Certificates made on the spot: an authority, one certificate for the server and one for clients, as PEM files.

Only the authority and what a client needs can be kept between runs; the server gets a new certificate for each.
"""

from __future__ import annotations

import ssl
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import trustme

from sequoia.files import whole
from sequoia.sandbox.errors import SandboxError
from sequoia.sandbox.server import HOST, Tls

__all__ = ["Certificates", "make_certificates"]

_LIFETIME = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Paths of PEM files.

    Attributes:
        ca_file: The authority's certificate: whom a client has to trust.
        client_cert: A certificate for clients.
        client_key: Its key.
        server: What the server shows, and whom it trusts.
    """

    ca_file: Path
    client_cert: Path
    client_key: Path
    server: Tls


def make_certificates(folder: str | Path | None, stack: ExitStack, *, mutual: bool) -> Certificates:
    """Make an authority, or take the one that is kept, and have it sign a server's and a client's certificate.

    Args:
        folder: Where authority and client's certificate are kept; None for a folder that `stack` removes at its end.
        stack: Removes what is not kept.
        mutual: Whether the server demands a certificate from clients.

    Raises:
        SandboxError: The folder, or the authority in it, cannot be used.
    """
    own = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sequoia-sandbox-")))
    kept = own if folder is None else Path(folder).absolute()  # scripts may run elsewhere
    ca_file, client_cert, client_key = kept / "ca.pem", kept / "client.pem", kept / "client.key"
    try:
        authority = _authority(kept)
        _write(client_cert, client_key, authority.issue_cert("client.sandbox.invalid", not_after=_expiry()))
        server = Tls(own / "server.pem", own / "server.key", ca_file if mutual else None)
        _write(server.certificate, server.key, authority.issue_cert(HOST, "localhost", not_after=_expiry()))
    except OSError as error:
        raise SandboxError(f"the certificates cannot be kept in {kept}: {error}; name another folder") from error
    return Certificates(ca_file, client_cert, client_key, server)


def _expiry() -> datetime:
    return datetime.now(UTC) + _LIFETIME


def _authority(folder: Path) -> trustme.CA:
    """The authority in a folder; a new one where there is none."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    certificate, key = folder / "ca.pem", folder / "ca.key"
    if not certificate.exists() and not key.exists():
        made = trustme.CA()
        _put(certificate, made.cert_pem.bytes())
        _put(key, made.private_key_pem.bytes())
        return made
    try:
        # trustme would take a key of another authority, whose certificates nobody could verify.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, _no_password)
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    except (OSError, ValueError) as error:
        raise SandboxError(
            f"ca.pem and ca.key in {folder} are not the certificate of an authority and its key ({error}); "
            "remove both, or name another folder"
        ) from error


def _no_password() -> NoReturn:
    # OpenSSL would ask for it on the terminal, and wait.
    raise ValueError("the key is encrypted")


def _write(certificate: Path, key: Path, issued: trustme.LeafCert) -> None:
    _put(certificate, b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    _put(key, issued.private_key_pem.bytes())


def _put(file: Path, content: bytes) -> None:
    """Write a file that nobody else may read, whole or not at all: a client may be reading the one that is there."""
    with whole(file, private=True) as stream:
        stream.write(content)
