"""The pytest plugin: a sandbox for each test, with a client that does not wait.

Every pytest run in the environment loads this module, whether it needs it or not. So it stands outside of the package
`sequoia`, whose import brings the HTTP client along, and imports nothing of it before a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sequoia import Client
    from sequoia.sandbox import Sandbox

__all__ = ["sequoia_client", "sequoia_sandbox", "sequoia_sandbox_options"]


@pytest.fixture(scope="session")
def sequoia_sandbox_options() -> Mapping[str, Any]:
    """The arguments of the sandbox; override this fixture to choose them, for all tests or for those of a module."""
    return {}


@pytest.fixture(scope="session")
def _sequoia_fresh_sandbox() -> Iterator[Callable[[Mapping[str, Any]], Sandbox]]:
    """Gives a sandbox with some options in its first state: one that runs already, or else a new one."""
    try:
        from sequoia.sandbox import Sandbox, SandboxError  # noqa: PLC0415 - see the module's docstring
    except ModuleNotFoundError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None  # the sentence says it all
    running: list[tuple[dict[str, Any], Sandbox]] = []
    with ExitStack() as stack:

        def fresh(options: Mapping[str, Any]) -> Sandbox:
            for known, sandbox in running:
                if known != options:
                    continue
                try:
                    sandbox.reset()
                except SandboxError:  # a test has stopped it, or spoilt it beyond a reset
                    sandbox.stop()
                    running.remove((known, sandbox))
                    break
                return sandbox
            sandbox = stack.enter_context(Sandbox(**options))
            running.append((dict(options), sandbox))
            return sandbox

        yield fresh


@pytest.fixture
def sequoia_sandbox(
    sequoia_sandbox_options: Mapping[str, Any], _sequoia_fresh_sandbox: Callable[[Mapping[str, Any]], Sandbox]
) -> Sandbox:
    """A `sequoia.sandbox.Sandbox` as if it had just been started: nothing in it but the demo catalogue, if asked for.

    The server behind it goes on for the whole session, one for each set of `sequoia_sandbox_options`.
    """
    return _sequoia_fresh_sandbox(sequoia_sandbox_options)


@pytest.fixture
def sequoia_client(sequoia_sandbox: Sandbox) -> Iterator[Client]:
    """A `sequoia.Client` of `sequoia_sandbox` whose retries take no time; it is closed after the test."""
    from sequoia import InstantClock  # noqa: PLC0415 - see the module's docstring

    with sequoia_sandbox.client(clock=InstantClock()) as client:
        yield client
