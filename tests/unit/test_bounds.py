"""The deadline of a whole request, the pieces that are sent, and the limit of an answer."""

from __future__ import annotations

import math
import time
from typing import Any

import httpx2
import pytest

from sequoia.auth import AuthType
from sequoia.bounds import Bounds, Phase, check_size, fits, left, pieces
from sequoia.calls import Call
from sequoia.error import DecodeError
from sequoia.network import BoundedBackend, bound_network
from sequoia.settings import Settings
from sequoia.transport import Channels

URL = "https://registry.test/services/acme"


def _settings(**options: Any) -> Settings:
    return Settings.of(URL, {"auth_type": AuthType.NO_AUTH, "proxies": {}, **options})


def _sent(channels: Channels) -> httpx2.Response:
    call = Call("GET", URL)
    return channels.send(call, channels.request(call, {}))


@pytest.mark.parametrize(
    ("timeout", "whole"),
    [
        (httpx2.Timeout(240), 960),
        (httpx2.Timeout(10, connect=1), 31),
        (httpx2.Timeout(10, read=None), None),
        (httpx2.Timeout(None), None),
    ],
)
def test_a_whole_request_may_take_as_long_as_its_phases_together(timeout: httpx2.Timeout, whole: float | None) -> None:
    assert Bounds(timeout).whole == whole


def test_each_phase_knows_the_deadline_of_the_request() -> None:
    before = time.monotonic()
    timeouts = Bounds(httpx2.Timeout(10, connect=2)).timeouts()
    assert timeouts == {"connect": 2, "read": 10, "write": 10, "pool": 10}
    ends = {phase.ends for phase in timeouts.values() if isinstance(phase, Phase)}
    assert len(ends) == 1
    assert before + 32 <= ends.pop() <= time.monotonic() + 32


def test_without_a_bound_for_one_phase_the_others_keep_theirs() -> None:
    timeouts = Bounds(httpx2.Timeout(10, read=None)).timeouts()
    assert timeouts == {"connect": 10, "read": None, "write": 10, "pool": 10}
    assert not any(isinstance(phase, Phase) for phase in timeouts.values())


def test_a_phase_is_as_long_as_the_request_has_left() -> None:
    now = time.monotonic()
    assert left(Phase(10, now + 1000), httpx2.ReadTimeout) == 10
    remaining = left(Phase(1000, now + 500), httpx2.ReadTimeout)
    assert remaining is not None
    assert 0 < remaining <= 500
    assert left(7.0, httpx2.ReadTimeout) == 7.0
    assert left(None, httpx2.ReadTimeout) is None
    with pytest.raises(httpx2.ReadTimeout, match="the whole request took too long"):
        left(Phase(10, now - 1), httpx2.ReadTimeout)


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 200_000])
def test_what_is_sent_in_pieces_is_the_same(size: int) -> None:
    data = bytes(index % 251 for index in range(size))
    made = list(pieces(data))
    assert b"".join(made) == data
    assert all(0 < len(piece) <= 65536 for piece in made)


def test_a_body_that_is_too_large_shows_no_secret_of_its_url() -> None:
    response = httpx2.Response(200, request=httpx2.Request("GET", "https://me:pa55@a.test/x?owner=acme"))
    check_size(10, 10, response)
    with pytest.raises(DecodeError, match=r"GET https://a\.test/x\?owner=acme is larger than 10 bytes") as large:
        check_size(11, 10, response)
    assert "pa55" not in str(large.value)


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ([("Content-Length", "10")], True),
        ([("content-length", "11")], False),
        ([("content-length", "ten")], False),
        ([], False),
        ([("content-length", "10"), ("Content-Encoding", "gzip")], False),
        # The coding wins, and a body in chunks may be of any length (RFC 9112, 6.3).
        ([("content-length", "10"), ("Transfer-Encoding", "chunked")], False),
    ],
)
def test_a_body_s_length_is_believed_only_where_it_is_what_will_be_read(
    headers: list[tuple[str, str]], known: bool
) -> None:
    assert fits(httpx2.Response(200, headers=headers), 10) is known


def test_an_adapter_s_answer_has_the_same_limit() -> None:
    adapter = httpx2.MockTransport(lambda _: httpx2.Response(200, content=b"x" * 11))
    for limit, passes in ((11, True), (10, False)):
        channels = Channels(_settings(adapters=[("https://", adapter)], max_response_bytes=limit))
        if passes:
            assert _sent(channels).content == b"x" * 11
        else:
            with pytest.raises(DecodeError, match="max_response_bytes"):
                _sent(channels)
        channels.close()


@pytest.mark.parametrize("proxies", [{}, {"https": "http://proxy.test:1"}, None])
def test_every_connection_that_the_transport_makes_has_a_deadline(
    monkeypatch: pytest.MonkeyPatch, proxies: dict[str, str] | None
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    channels = Channels(_settings(proxies=proxies))
    made = channels.for_url(URL)
    transports = [made._transport, *(one for one in made._mounts.values() if one is not None)]
    assert len(transports) == (2 if proxies != {} else 1)
    for transport in transports:
        assert isinstance(transport, httpx2.HTTPTransport)
        assert isinstance(transport._pool._network_backend, BoundedBackend)
    channels.close()


def test_a_client_whose_connections_are_kept_elsewhere_is_left_as_it_is() -> None:
    client = httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(204)))
    bound_network(client)
    assert client.get(URL).status_code == 204
    client.close()


@pytest.mark.parametrize("limit", [0, -1, True, 2.5, "1", None])
def test_a_limit_is_a_number_of_bytes(limit: Any) -> None:
    with pytest.raises(ValueError, match="max_response_bytes must be a whole number from 1"):
        _settings(max_response_bytes=limit)


@pytest.mark.parametrize("seconds", [math.inf, math.nan, 0, -1])
def test_a_timeout_is_a_number_of_seconds(seconds: float) -> None:
    with pytest.raises(ValueError, match="request_timeout must be a number of seconds"):
        _settings(request_timeout=seconds)
