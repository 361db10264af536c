"""Put what the benchmarks found into the documentation: tables into `docs/benchmarks.md`, plots beside it as SVG.

`python -m benchmarks.plots` reads `benchmarks/results/`; `make bench` ends with it. Results that are not there, or of
some of the cases only, leave their table and their plot as they are, and that is said.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from benchmarks import __main__ as clients
from benchmarks import fast, growth, resolving

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
IMAGES = HERE.parent / "docs" / "images"

WIDTH, ROW, BAR, GAP = 420, 29, 9, 28  # narrow enough for a telephone

Lines = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Bar:
    """One measure: whose it is, how much, and how that is written."""

    label: str
    value: float
    figure: str

    @property
    def kind(self) -> str:
        """The colour: of this SDK, of an original one, or of the bare libraries."""
        return "old" if re.search(r"\d\.4\.0", self.label) else "bare" if "bare" in self.label else "ours"


Groups = dict[str, list[Bar]]


@dataclass(frozen=True)
class Chapter:
    """What is made of one file of results.

    Attributes:
        name: Of the file, of the mark in the page, and of the plot.
        title: Of the plot, for those who cannot see it.
        cases: Titles that must all be there.
        key: What a line calls its title.
        table: The table's lines of Markdown.
        groups: The plot's bars, each group on a scale of its own; None for no plot.
    """

    name: str
    title: str
    cases: frozenset[Any]
    key: str
    table: Callable[[Lines], Iterator[str]]
    groups: Callable[[Lines], Groups] | None = None


def _ratio(value: float) -> str:
    """Three digits or so."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def client_table(lines: Lines) -> Iterator[str]:
    """This SDK beside the bare libraries and 4.4.0."""
    yield "| | this SDK | bare | 4.4.0 | of bare | target | of 4.4.0 | target |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for one in lines:
        old = (
            ("", "", "")
            if one["old"] is None
            else (f"{one['old']:,.0f}", _ratio(one["of_old"]), f"{one['least_of_old']:.3g}")
        )
        rates = (
            f"{one['sdk']:,.0f} | {one['bare']:,.0f} | {old[0]} | {_ratio(one['of_bare'])} | {one['least_of_bare']:.2g}"
        )
        yield f"| {one['title']} ({one['unit']}) | {rates} | {old[1]} | {old[2]} |"


def client_groups(lines: Lines) -> Groups:
    """The same as bars."""
    names = {"sdk": "this SDK", "bare": "bare httpx2 + msgspec", "old": "4.4.0"}
    return {
        f"{one['title']} ({one['unit']})": [
            Bar(name, one[key], f"{one[key]:,.0f}") for key, name in names.items() if one[key] is not None
        ]
        for one in lines
    }


def _measure(value: float, unit: str) -> str:
    return {"/s": f"{value:,.0f}", "MB": f"{value:.1f}\u00a0MB", "s": f"{value:.2f}\u00a0s"}[unit]


def fast_table(lines: Lines) -> Iterator[str]:
    """Claims, under the titles of their cases."""
    yield "| | | compared with | | result | bound | server |"
    yield "|---|---:|---|---:|---:|---:|---:|"
    case = ""
    for one in lines:
        if one["case"] != case:
            case = one["case"]
            yield f"| **{case}** | | | | | | |"
        result = f"{one['result']:+.1f}\u00a0MB" if one["unit"] == "MB" else _ratio(one["result"])
        bound = "" if one["bound"] is None else f"{'≤' if one['at_most'] else '≥'} {one['bound']:.2g}"
        left, right = _names(one)
        measures = [left, _measure(one["measured"], one["unit"]), right, _measure(one["compared"], one["unit"])]
        figures = [result if one["holds"] else f"**{result}**", bound, f"{one['busy']:.0%}"]
        yield f"| {' | '.join([*measures, *figures])} |"


def fast_groups(lines: Lines) -> Groups:
    """Each client of a case once."""
    groups: dict[str, dict[str, Bar]] = {}
    for one in lines:
        title = one["case"] if one["unit"] == "/s" else f"{one['case']}: {one['unit']}"
        for name, value in zip(_names(one), (one["measured"], one["compared"]), strict=True):
            groups.setdefault(title, {})[name] = Bar(name, value, _measure(value, one["unit"]))
    return {title: list(bars.values()) for title, bars in groups.items()}


def _names(one: Mapping[str, Any]) -> tuple[str, str]:
    """Both sides of a claim; one that compares a client with itself is about its last pages and its first."""
    if one["one"] == one["other"]:
        return f"{one['one']}, the last pages", f"{one['other']}, the first pages"
    return one["one"], one["other"]


def growth_table(lines: Lines) -> Iterator[str]:
    """What a larger catalogue costs."""
    orders = ("by ref, start / end", "by `sortTitle`", "by `-releaseYear`")
    yield f"| contents | stored a second | {' | '.join(f'a page {order}' for order in orders)} | a tag that 100 have |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for one in lines:
        walks = " | ".join(f"{start:.2f} / {end:.2f} ms" for start, end in one["walks"].values())
        yield f"| {one['size']:,} | {one['rate']:,.0f} | {walks} | {one['found']:.2f} ms |"


