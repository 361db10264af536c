"""Bulk writes and scans that are interrupted by real signals, or by the end of the program, in processes of their own.

What such a program was told is what the sandbox holds; and it ends, whatever is under way.
"""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from tests.contract.conftest import Connect, Serve
from tests.contract.data import content, load_contents, sent
from tests.contract.programs import SLOW, Program
from tests.contract.servers import TOKEN, Arrived, Served, as_json, registry

from sequoia import where
from sequoia.bulk import read_dead_letters
from sequoia.sandbox import Sandbox

Run = Callable[..., Program]

# What a user may write: what has become of a resource goes to a file before the next thing happens.
ABOVE = """
from operator import length_hint

told = os.open(sys.argv[0] + ".told", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
seen = 0

def note(result):
    global seen
    os.write(told, f"{result.ref} {result.ok} {result.ambiguous}\\n".encode())
    seen += 1
    if seen == SEEN:
        print("now", flush=True)

def film(number):
    wrong = {"releaseYear": "soon"} if number % 23 == 7 else {}
    return {"owner": OWNER, "name": f"f-{number:05}", "type": "movie", **wrong}

def last_words(error, left):
    report = error.report
    print(report.stored + report.deleted, report.failures, length_hint(left), report.complete)
"""
STORES = """
films = iter([film(number) for number in range(6_000)])
try:
    with connect() as client:
        client.metadata.contents.bulk_store(
            OWNER, films, batch_size=10, workers=WORKERS, on_result=note, dead_letters=sys.argv[0] + ".letters")
except BaseException as error:
    last_words(error, films)
    raise
"""
DELETES = STORES.replace("film(number) for", 'f"{OWNER}:f-{number:05}" for').replace("bulk_store", "bulk_delete")


# What is closing its connections when asyncio.run ends is cancelled once more, and Python says so where it is told to.
QUIET = 'warnings.simplefilter("ignore", ResourceWarning)'


def with_tasks(source: str, run: str) -> str:
    """The same with an `AsyncClient`."""
    body = source.replace("with connect()", "async with AsyncClient(URL, **OPTIONS)")
    body = body.replace("client.metadata.contents.bulk", "await client.metadata.contents.bulk")
    return f"import asyncio\n{QUIET}\nasync def main():\n{indent(body, '    ')}\n{run}"


EXITS = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))"
CANCELS = """
async def cancelled():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    await main()
try:
    asyncio.run(cancelled())
except asyncio.CancelledError:
    sys.exit(3)
"""
SHELLS: dict[str, Callable[[str], str]] = {
    "sync": lambda source: EXITS + source,
    "asyncio": lambda source: with_tasks(source, "asyncio.run(main())"),
    "asyncio-cancelled": lambda source: with_tasks(source, CANCELS),
    "trio": lambda source: with_tasks(source, "import trio\ntrio.run(main)"),
}
INTERRUPTED = (-signal.SIGINT, "KeyboardInterrupt")
WAYS = [
    ("sync", signal.SIGINT, *INTERRUPTED),
    ("sync", signal.SIGTERM, 3, ""),
    ("asyncio", signal.SIGINT, *INTERRUPTED),
    ("asyncio-cancelled", signal.SIGTERM, 3, ""),
    ("trio", signal.SIGINT, *INTERRUPTED),
]
EVERY_WAY = pytest.mark.parametrize(
    ("shell", "number", "status", "word"), WAYS, ids=[f"{one[0]}-{one[1].name}" for one in WAYS]
)


@pytest.fixture
def run(tmp_path: Path, sandbox: Sandbox, owner: str) -> Iterator[Run]:
    with ExitStack() as stack:

        def start(source: str, *, workers: int = 4, seen: int = 0, url: str | None = None) -> Program:
            above = f"OWNER, WORKERS, SEEN = {owner!r}, {workers}, {seen}\n{ABOVE}"
            return stack.enter_context(Program(tmp_path, source, sandbox, url, above))

        yield start


