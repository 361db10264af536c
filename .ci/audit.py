"""Check the pinned dependencies with pip-audit: a known vulnerability fails, what cannot be asked is a stated skip.

`python .ci/audit.py <pip-audit> constraints.txt`. Without network, or where the index has no audit data, nobody's work
is held up; it is said how many packages were not checked, so that silence is not taken for a clean result.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

SECONDS = 120
"""How long it may take in all; each request has ten seconds."""


def main(tool: str, requirements: str) -> int:
    """Run pip-audit and say what came of it; 1 for a known vulnerability."""
    command = [tool, "--requirement", requirements, "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    command += ["--timeout", "10", "--format", "json"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL)
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
        print(f"pip-audit: skipped, the audit data cannot be reached ({type(error).__name__})")
        return 0
    vulnerable = [one for one in found if one.get("vulns")]
    skipped = [one["name"] for one in found if "skip_reason" in one]
    for one in vulnerable:
        for fault in one["vulns"]:
            print(
                f"pip-audit: {one['name']} {one['version']}: {fault['id']}, fixed in {fault['fix_versions'] or 'none'}"
            )
    if len(skipped) == len(found):
        print(f"pip-audit: skipped, the index has no audit data for any of the {len(found)} packages")
    else:
        note = f"; not checked, because the index has no audit data: {', '.join(skipped)}" if skipped else ""
        print(f"pip-audit: {len(found) - len(skipped)} packages checked, {len(vulnerable)} vulnerable{note}")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
