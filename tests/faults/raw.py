"""A platform on a bare socket, for what no well-behaved server sends: bytes that break off, lie or never end.

Registry, identity and metadata service are one origin. Requests below `/data` and `/b`, or others that a test names,
meet the behaviours that it has put up, one each; without any they are answered as a catalogue of one film would.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.contract.servers import Arrived

__all__ = ["FILM", "PATIENCE", "TOO_MUCH", "Behaviour", "RawPlatform", "Wire", "answer", "as_json"]

FILM = {"ref": "acme:x", "owner": "acme", "name": "x", "version": "0" * 40}
TOKEN = {"access_token": "a" * 40, "token_type": "bearer", "expires_in": 3600}
# Seconds after which a test has failed: nothing here takes as long.
PATIENCE = 20.0
# Bytes above which the body of a request is left unread.
TOO_MUCH = 1_000_000


def answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """An HTTP answer as it should be; underscores in the names of headers are dashes."""
    given = {"content-type": "application/json", "content-length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def as_json(value: object, status: str = "200 OK", **headers: str) -> bytes:
    """The same with a JSON body."""
    return answer(json.dumps(value).encode(), status, **headers)


class Wire:
    """The server's end of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        connection.settimeout(PATIENCE)
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Send these bytes and nothing else."""
        self._connection.sendall(data)

    def close(self) -> None:
        """Say that nothing more will come."""
        self._connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Break the connection: the client meets an error, not an end."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()

    def drip(self, data: bytes) -> None:
        """Send this over and over, a little at a time, for as long as somebody listens."""
        self._connection.settimeout(0.01)
        while True:
            self.send(data)
            try:
                if not self._connection.recv(1):
                    return
            except TimeoutError:
                pass

    def wait(self) -> None:
        """Say nothing, for as long as somebody listens."""
        while self._connection.recv(4096):
            pass

    def request(self) -> Arrived | None:
        """The next request; None behind the last one."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if length > TOO_MUCH:
            return Arrived(method, target, headers, b"")
        while len(self._buffer) < length:
            if not self._more():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Arrived(method, target, headers, body)

    def _more(self) -> bool:
        data = self._connection.recv(65536)
        self._buffer += data
        return bool(data)


Behaviour = Callable[[Wire], None]


class RawPlatform:
    """The server.

    Attributes:
        concerns: Which requests meet behaviours and are written down.
        locations: Where the services are, other than here.
        arrived: The requests so far.
        behaviours: What happens to the next ones; one that is used up is gone.
        always: What happens to each of them, where there are no others.
    """

    def __init__(self) -> None:
        self.concerns: Callable[[Arrived], bool] = lambda request: request.path.startswith(("/data", "/b"))
        self.locations: dict[str, str] = {}
        self.arrived: list[Arrived] = []
        self.behaviours: deque[Behaviour] = deque()
        self.always: Behaviour | None = None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.origin = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._accept)

    @property
    def registry_url(self) -> str:
        """What a client is given."""
        return f"{self.origin}/services/acme"

    def has_no_connection(self) -> bool:
        """Whether every client has closed its connections, or does so soon."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, PATIENCE)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        with self._changed:
            return len(self._open)

    def stop_listening(self) -> None:
        """Refuse connections from now on; those that are open stay so."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop_listening()
        with self._changed:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        assert self.has_no_connection()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,)).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                wire = Wire(connection)
                while (request := wire.request()) is not None:
                    self._answer(request, wire)
        except OSError:
            pass  # the connection broke: that is what these tests are about
        finally:
            with self._changed:
                self._open.discard(connection)
                self._changed.notify_all()

    def _answer(self, request: Arrived, wire: Wire) -> None:
        behaviour: Behaviour | None = None
        if self.concerns(request):
            self.arrived.append(request)
            behaviour = self.behaviours.popleft() if self.behaviours else self.always
        if behaviour is None:
            wire.send(self._usual(request))
        else:
            behaviour(wire)

    def _usual(self, request: Arrived) -> bytes:
        if request.path.startswith("/services"):
            found = {"identity": self.origin, "metadata": self.origin, **self.locations}
            entries = [{"name": name, "owner": "root", "location": location} for name, location in found.items()]
            return as_json({"meta": {}, "services": entries})
        if request.path == "/oauth/token":
            return as_json(TOKEN)
        if request.path == "/descriptor/raw" and self.concerns(request):
            return as_json({"name": "metadata", "resourcefuls": {}, "routes": []})
        if request.path == "/descriptor/raw":
            return as_json({"statusCode": 404, "error": "Not Found"}, "404 Not Found")
        return _catalogue(request)


def _catalogue(request: Arrived) -> bytes:
    if request.method == "DELETE":
        return b"HTTP/1.1 204 No Content\r\n\r\n"
    return as_json({"meta": {}, "contents": [FILM]}, "201 Created" if request.method == "POST" else "200 OK")
