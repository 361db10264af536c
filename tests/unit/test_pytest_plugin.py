"""The pytest plugin, by test files that use it as a user's would: each test here runs pytest on one of them."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from sequoia import sandbox

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "pyproject.toml"
EXTRA = "sequoia.sandbox needs uvicorn; install it with: pip install 'sequoia-client-sdk[sandbox]'"


@pytest.fixture(scope="module", autouse=True)
def everything_loaded() -> None:
    """Each run in this process drops the modules that it loads: it must find all of them, or there are two of each."""
    with sandbox.Sandbox() as running, running.client() as client:
        client.metadata.contents.browse("acme")


@pytest.fixture(autouse=True)
def only_this_plugin(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin by its module, whether the wheel with its entry point is installed or not, and no other one."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(sandbox.__file__).resolve().parents[2]))
    pytester.makeini("[pytest]\naddopts = -p _sequoia_pytest -W error\n")


def _run(pytester: pytest.Pytester, *files: str) -> pytest.RunResult:
    pytester.makepyfile(**{f"test_{number}": text for number, text in enumerate(files)})
    return pytester.runpytest_inprocess("-p", "no:cacheprovider")


def test_the_entry_point_names_the_plugin() -> None:
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    assert project["project"]["entry-points"] == {"pytest11": {"sequoia": "_sequoia_pytest"}}
    plugin = importlib.import_module("_sequoia_pytest")
    assert [name for name in plugin.__all__ if not hasattr(plugin, name)] == []


def test_what_the_documentation_shows_works(pytester: pytest.Pytester) -> None:
    page = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")
    section = page.partition("\n## In your own tests\n")[2].partition("\n## ")[0]
    test, conftest, *_ = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    _run(pytester, test).assert_outcomes(passed=1)
    pytester.makeconftest(conftest)
    check = """
        def test_it(sequoia_sandbox, sequoia_client):
            assert sequoia_client.metadata.contents.browse("tenant").resources
        """
    _run(pytester, test, check).assert_outcomes(passed=2)


def test_the_client_speaks_to_the_sandbox(pytester: pytest.Pytester) -> None:
    result = _run(
        pytester,
        """
        def test_it(sequoia_sandbox, sequoia_client):
            contents = sequoia_client.metadata.contents
            contents.store("acme", {"owner": "acme", "name": "aria", "title": "Aria", "type": "movie"})
            assert [found["title"] for found in contents.browse("acme").resources] == ["Aria"]
            assert sequoia_sandbox.requests[-1].path == "/data/contents"
        """,
    )
    result.assert_outcomes(passed=1)


def test_what_a_test_leaves_behind_is_gone_for_the_next_but_the_server_is_the_same(pytester: pytest.Pytester) -> None:
    result = _run(
        pytester,
        """
        import pytest
        from sequoia import error
        from sequoia.sandbox import Fault

        urls = []

        @pytest.mark.parametrize("turn", range(3))
        def test_it(turn, sequoia_sandbox, sequoia_client):
            urls.append(sequoia_sandbox.registry_url)
            assert len(set(urls)) == 1
            assert {request.service for request in sequoia_sandbox.requests} == {"registry", "identity"}
            assert sequoia_sandbox.token_requests == 1
            assert sequoia_sandbox.faults.armed() == []
            assert sequoia_client.metadata.contents.browse("acme").resources == []
            progress = sequoia_client.workflow.business("/$service/$owner:$ref")
            with pytest.raises(error.NotFound):
                progress.browse(service="flow-execution-progress", owner="acme", ref="run")
            document = {"owner": "acme", "name": "aria", "title": "Aria", "type": "movie"}
            assert sequoia_sandbox.load("metadata", "contents", [document]) == 1
            sequoia_sandbox.set_progress("acme:run", {"done": 1})
            sequoia_sandbox.faults.add(Fault(status=503, times=None))
        """,
    )
    result.assert_outcomes(passed=3)


def test_a_client_of_one_test_is_closed_and_its_token_does_not_work_in_the_next(pytester: pytest.Pytester) -> None:
    result = _run(
        pytester,
        """
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen

        import pytest
        from sequoia import error

        kept = []

        def test_first(sequoia_client, sequoia_sandbox):
            sequoia_client.metadata.contents.browse("acme")
            kept.append((sequoia_client, sequoia_sandbox.requests[-1].headers["authorization"]))

        def test_second(sequoia_sandbox):
            client, authorization = kept[0]
            with pytest.raises(error.ClientError, match="closed"):
                client.metadata.contents.browse("acme")
            assert list(sequoia_sandbox.requests) == []
            url = sequoia_sandbox.location("metadata") + "/data/contents?owner=acme"
            with pytest.raises(HTTPError, match="401"):
                urlopen(Request(url, headers={"Authorization": authorization}))
        """,
    )
    result.assert_outcomes(passed=2)


def test_retries_wait_on_a_clock_that_takes_no_time(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_to_sleep(seconds: float) -> None:
        raise AssertionError(f"a real wait of {seconds} seconds")

    monkeypatch.setattr("sequoia.clock.time.sleep", refuse_to_sleep)
    result = _run(
        pytester,
        """
        from sequoia.sandbox import Fault

        def test_it(sequoia_sandbox, sequoia_client):
            sequoia_sandbox.requests.clear()
            sequoia_sandbox.faults.add(Fault(status=503, times=2, headers={"Retry-After": "1"}))
            sequoia_client.metadata.contents.browse("acme")
            assert [request.status for request in sequoia_sandbox.requests] == [503, 503, 200]
        """,
    )
    result.assert_outcomes(passed=1)


def test_options_are_for_all_tests_below_the_conftest_that_gives_them(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def sequoia_sandbox_options():
            return {"owner": "tenant", "demo": 20}
        """
    )
    result = _run(
        pytester,
        """
        import pytest

        @pytest.mark.parametrize("turn", range(2))
        def test_the_demo_is_back(turn, sequoia_sandbox, sequoia_client):
            contents = sequoia_client.metadata.contents
            found = [content["ref"] for page in contents.browse("tenant") for content in page.resources]
            assert len(found) == 20
            contents.delete("tenant", found[:5])
        """,
    )
    result.assert_outcomes(passed=2)


