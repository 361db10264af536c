"""The operations of an endpoint as calls: what is sent for a read, a browse, a store, an update, a delete.

Everything that can be wrong with an argument is found here, before anything is sent.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from sequoia.calls import Answer, Call, Expects, is_idempotent
from sequoia.criteria import Criteria, Params
from sequoia.descriptor import Descriptor, ResourceType
from sequoia.error import DecodeError, HttpError, NotMatchingVersion
from sequoia.jsonable import NO_JSON, as_json
from sequoia.names import encode_deleted, encode_ref, json_key, url_segment
from sequoia.payload import check_reference, check_whole, encode, have_identity, identified, resources_of
from sequoia.urls import Params as QueryParams
from sequoia.urls import check_http_url, query_value, with_query

__all__ = ["BusinessPath", "ResourcePath", "any_call", "combined", "field_names", "json_body", "version_conflict"]

# Bounds of one URL: the platform's clients have been seen to send 119 refs and 6 KB.
REFS_A_CALL = 50
PATH_BYTES = 6000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SEGMENT = re.compile(r"[\w.~-]*[\w~-][\w.~-]*")  # of a path: no slash, in whatever form, and not dots alone
_QUOTES = re.compile(r'["\x00-\x1f\x7f]')
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2

Refs = str | Iterable[str]


class ResourcePath(msgspec.Struct, frozen=True):
    """Where a resource is on its service: `/data/offer-templates`, and how its operations are sent.

    The calls that it makes are relative to the service's location, see `Call.at`.

    Attributes:
        segment: The resource's name in URLs.
        key: Its name in JSON.
    """

    segment: str
    key: str

    @classmethod
    def of(cls, name: str) -> ResourcePath:
        """The path of the resource called `name` in any of its spellings."""
        return cls(url_segment(name), json_key(name))

    @classmethod
    def described(cls, resource: ResourceType) -> ResourcePath:
        """The path of a resource as its service describes it.

        Raises:
            DecodeError: Its name in URLs leads out of its collection, where another resource would be changed.
        """
        if not _SEGMENT.fullmatch(resource.hyphenated_plural_name):
            raise DecodeError(
                f"the descriptor's name of {resource.plural_name!r:.80} in URLs is none: "
                f"{resource.hyphenated_plural_name!r}"
            )
        return cls(resource.hyphenated_plural_name, resource.plural_name)

    def found(self, descriptor: Descriptor) -> ResourceType | None:
        """What its service says about it, also where `of` took it for another name in JSON; None for nothing."""
        resources = descriptor.resourcefuls
        by_url = (one for one in resources.values() if one.hyphenated_plural_name == self.segment)
        return resources.get(self.key) or next(by_url, None)

    @property
    def url(self) -> str:
        """The collection, relative to the service's location."""
        return f"/data/{quote(self.segment, safe='')}"

    def read(self, owner: str | None, refs: Refs, criteria: Criteria | None) -> list[Call]:
        """`GET <collection>/<ref>,<ref>...`: one call for every 50 refs or so."""
        params = {**_params(criteria), **_owner(owner)}
        return [
            self._call("GET", with_query(f"{self.url}/{path}", params), includes=_included(criteria))
            for path in _paths(refs, "read")
        ]

    def browse(
        self, owner: str | None, criteria: Criteria | None, fields: Iterable[str] | None, query_string: str | None
    ) -> Call:
        """`GET <collection>?...`; an owner in `query_string` wins over the argument."""
        if query_string is not None and not isinstance(query_string, str):
            raise TypeError(f"query_string must be a text such as 'withType=movie', not {query_string!r:.80}")
        params = _params(criteria)
        if query_value(f"?{(query_string or '').lstrip('?&')}", "owner") is None:
            params |= _owner(owner)
        if names := field_names(fields):
            params["fields"] = ",".join(names)
        return self._call("GET", with_query(self.url, params, query_string), includes=_included(criteria))

    def store(self, owner: str | None, value: Any) -> Call:
        """`POST <collection>/`: creates or wholly replaces. Repeatable where every resource has a ref or a name."""
        resources = identified(resources_of(value, self.key))
        url = with_query(f"{self.url}/", _owner(owner))
        return self._call("POST", url, encode(resources, self.key), repeatable=have_identity(resources))

    def storing(self, owner: str | None, resources: Iterable[bytes], *, repeatable: bool) -> Call:
        """The same for resources that are JSON already; the answer is left undecoded."""
        url = with_query(f"{self.url}/", _owner(owner))
        body = b'{"%b":[%b]}' % (self.key.encode(), b",".join(resources))
        return replace(self._call("POST", url, body, repeatable=repeatable), expects=Expects.BYTES)

    def update(self, owner: str | None, value: Any, ref: str, version: str) -> Call:
        """`PUT <item>` with `If-Match: "<version>"`.

        Raises:
            ReferencesMismatchException: The body is another resource than `ref`.
            InvalidResource: It is the part of a resource that a read with `fields` gave.
            ValueError: It is not exactly one resource, or `version` is no version.
        """
        resource = self._one(value, ref, version)
        check_whole(resource, ref)
        return self._put(owner, resource, ref, version)

    def rewrite(self, owner: str | None, resource: dict[str, Any], ref: str, version: str) -> Call:
        """The same for a resource that is known to be whole, because it was read just now; errors likewise."""
        return self._put(owner, self._one(resource, ref, version), ref, version)

    def _one(self, value: Any, ref: str, version: str) -> dict[str, Any]:
        if not isinstance(version, str) or not version or not version.isascii() or _QUOTES.search(version):
            raise ValueError(f"update needs the version that the resource was read with, not {version!r}")
        resources = resources_of(value, self.key)
        if len(resources) != 1:
            raise ValueError(f"update takes one resource, not {len(resources)}")
        check_reference(resources[0], ref)
        return resources[0]

    def _put(self, owner: str | None, resource: dict[str, Any], ref: str, version: str) -> Call:
        url = with_query(f"{self.url}/{encode_ref(ref)}", _owner(owner))
        return self._call("PUT", url, encode([resource], self.key), headers={"If-Match": f'"{version}"'})

    def delete(self, owner: str | None, refs: Refs) -> list[Call]:
        """`DELETE <collection>/<ref>,<ref>...`; never without a ref."""
        return [
            self._call("DELETE", with_query(f"{self.url}/{path}", _owner(owner)))
            for path in _paths(refs, "delete", encode_deleted)
        ]

    def _call(  # noqa: PLR0913 - what a call may differ in
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        includes: tuple[str, ...] = (),
        repeatable: bool = True,
    ) -> Call:
        return Call(method, url, headers or {}, body, key=self.key, includes=includes, repeatable=repeatable)


