"""What Doxygen reads of a Markdown page: links and anchors that hold on the site as they do in the repository.

    python3 docs/site/markdown.py PAGE.md

Headings get the names by which pages link to them, links to other pages of the site become references, and
of links to what is no page (folders, sources, data) the words stay. A page that is not there is an error.
Lines stay where they are, so Doxygen's warnings name the right one.
"""

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = {"benchmarks": "results", "findings": "findings", "models": "exporter"}
HEADING = re.compile(r"^(#+) (.*)$")
CODE = re.compile(r"`[^`]+`")
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


def page_id(page: Path) -> str:
    """`docs/command.md` is command.html; a README has the name of what it is about."""
    if page.name == "README.md":
        return OUTSIDE.get(page.relative_to(ROOT).parts[0], "mainpage")
    return page.stem.lower() if page.parent.name != "results" else f"results_{page.stem}"


def is_page(page: Path) -> bool:
    top = page.relative_to(ROOT).parts[0] if page.is_relative_to(ROOT) else ""
    return page.suffix == ".md" and top in {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", *OUTSIDE}


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
    name = page_id(there)
    return f"[{words}](@ref {name}_{anchor})" if anchor and name != "mainpage" else f"[{words}](@ref {name})"



def filtered(page: Path):
    name, fenced, seen = page_id(page), False, set()
    for line in page.read_text().splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            heading = HEADING.match(line)
            if heading and seen and name == "mainpage":
                line = f"<h2>{heading[2]}</h2>"  # sections would stand in the side bar, before all guides
            elif heading:
                label = f"{name}_{slug(heading[2])}" if seen else name
                words = heading[2].replace("`", "") if seen else heading[2]  # titles of sections are plain
                line = f"{heading[1]} {words}" + (f" {{#{label}}}" if label not in seen else "")
                seen.add(label)
            else:
                line = LINK.sub(lambda match: resolved(page, match), line)
                line = CODE.sub(lambda match: match[0].replace("&", "&amp;"), line)
        yield line
    if name != "mainpage":
        yield "\n\\tableofcontents"


if __name__ == "__main__":
    print("\n".join(filtered(Path(sys.argv[1]).resolve())))
