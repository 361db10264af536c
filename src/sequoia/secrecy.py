"""What keeps secrets out of messages and logs where others would write them down.

A server may send back what it was sent: a gateway's error page that shows the request is the usual case. And some
libraries write credentials into their own logs at DEBUG.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, quote_plus

if TYPE_CHECKING:
    import httpx2

__all__ = ["HIDDEN", "SHORTEST", "keep_back", "masked", "secrets_of"]

HIDDEN = "[secret]"
"""What stands in place of a secret."""

SHORTEST = 4
"""Characters of a secret: what is shorter cannot be told from an ordinary word."""

# hpack logs every header, and what it makes of it; httpcore2.socks the user name and password of the proxy.
_TELLING = ("hpack.hpack", "hpack.table", "httpcore2.socks")


def secrets_of(request: httpx2.Request, *, with_body: bool = False) -> frozenset[str]:
    """What in a request is secret: the token, the client's secret, the user's password.

    Args:
        request: The request as it was sent.
        with_body: Whether its body holds a password.
    """
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    found = {credentials.strip()}
    if scheme.lower() == "basic":
        with suppress(binascii.Error, UnicodeDecodeError):  # the caller's own header may be anything
            found.add(base64.b64decode(credentials, validate=True).decode().partition(":")[2])
    if with_body:
        found.add(_password(request.content))
    return frozenset(secret for secret in found if len(secret) >= SHORTEST)


def _password(body: bytes) -> str:
    """The password in a token request, which is JSON or a form."""
    try:
        given = json.loads(body)
    except ValueError:
        return parse_qs(body.decode(errors="replace")).get("password", [""])[0]
    return str(given.get("password", "")) if isinstance(given, dict) else ""


def masked(content: bytes, secrets: frozenset[str]) -> bytes:
    """`content` without the secrets, however they are written: plain, in base64, percent-encoded or as JSON."""
    for form in sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True):
        content = content.replace(form.encode(), HIDDEN.encode())
    return content


def _forms(secret: str) -> set[str]:
    encoded = base64.b64encode(secret.encode()).decode()
    return {
        secret, encoded, encoded.rstrip("="), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
    }  # fmt: skip


def keep_back() -> None:
    """Let nothing below a warning out of the loggers of other libraries that would tell a secret."""
    for name in _TELLING:
        logging.getLogger(name).addFilter(_is_warning)  # the same function twice is one filter


def _is_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING
