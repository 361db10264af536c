"""What the SDK logs, on stderr and without secrets: warnings, and with `--debug` every request as well."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sequoia.cli import console
from sequoia.secrecy import HIDDEN, SHORTEST, masked

__all__ = ["shown", "silenced"]

_BEARER = re.compile(r"(Bearer|Basic) +[\w.~+/=-]+")


@contextmanager
def shown(secrets: Iterable[str], *, debug: bool = False) -> Iterator[None]:
    """Show what is logged meanwhile.

    Args:
        secrets: What must not be shown, wherever it comes up.
        debug: Show every request and answer as well; else warnings.
    """
    handler = _Notes(frozenset(secret for secret in secrets if len(secret) >= SHORTEST))
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s" if debug else "Warning: %(message)s"))
    handler.setLevel(logging.DEBUG if debug else logging.WARNING)
    logger = logging.getLogger("sequoia")
    before = logger.level
    logger.addHandler(handler)
    if debug:
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@contextmanager
def silenced() -> Iterator[None]:
    """Show no warnings meanwhile, for a command that says everything by itself; `--debug` does."""
    logger = logging.getLogger("sequoia")
    before = logger.level
    if before == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


class _Notes(logging.Handler):
    """Writes records to stderr."""

    def __init__(self, secrets: frozenset[str]) -> None:
        super().__init__()
        self._secrets = secrets

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        text = masked(self.format(record).encode("utf-8", "backslashreplace"), self._secrets).decode()
        console.note(_BEARER.sub(rf"\1 {HIDDEN}", text))
