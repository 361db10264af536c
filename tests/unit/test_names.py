"""Names of resources in their three spellings, references in URLs, and close matches."""

from __future__ import annotations

import pytest

from sequoia.names import encode_ref, json_key, suggestion, url_segment


@pytest.mark.parametrize("spelling", ["offer-templates", "offerTemplates", "offer_templates"])
def test_every_spelling_leads_to_the_same_url_and_the_same_json(spelling: str) -> None:
    assert url_segment(spelling) == "offer-templates"
    assert json_key(spelling) == "offerTemplates"


@pytest.mark.parametrize(
    ("name", "segment", "key"),
    [
        ("contents", "contents", "contents"),
        ("service-provider-bundles", "service-provider-bundles", "serviceProviderBundles"),
        ("serviceProviderBundles", "service-provider-bundles", "serviceProviderBundles"),
        ("v2Things", "v2-things", "v2Things"),
    ],
)
def test_a_name_has_one_form_in_a_url_and_one_in_json(name: str, segment: str, key: str) -> None:
    assert (url_segment(name), json_key(name)) == (segment, key)


@pytest.mark.parametrize(
    ("ref", "encoded"),
    [
        ("acme:film-1", "acme:film-1"),
        ("acme:a/b", "acme:a%2Fb"),
        ("acme:a?b", "acme:a%3Fb"),
        ("acme:a#b", "acme:a%23b"),
        ("acme:a%2Fb", "acme:a%252Fb"),
        ("acme:a,b", "acme:a%2Cb"),
        ("acme:a b", "acme:a%20b"),
        ("acme:a+b", "acme:a%2Bb"),
        ("acme:a\\b", "acme:a%5Cb"),
        ("acme:é", "acme:%C3%A9"),
        ("acme:電影", "acme:%E9%9B%BB%E5%BD%B1"),
        ("acme:../../x", "acme:..%2F..%2Fx"),
        ("../x", "..%2Fx"),
    ],
)
def test_a_reference_cannot_leave_its_place_in_the_path(ref: str, encoded: str) -> None:
    assert encode_ref(ref) == encoded


@pytest.mark.parametrize("ref", ["", " ", ".", "..", "acme:\n", "acme:\x00", "\x7f", "acme:\r\nHost: evil", "\ud800"])
def test_what_no_resource_can_be_called_is_no_reference(ref: str) -> None:
    with pytest.raises(ValueError, match="no reference"):
        encode_ref(ref)


@pytest.mark.parametrize("ref", [None, 7, b"acme:x", ["acme:x"]])
def test_a_reference_that_is_no_string_is_a_type_error(ref: object) -> None:
    with pytest.raises(TypeError, match="a reference is a string"):
        encode_ref(ref)  # type: ignore[arg-type]


def test_a_wrong_name_is_answered_with_the_close_matches() -> None:
    assert suggestion("metdata", ["metadata", "workflow", "identity"]) == "did you mean 'metadata'?"


def test_several_close_matches_are_all_named() -> None:
    assert suggestion("asset", ["assets", "assetx", "zzz"]).count(" or ") == 1


def test_without_a_close_match_all_names_are_listed() -> None:
    assert suggestion("qqq", ["workflow", "metadata"]) == "there are: metadata, workflow."


def test_a_long_list_of_names_is_cut_short() -> None:
    text = suggestion("qqq", [f"n{number:02}" for number in range(30)])
    assert text.startswith("there are: n00, n01")
    assert text.endswith("n19, ....")


def test_an_empty_list_of_names_is_said_to_be_empty() -> None:
    assert suggestion("qqq", []) == "there are none."