class Left:
    """What a program left behind.

    Args:
        folder: Where it was.
    """

    def __init__(self, folder: Path) -> None:
        lines = [line.split() for line in (folder / "program.py.told").read_text().splitlines()]
        self.good = {ref for ref, ok, _ in lines if ok == "True"}
        self.bad = {ref for ref, ok, ambiguous in lines if ok == "False" and ambiguous == "False"}
        self.letters = folder / "program.py.letters"
        letters = [json.loads(line) for line in self.letters.read_text().splitlines()]
        self.lost = {one["ref"] for one in letters if not one["error"]["ambiguous"]}
        self.ambiguous = {one["ref"] for one in letters if one["error"]["ambiguous"]}
        self.number = len(letters)


def held(sandbox: Sandbox, owner: str) -> set[str]:
    """The refs in the sandbox."""
    with sandbox.client() as client:
        return {one["ref"] for one in client.metadata.contents.scan(owner, fields=["ref"])}


def quiet(err: str, word: str) -> None:
    """Not a word but the traceback of what ended the program."""
    assert err.strip().rpartition("\n")[2] == word, err
    for complaint in ("never retrieved", "Exception ignored", "in thread", "destroyed", "Warning", "unraisable"):
        assert complaint not in err, err


# Bulk writes


@EVERY_WAY
@pytest.mark.parametrize(("workers", "seen"), [(1, 3), (4, 411)])
def test_an_interrupted_store_has_told_the_truth(  # noqa: PLR0917 - a table of cases
    run: Run, sandbox: Sandbox, owner: str, tmp_path: Path, shell: str, number: signal.Signals, status: int, word: str,
    workers: int, seen: int,
) -> None:  # fmt: skip
    program = run(SHELLS[shell](STORES), workers=workers, seen=seen)
    assert program.line() == "now"
    program.signal(number)
    ended, lines, err = program.ended()
    assert ended == status, err
    quiet(err, word)
    [words] = lines

    left, there = Left(tmp_path), held(sandbox, owner)
    done, failures, not_read, complete = words.split()
    assert left.good <= there
    assert not (left.bad | left.lost) & there
    assert int(done) == len(there - left.ambiguous)
    assert int(failures) == left.number
    # Nothing that was read from the source is unaccounted for, and the source can be read on.
    assert int(done) + int(failures) + int(not_read) == 6_000
    assert (complete, int(not_read) > 0) == ("False", True)

    replayed = [one for one in read_dead_letters(left.letters) if "releaseYear" not in one]
    with sandbox.client() as client:
        assert client.metadata.contents.bulk_store(owner, replayed).ok


@EVERY_WAY
def test_an_interrupted_delete_has_told_the_truth(  # noqa: PLR0917 - a table of cases
    run: Run, sandbox: Sandbox, owner: str, tmp_path: Path, shell: str, number: signal.Signals, status: int, word: str
) -> None:
    names = [f"f-{n:05}" for n in range(6_000)]
    sandbox.load("metadata", "contents", [content(owner, name) for name in names])
    before = {f"{owner}:{name}" for name in names}
    program = run(SHELLS[shell](DELETES), seen=201)
    assert program.line() == "now"
    program.signal(number)
    ended, lines, err = program.ended()
    assert ended == status, err
    quiet(err, word)
    [words] = lines

    left, gone = Left(tmp_path), before - held(sandbox, owner)
    done, failures, not_read, _ = words.split()
    assert left.good <= gone
    assert not (left.bad | left.lost) & gone
    assert int(done) == len(gone - left.ambiguous)
    assert int(done) + int(failures) + int(not_read) == 6_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("shell", ["asyncio", "trio"])
def test_a_store_that_is_killed_has_told_the_truth(  # noqa: PLR0917 - a table of cases
    run: Run, sandbox: Sandbox, owner: str, tmp_path: Path, shell: str, number: signal.Signals
) -> None:
    program = run(SHELLS[shell](STORES), seen=307)
    assert program.line() == "now"
    program.signal(number)
    assert program.ended() == (-number, [], "")

    left, there = Left(tmp_path), held(sandbox, owner)
    assert left.good <= there
    assert left.bad <= left.lost
    assert not left.lost & there


