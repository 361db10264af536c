"""The TLS context of a client: the caller's, one made of the caller's files, or httpx2's own."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import NoReturn

import httpx2

from sequoia.auth import AuthType
from sequoia.settings import Settings

__all__ = ["proxy_tls_context", "tls_context"]


def tls_context(settings: Settings) -> ssl.SSLContext:
    """The TLS context of a client.

    Raises:
        ValueError: A certificate or a key cannot be used.
    """
    if settings.auth_type is AuthType.MUTUAL:
        context = _trusting(settings.server_cert, "server_cert")
        try:
            context.load_cert_chain(
                _file(settings.client_cert, "client_cert"), _file(settings.client_key, "client_key"), _no_password
            )
        except OSError as error:
            raise ValueError(f"client_cert and client_key are not a PEM certificate and its key: {error}") from error
        return context
    if isinstance(settings.verify, str | Path):
        return _trusting(settings.verify, "verify")
    if isinstance(settings.verify, ssl.SSLContext):
        return settings.verify
    # httpx2 would make one for each proxy, and without the proxies of the environment it would not read SSL_CERT_FILE.
    return httpx2.create_ssl_context()


def proxy_tls_context(settings: Settings) -> ssl.SSLContext:
    """The TLS context for a proxy that is itself reached by https: whom the client trusts, without its certificate.

    Raises:
        ValueError: A certificate cannot be used.
    """
    if settings.auth_type is AuthType.MUTUAL:
        return _trusting(settings.server_cert, "server_cert")
    return tls_context(settings)


def _no_password() -> NoReturn:
    # OpenSSL would ask for it on the terminal, and wait.
    raise ValueError("client_key is encrypted: give a key without a pass phrase")


def _trusting(path: str | Path | None, name: str) -> ssl.SSLContext:
    trusted = _file(path, name)
    try:
        folder = Path(trusted).is_dir()
        return ssl.create_default_context(cafile=None if folder else trusted, capath=trusted if folder else None)
    except ssl.SSLError as error:
        raise ValueError(f"{name} is not a file of PEM certificates: {trusted}: {error}") from error


def _file(path: str | Path | None, name: str) -> str:
    if path is None or not os.access(path, os.R_OK):
        raise ValueError(f"{name} cannot be read: {path}")
    return str(path)
