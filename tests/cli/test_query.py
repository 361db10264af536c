"""The options that ask a question: what is sent for them, what `--explain` shows, and what is refused."""

from __future__ import annotations

import contextlib
import io
import itertools
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sequoia
from sequoia.cli.conditions import conditions
from sequoia.cli.explaining import criteria_code, endpoint_code
from sequoia.cli.failing import Refusal
from sequoia.cli.query import Question
from sequoia.criteria import Criteria
from sequoia.sandbox import Sandbox

NAMES = {name: getattr(sequoia, name) for name in ("field", "raw", "text", "where")}

EVERYTHING = {
    "where": ("type=movie", "releaseYear>=2010", "tags not in a,b", 'title starts "The "', "duration exists"),
    "text": 'star \\ "wars"',
    "raw": ("withOwner=acme", "q=", "assets.sort=-createdAt"),
    "include": ("assets:ref,url", "parent"),
    "intersect": ("offers:type=rental", "offers:endAt missing", "credits"),
    "fields": ("ref, title", "releaseYear"),
    "order": ("-updatedAt,ref",),
    "lang": "fr-CH",
    "active": True,
    "available": True,
    "per_page": 7,
}


def test_every_option_becomes_what_the_sdk_sends() -> None:
    question = Question.of(EVERYTHING)
    assert question.fields == ("ref", "title", "releaseYear")
    assert question.criteria.get_criteria_params() == {
        "withType": "movie",
        "withReleaseYear": "2010/",
        "withTags": ["!a", "!b"],
        "withTitle": "The *",
        "withDuration": "*",
        "q": ['star \\ "wars"', ""],
        "withOwner": "acme",
        "assets.sort": "-createdAt",
        "include": "assets,credits<intersect>,offers<intersect>,parent",
        "assets.fields": "ref,url",
        "offers.withType": "rental",
        "offers.withEndAt": "!*",
        "fields": "ref,title,releaseYear",
        "sort": "-updatedAt,ref",
        "lang": "fr-CH",
        "active": "true",
        "available": "true",
        "perPage": "7",
    }


def test_the_python_of_every_option_asks_the_same() -> None:
    criteria = Question.of(EVERYTHING).criteria
    code = criteria_code(criteria)
    assert eval(code, {}, NAMES) == criteria  # noqa: S307 - what is tested
    assert max(map(len, code.splitlines())) <= 120


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a='{}'", "a!='{}'", "a.b in '{}',x", "a all '{}','y'", "a starts '{}'", "a 0..'{}'"]),
            st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="/*|&!'\\")),
        ),
        max_size=4,
    ),
    st.lists(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"]))),
)
def test_the_python_of_any_value_asks_the_same(filters: list[tuple[str, str]], words: list[str]) -> None:
    criteria = Criteria()
    for pattern, value in filters:
        for one in conditions(pattern.format(value)):
            criteria.add_criterion(one)
    for word in words:
        criteria.add_criterion(sequoia.raw("x", word))
    assert eval(criteria_code(criteria), {}, NAMES) == criteria  # noqa: S307 - what is tested


@pytest.mark.parametrize(
    ("service", "resource", "code"),
    [
        ("metadata", "contents", "client.metadata.contents"),
        ("metadata", "offer-templates", "client.metadata.offer_templates"),
        ("metadata", "offerTemplates", "client.metadata.offer_templates"),
        ("with-dash", "route", 'client["with-dash"]["route"]'),
        ("services", "class", 'client["services"]["class"]'),
    ],
)
def test_an_endpoint_is_written_as_python_can_read_it(service: str, resource: str, code: str) -> None:
    assert endpoint_code(service, resource) == code


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"where": ("type=movie", "title=Die Hard")}, "  title=Die Hard\n            ^"),
        ({"where": ("title=電影 院",)}, f"  title=電影 院\n  {' ' * 11}^"),
        ({"intersect": ("offers:type~x",)}, "  offers:type~x\n             ^"),
        ({"fields": ("ref,,title",)}, "  ref,,title\n      ^"),
        ({"order": ("",)}, "the name of a field is missing"),
        ({"include": ("assets:",)}, "  assets:\n         ^"),
        ({"include": (":ref",)}, "an inclusion needs the name of a relationship"),
        ({"raw": ("withType",)}, "--raw withType=movie"),
        ({"text": " "}, "--text: text needs words"),
        ({"where": ("title=\udcff",)}, "is not UTF-8"),
    ],
)
def test_what_asks_nothing_is_refused_with_its_place(options: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal) as caught:
        Question.of(options)
    assert said in caught.value.message
    assert caught.value.message.startswith("--")


