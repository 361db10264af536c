from __future__ import annotations

import re

from tests.contract.shapes import Mapped, misfits


def test_a_shape_tells_what_does_not_fit() -> None:
    shape = {"a": int, "b?": [re.compile("x+")], "c": {"d": 1}}
    assert list(misfits({"a": 1, "b": ["xx"], "c": {"d": 1}}, shape)) == []
    assert sorted(misfits({"a": True, "b": ["xy"], "c": {"d": 2}, "e": 0}, shape)) == [
        "answer has e as well",
        "answer.a is True, not int",
        "answer.b[0] is 'xy', not x+",
        "answer.c.d is 2, not 1",
    ]
    assert list(misfits({"b": {}}, shape)) == ["answer has no a", "answer has no c", "answer.b is no list"]
    assert list(misfits({"x": "1"}, Mapped(int))) == ["answer.x is '1', not int"]
