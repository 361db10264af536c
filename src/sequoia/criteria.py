"""The question that a browse asks, in both of its forms.

::

    Criteria().add_criterion(StringExpressionFactory.field("type").equal_to("movie"))
              .add_inclusion(Inclusion.resource("assets").fields("name", "ref"))

    where(field("type") == "movie").include("assets", fields=["name", "ref"])

`str()` of a criteria is its query string, `repr()` shows the question.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self

from sequoia.error import CriteriaError
from sequoia.expressions import Field, Filter, Raw, field, raw, text
from sequoia.urls import encode_query

__all__ = [
    "Criteria",
    "Field",
    "Filter",
    "Inclusion",
    "Raw",
    "StringExpressionFactory",
    "field",
    "raw",
    "text",
    "where",
]

Criterion = Filter | Raw
Params = dict[str, str | list[str]]

# Parameters that the platform takes once, with all names in one value.
_LISTS = frozenset({"include", "fields", "sort"})


class Inclusion:
    """A relationship whose resources come along: `Inclusion.resource("assets").fields("name", "ref")`.

    Args:
        resource_name: Name of the relationship (`include`).
    """

    def __init__(self, resource_name: str) -> None:
        if not isinstance(resource_name, str) or not resource_name:
            raise CriteriaError(f"an inclusion needs the name of a relationship, not {resource_name!r}")
        self.resource_name = resource_name
        self.fields_entries: set[str] = set()
        self.order_entries: tuple[str, ...] = ()

    @staticmethod
    def resource(resource_name: str) -> Inclusion:
        """Include the relationship `resource_name`."""
        return Inclusion(resource_name)

    def fields(self, *names: str) -> Self:
        """Ask for these fields of the included resources only (`<relationship>.fields`)."""
        self.fields_entries |= set(_names(names, "fields"))
        return self

    def order_by(self, *names: str) -> Self:
        """Sort the included resources; `-` in front sorts descending (`<relationship>.sort`)."""
        self.order_entries = _names(names, "order_by")
        return self

    def __str__(self) -> str:
        return self.resource_name

    def __repr__(self) -> str:
        fields = f".fields({_shown(sorted(self.fields_entries))})" if self.fields_entries else ""
        order = f".order_by({_shown(self.order_entries)})" if self.order_entries else ""
        return f"Inclusion.resource({self.resource_name!r}){fields}{order}"


class StringExpressionFactory:
    """Where the criteria of 4.4.0 begin: `StringExpressionFactory.field("engine").equal_to("diesel")`."""

    @classmethod
    def field(cls, name: str) -> Field:
        """The same as `sequoia.field(name)`."""
        return field(name)


class Criteria:
    """Filters, inclusions and the other parameters of a browse. Its methods change it in place and return it."""

    def __init__(self) -> None:
        self.criterion_entries: list[Criterion] = []
        self.inclusion_entries: list[Inclusion] = []
        self._parameters: dict[str, str] = {}
        self._intersections: dict[str, Criteria] = {}

    def add(self, *, criterion: Criterion | None = None, inclusion: Inclusion | None = None) -> Self:
        """Add a filter, an inclusion, or both."""
        if criterion is not None:
            self.add_criterion(criterion)
        if inclusion is not None:
            self.add_inclusion(inclusion)
        return self

    def add_criterion(self, criterion: Criterion) -> Self:
        """Ask only for resources that pass this filter too (`with<Field>`)."""
        if not isinstance(criterion, Filter | Raw):
            raise CriteriaError(f'a criterion is made by a field, e.g. field("type") == "movie", not {criterion!r}')
        self.criterion_entries.append(criterion)
        return self

    def add_inclusion(self, inclusion: Inclusion) -> Self:
        """Ask for the resources of a relationship as well (`include`)."""
        if not isinstance(inclusion, Inclusion):
            raise CriteriaError(f'an inclusion is made by Inclusion.resource("assets"), not {inclusion!r}')
        self.inclusion_entries.append(inclusion)
        return self

    def include(self, relationship: str, *, fields: Iterable[str] = (), order_by: str | Iterable[str] = ()) -> Self:
        """Ask for the resources of a relationship as well (`include`).

        Args:
            relationship: Its name; filter its resources by `field("<relationship>.<field>")`.
            fields: The fields to ask for; none asks for the descriptor's choice.
            order_by: A field, or several, to sort them by; `-` in front sorts descending.
        """
        order = (order_by,) if isinstance(order_by, str) else order_by
        inclusion = Inclusion(relationship).fields(*_names(fields, "fields"))
        return self.add_inclusion(inclusion.order_by(*_names(order, "order_by")))

    def intersect(self, relationship: str, criteria: Criteria) -> Self:
        """Keep only resources with a linked one that fits `criteria`; these come along (`include=x<intersect>`).

        What else is asked of the relationship's resources, by `include` or a filter of theirs, is asked as well.

        Raises:
            CriteriaError: The relationship is intersected with another criteria already.
        """
        if not isinstance(criteria, Criteria):
            raise CriteriaError(f"intersect takes a criteria for {relationship!r}, e.g. where(...), not {criteria!r}")
        name = str(Inclusion(relationship))
        if self._intersections.get(name, criteria) != criteria:
            raise CriteriaError(f"{name!r} is intersected already: put all that one resource must be into one criteria")
        self._intersections[name] = criteria
        return self

    def fields(self, *names: str) -> Self:
        """Ask for these fields only (`fields`); without `ref` among them a resource comes without its ref."""
        return self._set("fields", ",".join(_names(names, "fields", at_least=1)))

    def order_by(self, *names: str) -> Self:
        """Sort by these fields; `-` in front sorts descending (`sort`)."""
        return self._set("sort", ",".join(_names(names, "order_by", at_least=1)))

    def per_page(self, number: int) -> Self:
        """Resources a page (`perPage`); the platform's usual bound is 100."""
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise CriteriaError(f"per_page must be a whole number from 1, not {number!r}")
        return self._set("perPage", str(number))

    def count(self) -> Self:
        """Count what matches: the answer's `total_count` (`count=true`)."""
        return self if "count" in self._parameters else self._set("count", "true")

    def facets(self, *names: str) -> Self:
        """Count what matches, in all and for each value of these fields: `facet_count` (`count=<field>,<field>`)."""
        return self._set("count", ",".join(_names(names, "facets", at_least=1)))

    def skip_resources(self) -> Self:
        """Leave the resources out of the answer: only its `meta` is wanted (`resources=false`)."""
        return self._set("resources", "false")

    def lang(self, language: str) -> Self:
        """Ask for localised fields in this language, such as `es` or `fr-CH` (`lang`)."""
        if not isinstance(language, str) or not language:
            raise CriteriaError(f"lang takes a language such as 'es', not {language!r}")
        return self._set("lang", language)

    def active(self) -> Self:
        """Ask for active resources only (`active=true`)."""
        return self._set("active", "true")

    def available(self) -> Self:
        """Ask for resources that are available now (`available=true`)."""
        return self._set("available", "true")

    def copy(self) -> Self:
        """A criteria of its own that asks the same."""
        return copy.deepcopy(self)

    def get_criteria_params(self) -> Params:
        """The query parameters, not yet percent-encoded; a parameter that is repeated has a list.

        Raises:
            CriteriaError: Facets are asked for together with an intersection, which the platform does not answer.
        """
        if self._intersections and self._parameters.get("count", "true") != "true":
            raise CriteriaError("facets cannot be counted together with an intersection")
        params: Params = dict(self._parameters)
        for entry in self.criterion_entries:
            _repeat(params, entry.parameter, entry.wire)
        if self.included:
            marked = {name: f"{name}<intersect>" for name in self._intersections}
            _unite(params, "include", [marked.get(name, name) for name in sorted(self.included)])
        for name in self.included:
            entries = [entry for entry in self.inclusion_entries if str(entry) == name]
            _unite(params, f"{name}.fields", sorted({one for entry in entries for one in entry.fields_entries}))
            _unite(params, f"{name}.sort", [one for entry in entries for one in entry.order_entries])
        for name, criteria in self._intersections.items():
            for parameter, value in criteria.get_criteria_params().items():
                for one in [value] if isinstance(value, str) else value:
                    if parameter in _LISTS:
                        _unite(params, f"{name}.{parameter}", one.split(","))
                    else:
                        _repeat(params, f"{name}.{parameter}", one)
        return params

    @property
    def included(self) -> tuple[str, ...]:
        """Names of the relationships to include, each once."""
        return tuple(dict.fromkeys([*map(str, self.inclusion_entries), *self._intersections]))

    @property
    def parameters(self) -> Mapping[str, str]:
        """The parameters that are neither filters nor inclusions, such as `sort`, by their names on the wire."""
        return MappingProxyType(self._parameters)

    @property
    def intersections(self) -> Mapping[str, Criteria]:
        """What was given to `intersect`, by relationship."""
        return MappingProxyType(self._intersections)

    def __str__(self) -> str:
        return encode_query(self.get_criteria_params())

    def __repr__(self) -> str:
        parts = [f"where({', '.join(map(repr, self.criterion_entries))})"]
        parts += [f".add_inclusion({entry!r})" for entry in self.inclusion_entries]
        parts += [f".intersect({name!r}, {criteria!r})" for name, criteria in self._intersections.items()]
        parts += [_CALLS[name](value) for name, value in sorted(self._parameters.items())]
        return "".join(parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Criteria) and self.get_criteria_params() == other.get_criteria_params()

    __hash__ = None  # type: ignore[assignment]

    def _set(self, parameter: str, value: str) -> Self:
        self._parameters[parameter] = value
        return self


