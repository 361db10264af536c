"""`Sandbox.reset`: after it, nothing is left of what a test did."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from sequoia.sandbox import Fault, Sandbox, SandboxError

SignIn = Callable[[Sandbox], dict[str, str]]
FILM = {"owner": "acme", "name": "aria", "title": "Aria", "type": "movie"}


def _titles(sandbox: Sandbox, query: str = "") -> list[str]:
    with sandbox.client() as client:
        return [found["title"] for found in client.metadata.contents.browse("acme", query_string=query).resources]


def test_a_reset_forgets_documents_of_every_service_the_deleted_ones_too() -> None:
    with Sandbox() as sandbox, sandbox.client() as client:
        contents = client.metadata.contents
        sandbox.load("metadata", "contents", [FILM, FILM | {"name": "bolero", "title": "Bolero"}])
        sandbox.load("workflow", "profiles", [{"owner": "acme", "name": "fast", "title": "Fast", "type": "transcode"}])
        contents.delete("acme", "acme:bolero")
        sandbox.reset()
        assert contents.browse("acme").resources == []
        assert client.workflow.profiles.browse("acme").resources == []
        again = contents.store("acme", [FILM, FILM | {"name": "bolero", "title": "Second"}])
        assert [stored["title"] for stored in again.resources] == ["Aria", "Second"]


def test_filters_and_orders_hold_nothing_of_the_time_before() -> None:
    with Sandbox() as sandbox:
        sandbox.load("metadata", "contents", [FILM, FILM | {"name": "bolero", "title": "Bolero"}])
        sandbox.reset()
        sandbox.load("metadata", "contents", [FILM | {"title": "Coda"}])
        assert _titles(sandbox, "withType=movie&sort=title") == ["Coda"]
        assert _titles(sandbox, "withTitle=Aria") == []
        assert _titles(sandbox, "q=aria") == []
        assert _titles(sandbox, "q=coda") == ["Coda"]


def test_a_reset_loads_the_demo_catalogue_again_as_it_was() -> None:
    with Sandbox(demo=30) as sandbox, sandbox.client() as client:
        contents = client.metadata.contents

        def refs() -> list[str]:
            return [found["ref"] for page in contents.browse("acme") for found in page.resources]

        first = refs()
        contents.delete("acme", first[:10])
        sandbox.load("metadata", "contents", [FILM])
        sandbox.reset()
        assert refs() == first
        assert len(first) == 30


def test_a_reset_forgets_faults_requests_tokens_and_progress(http: httpx2.Client, sign_in: SignIn) -> None:
    with Sandbox() as sandbox:
        header = sign_in(sandbox)
        sandbox.set_progress("acme:run", {"done": 1})
        sandbox.faults.add(Fault(status=503, times=None))
        sandbox.reset()
        assert list(sandbox.requests) == []
        assert sandbox.faults.armed() == []
        browse = f"{sandbox.location('metadata')}/data/contents?owner=acme"
        assert http.get(browse, headers=header).status_code == 401
        header = sign_in(sandbox)
        assert http.get(browse, headers=header).status_code == 200
        progress = f"{sandbox.location('workflow')}/flow-execution-progress/acme:run"
        assert http.get(progress, headers=header).status_code == 404


def test_a_reset_keeps_the_addresses_and_open_connections() -> None:
    with Sandbox() as sandbox, sandbox.client() as client:
        before = sandbox.environ
        sandbox.reset()
        assert sandbox.environ == before
        assert client.metadata.contents.browse("acme").resources == []


def test_a_reset_empties_the_data_file(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.db"
    with Sandbox(data=file) as sandbox:
        sandbox.load("metadata", "contents", [FILM])
    with Sandbox(data=file) as sandbox:
        assert _titles(sandbox) == ["Aria"]
        sandbox.reset()
    with Sandbox(data=file) as sandbox:
        assert _titles(sandbox) == []


def _rows(file: Path) -> dict[str, int]:
    """The number of rows of every table but those inside the full-text index, which has a few of its own."""
    with closing(sqlite3.connect(file)) as database:
        tables = [
            name
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith("sqlite_")
        ]
        inner = ("data", "idx", "content", "docsize", "config")
        own = [name for name in tables if name.rpartition("_")[2] not in inner]
        count = "SELECT count(*) FROM {}"
        return {name: database.execute(count.format(name)).fetchone()[0] for name in own}


def test_only_the_names_of_resources_and_fields_outlast_a_reset(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.db"
    with Sandbox(data=file) as sandbox, sandbox.client() as client:
        sandbox.load("metadata", "contents", [FILM | {"languages": ["it"]}, FILM | {"name": "bolero"}])
        client.metadata.contents.delete("acme", "acme:bolero")
    filled = {table.rstrip("0123456789") for table, rows in _rows(file).items() if rows}
    assert filled == {"axis", "resource", "deleted", "document_", "value_", "words_"}
    with Sandbox(data=file) as sandbox:
        sandbox.reset()
    assert sorted(table for table, rows in _rows(file).items() if rows) == ["axis", "resource"]


def test_a_reset_gives_the_user_the_first_password_back(http: httpx2.Client) -> None:
    with Sandbox(password="first") as sandbox:
        change = {"username": sandbox.username, "password": "first", "newPassword": "second"}
        answer = http.post(f"{sandbox.location('identity')}/pauth/passwords", json=change)
        assert (answer.status_code, sandbox.password) == (204, "second"), answer.text
        sandbox.reset()
        assert sandbox.password == "first"


def test_a_sandbox_that_does_not_run_cannot_be_reset() -> None:
    sandbox = Sandbox()
    with pytest.raises(SandboxError, match="start it first"):
        sandbox.reset()
    with sandbox:
        sandbox.reset()
    with pytest.raises(SandboxError, match="start it first"):
        sandbox.reset()
