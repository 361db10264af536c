"""What an operation returns: one answer under the names that users know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sequoia.calls import Answer
from sequoia.error import DecodeError, MultipleResultsFound, NoResultFound
from sequoia.linked import LinkedError, linked_errors

if TYPE_CHECKING:
    import httpx2

__all__ = ["Record", "Resolver", "Response", "records"]

Resource = dict[str, Any]
Resolver = Callable[[Answer], "list[Resource] | None"]


class Response:
    """The answer to one operation.

    Args:
        answer: The answer.
        resolver: Attaches included resources to their parents, for `.model`; None without `model_resolution`.
    """

    def __init__(self, answer: Answer, resolver: Resolver | None = None) -> None:
        self._first = answer
        self._given_resolver = resolver

    @property
    def _resolver(self) -> Resolver | None:
        return self._given_resolver

    @property
    def _answer(self) -> Answer:
        return self._first

    @property
    def resources(self) -> list[Resource]:
        """The resources: the very list in `.data`; `[]` for an empty body; None on a business endpoint.

        Raises:
            DecodeError: What the answer has under the resource's name is no list.
        """
        answer = self._answer
        if answer.call.key is None:
            # The type is that of the usual case: nobody should have to rule out None on a page of contents.
            return None  # type: ignore[return-value]
        found = answer.data.get(answer.key, []) if answer.data else []
        if not isinstance(found, list):
            raise DecodeError(f"the answer's {answer.key!r} is not a list: {found!r:.80}")
        return found

    @property
    def json(self) -> Any:
        """The same list; on a business endpoint the whole body."""
        return self.data if self._answer.call.key is None else self.resources

    @property
    def resource(self) -> Resource:
        """The only resource.

        Raises:
            NoResultFound: There is none.
            MultipleResultsFound: There are several.
        """
        resources = self.resources or []
        if not resources:
            raise NoResultFound(f"no resource in the answer to {self._answer.call.url}")
        if len(resources) > 1:
            raise MultipleResultsFound(f"{len(resources)} resources in the answer to {self._answer.call.url}")
        return resources[0]

    @property
    def data(self) -> Any:
        """The whole body; an empty one is `{}`, on a business endpoint None."""
        answer = self._answer
        return {} if answer.data is None and answer.call.key is not None else answer.data

    @property
    def full_json(self) -> Any:
        """The same."""
        return self.data

    @property
    def meta(self) -> dict[str, Any] | None:
        """The `meta` of the body; None where the server did not send it."""
        data = self._answer.data
        meta = data.get("meta") if isinstance(data, dict) else None
        return meta if isinstance(meta, dict) else None

    @property
    def total_count(self) -> int | None:
        """`meta.totalCount`: how many resources match in all; None unless `count` was asked for."""
        return (self.meta or {}).get("totalCount")

    @property
    def facet_count(self) -> dict[str, dict[str, int]] | None:
        """`meta.facetCount`: how many resources have each value of a field; None unless it was asked for."""
        return (self.meta or {}).get("facetCount")

    @property
    def linked_errors(self) -> list[LinkedError]:
        """The requests for linked resources that failed, of those that the service made for this answer."""
        return linked_errors(self._answer)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._answer.raw.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """The response headers; names in any case."""
        return self._answer.raw.headers

    @property
    def correlation_id(self) -> str | None:
        """The `X-Correlation-ID` of the operation, as the server has it."""
        raw = self._answer.raw
        return raw.headers.get("x-correlation-id") or raw.request.headers.get("x-correlation-id")

    @property
    def raw(self) -> httpx2.Response:
        """The HTTP response itself."""
        return self._answer.raw

    @cached_property
    def model(self) -> list[Resource] | None:
        """The resources with their included resources attached, as copies; None without `model_resolution`.

        Attached is what came with this answer. A service sends a bounded number of linked resources along; where there
        are more, a warning in the log says so once for each browse, and its `linked(name)` reads all of them.
        """
        answer = self._answer  # a browse knows the resolver with its first page
        return self._resolver(answer) if self._resolver else None

    def to_object(self) -> Any:
        """The resources, or a business endpoint's body, as nested read-only attribute objects.

        Raises:
            DecodeError: They are nested too deeply.
        """
        try:
            return records(self.json)
        except RecursionError as error:
            raise DecodeError("the answer is nested too deeply for nested objects", error) from error

    def __repr__(self) -> str:
        answer = self._answer
        found = answer.data.get(answer.key) if isinstance(answer.data, dict) and answer.key else None
        number = f" {answer.key}={len(found)}" if isinstance(found, list) else ""
        return f"<{type(self).__name__} {answer.raw.status_code}{number}>"


class Record:
    """A JSON object whose members are attributes, read-only: `record.title`, or `record["content-type"]`."""

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_members", {name: records(value) for name, value in members.items()})

    def __getattr__(self, name: str) -> Any:
        try:
            return object.__getattribute__(self, "_members")[name]
        except KeyError:
            raise AttributeError(f"the resource has no {name!r}") from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"cannot set {name!r}: this view of the resource is read-only")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"cannot delete {name!r}: this view of the resource is read-only")

    def __getitem__(self, name: str) -> Any:
        return self._members[name]

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __dir__(self) -> list[str]:
        return sorted(self._members)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self._members == other._members

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return Record, (self._members,)

    def __repr__(self) -> str:
        return f"Record({', '.join(f'{name}={value!r}' for name, value in self._members.items())})"


def records(value: Any) -> Any:
    """`value` with every JSON object in it as a `Record`."""
    if isinstance(value, Mapping):
        return Record(value)
    if isinstance(value, list):
        return [records(item) for item in value]
    return value
