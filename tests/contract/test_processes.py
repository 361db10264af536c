"""Clients and processes: forked, spawned, interrupted and ended ones, and several that share one token."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from copy import copy, deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import content, load_contents, sent
from tests.contract.programs import SLOW, Program
from tests.contract.servers import Arrived, Served, TinyServer, as_json, registry

from sequoia import Client, InstantClock, where
from sequoia.aio.crew import AsyncCrew
from sequoia.bulk import Result
from sequoia.crew import Crew
from sequoia.error import BadRequest, InvalidResource
from sequoia.sandbox import Fault, Sandbox
from sequoia.token_file import FileTokenStore
from sequoia.validation import Purpose, faults_in

Run = Callable[..., Program]

SHARED = """
    store = FileTokenStore(sys.argv[0] + ".tokens.json")
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(3):
        with connect(token_store=store) as client:
            print(browse(client))
"""
SHARED_BY_TASKS = """
    import anyio
    async def main():
        async with AsyncClient(URL, token_store=store, **OPTIONS) as client:
            print((await client.metadata.contents.browse("acme")).status)
    store = FileTokenStore(sys.argv[0] + ".tokens.json")
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(3):
        anyio.run(main)
"""


@pytest.fixture
def run(tmp_path: Path, sandbox: Sandbox) -> Any:
    with ExitStack() as stack:

        def start(source: str, url: str | None = None, above: str = "") -> Program:
            return stack.enter_context(Program(tmp_path, source, sandbox, url, above))

        yield start


# One token for many processes


@pytest.mark.parametrize("source", [SHARED, SHARED_BY_TASKS], ids=["threads", "tasks"])
def test_processes_that_start_at_once_share_one_token(run: Run, sandbox: Sandbox, source: str) -> None:
    # The others are to find the token request under way, and wait.
    sandbox.faults.add(Fault(delay=0.3, service="identity"))
    programs = [run(source) for _ in range(5)]
    assert [program.line() for program in programs] == ["ready"] * 5
    for program in programs:
        program.tell()
    assert [program.end() for program in programs] == [["200"] * 3] * 5
    assert sandbox.token_requests == 1


def test_processes_whose_token_is_revoked_share_the_next_one(run: Run, sandbox: Sandbox) -> None:
    source = """
        client = connect(token_store=FileTokenStore(sys.argv[0] + ".tokens.json"))
        print(browse(client), flush=True)
        sys.stdin.readline()
        print(browse(client))
    """
    programs = [run(source) for _ in range(4)]
    assert [program.line() for program in programs] == ["200"] * 4
    sandbox.expire_tokens()
    for program in programs:
        program.tell()
    assert [program.end() for program in programs] == [["200"]] * 4
    assert sandbox.token_requests == 2


def test_a_token_in_a_file_is_found_by_the_next_client(
    connect: Connect, sandbox: Sandbox, owner: str, tmp_path: Path
) -> None:
    for _ in range(3):
        client = connect(token_store=FileTokenStore(tmp_path / "tokens.json"))
        assert client.metadata.contents.browse(owner).status == 200
    assert sandbox.token_requests == 1
    sandbox.expire_tokens()
    assert client.metadata.contents.browse(owner).status == 200
    assert connect(token_store=FileTokenStore(tmp_path / "tokens.json")).metadata.contents.browse(owner).status == 200
    assert sandbox.token_requests == 2


def test_a_process_that_never_ends_its_renewal_is_not_waited_for_for_ever(
    connect: Connect, sandbox: Sandbox, owner: str, tmp_path: Path
) -> None:
    clock = InstantClock()
    keys: list[Any] = []

    class Taken(FileTokenStore):
        def claim(self, key: Any) -> None:
            keys.append(key)

    client = connect(token_store=Taken(tmp_path / "tokens.json", clock), clock=clock)
    assert client.metadata.contents.browse(owner).status == 200
    assert sum(clock.waits) == pytest.approx(30, abs=0.1)
    assert len(set(keys)) == 1


def test_a_file_that_is_none_stops_no_client(connect: Connect, sandbox: Sandbox, owner: str, tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text("something else")
    client = connect(token_store=FileTokenStore(tmp_path / "tokens.json"))
    assert client.metadata.contents.browse(owner).status == 200
    assert sandbox.token_requests == 1


# Forked and spawned


def test_a_forked_process_uses_the_token_with_a_client_of_its_own(run: Run, sandbox: Sandbox) -> None:
    lines = run("""
        parent = connect()
        browse(parent)
        browsing = iter(parent.metadata.contents.browse("acme"))
        endpoint = parent.metadata.contents
        child = os.fork()
        if not child:
            for use in (lambda: browse(parent), lambda: endpoint.read("acme", "acme:x"), parent.refresh):
                try:
                    use()
                except ClientError as error:
                    print("make a client in each process" in str(error), str(os.getppid()) in str(error))
            with connect() as own:
                print(browse(own))
            parent.close()
            # What it inherited stays open: closing it might say goodbye in the name of the parent.
            warnings.simplefilter("ignore", ResourceWarning)
            sys.exit(0)
        os.waitpid(child, 0)
        print(browse(parent), browse(parent))
        parent.close()
    """).end()
    assert lines == ["True True"] * 3 + ["200", "200 200"]
    assert sandbox.token_requests == 1


def test_the_connections_of_the_parent_outlive_the_child(run: Run, serve: Serve) -> None:
    """The child ends, and with it what it inherited, while the parent waits for an answer on that connection."""
    held, ended = threading.Event(), threading.Event()

    def respond(request: Arrived) -> Served:
        if "slow" in request.target:
            held.set()
            assert ended.wait(SLOW)
        return as_json({"meta": {}, "contents": []})

    server = serve(respond)
    program = run(
        f"""
        client = connect()
        def slow():
            print(client.get("{server.origin}/slow").status, flush=True)
        waiting = threading.Thread(target=slow)
        waiting.start()
        sys.stdin.readline()
        if not (child := os.fork()):
            client.close()
            warnings.simplefilter("ignore", ResourceWarning)
            sys.exit(0)
        os.waitpid(child, 0)
        print("ended", flush=True)
        waiting.join()
        client.close()
        """
    )
    assert held.wait(SLOW)
    program.tell()
    assert program.line() == "ended"
    ended.set()
    assert program.end() == ["200"]


def test_a_child_inherits_no_lock_that_a_thread_of_its_parent_holds(run: Run, serve: Serve) -> None:
    issuer = Renewing(serve)
    program = run(
        """
        client = connect()
        renewing = threading.Thread(target=browse, args=(client,))
        renewing.start()
        sys.stdin.readline()
        if not (child := os.fork()):
            print(browse(connect()), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print("ended", flush=True)
        renewing.join()
        """,
        issuer.url,
    )
    assert issuer.held.wait(SLOW)
    program.tell()
    assert [program.line(), program.line()] == ["200", "ended"]
    issuer.go_on.set()
    assert program.end() == []


def test_a_child_is_told_that_the_workers_of_a_scan_stayed_in_the_parent(run: Run) -> None:
    lines = run("""
        from sequoia.crew import Crew
        crew, ready = Crew(1), threading.Event()
        def work():
            with crew._lock:  # as if it were about to hand over what it has
                ready.set()
                sys.stdin.readline()
        crew.start(work)
        ready.wait()
        if not (child := os.fork()):
            try:
                crew.take()
            except ClientError as error:
                print(error, flush=True)
            crew.stop()
            os._exit(0)
        os.waitpid(child, 0)
    """).end()
    assert lines == ["the threads that work for this stayed in the parent process: begin again in this one"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_errors_and_queries_cross_a_process_and_clients_say_that_they_do_not(run: Run, method: str) -> None:
    above = """
        from sequoia import field, where
        def fetch(query):
            client = connect()
            assert str(query) == "withType=movie", query
            try:
                client.metadata.contents.read("acme", "acme:nothing")
            except ClientError as error:
                error.add_note("in the child")
                raise
        def nothing(client):
            pass
    """
    lines = run(
        f"""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        parent = connect()
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("{method}")) as pool:
            try:
                pool.submit(fetch, where(field("type") == "movie")).result()
            except ClientError as error:
                print(type(error).__name__, error.status_code, error.__notes__[-1], error.tries)
            try:
                pool.submit(nothing, parent).result()
            except TypeError as error:
                print(error)
        parent.close()
        """,
        above=above,
    ).end()
    assert lines == [
        "NotFound 404 in the child 1",
        "a client holds connections and cannot cross a process: make one in each process",
    ]


def test_a_response_and_a_descriptor_cross_a_process(connect: Connect, sandbox: Sandbox, owner: str) -> None:
    (ref,) = load_contents(sandbox, owner, 1)
    client = connect(model_resolution=True)
    response = client.metadata.contents.read(owner, ref, criteria=where().include("assets"))
    dumped = pickle.dumps(response)
    again = pickle.loads(dumped)  # noqa: S301 - our own bytes
    assert (again.resource, again.model, again.status) == (response.resource, response.model, 200)
    token = sent(sandbox)[-1].headers["authorization"].removeprefix("Bearer ").encode()
    assert token not in dumped
    descriptor = pickle.loads(pickle.dumps(client.metadata.descriptor))  # noqa: S301 - our own bytes
    assert descriptor.resourcefuls.keys() == client.metadata.descriptor.resourcefuls.keys()


@pytest.mark.parametrize(
    "part",
    [
        lambda client: client.metadata,
        lambda client: client.metadata.contents,
        lambda client: client.metadata.contents.browse("acme"),
        lambda client: client.metadata.contents.browse("acme").linked("assets"),
        lambda client: client.workflow.business("/x"),
    ],
)
def test_what_belongs_to_a_client_says_that_it_cannot_cross_a_process(
    client: Client, part: Callable[[Client], Any]
) -> None:
    with pytest.raises(TypeError, match="holds its connections and cannot cross a process: make a client in each"):
        pickle.dumps(part(client))


def crossed(value: Any) -> Any:
    """The value in another process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(copy, value).result()


