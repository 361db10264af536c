# ruff: noqa: RUF001, S104, S108
"""Descriptors such as nobody has seen: names that are none of Python's, texts that try to get out of a docstring."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

__all__ = ["descriptors"]

NAMES = [
    "class", "None", "True", "async", "match", "type", "list", "dict", "str", "int", "float", "bool", "date", "l",
    "O", "datetime", "Any", "Literal", "NotRequired", "TypedDict", "Scalar", "msgspec", "BaseModel", "Field",
    "dataclass", "json", "copy", "schema", "model_config", "modelConfig", "model_fields", "self", "cls", "__init__",
    "__class__", "_private", "__mangled", "foo-bar", "fooBar", "foo_bar", "FooBar", "foo bar", "1st", "", " ", "ﬁn",
    "naïve", "名前", "x" * 49, "x" * 48, "y" * 47, "z" * 200, "a.b", 'a"b', "a'b", "a\\b", "a\nb", "\u202eevil", "I",
    "builtins", "typing_", "builtins_", "datetime_", "list_", "typing", "annotations", "mro", "object", "Warning",
    "Exception", "createdAt", "contentTypeType", "returns", "args", "note", "password", "token", "secret",
    "URLOfThing", "h264Video", "a1B2c3", "ContentType", "a" * 39 + "-b", "print", "property", "field", "0.0.0.0",
    "/tmp/x", "/dev/shm/y", "{date}", "0123456789", "SELECT * FROM x", "ConfigDict", "datetime.date", "list[str]",
]  # fmt: skip
TEXTS = [
    '"""', "\\", '"""\nimport os\n"""', 'ends with a quote"', "'", "Returns:", "Args:\n    x: y",
    "a\n\nReturns\n-------\nb", "\u202e\u2066 turned", "‘quoted’ – and … more", "# noqa", "# type: ignore",
    "TODO: later", "x = 1", "Привет, мир", "日本語の説明" * 40, "word " * 60, "w" * 500, "One. Two. Three " * 12,
    "Returns: " + "w" * 130 + " Args: " + "w" * 130, " leading and trailing ", "\x00\x08\x1b\u200b", "{braces} %s",
    "\\N{BULLET} \\x41", "No full stop", "This is it!", "w" * 110 + " Returns: " + "v" * 115 + " z",
    "w" * 75 + " Returns: " + "v" * 80 + " z", "× ÷ ı ſ ǃ",
    "é", "", "Ünïcödé ÀÉÎ",
]  # fmt: skip
TYPES = [
    "ref", "name", "string", "text", "stringMap", "map", "scores", "timestamp", "date", "year", "duration", "boolean",
    "integer", "positiveInteger", "nonNegativeInteger", "nonNegativeNumber", "number", "percentage", "language",
    "money", "ratings", "version", "hex", "password", "fieldName", "fieldNamePath", "jsonPath", "", "of tomorrow",
]  # fmt: skip

names = st.one_of(
    st.sampled_from(NAMES), st.sampled_from(NAMES), st.text(max_size=30), st.text("abcXYZ_1", max_size=60)
)
texts = st.one_of(st.none(), st.sampled_from(TEXTS), st.text(max_size=700))
allowed = st.lists(st.one_of(names, st.sampled_from(TEXTS)), max_size=12).map(
    lambda values: [{"value": value} for value in values]
)


def field(fields: st.SearchStrategy[dict[str, Any]] | None) -> st.SearchStrategy[dict[str, Any]]:
    optional = {
        "description": texts,
        "required": st.booleans(),
        "array": st.one_of(st.booleans(), st.just({"min": 1, "max": 3})),
        "allowedValues": allowed,
        "localisationOf": names,
    }
    if fields is not None:
        return st.fixed_dictionaries({"fields": fields}, optional=optional)
    return st.fixed_dictionaries({"type": st.sampled_from(TYPES)}, optional=optional)


fields = st.recursive(
    st.dictionaries(names, field(None), max_size=8),
    lambda inner: st.dictionaries(names, st.one_of(field(None), field(inner)), max_size=4),
    max_leaves=6,
)
resources = st.fixed_dictionaries(
    {"pluralName": names, "singularName": names, "hyphenatedPluralName": names, "fields": fields},
    optional={"description": texts},
)


def _descriptor(name: str, listed: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "resourcefuls": {one["pluralName"]: one for one in listed}}


descriptors = st.builds(_descriptor, names, st.lists(resources, min_size=1, max_size=4))
