"""What Doxygen reads of a Markdown page: links and anchors that hold on the site as they do in the repository.

    python3 docs/site/markdown.py PAGE.md...

Headings get the names by which pages link to them, links to other pages of the site become references, and
of links to what is no page (folders, sources, data) the words stay. A link that leads nowhere and a page
that is not in the side bar are errors: Doxygen goes on without the page, so docs.sh asks here first.
Lines stay where they are, so Doxygen's warnings name the right one.
"""

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = {"benchmarks": "results", "findings": "findings", "models": "exporter"}
TAKEN = {"files": "files_read"}  # names that Doxygen's own pages have
FENCED = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


def page_id(page: Path) -> str:
    """`docs/command.md` is command.html; a README has the name of what it is about."""
    if page.name == "README.md":
        return OUTSIDE.get(page.relative_to(ROOT).parts[0], "mainpage")
    if page.parent.name == "results":
        return f"results_{page.stem}"
    return TAKEN.get(page.stem, page.stem.lower())


def is_page(page: Path) -> bool:
    top = page.relative_to(ROOT).parts[0] if page.is_relative_to(ROOT) else ""
    known = {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs", *OUTSIDE}
    return page.suffix == ".md" and top in known


def slug(heading: str) -> str:
    """GitHub's name of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def resolved(page: Path, match: re.Match) -> str:
    words, target = match.groups()
    if re.match(r"\w+:", target):
        return match[0]
    file, _, anchor = target.partition("#")
    there = Path(os.path.normpath(page.parent / file)) if file else page
    if (there / "README.md").exists():
        there = there / "README.md"
    if not there.exists():
        raise SystemExit(f"{page}: error: no such file: {target}")
    if not is_page(there):
        return words
    # Doxygen's references end with the line: the words go to one, and line breaks before them.
    breaks, words = "".join(re.findall(r"\n *", words)), re.sub(r"\n *", " ", words)
    name = page_id(there)
    label = f"{name}_{anchor}" if anchor and name != "mainpage" else name
    return f"{breaks}[{words}](@ref {label})"


def filtered(page: Path) -> str:
    name, seen = page_id(page), set()
    if name != "mainpage" and f'"@ref {name}"' not in (ROOT / "docs/site/layout.xml").read_text():
        raise SystemExit(f"{page}: error: not in the side bar, docs/site/layout.xml")

    def heading(match: re.Match) -> str:
        marks, words = match.groups()
        if not seen:
            seen.add(name)
            return f"{match[0]} {{#{name}}}"
        if name == "mainpage":
            return f"<h2>{words}</h2>"  # sections would stand in the side bar, before all guides
        label = f"{name}_{slug(words)}"
        words = words.replace("`", "")  # titles of sections are plain text
        if label in seen:
            return f"{marks} {words}"
        seen.add(label)
        return f"{marks} {words} {{#{label}}}"

    parts = FENCED.split(page.read_text())  # every second one is a block of code
    for i in range(0, len(parts), 2):
        text = LINK.sub(lambda match: resolved(page, match), HEADING.sub(heading, parts[i]))
        parts[i] = CODE.sub(lambda match: match[0].replace("&", "&amp;"), text)
    return "".join(parts) + ("\n\\tableofcontents" if name != "mainpage" else "")


if __name__ == "__main__":
    for page in sys.argv[1:]:
        print(filtered(Path(page).resolve()))
