"""Catalogues on the move: export to files, import, copy between owners and platforms, and what differs.

What `sequoia export`, `import`, `copy` and `diff` do, for Python:

::

    manifest = export(client.metadata.contents, "acme", "backup", workers=4, compression="zstd")
    report = load(client.metadata.contents, "acme", [Source.of("backup")])
"""

from __future__ import annotations

from sequoia.transfer.comparing import Comparison, Difference, compare
from sequoia.transfer.error import TransferError
from sequoia.transfer.exporting import ExportOptions, export, since_of
from sequoia.transfer.importing import Failure, ImportOptions, Report, copy, load
from sequoia.transfer.manifest import Manifest, Split
from sequoia.transfer.reading import Given, Source

__all__ = [
    "Comparison",
    "Difference",
    "ExportOptions",
    "Failure",
    "Given",
    "ImportOptions",
    "Manifest",
    "Report",
    "Source",
    "Split",
    "TransferError",
    "compare",
    "copy",
    "export",
    "load",
    "since_of",
]
