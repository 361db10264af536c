from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from sequoia import AuthType
from sequoia.cli.connection import Connection, connected
from sequoia.cli.failing import Refusal, Unconnected, ended
from sequoia.cli.logs import shown
from sequoia.error import ConnectionError, ResourceNotFound, ServiceNotFound
from sequoia.sandbox import Fault, Sandbox
from sequoia.settings import LONGEST_TIMEOUT

Connect = Callable[..., Connection]


def profiles(home: Path, text: str) -> None:
    file = home / "config" / "sequoia" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")


def test_the_variables_of_a_sandbox_are_all_it_takes(connect: Connect, environ: Mapping[str, str]) -> None:
    connection = connect()
    with connection.client() as client:
        endpoint = connection.collection(client, "metadata", "contents")
        assert endpoint.browse(connection.owner).resources
    assert connection.owner == environ["SEQUOIA_OWNER"]


def test_options_win_over_variables_and_variables_over_the_profile(
    home: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles(
        home,
        'default = "usual"\n[profiles.usual]\nregistry_url = "https://r.test/services/a"\nowner = "of-profile"\n'
        'directory = "of-profile"\nusername = "of-profile"\n[profiles.other]\nowner = "of-other"\n',
    )
    monkeypatch.setenv("SEQUOIA_OWNER", "of-variable")
    monkeypatch.setenv("SEQUOIA_USERNAME", "of-variable")
    values = connect("--username", "of-option").told.values
    assert values["username"] == "of-option"
    assert values["owner"] == "of-variable"
    assert values["directory"] == "of-profile"
    assert values["registry_url"] == "https://r.test/services/a"
    monkeypatch.delenv("SEQUOIA_OWNER")
    assert connect("--profile", "other").owner == "of-other"
    monkeypatch.setenv("SEQUOIA_PROFILE", "other")
    assert connect().owner == "of-other"
    assert connect("--profile", "usual").owner == "of-profile"


def test_a_default_profile_is_for_its_own_registry(home: Path, connect: Connect) -> None:
    text = '[profiles.usual]\nregistry_url = "https://r.test/services/a"\nowner = "a"\nproxy = "http://p.test:3128"\n'
    profiles(home, f'default = "usual"\n{text}')

    assert connect("--registry-url", "http://127.0.0.1:8700/services/b").told.values.keys() == {"registry_url"}
    assert connect("--registry-url", "https://r.test/services/a").owner == "a"
    chosen = connect("--registry-url", "http://127.0.0.1:8700/services/b", "--profile", "usual")
    assert chosen.owner == "a"
    assert chosen.secrets.profile is None  # what is kept for the profile's registry goes to no other one


def test_a_chosen_profile_and_variables_of_another_registry_are_refused(
    home: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles(home, '[profiles.staging]\nregistry_url = "https://staging.test/services/a"\nowner = "a"\n')
    monkeypatch.setenv("SEQUOIA_REGISTRY_URL", "https://production.test/services/a")
    with pytest.raises(Refusal, match=r"SEQUOIA_REGISTRY_URL is https://production\.test.*profile 'staging' is for"):
        connect("--profile", "staging")
    said = connect("--profile", "staging", "--registry-url", "https://production.test/services/a")
    assert said.registry_url == "https://production.test/services/a"
    monkeypatch.setenv("SEQUOIA_REGISTRY_URL", "https://staging.test/services/a/")
    assert connect("--profile", "staging").owner == "a"


@pytest.mark.parametrize(
    ("variables", "arguments", "auth"),
    [
        ({}, [], "client-grant"),
        ({"SEQUOIA_CLIENT_ID": "a", "SEQUOIA_USERNAME": "b"}, [], "client-grant"),
        ({"SEQUOIA_CLIENT_ID": "a"}, ["--username", "b"], "password"),
        ({"SEQUOIA_USERNAME": "b"}, [], "password"),
        ({"SEQUOIA_TOKEN": "t"}, [], "token"),
        ({"SEQUOIA_CLIENT_ID": "a", "SEQUOIA_CLIENT_CERT": "c", "SEQUOIA_CLIENT_KEY": "k"}, [], "mutual"),
        ({"SEQUOIA_CLIENT_ID": "a", "SEQUOIA_AUTH": "none"}, [], "none"),
        ({"SEQUOIA_AUTH": "none"}, ["--auth", "token"], "token"),
    ],
)
def test_the_way_to_sign_in_follows_from_what_is_said(
    variables: dict[str, str], arguments: list[str], auth: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert connect(*arguments).told.auth == auth


@pytest.mark.parametrize("auth", ["client-grant", "password", "token", "none"])
def test_every_way_to_sign_in_works(
    auth: str, connect: Connect, sandbox: Sandbox, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with sandbox.client() as client:
        client.get(sandbox.location("metadata") + "/data/contents")
        monkeypatch.setenv("SEQUOIA_TOKEN", sandbox._tokens.issue(sandbox._client))
    connection = connect("--auth", auth)
    kinds = {"client-grant": "CLIENT_GRANT", "password": "PASSWORD", "token": "BYO_TOKEN", "none": "NO_AUTH"}
    assert connection.arguments()["auth_type"] is AuthType[kinds[auth]]
    with connection.client() as client:
        assert "metadata" in client.services
        if auth != "none":
            assert client.metadata.contents.browse(sandbox.owner).resources


def test_a_sandbox_with_mutual_tls_is_reached_by_its_variables(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Sandbox(https=True, mutual_tls=True, ca_dir=tmp_path / "ca") as secure:
        for name, value in secure.environ.items():
            monkeypatch.setenv(name, value)
        connection = connect()
        with connection.client() as client:
            assert client.metadata.contents.browse(connection.owner).resources == []


def test_the_rest_of_the_options_reach_the_client(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQUOIA_CLIENT_SECRET", "s3cret")
    given = connect("--client-id", "a", "--timeout", "7.5", "--proxy", "http://p.test:1", "--ca", "ca.pem").arguments()
    assert given["request_timeout"] == 7.5
    assert given["proxies"] == {"all": "http://p.test:1"}
    assert given["verify"] == "ca.pem"
    assert connect("--client-id", "a", "--proxy", "none").arguments()["proxies"] == {}


def test_the_longest_timeout_is_that_of_the_sdk(connect: Connect) -> None:
    given = connect("--auth", "none", "--timeout", str(LONGEST_TIMEOUT)).arguments()
    assert given["request_timeout"] == LONGEST_TIMEOUT


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "there is no registry to ask: give --registry-url, set SEQUOIA_REGISTRY_URL"),
        (["--registry-url", "ftp://x"], "--registry-url must be an http or https URL"),
        (["--registry-url", "http://127.0.0.1:1/services/a", "--auth", "client-grant"], "--client-id"),
        (["--registry-url", "http://127.0.0.1:1/services/a", "--client-id", "a"], "set SEQUOIA_CLIENT_SECRET"),
        (["--registry-url", "http://127.0.0.1:1/services/a", "--username", "a"], "set SEQUOIA_PASSWORD"),
        (["--registry-url", "http://127.0.0.1:1/services/a", "--auth", "token"], "set SEQUOIA_TOKEN"),
        (["--registry-url", "http://127.0.0.1:1/services/a", "--auth", "mutual"], "give --cert"),
        (["--registry-url", "http://127.0.0.1:1/a", "--auth", "none", "--ca", "no.pem"], "--ca cannot be read: no.pem"),
        (["--auth", "none", "--timeout", "0"], "--timeout: '0' is not a number of seconds above 0"),
        (
            ["--auth", "none", "--timeout", "9999999999"],
            "--timeout: '9999999999' is not a number of seconds above 0, 1",
        ),
        (["--auth", "none", "--proxy", "http://ann:pw@p.test"], "SEQUOIA_PROXY"),
        (["--profile", "nothing"], "there is no profile 'nothing'"),
    ],
)
def test_what_is_missing_or_makes_no_sense_is_said_in_the_user_s_words(
    arguments: list[str], said: str, connect: Connect
) -> None:
    with pytest.raises(Refusal) as refused:
        connect(*arguments).client()
    assert said in str(refused.value)
    assert "pw" not in str(refused.value)


def test_the_owner_is_asked_for_only_by_what_needs_it(connect: Connect) -> None:
    with pytest.raises(Refusal, match="--owner, set SEQUOIA_OWNER"):
        _ = connect("--auth", "none").owner


def test_a_wrong_secret_says_which_variable_to_look_at(
    connect: Connect, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQUOIA_CLIENT_SECRET", "not-the-one")
    with pytest.raises(Unconnected) as refused:
        connect().client()
    assert "SEQUOIA_CLIENT_ID and SEQUOIA_CLIENT_SECRET" in str(refused.value)
    assert "not-the-one" not in str(refused.value)


def test_a_wrong_password_is_told_in_the_words_of_the_server_and_then_in_the_user_s(
    connect: Connect, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQUOIA_PASSWORD", "not-the-one")
    monkeypatch.delenv("SEQUOIA_CLIENT_ID")
    with pytest.raises(Unconnected) as refused:
        connect("--auth", "password").client()
    said = str(refused.value)
    assert "the user's credentials: 401 Unauthorized: the username or the password is wrong (POST" in said
    assert "Check SEQUOIA_USERNAME, SEQUOIA_PASSWORD and" in said
    assert "not-the-one" not in said


def test_what_is_no_registry_is_said_with_where_its_url_came_from(connect: Connect, sandbox: Sandbox) -> None:
    elsewhere = sandbox.location("metadata") + "/descriptor/raw"
    for url in (elsewhere, sandbox.location("registry") + "/nothing"):
        with pytest.raises(Unconnected, match=r"Check --registry-url"):
            connect("--registry-url", url, "--auth", "none").client()


def test_a_wrong_host_is_a_connection_error(connect: Connect, capsys: pytest.CaptureFixture[str]) -> None:
    connection = connect("--registry-url", "http://127.0.0.1:1/services/acme", "--auth", "none")
    with pytest.raises(ConnectionError):
        connection.client()
    assert ended(connection.client) == 3
    assert "'sequoia doctor' looks for the reason" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("service", "resource", "kind", "nearest"),
    [
        ("metdata", "contents", ServiceNotFound, "did you mean 'metadata'"),
        ("metadata", "contnets", ResourceNotFound, "did you mean 'contents'"),
    ],
)
def test_a_typo_names_the_nearest(  # noqa: PLR0917 - fixtures are arguments
    service: str, resource: str, kind: type[Exception], nearest: str, connect: Connect, environ: Mapping[str, str]
) -> None:
    connection = connect()
    with connection.client() as client, pytest.raises(kind, match=nearest):
        connection.collection(client, service, resource)


def test_debug_shows_requests_without_secrets(environ: Mapping[str, str], sandbox: Sandbox) -> None:
    @click.command()
    @connected
    def look(connection: Connection) -> None:
        with connection.client() as client:
            client.metadata.contents.browse(connection.owner)

    quiet, loud = CliRunner().invoke(look), CliRunner().invoke(look, ["--debug"])

    assert (quiet.exit_code, quiet.stderr, loud.exit_code, loud.stdout) == (0, "", 0, "")
    assert f"GET {sandbox.registry_url}" in loud.stderr
    assert "/data/contents" in loud.stderr
    assert environ["SEQUOIA_CLIENT_SECRET"] not in loud.stderr
    assert "Bearer" not in loud.stderr
    logger = logging.getLogger("sequoia")
    assert (logger.handlers, logger.level) == ([], logging.NOTSET)


def test_debug_hides_a_secret_that_somebody_logs(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(["hush-hush", ""], debug=True):
        logging.getLogger("sequoia.test").debug("the secret is hush-hush, the header Bearer abc.def-123")
    err = capsys.readouterr().err
    assert err.endswith("sequoia.test: the secret is [secret], the header Bearer [secret]\n")


def test_a_warning_of_the_sdk_is_a_line_for_people(environ: Mapping[str, str], sandbox: Sandbox) -> None:
    @click.command()
    @connected
    def look(connection: Connection) -> None:
        with connection.client() as client:
            connection.collection(client, "metadata", "contents")

    sandbox.faults.add(Fault(status=404, service="metadata", path="/descriptor/raw"))
    result = CliRunner().invoke(look)

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("Warning: the descriptor of the service metadata cannot be read: 404 ")


def test_no_option_takes_a_secret() -> None:
    @click.command()
    @connected
    def look(connection: Connection) -> None:
        """Do nothing."""

    text = CliRunner().invoke(look, ["--help"]).output
    for option in ("--registry-url", "--owner", "--auth", "--client-id", "--profile", "--timeout", "--debug"):
        assert option in text
    for word in ("--client-secret", "--password", "--token", "--secret"):
        assert word not in text


def test_an_empty_option_is_a_mistake(connect: Connect) -> None:
    with pytest.raises(click.BadParameter, match="it is empty"):
        connect("--owner", "")


@pytest.mark.parametrize("written", ["https://ann:s3cret@r.test/a", "https://ann:s3cr#et@r.test/a"])
@pytest.mark.parametrize("chosen", [True, False])
def test_a_password_in_the_url_of_the_registry_is_in_no_message(
    home: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch, written: str, *, chosen: bool
) -> None:
    profiles(home, '[profiles.staging]\nregistry_url = "https://staging.test/services/a"\n')
    monkeypatch.setenv("SEQUOIA_REGISTRY_URL", written)
    with pytest.raises(Refusal, match=r"^SEQUOIA_REGISTRY_URL must be .* without a user name or password$"):
        connect(*(["--profile", "staging"] if chosen else []))


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize(("value", "told"), [(" ", "is empty"), ("\udcff", r"cannot be printed: '\\udcff'")])
def test_an_owner_that_is_empty_or_no_text_is_refused_whoever_says_it(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, value: str, told: str
) -> None:
    monkeypatch.setenv("SEQUOIA_OWNER", value)
    for command in (["browse", "metadata", "contents"], ["doctor"]):
        done = run(*command)
        assert done.exit_code == 2
        assert re.fullmatch(f"Error: SEQUOIA_OWNER .*{told}\n", done.stderr)
    done = run("browse", "metadata", "contents", "--owner", value)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert run("config", "set", "one", f"owner={value}").exit_code == 2


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize("command", ["copy", "diff"])
@pytest.mark.parametrize(("owner", "told"), [(" ", "is empty"), ("\udcff", "has a character in it that cannot be")])
def test_another_owner_that_is_empty_or_no_text_is_refused(
    run: Callable[..., Result], sandbox: Sandbox, command: str, owner: str, told: str
) -> None:
    done = run(command, "metadata", "contents", "--to-owner", owner)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: --to-owner {told}")
    assert not sandbox.requests
