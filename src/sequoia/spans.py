"""OpenTelemetry spans: one for an operation, and inside of it one for each request that goes out.

Names and attributes are those of the semantic conventions for HTTP clients, with the SDK's own under `sequoia.`. What a
user looked for and what a server wrote stays out of them: of a query only the names of its parameters are shown, of an
error its kind. The extra `otel` installs what this module imports.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from msgspec.structs import replace
from opentelemetry import context, propagate, trace

from sequoia._version import __version__
from sequoia.calls import Call
from sequoia.error import ConnectionError, HttpError, RequestError, Timeout
from sequoia.retry import Operation
from sequoia.urls import without_user_info

__all__ = ["Exchange", "Trace", "beginning", "scrubbed"]

_SCHEMA = "https://opentelemetry.io/schemas/1.37.0"
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
_PORTS = {"http": 80, "https": 443}
_VALUE = re.compile(r"(^|&)([^=&]*=)?[^&]*")

Attributes = dict[str, str | int]


def beginning(provider: Any) -> Callable[[], Trace] | None:
    """What makes the trace of an operation that begins now; None for a provider that makes no spans."""
    if isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return None
    tracer = provider.get_tracer("sequoia", __version__, schema_url=_SCHEMA)
    return lambda: Trace(tracer, context.get_current())


class Exchange:
    """The span of one request.

    Args:
        span: The span.
    """

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def answered(self, response: httpx2.Response) -> None:
        """Note what came back."""
        status = response.status_code
        self._span.set_attribute("http.response.status_code", status)
        self._span.set_attribute("network.protocol.version", response.http_version.removeprefix("HTTP/"))
        if status >= 400:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(trace.StatusCode.ERROR)


class Trace:
    """What the spans of one operation hang on.

    Args:
        tracer: Makes them.
        parent: Where they hang if nothing is under way where they begin: in the thread of a worker.
        within: Whether they have the operation's own span around them.
    """

    __slots__ = ("_parent", "_sent", "_tracer", "_within")

    def __init__(self, tracer: trace.Tracer, parent: context.Context, *, within: bool = False) -> None:
        self._tracer = tracer
        self._parent = parent
        self._within = within
        self._sent = 0

    @contextmanager
    def operation(self, operation: Operation) -> Iterator[Operation]:
        """A span around everything that is done inside, with the operation that it gives."""
        if self._within:
            # One of several calls inside a span: only the count of its requests is its own.
            yield replace(operation, trace=Trace(self._tracer, self._parent, within=True))
            return
        parent = None if trace.get_current_span().get_span_context().is_valid else self._parent
        task = operation.task
        known = {"service": task.service, "resource": task.resource, "owner": task.owner}
        attributes: Attributes = {f"sequoia.{name}": value for name, value in known.items() if value is not None}
        attributes |= {"sequoia.operation": task.name, "sequoia.correlation_id": operation.correlation_id}
        with self._tracer.start_as_current_span(
            str(task), parent, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield replace(operation, trace=Trace(self._tracer, context.get_current(), within=True))
            except BaseException as error:
                _failed(span, error)
                raise

    @contextmanager
    def exchange(self, call: Call, request: httpx2.Request, *, known: bool) -> Iterator[Exchange]:
        """The span of one request.

        Args:
            call: What is sent.
            request: The same as it goes out; it gets the headers that carry the trace on.
            known: Whether it goes to an origin that may be told of the trace.
        """
        name, attributes = _described(call, request)
        if self._sent:
            attributes["http.request.resend_count"] = self._sent
        self._sent += 1
        with self._tracer.start_as_current_span(
            name,
            self._parent,
            kind=trace.SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            if known:
                propagate.inject(request.headers)
            try:
                yield Exchange(span)
            except BaseException as error:
                _failed(span, error)
                raise


def _described(call: Call, request: httpx2.Request) -> tuple[str, Attributes]:
    """Name and attributes of a request's span."""
    is_known = call.method in _METHODS
    attributes: Attributes = {
        "http.request.method": call.method if is_known else "_OTHER",
        "server.address": request.url.host,
        "server.port": request.url.port or _PORTS.get(request.url.scheme, 0),
        "url.full": scrubbed(call.url),
    }
    if not is_known:
        attributes["http.request.method_original"] = call.method
    return (call.method if is_known else "HTTP"), attributes


def scrubbed(url: str) -> str:
    """A URL without user information, and without what the parameters of its query say."""
    path, mark, query = without_user_info(url).partition("#")[0].partition("?")
    return path + mark + _VALUE.sub(lambda found: f"{found[1]}{found[2] or ''}REDACTED" if found[0] else "", query)


def _failed(span: trace.Span, error: BaseException) -> None:
    """Note that what the span is about failed: the kind of the error, and what the transport says of it."""
    kind = type(error)
    qualified = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    event: Attributes = {"exception.type": qualified}
    if isinstance(error, ConnectionError | Timeout):
        event["exception.message"] = str(error.message)
    if isinstance(error, RequestError) and error.tries > 1:
        span.set_attribute("sequoia.tries", error.tries)
    status = str(error.status_code) if isinstance(error, HttpError) else None
    span.set_attribute("error.type", status or qualified)
    span.add_event("exception", event)
    span.set_status(trace.StatusCode.ERROR, None if status else kind.__name__)
