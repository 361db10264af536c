"""The source of a module of models, laid out as `ruff format` does it, in four kinds of classes.

A msgspec Struct and a pydantic model have Python's names and know those of JSON. A dataclass and a TypedDict have
those of JSON; what cannot be a name there is left out, and comes along unread.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sequoia.descriptor import Descriptor, ResourceType
from sequoia.modelling.shapes import SCALARS, Choice, Member, Model, Shapes, keys_in
from sequoia.modelling.words import LINE, SKIP, Names, cut, docstring, is_plain, literal, prose, python_name

__all__ = ["KINDS", "MARK", "Models", "models_of"]

MARK = "written by `sequoia models`"
"""What the first line of such a module says."""

# Rules that ask what a string is for; here it is a name, or a value that a service knows.
_SUSPECTED = {"S104": re.compile(r'"0\.0\.0\.0"'), "S108": re.compile(r'"(/var)?/tmp|"/dev/shm')}
_UNREAD = re.compile(r'[\x00-\x1f"\\]')  # what msgspec takes for no key
_LONGEST_KEY = 50  # characters of a key's literal
_LONGEST_SERVICE = 40  # columns of the name of the service: its line is known again by `MARK`
_INDENT = "    "


@dataclass(frozen=True)
class Models:
    """A module of models.

    Attributes:
        source: Its text.
        left_out: Fields, as `Content.class`, that the kind of class cannot have.
    """

    source: str
    left_out: tuple[str, ...]


def models_of(descriptor: Descriptor, resources: Sequence[str] = (), kind: str = "msgspec") -> Models:
    """Write the models of a service's resources.

    Args:
        descriptor: What the service says about itself.
        resources: Names of the resources, in any spelling; none for all.
        kind: One of `KINDS`.

    Raises:
        ResourceNotFound: There is no such resource; the message names the close matches.
        ValueError: There is no such kind, or the service has no resources.
    """
    if kind not in KINDS:
        raise ValueError(f"there are no models of the kind {kind!r}: give one of {', '.join(KINDS)}")
    chosen = {(found := descriptor.resource(name)).plural_name: found for name in resources}
    wanted = [one for _, one in sorted((chosen or descriptor.resourcefuls).items())]
    if not wanted:
        raise ValueError(f"the service {descriptor.name!r} has no resources")
    return _Module(descriptor, wanted, KINDS[kind]()).models


class _Kind:
    """How models of one kind are written.

    Attributes:
        renames: Whether its fields have names of their own.
        excused: Rules of linters that the names of the platform do not keep; known once the bodies are written.
    """

    renames = True

    def __init__(self) -> None:
        self.excused: set[str] = set()

    def left_out(self, key: str) -> bool:
        """Whether a field of this name cannot be in a class."""
        return len(literal(key)) > _LONGEST_KEY or _UNREAD.search(key) is not None

    def header(self, shapes: Shapes) -> Iterator[str]:
        """Its imports: lines of the standard library, an empty one, lines of others."""
        raise NotImplementedError

    def body(self, model: Model) -> Iterator[str]:
        """The lines of one model."""
        raise NotImplementedError


def _described(model: Model) -> Iterator[str]:
    """The docstring of a class, and what separates it from the members."""
    yield from docstring(model.text, _INDENT)
    if model.members:
        yield ""


def _documented(lines: Sequence[str], member: Member) -> Iterator[str]:
    yield from lines
    if member.text:
        yield from docstring(member.text, _INDENT, sectioned=False)


def _optional(member: Member) -> str:
    """The annotation of a member that may be None."""
    annotation = member.annotation
    return annotation if member.required or annotation.rpartition(".")[2] == "Any" else f"{annotation} | None"


def _fitted(line: str) -> str:
    """A statement that nothing but a formatter could break."""
    return line if len(line) <= LINE else f"{line}{SKIP}"


def _broken(begin: str, items: Sequence[str], end: str, indent: str = "") -> list[str]:
    """A statement in one line where there is room for it, or else one for each of its items."""
    line = f"{indent}{begin}{', '.join(items)}{end}"
    if len(line) <= LINE or len(indent + begin) > LINE:
        return [_fitted(line)]
    # The comma behind the last one keeps the lines apart, however long a line may be elsewhere.
    return [f"{indent}{begin}", *(f"{indent}{_INDENT}{item}," for item in items), f"{indent}{end}"]


def _call(target: str, function: str, arguments: Sequence[str]) -> list[str]:
    """`target = function(arguments)`."""
    return _broken(f"{target} = {function}(", arguments, ")", _INDENT)


def _plain(name: str, member: Member) -> str:
    """A member that only needs an annotation."""
    return _fitted(f"{_INDENT}{name}: {_optional(member)}{'' if member.required else ' = None'}")


class _Struct(_Kind):
    """`msgspec.Struct`."""

    def header(self, shapes: Shapes) -> Iterator[str]:
        yield from _standard(shapes)
        yield ""
        yield "import msgspec"

    def body(self, model: Model) -> Iterator[str]:
        names = Names()
        named = [(names.unique(python_name(one.key), "_"), one) for one in model.members]
        renamed = any(name != one.key for name, one in named)
        bases = ["msgspec.Struct", "kw_only=True", "omit_defaults=True", *(['rename="camel"'] if renamed else [])]
        yield from _broken(f"class {model.name}(", bases, "):")
        yield from _described(model)
        for name, member in named:
            arguments = [] if member.required else ["default=None"]
            if renamed and _camel(name) != member.key:
                arguments.append(f"name={literal(member.key)}")
                lines = _call(f"{name}: {_optional(member)}", "msgspec.field", arguments)
            else:
                lines = [_plain(name, member)]
            yield from _documented(lines, member)


def _camel(name: str) -> str | None:
    """What `rename="camel"` makes of a name; None where that is not plain to see."""
    first, *rest = name.split("_")
    if not all(part and part[0].isalpha() for part in (first, *rest)):
        return None
    return first + "".join(part.title() for part in rest)  # as msgspec does it: a letter behind a digit is raised too


class _Pydantic(_Kind):
    """`pydantic.BaseModel`."""

    def header(self, shapes: Shapes) -> Iterator[str]:
        yield from _standard(shapes)
        yield ""
        models = [part for part in shapes.parts if isinstance(part, Model)]
        renamed = any(_renamed(model) for model in models)
        yield f"from pydantic import BaseModel{', ConfigDict, Field' if renamed else ''}"

    def body(self, model: Model) -> Iterator[str]:
        yield f"class {model.name}(BaseModel):"
        yield from _described(model)
        if _renamed(model):
            yield f"{_INDENT}model_config = ConfigDict(populate_by_name=True)"
            yield ""
        names = Names()
        for member in model.members:
            name = names.unique(python_name(member.key), "_")
            arguments = [] if member.required else ["default=None"]
            if name != member.key:
                lines = _call(f"{name}: {_optional(member)}", "Field", [*arguments, f"alias={literal(member.key)}"])
            else:
                lines = [_plain(name, member)]
            yield from _documented(lines, member)


def _renamed(model: Model) -> bool:
    names = Names()
    return any([names.unique(python_name(one.key), "_") != one.key for one in model.members])  # noqa: C419 - each takes a name


class _Dataclass(_Kind):
    """`@dataclass`."""

    renames = False

    def __init__(self) -> None:
        super().__init__()
        self.excused |= {"E741", "ICN001", "N815"}

    def left_out(self, key: str) -> bool:
        is_name = key.isascii() and key.isidentifier() and not keyword.iskeyword(key) and not key.startswith("_")
        return not is_name or super().left_out(key)

    def header(self, shapes: Shapes) -> Iterator[str]:
        yield from _standard(shapes, {"dataclasses": ["dataclass"]})

    def body(self, model: Model) -> Iterator[str]:
        yield "@dataclass(kw_only=True)"
        yield f"class {model.name}:"
        yield from _described(model)
        for member in model.members:
            yield from _documented([_plain(member.key, member)], member)


class _TypedDict(_Kind):
    """`TypedDict`, by a call where a name is none of Python's."""

    renames = False

    def __init__(self) -> None:
        super().__init__()
        self.excused |= {"E741", "ICN001", "N815"}
        self._base = self._maybe = ""

    def left_out(self, key: str) -> bool:
        return key.startswith("__") or super().left_out(key)

    def header(self, shapes: Shapes) -> Iterator[str]:
        models = [part for part in shapes.parts if isinstance(part, Model)]
        if any(not member.required for model in models for member in model.members):
            self._maybe = shapes.word("NotRequired")
        self._base = shapes.word("TypedDict")
        yield from _standard(shapes)

    def body(self, model: Model) -> Iterator[str]:
        wrapped = [
            (one, one.annotation if one.required else f"{self._maybe}[{one.annotation}]") for one in model.members
        ]
        if _by_call(model):
            self.excused.add("UP013")
            yield f"{model.name} = {self._base}("
            yield f"{_INDENT}{literal(model.name)},"
            yield f"{_INDENT}{{"
            items = [f"{_INDENT * 2}{literal(one.key)}: {annotation}," for one, annotation in wrapped]
            yield from [*items, f"{_INDENT}}},"]
            yield f"){SKIP if any(len(item) > LINE for item in items) else ''}"
            yield from docstring(model.text, "", sectioned=False)
            return
        yield f"class {model.name}({self._base}):"
        yield from _described(model)
        for member, annotation in wrapped:
            yield from _documented([_fitted(f"{_INDENT}{member.key}: {annotation}")], member)


