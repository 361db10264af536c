"""Plain http beside https: every request is answered with a 301 to the same place on the secure port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sequoia.sandbox.asgi import Disconnected, Message, Receive, Send, read_head, with_body, write
from sequoia.sandbox.traffic import RequestLog
from sequoia.sandbox.wire import Reply, WireError

__all__ = ["Redirect"]


@dataclass(frozen=True, slots=True)
class Redirect:
    """The application on the plain port of one service; no fault and no token concerns it.

    Attributes:
        service: Name of the service.
        origin: Where it is in truth, such as `https://127.0.0.1:8701`.
        log: Where every request is recorded, before its answer is sent.
    """

    service: str
    origin: str
    log: RequestLog

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = read_head(scope)
        reply = Reply(301, headers={"location": self.origin + _target(scope)})
        try:
            request = await with_body(request, receive)
        except Disconnected:
            return
        except WireError as error:
            reply = error.reply()
        self.log.note(self.service, request, reply.status)
        await write(request, reply, send)


def _target(scope: Mapping[str, bytes]) -> str:
    """Path and query exactly as received."""
    query = scope["query_string"]
    return (scope["raw_path"] + (b"?" + query if query else b"")).decode("latin-1")