# How each parameter was asked for, for the repr of a criteria.
_CALLS: Mapping[str, Callable[[str], str]] = {
    "active": lambda _: ".active()",
    "available": lambda _: ".available()",
    "count": lambda value: ".count()" if value == "true" else f".facets({_shown(value.split(','))})",
    "fields": lambda value: f".fields({_shown(value.split(','))})",
    "lang": lambda value: f".lang({value!r})",
    "perPage": lambda value: f".per_page({value})",
    "resources": lambda _: ".skip_resources()",
    "sort": lambda value: f".order_by({_shown(value.split(','))})",
}


def where(*filters: Criterion) -> Criteria:
    """A criteria with these filters, all of which must hold."""
    criteria = Criteria()
    for one in filters:
        criteria.add_criterion(one)
    return criteria


def _shown(values: Iterable[str]) -> str:
    return ", ".join(map(repr, values))


def _repeat(params: Params, name: str, value: str) -> None:
    before: Any = params.get(name)
    if before is None:
        params[name] = value
    else:
        params[name] = [*before, value] if isinstance(before, list) else [before, value]


def _unite(params: Params, name: str, items: Iterable[str]) -> None:
    """Add items to a list with commas, of which the platform takes one only; each item is asked for once."""
    before = params.get(name, [])
    given = [before] if isinstance(before, str) else before
    if united := dict.fromkeys([*(item for one in given for item in one.split(",") if item), *items]):
        params[name] = ",".join(united)


def _names(names: Iterable[str], what: str, at_least: int = 0) -> tuple[str, ...]:
    given = tuple(names) if isinstance(names, Iterable) else (names,)
    if isinstance(names, str) or len(given) < at_least or not all(isinstance(one, str) and one for one in given):
        raise CriteriaError(f"{what} takes names of fields, not {names!r}")
    return given
