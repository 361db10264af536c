"""What a worker asks for, and what it is told: values, so that workers know neither threads nor tasks."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from sequoia.bulk import Result
from sequoia.criteria import Criteria
from sequoia.error import ClientError

__all__ = [
    "Browse",
    "BulkDelete",
    "BulkStore",
    "Delete",
    "Outcome",
    "Patch",
    "Read",
    "Scan",
    "Step",
    "Store",
    "Update",
]

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Read:
    """`read` of these refs."""

    refs: list[str]


@dataclass(frozen=True, slots=True)
class Browse:
    """`browse`, all pages."""

    criteria: Criteria


@dataclass(frozen=True, slots=True)
class Scan:
    """`scan`, stopped and resumed some times.

    Attributes:
        criteria: What to look for.
        options: Arguments of `scan`.
        keeps: The refs of the resources that are wanted whole: to keep all would be a memory of the soak's, not of the
            client's.
        halts: After how many resources each of the first loops is left, to go on from the checkpoint as JSON.
        closes: Whether a scan whose loop was left is closed; otherwise it is just forgotten.
    """

    criteria: Criteria
    options: Mapping[str, Any]
    keeps: Container[str] = field(default=(), repr=False)
    halts: tuple[int, ...] = ()
    closes: bool = True


@dataclass(frozen=True, slots=True)
class Store:
    """`store` of these documents."""

    documents: list[Document] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Update:
    """`read`, and then `update` with the version that was read."""

    ref: str
    changes: Document = field(repr=False)


@dataclass(frozen=True, slots=True)
class Patch:
    """`patch`."""

    ref: str
    changes: Document = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delete:
    """`delete`."""

    refs: list[str]


@dataclass(frozen=True, slots=True)
class BulkStore:
    """`bulk_store`."""

    documents: list[Document] = field(repr=False)
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BulkDelete:
    """`bulk_delete`."""

    refs: list[str]
    options: Mapping[str, Any]


Step = Read | Browse | Scan | Store | Update | Patch | Delete | BulkStore | BulkDelete


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step.

    Attributes:
        items: The resources that were handed out; of a scan those that are wanted whole.
        refs: The refs of all resources of a scan.
        error: The error that ended it.
        survived: The errors after which a scan was resumed.
        results: What a bulk write told of each resource.
        done: How many resources its report says were stored or deleted.
    """

    items: list[Document] = field(default_factory=list)
    refs: list[str] = field(default_factory=list)
    error: ClientError | None = None
    survived: list[ClientError] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    done: int = 0
