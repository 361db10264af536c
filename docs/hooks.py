"""What the documentation site needs beside its pages: mkdocs calls these functions while it builds.

* Some files of the repository outside `docs/` are pages of the site too: the examples, the changelog and others. Links
  between files are written as they are in the repository, and are turned into links between pages here.
* Pictures are SVG with the site's colours as CSS variables. Those count only inside of the page, so the picture takes
  the place of its `<img>`. Shown as a file, it has colours of its own.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))

# Of each file outside of `docs/` that is shown: its page. A module's page is the reference's.
PAGES = {
    "examples/README.md": "examples/index.md",
    **{f"examples/{name}": f"examples/{name.removesuffix('.py')}.md" for name in EXAMPLES},
    "tests/compat/README.md": "compatibility.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "LICENSE": "licence.md",
    "src/sequoia/error.py": "reference/errors.md",
}
SOURCES = {page: file for file, page in PAGES.items() if not file.startswith("src/")}

_LINK = re.compile(r"\]\((?![a-z]+:|#|/)([^)#\s]+)([^)\s]*)\)")
_PICTURE = re.compile(r'<p><img alt="([^"]*)" src="[^"]*?(images/[\w-]+\.svg)" ?/?></p>')


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made of files outside of `docs/`."""
    for page, source in SOURCES.items():
        files.append(File.generated(config, page, content=_text(source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links between files of the repository into links between pages."""
    uri = page.file.src_uri
    source = SOURCES.get(uri, f"docs/{uri}")

    def turned(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[1]))
        if found[1].endswith("/"):
            target += "/README.md"
        shown = PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
        if shown is None:
            return found[0]  # mkdocs says what is wrong with it
        return f"]({posixpath.relpath(shown, posixpath.dirname(uri) or '.')}{found[2]})"

    return _LINK.sub(turned, markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Put pictures into the page, and take out the mark with which reStructuredText would begin a block of code."""
    return _PICTURE.sub(_inline, html).replace("<p>::</p>", "")


def _inline(found: re.Match[str]) -> str:
    file = ROOT / "docs" / found[2]
    if not file.exists():
        return found[0]  # mkdocs says that it is not there
    text = file.read_text(encoding="utf-8")
    drawing = text[text.index("<svg") :]
    return f'<figure class="drawing" tabindex="0" aria-label="{found[1]}">{drawing}</figure>'


def _text(source: str) -> str:
    """A page's Markdown: the file itself, or its program under a heading."""
    text = (ROOT / source).read_text(encoding="utf-8")
    if source.endswith(".py"):
        return f"# {Path(source).name}\n\n```python\n{text}```\n"
    if source == "LICENSE":
        return f"# Licence\n\n```text\n{text}```\n"
    return text
