"""Endpoints: the operations on one resource of a service, and business endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from sequoia.aio.browsing import AsyncPageBrowser, AsyncWalk
from sequoia.aio.collection import AsyncCollection
from sequoia.aio.describing import AsyncDescribed
from sequoia.aio.sending import AsyncSender
from sequoia.calls import Call
from sequoia.checking import Question
from sequoia.criteria import Criteria
from sequoia.descriptor import ResourceType
from sequoia.error import BadRequest, Fault, HttpError, NotFound
from sequoia.linked import warn_of_linked_errors
from sequoia.operations import BusinessPath, Refs, field_names, version_conflict
from sequoia.paging import Beginning
from sequoia.payload import resource_of
from sequoia.response import Response
from sequoia.retry import EmptyRule, Operation, Task
from sequoia.routes import RoutePath
from sequoia.telemetry import traced
from sequoia.urls import Params

if TYPE_CHECKING:
    from sequoia.aio.bulking import AsyncBulk
    from sequoia.aio.sources import Source
    from sequoia.bulk import BulkOptions
    from sequoia.patching import Changes, Patch
    from sequoia.report import BulkReport

# What not every program needs is imported where it is used: `import sequoia` is to take no longer than it must.

__all__ = ["AsyncBusinessEndpoint", "AsyncEndpoint", "AsyncRouteEndpoint", "Strategy"]

Strategy = Mapping[str, Any] | None


class AsyncEndpoint(AsyncCollection):
    """The operations on one resource of a service: `client.metadata.contents`.

    Every operation takes the `owner` (the tenant; None for every one that the token may see) and raises a
    `ClientError` if it fails. `backoff_strategy` replaces the client's retry policy for one operation and all its
    pages; `retry_when_empty_result` asks again while resources that must be there are not.
    """

    @property
    async def descriptor(self) -> ResourceType:
        """What the service says about this resource: its fields, filters, relationships and bounds.

        Raises:
            ResourceNotFound: The service has no such resource.
            ClientError: The descriptor cannot be read.
        """
        return await self._described.resource(self._path, self._operation("describe", None).without_empty_rule())

    async def read(
        self,
        owner: str | None,
        ref: Refs,
        *,
        criteria: Criteria | None = None,
        retry_when_empty_result: EmptyRule | None = None,
        backoff_strategy: Strategy = None,
    ) -> Response:
        """Read one resource, or several at once.

        Args:
            owner: The tenant.
            ref: `owner:name`, or a list of them: one request for every 50 or so, one response.
            criteria: Inclusions and fields.
            retry_when_empty_result: See the class.
            backoff_strategy: See the class.

        Raises:
            NotFound: There is none of them; `ResourceNotFound` where the service has no such resource at all.
            TypeError: It is a resource, and not its ref.
            ValueError: There is no ref.
        """
        calls = self._path.read(owner, ref, criteria)
        operation = self._operation("read", owner, backoff_strategy, retry_when_empty_result)
        question = Question(self._path.key, criteria)
        await self._described.check(question, operation)
        resolver = await self._described.resolver(self._path, operation)
        try:
            answer = await self._described.send_all(calls, operation)
        except (NotFound, BadRequest) as error:
            await self._explain(error, question, operation)
            raise
        warn_of_linked_errors(answer, set())
        return Response(answer, resolver)

    def browse(  # noqa: PLR0913, PLR0917 - the contract has these arguments
        self,
        owner: str | None,
        criteria: Criteria | None = None,
        fields: Iterable[str] | None = None,
        query_string: str | None = None,
        prefetch_pages: int = 1,
        retry_when_empty_result: EmptyRule | None = None,
        backoff_strategy: Strategy = None,
    ) -> AsyncPageBrowser:
        """Find resources, page by page.

        Args:
            owner: The tenant; an owner in `query_string` wins.
            criteria: What to look for.
            fields: Fields to ask for (`fields`).
            query_string: Sent as it is, ahead of the other parameters: `"continue=true&perPage=2"`.
            prefetch_pages: Pages to fetch at once; 0 fetches the first one when it is first needed.
            retry_when_empty_result: See the class.
            backoff_strategy: See the class.

        Returns:
            The first page, which iterates over all of them.

        Raises:
            ResourceNotFound: The service has no such resource.
        """
        if isinstance(prefetch_pages, bool) or not isinstance(prefetch_pages, int) or prefetch_pages < 0:
            raise ValueError(f"prefetch_pages must be a whole number from 0, not {prefetch_pages!r}")
        asked = field_names(fields)
        call = self._path.browse(owner, criteria, asked, query_string)
        operation = self._operation("browse", owner, backoff_strategy, retry_when_empty_result)
        question = Question(self._path.key, criteria, asked)
        walk = AsyncWalk(partial(self._begin, call, question), partial(self._ask, question), operation)
        return AsyncPageBrowser(walk, prefetch_pages)

    async def _begin(self, call: Call, question: Question, operation: Operation) -> Beginning:
        """What a browse needs to know before its first request."""
        await self._described.check(question, operation)
        resolver = await self._described.resolver(self._path, operation)
        location = await self._described.location()
        return Beginning(location, call.at(location), resolver)

    async def store(self, owner: str | None, json: Any) -> Response:
        """Create resources, or replace them wholly.

        Args:
            owner: The tenant.
            json: JSON text, a dict, a list of dicts, a model, or `{"contents": [...]}`.

        Raises:
            ValueError: It holds no resource, or what JSON cannot, such as NaN; nothing was sent.
            BadRequest: The service refuses one of them, and has stored none.
        """
        return await self._send(self._path.store(owner, json), self._operation("store", owner))

    async def update(self, owner: str | None, json: Any, ref: str, version: str) -> Response:
        """Replace a resource, if it still has the version that it was read with (`If-Match`).

        Raises:
            ReferencesMismatchException: The body is not the resource `ref`; nothing was sent.
            InvalidResource: It was read with only some of its fields, so the others would be deleted: `createdAt` and
                `updatedAt` are not both there beside something else that only the service sets; nothing was sent.
            NotMatchingVersion: Somebody else has changed it since.
        """
        call = self._path.update(owner, json, ref, version)
        try:
            return await self._send(call, self._operation("update", owner))
        except HttpError as error:
            if error.status_code == 412:
                raise version_conflict(error) from error
            raise

    async def new(self, /, *, owner: str, name: str | None = None, **fields: Any) -> dict[str, Any]:
        """A resource that is ready to be stored, such as `contents.new(owner="acme", type="movie", release_year=2015)`.

        Nothing is sent but, the first time, the request for the service's descriptor.

        Args:
            owner: The tenant.
            name: Its name within the owner; without one the service makes one.
            **fields: Its fields, in camel case or in snake case. A `datetime` (with a time zone), `date` or
                `timedelta` is written as the platform writes it; of a value with several names, the stored one is
                taken; None leaves a field out. Defaults are left to the service.

        Raises:
            InvalidResource: Something is wrong with it; `.faults` has every fault that `validate` would find, and
                whatever only the service sets.
            ClientError: The descriptor cannot be read.
        """
        from sequoia.drafts import draft  # noqa: PLC0415 - see above

        return draft(await self.descriptor, owner, name, fields)

    async def validate(self, resource: Any) -> list[Fault]:
        """Everything that is wrong with a resource by the service's descriptor; `[]` if it can be stored.

        Fields that only the service sets (`createdAt`, `version`) are a fault in a resource that never was stored,
        for they would be lost. In one that was read, which its `version` shows, they are none: services ignore them,
        so that it can be written back as it is. `ref` may always stand beside the `owner` and `name` that make it.

        Args:
            resource: What `store` takes, with one resource in it. Values are those of JSON: dates are texts.

        Returns:
            The faults in the order of the fields, at last what is missing; `str(fault)` reads
            `type: 'moive' is not allowed: did you mean 'movie'?`.

        Raises:
            ValueError: It holds no resource, or several.
            ClientError: The descriptor cannot be read.
        """
        from sequoia.validation import Purpose, faults_in  # noqa: PLC0415 - see above

        return faults_in(await self.descriptor, resource_of(resource, self._path.key), Purpose.WHOLE)

    async def patch(self, owner: str | None, ref: str, changes: Changes, *, tries: int = 5) -> Response:
        """Change parts of a resource: it is read whole, changed, and updated with the version that was read.

        If somebody else was faster, it is read and changed again. What is not changed stays as it is, fields that the
        descriptor does not know included. If there is nothing to change, nothing is written. Where the descriptor's
        `conditional_updates` is False the service ignores versions: a change made meanwhile is lost, and a warning in
        the log says so.

        Args:
            owner: The tenant.
            ref: `owner:name`.
            changes: A dict by the rules of JSON Merge Patch (RFC 7396): objects are merged, None removes, anything
                else, lists too, replaces; names and values may be written as for `new`, and are held against the
                descriptor where it can be read. Or a function: it gets a copy of the resource, and returns it changed,
                or None when it has changed the copy itself. It is called once for each try.
            tries: How many updates to send, the first included.

        Returns:
            The answer to the update; where nothing was written, that to the read.

        Raises:
            InvalidResource: The dict has fields or values that the resource cannot have; nothing was sent.
            ReferencesMismatchException: The changes would make it another resource; nothing was written.
            ValueError: The function gave back something else than the resource; nothing was written.
            NotFound: There is no such resource.
            DecodeError: The service gave it without a version.
            NotMatchingVersion: Somebody else was faster each time; or an update broke off, and what is there now does
                not tell whether it went through: a function is not applied on top of its own work.
        """
        from sequoia.patching import Patch  # noqa: PLC0415 - see above

        patch = Patch(self._path, owner, ref, changes, tries)
        with traced(self._operation("patch", owner)) as operation:
            return await self._patched(patch, operation)

    async def _patched(self, patch: Patch, operation: Operation) -> Response:
        descriptor = await self._described.read(operation.without_empty_rule())
        if descriptor is not None:
            patch.check(descriptor.resource(self._path.key))
        while True:
            found = await self._send(patch.reading, operation)
            call = patch.update(found.resource)
            if call is None:
                return found
            try:
                return await self._send(call, operation)
            except HttpError as error:
                refusal = patch.refused(error)
                if refusal is error:
                    raise
                if refusal is not None:
                    raise refusal from error

    async def delete(self, owner: str | None, ref: Refs) -> Response:
        """Delete a resource, or a list of them. One that is not there is as good as deleted.

        Raises:
            ResourceNotFound: The service has no such resource.
            TypeError: It is a resource, and not its ref; nothing was sent.
            ValueError: There is no ref, or one that is not of the form `owner:name`; nothing was sent.
        """
        calls, operation = self._path.delete(owner, ref), self._operation("delete", owner)
        try:
            return Response(await self._described.send_all(calls, operation))
        except (NotFound, BadRequest) as error:
            await self._explain(error, Question(self._path.key, None), operation)
            raise

    async def bulk_store(self, owner: str | None, resources: Source, **options: Unpack[BulkOptions]) -> BulkReport:
        """Create or wholly replace any number of resources, in batches, several at once; see `docs/bulk.md`.

        Of several states of one resource in the source, the last one stays.

        Args:
            owner: The tenant.
            resources: Any iterable, read as it is needed: dicts, models, JSON as text or bytes, one resource each.
            **options: See `BulkOptions` for their names and `BulkPlan` for what they mean.

        Returns:
            What was stored, and every resource that was not, with its error.

        Raises:
            TypeError, ValueError, FileExistsError: An argument makes no sense; nothing was sent.
            ClientError: Nothing else can work; its `.report` says what was done.
        """
        return await self._bulk().store(owner, resources, options)

    async def bulk_delete(self, owner: str | None, refs: Source, **options: Unpack[BulkOptions]) -> BulkReport:
        """Delete any number of resources by their refs; one that is not there is as good as deleted.

        Args:
            owner: The tenant.
            refs: Any iterable; one that is no ref is a failure, and without any nothing is sent.
            **options: As for `bulk_store`; a batch has at most 50 refs.

        Raises:
            Exception: As for `bulk_store`.
        """
        return await self._bulk().delete(owner, refs, options)

    def _bulk(self) -> AsyncBulk:
        from sequoia.aio.bulking import AsyncBulk  # noqa: PLC0415 - see above

        return AsyncBulk(self._sender, self._described, self._path, partial(self._ask, Question(self._path.key, None)))

    async def _send(self, call: Call, operation: Operation) -> Response:
        located = call.at(await self._described.location())
        return Response(await self._ask(Question(self._path.key, None), located, operation))

    def __repr__(self) -> str:
        return f"<AsyncEndpoint {self._described.name}{self._path.url}>"


class AsyncBusinessEndpoint:
    """A business endpoint: its answers are not resources but whatever it says, in `.data`."""

    def __init__(self, sender: AsyncSender, described: AsyncDescribed, path: BusinessPath) -> None:
        self._sender = sender
        self._described = described
        self._path = path

    async def browse(self, service: str, *, params: Params | str | None = None, **values: Any) -> Response:
        """`GET` the path with `$service` and the other names of its template filled in.

        Raises:
            ValueError: The template needs a value that is not given; nothing was sent.
        """
        return await self._send(self._path.call("GET", {"service": service, **values}, params))

    async def store(
        self, service: str, owner: str, content: Any, ref: str, params: Params | str | None = None
    ) -> Response:
        """`POST` `content`, as it is, to the path; it is repeated after a failure only with `retry_unsafe`.

        Raises:
            ValueError: `content` is not JSON; nothing was sent.
        """
        values = {"service": service, "owner": owner, "ref": ref}
        return await self._send(self._path.call("POST", values, params, content))

    async def _send(self, call: Call) -> Response:
        operation = self._sender.operation(task=Task("business", self._described.name))
        return Response(await self._described.send(call, operation))

    def __repr__(self) -> str:
        return f"<AsyncBusinessEndpoint {self._described.name}{self._path.template}>"


class AsyncRouteEndpoint:
    """A route of a service, with some of its values; `fetch` gives the rest, and sends.

    Args:
        sender: Makes its operations.
        described: The service.
        name: Name of the route.
        values: Values of its parameters, by name.
    """

    def __init__(self, sender: AsyncSender, described: AsyncDescribed, name: str, values: Mapping[str, Any]) -> None:
        self._sender = sender
        self._described = described
        self._name = name
        self._values = values

    async def fetch(self, content: Any = None, /, **values: Any) -> Response:
        """Ask the route, by the method that the descriptor names; the answer is in `.data`.

        Args:
            content: A body: JSON text, or anything that can be made JSON.
            **values: Further values of its parameters; they win over those given before.

        Raises:
            ResourceNotFound: The descriptor has no such route; the message names the close matches.
            ValueError: The route needs a value that is not given, or does not know one that is; nothing was sent.
            ClientError: The descriptor cannot be read.
        """
        operation = self._sender.operation(task=Task("route", self._described.name, self._name))
        descriptor = await self._described.needed(operation.without_empty_rule())
        call = RoutePath(descriptor.route(self._name)).call({**self._values, **values}, content)
        return Response(await self._described.send(call, operation))

    def __repr__(self) -> str:
        return f"<AsyncRouteEndpoint {self._described.name} {self._name}>"
