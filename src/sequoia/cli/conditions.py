"""Conditions as people write them, `releaseYear>=2015` or `tags in a,b`, read into filters.

::

    type=movie            type!=movie            title="Die Hard"          the value; in quotes with blanks or commas
    releaseYear>=2015     > <= <                                           ends of a range
    releaseYear 2010..2015      2010..   ..2015  not 2010..2015            a range, both ends included
    tags in a,b           tags not in a,b        tags all a,b              one of several, none of them, all of them
    title starts "Die "   title ends Hard                                  beginnings and ends
    endAt exists          endAt missing                                    whether it is there

Inside quotes, single or double, a backslash takes the next character as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from sequoia.error import CriteriaError
from sequoia.expressions import Field, Filter
from sequoia.names import suggestion

__all__ = ["Misread", "conditions"]

_FIELD = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*")
_SYMBOL = re.compile(r"[=!<>~]+")
_WORD = re.compile(r"[A-Za-z]+(?=\s|$|\()")
_BLANKS = re.compile(r"\s*")
_BARE = re.compile(r"\S+")
_ITEM = re.compile(r"[^\s,]+")
_QUOTED = re.compile(r"""(["'])((?:\\.|(?!\1)[^\\])*)\1""", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_END = r"""\"(?:\\.|[^"\\])*\"|'(?:\\.|[^'\\])*'"""
_RANGE = re.compile(rf"(?P<low>{_END}|(?:(?!\.\.)[^\s,])*)\.\.(?P<high>{_END}|[^\s,]*)", re.DOTALL)

Build = Callable[[Field, str], Filter]
_SYMBOLS: Mapping[str, Build] = MappingProxyType(
    {
        "=": Field.equal_to,
        "==": Field.equal_to,
        "!=": Field.not_equal_to,
        ">=": Field.greater_than_or_equal_to,
        ">": Field.greater_than,
        "<=": Field.less_than_or_equal_to,
        "<": Field.less_than,
    }
)
_MEANT = {"=>": ">=", "=<": "<=", "=!": "!=", "<>": "!=", "===": "=", "!==": "!=", "~": "starts", "=~": "starts"}
_WORDS = ("in", "not in", "not", "all", "starts", "ends", "exists", "missing")


class Misread(ValueError):  # noqa: N818 - what happened, not an error class of the SDK
    """A condition that cannot be read.

    Attributes:
        place: Where in the text, counted in characters from 0.
    """

    def __init__(self, message: str, place: int) -> None:
        super().__init__(message)
        self.place = place


def conditions(text: str) -> list[Filter]:
    """The filters that a condition means, all of which must hold; they are several only for `not in`.

    Raises:
        Misread: It is no condition, or none that the platform can be asked.
    """
    return _Reader(text).read()


class _Reader:
    """Reads one condition from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> list[Filter]:
        self._skip()
        name = self._take(_FIELD)
        if name is None:
            raise self._misread("a condition begins with the name of a field, as in type=movie")
        field = Field(name)
        self._skip()
        began = self._at
        symbol = self._take(_SYMBOL)
        if symbol is not None:
            return [self._compared(field, symbol, began)]
        if self._over:
            raise self._misread(f"what of {name}? Write {name}=..., {name} exists or another condition")
        if _starts_range(self._text, self._at):
            return [self._range(field, negated=False)]
        return self._worded(field, began)

    def _compared(self, field: Field, symbol: str, began: int) -> Filter:
        build = _SYMBOLS.get(symbol)
        if build is None:
            meant = _MEANT.get(symbol)
            hint = f"did you mean {meant!r}?" if meant else f"there are {' '.join(_SYMBOLS)} and {', '.join(_WORDS)}"
            raise Misread(f"there is no operator {symbol!r}: {hint}", began)
        return self._built(build, field, self._value(field.name, symbol))

    def _worded(self, field: Field, began: int) -> list[Filter]:
        word = (self._take(_WORD) or "").lower()
        if word in {"starts", "ends"}:
            self._optional("with")
            build = Field.starts_with if word == "starts" else Field.ends_with
            return [self._built(build, field, self._value(field.name, word))]
        if word in {"exists", "missing"}:
            self._end(f"nothing follows {word}")
            return [field.exists() if word == "exists" else field.not_exists()]
        if word == "not":
            return self._negated(field)
        if word in {"in", "all"}:
            self._skip()
            if word == "in" and _starts_range(self._text, self._at):
                return [self._range(field, negated=False)]
            began = self._at
            values = self._list(word)
            try:
                return [field.any_of(*values) if word == "in" else field.all_of(*values)]
            except CriteriaError as error:
                raise Misread(str(error), began) from error
        raise Misread(self._no_operator(field.name, began), began)

    def _no_operator(self, name: str, began: int) -> str:
        found = _BARE.match(self._text, began)
        told = found[0] if found else ""
        hint = suggestion(told.lower(), [*_WORDS, *_SYMBOLS])
        return f"an operator must follow {name}, and {told!r} is none: {hint}"

    def _negated(self, field: Field) -> list[Filter]:
        self._skip()
        began = self._at
        listed = self._optional("in")
        self._skip()
        if _starts_range(self._text, self._at):
            return [self._range(field, negated=True)]
        if not listed:
            raise Misread(f"'not' is followed by 'in' or by a range; a single value is {field.name}!=...", began)
        # The platform has no operator for it; to be none of them is to be not the one and not the other.
        return [field.not_equal_to(value) for value in self._list("not in")]

    def _range(self, field: Field, *, negated: bool) -> Filter:
        began = self._at
        found = _RANGE.match(self._text, began)
        assert found is not None  # noqa: S101 - whoever calls has looked
        self._at = found.end()
        self._end("a range is one word, as in 2010..2015; put quotes around an end with blanks")
        low, high = (self._unquoted(found[end]) for end in ("low", "high"))
        for value, end in ((low, "low"), (high, "high")):
            self._sayable(value, found.start(end), may_be_empty=True)
        if low and high:
            build = field.not_between if negated else field.between
            return self._tried(lambda: build(low, high), began)
        if not low and not high:
            raise Misread("a range needs an end, as in 2010..2015, 2010.. or ..2015", began)
        if low:
            return self._tried(lambda: field < low if negated else field >= low, began)
        return self._tried(lambda: field > high if negated else field <= high, began)

    def _value(self, name: str, operator: str) -> str:
        """The one value behind an operator, up to the end of the text."""
        self._skip()
        began = self._at
        if self._over:
            raise self._misread(f"a value must follow {operator!r}; whether there is one at all is asked by exists")
        quoted = self._quoted()
        value = quoted if quoted is not None else self._take(_BARE) or ""
        self._end(f'put quotes around a value with blanks, as in {name}="a b"; a second condition is a second option')
        if quoted is None:
            comma = value.find(",")
            if comma >= 0:
                raise Misread(
                    "several values are asked for by in or all; a comma in a value needs quotes", began + comma
                )
            if operator in _SYMBOLS and _is_range(value):
                raise Misread(f"a range stands alone, as in {name} {value}; if it is none put quotes around it", began)
        self._sayable(value, began)
        return value

    def _list(self, operator: str) -> list[str]:
        """The values behind an operator, parted by commas, perhaps in brackets."""
        self._skip()
        closing = {"(": ")", "[": "]"}.get(self._text[self._at : self._at + 1])
        if closing is not None:
            if not self._text.rstrip().endswith(closing):
                raise self._misread(f"this is not closed by {closing!r}")
            self._text = self._text.rstrip()[:-1]
            self._at += 1
        values = []
        while True:
            self._skip()
            began = self._at
            quoted = self._quoted()
            value = quoted if quoted is not None else self._take(_ITEM)
            if value is None:
                raise self._misread(f"a value is missing: write {operator} a,b")
            self._sayable(value, began)
            values.append(value)
            self._skip()
            if self._over:
                return values
            if self._text[self._at] != ",":
                raise self._misread('values are parted by commas; put quotes around one with blanks, as in "a b"')
            self._at += 1

    def _sayable(self, value: str, place: int, *, may_be_empty: bool = False) -> None:
        """Refuse a value that the platform would take for something else: it knows no escape."""
        problem = None
        if not value and not may_be_empty:
            problem = "an empty value asks nothing; whether there is one is asked by exists and missing"
        elif value.startswith("!"):
            problem = "the platform takes a value that begins with '!' for 'not', so it cannot be asked for"
        elif value.startswith("*") or value.endswith("*"):
            problem = "the platform knows no '*' as a character: ask by starts, ends or exists"
        elif "||" in value or "&&" in value:
            problem = "the platform takes '||' and '&&' for lists: ask by in or all"
        if problem is not None:
            raise Misread(problem, place)

    def _quoted(self) -> str | None:
        """The text in the quotes that begin here, None where there are none."""
        if self._text[self._at : self._at + 1] not in {'"', "'"}:
            return None
        found = _QUOTED.match(self._text, self._at)
        if found is None:
            raise self._misread("these quotes are not closed")
        self._at = found.end()
        return _ESCAPED.sub(r"\1", found[2])

    @staticmethod
    def _unquoted(text: str) -> str:
        return _ESCAPED.sub(r"\1", text[1:-1]) if text[:1] in {'"', "'"} else text

    def _built(self, build: Build, field: Field, value: str) -> Filter:
        return self._tried(lambda: build(field, value), self._at - len(value))

    @staticmethod
    def _tried(make: Callable[[], Filter], place: int) -> Filter:
        try:
            return make()
        except CriteriaError as error:
            raise Misread(str(error), max(0, place)) from error

    def _optional(self, word: str) -> bool:
        """Take a word if it is the next one."""
        self._skip()
        found = _WORD.match(self._text, self._at)
        if found is None or found[0].lower() != word:
            return False
        self._at = found.end()
        return True

    def _end(self, sentence: str) -> None:
        self._skip()
        if not self._over:
            raise self._misread(sentence)

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found[0]

    def _skip(self) -> None:
        self._take(_BLANKS)

    @property
    def _over(self) -> bool:
        return self._at >= len(self._text)

    def _misread(self, sentence: str) -> Misread:
        return Misread(sentence, self._at)


def _is_range(value: str) -> bool:
    """Whether a value without quotes is written as a range, `2010..2015`; three dots are none."""
    low, dots, high = value.partition("..")
    return bool(dots and low and high) and not high.startswith(".")


def _starts_range(text: str, at: int) -> bool:
    found = _RANGE.match(text, at)
    return found is not None and not found["high"].startswith(".")
