"""Tokens as values, and the store in memory."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import pytest

from sequoia.error import ClientError, HttpError, ServerError
from sequoia.locks import Renewals, renewals
from sequoia.tokens import MAX_LIFETIME, MemoryTokenStore, SharedTokenStore, Token, TokenKey, lifetime

KEY = TokenKey("https://identity.test/oauth/token", "acme-prod", "0" * 64)


@pytest.mark.parametrize(("seconds", "renew_at"), [(3600, 4570), (10, 1009), (1e300, 1000 + MAX_LIFETIME - 30)])
def test_a_token_is_renewed_ahead_of_its_end(seconds: float, renew_at: float) -> None:
    token = Token.lasting("t", seconds, 1000.0)
    assert token.renew_at == pytest.approx(renew_at)
    assert token.is_current(renew_at - 0.01)
    assert not token.is_current(renew_at + 0.01)


@pytest.mark.parametrize("seconds", [None, 0, -1])
def test_a_token_whose_end_nobody_knows_is_always_current(seconds: float | None) -> None:
    assert Token.lasting("t", seconds, 1000.0).is_current(1e12)


def test_two_tokens_are_the_same_if_they_are_the_same_secret() -> None:
    assert Token("t", 1.0) == Token("t", 2.0)
    assert Token("t") != Token("u")


@pytest.mark.parametrize(
    ("expires_in", "seconds"), [(None, None), (7, 7.0), ("7", 7.0), ("", 0.0), (-1, -1.0), (10**400, MAX_LIFETIME)]
)
def test_a_lifetime_is_read_from_what_servers_send(expires_in: Any, seconds: float | None) -> None:
    assert lifetime(expires_in) == seconds


@pytest.mark.parametrize("expires_in", ["soon", float("nan"), float("inf"), True, [1], {}])
def test_a_lifetime_that_is_none_is_refused(expires_in: Any) -> None:
    with pytest.raises(ValueError, match=r"number|convert"):
        lifetime(expires_in)


def test_a_fingerprint_tells_nothing_and_is_the_same_in_every_process() -> None:
    assert KEY.fingerprint() == "d2fdafbf7feeeeb833d9451b0888724c"
    assert KEY._replace(secret_digest="1" * 64).fingerprint() != KEY.fingerprint()


def test_a_store_in_memory_forgets_only_the_token_that_was_refused() -> None:
    store = MemoryTokenStore()
    store.put(KEY, Token("new"))
    store.discard(KEY, Token("old"))
    assert store.get(KEY) == Token("new")
    store.discard(KEY, Token("new"))
    assert store.get(KEY) is None
    assert not isinstance(store, SharedTokenStore)


def test_a_store_in_memory_stays_in_its_process() -> None:
    with pytest.raises(TypeError, match="do not cross a process"):
        pickle.dumps(MemoryTokenStore())


def test_a_failure_is_shared_by_who_came_before_it_and_by_nobody_else() -> None:
    turns = Renewals(None, bool, object)
    before = turns.failures
    turns.check(before)
    failed = ServerError("down", 503)
    failed.tries = 4
    turns.fail(failed)
    turns.check(turns.failures)
    with pytest.raises(HttpError, match="down") as caught:
        turns.check(before)
    assert caught.value is not failed
    assert (caught.value.tries, caught.value.status_code) == (4, 503)


def test_nobody_is_taken_for_waiting_for_himself_who_does_not_hold_the_lock() -> None:
    lock = threading.Lock()
    turns = Renewals(lock, lock.locked, threading.get_ident)
    with turns.asking():  # as after a Ctrl-C that came before the end
        turns.check_circle()
        with lock, pytest.raises(ClientError, match="would wait for the very token"):
            turns.check_circle()
        others = Renewals(lock, lock.locked, object)
        with lock, others.asking():
            others.check_circle()
    with lock:
        turns.check_circle()


def test_the_lock_of_a_renewal_is_the_same_for_the_same_credentials() -> None:
    assert renewals(KEY) is renewals(TokenKey(*KEY))
    assert renewals(KEY) is not renewals(KEY._replace(name="another"))
