"""What `--debug` shows: a line for every request, and what the SDK logs, on stderr and without secrets."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sequoia.cli import console
from sequoia.secrecy import HIDDEN, masked

__all__ = ["shown_requests"]

# httpx2 logs a line for each request at INFO. Its lower layers log headers as well, and are left alone.
_LOGGERS = (("sequoia", logging.DEBUG), ("httpx2", logging.INFO))
_SHORTEST = 4  # characters: what is shorter cannot be told from an ordinary word
_BEARER = re.compile(r"(Bearer|Basic) +[\w.~+/=-]+")


@contextmanager
def shown_requests(secrets: Iterable[str]) -> Iterator[None]:
    """Show what is logged meanwhile.

    Args:
        secrets: What must not be shown, wherever it comes up.
    """
    handler = _Notes(frozenset(secret for secret in secrets if len(secret) >= _SHORTEST))
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name, _ in _LOGGERS]
    for name, level in _LOGGERS:
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for logger, level in before:
            logger.removeHandler(handler)
            logger.setLevel(level)


class _Notes(logging.Handler):
    """Writes records to stderr."""

    def __init__(self, secrets: frozenset[str]) -> None:
        super().__init__()
        self._secrets = secrets

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        text = masked(self.format(record).encode("utf-8", "backslashreplace"), self._secrets).decode()
        console.note(_BEARER.sub(rf"\1 {HIDDEN}", text))
