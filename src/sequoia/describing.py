"""The synchronous shell's view of one service: where it is, and its descriptor, read once, when something needs it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from sequoia.calls import Answer, Call
from sequoia.checking import Question
from sequoia.descriptor import Descriptor, ResourceType
from sequoia.error import BadRequest, ClientError, CriteriaError, HttpError
from sequoia.operations import ResourcePath
from sequoia.relations import Resolution
from sequoia.response import Resolver
from sequoia.retry import Operation, RetryPolicy, Task
from sequoia.sending import Sender

__all__ = ["Described"]

_log = logging.getLogger(__name__)

# Warnings of one service that are logged, each once: a filter's value may differ from query to query.
_MOST_WARNINGS = 100
# Seconds after a failure to read a descriptor in which nobody asks for it who can do without it.
_PATIENCE = 10.0


class Described:
    """A service and, once somebody has asked for it, its descriptor.

    Args:
        sender: Sends its requests.
        name: Name of the service.
        locate: Finds out where a service is, by its name.

    Attributes:
        name: Name of the service.
        known: The descriptor, if it has been read.
    """

    def __init__(self, sender: Sender, name: str, locate: Callable[[str], str]) -> None:
        self.name = name
        self.known: Descriptor | None = None
        self._sender = sender
        self._locate = locate
        self._location: str | None = None
        self._failure: ClientError | None = None
        self._failures = 0
        self._again = 0.0
        self._reading = threading.Lock()
        self._warned: set[str] = set()

    def location(self) -> str:
        """Where the service is, without a trailing slash.

        Raises:
            ServiceNotFound: The registry does not know it.
            ClientError: It is at no place that a token may be sent to.
        """
        if self._location is None:
            self._location = self._locate(self.name)
        return self._location

    def send(self, call: Call, operation: Operation) -> Answer:
        """Send a call that is relative to the service's location; errors as `Sender.send`."""
        return self._sender.send(call.at(self.location()), operation)

    def send_all(self, calls: Iterable[Call], operation: Operation) -> Answer:
        """Send such calls that ask one question in parts; errors as `Sender.send_all`."""
        location = self.location()
        return self._sender.send_all([call.at(location) for call in calls], operation)

    def read(self, operation: Operation) -> Descriptor | None:
        """The descriptor, for what can do without it: None, and a warning in the log, where it cannot be read.

        It is read once. After a failure, which may pass, others do without it for a while; then one try is made.
        """
        if self.known is None and self._failure is not None:
            if self._sender.settings.clock.monotonic() < self._again:
                return None
            operation = replace(operation, policy=RetryPolicy(max_tries=1))
        return self._read(operation)

    def _read(self, operation: Operation) -> Descriptor | None:
        """Ask for the descriptor unless it is known; whoever waited for an attempt that failed makes no other."""
        failures = self._failures
        with self._reading:
            if self.known is None and self._failures == failures:
                # Asked for as 4.4.0 did: the mocks of a test-suite written for it answer to this query.
                call = Call("GET", "/descriptor/raw?_pretty=true")
                try:
                    answer = self.send(call, replace(operation, task=Task("describe", self.name)))
                    self.known = Descriptor.parse(answer.data)
                except ClientError as error:
                    level = logging.WARNING if self._failure is None else logging.INFO
                    _log.log(level, "the descriptor of the service %s cannot be read: %s", self.name, error)
                    self._failure = error
                    self._failures += 1
                    self._again = self._sender.settings.clock.monotonic() + _PATIENCE
            return self.known

    def needed(self, operation: Operation) -> Descriptor:
        """The descriptor, for what cannot be done without it.

        Raises:
            ClientError: It cannot be read. That may pass, so it is asked for whenever it is needed.
        """
        descriptor = self._read(operation)
        if descriptor is None:
            raise ClientError(
                f"the descriptor of the service {self.name} cannot be read: {self._failure}", self._failure
            )
        return descriptor

    def path(self, name: str) -> ResourcePath:
        """Where the resource called `name` is: by the descriptor if it has been read, else by the platform's rule.

        Raises:
            ResourceNotFound: The descriptor has been read, and knows no such resource.
        """
        if self.known is None:
            return ResourcePath.of(name)
        return ResourcePath.described(self.known.resource(name))

    def resource(self, path: ResourcePath, operation: Operation) -> ResourceType:
        """What the descriptor says of a resource.

        Raises:
            ResourceNotFound: It knows no such resource.
            ClientError: It cannot be read.
        """
        return self.needed(operation).resource(path.key)

    def resolver(self, path: ResourcePath, operation: Operation) -> Resolver | None:
        """What attaches included resources to their parents, if the client was asked to (`model_resolution`)."""
        if not self._sender.settings.model_resolution:
            return None
        descriptor = self.read(operation.without_empty_rule())
        return Resolution(descriptor, path.key) if descriptor is not None else None

    def check(self, question: Question, operation: Operation) -> None:
        """Hold a question against the descriptor, as far as the client was told to (`check`).

        Raises:
            CriteriaError: With `check=True`: what the service says it cannot answer. Nothing of it was sent.
        """
        mode = self._sender.settings.check
        if not mode or not question:
            return
        descriptor = self.read(operation.without_empty_rule()) if mode is True else self.known
        found = question.faults(descriptor) if descriptor is not None else []
        if found and mode is True:
            raise CriteriaError("; ".join(found))
        for fault in found:
            if fault not in self._warned and len(self._warned) < _MOST_WARNINGS:
                self._warned.add(fault)
                _log.warning("%s: the service may refuse this query: %s", self.name, fault)

    def explained(self, error: HttpError, path: ResourcePath, operation: Operation, question: Question) -> HttpError:
        """`error` with what the descriptor says about it.

        Where the service has no such resource at all, it is another error that says so. A query that was refused (400)
        gets notes (PEP 678) that name what the service says it cannot answer.
        """
        if isinstance(error, BadRequest) and not (question and self._sender.settings.check):
            return error
        descriptor = self.read(replace(operation, policy=RetryPolicy(max_tries=1)))
        if descriptor is None:
            return error
        if isinstance(error, BadRequest):
            for fault in question.faults(descriptor):
                error.add_note(fault)
            return error
        if path.found(descriptor) is not None:
            return error
        explanation = descriptor.unknown(path.key)
        explanation.of_request(error)
        return explanation
