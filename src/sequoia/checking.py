"""A criteria held against what a service says about a resource: everything in it that could not be answered.

The service has the last word. A descriptor may be abridged or a few days old, so a filter that it does not know is a
fault here and may still be answered there; that is why `Client(check=...)` lets the user choose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from sequoia.criteria import Criteria
from sequoia.descriptor import Descriptor, FieldType, FilterType, ResourceType
from sequoia.error import ResourceNotFound
from sequoia.expressions import Filter, Operator, Raw
from sequoia.names import suggestion
from sequoia.values import misfit

__all__ = ["Question"]

_RANGES = frozenset({
    Operator.AT_LEAST, Operator.MORE_THAN, Operator.AT_MOST, Operator.LESS_THAN, Operator.BETWEEN, Operator.NOT_BETWEEN,
})  # fmt: skip
# These carry a part of a value, which fits no type.
_PARTS = frozenset({Operator.STARTS_WITH, Operator.ENDS_WITH})
_AVAILABLE = ("withAvailabilityStartAt", "withAvailabilityEndAt")


class Question(msgspec.Struct, frozen=True):
    """What a read or a browse asks of a resource.

    Attributes:
        resource: The resource's plural name.
        criteria: The criteria, if there is one.
        fields: The fields asked for besides the criteria.
    """

    resource: str
    criteria: Criteria | None
    fields: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.criteria is not None or bool(self.fields)

    def faults(self, descriptor: Descriptor) -> list[str]:
        """Sentences that say what in the question the service cannot answer, and where; empty for a good one."""
        try:
            resource = descriptor.resource(self.resource)
        except ResourceNotFound as error:
            return [str(error)]
        found = list(_names("fields", self.fields, resource))
        if self.criteria is not None:
            found += _Reading(descriptor, resource, "").of(self.criteria)
        return list(dict.fromkeys(found))


class _Reading(msgspec.Struct, frozen=True):
    """Reads a criteria about one resource.

    Attributes:
        descriptor: The service.
        resource: The resource.
        place: What stands in front of a message when the resource is a linked one: `intersect("offers"): `.
    """

    descriptor: Descriptor
    resource: ResourceType
    place: str

    def of(self, criteria: Criteria) -> Iterator[str]:
        """Every fault of a criteria."""
        for entry in criteria.criterion_entries:
            found = self._filter(entry) if isinstance(entry, Filter) else self._raw(entry)
            yield from (self.place + fault for fault in found)
        yield from (self.place + fault for fault in self._parameters(criteria))
        yield from (self.place + fault for fault in self._inclusions(criteria))
        yield from self._intersections(criteria)

    def _filter(self, entry: Filter) -> Iterator[str]:
        relationship, _, name = entry.field.rpartition(".")
        if not relationship:
            yield from _filtered(self.resource, name, entry)
        elif relationship not in self.resource.relationships:
            word = _filter_of(self.resource, entry.field)
            near = f"it is filtered as {word}" if word else suggestion(relationship, self.resource.relationships)
            yield f"{entry!r}: {self.resource.plural_name} has no relationship {relationship!r}: {near}"
        else:
            target = self._target(relationship)
            yield from _filtered(target, name, entry) if target is not None else ()

    def _raw(self, entry: Raw) -> Iterator[str]:
        """Raw parameters are the way out, and so never wrong; but a free text needs something to be searched."""
        if entry.parameter == "q" and not any(one.type == "q" for one in self.resource.filters.values()):
            yield f"{entry!r}: {self.resource.plural_name} cannot be searched for text"

    def _parameters(self, criteria: Criteria) -> Iterator[str]:
        resource, parameters = self.resource, criteria.parameters
        yield from _names("fields", _split(parameters.get("fields")), resource)
        yield from _sorts("order_by", _split(parameters.get("sort")), resource)
        if (count := parameters.get("count", "true")) != "true":
            yield from _facets(_split(count), resource)
        size = resource.pagination.page_size
        if "perPage" in parameters and not size.min <= int(parameters["perPage"]) <= size.max:
            yield f"per_page({parameters['perPage']}): a page of {resource.plural_name} has {size.min} to {size.max}"
        if "active" in parameters and not {"active", "withActive"} & resource.filters.keys():
            yield f"active(): {resource.plural_name} are not active or inactive"
        if "available" in parameters and "available" not in resource.filters:
            missing = [name for name in _AVAILABLE if name not in resource.filters]
            if missing:
                yield f"available(): {resource.plural_name} have no {' and no '.join(missing)}"

    def _inclusions(self, criteria: Criteria) -> Iterator[str]:
        for inclusion in criteria.inclusion_entries:
            name = inclusion.resource_name
            if name not in self.resource.relationships:
                yield f"include({name!r}): {self._unknown(name)}"
            elif (target := self._target(name)) is not None:
                yield from _names(f"the fields of {name!r}", sorted(inclusion.fields_entries), target)
                yield from _sorts(f"the order of {name!r}", inclusion.order_entries, target)

    def _intersections(self, criteria: Criteria) -> Iterator[str]:
        for name, inner in criteria.intersections.items():
            place = f"{self.place}intersect({name!r}): "
            relationship = self.resource.relationships.get(name)
            if relationship is None:
                yield place + self._unknown(name)
            elif relationship.intersectable is False:
                yield f"{place}{self.resource.plural_name} cannot be intersected with it"
            elif (target := self._target(name)) is not None:
                yield from _Reading(self.descriptor, target, place).of(inner)

    def _unknown(self, relationship: str) -> str:
        near = suggestion(relationship, self.resource.relationships)
        return f"{self.resource.plural_name} has no relationship {relationship!r}: {near}"

    def _target(self, relationship: str) -> ResourceType | None:
        """The resource that a relationship leads to; None where it is another service's."""
        return self.descriptor.resourcefuls.get(self.resource.relationships[relationship].resource_type)


