"""The built-in service `metadata`: contents with their assets, categories, offers, people, credits and roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sequoia.sandbox.describe import F, Link, describe_resource, describe_service
from sequoia.sandbox.describe_routes import root_routes

__all__ = ["metadata_descriptor"]

_SORT: Mapping[str, Any] = {"sort": True}
_LIST: Mapping[str, Any] = {"array": True}
_NEEDED: Mapping[str, Any] = {"required": True}
_KIND: Mapping[str, Any] = {"required": True, "primary": True, "countable": True}
_TITLE = F("title", "string", "The title", "with", {**_SORT, "primary": True}, prefix=True, localised=True)
_PLAIN_TITLE = F("title", "string", "The title", "with", _SORT, prefix=True)
_ACTIVE = F("active", "boolean", "Whether it may be shown", "with", {"default": True})
_AVAILABILITY = (
    F("availabilityStartAt", "timestamp", "When it becomes available; absent: always was", "with",
      {**_SORT, "nonexistent": "low", "primary": True}),
    F("availabilityEndAt", "timestamp", "When it stops being available; absent: never", "with",
      {**_SORT, "nonexistent": "high", "primary": True}),
)  # fmt: skip

_CONTENT_SHOWN = "ref title parentRef type"
_ASSET_SHOWN = "ref name contentRef type url fileFormat title fileSize tags"
_CREDIT_SHOWN = "ref characterName order personRef roleRef contentRef"
_CATEGORY_SHOWN = "ref title parentRef scheme value"
_OFFER_SHOWN = "ref title type contentRefs"
_PERSON_SHOWN = "ref title givenName familyName"
_TEMPLATE_SHOWN = "ref title type"
_ROLE_SHOWN = "ref title department"


def _contents() -> dict[str, Any]:
    kinds = {
        "movie": ["film"],
        "show": ["series"],
        "season": [],
        "episode": [],
        "collection": [],
        "clip": [],
        "folder": [],
    }
    fields = (
        _TITLE,
        F("type", "string", "What kind of content it is", "with", _KIND, allowed=kinds),
        F("sortTitle", "string", "The title as it is filed", "with", _SORT, prefix=True, localised=True),
        F("shortSynopsis", "string", "The story in a sentence", localised=True),
        F("mediumSynopsis", "text", "The story in a paragraph", localised=True),
        F("longSynopsis", "text", "The whole story", localised=True),
        F("order", "nonNegativeInteger", "Its place within the parent", "with", _SORT),
        *_AVAILABILITY,
        F("releaseYear", "year", "When it was first released", "with", {**_SORT, "countable": True, "example": 2021}),
        F("duration", "duration", "How long it runs", flags={"example": "PT1H48M"}),
        F("languages", "language", "What is spoken in it", "with", _LIST),
        F("ratings", "ratings", "For which age it is suitable", flags={"example": {"BBFC": "12A"}}),
        _ACTIVE,
        F("memberRefs", "ref", "The members of a collection", "with", _LIST),
        F("parentRef", "ref", "The show of a season, the season of an episode", "with", _SORT),
        F(
            "categoryRefs",
            "ref",
            "The categories it belongs to",
            "with",
            {"array": True, "sort": True, "countable": True},
        ),
    )
    links = (
        Link("parent", "contents", "parentRef", _CONTENT_SHOWN, "The content that this one is part of"),
        Link("children", "contents", "withParentRef", _CONTENT_SHOWN, "The contents that are part of this one"),
        Link("members", "contents", "memberRefs", _CONTENT_SHOWN, "The members of the collection"),
        Link("collections", "contents", "withMemberRefs", f"{_CONTENT_SHOWN} memberRefs", "The collections it is in"),
        Link("assets", "assets", "withContentRef", _ASSET_SHOWN, "The files of the content"),
        Link("categories", "categories", "categoryRefs", _CATEGORY_SHOWN, "The categories of the content"),
        Link("credits", "credits", "withContentRef", _CREDIT_SHOWN, "Who took part, and as what"),
        Link("offers", "offers", "withContentRefs", _OFFER_SHOWN, "How the content is sold"),
        Link("parent.assets", "assets", "withContentRef", _ASSET_SHOWN, "The files of the parent", through="parent"),
        Link("credits.people", "people", "personRef", _PERSON_SHOWN, "The people who took part", through="credits"),
    )
    text = ("title", "longSynopsis")
    return describe_resource(
        "metadata", "contents", "content", "A film, a show or a part of one", fields, links, text=text
    )


def _assets() -> dict[str, Any]:
    kinds = {"video": ["movie"], "image": ["picture"], "audio": [], "text": [], "application": [], "other": []}
    counted = "nonNegativeInteger"
    media = (
        F("bitrate", counted, "Bits in a second", "withBitrate", _SORT),
        F("width", counted, "Width of the picture in pixels", "withWidth"),
        F("height", counted, "Height of the picture in pixels", "withHeight"),
        F("duration", "duration", "How long the file runs"),
        F(
            "audioTypes",
            "string",
            "Forms of sound",
            flags=_LIST,
            allowed={"mono": [], "stereo": ["2.0"], "dolby-5.1": []},
        ),
    )
    fields = (
        _PLAIN_TITLE,
        F("type", "string", "What kind of file it is", "with", _KIND, allowed=kinds),
        F("contentRef", "ref", "The content that the file belongs to", "with", {**_SORT, "example": "acme:lantern"}),
        F("url", "string", "Where the file is", "with", prefix=True),
        F("fileFormat", "string", "The format of the file", "with", {**_SORT, "countable": True}),
        F("fileSize", counted, "The size of the file in bytes", "with", _SORT),
        F("fullMediaType", "string", "The MIME type of the file", "with"),
        F("language", "language", "The language of the file", "with"),
        F("hash", "hex", "A digest of the file"),
        F("mediaInfo", "", "Technical details", fields=media),
        _ACTIVE,
        *_AVAILABILITY,
    )
    shown = "ref title parentRef memberRefs type"
    links = (
        Link("content", "contents", "contentRef", shown, "The content of the file"),
        Link("content.categories", "categories", "categoryRefs", _CATEGORY_SHOWN, "Its categories", through="content"),
    )
    return describe_resource("metadata", "assets", "asset", "A file of a content", fields, links)


def _categories() -> dict[str, Any]:
    fields = (
        _TITLE,
        F("scheme", "string", "The classification it is part of", "with", {**_NEEDED, **_SORT, "countable": True}),
        F("value", "string", "Its value within the scheme", "with", _SORT, prefix=True),
        F("parentRef", "ref", "The wider category", "with", _SORT),
        F("order", "nonNegativeInteger", "Its place among its siblings", "with", _SORT),
        _ACTIVE,
    )
    links = (
        Link("parent", "categories", "parentRef", _CATEGORY_SHOWN, "The wider category"),
        Link("children", "categories", "withParentRef", _CATEGORY_SHOWN, "The narrower categories"),
        Link("contents", "contents", "withCategoryRefs", f"{_CONTENT_SHOWN} categoryRefs", "What belongs to it"),
    )
    return describe_resource("metadata", "categories", "category", "A class of contents", fields, links)


def _rights() -> F:
    """The object that offers share with their templates."""
    fields = (
        F("deviceTypes", "string", "On which devices it may be watched", flags=_LIST),
        F("usagePeriod", "duration", "For how long it may be watched", flags={"example": "P7D"}),
        F("regions", "string", "Where it may be watched", "withRegions", _LIST),
        F("downloads", "boolean", "Whether it may be kept offline"),
    )
    return F("rights", "", "What a customer may do", fields=fields)


_SALES = {"subscription": ["svod"], "rental": ["tvod"], "purchase": ["est"], "free": ["avod"]}


def _offers() -> dict[str, Any]:
    fields = (
        _TITLE,
        F("type", "string", "How it is sold", "with", _KIND, allowed=_SALES),
        F("contentRefs", "ref", "What is sold", "with", _LIST),
        F("descriptiveContentRef", "ref", "The content that describes the offer", "with"),
        F("offerTemplateRef", "ref", "The template that the offer was made from", "with"),
        F("price", "money", "What it costs", flags={"example": {"EUR": 3.5}}),
        F("discount", "percentage", "How much it is reduced", "with", _SORT),
        _rights(),
        _ACTIVE,
        *_AVAILABILITY,
    )
    links = (
        Link("contents", "contents", "contentRefs", _CONTENT_SHOWN, "What is sold"),
        Link("descriptiveContent", "contents", "descriptiveContentRef", _CONTENT_SHOWN, "What describes the offer"),
        Link("descriptiveContent.assets", "assets", "withContentRef", _ASSET_SHOWN, "The files of the content that "
             "describes the offer", through="descriptiveContent"),
        Link("offerTemplate", "offerTemplates", "offerTemplateRef", _TEMPLATE_SHOWN, "What the offer was made from"),
    )  # fmt: skip
    return describe_resource("metadata", "offers", "offer", "A way to sell contents", fields, links)


def _offer_templates() -> dict[str, Any]:
    fields = (
        _PLAIN_TITLE,
        F("type", "string", "How offers of this template are sold", "with", _KIND, allowed=_SALES),
        F("price", "money", "What offers of this template cost"),
        _rights(),
        _ACTIVE,
    )
    links = (
        Link("offers", "offers", "withOfferTemplateRef", f"{_OFFER_SHOWN} offerTemplateRef", "What was made of it"),
    )
    return describe_resource("metadata", "offerTemplates", "offerTemplate", "A pattern for offers", fields, links)


def _people() -> dict[str, Any]:
    fields = (
        _TITLE,
        F("givenName", "string", "Given name", "with", _SORT, prefix=True),
        F("familyName", "string", "Family name", "with", _SORT, prefix=True),
        F("biography", "text", "The life of the person", localised=True),
        F("bornOn", "date", "Day of birth", "with", _SORT),
        F("relatedMaterialRefs", "ref", "Contents that hold material about the person", "with", _LIST),
        _ACTIVE,
    )
    links = (
        Link("credits", "credits", "withPersonRef", _CREDIT_SHOWN, "What the person took part in"),
        Link("relatedMaterials", "contents", "relatedMaterialRefs", _CONTENT_SHOWN, "Contents about the person"),
        Link("relatedMaterials.assets", "assets", "withContentRef", _ASSET_SHOWN, "The files of these contents",
             through="relatedMaterials"),
        Link("credits.contents", "contents", "contentRef", _CONTENT_SHOWN, "The contents the person took part in",
             through="credits"),
    )  # fmt: skip
    text = ("title", "biography")
    return describe_resource(
        "metadata", "people", "person", "Someone who takes part in contents", fields, links, text=text
    )


def _credits() -> dict[str, Any]:
    fields = (
        _PLAIN_TITLE,
        F("contentRef", "ref", "The content", "with", _NEEDED),
        F("personRef", "ref", "The person", "with", _NEEDED),
        F("roleRef", "ref", "What the person did", "with"),
        F("characterName", "string", "Who the person played", "with", prefix=True, localised=True),
        F("order", "nonNegativeInteger", "The place in the list of credits", "with", _SORT),
    )
    links = (
        Link("content", "contents", "contentRef", _CONTENT_SHOWN, "The content", intersectable=False),
        Link("person", "people", "personRef", _PERSON_SHOWN, "The person", intersectable=False),
        Link("role", "roles", "roleRef", _ROLE_SHOWN, "What the person did", intersectable=False),
    )
    text = ("title", "characterName")
    return describe_resource(
        "metadata", "credits", "credit", "The part of a person in a content", fields, links, text=text
    )


def _roles() -> dict[str, Any]:
    fields = (
        _TITLE,
        F("department", "string", "Where the work belongs", "with", {**_SORT, "countable": True}),
        F("order", "nonNegativeInteger", "Its place in lists", "with", _SORT),
    )
    links = (Link("credits", "credits", "withRoleRef", _CREDIT_SHOWN, "Who did this work"),)
    return describe_resource("metadata", "roles", "role", "A kind of work", fields, links)


def metadata_descriptor() -> dict[str, Any]:
    """The descriptor of the service `metadata`, made anew with each call."""
    parts = (_contents, _assets, _categories, _offers, _offer_templates, _people, _credits, _roles)
    resources = sorted((part() for part in parts), key=lambda resource: str(resource["pluralName"]))
    return describe_service(
        "metadata", "Metadata", "The catalogue: contents and all that belongs to them", resources, root_routes()
    )