def asked_of(sandbox: Sandbox) -> list[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """The requests for resources that were answered, and not by 401 because the token had expired."""
    found = [one for one in sandbox.requests if one.path.startswith("/data/") and one.status != 401]
    return [(one.method, one.path, one.query) for one in found]


def test_explain_sends_nothing_and_its_python_sends_what_the_command_sends(
    sandbox: Sandbox, environ: dict[str, str], run: Any
) -> None:
    question = ["--where", "type=movie", "--where", "releaseYear>=1950", "--fields", "ref,title", "--order", "-ref"]
    arguments = ["browse", "metadata", "contents", *question, "--limit", "3", "--format", "ndjson"]

    explained = run(*arguments, "--explain")
    assert explained.exit_code == 0
    assert list(sandbox.requests) == []

    command = run(*arguments)
    sent = asked_of(sandbox)
    sandbox.requests.clear()
    printed = io.StringIO()
    with sandbox.client() as client, contextlib.redirect_stdout(printed):
        exec(explained.stdout, {"client": client})  # noqa: S102 - what is tested
    assert asked_of(sandbox) == sent
    assert len(printed.getvalue().splitlines()) == len(command.stdout.splitlines()) == 3

    method, url = explained.stdout.splitlines()[0].removeprefix("# ").split(" ", 1)
    path, _, query = url.removeprefix("{metadata}").partition("?")
    assert (method, path) == sent[0][:2]
    assert sorted(parse_qsl(query)) == sorted(sent[0][2])


@pytest.mark.parametrize(
    "arguments",
    [
        ["read", "metadata", "contents", "the-long-archive"],
        ["read", "metadata", "contents", "the-long-archive", "acme:gone", "--fields", "ref", "--include", "assets"],
        ["count", "metadata", "contents", "--where", "type=movie"],
        ["count", "metadata", "contents", "--by", "type"],
        ["browse", "metadata", "offer-templates"],
        ["browse", "metadata", "contents", "--include", "assets,offers", "--limit", "2"],
    ],
)
def test_what_other_commands_explain_runs_and_asks_the_same(
    sandbox: Sandbox, environ: dict[str, str], run: Any, arguments: list[str]
) -> None:
    explained = run(*arguments, "--explain")
    assert (explained.exit_code, list(sandbox.requests)) == (0, [])
    run(*arguments, "--format", "ndjson")
    asked = asked_of(sandbox)
    sandbox.requests.clear()
    resolving = "model_resolution=True" in explained.stdout
    with (
        sandbox.client(model_resolution=resolving) as client,
        contextlib.redirect_stdout(io.StringIO()) as printed,
    ):
        exec(explained.stdout, {"client": client})  # noqa: S102 - what is tested
    assert asked_of(sandbox) == asked
    assert ("'assets': [" in printed.getvalue()) is resolving
    assert len(list(itertools.takewhile(lambda line: line.startswith("# GET"), explained.stdout.splitlines()))) >= 1


def test_an_explanation_needs_nothing_but_the_owner(run: Any) -> None:
    done = run("browse", "metadata", "contents", "--owner", 'ac"me', "--explain")
    assert (done.exit_code, done.stderr) == (0, "")
    assert 'browse("ac\\"me", criteria' in done.stdout
    assert run("browse", "metadata", "contents", "--explain").exit_code == 2