def test_what_a_bulk_write_and_a_scan_hand_out_crosses_a_process(client: Client, owner: str) -> None:
    told: list[Any] = []
    results: list[Result] = []
    films: list[Any] = [content(owner, "a"), content(owner, "b", releaseYear="soon"), object()]
    report = client.metadata.contents.bulk_store(owner, films, on_result=results.append, progress=told.append)
    query = where().per_page(1).order_by("ref")
    scan = client.metadata.contents.scan(owner, query, progress=told.append, count=True)
    (resource,) = scan
    changes = client.metadata.contents.changes(owner)
    assert [one["ref"] for one in changes] == [resource["ref"]]
    given = [report, results, told, query, scan.checkpoint, changes.watermark, client.metadata.descriptor, resource]

    report_again, results_again, told_again, query_again, checkpoint, watermark, descriptor, again = crossed(given)
    assert (str(report_again), report_again.ok) == (str(report), False)
    assert sorted(str(one.ref) for one in report_again.failed) == sorted(str(one.ref) for one in report.failed)
    assert [(one.ref, one.ok, one.answer) for one in results_again] == [
        (one.ref, one.ok, one.answer) for one in results
    ]
    assert {type(one.error) for one in results_again} == {BadRequest, InvalidResource, type(None)}
    assert told_again == told
    assert again == resource
    contents = descriptor.resource("contents")
    assert contents.store_limit == 100
    assert faults_in(contents, films[1], Purpose.WHOLE)
    assert list(client.metadata.contents.scan(owner, query_again, resume=checkpoint)) == []
    assert list(client.metadata.contents.changes(owner, watermark)) == []


