"""The options of a client, checked before anything is sent."""

from __future__ import annotations

import dataclasses
import re
import ssl
import uuid
from typing import Any

import backoff
import httpx2
import pytest

from sequoia.auth import Anonymous, AuthType, ClientGrant, OwnToken
from sequoia.clock import InstantClock
from sequoia.settings import ClientOptions, Settings

URL = "https://registry.test/services/acme"
GRANT: dict[str, Any] = {"grant_client_id": "id", "grant_client_secret": "s3cr3t"}


def _settings(**options: Any) -> Settings:
    return Settings.of(URL, {**GRANT, **options})


def test_the_options_of_a_client_are_the_fields_of_its_settings() -> None:
    fields = {field.name for field in dataclasses.fields(Settings)}
    assert set(ClientOptions.__annotations__) == fields - {"registry_url"}
    assert ClientOptions.__required_keys__ == frozenset()


def test_every_setting_is_documented() -> None:
    text = Settings.__doc__ or ""
    assert [field.name for field in dataclasses.fields(Settings) if f"{field.name}: " not in text] == []


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = _settings()
    assert settings.auth_type is AuthType.CLIENT_GRANT
    assert settings.timeout == httpx2.Timeout(240.0)
    assert settings.retry_policy.max_tries == 10
    assert settings.retry_policy.max_time == 120.0
    assert settings.headers["Content-Type"] == settings.headers["Accept"] == "application/vnd.piksel+json"
    assert (settings.verify, settings.http2, settings.max_connections) == (True, False, 100)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"grant_client_id": None}, "CLIENT_GRANT needs grant_client_id"),
        ({"grant_client_secret": ""}, "CLIENT_GRANT needs grant_client_secret"),
        ({"grant_client_id": None, "grant_client_secret": None}, "grant_client_id and grant_client_secret"),
        ({"grant_client_id": 7}, "grant_client_id must be a string"),
        ({"check": 1}, "check must be"),
        ({"check": "yes"}, "check must be"),
        ({"grant_client_secret": b"s3cr3t"}, "grant_client_secret must be a string"),
        ({"auth_type": AuthType.BYO_TOKEN}, "BYO_TOKEN needs byo_token"),
        ({"auth_type": AuthType.BYO_TOKEN, "byo_token": "a\nb"}, "a bearer token is"),
        ({"auth_type": AuthType.BYO_TOKEN, "byo_token": 7}, "a bearer token is"),
        ({"byo_token": "a\nb"}, "a bearer token is"),
        ({"byo_token": lambda: "t"}, "needs auth_type=AuthType.BYO_TOKEN"),
        ({"auth_type": AuthType.MUTUAL}, "client_cert and client_key and server_cert"),
        ({"auth_type": AuthType.MUTUAL, "client_cert": "a", "client_key": "b"}, "MUTUAL needs server_cert"),
        ({"auth_type": "client_grant"}, "auth_type must be an AuthType"),
        ({"auth_type": 1}, "auth_type must be an AuthType"),
        ({"content_type": "a\r\nX: y"}, "content_type"),
        ({"user_agent": "a\nb"}, "user_agent"),
        ({"user_agent": "ä"}, "user_agent"),
        ({"user_agent": 7}, "user_agent"),
        ({"correlation_id": "a\x00b"}, "correlation_id"),
        ({"correlation_id": uuid.UUID(int=0)}, "correlation_id"),
        ({"user_id": "a\tb"}, "user_id"),
        ({"application_id": "a\x7fb"}, "application_id"),
        ({"backoff_strategy": {"max_tries": 0}}, "max_tries"),
        ({"backoff_strategy": {"wait_gen": backoff.expo, "interval": 1}}, "interval"),
        ({"backoff_strategy": "expo"}, "backoff_strategy"),
        ({"request_timeout": 0}, "request_timeout"),
        ({"request_timeout": -1}, "request_timeout"),
        ({"request_timeout": "30"}, "request_timeout"),
        ({"request_timeout": True}, "request_timeout"),
        ({"request_timeout": float("nan")}, "request_timeout"),
        ({"request_timeout": 9_999_999_999}, "1,000,000 at most"),
        ({"request_timeout": httpx2.Timeout(5, read=9_999_999_999)}, "1,000,000 seconds at most"),
        ({"verify": False}, "verify=False"),
        ({"verify": None}, "verify must be"),
        ({"verify": 0}, "verify must be"),
        ({"verify": 1}, "verify must be"),
        ({"max_connections": 0}, "max_connections"),
        ({"max_connections": True}, "max_connections"),
        ({"max_connections": 2.5}, "max_connections"),
        ({"proxies": "http://proxy.test"}, "proxies must be a dict"),
    ],
    ids=repr,
)
def test_an_option_that_makes_no_sense_is_a_value_error_that_names_it(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        _settings(**options)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("url", [None, "", "registry.test", "ftp://registry.test", "https://me:pa55@registry.test"])
def test_a_registry_is_at_an_http_url(url: Any) -> None:
    with pytest.raises(ValueError, match="registry_url must") as caught:
        Settings.of(url, GRANT)
    assert "pa55" not in str(caught.value)


def test_the_url_of_a_registry_is_taken_without_its_trailing_slash() -> None:
    assert Settings.of(f"{URL}/", GRANT).registry_url == URL


def test_an_argument_that_there_is_not_is_a_type_error_with_the_nearest_one() -> None:
    with pytest.raises(TypeError, match="no argument 'grant_client_sercet': did you mean 'grant_client_secret'"):
        _settings(grant_client_sercet="x")
    with pytest.raises(TypeError, match="no argument 'registry_url'"):
        _settings(registry_url="x")


def test_the_repr_shows_no_secret() -> None:
    settings = _settings(byo_token="t0k3n", proxies={"https": "http://me:pa55@proxy.test:3128"})
    for secret in ("s3cr3t", "t0k3n", "pa55"):
        assert secret not in repr(settings)
    assert URL in repr(settings)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        _settings().verify = False  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "timeout"),
    [
        (None, httpx2.Timeout(240.0)),
        (5, httpx2.Timeout(5.0)),
        (0.5, httpx2.Timeout(0.5)),
        (httpx2.Timeout(1, read=9),) * 2,
    ],
)
def test_a_timeout_is_seconds_or_httpx2s_own(given: Any, timeout: httpx2.Timeout) -> None:
    assert _settings(request_timeout=given).timeout == timeout


