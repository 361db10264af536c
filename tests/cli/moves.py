"""A catalogue to move about, the command line that moves it, and what is in an export."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import zstandard
from click.testing import CliRunner
from tests.contract.data import content

from sequoia.cli.group import sequoia
from sequoia.sandbox import Sandbox

__all__ = ["SLOW", "at", "catalogue", "exported_refs", "lines_of", "manifest_of", "run", "variables"]

# Seconds until a test gives up on a command that should have ended long ago.
SLOW = 40


def catalogue(owner: str, number: int) -> list[dict[str, Any]]:
    """Contents with all that is hard to write into a file."""
    return [
        content(
            owner,
            f"c-{n:04}",
            title=f'Part "{n}", ünïcode \u2028 and a, comma\nand a second line',
            tags=["a,b", "e", 'c"d'][: n % 4],
            releaseYear=1950 + n % 70,
            duration="PT1H20M",
            custom={"score": n / 8, "whole": 5.0, "words": ["x", "y"], "flag": n % 2 == 0},
            parentRef=f"{owner}:c-{n // 10:04}",
            categoryRefs=[f"{owner}:space", "root:opera"],
        )
        for n in range(number)
    ]


def variables(sandbox: Sandbox, folder: Path, **extra: str) -> dict[str, str]:
    """The environment of a command: the sandbox's variables, and configuration in a folder of the test's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEQUOIA_")}
    places = {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(folder)}
    return {**kept, **sandbox.environ, **places, "NO_PROXY": "127.0.0.1", **extra}


# A command that does something to itself when it is about to do one of these for the n-th time.
_AT = """
import os, resource, signal, sys
number, action = int(sys.argv[1]), sys.argv[2]
CALLS = {"write", "writelines", "fsync", "replace", "truncate", "unlink"}
MODULES = {"sequoia.transfer.sinks", "sequoia.transfer.manifest", "sequoia.dead_letters", "sequoia.files", "pathlib"}

def watch(frame, event, called):
    global number
    if event == "c_call" and called.__name__ in CALLS and frame.f_globals["__name__"] in MODULES:
        number -= 1
        if number == 0:
            os.kill(os.getpid(), getattr(signal, action))

if action == "RLIMIT_FSIZE":
    resource.setrlimit(resource.RLIMIT_FSIZE, (number, resource.RLIM_INFINITY))
else:
    sys.setprofile(watch)
sys.argv = ["sequoia", *sys.argv[3:]]
from sequoia.cli import main
main()
"""


def at(number: int, action: str, *arguments: str | Path) -> list[str]:
    """A command that gets the signal `action` just before it writes, syncs or renames for the n-th time.

    With `RLIMIT_FSIZE` it can write no file of more than that number of bytes, as if the disk were full.
    """
    return [sys.executable, "-W", "error", "-c", _AT, str(number), action, *map(str, arguments)]


def run(
    sandbox: Sandbox, folder: Path, *arguments: str | Path, stdin: bytes | None = None, whole: list[str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, or a whole command in one of its own, to its end."""
    environ = variables(sandbox, folder)
    if whole is not None:
        return subprocess.run(  # noqa: S603 - our own command
            whole, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SLOW, check=False
        )
    given = list(map(str, arguments))
    done = CliRunner(env=environ).invoke(sequoia, given, input=stdin, prog_name="sequoia")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(given, done.exit_code, done.stdout, done.stderr)


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of an export; each of its files is held against it first."""
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    for part in manifest["files"]:
        found = (folder / part["name"]).read_bytes()
        assert (len(found), hashlib.sha256(found).hexdigest()) == (part["bytes"], part["sha256"])
    assert {path.name for path in folder.iterdir()} == {"manifest.json", *(part["name"] for part in manifest["files"])}
    return manifest


def lines_of(folder: Path) -> list[bytes]:
    """The lines of all NDJSON files of an export."""
    lines: list[bytes] = []
    for part in manifest_of(folder)["files"]:
        found = (folder / part["name"]).read_bytes()
        if part["name"].endswith(".gz"):
            found = gzip.decompress(found)
        elif part["name"].endswith(".zst"):
            reader = zstandard.ZstdDecompressor().stream_reader(found, read_across_frames=True)
            found = reader.read()
        number = len(lines)
        lines += found.splitlines()
        assert len(lines) - number == part["resources"]
    return lines


def exported_refs(folder: Path) -> list[str]:
    """The refs in an export of NDJSON, in order."""
    return [json.loads(line)["ref"] for line in lines_of(folder)]
