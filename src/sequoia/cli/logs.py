"""What the SDK logs, on stderr and without secrets: warnings, and with `--debug` every request as well."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sequoia.cli import console
from sequoia.secrecy import HIDDEN, SHORTEST, masked

__all__ = ["listening", "shown", "silenced"]

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
    with listening("sequoia", handler, logging.DEBUG if debug else logging.NOTSET):
        yield


@contextmanager
def listening(name: str, handler: logging.Handler, level: int) -> Iterator[None]:
    """Hand what a logger says meanwhile to a handler.

    Args:
        name: Name of the logger.
        handler: Takes it.
        level: What the logger is to say at least, even if it is set to say less; `NOTSET` leaves it as it is.
    """
    logger = logging.getLogger(name)
    before = logger.level
    logger.addHandler(handler)
    if level and not logger.isEnabledFor(level):
        logger.setLevel(level)
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
