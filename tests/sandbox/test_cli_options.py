"""`sequoia sandbox` with the options that change how it speaks: what it prints, serves and refuses."""

from __future__ import annotations

import os
import shlex
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

COMMAND = (sys.executable, "-m", "sequoia.cli", "sandbox", "--port", "0")


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SEQUOIA_")}


@contextmanager
def served(*arguments: str) -> Iterator[dict[str, str]]:
    """A sandbox process; gives what a shell has that has run its lines."""
    with subprocess.Popen(  # noqa: S603 - this interpreter and literal arguments
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            first = process.stderr.readline()  # it comes after the last line of the others
            assert first.startswith("Paste these lines"), first
            lines = os.read(process.stdout.fileno(), 65536).decode().splitlines()
            assert all(line.startswith("export ") for line in lines), lines
            yield dict(shlex.split(line.removeprefix("export "))[0].split("=", 1) for line in lines)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=20)
            assert process.returncode == 0, err
            assert "Traceback" not in err
        finally:
            if process.poll() is None:
                process.kill()


def refused(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - this interpreter and literal arguments
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False, env=environment()
    )
    assert done.returncode == 2
    assert done.stdout == ""
    return done.stderr


def test_all_of_them_at_once(tmp_path: Path) -> None:
    options = ["--registry-auth", "--consistency-delay", "3", "--gzip", "--embedded-pages", "2", "--https"]
    options += ["--mutual-tls", "--redirect-http", "--ca-dir", str(tmp_path / "ca")]
    with served(*options) as variables:
        assert variables["SSL_CERT_FILE"] == variables["SEQUOIA_SERVER_CERT"] == str(tmp_path / "ca" / "ca.pem")
        context = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
        context.load_cert_chain(variables["SEQUOIA_CLIENT_CERT"], variables["SEQUOIA_CLIENT_KEY"])
        with httpx2.Client(verify=context, trust_env=False, follow_redirects=True) as http:
            answer = http.get(variables["SEQUOIA_HTTP_REGISTRY_URL"])
            assert str(answer.url) == variables["SEQUOIA_REGISTRY_URL"]
            locations = {one["name"]: one["location"] for one in answer.json()["services"]}
            assert locations["identity"] == variables["SEQUOIA_IDENTITY_URL"]
            contents = f"{locations['metadata']}/data/contents"
            film = {"owner": "acme", "name": "aria", "type": "movie"}
            assert http.post(contents, json={"contents": [film]}).status_code == 201
            assert http.get(f"{contents}/acme:aria").status_code == 200
            assert http.get(contents).json()["contents"] == []
            described = http.get(f"{locations['metadata']}/descriptor/raw")
            assert described.headers["content-encoding"] == "gzip"


def test_none_of_them_prints_no_more_than_the_six_variables() -> None:
    with served() as variables:
        assert len(variables) == 6
        assert variables["SEQUOIA_REGISTRY_URL"].startswith("http://")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--consistency-delay", "-1"], "consistency_delay"),
        (["--consistency-delay", "nan"], "consistency_delay"),
        (["--mutual-tls"], "mutual_tls needs https"),
        (["--redirect-http"], "redirect_http needs https"),
        (["--ca-dir", "ca"], "ca_dir needs https"),
        (["--https", "--ca-dir", __file__], "name another folder"),
    ],
)
def test_what_cannot_work_is_one_sentence_and_exit_status_2(arguments: list[str], named: str) -> None:
    said = refused(*arguments)
    assert named in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["--consistency-delay", "soon"], ["--embedded-pages", "6"]])
def test_what_is_no_value_at_all_is_exit_status_2(arguments: list[str]) -> None:
    assert f"Invalid value for '{arguments[0]}'" in refused(*arguments)


def test_a_missing_library_is_named_only_where_it_is_needed() -> None:
    lines = ["import sys, sequoia.cli", "sys.modules['trustme'] = None", "sys.argv = ['sequoia', *sys.argv[1:]]"]
    script = "\n".join([*lines, "sequoia.cli.main()"])
    done = subprocess.run(  # noqa: S603 - this interpreter and literal arguments
        [sys.executable, "-c", script, "sandbox", "--port", "0", "--https"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment(),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "https needs trustme" in done.stderr
    assert "pip install 'sequoia-client-sdk[sandbox]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_plain_http_does_not_pay_for_certificates() -> None:
    code = "import sys; from sequoia.sandbox import Sandbox; Sandbox().start().stop(); print('trustme' in sys.modules)"
    done = subprocess.run(  # noqa: S603 - this interpreter and literal arguments
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "False\n"
