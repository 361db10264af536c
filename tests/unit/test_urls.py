"""Query strings, origins and links: nothing a value holds can change what a URL asks, or where it goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequoia.error import DecodeError, UnsafeLinkError
from sequoia.urls import (
    check_http_url,
    encode_query,
    is_loopback,
    origin,
    query_value,
    resolve_link,
    with_query,
    without_user_info,
)

HOME = "https://metadata.test"


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("&", "%26"),
        ("#", "%23"),
        ("+", "%2B"),
        ("%", "%25"),
        ("=", "%3D"),
        (",", "%2C"),
        (":", "%3A"),
        ("|", "%7C"),
        ("*", "%2A"),
        ("!", "%21"),
        ("/", "%2F"),
        ("?", "%3F"),
        (" ", "%20"),
        ("é", "%C3%A9"),
        ("電", "%E9%9B%BB"),
        ("a||b", "a%7C%7Cb"),
    ],
)
def test_a_value_is_fully_encoded(value: str, encoded: str) -> None:
    assert encode_query({"withType": value}) == f"withType={encoded}"


def test_a_query_is_sorted_by_name_and_a_list_repeats_its_name_in_order() -> None:
    assert encode_query({"b": ["2", "1"], "a": "0"}) == "a=0&b=2&b=1"


def test_numbers_and_truth_values_are_written_as_in_json() -> None:
    assert encode_query({"perPage": 2, "count": True, "x": [1, 2.5]}) == "count=true&perPage=2&x=1&x=2.5"


@pytest.mark.parametrize("value", [None, b"x", {"a": 1}, datetime(2026, 1, 1, tzinfo=UTC), [None], [["a"]], object()])
def test_what_is_no_value_of_a_query_is_refused_by_its_name(value: Any) -> None:
    with pytest.raises(TypeError, match=r"the parameter 'from' must be a text, a number or a list of them"):
        encode_query({"from": value})


@pytest.mark.parametrize("params", ["a=b", [("a", "b")], 5])
def test_parameters_are_a_dict(params: Any) -> None:
    with pytest.raises(TypeError, match=r"params must be a dict such as .'owner': 'acme'., not"):
        encode_query(params)


def test_an_empty_list_asks_nothing() -> None:
    assert encode_query({"a": [], "b": "1"}) == "b=1"


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=5))
def test_any_query_is_read_back_as_it_was_meant(params: dict[str, str]) -> None:
    url = with_query(f"{HOME}/data/x", params)
    assert dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)) == params
    assert dict(httpx2.URL(url).params) == params  # and httpx2 leaves it alone


def test_a_callers_query_string_goes_first_and_verbatim() -> None:
    url = with_query(f"{HOME}/data/x", {"owner": "acme"}, "continue=true&perPage=2&withName=a%7C%7Cb,c:d==")
    assert url == f"{HOME}/data/x?continue=true&perPage=2&withName=a%7C%7Cb,c:d==&owner=acme"


def test_a_callers_query_string_goes_through_httpx2_verbatim_too() -> None:
    query = "continue=eyJndCI6e30=&withName=a%7C%7Cb,c:d!/*"
    assert httpx2.URL(with_query(f"{HOME}/data/x", {}, query)).query.decode() == query


@pytest.mark.parametrize("query", ["?a=1", "&a=1", "a=1&", "?a=1&"])
def test_the_separators_around_a_callers_query_string_do_no_harm(query: str) -> None:
    assert with_query(f"{HOME}/x", {"b": "2"}, query) == f"{HOME}/x?a=1&b=2"


@pytest.mark.parametrize(
    ("query", "sent"),
    [("a=x y", "a=x%20y"), ("a=x|y", "a=x%7Cy"), ("a=x#y", "a=x%23y"), ('a="<>é', "a=%22%3C%3E%C3%A9")],
)
def test_only_what_no_url_can_hold_is_encoded_in_a_callers_query_string(query: str, sent: str) -> None:
    assert with_query(f"{HOME}/x", {}, query) == f"{HOME}/x?{sent}"


def test_a_callers_query_string_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="control characters"):
        with_query(f"{HOME}/x", {}, "a=1\r\nHost: evil")


def test_parameters_join_those_that_a_url_has() -> None:
    assert with_query(f"{HOME}/x?a=1", {"b": "2"}) == f"{HOME}/x?a=1&b=2"
    assert with_query(f"{HOME}/x", {}) == f"{HOME}/x"
    assert with_query(f"{HOME}/x", {}, "") == f"{HOME}/x"


def test_parameters_stand_before_a_fragment_which_is_never_sent() -> None:
    assert with_query(f"{HOME}/x#part", {"b": "2"}) == f"{HOME}/x?b=2"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("/data/x?a=1&continue=tok%3D", "tok="),
        ("continue=a&continue=b", "a"),
        ("continue=", ""),
        ("/data/continue", None),
        ("xcontinue=1", None),
    ],
)
def test_a_parameter_of_a_query_is_found_and_decoded(text: str, value: str | None) -> None:
    assert query_value(text, "continue") == value


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Host.Test/x", ("https", "host.test", 443)),
        ("http://host.test", ("http", "host.test", 80)),
        ("HTTPS://host.test:443/", ("https", "host.test", 443)),
        ("https://host.test:8443", ("https", "host.test", 8443)),
        ("http://[::1]:80/", ("http", "::1", 80)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, expected: object) -> None:
    assert origin(url) == expected


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("/data/x?page=2&withName=a%7C%7Cb", f"{HOME}/data/x?page=2&withName=a%7C%7Cb"),
        ("/data/x?a=b c|d", f"{HOME}/data/x?a=b c|d"),
        (f"{HOME}/data/x?page=2", f"{HOME}/data/x?page=2"),
        ("https://METADATA.test:443/data/x", "https://METADATA.test:443/data/x"),
        ("//metadata.test/data/x", f"{HOME}/data/x"),
        ("data/x?page=2", f"{HOME}/data/x?page=2"),
        ("?page=2", f"{HOME}/?page=2"),
        ("/a@b:c/data", f"{HOME}/a@b:c/data"),
    ],
)
def test_a_link_on_the_service_is_followed_as_received(link: str, url: str) -> None:
    assert resolve_link(HOME, link) == url


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.test/data/x",
        "//evil.test/data/x",
        "https://metadata.test:8443/data/x",
        "http://metadata.test/data/x",
        "https://user@metadata.test/data/x",
        "https://user:pw@metadata.test/data/x",
        "https://metadata.test@evil.test/data/x",
        "https://metadata.test.evil.test/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://metadata.test/x",
    ],
)
def test_a_link_never_leads_to_another_origin(link: str) -> None:
    with pytest.raises(UnsafeLinkError, match="not followed"):
        resolve_link(HOME, link)


@pytest.mark.parametrize("link", ["/\\evil.test/data/x", "\\\\evil.test/data/x", "/ /evil.test/x"])
def test_a_link_that_browsers_read_as_another_origin_stays_on_the_service(link: str) -> None:
    assert httpx2.URL(resolve_link(HOME, link)).host == "metadata.test"


@pytest.mark.parametrize("link", [None, 7, True, {}, ["/data/x"], "", "/data/x\r\nHost: evil", "/\x00", "https://["])
def test_what_is_no_link_is_a_decode_error(link: object) -> None:
    with pytest.raises(DecodeError, match="not a link"):
        resolve_link(HOME, link)


@pytest.mark.parametrize("url", ["https://h.test/services/acme", "http://127.0.0.1:8700", "https://[::1]:8700/x"])
def test_an_http_url_is_taken_without_its_trailing_slashes(url: str) -> None:
    assert check_http_url(f"{url}//", "registry_url") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h.test/services",
        "/services",
        "ftp://h.test",
        "https://",
        "https://h:99999",
        "https://h:0",
        "https://[",
        None,
        7,
    ],
)
def test_what_is_no_http_url_is_refused_by_name(url: object) -> None:
    with pytest.raises(ValueError, match="registry_url must be an http or https URL"):
        check_http_url(url, "registry_url")


@pytest.mark.parametrize(
    "url",
    ["https://me:pa55@h.test", "ftp://me:pa55@h.test", "https://me:pa55@h.test:99999", "https://me:pa55@h.test\n"],
)
def test_a_refused_url_is_shown_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="registry_url must") as caught:
        check_http_url(url, "registry_url")
    assert "pa55" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:1", True),
        ("http://LOCALHOST", True),
        ("http://127.0.0.1", True),
        ("http://127.8.9.10:3", True),
        ("http://[::1]:8", True),
        ("http://127.0.0.1.evil.test", False),
        ("http://localhost.evil.test", False),
        ("http://10.0.0.1", False),
        ("http://evil.test/127.0.0.1", False),
        ("http://127.0.0.1@evil.test", False),
    ],
)
def test_only_this_machine_is_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pa55@h.test:1/x?a=b", "https://h.test:1/x?a=b"),
        ("https://me@h.test/x", "https://h.test/x"),
        ("https://h.test/a@b?c=d@e", "https://h.test/a@b?c=d@e"),
    ],
)
def test_a_url_is_shown_without_user_information(url: str, shown: str) -> None:
    assert without_user_info(url) == shown
