"""What a failure leaves behind: an error that can travel and shows no secret, and a client that goes on working."""

from __future__ import annotations

import pickle
import signal
import threading
from typing import Any

import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import sent
from tests.contract.servers import TOKEN, Arrived, Served, as_json, registry

from sequoia import Client
from sequoia.error import BadRequest, ConnectionError, HttpError, NotFound
from sequoia.sandbox import Fault, Sandbox


@pytest.fixture
def failures(client: Client, sandbox: Sandbox, owner: str) -> list[HttpError | ConnectionError]:
    found: list[HttpError | ConnectionError] = []
    for fault in ({"status": 400}, {"status": 503}, {"drop": "before"}, {"body": b"<p>", "status": 502}):
        sandbox.faults.add(Fault(service="metadata", **fault))
        try:
            client.metadata.contents.browse(owner, backoff_strategy={"max_tries": 1})
        except (HttpError, ConnectionError) as error:
            found.append(error)
    return found


def test_every_error_survives_pickle_after_a_real_failure(
    failures: list[HttpError | ConnectionError], client: Client, owner: str
) -> None:
    with pytest.raises(NotFound) as missing:
        client.metadata.contents.read(owner, f"{owner}:gone")
    assert len(failures) == 4
    for error in [*failures, missing.value]:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        assert type(again) is type(error)
        assert str(again) == str(error)
        for name in ("message", "method", "url", "correlation_id", "headers", "tries", "retry_after"):
            assert getattr(again, name) == getattr(error, name)
    assert isinstance(failures[0], BadRequest)


def test_no_error_shows_a_secret(failures: list[HttpError | ConnectionError], sandbox: Sandbox) -> None:
    tokens = {one.headers["authorization"].partition(" ")[2] for one in sent(sandbox)}
    for error in failures:
        shown = f"{error} {error!r} {vars(error)!r}".encode() + pickle.dumps(error)
        for secret in (*tokens, sandbox.client_secret):
            assert secret.encode() not in shown


@pytest.mark.parametrize("where_from", ["/oauth/token", "/data/contents"])
def test_an_interrupt_in_the_middle_leaves_the_client_usable(connect: Connect, serve: Serve, where_from: str) -> None:
    interrupted = threading.Event()

    def respond(request: Arrived) -> Served:
        if request.path == where_from and armed.is_set() and not interrupted.is_set():
            interrupted.set()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        if request.path.startswith("/services"):
            return registry(identity=server.origin, metadata=server.origin)
        if request.path == "/oauth/token":
            return as_json(TOKEN)
        if request.headers["authorization"] == "Bearer old":
            return Served(401)
        return as_json({"meta": {}, "contents": [{"ref": "acme:x"}]})

    armed = threading.Event()
    server = serve(respond)
    client = connect(server.registry_url, byo_token="old" if where_from == "/oauth/token" else None)
    browse = client.metadata.contents.browse("acme", prefetch_pages=0)
    armed.set()
    with pytest.raises(KeyboardInterrupt):
        _ = browse.resources
    assert interrupted.is_set()
    # The same browse, whose lock was held, and another one from another thread.
    assert browse.resources == [{"ref": "acme:x"}]
    others: list[Any] = []
    thread = threading.Thread(target=lambda: others.append(client.metadata.contents.browse("acme").resources))
    thread.start()
    thread.join(10)
    assert others == [[{"ref": "acme:x"}]]
