"""The original SDKs in environments of their own: which there are, and how a session of theirs is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sequoia.sandbox import Sandbox

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@dataclass(frozen=True)
class Original:
    """One of the SDKs.

    Attributes:
        environment: Its virtual environment, which `make originals` builds.
        script: The file with its sessions.
    """

    environment: str
    script: str

    def run(self, session: str, sandbox: Sandbox) -> Any:
        """Run one session against `sandbox`, and return what its client got."""
        ready = ROOT / self.environment / ".ready"
        if not ready.exists():
            pytest.fail(f"{self.environment} is not there: make originals", pytrace=False)
        if reason := ready.read_text(encoding="utf-8").strip():
            if sys.version_info < (3, 12):  # this very Python could run it
                pytest.fail(f"{reason}: remove {self.environment}, and make originals", pytrace=False)
            pytest.skip(reason)
        # Isolated, so that neither this folder nor PYTHONPATH puts another SDK in the place of the original.
        command = [str(ROOT / self.environment / "bin" / "python"), "-I", str(HERE / self.script), session]
        # 4.4.0 refuses a token endpoint over http unless it is told that this one is harmless.
        told = {"OAUTHLIB_INSECURE_TRANSPORT": "1", "NO_PROXY": "127.0.0.1", **sandbox.environ}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **told})  # noqa: S603
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


PYTHON = Original(".venv-4.4.0", "session_4_4_0.py")
ASYNC_PYTHON = Original(".venv-async-0.4.0", "session_async_0_4_0.py")