def test_an_interrupted_bulk_write_s_exception_crosses_with_its_report(client: Client, owner: str) -> None:
    def stop(_: Result) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError) as caught:
        client.metadata.contents.bulk_store(owner, [content(owner, "a")], on_result=stop)
    assert crossed(caught.value).report.stored == 1


@dataclass
class Film:
    """A model of a scan."""

    ref: str


def test_models_of_a_scan_cross_a_process(client: Client, owner: str) -> None:
    client.metadata.contents.store(owner, content(owner, "a"))
    assert pickle.loads(pickle.dumps(list(client.metadata.contents.scan(owner, model=Film)))) == [  # noqa: S301 - our own
        Film(f"{owner}:a")
    ]


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (lambda client: client.metadata.contents.scan("acme"), "hand over its checkpoint"),
        (lambda client: client.metadata.contents.scan("acme", workers=4), "hand over its checkpoint"),
        (lambda client: client.metadata.contents.changes("acme"), "hand over the watermark"),
        (lambda client: client, "make one in each process"),
    ],
)
@pytest.mark.parametrize("crossing", [pickle.dumps, copy, deepcopy])
def test_a_scan_says_what_to_hand_over_instead(
    client: Client, part: Callable[[Client], Any], told: str, crossing: Callable[[Any], Any]
) -> None:
    with pytest.raises(TypeError, match=f"cannot cross a process.*{told}"):
        crossing(part(client))


