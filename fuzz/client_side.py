"""Targets in the client: what services and users hand to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec

from fuzz.targets import Target
from sequoia import AuthType, field, text, where
from sequoia.auth import ClientGrant, refusal
from sequoia.calls import Answer, Call, Expects, decode_json, is_empty, judge, redirected
from sequoia.checking import Question
from sequoia.cli.conditions import Misread, conditions
from sequoia.cli.explaining import criteria_code
from sequoia.criteria import Criteria
from sequoia.descriptor import Descriptor, ResourceType
from sequoia.drafts import draft_change
from sequoia.error import ClientError, HttpError
from sequoia.linked import linked_call, linked_errors, linked_resources, linked_starts
from sequoia.names import json_key
from sequoia.operations import BusinessPath, ResourcePath, any_call, combined
from sequoia.paging import Chain
from sequoia.patterns import fits
from sequoia.payload import resources_of
from sequoia.registry import Registry
from sequoia.relations import Resolution
from sequoia.response import Response
from sequoia.retry import retry_after_seconds
from sequoia.routes import RoutePath
from sequoia.settings import Settings
from sequoia.tokens import MemoryTokenStore
from sequoia.urls import check_http_url, origin, resolve_link
from sequoia.validation import Purpose, faults_in

__all__ = ["TARGETS"]

SERVICE = "https://metadata.example.com"
ORIGIN = origin(SERVICE)
_MISTAKES = (ClientError, ValueError, TypeError)

_REGISTRY = (
    b'{"services": [{"owner": "root", "name": "identity", "title": "I", "location": "https://identity.example.com"},'
    b'{"owner": "root", "name": "metadata", "location": "https://metadata.example.com:8443/"}], "meta": {}}'
)
_DESCRIPTOR = msgspec.json.encode({
    "name": "metadata",
    "resourcefuls": {
        "contents": {
            "pluralName": "contents", "singularName": "content", "hyphenatedPluralName": "contents",
            "xfields": [{"type": "exactlyOne", "fields": ["title", "parentRef"]}],
            "pagination": {"pageSize": {"min": 1, "max": 100, "default": 100}, "pages": {"max": 1000}},
            "operations": {"storeBatch": {"limit": 100, "actions": ["a"]}},
            "fields": {
                "title": {"type": "string", "required": True, "min": 1, "max": 20, "sort": True,
                          "typeInfo": {"pattern": "[a-z]+"}},
                "type": {"type": "string", "countable": True, "allowedValueMappings": {"film": "movie"},
                         "allowedValues": [{"value": "movie", "alternatives": ["film"]}, {"value": "show"}]},
                "tags": {"type": "string", "array": {"min": 0, "max": 5}},
                "at": {"type": "timestamp"}, "year": {"type": "year"}, "active": {"type": "boolean", "default": True},
                "ids": {"type": "stringMap", "typeInfo": {"keys": {"values": ["imdb"]}, "values": {"pattern": "t+"}}},
                "ratings": {"type": "ratings", "typeInfo": {"values": {"BBFC": {"values": ["U"]}}}},
                "local": {"localisationOf": "title"}, "parentRef": {"type": "ref"},
                "info": {"fields": {"rate": {"type": "integer", "min": 1}}},
            },
            "filters": {"withType": {"type": "with", "fieldNamePath": "type", "or": True, "values": {"a": "b"}},
                        "withTitle": {"fieldNamePath": "title", "prefix": True}, "q": {"type": "q"}},
            "relationships": {
                "assets": {"type": "indirect", "resourceType": "assets", "filterName": "withContentRef"},
                "parent": {"type": "direct", "resourceType": "contents", "fieldNamePath": "parentRef"},
                "cousins": {"type": "indirect", "resourceType": "contents", "filterName": "withParentRef",
                            "through": "parent", "intersectable": True},
            },
        },
    },
    "routes": [{"name": "feed", "path": "/f/{owner}/{name?}", "method": "GET",
                "inputs": {"query": [{"name": "lang", "flags": {"presence": "required"}}]}}],
})  # fmt: skip
_RESOURCE = (
    b'{"ref": "acme:a", "owner": "acme", "name": "a", "title": "abc", "type": "movie", "tags": ["x"], "year": 2020,'
    b'"at": "2026-01-31T12:00:00.000Z", "ids": {"imdb": "tt"}, "ratings": {"BBFC": "U"}, "local": {"fr": "b"},'
    b'"info": {"rate": 3}, "active": true, "parentRef": "acme:p",'
    b'"version": "356b54eb90cd04566159dfb9c95a0426998a2f7b"}'
)
_PAGE = (
    b'{"contents": [{"ref": "acme:a", "parentRef": "acme:p"}, {"ref": "acme:b"}], "linked": {"assets":'
    b'[{"ref": "acme:x", "contentRef": "acme:a"}], "parent": [{"ref": "acme:p"}]}, "meta": {"totalCount": 2,'
    b'"facetCount": {"type": {"movie": 2}}, "page": 1, "perPage": 2, "next": "/data/contents?page=2",'
    b'"continue": "/data/contents?continue=abc", "linked": {"assets": [{"request": "/data/assets?withContentRef=a",'
    b'"continue": "/data/assets?continue=b"}, {"statusCode": 404, "message": "gone", "request": "/data/assets/x"}]}}}'
)
_REFUSAL = (
    b'{"statusCode": 400, "error": "Bad Request", "message": "withX is invalid", "validation": {"keys": ["withX"]},'
    b'"attributes": {"a": [1]}}'
)
_TOKEN = b'{"access_token": "abcdef0123456789", "token_type": "bearer", "expires_in": 3600, "refresh_token": null}'
_OAUTH = b'{"code": 400, "error": "invalid_grant", "error_description": "the grant is not valid", "error_uri": "x"}'
_CRITERIA = where(field("type") == "movie", field("title").starts_with("a"), text("x"), field("assets.type") == "a")
_CRITERIA = _CRITERIA.include("assets", fields=["ref"]).fields("title").order_by("-title").facets("type").per_page(5)
_GOOD = Descriptor.parse(msgspec.json.decode(_DESCRIPTOR))


def _answer(body: bytes, status: int = 200, **headers: str) -> Answer:
    call = Call("GET", f"{SERVICE}/data/contents", key="contents", includes=("assets", "parent", "cousins"))
    request = httpx2.Request("GET", call.url, headers={"authorization": "Bearer abcdef0123456789"})
    response = httpx2.Response(status, content=body, request=request, headers=headers)
    return judge(call, response, now=0.0)


def _each(*uses: Callable[[], object]) -> None:
    """Use a thing in several ways: an error in one must not keep the others from being tried."""
    for use in uses:
        with suppress(ClientError):
            use()


def _registry(data: bytes) -> None:
    registry = Registry(decode_json(data))
    _each(
        registry.base_urls, lambda: registry.find("metadata"), lambda: registry.find("metadada"), lambda: repr(registry)
    )
    for url in registry.base_urls():
        _stays(url, f"{url}/data/contents")


def _stays(url: str, request_url: str) -> None:
    """The transport must send a request to the very origin that the SDK has in mind."""
    try:
        sent = httpx2.URL(request_url)
    except httpx2.InvalidURL:
        return  # refused: nothing is sent
    scheme, host, port = origin(url)
    there = sent.host, sent.port or {"http": 80, "https": 443}.get(sent.scheme)
    assert sent.scheme == scheme, (url, request_url)
    assert there in {(_as_sent(host), port), (host, port)}, (url, request_url)


def _as_sent(host: str) -> str:
    """How httpx2 shows a host: international names decoded."""
    return httpx2.URL(f"https://[{host}]" if ":" in host else f"https://{host}").host


def _descriptor(data: bytes) -> None:
    descriptor = Descriptor.parse(decode_json(data))
    sample = msgspec.json.decode(_RESOURCE)
    for name, resource in descriptor.resourcefuls.items():
        _resource(descriptor, name, resource, sample)
    for route in descriptor.routes:
        path = RoutePath(route)
        with suppress(ValueError):
            url = path.call({"owner": "acme", "name": "../x", "lang": "fr"}, None).at(SERVICE).url
            _stays(SERVICE, url)
    _each(lambda: descriptor.resource("contetns"), lambda: descriptor.route("feeed"))


def _resource(descriptor: Descriptor, name: str, resource: ResourceType, sample: dict[str, Any]) -> None:
    list(resource.paths())
    resource.field("info.rate")
    path = ResourcePath.of("contents")
    _each(lambda: draft_change(resource, sample), lambda: descriptor.resource(name))
    with suppress(ClientError):
        path = ResourcePath.described(resource)
    for call in path.read("acme", "acme:a", None):
        assert call.url.startswith("/"), call.url
        _stays(SERVICE, call.at(SERVICE).url)
    Question(name, _CRITERIA, ("title", "nothing")).faults(descriptor)
    for purpose in Purpose:
        faults_in(resource, sample, purpose)
    for link in resource.relationships.values():
        descriptor.link_field(link)
    Resolution(descriptor, name)(_answer(_PAGE))


def _validated(data: bytes) -> None:
    value = decode_json(data)
    if isinstance(value, dict):
        for purpose in Purpose:
            faults_in(_GOOD.resource("contents"), value, purpose)
    for resource in resources_of(data, "contents"):
        draft_change(_GOOD.resource("contents"), resource)


def _page(data: bytes) -> None:
    answer = _answer(data)
    response = Response(answer, Resolution(_GOOD, "contents"))
    _each(
        lambda: response.resources, lambda: response.json, lambda: response.resource, lambda: response.data,
        lambda: response.meta, lambda: response.total_count, lambda: response.facet_count, lambda: repr(response),
        lambda: response.model, response.to_object, lambda: str(response.linked_errors), lambda: linked_errors(answer),
        lambda: is_empty(answer, True), lambda: is_empty(answer, {"contents": True, "assets": True}),
        lambda: combined([answer, _answer(_PAGE)]), lambda: combined([_answer(_PAGE), answer]),
        lambda: linked_resources(answer, "assets"),
    )  # fmt: skip
    chain = Chain(SERVICE)
    for link in linked_starts(answer, "assets"):
        with suppress(ClientError):
            _stays(SERVICE, linked_call(chain.follow(link, answer.call)).url)
    following = chain.next_call(answer)
    if following is not None:
        _stays(SERVICE, following.url)


def _link(data: bytes) -> None:
    _stays(SERVICE, resolve_link(SERVICE, data.decode("utf-8", "replace")))


def _redirect(data: bytes) -> None:
    call = Call("GET", f"{SERVICE}/data/contents", headers={"Authorization": "Bearer abcdef0123456789"})
    response = httpx2.Response(307, headers=[(b"location", data.replace(b"\r", b"").replace(b"\n", b""))])
    following = redirected(call, response)
    if following is None:
        return
    if following.authenticated:
        _stays(SERVICE, following.url)
    else:
        assert "Authorization" not in following.headers


def _refused(data: bytes) -> None:
    try:
        _answer(data, 400, **{"content-type": "text/html"})
    except HttpError as error:
        error.url, error.tries = f"{SERVICE}/oauth/token", 3
        refused = refusal(error, "grant_client_id")
        raise (refused or error) from None


def _token(data: bytes) -> None:
    grant = ClientGrant(f"{SERVICE}/oauth/token", "id", "secret", MemoryTokenStore())
    request = httpx2.Request("POST", f"{SERVICE}/oauth/token")
    call = Call("POST", f"{SERVICE}/oauth/token", expects=Expects.BYTES)
    token = grant.accept(Answer(call, httpx2.Response(200, content=data, request=request), None), 0.0)
    # What is taken for a token must be fit for a header.
    httpx2.Request("GET", SERVICE, headers={"authorization": f"Bearer {token.access_token}"})


def _retry_after(data: bytes) -> None:
    seconds = retry_after_seconds(data.decode("latin-1"), 1_800_000_000.0)
    assert seconds is None or seconds >= 0


def _criteria(data: bytes) -> None:
    word = data.decode("utf-8", "surrogateescape")
    made: Callable[[], Criteria]
    for made in (
        lambda: where(field("title") == word),
        lambda: where(field(word) == "x"),
        lambda: where(field("title").any_of(word, "b"), text(word)),
        lambda: where(field("title").between(word, word)).fields(word).order_by(word).lang(word),
        lambda: where().include(word, fields=[word]).facets(word),
    ):
        with suppress(*_MISTAKES):
            criteria = made()
            call = ResourcePath.of("contents").browse("acme", criteria, None, None).at(SERVICE)
            query = urlsplit(call.url).query
            assert query.isascii(), query
            assert "#" not in query, query
            _stays(SERVICE, call.url)
            Question("contents", criteria).faults(_GOOD)


def _conditions(data: bytes) -> None:
    """What is read of a condition can be asked, and its Python asks the same."""
    text_ = data.decode("utf-8", "replace")
    try:
        found = conditions(text_)
    except Misread as error:
        place, found = error.place, []
    else:
        place = 0
    assert 0 <= place <= len(text_), place
    criteria = where(*found)
    assert eval(criteria_code(criteria), {"where": where, "field": field}) == criteria  # noqa: S307 - what is fuzzed


def _refs(data: bytes) -> None:
    word = data.decode("utf-8", "surrogateescape")
    path = ResourcePath.of("contents")
    made: Callable[[], Call]
    for made in (
        lambda: path.read("acme", word, None)[0],
        lambda: path.delete("acme", ["acme:a", word])[0],
        lambda: path.update("acme", {"ref": word, "owner": "a", "name": "b"}, word, "v"),
        lambda: path.browse(word, None, None, None),
        lambda: path.browse("acme", None, [word], word),
        lambda: ResourcePath.of(word).browse("acme", None, None, None),
        lambda: BusinessPath("/$service/$owner:$ref").call("GET", {"service": word, "owner": word, "ref": word}, None),
        lambda: BusinessPath(word).call("GET", {}, None),
    ):
        with suppress(*_MISTAKES):
            _stays(SERVICE, made().at(SERVICE).url)
    json_key(word)


def _headers(data: bytes) -> None:
    word = data.decode("latin-1")
    for name in ("user_agent", "correlation_id", "content_type", "user_id"):
        with suppress(*_MISTAKES):
            given: dict[str, Any] = {name: word, "application_id": "app"}
            made = Settings(registry_url=SERVICE, auth_type=AuthType.NO_AUTH, **given)
            _fit_for_headers(*made.headers.values(), made.new_correlation_id())
    for headers in ({word: "x"}, {"X-Name": word}):
        with suppress(*_MISTAKES):
            call = any_call("GET", SERVICE, params=None, json=None, content=None, headers=headers)
            _fit_for_headers(*call.headers, *call.headers.values())
    with suppress(*_MISTAKES):
        _fit_for_headers(any_call(word, SERVICE, params=None, json=None, content=None, headers=None).method)
    with suppress(*_MISTAKES):
        path = ResourcePath.of("contents")
        call = path.update("acme", {"ref": "a:b", "owner": "a", "name": "b"}, "a:b", word)
        _fit_for_headers(*call.headers.values())


def _fit_for_headers(*values: str) -> None:
    for value in values:
        assert not set(value) & set("\r\n\x00"), value


def _url(data: bytes) -> None:
    url = check_http_url(data.decode("utf-8", "replace"), "registry_url")
    _stays(url, url)
    _stays(url, f"{url}/data/contents")


def _pattern(data: bytes) -> None:
    pattern, _, value = data.decode("utf-8", "replace").partition("\n")
    fits(pattern, value)


TARGETS = (
    Target("registry", _registry, (_REGISTRY,)),
    Target("descriptor", _descriptor, (_DESCRIPTOR,)),
    Target("resource", _validated, (_RESOURCE, b'{"contents": [%s]}' % _RESOURCE), _MISTAKES),
    Target("page", _page, (_PAGE, b"")),
    Target("link", _link, (b"/data/contents?continue=a", b"https://metadata.example.com/data/x", b"//evil.example/")),
    Target("redirect", _redirect, (b"/x", b"https://metadata.example.com/", b"https://evil@metadata.example.com:443/")),
    Target("refusal", _refused, (_REFUSAL, _OAUTH, b"<html><script>x</script><h1>502 Bad Gateway</h1></html>")),
    Target("token", _token, (_TOKEN, _OAUTH, b"access_token=abc&expires_in=5")),
    Target("retry-after", _retry_after, (b"120", b"Wed, 21 Oct 2026 07:28:00 GMT", b"Mon, 01 Jan 0001 00:00:00 +2359")),
    Target("criteria", _criteria, (b"movie", b"a||b", b"2026-01-01", "\ud800".encode("utf-8", "surrogatepass"))),
    Target("conditions", _conditions, (b"releaseYear 2010..2015", b'tags in "a b",c', b"title starts with 'x\\''")),
    Target("refs", _refs, (b"acme:film-1", b"../..", b"a?b#c", b"a\x00b", b"a,b", b"owner=x&perPage=1")),
    Target("headers", _headers, (b"value", b"a\r\nb: c", b"\x00", b"\xe9")),
    Target(
        "url",
        _url,
        (b"https://registry.example.com/services/acme", b"http://[::1]:80/", b"https://a:b@c:1/"),
        _MISTAKES,
    ),
    Target("pattern", _pattern, (b"[a-z]+(?:-[a-z]+)*\nabc-def", b"(a+)+$\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")),
)
