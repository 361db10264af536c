"""What is fuzzed. A new target is one line in the list of `client_side` or `sandbox_side`."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass

from sequoia.error import ClientError

__all__ = ["Target"]


@dataclass(frozen=True)
class Target:
    """Something that reads what others wrote.

    Attributes:
        name: Its name on the command line.
        feed: Has it read one input; an input that is refused raises one of the documented errors.
        seeds: Good inputs, from which hostile ones are made.
        documented: The errors that may come. The caller's own mistakes are `ValueError` and `TypeError` as well.
    """

    name: str
    feed: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    documented: tuple[type[Exception], ...] = (ClientError,)

    def run(self, data: bytes) -> None:
        """Feed one input; whatever it raises is a finding.

        An error must be fit for a log and for another process, whatever the input put into it.
        """
        refusal: Exception | None = None
        try:
            self.feed(data)
        except self.documented as error:
            refusal = error
        if refusal is not None:
            _ = str(refusal), repr(refusal)
        if isinstance(refusal, ClientError):
            revived = pickle.loads(pickle.dumps(refusal))
            assert (type(revived), str(revived)) == (type(refusal), str(refusal))
