"""The options that ask a question, `--where 'type=movie' --fields ref,title`, and the question that they make.

Whatever can be wrong with them without a service to ask is found while they are read, and said in one sentence, with a
caret under the place where that helps.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from sequoia.cli.conditions import Misread, conditions
from sequoia.cli.failing import Refusal
from sequoia.criteria import Criteria
from sequoia.error import CriteriaError
from sequoia.expressions import Filter, raw, text

__all__ = ["OPTIONS", "Question", "check_text", "pointed", "querying"]

R = TypeVar("R")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

# How the SDK's messages begin what they say of a part of a question, and the option that it comes from.
_OPTION = {
    "fields": "--fields", "order_by": "--order", "facets": "--by", "include": "--include", "intersect": "--intersect",
    "per_page": "--per-page", "active": "--active", "available": "--available", "text": "--text",
}  # fmt: skip
_PYTHON = re.compile(rf"(?<![\w-])({'|'.join(_OPTION)})(?:\('?([^')]*)'?\))?(?=: )")

OPTIONS: Mapping[str, Callable[..., Any]] = {
    "where": click.option(
        "-w",
        "--where",
        multiple=True,
        metavar="CONDITION",
        help="Only those that fit, such as 'type=movie', 'releaseYear>=2015', 'tags in a,b', 'title starts \"Die \"', "
        "'releaseYear 2010..2015', 'endAt missing'. Given several times, all must hold.",
    ),
    "text": click.option("--text", metavar="WORDS", help="Only those in whose texts these words are found."),
    "raw": click.option(
        "--raw", multiple=True, metavar="NAME=VALUE", help="A query parameter, sent as it is: the way out."
    ),
    "include": click.option(
        "--include",
        multiple=True,
        metavar="REL[:FIELDS]",
        help="Bring the resources of a relationship along, such as assets or assets:url,contentRef.",
    ),
    "intersect": click.option(
        "--intersect",
        multiple=True,
        metavar="REL[:CONDITION]",
        help="Only those with a linked resource that fits, such as 'offers:type=linear'; these come along.",
    ),
    "fields": click.option(
        "--fields", multiple=True, metavar="A,B", help="Only these fields; dotted paths reach into objects."
    ),
    "order": click.option("--order", multiple=True, metavar="A,-B", help="Sort by these fields; - sorts descending."),
    "lang": click.option("--lang", metavar="LANGUAGE", help="Localised fields in this language, such as es or fr-CH."),
    "active": click.option("--active", is_flag=True, help="Only active ones."),
    "available": click.option("--available", is_flag=True, help="Only those that are available now."),
    "per-page": click.option("--per-page", type=click.IntRange(min=1), metavar="N", help="Resources in a request."),
    "check": click.option(
        "--check/--no-check",
        default=True,
        help="Hold the query against what the service says about itself, before it is sent.  [default: check]",
    ),
}
"""The options of a question, by name, in the order of the help."""


@dataclass(frozen=True)
class Question:
    """What the options of a command ask.

    Attributes:
        criteria: It, as the SDK takes it.
        fields: The fields asked for, in their order; empty for all.
        check: Whether it is held against the descriptor first: for `Client(check=...)`.
        written: Its conditions as they were written, by what the SDK calls them.
    """

    criteria: Criteria
    fields: tuple[str, ...] = ()
    check: bool = True
    written: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Question:
        """The question of the values of `OPTIONS`; any of them may be absent.

        Raises:
            Refusal: One of them asks nothing; the sentence says which, and where.
        """
        for name, value in options.items():
            check_text(f"--{name.replace('_', '-')}", value)
        criteria = Criteria()
        written = _narrow(criteria, options)
        _link(criteria, options, written)
        fields = tuple(name for one in options.get("fields", ()) for name in _listed("--fields", one, one))
        order = [name for one in options.get("order", ()) for name in _listed("--order", one, one)]
        if fields:
            criteria.fields(*dict.fromkeys(fields))
        if order:
            criteria.order_by(*order)
        if (lang := options.get("lang")) is not None:
            _tried("--lang", functools.partial(criteria.lang, lang))
        for flag in ("active", "available"):
            if options.get(flag):
                getattr(criteria, flag)()
        if (per_page := options.get("per_page")) is not None:
            criteria.per_page(per_page)
        return cls(criteria, tuple(dict.fromkeys(fields)), options.get("check", True), written)

    def in_words_of_options(self, message: str) -> str:
        """What the SDK says about the question, with what the user wrote in place of Python."""
        for python, option in self.written.items():
            message = message.replace(python, option)
        return _PYTHON.sub(lambda found: _OPTION[found[1]] + (f" {found[2]}" if found[2] else ""), message)

    @property
    def narrows(self) -> bool:
        """Whether it asks for some resources only, by a condition or a text."""
        return bool(self.criteria.criterion_entries)


def querying(*names: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Give a command the options of a question; it gets a `question: Question` in their place.

    Args:
        *names: Names of the options in `OPTIONS`; none for all of them.
    """
    chosen = names or tuple(OPTIONS)

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(command)
        def asked(*args: Any, **options: Any) -> R:
            mine = {key: options.pop(key) for key in (name.replace("-", "_") for name in chosen)}
            question = Question.of(mine)
            try:
                return command(*args, question=question, **options)
            except CriteriaError as error:
                raise Refusal(question.in_words_of_options(str(error))) from error

        with_options: Callable[..., R] = asked
        for name in reversed(chosen):
            with_options = OPTIONS[name](with_options)
        return with_options

    return decorate


