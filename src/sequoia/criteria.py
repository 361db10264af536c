"""The question that a browse asks, in both of its forms.

::

    Criteria().add_criterion(StringExpressionFactory.field("type").equal_to("movie"))
              .add_inclusion(Inclusion.resource("assets").fields("name", "ref"))

    where(field("type") == "movie").include("assets", fields=["name", "ref"])

`str()` of a criteria is its query string, `repr()` shows the question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from sequoia.error import CriteriaError
from sequoia.expressions import Field, Filter, field
from sequoia.urls import encode_query

__all__ = ["Criteria", "Field", "Filter", "Inclusion", "StringExpressionFactory", "field", "where"]

Params = dict[str, str | list[str]]


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

    @staticmethod
    def resource(resource_name: str) -> Inclusion:
        """Include the relationship `resource_name`."""
        return Inclusion(resource_name)

    def fields(self, *names: str) -> Self:
        """Ask for these fields of the included resources only (`<relationship>.fields`)."""
        self.fields_entries |= set(_names(names, "fields"))
        return self

    def __str__(self) -> str:
        return self.resource_name

    def __repr__(self) -> str:
        fields = f".fields({', '.join(map(repr, sorted(self.fields_entries)))})" if self.fields_entries else ""
        return f"Inclusion.resource({self.resource_name!r}){fields}"


class StringExpressionFactory:
    """Where the criteria of 4.4.0 begin: `StringExpressionFactory.field("engine").equal_to("diesel")`."""

    @classmethod
    def field(cls, name: str) -> Field:
        """The same as `sequoia.field(name)`."""
        return field(name)


class Criteria:
    """Filters, inclusions and the other parameters of a browse. Its methods change it in place and return it."""

    def __init__(self) -> None:
        self.criterion_entries: list[Filter] = []
        self.inclusion_entries: list[Inclusion] = []
        self._parameters: dict[str, str] = {}

    def add(self, *, criterion: Filter | None = None, inclusion: Inclusion | None = None) -> Self:
        """Add a filter, an inclusion, or both."""
        if criterion is not None:
            self.add_criterion(criterion)
        if inclusion is not None:
            self.add_inclusion(inclusion)
        return self

    def add_criterion(self, criterion: Filter) -> Self:
        """Ask only for resources that pass this filter too (`with<Field>`)."""
        if not isinstance(criterion, Filter):
            raise CriteriaError(f'a criterion is made by a field, e.g. field("type") == "movie", not {criterion!r}')
        self.criterion_entries.append(criterion)
        return self

    def add_inclusion(self, inclusion: Inclusion) -> Self:
        """Ask for the resources of a relationship as well (`include`)."""
        if not isinstance(inclusion, Inclusion):
            raise CriteriaError(f'an inclusion is made by Inclusion.resource("assets"), not {inclusion!r}')
        self.inclusion_entries.append(inclusion)
        return self

    def include(self, relationship: str, *, fields: Iterable[str] = ()) -> Self:
        """Ask for the resources of `relationship` as well (`include`), with these fields only."""
        return self.add_inclusion(Inclusion(relationship).fields(*_names(fields, "fields")))

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
        return self._set("count", "true")

    def get_criteria_params(self) -> Params:
        """The query parameters, not yet percent-encoded; a parameter that is repeated has a list."""
        params: Params = dict(self._parameters)
        for entry in self.criterion_entries:
            _repeat(params, entry.parameter, entry.wire)
        if self.inclusion_entries:
            params["include"] = ",".join(sorted(self.included))
        for name in self.included:
            fields = {one for entry in self.inclusion_entries if str(entry) == name for one in entry.fields_entries}
            if fields:
                params[f"{name}.fields"] = ",".join(sorted(fields))
        return params

    @property
    def included(self) -> tuple[str, ...]:
        """Names of the relationships to include, each once."""
        return tuple(dict.fromkeys(str(entry) for entry in self.inclusion_entries))

    def __str__(self) -> str:
        return encode_query(self.get_criteria_params())

    def __repr__(self) -> str:
        parts = [f"where({', '.join(map(repr, self.criterion_entries))})"]
        parts += [f".add_inclusion({entry!r})" for entry in self.inclusion_entries]
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
    "count": lambda _: ".count()",
    "fields": lambda value: f".fields({', '.join(map(repr, value.split(',')))})",
    "perPage": lambda value: f".per_page({value})",
    "sort": lambda value: f".order_by({', '.join(map(repr, value.split(',')))})",
}


def where(*filters: Filter) -> Criteria:
    """A criteria with these filters, all of which must hold."""
    criteria = Criteria()
    for one in filters:
        criteria.add_criterion(one)
    return criteria


def _repeat(params: Params, name: str, value: str) -> None:
    before: Any = params.get(name)
    if before is None:
        params[name] = value
    else:
        params[name] = [*before, value] if isinstance(before, list) else [before, value]


def _names(names: Iterable[str], what: str, at_least: int = 0) -> tuple[str, ...]:
    given = tuple(names)
    if isinstance(names, str) or len(given) < at_least or not all(isinstance(one, str) and one for one in given):
        raise CriteriaError(f"{what} takes names of fields, not {names!r}")
    return given