def test_the_user_agent_is_the_sdks_own_with_the_callers_in_front() -> None:
    own = _settings().headers["User-Agent"]
    assert re.fullmatch(r"sequoia-client-sdk-python/5\.\S+ python/3\.\d+\.\S+ \S+", own)
    assert _settings(user_agent="my-app/1.0").headers["User-Agent"] == f"my-app/1.0 {own}"
    assert _settings(user_agent="  ").headers["User-Agent"] == own


def test_the_content_type_is_asked_for_and_sent() -> None:
    headers = _settings(content_type=" application/json\n").headers
    assert headers["Content-Type"] == headers["Accept"] == "application/json"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"correlation_id": None},
        {"correlation_id": " "},
        {"user_id": "me"},
        {"application_id": "app"},
        {"user_id": "me", "application_id": " "},
        {"user_id": "", "application_id": "app"},
    ],
)
def test_without_more_a_correlation_id_is_a_fresh_uuid(options: dict[str, Any]) -> None:
    settings = _settings(**options)
    first, second = settings.new_correlation_id(), settings.new_correlation_id()
    assert first != second
    assert uuid.UUID(first).version == uuid.UUID(second).version == 4


def test_user_and_application_stand_before_a_fresh_uuid() -> None:
    user, application, fresh = _settings(user_id=" me ", application_id="app\n").new_correlation_id().split("/")
    assert (user, application) == ("me", "app")
    assert uuid.UUID(fresh).version == 4


def test_a_correlation_id_of_the_callers_wins_and_is_stripped() -> None:
    settings = _settings(correlation_id=" mine ", user_id="me", application_id="app")
    assert settings.new_correlation_id() == settings.new_correlation_id() == "mine"


def test_every_type_has_its_credential() -> None:
    url = "https://identity.test/oauth/token"
    assert isinstance(_settings().credential(url), ClientGrant)
    assert isinstance(Settings.of(URL, {"auth_type": AuthType.NO_AUTH}).credential(None), Anonymous)
    own = Settings.of(URL, {"auth_type": AuthType.BYO_TOKEN, "byo_token": "t"}).credential(None)
    assert isinstance(own, OwnToken)


def test_clients_with_a_clock_of_their_own_share_no_tokens() -> None:
    url = "https://identity.test/oauth/token"
    shared = [_settings().credential(url) for _ in range(2)]
    own = [_settings(clock=InstantClock()).credential(url) for _ in range(2)]
    stores = {id(vars(credential)["_store"]) for credential in shared}
    assert len(stores) == 1
    assert len(stores | {id(vars(credential)["_store"]) for credential in own}) == 3


def test_a_context_of_the_callers_making_is_taken() -> None:
    context = ssl.create_default_context()
    assert _settings(verify=context).verify is context
