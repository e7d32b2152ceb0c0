"""Every marked snippet of a page stands word for word in the file that it names, which the build compiles.
What is marked as a program is the whole of its file. No block of C or C++ goes without a mark.

    python3 check_snippets.py SOURCE_DIR
"""

import re
import sys
from pathlib import Path

SNIPPET = re.compile(r"<!-- (snippet|program): (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
BLOCK = re.compile(r"(.*)\n```(?:cpp|c)\n")


def words(text: str) -> str:
    """Line breaks and indentation are free: the formatter may move them."""
    return " ".join(text.split())


def main() -> int:
    source = Path(sys.argv[1])
    wrong = 0
    for page in [source / "README.md", source / "CONTRIBUTING.md", *sorted(source.glob("docs/*.md"))]:
        page_text = page.read_text()
        for line_before in BLOCK.findall(page_text):
            if not line_before.startswith("<!-- "):
                print(f"{page}: a block without a mark, after: {line_before}")
                wrong += 1
        snippets = SNIPPET.findall(page_text)
        for kind, file, text in snippets:
            there = words((source / file).read_text())
            if words(text) != there if kind == "program" else words(text) not in there:
                print(f"{page}: this {kind} is not that of {file}:\n{text}")
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
