from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from pathlib import Path

import pytest
from click.testing import Result
from tests.faults.proxies import Proxy

from sequoia.cli.checkup import Checkup, Finding
from sequoia.cli.connection import Connection
from sequoia.sandbox import Fault, Sandbox

Connect = Callable[..., Connection]
Run = Callable[..., Result]
STEPS = ["registry URL", "proxy", "DNS", "TCP", "TLS", "registry", "clock", "token", "descriptor", "resources"]


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(https=True, ca_dir=tmp_path_factory.mktemp("ca")) as sandbox:
        yield sandbox


def found(connection: Connection, now: Callable[[], float] = time.time) -> dict[str, Finding]:
    return {finding.title: finding for finding in Checkup(connection, now).steps()}


def states(findings: Mapping[str, Finding]) -> str:
    return "".join(finding.state[0] for finding in findings.values())


def test_a_connection_that_works_is_ten_lines_of_ok(run: Run, environ: Mapping[str, str]) -> None:
    result = run("doctor")

    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["ok"] * 10
    assert [line[9:22].strip() for line in lines] == STEPS
    assert f"{environ['SEQUOIA_REGISTRY_URL']} (from SEQUOIA_REGISTRY_URL)" in lines[0]
    assert "knows 5 services" in lines[5]
    assert "given to 'sandbox-client'" in lines[7]
    assert "assets of acme can be read" in lines[9]
    assert environ["SEQUOIA_CLIENT_SECRET"] not in result.output


def test_without_a_registry_the_rest_is_skipped(run: Run) -> None:
    result = run("doctor")

    assert result.exit_code == 2
    assert result.stdout.splitlines()[0].startswith("failed   registry URL  there is no registry to ask: give --reg")
    assert result.stdout.splitlines()[1:] == [
        f"skipped  {title:13} needs: {needed}"
        for title, needed in zip(STEPS[1:], [*STEPS[:5], "registry", "registry", "token", "descriptor"], strict=True)
        if (title, needed) != ("token", "clock")
    ]


def test_an_unknown_host_and_a_closed_port_are_told_apart(connect: Connect) -> None:
    unknown = found(connect("--registry-url", "https://registry.invalid/services/a", "--auth", "none"))
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
    closed = found(connect("--registry-url", f"http://127.0.0.1:{port}/services/a", "--auth", "none"))

    assert states(unknown) == "oofsssssss"
    assert "registry.invalid is not known" in unknown["DNS"].told
    assert "--registry-url" in unknown["DNS"].advice
    assert states(closed) == "ooofssssss"
    assert f"port {port}: Connection refused" in closed["TCP"].told
    assert closed["TCP"].status == 3


def test_a_certificate_is_read_and_an_unknown_authority_is_said(connect: Connect, secure: Sandbox) -> None:
    url = secure.registry_url
    trusted = found(connect("--registry-url", url, "--auth", "none", "--ca", str(secure.ca_file)))
    unknown = found(connect("--registry-url", url, "--auth", "none"))

    assert trusted["TLS"].state == "ok"
    assert "TLSv1.3, certificate by trustme" in trusted["TLS"].told
    assert "more day" in trusted["TLS"].told
    assert states(unknown) == "oooofsssss"
    assert "the certificate is refused" in unknown["TLS"].told
    assert "--ca" in unknown["TLS"].advice


def test_a_file_that_is_no_certificate_and_a_port_without_tls(
    connect: Connect, secure: Sandbox, sandbox: Sandbox, tmp_path: Path
) -> None:
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate", encoding="utf-8")
    unusable = found(connect("--registry-url", secure.registry_url, "--auth", "none", "--ca", str(broken)))
    plain = found(connect("--registry-url", sandbox.registry_url.replace("http:", "https:"), "--auth", "none"))

    assert "--ca is not a file of PEM certificates" in unusable["TLS"].told
    assert unusable["TLS"].status == 2
    assert "no TLS with 127.0.0.1" in plain["TLS"].told


