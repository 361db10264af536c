"""A page of a scan: from bytes straight to what the caller wants of each resource, and to nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar, is_typeddict

import msgspec

from sequoia.calls import Answer, decode_json, main_key
from sequoia.checkpoint import LONGEST_REF
from sequoia.error import DecodeError
from sequoia.urls import without_user_info

__all__ = ["Page", "PageReader", "Stamp"]

T = TypeVar("T")
_BROKEN = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class Stamp(msgspec.Struct, frozen=True):
    """What identifies a resource and its state; a part is None where the resource comes without it."""

    ref: str | None = None
    updated_at: str | None = msgspec.field(default=None, name="updatedAt")
    deleted_at: str | None = msgspec.field(default=None, name="deletedAt")


class _Meta(msgspec.Struct):
    following: Any = msgspec.field(default=None, name="continue")
    next: Any = None


class _Decoders(NamedTuple):
    """What decodes pages whose resources are under one name.

    Attributes:
        key: The name.
        page: With the resources as the caller wants them.
        raw: With each in its bytes.
        stamps: With the stamp of each.
    """

    key: str
    page: Callable[[bytes], Any]
    raw: Callable[[bytes], Any]
    stamps: Callable[[bytes], Any]

    @classmethod
    def of(cls, key: str, kind: Any) -> _Decoders:
        """Those for resources of this kind under `key`."""
        return cls(key, _page_decoder(key, kind), _page_decoder(key, msgspec.Raw), _page_decoder(key, Stamp))


@dataclasses.dataclass(slots=True)
class Page(Generic[T]):
    """What one answer holds.

    Attributes:
        items: The resources, as the caller wants them.
        link: Where the next page is; None behind the last one.
        body: The bytes as they came.
    """

    items: list[T]
    link: object | None
    body: bytes


class PageReader(Generic[T]):
    """Reads pages.

    Args:
        key: JSON key of the resources, `contents`.
        model: What to make of each resource; None for dicts.
        raw: Whether to leave each resource in its bytes.

    Raises:
        ValueError: The model is none; or both it and `raw` are given.
    """

    def __init__(self, key: str, model: type[T] | None = None, *, raw: bool = False) -> None:
        if model is not None and raw:
            raise ValueError("raw=True leaves the resources in their bytes, so there is no model to make of them")
        self._model = model
        self._finish: Callable[[list[Any]], list[T]] | None = None
        kind: Any = dict[str, Any]
        if raw:
            kind = msgspec.Raw
            self._finish = lambda found: list(map(bytes, found))  # type: ignore[arg-type] # T is bytes
        elif model is not None and _is_pydantic(model):
            kind = msgspec.Raw
            self._finish = self._validated
        elif model is not None:
            kind = _checked(model)
        self._validate = _validator(model) if model is not None else None
        self._kind = kind
        self._decoders = _Decoders.of(key, kind)

    def read(self, answer: Answer) -> Page[T]:
        """The page in an answer whose body was not decoded.

        Raises:
            DecodeError: It is no page, or a resource does not fit the model: the message names its ref and the place.
        """
        if answer.raw.status_code == 204:
            return Page([], None, b"")
        body = answer.raw.content
        decoders = self._decoders  # another worker may change them
        try:
            page = decoders.page(body)
        except _BROKEN as error:
            key = _key_in(body, decoders.key)
            if key == decoders.key:
                raise self._explained(answer, error) from error
            self._decoders = _Decoders.of(key, self._kind)  # for the pages to come as well
            return self.read(answer)
        items = page.resources if self._finish is None else self._finish(page.resources)
        return Page(items, page.meta.following or page.meta.next or None, body)

    def stamps(self, body: bytes) -> list[Stamp]:
        """What identifies each resource of a page, in their order; of one that is no object, nothing."""
        if not body:
            return []
        try:
            found: list[Stamp] = self._decoders.stamps(body).resources
        except msgspec.ValidationError:  # a ref or a time that is no text: as good as none
            return [Stamp()] * len(self._decoders.raw(body).resources)
        return found

    def refs(self, body: bytes) -> list[str] | None:
        """The refs of the resources of a page; None if not all of them have one that a checkpoint can keep."""
        refs = [stamp.ref for stamp in self.stamps(body)]
        if any(ref is None or len(ref) > LONGEST_REF for ref in refs):
            return None
        return refs  # type: ignore[return-value] # there is no None in it

    def _validated(self, found: list[Any]) -> list[T]:
        items: list[T] = []
        for raw in found:
            try:
                items.append(self._validate(raw))  # type: ignore[misc] # there is a model
            except ValueError as error:  # what pydantic's errors are
                raise self._misfit(raw, error) from error
        return items

    def _explained(self, answer: Answer, error: Exception) -> DecodeError:
        """What is wrong with a body that cannot be read as a page."""
        body = answer.raw.content
        where = without_user_info(answer.call.url)
        if not body:
            return DecodeError(f"the page at {where} is empty: it may not be the last one", error)
        decode_json(body, answer.call)  # what is no JSON at all is told as everywhere else
        if self._validate is not None:
            try:
                found = self._decoders.raw(body).resources
            except _BROKEN:
                found = []
            for raw in found:
                try:
                    self._validate(raw)
                except (*_BROKEN, ValueError) as reason:
                    return self._misfit(raw, reason)
        return DecodeError(f"the answer to GET {where} is not a page of resources: {error}", error)

    def _misfit(self, raw: msgspec.Raw, error: Exception) -> DecodeError:
        try:
            ref = msgspec.json.decode(raw, type=Stamp).ref
        except _BROKEN:
            ref = None
        named = f"the resource {ref}" if ref else "a resource without a ref"
        model = getattr(self._model, "__name__", repr(self._model))
        return DecodeError(f"{named} does not fit {model}: {_place(error)}", error)


def _page_decoder(key: str, kind: Any) -> Callable[[bytes], Any]:
    resources: tuple[str, Any, Any] = ("resources", list[kind], msgspec.field(name=key))
    return msgspec.json.Decoder(msgspec.defstruct("Page", [("meta", _Meta), resources])).decode


def _key_in(body: bytes, key: str) -> str:
    """The name under which a page has its resources, see `main_key`; `key` where it is no page at all."""
    try:
        return main_key(msgspec.json.decode(body), key) or key
    except _BROKEN:
        return key


def _is_pydantic(model: Any) -> bool:
    return hasattr(model, "__pydantic_validator__")


def _checked(model: Any) -> Any:
    """The model, if it is one that a JSON object can become."""
    is_one = isinstance(model, type) and (
        issubclass(model, msgspec.Struct)
        or dataclasses.is_dataclass(model)
        or is_typeddict(model)
        or hasattr(model, "__attrs_attrs__")
    )
    if not is_one:
        known = "a msgspec Struct, a dataclass, an attrs class, a TypedDict or a pydantic model"
        raise ValueError(f"model must be {known}, not {model!r}")
    return model


def _validator(model: Any) -> Callable[[Any], Any]:
    if _is_pydantic(model):
        from pydantic import TypeAdapter  # noqa: PLC0415 - whoever has such a model has it

        adapter: TypeAdapter[Any] = TypeAdapter(model)
        return lambda raw: adapter.validate_json(bytes(raw))
    try:
        return msgspec.json.Decoder(model).decode
    except (TypeError, NameError) as error:
        raise ValueError(f"the model {model!r} cannot be decoded into: {error}") from error


def _place(error: Exception) -> str:
    """The first thing that is wrong and where, on one line."""
    if not hasattr(error, "errors"):
        return str(error)
    first = error.errors()[0]
    return f"{first['msg']} - at `$.{'.'.join(map(str, first['loc']))}`"
