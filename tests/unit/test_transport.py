"""From settings to HTTP clients: errors, adapters, proxies and TLS."""

from __future__ import annotations

import hashlib
import ssl
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme
from cryptography import x509

from sequoia.auth import AuthType
from sequoia.calls import Call
from sequoia.error import ClientError, ConnectionError, DecodeError, Timeout, TooManyRedirects
from sequoia.settings import Settings
from sequoia.tls import tls_context
from sequoia.transport import Channels, transport_error

URL = "https://registry.test/services/acme"


def _channels(**options: Any) -> Channels:
    return Channels(Settings.of(URL, {"auth_type": AuthType.NO_AUTH, **options}))


def _sent(channels: Channels) -> httpx2.Response:
    call = Call("GET", URL)
    return channels.send(call, channels.request(call, {}))


def _answering(text: str) -> httpx2.MockTransport:
    return httpx2.MockTransport(lambda request: httpx2.Response(200, text=text))


@pytest.mark.parametrize(
    ("error", "cls", "sent"),
    [
        (httpx2.ConnectError("refused"), ConnectionError, False),
        (httpx2.ProxyError("no proxy"), ConnectionError, False),
        (httpx2.ConnectTimeout("late"), Timeout, False),
        (httpx2.PoolTimeout("full"), Timeout, False),
        (httpx2.ReadTimeout("late"), Timeout, True),
        (httpx2.WriteTimeout("late"), Timeout, True),
        (httpx2.ReadError("reset"), ConnectionError, True),
        (httpx2.WriteError("pipe"), ConnectionError, True),
        (httpx2.CloseError("closed"), ConnectionError, True),
        (httpx2.RemoteProtocolError("half a body"), ConnectionError, True),
        (httpx2.TooManyRedirects("round"), TooManyRedirects, True),
    ],
    ids=repr,
)
def test_a_failure_of_the_transport_has_its_error(error: httpx2.HTTPError, cls: type[ClientError], sent: bool) -> None:
    made = transport_error(error)
    assert type(made) is cls
    assert made.cause is error
    assert not isinstance(made, DecodeError)
    assert made.sent is sent


def test_a_broken_content_encoding_is_a_decode_error() -> None:
    made = transport_error(httpx2.DecodingError("incorrect header check"))
    assert type(made) is DecodeError
    assert "incorrect header check" in str(made)


def test_a_failure_without_a_text_is_named() -> None:
    assert str(transport_error(httpx2.ReadError(""))) == "connection lost: ReadError"
    assert str(transport_error(httpx2.ConnectError("refused"))) == "no connection: refused"
    assert str(transport_error(httpx2.ReadTimeout(""))) == "no answer in time (ReadTimeout)"


def test_the_adapter_with_the_longest_prefix_answers() -> None:
    channels = _channels(
        adapters=[
            ("https://", _answering("any")),
            ("https://a.test/data/", _answering("data")),
            ("https://A.test", _answering("a")),
        ]
    )
    got = {
        url: channels.for_url(url).get(url).text
        for url in ("https://a.test/data/x", "https://a.test/other", "https://b.test/", "HTTPS://a.TEST/data/x")
    }
    assert got == {
        "https://a.test/data/x": "data",
        "https://a.test/other": "a",
        "https://b.test/": "any",
        "HTTPS://a.TEST/data/x": "data",
    }


def test_a_url_without_an_adapter_has_the_usual_client() -> None:
    channels = _channels(adapters=[("http://mock-registry", _answering("mock"))])
    assert channels.adapted("https://a.test/") is None
    assert channels.adapted("http://mock-registry/services/x") is channels.for_url("http://mock-registry/services/x")
    assert channels.for_url("https://a.test/") is channels.for_url("https://b.test/")


def test_the_clients_headers_and_timeout_go_through_adapters_as_well() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200)

    channels = _channels(adapters=[("https://", httpx2.MockTransport(answer))], user_agent="me", request_timeout=7)
    channels.for_url(URL).get(URL)
    assert seen[0].headers["user-agent"].startswith("me sequoia-client-sdk-python/")
    assert seen[0].headers["accept"] == "application/vnd.piksel+json"
    assert seen[0].extensions["timeout"]["read"] == 7.0


@pytest.mark.parametrize("adapter", [None, 7, "adapter", httpx2.MockTransport])
def test_what_is_no_adapter_is_refused(adapter: Any) -> None:
    with pytest.raises(ValueError, match="an adapter is"):
        _channels(adapters=[("https://", adapter)])


@pytest.mark.parametrize(
    "proxies", [{"ftp": "http://proxy.test"}, {"": "http://proxy.test"}, {"https:": "http://p.test"}]
)
def test_proxies_are_for_http_and_https(proxies: dict[str, str]) -> None:
    with pytest.raises(ValueError, match='its keys are "http" and "https"'):
        _channels(proxies=proxies)


@pytest.mark.parametrize("url", ["ftp://proxy.test", "proxy.test", "https://me:pa55@proxy.test:port"])
def test_a_proxy_is_at_a_url(url: str) -> None:
    with pytest.raises(ValueError, match="not the URL of a proxy") as caught:
        _channels(proxies={"https": url})
    assert "pa55" not in str(caught.value)


@pytest.mark.parametrize(
    "proxies", [{}, {"http": "http://proxy.test:3128"}, {"https://": "http://proxy.test:3128"}, {"https": None}]
)
def test_proxies_that_can_be_used_are_taken(proxies: dict[str, str | None]) -> None:
    before = dict(proxies)
    _channels(proxies=proxies).close()
    assert proxies == before