def test_through_a_proxy_the_certificate_is_still_that_of_the_registry(
    connect: Connect, secure: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--registry-url", secure.registry_url, "--auth", "none", "--ca", str(secure.ca_file)]
    with Proxy("ann:pw") as proxy:
        monkeypatch.setenv("SEQUOIA_PROXY", proxy.url.replace("//", "//ann:pw@"))
        through = found(connect(*options))
    gone = found(connect(*options))

    assert through["TLS"].state == through["registry"].state == "ok"
    assert through["proxy"].told == f"{proxy.url} (from SEQUOIA_PROXY)"
    assert proxy.passed
    assert gone["TCP"].state == "failed"


def test_a_proxy_of_the_environment_is_found(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert found(connect("--registry-url", "http://127.0.0.1:2/services/a"))["proxy"].told == "none"  # by NO_PROXY
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy", raising=False)
    findings = found(connect("--registry-url", "http://127.0.0.1:2/services/a"))
    assert findings["proxy"].told == "http://127.0.0.1:1 (from the environment)"
    assert "port 1: " in findings["TCP"].told


def test_a_connection_that_ends_without_an_answer_says_what_tls_may_have_to_do_with_it(
    connect: Connect, secure: Sandbox, tmp_path: Path
) -> None:
    plain = found(connect("--registry-url", secure.registry_url.replace("https:", "http:"), "--auth", "none"))
    with Sandbox(https=True, mutual_tls=True, ca_dir=tmp_path) as mutual:
        url = ("--registry-url", mutual.registry_url, "--ca", str(mutual.ca_file))
        nobody = found(connect(*url, "--auth", "none"))

    assert states(plain) == states(nobody) == "ooooofssss"
    assert plain["registry"].advice == "the port may speak https: check --registry-url, or the registry is not well"
    assert nobody["registry"].advice.startswith("it may demand a client's certificate: give --cert and --key")


def test_a_registry_that_fails_and_one_that_is_none(connect: Connect, sandbox: Sandbox, environ: object) -> None:
    sandbox.faults.add(Fault(status=503, service="registry"))
    failing = found(connect())
    sandbox.faults.clear()
    other = found(connect("--registry-url", sandbox.location("metadata") + "/descriptor/raw"))

    assert states(failing) == "ooooofssss"
    assert "503" in failing["registry"].told
    assert "usually it ends in /services/OWNER" in other["registry URL"].told
    assert "this is not a registry" in other["registry"].told


@pytest.mark.parametrize(("ahead", "state"), [(0, "ok"), (3_600, "failed"), (-3_600, "failed")])
def test_the_clock_is_held_against_the_registry_s(ahead: float, state: str, connect: Connect, environ: object) -> None:
    findings = found(connect(), lambda: time.time() + ahead)

    assert findings["clock"].state == state
    assert findings["token"].state == "ok"
    if ahead:
        assert ("ahead of" if ahead > 0 else "behind") in findings["clock"].told


def test_a_wrong_secret_fails_at_the_token(
    connect: Connect, environ: object, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("SEQUOIA_CLIENT_SECRET", "not-the-one")
    findings = found(connect())

    assert states(findings) == "ooooooofss"
    assert "SEQUOIA_CLIENT_SECRET" in findings["token"].told
    assert run("doctor").exit_code == 3


def test_a_service_that_fails_and_resources_that_may_not_be_seen(
    connect: Connect, sandbox: Sandbox, environ: object
) -> None:
    sandbox.faults.add(Fault(status=500, service="metadata", path="/descriptor/raw"))
    failing = found(connect())
    sandbox.faults.clear()
    sandbox.faults.add(Fault(status=403, service="metadata", path="/data/*"))
    forbidden = found(connect())

    assert (failing["descriptor"].state, failing["descriptor"].status) == ("failed", 4)
    assert "it is at http://127.0.0.1:" in failing["descriptor"].advice
    assert (forbidden["resources"].state, forbidden["resources"].status) == ("failed", 4)


@pytest.mark.parametrize("auth", ["none", "password"])
def test_other_ways_to_sign_in_are_looked_at_as_well(auth: str, connect: Connect, environ: object) -> None:
    token = found(connect("--auth", auth))["token"]
    assert token.state == "ok"
    assert ("by --auth none" if auth == "none" else "given to 'acme\\\\sandbox-user'") in token.told


def test_a_date_that_nobody_sent_is_not_compared(connect: Connect, environ: object) -> None:
    checkup = Checkup(connect())
    for date in (None, "", "soon", "Mon, 99 Jan 2026 00:00:00 GMT"):
        checkup._date = date, 0.0
        assert "not compared" in checkup._compare_clocks(), date
    checkup._date = formatdate(1_800_000_000, usegmt=True), 1_800_000_030.0
    assert checkup._compare_clocks() == "within 60 seconds of the registry's"


@pytest.mark.parametrize(
    "proxy",
    ["http://ann:s3cr#et@proxy:3128", "http://ann:12#et@proxy:3128", "http://ann:s3cr/et@proxy", "http://p:abc"],
)
def test_a_proxy_without_host_and_port_is_a_failed_step_that_shows_no_password(
    run: Run, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("SEQUOIA_PROXY", proxy)
    result = run("doctor")
    lines = result.stdout.splitlines()

    assert environ
    assert result.exit_code == 2
    assert "the proxy from SEQUOIA_PROXY has no URL with a valid host and port: write http://proxy" in lines[1]
    assert {line.split()[0] for line in lines[2:]} == {"skipped"}
    assert not any(part in result.output for part in ("s3cr", "12#", "et@"))
