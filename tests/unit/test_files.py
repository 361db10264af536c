"""Files are there whole or as they were before, and may be read by whom they could be read before."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from sequoia.files import whole


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The usual one."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def _put(path: Path, content: bytes = b"new", *, private: bool = False) -> None:
    with whole(path, private=private) as file:
        file.write(content)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_as_any_new_file_and_one_that_is_replaced_stays_as_private_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "data"
    _put(path)
    assert (path.read_bytes(), _mode(path)) == (b"new", 0o644)
    for mode in (0o600, 0o640, 0o664):
        path.chmod(mode)
        _put(path, f"{mode}".encode())
        assert (path.read_bytes(), _mode(path)) == (f"{mode}".encode(), mode)


def test_what_is_private_is_private_whatever_was_there(tmp_path: Path) -> None:
    path = tmp_path / "data"
    _put(path, private=True)
    assert _mode(path) == 0o600
    path.chmod(0o644)
    _put(path, private=True)
    assert _mode(path) == 0o600


@pytest.mark.parametrize("private", [True, False])
def test_while_it_is_written_nobody_sees_more_than_in_the_end(tmp_path: Path, private: bool) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with whole(path, private=private) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
        assert {_mode(one) for one in tmp_path.iterdir()} == {0o600}
    assert path.read_bytes() == b"new"


def test_a_link_stays_one_but_does_not_say_where_a_secret_goes(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.touch(mode=0o640)
    link.symlink_to(real)
    _put(link)
    assert link.is_symlink()
    assert (real.read_bytes(), _mode(real)) == (b"new", 0o640)
    _put(link, b"secret", private=True)
    assert not link.is_symlink()
    assert (link.read_bytes(), real.read_bytes()) == (b"secret", b"new")


@pytest.mark.parametrize("private", [True, False])
def test_after_a_failure_it_is_as_it_was_with_nothing_beside_it(
    tmp_path: Path, private: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"old")

    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    def midway() -> None:
        with whole(path, private=private) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        midway()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        _put(path, private=private)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("data", b"old")]


@pytest.mark.parametrize("name", ["nowhere/data", "."])
def test_what_cannot_be_written_is_named_as_it_was_given(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(OSError, match=r"No such file|directory|busy") as caught:
        _put(path)
    assert caught.value.filename == str(path)
    assert caught.value.filename2 is None
    assert list(tmp_path.iterdir()) == []