@pytest.mark.parametrize("missing", ["client_cert", "client_key", "server_cert"])
def test_a_certificate_that_is_not_there_is_a_value_error(missing: str, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("client_cert", "client_key", "server_cert")}
    for name, path in files.items():
        if name != missing:
            path.write_text("")
    with pytest.raises(ValueError, match=r"cannot be read|is not|are not"):
        _channels(auth_type=AuthType.MUTUAL, **files)


def test_a_server_certificate_that_is_none_is_a_value_error(tmp_path: Path) -> None:
    pem = tmp_path / "x.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----\nnope\n-----END CERTIFICATE-----\n")
    with pytest.raises(ValueError, match="server_cert is not a file of PEM certificates"):
        _channels(auth_type=AuthType.MUTUAL, client_cert=pem, client_key=pem, server_cert=pem)
    with pytest.raises(ValueError, match="verify is not a file of PEM certificates"):
        _channels(verify=pem)


def test_a_bundle_that_is_not_there_is_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="verify cannot be read"):
        _channels(verify=tmp_path / "missing.pem")
    with pytest.raises(ValueError, match="verify cannot be read"):
        _channels(verify="")


def test_a_context_of_the_caller_s_is_used_as_it_is() -> None:
    context = ssl.create_default_context()
    settings = Settings.of(URL, {"auth_type": AuthType.NO_AUTH, "verify": context})
    assert tls_context(settings) is context


def test_the_authorities_in_a_folder_are_trusted_and_no_others(tmp_path: Path) -> None:
    ours, other = trustme.CA(), trustme.CA()
    ours.cert_pem.write_to_path(str(tmp_path / f"{_hash_of(ours)}.0"))
    for verify in (tmp_path, str(tmp_path)):
        context = tls_context(Settings.of(URL, {"auth_type": AuthType.NO_AUTH, "verify": verify}))
        _shake_hands(context, ours)
        with pytest.raises(ssl.SSLCertVerificationError):
            _shake_hands(context, other)


def _hash_of(authority: trustme.CA) -> str:
    """The name under which OpenSSL looks for an authority in a folder, as `openssl rehash` writes it."""
    subject = x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject
    lower = x509.Name([x509.NameAttribute(one.oid, str(one.value).lower()) for one in subject]).public_bytes()
    assert len(lower) < 128 + 2  # so that the head, which does not count, is two bytes long
    return hashlib.sha1(lower[2:], usedforsecurity=False).digest()[3::-1].hex()


def _shake_hands(context: ssl.SSLContext, authority: trustme.CA) -> None:
    """Have a client with this context meet a server with a certificate of the authority, without a network."""
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("platform.test").configure_cert(shown)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(back, there, server_hostname="platform.test")
    server = shown.wrap_bio(there, back, server_side=True)
    for side in (client, server, client, server):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    assert client.getpeercert()


def test_a_closed_channel_sends_nothing_more() -> None:
    channels = _channels(adapters=[("https://", _answering("x"))])
    client = channels.for_url(URL)
    channels.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.get(URL)


@pytest.mark.parametrize("url", ["me:pa55@proxy.test:3128", "socks9://me:pa55@proxy.test"])
def test_a_proxy_that_is_refused_does_not_show_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"such as http://proxy\.example\.com:3128") as caught:
        _channels(proxies={"https": url})
    assert "pa55" not in str(caught.value)


@pytest.mark.parametrize("proxies", [{"https": 3128}, {1: "http://proxy.test"}, {None: None}])
def test_proxies_are_text(proxies: Any) -> None:
    with pytest.raises(ValueError, match="proxies must be a dict such as"):
        _channels(proxies=proxies)


def test_a_socks_proxy_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(ImportError, match=r"httpx2\[socks\]"):
        _channels(proxies={"https": "socks5://proxy.test:1080"})
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.test:1080")
    with pytest.raises(ImportError, match=r"httpx2\[socks\]"):
        _channels()


def test_a_proxy_of_the_environment_that_is_no_url_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:pa55@proxy.test:port")
    with pytest.raises(ValueError, match="a proxy of the environment, such as HTTPS_PROXY") as caught:
        _channels()
    assert "pa55" not in str(caught.value)


def test_http2_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"sequoia-client-sdk\[http2\]"):
        _channels(http2=True)


@pytest.mark.parametrize("proxies", [None, {}])
def test_the_environments_certificates_are_trusted_whatever_the_proxies(
    proxies: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    trustme.CA().cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    context = tls_context(Settings.of(URL, {"auth_type": AuthType.NO_AUTH, "proxies": proxies}))
    assert len(context.get_ca_certs()) == 1


def test_connections_are_closed_when_the_last_request_has_its_answer() -> None:
    closed: list[str] = []
    asked, answer = threading.Event(), threading.Event()

    class Slow(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            asked.set()
            assert answer.wait(10)
            assert not closed
            return httpx2.Response(200, text="whole")

        def close(self) -> None:
            closed.append("closed")

    channels = _channels(adapters=[("https://", Slow())])
    got: list[httpx2.Response] = []
    thread = threading.Thread(target=lambda: got.append(_sent(channels)))
    thread.start()
    assert asked.wait(10)
    channels.close()
    assert not closed
    with pytest.raises(ClientError, match="the client is closed"):
        _sent(channels)
    answer.set()
    thread.join(10)
    assert got[0].text == "whole"
    assert closed == ["closed"]
