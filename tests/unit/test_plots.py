"""The benchmarks' tables and plots: all of what was measured gets into the documentation, or none of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]

plots: Any = pytest.importorskip("benchmarks.plots", reason="the benchmarks are not in every copy of the project")

MACHINE = {"python": "3.12.1", "cores": 4, "machine": "x86_64"}
SVG = "{http://www.w3.org/2000/svg}"
Run = Callable[[str, list[Mapping[str, Any]]], str]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    copy = tmp_path / "benchmarks.md"
    copy.write_text((ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8"), encoding="utf-8")
    return copy


@pytest.fixture
def run(page: Path, tmp_path: Path) -> Run:
    """Make the page of these results, and of nothing else; gives the page."""

    def make(name: str, lines: list[Mapping[str, Any]]) -> str:
        (tmp_path / f"{name}.json").write_text(json.dumps({"machine": MACHINE, "lines": lines}), encoding="utf-8")
        assert plots.main(tmp_path, page, tmp_path) == 0
        return page.read_text(encoding="utf-8")

    return make


def _client_lines() -> list[Mapping[str, Any]]:
    return [
        {
            "title": case.title,
            "unit": case.unit,
            "sdk": 1234.0 + number,
            "bare": 2000.0,
            "old": None if case.least_of_old is None else 100.0,
            "of_bare": 0.61,
            "least_of_bare": case.least_of_bare,
            "of_old": None if case.least_of_old is None else 12.34,
            "least_of_old": case.least_of_old,
        }
        for number, case in enumerate(plots.clients.CASES)
    ]


def _fast_lines() -> list[Mapping[str, Any]]:
    return [
        {
            "case": case.title,
            "one": claim.one,
            "other": claim.other,
            "unit": claim.unit,
            "measured": 20.0,
            "compared": 10.0,
            "result": 2.0,
            "bound": claim.bound,
            "at_most": claim.at_most,
            "busy": 0.1,
            "holds": claim.one != "scan",
        }
        for case in plots.fast.CASES
        for claim in case.claims
    ]


def test_every_line_that_was_measured_is_in_the_table_and_in_the_plot(run: Run, tmp_path: Path) -> None:
    lines = _client_lines()
    text = run("latest", lines)
    assert f"| {lines[0]['title']} (items/s) | 1,234 | 2,000 | 100 | 0.61 | 0.8 | 12.3 | 20 |" in text
    assert "CPython 3.12.1, 4 cores, " in text
    drawing = ET.fromstring((tmp_path / "bench-latest.svg").read_text(encoding="utf-8"))  # noqa: S314 - ours
    bars = drawing.findall(f"{SVG}rect")
    assert len(bars) == 3 * len(lines) - sum(line["old"] is None for line in lines)
    assert {bar.get("class") for bar in bars} == {"ours", "bare", "old"}


def test_bars_are_as_long_as_what_they_show(run: Run, tmp_path: Path) -> None:
    run("fast", _fast_lines())
    drawing = ET.fromstring((tmp_path / "bench-fast.svg").read_text(encoding="utf-8"))  # noqa: S314 - ours
    widths = {float(bar.get("width", 0)) for bar in drawing.findall(f"{SVG}rect")}
    assert len(widths) == 2
    assert max(widths) == pytest.approx(2 * min(widths))


def test_what_missed_its_bound_stands_out(run: Run) -> None:
    assert "| scan | 20 | 4.4.0 (5,000) | 10 | **2.00** | ≥ 20 | 10% |" in run("fast", _fast_lines())


def test_results_of_some_cases_change_nothing(run: Run, page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = page.read_text(encoding="utf-8")
    missing, *some = _client_lines()
    assert run("latest", some) == before
    assert missing["title"] in capsys.readouterr().out


def test_the_page_with_its_tables_made_again_is_the_page(run: Run) -> None:
    assert run("latest", _client_lines()) == run("latest", _client_lines())


def test_a_page_without_the_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match="the page has no <!-- latest"):
        plots.filled("# How fast it is", "latest", "| |")


@pytest.mark.skipif(shutil.which("make") is None, reason="it needs make")
@pytest.mark.parametrize("missed", ["", ".fast", ".resolving", ".tracing", ".growth", ".startup"])
def test_a_bound_that_any_benchmark_misses_makes_all_of_them_fail(missed: str, tmp_path: Path) -> None:
    # In the place of Python, what fails for one of them.
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$2" != benchmarks{missed} ]\n', encoding="utf-8")
    python.chmod(0o700)
    command = ["make", "-C", str(ROOT), "-o", "wheel", "-o", "originals", "bench", f"BIN={tmp_path}"]
    assert subprocess.run(command, capture_output=True, timeout=50, check=False).returncode != 0  # noqa: S603
    python.write_text("#!/bin/sh\n", encoding="utf-8")
    assert subprocess.run(command, capture_output=True, timeout=50, check=False).returncode == 0  # noqa: S603