class BusinessPath(msgspec.Struct, frozen=True):
    """A business endpoint: a `string.Template` of a path on a service, such as `/$service/$owner:$ref`.

    The calls that it makes are relative to the service's location, see `Call.at`.
    """

    template: str

    def call(self, method: str, values: Mapping[str, Any], params: QueryParams | str | None, body: Any = None) -> Call:
        """The call to the path with `values` filled in, each percent-encoded.

        Args:
            method: HTTP method.
            values: What `$name` stands for; None for not given.
            params: Query parameters, put at the end, or a query string; `$params` in a template, as 4.4.0 wants it,
                stands for nothing.
            body: JSON text, or anything that can be made JSON; None for no body.

        Raises:
            ValueError: A value of the template is missing, empty or a dot segment, or the body is not JSON.
        """
        template = string.Template(self.template)
        given = {name: quote(str(value), safe=":") for name, value in values.items() if value not in (None, "")}
        missing = [name for name in template.get_identifiers() if name not in given and name != "params"]
        if missing:
            raise ValueError(f"the business endpoint {self.template!r} needs {' and '.join(missing)}")
        path = template.substitute(given, params="").rstrip("?")
        if not {".", ".."}.isdisjoint(path.split("/")):
            raise ValueError(
                f"the business endpoint {self.template!r} does not lead to {path!r}: a segment is all dots"
            )
        url = f"/{path.removeprefix('/')}"
        url = with_query(url, {}, params) if isinstance(params, str) else with_query(url, params or {})
        return Call(method, url, body=json_body(body), repeatable=method == "GET")


def any_call(  # noqa: PLR0913 - what a request consists of
    method: str,
    url: str,
    *,
    params: QueryParams | None,
    json: Any,
    content: bytes | bytearray | memoryview | str | None,
    headers: Mapping[str, str] | None,
) -> Call:
    """The call of `Client.request`, whose arguments these are; a POST or a PATCH is not repeatable.

    Raises:
        ValueError: The URL is not absolute, the method or a header is none, or there are both `json` and `content`.
        TypeError: The content is no text and no bytes.
    """
    check_http_url(url, "url")
    if not isinstance(method, str) or not _TOKEN.fullmatch(method):
        raise ValueError(f"method must be one of HTTP such as GET, not {method!r}")
    if json is not None and content is not None:
        raise ValueError("a request has one body: give either json or content")
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header")
        if not isinstance(value, str) or _CONTROL.search(value) or value != value.strip():
            raise ValueError(f"the header {name!r} must be text without control characters, or blanks around it")
    if isinstance(content, bytearray | memoryview):
        content = bytes(content)
    elif content is not None and not isinstance(content, str | bytes):
        # A stream could be sent once, and a request may have to be sent again.
        raise TypeError(f"content must be text or bytes, not {content!r:.80}: read it first")
    body = content.encode() if isinstance(content, str) else content
    return Call(
        method.upper(),
        with_query(url, params or {}),
        headers=headers or {},
        body=_encoded(json) if json is not None else body,
        repeatable=is_idempotent(method.upper()),
        expects=Expects.ANYTHING,
    )