@pytest.mark.parametrize("crew", [Crew, AsyncCrew])
def test_workers_say_that_they_cannot_cross_a_process(crew: Callable[[int], Any]) -> None:
    with pytest.raises(TypeError, match="workers belong to their process"):
        pickle.dumps(crew(1))


# Interrupted

INTERRUPTED = """
    def waits_in(name):
        frame = sys._current_frames()[threading.main_thread().ident]
        while frame is not None:
            if frame.f_code.co_name == name and frame.f_code.co_filename.endswith(FILE):
                return True
            frame = frame.f_back
        return False
    def interrupt():
        while not waits_in(NAME):
            tick.wait(0.01)
        tick.wait(0.05)  # from the frame into the call
        os.kill(os.getpid(), signal.SIGINT)
    tick = threading.Event()
"""


def interrupted(file: str, name: str, body: str) -> str:
    """A program whose main thread gets a real SIGINT when it waits in that function, and goes on afterwards."""
    lines = body.strip("\n")
    return f"    FILE, NAME = {file!r}, {name!r}\n{INTERRUPTED}\n{lines}\n"


def test_an_interrupt_in_a_wait_between_tries_leaves_the_client_usable(run: Run, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(status=503, service="metadata"))
    body = """
    client = connect(max_connections=1, backoff_strategy={"interval": 100, "max_tries": 3, "jitter": None})
    threading.Thread(target=interrupt).start()
    try:
        browse(client)
    except KeyboardInterrupt:
        print("interrupted")
    print(browse(client))
    client.close()
    """
    assert run(interrupted("sequoia/clock.py", "sleep", body)).end() == ["interrupted", "200"]


def test_an_interrupt_in_a_wait_for_an_answer_leaves_the_client_usable(run: Run, serve: Serve) -> None:
    ended = threading.Event()
    server = serve(lambda one: as_json({}, 200 if "slow" not in one.target or ended.wait(SLOW) else 500))
    body = f"""
    client = connect(max_connections=1)
    threading.Thread(target=interrupt).start()
    try:
        client.get("{server.origin}/slow")
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    print(client.get("{server.origin}/fast").status, browse(client))
    client.close()
    """
    program = run(interrupted("sequoia/transport.py", "send", body))
    assert program.line() == "interrupted"
    ended.set()
    assert program.end() == ["200 200"]


def test_an_interrupt_in_a_token_request_leaves_its_lock_free(run: Run, serve: Serve) -> None:
    issuer = Renewing(serve)
    body = """
    client = connect(max_connections=1)
    threading.Thread(target=interrupt).start()
    try:
        browse(client)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    print(browse(client))
    client.close()
    """
    program = run(interrupted("sequoia/sending.py", "_granted", body), issuer.url)
    assert program.line() == "interrupted"
    assert program.line() == "200"
    issuer.go_on.set()
    assert program.end() == []
    assert issuer.given == 3


