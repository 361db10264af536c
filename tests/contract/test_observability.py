"""What a user sees of the requests: hooks, the log, and spans; the same for every shell, and never a secret."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import anyio
import httpx2
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode
from tests.contract.conftest import Connect, Serve
from tests.contract.data import content, load_contents, sent
from tests.contract.servers import Arrived, Served, as_json, registry

from sequoia import AsyncClient, AuthType, Client, InstantClock, field, where
from sequoia.error import ClientError, ConnectionError, NotFound, ServerError
from sequoia.sandbox import Fault, Sandbox

Hook = Callable[[Any], Any]
Hooking = Callable[..., Client]


@pytest.fixture
def hooking(connect: Connect, request: pytest.FixtureRequest) -> Hooking:
    """Connects with hooks that are plain functions here; an `AsyncClient` gets asynchronous ones that call them."""
    shell = request.node.callspec.params["connect"]

    def fitting(hook: Hook) -> Hook:
        if shell == "sync":
            return hook

        async def asynchronous(seen: Any) -> None:
            hook(seen)

        return asynchronous

    def make(registry_url: str | None = None, *, hooks: dict[str, list[Hook]], **options: Any) -> Client:
        fit = {name: list(map(fitting, functions)) for name, functions in hooks.items()}
        return connect(registry_url, event_hooks=fit, **options)

    return make


def test_hooks_see_every_request_and_every_response(hooking: Hooking, sandbox: Sandbox, owner: str) -> None:
    requests: list[httpx2.Request] = []
    bodies: list[Any] = []
    client = hooking(
        hooks={"request": [requests.append], "response": [lambda response: bodies.append(response.json())]}
    )
    client.metadata.contents.store(owner, content(owner, "a"))
    assert [(one.method, one.url.path) for one in requests] == [
        ("GET", "/services/acme"),
        ("POST", "/oauth/token"),
        ("POST", "/data/contents/"),
    ]
    assert [set(body) & {"services", "access_token", "contents"} for body in bodies] == [
        {"services"},
        {"access_token"},
        {"contents"},
    ]
    assert len(sandbox.requests) == 3


def test_what_a_hook_changes_is_sent(hooking: Hooking, sandbox: Sandbox, owner: str) -> None:
    def sign(request: httpx2.Request) -> None:
        request.headers["x-signature"] = "signed"

    client = hooking(hooks={"request": [sign]})
    client.metadata.contents.browse(owner)
    assert {one.headers.get("x-signature") for one in sandbox.requests} == {"signed"}


def test_hooks_see_each_try(hooking: Hooking, sandbox: Sandbox, owner: str) -> None:
    statuses: list[int] = []
    client = hooking(hooks={"response": [lambda response: statuses.append(response.status_code)]})
    del statuses[:]
    sandbox.faults.add(Fault(status=503, service="metadata", times=2))
    client.metadata.contents.browse(owner)
    assert statuses == [503, 503, 200]


def test_what_a_hook_raises_is_raised_and_nothing_is_sent_again(hooking: Hooking, sandbox: Sandbox, owner: str) -> None:
    def check(response: httpx2.Response) -> None:
        response.raise_for_status()  # an error of httpx2, which is no failure of the transport here

    client = hooking(hooks={"response": [check]})
    sandbox.faults.add(Fault(status=503, service="metadata", times=None))
    with pytest.raises(httpx2.HTTPStatusError, match="503"):
        client.metadata.contents.browse(owner)
    assert len(sent(sandbox)) == 1
    sandbox.faults.clear()
    assert client.metadata.contents.browse(owner).resources == []


def test_a_hook_that_waits_for_the_token_that_is_being_asked_for_is_refused(sandbox: Sandbox, owner: str) -> None:
    def ask(request: httpx2.Request) -> None:
        if request.url.path == "/oauth/token" and known:
            known[0].metadata.contents.browse(owner)

    known: list[Client] = []
    with sandbox.client(event_hooks={"request": [ask]}) as client:
        known.append(client)
        for _ in range(2):
            sandbox.expire_tokens()
            with pytest.raises(ClientError, match="would wait for the very token that is being asked for"):
                client.metadata.contents.browse(owner)
        known.clear()
        assert client.metadata.contents.browse(owner).resources == []


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_hook_of_a_task_that_waits_for_its_own_token_is_refused(sandbox: Sandbox, owner: str, backend: str) -> None:
    async def ask(request: httpx2.Request) -> None:
        if request.url.path == "/oauth/token" and known:
            await known[0].metadata.contents.browse(owner)

    async def main() -> None:
        async with AsyncClient(
            sandbox.registry_url,
            grant_client_id=sandbox.client_id,
            grant_client_secret=sandbox.client_secret,
            event_hooks={"request": [ask]},
        ) as client:
            known.append(client)
            for _ in range(2):
                sandbox.expire_tokens()
                with pytest.raises(ClientError, match="would wait for the very token that is being asked for"):
                    await client.metadata.contents.browse(owner)
            known.clear()
            assert (await client.metadata.contents.browse(owner)).resources == []

    known: list[AsyncClient] = []
    anyio.run(main, backend=backend)


def test_what_a_hook_shows_by_default_holds_no_secret(hooking: Hooking, sandbox: Sandbox, owner: str) -> None:
    shown: list[str] = []

    def show(seen: Any) -> None:
        shown.append(f"{seen} {seen!r} {seen.headers} {seen.headers!r}")

    client = hooking(hooks={"request": [show], "response": [show]})
    client.metadata.contents.browse(owner)
    tokens = {one.headers["authorization"].split()[1] for one in sandbox.requests if "authorization" in one.headers}
    assert len(tokens) == 2  # the Basic one of the token request, and the token
    assert len(shown) == 6
    assert not [text for text in shown for secret in (*tokens, sandbox.client_secret) if secret in text]


@pytest.mark.parametrize(
    ("hooks", "problem"),
    [
        ([print], r'event_hooks must be a dict such as \{"request": \[function\]\}'),
        ({"requests": [print]}, "event_hooks has 'requests': did you mean 'request'"),
        ({"request": print}, r"event_hooks\['request'\] must be a list of functions"),
        ({"response": ["print"]}, r"event_hooks\['response'\] must be a list of functions: 'print' is none"),
    ],
)
def test_hooks_that_are_none_are_refused(sandbox: Sandbox, hooks: Any, problem: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ValueError, match=problem):
            kind(sandbox.registry_url, auth_type=AuthType.NO_AUTH, event_hooks=hooks)
    assert not sandbox.requests


def test_hooks_of_the_other_kind_are_refused(sandbox: Sandbox) -> None:
    async def asynchronous(_: httpx2.Request) -> None: ...

    with pytest.raises(ValueError, match="the event_hooks of Client must be functions that are not asynchronous"):
        Client(sandbox.registry_url, auth_type=AuthType.NO_AUTH, event_hooks={"request": [asynchronous]})
    with pytest.raises(ValueError, match="the event_hooks of AsyncClient must be asynchronous functions"):
        AsyncClient(sandbox.registry_url, auth_type=AuthType.NO_AUTH, event_hooks={"request": [print]})
    assert not sandbox.requests


class Records(logging.Handler):
    """What the SDK logs."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelname, record.getMessage()))

    def of(self, level: str) -> list[str]:
        return [line for known, line in self.lines if known == level]


