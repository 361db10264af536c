"""Adapters of the `requests` library as httpx2 transports (extra `requests`).

A test-suite written for 4.4.0 mounts a `requests_mock.Adapter`; it goes on doing so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import httpx2

try:
    import requests
except ImportError as error:
    raise ImportError(
        "an adapter of the requests library needs it: pip install 'sequoia-client-sdk[requests]'"
    ) from error

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

__all__ = ["RequestsTransport"]

# requests hands out bodies decoded: what describes the encoded body no longer holds.
_OF_THE_ENCODED_BODY = {"content-encoding", "content-length", "transfer-encoding"}


class RequestsTransport(httpx2.BaseTransport):
    """Sends an httpx2 request through an adapter of `requests`.

    Args:
        adapter: Any `requests` adapter.
        verify: True, or the path of the certificates to trust.
        cert: Paths of the client's certificate and key, for two-way TLS.
    """

    def __init__(self, adapter: BaseAdapter, *, verify: bool | str, cert: tuple[str, str] | None) -> None:
        self._adapter = adapter
        self._verify = verify
        self._cert = cert

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; what `requests` raises becomes httpx2's error of the same meaning."""
        prepared = requests.Request(
            request.method, str(request.url), headers=dict(request.headers), data=request.read() or None
        ).prepare()
        timeout = request.extensions.get("timeout", {})
        try:
            response = self._adapter.send(
                prepared, timeout=(timeout.get("connect"), timeout.get("read")), verify=self._verify, cert=self._cert
            )
            content = response.content
        except _failures() as error:
            raise _translated(error, request) from error
        headers = [
            (name, value) for name, value in response.headers.items() if name.lower() not in _OF_THE_ENCODED_BODY
        ]
        return httpx2.Response(response.status_code, headers=headers, content=content, request=request)

    def close(self) -> None:
        """Close the adapter's connections."""
        self._adapter.close()


def _failures() -> tuple[type[Exception], ...]:
    """What an adapter raises for a request that failed."""
    return (requests.exceptions.RequestException, *_not_mocked())


def _not_mocked() -> tuple[type[Exception], ...]:
    """What requests_mock raises for an address that nobody mocked, if it is in use.

    It was an error of requests until requests_mock 1.12. The SDK may ask for a descriptor that a test-suite did not
    think of; that has to fail as a lost request does, not to end the test.
    """
    mock = sys.modules.get("requests_mock.exceptions")
    return (mock.NoMockAddress,) if mock else ()


def _translated(error: Exception, request: httpx2.Request) -> httpx2.RequestError:
    """httpx2's error of the same meaning; the first class that fits."""
    meanings: Iterable[tuple[type[Exception] | tuple[type[Exception], ...], type[httpx2.RequestError]]] = (
        (_not_mocked(), httpx2.ConnectError),
        (requests.exceptions.ConnectTimeout, httpx2.ConnectTimeout),
        (requests.exceptions.Timeout, httpx2.ReadTimeout),
        # One class for "no connection" and "connection lost": the careful reading is that something was sent.
        (requests.exceptions.ConnectionError, httpx2.ReadError),
        (requests.exceptions.TooManyRedirects, httpx2.TooManyRedirects),
        (requests.exceptions.ContentDecodingError, httpx2.DecodingError),
    )
    meaning = next((ours for theirs, ours in meanings if isinstance(error, theirs)), httpx2.TransportError)
    return meaning(str(error), request=request)
