"""From the pairs of a query string to a typed query; whatever is not understood is refused, never ignored."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sequoia.sandbox.fields import Field
from sequoia.sandbox.filters import PREDEFINED, parse_filters
from sequoia.sandbox.index import order_axis
from sequoia.sandbox.paging import FOLDED, Token, folded
from sequoia.sandbox.schema import Relationship, Resource, find_field
from sequoia.sandbox.selection import Order, Position, Selection
from sequoia.sandbox.wire import WireError

__all__ = ["PARAMETERS", "Pairs", "Query", "parse_query"]

Pairs = Sequence[tuple[str, str]]
"""The decoded names and values of a query string."""

_SINGLE = frozenset({"owner", "fields", "include", "sort", "perPage", "page", "continue", "count", "resources", "lang"})
PARAMETERS = _SINGLE | PREDEFINED.keys() | {FOLDED}
"""The parameters that are no filters of a field."""
# Of no use to a linked resource: its pages are reached by `continue`, and a body is indented as a whole.
_NOT_LINKED = frozenset({"page", "_pretty", FOLDED})
_INTERSECT = "<intersect>"
_MOST_STEPS = 10
_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Query:
    """A browse, or the conditions of a read by ref.

    Attributes:
        pairs: The parameters of the request with those inside its token, for the links of the answer.
        selection: Owner, conditions, order, and the position where the page starts.
        sort: The wire text of the order.
        fields: Dotted paths to show; None for whole documents.
        linked: Included relationships, each with the parameters of its sub-requests as the client gave them.
        intersects: Those of them of which a parent must have a linked item that fits.
        page: The number of the page; None with `continue`.
        count: Whether the total is wanted.
        facets: Fields whose values are to be counted.
        resources: Whether documents are wanted at all.
        lang: Language of localised fields, or None.
    """

    pairs: Pairs
    selection: Selection
    sort: str
    fields: tuple[str, ...] | None
    linked: Mapping[str, Pairs]
    intersects: tuple[str, ...]
    per_page: int
    page: int | None
    count: bool
    facets: tuple[str, ...]
    resources: bool
    lang: str | None


def parse_query(resource: Resource, pairs: Pairs, *, now: str) -> Query:
    """Read the parameters of a browse or a read.

    Args:
        resource: What is asked for.
        pairs: The decoded parameters, in any order; a name given twice with one value counts once.
        now: The time, as wire text, for filters that compare with it.

    Raises:
        WireError: 400, naming the parameter and the reason.
    """
    pairs, token = _unfolded(pairs)
    included = tuple(_names("include", dict(pairs)["include"])) if "include" in dict(pairs) else ()
    linked = {name.removesuffix(_INTERSECT): list[tuple[str, str]]() for name in included}
    single: dict[str, str] = {}
    narrowing: list[tuple[str, str]] = []
    # Before the other parameters: of a misspelt relationship the inclusion is what to complain about.
    intersects = tuple(_intersects(resource, included))
    for name, value in pairs:
        if name == "_pretty":
            continue
        if name in _SINGLE:
            if single.setdefault(name, value) != value:
                raise _refused(name, "it is given twice with different values")
        elif (relationship := _prefix(resource, name, linked)) is not None:
            linked[relationship.name].append(_sub_parameter(relationship, name, value))
        else:
            narrowing.append((name, value))
    sort = single.get("sort", "")
    order, backwards = _order(resource, sort) if "sort" in single else ((), False)
    after = _after(resource, token, sort, order) if token else None
    count, facets = _count(resource, single.get("count"))
    if facets and intersects:
        raise _refused("count", f"fields cannot be counted together with {_INTERSECT}")
    return Query(
        pairs=pairs,
        selection=Selection(single.get("owner"), parse_filters(resource, narrowing, now=now), order, backwards, after),
        sort=sort,
        fields=_fields(resource, single["fields"]) if "fields" in single else None,
        linked={name: tuple(parameters) for name, parameters in linked.items()},
        intersects=intersects,
        per_page=_per_page(resource, single.get("perPage")),
        page=_page(resource, single),
        count=count,
        facets=facets,
        resources=_flag("resources", single.get("resources", "true")),
        lang=single.get("lang"),
    )


def _refused(name: str, reason: str) -> WireError:
    """The platform's answer to a parameter with a bad value."""
    return WireError(400, f"{name} is invalid - {reason}", keys=(name,))


def _names(name: str, text: str) -> Iterator[str]:
    """The items of a comma list, each once."""
    for item in dict.fromkeys(part.strip() for part in text.split(",")):
        if not item:
            raise _refused(name, "it is not allowed to be empty")
        yield item


def _fields(resource: Resource, text: str) -> tuple[str, ...]:
    """The projection."""
    paths = tuple(_names("fields", text))
    for path in paths:
        if find_field(resource.fields, path) is None:
            raise _refused("fields", f"{path} is not allowed")
    return paths


