"""The decisions of `patch`: what to write instead of what was read, and what a refusal means."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sequoia.calls import Call
from sequoia.descriptor import ResourceType
from sequoia.drafts import draft_change
from sequoia.error import ClientError, DecodeError, HttpError, ReferencesMismatchException
from sequoia.jsonable import NO_JSON, as_json
from sequoia.names import encode_ref
from sequoia.operations import ResourcePath, version_conflict
from sequoia.validation import HISTORY, fields_of

__all__ = ["Changes", "Patch", "merged"]

_log = logging.getLogger(__name__)

# What shows that a resource is whole: nobody writes these by hand.
_OF_THE_WHOLE = ("version", "createdAt", "updatedAt")

Resource = dict[str, Any]
Changes = Mapping[str, Any] | Callable[[Resource], Resource | None]
"""What to change: a JSON Merge Patch, or a function of the resource."""


class Patch:
    """One patch, which remembers what it has sent.

    Args:
        path: The resource's collection.
        owner: The tenant.
        ref: The resource.
        changes: What to change.
        tries: How many updates may be sent.

    Attributes:
        reading: The call that reads the resource.

    Raises:
        TypeError, ValueError: An argument makes no sense.
        ReferencesMismatchException: The changes would make it another resource.
    """

    def __init__(self, path: ResourcePath, owner: str | None, ref: str, changes: Changes, tries: int) -> None:
        encode_ref(ref)  # refuses a list: one patch is of one resource
        if isinstance(tries, bool) or not isinstance(tries, int) or tries < 1:
            raise ValueError(f"tries must be a whole number from 1, not {tries!r}")
        if isinstance(changes, Mapping):
            _check_identity(ref, changes)
        elif not callable(changes):
            raise TypeError(f"changes must be a dict, or a function of the resource, not {changes!r:.80}")
        (self.reading,) = path.read(owner, ref, None)
        self._path = path
        self._owner = owner
        self._ref = ref
        self._changes = changes
        self._left = tries
        self._set_by_service = HISTORY
        self._sent: Resource = {}
        self._doubt: HttpError | None = None

    def check(self, resource: ResourceType) -> None:
        """Hold the changes against the descriptor, and write them as it wants them.

        Raises:
            InvalidResource: The resource cannot have such fields or values; the error has every fault.
        """
        if isinstance(self._changes, Mapping):
            self._changes = draft_change(resource, self._changes)
        self._set_by_service |= {name for name, field in fields_of(resource).items() if field.read_only}
        if resource.conditional_updates is False:
            _log.warning(
                "%s ignores versions: a change that is made to %s meanwhile is lost", resource.plural_name, self._ref
            )

    def update(self, found: Resource) -> Call | None:
        """The call that writes the changes; None if there is nothing left to change.

        Args:
            found: The resource as it was read just now.

        Raises:
            DecodeError: It has no version.
            NotMatchingVersion: An earlier update may or may not have gone through, and must not be applied twice.
            ReferencesMismatchException: The changes make it another resource.
            TypeError, ValueError: What the function gave back is not the changed resource.
        """
        version = found.get("version")
        if not isinstance(version, str) or not version:
            raise DecodeError(f"cannot patch {self._ref}: the service gave it without a version")
        if self._doubt is not None:
            if self._content(found) == self._content(self._sent):
                return None
            raise version_conflict(self._doubt) from self._doubt
        changed = self._changed(found)
        if _canonical(changed) == _canonical(found):
            return None
        self._sent = changed
        return self._path.rewrite(self._owner, changed, self._ref, version)

    def refused(self, error: HttpError) -> ClientError | None:
        """What to raise after an update was refused: `error`, a better one, or None to read and update again."""
        if error.status_code != 412:
            return error
        self._left -= 1
        if not self._left:
            return version_conflict(error)
        # A merge comes to the same when it is done twice; a function may count or append.
        if error.ambiguous and not isinstance(self._changes, Mapping):
            self._doubt = error
        return None

    def _changed(self, found: Resource) -> Resource:
        if isinstance(self._changes, Mapping):
            return merged(found, self._changes)
        copy = msgspec.json.decode(msgspec.json.encode(found))
        returned = self._changes(copy)
        changed = copy if returned is None else returned
        if not isinstance(changed, dict):
            raise TypeError(f"the function must return the resource, or None, not {changed!r:.80}")
        _check_identity(self._ref, changed)
        # A partial body would wipe what is not in it.
        gone = [name for name in _OF_THE_WHOLE if name in found and name not in changed]
        if gone or changed["version"] != found["version"]:
            told = (
                f"{' and '.join(gone)} {'is' if len(gone) == 1 else 'are'} gone" if gone else "its version is another"
            )
            raise ValueError(f"the function must return the whole resource as it got it, changed: {told}")
        return changed

    def _content(self, resource: Resource) -> bytes:
        """What a resource says, without what the service writes into it."""
        private = self._set_by_service | {"metadata"}
        return _canonical({name: value for name, value in resource.items() if name not in private})


def merged(target: Any, changes: Mapping[str, Any]) -> Resource:
    """JSON Merge Patch (RFC 7396): objects are merged, None removes, anything else replaces."""
    result: Resource = dict(target) if isinstance(target, Mapping) else {}
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value) if isinstance(value, Mapping) else value
    return result


def _check_identity(ref: str, changes: Mapping[str, Any]) -> None:
    """Refuse what would make it another resource."""
    owner, _, name = ref.partition(":")
    for key, value in (("ref", ref), ("owner", owner), ("name", name)):
        if changes.get(key, value) != value:
            raise ReferencesMismatchException(f"cannot patch {ref}: its {key} cannot become {changes[key]!r:.80}")


def _canonical(resource: Resource) -> bytes:
    """The JSON of a resource in one spelling. In Python, true would be the same as 1."""
    try:
        return as_json(resource, order="sorted")
    except NO_JSON as error:
        raise ValueError(f"cannot make JSON of the changed resource: {error}") from error
