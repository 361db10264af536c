"""Names, literals and prose of generated source: what a descriptor says, in a form that Python and linters accept."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Collection, Iterator

__all__ = [
    "LINE",
    "LONGEST_NAME",
    "SKIP",
    "Names",
    "class_name",
    "class_names",
    "cut",
    "docstring",
    "is_plain",
    "literal",
    "prose",
    "python_name",
    "width",
]

LONGEST_NAME = 40
"""Characters of the name of a field that is made here: whatever it stands in must fit into one line."""

_LONGEST_CLASS = 32

LINE = 88
"""Characters of a line, as `ruff format` has them where nobody has told it another number."""

SKIP = "  # fmt: skip"
"""Behind a statement that has no room in a line, and that formatters would each break in a way of their own."""

_LONGEST_TEXT = 600
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER = re.compile(r"[^A-Za-z0-9]+")
# Letters that no other character can be taken for; of all others a linter warns (RUF001, RUF002).
_PLAIN = re.compile(r"[ -~\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff]*")
_SECTION = re.compile(r"\W*[A-Za-z]+( [A-Za-z]+)?\W*")

# Names in a class that would hide the types in its annotations, or that a linter finds hard to read.
_HIDING = frozenset({"bool", "date", "datetime", "dict", "float", "int", "l", "list", "msgspec", "str"})
# What pydantic's models have already.
_PYDANTIC = frozenset({
    "construct", "copy", "dict", "from_orm", "json", "mro", "parse_file", "parse_obj", "parse_raw", "register",
    "schema", "schema_json", "update_forward_refs", "validate",
})  # fmt: skip
_IMPORTED = frozenset({
    "Any", "BaseModel", "ConfigDict", "Field", "I", "Literal", "Map", "NotRequired", "O", "Scalar",
    "TypedDict",
})  # fmt: skip


class Names:
    """Names of one scope, each given once.

    Args:
        taken: Names that are not to be given.
    """

    def __init__(self, taken: Collection[str] = ()) -> None:
        self._taken = set(taken)

    def unique(self, name: str, separator: str = "") -> str:
        """`name`, or `name` with the first number that makes it another one."""
        number, found = 1, name
        while found in self._taken:
            number += 1
            found = f"{name}{separator}{number}"
        self._taken.add(found)
        return found


def _parts(text: str) -> list[str]:
    """The words of a name in any spelling, in ASCII."""
    plain = unicodedata.normalize("NFKD", text[:200]).encode("ascii", "ignore").decode()
    return [part for part in _OTHER.sub(" ", _HUMP.sub(" ", plain)).split() if part]


def python_name(key: str) -> str:
    """The name of a field in Python: `createdAt` is `created_at`; never a keyword, nor what a model has already."""
    name = "_".join(_parts(key)).lower()[:LONGEST_NAME].rstrip("_") or "field"
    if name[0].isdigit() or name.startswith("model_"):
        name = f"field_{name}"
    return f"{name}_" if keyword.iskeyword(name) or name in _HIDING | _PYDANTIC else name


def class_name(text: str) -> str:
    """The name of a class: `offerTemplate` is `OfferTemplate`."""
    name = "".join(part[:1].upper() + part[1:] for part in _parts(text))[:_LONGEST_CLASS] or "Model"
    return f"Model{name}" if name[0].isdigit() else name


def class_names(others: Collection[str]) -> Names:
    """Where classes get their names: none is that of a builtin, or of what the module imports."""
    return Names({*dir(builtins), *keyword.kwlist, *_IMPORTED, *others})


def literal(text: str) -> str:
    r"""A string literal in double quotes, of letters that nobody can take for others; the rest is escaped."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(one: str) -> str:
    if one == "\\":
        return "\\\\"
    if one != '"' and _PLAIN.fullmatch(one):
        return one
    code = ord(one)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def is_plain(text: str) -> bool:
    """Whether no letter in `text` can be taken for another one."""
    return _PLAIN.fullmatch(text.replace("\n", " ")) is not None


def prose(text: str | None) -> str:
    """A description as one sentence or more in one paragraph, fit for a docstring; empty for none."""
    kept = "".join(one if unicodedata.category(one)[0] not in "CZ" else " " for one in (text or "")[:_LONGEST_TEXT])
    words = " ".join(kept.replace("\\", "/").replace('"', "'").split())
    if len(text or "") > _LONGEST_TEXT:
        words += " ..."
    return words if not words or words[-1] in ".?!" else f"{words}."


def cut(text: str, room: int) -> str:
    """The beginning of a text that has so many columns at most, as far as the end of a word."""
    return next(_wrapped(text, room), "")


def width(text: str) -> int:
    """Columns of a text on a screen."""
    return sum(2 if unicodedata.east_asian_width(one) in "FW" else 1 for one in text)


def docstring(text: str, indent: str, *, sectioned: bool = True) -> Iterator[str]:
    """The lines of a docstring.

    Args:
        text: Prose.
        indent: What stands before each line.
        sectioned: Whether a linter looks for sections in it, as it does in that of a class.
    """
    room = LINE - len(indent)
    if width(text) + 6 <= room:
        yield f'{indent}"""{text}"""'
        return
    first, *_ = _wrapped(text, room - 6)
    lines = list(_wrapped(text, room))
    if not sectioned:
        first, *lines = _wrapped(text, room - 3)
        yield f'{indent}"""{first}'
    elif any(_SECTION.fullmatch(line) for line in lines[:-1]):
        yield f'{indent}"""{first[:-3].rstrip(" .")}..."""'
        return
    else:
        yield f'{indent}"""{first[:-3].rstrip(" .")}...'
        yield ""
    yield from (f"{indent}{line}" for line in lines)
    yield f'{indent}"""'


def _wrapped(text: str, room: int) -> Iterator[str]:
    """The text in lines of at most so many columns; a word that is longer is cut."""
    line = ""
    for word in text.split():
        rest = word
        while rest:
            joined = f"{line} {rest}" if line else rest
            if width(joined) <= room:
                line, rest = joined, ""
            elif line:
                yield line
                line = ""
            else:
                end = next(end for end in range(len(rest), 0, -1) if width(rest[:end]) <= room)
                yield rest[:end]
                rest = rest[end:]
    if line:
        yield line
