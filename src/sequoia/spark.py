"""A data source for Spark 4: `spark.read.format("sequoia").load("metadata/contents")`.

The driver counts, and cuts the collection into the partitions of a scan; each of Spark's tasks reads one of them with a
client of its own, and hands Arrow batches over. It is an extra of the distribution: `sequoia-client-sdk[spark]`.

Columns are those of an exported table: one for each field of the descriptor, and `_other` with what fits none, as JSON.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Unpack
from urllib.parse import parse_qsl

import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.types import StructType

from sequoia.auth import AuthType
from sequoia.client import Client
from sequoia.criteria import Criteria
from sequoia.descriptor import ResourceType
from sequoia.endpoint import Endpoint
from sequoia.expressions import raw
from sequoia.names import suggestion
from sequoia.scan import ScanOptions
from sequoia.scanning import Scan
from sequoia.transfer.arrow import batch_of
from sequoia.transfer.columns import OTHER, columns_of, to_row
from sequoia.transfer.manifest import Column, Kind

__all__ = ["SequoiaDataSource", "SequoiaReader"]

_ROWS = 1_000
_WORKERS = 8


def _auth_type(text: str) -> AuthType:
    name = text.upper().replace("-", "_")
    if name not in AuthType.__members__:
        raise ValueError(f"auth_type is {text!r}: {suggestion(name, AuthType.__members__)}")
    return AuthType[name]


# What Spark hands over are texts; the names are those of the client's arguments.
_CLIENT: Mapping[str, Callable[[str], Any]] = {
    "auth_type": _auth_type,
    "grant_client_id": str,
    "grant_client_secret": str,
    "byo_token": str,
    "username": str,
    "password": str,
    "directory": str,
    "client_cert": str,
    "client_key": str,
    "server_cert": str,
    "verify": str,
    "user_id": str,
    "application_id": str,
    "request_timeout": float,
    "max_rate": float,
    "max_connections": int,
}
_OWN = ("path", "registry_url", "owner", "query", "fields", "workers")
# The first that is there says how to sign in.
_SIGNS: Mapping[str, tuple[AuthType, tuple[str, ...]]] = {
    "client_cert": (AuthType.MUTUAL, ("client_cert", "client_key", "server_cert")),
    "grant_client_id": (AuthType.CLIENT_GRANT, ("grant_client_id", "grant_client_secret")),
    "username": (AuthType.PASSWORD, ("username", "password", "directory")),
    "byo_token": (AuthType.BYO_TOKEN, ("byo_token",)),
}
_ENVIRON = {
    "registry_url": "SEQUOIA_REGISTRY_URL",
    "owner": "SEQUOIA_OWNER",
    "grant_client_id": "SEQUOIA_CLIENT_ID",
    "grant_client_secret": "SEQUOIA_CLIENT_SECRET",
    "byo_token": "SEQUOIA_TOKEN",
    "username": "SEQUOIA_USERNAME",
    "password": "SEQUOIA_PASSWORD",
    "directory": "SEQUOIA_DIRECTORY",
    "client_cert": "SEQUOIA_CLIENT_CERT",
    "client_key": "SEQUOIA_CLIENT_KEY",
    "server_cert": "SEQUOIA_SERVER_CERT",
}
# What Spark calls the kinds of columns, and the Arrow type that it expects of each.
_TYPES: Mapping[Kind, tuple[str, pa.DataType]] = {
    "text": ("string", pa.string()),
    "integer": ("bigint", pa.int64()),
    "number": ("double", pa.float64()),
    "boolean": ("boolean", pa.bool_()),
    "timestamp": ("timestamp", pa.timestamp("us", tz="UTC")),
    "json": ("string", pa.string()),
}


@dataclass(frozen=True)
class Reading:
    """What is read, and how its service is reached; it goes to every task.

    Attributes:
        registry_url: The registry.
        client: The arguments of a client.
        service: Name of the service.
        resource: Name of the collection.
        owner: The tenant.
        query: The wire form of a criteria.
        fields: The fields to ask for; empty for all.
        workers: How many tasks are expected to read at once.
    """

    registry_url: str
    client: Mapping[str, Any] = field(repr=False)
    service: str
    resource: str
    owner: str
    query: str
    fields: tuple[str, ...]
    workers: int

    @classmethod
    def of(cls, given: Mapping[str, str], environ: Mapping[str, str]) -> Reading:
        """What options say; without a registry among them, the connection is that of the environment.

        Raises:
            ValueError: An option is missing, unknown, or makes no sense.
        """
        options = {name.lower(): value for name, value in given.items()}
        known = [*_OWN, *_CLIENT]
        for name in options.keys() - set(known):
            raise ValueError(f"the data source sequoia has no option {name!r}: {suggestion(name, known)}")
        if "registry_url" not in options:
            said = {name: environ[variable] for name, variable in _ENVIRON.items() if environ.get(variable)}
            options = {**said, **options}
        service, _, resource = options.get("path", "").strip("/").partition("/")
        if not service or not resource or "/" in resource:
            raise ValueError('say what to read: load("metadata/contents"), a service and a resource')
        for name in ("registry_url", "owner"):
            if not options.get(name):
                raise ValueError(f'the option {name!r} is missing: .option("{name}", ...), or {_ENVIRON[name]}')
        workers = _converted(options, "workers", int) if "workers" in options else _WORKERS
        if workers < 1:
            raise ValueError(f"workers must be a whole number from 1, not {workers}")
        fields = tuple(filter(None, (name.strip() for name in options.get("fields", "").split(","))))
        return cls(
            options["registry_url"], _arguments(options), service, resource, options["owner"],
            options.get("query", "").removeprefix("?"), fields, workers,
        )  # fmt: skip

    @property
    def criteria(self) -> Criteria:
        """The question."""
        criteria = Criteria()
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            criteria.add_criterion(raw(name, value))
        return criteria

    def connected(self) -> Client:
        """A client."""
        return Client(self.registry_url, **self.client)

    def endpoint(self, client: Client) -> Endpoint:
        """The collection."""
        return client[self.service][self.resource]

    def scan(self, client: Client, **options: Unpack[ScanOptions]) -> Scan[dict[str, Any]]:
        """A scan of it."""
        options["fields"] = self.fields or None
        return self.endpoint(client).scan(self.owner, self.criteria, **options)


class SequoiaDataSource(DataSource):  # type: ignore[misc] # pyspark is an extra, and not among what mypy reads
    """`spark.read.format("sequoia")`; Spark finds it by itself.

    `.load("metadata/contents")` names the service and the resource. Options, all of them texts:

    * `registry_url` and `owner`; and `grant_client_id`, `grant_client_secret` and the other arguments of
      `sequoia.client.Client` that are texts or numbers. Without `registry_url`, the connection is taken from the
      `SEQUOIA_*` variables of the environment that Spark was started in.
    * `query`: the question as `str(criteria)` gives it; none for everything.
    * `fields`: names, separated by commas; none for all. A schema of yours, `.schema("ref STRING, title STRING")`, asks
      for its columns only.
    * `workers`: how many tasks read at once, 8 if it is not said; there are about four partitions for each.

    Raises:
        ValueError: An option is missing, unknown, or makes no sense.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        super().__init__(options)
        self._reading = Reading.of(dict(options), os.environ)

    @classmethod
    def name(cls) -> str:
        """`sequoia`."""
        return "sequoia"

    def schema(self) -> str:
        """The columns, by the service's descriptor."""
        return ", ".join(f"`{one.name.replace('`', '``')}` {_type(one)[0]}" for one in self._columns())

    def reader(self, schema: StructType) -> SequoiaReader:
        """What reads these columns.

        Raises:
            ValueError: A column is none of the resource's, or of another type.
        """
        known = {column.name: column for column in self._columns()}
        for one in schema:
            if one.name not in known:
                raise ValueError(f"{self._reading.resource} has no field {one.name!r}: {suggestion(one.name, known)}")
            name, given = _type(known[one.name])[0], one.dataType.simpleString()
            if name != given:
                raise ValueError(f"the column {one.name} is of the type {name}, not {given}: cast it afterwards")
        names = [one.name for one in schema]
        # What fits no column can be told only if everything is read.
        fields = self._reading.fields if OTHER in names else tuple(names)
        return SequoiaReader(replace(self._reading, fields=fields), [known[name] for name in names])

    def _columns(self) -> list[Column]:
        with self._reading.connected() as client:
            described: ResourceType = self._reading.endpoint(client).descriptor
        return [*columns_of(described, self._reading.fields or None), Column(OTHER, "text")]


