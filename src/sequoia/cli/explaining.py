"""What `--explain` prints: the request that a command would send, and the Python that asks the same.

All of it is Python: the request stands in comments, and the rest runs where `client` and the SDK are.
"""

from __future__ import annotations

import json
import keyword
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from sequoia.criteria import Criteria, Inclusion
from sequoia.expressions import Filter, Operator, Raw
from sequoia.names import url_segment

__all__ = ["criteria_code", "endpoint_code", "literal", "quoted", "script"]

_WIDTH = 100
_SYMBOLS: Mapping[Operator, str] = MappingProxyType(
    {
        Operator.EQUAL: "==",
        Operator.NOT_EQUAL: "!=",
        Operator.AT_LEAST: ">=",
        Operator.MORE_THAN: ">",
        Operator.AT_MOST: "<=",
        Operator.LESS_THAN: "<",
    }
)


def quoted(value: str) -> str:
    """A text as Python."""
    # JSON puts it in double quotes, and Python reads all of JSON's escapes but those of surrogates.
    return json.dumps(value, ensure_ascii=False)


def literal(value: str) -> str:
    """A value of a query as Python: a number or a boolean where that is sent in the same letters, else a text."""
    if value in {"true", "false"}:
        return value.capitalize()
    if value.removeprefix("-").isdecimal() and value.isascii() and len(value) < 20 and str(int(value)) == value:
        return value
    return quoted(value)


def criteria_code(criteria: Criteria) -> str:
    """An expression that makes an equal criteria, with the names that `sequoia` exports."""
    head = [_entry_code(entry) for entry in criteria.criterion_entries]
    calls = [_inclusion_code(entry) for entry in criteria.inclusion_entries]
    calls += [f".intersect({quoted(name)}, {criteria_code(inner)})" for name, inner in criteria.intersections.items()]
    calls += [_PARAMETERS[name](value) for name, value in criteria.parameters.items()]
    line = f"where({', '.join(head)}){''.join(calls)}"
    if len(line) <= _WIDTH - len("criteria = "):
        return line
    begin = f"where({', '.join(head)})"
    if len(begin) > _WIDTH - 4:
        begin = "where(\n" + "".join(f"        {one},\n" for one in head) + "    )"
    return "(\n    " + "\n    ".join([begin, *calls]) + "\n)"


def endpoint_code(service: str, resource: str) -> str:
    """An expression for the endpoint of a resource: `client.metadata.contents`."""
    from sequoia.client import Client, Service  # noqa: PLC0415 - whoever explains nothing need not wait for it

    code = "client"
    for owner, name in ((Client, service), (Service, url_segment(resource).replace("-", "_"))):
        plain = name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")
        code += f".{name}" if plain and not hasattr(owner, name) else f"[{quoted(name)}]"
    return code


def script(
    requests: Iterable[tuple[str, str]], criteria: Criteria | None, lines: Iterable[str], *, imports: Sequence[str] = ()
) -> str:
    """The whole explanation.

    Args:
        requests: Method and URL of each request.
        criteria: The question, if there is one; `lines` may use it as `criteria`.
        lines: What is done with it.
        imports: Statements that they need.
    """
    told = [f"# {method} {url}" for method, url in requests]
    if criteria is not None and criteria.included:
        told += [
            "",
            "# Here client is a Client(..., model_resolution=True): it puts what is included where it belongs.",
        ]
    if criteria is None:
        return "\n".join([*told, "", *lines, ""])
    code = criteria_code(criteria)
    names = [name for name in ("field", "raw", "text", "where") if f"{name}(" in _without_texts(code)]
    needed = [*imports, *([""] if imports else []), f"from sequoia import {', '.join(names)}"]
    return "\n".join([*told, "", *needed, "", f"criteria = {code}", *lines, ""])


def _entry_code(entry: Filter | Raw) -> str:
    if isinstance(entry, Raw):
        searched = entry.parameter == "q" and entry.wire.strip()
        return f"text({quoted(entry.wire)})" if searched else f"raw({quoted(entry.parameter)}, {quoted(entry.wire)})"
    field = f"field({quoted(entry.field)})"
    values = [literal(value) for value in entry.values]
    symbol = _SYMBOLS.get(entry.operator)
    return f"{field} {symbol} {values[0]}" if symbol else f"{field}.{entry.operator.name.lower()}({', '.join(values)})"


def _inclusion_code(entry: Inclusion) -> str:
    fields = f", fields=[{_texts(sorted(entry.fields_entries))}]" if entry.fields_entries else ""
    order = f", order_by=[{_texts(entry.order_entries)}]" if entry.order_entries else ""
    return f".include({quoted(entry.resource_name)}{fields}{order})"


def _texts(values: Iterable[str]) -> str:
    return ", ".join(map(quoted, values))


def _without_texts(code: str) -> str:
    """The code without what stands in quotes, where a value may look like a call."""
    parts = code.replace("\\\\", "").replace('\\"', "").split('"')
    return "".join(parts[::2])


_PARAMETERS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "active": lambda _: ".active()",
        "available": lambda _: ".available()",
        "count": lambda value: ".count()" if value == "true" else f".facets({_texts(value.split(','))})",
        "fields": lambda value: f".fields({_texts(value.split(','))})",
        "lang": lambda value: f".lang({quoted(value)})",
        "perPage": lambda value: f".per_page({value})",
        "resources": lambda _: ".skip_resources()",
        "sort": lambda value: f".order_by({_texts(value.split(','))})",
    }
)
