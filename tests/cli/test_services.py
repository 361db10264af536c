from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest
from click.testing import Result

from sequoia.sandbox import Sandbox

Run = Callable[..., Result]


def test_services_are_listed_by_name_with_title_and_location(
    run: Run, environ: Mapping[str, str], sandbox: Sandbox
) -> None:
    result = run("services")

    assert (result.exit_code, result.stderr) == (0, "")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["name"] for row in rows] == ["identity", "metadata", "registry", "validation", "workflow"]
    assert rows[1] == {"name": "metadata", "title": "Metadata", "location": sandbox.location("metadata")}
    assert run("services", "--format", "csv").stdout.startswith("name,title,location\nidentity,Identity,http://127.")


@pytest.mark.parametrize(
    ("variable", "value", "status", "said"),
    [
        ("SEQUOIA_CLIENT_SECRET", "wrong", 3, "Check SEQUOIA_CLIENT_ID and SEQUOIA_CLIENT_SECRET"),
        ("SEQUOIA_REGISTRY_URL", "http://127.0.0.1:1/services/acme", 3, "'sequoia doctor' looks for the reason"),
        ("SEQUOIA_REGISTRY_URL", "https://registry.invalid/services/acme", 3, "'sequoia doctor' looks for the reason"),
        ("SEQUOIA_REGISTRY_URL", "registry", 2, "SEQUOIA_REGISTRY_URL must be an http or https URL"),
        ("SEQUOIA_AUTH", "clientgrant", 2, "did you mean 'client-grant'"),
    ],
)
def test_a_connection_that_does_not_work_is_one_sentence(  # noqa: PLR0917 - fixtures are arguments
    variable: str,
    value: str,
    status: int,
    said: str,
    run: Run,
    environ: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, value)
    result = run("services")

    assert (result.exit_code, result.stdout) == (status, "")
    assert len(result.stderr.splitlines()) == 1
    assert said in result.stderr
    assert "wrong" not in result.stderr
