"""The synchronous shell's engine: sends a call, with a token, through redirects, again where that is wanted.

The loops are here; what they decide by is in `calls`, `auth` and `retry`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

import httpx2
from msgspec.structs import replace

from sequoia.auth import MAX_RENEWALS, REFUSALS, Anonymous, Credential, refusal
from sequoia.calls import MAX_REDIRECTS, Answer, Call, describe, is_empty, judge, redirected
from sequoia.error import ClientError, HttpError, NotFound, RequestError, TooManyRedirects
from sequoia.gate import Gate, Place
from sequoia.locks import CLAIM_INTERVAL, CLAIM_PATIENCE, SHARED_FAILURES, own_renewals, renewals
from sequoia.operations import combined
from sequoia.pace import News
from sequoia.records import told_answer, told_end, told_request
from sequoia.retry import REQUEST, EmptyRule, Operation, Task, Tries
from sequoia.settings import Settings
from sequoia.telemetry import Telemetry, traced
from sequoia.tokens import Token
from sequoia.transport import Channels, transport_error
from sequoia.urls import Origin, origin, without_user_info

__all__ = ["Sender"]

_log = logging.getLogger(__name__)
_TOKEN = Task("token", "identity")


class Sender:
    """Sends calls for one client, from any number of threads.

    Args:
        settings: The client's settings.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.channels = Channels(settings)
        self._clock = settings.clock
        self._telemetry = Telemetry(settings.tracer_provider)
        self._gate = Gate(settings)
        self._policy = settings.retry_policy
        # A refused grant is final, even where the caller has such a status repeated.
        self._renewal_policy = replace(self._policy, empty_rule=False, statuses=self._policy.statuses - REFUSALS)
        self._credential: Credential = Anonymous()
        self._trusted: frozenset[Origin] = frozenset()
        self._trusted_prefixes: tuple[str, ...] = ()
        self._known = frozenset({origin(settings.registry_url)})
        self._wary: frozenset[Origin] = frozenset()
        self._own_renewals = own_renewals()

    def authenticate(self, credential: Credential, trusted: Collection[str], known: Collection[str] = ()) -> None:
        """Send this credential's token with every call to a trusted origin from now on, and get it if need be.

        Args:
            credential: Who the client is.
            trusted: URLs of the origins.
            known: URLs of all origins that the registry names; they are told of a trace.

        Raises:
            AuthorisationError: The credential is refused.
        """
        self._credential = credential
        self._trusted = frozenset(map(origin, trusted))
        self._trusted_prefixes = tuple(f"{url}/" for url in trusted if url.count("/") == 2)
        self._wary = frozenset()
        self._known = frozenset({origin(self.settings.registry_url), *self._trusted, *map(origin, known)})
        if credential.renewable and credential.current(self._clock.monotonic()) is None:
            self._renew(None, self.operation(task=_TOKEN))

    def offer(self, credential: Credential, url: str) -> None:
        """Until `authenticate`, send this credential's token to the origin of `url`, once that has asked by a 401.

        Args:
            credential: Who the client is; one that needs no registry to get a token.
            url: The registry, which is read before it can name the origins that the token may go to.
        """
        self._credential = credential
        self._wary = frozenset({origin(url)})

    def check_authorization(self, call: Call) -> None:
        """Refuse an `Authorization` of the caller's own where the client's token goes: one of them would get lost.

        Raises:
            ValueError: There is one.
        """
        if call.header("authorization") is not None and self.holds_secret and self._trusts(call.url):
            raise ValueError(
                "this request has an Authorization of its own, and would carry the client's token as well: leave the "
                "header out, or send it with a client of auth_type=AuthType.NO_AUTH"
            )

    @property
    def holds_secret(self) -> bool:
        """Whether requests carry a token."""
        return not isinstance(self._credential, Anonymous)

    def operation(
        self,
        strategy: Mapping[str, Any] | None = None,
        empty_rule: EmptyRule | None = None,
        task: Task = REQUEST,
        correlation_id: str | None = None,
    ) -> Operation:
        """A new operation, with a correlation id of its own.

        Args:
            strategy: Replaces the client's retry policy.
            empty_rule: The same for its rule for empty results.
            task: What the operation does.
            correlation_id: The caller's own; None, or an empty one, for one that is made.

        Raises:
            ClientError: The client is that of another process; said here, before any lock is waited for.
        """
        self.channels.check_process()
        policy = self._policy.for_call(strategy, empty_rule)
        own = correlation_id or self.settings.new_correlation_id()
        return Operation(own, policy, task=task, trace=self._telemetry.trace())

    def send(self, call: Call, operation: Operation) -> Answer:
        """Send a call until it is answered, or until the policy gives up.

        Raises:
            ClientError: The answer to the last try; a `RequestError` knows how many there were.
        """
        if operation.trace is None and not _log.isEnabledFor(logging.DEBUG):
            return self._send(call, operation)
        began = self._clock.monotonic()
        with traced(operation) as within:
            try:
                answer = self._send(call, within)
            except ClientError as error:
                _log.debug("%s", told_end(operation, self._clock.monotonic() - began, error))
                raise
        _log.debug("%s", told_end(operation, self._clock.monotonic() - began, answer))
        return answer

    def _send(self, call: Call, operation: Operation) -> Answer:
        """The loop over the tries."""
        tries = Tries(operation.policy, self._clock, repeatable=call.repeatable)
        while True:
            try:
                answer = self._paced(call, operation, tries) if operation.paced else self._try(call, operation)
            except RequestError as error:
                if error.url is not None:
                    raise  # from a token request: it has had its own tries
                describe(error, call, operation.correlation_id)
                wait = tries.after_error(error)
                if wait is None:
                    raise
                _log.info("try %d failed, the next one follows in %.1f s: %s", error.tries, wait, error)
            else:
                if not is_empty(answer, operation.policy.empty_rule):
                    return answer if tries.count == 1 else replace(answer, tries=tries.count)
                wait = tries.after_empty(answer)
                if wait is None:
                    return replace(answer, tries=tries.count)
                _log.info("%s %s found nothing, asked again in %.1f s", call.method, without_user_info(call.url), wait)
            self._clock.sleep(wait)

    def send_all(self, calls: Iterable[Call], operation: Operation) -> Answer:
        """Send calls that ask one question in parts; a part that finds nothing is no error while another one does."""
        answers: list[Answer] = []
        missing: NotFound | None = None
        with traced(operation) as within:
            for call in calls:
                try:
                    answers.append(self.send(call, within))
                except NotFound as error:
                    missing = error
            if missing is not None and not answers:
                raise missing
        return combined(answers)

    def close(self) -> None:
        """Close every connection, once what is under way has its answer; what is sent afterwards is refused."""
        self.channels.close()

    def _paced(self, call: Call, operation: Operation, tries: Tries) -> Answer:
        """One try, at the pace of the client's bulk work, which learns from how it ends."""
        place = Place()
        try:
            self._gate.enter(place)
            tries.begin()
            answer = self._try(call, operation)
            place.news = News.GOOD
        except RequestError as error:
            place.failed(error, operation.policy.max_time)
            raise
        finally:
            self._gate.leave(place)
        return answer

    def __reduce__(self) -> NoReturn:
        # Said for everything that holds a sender: services, endpoints, the pages of a browse.
        raise TypeError(
            "what belongs to a client holds its connections and cannot cross a process: make a client in each process, "
            "and hand over resources or responses"
        )

    def _try(self, call: Call, operation: Operation) -> Answer:
        """One try: a token, the request, its redirects; a refused token is renewed and does not count as a try."""
        refused: Token | None = None
        for _ in range(MAX_RENEWALS + 1):
            token = self._token(call, refused, operation)
            response, hop = self._follow(call, token, operation)
            if response.status_code == 401 and token is None and origin(hop.url) in self._wary:
                self._trusted |= {origin(hop.url)}
                self._wary = frozenset()
                continue
            if response.status_code != 401 or token is None or not (hop.authenticated and self._credential.renewable):
                break
            refused = token
        return judge(call, response, now=self._clock.time())

    def _follow(self, call: Call, token: Token | None, operation: Operation) -> tuple[httpx2.Response, Call]:
        """The response at the end of the redirects, and the call that it answers."""
        for _ in range(MAX_REDIRECTS + 1):
            response = self._exchange(call, token, operation)
            following = redirected(call, response)
            if following is None:
                return response, call
            _log.debug("%d leads on to %s", response.status_code, without_user_info(following.url))
            call = following
        last = without_user_info(call.url)
        raise TooManyRedirects(f"more than {MAX_REDIRECTS} redirects in a row, the last one to {last}")

    def _exchange(self, call: Call, token: Token | None, operation: Operation) -> httpx2.Response:
        own = {"x-correlation-id": operation.correlation_id}
        if token is not None and call.authenticated:
            own["authorization"] = f"Bearer {token.access_token}"
        try:
            request = self.channels.request(call, own)
        except httpx2.InvalidURL as error:
            raise transport_error(error) from error
        if operation.trace is None:
            return self._exchanged(call, request)
        with operation.trace.exchange(call, request, known=origin(call.url) in self._known) as span:
            response = self._exchanged(call, request)
            span.answered(response)
        return response

    def _exchanged(self, call: Call, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and let the caller's hooks see it and its answer: what they raise is theirs."""
        for see in self.channels.hooks.request:
            see(request)
        logged = _log.isEnabledFor(logging.DEBUG)
        if logged:
            _log.debug("%s", told_request(call, request))
            began = self._clock.monotonic()
        try:
            response = self.channels.send(call, request)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise transport_error(error) from error
        if logged:
            _log.debug("%s", told_answer(call, response, self._clock.monotonic() - began))
        for look in self.channels.hooks.response:
            look(response)
        return response

    def _token(self, call: Call, refused: Token | None, operation: Operation) -> Token | None:
        if not call.authenticated or not self._trusts(call.url):
            return None
        token = None if refused else self._credential.current(self._clock.monotonic())
        return self._renew(refused, operation) if token is None and self._credential.renewable else token

    def _trusts(self, url: str) -> bool:
        # A URL begins with one of these only if it has that origin; any other spelling of it is taken apart.
        return url.startswith(self._trusted_prefixes) or origin(url) in self._trusted

    def _renew(self, refused: Token | None, operation: Operation) -> Token | None:
        """A token that is current and not the refused one; whoever comes second finds the one that the first got."""
        key = self._credential.key
        turns = self._own_renewals if key is None else renewals(key)
        turns.check_circle()
        failures = turns.failures
        with turns.lock:
            if refused is not None:
                self._credential.refuse(refused)
            current = self._credential.current(self._clock.monotonic())
            if current is not None:
                return current
            turns.check(failures)
            renewal = self._credential.renewal()
            if not isinstance(renewal, Call):
                return renewal
            try:
                with self._claim(), turns.asking():
                    return self._granted(renewal, operation)
            except SHARED_FAILURES as error:
                turns.fail(error)
                raise

    def _claim(self) -> AbstractContextManager[object]:
        """The right to renew, once no other process has it; a process that takes too long loses it."""
        until = self._clock.monotonic() + CLAIM_PATIENCE
        while self._clock.monotonic() < until:
            claim = self._credential.claim()
            if claim is not None:
                return claim
            self._clock.sleep(CLAIM_INTERVAL)
        return nullcontext()

    def _granted(self, renewal: Call, operation: Operation) -> Token:
        """The token that a request gets, unless another process got one meanwhile."""
        current = self._credential.current(self._clock.monotonic())
        if current is not None:
            return current
        _log.info("a token is needed, one is asked for at %s", without_user_info(renewal.url))
        own = Operation(operation.correlation_id, self._renewal_policy, task=_TOKEN, trace=self._telemetry.trace())
        try:
            answer = self.send(renewal, own)
        except HttpError as error:
            refused_grant = refusal(error, self._credential.options, self._credential.whose)
            if refused_grant is None:
                raise
            raise refused_grant from error
        return self._credential.accept(answer, self._clock.monotonic())
