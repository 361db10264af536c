"""The sandbox: a faithful Sequoia on loopback, embedded in a test or run by `sequoia sandbox`.

It needs the extra `sandbox` of the distribution, and the import says so when that is missing.
"""

from sequoia.sandbox.errors import SandboxError
from sequoia.sandbox.faults import Fault
from sequoia.sandbox.traffic import RecordedRequest

try:
    from sequoia.sandbox.sandbox import Sandbox
except ModuleNotFoundError as error:
    missing = (error.name or "").partition(".")[0]
    if missing not in {"h11", "uvicorn"}:
        raise
    raise ModuleNotFoundError(
        f"sequoia.sandbox needs {missing}; install it with: pip install 'sequoia-client-sdk[sandbox]'", name=missing
    ) from error

__all__ = ["Fault", "RecordedRequest", "Sandbox", "SandboxError"]