def _split(text: str | None) -> list[str]:
    return text.split(",") if text else []


def _names(where: str, paths: Iterable[str], resource: ResourceType) -> Iterator[str]:
    for path in paths:
        if resource.field(path) is None:
            near = suggestion(path, (known for known, _ in resource.paths()))
            yield f"{where}: {resource.plural_name} has no field {path!r}: {near}"


def _sorts(where: str, order: Iterable[str], resource: ResourceType) -> Iterator[str]:
    for step in order:
        path = step.removeprefix("-")
        found = resource.field(path)
        # Sorting by ref is what a browse does anyway, whatever the descriptor says.
        if path == "ref" or (found is not None and found.sort):
            continue
        sortable = [known for known, one in resource.paths() if one.sort]
        problem = "cannot be sorted by" if found is not None else "has no field"
        yield f"{where}: {resource.plural_name} {problem} {path!r}: {suggestion(path, sortable)}"


def _facets(paths: Iterable[str], resource: ResourceType) -> Iterator[str]:
    for path in paths:
        found = resource.field(path)
        if found is None or not found.countable:
            countable = [known for known, one in resource.paths() if one.countable]
            problem = "cannot be counted by" if found is not None else "has no field"
            yield f"facets: {resource.plural_name} {problem} {path!r}: {suggestion(path, countable)}"


def _filtered(resource: ResourceType, name: str, entry: Filter) -> Iterator[str]:
    """The faults of a filter of one resource."""
    found = resource.filters.get(f"with{name[0].upper()}{name[1:]}")
    if found is None:
        yield f"{entry!r}: {_no_filter(resource, name)}"
        return
    problem = _operator_fault(found, entry.operator)
    if problem is not None:
        yield f"{entry!r}: {name!r} {problem}"
    elif entry.operator not in _PARTS:
        field = resource.field(found.field_name_path or name)
        yield from (f"{entry!r}: {fault}" for fault in _value_faults(found, field, entry))


def _no_filter(resource: ResourceType, name: str) -> str:
    word = _filter_of(resource, name)
    if word is not None:
        return f"{name!r} is filtered as {word}"
    filters = [_field_of(one) for one in resource.filters if _field_of(one)]
    if resource.field(name) is not None:
        return f"{resource.plural_name} cannot be filtered by {name!r}: {suggestion(name, filters)}"
    return f"{resource.plural_name} has no field {name!r} to filter by: {suggestion(name, filters)}"


def _filter_of(resource: ResourceType, path: str) -> str | None:
    """How the filter of a field is asked for, where its name is not that of the field."""
    for parameter, one in resource.filters.items():
        if one.type == "with" and one.field_name_path == path:
            name = _field_of(parameter)
            return f"field({name!r})" if name else f"raw({parameter!r}, ...)"
    return None


def _field_of(parameter: str) -> str:
    """The name in `withName`; empty for any other parameter."""
    name = parameter.removeprefix("with")
    return f"{name[0].lower()}{name[1:]}" if name != parameter and name[:1].isupper() else ""


def _operator_fault(filter_: FilterType, operator: Operator) -> str | None:
    if operator in _RANGES and not filter_.range:
        return "takes no ranges"
    if filter_.value_type == "scores" and operator in {Operator.AT_MOST, Operator.MORE_THAN}:
        return 'takes the key before the range: raw("withScore", "imdb:/7"), or "!imdb:/7" for more than 7'
    if operator is Operator.STARTS_WITH and not (filter_.prefix or filter_.value_type == "stringMap"):
        return "takes no beginnings of values"
    # Every filter of the platform takes lists; an abridged descriptor does not say so.
    if operator is Operator.ANY_OF and filter_.or_ is False:
        return "takes no alternatives"
    if operator is Operator.ALL_OF and filter_.and_ is False:
        return "takes no several values at once"
    return None


def _value_faults(filter_: FilterType, field: FieldType | None, entry: Filter) -> Iterator[str]:
    type_ = filter_.value_type or (field.type if field is not None else "")
    accepted = field.accepted if field is not None else None
    for position, value in enumerate(entry.values):
        if type_ in {"stringMap", "scores"}:
            key, colon, number = value.rpartition(":")
            # The second end of a range of scores is without the key: `imdb:5/9`.
            if not colon and not (type_ == "scores" and position and entry.operator in _RANGES):
                yield f"{value[:80]!r} is no 'key:value'"
            elif type_ == "scores" and (fault := misfit("number", number)):
                yield f"{fault}, after the key {key[:80]!r}"
        elif value != "NOW" and (fault := misfit(type_, value)):
            yield fault
        if accepted is not None and value not in accepted:
            yield f"{value[:80]!r} is none of its values: {suggestion(value, accepted)}"
