"""A collection: all resources of one kind on a service, and the operations that read all of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from msgspec.structs import replace

from sequoia.aio.describing import AsyncDescribed
from sequoia.aio.sending import AsyncSender
from sequoia.calls import Answer, Call
from sequoia.checking import Question
from sequoia.criteria import Criteria
from sequoia.error import BadRequest, HttpError, NotFound
from sequoia.operations import ResourcePath, field_names
from sequoia.retry import EmptyRule, Operation, Task

if TYPE_CHECKING:
    from sequoia.aio.changing import AsyncResourceChanges
    from sequoia.aio.scanning import AsyncScan, AsyncWay
    from sequoia.changes import ChangesOptions
    from sequoia.scan import ScanOptions

# What not every program needs is imported where it is used: `import sequoia` is to take no longer than it must.

__all__ = ["AsyncCollection"]

T = TypeVar("T")
Strategy = Mapping[str, Any] | None


class AsyncCollection:
    """All resources of one kind on a service."""

    def __init__(self, sender: AsyncSender, described: AsyncDescribed, path: ResourcePath) -> None:
        self._sender = sender
        self._described = described
        self._path = path

    @property
    async def url(self) -> str:
        """URL of the collection."""
        return await self._described.location() + self._path.url

    @overload
    def scan(
        self, owner: str | None, criteria: Criteria | None = None, **options: Unpack[ScanOptions]
    ) -> AsyncScan[dict[str, Any]]: ...

    @overload
    def scan(
        self, owner: str | None, criteria: Criteria | None = None, *, raw: Literal[True], **options: Unpack[ScanOptions]
    ) -> AsyncScan[bytes]: ...

    @overload
    def scan(
        self, owner: str | None, criteria: Criteria | None = None, *, model: type[T], **options: Unpack[ScanOptions]
    ) -> AsyncScan[T]: ...

    def scan(
        self,
        owner: str | None,
        criteria: Criteria | None = None,
        *,
        model: type[Any] | None = None,
        raw: bool = False,
        **options: Unpack[ScanOptions],
    ) -> AsyncScan[Any]:
        """Read every resource that fits, one after the other, in constant memory, with several workers if you like.

        Args:
            owner: The tenant.
            criteria: What to look for; `per_page` is respected.
            model: What to make of each resource: a msgspec Struct, a dataclass, an attrs class, a TypedDict or a
                pydantic model. Without it they are dicts.
            raw: Give each resource as the bytes of its JSON, undecoded.
            **options: `fields`, `workers`, `ordered`, `read_ahead`, `resume`, `progress`, `count`, `backoff_strategy`:
                see `sequoia.scan.ScanOptions`.

        Returns:
            An iterable of resources, with a `checkpoint` at any moment. Nothing is sent before it is iterated. An
            error that ends it has the checkpoint too; what does not fit the model is a `DecodeError`.

        Raises:
            ValueError: An argument makes no sense, or `resume` is no checkpoint of this question.
        """
        from sequoia.aio.scanning import AsyncScan  # noqa: PLC0415 - see above
        from sequoia.pages import PageReader  # noqa: PLC0415
        from sequoia.scan import Query, Scanning, check_options  # noqa: PLC0415

        check_options(options)
        query = Query.of(self._path, owner, criteria, options.get("fields"))
        name = f"{self._described.name}/{self._path.segment}"
        scanning = Scanning.of(name, query, PageReader(self._path.key, model, raw=raw), options)
        question = Question(self._path.key, criteria, field_names(options.get("fields")))
        operation = self._operation("scan", owner, options.get("backoff_strategy"))
        return AsyncScan(scanning, self._way(question, operation))

    def changes(
        self,
        owner: str | None,
        since: datetime | Mapping[str, Any] | None = None,
        criteria: Criteria | None = None,
        *,
        model: type[Any] | None = None,
        raw: bool = False,
        **options: Unpack[ChangesOptions],
    ) -> AsyncResourceChanges[Any]:
        """What was deleted, and then what was stored, since a watermark, in the order of these times.

        Deleted resources come, with their `deletedAt`, where the service can be asked for them (`withDeletedAt`), see
        `sees_deletions`. What no longer fits the criteria does not come.

        Args:
            owner: The tenant.
            since: The `watermark` of an earlier run, or a time to begin at; None begins with the first resource.
            criteria: What to look for.
            model: As for `scan`.
            raw: As for `scan`.
            **options: `overlap`, `fields`, `progress`, `backoff_strategy`: see `sequoia.changes.ChangesOptions`.

        Returns:
            An iterable of resources, with the next `watermark` at any moment.

        Raises:
            ValueError: An argument makes no sense, or `since` is no watermark of this question.
        """
        from sequoia.aio.changing import AsyncResourceChanges  # noqa: PLC0415 - see above
        from sequoia.changes import Following  # noqa: PLC0415
        from sequoia.pages import PageReader  # noqa: PLC0415
        from sequoia.scan import Query  # noqa: PLC0415

        query = Query.of(self._path, owner, criteria, options.get("fields"))
        name = f"{self._described.name}/{self._path.segment}"
        following = Following.of(name, query, PageReader(self._path.key, model, raw=raw), since, options)
        question = Question(self._path.key, criteria, field_names(options.get("fields")))
        way = self._way(question, self._operation("changes", owner, options.get("backoff_strategy")))
        return AsyncResourceChanges(following, way, self._offers_deletions)

    async def _offers_deletions(self, operation: Operation) -> bool:
        """Whether the service says that it can be asked for deleted resources."""
        descriptor = await self._described.read(operation)
        resource = self._path.found(descriptor) if descriptor is not None else None
        return resource is not None and "withDeletedAt" in resource.filters

    def _operation(
        self, name: str, owner: str | None, strategy: Strategy = None, empty_rule: EmptyRule | None = None
    ) -> Operation:
        """A new operation on the collection."""
        task = Task(name, self._described.name, self._path.segment, owner)
        return self._sender.operation(strategy, empty_rule, task)

    def _way(self, question: Question, operation: Operation) -> AsyncWay:
        """How the many requests of one operation reach the service."""
        from sequoia.aio.scanning import AsyncWay  # noqa: PLC0415 - see above

        begin, ask = partial(self._place, question), partial(self._ask, question)
        paced = replace(operation.without_empty_rule(), paced=True)
        return AsyncWay(begin, ask, paced, self._sender.settings.clock)

    async def _place(self, question: Question, operation: Operation) -> str:
        """Where the service is, once it is known that the question can be asked."""
        await self._described.check(question, operation)
        return await self._described.location()

    async def _ask(self, question: Question, call: Call, operation: Operation) -> Answer:
        """Send a call to the collection; what the descriptor says about a refusal goes with the error."""
        try:
            return await self._sender.send(call, operation)
        except (NotFound, BadRequest) as error:
            await self._explain(error, question, operation)
            raise

    async def _explain(self, error: HttpError, question: Question, operation: Operation) -> None:
        """Have the descriptor say more about a refusal, on the error itself or by another one.

        Called where the error was caught, and not around what is sent: one call more in a task makes all of its waiting
        dearer, and a thousand reads at once wait often.

        Raises:
            ResourceNotFound: The service has no such resource; else the error is to be raised again.
        """
        explained = await self._described.explained(error, self._path, operation, question)
        if explained is not error:
            raise explained from error
