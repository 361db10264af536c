"""The resourceful part of a service: every path under `/data/`, answered from the store by the descriptor alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from urllib.parse import unquote

import msgspec

from sequoia.sandbox.archive import Archive
from sequoia.sandbox.browse import browse
from sequoia.sandbox.consistency import Current, Lag
from sequoia.sandbox.documents import Problem, Writer, deleted, merged, new_name, reap_time
from sequoia.sandbox.intersect import intersected, link_paths
from sequoia.sandbox.linked import Linker
from sequoia.sandbox.payload import documents_of, refuse
from sequoia.sandbox.projection import show
from sequoia.sandbox.query import Query, parse_query
from sequoia.sandbox.schema import Resource, Schema
from sequoia.sandbox.selection import Condition, Selection
from sequoia.sandbox.store import Collection, Record, Row, Store
from sequoia.sandbox.wire import Reply, Request, WireError, other_version

__all__ = ["DataService"]

_CHUNK = 500
_MANY = 1_000
_MOST_REFS = 2_000
_encode = msgspec.json.encode


class DataService:
    """One service over its documents.

    Args:
        schema: What the service has.
        store: Where its documents are; several services may share a store.
        embedded_pages: Most sub-pages of 100 linked items that are embedded for each batch of parents, 1 to 5.
        names: Makes the names of documents that come without one.
        lag: Where writes wait until browses see them; None for no waiting.

    Raises:
        ValueError: `embedded_pages` is out of bounds.
    """

    def __init__(
        self,
        schema: Schema,
        store: Store,
        *,
        embedded_pages: int = 5,
        names: Callable[[], str] = new_name,
        lag: Lag | None = None,
    ) -> None:
        if not 1 <= embedded_pages <= 5:
            raise ValueError("embedded_pages must be from 1 to 5")
        self._schema = schema
        self._store = store
        self._embedded_pages = embedded_pages
        self._names = names
        self._lag = lag
        self._writers = {
            name: Writer(resource, link_paths(schema, name)) for name, resource in schema.resources.items()
        }
        # As browses see them; those of a data file may have been indexed for an older descriptor.
        self._collections: dict[str, Collection] = {
            name: store.collection(schema.name, name, writer.layout, writer.remake)
            for name, writer in self._writers.items()
        }
        # As reads by ref and writes see them.
        self._current: dict[str, Collection | Current] = {
            name: collection if lag is None else lag.over(collection) for name, collection in self._collections.items()
        }
        self._archive = Archive(schema, self._collections, store.now)

    def handle(self, request: Request, *, user: str) -> Reply:
        """Answer one request.

        Args:
            request: A request for a path under `/data/`.
            user: The ref that is written to `createdBy`, `updatedBy` and `deletedBy`.

        Raises:
            WireError: The request is refused; nothing was changed.
        """
        if self._lag is not None:
            self._lag.settle()
        resource, refs = self._target(request.path)
        if request.method == "POST" and refs is None:
            reply = self._create(resource, request, user)
        elif request.method == "PUT" and refs is not None:
            reply = self._update(resource, refs, request, user)
        elif request.method == "DELETE" and refs is not None:
            reply = self._delete(resource, refs, request, user)
        elif request.method in {"GET", "HEAD"}:
            query = intersected(self._archive, resource, parse_query(resource, request.query, now=self._store.now()))
            reply = self._browse(resource, query) if refs is None else self._read(resource, refs, query)
        else:
            allow = "GET, HEAD, POST" if refs is None else "GET, HEAD, PUT, DELETE"
            raise WireError(405, f"{request.method} is not allowed here", headers={"allow": allow})
        if reply.body and ("_pretty", "true") in request.query:
            return Reply(reply.status, msgspec.json.format(reply.body, indent=2), reply.headers)
        return reply

    def load(self, resource: str, documents: Iterable[Mapping[str, Any]], *, user: str) -> int:
        """Store many documents without HTTP, in one transaction for each chunk of 500.

        Args:
            resource: The plural name of the resource.
            documents: What a POST would carry.
            user: As in `handle`.

        Returns:
            How many documents were stored.

        Raises:
            WireError: The resource is unknown, or a document is invalid; earlier chunks stay stored.
        """
        if resource not in self._schema.resources:
            raise WireError(404, f"{resource} is no resource of {self._schema.name}")
        target = self._schema.resources[resource]
        collection = self._collections[resource]
        bound: float = max(_MANY, collection.extent())
        iterator = iter(documents)
        count = 0
        while chunk := list(islice(iterator, _CHUNK)):
            if count >= bound:
                collection.drop_indexes()
                bound = math.inf
            self._store_all(target, self._validated(target, chunk), user)
            count += len(chunk)
        return count

    def owned(self, resource: str, owner: str, *, limit: int) -> list[dict[str, Any]]:
        """The first documents of one owner, in the order of their refs.

        Args:
            resource: The plural name of the resource.
            owner: The owner.
            limit: Most documents.
        """
        found = self._collections[resource].select(Selection(owner), limit=limit)
        return [msgspec.json.decode(row.body) for row, _ in found]

    def _target(self, path: str) -> tuple[Resource, list[str] | None]:
        """The resource of a path, and its refs if it names items; one trailing slash does not matter."""
        segments = path.removeprefix("/data/").split("/")
        if len(segments) > 1 and not segments[-1]:
            segments.pop()
        resource = self._schema.at(unquote(segments[0]))
        if resource is None or len(segments) > 2 or not path.startswith("/data/"):
            raise WireError(404, f"{path[:200]} is no resource of this service")
        if len(segments) == 1:
            return resource, None
        refs = list(dict.fromkeys(ref for ref in unquote(segments[1]).split(",") if ref))
        if not 0 < len(refs) <= _MOST_REFS:
            raise WireError(400, f"ref is invalid - it must be 1 to {_MOST_REFS} refs", keys=("ref",), source="params")
        return resource, refs

    def _browse(self, resource: Resource, query: Query) -> Reply:
        page = browse(resource, self._collections[resource.plural], query)
        return self._answer(resource, query, page.rows, [row.body for row in page.rows], page.meta)

    def _read(self, resource: Resource, refs: list[str], query: Query) -> Reply:
        """Items by ref, in the order of the request or of its `sort`; a read has no pages."""
        asked = query.selection
        collection = self._current[resource.plural]
        if asked.conditions or query.sort:
            conditions = (Condition("ref", tuple(refs)), *asked.conditions)
            selection = replace(asked, conditions=conditions, after=None)
            rows = [row for row, _ in collection.select(selection, limit=len(refs))]
        else:
            found = collection.get(refs)
            rows = [found[ref] for ref in refs if ref in found and _owned(ref, asked.owner)]
        if not rows:
            raise WireError(404, f"{resource.plural} {','.join(refs)[:200]} not found")
        return self._answer(resource, query, rows, [merged(row) for row in rows], {})

    def _answer(
        self, resource: Resource, query: Query, rows: Sequence[Row], bodies: list[bytes], meta: dict[str, Any]
    ) -> Reply:
        """The envelope: meta, documents, and linked items if asked for. Stored texts go into it as they are."""
        linked = b""
        if query.linked:
            linker = Linker(self._archive, resource, self._embedded_pages, query.selection.owner, query.lang)
            found = linker.follow(query.linked, [msgspec.json.decode(row.body) for row in rows])
            meta = meta | {"linked": {name: links.entries for name, links in found.items() if links.entries}}
            groups = [_encode(name) + b":[" + b",".join(links.items.values()) + b"]" for name, links in found.items()]
            linked = b',"linked":{' + b",".join(groups) + b"}"
        shown = show(resource, bodies, query.fields, query.lang)
        return Reply(200, _envelope(resource, shown, meta, linked))

    def _create(self, resource: Resource, request: Request, user: str) -> Reply:
        _write_parameters(request)
        payloads = documents_of(resource, request.body, resource.batch_limit)
        rows, created = self._store_all(resource, self._validated(resource, payloads), user)
        return Reply(201 if created else 200, _envelope(resource, [merged(row) for row in rows], {}))

    def _update(self, resource: Resource, refs: list[str], request: Request, user: str) -> Reply:
        _write_parameters(request)
        owner, colon, name = refs[0].partition(":")
        if len(refs) != 1 or not colon:
            raise WireError(400, "ref is invalid - a PUT needs exactly one ref", keys=("ref",), source="params")
        payloads = documents_of(resource, request.body, 1)
        for key, value in (("ref", refs[0]), ("owner", owner), ("name", name)):
            if isinstance(payloads[0], dict) and payloads[0].get(key, value) != value:
                refuse([Problem(key, f"{key} is invalid - it is not the {key} of the path")])
        if isinstance(payloads[0], dict):
            payloads = [{**payloads[0], "name": name}]
        documents = self._validated(resource, payloads)
        with self._store.transaction():
            expected = request.headers.get("if-match")
            if expected is not None and resource.conditional:
                self._check_version(resource, refs[0], expected)
            rows, created = self._store_all(resource, documents, user)
        return Reply(201 if created else 200, _envelope(resource, [merged(row) for row in rows], {}))

    def _check_version(self, resource: Resource, ref: str, expected: str) -> None:
        """Refuse a PUT that was made from another version of the document."""
        row = self._current[resource.plural].get([ref]).get(ref)
        version = msgspec.json.decode(row.body)["version"] if row else None
        if version is None or expected.strip().strip('"') != version:
            raise other_version()

    def _delete(self, resource: Resource, refs: list[str], request: Request, user: str) -> Reply:
        """Delete what is there; refs that are not, or belong to another owner, do not matter."""
        owner = _write_parameters(request)
        collection = self._current[resource.plural]
        with self._store.transaction():
            now = self._store.now()
            found = collection.get(ref for ref in refs if _owned(ref, owner))
            reap_at = reap_time(resource, now)
            gone = [deleted(row, user=user, now=now, reap_at=reap_at) for row in found.values()]
            collection.delete(gone, reap_at)
        return Reply(204)

    def _validated(self, resource: Resource, payloads: Sequence[Any]) -> list[dict[str, Any]]:
        """The documents of a request in stored form; all of them, or none."""
        documents: list[dict[str, Any]] = []
        problems: list[Problem] = []
        check = self._writers[resource.plural].validate
        for position, payload in enumerate(payloads):
            document, found = check(payload)
            documents.append(document)
            if not found:
                continue
            where = f" (document {position + 1})" if len(payloads) > 1 else ""
            problems += (Problem(item.path, item.text + where) for item in found)
        refuse(problems)
        return documents

    def _store_all(self, resource: Resource, documents: list[dict[str, Any]], user: str) -> tuple[list[Row], bool]:
        """Store valid documents in one transaction; returns them, and whether any was new."""
        collection = self._current[resource.plural]
        writer = self._writers[resource.plural]
        named = [document if "name" in document else {**document, "name": self._names()} for document in documents]
        refs = [f"{document['owner']}:{document['name']}" for document in named]
        with self._store.transaction():
            now = self._store.now()
            stored = {ref: msgspec.json.decode(row.body) for ref, row in collection.get(refs).items()}
            created = any(ref not in stored for ref in refs)
            records: list[Record] = []
            for ref, document in zip(refs, named, strict=True):
                stored[ref] = writer.finish(document, stored.get(ref), user=user, now=now)
                records.append(writer.record(stored[ref]))
            # A ref that comes twice in a batch keeps its last document.
            collection.put(list({item.row.ref: item for item in records}.values()))
        return [item.row for item in records], created


def _owned(ref: str, owner: str | None) -> bool:
    return owner is None or ref.startswith(f"{owner}:")


def _envelope(resource: Resource, bodies: Iterable[bytes], meta: Mapping[str, Any], linked: bytes = b"") -> bytes:
    """The body of an answer, put together from texts that are JSON already."""
    key = _encode(resource.plural)
    return b'{"meta":' + _encode(meta) + b"," + key + b":[" + b",".join(bodies) + b"]" + linked + b"}"


def _write_parameters(request: Request) -> str | None:
    """The `owner` of a write, which has no other parameters."""
    owners: set[str] = set()
    for name, value in request.query:
        if name == "owner":
            owners.add(value)
        elif name != "_pretty":
            raise WireError(400, f"{name} is not allowed", keys=(name,))
    if len(owners) > 1:
        raise WireError(400, "owner is invalid - it is given twice with different values", keys=("owner",))
    return owners.pop() if owners else None
