"""What bulk writes do with a batch: store it or delete it, and what an answer, or a refusal, says of each resource."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import msgspec

from sequoia.calls import Answer, Call
from sequoia.error import ClientError, DecodeError, HttpError, InvalidResource, NotFound, ResourceNotFound
from sequoia.names import encode_deleted
from sequoia.operations import ResourcePath
from sequoia.payload import encoded_resource
from sequoia.report import Result
from sequoia.urls import without_user_info

__all__ = ["Deleting", "Item", "Storing", "Work"]

_REFUSALS = frozenset({400, 403, 409, 413, 414, 422})
_HOPELESS = frozenset({401, 404, 405})


class Item(NamedTuple):
    """A resource that is ready to be sent.

    Attributes:
        wire: What goes on the wire: its JSON, or its encoded ref.
        resource: What a `Result` shows of it.
        ref: Its reference, where it is known.
        repeatable: Whether it says which resource it is, so that writing it twice writes it once.
    """

    wire: bytes
    resource: bytes | str
    ref: str | None
    repeatable: bool

    def result(self, error: ClientError | None = None, *, ambiguous: bool = False, sent: bool = True) -> Result:
        """What became of it."""
        return Result(self.resource, self.ref, error, ambiguous, sent)


class Work(Protocol):
    """What is done with the resources of a source."""

    def item(self, given: Any) -> Item:
        """Make a resource of the source ready.

        Raises:
            InvalidResource: It cannot be sent.
        """

    def call(self, items: Sequence[Item]) -> Call:
        """The request for a batch."""

    def results(self, items: Sequence[Item], answer: Answer, *, wanted: bool) -> list[Result]:
        """What became of a batch that was accepted; with the resources in the answer if they are `wanted`.

        Raises:
            DecodeError: The answer cannot be read.
        """

    def hopeless(self, error: ClientError) -> bool:
        """Whether no other batch can fare better."""

    def divisible(self, error: ClientError) -> bool:
        """Whether a part of a refused batch may fare better."""


@dataclass(frozen=True, slots=True)
class Storing:
    """Storing resources: `POST <collection>/` with a batch of them.

    Attributes:
        path: Where the resource is.
        owner: The tenant.
    """

    path: ResourcePath
    owner: str | None

    def __post_init__(self) -> None:
        self.path.storing(self.owner, (), repeatable=True)  # for its check of the owner

    def item(self, given: Any) -> Item:
        """See `Work`."""
        made = encoded_resource(given)
        return Item(made.body, made.body, made.ref, made.repeatable)

    def call(self, items: Sequence[Item]) -> Call:
        """See `Work`. It is repeatable where every resource is."""
        bodies = [item.wire for item in items]
        return self.path.storing(self.owner, bodies, repeatable=all(item.repeatable for item in items))

    def results(self, items: Sequence[Item], answer: Answer, *, wanted: bool) -> list[Result]:
        """See `Work`. The answer lists the stored resources in the order of the request, or is empty.

        An answer that lists others says nothing about these: they were stored, and nothing more is known.
        """
        results = [item.result() for item in items]
        stored = _resources(answer, self.path.key)
        if not wanted or len(stored) != len(items):
            return results
        answered = [_answered(*pair) for pair in zip(results, stored, strict=True)]
        others = any(one.ref is not None and one.ref != two.ref for one, two in zip(results, answered, strict=True))
        return results if others else answered

    def hopeless(self, error: ClientError) -> bool:
        """See `Work`."""
        return _is_hopeless(error)

    def divisible(self, error: ClientError) -> bool:
        """See `Work`."""
        return isinstance(error, HttpError) and error.status_code in _REFUSALS


@dataclass(frozen=True, slots=True)
class Deleting:
    """Deleting resources: `DELETE <collection>/<ref>,<ref>...`.

    Attributes:
        path: Where the resource is.
        owner: The tenant.
    """

    path: ResourcePath
    owner: str | None

    def __post_init__(self) -> None:
        self.path.storing(self.owner, (), repeatable=True)  # for its check of the owner

    def item(self, given: Any) -> Item:
        """See `Work`; takes a ref."""
        try:
            encoded = encode_deleted(given)
        except (TypeError, ValueError) as error:
            raise InvalidResource(str(error)) from error
        return Item(encoded.encode(), given, given, repeatable=True)

    def call(self, items: Sequence[Item]) -> Call:
        """See `Work`."""
        (call,) = self.path.delete(self.owner, [item.resource for item in items if isinstance(item.resource, str)])
        return call

    def results(self, items: Sequence[Item], answer: Answer, *, wanted: bool) -> list[Result]:  # noqa: ARG002
        """See `Work`; there are no resources in the answer."""
        return [item.result() for item in items]

    def hopeless(self, error: ClientError) -> bool:
        """See `Work`. A 404 may mean one of the refs: only the descriptor knows that it means the collection."""
        is_missing = isinstance(error, NotFound) and not isinstance(error, ResourceNotFound)
        return _is_hopeless(error) and not is_missing

    def divisible(self, error: ClientError) -> bool:
        """See `Work`."""
        return isinstance(error, HttpError) and error.status_code in {*_REFUSALS, 404}


_ANSWER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def _resources(answer: Answer, key: str) -> list[msgspec.Raw]:
    """The resources in an answer, not decoded; none where it is empty."""
    content = answer.raw.content
    if not content:
        return []
    try:
        members = _ANSWER.decode(content)
        return _LIST.decode(members[key]) if key in members else []
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        where = f"{answer.call.method} {without_user_info(answer.call.url)}"
        raise DecodeError(f"the answer to {where} is not what a store answers: {error}", error) from error


def _answered(result: Result, stored: msgspec.Raw) -> Result:
    try:
        resource = msgspec.json.decode(stored, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise DecodeError(f"a stored resource in the answer cannot be read: {error}", error) from error
    ref = resource.get("ref")
    return replace(result, answer=resource, ref=ref if isinstance(ref, str) else result.ref)


def _is_hopeless(error: ClientError) -> bool:
    return isinstance(error, HttpError) and error.status_code in _HOPELESS
