"""Tables of figures in pages of docs, between the lines `<!-- begin NAME -->` and `<!-- end NAME -->`."""

from __future__ import annotations

import re
from pathlib import Path


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fill_places(page: Path, tables: dict[str, str]) -> None:
    """Puts each of `tables` into the place of its name, where `page` has one; other places stay."""
    if not page.exists():
        return
    text = page.read_text(encoding="utf-8")
    for name, found in tables.items():
        pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        text = re.sub(pattern, lambda m, found=found: m[1] + found + "\n" + m[2], text, flags=re.S)
    page.write_text(text, encoding="utf-8")


def counted(number: int, noun: str) -> str:
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{number} {noun if number == 1 else plural}"


def machine(where: dict) -> str:
    device = f"{where['accelerator']}, " if "accelerator" in where else ""
    kind = f" with {where['cpu_capability']}" if "cpu_capability" in where else ""
    return f"{device}{where['processor']}{kind}, {counted(where['threads'], 'thread')}"
