"""Adapters of the `requests` library as httpx2 transports (extra `requests`).

A test-suite written for 4.4.0 mounts a `requests_mock.Adapter`; it goes on doing so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

try:
    import requests
except ImportError as error:  # pragma: no cover - tested in an environment of its own
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
        except requests.exceptions.RequestException as error:
            raise _translated(error, request) from error
        headers = [
            (name, value) for name, value in response.headers.items() if name.lower() not in _OF_THE_ENCODED_BODY
        ]
        return httpx2.Response(response.status_code, headers=headers, content=content, request=request)

    def close(self) -> None:
        """Close the adapter's connections."""
        self._adapter.close()


def _translated(error: requests.exceptions.RequestException, request: httpx2.Request) -> httpx2.RequestError:
    text = str(error)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return httpx2.ConnectTimeout(text, request=request)
    if isinstance(error, requests.exceptions.Timeout):
        return httpx2.ReadTimeout(text, request=request)
    if isinstance(error, requests.exceptions.ConnectionError):
        # One class for "no connection" and "connection lost": the careful reading is that something was sent.
        return httpx2.ReadError(text, request=request)
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return httpx2.DecodingError(text, request=request)
    return httpx2.TransportError(text, request=request)