def test_a_module_with_its_own_options_has_its_own_server(pytester: pytest.Pytester) -> None:
    uses = """
        import pytest

        def test_plain(sequoia_sandbox):
            assert sequoia_sandbox.owner == "acme"
        """
    overrides = """
        import pytest

        @pytest.fixture(scope="session")
        def sequoia_sandbox_options():
            return {"owner": "other"}

        def test_own(sequoia_sandbox):
            assert sequoia_sandbox.owner == "other"
        """
    _run(pytester, uses, overrides, uses).assert_outcomes(passed=3)


def test_a_sandbox_that_a_test_stopped_is_replaced(pytester: pytest.Pytester) -> None:
    result = _run(
        pytester,
        """
        import pytest
        from sequoia import error

        def test_first(sequoia_sandbox, sequoia_client):
            sequoia_sandbox.stop()
            with pytest.raises(error.RequestError):
                sequoia_client.metadata.contents.browse("acme")

        def test_second(sequoia_client):
            assert sequoia_client.metadata.contents.browse("acme").resources == []
        """,
    )
    result.assert_outcomes(passed=2)


def test_without_the_extra_a_test_that_needs_it_fails_with_one_sentence(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import sys\nsys.modules['uvicorn'] = None\n")
    pytester.makepyfile("def test_other(): pass\ndef test_it(sequoia_client): pass\n")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, errors=1)
    at = result.outlines.index(EXTRA)
    assert "ERROR at setup of test_it" in result.outlines[at - 1]
    assert "short test summary" in result.outlines[at + 1]


def test_loading_the_plugin_loads_nothing_of_the_package(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it():
            assert "_sequoia_pytest" in sys.modules
            names = {name.partition(".")[0] for name in sys.modules}
            assert names.isdisjoint({"sequoia", "httpx2", "uvicorn", "msgspec", "sqlite3", "oauthlib"})
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