@pytest.fixture
def records() -> Iterator[Records]:
    handler, log = Records(), logging.getLogger("sequoia")
    assert not log.handlers
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    yield handler
    log.removeHandler(handler)
    log.setLevel(logging.NOTSET)


def test_an_operation_is_one_line_at_debug(connect: Connect, records: Records, owner: str) -> None:
    client = connect(correlation_id="c0rr")
    client.metadata.contents.store(owner, content(owner, "a"))
    (line,) = [line for line in records.of("DEBUG") if line.startswith("store ")]
    assert line.startswith(f"store metadata/contents for {owner}: 201 after ")
    assert line.endswith(", correlation id c0rr")
    with pytest.raises(NotFound):
        client.metadata.contents.read(owner, f"{owner}:none")
    (line,) = [line for line in records.of("DEBUG") if line.startswith("read ")]
    assert f"read metadata/contents for {owner}: 404 after " in line


def test_bodies_are_shown_cut_short_and_without_secrets(
    connect: Connect, sandbox: Sandbox, records: Records, owner: str
) -> None:
    client = connect()
    private = {"password": "pa55w0rd", "apiToken": "t0k3n", "note": "x" * 1000}
    client.metadata.contents.store(owner, content(owner, "a", custom=private))
    lines = records.of("DEBUG")
    (request,) = [
        line for line in lines if line.startswith("POST ") and "/data/contents/" in line and "ans" not in line
    ]
    assert '{"contents":[{"owner":' in request
    assert '"password":"[secret]","apiToken":"[secret]"' in request
    assert request.endswith("x ...)")
    assert len(request) < 500
    (token,) = [line for line in lines if "/oauth/token answered 200" in line]
    assert token.endswith("bytes, which may hold a secret)")
    used = {one.headers["authorization"].split()[1] for one in sandbox.requests if "authorization" in one.headers}
    everything = "\n".join(line for _, line in records.lines)
    assert not [secret for secret in (*used, sandbox.client_secret, "pa55w0rd", "t0k3n") if secret in everything]


