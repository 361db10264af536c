"""Whether what a question says about linked resources can be answered: are they included, and will they be attached?

The service sends them beside the others, and they are put where they belong by a field of the one and of the other. A
question that leaves one of these fields out would bring resources along that belong nowhere.
"""

from __future__ import annotations

from sequoia.cli.failing import Refusal
from sequoia.cli.query import Question
from sequoia.client import Service
from sequoia.descriptor import Descriptor, Relationship
from sequoia.endpoint import Endpoint
from sequoia.expressions import Filter

__all__ = ["check_attachable", "check_included"]


def check_attachable(service: Service, endpoint: Endpoint, question: Question) -> None:
    """Refuse a question that asks for resources to be included, and not for the fields that it takes.

    Raises:
        Refusal: A field is missing; the sentence says which, and where to ask for it.
    """
    asked = {name.partition(".")[0] for name in question.fields}
    for inclusion in question.criteria.inclusion_entries:
        name = inclusion.resource_name
        relationship = endpoint.descriptor.relationships.get(name)
        if relationship is None or relationship.through:
            continue  # of the former the check of the question tells, of the latter the SDK, page by page
        inner, outer = _joined_by(service.descriptor, relationship)
        if inclusion.fields_entries and inner and inner not in inclusion.fields_entries:
            fields = ",".join([*sorted(inclusion.fields_entries), inner])
            raise Refusal(f"--include {name} needs the field {inner!r} to attach them: say --include {name}:{fields}")
        if asked and outer and outer.partition(".")[0] not in asked:
            fields = ",".join([*question.fields, outer])
            raise Refusal(f"--include {name} needs the field {outer!r} to attach them: say --fields {fields}")


def check_included(endpoint: Endpoint, question: Question) -> None:
    """Refuse a condition on linked resources that are not included, for it narrows only those that come along.

    Raises:
        Refusal: There is one; the sentence says what is perhaps meant.
    """
    for entry in question.criteria.criterion_entries:
        if not isinstance(entry, Filter) or "." not in entry.field:
            continue
        relationship, _, name = entry.field.rpartition(".")
        if relationship in endpoint.descriptor.relationships and relationship not in question.criteria.included:
            told = question.written.get(repr(entry), entry.field)
            raise Refusal(
                f"{told} is about {relationship}, which do not come along: --include {relationship} brings those that "
                f"fit, --intersect '{relationship}:{name}...' keeps only what has one"
            )


def _joined_by(descriptor: Descriptor, relationship: Relationship) -> tuple[str | None, str | None]:
    """The field of the included resource, and that of the one that it belongs to."""
    if relationship.type == "direct":
        return "ref", relationship.field_name_path
    return descriptor.link_field(relationship), "ref"