@pytest.mark.parametrize("shell", ["sync", "asyncio", "trio"])
def test_ctrl_c_ends_a_program_whose_requests_are_never_answered(
    run: Run, serve: Serve, owner: str, tmp_path: Path, shell: str
) -> None:
    ended, held_up = threading.Event(), threading.Barrier(5)

    def respond(request: Arrived) -> Served:
        if "/data/" in request.path:
            held_up.wait(SLOW)
            assert ended.wait(2 * SLOW)
        return as_json(TOKEN) if request.method == "POST" else registry(identity=at.origin, metadata=at.origin)

    at = serve(respond)
    source = SHELLS[shell](STORES.replace("batch_size=10", "batch_size=2"))
    program = run(source, url=at.registry_url)
    try:
        held_up.wait(SLOW)
        program.signal(signal.SIGINT)
        status, [words], err = program.ended()
    finally:
        ended.set()
    assert status == -signal.SIGINT
    quiet(err, "KeyboardInterrupt")
    assert words.split()[0] == "0"
    letters = [json.loads(line) for line in (tmp_path / "program.py.letters").read_text().splitlines()]
    assert {one["ref"] for one in letters if one["error"]["ambiguous"]} == {f"{owner}:f-{n:05}" for n in range(8)}


# The end of a program


def test_a_program_that_ends_in_the_middle_of_a_scan_says_nothing(run: Run, sandbox: Sandbox, owner: str) -> None:
    load_contents(sandbox, owner, 300)
    program = run("""
        from sequoia import where
        client = connect()
        scans = [client.metadata.contents.scan(OWNER, where().per_page(5), workers=n, read_ahead=True) for n in (1, 4)]
        loops = [iter(scan) for scan in scans]
        for loop in loops:
            next(loop)
        print(len([thread for thread in threading.enumerate() if thread.name == "sequoia-worker"]) > 0)
    """)
    assert program.end() == ["True"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_event_loop_that_ends_in_the_middle_of_a_scan_says_nothing(
    run: Run, sandbox: Sandbox, owner: str, backend: str
) -> None:
    load_contents(sandbox, owner, 300)
    program = run(f"""
        import anyio
        from sequoia import where
        async def main():
            async with AsyncClient(URL, **OPTIONS) as client:
                scan = client.metadata.contents.scan(OWNER, where().per_page(5), workers=4)
                loop = aiter(scan)
                await anext(loop)
                kept.append(loop)
                print(scan.checkpoint["done"])
        kept = []
        anyio.run(main, backend={backend!r})
    """)
    assert program.end() == ["1"]


def test_a_program_that_ends_in_the_middle_of_a_daemon_s_bulk_write_says_nothing(
    run: Run, sandbox: Sandbox, owner: str, tmp_path: Path
) -> None:
    program = run(
        """
        def store():
            with connect() as client:
                client.metadata.contents.bulk_store(
                    OWNER, map(film, range(6_000)), batch_size=10, on_result=note,
                    dead_letters=sys.argv[0] + ".letters")
        threading.Thread(target=store, daemon=True).start()
        sys.stdin.readline()
        print("ends")
        """,
        seen=101,
    )
    assert program.line() == "now"
    program.tell()
    assert program.end() == ["ends"]
    left, there = Left(tmp_path), held(sandbox, owner)
    assert left.good <= there
    assert left.bad <= left.lost
    assert not left.lost & there


# Tokens


@pytest.mark.parametrize("way", [{}, {"workers": 4}, {"workers": 4, "ordered": True}], ids=["one", "four", "ordered"])
def test_a_token_that_is_revoked_in_mid_scan_costs_one_renewal(
    connect: Connect, sandbox: Sandbox, owner: str, way: dict[str, Any]
) -> None:
    stored: list[str] = []
    for number in range(12):  # at twelve times
        names = [f"c-{n:02}-{number:02}" for n in range(25)]
        sandbox.load("metadata", "contents", [content(owner, name) for name in names])
        stored += [f"{owner}:{name}" for name in names]
    client = connect()
    found: list[str] = []
    for one in client.metadata.contents.scan(owner, where().per_page(5), **way):
        found.append(one["ref"])
        if len(found) == 60:
            sandbox.expire_tokens()
    assert sorted(found) == sorted(stored)
    assert sandbox.token_requests == 2
    assert {one.status for one in sent(sandbox)} == {200, 401}
