"""The SDK's main job, step by step, against a sandbox on this machine: `python -m sequoia.demo`.

Each step is a function: what is printed is its source, what follows is what it returned, and a step whose result is
not what it promises ends the demo with exit status 1.
"""

from __future__ import annotations

import ast
import inspect
import os
import shutil
import sys
import textwrap
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sequoia import Client, error, field, where

try:
    from sequoia.sandbox import Fault, Sandbox
except ImportError:
    sys.exit("The demo needs the sandbox: pip install 'sequoia-client-sdk[sandbox]'")

__all__ = ["main"]

WIDTH = 100
IMAGES = 620


@dataclass(frozen=True)
class Step:
    """A step: its title, the function that it is, and what its result must be like."""

    title: str
    run: Callable[..., Any]
    promise: Callable[[Any], bool]


STEPS: list[Step] = []


def step(title: str, promise: Callable[[Any], bool]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function a step of the demo; `promise` says whether its result is the one that the title promises."""

    def remember(function: Callable[..., Any]) -> Callable[..., Any]:
        STEPS.append(Step(title, function, promise))
        return function

    return remember


@step("Connect with a client grant", lambda client: isinstance(client, Client))
def _connect(sandbox: Sandbox) -> Any:
    return Client(
        sandbox.registry_url,
        grant_client_id=sandbox.client_id,
        grant_client_secret=sandbox.client_secret,
        proxies={},  # whatever the environment says: the sandbox is on this machine
    )


@step("List the services that the registry knows", lambda names: {"identity", "metadata", "workflow"} <= set(names))
def _services(client: Client) -> Any:
    return sorted(client.services)


@step("Store categories, contents, and a content's 620 images", lambda stored: stored == [2, 3] + [100] * 6 + [20])
def _store(client: Client) -> Any:
    metadata = client.metadata
    genre = {"owner": "acme", "scheme": "genre"}
    categories = [{**genre, "name": value, "value": value} for value in ("space", "opera")]
    stored = [metadata.categories.store("acme", categories)]

    film = {"owner": "acme", "type": "movie"}
    contents = [
        {**film, "name": "orbit", "title": "Orbit", "categoryRefs": ["acme:space"]},
        {**film, "name": "aria", "title": "Aria", "categoryRefs": ["acme:opera"]},
        {**film, "name": "moons", "title": "Moons", "type": "show"},
    ]
    stored.append(metadata.contents.store("acme", contents))

    image = {"owner": "acme", "type": "image", "contentRef": "acme:orbit"}
    images = [{**image, "name": f"orbit-{number:03}"} for number in range(620)]
    batches = [images[start : start + 100] for start in range(0, 620, 100)]
    stored += [metadata.assets.store("acme", batch) for batch in batches]
    return [len(response.resources) for response in stored]


@step("Read one of them", lambda content: content["title"] == "Orbit")
def _read(client: Client) -> Any:
    return client.metadata.contents.read("acme", "acme:orbit").resource


@step(
    "Browse with a criterion, an inclusion and chosen fields",
    lambda page: (
        [one["ref"] for one in page["contents"]] == ["acme:aria", "acme:orbit"]
        and {one["ref"] for one in page["linked"]["categories"]} == {"acme:opera", "acme:space"}
    ),
)
def _browse(client: Client) -> Any:
    movies = where(field("type") == "movie").include("categories", fields=["ref", "title"])
    movies.fields("ref", "title", "categoryRefs")
    page = client.metadata.contents.browse("acme", movies)
    return {"contents": page.resources, "linked": page.data["linked"]}


@step("Page through everything with `next`", lambda sizes: sizes == [100] * 6 + [20])
def _next_pages(client: Client) -> Any:
    return [len(page.resources) for page in client.metadata.assets.browse("acme")]


@step("Page through everything with `continue`", lambda result: result == (IMAGES, 7))
def _continue_pages(client: Client) -> Any:
    pages = list(client.metadata.assets.browse("acme", query_string="continue=true"))
    return len({asset["ref"] for page in pages for asset in page.resources}), len(pages)


@step("Page through the images that are linked to a content, more than any page holds", lambda n: n == IMAGES)
def _linked_pages(client: Client) -> Any:
    orbit = where(field("ref") == "acme:orbit").include("assets")
    refs = set()
    for assets in client.metadata.contents.browse("acme", orbit).linked("assets"):
        refs |= {asset["ref"] for asset in assets}
    return len(refs)


@step("Keep trying while the service answers 503", lambda result: result == ("Aria", 4))
def _retry(client: Client, sandbox: Sandbox) -> Any:
    sandbox.requests.clear()
    sandbox.faults.add(Fault(status=503, times=3))
    content = client.metadata.contents.read("acme", "acme:aria").resource
    return content["title"], len(sandbox.requests)


@step("Keep trying until the answer is no longer empty", lambda result: result == (["acme:moons"], 3))
def _retry_empty(client: Client, sandbox: Sandbox) -> Any:
    sandbox.requests.clear()
    sandbox.faults.add(Fault(empty=True, times=2))
    shows = where(field("type") == "show")
    page = client.metadata.contents.browse("acme", shows, retry_when_empty_result=True)
    return [show["ref"] for show in page.resources], len(sandbox.requests)


@step("Update it with the version that it was read with", lambda content: content["title"] == "Orbit, restored")
def _update(client: Client) -> Any:
    content = client.metadata.contents.read("acme", "acme:orbit").resource
    changed = {**content, "title": "Orbit, restored"}
    version = content["version"]
    return client.metadata.contents.update("acme", changed, "acme:orbit", version).resource


@step("Be refused with a version that is no longer the one", lambda told: "its version is another one" in told)
def _stale(client: Client) -> Any:
    content = client.metadata.contents.read("acme", "acme:orbit").resource
    try:
        client.metadata.contents.update("acme", content, "acme:orbit", version="0" * 40)
    except error.NotMatchingVersion as refusal:
        return str(refusal)


@step("Delete it, and find it gone", lambda result: result == (204, "404 Not Found"))
def _delete(client: Client) -> Any:
    deleted = client.metadata.contents.delete("acme", "acme:orbit")
    try:
        client.metadata.contents.read("acme", "acme:orbit")
    except error.NotFound as missing:
        return deleted.status, f"{missing.status_code} {missing.message['error']}"


def main() -> int:
    """Run the demo; the exit status is 0 only if every step did what it says."""
    if sys.stdout is None:
        print("Error: stdout is closed, there is nowhere to write the output", file=sys.stderr)
        return 2
    paint = _Paint(colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    with Sandbox(owner="acme") as sandbox, ExitStack() as stack:
        print(paint.dim(f"A sandbox serves the platform on {sandbox.registry_url}"))
        known: dict[str, Any] = {"sandbox": sandbox}
        for number, one in enumerate(STEPS, start=1):
            print(paint.title(number, one.title))
            print(paint.code(_source(one.run)))
            try:
                result = one.run(**{name: known[name] for name in inspect.signature(one.run).parameters})
            except error.ClientError as failure:
                result = failure
            print(paint.result(result))
            if isinstance(result, error.ClientError) or not one.promise(result):
                print(f"\nStep {number} did not do what it says.", file=sys.stderr)
                return 1
            if isinstance(result, Client):
                known["client"] = stack.enter_context(result)
    print(f"\nAll {len(STEPS)} steps did what they say.")
    return 0


def _source(function: Callable[..., Any]) -> str:
    """The body of a step's function."""
    source = textwrap.dedent(inspect.getsource(function))
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.FunctionDef)  # noqa: S101 - a step is a function
    return textwrap.dedent("\n".join(source.splitlines()[definition.body[0].lineno - 1 :]))


class _Paint:
    """How the demo looks on a terminal, and without colours in a pipe."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def title(self, number: int, text: str) -> str:
        return "\n" + self._in("1", f"{number}. {text}")

    def code(self, text: str) -> str:
        return self._in("36", textwrap.indent(text, "   "))

    def result(self, value: object) -> str:
        text = value if isinstance(value, str) else repr(value)
        width = min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH)
        lines = textwrap.wrap(text, width, initial_indent="=> ", subsequent_indent="   ", break_on_hyphens=False)
        return self._in("32", "\n".join(lines[:8] + ["   ..."] * (len(lines) > 8)))

    def dim(self, text: str) -> str:
        return self._in("2", text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nInterrupted; the sandbox is stopped and has left nothing behind.", file=sys.stderr)
        sys.exit(130)
