from __future__ import annotations

import os
import pty
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest
from click.testing import Result

from sequoia.cli.connection import Connection
from sequoia.cli.failing import Refusal
from sequoia.cli.profiles import Profiles, config_file
from sequoia.cli.secrets import Secrets, forget, keep
from sequoia.sandbox import Sandbox

Run = Callable[..., Result]
Connect = Callable[..., Connection]


class Memory(keyring.backend.KeyringBackend):
    """A keyring that lasts as long as a test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def memory() -> Iterator[Memory]:
    before = keyring.get_keyring()
    backend = Memory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def test_a_profile_is_made_shown_used_and_removed(run: Run, home: Path) -> None:
    made = run("config", "set", "production", "registry_url=https://r.test/services/a", "owner=a", "client-id=x=y")
    assert (made.exit_code, made.stdout) == (0, "")
    assert "It is the default" in made.stderr
    run("config", "set", "staging", "registry_url", "https://s.test/services/a", "owner", "b")
    assert run("config", "list").stdout.splitlines() == [
        "* production  https://r.test/services/a",
        "  staging     https://s.test/services/a",
    ]
    assert run("config", "use", "staging").exit_code == 0
    assert run("config", "show").stdout == "registry_url=https://s.test/services/a\nowner=b\n"
    assert "client_id=x=y" in run("config", "show", "production").stdout
    assert run("config", "set", "production", "owner=").exit_code == 0
    assert "owner" not in run("config", "show", "production").stdout
    assert run("config", "remove", "staging").exit_code == 0
    assert run("config", "list").stdout == "  production  https://r.test/services/a\n"
    assert run("config", "path").stdout == f"{home}/config/sequoia/config.toml\n"


def test_the_file_is_private_and_replaced_as_a_whole(run: Run, home: Path) -> None:
    run("config", "set", "one", "owner=a")
    file = config_file()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_write_that_fails_midway_leaves_the_old_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("config", "set", "one", "owner=a")
    file = config_file()
    before = file.read_bytes()

    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = run("config", "set", "one", "owner=b")

    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_is_a_link_stays_one(run: Run, home: Path) -> None:
    real = home / "dotfiles.toml"
    real.touch()
    config_file().parent.mkdir(parents=True)
    config_file().symlink_to(real)

    assert run("config", "set", "one", "owner=a").exit_code == 0
    assert config_file().is_symlink()
    assert "owner" in real.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["set", "p", "ownr=a"], "there is no setting 'ownr': did you mean 'owner'"),
        (["set", "p", "client_secret=hush"], "is a secret, and a profile has none"),
        (["set", "p", "auth=oauth"], "there is no type of authentication 'oauth'"),
        (["set", "p", "timeout=soon"], "'soon' is not a number of seconds"),
        (["set", "p", "registry_url=registry.test"], "must be an http or https URL"),
        (["set", "p", "proxy=http://ann:hush@p.test"], "SEQUOIA_PROXY"),
        (["set", "p", "proxy=ftp://p.test"], "proxy is not the URL of a proxy such as http://proxy.example.com:3128"),
        (["set", "p", "proxy=p.test:3128"], "proxy is not the URL of a proxy"),
        (["set", "p", "proxy=http://:3128"], "proxy is not the URL of a proxy"),
        (["set", "p", "proxy=http://p.test:x"], "proxy is not the URL of a proxy"),
        (["set", "p", "cert= "], "cert is empty"),
        (["set", "p/q", "owner=a"], "a profile has a name of letters"),
        (["set", "p", "owner=a", "b"], "'b' is no setting such as owner=acme"),
        (["set", "p", "owner"], "'owner' has no value"),
        (["use", "prod"], "there is no profile 'prod'"),
        (["remove", "prod"], "there is no profile 'prod'"),
        (["show"], "there is no default profile"),
        (["secret", "prod"], "there is no profile 'prod'"),
    ],
)
def test_a_mistake_is_one_sentence_and_changes_nothing(arguments: list[str], said: str, run: Run) -> None:
    result = run("config", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert said in result.stderr
    assert "hush" not in result.stderr
    assert not config_file().exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("default = ", "is not TOML"),
        ('default = "nothing"', "the default is 'nothing'"),
        ("profile = 1", "did you mean 'profiles'"),
        ("profiles = 1", "profiles are tables"),
        ('[profiles.a]\npassword = "hush"', "is a secret"),
        ("[profiles.a]\nowner = [1]", "owner is a text"),
        ("[profiles.a]\nowner = true", "owner is a text"),
        ("\x00", "is not TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_what_is_wrong(text: str, said: str, run: Run) -> None:
    config_file().parent.mkdir(parents=True)
    config_file().write_text(text, encoding="utf-8")
    for arguments in (["services"], ["config", "list"]):
        result = run(*arguments)
        assert result.exit_code == 2
        assert said in result.stderr
        assert str(config_file()) in result.stderr
        assert "hush" not in result.stderr


def test_a_file_of_a_profile_is_found_from_any_folder(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    assert run("config", "set", "cc", "cert=keys/a.pem", "key=~/a.key", "ca=/etc/ca.pem", "owner=a").exit_code == 0
    assert run("config", "show", "cc").stdout.splitlines() == [
        f"cert={home}/keys/a.pem",
        f"key={home}/a.key",
        "ca=/etc/ca.pem",
        "owner=a",
    ]


def test_what_is_wrong_in_a_profile_is_named_with_its_setting(run: Run) -> None:
    run("config", "set", "p", "registry_url=http://127.0.0.1:1/a", "cert=/no.pem", "key=/no.key", "ca=/ca.pem")
    result = run("services")
    assert (result.exit_code, result.stderr) == (2, "Error: ca of the profile 'p' cannot be read: /ca.pem\n")


def test_a_number_in_the_file_is_a_setting(home: Path) -> None:
    config_file().parent.mkdir(parents=True)
    config_file().write_text("[profiles.a]\ntimeout = 7.5\n", encoding="utf-8")
    assert Profiles.read(config_file()).find("a") == {"timeout": "7.5"}


def test_what_the_keyring_keeps_signs_in_and_goes_to_no_other_registry(
    run: Run, connect: Connect, sandbox: Sandbox, memory: Memory
) -> None:
    run("config", "set", "here", f"registry_url={sandbox.registry_url}", f"client_id={sandbox.client_id}", "owner=acme")
    keep("here", "client-secret", sandbox.client_secret)

    with connect().client() as client:
        assert "metadata" in client.services
    assert run("services").exit_code == 0
    for other in (["--registry-url", sandbox.registry_url + "/x"], ["--client-id", "somebody"]):
        with pytest.raises(Refusal, match="SEQUOIA_CLIENT_SECRET"):
            connect("--profile", "here", *other).client()
    assert forget("here", "client-secret")
    assert not forget("here", "client-secret")


def test_a_machine_without_a_keyring_and_one_whose_keyring_is_locked(
    run: Run, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("config", "set", "here", "registry_url=https://r.test/services/a", "client_id=x")

    def fail(problem: Exception) -> None:
        def get(_: Memory, __: str, ___: str) -> None:
            raise problem

        monkeypatch.setattr(Memory, "get_password", get)

    fail(keyring.errors.NoKeyringError("none"))
    assert "set SEQUOIA_CLIENT_SECRET, or keep it in the keyring with 'sequoia config secret here'" in (
        run("services").stderr
    )
    fail(keyring.errors.KeyringLocked("it is locked"))
    locked = run("services")
    assert (locked.exit_code, locked.stderr) == (2, "Error: the keyring does not work: it is locked\n")


def test_the_environment_wins_over_the_keyring(memory: Memory) -> None:
    keep("here", "password", "kept")
    assert Secrets({"SEQUOIA_PASSWORD": "given"}, "here").find("password") == "given"
    assert Secrets({}, "here").find("password") == "kept"
    assert Secrets({}, None).find("password") is None


def test_a_second_platform_has_variables_with_its_name(
    run: Run, sandbox: Sandbox, environ: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("config", "set", "my-staging", f"registry_url={sandbox.registry_url}", f"client_id={sandbox.client_id}")
    second = Connection.of_profile("my-staging")
    with pytest.raises(Refusal, match="SEQUOIA_MY_STAGING_CLIENT_SECRET"):
        second.client()
    monkeypatch.setenv("SEQUOIA_MY_STAGING_CLIENT_SECRET", sandbox.client_secret)
    monkeypatch.setenv("SEQUOIA_CLIENT_SECRET", "that of the first platform")
    with second.client() as client:
        assert "metadata" in client.services


def test_a_removed_profile_leaves_nothing_in_the_keyring(run: Run, memory: Memory) -> None:
    run("config", "set", "here", "username=ann")
    keep("here", "password", "kept")
    assert run("config", "remove", "here").exit_code == 0
    assert memory.kept == {}


def test_a_secret_is_deleted_on_request(run: Run, memory: Memory) -> None:
    run("config", "set", "here", "username=ann")
    keep("here", "password", "kept")
    assert run("config", "secret", "here", "--delete").exit_code == 0
    assert memory.kept == {}
    assert run("config", "secret", "here", "--delete").stderr == "Error: the keyring has no password of 'here'\n"


def test_without_a_terminal_or_a_keyring_the_variable_is_named(run: Run) -> None:
    run("config", "set", "here", "username=ann")
    assert "SEQUOIA_PASSWORD" in run("config", "secret", "here").stderr
    assert "this machine has no keyring" in run("config", "secret", "here", "--delete").stderr
    with pytest.raises(Refusal, match="this machine has no keyring"):
        keep("here", "password", "x")


def type_at(arguments: list[str], typed: str | None) -> tuple[int, str]:
    """The exit status and everything on the terminal of a command, after `typed`, or Ctrl-C, at its question."""
    outer, inner = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - this interpreter and literal arguments
        [sys.executable, "-m", "sequoia.cli", *arguments],
        stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(inner)
        seen, answered = b"", False
        try:
            while True:
                # A signal that comes just before the question is waited at is heard with the next one.
                while answered and typed is None and not select.select([outer], [], [], 5)[0]:
                    process.send_signal(signal.SIGINT)
                part = os.read(outer, 4096)
                if not part:
                    break
                seen += part
                if not answered and seen.rstrip().endswith(b":"):
                    answered = True
                    if typed is None:
                        process.send_signal(signal.SIGINT)
                    else:
                        os.write(outer, typed.encode())
        except OSError:
            pass  # Linux says so when the last writer has gone
        os.close(outer)
    return process.returncode, seen.decode()


def test_on_a_terminal_a_secret_is_asked_for_and_not_shown(sandbox: Sandbox) -> None:
    options = ["--registry-url", sandbox.registry_url, "--client-id", sandbox.client_id]
    status, seen = type_at(["services", *options], f"{sandbox.client_secret}\n")

    assert status == 0, seen
    assert "Client secret of the client 'sandbox-client':" in seen
    assert "metadata" in seen
    assert sandbox.client_secret not in seen


def test_ctrl_c_at_a_question_ends_with_one_sentence(sandbox: Sandbox) -> None:
    options = ["--registry-url", sandbox.registry_url, "--client-id", sandbox.client_id]
    status, seen = type_at(["services", *options], None)

    assert status == 130, seen
    assert seen.splitlines()[-1] == "Interrupted."
    assert "Traceback" not in seen


@pytest.mark.parametrize("default", ['["x"]', "1", "{}"])
def test_a_default_that_is_no_name_is_refused(run: Run, default: str) -> None:
    config_file().parent.mkdir(parents=True)
    config_file().write_text(f"default = {default}\n[profiles.x]\n", encoding="utf-8")
    done = run("config", "list")
    assert done.exit_code == 2
    assert "the default is" in done.stderr


def test_a_secret_is_not_asked_for_where_there_is_no_stdin(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("config", "set", "one", "client_id=x")
    command = [sys.executable, "-m", "sequoia.cli", "config", "secret", "one"]
    done = subprocess.run(["sh", "-c", '"$@" <&-', "sh", *command], capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "asked for on a terminal" in done.stderr