class SequoiaReader(DataSourceReader):  # type: ignore[misc] # as above
    """Reads the partitions of a scan.

    Args:
        reading: What to read.
        columns: The columns, in the order of Spark's schema.
    """

    def __init__(self, reading: Reading, columns: Sequence[Column]) -> None:
        self._reading = reading
        self._columns = columns

    def partitions(self) -> list[InputPartition]:
        """The partitions, found by counting."""
        with self._reading.connected() as client:
            parts = self._reading.scan(client, workers=self._reading.workers).partitions()
        return [InputPartition(part) for part in parts]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """The resources of a partition."""
        schema = pa.schema([pa.field(column.name, _type(column)[1]) for column in self._columns])
        columns = [column for column in self._columns if column.name != OTHER]
        with (
            self._reading.connected() as client,
            self._reading.scan(client, resume=partition.value, read_ahead=True) as scan,
        ):
            found = iter(scan)
            while rows := [to_row(columns, resource) for resource in islice(found, _ROWS)]:
                yield batch_of(columns, rows).select(schema.names).cast(schema)


def _arguments(options: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of a client; what belongs to another way of signing in than the one that is used is left out."""
    found = {name: _converted(options, name, convert) for name, convert in _CLIENT.items() if name in options}
    if "auth_type" in found:
        return found
    for sign, (auth_type, names) in _SIGNS.items():
        if sign in found:
            others = {name for _, several in _SIGNS.values() for name in several} - set(names)
            return {"auth_type": auth_type} | {name: one for name, one in found.items() if name not in others}
    return found


def _converted(options: Mapping[str, str], name: str, convert: Callable[[str], Any]) -> Any:
    try:
        return convert(options[name])
    except ValueError as error:
        if convert is _auth_type:
            raise
        raise ValueError(f"the option {name!r} must be a number, not {options[name]!r}") from error


def _type(column: Column) -> tuple[str, pa.DataType]:
    name, arrow = _TYPES[column.kind]
    return (f"array<{name}>", pa.list_(arrow)) if column.array and column.kind != "json" else (name, arrow)
