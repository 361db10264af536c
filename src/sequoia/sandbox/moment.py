"""The wall clock of the sandbox, and how the platform writes a moment."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["timestamp", "utc_now"]


def utc_now() -> datetime:
    """The time of the system, in UTC."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """A timestamp as the platform writes it: UTC, milliseconds, `Z`.

    Raises:
        ValueError: `moment` has no time zone.
    """
    if moment.utcoffset() is None:
        raise ValueError("the clock given as `now` returns a time without a zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
