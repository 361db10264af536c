"""`spark.read.format("sequoia")`: a real Spark, in an environment of its own, reads from the sandbox."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.contract.data import content

from sequoia import field, where
from sequoia.sandbox import Fault, Sandbox

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENT = ROOT / ".venv-spark"
PAGE = ROOT / "docs" / "scaling-out.md"

Ask = Callable[..., dict[str, Any]]

# Spark takes seconds to start, and for each job some more.
pytestmark = pytest.mark.timeout(180)


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """With 600 contents that were created one after the other, some with what fits no column."""
    clock = Clock()
    with Sandbox(now=clock) as sandbox:
        for number in range(600):
            clock.time += timedelta(seconds=1)
            more: dict[str, Any] = {"releaseYear": 1950 + number % 50} if number % 3 else {}
            film = content("acme", f"c-{number:03}", tags=["x", f"n{number}"], custom={"a": [number]}, **more)
            sandbox.load("metadata", "contents", [film])
        yield sandbox


@pytest.fixture(scope="module")
def spark(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    ready = ENVIRONMENT / ".ready"
    if not ready.exists():
        pytest.fail(f"{ENVIRONMENT.name} is not there: make spark", pytrace=False)
    if reason := ready.read_text(encoding="utf-8").strip():
        pytest.skip(reason)
    python = str(ENVIRONMENT / "bin" / "python")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    told = {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": python, "NO_PROXY": "127.0.0.1", **sandbox.environ}
    folder = tmp_path_factory.mktemp("spark")
    with (folder / "log").open("w") as log, subprocess.Popen(  # noqa: S603 - our own program
        [python, "-I", str(HERE / "session.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder, env={**environ, **told},
    ) as process:  # fmt: skip
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0, (folder / "log").read_text()


@pytest.fixture
def told(spark: subprocess.Popen[str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Gives the session a line, and takes its answer."""

    def tell(line: dict[str, Any]) -> dict[str, Any]:
        assert spark.stdin is not None
        assert spark.stdout is not None
        spark.stdin.write(json.dumps(line) + "\n")
        spark.stdin.flush()
        answer: dict[str, Any] = json.loads(spark.stdout.readline())
        return answer

    return tell


@pytest.fixture
def ask(told: Callable[[dict[str, Any]], dict[str, Any]], sandbox: Sandbox) -> Iterator[Ask]:
    """Reads contents of the sandbox with Spark."""
    options = {
        "registry_url": sandbox.registry_url,
        "owner": "acme",
        "grant_client_id": sandbox.client_id,
        "grant_client_secret": sandbox.client_secret,
    }

    def ask(path: str | None = "metadata/contents", schema: str | None = None, **more: str) -> dict[str, Any]:
        asked: dict[str, Any] = {"options": options | more}
        return told(asked | ({"path": path} if path else {}) | ({"schema": schema} if schema else {}))

    sandbox.requests.clear()
    yield ask
    sandbox.faults.clear()


def test_every_resource_comes_once_by_the_partitions_of_a_scan(ask: Ask, sandbox: Sandbox) -> None:
    found = ask(workers="3")
    assert found["partitions"] > 3
    assert sorted(row["ref"] for row in found["rows"]) == [f"acme:c-{number:03}" for number in range(600)]
    row = next(row for row in found["rows"] if row["name"] == "c-004")
    assert (row["releaseYear"], row["tags"], row["custom"]) == (1954, ["x", "n4"], '{"a":[4]}')
    assert row["createdAt"] == "2026-01-01 00:00:05"
    assert row["_other"] is None
    for part in ("ref:string", "releaseYear:bigint", "tags:array<string>", "createdAt:timestamp", "_other:string"):
        assert part in found["schema"]


def test_nobody_sees_the_secret_in_a_plan(ask: Ask, sandbox: Sandbox) -> None:
    found = ask(fields="ref", query=str(where(field("ref") == "acme:c-001")))
    assert sandbox.client_secret not in found["plan"]


def test_a_question_and_fields(ask: Ask) -> None:
    question = where(field("releaseYear") >= 1990, field("tags") == "x")
    found = ask(query=str(question), fields="ref,releaseYear")
    assert found["schema"] == "struct<ref:string,releaseYear:bigint,_other:string>"
    assert len(found["rows"]) == sum(1 for n in range(600) if n % 3 and n % 50 >= 40)
    assert {row["releaseYear"] for row in found["rows"]} == set(range(1990, 2000))


def test_a_schema_of_ones_own_asks_for_no_more(ask: Ask, sandbox: Sandbox) -> None:
    found = ask(schema="title STRING, ref STRING")
    assert found["schema"] == "struct<title:string,ref:string>"
    assert len(found["rows"]) == 600
    pages = [dict(one.query) for one in sandbox.requests if "continue" in dict(one.query)]
    assert pages
    assert {page["fields"] for page in pages} == {"ref,title"}


def test_the_connection_of_the_environment_is_taken_as_a_whole(told: Callable[[Any], Any], sandbox: Sandbox) -> None:
    assert len(told({"path": "metadata/contents", "options": {"fields": "ref"}})["rows"]) == 600
    # A secret of the environment belongs to the registry of the environment.
    other = {"registry_url": sandbox.registry_url, "owner": "acme"}
    assert "grant_client_id" in told({"path": "metadata/contents", "options": other})["error"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"ownr": "x"}, "no option 'ownr': did you mean 'owner'?"),
        ({"workers": "many"}, "the option 'workers' must be a number, not 'many'"),
        ({"registry_url": ""}, "the option 'registry_url' is missing"),
        ({"path": None}, 'say what to read: load("metadata/contents")'),
        ({"path": "metadata/contentz"}, "no resource 'contentz': did you mean 'contents'?"),
        ({"schema": "ref STRING, colour STRING"}, "contents has no field 'colour'"),
        ({"schema": "releaseYear STRING"}, "the column releaseYear is of the type bigint, not string"),
        ({"auth_type": "granted"}, "auth_type is 'granted'"),
        ({"grant_client_secret": "wrong"}, "the identity service refused the client's credentials"),
        ({"query": "withColour=red"}, "withColour"),
    ],
)
def test_a_mistake_is_a_sentence(ask: Ask, options: dict[str, Any], sentence: str) -> None:
    assert sentence in ask(**options)["error"]


def test_a_service_that_fails_in_the_middle_fails_the_job_or_is_asked_again(ask: Ask, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(status=503, service="metadata", times=2))
    assert len(ask(fields="ref")["rows"]) == 600


def test_what_the_page_shows_runs(told: Callable[[Any], Any], sandbox: Sandbox, tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    [block] = re.findall(r"^```python title=.spark.py.\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "block.py").write_text(block, encoding="utf-8")
    names = {"registry_url": sandbox.registry_url, "client_id": sandbox.client_id, "secret": sandbox.client_secret}
    assert "|movie|" in told({"run": str(tmp_path / "block.py"), "names": names})["printed"]
