"""What goes wrong with exports, imports, copies and comparisons, besides what the client raises."""

from __future__ import annotations

from sequoia.error import ClientError

__all__ = ["TransferError"]


class TransferError(ClientError):
    """It cannot be done as it was asked; the message says why and, where there is something to do, what."""
