"""The body of a write: JSON with the documents under the name of their resource."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec

from sequoia.sandbox.documents import Problem
from sequoia.sandbox.schema import Resource
from sequoia.sandbox.wire import WireError

__all__ = ["documents_of", "refuse"]

_MOST_TOLD = 10


def documents_of(resource: Resource, body: bytes, limit: int) -> list[Any]:
    """The documents of a request.

    Args:
        resource: What they must be.
        body: `{"<plural name>": [document, ..]}`; one document may stand there without the list.
        limit: Most documents.

    Raises:
        WireError: 400: no JSON, nested too deep, the wrong key, or a wrong number of documents.
    """
    key = resource.plural
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _refuse_one(key, f"the body is no valid JSON: {error}")
    except RecursionError:
        _refuse_one(key, "the body is nested too deep")
    if not isinstance(content, dict):
        _refuse_one(key, "the body must be a JSON object")
    for name in content:
        if name != key:
            _refuse_one(name, f"{name} is not allowed")
    if key not in content:
        _refuse_one(key, f"{key} is required")
    documents = content[key] if isinstance(content[key], list) else [content[key]]
    if not documents:
        _refuse_one(key, f"{key} is invalid - must contain at least 1 items")
    if len(documents) > limit:
        _refuse_one(key, f"{key} is invalid - must contain at most {limit} items")
    return documents


def _refuse_one(path: str, text: str) -> NoReturn:
    raise WireError(400, text, keys=(path,), source="payload")


def refuse(problems: Sequence[Problem]) -> None:
    """Answer problems, if there are any: the first ones in words, the paths of all.

    Raises:
        WireError: 400, with a payload validation.
    """
    if problems:
        texts = list(dict.fromkeys(problem.text for problem in problems))
        more = f", and {len(texts) - _MOST_TOLD} more" if len(texts) > _MOST_TOLD else ""
        keys = tuple(dict.fromkeys(problem.path for problem in problems))
        raise WireError(400, ", ".join(texts[:_MOST_TOLD]) + more, keys=keys, source="payload")
