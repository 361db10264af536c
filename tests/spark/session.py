"""A session of Spark that reads what it is told: a line of JSON in, a line of JSON out. It runs in `.venv-spark`.

The tests run in another environment, without Spark: starting it takes as long as all of them, so they share one.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession


def read(spark: SparkSession, asked: dict[str, Any]) -> DataFrame:
    """The table that is asked for."""
    reader = spark.read.format("sequoia").options(**asked["options"])
    if "schema" in asked:
        reader = reader.schema(asked["schema"])
    return reader.load(asked["path"]) if "path" in asked else reader.load()


def answer(spark: SparkSession, asked: dict[str, Any]) -> dict[str, Any]:
    """What is in it, how it would be read and what went wrong."""
    if "run" in asked:
        names: dict[str, Any] = {"spark": spark, **asked["names"]}
        with redirect_stdout(StringIO()) as printed:
            exec(compile(Path(asked["run"]).read_text(encoding="utf-8"), asked["run"], "exec"), names)  # noqa: S102
        return {"printed": printed.getvalue()}
    try:
        table = read(spark, asked)
        return {
            "schema": table.schema.simpleString(),
            "rows": [row.asDict(recursive=True) for row in table.collect()],
            "partitions": table.rdd.getNumPartitions(),
            "plan": table._jdf.queryExecution().toString(),  # what the UI and the logs show
        }
    except Exception as error:  # noqa: BLE001 - whatever it is, the test wants to see it
        return {"error": str(error)}


def main() -> None:
    """Answer until there is nothing more to read."""
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    for name in ("spark.driver.host", "spark.driver.bindAddress"):
        builder = builder.config(name, "127.0.0.1")
    spark = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(spark, json.loads(line)), default=str) + "\n")
        sys.stdout.flush()
    spark.stop()


if __name__ == "__main__":
    main()
