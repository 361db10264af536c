"""The admin endpoint, on the registry's port: faults and token expiry for those who cannot call Python.

    POST   /sandbox/faults           arm the fault in the JSON body; answers its handle
    GET    /sandbox/faults           the armed faults
    DELETE /sandbox/faults[/handle]  disarm all, or one
    POST   /sandbox/expire-tokens    make every issued token stop working

It has no password, so it answers only what comes from this machine and not from a web page. A request with an `Origin`
header is refused, and so is one whose `Host` is not loopback: a page that rebinds its own name to 127.0.0.1 sends that.
"""

from __future__ import annotations

import ipaddress
from dataclasses import asdict, fields
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sequoia.sandbox.faults import Fault, Faults
from sequoia.sandbox.identity import Tokens
from sequoia.sandbox.routing import Route, dispatch, split_path
from sequoia.sandbox.wire import Reply, Request, WireError, json_reply

__all__ = ["Admin", "fault_from_json"]

_HANDLE_DIGITS = 18


class Admin:
    """What the admin endpoint does.

    Args:
        faults: The faults of the sandbox.
        tokens: Its access tokens.
    """

    def __init__(self, faults: Faults, tokens: Tokens) -> None:
        self._faults = faults
        self._tokens = tokens
        self._routes = (
            Route("POST", "/sandbox/faults", self._add),
            Route("GET", "/sandbox/faults", self._list),
            Route("DELETE", "/sandbox/faults", self._clear),
            Route("DELETE", "/sandbox/faults/{handle}", self._remove),
            Route("POST", "/sandbox/expire-tokens", self._expire_tokens),
        )

    def concerns(self, request: Request) -> bool:
        """Whether `request` is for the admin endpoint."""
        return split_path(request.path)[:1] == ("sandbox",)

    def answer(self, request: Request) -> Reply:
        """Do what `request` asks for, or refuse it."""
        try:
            _require_local(request)
            route, values = dispatch(self._routes, request)
            return route.handler(request, values)
        except WireError as error:
            return error.reply()

    def _add(self, request: Request, _: tuple[str, ...]) -> Reply:
        return json_reply(201, {"handle": self._faults.add(fault_from_json(request.body))})

    def _list(self, _: Request, __: tuple[str, ...]) -> Reply:
        armed = [
            {"handle": entry.handle, "seen": entry.seen, "fault": _fault_to_json(entry.fault)}
            for entry in self._faults.armed()
        ]
        return json_reply(200, {"faults": armed})

    def _clear(self, _: Request, __: tuple[str, ...]) -> Reply:
        self._faults.clear()
        return Reply(204)

    def _remove(self, _: Request, values: tuple[str, ...]) -> Reply:
        handle = values[0]
        # A longer number is no handle, and Python refuses to read one of thousands of digits.
        if not (handle.isdecimal() and len(handle) <= _HANDLE_DIGITS and self._faults.remove(int(handle))):
            raise WireError(404, "Fault not found")
        return Reply(204)

    def _expire_tokens(self, _: Request, __: tuple[str, ...]) -> Reply:
        self._tokens.forget_all()
        return Reply(204)


def _require_local(request: Request) -> None:
    # Browsers leave `Origin` out of some requests, such as those for pictures; then they say where the page is from.
    if "origin" in request.headers or request.headers.get("sec-fetch-site", "none") != "none":
        raise WireError(403, "the admin endpoint does not answer web pages")
    if not _is_loopback(request.headers.get("host", "")):
        raise WireError(403, "the admin endpoint answers on a loopback host only")


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def fault_from_json(body: bytes) -> Fault:
    """Read a fault from the JSON object of its arguments; `body` is text there.

    Raises:
        WireError: 400 that names what is wrong.
    """
    try:
        values = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(400, f"a fault is a JSON object: {error}", source="payload") from error
    unknown = tuple(sorted(values.keys() - {field.name for field in fields(Fault)}))
    if unknown:
        raise WireError(400, f"a fault has no {', '.join(unknown)}", keys=unknown, source="payload")
    if isinstance(values.get("body"), str):
        values["body"] = values["body"].encode()
    try:
        return msgspec.convert(values, Fault, builtin_types=(bytes,))
    except ValueError as error:
        raise WireError(400, str(error), source="payload") from error


def _fault_to_json(fault: Fault) -> dict[str, Any]:
    values = asdict(fault)
    return values | {"body": None if fault.body is None else fault.body.decode(errors="replace")}
