from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

NAMES = [
    "SEQUOIA_REGISTRY_URL",
    "SEQUOIA_OWNER",
    "SEQUOIA_CLIENT_ID",
    "SEQUOIA_CLIENT_SECRET",
    "SEQUOIA_USERNAME",
    "SEQUOIA_PASSWORD",
]
COMMAND = (sys.executable, "-m", "sequoia.cli", "sandbox")


def environment(**extra: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SEQUOIA_")} | extra


def as_a_shell_reads(lines: list[str]) -> dict[str, str]:
    """The variables that a shell has after it has run `lines`."""
    show = f"import json, os; print(json.dumps({{name: os.environ[name] for name in {NAMES}}}))"
    script = "".join(lines) + shlex.join([sys.executable, "-c", show])
    shell = ["/bin/sh", "-c", script]
    shown = subprocess.run(shell, capture_output=True, check=True, env=environment())  # noqa: S603 - what users do
    variables: dict[str, str] = json.loads(shown.stdout)
    return variables


@contextmanager
def served(*arguments: str, **extra: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A sandbox process, and the variables that it printed."""
    with subprocess.Popen(  # noqa: S603 - this interpreter and literal arguments
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**extra),
    ) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in NAMES]
            assert all(line.startswith("export ") for line in lines), (lines, process.communicate())
            yield process, as_a_shell_reads(lines)
        finally:
            if process.poll() is None:
                process.kill()


def stop(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> tuple[str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    return out, err


def sign_in(variables: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Locations of all services, and the header of a token."""
    services = httpx2.get(variables["SEQUOIA_REGISTRY_URL"], trust_env=False).json()["services"]
    locations = {service["name"]: service["location"] for service in services}
    answer = httpx2.post(
        f"{locations['identity']}/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(variables["SEQUOIA_CLIENT_ID"], variables["SEQUOIA_CLIENT_SECRET"]),
        trust_env=False,
    )
    return locations, {"authorization": f"Bearer {answer.json()['access_token']}"}


def run(*arguments: str, command: tuple[str, ...] = COMMAND) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - this interpreter and literal arguments
        [*command, *arguments], capture_output=True, text=True, timeout=30, check=False, env=environment()
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_six_lines_serves_and_stops(number: signal.Signals) -> None:
    with served("--port", "0", "--owner", "studio", "--client-id", "tester") as (process, variables):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/services/studio", variables["SEQUOIA_REGISTRY_URL"])
        assert (variables["SEQUOIA_OWNER"], variables["SEQUOIA_CLIENT_ID"]) == ("studio", "tester")
        locations, header = sign_in(variables)
        with httpx2.Client(trust_env=False) as http:  # its connection stays open during the stop
            assert http.get(f"{locations['metadata']}/data/contents", headers=header).status_code == 200
            out, err = stop(process, number)

    assert out == ""
    assert "Traceback" not in err
    assert variables["SEQUOIA_CLIENT_SECRET"] not in err
    assert variables["SEQUOIA_PASSWORD"] not in err


@pytest.mark.parametrize("numbers", [(signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT, signal.SIGTERM)])
def test_signals_that_come_at_once_stop_it_as_one_does(numbers: tuple[signal.Signals, ...]) -> None:
    with served("--port", "0") as (process, _):
        for number in numbers[:-1]:
            process.send_signal(number)
        _, err = stop(process, numbers[-1])

    assert "Traceback" not in err
    assert err.endswith("The sandbox has stopped.\n")


def test_the_registry_is_on_the_port_asked_for_and_the_secrets_are_those_of_the_environment() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    secret = 'it\'s a "secret" $HOME'
    password = "pa\\ss'w\"ord $HOME"
    secrets = {"SEQUOIA_CLIENT_SECRET": secret, "SEQUOIA_PASSWORD": password}
    with served("--port", str(port), "--token-lifetime", "600", "--username", "ann", **secrets) as (process, variables):
        assert variables == {
            "SEQUOIA_REGISTRY_URL": f"http://127.0.0.1:{port}/services/acme",
            "SEQUOIA_OWNER": "acme",
            "SEQUOIA_CLIENT_ID": "sandbox-client",
            "SEQUOIA_CLIENT_SECRET": secret,
            "SEQUOIA_USERNAME": "acme\\ann",
            "SEQUOIA_PASSWORD": password,
        }
        locations, header = sign_in(variables)
        login = {"username": variables["SEQUOIA_USERNAME"], "password": variables["SEQUOIA_PASSWORD"]}
        assert httpx2.post(f"{locations['identity']}/pauth/token", json=login, trust_env=False).status_code == 200
        assert header
        stop(process)


def test_data_are_kept_between_runs(tmp_path: Path) -> None:
    file = tmp_path / "data.db"
    with served("--port", "0", "--data", str(file)) as (process, variables):
        locations, header = sign_in(variables)
        document = {"owner": "acme", "name": "kept", "type": "movie", "title": "Kept"}
        url = f"{locations['metadata']}/data/contents"
        assert httpx2.post(url, json={"contents": [document]}, headers=header, trust_env=False).status_code == 201
        stop(process)
    with served("--port", "0", "--data", str(file)) as (process, variables):
        locations, header = sign_in(variables)
        url = f"{locations['metadata']}/data/contents/acme:kept"
        assert httpx2.get(url, headers=header, trust_env=False).json()["contents"][0]["title"] == "Kept"
        stop(process)


@pytest.mark.parametrize(
    ("arguments", "count"), [(["--demo"], 30), (["--demo", "45"], 45), (["--demo", "0"], 0), ([], 0)]
)
def test_the_demo_catalogue_has_the_size_asked_for(arguments: list[str], count: int) -> None:
    with served(*arguments, "--port", "0") as (process, variables):
        locations, header = sign_in(variables)
        answer = httpx2.get(
            f"{locations['metadata']}/data/contents?count=true&perPage=1", headers=header, trust_env=False
        )
        assert answer.json()["meta"]["totalCount"] == count
        stop(process)


def test_descriptors_are_served(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).write_text(f'{{"name": "{name}", "resourcefuls": {{}}}}', encoding="utf-8")
    options = ["--descriptor", str(tmp_path / "first"), "--descriptor", str(tmp_path / "second")]
    with served("--port", "0", *options) as (process, variables):
        locations, _ = sign_in(variables)
        assert list(locations)[-2:] == ["first", "second"]
        stop(process)


def test_what_cannot_work_is_one_sentence_and_exit_status_2(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"name": "x"}', encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        refused = {
            f"port {port}": run("--port", port),
            "broken.json": run("--port", "0", "--descriptor", str(broken)),
            "missing.json": run("--port", "0", "--descriptor", str(tmp_path / "missing.json")),
            "data file": run("--port", "0", "--data", str(tmp_path / "missing" / "data.db")),
            "owner": run("--port", "0", "--owner", "a/b"),
        }
    for named, result in refused.items():
        assert result.returncode == 2, result.stderr
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1, result.stderr
        assert named in result.stderr


def test_bad_options_are_exit_status_2() -> None:
    for arguments in (["--port", "x"], ["--demo", "many"], ["--demo", "-3"], ["--token-lifetime", "0"], ["--nothing"]):
        result = run(*arguments)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr


def test_help_names_every_option() -> None:
    result = run("--help")

    assert result.returncode == 0
    for option in ("--port", "--owner", "--client-id", "--demo", "--descriptor", "--data", "--token-lifetime"):
        assert option in result.stdout


@pytest.mark.parametrize(("missing", "extra"), [("click", "cli"), ("uvicorn", "sandbox")])
def test_a_missing_extra_is_named(missing: str, extra: str) -> None:
    lines = [
        "import sys, sequoia.cli",
        f"sys.modules[{missing!r}] = None",
        "sys.argv = ['sequoia', 'sandbox']",
        "sequoia.cli.main()",
    ]
    result = run(command=(sys.executable, "-c", "\n".join(lines)))

    assert result.returncode == 2
    assert result.stdout == ""
    assert f"pip install 'sequoia-client-sdk[{extra}]'" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_import_of_the_sandbox_names_the_missing_extra() -> None:
    lines = ["import sys", "sys.modules['uvicorn'] = None", "import sequoia.sandbox"]
    result = run(command=(sys.executable, "-c", "\n".join(lines)))

    last = result.stderr.splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: sequoia.sandbox needs uvicorn; ")
    assert "pip install 'sequoia-client-sdk[sandbox]'" in last


def test_importing_the_sdk_imports_nothing_of_the_extra() -> None:
    extra = ("click", "uvicorn", "h11", "sqlite3", "sequoia.sandbox", "sequoia.cli")
    lines = ["import sys, sequoia", f"print([name for name in {extra} if name in sys.modules])"]
    result = run(command=(sys.executable, "-c", "\n".join(lines)))

    assert result.stderr == ""
    loaded = result.stdout.strip()
    # httpx2's transport brings h11 along by itself.
    assert loaded in {"[]", "['h11']"}
