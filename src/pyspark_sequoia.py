"""Where Spark looks for data sources: it imports every module whose name begins with `pyspark_`.

So `spark.read.format("sequoia")` works wherever the distribution is installed, and nobody has to register anything.
"""

from __future__ import annotations

import contextlib

__all__ = ["DefaultSource"]

# Spark imports this to see which data sources there are, also for programs that read something else.
with contextlib.suppress(ImportError):
    from sequoia.spark import SequoiaDataSource as DefaultSource