def test_what_happens_by_itself_is_told_at_info(
    connect: Connect, sandbox: Sandbox, records: Records, owner: str
) -> None:
    client = connect()
    assert [line.partition(" at ")[0] for line in records.of("INFO")] == ["a token is needed, one is asked for"]
    sandbox.faults.add(Fault(token="expired", service="metadata", times=1))
    sandbox.faults.add(Fault(status=503, service="metadata", times=1))
    client.metadata.contents.browse(owner)
    assert len([line for line in records.of("INFO") if line.startswith("a token is needed")]) == 2
    (retry,) = [line for line in records.of("INFO") if line.startswith("try 1 failed, the next one follows in ")]
    assert "503" in retry
    assert records.of("WARNING") == []


def test_a_redirect_is_told_at_debug(connect: Connect, serve: Serve, records: Records) -> None:
    def respond(request: Arrived) -> Served:
        if request.path == "/services/acme":
            return registry(metadata=server.origin)
        if request.path == "/data/contents":
            return Served(307, b"", {"location": "/data/elsewhere"})
        return as_json({"contents": []})

    server = serve(respond)
    client = connect(server.registry_url, auth_type=AuthType.NO_AUTH)
    client.metadata.contents.browse("acme")
    assert f"307 leads on to {server.origin}/data/elsewhere" in records.of("DEBUG")


def test_the_pace_of_bulk_work_is_told_when_it_changes(
    connect: Connect, sandbox: Sandbox, records: Records, owner: str
) -> None:
    client = connect(max_concurrency=2, clock=InstantClock())
    sandbox.faults.add(Fault(status=429, service="metadata", method="POST", times=1))
    report = client.metadata.contents.bulk_store(
        owner, [content(owner, f"c{n}") for n in range(6)], batch_size=1, workers=1
    )
    assert report.stored == 6
    told = [line for line in records.of("INFO") if line.startswith("the service")]
    assert told == [
        "the service is busy: 1 requests at once from now on, no longer 2",
        "the service keeps up: 2 requests at once again",
    ]


def identity(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


class Tracing:
    """A provider, and the spans that it was given."""

    def __init__(self) -> None:
        self.provider = TracerProvider()
        self._exporter = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> list[ReadableSpan]:
        """Those that have ended, in the order in which they began."""
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def forget(self) -> None:
        self._exporter.clear()

    def tree(self) -> list[tuple[str, str | None]]:
        """The name of each span with that of its parent."""
        names = {identity(span).span_id: span.name for span in self.spans}
        return [(span.name, names.get(span.parent.span_id) if span.parent else None) for span in self.spans]


@pytest.fixture
def tracing() -> Tracing:
    return Tracing()


@pytest.fixture
def traced(connect: Connect, tracing: Tracing, sandbox: Sandbox) -> Client:
    """A client whose spans go to `tracing`; what it sent to connect is forgotten."""
    client = connect(tracer_provider=tracing.provider, correlation_id="c0rr")
    sandbox.requests.clear()
    tracing.forget()
    return client


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_an_operation_is_a_span_with_one_for_its_request(
    traced: Client, tracing: Tracing, sandbox: Sandbox, owner: str
) -> None:
    traced.metadata.contents.browse(owner, where(field("title") == "hidden"))
    operation, request = tracing.spans
    assert tracing.tree() == [("browse metadata/contents", None), ("GET", "browse metadata/contents")]
    assert operation.kind is SpanKind.INTERNAL
    assert attributes(operation) == {
        "sequoia.operation": "browse",
        "sequoia.service": "metadata",
        "sequoia.resource": "contents",
        "sequoia.owner": owner,
        "sequoia.correlation_id": "c0rr",
    }
    location = traced.metadata.location
    assert request.kind is SpanKind.CLIENT
    assert attributes(request) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
        "server.address": "127.0.0.1",
        "server.port": httpx2.URL(location).port,
        "url.full": f"{location}/data/contents?owner=REDACTED&withTitle=REDACTED",
    }
    assert request.status.status_code is StatusCode.UNSET


