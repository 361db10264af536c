"""Tokens in a file: who may read it, what survives in it, and what happens when it is not what it should be."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import pickle
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest

from sequoia import InstantClock
from sequoia.token_file import FileTokenStore
from sequoia.tokens import SharedTokenStore, Token, TokenKey

KEY = TokenKey("https://identity.test/oauth/token", "acme-prod", "5ec4e7" * 10)
OTHER = KEY._replace(name="someone")


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Modes must not depend on it."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "tokens.json"


@pytest.fixture
def clock() -> InstantClock:
    return InstantClock()


@pytest.fixture
def store(path: Path, clock: InstantClock) -> FileTokenStore:
    return FileTokenStore(path, clock)


def _good_for(clock: InstantClock, seconds: float, text: str = "t0k3n") -> Token:
    return Token(text, clock.monotonic() + seconds)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _written(path: Path, clock: InstantClock) -> None:
    FileTokenStore(path, clock).put(KEY, _good_for(clock, 100))


def test_another_store_on_the_file_finds_the_token(path: Path, store: FileTokenStore, clock: InstantClock) -> None:
    again = FileTokenStore(path, clock)
    assert again.get(KEY) is None
    store.put(KEY, _good_for(clock, 100))
    store.put(OTHER, Token("for-ever"))
    assert again.get(KEY) == Token("t0k3n")
    assert again.get(OTHER) == Token("for-ever")
    assert again.get(OTHER) is not None
    again.discard(KEY, Token("t0k3n"))
    assert store.get(KEY) is None
    assert store.get(OTHER) == Token("for-ever")


def test_only_the_token_that_was_refused_is_forgotten(store: FileTokenStore, clock: InstantClock) -> None:
    store.put(KEY, _good_for(clock, 100, "new"))
    store.discard(KEY, Token("old"))
    assert store.get(KEY) == Token("new")


def test_only_its_owner_can_read_the_file_and_all_that_is_beside_it(
    path: Path, store: FileTokenStore, clock: InstantClock
) -> None:
    claim = store.claim(KEY)
    assert claim is not None
    with claim:
        store.put(KEY, _good_for(clock, 100))
    assert {one.name.partition(".json")[2] for one in path.parent.iterdir()} == {
        "", ".lock", f".{KEY.fingerprint()[:12]}"
    }  # fmt: skip
    assert {_mode(one) for one in path.parent.iterdir()} == {0o600}
    assert _mode(path.parent) == 0o700


def test_the_file_shows_no_client_and_no_secret(path: Path, store: FileTokenStore, clock: InstantClock) -> None:
    store.put(KEY, _good_for(clock, 100))
    text = path.read_text()
    assert "t0k3n" in text
    for part in KEY:
        assert part not in text
    assert "identity.test" not in text


def test_the_lifetime_goes_by_the_wall_clock_and_never_grows(path: Path, clock: InstantClock) -> None:
    _written(path, clock)
    for seconds, left in ((0, 100), (60, 40), (-500, 100), (150, -50)):
        later = InstantClock(clock.time() + seconds)
        token = FileTokenStore(path, later).get(KEY)
        assert token is not None
        assert token.renew_at is not None
        assert token.renew_at - later.monotonic() == pytest.approx(left, abs=0.01)


def test_tokens_that_have_expired_are_not_kept_for_ever(path: Path, store: FileTokenStore, clock: InstantClock) -> None:
    store.put(KEY, _good_for(clock, 100))
    clock.advance(200)
    store.put(OTHER, _good_for(clock, 100))
    assert list(json.loads(path.read_text())["tokens"]) == [OTHER.fingerprint()]


def test_changes_from_many_threads_all_arrive(path: Path, clock: InstantClock) -> None:
    keys = [KEY._replace(name=f"client-{number}") for number in range(20)]

    def put(key: TokenKey) -> None:
        FileTokenStore(path).put(key, Token(key.name))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, keys))
    again = FileTokenStore(path)
    assert [again.get(key) for key in keys] == [Token(key.name) for key in keys]
    assert {one.name for one in path.parent.iterdir()} == {path.name, f"{path.name}.lock"}


# What is wrong with the file


def test_a_file_that_others_can_read_is_not_used_and_is_replaced(
    path: Path, clock: InstantClock, caplog: pytest.LogCaptureFixture
) -> None:
    _written(path, clock)
    path.chmod(0o644)
    store = FileTokenStore(path, clock)
    assert store.get(KEY) is None
    assert store.get(KEY) is None
    (told,) = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert told.startswith(f"the token file {path} is not used, tokens stay in this process: ")
    assert told.endswith("others may use it: its mode is 0644 instead of 0600")
    store.put(KEY, Token("new"))
    assert store.get(KEY) == Token("new")
    assert _mode(path) == 0o600


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_in_which_others_may_write_is_not_used(
    path: Path, clock: InstantClock, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    _written(path, clock)
    path.parent.chmod(mode)
    store = FileTokenStore(path, clock)
    assert store.get(KEY) is None
    assert "others may write in its folder" in caplog.text
    before = path.read_bytes()
    store.put(KEY, Token("new"))
    assert store.get(KEY) == Token("new")
    assert path.read_bytes() == before
    assert store.claim(KEY) is not None


@pytest.mark.parametrize(
    "content",
    [
        b'{"sequoia_tokens":1,"tokens":{"a":{"access_tok',
        b'{"sequoia_tokens":1,"tokens":{"a":{"access_token":"x\\ny","kept_at":1.0,"renew_at":null}}}',
        b'{"sequoia_tokens":1,"tokens":{"a":{"access_token":"x","kept_at":"1","renew_at":null}}}',
        b'{"sequoia_tokens":1,"tokens":' + b"[" * 100_000,
        b'{"sequoia_tokens":' + b" " * 2**21,
        b'{"sequoia_tokens":1,"tokens":{"a":\xff}}',
    ],
    ids=lambda content: repr(content[:60]),
)
def test_a_damaged_file_is_no_token_and_is_replaced(
    path: Path, clock: InstantClock, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    _written(path, clock)
    path.write_bytes(content)
    store = FileTokenStore(path, clock)
    assert store.get(KEY) is None
    assert "it is damaged" in caplog.text
    store.put(KEY, Token("new"))
    assert FileTokenStore(path, clock).get(KEY) == Token("new")


@pytest.mark.parametrize("content", [b"export PATH=...", b'{"name": "package"}', b"\x00\x01", b"[]"])
def test_a_file_that_belongs_to_something_else_is_left_alone(
    path: Path, clock: InstantClock, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(content)
    path.chmod(0o600)
    store = FileTokenStore(path, clock)
    store.put(KEY, Token("new"))
    assert store.get(KEY) == Token("new")
    assert path.read_bytes() == content
    assert "it was not written by a FileTokenStore" in caplog.text


def test_an_empty_file_is_a_store_without_tokens(path: Path, store: FileTokenStore) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    assert store.get(KEY) is None
    store.put(KEY, Token("new"))
    assert store.get(KEY) == Token("new")


def test_a_link_a_folder_and_a_pipe_are_not_followed_and_not_waited_for(
    tmp_path: Path, clock: InstantClock, caplog: pytest.LogCaptureFixture
) -> None:
    _written(tmp_path / "real.json", clock)
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    (tmp_path / "folder.json").mkdir(mode=0o700)
    os.mkfifo(tmp_path / "pipe.json", 0o600)
    before = (tmp_path / "real.json").read_bytes()
    for name in ("link", "folder", "pipe"):
        store = FileTokenStore(tmp_path / f"{name}.json", clock)
        assert store.get(KEY) is None
        store.put(KEY, Token("new"))
        assert store.get(KEY) == Token("new")
        assert f"{name}.json is not used" in caplog.text
    assert (tmp_path / "real.json").read_bytes() == before


def test_a_path_below_a_file_keeps_tokens_in_memory(
    tmp_path: Path, clock: InstantClock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    store = FileTokenStore(tmp_path / "file" / "tokens.json", clock)
    assert store.get(KEY) is None
    store.put(KEY, Token("new"))
    assert store.get(KEY) == Token("new")
    assert store.claim(KEY) is not None
    store.discard(KEY, Token("new"))
    assert store.get(KEY) is None
    assert "tokens stay in this process" in caplog.text


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    path: Path, store: FileTokenStore, clock: InstantClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(KEY, _good_for(clock, 100))
    before = path.read_bytes()

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    store.put(OTHER, Token("new"))
    assert store.get(OTHER) == Token("new")
    assert path.read_bytes() == before
    assert {one.suffix for one in path.parent.iterdir()} == {".json", ".lock"}


# Locks


def test_one_at_a_time_may_renew(path: Path, clock: InstantClock) -> None:
    one, other = FileTokenStore(path, clock), FileTokenStore(path, clock)
    assert isinstance(one, SharedTokenStore)
    claim = one.claim(KEY)
    assert claim is not None
    with claim:
        assert other.claim(KEY) is None
        with other.claim(OTHER) or pytest.fail("other credentials have nothing to do with it"):
            pass
    with other.claim(KEY) or pytest.fail("it was not let go of"):
        pass


def test_a_lock_that_is_never_let_go_of_costs_the_file_and_not_the_operation(
    path: Path, store: FileTokenStore, clock: InstantClock, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(KEY, Token("old"))
    with path.with_name("tokens.json.lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        store.put(KEY, Token("new"))
    assert store.get(KEY) == Token("new")
    assert FileTokenStore(path, clock).get(KEY) == Token("old")
    assert sum(clock.waits) == pytest.approx(2.0)
    assert "does not let go of its lock" in caplog.text


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_in_an_event_loop_a_lock_is_not_waited_for_for_long(
    path: Path, store: FileTokenStore, clock: InstantClock, backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def put() -> None:
        store.put(KEY, Token("new"))

    store.put(KEY, Token("old"))
    with path.with_name("tokens.json.lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        anyio.run(put, backend=backend)
    assert store.get(KEY) == Token("new")
    assert sum(clock.waits) == pytest.approx(0.1)
    assert "does not let go of its lock" in caplog.text


def test_a_token_that_cannot_be_taken_out_of_the_file_is_not_used_again(
    path: Path, store: FileTokenStore, clock: InstantClock
) -> None:
    store.put(KEY, Token("old"))
    store.put(OTHER, Token("other"))
    with path.with_name("tokens.json.lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        store.discard(KEY, Token("old"))
        assert store.get(KEY) is None
        assert store.get(OTHER) == Token("other")
    FileTokenStore(path, clock).put(KEY, Token("new"))
    assert store.get(KEY) == Token("new")
    # The identity service may well give the same one again.
    store.put(KEY, Token("old"))
    assert store.get(KEY) == Token("old")


def test_a_store_crosses_a_process(path: Path, clock: InstantClock) -> None:
    _written(path, clock)
    again: FileTokenStore = pickle.loads(pickle.dumps(FileTokenStore(path, clock)))  # noqa: S301 - our own bytes
    assert again.get(KEY) == Token("t0k3n")
    assert repr(again) == f"<FileTokenStore {path}>"
    assert b"t0k3n" not in pickle.dumps(again)