def test_an_interrupt_in_the_wait_for_another_thread_s_renewal_leaves_the_lock_to_that_one(
    run: Run, serve: Serve
) -> None:
    issuer = Renewing(serve)
    body = """
    client = connect()
    renewing = threading.Thread(target=lambda: print(browse(client)))
    renewing.start()
    sys.stdin.readline()
    threading.Thread(target=interrupt).start()
    try:
        browse(client)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    sys.stdin.readline()
    renewing.join()
    print(browse(client))
    client.close()
    """
    program = run(interrupted("sequoia/sending.py", "_renew", body), issuer.url)
    assert issuer.held.wait(SLOW)
    program.tell()
    assert program.line() == "interrupted"
    issuer.go_on.set()
    program.tell()
    assert program.end() == ["200", "200"]
    assert issuer.given == 2


def test_an_interrupt_in_the_wait_for_another_process_renewal_leaves_the_client_usable(
    run: Run, sandbox: Sandbox
) -> None:
    body = """
    store, other = (FileTokenStore(sys.argv[0] + ".json") for _ in range(2))
    key = []
    class Watched(FileTokenStore):
        def claim(self, given):
            key.append(given)
            return super().claim(given)
    client = connect(token_store=Watched(sys.argv[0] + ".json"))
    store.discard(key[0], store.get(key[0]))
    with store.claim(key[0]):
        threading.Thread(target=interrupt).start()
        try:
            browse(client)
        except KeyboardInterrupt:
            print("interrupted")
    print(browse(client))
    client.close()
    """
    assert run(interrupted("sequoia/sending.py", "_claim", body)).end() == ["interrupted", "200"]
    assert sandbox.token_requests == 2


# Ended


@pytest.mark.parametrize("daemon", [True, False])
def test_a_program_that_ends_with_an_open_client_and_threads_at_work_ends(run: Run, daemon: bool) -> None:
    program = run(f"""
        client = connect()
        started = threading.Barrier(9)
        def work():
            browse(client)
            started.wait()
            for _ in range(20):
                browse(client)
        for _ in range(8):
            threading.Thread(target=work, daemon={daemon}).start()
        started.wait()
        print("ends")
    """)
    assert program.end() == ["ends"]


def test_a_program_ends_though_a_daemon_waits_for_an_answer(run: Run, serve: Serve) -> None:
    ended, held = threading.Event(), threading.Event()

    def respond(_: Arrived) -> Served:
        held.set()
        assert ended.wait(SLOW)
        return as_json({})

    server = serve(respond)
    program = run(f"""
        client = connect()
        threading.Thread(target=client.get, args=("{server.origin}/slow",), daemon=True).start()
        sys.stdin.readline()
        print("ends")
    """)
    assert held.wait(SLOW)
    program.tell()
    try:
        assert program.end() == ["ends"]
    finally:
        ended.set()


def test_a_program_ends_though_its_asynchronous_client_was_never_closed(run: Run) -> None:
    program = run("""
        import anyio
        async def main():
            client = AsyncClient(URL, **OPTIONS)
            print((await client.metadata.contents.browse("acme")).status)
        warnings.simplefilter("ignore", ResourceWarning)  # that it was not closed is what asyncio complains of
        anyio.run(main)
    """)
    assert program.end() == ["200"]


class Renewing:
    """Registry, identity and metadata service in one, which holds the first renewal back until it may go on.

    Args:
        serve: Starts a server.

    Attributes:
        url: The registry.
        given: How many token requests there were.
        held: Set when the renewal is there.
        go_on: To be set to let it go on.
    """

    def __init__(self, serve: Serve) -> None:
        self.given = 0
        self.held = threading.Event()
        self.go_on = threading.Event()
        self._server: TinyServer = serve(self._respond)
        self.url = self._server.registry_url

    def _respond(self, request: Arrived) -> Served:
        if request.method == "POST":
            self.given += 1
            number = self.given
            if number == 2:
                self.held.set()
                assert self.go_on.wait(SLOW)
            return as_json({"access_token": f"t-{number}", "token_type": "bearer", "expires_in": 3600})
        if not request.path.startswith("/data/"):
            return registry(identity=self._server.origin, metadata=self._server.origin)
        if request.headers["authorization"] == "Bearer t-1":
            return as_json({"statusCode": 401, "error": "Unauthorized"}, 401)
        return as_json({"meta": {}, "contents": []})
