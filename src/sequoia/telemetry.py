"""Whether anybody collects OpenTelemetry spans, found out without importing anything for it.

A program whose spans are collected has imported `opentelemetry.trace` by itself: where it has not, the answer costs a
look into a dict. The spans are made in `sequoia.spans`, which is imported with the first of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from sequoia.retry import Operation

if TYPE_CHECKING:
    from sequoia.spans import Trace

__all__ = ["Telemetry", "traced"]


class Telemetry:
    """What one client knows about tracing.

    Args:
        provider: The client's own `TracerProvider`; None for that of the process.
    """

    def __init__(self, provider: Any | None) -> None:
        self._provider = provider
        self._known: tuple[Any, Callable[[], Trace] | None] = (None, None)

    def trace(self) -> Trace | None:
        """What the spans of an operation that begins now hang on; None where nobody collects any."""
        provider = self._provider
        if provider is None:
            # While another thread imports the module, it is there already, and this is not.
            current = getattr(sys.modules.get("opentelemetry.trace"), "get_tracer_provider", None)
            if current is None:
                return None
            provider = current()
        known, begun = self._known
        if known is not provider:
            from sequoia.spans import beginning  # noqa: PLC0415 - see above

            begun = beginning(provider)
            self._known = provider, begun
        return None if begun is None else begun()


def traced(operation: Operation) -> AbstractContextManager[Operation]:
    """One span around several requests of an operation; what is sent with the operation it gives hangs on that span."""
    return nullcontext(operation) if operation.trace is None else operation.trace.operation(operation)