def combined(answers: Sequence[Answer]) -> Answer:
    """One answer of several to the same question: their resources, and what is linked, one behind the other.

    Raises:
        DecodeError: What an answer has under a resource's name is no list.
    """
    last = answers[-1]
    if len(answers) == 1 or last.call.key is None:
        return last
    parts = [answer.data for answer in answers if isinstance(answer.data, dict)]
    if not parts:
        return last
    key = next((key for one in answers if one.data and (key := one.key) in one.data), None) or last.call.key
    data: dict[str, Any] = {**parts[0], key: [one for part in parts for one in _listed(part, key)]}
    if any("linked" in part for part in parts):
        linked = [found for part in parts if isinstance(found := part.get("linked"), dict)]
        names = dict.fromkeys(name for found in linked for name in found)
        data["linked"] = {name: _distinct(one for found in linked for one in _listed(found, name)) for name in names}
        data["meta"] = _joined_meta(parts)
    return Answer(last.call, last.raw, data)


def _listed(part: Mapping[str, Any], name: str) -> list[Any]:
    found = part.get(name)
    if not isinstance(found, list | None):
        raise DecodeError(f"the answer's {name!r:.80} is not a list: {found!r:.80}")
    return found or []


def _joined_meta(parts: Sequence[dict[str, Any]]) -> Any:
    """The first part's `meta`, with what all parts tell of their requests for linked resources."""
    metas = [meta for part in parts if isinstance(meta := part.get("meta"), dict)]
    entries: dict[str, list[Any]] = {}
    for meta in metas:
        told = meta.get("linked")
        for name, found in told.items() if isinstance(told, dict) else ():
            entries.setdefault(name, []).extend(found if isinstance(found, list) else ())
    return {**metas[0], "linked": entries} if entries else parts[0].get("meta")


def version_conflict(error: HttpError) -> NotMatchingVersion:
    """The error for a 412."""
    hint = "read it again, apply the change to what is there now, and update it with its version"
    if error.ambiguous:
        hint = "an earlier try of this update broke off and may have gone through: read it to see, before you repeat it"
    where = f"({error.method} {error.url})"
    return NotMatchingVersion(f"the resource was not updated, its version is another one: {hint} {where}", error)


def _distinct(items: Iterable[Any]) -> list[Any]:
    """The items without repetition: two calls may have included the same resource."""
    seen: set[bytes] = set()
    return [item for item in items if (mark := msgspec.json.encode(item)) not in seen and not seen.add(mark)]  # type: ignore[func-returns-value]


def _paths(refs: Refs, what: str, encoded: Callable[[str], str] = encode_ref) -> list[str]:
    """Encoded refs, comma-separated, in as many paths as the bounds of a URL ask for."""
    if not isinstance(refs, Iterable) or isinstance(refs, Mapping):  # a resource would be a list of its fields' names
        raise TypeError(f"{what} needs a ref, such as 'owner:name', or a list of refs, not {refs!r:.80}")
    given = [refs] if isinstance(refs, str) else list(refs)
    if not given:
        raise ValueError(f"{what} needs at least one ref; nothing was sent")
    paths: list[str] = []
    group: list[str] = []
    for ref in map(encoded, given):
        if group and (len(group) == REFS_A_CALL or sum(map(len, group)) + len(group) + len(ref) > PATH_BYTES):
            paths.append(",".join(group))
            group = []
        group.append(ref)
    return [*paths, ",".join(group)]


def _owner(owner: str | None) -> Params:
    if owner is None:
        return {}
    if not isinstance(owner, str) or not owner.strip():
        raise ValueError(f"owner must be the name of a tenant, not {owner!r}; None asks for every owner")
    return {"owner": owner}


def _params(criteria: Criteria | None) -> Params:
    if criteria is None:
        return {}
    if not isinstance(criteria, Criteria):
        raise TypeError(f"criteria must be a Criteria, e.g. where(field('type') == 'movie'), not {criteria!r}")
    return criteria.get_criteria_params()


def _included(criteria: Criteria | None) -> tuple[str, ...]:
    return () if criteria is None else criteria.included


def field_names(fields: Iterable[str] | None) -> tuple[str, ...]:
    """The names of the fields to ask for; none at all, as with 4.4.0, asks for every field.

    Raises:
        ValueError: A name is empty.
    """
    names = (fields,) if isinstance(fields, str) else tuple(map(str, fields or ()))
    if not all(names) and fields:
        raise ValueError("fields has an empty name")
    return tuple(sorted(filter(None, names)))


def json_body(body: Any) -> bytes | None:
    """A business endpoint's body: JSON text as it is, anything else made JSON, None for none.

    Raises:
        ValueError: It is not JSON, and cannot be made so.
    """
    if body is None:
        return None
    if isinstance(body, str | bytes):
        raw = body.encode() if isinstance(body, str) else body
        try:
            msgspec.json.decode(raw, type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError(f"the content is not JSON: {error}") from error
        return raw
    return _encoded(body)


def _encoded(value: Any) -> bytes:
    try:
        return as_json(value)
    except NO_JSON as error:
        raise ValueError(f"cannot make JSON of {type(value).__name__}: {error}") from error
