"""What the log says of requests and operations, at DEBUG: one line each, bodies cut short, and never a secret."""

from __future__ import annotations

import re

import httpx2

from sequoia.calls import Answer, Call, Expects
from sequoia.error import ClientError, HttpError
from sequoia.retry import Operation
from sequoia.secrecy import HIDDEN, masked, secrets_of
from sequoia.urls import without_user_info

__all__ = ["told_answer", "told_end", "told_request"]

_SHOWN = 200  # characters of a body
_LOOKED_AT = 4000  # bytes of a body
# What a body calls a secret, in JSON or in a form; it may have been cut in the middle.
_SECRET = re.compile(
    r'("(?:[a-z_-]*(?:password|secret|token))"\s*:\s*)"(?:[^"\\]|\\.)*"?'
    r"|((?:^|&)[a-z_-]*(?:password|secret|token)=)[^&]*",
    re.IGNORECASE,
)


def told_request(call: Call, request: httpx2.Request) -> str:
    """A request that is about to go out."""
    body = request.content if call.body else b""
    return f"{call.method} {without_user_info(call.url)} {_told(call, request, body)}".rstrip()


def told_answer(call: Call, response: httpx2.Response, seconds: float) -> str:
    """The answer to it."""
    told = _told(call, response.request, response.content)
    where = without_user_info(call.url)
    return f"{call.method} {where} answered {response.status_code} after {seconds:.3f} s {told}".rstrip()


def told_end(operation: Operation, seconds: float, end: Answer | ClientError) -> str:
    """How one call of an operation ended, all of its tries together."""
    if isinstance(end, Answer):
        told, tries = str(end.raw.status_code), end.tries
    else:
        told = str(end.status_code) if isinstance(end, HttpError) else type(end).__name__
        tries = getattr(end, "tries", 1)
    again = f", {tries} tries" if tries > 1 else ""
    owner = f" for {operation.task.owner}" if operation.task.owner else ""
    return f"{operation.task}{owner}: {told} after {seconds:.3f} s{again}, correlation id {operation.correlation_id}"


def _told(call: Call, request: httpx2.Request, body: bytes) -> str:
    """A body: its size, and its beginning."""
    if not body:
        return ""
    if call.expects is Expects.BYTES and not call.authenticated:
        return f"({len(body)} bytes, which may hold a secret)"
    secrets = secrets_of(request)
    # In JSON a byte may take six characters: what is cut off must not cut a secret in two.
    enough = _LOOKED_AT + 6 * max(map(len, secrets), default=0)
    seen = masked(body[:enough], secrets)[:_LOOKED_AT].decode("utf-8", "replace")
    seen = _SECRET.sub(lambda found: f'{found[1]}"{HIDDEN}"' if found[1] else f"{found[2]}{HIDDEN}", seen)
    text = " ".join(seen.split())
    more = " ..." if len(text) > _SHOWN or len(body) > _LOOKED_AT else ""
    text = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text[:_SHOWN])
    return f"({len(body)} bytes: {text}{more})"
