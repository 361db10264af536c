"""The operators inside the value of a filter: `!`, `||`, `&&`, `*`, and ranges with a slash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sequoia.sandbox.conditions import Condition, Demand, Formula, Span
from sequoia.sandbox.fields import Field
from sequoia.sandbox.values import HIGH, LOW, NUMBERS, InvalidValueError, Key, query_key

__all__ = ["Reader"]

_MOST_ALTERNATIVES = 1_000
# Each of these is an expression of its own, and SQLite has a limit for how deep expressions nest.
_MOST_OPERATORS = 100
_ORDERED = NUMBERS | {"timestamp", "date", "duration", "scores"}
_NO_TEXTS = _ORDERED | {"boolean"}
_LAST = chr(0x10FFFF)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the values of one filter.

    Attributes:
        field: The field that is compared.
        prefix: Whether values may begin or end with a star.
        range: Whether values may be ranges.
        now: The time that `NOW` stands for, as wire text.
    """

    field: Field
    prefix: bool
    range: bool
    now: str

    def read(self, text: str) -> Iterator[Demand]:
        """The demands of one value, all of which must hold: first `!`, then `||`, then `&&`, then each part.

        Raises:
            InvalidValueError: The value cannot be read, or an operator is not possible on this filter.
        """
        negated = text.startswith("!")
        groups = [group.split("&&") for group in text.removeprefix("!").split("||")]
        if sum(map(len, groups)) > _MOST_ALTERNATIVES:
            raise InvalidValueError(f"it must have at most {_MOST_ALTERNATIVES} values")
        parts = [tuple(dict.fromkeys(self._part(part) for part in group)) for group in groups]
        every = [item for group in parts for item in group]
        mixed = len(parts) > 1 and any(len(group) > 1 for group in parts)
        operators = sum(not item.exact for item in every)
        if operators > _MOST_OPERATORS or (len(every) > _MOST_OPERATORS and (mixed or (negated and len(parts) == 1))):
            raise InvalidValueError(f"it must have at most {_MOST_OPERATORS} values with operators")
        if not mixed and len(parts) > 1:
            parts = [(_any_of(every),)]
        if negated:
            yield Formula(tuple(parts), negated=True)
            yield from self._comparable(every, text)
        elif len(parts) == 1:
            yield from parts[0]
        else:
            # Every match meets the first condition of some group: with that, the index can narrow the search.
            yield _any_of([group[0] for group in parts])
            yield Formula(tuple(parts))

    def _comparable(self, parts: Iterable[Condition], text: str) -> Iterator[Condition]:
        """What a negated range demands all the same: an absent value is in no range, and so not outside of one."""
        if self._ranks_absent or not self.range or "/" not in text:
            return
        for span in dict.fromkeys(span for item in parts for span in item.spans):
            if self.field.type == "scores" and isinstance(span.low, str):
                yield Condition(self.field.path, spans=(_keyed(span.low.partition(":")[0]),))
            elif span != self._present:
                yield Condition(self.field.path, spans=(self._present,))

    @property
    def _ranks_absent(self) -> bool:
        return self.field.ranks_absent and not self.field.is_map

    @property
    def _present(self) -> Span:
        """All values, without the marks of absent ones."""
        return Span("" if self.field.path == "ref" else LOW, HIGH, above=True, below=True)

    def _part(self, text: str) -> Condition:
        """One value between `||` and `&&`."""
        path = self.field.path
        if not text:
            raise InvalidValueError("it is not allowed to be empty")
        if text.startswith("!"):
            raise InvalidValueError("the operator ! belongs before the whole value")
        if text == "*":
            return Condition(path, spans=(self._present,))
        if text.startswith("*") or text.endswith("*"):
            return self._star(text)
        if self.range and "/" in text:
            return Condition(path, spans=(self._range(text),))
        return Condition(path, (self._key(text),))

    def _star(self, text: str) -> Condition:
        """A prefix or an ending."""
        if text.startswith("*") and text.endswith("*"):
            raise InvalidValueError("the operator * at both ends is not supported; free text is found with q")
        if not self.prefix or self.field.type in _NO_TEXTS:
            raise InvalidValueError("the operator * is not supported by this filter")
        if text.startswith("*"):
            return Condition(self.field.path, endings=(text[1:],))
        return Condition(self.field.path, spans=(Span(text[:-1], _behind(text[:-1]), below=True),))

    def _range(self, text: str) -> Span:
        """One of `a/b`, `a/`, `/b`; on scores, behind the path of the score."""
        if self.field.type not in _ORDERED:
            raise InvalidValueError(f"the operator / is not supported on the type {self.field.type}")
        whole, scheme = self._present, ""
        if self.field.type == "scores":
            scheme, colon, text = text.partition(":")
            if not colon or "/" in scheme:
                raise InvalidValueError("it must be a path, a colon and a range")
            whole, scheme = _keyed(scheme), f"{scheme}:"
        elif self._ranks_absent:
            whole = Span(LOW, HIGH)
        low, _, high = text.partition("/")
        if "/" in high or not (low or high):
            raise InvalidValueError("it must be a range with one slash and at least one end")
        return Span(
            self._key(scheme + low) if low else whole.low,
            self._key(scheme + high) if high else whole.high,
            above=whole.above and not low,
            below=whole.below and not high,
        )

    def _key(self, text: str) -> Key:
        """The entry in the index that a plain value stands for."""
        if text == "NOW" and self.field.type in {"timestamp", "date"}:
            text = self.now
        return query_key(self.field, text)


def _any_of(conditions: Iterable[Condition]) -> Condition:
    """One condition for several of the same axis, of which one must hold."""
    items = list(conditions)
    return Condition(
        items[0].axis,
        tuple(dict.fromkeys(value for item in items for value in item.values)),
        tuple(dict.fromkeys(span for item in items for span in item.spans)),
        tuple(dict.fromkeys(ending for item in items for ending in item.endings)),
    )


def _keyed(key: str) -> Span:
    """Everything under one key of a map; a semicolon follows a colon."""
    return Span(f"{key}:", f"{key};", above=True, below=True)


def _behind(text: str) -> Key:
    """The first text after all those that begin with `text`; texts are in the order of their code points."""
    text = text.rstrip(_LAST)
    if not text:
        return HIGH
    # No text holds a surrogate.
    following = 0xE000 if text[-1] == "\ud7ff" else ord(text[-1]) + 1
    return text[:-1] + chr(following)