def growth_groups(lines: Lines) -> Groups:
    """Bars that should be of one length, whatever the size is."""
    first = next(iter(lines[0]["walks"]))
    measures: dict[str, Callable[[Mapping[str, Any]], float]] = {
        "a page by ref, at the end of the walk (ms)": lambda one: one["walks"][first][1],
        "a tag that 100 contents have (ms)": lambda one: one["found"],
    }
    return {
        title: [Bar(f"of {one['size']:,}", measure(one), f"{measure(one):.2f}") for one in lines]
        for title, measure in measures.items()
    }


def resolving_table(lines: Lines) -> Iterator[str]:
    """Attaching beside decoding."""
    yield "| 100 contents with | page | decoding | attaching | ratio | a page just decoded |"
    yield "|---|---:|---:|---:|---:|---:|"
    for one in lines:
        times = f"{one['decoding']:.2f} ms | {one['resolving']:.2f} ms | {one['ratio']:.2f} | {one['first']:.2f} ms"
        yield f"| {one['title']} | {one['kilobytes']:,.0f} kB | {times} |"


CHAPTERS = [
    Chapter(
        "latest",
        "Browsing and reading: this SDK, the bare libraries and 4.4.0",
        frozenset(case.title for case in clients.CASES),
        "title",
        client_table,
        client_groups,
    ),
    Chapter(
        "fast",
        "Scans, bulk writes and many reads at once",
        frozenset(case.title for case in fast.CASES),
        "case",
        fast_table,
        fast_groups,
    ),
    Chapter(
        "growth",
        "The sandbox with more and more contents",
        frozenset(growth.SIZES),
        "size",
        growth_table,
        growth_groups,
    ),
    Chapter(
        "resolving",
        "Attaching included resources",
        frozenset(case.title for case in resolving.CASES),
        "title",
        resolving_table,
    ),
]


def plot(title: str, groups: Groups) -> str:
    """Horizontal bars as SVG, in the colours of the page that it is shown in, or else of the reader's system."""
    parts: list[str] = []
    y = 0
    for name, bars in groups.items():
        y += GAP
        parts.append(f'<text class="name" x="0" y="{y - 6}">{escape(name)}</text>')
        longest = max(bar.value for bar in bars) or 1
        for bar in bars:
            width = max(bar.value / longest * WIDTH, 1)
            parts.append(f'<text class="label" x="0" y="{y + 13}">{escape(bar.label)}</text>')
            parts.append(f'<text class="figure" x="{WIDTH}" y="{y + 13}">{escape(bar.figure)}</text>')
            parts.append(f'<rect class="{bar.kind}" x="0" y="{y + 17}" width="{width:.1f}" height="{BAR}"/>')
            y += ROW
        y += 6
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {WIDTH} {y}" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title>", STYLE, *parts, "</svg>", ""])


STYLE = """<style>
  .plot { --fg: var(--md-default-fg-color, #1d2b2a); --soft: var(--md-default-fg-color--light, #5b6b6a);
    --ours: #00897b; --old: #b26a00; --bare: #90a4ae; }
  @media (prefers-color-scheme: dark) {
    .plot { --fg: var(--md-default-fg-color, #e4ecec); --soft: var(--md-default-fg-color--light, #a9b8b7); }
  }
  .plot text { font: 13px system-ui, sans-serif; fill: var(--fg); }
  .plot .name { font-weight: 600; }
  .plot .label { fill: var(--soft); }
  .plot .figure { text-anchor: end; }
  .plot .ours { fill: var(--ours); }
  .plot .old { fill: var(--old); }
  .plot .bare { fill: var(--bare); }
</style>"""


def filled(page: str, name: str, text: str) -> str:
    """The page with this text between the marks of that name.

    Raises:
        ValueError: The page does not have these marks.
    """
    begin, end = f"<!-- {name}: made by `make bench` -->", f"<!-- end of {name} -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no {begin} with an {end}")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def main(results: Path = HERE / "results", page: Path = PAGE, images: Path = IMAGES) -> int:
    """Make what there are results for."""
    text = page.read_text(encoding="utf-8")
    for chapter in CHAPTERS:
        file = results / f"{chapter.name}.json"
        if not file.exists():
            print(f"{chapter.name}: no results, nothing changed")
            continue
        found = json.loads(file.read_text(encoding="utf-8"))
        missing = chapter.cases - {line[chapter.key] for line in found["lines"]}
        if missing or not found["lines"]:
            print(f"{chapter.name}: some cases only, nothing changed; missing: {', '.join(sorted(map(str, missing)))}")
            continue
        machine, day = found["machine"], datetime.fromtimestamp(file.stat().st_mtime, tz=UTC).date()
        note = f"CPython {machine['python']}, {machine['cores']} cores, {day}."
        text = filled(text, chapter.name, "\n".join([*chapter.table(found["lines"]), "", note]))
        if chapter.groups is not None:
            drawing = plot(chapter.title, chapter.groups(found["lines"]))
            (images / f"bench-{chapter.name}.svg").write_text(drawing, encoding="utf-8")
        print(f"{chapter.name}: written")
    page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