def test_the_trace_goes_on_at_the_service(traced: Client, tracing: Tracing, sandbox: Sandbox, owner: str) -> None:
    traced.metadata.contents.browse(owner)
    (arrived,) = sent(sandbox)
    context = identity(tracing.spans[1])
    assert arrived.headers["traceparent"].startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")


def test_the_trace_goes_to_no_origin_that_the_registry_does_not_name(
    connect: Connect, serve: Serve, tracing: Tracing
) -> None:
    other = serve(lambda _: as_json({"contents": []}))

    def respond(request: Arrived) -> Served:
        if request.path == "/services/acme":
            return registry(metadata=server.origin)
        return Served(307, b"", {"location": f"{other.origin}/x"})

    server = serve(respond)
    client = connect(server.registry_url, auth_type=AuthType.NO_AUTH, tracer_provider=tracing.provider)
    client.metadata.contents.browse("acme")
    client.get(f"{other.origin}/y")
    assert all("traceparent" in one.headers for one in server.arrived)
    assert [one.path for one in other.arrived if "traceparent" not in one.headers] == ["/x", "/y"]


def test_each_try_is_a_span_and_says_which_one_it_is(
    traced: Client, tracing: Tracing, sandbox: Sandbox, owner: str
) -> None:
    sandbox.faults.add(Fault(status=503, service="metadata", times=2))
    traced.metadata.contents.browse(owner)
    operation, *tries = tracing.spans
    assert [attributes(one).get("http.request.resend_count") for one in tries] == [None, 1, 2]
    assert [attributes(one).get("error.type") for one in tries] == ["503", "503", None]
    assert [one.status.status_code for one in tries] == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET]
    assert operation.status.status_code is StatusCode.UNSET


def test_a_failure_is_recorded_without_what_the_service_wrote(
    traced: Client, tracing: Tracing, sandbox: Sandbox, owner: str
) -> None:
    body = b'{"statusCode": 500, "error": "Oops", "message": "the title hidden"}'
    sandbox.faults.add(Fault(status=500, body=body, service="metadata", times=None))
    with pytest.raises(ServerError):
        traced.metadata.contents.browse(
            owner, where(field("title") == "hidden"), backoff_strategy={"max_tries": 2, "interval": 0}
        )
    operation = tracing.spans[0]
    assert operation.status.status_code is StatusCode.ERROR
    assert attributes(operation)["error.type"] == "500"
    assert attributes(operation)["sequoia.tries"] == 2
    assert [dict(event.attributes or {}) for event in operation.events] == [
        {"exception.type": "sequoia.error.ServerError"}
    ]
    assert "hidden" not in "".join(span.to_json() for span in tracing.spans)


def test_a_lost_connection_is_recorded(traced: Client, tracing: Tracing, sandbox: Sandbox, owner: str) -> None:
    sandbox.faults.add(Fault(drop="before", service="metadata"))
    with pytest.raises(ConnectionError):
        traced.metadata.contents.browse(owner, backoff_strategy={"max_tries": 1})
    for span in tracing.spans:
        assert attributes(span)["error.type"] == "sequoia.error.ConnectionError"
        assert span.status.status_code is StatusCode.ERROR
        (event,) = span.events
        assert str((event.attributes or {})["exception.message"]).startswith("connection lost")


def test_the_spans_show_no_secret(connect: Connect, tracing: Tracing, sandbox: Sandbox, owner: str) -> None:
    client = connect(tracer_provider=tracing.provider)
    client.metadata.contents.browse(owner)
    assert tracing.tree() == [
        ("registry", None),
        ("GET", "registry"),
        ("token identity", None),
        ("POST", "token identity"),
        ("browse metadata/contents", None),
        ("GET", "browse metadata/contents"),
    ]
    used = {one.headers["authorization"].split()[1] for one in sandbox.requests if "authorization" in one.headers}
    shown = "".join(span.to_json() for span in tracing.spans)
    assert not [secret for secret in (*used, sandbox.client_secret) if secret in shown]


def test_a_renewal_is_a_span_inside_the_operation_that_waits_for_it(
    traced: Client, tracing: Tracing, sandbox: Sandbox, owner: str
) -> None:
    sandbox.faults.add(Fault(token="expired", service="metadata", times=1))
    traced.metadata.contents.browse(owner)
    browse = "browse metadata/contents"
    assert tracing.tree() == [
        (browse, None),
        ("GET", browse),
        ("token identity", browse),
        ("POST", "token identity"),
        ("GET", browse),
    ]


