"""What the models of a descriptor are, whatever kind of class they become: their members and the types of these."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sequoia.descriptor import FieldType, ResourceType
from sequoia.modelling.words import Names, class_name, class_names, literal, prose

__all__ = ["SCALARS", "Choice", "Member", "Model", "Shapes", "Vocabulary", "keys_in"]

# What every resource of the platform has, whether its descriptor lists it or not.
_COMMON: Mapping[str, FieldType] = {
    "ref": FieldType(type="ref", description="Owner and name: the identity of the resource"),
    "owner": FieldType(type="name", required=True, description="The tenant that the resource belongs to"),
    "name": FieldType(type="name", description="The name of the resource, unique within its owner"),
    "createdAt": FieldType(type="timestamp", description="When the resource was created"),
    "createdBy": FieldType(type="ref", description="Who created the resource"),
    "updatedAt": FieldType(type="timestamp", description="When the resource was last stored"),
    "updatedBy": FieldType(type="ref", description="Who last stored the resource"),
    "version": FieldType(type="version", description="The hash of the content"),
}
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("ref", "name", "string", "text", "language", "version", "hex", "password"), "str"),
    # A duration may count in months, which no timedelta can.
    **dict.fromkeys(("duration", "fieldName", "fieldNamePath", "jsonPath"), "str"),
    **dict.fromkeys(("integer", "positiveInteger", "nonNegativeInteger", "year"), "int"),
    **dict.fromkeys(("number", "nonNegativeNumber", "percentage"), "float"),
    "boolean": "bool",
    "timestamp": "datetime",
    "date": "date",
}
SCALARS = ("str", "int", "float", "bool")
"""What the values of a `map` are, or lists of these."""

_MAPS: Mapping[str, str] = {"stringMap": "str", "ratings": "str", "scores": "float", "money": "float"}
_DEEPEST = 10  # levels of nested classes; what is below is a dict
_LONGEST_VALUE = 60  # characters of a choice's literal


def keys_in(fields: Mapping[str, FieldType]) -> Iterator[str]:
    """The names of all fields, those of nested objects included."""
    pending = [fields]
    while pending:
        level = pending.pop()
        yield from level
        pending += [field.fields for field in level.values() if field.fields]


class Vocabulary:
    """How the names of types are spelled, and which of them are used.

    Args:
        hiding: Names of members that would hide a type of the same name in the class that they stand in.
    """

    def __init__(self, hiding: Collection[str] = ()) -> None:
        self.used: set[str] = set()
        self._hiding = frozenset(hiding)

    def hides(self, name: str) -> bool:
        """Whether a member is called `name`."""
        return name in self._hiding

    def __call__(self, name: str) -> str:
        """The name, or where it is hidden its name in its module."""
        self.used.add(name)
        return f"{self.module(_HOMES.get(name, 'builtins'))}.{name}" if name in self._hiding else name

    def module(self, name: str) -> str:
        """What a module is called where a name of it is hidden."""
        return self.free({"builtins": "b_", "datetime": "d_", "typing": "t_"}[name])

    def free(self, name: str) -> str:
        """The name, or one like it that nothing hides."""
        while name in self._hiding:
            name += "_"
        return name


_HOMES: Mapping[str, str] = {
    "Any": "typing",
    "Literal": "typing",
    "NotRequired": "typing",
    "TypedDict": "typing",
    "date": "datetime",
    "datetime": "datetime",
}


@dataclass(frozen=True)
class Member:
    """A field of a model.

    Attributes:
        key: Its name in JSON.
        annotation: Its type where it is there.
        required: Whether it always is.
        text: What it is.
    """

    key: str
    annotation: str
    required: bool
    text: str


@dataclass(frozen=True)
class Model:
    """A class.

    Attributes:
        name: Its name.
        text: What it is.
        members: Its fields.
    """

    name: str
    text: str
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Choice:
    """Texts that a field may have.

    Attributes:
        name: The name of the type.
        values: The texts.
    """

    name: str
    values: tuple[str, ...]


class Shapes:
    """The models of some resources, each after those that it needs.

    Args:
        resources: The resources.
        hiding: See `Vocabulary`.
        left_out: Whether a field of this name cannot be in a class.

    Attributes:
        parts: The models and choices.
        word: Spells the types.
        map_type: The names of the type of a `map`, and of that of its values; None where there is no such field.
        left_out: The fields that were left out, as `Content.class`.
    """

    def __init__(
        self, resources: Iterable[ResourceType], hiding: Collection[str], left_out: Callable[[str], bool]
    ) -> None:
        self.parts: list[Model | Choice] = []
        self.word = Vocabulary(hiding)
        self.map_type: tuple[str, str] | None = None
        self.left_out: list[str] = []
        self._is_left_out = left_out
        self._names: Names = class_names(hiding)
        for resource in resources:
            # The name of the resource comes before those of its parts, which begin with it.
            name = self._names.unique(class_name(resource.singular_name))
            fields = {key: field for key, field in _COMMON.items() if key not in resource.fields} | resource.fields
            text = prose(resource.description) or prose(f"One of the {resource.plural_name}")
            self._model(name, text, fields, 0)

    def _model(self, name: str, text: str, fields: Mapping[str, FieldType], depth: int) -> None:
        members = [
            Member(key, self._type(name, key, field, depth), field.required, prose(field.description))
            for key, field in fields.items()
            if not self._is_left_out(key)
        ]
        self.left_out += [f"{name}.{key}" for key in fields if self._is_left_out(key)]
        self.parts.append(Model(name, text, tuple(members)))

    def _type(self, owner: str, key: str, field: FieldType, depth: int) -> str:
        item = self._item(owner, key, field, depth)
        return f"{self.word('list')}[{item}]" if field.array else item

    def _item(self, owner: str, key: str, field: FieldType, depth: int) -> str:
        if field.fields and depth < _DEEPEST:
            name = self._names.unique(class_name(f"{owner} {key}"))
            self._model(name, prose(field.description) or prose(f"The {key} of {owner}"), field.fields, depth + 1)
            return name
        if field.localisation_of is not None:
            return self._map(self.word("str"))
        if field.fields is not None or field.is_map:
            return self._map_of(field)
        known = _TYPES.get(field.type)
        if known == "str" and (values := self._values(field)):
            name = self._names.unique(class_name(f"{owner} {key}"))
            self.word("Literal")
            self.parts.append(Choice(name, values))
            return name
        return self.word(known or "Any")

    def _map_of(self, field: FieldType) -> str:
        if field.type == "map":
            self.map_type = self.word.free("Map"), self.word.free("Scalar")
            for name in ("dict", "list", *SCALARS):
                self.word(name)
            return self.map_type[0]
        return self._map(self.word(_MAPS.get(field.type, "Any")))

    def _map(self, values: str) -> str:
        return f"{self.word('dict')}[{self.word('str')}, {values}]"

    @staticmethod
    def _values(field: FieldType) -> tuple[str, ...]:
        """The texts that may be stored."""
        values = sorted(set((field.accepted or {}).values()))
        return () if any(len(literal(value)) > _LONGEST_VALUE for value in values) else tuple(values)
