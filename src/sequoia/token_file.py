"""`FileTokenStore`: tokens in a file, so that the processes of one user on one machine share them.

The file holds access tokens, each under a fingerprint of its credentials, and neither secrets nor client ids. Whatever
is wrong with it costs a token request and a warning in the log, never an operation.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from sequoia.clock import Clock, SystemClock
from sequoia.files import whole
from sequoia.tokens import MAX_LIFETIME, MemoryTokenStore, Token, TokenKey, token_text

if sys.platform != "win32":
    import fcntl

__all__ = ["FileTokenStore"]

_log = logging.getLogger(__name__)

_BEGINNING = b'{"sequoia_tokens":'
_MAX_BYTES = 2**20
# Nobody holds the lock around a change for longer than it takes to write a file, unless it was stopped meanwhile. Of an
# event loop all other tasks wait too, and losing the file costs one token request.
_LOCK_INTERVAL = 0.01
_LOCK_TRIES = 200
_LOCK_TRIES_IN_A_LOOP = 10


class FileTokenStore:
    """Tokens in a JSON file that only its owner can read.

    It is replaced as a whole, under a lock, and written to disk before it is believed. Processes that start at the same
    time make one token request between them. Locks are those of `fcntl`, in files of their own beside this one; Windows
    has none: there processes still share tokens, but several may ask for one at the same time, and who may read the
    file is up to its folder. The folder is to be on a local disk.

    An `AsyncClient` uses the file in its event loop: before a request it only looks whether the file has changed, in a
    few microseconds, and once in a token's life it writes a few hundred bytes. A thread would take longer. If another
    process is writing just then, the loop stands still, for a tenth of a second at most; then the token stays in
    memory.

    Args:
        path: The file; it is made when there is something to keep, and its folder with it.
        clock: That of the clients.
    """

    def __init__(self, path: str | Path, clock: Clock | None = None) -> None:
        self._path = Path(path).absolute()
        self._clock = clock or SystemClock()
        self._seen = _Seen(None, {})
        self._unwritten = MemoryTokenStore()
        self._refused: dict[str, str] = {}
        self._fingerprints: dict[TokenKey, str] = {}
        self._warned = ""

    def get(self, key: TokenKey) -> Token | None:
        """The token for these credentials, or None."""
        unwritten = self._unwritten.get(key)
        if unwritten is not None:
            return unwritten
        name = self._fingerprint(key)
        token = self._tokens().get(name)
        return None if token is not None and token.access_token == self._refused.get(name) else token

    def put(self, key: TokenKey, token: Token) -> None:
        """Keep a token for these credentials; in memory, where the file cannot be written."""
        record = self._record(token)
        name = self._fingerprint(key)
        self._unwritten.put(key, token)
        self._refused.pop(name, None)

        def add(records: dict[str, _Record]) -> bool:
            records[name] = record
            return True

        if self._change(add):
            self._unwritten.discard(key, token)

    def discard(self, key: TokenKey, token: Token) -> None:
        """Forget `token`, if it is still the one for these credentials; in memory, where the file cannot be written."""
        self._unwritten.discard(key, token)
        name = self._fingerprint(key)

        def remove(records: dict[str, _Record]) -> bool:
            there = name in records and records[name].access_token == token.access_token
            if there:
                del records[name]
            return there

        if self._tokens().get(name) == token and not self._change(remove):
            self._refused[name] = token.access_token

    def claim(self, key: TokenKey) -> AbstractContextManager[object] | None:
        """The right to renew, against other processes; None while another one has it."""
        try:
            return self._try_lock(self._fingerprint(key)[:12])
        except (OSError, _UnusableError) as problem:
            self._warn(problem)
            return closing(_Handle(None))  # one token request too many is better than none

    def __reduce__(self) -> tuple[object, ...]:
        return FileTokenStore, (self._path, self._clock)

    def __repr__(self) -> str:
        return f"<FileTokenStore {self._path}>"

    def _fingerprint(self, key: TokenKey) -> str:
        name = self._fingerprints.get(key)
        if name is None:
            name = self._fingerprints[key] = key.fingerprint()
        return name

    def _tokens(self) -> dict[str, Token]:
        """What the file holds; it is read again when it has changed."""
        try:
            if self._seen.version != _version(self._path.stat()):
                version, records = self._read()
                tokens = {name: self._token(record) for name, record in records.items()}
                self._seen = _Seen(version, tokens)
        except FileNotFoundError:
            self._seen = _Seen(None, {})
        except (OSError, _UnusableError) as problem:
            self._warn(problem)
            self._seen = _Seen(None, {})
        return self._seen.tokens

    def _read(self) -> tuple[_Version, dict[str, _Record]]:
        """What the file holds, if it is one of ours that nobody else could have read or written.

        Raises:
            OSError: It cannot be read.
            _UnusableError: It is something else.
        """
        self._check_folder()
        # Without waiting for the other end, if somebody has put a pipe there.
        with closing(_Handle(os.open(self._path, os.O_RDONLY | _NOFOLLOW | _NONBLOCK | _CLOEXEC))) as file:
            found = os.fstat(file.number)
            if not stat.S_ISREG(found.st_mode) or not _is_ours(found):
                raise _UnusableError("it is no file of this user", foreign=True)
            content = b""
            while len(content) <= _MAX_BYTES and (more := os.read(file.number, _MAX_BYTES)):
                content += more
        if content and not content.startswith(_BEGINNING):
            raise _UnusableError("it was not written by a FileTokenStore", foreign=True)
        if sys.platform != "win32" and found.st_mode & 0o077:
            raise _UnusableError(f"others may use it: its mode is {stat.S_IMODE(found.st_mode):04o} instead of 0600")
        if not content:
            return _version(found), {}
        try:
            records = msgspec.json.decode(content, type=_File).tokens
            for record in records.values():
                token_text(record.access_token)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise _UnusableError("it is damaged") from None  # the reason may show half a token
        return _version(found), records

    def _check_folder(self) -> None:
        """Whoever may rename files in the folder may put another file in the place of this one."""
        folder = self._path.parent.stat()
        mode = folder.st_mode
        if sys.platform != "win32" and mode & 0o022 and not mode & stat.S_ISVTX:
            raise _UnusableError(
                f"others may write in its folder, whose mode is {stat.S_IMODE(mode):04o}", foreign=True
            )

    def _change(self, change: Callable[[dict[str, _Record]], bool]) -> bool:
        """Change what the file holds; False where that is not possible, which the log says."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_folder()
            with self._locked():
                try:
                    records = self._read()[1]
                except FileNotFoundError:
                    records = {}
                except _UnusableError as problem:
                    if problem.foreign:
                        raise
                    self._warn(problem)
                    records = {}
                if change(records):
                    self._write({name: one for name, one in records.items() if not self._has_expired(one)})
        except (OSError, _UnusableError) as problem:
            self._warn(problem)
            return False
        return True

    def _write(self, records: dict[str, _Record]) -> None:
        """Put a new file in the place of the old one: a process that reads finds one or the other, and all of it."""
        with whole(self._path, private=True) as file:
            file.write(msgspec.json.encode(_File(sequoia_tokens=1, tokens=records)))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        for _ in range(_LOCK_TRIES_IN_A_LOOP if _is_in_an_event_loop() else _LOCK_TRIES):
            lock = self._try_lock("lock")
            if lock is not None:
                with lock:
                    yield
                return
            self._clock.sleep(_LOCK_INTERVAL)
        raise _UnusableError("another process does not let go of its lock", foreign=True)

    def _try_lock(self, name: str) -> AbstractContextManager[object] | None:
        if sys.platform == "win32":
            return closing(_Handle(None))
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_folder()
        path = self._path.with_name(f"{self._path.name}.{name}")
        lock = _Handle(os.open(path, os.O_RDWR | os.O_CREAT | _NOFOLLOW | _CLOEXEC, 0o600))
        try:
            fcntl.flock(lock.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        except BaseException:
            lock.close()
            raise
        return closing(lock)

    def _record(self, token: Token) -> _Record:
        """A token with the times of the wall clock, which other processes have as well."""
        now = self._clock.time()
        left = None if token.renew_at is None else token.renew_at - self._clock.monotonic()
        return _Record(token.access_token, now, None if left is None else now + left)

    def _token(self, record: _Record) -> Token:
        """A token with the time of this process' monotonic clock; no longer to live than it had when it was kept."""
        if record.renew_at is None:
            return Token(record.access_token)
        most = min(record.renew_at - record.kept_at, MAX_LIFETIME)
        return Token(record.access_token, self._clock.monotonic() + min(record.renew_at - self._clock.time(), most))

    def _has_expired(self, record: _Record) -> bool:
        return record.renew_at is not None and record.renew_at < self._clock.time()

    def _warn(self, problem: Exception) -> None:
        told = str(problem)
        if told != self._warned:
            self._warned = told
            _log.warning("the token file %s is not used, tokens stay in this process: %s", self._path, told)


class _Record(msgspec.Struct, frozen=True):
    """A token as it is in the file; times in seconds since 1970-01-01 UTC."""

    access_token: str
    kept_at: float
    renew_at: float | None


class _File(msgspec.Struct):
    sequoia_tokens: int
    tokens: dict[str, _Record]


_Version = tuple[int, int, int]


class _Seen(NamedTuple):
    version: _Version | None
    tokens: dict[str, Token]


class _UnusableError(Exception):
    """The file is not used.

    Attributes:
        foreign: Whether it has to stay as it is, because it is not ours to replace.
    """

    def __init__(self, message: str, *, foreign: bool = False) -> None:
        super().__init__(message)
        self.foreign = foreign


class _Handle:
    """An open file, and a lock on it if there is one; let go of when it is closed, or forgotten."""

    def __init__(self, number: int | None) -> None:
        self._number = number

    @property
    def number(self) -> int:
        assert self._number is not None  # noqa: S101 - only Windows has none
        return self._number

    def close(self) -> None:
        number, self._number = self._number, None
        if number is None:
            return
        try:
            if sys.platform != "win32":
                # A process that was forked meanwhile has the file open too, and would hold the lock.
                with suppress(OSError):
                    fcntl.flock(number, fcntl.LOCK_UN)
        finally:
            os.close(number)

    __del__ = close


_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)


def _is_in_an_event_loop() -> bool:
    """Whether this thread runs tasks, which all stand still while it waits."""
    if "anyio" not in sys.modules:  # an AsyncClient imports it
        return False
    from anyio import get_current_task  # noqa: PLC0415 - a program without tasks does not pay for it

    try:
        get_current_task()
    except RuntimeError:
        return False
    return True


def _version(found: os.stat_result) -> _Version:
    return found.st_ino, found.st_mtime_ns, found.st_size


def _is_ours(found: os.stat_result) -> bool:
    return sys.platform == "win32" or found.st_uid == os.getuid()