def _by_call(model: Model) -> bool:
    return not all(
        one.key.isascii() and one.key.isidentifier() and not keyword.iskeyword(one.key) for one in model.members
    )


def _standard(shapes: Shapes, more: Mapping[str, Sequence[str]] = MappingProxyType({})) -> Iterator[str]:
    """The imports of the standard library."""
    homes = {"datetime": ("date", "datetime"), "typing": ("Any", "Literal", "NotRequired", "TypedDict")}
    used, hides, module = shapes.word.used, shapes.word.hides, shapes.word.module
    known = {name for names in homes.values() for name in names}
    straight = {home for home, names in homes.items() if any(name in used and hides(name) for name in names)}
    if any(hides(name) for name in used - known):
        straight.add("builtins")
    yield from (f"import {name} as {module(name)}" for name in sorted(straight))
    plain = {
        **more,
        **{home: [one for one in names if one in used and not hides(one)] for home, names in homes.items()},
    }
    yield from (f"from {home} import {', '.join(names)}" for home, names in sorted(plain.items()) if names)


KINDS: Mapping[str, Callable[[], _Kind]] = MappingProxyType(
    {"msgspec": _Struct, "dataclass": _Dataclass, "typeddict": _TypedDict, "pydantic": _Pydantic}
)
"""The kinds of models, by name."""


