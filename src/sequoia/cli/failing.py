"""How a command ends that could not do its work: one sentence on stderr, and an exit status that says what it was."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from sequoia.cli import console

if TYPE_CHECKING:
    from sequoia.error import ClientError

# This module is imported by every command, `sequoia --help` included: it imports nothing else of the SDK until there is
# an error to explain.

__all__ = [
    "BROKEN_PIPE",
    "DONE",
    "FAILED",
    "FULL",
    "INTERRUPTED",
    "MISUSED",
    "PARTLY",
    "TERMINATED",
    "UNCONNECTED",
    "Failure",
    "Interrupted",
    "Refusal",
    "Terminated",
    "Unconnected",
    "Unread",
    "ended",
    "explained",
    "interrupting",
    "missing",
    "refusing",
    "terminate",
]

DONE = 0
"""Exit status: all of it is done."""

PARTLY = 1
"""Exit status: some of it failed, or a comparison found differences."""

MISUSED = 2
"""Exit status: the command was used wrongly, or something that it needs is not there."""

UNCONNECTED = 3
"""Exit status: no connection, no answer in time, or credentials that are refused."""

FAILED = 4
"""Exit status: the service refused or failed."""

INTERRUPTED = 130
"""Exit status: Ctrl-C."""

BROKEN_PIPE = 141
"""Exit status: whoever read the output has gone, as after `| head`."""

TERMINATED = 143
"""Exit status: SIGTERM."""

# Which extra of the distribution brings a package that a command may need.
_EXTRAS = {
    **dict.fromkeys(("rich", "platformdirs", "keyring", "yaml", "tomli_w", "zstandard"), "cli"),
    **dict.fromkeys(("uvicorn", "h11", "trustme"), "sandbox"),
    "pyarrow": "arrow",
}

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The errors of a disk that has no room, or gives no more of it."""

_DOCTOR = "'sequoia doctor' looks for the reason"


class Refusal(click.ClickException):
    """One sentence on stderr, and the exit status of a command that was used or equipped wrongly."""

    exit_code = MISUSED


class Unconnected(Refusal):
    """The same for a command that cannot connect, or whose credentials are refused."""

    exit_code = UNCONNECTED


class Failure(Refusal):
    """The same for a command that the service refused, or in which it failed."""

    exit_code = FAILED


class Helped(Refusal):
    """A group was called without a command: what it shows is its help."""


class Interrupted(Refusal):
    """Ctrl-C has ended the command."""

    exit_code = INTERRUPTED


class Stopped(Interrupted):
    """SIGTERM has ended the command."""

    exit_code = TERMINATED


class Unread(Refusal):
    """Nobody reads stdout any more: nothing is said."""

    exit_code = BROKEN_PIPE


class Terminated(KeyboardInterrupt):
    """SIGTERM: a command gives it the same way out as Ctrl-C, and only the exit status differs."""


def terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    """A handler of SIGTERM.

    Raises:
        Terminated: Always.
    """
    raise Terminated


@contextmanager
def interrupting() -> Iterator[None]:
    """Make one sentence of Ctrl-C and SIGTERM, also of a Ctrl-C at a prompt.

    Raises:
        Interrupted: There was one.
    """
    try:
        yield
    except Terminated as signal:
        raise Stopped("Terminated.") from signal
    except KeyboardInterrupt as signal:
        raise Interrupted("Interrupted.") from signal
    except click.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise Interrupted("Interrupted.") from abort
        raise Refusal("nothing was done: there was no answer to the question") from abort


@contextmanager
def refusing() -> Iterator[None]:
    """Make a sentence of the `ValueError` and `TypeError` that the SDK raises for arguments that make no sense.

    Put it around the call that checks what a user wrote, and around nothing else: elsewhere they are mistakes of ours.

    Raises:
        Refusal: There was one.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        raise Refusal(_one_line(str(error))) from error


def missing(error: ModuleNotFoundError) -> Refusal | None:
    """What to say of a package that is not installed; None for one that no extra brings."""
    package = (error.name or "").partition(".")[0]
    if package not in _EXTRAS:
        return None
    return Refusal(
        f"This command needs {package}; install it with: pip install 'sequoia-client-sdk[{_EXTRAS[package]}]'"
    )


@contextmanager
def explained() -> Iterator[None]:
    """Make one sentence and an exit status of what ends a command: errors of the SDK, of files, a missing package.

    Raises:
        click.ClickException: There was one.
    """
    try:
        yield
    except click.UsageError as error:
        raise _usage(error) from error
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except ModuleNotFoundError as error:
        refusal = missing(error)
        if refusal is None:
            raise
        raise refusal from error
    except BrokenPipeError as error:
        raise Unread("nobody reads the output") from error
    except OSError as error:
        raise Refusal(_of_file(error)) from error
    except _client_error() as error:
        raise _of_sdk(error) from error


def _shown(error: click.ClickException) -> str:
    if isinstance(error, Helped):
        return error.message
    if not isinstance(error, Interrupted):
        return f"Error: {error.format_message()}"
    # The terminal has written ^C where the cursor was.
    return f"{console.line_end()}{error.format_message()}"


def _client_error() -> type[ClientError]:
    """The base of the SDK's errors; imported only when there is some error to tell from them."""
    from sequoia.error import ClientError  # noqa: PLC0415 - see above

    return ClientError


def _usage(error: click.UsageError) -> Refusal:
    """A wrong option or argument, without the lines of usage that click puts in front."""
    text = error.format_message()
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return Helped(text)
    if error.ctx is None:
        return Refusal(_one_line(text))
    return Refusal(_one_line(f"{text.rstrip('.')}{'' if text.endswith('?') else '.'} See: {error.ctx.command_path} -h"))


def _of_file(error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.filename is not None:
        return f"{error.filename}: {reason}"
    if error.errno in FULL:
        return f"the output cannot be written, it is not complete: {reason}"
    return reason


def _of_sdk(error: ClientError) -> Refusal:
    """The sentence for an error of the SDK, with its notes (PEP 678) and what can be done, and its exit status."""
    from sequoia.error import (  # noqa: PLC0415 - see above
        AuthorisationError,
        ConnectionError,
        CriteriaError,
        HttpError,
        InvalidResource,
        ReferencesMismatchException,
        ResourceNotFound,
        ServiceNotFound,
        Timeout,
        TooManyRedirects,
    )

    text = _one_line("; ".join([str(error), *getattr(error, "__notes__", ())]))
    ours = (ServiceNotFound, ResourceNotFound, CriteriaError, InvalidResource, ReferencesMismatchException)
    if isinstance(error, ours):
        return Refusal(text)
    if isinstance(error, Timeout):
        return Unconnected(f"{text}: --timeout gives it longer, {_DOCTOR}")
    if isinstance(error, ConnectionError | TooManyRedirects):
        return Unconnected(f"{text}: {_DOCTOR}")
    if isinstance(error, AuthorisationError):
        return Unconnected(text)
    if isinstance(error, HttpError) and error.status_code == 401:
        return Unconnected(f"{text}: {_DOCTOR}")
    return Failure(text)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def ended(run: Callable[[], object]) -> int:
    """Run a command, say what ended it, and return the exit status.

    Args:
        run: The command; an int that it returns is its exit status.
    """
    status = DONE
    try:
        with explained(), interrupting():
            outcome = run()
            status = outcome if isinstance(outcome, int) else DONE
            console.flush()
    except click.ClickException as error:
        if not isinstance(error, Unread):
            console.note(_shown(error))
        status = error.exit_code
    finally:
        console.let_go()
    return status