def pointed(option: str, message: str, value: str, place: int) -> Refusal:
    """A refusal that shows the value of an option, with a caret under the place where it is wrong."""
    from rich.cells import cell_len  # noqa: PLC0415 - only a mistake needs it

    shown = _CONTROL.sub(" ", value)
    return Refusal(f"{option}: {message}\n  {shown}\n  {' ' * cell_len(shown[:place])}^")


def _narrow(criteria: Criteria, options: Mapping[str, Any]) -> dict[str, str]:
    """Add the filters; of each condition, what the SDK calls it, and how it was written."""
    written: dict[str, str] = {}
    for one in options.get("where", ()):
        for found in _conditions("--where", one, one, 0):
            criteria.add_criterion(found)
            written[repr(found)] = f"--where {one!r}"
    if (words := options.get("text")) is not None:
        criteria.add_criterion(_tried("--text", functools.partial(text, words)))
    for one in options.get("raw", ()):
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise Refusal(f"--raw takes a parameter and its value, as in --raw withType=movie, not {one!r}")
        criteria.add_criterion(raw(name, value))
    return written


def _link(criteria: Criteria, options: Mapping[str, Any], written: dict[str, str]) -> None:
    """Add what linked resources are asked for."""
    for one in options.get("include", ()):
        relationships, colon, fields = one.partition(":")
        names = _listed("--include", fields, one) if colon else ()
        for relationship in (relationships,) if colon else relationships.split(","):
            _tried("--include", functools.partial(criteria.include, relationship.strip(), fields=names))
    for relationship, inner in _intersections(options.get("intersect", ()), written).items():
        _tried("--intersect", functools.partial(criteria.intersect, relationship, inner))


def _intersections(given: Iterable[str], written: dict[str, str]) -> dict[str, Criteria]:
    """What linked resources must be like, by relationship; how it was written is added to `written`."""
    found: dict[str, Criteria] = {}
    for one in given:
        relationship, colon, condition = one.partition(":")
        inner = found.setdefault(relationship.strip(), Criteria())
        for entry in _conditions("--intersect", condition, one, len(relationship) + 1) if colon else ():
            inner.add_criterion(entry)
            written[f"intersect({relationship.strip()!r}): {entry!r}"] = f"--intersect {one!r}"
    return found


def _conditions(option: str, condition: str, whole: str, begins: int) -> list[Filter]:
    try:
        return conditions(condition)
    except Misread as error:
        raise pointed(option, str(error), whole, begins + error.place) from error


def _listed(option: str, names: str, whole: str) -> tuple[str, ...]:
    """Names parted by commas.

    Raises:
        Refusal: There is an empty one.
    """
    found = tuple(name.strip() for name in names.split(","))
    if not all(found):
        before = found.index("")
        at = len(whole) - len(names) + sum(len(name) + 1 for name in names.split(",")[:before])
        raise pointed(option, "the name of a field is missing", whole, at)
    return found


def _tried(option: str, make: Callable[[], R]) -> R:
    try:
        return make()
    except CriteriaError as error:
        raise Refusal(f"{option}: {error}") from error


def check_text(option: str, value: Any) -> None:
    """See whether a text, or each of several, can be sent: a terminal may hand over bytes that are no UTF-8.

    Raises:
        Refusal: It is not.
    """
    for one in value if isinstance(value, tuple) else (value,):
        if isinstance(one, str):
            try:
                one.encode()
            except UnicodeEncodeError as error:
                raise Refusal(f"{option}: {one!a} is not UTF-8 text") from error