class _Module:
    """One module.

    Args:
        descriptor: The service.
        resources: Those of its resources that get models.
        kind: How these are written.
    """

    def __init__(self, descriptor: Descriptor, resources: Sequence[ResourceType], kind: _Kind) -> None:
        keys = {key for resource in resources for key in keys_in(resource.fields)}
        hiding: Collection[str] = () if kind.renames else {key for key in keys if not kind.left_out(key)}
        self._kind = kind
        self._shapes = Shapes(resources, hiding, kind.left_out)
        self.models = Models("\n".join(self._lines(descriptor)) + "\n", tuple(self._shapes.left_out))

    def _lines(self, descriptor: Descriptor) -> Iterator[str]:
        shapes = self._shapes
        imports = list(self._kind.header(shapes))
        blocks = [*self._scalars(), *(self._block(part) for part in shapes.parts)]
        name = cut(prose(descriptor.name), _LONGEST_SERVICE).rstrip(".?! ")
        head = list(docstring(f"Models of {name or 'a service'}, {MARK}.", ""))
        texts = [line for block in blocks for line in block]
        excused = set(self._kind.excused)
        if not all(map(is_plain, [*head, *texts])):
            excused |= {"RUF001", "RUF002"}
        if any(line.endswith(SKIP) for line in texts):
            excused.add("E501")
        excused |= {rule for rule, seen in _SUSPECTED.items() if any(map(seen.search, texts))}
        if excused:
            yield f"# ruff: noqa: {', '.join(sorted({*excused, 'RUF100'}))}"
        yield from head
        yield ""
        yield "from __future__ import annotations"
        yield ""
        yield from imports if imports[0] else imports[1:]
        for number, block in enumerate(blocks):
            is_class = block[0].startswith(("class ", "@"))
            after_class = number > 0 and blocks[number - 1][0].startswith(("class ", "@"))
            yield ""
            if is_class or after_class:
                yield ""
            yield from block

    def _scalars(self) -> Iterator[list[str]]:
        if self._shapes.map_type:
            word, (name, scalar) = self._shapes.word, self._shapes.map_type
            yield [f"{scalar} = {' | '.join(map(word, SCALARS))}"]
            yield [f"{name} = {word('dict')}[{word('str')}, {scalar} | {word('list')}[{scalar}]]"]

    def _block(self, part: Model | Choice) -> list[str]:
        if isinstance(part, Model):
            return list(self._kind.body(part))
        begin = f"{part.name} = {self._shapes.word('Literal')}["
        values = list(map(literal, part.values))
        if len(values) == 1:  # with a comma behind it, it would be a tuple
            return [_fitted(f"{begin}{values[0]}]")]
        return _broken(begin, values, "]")