def test_several_requests_of_one_operation_are_in_one_span(
    traced: Client, tracing: Tracing, sandbox: Sandbox, owner: str
) -> None:
    refs = load_contents(sandbox, owner, 60)
    traced.metadata.contents.read(owner, refs)
    assert tracing.tree() == [("read metadata/contents", None), *[("GET", "read metadata/contents")] * 2]
    tracing.forget()
    traced.metadata.contents.patch(owner, refs[0], {"title": "new"})
    patch = "patch metadata/contents"
    assert tracing.tree() == [(patch, None), ("GET", patch), ("GET", patch), ("PUT", patch)]
    assert not any("http.request.resend_count" in attributes(span) for span in tracing.spans)


def test_the_batches_of_workers_hang_on_the_bulk_write(traced: Client, tracing: Tracing, owner: str) -> None:
    resources = [content(owner, f"c{n}") for n in range(8)]
    traced.metadata.contents.bulk_store(owner, resources, batch_size=2, workers=3)
    name = "bulk_store metadata/contents"
    assert sorted(tracing.tree(), key=str) == sorted([(name, None), *[("POST", name)] * 4], key=str)


def test_each_page_of_a_scan_is_a_span(traced: Client, tracing: Tracing, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 5)
    assert len(list(traced.metadata.contents.scan(owner, where().per_page(2)))) == 5
    name = "scan metadata/contents"
    assert tracing.tree() == [(name, None), ("GET", name)] * 3
    assert {attributes(span)["sequoia.correlation_id"] for span in tracing.spans if span.name == name} == {"c0rr"}


def test_the_pages_that_workers_read_hang_on_what_was_under_way_when_the_scan_was_made(
    tracing: Tracing, sandbox: Sandbox, owner: str
) -> None:
    load_contents(sandbox, owner, 40)
    with sandbox.client(tracer_provider=tracing.provider) as client:
        tracing.forget()
        with tracing.provider.get_tracer("test").start_as_current_span("export"):
            assert len(list(client.metadata.contents.scan(owner, workers=2))) == 40
    parents = {parent for name, parent in tracing.tree() if name == "scan metadata/contents"}
    assert parents == {"export"}


def test_operations_of_several_threads_do_not_get_into_each_other_s_spans(
    traced: Client, tracing: Tracing, owner: str
) -> None:
    threads = [threading.Thread(target=traced.metadata.contents.browse, args=(owner,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    operations = {identity(span).span_id for span in tracing.spans if span.parent is None}
    parents = [span.parent.span_id for span in tracing.spans if span.parent is not None]
    assert len(operations) == len(parents) == 8
    assert set(parents) == operations


def test_a_provider_that_makes_no_spans_switches_them_off(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    connect(tracer_provider=trace.NoOpTracerProvider()).metadata.contents.browse(owner)
    assert all("traceparent" not in one.headers for one in sandbox.requests)


def test_an_import_of_opentelemetry_that_another_thread_is_in_the_middle_of_harms_nothing(
    connect: Connect, sandbox: Sandbox, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect()
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", ModuleType("opentelemetry.trace"))
    assert client.metadata.contents.browse(owner).resources == []
    assert all("traceparent" not in one.headers for one in sandbox.requests)


def test_a_provider_counts_even_if_it_is_false(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    class Empty(TracerProvider):
        def __len__(self) -> int:
            return 0

    connect(tracer_provider=Empty()).metadata.contents.browse(owner)
    assert "traceparent" in sandbox.requests[-1].headers


def test_a_provider_is_one_of_opentelemetry(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="tracer_provider must be one of OpenTelemetry, not 'console'"):
        Client(sandbox.registry_url, auth_type=AuthType.NO_AUTH, tracer_provider="console")


_PROGRAM = """
import sys
from sequoia import Client
client = Client(sys.argv[1], grant_client_id=sys.argv[2], grant_client_secret=sys.argv[3], proxies={})
client.metadata.contents.browse("acme")
assert "sequoia.spans" not in sys.modules and "opentelemetry" not in sys.modules
from opentelemetry import trace
client.metadata.contents.browse("acme")
assert "traceparent" not in str(client.metadata.contents.browse("acme").raw.request.headers)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
client.metadata.contents.browse("acme")
print(" ".join(span.name for span in exporter.get_finished_spans()))
"""


def test_spans_begin_when_the_program_sets_a_provider_and_nothing_is_imported_before(sandbox: Sandbox) -> None:
    command = [sys.executable, "-c", _PROGRAM, sandbox.registry_url, sandbox.client_id, sandbox.client_secret]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - literal arguments
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["GET", "browse", "metadata/contents"]
