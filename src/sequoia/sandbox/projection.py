"""What of a stored document an answer shows: all of it, chosen fields, or its texts in one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sequoia.sandbox.fields import Field
from sequoia.sandbox.schema import Resource

__all__ = ["show"]

_Tree = dict[str, "_Tree | None"]
_shallow = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


def show(resource: Resource, bodies: Sequence[bytes], fields: tuple[str, ...] | None, lang: str | None) -> list[bytes]:
    """The JSON texts of an answer.

    Args:
        resource: What the documents are.
        bodies: Their stored JSON texts.
        fields: Dotted paths to keep; None for all.
        lang: The language to show localised fields in, None for the base texts.
    """
    if fields is None and lang is None:
        return list(bodies)
    if fields is not None and lang is None and not any("." in path for path in fields):
        names = frozenset(fields)
        # The values stay as text: a page of projected documents is never decoded in full.
        return [
            _encoder.encode({name: value for name, value in _shallow.decode(body).items() if name in names})
            for body in bodies
        ]
    tree = None if fields is None else _tree(resource, fields)
    return [
        _encoder.encode(_pick(_localised(resource.fields, msgspec.json.decode(body), lang), tree)) for body in bodies
    ]


def _tree(resource: Resource, fields: Sequence[str]) -> _Tree:
    """The paths as nested names; a whole field wins over parts of it."""
    root: _Tree = {}
    for path in fields:
        node = root
        steps = _steps(resource, path)
        for step in steps[:-1]:
            child = node.setdefault(step, {})
            if child is None:
                break
            node = child
        else:
            node[steps[-1]] = None
    return root


def _steps(resource: Resource, path: str) -> list[str]:
    """The names along a path; what follows the name of a map is one key, dots and all."""
    steps: list[str] = []
    fields: Mapping[str, Any] = resource.fields
    rest = path
    while rest:
        step, _, rest = rest.partition(".")
        steps.append(step)
        field = fields.get(step)
        if field is not None and field.is_map and rest:
            return [*steps, rest]
        fields = (field.fields if field is not None else None) or {}
    return steps


def _pick(value: Any, tree: _Tree | None) -> Any:
    """The parts of a value that a tree names."""
    if tree is None:
        return value
    if isinstance(value, list):
        return [_pick(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _pick(item, tree[name]) for name, item in value.items() if name in tree}


def _localised(fields: Mapping[str, Field], document: Any, lang: str | None) -> Any:
    """A document, or an object inside it, whose texts are replaced by their translations, where there are any.

    What another descriptor was valid for when it was stored stays as it is.
    """
    if lang is None or not isinstance(document, dict):
        return document
    translated: dict[str, Any] = {}
    for name, field in fields.items():
        value = document.get(name)
        texts = None if field.localised_by is None else document.get(field.localised_by)
        if isinstance(texts, dict) and lang in texts:
            translated[name] = texts[lang]
        elif field.fields is not None and isinstance(value, list):
            translated[name] = [_localised(field.fields, item, lang) for item in value]
        elif field.fields is not None and value is not None:
            translated[name] = _localised(field.fields, value, lang)
    return document | translated