def _order(resource: Resource, text: str) -> tuple[tuple[Order, ...], bool]:
    """The steps of a sort, and whether it ends in descending refs.

    A ref belongs to one document only, so no step after `ref` makes a difference. Without one, equal documents are in
    the order of their refs, in the direction of the last step.
    """
    items = tuple(_names("sort", text))
    if len(items) > _MOST_STEPS:
        raise _refused("sort", f"it must have at most {_MOST_STEPS} names")
    paths = [item.removeprefix("-") for item in items]
    steps: list[Order] = []
    for position, (item, path) in enumerate(zip(items, paths, strict=True)):
        field: Field | None = find_field(resource.fields, path)
        if field is None or path in paths[:position] or not (field.sort or path == "ref"):
            raise _refused("sort", f"{path} is not allowed")
        steps.append(Order(order_axis(field), descending=item.startswith("-")))
    last = paths.index("ref") if "ref" in paths else len(steps)
    return tuple(steps[:last]), steps[min(last, len(steps) - 1)].descending


def _unfolded(pairs: Pairs) -> tuple[Pairs, Token | None]:
    """The parameters with those that a link had to carry in another form, each once, and the token among them."""
    result: dict[tuple[str, str], None] = {}
    for name, value in pairs:
        more = folded(value) if name == FOLDED else ((name, value),)
        if more is None:
            raise _refused(name, "it must be that of a link of this service")
        result |= dict.fromkeys(more)
    token = _token(tuple(result))
    if token is not None:
        result |= dict.fromkeys(token.also)
    return tuple(result), token


def _token(pairs: Pairs) -> Token | None:
    """The token of a `continue` parameter; None on a first page."""
    text = dict(pairs).get("continue", "true")
    if text == "true":
        return None
    token = Token.decode(text)
    if token is None:
        raise _refused("continue", "it must be true or a token of this service")
    return token


def _after(resource: Resource, token: Token, sort: str, order: tuple[Order, ...]) -> Position:
    """Where the page starts that a token stands for."""
    absent = {order_axis(field): field.nonexistent for field in _sortable(resource)}
    position = token.position([absent[step.axis] for step in order]) if token.sort == sort else None
    if position is None:
        raise _refused("continue", "it is the token of another query")
    return position


def _sortable(resource: Resource) -> Iterator[Field]:
    """All fields that can be sorted by."""
    pending = list(resource.fields.values())
    while pending:
        field = pending.pop()
        pending.extend((field.fields or {}).values())
        if field.sort:
            yield field


def _number(name: str, text: str, least: int, most: int) -> int:
    """A whole number within its bounds."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or not least <= int(text) <= most:
        raise _refused(name, f"it must be a whole number from {least} to {most}")
    return int(text)


def _per_page(resource: Resource, text: str | None) -> int:
    least, most, usual = resource.page_size
    return usual if text is None else _number("perPage", text, least, most)


def _page(resource: Resource, single: Mapping[str, str]) -> int | None:
    """The number of the page; None when the request continues by token."""
    text = single.get("page")
    if "continue" in single:
        if text is not None:
            raise _refused("page", "it is not allowed with continue")
        return None
    return 1 if text is None else _number("page", text, 1, resource.pages)


def _flag(name: str, text: str) -> bool:
    if text not in _FLAGS:
        raise _refused(name, "it must be true or false")
    return _FLAGS[text]


def _count(resource: Resource, text: str | None) -> tuple[bool, tuple[str, ...]]:
    """Whether to count all documents, and the fields whose values to count."""
    if text is None or text in _FLAGS:
        return text == "true", ()
    facets = tuple(_names("count", text))
    for path in facets:
        field = find_field(resource.fields, path)
        if field is None or not field.countable:
            raise _refused("count", f"{path} is not allowed")
    return True, facets


def _prefix(resource: Resource, name: str, included: Container[str]) -> Relationship | None:
    """The relationship that a parameter such as `assets.fields` belongs to.

    Names of relationships may hold dots: of several that fit it is the longest one that is included.
    """
    found = [item for item in resource.relationships if name.startswith(f"{item}.")]
    if not found:
        return None
    relationship = max((item for item in found if item in included), key=len, default=None)
    if relationship is None:
        raise WireError(400, f"{name} is not allowed - {max(found, key=len)} is not included", keys=(name,))
    return resource.relationships[relationship]


def _intersects(resource: Resource, included: Iterable[str]) -> Iterator[str]:
    """The relationships that the parents are narrowed by."""
    for item in included:
        name = item.removesuffix(_INTERSECT)
        if name not in resource.relationships:
            raise _refused("include", f"{name} is not allowed")
        if name == item:
            continue
        if not resource.relationships[name].intersectable:
            raise _refused("include", f"{name} cannot be intersected")
        yield name


def _sub_parameter(relationship: Relationship, full: str, value: str) -> tuple[str, str]:
    """A parameter of a linked resource without the relationship in front; the sub-request reads the rest of it."""
    name = full[len(relationship.name) + 1 :]
    if name in _NOT_LINKED:
        raise WireError(400, f"{full} is not allowed", keys=(full,))
    if name == "continue" and value != "true":
        raise _refused(full, "it must be true; the links of the answer lead to further pages")
    return name, value
