"""Eventual consistency: a write is seen at once by its ref, and by everything else when its time has come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sequoia import Client, InstantClock, field, where
from sequoia.error import BadRequest, NotFound, NotMatchingVersion
from sequoia.sandbox import Sandbox

DELAY = 3.0


class Watch:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def film(name: str, **fields: Any) -> dict[str, Any]:
    made = {"ref": f"acme:{name}", "owner": "acme", "name": name, "title": name.title(), "type": "movie"}
    return made | fields


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def sandbox(watch: Watch) -> Iterator[Sandbox]:
    with Sandbox(consistency_delay=DELAY, monotonic=watch) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with sandbox.client(clock=InstantClock(), backoff_strategy={"max_tries": 1}) as client:
        yield client


@pytest.fixture
def titles(client: Client) -> Callable[..., list[str]]:
    def browse(query: str = "") -> list[str]:
        return [one["title"] for one in client.metadata.contents.browse("acme", query_string=query).resources]

    return browse


def test_a_new_document_is_read_at_once_and_browsed_later(
    client: Client, watch: Watch, titles: Callable[..., list[str]]
) -> None:
    contents = client.metadata.contents
    contents.store("acme", film("aria"))
    assert contents.read("acme", "acme:aria").resources[0]["title"] == "Aria"
    assert titles() == []
    watch.now += DELAY - 0.001
    assert titles() == []
    watch.now += 0.001
    assert titles() == ["Aria"]


def test_an_updated_document_shows_its_old_version_in_filters_counts_facets_and_text(
    client: Client, sandbox: Sandbox, watch: Watch, titles: Callable[..., list[str]]
) -> None:
    contents = client.metadata.contents
    sandbox.load("metadata", "contents", [film("aria", tags=["old"])])
    stored = contents.read("acme", "acme:aria").resource
    changed = contents.update(
        "acme", film("aria", title="Bolero", tags=["new"], type="episode"), "acme:aria", stored["version"]
    )
    assert contents.read("acme", "acme:aria").resource["title"] == "Bolero"

    def answers() -> list[object]:
        counted = contents.browse("acme", query_string="count=type&resources=false")
        return [titles("withTags=old"), titles("withTags=new"), titles("q=bolero"), counted.facet_count]

    assert answers() == [["Aria"], [], [], {"type": {"movie": 1}}]
    watch.now += DELAY
    assert answers() == [[], ["Bolero"], ["Bolero"], {"type": {"episode": 1}}]
    assert contents.browse("acme").resources[0]["version"] == changed.resource["version"]


def test_a_deleted_document_is_gone_for_reads_and_still_there_for_browses(
    client: Client, sandbox: Sandbox, watch: Watch, titles: Callable[..., list[str]]
) -> None:
    contents = client.metadata.contents
    sandbox.load("metadata", "contents", [film("aria"), film("bolero")])
    contents.delete("acme", "acme:aria")
    with pytest.raises(NotFound):
        contents.read("acme", "acme:aria")
    assert titles() == ["Aria", "Bolero"]
    assert contents.browse("acme", query_string="count=true").total_count == 2
    watch.now += DELAY
    assert titles() == ["Bolero"]
    assert contents.browse("acme", query_string="count=true").total_count == 1


def test_updates_follow_one_another_without_waiting(
    client: Client, watch: Watch, titles: Callable[..., list[str]]
) -> None:
    contents = client.metadata.contents
    first = contents.store("acme", film("aria")).resource["version"]
    watch.now += 1
    second = contents.update("acme", film("aria", title="Second"), "acme:aria", first).resource["version"]
    with pytest.raises(NotMatchingVersion):
        contents.update("acme", film("aria", title="Third"), "acme:aria", first)
    watch.now += 1
    contents.delete("acme", "acme:aria")
    watch.now += 1
    assert titles() == ["Aria"]  # the first write is three seconds old, the others are not
    contents.store("acme", film("aria", title="Back"))
    assert contents.read("acme", "acme:aria").resource["title"] == "Back"
    watch.now += 1
    assert titles() == ["Second"]
    assert contents.browse("acme").resources[0]["version"] == second
    assert contents.read("acme", "acme:aria").resource["title"] == "Back"
    watch.now += 1
    assert titles() == []
    watch.now += 1
    assert titles() == ["Back"]


def test_a_read_by_ref_with_a_filter_or_an_order_sees_the_present_too(
    client: Client, sandbox: Sandbox, watch: Watch, titles: Callable[..., list[str]]
) -> None:
    contents = client.metadata.contents
    sandbox.load("metadata", "contents", [film("aria", title="Z"), film("bolero", title="M"), film("coda")])
    contents.store("acme", film("aria", title="A"))
    contents.delete("acme", "acme:coda")
    refs = ["acme:bolero", "acme:aria", "acme:coda"]
    found = contents.read("acme", refs, criteria=where().order_by("title")).resources
    assert [one["title"] for one in found] == ["A", "M"]
    found = contents.read("acme", refs, criteria=where(field("title") == "A")).resources
    assert [one["ref"] for one in found] == ["acme:aria"]
    assert titles() == ["Z", "M", "Coda"]  # looking ahead has changed nothing
    watch.now += DELAY
    assert titles() == ["A", "M"]


def test_linked_resources_lag_behind_as_well(client: Client, sandbox: Sandbox, watch: Watch) -> None:
    sandbox.load("metadata", "contents", [film("aria")])
    asset = {"owner": "acme", "name": "poster", "contentRef": "acme:aria", "type": "image", "url": "https://a.test/p"}
    client.metadata.assets.store("acme", asset)

    def linked(answer: Any) -> list[str]:
        return [one["ref"] for one in answer.full_json["linked"]["assets"]]

    included = where().include("assets")
    assert linked(client.metadata.contents.browse("acme", included)) == []
    assert linked(client.metadata.contents.read("acme", "acme:aria", criteria=included)) == []
    watch.now += DELAY
    assert linked(client.metadata.contents.browse("acme", included)) == ["acme:poster"]


def test_what_is_loaded_is_seen_at_once_and_after_what_was_written_before(
    client: Client, sandbox: Sandbox, titles: Callable[..., list[str]]
) -> None:
    client.metadata.contents.store("acme", film("aria", title="Written"))
    sandbox.load("metadata", "contents", [film("aria", title="Loaded")])
    assert titles() == ["Loaded"]
    client.metadata.contents.store("acme", film("aria", title="Later"))
    assert titles() == ["Loaded"]


def test_the_demo_catalogue_is_there_from_the_start(watch: Watch) -> None:
    with Sandbox(demo=30, consistency_delay=DELAY, monotonic=watch) as sandbox, sandbox.client() as client:
        assert len(client.metadata.contents.browse("acme").resources) == 30
        client.metadata.contents.store("acme", film("aria"))
        sandbox.reset()
        watch.now += DELAY
        assert client.metadata.contents.browse("acme", query_string="count=true").total_count == 30


def test_a_reset_drops_what_waits(
    client: Client, sandbox: Sandbox, watch: Watch, titles: Callable[..., list[str]]
) -> None:
    client.metadata.contents.store("acme", film("aria"))
    sandbox.reset()
    with pytest.raises(NotFound):
        client.metadata.contents.read("acme", "acme:aria")
    watch.now += DELAY
    assert titles() == []


def test_a_stop_loses_nothing(tmp_path: Path, watch: Watch) -> None:
    options: dict[str, Any] = {"data": tmp_path / "data.db", "consistency_delay": DELAY, "monotonic": watch}
    with Sandbox(**options) as sandbox, sandbox.client() as client:
        sandbox.load("metadata", "contents", [film("bolero")])
        client.metadata.contents.store("acme", film("aria"))
        client.metadata.contents.delete("acme", "acme:bolero")
    with Sandbox(**options) as sandbox, sandbox.client() as client:
        assert [one["title"] for one in client.metadata.contents.browse("acme").resources] == ["Aria"]


def test_it_needs_no_thread_of_its_own() -> None:
    with Sandbox():
        usual = threading.active_count()
    with Sandbox(consistency_delay=DELAY):
        assert threading.active_count() == usual


def test_a_client_waits_for_a_document_by_asking_again(sandbox: Sandbox, watch: Watch) -> None:
    class Passing(InstantClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            watch.now += 1.0

    policy = {"max_tries": 5}
    with sandbox.client(clock=Passing(), backoff_strategy=policy) as client:
        client.metadata.contents.store("acme", film("aria"))
        sandbox.requests.clear()
        found = client.metadata.contents.browse("acme", retry_when_empty_result=True).resources
    assert [one["title"] for one in found] == ["Aria"]
    assert len(sandbox.requests) == 4


def test_a_write_that_is_refused_is_never_seen(client: Client, watch: Watch, titles: Callable[..., list[str]]) -> None:
    with pytest.raises(BadRequest, match="type"):
        client.metadata.contents.store("acme", [film("aria"), {"owner": "acme", "name": "bad"}])
    with pytest.raises(NotFound):
        client.metadata.contents.read("acme", "acme:aria")
    watch.now += DELAY
    assert titles() == []
