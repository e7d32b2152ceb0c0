"""Tables of figures in pages of docs, between the lines `<!-- begin NAME -->` and `<!-- end NAME -->`."""

from __future__ import annotations

import re
from pathlib import Path


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def replace_part(page: Path, name: str, text: str) -> None:
    """Puts `text` into the place NAME of `page`."""
    old = page.read_text(encoding="utf-8")
    pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
    new, places = re.subn(pattern, lambda m: m[1] + text + "\n" + m[2], old, flags=re.S)
    if places != 1:
        raise SystemExit(f"{page}: has {places} places for {name}; expected one")
    page.write_text(new, encoding="utf-8")
